#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/statistics/vectors.csv: what harness/analysis/verdict.h must say of five small settings.

An implementation of its own, on scipy's t and F (numpy and scipy are needed; no test runs this):
    python3 tests/statistics/make_vectors.py >tests/statistics/vectors.csv
Columns: case, of, a, b, value, expected. a and b are configurations; differences are b - a.
"""
import itertools
import math

import numpy as np
from scipy import optimize, special, stats

# case: goal, scores [configuration][seed], or rows [configuration][seed][row] with weights; tried
W = [4, 9, 3, 12, 7, 5]
ROWS = [
    [[2.10, 3.00, 1.50, 4.20, 2.80, 3.30], [2.05, 3.10, 1.45, 4.25, 2.90, 3.20]],
    [[2.30, 3.05, 1.70, 4.40, 2.85, 3.50], [2.25, 3.20, 1.60, 4.30, 3.05, 3.45]],
    [[2.20, 3.00, 1.80, 4.10, 3.00, 3.40]],
]
RIGHT = [
    [[1, 1, 0, 1, 1, 1, 0, 1, 1, 1], [1, 1, 0, 1, 1, 0, 0, 1, 1, 1]],
    [[1, 1, 1, 1, 1, 1, 0, 1, 1, 1], [1, 1, 0, 1, 1, 1, 1, 1, 1, 1]],
]
SEEDS = [[3.2750, 3.2791, 3.2718], [3.3012, 3.2950, 3.3079], [3.2899, 3.2981, 3.2870], [3.4010, 3.3921, 3.3968]]
MIXED = [[.5534, .5540, .5529], [.5564, .5591, .5540], [.5545], [.5300, .4100, .5750], [.5525, .5548, .5505]]
CASES = {
    "seeds": dict(g=-1, scores=SEEDS),
    "mixed": dict(g=1, scores=MIXED),
    "rows": dict(g=-1, rows=ROWS, w=W),
    "rows-tried": dict(g=-1, rows=ROWS, w=W, tried=[4, 1, 2]),
    "zero-one": dict(g=1, rows=RIGHT, w=[1] * 10, q=1),
}
# Expected largest of n standard normal values.
BEST = [0, 0, 0.5641895835477563, 0.8462843753216345, 1.0293753730039641, 1.1629644736405196,
        1.2672063606114713, 1.3521783756069042, 1.4236003060450443]


def luck(tried, v, n):
    e = BEST[tried] if tried < len(BEST) else stats.norm.ppf((tried - 0.375) / (tried + 0.25))
    return e * math.sqrt(v / n)


def biased_half(se, df, bias):
    """|error + bias| stays below it with 95 %."""
    inside = lambda x: stats.t.cdf((x - bias) / se, df) - stats.t.cdf((-x - bias) / se, df)
    top = 2 * (stats.t.ppf(0.975, df) * se + bias)
    return optimize.brentq(lambda x: inside(x) - 0.95, 0, top, xtol=1e-16, rtol=1e-14)


def quantile(level, vs, dfs, vr, dfr, df):
    t = lambda d: stats.t.ppf(1 - level / 2, d)
    return (vs * t(dfs) + vr * t(dfr)) / (vs + vr) if dfs < 3 and vr > 0 else t(df)


def setting(name, g, scores=None, rows=None, w=None, tried=None, q=0):
    out = lambda of, a, b, value, x: print(f"{name},{of},{a},{b},{value},{float(x)!r}")
    if rows:
        w = np.array(w, float)
        scores = [[float(np.dot(w, y) / w.sum()) for y in c] for c in rows]
        R = len(w)
        k = w * R / w.sum()
    n = [len(m) for m in scores]
    tried = tried or [1] * len(n)
    s2 = [np.var(m, ddof=1) if len(m) > 1 else math.nan for m in scores]
    pool = [c for c in range(len(n)) if n[c] > 1]
    pooled = lambda of: sum((n[c] - 1) * s2[c] for c in of) / sum(n[c] - 1 for c in of)
    for _ in range((len(pool) - 1) // 3):
        c = max(pool, key=lambda i: s2[i])
        rest = [i for i in pool if i != c]
        if stats.f.sf(s2[c] / pooled(rest), n[c] - 1, sum(n[i] - 1 for i in rest)) >= 0.01 / len(pool):
            break
        pool = rest
    unstable = [n[c] > 1 and c not in pool for c in range(len(n))]
    s2p, nu = pooled(pool), sum(n[c] - 1 for c in pool)
    out("pool", "", "", "s2_pool", s2p)
    out("pool", "", "", "df_pool", nu)
    v, dv = [], []
    for c in range(len(n)):
        d = n[c] - 1
        v.append(s2[c] if unstable[c] else max(s2p, (s2p + d * s2[c]) / (1 + d)) if d else s2p)
        dv.append(d if unstable[c] else nu)
        half = biased_half(math.sqrt(v[c] / n[c]), dv[c], luck(tried[c], v[c], n[c]))
        for key, x in (("mean", np.mean(scores[c])), ("s2_own", s2[c]), ("unstable", unstable[c]), ("v_used", v[c]),
                       ("df_used", dv[c]), ("half95", half)):
            out("config", c, "", key, x)
    if rows:
        own, total, df = [], 0, 0
        for y in map(np.array, rows):
            e = y - y.mean(0)
            e = e - (e @ w / w.sum())[:, None]
            d = (len(y) - 1) * (R - 1)
            own.append(((k * e) ** 2).sum() / d if d else math.inf)
            total, df = total + ((k * e) ** 2).sum(), df + d
        mse = total / df
        out("rows", "", "", "ms_residual", mse)
    K = len(n) * (len(n) - 1) // 2
    for a, b in itertools.combinations(range(len(n)), 2):
        D = np.mean(scores[b]) - np.mean(scores[a])
        va, vb = v[a] / n[a], v[b] / n[b]
        vs, vr, dfr = va + vb, 0.0, math.inf
        if rows:
            x = np.mean(rows[b], 0) - np.mean(rows[a], 0)
            raw = (((k * (x - x @ w / w.sum())) ** 2).sum() + q * q) / (R * (R - 1))
            res = (min(mse, own[a]) / n[a] + min(mse, own[b]) / n[b]) / R
            vr, dfr = max(0.0, raw - res), R - 1
            out("pair", a, b, "v_rows_raw", raw)
            out("pair", a, b, "v_residual", res)
        den = va**2 / dv[a] + vb**2 / dv[b] if unstable[a] or unstable[b] else vs**2 / nu
        dfs, V = vs**2 / den, vs + vr
        df = V**2 / (den + (vr**2 / dfr if vr else 0))
        flat = g * (luck(tried[b], s2p, min(n[a], n[b])) - luck(tried[a], s2p, min(n[a], n[b])))
        allow = max(0, flat if D > 0 else -flat)
        t = max(0, abs(D) - allow) / math.sqrt(V)
        Q = lambda level: quantile(level, vs, dfs, vr, dfr, df)
        if dfs < 3 and vr > 0:
            p = 1.0 if t == 0 else math.exp(optimize.brentq(lambda u: Q(math.exp(u)) - t, -30, -1e-15, xtol=1e-14, rtol=1e-14))
        else:
            p = special.stdtr(df, -t) * 2
        ends = lambda h: (D - h - max(0, flat), D + h + max(0, -flat))
        lo, hi = ends(Q(0.05) * math.sqrt(V))
        lo_all, hi_all = ends(Q(0.05 / K) * math.sqrt(V))
        for key, x in (("D", D), ("seeds", vs), ("rows", vr), ("V", V), ("dfs", dfs), ("df", df), ("allow", allow), ("t", t),
                       ("p", p), ("lo95", lo), ("hi95", hi), ("lo_all", lo_all), ("hi_all", hi_all), ("p_all", min(1, K * p))):
            out("pair", a, b, key, x)


print("case,of,a,b,value,expected")
for name, case in CASES.items():
    setting(name, **case)
