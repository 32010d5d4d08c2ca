# shellcheck shell=bash
# What quickstart.sh, setup.sh, install.sh and test.sh share: progress, errors, Debian packages. Source it; it changes to the checkout's top.

# shellcheck disable=SC2034  # the sourcing script uses it
CALLED_FROM=$PWD
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT" || exit
PROGRAM=$(basename "$0" .sh)
PATH=$PATH:/usr/sbin:/sbin # a plain user's PATH lacks nginx
export PATH LC_ALL=C.UTF-8

BUILD_PACKAGES=(build-essential pkg-config libfcgi-dev libpq-dev libjansson-dev libjwt-dev libsodium-dev libsystemd-dev
    libtomlplusplus-dev libcurl4-openssl-dev libhiredis-dev libyaml-dev libarchive-dev zlib1g-dev libwebsockets-dev)
RUN_PACKAGES=(nginx libjs-bootstrap5 spawn-fcgi postgresql-15 curl jq)

BOLD='' DIM='' RED='' PLAIN=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m'
fi

say() { printf '%s\n' "$*"; }

# One line: what is wrong, and what to do next.
die() {
    printf '%s%s: %s%s\n' "$RED" "$PROGRAM" "$*" "$PLAIN" >&2
    exit 1
}

# Runs a command with its output in LOG and shows that time passes: a counter on a terminal, a line every 15 s elsewhere.
# Returns the command's status.
run_long() {
    local log=$1 ticker status=0
    shift
    tick &
    ticker=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    [ ! -t 1 ] || printf '\r\e[K'
    return "$status"
}

tick() {
    local from=$SECONDS shown=0 passed
    # The last sleep outlives us: it must hold neither our output nor quickstart's lock.
    while sleep 1 >/dev/null 2>&1 9>&- && kill -0 $$ 2>/dev/null; do
        passed=$((SECONDS - from))
        if [ -t 1 ]; then
            printf '\r      %s%d s%s' "$DIM" "$passed" "$PLAIN"
        elif ((passed >= shown + 15)); then
            shown=$passed
            printf '      %d s ...\n' "$passed"
        fi
    done
}

missing_packages() {
    local package installed
    installed=$(dpkg-query -W -f='${binary:Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/:[a-z0-9]* / /; s/ installed$//p' || true)
    for package in "$@"; do
        grep -qxF "$package" <<<"$installed" || say "$package"
    done
}

# Installs what is missing of the named packages, as root or through sudo; asks for nothing when all are there.
install_packages() {
    local log=$1 missing=() root=() why
    shift
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this needs Debian 12 or a relative of it with apt-get, which is not here; on another system follow docs/operations.md by hand"
    fi
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "packages are missing and there is no sudo; as root run: apt-get install ${missing[*]}"
        sudo -v || die "packages are missing and sudo refuses; as root run: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say "      installing ${missing[*]}"
    # shellcheck disable=SC2016  # expanded by the inner shell
    if ! run_long "$log" "${root[@]}" sh -c "$INSTALL" install "${missing[@]}"; then
        why=$(grep -m1 '^E: ' "$log" || tail -n 1 "$log")
        mapfile -t missing < <(missing_packages "$@")
        die "cannot install ${missing[*]}: ${why#E: } (see $log); mend apt, then run this again"
    fi
}

# policy-rc.d keeps Debian's own nginx and postgresql services from being started by their installation.
# shellcheck disable=SC2016
INSTALL='
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    trap "exit 130" INT TERM
    printf "#!/bin/sh\nexit 101\n" >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q || echo "apt-get update failed; trying with the lists at hand"
apt-get install -qy --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
'

# need_space MEGABYTES FOLDER
need_space() {
    local free
    free=$(df -Pm "$2" | awk 'NR == 2 {print $4}')
    ((free >= $1)) || die "only $free MB are free on the disk of $2, at least $1 MB are needed; free some, then run this again"
}

# --- CCR UI --------------------------------------------------------------------------------------------------------------

# check_ui DIR: ends with one line unless it is an absolute path to what CCR UI's build made.
check_ui() {
    local part what="--ui takes the folder that CCR UI's build makes, with index.html and assets/"
    [[ $1 =~ ^/[^\"\\\$[:cntrl:]]*$ ]] || die "--ui '$1': Nginx cannot be given a path with such characters; rename it"
    [ -d "$1" ] || die "--ui $1: there is no such folder; $what"
    for part in '' /frontend /ccr-ui/frontend; do
        [ -e "$1$part/package.json" ] || continue
        [ ! -e "$1$part/dist/index.html" ] || die "--ui $1 is CCR UI's source; give the build that is in it: --ui $1$part/dist"
        die "--ui $1 is CCR UI's source; build it first (in $1$part: npm ci && npm run build), then --ui $1$part/dist"
    done
    for part in index.html assets; do
        [ -e "$1/$part" ] || die "--ui $1 has no $part; $what"
    done
}

# Some of CCR UI's pages have an address written in, localhost and one of these ports.
declare -A UI_PAGES=([8081]="CCR UI's pages of Droid's models, profiles and droids work" [48081]="CCR UI's page Monitoring works")

has_ipv6_loopback() { grep -qs '^00000000000000000000000000000001 ' /proc/net/if_inet6; }

# Where CCR UI is served besides the site's own address, a line each.
default_ui_listen() {
    printf '127.0.0.1:%s\n' "${!UI_PAGES[@]}"
    ! has_ipv6_loopback || printf '[::1]:%s\n' "${!UI_PAGES[@]}"
}

# in_use ADDRESS:PORT: does something listen there? IPv6 addresses are in brackets.
in_use() {
    local address=${1%:*}
    address=${address#[}
    (exec 3<>"/dev/tcp/${address%]}/${1##*:}") 2>/dev/null
}

# free_for_ui FILE ADDRESS:PORT...: those that no other program listens on, and a line on standard error for each of the rest. FILE is
# the configuration that our Nginx runs with, which listens there itself; empty when none runs.
free_for_ui() {
    local file=${1:-/dev/null} place
    for place in "${@:2}"; do
        if ! in_use "$place" || grep -qF "listen $place;" "$file"; then
            printf '%s\n' "$place"
        else
            say "      $place is in use by another program and left out: ${UI_PAGES[${place##*:}]:-CCR UI works} at no other port" >&2
        fi
    done
}
