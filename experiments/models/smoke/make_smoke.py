#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the smoke model: a tiny Llama-type decoder with random weights, its tokenizer, and data that it can learn.

    make_smoke.py --models DIR --data DIR        what `make` does: DIR/smoke/{config.json, ...}, DIR/smoke/{train,eval,test}.jsonl
    make_smoke.py FOLDER [options]               a model folder; variants for tests by the options below
    make_smoke.py --gguf FILE [--type q4_1]      the same model as GGUF, alone or beside a folder

Python's standard library alone, and the same bytes everywhere: numbers come from a counter-based generator (splitmix64) and are
uniform, so that no mathematical library takes part.

The model: hidden 64, 2 layers, 4 heads, 2 key/value heads, head size 16, intermediate 128, vocabulary 480, tied embeddings. Matrices
are uniform with standard deviation 1/sqrt(d_in), those that write into the residual stream a quarter of it, embeddings 0.1, norms 1 +- 0.1:
logits start small (loss about ln 480 = 6.2) and every tensor matters.

The tokenizer: byte-level BPE with merges learned from the data; digits one by one ("smollm" in GGUF); ids 0, 1, 2 are
<|endoftext|>, <|im_start|> (start) and <|im_end|> (end).

The data: 576 invented words of three syllables that mean a size, a colour and a thing ("What is a mikuzo?" - "a tiny red bird"),
split 400/60/60: the eval and test words are new, but their syllables are known, so that what is learned shows there too.

GGUF: as llama.cpp writes it: rows of q and k permuted within each head, norms in F32, tokenizer inside. With --dequantised the folder
holds the values that the quantised file stands for, so that both give the same logits.
"""

import argparse
import array
import json
import math
import os
import re
import struct
import sys

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
BOS, EOS = 1, 2

# ---------------------------------------------------------------- random numbers


class Random:
    """splitmix64: every draw is a pure function of (seed, name, counter)."""

    MASK = (1 << 64) - 1

    def __init__(self, seed, name):
        state = seed & self.MASK
        for byte in name.encode():
            state = self.mix(state ^ byte)
        self.state = state

    @classmethod
    def mix(cls, z):
        z = (z + 0x9E3779B97F4A7C15) & cls.MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & cls.MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & cls.MASK
        return z ^ (z >> 31)

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & self.MASK
        return (self.mix(self.state) >> 11) % n

    def uniform(self):
        """In [-1, 1), 24 bits: exact in float32."""
        return self.below(1 << 24) / (1 << 23) - 1.0

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


# ---------------------------------------------------------------- data

SIZES = {"mi": "tiny", "po": "small", "ga": "large", "du": "huge", "le": "fine", "shi": "young", "fra": "quick", "nu": "slow"}
COLOURS = {"ku": "red", "ta": "blue", "so": "green", "vi": "yellow", "ban": "black", "ho": "white", "je": "brown", "ru": "grey", "pli": "pink"}
THINGS = {"zo": "bird", "mek": "fish", "la": "tree", "tir": "stone", "fo": "house", "wen": "boat", "qua": "flower", "dax": "horse"}


ENGLISH = """The quick way to learn what a word means is to see it used. Every name here is made of three parts: the first says how big or how
old a thing is, the second its colour, and the third what kind of thing it is. Someone who has read four hundred of them can tell what
the others mean, because there are only a few parts and they always stand in the same order."""


def make_rows(seed):
    rows = [{"question": "What is a %s%s%s?" % (s, c, t), "answer": "a %s %s %s" % (SIZES[s], COLOURS[c], THINGS[t])}
            for s in SIZES for c in COLOURS for t in THINGS]
    Random(seed, "rows").shuffle(rows)
    return {"train": rows[:400], "eval": rows[400:460], "test": rows[460:520]}


# ---------------------------------------------------------------- tokenizer


def byte_alphabet():
    """GPT-2's printable stand-in for every byte."""
    keep = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table, extra = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return table


# Digits alone, then GPT-2's rule; the text to learn from is ASCII.
PIECES = re.compile(r"[0-9]|(?:'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+)")


