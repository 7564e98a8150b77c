#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gguf_edit.py IN OUT [KEY=TYPE:VALUE | -KEY]... - a GGUF file with other metadata: keys set or taken out, everything else as it was.

TYPE is u32, i32, f32, bool, str or ids (a list of i32, as ids:1,2,3)."""
import struct
import sys

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def string(self):
        return self.take(self.number("Q"))

    def skip(self, kind):
        if kind == 8:
            self.string()
        elif kind == 9:
            inner, n = self.number("I"), self.number("Q")
            for _ in range(n):
                self.skip(inner)
        else:
            self.take(SIZES[kind])


def text(s):
    return struct.pack("<Q", len(s)) + s


def entry(key, word, value):
    head = text(key.encode())
    if word == "str":
        return head + struct.pack("<I", 8) + text(value.encode())
    if word == "ids":
        ids = [int(v) for v in value.split(",")]
        return head + struct.pack("<IIQ", 9, 5, len(ids)) + struct.pack("<%di" % len(ids), *ids)
    kind, form = {"u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?")}[word]
    return head + struct.pack("<I", kind) + struct.pack("<" + form, float(value) if form == "f" else int(value))


def main():
    source, out, *changes = sys.argv[1:]
    r = Reader(open(source, "rb").read())
    magic, n_tensors, n_kv = r.take(8), r.number("Q"), r.number("Q")
    entries = {}
    for _ in range(n_kv):
        begin = r.at
        key = r.string().decode()
        r.skip(r.number("I"))
        entries[key] = r.data[begin:r.at]
    begin = r.at
    for _ in range(n_tensors):
        r.string()
        r.take(8 * r.number("I") + 12)
    tensors, data = r.data[begin:r.at], r.data[(r.at + 31) // 32 * 32:]
    for change in changes:
        if change.startswith("-"):
            del entries[change[1:]]
            continue
        key, rest = change.split("=", 1)
        entries[key] = entry(key, *rest.split(":", 1))
    head = magic + struct.pack("<QQ", n_tensors, len(entries)) + b"".join(entries.values()) + tensors
    open(out, "wb").write(head + b"\0" * (-len(head) % 32) + data)


main()
