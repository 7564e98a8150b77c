#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training speed of a sentence encoder: `bench run` against PyTorch + PEFT, alternating runs, float32: LoRA r = 8 on query and value of all-MiniLM-L6-v2,
steps of 32 pairs, that is 64 texts of 64 tokens, multiple negatives ranking loss, AdamW.

    python3 tests/perf/peer_pairs.py [--steps 12] [--threads 2] [--runs 3]        needs torch, transformers, peft; `bench pull minilm-l6` before

Prints tokens/s and peak RSS of each run (for PyTorch the mean of its steps after three of warm-up; for bench all of them), then the ratios of the medians."""
import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench")
MODEL = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "bench/models/minilm-l6")
PAIRS, LENGTH, SCALE = 32, 64, 20.0

SWEEP = """name: pairs
base:
  model: {model}
  task: pairs
  data: {{train: pairs.jsonl, eval: few.jsonl, anchor: "{{anchor}}", positive: "{{positive}}"}}
  method: lora
  r: 8
  lora_alpha: 16
  target_modules: [query, value]
  train: {{steps: {steps}, batch_size: {pairs}, lr: 1.0e-4, loss: mnr, loss_scale: {scale}, max_length: {length}, shuffle: false, schedule: constant,
          warmup: 0, grad_clip: 0}}
save: none
"""


def make_pairs(path, rows):
    """Random common words, more than fit: every text is cut to LENGTH tokens."""
    with open(os.path.join(MODEL, "vocab.txt") if os.path.exists(os.path.join(MODEL, "vocab.txt")) else "/dev/null") as f:
        words = [w for w in f.read().split("\n") if w.isalpha() and w.isascii() and len(w) > 2]
    if not words:
        vocab = json.load(open(os.path.join(MODEL, "tokenizer.json")))["model"]["vocab"]
        words = sorted(w for w in vocab if w.isalpha() and w.isascii() and len(w) > 2)
    draw = random.Random(0)
    with open(path, "w") as f:
        for _ in range(rows):
            f.write(json.dumps({k: " ".join(draw.choices(words, k=LENGTH)) for k in ("anchor", "positive")}) + "\n")


def ours(args, folder):
    db = os.path.join(folder, "bench.db")
    for name in (db, db + "-wal", db + "-shm"):
        if os.path.exists(name):
            os.remove(name)
    subprocess.run([BENCH, "run", "pairs.yaml", "--db", db, "-j", "1", "--threads", str(args.threads)], cwd=folder, check=True, capture_output=True)
    run = json.loads(subprocess.run([BENCH, "ls", "runs", "--db", db, "--json", "--where", "method = 'lora'"], check=True, capture_output=True).stdout)[0]
    return run["tokens_per_s"], run["rss_bytes"]


def peer(args, folder):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    tok = AutoTokenizer.from_pretrained(MODEL)
    model = get_peft_model(AutoModel.from_pretrained(MODEL, dtype=torch.float32), LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"]))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.0)
    model.train(args.dropout)  # bench has no dropout here
    rows = [json.loads(line) for line in open(os.path.join(folder, "pairs.jsonl"))]
    seconds = tokens = 0
    for i in range(args.steps):
        batch = rows[i * PAIRS:(i + 1) * PAIRS]
        x = tok([r["anchor"] for r in batch] + [r["positive"] for r in batch], padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        start = time.perf_counter()
        mask = x["attention_mask"].unsqueeze(-1).float()
        h = model(**x).last_hidden_state
        e = torch.nn.functional.normalize((h * mask).sum(1) / mask.sum(1), dim=1)
        loss = torch.nn.functional.cross_entropy(SCALE * e[:PAIRS] @ e[PAIRS:].T, torch.arange(PAIRS))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if i >= 3:
            seconds += time.perf_counter() - start
            tokens += int(x["attention_mask"].sum())
    print(json.dumps([tokens / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=12)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--dropout", action="store_true", help="PyTorch with the model's own dropout of 0.1, as sentence-transformers trains")
    p.add_argument("--peer", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.peer:
        return peer(args, args.peer)
    with tempfile.TemporaryDirectory() as folder:
        make_pairs(os.path.join(folder, "pairs.jsonl"), args.steps * PAIRS)
        make_pairs(os.path.join(folder, "few.jsonl"), 8)
        with open(os.path.join(folder, "pairs.yaml"), "w") as f:
            f.write(SWEEP.format(model=MODEL, steps=args.steps, pairs=PAIRS, scale=SCALE, length=LENGTH))
        sides = {"bench": [], "PyTorch + PEFT": []}
        for _ in range(args.runs):
            sides["bench"].append(ours(args, folder))
            out = subprocess.run([sys.executable, __file__, "--peer", folder, "--steps", str(args.steps), "--threads", str(args.threads)] + ["--dropout"] * args.dropout, check=True, capture_output=True, text=True)
            sides["PyTorch + PEFT"].append(tuple(json.loads(out.stdout.strip().splitlines()[-1])))
        for name, runs in sides.items():
            print(f"{name:15} tokens/s {' '.join(f'{t:.0f}' for t, _ in runs)}   peak RSS MiB {' '.join(f'{r / 2**20:.0f}' for _, r in runs)}")
        a, b = (tuple(statistics.median(x) for x in zip(*runs)) for runs in sides.values())
        print(f"speed {a[0] / b[0]:.2f} times, memory {a[1] / b[1]:.2f} of it")


if __name__ == "__main__":
    main()
