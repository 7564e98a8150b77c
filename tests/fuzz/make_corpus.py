#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make tests/fuzz/corpus: small inputs that reach most of each reader, the same bytes every time. Run from the root of the source tree:

    python3 tests/fuzz/make_corpus.py [FOLDER]

Everything is written here but the sweeps, which are those of experiments/sweeps without their comments."""
import json
import os
import struct
import subprocess
import sys
import tempfile

out = sys.argv[1] if len(sys.argv) > 1 else "tests/fuzz/corpus"


def put(target, name, data):
    os.makedirs(os.path.join(out, target), exist_ok=True)
    with open(os.path.join(out, target, name), "wb") as f:
        f.write(data.encode() if isinstance(data, str) else data)


# ---- safetensors ----

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1, "F64": 8}


def safetensors(tensors, pad=0, metadata=None):
    header, at, = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape in tensors:
        size = SIZES[dtype]
        for d in shape:
            size *= d
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + bytes(i % 251 for i in range(at))


three = [("a.weight", "F32", [2, 3]), ("b", "F16", [5]), ("c", "BF16", [1, 4])]
put("safetensors", "three", safetensors(three, metadata={"format": "pt"}))
put("safetensors", "odd", safetensors([("x", "U8", [3]), ("a.weight", "F32", [2])], pad=1))
put("safetensors", "scalar-and-empty", safetensors([("s", "F32", []), ("none", "F32", [0, 7])]))
put("safetensors", "buffers", safetensors([("ids", "I64", [2]), ("w", "F32", [1, 1, 2, 2])]))
put("safetensors", "refused-type", safetensors([("a", "F64", [2])]))
put("safetensors", "huge-header", struct.pack("<Q", 1 << 63) + b"{}")
put("safetensors", "no-tensors", safetensors([]))
broken = safetensors(three)
put("safetensors", "overlap", broken.replace(b"[24, 34]", b"[20, 30]"))
put("safetensors", "cut", broken[:-3])

# ---- gguf ----


def text_of(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def kv(key, kind, value):
    return text_of(key) + struct.pack("<I", kind) + value


def strings(items):
    return struct.pack("<IQ", 8, len(items)) + b"".join(text_of(s) for s in items)


def byte_tokens():
    """The 256 characters of byte-level BPE, in the order of their bytes."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(b if b in visible else next(extra)) for b in range(256)]


def gguf(keys, tensors, version=3, align=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys)
    at, body = 0, b""
    for name, kind, dims, size in tensors:
        head += text_of(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims) + struct.pack("<IQ", kind, at)
        body += bytes(i % 120 for i in range(size)) + bytes(-size % align)
        at = len(body)
    return head + bytes(-len(head) % align) + body


plain = [kv("general.architecture", 8, text_of("llama")), kv("llama.block_count", 4, struct.pack("<I", 2)),
         kv("f", 6, struct.pack("<f", 1.5)), kv("yes", 7, b"\1"), kv("i8", 1, b"\xfd"), kv("u64", 10, struct.pack("<Q", 1 << 63)),
         kv("langs", 9, strings(["en", "de"])), kv("nest", 9, struct.pack("<IQIQ", 9, 1, 0, 3) + b"abc")]
tensors = [("norm", 0, [3], 12), ("q", 2, [32, 3], 54), ("half", 1, [3, 2], 12), ("q8", 8, [32, 1], 34), ("q41", 3, [64, 1], 40),
           ("b16", 30, [2, 2], 8)]
