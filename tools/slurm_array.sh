#!/usr/bin/env bash
# Do a command of this folder in parts, each a job of a Slurm array, then once more to put all
# together:
#   tools/slurm_array.sh PARTITION JOB_NAME NUM_PARTS COMMAND.py [its arguments]
# such as
#   tools/slurm_array.sh cpu faces 32 prepare_faces.py annotation.json --data-root data --out faces
# Every part gets --shard I/N and --num-workers. A part that ends with an error, or at its time
# limit, is begun again by the same line: what is done is in its journal.
# Set CPUS_PER_TASK, MAX_PARALLEL (parts at the same time) and SBATCH_ARGS (such as --mem=16G
# --time=12:00:00 --gres=gpu:1) as needed.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB_NAME NUM_PARTS COMMAND.py [its arguments]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
NUM_PARTS=$3
COMMAND="$(cd "$(dirname "$0")" && pwd)/$4"
PYTHON=${PYTHON:-python}
CPUS_PER_TASK=${CPUS_PER_TASK:-8}
LIMIT=${MAX_PARALLEL:+%$MAX_PARALLEL}
printf -v WORDS '%q ' "$PYTHON" -u "$COMMAND" "${@:5}" --num-workers "$CPUS_PER_TASK"

# SBATCH_ARGS is split into words on purpose.
# shellcheck disable=SC2086
PARTS=$(sbatch --parsable -p "$PARTITION" --job-name="$JOB_NAME" --array="1-$NUM_PARTS$LIMIT" \
    --cpus-per-task="$CPUS_PER_TASK" ${SBATCH_ARGS:-} \
    --wrap "exec $WORDS --shard \$SLURM_ARRAY_TASK_ID/$NUM_PARTS")
# After all of them, whatever became of each: it does what a part has left, and writes the outputs.
# shellcheck disable=SC2086
sbatch -p "$PARTITION" --job-name="$JOB_NAME-merge" --dependency="afterany:${PARTS%%;*}" \
    --cpus-per-task="$CPUS_PER_TASK" ${SBATCH_ARGS:-} --wrap "exec $WORDS"
