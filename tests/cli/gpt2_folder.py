#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small random GPT-2 as a Hugging Face folder, with the tokenizer of the smoke model:  gpt2_folder.py SMOKE_FOLDER OUT

Names without "transformer.", as the original files have them, matrices in F16, and the constant masks "attn.bias" that old files carry along."""
import array
import json
import os
import random
import shutil
import struct
import sys

V, P, D, LAYERS = 480, 512, 32, 2
smoke, out = sys.argv[1:]
rng = random.Random(1)
tensors = {}


def add(name, *shape, mean=0.0, scale=0.2):
    n = 1
    for s in shape:
        n *= s
    values = [mean + scale * rng.gauss(0, 1) for _ in range(n)]
    if len(shape) == 2:
        tensors[name] = ("F16", shape, struct.pack("<%de" % n, *values))
    else:
        tensors[name] = ("F32", shape, array.array("f", values).tobytes())


def norm(name):
    add(name + ".weight", D, mean=1.0)
    add(name + ".bias", D)


add("wte.weight", V, D)
add("wpe.weight", P, D)
for i in range(LAYERS):
    norm("h.%d.ln_1" % i)
    norm("h.%d.ln_2" % i)
    for name, d_in, d_out in (("attn.c_attn", D, 3 * D), ("attn.c_proj", D, D), ("mlp.c_fc", D, 4 * D), ("mlp.c_proj", 4 * D, D)):
        add("h.%d.%s.weight" % (i, name), d_in, d_out)
        add("h.%d.%s.bias" % (i, name), d_out)
    tensors["h.%d.attn.bias" % i] = ("F32", (1, 1, 4, 4), array.array("f", [float(b <= a) for a in range(4) for b in range(4)]).tobytes())
norm("ln_f")

header, data = {}, b""
for name, (dtype, shape, raw) in sorted(tensors.items(), key=lambda t: t[1][0] != "F32"):
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-(len(text) + 8) % 64)
os.makedirs(out)
with open(os.path.join(out, "model.safetensors"), "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
config = dict(model_type="gpt2", architectures=["GPT2LMHeadModel"], activation_function="gelu_new", n_embd=D, n_layer=LAYERS, n_head=4, n_positions=P, n_ctx=P, n_inner=None,
              vocab_size=V, layer_norm_epsilon=1e-5, bos_token_id=1, eos_token_id=2)
with open(os.path.join(out, "config.json"), "w") as f:
    json.dump(config, f)
for name in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copy(os.path.join(smoke, name), out)
