#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapters and models that go between bench and PEFT, live:  interchange.py BENCH WORKDIR [SEED]

Needs torch, transformers, peft, safetensors, numpy. On a small random Llama and a small random GPT-2 (fresh seeds unless SEED is given):

  peft -> bench   what PEFT saved gives the same logits in `bench logits --adapter` (largest difference 1e-4)
  peft -> init    and, trained on with `init:`, the same losses as PEFT's own next five AdamW steps (1e-5)
  bench -> peft   what a run of bench saved loads with PeftModel.from_pretrained and gives the same logits (1e-4)
  merge           `bench merge` of that is a folder that transformers loads, with the same logits (1e-4); of methods that PEFT lacks too

Differences are absolute for logits (of order 1) and relative for losses. Prints a line each; exit code 1 when one is out of its bound.
make_golden_peft.py uses the same functions to write the adapters that `make test` reads."""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import warnings

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import numpy as np
import torch
from peft import IA3Config, LoraConfig, PeftModel, VeraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, BATCH, LR = 5, 2, 5e-3
IDS = [(7 * i * i + 3 * i + 11) % 480 for i in range(24)]
ROWS = [{"q": "say %d words about %s" % (i % 5 + 1, w), "a": "%s is %s, and %d" % (w, v, i * 37)} for i, (w, v) in enumerate(
    [("the sea", "wide"), ("a house", "red"), ("time", "short"), ("a dog", "small"), ("the moon", "pale"), ("bread", "warm"), ("a road", "long"),
     ("snow", "white"), ("a bell", "loud"), ("the wind", "cold"), ("a boat", "old"), ("the sun", "high")])]

# name: (method in bench, its options, PEFT's configuration); the targets of a GPT-2 differ.
TARGETS = {"llama": ["q_proj", "v_proj"], "gpt2": ["c_attn"]}
ALL = {"llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "gpt2": ["c_attn", "c_proj", "c_fc"]}
INPUTS = {"llama": ["down_proj"], "gpt2": ["mlp.c_proj"]}
EMBED = {"llama": "embed_tokens", "gpt2": "wte"}


def lora(targets, **more):
    more = {"r": 4, "lora_alpha": 6, "target_modules": targets, **more}
    return LoraConfig(task_type="CAUSAL_LM", **more)


def ia3_targets(arch):
    return {"llama": ["k_proj", "v_proj", "down_proj"], "gpt2": ["c_attn", "mlp.c_proj"]}[arch]


CASES = {
    "lora": ("lora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a])),
    "lora_all": ("lora", {"r": 2, "lora_alpha": 3.5}, lambda a: lora(ALL[a], r=2, lora_alpha=3.5)),
    "lora_fa": ("lora_fa", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a])),
    "rslora": ("rslora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a], use_rslora=True)),
    "dora": ("dora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a], use_dora=True)),
    "vera": ("vera", {"r": 16, "d_initial": 0.2, "projection_prng_key": 5},
             lambda a: VeraConfig(task_type="CAUSAL_LM", r=16, d_initial=0.2, projection_prng_key=5, save_projection=a == "llama", target_modules=ALL[a])),
    # trained copies of the model's own modules: an output layer that may be tied to the embedding, the embedding, both, a norm
    "head": ("lora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a], modules_to_save=["lm_head"])),
    "embed": ("lora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a], modules_to_save=[EMBED[a]])),
    "both": ("lora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a], modules_to_save=["lm_head", EMBED[a]])),
    "norm": ("lora", {"r": 4, "lora_alpha": 6}, lambda a: lora(TARGETS[a], modules_to_save=[{"llama": "input_layernorm", "gpt2": "ln_1"}[a]])),
    "ia3": ("ia3", {"feedforward_modules": None},
            lambda a: IA3Config(task_type="CAUSAL_LM", target_modules=ia3_targets(a), feedforward_modules=INPUTS[a])),
}


def targets_of(case, arch):
    config = CASES[case][2](arch)
    return sorted(config.target_modules)


def options_of(case, arch):
    options = dict(CASES[case][1])
    if "feedforward_modules" in options:
        options["feedforward_modules"] = INPUTS[arch]
    return options


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def logits(model, ids=IDS):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].numpy()


def make_peft(folder, case, arch, seed):
    """An adapter away from its start: every tensor of it that trains gets noise."""
    torch.manual_seed(seed)
    model = get_peft_model(load(folder), CASES[case][2](arch)).eval()
    for name, p in model.named_parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p) if p.data.abs().max() > 0 else 0.05 * torch.randn_like(p)
    return model


def save_peft(model, out):
    model.save_pretrained(out)
    os.path.exists(os.path.join(out, "README.md")) and os.remove(os.path.join(out, "README.md"))


def encode(tokenizer, row):
    prompt = tokenizer("%s -> " % row["q"], add_special_tokens=False)["input_ids"]
    answer = tokenizer(row["a"], add_special_tokens=False)["input_ids"] + [2]
    return prompt + answer, [-100] * len(prompt) + answer


def train(model, tokenizer, frozen_a=False):
    """The losses of STEPS steps over ROWS in order: mean over the labelled tokens of a batch."""
    for name, p in model.named_parameters():
        if frozen_a and "lora_A" in name:
            p.requires_grad = False
    trained = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(trained, lr=LR, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    for step in range(STEPS):
        total, count = 0.0, 0
        for row in ROWS[step * BATCH:(step + 1) * BATCH]:
            ids, labels = encode(tokenizer, row)
            out = model(torch.tensor([ids])).logits[0]
            total = total + torch.nn.functional.cross_entropy(out[:-1], torch.tensor(labels[1:]), ignore_index=-100, reduction="sum")
            count += sum(x != -100 for x in labels[1:])
        loss = total / count
        losses.append(loss.item())
        opt.zero_grad()
        loss.backward()
        opt.step()
    return losses


def write_rows(path):
    with open(path, "w") as f:
        for row in ROWS:
            f.write(json.dumps(row) + "\n")


def make_llama(out, smoke, seed, tied=False):
    """Grouped-query attention, a separate head or the embedding's, the tokenizer of the smoke model."""
    torch.manual_seed(seed)
    config = LlamaConfig(hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, vocab_size=480,
                         max_position_embeddings=512, tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2, initializer_range=0.15)
    LlamaForCausalLM(config).save_pretrained(out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(smoke, name), out)


