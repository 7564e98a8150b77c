#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hard strings (make_hard_strings.py) under BERT's WordPiece, with reference ids from the Hugging Face `tokenizers` library.

    python3 tests/golden/make_hard_strings_bert.py FOLDER      FOLDER: all-MiniLM-L6-v2, its tokenizer.json; needs tokenizers

writes beside itself

  hard_strings_bert.json    that tokenizer.json with a part of its vocabulary: the special tokens, all single characters, and of the rest the first
                            1,200 words and 400 pieces, ids renumbered; BertNormalizer, BertPreTokenizer, [CLS] and [SEP] around a text
  hard_strings_bert.ids, hard_strings_bytes_bert.ids
  hard_strings_cased.ids    of the same tokenizer with lowercase and strip_accents false

The form of an .ids file is that of make_hard_strings.py.
"""

import json
import os
import sys

from make_hard_strings import HERE, write_ids
from tokenizers import Tokenizer

WORDS, PIECES = 1200, 400


def small(full):
    vocab = sorted(full["model"]["vocab"], key=full["model"]["vocab"].get)
    special = [t["content"] for t in full["added_tokens"]]
    plain = [t for t in vocab if t not in special and not t.startswith("[unused")]
    bare = {t: t.removeprefix("##") for t in plain}
    keep = special + [t for t in plain if len(bare[t]) == 1]
    long = [t for t in plain if len(bare[t]) > 1]
    keep += [t for t in long if not t.startswith("##")][:WORDS] + [t for t in long if t.startswith("##")][:PIECES]
    ids = {t: i for i, t in enumerate(keep)}
    out = json.loads(json.dumps(full)) | {"truncation": None, "padding": None}
    out["model"]["vocab"] = ids
    for t in out["added_tokens"]:
        t["id"] = ids[t["content"]]
    for name, t in out["post_processor"]["special_tokens"].items():
        t["ids"] = [ids[name]]
    return out


def write(name, tok):
    path = os.path.join(HERE, name)
    text = json.dumps(tok, ensure_ascii=False, separators=(",", ":"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(',"model":', ',\n"model":').replace(',"vocab":', ',\n"vocab":') + "\n")
    return Tokenizer.from_file(path)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(os.path.join(sys.argv[1], "tokenizer.json"), encoding="utf-8") as f:
        bert = small(json.load(f))
    cased = bert | {"normalizer": bert["normalizer"] | {"lowercase": False, "strip_accents": False}}
    with open(os.path.join(HERE, "hard_strings.txt"), encoding="ascii") as f:
        strings = [json.loads(line) for line in f]
    with open(os.path.join(HERE, "hard_strings_bytes.txt"), encoding="ascii") as f:
        raw = [bytes.fromhex(line).decode("utf-8", errors="replace") for line in f]
    tok = write("hard_strings_bert.json", bert)
    write_ids(tok, strings, "hard_strings_bert.ids")
    write_ids(tok, raw, "hard_strings_bytes_bert.ids")
    write_ids(Tokenizer.from_str(json.dumps(cased)), strings, "hard_strings_cased.ids")


if __name__ == "__main__":
    main()
