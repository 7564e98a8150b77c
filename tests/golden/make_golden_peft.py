#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapters as PEFT saves them, and what PEFT computes with them:  make_golden_peft.py SMOKE_MODEL_FOLDER

(after `make`, build/share/models/smoke; needs torch, transformers, peft, safetensors, numpy). Writes beside itself peft/:

  <llama|gpt2>_<case>/   adapter_config.json, adapter_model.safetensors by save_pretrained; the base of the former is the smoke model, of the latter
                         what tests/cli/gpt2_folder.py makes; the cases are those of tests/parity/interchange.py
  rows.jsonl             rows of the training data
  golden.safetensors     <arch>_<case>.logits [3, 480]: of the last three positions of IDS; <arch>_<case>.losses [5]: of the next five AdamW steps
                         over the rows (two per step, in order, constant rate, no clipping, no decay), before each"""
import json
import os
import shutil
import sys
import tempfile

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
import interchange as x  # noqa: E402

smoke, out = sys.argv[1], os.path.join(HERE, "peft")
torch.set_num_threads(1)
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
x.write_rows(os.path.join(out, "rows.jsonl"))
golden = {"ids": torch.tensor(x.IDS, dtype=torch.float32), "lr": torch.tensor([x.LR])}
with tempfile.TemporaryDirectory() as tmp:
    models = {"llama": smoke, "gpt2": os.path.join(tmp, "gpt2")}
    x.make_gpt2(models["gpt2"], smoke)
    for arch, model in models.items():
        for i, case in enumerate(x.CASES):
            if case == "lora_fa":  # the adapter of case lora
                continue
            name = "%s_%s" % (arch, case)
            peft = x.make_peft(model, case, arch, 100 + i)
            folder = os.path.join(out, name)
            x.save_peft(peft, folder)
            path = os.path.join(folder, "adapter_config.json")
            with open(path) as f:
                config = json.load(f)
            config["base_model_name_or_path"] = "base"  # instead of a temporary folder
            for key in ("target_modules", "feedforward_modules"):  # sets, in the order of the day
                if config.get(key):
                    config[key].sort()
            with open(path, "w") as f:
                f.write(json.dumps(config, indent=2, sort_keys=True) + "\n")
            os.chmod(os.path.join(folder, "adapter_model.safetensors"), 0o644)
            golden[name + ".logits"] = torch.tensor(x.logits(peft)[-3:])
            golden[name + ".losses"] = torch.tensor(x.train(peft, AutoTokenizer.from_pretrained(model)))
save_file(golden, os.path.join(out, "golden.safetensors"))
os.chmod(os.path.join(out, "golden.safetensors"), 0o644)
