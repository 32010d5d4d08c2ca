#!/usr/bin/env bash
# What `make bench`, `make bench-against`, `make bench-abuse` and `make soak` run. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PYTHON=/usr/bin/python3 # Debian's own has the modules; another may come first in PATH
PEER=tests/bench/fastify
BENCH_PACKAGES=(wrk php8.2-fpm php8.2-pgsql)
SOAK_PACKAGES=(redis-server)

usage() {
    cat <<'END'
Usage: scripts/bench.sh [bench] [OPTION...]   measures speed, see below
       scripts/bench.sh against COMMIT [OPTION...]
                                              compares this checkout with another commit, on a noisy machine, too
       scripts/bench.sh abuse [OPTION...]     what others feel while one user does his worst
       scripts/bench.sh soak [OPTION...]      loads a whole system for long while its parts fail
       scripts/bench.sh --install             only installs

Installs the Debian packages that are missing (as root, or with sudo) and what npm has to bring, builds the programs, then
runs tests/bench/bench.py, against.py, abuse.py or soak.py with the options. They start PostgreSQL, Nginx and everything else
themselves, on free ports and in a folder of their own in /tmp, and remove it at the end.

END
    "$PYTHON" tests/bench/"$what".py --help
}

install_all() {
    local packages=("${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" python3-psycopg python3-requests)
    case $what in
    soak) packages+=("${SOAK_PACKAGES[@]}") ;;
    against) packages+=(wrk) ;;
    bench)
        packages+=("${BENCH_PACKAGES[@]}")
        command -v npm >/dev/null || packages+=(nodejs npm)
        ;;
    esac
    mkdir -p build
    install_packages build/bench-packages.log "${packages[@]}"
    [ "$what" != bench ] || install_peer
}

# npm ci removes and fetches everything: only when the lock file has changed since.
install_peer() {
    if [ "$PEER/node_modules/.package-lock.json" -nt "$PEER/package-lock.json" ]; then
        return 0
    fi
    say "      npm ci in $PEER"
    run_long build/bench-npm.log npm ci --prefix "$PEER" --no-audit --no-fund ||
        die "npm ci in $PEER failed, see build/bench-npm.log; mend the way to the npm registry, then run this again"
}

what=bench
case ${1:-} in
bench | against | abuse | soak)
    what=$1
    shift
    ;;
esac
case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
esac
install_all >&2
[ "${1:-}" != --install ] || exit 0
make --no-print-directory -j "$(nproc)" build/ccr-ui-backend build/bench/baseline >&2
exec "$PYTHON" tests/bench/"$what".py "$@"
