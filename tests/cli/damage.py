#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damage a model file, for bad_input.bats: damage.py FILE HOW, for model.safetensors and for .gguf."""
import json
import struct
import sys


def safetensors(data, how):
    size, = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8:8 + size]), bytearray(data[8 + size:])
    names = sorted((k for k in header if k != "__metadata__"), key=lambda k: header[k]["data_offsets"])
    first, second, last = names[0], names[1], names[-1]
    claim = None
    if how == "beyond":
        header[last]["data_offsets"] = [x + (1 << 40) for x in header[last]["data_offsets"]]
    elif how == "overlap":
        header[second] = dict(header[first])
    elif how == "size":
        header[first]["shape"][0] += 1
    elif how == "huge":
        claim = 1 << 63
    elif how == "missing":
        name = "model.layers.1.self_attn.v_proj.weight"
        header[name.replace("v_proj", "w_proj")] = header.pop(name)
    elif how == "nan":
        struct.pack_into("<f", body, header["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0] + 400, float("nan"))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if claim is None else claim) + text + body


def gguf(data, how):
    data = bytearray(data)

    def entry(name):
        """Where the entry of a tensor goes on behind its name."""
        text = name.encode()
        return data.index(struct.pack("<Q", len(text)) + text) + 8 + len(text)

    at = entry("blk.1.attn_v.weight")
    ndim, = struct.unpack_from("<I", data, at)
    dims, offset = at + 4, at + 8 + 8 * ndim
    if how == "beyond":
        struct.pack_into("<Q", data, offset, 1 << 40)
    elif how == "overlap":
        struct.pack_into("<Q", data, offset, 0)
    elif how == "size":
        struct.pack_into("<Q", data, dims + 8, struct.unpack_from("<Q", data, dims + 8)[0] * 2)
    elif how == "huge":
        struct.pack_into("<Q", data, 24, 1 << 63)  # the length of the first key
    elif how == "missing":
        data[at - 8:at - 7] = b"w"
    elif how == "nan":  # for --type f32; the tensors begin at a multiple of 32 behind the list, whose last entry has one dimension
        start = (entry("output_norm.weight") + 4 + 8 + 4 + 8 + 31) // 32 * 32
        struct.pack_into("<f", data, start + struct.unpack_from("<Q", data, offset)[0] + 40, float("inf"))
    return data


path, how = sys.argv[1:]
with open(path, "rb") as f:
    whole = f.read()
if how.startswith("cut"):
    out = whole[:int(how[3:])]
else:
    out = (gguf if path.endswith(".gguf") else safetensors)(whole, how)
    if bytes(out) == whole:
        sys.exit(f"damage.py: '{how}' changes nothing")
with open(path, "wb") as f:
    f.write(out)
