#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What README.md and docs/*.md say, for docs.bats. The working folder is the top of the source tree.

    doc_pages.py links               links, and paths in the text, to a file or a heading that does not exist
    doc_pages.py lengths FILE LINES WORDS    more lines, or sentences of more words, than that
    doc_pages.py commands BENCH      commands with an option or a key that the program does not know
    doc_pages.py short FILE...       commands to run: those that are not marked `(long)`, one a line
    doc_pages.py yaml FILE           the sweep file in it

Commands are lines of code blocks, fenced or indented, that begin with `bench`; options are looked at in the text too. Exit
code 1: something was found."""
import glob
import json
import os
import re
import shlex
import subprocess
import sys

PAGES = ["README.md"] + sorted(glob.glob("docs/*.md"))


def split_page(path):
    """Lines of prose (tables and headings included) and lines of code, each with its number."""
    prose, code, fence, blank = [], [], None, True
    for i, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        if line.lstrip().startswith("```"):
            fence = None if fence is not None else line.strip("` \n")
            blank = False
        elif fence is not None:
            code.append((i, line, fence))
        elif line.startswith("    ") and (blank or (code and code[-1][0] == i - 1)):
            code.append((i, line[4:], ""))
        else:
            prose.append((i, line))
            blank = not line.strip()
    return prose, code


def anchors(path):
    """The names of a page's headings, as GitHub makes them."""
    found = set()
    for _, line in split_page(path)[0]:
        if re.match(r"#+ ", line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("# ")).lower()
            found.add(re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-"))
    return found


def find_dead_links():
    bad, seen = [], 0
    for page in PAGES:
        for i, line in split_page(page)[0]:
            for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
                seen += 1
                if re.match(r"https?:", target):
                    continue
                file, _, heading = target.partition("#")
                path = os.path.normpath(os.path.join(os.path.dirname(page), file)) if file else page
                if not os.path.exists(path):
                    bad.append(f"{page}:{i}: there is no {path}")
                elif heading and heading not in anchors(path):
                    bad.append(f"{page}:{i}: {path} has no heading #{heading}")
            for path in re.findall(r"`((?:harness|methods|experiments|tests|docs|sweeps)/[\w./-]+)`", line):
                place = "experiments/" + path if path.startswith("sweeps/") else path
                if "mine" not in path and not os.path.exists(place):
                    bad.append(f"{page}:{i}: there is no {path}")
    return bad if seen >= 20 else bad + [f"only {seen} links were found"]


def find_lengths(path, lines, words):
    bad = []
    n = len(open(path, encoding="utf-8").read().rstrip("\n").split("\n"))
    if n > lines:
        bad.append(f"{path}: {n} lines ({lines} at most)")
    parts = [line for _, line in split_page(path)[0] if not line.startswith(("|", "![", "#"))]
    text = re.sub(r"\n(?=- )|\n\n", " .. ", "\n".join(parts))
    for sentence in re.split(r"(?:\.|\?|!)(?:\s|\*\*)", re.sub(r"\]\([^)]*\)", "]", text)):
        if len(sentence.split()) > words:
            bad.append(f"{path}: {len(sentence.split())} words ({words} at most): {' '.join(sentence.split())}")
    return bad


def commands(path):
    """(line, command, comment) of every command of a page; lines that end in a backslash go on."""
    held, first = "", 0
    for i, line, fence in split_page(path)[1]:
        if fence in ("yaml", "c"):
            continue
        first = first if held else i
        held = held + line.strip()
        if held.endswith("\\"):
            held = held[:-1]
            continue
        if re.match(r"bench ", held):
            command, _, comment = re.match(r"((?:[^#'\"]|'[^']*'|\"[^\"]*\")*)(#(.*))?$", held).groups()
            yield first, command.strip(), comment or ""
        held = ""


def find_unknown(bench):
    """Options that the command's help does not list, keys that `ls keys` does not, commands that are none."""
    ask = lambda *words: subprocess.run([bench, *words], capture_output=True, text=True, check=True).stdout
    keys = {k["key"] for k in json.loads(ask("ls", "keys", "--json"))}
    overview = re.findall(r"^  ([a-z]+)  ", ask("help").split("exit codes:")[0], re.M)
    options, bad, seen = {}, [], 0
    for page in PAGES:
        inline = [(i, c) for i, line in split_page(page)[0] for c in re.findall(r"`(bench [a-z][^`]*)`", line)]
        for i, command in inline + [(i, c) for i, c, _ in commands(page)]:
            seen += 1
            words = shlex.split(re.split(r"[<>|;&](?![^'\"]*['\"])", command)[0])[1:]
            if words and words[0] in ("--help", "--version"):
                continue
            name = words[0]
            if name not in overview and name != "COMMAND":
                bad.append(f"{page}:{i}: bench has no command {name}")
                continue
            if name not in options:
                helped = ask("help", name)
                options[name] = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", helped, re.M)) | set(re.findall(r"^  (-\w)[, ]", helped, re.M))
            for word, after in zip(words[1:], words[2:] + [""]):
                if word == "--":
                    break
                option = word.split("=")[0]
                if re.match(r"-(-?[a-z])", word) and option not in options[name]:
                    bad.append(f"{page}:{i}: bench {name} has no option {option}")
                if word == "--set" and after.split("=")[0] not in keys:
                    bad.append(f"{page}:{i}: there is no key {after.split('=')[0]}")
    return bad if seen >= 60 else bad + [f"only {seen} commands were found"]


def print_short(paths):
    done = set()
    for path in paths:
        for _, command, comment in commands(path):
            if "(long)" not in comment and command not in done:
                done.add(command)
                print(command)
    return []


def print_yaml(path):
    print("\n".join(line for _, line, fence in split_page(path)[1] if fence == "yaml"))
    return []


what, args = sys.argv[1], sys.argv[2:]
if what == "links":
    problems = find_dead_links()
elif what == "lengths":
    problems = find_lengths(args[0], int(args[1]), int(args[2]))
elif what == "commands":
    problems = find_unknown(args[0])
elif what == "short":
    problems = print_short(args)
else:
    problems = print_yaml(args[0])
for problem in problems:
    print(problem)
sys.exit(bool(problems))
