#!/usr/bin/env bash
# Builds this checkout and makes it a service of this machine. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
Usage: scripts/install.sh [--prefix DIR] [--no-packages] [--dry-run] [options of ccr-ui-setup]

Installs the Debian packages it needs, builds, copies the program and its files under DIR (default /usr/local), and has
ccr-ui-setup do the rest: user, settings, database, schema, systemd units, Nginx site. It asks nothing. Run again from a newer
checkout it upgrades: settings and data stay, the schema follows, requests wait at the socket while the service restarts.

  --prefix DIR      where to; /usr/local, /usr or a folder of its own
  --no-packages     install no packages; without apt-get (CentOS, RHEL) that is so anyway
  --dry-run         print what it would do, do nothing
  -h, --help        this text

ccr-ui-setup's: --server-name NAME, --certificate FILE, --key FILE, --database-url-file FILE, --ui DIR, --no-nginx,
  VARIABLE=VALUE
  (scripts/setup.sh --help explains them)

Exit status: 0 done; 1 failed, with one line saying why; 2 wrong arguments. scripts/uninstall.sh takes it back.
END
}

wrong_usage() {
    printf 'install: %s; see scripts/install.sh --help\n' "$*" >&2
    exit 2
}

prefix=/usr/local packages=1 dry_run='' setup=() remote='' with_nginx=1
while (($#)); do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=1 setup+=(--dry-run) ;;
    --no-packages) packages='' ;;
    --no-nginx) with_nginx='' setup+=(--no-nginx) ;;
    --prefix | --server-name | --certificate | --key | --database-url | --database-url-file | --ui)
        [ -n "${2:-}" ] || wrong_usage "$1 needs a value"
        case $1 in
        --prefix) prefix=$2 ;;
        --certificate | --key) setup+=("$1" "$(cd "$CALLED_FROM" && realpath -s "$2")") ;;
        --database-url-file)
            [ "$2" = - ] && setup+=("$1" -) || setup+=("$1" "$(cd "$CALLED_FROM" && realpath -s "$2")")
            ;;
        --ui)
            ui=$2
            if [ "$ui" != none ]; then
                ui=$(cd "$CALLED_FROM" && realpath -ms -- "$2")
                check_ui "$ui" # now, not after the build
            fi
            setup+=(--ui "$ui")
            ;;
        *) setup+=("$1" "$2") ;;
        esac
        [[ $1 != --database-url* ]] || remote=1
        shift
        ;;
    [A-Z]*=*) setup+=("$1") ;;
    *) wrong_usage "'$1' is not an argument it knows" ;;
    esac
    shift
done
[[ $prefix =~ ^/[A-Za-z0-9._/+-]*[A-Za-z0-9]$ ]] || wrong_usage "--prefix '$prefix' is not an absolute path"
case $prefix in
/usr | /usr/local) units=$prefix/lib/systemd/system ;;
*) units=/etc/systemd/system ;; # systemd looks for units nowhere under another prefix
esac
[ -n "$dry_run" ] || ((EUID == 0)) || die "this needs root; run it with sudo (--dry-run does not)"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

wanted=("${BUILD_PACKAGES[@]}")
[ -n "$remote" ] || wanted+=(postgresql)
[ -z "$with_nginx" ] || wanted+=(nginx openssl)
say "${BOLD}Debian packages${PLAIN}"
if [ -z "$packages" ] || ! command -v apt-get >/dev/null; then
    say "      left out"
elif [ -n "$dry_run" ]; then
    say "      would install: $(missing_packages "${wanted[@]}" | paste -sd ' ')"
else
    install_packages "$scratch/packages.log" "${wanted[@]}"
fi

say "${BOLD}building${PLAIN}"
# A build folder of its own: root's files do not get into the owner's.
if [ -n "$dry_run" ]; then
    say "      would run: make, and make install PREFIX=$prefix UNITDIR=$units"
    CCR_BINARY=$prefix/bin/ccr-ui-backend "$ROOT/scripts/setup.sh" "${setup[@]}"
    exit 0
fi
run_long "$scratch/build.log" make -j "$(nproc)" BUILD="$scratch/build" ||
    die "the build failed: $(grep -m1 -iE 'error|not found' "$scratch/build.log" || tail -n 1 "$scratch/build.log")"
say "${BOLD}files under $prefix${PLAIN}"
installation=(make --no-print-directory install BUILD="$scratch/build" PREFIX="$prefix" UNITDIR="$units")
"${installation[@]}" DESTDIR="$scratch/files" >"$scratch/install.log" 2>&1 || die "make install: $(tail -n 1 "$scratch/install.log")"
if [ -d /etc/logrotate.d ]; then
    install -D -m 0644 deploy/logrotate/ccr-ui-backend "$scratch/files/etc/logrotate.d/ccr-ui-backend"
fi
# The list is what uninstall.sh removes; what an earlier version had and this one has not goes now.
(cd "$scratch/files" && find . ! -type d -printf '/%P\n' | sort) >"$scratch/list"
list=$prefix/share/ccr-ui-backend/installed-files
if [ -e "$list" ]; then
    comm -23 "$list" "$scratch/list" | xargs -r -d '\n' rm -f
fi
"${installation[@]}" DESTDIR='' >"$scratch/install.log" 2>&1 || die "make install: $(tail -n 1 "$scratch/install.log")"
[ ! -d /etc/logrotate.d ] || install -m 0644 deploy/logrotate/ccr-ui-backend /etc/logrotate.d/ccr-ui-backend
install -m 0644 "$scratch/list" "$list"
CCR_BINARY=$prefix/bin/ccr-ui-backend "$prefix/sbin/ccr-ui-setup" "${setup[@]}"
