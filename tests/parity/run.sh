#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/parity/run.sh - every method live in PyTorch + PEFT and here, on models with fresh seeds and on SmolLM2 where it was pulled; then
# adapters in both directions (interchange.py), and in llama.cpp where that environment has it (llamacpp.py); searches and similarities as BEIR and sentence-transformers score them (search.py). Called by `make parity`, which builds the driver.
#
# PARITY_VENV: the Python environment of the reference implementations, outside the tree; made when missing (network, some GB).
# PARITY_SEED: repeats a run. BENCH: the program. Exit code 1: something differs; the files are then kept.
set -u
cd "$(dirname "$0")/../.." || exit 2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/bench
venv=${PARITY_VENV:-$cache/parity-venv} BENCH=${BENCH:-$PWD/bench} BUILD=${BUILD:-build}
seed=${PARITY_SEED:-$((RANDOM + 1))}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TRANSFORMERS_VERBOSITY=error PYTHONWARNINGS=ignore

if [ ! -x "$venv/bin/python" ]; then
    echo "parity: installing torch, transformers and peft into $venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install -q -r tests/parity/requirements.txt ||
        { echo "parity: the reference implementations cannot be installed; PARITY_VENV names an environment that has them" >&2; exit 3; }
fi
work=$(mktemp -d) || exit 2
echo "parity: seed $seed (PARITY_SEED=$seed repeats it)"
"$venv/bin/python" - <<'PY'
import peft, torch, transformers
print(f"parity: torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
PY

golden() { "$venv/bin/python" tests/golden/make_golden.py "$@" >"$work/log" 2>&1 || { tail -20 "$work/log"; exit 2; }; }
golden --out "$work/small" --seed "$seed"
dirs=("$work/small")
model=$("$BENCH" ls models --json | "$venv/bin/python" -c '
import json, sys
print(next((m["path"] for m in json.load(sys.stdin) if m["name"] == "smollm2-135m" and m["present"]), ""))')
if [ -n "$model" ]; then
    golden --out "$work/smollm2" --seed "$seed" --model "$model"
    dirs+=("$work/smollm2")
else
    echo "parity: SmolLM2 is not here (bench pull smollm2-135m): left out"
fi
failed=0
"$BUILD/tests/parity/parity" "${dirs[@]}" || failed=1
if [ -f tests/parity/interchange.py ]; then
    mkdir "$work/interchange" && "$venv/bin/python" tests/parity/interchange.py "$BENCH" "$work/interchange" || failed=1
fi
if "$venv/bin/python" -c 'import beir, sentence_transformers' 2>/dev/null; then
    mkdir "$work/search" && "$venv/bin/python" tests/parity/search.py "$BENCH" "$work/search" "$seed" || failed=1
fi
if [ -f tests/parity/classify.py ]; then
    mkdir "$work/classify" && "$venv/bin/python" tests/parity/classify.py "$BENCH" "$work/classify" || failed=1
fi
if [ -f tests/parity/llamacpp.py ] && "$venv/bin/python" -c 'import llama_cpp' 2>/dev/null; then
    mkdir "$work/llamacpp" && "$venv/bin/python" tests/parity/llamacpp.py "$BENCH" "$work/llamacpp" || failed=1
fi
if ((failed)); then echo "parity: something differs; the files are in $work"; else rm -rf "$work"; fi
exit $failed
