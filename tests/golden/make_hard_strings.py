#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hard strings for the tokenizers, with reference ids from the Hugging Face `tokenizers` library.

    python3 tests/golden/make_hard_strings.py SmolLM2-135M-Instruct.Q4_1.gguf      (needs: tokenizers, gguf)

writes beside itself

  hard_strings.txt          one string per line, as a JSON string in pure ASCII (\\uXXXX, surrogate pairs; \\u0000 occurs)
  hard_strings_bytes.txt    one INVALID UTF-8 byte string per line, in hexadecimal
  hard_strings_small.json   a tokenizer.json: the first 3,000 merges of SmolLM2's tokenizer, ids renumbered, its
                            pre-tokenizer Sequence[Digits(individual), ByteLevel(no prefix space, regex)], its byte
                            alphabet (21 of the 256 byte tokens are MISSING there), 5 special tokens; merges written as
                            "left right"
  hard_strings_gpt2.json    the same merges as a GPT-2: all 256 byte tokens, ByteLevel only, special token <|endoftext|>
                            only; merges written as ["left", "right"]
  hard_strings_smollm2.ids  ids of hard_strings.txt under the full tokenizer of the GGUF file
  hard_strings_small.ids, hard_strings_gpt2.ids              under the two small ones
  hard_strings_bytes_small.ids, hard_strings_bytes_gpt2.ids  ids of hard_strings_bytes.txt (never a special token in it)

An .ids file has one line per string: ids in decimal, separated by one space (an empty line: no ids). Where the text contains a
special token's text and the two readings differ, the line is "A | B": A with special tokens recognised (what the
library's plain encode gives), B with their text read as plain text (encode_special_tokens=True). Without " | " both readings
give the one list. No start or end token is ever added.

Facts the ids rest on:
- A byte whose token is not in the vocabulary is dropped without a trace (no unknown token is set), and its neighbours can
  merge across the gap.
- Special tokens cut the text first; each piece between them is pre-tokenised on its own, so "not followed by a
  non-space" is true at the end of a piece. Likewise the digit rule cuts before the regex sees a piece.
- \\s is Unicode's White_Space (U+0085 is in it; U+001C..U+001F, U+180E and U+200B are not). The digit rule takes every
  character of categories Nd, Nl, No.
- Only characters that Unicode 14 already assigned are used, or ones that no later version will assign a letter to
  (private use, noncharacters, planes 4 to 13), so that an older property table gives the same ids.
