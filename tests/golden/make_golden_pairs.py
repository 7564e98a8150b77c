#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the losses of embeddings: sentence-transformers' losses on random embeddings, with their gradients.

    python3 tests/golden/make_golden_pairs.py            (needs torch, sentence-transformers, safetensors)

Writes tests/golden/golden_losses.safetensors. Per case NAME: NAME.emb [texts, rows, dim], NAME.loss [1], NAME.grad (of the loss at emb), and where
it has them NAME.score [rows], NAME.same [texts * rows] (equal numbers: equal texts), NAME.dims, NAME.weights. What the case stands for is in
tests/golden/test_losses.c. sentence-transformers has no rule for equal texts in a batch: the case mnr_same is its formula with those scores set to
minus infinity."""
import os

import torch
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer import losses as st
from sentence_transformers.util import cos_sim

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, DIM = 7, 12
out = {}


class Given(torch.nn.Module):
    """A model whose embeddings are its input."""

    def forward(self, features):
        return {"sentence_embedding": features["emb"]}

    def get_embedding_dimension(self):
        return DIM


def embeddings(texts, rows=ROWS, seed=0):
    g = torch.Generator().manual_seed(seed)
    base = torch.randn(1, rows, DIM, generator=g)
    return base + 0.9 * torch.randn(texts, rows, DIM, generator=g)


def case(name, make, emb, score=None, **more):
    leaves = [e.clone().requires_grad_(True) for e in emb]
    loss = make(Given())
    value = loss([{"emb": e} for e in leaves], score)
    value.backward()
    keep(name, emb, value, torch.stack([e.grad for e in leaves]), score, **more)


def keep(name, emb, value, grad, score=None, **more):
    out[f"{name}.emb"] = emb.contiguous()
    out[f"{name}.loss"] = value.detach().reshape(1)
    out[f"{name}.grad"] = grad.contiguous()
    if score is not None:
        out[f"{name}.score"] = score.float().clone()
    for key, v in more.items():
        out[f"{name}.{key}"] = torch.tensor(v, dtype=torch.float32)


def mnr_same(name, emb, same):
    """The formula with right answers of equal anchors left out."""
    leaves = emb.clone().requires_grad_(True)
    rows = emb.shape[1]
    candidates = leaves[1:].reshape(-1, DIM)
    scores = 20 * cos_sim(leaves[0], candidates)
    anchors, texts = same[:rows], same[rows:]
    right = {(anchors[k], texts[k]) for k in range(rows)}
    mask = torch.tensor([[c != i and (anchors[i], texts[c]) in right for c in range(len(texts))] for i in range(rows)])
    loss = torch.nn.functional.cross_entropy(scores.masked_fill(mask, float("-inf")), torch.arange(rows))
    loss.backward()
    keep(name, emb, loss, leaves.grad, same=same)


def main():
    score = torch.tensor([0.0, 0.2, 0.2, 0.9, 1.0, 0.5, 0.35])
    metric = {"euclidean": 1, "cosine": 0.3, "manhattan": 2}
    case("mnr", lambda m: st.MultipleNegativesRankingLoss(m), embeddings(2))
    case("mnr_hard", lambda m: st.MultipleNegativesRankingLoss(m, scale=12.5), embeddings(4, seed=1))
    case("mnr_blocks", lambda m: st.MultipleNegativesRankingLoss(m, scale=5), embeddings(2, rows=70, seed=2))
    case("mnr_symmetric", lambda m: st.MultipleNegativesSymmetricRankingLoss(m), embeddings(3, seed=3))
    mnr_same("mnr_same", embeddings(3, seed=4), [0, 1, 0, 3, 4, 5, 6] + [7, 8, 9, 10, 8, 12, 10] + [14, 8, 7, 17, 18, 19, 20])
    case("cosent", lambda m: st.CoSENTLoss(m), embeddings(2, seed=5), score)
    case("cosine_mse", lambda m: st.CosineSimilarityLoss(m), embeddings(2, seed=6), score)
    for name, margin in metric.items():
        distance = getattr(st.TripletDistanceMetric, name.upper())
        case(f"triplet_{name}", lambda m: st.TripletLoss(m, distance_metric=distance, triplet_margin=margin), embeddings(3, seed=7))
    dims, weights = [12, 5, 2], [1.0, 0.5, 0.25]
    case("matryoshka_mnr", lambda m: st.MatryoshkaLoss(m, st.MultipleNegativesRankingLoss(m), dims, weights), embeddings(2, seed=8),
         dims=dims, weights=weights)
    case("matryoshka_cosent", lambda m: st.MatryoshkaLoss(m, st.CoSENTLoss(m), dims, weights), embeddings(2, seed=9), score,
         dims=dims, weights=weights)
    case("matryoshka_triplet", lambda m: st.MatryoshkaLoss(m, st.TripletLoss(m, triplet_margin=0.2), dims, weights), embeddings(3, seed=10),
         dims=dims, weights=weights)
    save_file(out, os.path.join(HERE, "golden_losses.safetensors"))


main()
