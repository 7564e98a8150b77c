#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten steps of the tasks `pairs` and `classify` with PyTorch, transformers, PEFT and sentence-transformers' pooling and losses.

    make; python3 tests/golden/make_golden_tasks.py      (needs torch, transformers, peft, sentence-transformers, safetensors)

Models: the smoke model (build/share/models/smoke, the same bytes everywhere), a decoder with last-token pooling; bert_tiny with a vocabulary of words
"w5".."w96" (written to a folder of its own, here and by the test), mean pooling. Writes

  golden_tasks.json                 cases: {name: {model, task, method, rows: [columns of text or label], batches: [[row]], lr, losses}}
  golden_tasks_<name>.safetensors   init.<name>: the adapter's tensors, and the head's, at the start

AdamW, weight decay 0.01, constant rate. Adapters: LoRA r 4, alpha 8 on all linear layers; of a classifier the head trains too."""
import json
import os
import random
import shutil
import tempfile

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer import losses as st
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
SMOKE = os.path.join(HERE, "../../build/share/models/smoke")
TARGETS = {"smoke": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
           "bert": ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]}
STEPS, ROWS, BATCH = 10, 12, 4
rng, seen = random.Random(5), set()


def folder(model):
    if model == "smoke":
        return SMOKE
    d = tempfile.mkdtemp()
    for f in ("config.json", "model.safetensors"):
        shutil.copy(os.path.join(HERE, "bert_tiny", f), d)
    with open(os.path.join(d, "vocab.txt"), "w") as f:
        f.write("".join(w + "\n" for w in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(5, 97)]))
    return d


def tokenizer(model, d):
    return AutoTokenizer.from_pretrained(d) if model == "smoke" else BertTokenizerFast(os.path.join(d, "vocab.txt"))


def text(model):
    """A new one each time: equal texts in a batch are the task's own affair."""
    words = [f"w{i}" for i in range(5, 97)] if model == "bert" else "what is a small red stone quick green tree huge blue horse tiny bird".split()
    while True:
        t = " ".join(rng.choice(words) for _ in range(rng.randint(1, 9)))
        if t not in seen:
            seen.add(t)
            return t


class Embeds(torch.nn.Module):
    """One text at a time, so that no padding takes part."""

    def __init__(self, model, kind, tok):
        super().__init__()
        self.model, self.tok, self.pool = model, tok, Pooling(model.config.hidden_size, "mean" if kind == "bert" else "lasttoken")

    def forward(self, features):
        rows = []
        for t in features["texts"]:
            ids = torch.tensor([self.tok(t)["input_ids"]])
            mask = torch.ones_like(ids)
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            rows.append(self.pool({"token_embeddings": hidden, "attention_mask": mask})["sentence_embedding"][0])
        return {"sentence_embedding": torch.stack(rows)}

    def get_embedding_dimension(self):
        return self.model.config.hidden_size


def lora(model, kind, task_type):
    torch.manual_seed(3)
    return get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS[kind], lora_dropout=0.0, task_type=task_type))


def steps(params, lr, batches, loss_of):
    optimizer, out = torch.optim.AdamW(params, lr=lr, weight_decay=0.01), []
    for rows in batches:
        optimizer.zero_grad()
        loss = loss_of(rows)
        loss.backward()
        optimizer.step()
        out.append(loss.item())
    return out


def pairs(kind, method, lr, columns, make):
    d = folder(kind)
    tok = tokenizer(kind, d)
    model = AutoModel.from_pretrained(d, dtype=torch.float32, attn_implementation="eager").eval()
    if kind == "bert":
        model.pooler = None
    if method == "lora":
        model = lora(model, kind, "FEATURE_EXTRACTION")
    init = {k: v.clone() for k, v in get_peft_model_state_dict(model).items()} if method == "lora" else {}
    rows = [[text(kind) for _ in range(columns)] for _ in range(ROWS)]
    batches = [rng.sample(range(ROWS), BATCH) for _ in range(STEPS)]
    loss = make(Embeds(model, kind, tok))
    columns_of = lambda b: [{"texts": [rows[i][k] for i in b]} for k in range(columns)]
    losses = steps([p for p in model.parameters() if p.requires_grad], lr, batches, lambda b: loss(columns_of(b), None))
    return dict(model=kind, task="pairs", method=method, rows=rows, batches=batches, lr=lr, losses=losses), init


def classify(kind, method, lr):
    d, labels = folder(kind), 3
    tok = tokenizer(kind, d)
    torch.manual_seed(9)
    model = AutoModelForSequenceClassification.from_pretrained(d, num_labels=labels, dtype=torch.float32, attn_implementation="eager").eval()
    head = model.score.weight.detach().clone()
    if method == "lora":
        model = lora(model, kind, "SEQ_CLS")
    init = {k: v.clone() for k, v in get_peft_model_state_dict(model).items()} if method == "lora" else {"base_model.model.score.weight": head}
    rows = [[text(kind), "abc"[rng.randrange(labels)]] for _ in range(ROWS)]
    batches = [rng.sample(range(ROWS), BATCH) for _ in range(STEPS)]

    def loss_of(b):
        logits = torch.cat([model(input_ids=torch.tensor([tok(rows[i][0])["input_ids"]])).logits for i in b])
        return torch.nn.functional.cross_entropy(logits, torch.tensor(["abc".index(rows[i][1]) for i in b]))

    losses = steps([p for p in model.parameters() if p.requires_grad], lr, batches, loss_of)
    return dict(model=kind, task="classify", method=method, rows=rows, batches=batches, lr=lr, losses=losses), init


def main():
    mnr = lambda m: st.MultipleNegativesRankingLoss(m)
    cases = {}
    for name, (case, init) in {
        "pairs_smoke_full": pairs("smoke", "full", 1e-4, 2, mnr),
        "pairs_smoke_lora": pairs("smoke", "lora", 1e-3, 3, mnr),
        "pairs_bert_full": pairs("bert", "full", 1e-3, 2, mnr),
        "pairs_bert_lora": pairs("bert", "lora", 5e-3, 2, mnr),
        "classify_smoke_full": classify("smoke", "full", 1e-3),
        "classify_smoke_lora": classify("smoke", "lora", 5e-3),
    }.items():
        cases[name] = case
        if init:
            save_file({f"init.{k}": v.contiguous() for k, v in init.items()}, os.path.join(HERE, f"golden_tasks_{name}.safetensors"))
    json.dump(cases, open(os.path.join(HERE, "golden_tasks.json"), "w"), separators=(",", ":"))
    for name, c in cases.items():
        print(name, ["%.5f" % x for x in c["losses"]])


main()
