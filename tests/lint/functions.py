#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions fit on a screen, and a file-local function's name has two words, so that an index finds it.

Kernels (*.inc.c) keep the field's one-word names: each is a member of struct kernels.
"""
import os
import re
import sys

MAX_LINES = 60
# Nouns of the field, and what every command calls its help.
ONE_WORD = {"dcg", "philox", "usage", "panels"}

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


def blank(text):
    """The same text, lines kept, without what stands in comments, strings and characters."""
    token = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
    return token.sub(lambda m: "\n" * m.group(0).count("\n"), text)


def functions(text):
    """(name, first line, lines, is static) of every definition in a file laid out by clang-format."""
    lines = blank(text).split("\n")
    first = 0
    while first < len(lines):
        head, last = lines[first], first
        if not re.match(r"[A-Za-z_]", head) or head.startswith("typedef"):
            first += 1
            continue
        while "{" not in head and ";" not in head and last + 1 < len(lines):
            last += 1
            head += " " + lines[last]
        before = head.split("{")[0]
        name = re.search(r"([A-Za-z_0-9]+)\s*\(", before)
        if "{" not in head or ";" in before or "=" in before or not name:
            first = last + 1
            continue
        depth, end = 0, first
        while True:
            depth += lines[end].count("{") - lines[end].count("}")
            if depth == 0 and end >= last:
                break
            end += 1
        yield name.group(1), first + 1, end - first + 1, before.startswith("static")
        first = end + 1


bad = 0
for top in ("harness", "methods", "experiments", "tests"):
    for folder, _, names in os.walk(top):
        for file in sorted(names):
            path = os.path.join(folder, file)
            if not file.endswith((".c", ".h")):
                continue
            for name, line, count, static in functions(open(path).read()):
                if count > MAX_LINES and top != "tests":
                    print(f"{path}:{line}: {name} has {count} lines ({MAX_LINES} at most)")
                    bad = 1
                one_word = static and "_" not in name and name not in ONE_WORD
                if one_word and top != "tests" and not file.endswith(".inc.c"):
                    print(f"{path}:{line}: {name}: a file-local function's name has two words")
                    bad = 1
sys.exit(bad)