def pieces_of(rows):
    """What merges are learned from, with weights: the words of the data, the invented ones cut into their syllables (so that a syllable
    is one token, whatever stands beside it), and a little English for the rest of the vocabulary."""
    count = {}

    def add(text, weight):
        for piece in PIECES.findall(text):
            count[piece] = count.get(piece, 0) + weight

    for r in rows:
        add("Question: What is a\nAnswer: %s\n" % r["answer"], 100)
    for syllable in (*(" " + s for s in SIZES), *COLOURS, *THINGS):
        add(syllable, 2000)
    add(ENGLISH, 1)
    return count


def learn_merges(pieces, count):
    """Byte-pair merges, the most frequent pair first (ties: the alphabetically first)."""
    words = {}
    alphabet = byte_alphabet()
    for piece, n in pieces.items():
        key = tuple(alphabet[b] for b in piece.encode())
        words[key] = words.get(key, 0) + n
    merges = []
    while len(merges) < count:
        pairs = {}
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + n
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        words = {merge_word(word, best): n for word, n in words.items()}
    return merges


def merge_word(word, pair):
    out, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def make_tokenizer(rows, vocab):
    room = vocab - len(SPECIAL) - 256
    if room < 0:
        sys.exit("make_smoke.py: --vocab must be at least %d" % (len(SPECIAL) + 256))
    merges = learn_merges(pieces_of(rows["train"]), room)
    tokens = SPECIAL + [byte_alphabet()[b] for b in range(256)] + [a + b for a, b in merges]
    tokens += ["<|unused_%d|>" % i for i in range(vocab - len(tokens))]
    return tokens, merges


def tokenizer_json(tokens, merges):
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i, t in enumerate(tokens) if t.startswith("<|")]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [" ".join(m) for m in merges]},
    }


# ---------------------------------------------------------------- weights


def make_weights(o):
    """{name: (shape, float32 values)} in Hugging Face's names and order of rows."""
    h, ff, hd = o.hidden, o.intermediate, o.head_dim
    weights = {}

    def matrix(name, rows, cols, std):
        rng, bound = Random(o.seed, name), std * math.sqrt(3.0)
        weights[name] = ((rows, cols), array.array("f", (bound * rng.uniform() for _ in range(rows * cols))))

    def norm(name):
        rng = Random(o.seed, name)
        weights[name] = ((h,), array.array("f", (1 + 0.1 * rng.uniform() for _ in range(h))))

    matrix("model.embed_tokens.weight", o.vocab, h, 0.1)
    for i in range(o.layers):
        p = "model.layers.%d." % i
        norm(p + "input_layernorm.weight")
        matrix(p + "self_attn.q_proj.weight", o.heads * hd, h, h ** -0.5)
        matrix(p + "self_attn.k_proj.weight", o.kv_heads * hd, h, h ** -0.5)
        matrix(p + "self_attn.v_proj.weight", o.kv_heads * hd, h, h ** -0.5)
        matrix(p + "self_attn.o_proj.weight", h, o.heads * hd, 0.25 * (o.heads * hd) ** -0.5)
        norm(p + "post_attention_layernorm.weight")
        matrix(p + "mlp.gate_proj.weight", ff, h, h ** -0.5)
        matrix(p + "mlp.up_proj.weight", ff, h, h ** -0.5)
        matrix(p + "mlp.down_proj.weight", h, ff, 0.25 * ff ** -0.5)
    norm("model.norm.weight")
    if o.untied:
        matrix("lm_head.weight", o.vocab, h, 0.1)
    return weights


def config_json(o):
    torch_dtype = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}[o.dtype]
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": o.hidden, "intermediate_size": o.intermediate,
        "num_hidden_layers": o.layers, "num_attention_heads": o.heads, "num_key_value_heads": o.kv_heads, "head_dim": o.head_dim,
        "vocab_size": o.vocab, "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "rope_scaling": None,
        "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0, "tie_word_embeddings": not o.untied,
        "bos_token_id": BOS, "eos_token_id": EOS, "torch_dtype": torch_dtype,
    }


# ---------------------------------------------------------------- element types


def half(x):
    return struct.unpack("<e", struct.pack("<e", x))[0]


def to_bf16(values):
    bits = array.array("I", values.tobytes())
    return array.array("H", ((b + 0x7FFF + ((b >> 16) & 1)) >> 16 for b in bits))


def from_bf16(halves):
    return array.array("f", array.array("I", (b << 16 for b in halves)).tobytes())


def blocks(values):
    return (values[i:i + 32] for i in range(0, len(values), 32))


