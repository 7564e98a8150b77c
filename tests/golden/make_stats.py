#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reference values for harness/base/stats.h from scipy, written to stats.json beside this file.

    python3 tests/golden/make_stats.py            (needs: numpy, scipy)

Each case holds its inputs with all digits and what scipy says of them.
"""
import json
import os

import numpy as np
from scipy import stats

rng = np.random.default_rng(20240501)


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
    mean.append({"v": v, "mean": float(np.mean(v)), "sd": float(np.std(v, ddof=1)) if n > 1 else None})

out = {"t": t, "quantile": quantile, "mean": mean}


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x if x is None else float(x)


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stats.json"), "w") as f:
    f.write("{" + ",\n".join(f'"{k}": [\n' + ",\n".join(json.dumps(c) for c in plain(v)) + "]" for k, v in out.items()) + "}\n")
