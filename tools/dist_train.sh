#!/usr/bin/env bash
# Train on several devices of one or more machines:
#   tools/dist_train.sh CONFIG NUM_PROCESSES [arguments of train.py]
# More machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG NUM_PROCESSES [arguments of train.py]" >&2
    exit 2
fi
CONFIG=$1
NUM_PROCESSES=$2
PYTHON=${PYTHON:-python}

# -P: no module of the current folder is run.
exec "$PYTHON" -P -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$NUM_PROCESSES" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "${@:3}"