def nibbles(q):
    return bytes(q[i] | q[i + 16] << 4 for i in range(16))


def q8_0(x):
    d = max(map(abs, x)) / 127
    q = [round(v / d) if d else 0 for v in x]
    return struct.pack("<e32b", d, *q), [half(d) * v for v in q]


def q4_0(x):
    d = max(x, key=abs) / -8
    q = [min(15, int(v / d + 8.5)) if d else 8 for v in x]
    return struct.pack("<e", d) + nibbles(q), [half(d) * (v - 8) for v in q]


def q4_1(x):
    low = min(x)
    d = (max(x) - low) / 15
    q = [min(15, int((v - low) / d + 0.5)) if d else 0 for v in x]
    return struct.pack("<ee", d, low) + nibbles(q), [half(d) * v + half(low) for v in q]


def encode(values, kind):
    """(bytes in the file, the float32 values that they stand for)."""
    if kind == "f32":
        return values.tobytes(), values
    if kind == "f16":
        data = struct.pack("<%de" % len(values), *values)
        return data, array.array("f", struct.unpack("<%de" % len(values), data))
    if kind == "bf16":
        halves = to_bf16(values)
        return halves.tobytes(), from_bf16(halves)
    parts = [{"q8_0": q8_0, "q4_0": q4_0, "q4_1": q4_1}[kind](block) for block in blocks(values)]
    return b"".join(p[0] for p in parts), array.array("f", (v for p in parts for v in p[1]))


# ---------------------------------------------------------------- files


