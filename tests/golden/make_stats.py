#!/usr/bin/env python3
"""Reference values for harness/base/stats.h from scipy, written to stats.json beside this file.

    python3 tests/golden/make_stats.py            (needs: numpy, scipy)

Each case holds its inputs with all digits and what scipy says of them. Holm's correction is written out here by its
definition (scipy has none). The bootstrap of another generator can agree only up to its own sampling error: scipy's
percentile interval and standard error come from 200,000 resamples.
"""
import json
import os

import numpy as np
from scipy import stats

rng = np.random.default_rng(20240501)


def holm(p):
    order, out, worst = np.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for k, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - k) * p[i]))
        out[i] = worst
    return out


t = [
    {"t": x, "df": df, "cdf": stats.t.cdf(x, df), "p": 2 * stats.t.sf(abs(x), df)}
    for df in (1, 2, 3, 4.37, 9, 29, 120, 5000)
    for x in (-40.0, -6.5, -1.0, 0.0, 0.3, 2.2, 12.0)
]
quantile = [
    {"q": q, "df": df, "t": stats.t.ppf(q, df)}
    for df in (1, 2, 2.5, 4, 10, 31, 200, 1e5)
    for q in (1e-6, 0.025, 0.4, 0.5, 0.9, 0.975, 0.9995)
]

mean = []
for v in (
    [3.2781],
    [3.2781, 3.2901],
    list(3.3 + 0.01 * rng.standard_normal(3)),
    list(rng.standard_normal(40) * 1e6 + 1e9),
    [2.5, 2.5, 2.5],
):
    n = len(v)
    half = stats.t.ppf(0.975, n - 1) * stats.sem(v) if n > 1 else None
    mean.append({"v": v, "mean": float(np.mean(v)), "sd": float(np.std(v, ddof=1)) if n > 1 else None, "ci": half})

paired, unpaired = [], []
for n, m, shift in ((2, 2, 0.3), (3, 3, 0.02), (5, 9, 0.0), (60, 47, -0.4)):
    a, b = list(rng.standard_normal(n)), list(rng.standard_normal(m) * 2 + shift)
    c = [x + shift + 0.1 * y for x, y in zip(a, rng.standard_normal(n))]
    r, w = stats.ttest_rel(c, a), stats.ttest_ind(b, a, equal_var=False)
    for out, res, x, y in ((paired, r, a, c), (unpaired, w, a, b)):
        ci = res.confidence_interval(0.95)
        out.append({"a": x, "b": y, "diff": float(np.mean(y) - np.mean(x)), "df": float(res.df), "lo": float(ci.low),
                    "hi": float(ci.high), "p": float(res.pvalue)})

boot = []
for v in (list(rng.standard_normal(25)), list(rng.exponential(2.0, 200)), [0.31, 1.7, 2.9, 0.02, 4.4, 1.1, 9.3]):
    r = stats.bootstrap((v,), np.mean, n_resamples=200000, method="percentile", rng=1, vectorized=True, batch=1000)
    boot.append({"v": v, "se": float(r.standard_error), "lo": float(r.confidence_interval.low),
                 "hi": float(r.confidence_interval.high)})

p_values = ([0.01, 0.04, 0.03, 0.005], [0.2], [0.5, 0.5, 0.9], list(rng.uniform(0, 0.1, 12)), [0.0, 1.0, 0.02, 0.02])
families = [{"p": list(p), "adjusted": holm(p)} for p in p_values]
ranks = [{"v": v, "rank": list(stats.rankdata(v))} for v in ([3.0, 1.0, 2.0], [1.0, 1.0, 5.0, 1.0, 5.0], [7.0],
                                                           list(np.round(rng.standard_normal(30), 1)))]
quant = [{"v": sorted(v), "q": q, "value": float(np.quantile(v, q))}
         for v in ([4.0], [1.0, 2.0], list(rng.standard_normal(11))) for q in (0.0, 0.025, 0.5, 0.9, 1.0)]

out = {"t": t, "quantile": quantile, "mean": mean, "paired": paired, "unpaired": unpaired, "bootstrap": boot,
       "holm": families, "ranks": ranks, "value_below": quant}


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x if x is None else float(x)


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stats.json"), "w") as f:
    f.write("{" + ",\n".join(f'"{k}": [\n' + ",\n".join(json.dumps(c) for c in plain(v)) + "]" for k, v in out.items()) + "}\n")
