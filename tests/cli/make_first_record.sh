#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make_first_record.sh - makes first_record.sql: what `bench run sweeps/smoke.yaml` of commit 6958098 left in its record. Needs that commit in the
# repository, or its built checkout as the argument. Of the rows only those stay that say which runs there are and how they ended: no curves but eval/loss, no scores
# of single rows, checkpoints or speeds.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'git worktree remove --force "$work/tree" 2>/dev/null || true; rm -rf "$work"' EXIT
tree=${1:-}
if [ -z "$tree" ]; then
    tree=$work/tree
    git worktree add --detach "$tree" 6958098
    make -C "$tree" bench
fi
"$tree/bench" run "$tree/experiments/sweeps/smoke.yaml" --db "$work/bench.db"
python3 - "$work/bench.db" "$(realpath "$tree")" >tests/cli/first_record.sql <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for table in "item", "checkpoint", "speed", "event":
    db.execute(f"DELETE FROM {table}")
db.execute("DELETE FROM metric WHERE key <> 'eval/loss'")
db.execute("UPDATE run SET env = NULL")
db.execute("DELETE FROM env")
db.commit()
names = "application_id", "user_version"
pragmas = [f"PRAGMA {n}={db.execute(f'PRAGMA {n}').fetchone()[0]};" for n in names]
print("-- Made by make_first_record.sh: the record of an older bench. Never edited.")
print("\n".join(pragmas + [line.replace(sys.argv[2], "/bench") for line in db.iterdump()]))
PY
