#!/usr/bin/env bash
# Runs every test, then once more on PostgreSQL those of the API, which take one database at a time; closes with the counts of all
# test programs together. With arguments, which go to `cargo test`, only what these select, on SQLite.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
run() {
  cargo test --locked --no-fail-fast "$@" 2>&1 | tee -a "$log"
  local ended=${PIPESTATUS[0]}
  [ "$ended" -eq 0 ] || status=$ended
}

run "$@"
if [ $# -eq 0 ]; then
  echo "Once more on PostgreSQL:"
  SYNOPTIC_TEST_DATABASE=postgres run --test api --test models
fi
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$log"
exit "$status"
