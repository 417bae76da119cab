#!/usr/bin/env bash
# Train under Slurm:
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of train.py]
# Set GPUS (processes in all, 8), GPUS_PER_NODE (at most 8; 0 for machines without), CPUS_PER_TASK
# and SRUN_ARGS as needed.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG [arguments of train.py]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
PYTHON=${PYTHON:-python}
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
DEVICES=()
if [ "$GPUS_PER_NODE" -gt 0 ]; then
    if [ $((GPUS % GPUS_PER_NODE)) -ne 0 ]; then
        echo "error: GPUS=$GPUS is no multiple of GPUS_PER_NODE=$GPUS_PER_NODE: every machine" \
            "gives as many; set GPUS_PER_NODE to a divisor." >&2
        exit 2
    fi
    DEVICES=(--gres="gpu:$GPUS_PER_NODE" --ntasks-per-node="$GPUS_PER_NODE")
fi
export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}

# SRUN_ARGS is split into words on purpose.
# shellcheck disable=SC2086
exec srun -p "$PARTITION" \
    --job-name="$JOB_NAME" \
    "${DEVICES[@]}" \
    --ntasks="$GPUS" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "$PYTHON" -u "$(dirname "$0")/train.py" "$CONFIG" --launcher slurm "${@:4}"
