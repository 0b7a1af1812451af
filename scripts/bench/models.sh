#!/usr/bin/env bash
# What Synoptic adds to calls to a model, on loopback: latency next to the same calls made directly, answers out of the cache next
# to a bare poem handler and next to the real small model, memory over 200 000 requests, and the ledger of 5 000.
# Parts can be chosen: `scripts/bench/models.sh overhead cached latency memory ledger`.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
cache=${XDG_CACHE_HOME:-$HOME/.cache}/synoptic
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
parts=("$@")
[ $# -gt 0 ] || parts=(overhead cached latency memory ledger)
source scripts/bench/common.sh
needs curl
needs python3
if [[ " ${parts[*]} " == *" latency "* ]] && ! cmp -s tests/llm/requirements.txt "$cache/llm/.installed"; then
    echo "the small language model is missing: run scripts/install-test-tools.sh" >&2
    exit 1
fi
free 18080 18081 18090 18091 18092
cargo build --release --locked --bin synoptic --example bare_handler --example scripted_upstream --example model_load
bin=$CARGO_TARGET_DIR/release

folder=$(mktemp -d -p "${BENCH_FOLDER:-${TMPDIR:-/tmp}}")
pids=()
cleanup() { kill "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"; }
trap cleanup EXIT

cat >"$folder/synoptic.toml" <<'TOML'
[auth]
admin_password = "violet-harbour-42-tulip-engine"
[limits]
principal_per_second = 0
TOML
provider() { # name, port, model, more settings
    printf '[[providers]]\nname = "%s"\nbase_url = "http://127.0.0.1:%s/v1"\nconcurrency = 64\n%s\n' "$1" "$2" "${4:-}"
    printf '[[providers.models]]\nname = "%s"\ncontext_tokens = 2048\nmax_output_tokens = 256\ninput = "0.15"\noutput = "0.60"\n' "$3"
}
{
    provider upstream 18090 ok
    provider mirror 18091 ok
    provider local 18092 smollm2 'api_key_env = "LOCAL_KEY"'
} >>"$folder/synoptic.toml"

mkfifo "$folder/open"
# Keeps the standard input of what ends with it open, for as long as this script runs: nothing else has it.
exec 9<>"$folder/open"
"$bin/examples/scripted_upstream" 127.0.0.1:18090 <"$folder/open" >/dev/null 9>&- &
pids+=($!)
"$bin/examples/bare_handler" 9>&- &
pids+=($!)
(cd "$folder" && LOCAL_KEY=test-key exec "$bin/synoptic" serve --bind 127.0.0.1:18080 >out.txt 2>err.txt) 9>&- &
server=$!
pids+=("$server")
api=http://127.0.0.1:18080
wait_for $api/readyz "$server" "$folder/err.txt"
field() { python3 -c 'import json, sys; value = json.load(sys.stdin)
for name in sys.argv[1:]: value = value[name]
print(value)' "$@"; }
post() { curl -sf -H 'Content-Type: application/json' "$@"; }
token=$(post $api/api/auth/login -d '{"email": "admin@localhost.localdomain", "password": "violet-harbour-42-tulip-engine"}' | field access_token)
made=$(post $api/api/keys -H "Authorization: Bearer $token" -d '{"name": "bench"}')
key=$(field secret <<<"$made")
# A budget that is never used up: everything is set aside and settled.
post -o /dev/null $api/api/budgets -H "Authorization: Bearer $token" \
    -d "{\"name\": \"bench\", \"subject\": \"key\", \"subject_id\": \"$(field key id <<<"$made")\", \"unit\": \"microdollars\", \"amount\": 1000000000000, \"window\": \"month\"}"

echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
for part in "${parts[@]}"; do
    echo "== $part"
    case $part in
        overhead) "$bin/examples/model_load" overhead "$key" "${CALLS:-2000}" 9>&- ;;
        cached) "$bin/examples/model_load" cached "$key" "${HITS:-40000}" 9>&- ;;
        latency)
            python3 tests/llm/serve.py "$cache/llm" 18092 test-key smollm2 2 2048 <"$folder/open" >/dev/null 2>"$folder/llm.txt" 9>&- &
            pids+=($!)
            wait_for http://127.0.0.1:18092/health $! "$folder/llm.txt"
            "$bin/examples/model_load" latency "$key" 9>&-
            ;;
        memory) "$bin/examples/model_load" memory "$key" "${REQUESTS:-200000}" "$server" 9>&- ;;
        ledger)
            (cd "$root" && SYNOPTIC_LEDGER_REQUESTS=5000 cargo test --locked --test e2e ledger:: -- --nocapture 2>/dev/null |
                grep -E 'answers|test result')
            ;;
        *) echo "no such part: $part" >&2 && exit 1 ;;
    esac
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
