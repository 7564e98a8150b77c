#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of a tiny random BERT and RoBERTa from PyTorch, transformers and PEFT (float32, CPU).

    python3 tests/golden/make_golden_bert.py          needs torch, transformers, peft, safetensors, numpy

writes beside itself

  bert_tiny/      hidden 24, 2 layers, 3 heads, intermediate 40, vocabulary 97, 64 positions, 2 token types, GELU by erf; a bare BertModel
                  with its pooler
  roberta_tiny/   hidden 20, 2 layers, 2 heads, intermediate 36, vocabulary 97, padding index 1 and 66 positions (so 64), 1 token type, the tanh form
                  of GELU; names with the prefix "roberta.", as a model with a head is saved, and without pooler
  golden_<bert|roberta>_<full|lora>.safetensors

Every tensor is F32, integers too. One batch of three sequences packed back to back:

  input_ids [n], offsets [4]   sequence i is tokens offsets[i] .. offsets[i+1]; positions restart at 0; attention is within a sequence
  dhidden [n, D]               fixed random numbers: the loss is sum(hidden * dhidden)
  hidden [n, D]                the last hidden states
  init.<name>                  case lora: the adapter (r 4, alpha 8, on every linear layer of the encoder), in the names that PEFT saves for
                               FEATURE_EXTRACTION; B is not zero
  grad.<name>                  d loss / d tensor: case full of every parameter of the model (names without prefix), case lora of the adapter
"""

import os
import shutil

import numpy as np
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModel, BertConfig, BertModel, RobertaConfig, RobertaModel

HERE = os.path.dirname(os.path.abspath(__file__))
LENGTHS = (5, 19, 13)
TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def fill(model, seed):
    """Weights large enough that attention is not uniform and every gradient counts."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.copy_(0.2 * torch.randn_like(p) + ("LayerNorm.weight" in name))
            else:
                p.copy_(torch.randn_like(p) * (0.5 if "word" in name else 0.3 if "embeddings" in name else 1.3 / p.shape[1] ** 0.5))
    return model


def write(kind):
    folder = os.path.join(HERE, kind + "_tiny")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    off = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    if kind == "bert":
        cfg = BertConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, vocab_size=97, max_position_embeddings=64, **off)
        cfg.architectures = ["BertModel"]
        model, prefix = fill(BertModel(cfg), 1), ""
    else:
        cfg = RobertaConfig(hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=36, vocab_size=97, max_position_embeddings=66, type_vocab_size=1,
                            hidden_act="gelu_new", layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2, **off)
        cfg.architectures = ["RobertaModel"]
        model, prefix = fill(RobertaModel(cfg, add_pooling_layer=False), 2), "roberta."
    cfg.save_pretrained(folder)
    save_file({prefix + k: v.contiguous() for k, v in model.state_dict().items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    return folder


def run(model, ids, offsets):
    """The hidden states, one sequence at a time: nothing can leak from one into the next."""
    return torch.cat([model(input_ids=ids[None, a:b]).last_hidden_state[0] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist())])


def case(kind, folder, name):
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    init = {}
    if name == "lora":
        torch.manual_seed(3)
        model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS, lora_dropout=0.0, task_type="FEATURE_EXTRACTION"))
        torch.manual_seed(4)
        with torch.no_grad():
            for k, p in model.named_parameters():
                if "lora_B" in k:
                    p.copy_(0.1 * torch.randn_like(p))
        init = {"init." + k: v.detach().clone() for k, v in get_peft_model_state_dict(model).items()}
    rng = np.random.RandomState(5)
    ids = torch.from_numpy(rng.randint(3, 97, sum(LENGTHS)))
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(LENGTHS)]))
    hidden = run(model, ids, offsets)
    dhidden = torch.from_numpy(rng.randn(*hidden.shape).astype(np.float32))
    (hidden * dhidden).sum().backward()
    out = {"input_ids": ids, "offsets": offsets, "dhidden": dhidden, "hidden": hidden.detach()} | init
    out |= {"grad." + k.replace(".default", ""): p.grad for k, p in model.named_parameters() if p.grad is not None}
    path = os.path.join(HERE, f"golden_{kind}_{name}.safetensors")
    save_file({k: v.to(torch.float32).contiguous() for k, v in out.items()}, path)
    print(f"{kind} {name}: {len(out)} tensors, {os.path.getsize(path)} bytes")


def main():
    torch.set_num_threads(1)
    for kind in ("bert", "roberta"):
        folder = write(kind)
        for name in ("full", "lora"):
            case(kind, folder, name)


if __name__ == "__main__":
    main()
