#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""encoder_folder.py DIR: the tiny BERT of tests/golden in DIR as a sentence-transformers folder with a vocabulary of 97 tokens (mean, length 1, 16 tokens)."""

import json
import os
import shutil
import string
import sys

here, out = os.path.dirname(os.path.abspath(__file__)), sys.argv[1]
shutil.copytree(os.path.join(here, "../golden/bert_tiny"), out, dirs_exist_ok=True)
os.makedirs(os.path.join(out, "1_Pooling"), exist_ok=True)
vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "dog", "red", "blue", ".", ",", "!", "?"]
vocab += list(string.ascii_lowercase) + ["##" + c for c in string.ascii_lowercase] + list(string.digits)
vocab += [f"[unused{i}]" for i in range(97 - len(vocab))]
with open(os.path.join(out, "vocab.txt"), "w") as f:
    f.writelines(t + "\n" for t in vocab)
module = "sentence_transformers.models."
for name, content in {
    "tokenizer_config.json": {"do_lower_case": True},
    "modules.json": [{"idx": i, "name": str(i), "path": p, "type": module + t} for i, (p, t) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")))],
    "1_Pooling/config.json": {"word_embedding_dimension": 24, "pooling_mode_mean_tokens": True},
    "sentence_bert_config.json": {"max_seq_length": 16},
    "config_sentence_transformers.json": {"prompts": {"query": "red "}},
}.items():
    with open(os.path.join(out, name), "w") as f:
        json.dump(content, f)