def make_gpt2(out, smoke):
    subprocess.run([sys.executable, os.path.join(HERE, "..", "cli", "gpt2_folder.py"), smoke, out], check=True)


# ---- live -----------------------------------------------------------------------------------------------------------------------------

TRAIN = {"steps": STEPS, "batch_size": BATCH, "lr": LR, "schedule": "constant", "shuffle": False, "grad_clip": 0, "weight_decay": 0}


class Live:
    def __init__(self, bench, work, seed):
        self.bench, self.work, self.seed, self.failed = os.path.abspath(bench), os.path.abspath(work), seed, 0
        os.makedirs(self.work, exist_ok=True)
        self.smoke = next(m["path"] for m in json.loads(self.run("ls", "models", "--json")) if m["name"] == "smoke")
        write_rows(self.at("rows.jsonl"))
        with open(self.at("ids"), "w") as f:
            f.write(" ".join(map(str, IDS)))

    def at(self, *names):
        return os.path.join(self.work, *names)

    def run(self, *args):
        return subprocess.run([self.bench, *args], check=True, stdout=subprocess.PIPE, text=True, cwd=self.work).stdout

    def logits(self, model, *more):
        self.run("logits", "--model", model, *more, "--ids", "-i", "ids", "-o", "l.npy")
        return np.load(self.at("l.npy"))

    def report(self, arch, case, what, worst, bound):
        verdict = "ok" if worst <= bound else "FAILED"
        self.failed += verdict != "ok"
        print("%-6s %-10s %-14s %9.2e  (bound %g)  %s" % (arch, case, what, worst, bound, verdict), flush=True)

    def sweep(self, name, model, method, targets, options, init=None):
        base = {"model": model, "task": "lm", "method": method, "train": TRAIN, "eval": {"rows": 2}, "seed": 0, "target_modules": targets, **options,
                "data": {"train": self.at("rows.jsonl"), "eval": self.at("rows.jsonl"), "prompt": "{q} -> ", "completion": "{a}"}}
        base = {k: v for k, v in base.items() if k != "seed" and v is not None}
        if init:
            base["init"] = init
        with open(self.at(name + ".yaml"), "w") as f:
            json.dump({"name": name, "base": base, "save": "all"}, f)
        shutil.rmtree(self.at(name), ignore_errors=True)
        self.run("run", name + ".yaml", "--db", name + "/bench.db")
        db = sqlite3.connect(self.at(name, "bench.db"))
        run, path = db.execute("SELECT run_id, checkpoint_path FROM runs WHERE method = ?", [method]).fetchone()
        losses = [v for (v,) in db.execute("SELECT value FROM metric WHERE run = ? AND key = 'train/loss' ORDER BY step", [run])]
        return path, losses

    def from_peft(self, model, arch, case):
        folder, tokenizer = self.at("%s-%s" % (os.path.basename(model), case)), AutoTokenizer.from_pretrained(model)
        peft = make_peft(model, case, arch, self.seed)
        save_peft(peft, folder)
        before = logits(peft)
        self.report(arch, case, "peft -> bench", np.abs(self.logits(model, "--adapter", folder) - before).max(), 1e-4)
        if case in ("head", "embed", "both", "norm"):
            merged, gguf = self.at("merged"), self.at("merged.gguf")
            shutil.rmtree(merged, ignore_errors=True)
            os.path.exists(gguf) and os.remove(gguf)
            self.run("merge", folder, "--model", model, "-o", merged)
            self.report(arch, case, "peft -> merge", np.abs(logits(load(merged)) - before).max(), 1e-4)
            self.run("export", folder, "--model", model, "--gguf", gguf, "--type", "f32")
            self.report(arch, case, "peft -> gguf", np.abs(self.logits(gguf) - before).max(), 1e-4)
        want = train(peft, tokenizer, case == "lora_fa")
        path, got = self.sweep("init", model, CASES[case][0], targets_of(case, arch), options_of(case, arch), folder)
        self.report(arch, case, "peft -> init", max(abs(a - b) / b for a, b in zip(got, want)), 1e-5)
        if case in ("head", "embed", "both", "norm"):
            again = PeftModel.from_pretrained(load(model), path).eval()
            self.report(arch, case, "init -> peft", np.abs(logits(again) - self.logits(model, "--adapter", path)).max(), 1e-4)

    def to_peft(self, model, arch, method):
        ia3 = method == "ia3"
        targets = ia3_targets(arch) if ia3 else ALL[arch]
        options = {"feedforward_modules": INPUTS[arch]} if ia3 else {}
        if method not in ("full", "bitfit", "norms", "ia3"):
            options["r"] = 4
        if method == "delta_lora":
            options["delta_start"] = 2
        if method in ("full", "bitfit", "norms"):
            targets = None
        path, _ = self.sweep("own", model, method, targets, options)
        whole = os.path.exists(os.path.join(path, "config.json"))
        ours = self.logits(path) if whole else self.logits(model, "--adapter", path)
        saved = None if whole else json.load(open(os.path.join(path, "adapter_config.json")))
        if saved and "peft_type" in saved:
            peft = PeftModel.from_pretrained(load(model), path).eval()
            self.report(arch, method, "bench -> peft", np.abs(logits(peft) - ours).max(), 1e-4)
        merged = path
        if not whole:
            merged = self.at("merged")
            shutil.rmtree(merged, ignore_errors=True)
            self.run("merge", path, "--model", model, "-o", merged)
        self.report(arch, method, "merge", np.abs(logits(load(merged)) - ours).max(), 1e-4)


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 31)
    print("seed %d" % seed)
    live = Live(sys.argv[1], sys.argv[2], seed)
    models = {"llama": live.at("llama"), "gpt2": live.at("gpt2")}
    for folder in models.values():
        shutil.rmtree(folder, ignore_errors=True)
    make_llama(models["llama"], live.smoke, seed)
    make_gpt2(models["gpt2"], live.smoke)
    make_llama(live.at("tied"), live.smoke, seed, True)
    for case in ("head", "embed", "both"):
        live.from_peft(live.at("tied"), "llama", case)
    methods = [m["name"] for m in json.loads(live.run("ls", "methods", "--json")) if m["trains"] != "nothing"]
    for arch, model in models.items():
        for case, (method, _, _) in CASES.items():
            if method in methods:
                live.from_peft(model, arch, case)
        for method in methods:
            if (arch, method) != ("llama", "bitfit"):
                live.to_peft(model, arch, method)
    sys.exit(1 if live.failed else 0)


if __name__ == "__main__":
    main()
