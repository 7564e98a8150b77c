#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layers hold: a folder includes and calls itself and what stands before it, and no files call each other in a circle.

Includes are read from the sources, calls from the symbol tables of the objects below $BUILD (make a file an object first: `make`).
The order below is the plan of the house; docs/architecture.md explains it.
"""
import os
import re
import subprocess
import sys
from collections import defaultdict

ORDER = [
    "harness/base",        # errors, strings, memory gate, random numbers, digests
    "harness/nn/kernels",  # numerics on panels and matrices
    "harness/nn/text",     # tokenizers
    "harness/nn/format",   # files of weights
    "harness/config",      # YAML, option tables, derived values
    "harness/core",        # the contracts: method, model, task, data
    "methods",
    "experiments",
    "harness/record",      # SQLite, all of it
    "harness/table",       # a table as text, CSV, LaTeX, HTML
    "harness/hub",         # names, catalog, downloads
    "harness/checkpoint",  # adapters and models to disk
    "harness/infer",       # a model with adapters at work
    "harness/sweep",       # a sweep file to points
    "harness/train",       # one run
    "harness/sched",       # many runs
    "harness/analysis",    # runs to statements
    "harness/paper",       # printed tables and claims
    "harness/plot",        # gnuplot
    "harness/report",      # pages
    "harness/cli",         # commands, the only code that prints
    "harness",             # main.c
]
MAX_FOLDERS, MAX_README = 20, 15
# SQL on the record stands in harness/record; an index has a store of its own.
SQL = re.compile(r'"[^"]*\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b|\bdb_query\(')
SQL_AT_HOME = ("harness/record/", "harness/search/store.c")
# Only these see SQLite itself.
SQLITE = {"harness/record/db_private.h"}

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("BUILD", "build")
bad = []


def layer(path):
    folder = os.path.dirname(path)
    for top in ("methods", "experiments"):
        if folder == top or folder.startswith(top + "/"):
            return top
    return folder


def sources():
    for top in ("harness", "methods", "experiments"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h")) and name != "_template.c":
                    yield os.path.join(folder, name)


def check_includes(files):
    for path in files:
        here = layer(path)
        if here not in ORDER:
            bad.append(f"{path}: its folder has no place in the order of layers (tests/lint/layers.py)")
            continue
        for number, line in enumerate(open(path), 1):
            if re.match(r"#include\s*<sqlite3.h>", line) and path not in SQLITE:
                bad.append(f"{path}:{number}: sqlite3.h is for {', '.join(sorted(SQLITE))}")
            match = re.match(r'#include\s+"([^"]+)"', line)
            if not match:
                continue
            target = match.group(1)
            if target.endswith(".def") or target.startswith("build/"):
                continue
            there = layer(target)
            if not os.path.exists(target):
                bad.append(f"{path}:{number}: \"{target}\" is not written from the root of the repository")
            elif there not in ORDER:
                bad.append(f"{path}:{number}: {there} has no place in the order of layers")
            elif ORDER.index(there) > ORDER.index(here) or (here, there) == ("experiments", "methods"):
                bad.append(f"{path}:{number}: {here} may not include \"{target}\"")
            elif here != there and {here, there} <= {"methods", "experiments"}:
                bad.append(f"{path}:{number}: {here} may not include \"{target}\"")
            elif there in ("methods", "experiments") and here != there:
                bad.append(f"{path}:{number}: the machine sees methods and experiments through their .def lists alone")


def check_sql(files):
    for path in files:
        if path.startswith(SQL_AT_HOME):
            continue
        for number, line in enumerate(open(path), 1):
            if SQL.search(line) and not line.lstrip().startswith(("*", "/*")):
                bad.append(f"{path}:{number}: SQL stands in harness/record")


def read_calls(files):
    """{caller: {callee: names}} from the symbol tables."""
    defined, wanted = {}, {}
    for path in files:
        if not path.endswith(".c") or path.endswith(".inc.c"):
            continue
        obj = os.path.join(BUILD, "obj", path[:-2] + ".o")
        if not os.path.exists(obj):
            bad.append(f"{path}: not built ({obj} is missing)")
            continue
        wanted[path] = set()
        for line in subprocess.run(["nm", obj], capture_output=True, text=True, check=True).stdout.splitlines():
            kind, name = line.split()[-2:]
            if kind in "TDBRCVWGS":
                defined.setdefault(name, path)
            elif kind == "U":
                wanted[path].add(name)
    calls = defaultdict(lambda: defaultdict(list))
    for path, names in wanted.items():
        for name in names:
            there = defined.get(name)
            if there and there != path:
                calls[path][there].append(name)
    return calls


def check_calls(calls):
    for path, targets in calls.items():
        for there, names in targets.items():
            if ORDER.index(layer(there)) > ORDER.index(layer(path)):
                bad.append(f"{path}: calls {', '.join(sorted(names))} of {there}, which stands above it")


def circles(calls):
    """Strongly connected components of more than one file (Tarjan)."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        on.add(v)
        for w in calls.get(v, {}):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            part = []
            while True:
                w = stack.pop()
                on.discard(w)
                part.append(w)
                if w == v:
                    break
            if len(part) > 1:
                found.append(sorted(part))

    sys.setrecursionlimit(10000)
    for v in sorted(calls):
        if v not in index:
            visit(v)
    return found


def check_folders():
    folders = sorted(f.path for f in os.scandir("harness") if f.is_dir())
    files = sorted(f.path for f in os.scandir("harness") if f.is_file())
    if len(folders) > MAX_FOLDERS:
        bad.append(f"harness/ has {len(folders)} folders, {MAX_FOLDERS} at most")
    if files != ["harness/main.c"]:
        bad.append(f"harness/ holds main.c alone, not {', '.join(files)}")
    for folder in ORDER[:-1] + ["harness/nn"]:
        readme = os.path.join(folder, "README.md")
        if not os.path.exists(readme):
            bad.append(f"{readme}: missing: what the folder is, what it may include, where to begin")
        elif folder.startswith("harness/") and sum(1 for _ in open(readme)) > MAX_README:
            bad.append(f"{readme}: more than {MAX_README} lines")


def main():
    files = list(sources())
    check_includes(files)
    check_sql(files)
    calls = read_calls(files)
    check_calls(calls)
    for part in circles(calls):
        bad.append("files that call each other in a circle: " + ", ".join(part))
    check_folders()
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
