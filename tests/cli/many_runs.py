#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""many_runs.py DB COPIES: every run of a record COPIES times more, as further seeds, with their curves."""
import sqlite3
import sys

db = sqlite3.connect(sys.argv[1])
copies = int(sys.argv[2])
runs, seeds, orders = db.execute("SELECT max(r.id), max(c.seed) + 1, max(c.ord) + 1 FROM run r, sweep_point c").fetchone()
columns = [r[1] for r in db.execute("PRAGMA table_info(run)") if r[1] not in ("id", "seed")]
for k in range(1, copies + 1):
    db.execute(f"INSERT INTO sweep_point (sweep, point, seed, ord) SELECT sweep, point, seed + {k * seeds}, ord + {k * orders}"
               f" FROM sweep_point WHERE seed < {seeds}")
    db.execute(f"INSERT INTO run (id, seed, {', '.join(columns)}) SELECT id + {k * runs}, seed + {k * seeds},"
               f" {', '.join(columns)} FROM run WHERE id <= {runs}")
    db.execute(f"INSERT INTO metric SELECT run + {k * runs}, key, step, value, kind FROM metric WHERE run <= {runs}")
db.commit()
