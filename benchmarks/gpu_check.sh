#!/usr/bin/env bash
# What only a GPU can tell, in under ten minutes on one: run it in the root of a clone.
#
#   benchmarks/gpu_check.sh [--dry-run] [RESULTS]
#
# RESULTS (default: $OUT, or work_dirs/gpu_check/results) gets one JSON file for each step (tests,
# benchmark, training, study), summary.json, summary.md and log.txt. A step whose file is there is
# skipped, so the same command goes on after a stop; remove a file to repeat its step. What the
# steps need beside it lies in $WORK (default: work_dirs/gpu_check).
#
# --dry-run, or MACBDF_DEVICE=cpu, tries every step on the CPU in its smallest size, in RESULTS/trial.
#
# $PYTHON names the interpreter (default: .venv/bin/python, or python3), which needs what
# `pip install '.[lite,dev]'` installs. $STUDY_DATA names a rendered demo data set, $STUDY_JOBS how
# many runs of the study share the GPU (default: 8).
#
# Exit code: 0 if every step succeeded, 1 if one did not, 2 for a wrong argument, 3 without a GPU.
set -uo pipefail

results=""
for argument in "$@"; do
    case "$argument" in
    --dry-run) export MACBDF_DEVICE=cpu ;;
    -*)
        echo "error: unknown option $argument; usage: benchmarks/gpu_check.sh [--dry-run] [RESULTS]" >&2
        exit 2
        ;;
    *) results="$argument" ;;
    esac
done
work="${WORK:-work_dirs/gpu_check}"
given="${results:-${OUT:-$work/results}}"
results="$given"
python="${PYTHON:-$(test -x .venv/bin/python && echo .venv/bin/python || echo python3)}"
jobs="${STUDY_JOBS:-8}"
data="${STUDY_DATA:-$work/demo}"
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
if [ "${MACBDF_DEVICE:-cuda}" = cpu ]; then
    # What a step starts must not find a GPU either.
    export CUDA_VISIBLE_DEVICES=""
    # Apart, for a GPU must not skip what was only tried.
    work="$work/trial"
    results="$results/trial"
    data="${STUDY_DATA:-$work/demo}"
    # Minutes are promised of a GPU alone.
    patience=5
    tests=(tests/benchmarks/test_gpu.py)
    rows=(log_mel)
    clips=40
    seeds=(0)
    variants=(full)
    jobs=1
    schedule="$work/short.py"
    mkdir -p "$work" || exit 1
    printf '_base_ = ["%s/configs/_base_/schedules/study.py"]\ntrain_cfg = dict(max_epochs=1)\n' \
        "$PWD" >"$schedule"
    options=(train_dataloader.batch_size=4)
else
    "$python" -m benchmarks.gpu_check device || exit 3
    patience=1
    tests=(tests)
    rows=(gpu)
    clips=600
    seeds=(0 1)
    variants=(full without_contrast without_weights plain_fusion)
    schedule=configs/_base_/schedules/study.py
    options=()
fi

mkdir -p "$work" "$results" || exit 1
log="$results/log.txt"

# step NAME SECONDS COMMAND...: run a command that writes $results/NAME.json, unless that is there.
step() {
    local name="$1" limit="$2" code=0
    shift 2
    if [ -s "$results/$name.json" ]; then
        echo "$name: done before"
        return
    fi
    rm -f "$work/$name.failed"
    echo "$name: at most $limit s"
    echo "== $name" >>"$log"
    SECONDS=0
    timeout --kill-after=10 "$limit" "$@" >>"$log" 2>&1 || code=$?
    if [ "$code" -ne 0 ] || [ ! -s "$results/$name.json" ]; then
        rm -f "$results/$name.json"
        [ "$code" -eq 124 ] && code="time limit of $limit s"
        echo "$code" >"$work/$name.failed"
        echo "$name: failed ($code), see $log"
    else
        echo "$name: done in $SECONDS s"
    fi
}

run_tests() {
    # Without a new one, that of a run before would be read.
    rm -f "$work/tests.xml"
    "$python" -m pytest -q -p no:cacheprovider -m gpu "${tests[@]}" --junitxml "$work/tests.xml"
    "$python" -m benchmarks.gpu_check tests "$work/tests.xml" "$results/tests.json"
}

run_benchmark() {
    "$python" tools/benchmark.py --quick --only "${rows[@]}" --out "$work/benchmark" &&
        cp "$work/benchmark/benchmark.json" "$results/benchmark.json"
}

run_training() {
    "$python" -m benchmarks.gpu_check training "$results/training.json"
}

run_study() {
    if [ ! -f "$data/annotation.json" ]; then
        "$python" tools/make_demo_dataset.py --out "$data" --num-clips "$clips" \
            --workers "$(nproc)" || return 1
    fi
    # Inputs are decoded once, and read from the cache by all runs.
    "$python" tools/run_ablations.py --data "$data" --work-dir "$work/study" --jobs "$jobs" \
        --schedule "$schedule" --seeds "${seeds[@]}" --variants "${variants[@]}" \
        ${options[@]+--cfg-options "${options[@]}"} &&
        cp "$work/study/results/ablations.json" "$results/study.json"
}

# `timeout` starts programs, not functions: it starts this file again for one step.
if [ -n "${GPU_CHECK_STEP:-}" ]; then
    "run_$GPU_CHECK_STEP"
    exit
fi
for limit in tests:150 training:80 benchmark:120 study:220; do
    name="${limit%%:*}"
    step "$name" $((patience * ${limit##*:})) env GPU_CHECK_STEP="$name" bash "$0" "$given"
done
"$python" -m benchmarks.gpu_check summary "$results" "$work"
