# What the measurements share; to be read with `source`.

# needs PROGRAM: ends when it is missing. Its package has the same name.
needs() {
    command -v "$1" >/dev/null || { echo "$1 is missing: apt-get install $1" >&2; exit 1; }
}

# free PORT…: ends when something listens there already, which would be measured in place of what is started.
free() {
    local port
    for port in "$@"; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "something listens on port $port already: end it first" >&2
            exit 1
        fi
    done
}

# wait_for URL PID [LOG]: until the process answers there; ends when it does not within a minute, or is gone.
wait_for() {
    local end=$((SECONDS + 60))
    until curl -sf --max-time 5 -o /dev/null "$1"; do
        if ! kill -0 "$2" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
            echo "nothing answers at $1" >&2
            [ -z "${3:-}" ] || tail -n 20 "$3" >&2
            exit 1
        fi
        sleep "${PAUSE:-0.05}"
    done
}
