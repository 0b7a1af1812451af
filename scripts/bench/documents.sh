#!/usr/bin/env bash
# Documents stored a second, and how long lists, filters and searches take with 10 000 documents and with DOCUMENTS (a million unless said
# otherwise), on SQLite and on a PostgreSQL server of its own, which waits for the disk as one does. With DATABASES=sqlite or
# DATABASES=postgres on one of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
as_server() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
cleanup() {
    [ ! -f "$folder/pg/postmaster.pid" ] || as_server "$programs/pg_ctl" -D "$folder/pg" -m immediate stop >/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
large=${DOCUMENTS:-1000000}
bench() { cargo bench --quiet --locked --bench documents -- "$1" 10000 "$large"; }

for database in ${DATABASES:-sqlite postgres}; do
    echo "== $database"
    if [ "$database" = sqlite ]; then
        bench "sqlite:$folder/bench.db"
        du -h "$folder/bench.db"
        rm -f "$folder"/bench.db*
        continue
    fi
    [ -n "$programs" ] || { echo "PostgreSQL is missing: apt-get install -y postgresql" >&2; exit 1; }
    [ "$(id -u)" != 0 ] || chown postgres "$folder"
    (
        cd "$folder"
        as_server "$programs/initdb" -D "$folder/pg" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
        as_server "$programs/pg_ctl" -D "$folder/pg" -w -l "$folder/pg/server.log" \
            -o "-c listen_addresses='' -c unix_socket_directories='$folder' -c shared_buffers=1GB -c max_wal_size=4GB" start >/dev/null
    )
    bench "postgres://postgres@localhost/postgres?host=$folder"
    du -sh "$folder/pg/base"
done
