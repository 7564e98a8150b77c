#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of rankings, similarities and classes: tests/golden/golden_metrics.json.

    python3 tests/golden/make_golden_metrics.py          (needs numpy, scipy, scikit-learn, sentence-transformers)

Rankings by sentence-transformers' InformationRetrievalEvaluator on given scores (with ties; ids sort as their numbers do); nDCG with grades by
trec_eval's formula, here in plain Python. Correlations by scipy, classes by scikit-learn."""
import json
import math
import os

import numpy as np
from scipy import stats
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sklearn import metrics

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(11)


def graded_ndcg(order, grade, k):
    gain = [grade.get(d, 0) / math.log2(i + 2) for i, d in enumerate(order[:k])]
    ideal = [g / math.log2(i + 2) for i, g in enumerate(sorted(grade.values(), reverse=True)[:k])]
    return sum(gain) / sum(ideal)


def ranking(documents, relevant, digits):
    ids = [f"{i:04d}" for i in range(documents)]
    grade = {ids[i]: int(rng.integers(1, 5)) for i in rng.choice(documents, relevant, replace=False)}
    score = np.round(rng.normal(size=documents) + [0.5 * grade.get(i, 0) for i in ids], digits)
    ks = [1, 3, 10, 100]
    ev = InformationRetrievalEvaluator({"q": "q"}, {i: i for i in ids}, {"q": set(grade)}, mrr_at_k=ks, ndcg_at_k=ks, accuracy_at_k=ks,
                                       precision_recall_at_k=ks, map_at_k=ks)
    m = ev.compute_metrics([[{"score": float(s), "corpus_id": i} for s, i in zip(score, ids)]])
    order = sorted(ids, key=lambda i: (-score[int(i)], i))
    names = {"accuracy@k": "accuracy", "precision@k": "precision", "recall@k": "recall", "mrr@k": "mrr", "ndcg@k": "ndcg", "map@k": "map"}
    return {"score": score.tolist(), "grade": [grade.get(i, 0) for i in ids], "k": ks,
            "binary": {names[key]: [float(v[k]) for k in ks] for key, v in m.items() if key in names},
            "graded_ndcg": [graded_ndcg(order, grade, k) for k in ks]}


def similarity(n, digits):
    x = np.round(rng.normal(size=n), digits)
    y = np.round(x + rng.normal(size=n), digits)
    return {"x": x.tolist(), "y": y.tolist(), "pearson": stats.pearsonr(x, y)[0], "spearman": stats.spearmanr(x, y)[0],
            "ranks": stats.rankdata(x).tolist()}


def classes(n, k, right):
    truth = rng.integers(0, k, n)
    guess = np.where(rng.random(n) < right, truth, rng.integers(0, k, n))
    if k > 3:
        guess[guess == k - 1] = 0  # a class that nobody predicts
    return {"classes": k + 1, "truth": truth.tolist(), "guess": guess.tolist(),  # and one that never occurs
            "accuracy": metrics.accuracy_score(truth, guess), "f1_macro": metrics.f1_score(truth, guess, average="macro"),
            "f1": metrics.f1_score(truth, guess, average=None, labels=list(range(k + 1)), zero_division=0).tolist(),
            "matthews": metrics.matthews_corrcoef(truth, guess)}


json.dump({"rankings": [ranking(5, 1, 1), ranking(40, 3, 1), ranking(150, 12, 2), ranking(150, 120, 1), ranking(300, 2, 0)],
           "similarities": [similarity(5, 3), similarity(60, 1), similarity(40, 0)],
           "classes": [classes(30, 2, 0.7), classes(80, 5, 0.5), classes(20, 2, 0.0)]},
          open(os.path.join(HERE, "golden_metrics.json"), "w"), separators=(",", ":"))