def write(path, data):
    """Atomically: two builds at once do no harm."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    tmp = "%s.tmp.%d" % (path, os.getpid())
    with open(tmp, "wb") as f:
        f.write(data)
    os.replace(tmp, path)


def write_json(path, value):
    write(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def safetensors(tensors, dtype):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (shape, values) in tensors.items():
        coded = encode(values, dtype)[0]
        header[name] = {"dtype": dtype.upper(), "shape": list(shape), "data_offsets": [len(data), len(data) + len(coded)]}
        data += coded
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write_folder(folder, o, weights, tokens, merges):
    write_json(os.path.join(folder, "config.json"), config_json(o))
    write_json(os.path.join(folder, "tokenizer.json"), tokenizer_json(tokens, merges))
    write_json(os.path.join(folder, "tokenizer_config.json"),
               {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[BOS], "eos_token": SPECIAL[EOS], "model_max_length": 512,
                "clean_up_tokenization_spaces": False})
    if o.shards < 2:
        write(os.path.join(folder, "model.safetensors"), safetensors(weights, o.dtype))
        return
    index, names = {}, list(weights)
    for i in range(o.shards):
        shard = "model-%05d-of-%05d.safetensors" % (i + 1, o.shards)
        mine = {name: weights[name] for name in names[i::o.shards]}
        index.update((name, shard) for name in mine)
        write(os.path.join(folder, shard), safetensors(mine, o.dtype))
    write_json(os.path.join(folder, "model.safetensors.index.json"), {"metadata": {}, "weight_map": index})


GGUF_NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
              "post_attention_layernorm": "ffn_norm"}
GGUF_TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
GGML_TYPE = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 8, "bf16": 30}


def gguf_name(name):
    if name in GGUF_TOP:
        return GGUF_TOP[name]
    _, _, layer, rest = name.split(".", 3)
    return "blk.%s.%s.weight" % (layer, GGUF_NAMES[rest[:-len(".weight")]])


def permute(values, cols, heads):
    """llama.cpp's order of rows: the two halves of every head interleaved."""
    rows = len(values) // cols
    hd = rows // heads
    out = array.array("f", bytes(4 * len(values)))
    for r in range(rows):
        h, j = divmod(r, hd)
        to = h * hd + (j % (hd // 2)) * 2 + j // (hd // 2)
        out[to * cols:(to + 1) * cols] = values[r * cols:(r + 1) * cols]
    return out


def g_str(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def g_kv(key, value):
    """Strings, booleans, ints (u32), floats (f32), and lists of strings or of ints (i32)."""
    if isinstance(value, str):
        return g_str(key) + struct.pack("<I", 8) + g_str(value)
    if isinstance(value, bool):
        return g_str(key) + struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return g_str(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return g_str(key) + struct.pack("<If", 6, value)
    if value and isinstance(value[0], int):
        return g_str(key) + struct.pack("<IIQ%di" % len(value), 9, 5, len(value), *value)
    return g_str(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(g_str, value))


def gguf(o, weights, tokens, merges):
    meta = {
        "general.architecture": "llama", "general.name": "smoke", "llama.block_count": o.layers, "llama.context_length": 512,
        "llama.embedding_length": o.hidden, "llama.feed_forward_length": o.intermediate, "llama.attention.head_count": o.heads,
        "llama.attention.head_count_kv": o.kv_heads, "llama.attention.key_length": o.head_dim, "llama.attention.value_length": o.head_dim,
        "llama.rope.dimension_count": o.head_dim, "llama.rope.freq_base": 10000.0, "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": o.vocab, "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if t.startswith("<|") else 1 for t in tokens],
        "tokenizer.ggml.merges": [" ".join(m) for m in merges], "tokenizer.ggml.bos_token_id": BOS, "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.add_space_prefix": False,
    }
    head = b"".join(g_kv(k, v) for k, v in meta.items())
    data = b""
    for name, (shape, values) in weights.items():
        heads = o.heads if name.endswith("q_proj.weight") else o.kv_heads if name.endswith("k_proj.weight") else 0
        kind = o.type if len(shape) == 2 else "f32"
        coded = encode(permute(values, shape[1], heads) if heads else values, kind)[0]
        data += b"\0" * (-len(data) % 32)
        head += g_str(gguf_name(name)) + struct.pack("<I%dQIQ" % len(shape), len(shape), *reversed(shape), GGML_TYPE[kind], len(data))
        data += coded
    head = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(meta)) + head
    return head + b"\0" * (-len(head) % 32) + data


# ---------------------------------------------------------------- command line


def parse():
    p = argparse.ArgumentParser(description="Make the smoke model and its data.")
    p.add_argument("folder", nargs="?", help="write a model folder")
    p.add_argument("--models", metavar="DIR", help="write the model folder DIR/smoke")
    p.add_argument("--data", metavar="DIR", help="write DIR/smoke/{train,eval,test}.jsonl")
    p.add_argument("--gguf", metavar="FILE", help="write the model as GGUF")
    p.add_argument("--type", default="f32", choices=sorted(GGML_TYPE), help="of the matrices in the GGUF file (%(default)s)")
    p.add_argument("--dequantised", action="store_true", help="the folder holds the values that --type leaves")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--untied", action="store_true", help="a head of its own")
    p.add_argument("--dtype", default="f32", choices=["f32", "f16", "bf16"], help="of the folder's tensors (%(default)s)")
    p.add_argument("--shards", type=int, default=1, metavar="N", help="N safetensors files with an index")
    for name, value in [("hidden", 64), ("layers", 2), ("heads", 4), ("kv-heads", 2), ("head-dim", 16), ("intermediate", 128), ("vocab", 480)]:
        p.add_argument("--" + name, type=int, default=value, metavar="N", help="(%(default)s)")
    o = p.parse_args()
    if not (o.folder or o.models or o.data or o.gguf):
        p.error("nothing to write: give a folder, --models, --data or --gguf")
    if o.heads % o.kv_heads or o.head_dim % 2:
        p.error("--heads must be a multiple of --kv-heads, --head-dim even")
    if o.type.startswith("q") and any(n % 32 for n in (o.hidden, o.intermediate, o.heads * o.head_dim)):
        p.error("--type %s needs rows that are multiples of 32" % o.type)
    return o


def main():
    o = parse()
    rows = make_rows(o.seed)
    if o.data:
        for split, items in rows.items():
            write(os.path.join(o.data, "smoke", split + ".jsonl"), "".join(json.dumps(r) + "\n" for r in items).encode())
    folders = [f for f in (o.folder, o.models and os.path.join(o.models, "smoke")) if f]
    if not folders and not o.gguf:
        return
    tokens, merges = make_tokenizer(rows, o.vocab)
    weights = make_weights(o)
    if o.gguf:
        write(o.gguf, gguf(o, weights, tokens, merges))
    if o.dequantised:
        weights = {n: (s, encode(v, o.type)[1] if len(s) == 2 else v) for n, (s, v) in weights.items()}
    for folder in folders:
        write_folder(folder, o, weights, tokens, merges)


if __name__ == "__main__":
    main()
