#!/usr/bin/env bash
# Runs test programs side by side. Usage: scripts/run-programs.sh [-j JOBS] [--under COMMAND] PROGRAM...
# Prints "== NAME" and what the program printed, program by program. One that takes longer than TEST_LIMIT seconds (300) is
# ended and named. Exit status 1 when one failed.
set -uo pipefail

jobs=$(nproc) under=''
while [[ ${1:-} == -* ]]; do
    case $1 in
    -j) jobs=$2 ;;
    --under) under=$2 ;;
    *) printf "run-programs: '%s' is not an argument it knows\n" "$1" >&2 && exit 2 ;;
    esac
    shift 2
done

run_one() {
    local program=$1 status=0
    # shellcheck disable=SC2086  # a command with its arguments
    timeout --kill-after=10 "$limit" $under "$program" >"$scratch/${program##*/}" 2>&1 </dev/null || status=$?
    exec 9>"$scratch/.turn"
    flock 9
    echo "== ${program##*/}"
    cat "$scratch/${program##*/}"
    case $status in
    0) ;;
    124 | 137) echo "      ${program##*/} was ended: it took longer than $limit s (TEST_LIMIT)" ;;
    *) echo "      ${program##*/} ended with status $status" ;;
    esac
    return $((status != 0))
}

limit=${TEST_LIMIT:-300} scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export under limit scratch
export -f run_one
(($#)) || exit 0
# shellcheck disable=SC2016  # expanded by the inner shell
printf '%s\0' "$@" | xargs -0 -P "$jobs" -I{} bash -c 'run_one "$1"' run {} || exit 1
