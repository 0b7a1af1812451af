#!/usr/bin/env bash
# A burst of 10 000 arrivals beside people who wait, and what each further process adds. Parts can be chosen: `work.sh burst replicas`.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/synoptic/target}
source scripts/bench/common.sh
needs python3
needs redis-server
free 18080 18081 18086 18090 18091
cargo build --release --locked --bin synoptic
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
python3 scripts/bench/work.py "$CARGO_TARGET_DIR/release/synoptic" "$@"