- Invalid UTF-8 is replaced by U+FFFD once per maximal bad subsequence (Python's errors="replace").
"""

import json
import os
import random
import sys
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL_MERGES = 3000
SMALL_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"]
ALL_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>", "<filename>",
               "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>",
               "<jupyter_code>", "<jupyter_output>", "<jupyter_script>", "<empty_output>"]


# ---------------------------------------------------------------- strings

WHITE = [" ", "  ", "   ", "    ", "\t", "\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x85", "\xa0", "\u1680", "\u2000", "\u2003",
         "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"]
NOT_WHITE = ["\x1c", "\x1d", "\x1e", "\x1f", "\u180e", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\xad"]
WORDS = ("the of and to in for you with on that this is was are it by from be at as your have not but all can her said each which "
         "time people water called who sit now find long down day did get come made may part over new sound take only little work "
         "know place year live me back give most very after thing our just name good sentence man think say great where help "
         "Question Answer Janet duck eggs dollars LoRA rank fine-tuning transformer antidisestablishmentarianism naïve façade "
         "coöperate Über straße œuvre Ångström jalapeño").split()
DIGITS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "๐๑๒๓๔๕๖๗๘๙", "０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "𞥐𞥑𞥒𞥓𞥔𞥕", "²³¹⁰⁴⁵⁶⁷₀₁₂₃",
          "½⅓¾⅛⅞", "ⅠⅡⅢⅣⅯⅿↀ", "①②③⑩⑳㉑㊿", "一二三四五", "༠༡༢༳", "𐄇𐄈𐄉𒐀𒐁", "🄀🄁🄂🯰🯱🯲"]
SCRIPTS = ["привет мир как дела Ёжик", "γειά σου κόσμε ΰ ΐ ς", "שלום עולם שָׁלוֹם", "مرحبا بالعالم السَّلَامُ", "नमस्ते दुनिया क्षत्रिय", "สวัสดีชาวโลก น้ำ", "你好世界漢字簡体",
           "こんにちは世界カタカナﾊﾝｶｸ", "안녕하세요 세계 한국어", "გამარჯობა მსოფლიო Ა", "բարեւ աշխարհ", "ሰላም ልዑል", "வணக்கம் உலகம்", "ᓀᐦᐃᔭᐍᐏᐣ", "ᏣᎳᎩ ꭰꭱ", "𐍈𐌰𐌹𐍂𐌸𐌰", "𓀀𓁐𓂀", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕋𝕖𝕩𝕥",
           "ǅ ǈ ʰ ˠ ﬁ ﬀ", "𠀀𠮷𪚥𫝀𰀀", "ꙮ ꧁꧂ ﷽ ﷺ", "ខ្មែរ ລາວ မြန်မာ", "བོད་སྐད་", "ⲁⲃⲅ ⰰⰱ ⵣⵉⵔⵉ", "𞤀𞤁𞤢 𐐀𐐨"]
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇺🇸🇬🇧", "❤️", "☺︎", "👩🏿‍🚀", "1️⃣", "#️⃣", "🧑‍🤝‍🧑", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🤷🏻‍♀️", "✊", "☕️", "™️", "🀄", "🃏", "🕴️", "🫠", "🥹"]
MARKS = ["\u0301", "\u0308", "\u0327", "\u20dd", "\u0488", "\u05b8", "\u064b", "\u093f", "\u0e33", "\u3099", "\ufe0f", "\U0001d165",
         "\U000e0100", "\u0345", "\u0f7e"]
CONTRACT = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'VE", "'M", "'LL", "'D", "’s", "’t", "'", "''", "'x",
            "'l", "'r", "'v", "'ſ", "'sa", "'redo", "'llama", "'dd", "'mm", "'t's"]
CODE = ["int main(void)\n{\n\treturn 0;\n}\n", "def f(x):\n    return x**2  # square\n", "for(i=0;i<n;++i){a[i]+=b[i]*0x1F;}", "if (a&&b||!c) x=y?z:-w;",
        "SELECT * FROM runs WHERE lr>=5e-4;", "https://example.org/a?b=c&d=%20e#f", "C:\\Users\\me\\file.txt", "/usr/lib/x86_64-linux-gnu/", "a@b.co",
        "#include <stdio.h>", "<div class=\"a b\">&nbsp;</div>", "{\"a\": [1, 2.5e-3, null]}", "\\begin{equation} x_1^2 \\end{equation}",
        "\t\tindent\n\t\t\tmore\n", "    four\n        eight\n", "x = [[1,2],[3,4]];;;", "$$ \\alpha \\leq \\beta $$", "a->b->c::d...e", "--flag=value -x",
        "0xDEADBEEF 1_000_000 3.14159 1e-10", "#!/bin/sh\nset -e\n", "* item\n  - sub\n", "| a | b |\n|---|---|\n", "~~~```c\ncode\n```"]
PUNCT = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~¡¢£¤¥¦§¨©«¬®¯°±´¶·¸»¿×÷–—‘’“”„†‡•…‰′″‹›€№℃™←→∀∂∑√∞≈≠≤≥■□▲△○●★☆♠♥♪「」『』【】、。！？"


def plane_chars(rng, plane, n):
    """n characters of a plane: assigned in Unicode 14, or never to be a letter, digit or space (see above)."""
    out = []
    while len(out) < n:
        c = plane * 0x10000 + rng.randrange(0x10000)
        if 0xD800 <= c <= 0xDFFF:
            continue
        if unicodedata.category(chr(c)) == "Cn" and not (4 <= plane <= 13 or c & 0xFFFE == 0xFFFE or 0xFDD0 <= c <= 0xFDEF):
            if plane != 14:
                continue
            c = rng.choice([0xE0001, 0xE0020 + c % 96, 0xE0100 + c % 240, 0xEFFFE, 0xEFFFF])
        out.append(chr(c))
    return out


def assigned(lo, hi):
    return [chr(c) for c in range(lo, hi) if not 0xD800 <= c <= 0xDFFF and unicodedata.category(chr(c)) != "Cn"]


def piece(rng):
    """One random piece; joined at random they make the mixed strings."""
    k = rng.randrange(14)
    if k <= 2:
        return rng.choice(WORDS)
    if k == 3:
        return rng.choice(WHITE) * rng.choice([1, 1, 2, 3])
    if k == 4:
        return "".join(rng.choice(rng.choice(DIGITS)) for _ in range(rng.randrange(1, 6)))
    if k == 5:
        s = rng.choice(SCRIPTS)
        i = rng.randrange(len(s))
        return s[i : i + rng.randrange(1, 8)]
    if k == 6:
        return rng.choice(EMOJI)
    if k == 7:
        return rng.choice(WORDS) + rng.choice(MARKS) * rng.choice([1, 1, 2])
    if k == 8:
        return rng.choice(WORDS) + rng.choice(CONTRACT)
    if k == 9:
        return "".join(rng.choice(PUNCT) for _ in range(rng.randrange(1, 5)))
    if k == 10:
        return "".join(plane_chars(rng, rng.choice([0, 0, 0, 1, 1, 2, 3, 5, 14, 15, 16]), rng.randrange(1, 4)))
    if k == 11:
        return chr(rng.choice(list(range(0, 32)) + list(range(127, 160))))
    if k == 12:
        return rng.choice(NOT_WHITE)
    return str(rng.randrange(10 ** rng.randrange(1, 9)))


def fixed_strings():
    out = ["", "x  12", "The capital of France is", " ", "  ", "\n", "a", " a", "a ", " a ", "  a  b   c    d     ", "Hello, world!", "12345", " 12345", "1 2  3   4",
           "a1b22c333", "\u00001\u0000", "\ufeffBOM", "e\u0301", "\u0301", " \u0301", "1\u0301", "\u0301 1"]
    out += WHITE + NOT_WHITE + DIGITS + SCRIPTS + EMOJI + CONTRACT + CODE
    out += [chr(c) for c in range(256)] + ["a" + chr(c) + "b " + chr(c) + " " + chr(c) for c in range(256)]
    out += [w + c for w in ("I", "we", "it ", "they", "DON") for c in CONTRACT]
    out += [" " * n + t for n in range(2, 10) for t in ("x", "7", "!", "\n", "")]
    out += [a + b + "x" for a in WHITE for b in WHITE[::3]]
    out += ["x" + a + "\u200b" + a for a in WHITE]
    out += [a + d[0] + a + d[-1] for a in WHITE[::2] for d in DIGITS]
    out += ["Question: How many eggs does Janet sell?\nAnswer: ", "She sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\n#### 18",
            "The price is $1,234.56 (€1.134,99), i.e. 15%!\r\nNext line\r\n\r\n"]
    return out


def special_strings(rng):
    out = list(ALL_SPECIAL)
    for s in ALL_SPECIAL[:7]:
        out += [s + s, " " + s, s + " ", "a" + s + "b", "a  " + s + "  b", s[:-1], s[1:], s.upper(), s + "\n", "12" + s + "34", s[:4] + s + s[4:], "<" + s + ">",
                s + "'s", "\u0301" + s + "\u0301", s.replace("|", "\uff5c"), s[:3] + "\u200b" + s[3:]]
    out += ["<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n",
            "<|im_end|><|endoftext|><|im_start|>", "<|<|im_end|>im_end|>", "<|im_end|", "|im_end|>", "<||im_end||>", "<repo_name>a/b<file_sep>x.c<file_sep>"]
    for _ in range(150):
        parts = []
        for _ in range(rng.randrange(1, 5)):
            parts.append(piece(rng))
            parts.append(rng.choice(ALL_SPECIAL[:6]))
        out.append("".join(parts + [piece(rng)]))
    return out


def long_strings(rng):
    return ["a" * 5000, " " * 3000, " " * 999 + "x", "1" * 800, "ab" * 1500, "=" * 1000, "\n" * 700, "\t" * 500 + "x", "你" * 400, "😀" * 200, "e" + "\u0301" * 400,
            "\u3000" * 300, "١" * 200, "\x00" * 300, "'s" * 300, "aA" * 400 + "!", "the " * 400, "-_" * 300, "👩‍🚀" * 80, "\r\n" * 300, "z" * 997 + " " * 997 + "9" * 97,
            "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(2500)), "".join(rng.choice("etaoin shrdlu") for _ in range(2500))]


def make_strings():
    rng = random.Random(20240229)
    out = fixed_strings() + special_strings(rng) + long_strings(rng)
    for plane in range(17):  # every plane, alone and between letters and spaces
        for n in (1, 2, 5, 9):
            out += ["".join(plane_chars(rng, plane, n)) for _ in range(5 if plane < 4 else 2)]
        out.append("a" + " ".join(plane_chars(rng, plane, 6)) + " b1")
    every = assigned(0x80, 0x3100) + assigned(0xA000, 0xAC00) + assigned(0xF900, 0x10000) + assigned(0x10000, 0x12000) + assigned(0x1D000, 0x1FC00)
    for i in range(0, len(every), 37):  # every assigned character of the small blocks, in order: the property tables
        out.append("".join(every[i : i + 37]))
    for _ in range(420):
        sep = rng.choice(["", "", " "])
        out.append(sep.join(piece(rng) for _ in range(rng.randrange(2, 8))))
    seen, uniq = set(), []
    for s in out:
        if s not in seen:
            seen.add(s)
            uniq.append(s)
    return uniq


def make_bytes():
    rng = random.Random(7)
    bad = [b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe2\x82", b"\xe2", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80",
           b"\xf0\x9f\x98", b"\xf0\x9f", b"\xf0", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe", b"\xc3\x28", b"\xe2\x28\xa1", b"\xf0\x28\x8c\xbc"]
    out = list(bad) + [b"a" + x + b"b 1" + x for x in bad] + [b" " + x + b" " for x in bad] + [x + y for x in bad[::3] for y in bad[::4]]
    while len(out) < 260:
        s = b"".join(rng.choice([piece(rng).encode(), rng.choice(bad), bytes([rng.randrange(128, 256)])]) for _ in range(rng.randrange(2, 7)))
        try:
            s.decode()
        except UnicodeDecodeError:
            out.append(s)
    return sorted(set(out), key=out.index)


# ---------------------------------------------------------------- tokenizers


def byte_alphabet():
    """GPT-2's printable stand-ins for the 256 bytes."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in keep]
    return {b: chr(b) for b in keep} | {b: chr(256 + i) for i, b in enumerate(rest)}


def build(vocab, merges, special, digits):
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level]) if digits else level
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in special])
    return tok


