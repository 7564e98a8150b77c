#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The step that perf_train.c measures, with PyTorch + PEFT: 4 x 128 random tokens, all labelled, AdamW, float32.

    python3 tests/perf/peer_train.py MODEL.gguf [lora|full [STEPS [THREADS]]]        needs torch, transformers, peft, gguf

Prints the median and best tokens/s after three steps of warm-up, and max RSS. One method per process, because of RSS."""
import os
import resource
import statistics
import sys
import time

import torch
from transformers import AutoModelForCausalLM

path = os.path.abspath(sys.argv[1])
kind = sys.argv[2] if len(sys.argv) > 2 else "lora"
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 10
torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 2)
torch.manual_seed(0)
model = AutoModelForCausalLM.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path), dtype=torch.float32)
if kind == "lora":
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
model.train()
params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(params, lr=1e-4)
seconds = []
for i in range(steps + 3):
    ids = torch.randint(0, model.config.vocab_size, (4, 128))
    start = time.perf_counter()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if i >= 3:
        seconds.append(time.perf_counter() - start)
print(f"{kind}: trainable {sum(p.numel() for p in params)}, loss {loss.item():.4f}, median {512 / statistics.median(seconds):.1f} tok/s, "
      f"best {512 / min(seconds):.1f}, {steps} steps, {torch.get_num_threads()} threads, "
      f"RSS peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, torch {torch.__version__}")
