# SPDX-License-Identifier: Apache-2.0
"""search.py - random retrieval folders and sentence pairs, scored here and by BEIR's evaluator and sentence-transformers.

usage: search.py BENCH WORK SEED. Makes tiny BERT encoders (random weights) as sentence-transformers folders, one per similarity function, and
corpora with equal texts, missing and empty titles, queries that are documents, grades from -1 to 3, pairs judged twice, documents that are not
there. The search itself is done in NumPy on sentence-transformers' own vectors. Exit code 1: a score differs by more than 2e-5 (BEIR rounds to 5
digits), a correlation by more than 5e-4 (ranks of nearly equal values)."""
import json, os, random, subprocess, sys, warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch
from beir.retrieval.evaluation import EvaluateRetrieval
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

bench, work, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(seed)
torch.manual_seed(seed)
words = "red blue stone horse river number small large seven tree house under over word cat dog".split()
failed = 0


def text(n):
    return " ".join(rng.choice(words) for _ in range(n))


def make_model(similarity):
    plain, folder = f"{work}/plain", f"{work}/{similarity}"
    os.makedirs(plain, exist_ok=True)
    with open(f"{plain}/vocab.txt", "w") as f:
        f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words))
    BertTokenizerFast(f"{plain}/vocab.txt").save_pretrained(plain)
    BertModel(BertConfig(vocab_size=5 + len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                         max_position_embeddings=256, initializer_range=0.3)).save_pretrained(plain)
    st = SentenceTransformer(modules=[Transformer(plain), Pooling(32, "mean")], similarity_fn_name=similarity, device="cpu")
    st.save(folder)
    return folder, st.eval()


def make_folder(path):
    os.makedirs(f"{path}/qrels", exist_ok=True)
    corpus, queries, qrels = {}, {}, {}
    for i in range(300):
        doc, k = {"title": text(2), "text": text(rng.randint(1, 6))}, rng.random()
        if k < 0.1:
            del doc["title"]
        elif k < 0.2:
            doc["title"] = ""
        corpus[f"d{i}" if i % 3 else str(i)] = doc
    ids = list(corpus)
    rng.shuffle(ids)
    for a, b in zip(ids[:40], ids[40:80]):
        corpus[b] = dict(corpus[a])
    for i in range(60):
        queries[ids[i] if i % 2 else f"q{i}"] = document(corpus[ids[i]]) if i % 2 else text(3)
    for q in queries:
        qrels[q] = {d: rng.choice([0, 0, 1, 2, 3, -1]) for d in rng.sample(ids, 6)}
        if rng.random() < 0.2:
            qrels[q] = {d: 0 for d in qrels[q]}
        if rng.random() < 0.3:
            qrels[q][f"gone{rng.randint(0, 9)}"] = rng.choice([0, 1, 2])
        if rng.random() < 0.3 and q in corpus:
            qrels[q][q] = 2
    for name, rows in ("corpus", corpus), ("queries", {q: {"text": t} for q, t in queries.items()}):
        with open(f"{path}/{name}.jsonl", "w") as f:
            f.writelines(json.dumps({"_id": i, **row}) + "\n" for i, row in rows.items())
    with open(f"{path}/qrels/test.tsv", "w") as f:
        f.write("query-id\tcorpus-id\tscore\n")
        for q in qrels:
            for d, grade in qrels[q].items():
                if rng.random() < 0.1:
                    f.write(f"{q}\t{d}\t{rng.choice([0, 1, 2])}\n")
                f.write(f"{q}\t{d}\t{grade}\n")
    return corpus, queries, qrels


def document(row):
    return (row.get("title", "") + " " + row["text"]).strip()


def compare(what, want, got, most=2e-5):
    global failed
    for key, value in want.items():
        bad = not abs(value - got[key]) < most
        failed |= bad
        if bad:
            print(f"search: {what}: {key}: theirs {value:.6f}, ours {got[key]:.6f}")


def run(*args):
    out = subprocess.run([bench, "eval", "--task", "pairs", "--json", *args], capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout)


def search(model, st, similarity):
    corpus, queries, qrels = make_folder(f"{work}/set")
    ids = list(corpus)
    vectors = st.encode([document(corpus[i]) for i in ids], convert_to_tensor=True).double()
    scores = st.similarity(st.encode([queries[q] for q in qrels], convert_to_tensor=True).double(), vectors).numpy().round(6)
    results = {q: {i: float(s) for i, s in zip(ids, row)} for q, row in zip(qrels, scores)}
    ndcg, ap, recall, precision = EvaluateRetrieval.evaluate(qrels, results, [10, 100])
    best = {q: dict(sorted(r.items(), key=lambda x: (x[1], x[0]), reverse=True)) for q, r in results.items()}
    mrr = EvaluateRetrieval.evaluate_custom(qrels, best, [10], "mrr")
    accuracy = EvaluateRetrieval.evaluate_custom(qrels, best, [1, 10], "acc")
    want = {"ndcg@10": ndcg["NDCG@10"], "map@100": ap["MAP@100"], "recall@10": recall["Recall@10"], "recall@100": recall["Recall@100"],
            "precision@10": precision["P@10"], "mrr@10": mrr["MRR@10"], "accuracy@1": accuracy["Accuracy@1"],
            "accuracy@10": accuracy["Accuracy@10"]}
    compare(f"BEIR, {similarity}", {f"test/{k}": v for k, v in want.items()}, run("--model", model, "--data", f"{work}/set"))


def similarities(model, st, similarity):
    rows = [(text(rng.randint(1, 6)), text(rng.randint(1, 6)), round(rng.random() * 5, 2)) for _ in range(200)]
    with open(f"{work}/pairs.tsv", "w") as f:
        f.write("a\tb\ts\n" + "".join(f"{a}\t{b}\t{s}\n" for a, b, s in rows))
    a, b, s = zip(*rows)
    told = EmbeddingSimilarityEvaluator(list(a), list(b), list(s))(st)
    want = {f"eval/{k}": told[f"{k}_{similarity}"] for k in ("spearman", "pearson")}
    compare(f"sentence-transformers, {similarity}", want, run("--model", model, "--data", f"{work}/pairs.tsv", "--set", "data.sentence1={a}",
                                                              "--set", "data.sentence2={b}", "--set", "data.score={s}"),
            5e-4)


for name in "cosine", "dot", "euclidean", "manhattan":
    folder, transformer = make_model(name)
    search(folder, transformer, name)
    similarities(folder, transformer, name)
print("search: " + ("something differs" if failed else "BEIR's and sentence-transformers' scores, by four similarity functions"))
sys.exit(failed)
