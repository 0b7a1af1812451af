#!/usr/bin/env bash
# Installs what the tests need beyond Rust and a C compiler: PostgreSQL's server programs. Does nothing where they are.
set -euo pipefail

has_postgres() {
    command -v initdb >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

if has_postgres; then
    exit 0
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
if command -v apt-get >/dev/null 2>&1; then
    # The tests start clusters of their own, so that the package's need not start.
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        "${as_root[@]}" mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends postgresql >/dev/null
elif command -v dnf >/dev/null 2>&1; then
    "${as_root[@]}" dnf install -y -q postgresql-server
elif command -v brew >/dev/null 2>&1; then
    brew install --quiet postgresql
else
    echo "No package manager found: install PostgreSQL's server (initdb, postgres), then run this again." >&2
    exit 1
fi
