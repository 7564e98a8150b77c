#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Classifiers that go between bench and transformers + PEFT, live:  classify.py BENCH WORKDIR [SEED]

Needs what interchange.py needs. On small random models of every architecture, on single texts and on pairs that are cut:

  peft -> bench   an adapter that PEFT saved for SEQ_CLS gives the same loss in `bench eval --adapter`; BERT's also with a LoRA on its pooler
  bench -> peft   what a run saved gives its eval loss on transformers' class under PeftModel
  merge           `bench merge` of both gives a folder with that loss in transformers' class, and in bench, which takes head and classes from it

Bounds are 1e-4, of losses of order 1. Exit code 1 when one is out of its bound."""
import json
import os
import random
import shutil
import sys

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, LlamaConfig,
                          LlamaForCausalLM, PreTrainedTokenizerFast, RobertaConfig, RobertaModel)

from interchange import HERE, Live

LABELS = ["no", "perhaps", "yes"]
WORDS = "the cat sat on a mat and red blue dogs ran far away from here to there with no one else around us all".split()
TARGETS = {"bert": ["query", "value"], "bert-0": ["query", "value"], "roberta": ["query", "value"], "gpt2": ["c_attn"], "llama": ["q_proj", "v_proj"]}
MAX_LENGTH = 16


def rows(seed):
    rng = random.Random(seed)
    say = lambda: " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 14)))
    return [{"a": say(), "b": say(), "y": rng.choice(LABELS)} for _ in range(24)] + [{"a": "the cat", "b": "a mat", "y": y} for y in LABELS]


def bert_tokenizer(out, types):
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + sorted(set(WORDS)) + [chr(c) for c in range(97, 123) if chr(c) != "a"]
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocab)}, unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=t, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]").save_pretrained(out)
    path = os.path.join(out, "tokenizer_config.json")
    config = json.load(open(path))
    config["tokenizer_class"] = "BertTokenizer" if types else "PreTrainedTokenizerFast"  # which hands no token types on
    json.dump(config, open(path, "w"))


def roberta_tokenizer(out):
    t = json.load(open(os.path.join(HERE, "..", "golden", "hard_strings_gpt2.json")))
    n = len(t["model"]["vocab"])
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    for i, name in enumerate(names):
        t["model"]["vocab"][name] = n + i
    t["added_tokens"] = [{"id": n + i, "content": name, "special": True, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
                         for i, name in enumerate(names)]
    t["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", n + 2], "cls": ["<s>", n], "trim_offsets": True, "add_prefix_space": False}
    json.dump(t, open(os.path.join(out, "tokenizer.json"), "w"))
    json.dump({"tokenizer_class": "RobertaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "cls_token": "<s>",
               "sep_token": "</s>", "mask_token": "<mask>", "model_max_length": 64}, open(os.path.join(out, "tokenizer_config.json"), "w"))
    return n


def make(kind, out, smoke, seed):
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    torch.manual_seed(seed)
    if kind.startswith("bert"):
        bert_tokenizer(out, kind == "bert")
        m = BertModel(BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=97, max_position_embeddings=64,
                                 initializer_range=0.2))
    elif kind == "roberta":
        n = roberta_tokenizer(out)
        m = RobertaModel(RobertaConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=n + 5,
                                       max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, initializer_range=0.2), add_pooling_layer=False)
    else:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(os.path.join(smoke, name), out)
        common = dict(vocab_size=480, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.2)
        m = (GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, **common)) if kind == "gpt2" else
             LlamaForCausalLM(LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                          max_position_embeddings=64, **common)))
    m.save_pretrained(out)


def classifier(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(LABELS), dtype=torch.float32).eval()


def loss(model, tokenizer, data, pairs):
    total = 0.0
    with torch.no_grad():
        for row in data:
            x = tokenizer(row["a"], row["b"] if pairs else None, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
            total += torch.nn.functional.cross_entropy(model(**x).logits, torch.tensor([LABELS.index(row["y"])])).item()
    return total / len(data)


class Classify(Live):
    def texts(self, pairs):
        return {"text": "{a}", "label": "{y}", "labels": LABELS, **({"text2": "{b}"} if pairs else {})}

    def eval(self, model, pairs, *more, labels=True):
        sets = ["--set=data.%s=%s" % (k, json.dumps(v)) for k, v in self.texts(pairs).items() if k != "labels" or labels]
        out = self.run("eval", "--model", model, "--task", "classify", "--data", "rows.jsonl", "--max-length", str(MAX_LENGTH), "--json", *sets, *more)
        return json.loads(out)["eval/loss"]

    def merged(self, kind, what, model, adapter, want, tokenizer, data, pairs):
        out = self.at("merged")
        shutil.rmtree(out, ignore_errors=True)
        self.run("merge", adapter, "--model", model, "-o", out)
        self.report(kind, what, "merge", abs(loss(classifier(out), tokenizer, data, pairs) - want), 1e-4)
        self.report(kind, what, "merge, eval", abs(self.eval(out, pairs, labels="task.json" not in os.listdir(adapter)) - want), 1e-4)

    def theirs(self, kind, model, tokenizer, data, pairs, targets, what):
        torch.manual_seed(self.seed)
        peft = get_peft_model(classifier(model), LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=6, target_modules=targets)).eval()
        for p in peft.parameters():
            if p.requires_grad:
                p.data += 0.2 * torch.randn_like(p)
        folder = self.at("theirs")
        shutil.rmtree(folder, ignore_errors=True)
        peft.save_pretrained(folder)
        want = loss(peft, tokenizer, data, pairs)
        self.report(kind, what, "peft -> bench", abs(self.eval(model, pairs, "--adapter", folder) - want), 1e-4)
        self.merged(kind, what, model, folder, want, tokenizer, data, pairs)

    def ours(self, kind, model, tokenizer, data, pairs, what):
        base = {"model": model, "task": "classify", "method": "lora", "r": 4, "target_modules": "all-linear",
                "data": {"train": self.at("rows.jsonl"), "eval": self.at("rows.jsonl"), **self.texts(pairs)},
                "train": {"steps": 6, "batch_size": 8, "lr": 2e-2, "max_length": MAX_LENGTH}}
        del base["data"]["labels"]
        json.dump({"name": "ours", "base": base}, open(self.at("ours.yaml"), "w"))
        shutil.rmtree(self.at("ours"), ignore_errors=True)
        self.run("run", "ours.yaml", "--db", "ours/bench.db")
        import sqlite3
        path, want = sqlite3.connect(self.at("ours", "bench.db")).execute("SELECT checkpoint_path, eval_loss FROM runs WHERE method = 'lora'").fetchone()
        peft = PeftModel.from_pretrained(classifier(model), path).eval()
        self.report(kind, what, "bench -> peft", abs(loss(peft, tokenizer, data, pairs) - want), 1e-4)
        self.merged(kind, what, model, path, want, tokenizer, data, pairs)


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 31)
    print("seed %d" % seed)
    live = Classify(sys.argv[1], sys.argv[2], seed)
    data = rows(seed)
    with open(live.at("rows.jsonl"), "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in data)
    for kind in TARGETS:
        model = live.at(kind)
        make(kind, model, live.smoke, seed)
        tokenizer = AutoTokenizer.from_pretrained(model)
        for pairs in (False, True):
            what = "pairs" if pairs else "texts"
            live.theirs(kind, model, tokenizer, data, pairs, TARGETS[kind], what)
            if kind == "bert":
                live.theirs(kind, model, tokenizer, data, pairs, ["query", "dense"], what + " dense")
            live.ours(kind, model, tokenizer, data, pairs, what)
    sys.exit(1 if live.failed else 0)


if __name__ == "__main__":
    main()
