#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Encoding speed: `bench embed` against SentenceTransformer.encode, same texts, same threads, float32, alternating runs.

    python3 tests/perf/peer_encode.py TEXTS [--model minilm-l6] [--threads 2] [--runs 5]        one text a line; needs sentence-transformers, numpy

Prints, for each side, texts per second of every run (loading the model and a warm-up left out; bench's time is the one it tells), CPU seconds, peak RSS, then
the ratio of the best runs and the worst cosine between the vectors. An idle machine, please: PyTorch's threads wait by spinning.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench")


def peer(path, texts, threads):
    """The other side, in a process of its own: one JSON line per request on standard input."""
    import torch

    torch.set_num_threads(threads)
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(path, device="cpu")
    model.encode(texts[:64])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        cpu, wall = time.process_time(), time.time()
        vectors = model.encode(texts)
        print(json.dumps({"s": time.time() - wall, "cpu": time.process_time() - cpu, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
        vectors.tofile(line.strip())


def ours(args, out):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = subprocess.run([BENCH, "embed", "--model", args.model, "--threads", str(args.threads), "-i", args.texts, "-o", out], check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"s": float(re.search(r" in ([0-9.e+-]+) s", told).group(1)), "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "rss": after.ru_maxrss * 1024}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("texts")
    p.add_argument("--model", default="minilm-l6")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--peer", help=argparse.SUPPRESS)
    args = p.parse_args()
    with open(args.texts, encoding="utf-8") as f:
        texts = f.read().splitlines()
    if args.peer:
        return peer(args.peer, texts, args.threads)
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    path = args.model if os.path.isdir(args.model) else os.path.join(cache, "bench/models", args.model)
    rows = {"bench": [], "sentence-transformers": []}
    with tempfile.TemporaryDirectory() as tmp:
        mine, its = os.path.join(tmp, "a.npy"), os.path.join(tmp, "b")
        ours(args, mine)
        # Before the peer starts: ru_maxrss of children is the largest of all of them.
        rows["bench"] = [ours(args, mine)]
        env = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
        q = subprocess.Popen([sys.executable, __file__, args.texts, "--threads", str(args.threads), "--peer", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        q.stdout.readline()
        for i in range(args.runs):
            if i:
                rows["bench"].append(ours(args, mine))
            q.stdin.write(its + "\n")
            q.stdin.flush()
            rows["sentence-transformers"].append(json.loads(q.stdout.readline()))
        q.stdin.close()
        q.wait()
        import numpy as np

        a, b = np.load(mine), np.fromfile(its, dtype=np.float32)
        cosine = ((a * b.reshape(a.shape)).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b.reshape(a.shape), axis=1)).min()
    for name, runs in rows.items():
        speeds = " ".join(f"{len(texts) / r['s']:7.0f}" for r in runs)
        print(f"{name:22} {speeds} texts/s   {min(r['cpu'] for r in runs):6.2f} CPU s   {max(r['rss'] for r in runs) / 2**20:6.0f} MiB")
    best = {name: min(r["s"] for r in runs) for name, runs in rows.items()}
    print(f"bench is {best['sentence-transformers'] / best['bench']:.2f} times as fast; worst cosine {cosine:.7f}")


if __name__ == "__main__":
    main()