tokens = byte_tokens() + ["Ġa", "Ġm", "ik", "<|im_end|>"]
types = [1] * 259 + [3]
tokenizer = [kv("tokenizer.ggml.model", 8, text_of("gpt2")), kv("tokenizer.ggml.pre", 8, text_of("smollm")),
             kv("tokenizer.ggml.tokens", 9, strings(tokens)),
             kv("tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, 260) + struct.pack("<260i", *types)),
             kv("tokenizer.ggml.merges", 9, strings(["Ġ a", "Ġ m", "i k"])),
             kv("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 259)), kv("tokenizer.ggml.add_bos_token", 7, b"\0")]
put("gguf", "types", gguf(plain, tensors))
put("gguf", "tokenizer", gguf(plain[:2] + tokenizer, tensors[:1]))
put("gguf", "gpt2", gguf([tokenizer[0], kv("tokenizer.ggml.pre", 8, text_of("gpt-2"))] + tokenizer[2:3] + tokenizer[4:5], tensors[:1]))
put("gguf", "nul-in-special", gguf(plain[:2] + tokenizer[:2] + [kv("tokenizer.ggml.tokens", 9, strings(tokens[:259] + ["<|" + "\0" * 60 + "|>"]))]
                                   + tokenizer[3:], tensors[:1]))
put("gguf", "version-2", gguf(plain[:3], tensors[:2], version=2))
put("gguf", "align-64", gguf([kv("general.alignment", 4, struct.pack("<I", 64))], tensors, align=64))
put("gguf", "split", gguf([kv("split.count", 2, struct.pack("<H", 3))], tensors[:1]))
put("gguf", "k-quant", gguf(plain[:1], [("k", 12, [256], 144)]))
put("gguf", "counts", b"GGUF" + struct.pack("<IQQ", 3, 1 << 63, 1 << 63))
put("gguf", "cut", gguf(plain, tensors)[:300])

for target in ("gguf", "safetensors", "tokenizer", "sweep", "torch"):
    put(target, "empty", b"")

# ---- torch.save ----

with tempfile.TemporaryDirectory() as tmp:
    for kind in ("good", "evil", "evil_old", "ring", "outside", "huge", "cut"):
        path = os.path.join(tmp, kind)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli", "torch_file.py")
        subprocess.run([sys.executable, script, kind, path, "a.lora_A=2x3", "a.lora_B=3x2"], check=True)
        with open(path, "rb") as f:
            put("torch", kind, f.read())
for name in ("llama_old.pt", "gpt2.pt"):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "loralib", name), "rb") as f:
        put("torch", name, f.read())

# ---- tokenizer.json ----

vocab = {t: i for i, t in enumerate(tokens[:259])}
special = [{"id": 259, "content": "<|im_end|>", "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}]
level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def tokenizer_json(**change):
    t = {"version": "1.0", "added_tokens": special, "normalizer": None, "pre_tokenizer": level, "post_processor": None,
         "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
                                                     "merges": ["Ġ a", "Ġ m", "i k"], "vocab": vocab}}
    model = change.pop("model", {})
    t.update(change)
    t["model"].update(model)
    return json.dumps(t, ensure_ascii=False)


digits = {"type": "Digits", "individual_digits": True}
split = {"type": "Split", "pattern": {"Regex": r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"},
         "behavior": "Isolated", "invert": False}
bos = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_end|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
       "pair": [], "special_tokens": {"<|im_end|>": {"id": "<|im_end|>", "ids": [259], "tokens": ["<|im_end|>"]}}}
put("tokenizer", "plain", tokenizer_json())
put("tokenizer", "digits", tokenizer_json(pre_tokenizer={"type": "Sequence", "pretokenizers": [digits, level]}))
put("tokenizer", "split", tokenizer_json(pre_tokenizer={"type": "Sequence", "pretokenizers": [split, dict(level, use_regex=False)]},
                                         normalizer={"type": "NFC"}, model={"ignore_merges": True}))
put("tokenizer", "bos", tokenizer_json(post_processor=bos, model={"merges": [["Ġ", "a"], ["i", "k"]]}))
put("tokenizer", "sequence", tokenizer_json(post_processor={"type": "Sequence", "processors": [bos, level]},
                                            added_tokens=[dict(special[0], lstrip=True, rstrip=True, single_word=True, special=False)]))
put("tokenizer", "few-bytes", tokenizer_json(model={"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}))
put("tokenizer", "unigram", json.dumps({"model": {"type": "Unigram", "vocab": [["a", -1.5]]}}))
put("tokenizer", "normalizer", tokenizer_json(normalizer={"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}))
around = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
          "pair": [], "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for i, t in ((1, "[CLS]"), (2, "[SEP]"))}}
pieces = ["[UNK]", "[CLS]", "[SEP]", "w", "##hat", "##s", "'", "s", "a", "mi", "##ku", "##zo", "?", "1", "##2", "e", "<", "|", "im", "_", "end", ">"]
wordpiece = dict(normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                 pre_tokenizer={"type": "BertPreTokenizer"}, post_processor=around, decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
                 added_tokens=[dict(special[0], id=1, content="[CLS]"), dict(special[0], id=22, content="A Mikuzo", special=False, normalized=True)])
model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {t: i for i, t in enumerate(pieces)}}
put("tokenizer", "wordpiece", json.dumps({"version": "1.0", "model": model} | wordpiece))
put("tokenizer", "wordpiece-cased", json.dumps({"model": dict(model, continuing_subword_prefix="", max_input_chars_per_word=3)} | wordpiece |
                                                {"normalizer": {"type": "BertNormalizer", "lowercase": False, "strip_accents": True}}))
put("tokenizer", "roberta", tokenizer_json(post_processor={"type": "RobertaProcessing", "sep": ["<|im_end|>", 259], "cls": ["<|im_end|>", 259]}))

# ---- rows: the first byte is the format (fuzz_rows.c) ----

JSONL, CSV, TSV, NO_HEADER, LITERAL = 0, 1, 2, 3, 6
put("rows", "jsonl", bytes([JSONL]) + '{"q": "x", "a": 1.5e3}\n{"a": null, "q": "\\u00e9\\ud83d\\ude00\\n", "more": true}\n\n'.encode())
put("rows", "jsonl-nested", bytes([JSONL]) + b'{"q": {"a": [1, 2, {}]}, "l": []}\n{"q": "ok"}')
put("rows", "jsonl-bad", bytes([JSONL]) + b'{"q": "x"}\n{"q": tru}\n{"q": "\\ud800"}\n{"q": 01}\n{"q": "a", "q": "b"}\n')
put("rows", "jsonl-list", bytes([JSONL]) + b'[{"q": 1}]')
put("rows", "csv", bytes([CSV]) + b'q,a\r\n"one, ""two""",3\r\n"line\nbreak",\r\n\r\nshort\r\n')
put("rows", "csv-plain", bytes([CSV + NO_HEADER]) + "1,2,3\né,ü,\n".encode())
put("rows", "csv-open", bytes([CSV]) + b'q,a\n"never closed,2\n')
put("rows", "tsv", bytes([TSV]) + b'q\ta\n"x"\ty\n')
put("rows", "tsv-literal", bytes([TSV + LITERAL]) + b'\xef\xbb\xbfq\ta\n"x\ty"\n')
put("rows", "not-utf8", bytes([CSV]) + b"q,a\n\xff\xfe,1\n")

# ---- sweeps ----

for name in ("rank", "lr", "smoke"):
    with open(f"experiments/sweeps/{name}.yaml") as f:
        put("sweep", name, "".join(line for line in f if not line.lstrip().startswith("#")))
put("sweep", "paired", """name: p
base: {model: m, task: lm, data: {name: glosses}, method: lora, r: "2*4", lora_alpha: "sqrt(r) * (1 + 3)"}
paired:
  - {train.batch_size: 8, train.steps: 60}
  - {train.batch_size: 16, train.steps: 30}
parameters: {r: [1, 2], target_modules: [[q_proj, v_proj], all-linear, {modules: attention, layers: 4-11}]}
limits: {memory: 8GiB, time: 2h}
run_cap: 5
save: none
""")
put("sweep", "mistakes", "name: [a\nbase: {modle: x, train: {lr: -1, steps: many}}\nseeds: 3\nvariants: [{method: lroa}]\n")
put("sweep", "strings", 'name: "q\\u00e9\\x41"\nbase: {model: \'it\'\'s\', task: lm, data: {name: smoke, prompt: "{q}\\n", completion: |\n  {a}\n  }}\n')
put("sweep", "alias", "name: a\nbase: &x {model: m}\nvariants: [*x]\n")
put("sweep", "expression", "name: e\nbase: {model: m, task: lm, data: {name: smoke}}\nvariants:\n"
    "  - {method: lora, parameters: {r: [1, 2], lora_alpha: ['2*r', 'r/(3-r)', '((r))+-1', 1e400, 0x10]}}\n")