def gguf_tokenizer(path):
    from gguf import GGUFReader

    f = GGUFReader(path).fields
    tokens = f["tokenizer.ggml.tokens"].contents()
    types = f["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in f["tokenizer.ggml.merges"].contents()]
    special = [t for t, k in zip(tokens, types) if k == 3]
    assert special == ALL_SPECIAL
    return tokens, merges, special, build({t: i for i, t in enumerate(tokens)}, merges, special, True)


def small(tokens, merges, special, digits, full_alphabet):
    """The first merges only, ids renumbered: special tokens, the byte tokens, then one per merge."""
    known = set(tokens)
    alphabet = [c for c in sorted(byte_alphabet().values()) if full_alphabet or c in known]
    use = merges[:SMALL_MERGES]
    names = list(special) + alphabet
    names += [m for m in dict.fromkeys(a + b for a, b in use) if m not in names]
    return build({t: i for i, t in enumerate(names)}, use, special, digits)


def write_json(tok, name, merges_as_pairs):
    j = json.loads(tok.to_str())
    pairs = [m if isinstance(m, list) else m.split(" ") for m in j["model"]["merges"]]
    j["model"]["merges"] = pairs if merges_as_pairs else [" ".join(m) for m in pairs]
    text = json.dumps(j, ensure_ascii=False, separators=(",", ":"))
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        f.write(text.replace(',"model":', ',\n"model":').replace(',"merges":', ',\n"merges":') + "\n")
    return type(tok).from_file(os.path.join(HERE, name))  # the ids are those of the file that was written


def write_ids(tok, strings, name):
    both = 0
    with open(os.path.join(HERE, name), "w", encoding="ascii") as f:
        for s in strings:
            tok.encode_special_tokens = False
            a = tok.encode(s, add_special_tokens=False).ids
            tok.encode_special_tokens = True
            b = tok.encode(s, add_special_tokens=False).ids
            line = " ".join(map(str, a))
            if a != b:
                both += 1
                line += " | " + " ".join(map(str, b))
            f.write(line + "\n")
    tok.encode_special_tokens = False
    print(f"{name}: {len(strings)} lines, {both} with two readings, {os.path.getsize(os.path.join(HERE, name))} bytes")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    strings, raw = make_strings(), make_bytes()
    tokens, merges, special, full = gguf_tokenizer(sys.argv[1])
    assert full.encode("x  12").ids == [104, 256, 33, 34]
    with open(os.path.join(HERE, "hard_strings.txt"), "w", encoding="ascii") as f:
        f.writelines(json.dumps(s) + "\n" for s in strings)
    with open(os.path.join(HERE, "hard_strings_bytes.txt"), "w", encoding="ascii") as f:
        f.writelines(b.hex() + "\n" for b in raw)
    replaced = [b.decode("utf-8", errors="replace") for b in raw]
    write_ids(full, strings, "hard_strings_smollm2.ids")
    for kind, special_used, digits in (("small", SMALL_SPECIAL, True), ("gpt2", ["<|endoftext|>"], False)):
        tok = write_json(small(tokens, merges, special_used, digits, not digits), f"hard_strings_{kind}.json", not digits)
        write_ids(tok, strings, f"hard_strings_{kind}.ids")
        write_ids(tok, replaced, f"hard_strings_bytes_{kind}.ids")
    missing = [b for b, c in byte_alphabet().items() if c not in set(tokens)]
    print(f"{len(strings)} strings; {len(missing)} byte tokens missing from the full vocabulary: {bytes(missing).hex(' ')}")


if __name__ == "__main__":
    main()
