#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files as torch.save writes them, without torch, and files that only look so:  torch_file.py KIND OUT [NAME=ROWSxCOLS ...]

Kinds: good; compressed (entries deflated); outside (a tensor ends behind its storage); huge (sizes whose product overflows); ring (a dictionary in itself);
nested (dictionaries in dictionaries, 10^12 of them); evil (a call of os.system); evil_old (the same in the form before torch 1.6); module (a class of a model);
cut (ends in the middle)."""
import array
import collections
import io
import pickle
import sys
import types
import zipfile

torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


class FloatStorage:
    pass


class Linear:
    pass


def _rebuild_tensor_v2(*args):
    raise RuntimeError


FloatStorage.__module__ = Linear.__module__ = "torch"
_rebuild_tensor_v2.__module__ = "torch._utils"
torch.FloatStorage, torch.Linear, utils._rebuild_tensor_v2 = FloatStorage, Linear, _rebuild_tensor_v2


class Storage:
    def __init__(self, key, n):
        self.key, self.n = key, n


class Tensor:
    def __init__(self, storage, sizes, strides):
        self.args = (storage, 0, sizes, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.args


class Evil:
    def __reduce__(self):
        import os
        return os.system, ("touch pwned",)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return ("storage", FloatStorage, obj.key, "cpu", obj.n) if isinstance(obj, Storage) else None


kind, out, tensors = sys.argv[1], sys.argv[2], sys.argv[3:]
state, blobs = collections.OrderedDict(), {}
for i, text in enumerate(tensors):
    name, shape = text.split("=")
    rows, cols = map(int, shape.split("x"))
    blobs[str(i)] = array.array("f", [((7 * k + i) % 13 - 6) / 20 for k in range(rows * cols)])
    sizes = {"outside": (rows, cols + 1), "huge": (1 << 31, 1 << 33)}.get(kind, (rows, cols))
    state[name] = Tensor(Storage(str(i), rows * cols), sizes, (sizes[1], 1))
if kind == "ring":
    state["again"] = state
elif kind == "nested":
    for _ in range(4):
        state = {"k%d" % k: state for k in range(1000)}
elif kind.startswith("evil"):
    state["evil.lora_A"] = Evil()
elif kind == "module":
    state["module"] = Linear()
data = io.BytesIO()
Pickler(data, protocol=2).dump(state)
if kind == "evil_old":
    with open(out, "wb") as f:
        for x in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(x, f, protocol=2)
        f.write(data.getvalue())
    sys.exit()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED) as z:
    for name, raw in [("data.pkl", data.getvalue())] + [("data/" + key, values.tobytes()) for key, values in blobs.items()]:
        info = zipfile.ZipInfo("archive/" + name)  # with a fixed date: the same bytes every time
        info.compress_type = z.compression
        z.writestr(info, raw)
if kind == "cut":
    with open(out, "rb") as f:
        raw = f.read()
    with open(out, "wb") as f:
        f.write(raw[:len(raw) * 2 // 3])
