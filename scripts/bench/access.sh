#!/usr/bin/env bash
# What access costs, in one run on loopback: requests a second with an access token, an API key and a cookie, as ratios to the
# same answer at a public address; and how long other requests wait while passwords are being hashed.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/synoptic/target}
export CARGO_TARGET_DIR=$target
source scripts/bench/common.sh
needs wrk
needs curl
needs python3
free 18080 18082
cargo build --release --locked --bin synoptic --example access_cost

folder=$(mktemp -d)
pids=()
cleanup() { kill "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"; }
trap cleanup EXIT
median() { sort -n | awk '{ values[NR] = $1 } END { print values[int((NR + 1) / 2)] }'; }
rate() { wrk -t1 -c32 -d"${SECONDS_EACH:-4}" "$@" | awk '/Requests\/sec/ { print int($2) } /Non-2xx/ { print "errors" > "/dev/stderr" }'; }

SYNOPTIC_LOG__FILTER=warn "$target/release/examples/access_cost" >"$folder/credentials" &
pids+=($!)
wait_for http://127.0.0.1:18082/api/public "${pids[0]}"
token=$(awk '/^token/ { print $2 }' "$folder/credentials")
key=$(awk '/^key/ { print $2 }' "$folder/credentials")
cookie=$(awk '/^cookie/ { print $2 }' "$folder/credentials")
base=http://127.0.0.1:18082/api
# The same request goes to both, so that the longer header counts for neither.
for round in 1 2 3 4 5; do
    for kind in token key cookie; do
        case $kind in
            token) header="Authorization: Bearer $token" ;;
            key) header="Authorization: Bearer $key" ;;
            cookie) header="Cookie: synoptic_session=$cookie" ;;
        esac
        for address in public protected; do
            rate -H "$header" "$base/$address" >>"$folder/$kind.$address"
        done
    done
done
for kind in token key cookie; do
    awk -v p="$(median <"$folder/$kind.public")" -v k="$(median <"$folder/$kind.protected")" -v n="$kind" \
        'BEGIN { printf "%s: public %d requests/s, protected %d requests/s, ratio %.3f\n", n, p, k, k / p }'
done
kill "${pids[0]}" && wait "${pids[0]}" 2>/dev/null || true

# The proxy is trusted, so that the sign-ins come from many addresses and are not refused as too many from one.
(cd "$folder" && SYNOPTIC_SERVER__TRUSTED_PROXIES=127.0.0.1 SYNOPTIC_LOG__FILTER=warn exec "$target/release/synoptic" serve --demo --bind 127.0.0.1:18080 >demo.txt) &
pids=($!)
wait_for http://127.0.0.1:18080/readyz "${pids[0]}"
key=$(grep -o 'syn_[A-Za-z0-9_-]*' "$folder/demo.txt" | head -1)
document=http://127.0.0.1:18080/api/collections/tickets/documents/T-1001
latency() { python3 scripts/bench/latency.py "$document" "$key" "$@"; }
latency 0
latency "${SIGN_INS:-50}"
