#!/usr/bin/env bash
# Takes back what scripts/install.sh did. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
Usage: scripts/uninstall.sh [--prefix DIR] [--purge] [--dry-run]

Stops the service and removes the program, its units and its Nginx site. Settings (/etc/ccr-ui), logs, backups and the database
stay, so that scripts/install.sh can begin where it ended.

  --prefix DIR  what install.sh was given; default /usr/local
  --purge       also removes settings and secrets, logs, the user ccr, and the database when ccr-ui-setup made it on this
                machine. Backups in /var/backups/ccr-ui stay
  --dry-run     print what it would do, do nothing
  -h, --help    this text

Exit status: 0 done (also when nothing was there); 1 failed, with one line saying why; 2 wrong arguments.
END
}

prefix=/usr/local purge='' dry_run=''
while (($#)); do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --purge) purge=1 ;;
    --dry-run) dry_run=1 ;;
    --prefix)
        [ -n "${2:-}" ] || { usage >&2 && exit 2; }
        prefix=$2
        shift
        ;;
    *)
        printf "uninstall: '%s' is not an argument it knows; see scripts/uninstall.sh --help\n" "$1" >&2
        exit 2
        ;;
    esac
    shift
done
[ -n "$dry_run" ] || ((EUID == 0)) || die "this needs root; run it with sudo (--dry-run does not)"

act() {
    if [ -n "$dry_run" ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

list=$prefix/share/ccr-ui-backend/installed-files
units=(ccr-ui-backup.timer ccr-ui-housekeeping.timer ccr-ui-events.socket ccr-ui-events.service ccr-ui-backend.socket ccr-ui-backend.service)

say "${BOLD}service${PLAIN}"
for unit in "${units[@]}"; do
    if grep -qs "/$unit\$" "$list"; then
        [ ! -d /run/systemd/system ] || act systemctl --quiet stop "$unit"
        ! command -v systemctl >/dev/null || act systemctl --quiet disable "$unit"
    fi
done

if [ ! -d /run/systemd/system ] && processes=$(pgrep -d ' ' -u ccr 2>/dev/null); then
    die "processes of ccr still run; end them first: kill $processes"
fi

say "${BOLD}Nginx site${PLAIN}"
site=/etc/nginx/sites-enabled/ccr-ui-backend
[ -e "$site" ] || [ -L "$site" ] || site=/etc/nginx/conf.d/ccr-ui-backend.conf
if [ -e "$site" ] || [ -L "$site" ]; then
    # What it includes goes with the program, and Nginx would then not start.
    act rm -f "$site"
    if [ -d /run/systemd/system ]; then
        act systemctl reload nginx.service || say "      Nginx was not reloaded"
    elif [ -s /run/nginx.pid ] && kill -0 "$(cat /run/nginx.pid)" 2>/dev/null; then
        act nginx -s reload || say "      Nginx was not reloaded"
    fi
fi

say "${BOLD}files under $prefix${PLAIN}"
if [ -e "$list" ]; then
    mapfile -t files <"$list"
    act rm -f "${files[@]}" "$list"
    act rm -rf /etc/systemd/system/ccr-ui-{backend,events}.socket.d
    act rm -rf "$prefix/lib/ccr-ui-backend" # with the versions that update.sh kept
    for folder in /run/ccr-ui-{backend,events} "$prefix"/share/{doc/,}ccr-ui-backend; do
        [ ! -d "$folder" ] || act find "$folder" -depth -type d -empty -delete
    done
    [ ! -d /run/systemd/system ] || act systemctl daemon-reload
else
    say "      none: $list is not there"
fi
[ -n "$purge" ] || exit 0

say "${BOLD}data${PLAIN}"
if grep -qxs 'database_made=ccr_ui_db' /var/lib/ccr-ui/setup; then
    # A database that cannot be dropped must not lose its key: nothing else is removed then.
    # Nothing of root's environment: PGHOST would lead to another server.
    act setsid --wait runuser -u postgres -- env -i -C / PATH="$PATH" PGOPTIONS='-c search_path=pg_catalog' psql -qAtX -v ON_ERROR_STOP=1 -d postgres -c 'SET client_min_messages = error' \
        -c 'DROP DATABASE IF EXISTS ccr_ui_db WITH (FORCE)' -c 'DROP ROLE IF EXISTS ccr_user' ||
        die "the database was not dropped; start PostgreSQL, then run this again"
fi
act rm -f /etc/nginx/sites-available/ccr-ui-backend
act rm -rf /etc/ccr-ui /var/lib/ccr-ui /var/log/ccr-ui
! getent passwd ccr >/dev/null || act userdel ccr
! getent group ccr >/dev/null || act groupdel ccr
