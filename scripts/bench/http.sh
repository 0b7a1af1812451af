#!/usr/bin/env bash
# Requests a second of the server (document GET, classify of a text) next to a bare poem handler, in one run on loopback.
# Prints medians of three interleaved rounds, their ratios, start-up time, memory and the size of the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/synoptic/target}
export CARGO_TARGET_DIR=$target
source scripts/bench/common.sh
needs wrk
needs curl
free 18080 18081
cargo build --release --locked --bin synoptic --example bare_handler

folder=$(mktemp -d)
cleanup() { kill "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"; }
pids=()
trap cleanup EXIT

# Limits that count and never refuse.
export SYNOPTIC_LIMITS__PRINCIPAL_PER_SECOND=1000000000 SYNOPTIC_LIMITS__PRINCIPAL_BURST=1000000000

milliseconds() { date +%s%3N; }
began=$(milliseconds)
(cd "$folder" && exec "$target/release/synoptic" serve --bind 127.0.0.1:18080 >out.txt 2>err.txt) &
pids+=($!)
PAUSE=0.005 wait_for http://127.0.0.1:18080/readyz "${pids[0]}" "$folder/err.txt"
echo "start-up to ready, new database: $(($(milliseconds) - began)) ms"
echo "idle memory: $(awk '/VmRSS/ { print int($2 / 1024) " MiB" }' "/proc/${pids[0]}/status")"
echo "binary: $(du -m "$target/release/synoptic" | cut -f1) MiB"
kill "${pids[0]}" && wait "${pids[0]}" 2>/dev/null || true

(cd "$folder" && exec "$target/release/synoptic" serve --demo --bind 127.0.0.1:18080 >demo.txt 2>err.txt) &
pids=($!)
"$target/release/examples/bare_handler" &
pids+=($!)
wait_for http://127.0.0.1:18080/readyz "${pids[0]}" "$folder/err.txt"
wait_for http://127.0.0.1:18081/ "${pids[1]}"
key=$(grep -o 'syn_[A-Za-z0-9_-]*' "$folder/demo.txt" | head -1)
cat >"$folder/classify.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"text": "I was charged twice this month, please refund one payment.", "taxonomy": "ticket-topic"}'
LUA

rate() { wrk -t1 -c32 -d5 -H "Authorization: Bearer $key" "$@" | awk '/Requests\/sec/ { print int($2) } /Non-2xx/ { print "errors" > "/dev/stderr" }'; }
median() { sort -n | sed -n 2p; }
for round in 1 2 3; do
    rate http://127.0.0.1:18081/ >>"$folder/bare"
    rate http://127.0.0.1:18080/api/collections/tickets/documents/T-1001 >>"$folder/get"
    rate -s "$folder/classify.lua" http://127.0.0.1:18080/api/classify >>"$folder/classify"
done
bare=$(median <"$folder/bare") get=$(median <"$folder/get") classify=$(median <"$folder/classify")
awk -v b="$bare" -v g="$get" -v c="$classify" 'BEGIN {
    printf "bare handler: %d requests/s\ndocument GET: %d requests/s, ratio %.2f\n", b, g, g / b
    printf "classify, recorded: %d requests/s, ratio %.3f\n", c, c / b }'
echo "memory under load: $(awk '/VmRSS/ { print int($2 / 1024) " MiB" }' "/proc/${pids[0]}/status")"
