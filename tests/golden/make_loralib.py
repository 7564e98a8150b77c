#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the original loralib, and what a model computes with them:  make_loralib.py SMOKE_MODEL_FOLDER

(after `make`, build/share/models/smoke; needs torch, transformers, loralib, safetensors, numpy). Writes beside itself loralib/:

  llama.pt          torch.save of {"model_state_dict": lora_state_dict(model)}: loralib.Linear, r 4, alpha 6, on q_proj and v_proj of the smoke model
  llama_old.pt      the same dictionary alone, in the form from before torch 1.6, in bfloat16
  llama.safetensors the same tensors
  gpt2.pt           loralib.MergedLinear, r 3, alpha 5, enable_lora [True, False, True] (q and v) on c_attn of the GPT-2 of tests/cli/gpt2_folder.py
  golden.safetensors  llama, gpt2 [3, 480]: logits of the last three positions of IDS (tests/parity/interchange.py), the layers being loralib's own"""
import os
import sys
import tempfile

import loralib
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
import interchange as x  # noqa: E402

smoke, out = sys.argv[1], os.path.join(HERE, "loralib")
torch.set_num_threads(1)
torch.manual_seed(3)
os.makedirs(out, exist_ok=True)


def disturb(model):
    for name, p in model.named_parameters():
        if "lora_" in name:
            p.data.normal_(0, 0.1)
    return loralib.lora_state_dict(model)


llama = x.load(smoke)
for layer in llama.model.layers:
    for name in ("q_proj", "v_proj"):
        old = getattr(layer.self_attn, name)
        new = loralib.Linear(old.in_features, old.out_features, r=4, lora_alpha=6, bias=False)
        new.weight.data = old.weight.data
        setattr(layer.self_attn, name, new)
state = {k: v.clone() for k, v in disturb(llama).items()}
torch.save({"model_state_dict": state}, os.path.join(out, "llama.pt"))
torch.save({k: v.to(torch.bfloat16) for k, v in state.items()}, os.path.join(out, "llama_old.pt"), _use_new_zipfile_serialization=False)
save_file(state, os.path.join(out, "llama.safetensors"))
golden = {"llama": torch.tensor(x.logits(llama)[-3:])}
with tempfile.TemporaryDirectory() as tmp:
    x.make_gpt2(os.path.join(tmp, "gpt2"), smoke)
    gpt2 = x.load(os.path.join(tmp, "gpt2"))
for block in gpt2.transformer.h:
    old = block.attn.c_attn
    new = loralib.MergedLinear(old.weight.shape[0], old.weight.shape[1], r=3, lora_alpha=5, enable_lora=[True, False, True], fan_in_fan_out=True)
    new.weight.data, new.bias.data = old.weight.data, old.bias.data
    block.attn.c_attn = new
torch.save({k: v.clone() for k, v in disturb(gpt2).items()}, os.path.join(out, "gpt2.pt"))
gpt2.eval()
golden["gpt2"] = torch.tensor(x.logits(gpt2)[-3:])
save_file(golden, os.path.join(out, "golden.safetensors"))
for name in os.listdir(out):
    os.chmod(os.path.join(out, name), 0o644)
