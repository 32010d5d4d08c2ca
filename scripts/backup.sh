#!/usr/bin/env bash
# Backs the database up into one verified file. See --help.
set -euo pipefail
# shellcheck source=scripts/database.sh
. "$(dirname "${BASH_SOURCE[0]}")/database.sh"

usage() {
    cat <<'END'
Usage: scripts/backup.sh [OPTIONS]

Writes the whole database, all workspaces, into DIR/ccr-ui-DATABASE-TIME.dump (pg_dump's custom format, TIME in UTC) while
the service runs, and its SHA-256 beside it. The file gets its name only once it was read back to its end and has exactly the
rows of every table that the database had at that moment; what is there under a name is a good backup. Old ones are removed
after that, never before.

  --env-file FILE   settings with DATABASE_URL (default: /etc/ccr-ui/ccr-ui.env; a variable in the environment wins)
  --directory DIR   where backups go (default: /var/backups/ccr-ui); made with mode 0700 when missing
  --keep-days N     remove backups older than N days (default: 30; 0 = keep all). The newest good one always stays
  --prune-only      only remove what is too old
  --json            one JSON object on standard output, also when it failed
  --quiet           nothing on standard output when all is well
  -h, --help        this text

The role of DATABASE_URL is enough: it owns the tables, and sets ccr.maintenance=on, which the row-level security policies
let through. That every table's policy does so is checked first. A superuser's URL works as well.
A backup holds API tokens only sealed: SECRETS_KEY, which opens them, is in the env file. Keep that file, too, elsewhere.

Root becomes the user whose DIR is before it touches anything there, and writes nothing where others than root and one user
could lead it elsewhere. A DIR that is missing it makes for the user ccr, if there is one.

Exit status: 0 done; 64 wrong arguments; 65 the backup did not pass its check, or row-level security would hide rows from it;
69 the database cannot be reached, or pg_dump failed; 73 the file cannot be written (disk full, permissions); 75 another
backup runs in DIR; 78 a wrong setting; 129, 130, 143 ended by a signal. After any but 0 DIR is as before.

Examples:
  backup.sh --env-file /etc/ccr-ui/ccr-ui.env --directory /var/backups/ccr-ui
  15 2 * * *  /usr/local/lib/ccr-ui-backend/backup.sh --quiet    (in the crontab of a user who may read the env file)
END
}

service_user=ccr
env_file=/etc/ccr-ui/ccr-ui.env directory=/var/backups/ccr-ui keep_days=30 prune_only='' json='' quiet=''
parse_arguments() {
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --env-file | --directory | --keep-days)
            [ -n "${2:-}" ] || wrong_usage "$1 needs a value"
            case $1 in
            --env-file) env_file=$2 ;;
            --directory) directory=$2 ;;
            --keep-days) keep_days=$2 ;;
            esac
            shift
            ;;
        --env-file=* | --directory=* | --keep-days=*)
            set -- - "${1%%=*}" "${1#*=}" "${@:2}"
            ;;
        --prune-only) prune_only=1 ;;
        --json) json=1 ;;
        --quiet) quiet=1 ;;
        *) wrong_usage "'$1' is not an argument it knows" ;;
        esac
        shift
    done
    [[ $keep_days =~ ^[0-9]{1,5}$ ]] || wrong_usage "--keep-days '$keep_days' is not a number of days"
    keep_days=$((10#$keep_days))
    # The unit and the environment may give everything; then no file is needed.
    if [ -n "${DATABASE_URL:-}" ] && [ ! -e "$env_file" ]; then
        env_file=''
    fi
}

# --- reporting -------------------------------------------------------------------------------------------------------

json_string() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# Called by fail.
failed() {
    [ -n "$json" ] || return 0
    printf '{"ok":false,"exit_status":%d,"error":' "$1"
    json_string "$2"
    printf '}\n'
}

# report FILE BYTES SHA256 COUNTS
report() {
    local tables rows name comma=''
    tables=$(wc -l <"$4")
    rows=$(awk '{sum += $NF} END {print sum + 0}' "$4")
    if [ -n "$json" ]; then
        printf '{"ok":true,"file":%s,"bytes":%d,"sha256":"%s","tables":%d,"rows":%d,"seconds":%d,"removed":[' \
            "$(json_string "$1")" "$2" "$3" "$tables" "$rows" "$SECONDS"
        for name in "${removed[@]}"; do
            printf '%s%s' "$comma" "$(json_string "$name")"
            comma=,
        done
        printf ']}\n'
    elif [ -z "$quiet" ]; then
        say "$1: $rows rows in $tables tables, $2 bytes, ${#removed[@]} older removed, $SECONDS s"
    fi
}

# --- ending ----------------------------------------------------------------------------------------------------------

session='' partial=''
on_end() {
    end_child "$child"
    end_child "$session"
    [ -z "$partial" ] || rm -rf -- "$partial"
    remove_orphans
    [ -z "$scratch" ] || rm -rf -- "$scratch"
}

stop_by() {
    trap '' HUP INT TERM
    fail "$1" "ended by a signal; nothing was kept"
}

# --- whom root becomes -----------------------------------------------------------------------------------------------

# holder_of PATH: sets REPLY to the one user, or 0 for root, who can change where PATH leads: a folder's owner renames and links
# what is in it. Fails when that is more than one.
holder_of() {
    local rest=$1 at='' part uid gid mode target hops=0 open=''
    REPLY=0
    while [ -n "$rest" ]; do
        part=${rest%%/*} rest=${rest#"${rest%%/*}"} rest=${rest#/}
        case $part in
        '' | .) continue ;;
        ..)
            at=${at%/*}
            continue
            ;;
        esac
        read -r uid gid mode < <(stat -c '%u %g %a' -- "$at/$part" 2>/dev/null) || break # from here on it is made
        if ((uid)); then
            ((REPLY == 0 || REPLY == uid)) || fail "$EX_CANTCREAT" "$1 can be changed by two users, $REPLY and $uid: use another directory"
            REPLY=$uid
        fi
        if [ -L "$at/$part" ]; then
            ((++hops <= 40)) || fail "$EX_CANTCREAT" "$1 leads in circles"
            target=$(readlink -n -- "$at/$part" && printf .)
            [[ $target != /* ]] || at=''
            rest=${target%.}/$rest
            continue
        fi
        at+=/$part
        # Sticky, as /tmp: what is in it belongs to its owner.
        (((8#$mode & 8#1000) || !(8#$mode & 8#002) && !(8#$mode & 8#020 && gid))) || open=$at
    done
    [ -z "$open" ] || ((REPLY)) || fail "$EX_CANTCREAT" "others than root may write in $open: chown it to one user, or chmod go-w it"
}

absolute() { [[ $1 == /* ]] && REPLY=$1 || REPLY=$PWD/$1; }

# In a session of its own: another process of that user must not type into root's terminal. Only what a backup needs is left of
# root's environment. It takes the place of the shell that calls it, so that a signal to that one's process id reaches the command.
as_holder() {
    local name home
    home=$(getent passwd "$holder" | cut -d : -f 6)
    for name in $(compgen -e); do
        [[ $name =~ ^(PATH|LC_ALL|TMPDIR|TZ|DATABASE_URL)$ ]] || unset "$name" 2>/dev/null || true
    done
    export HOME=${home:-/}
    cd /
    # What runs in the background is born deaf to SIGINT.
    ! env --default-signal=INT true 2>/dev/null || set -- env --default-signal=INT "$@"
    exec setsid setpriv --reuid "$holder" "${group[@]}" --inh-caps=-all -- "$@" </dev/null
}

relay() {
    trap '' HUP INT TERM
    kill -s "$1" "$child" 2>/dev/null || true
    wait "$child" || exit "$?"
    exit 0
}

# Sets group, for as_holder.
group_of_holder() {
    if id -- "$holder" >/dev/null 2>&1; then
        group=(--regid "$(id -g -- "$holder")" --init-groups)
    else
        group=(--regid "$(stat -c %g -- "$directory")" --clear-groups)
    fi
}

# A directory that root makes is for the user who writes there every night, if that one may read the settings. Sets holder.
make_for_service() {
    holder=$(id -u -- "$service_user" 2>/dev/null) || holder=0
    [ "$holder" != 0 ] || return 0
    group_of_holder
    if [ -n "$env_file" ] && ! (as_holder test -r "$env_file"); then
        holder=0
    elif ! { (umask 022 && mkdir -p -- "$(dirname -- "$directory")") && mkdir -m 0700 -- "$directory" &&
        chown -- "$service_user:" "$directory"; }; then
        fail "$EX_CANTCREAT" "cannot make the directory $directory"
    fi
}

# run_as_holder ARGUMENTS: runs this script as whoever holds the directory and ends as it does; returns when that is root.
run_as_holder() {
    local status=0 script holder group
    need_programs setpriv setsid
    absolute "$directory" && directory=$REPLY
    if [ -n "$env_file" ]; then
        absolute "$env_file" && env_file=$REPLY
    fi
    holder_of "$directory"
    holder=$REPLY
    if ((holder == 0)) && [ ! -e "$directory" ]; then
        make_for_service
    fi
    ((holder)) || return 0
    group_of_holder
    if [ -n "$env_file" ] && ! (as_holder test -r "$env_file"); then
        fail "$EX_CONFIG" "$directory belongs to $(id -nu -- "$holder" 2>/dev/null || echo "$holder"), who may not read $env_file; give one of the two another owner or mode"
    fi
    # A copy, because the other user may not reach a checkout of root's.
    script=$(readlink -f -- "${BASH_SOURCE[0]}")
    scratch=$(mktemp -d /tmp/ccr-ui-backup.XXXXXXXXXX) || fail "$EX_CANTCREAT" "cannot make a temporary directory"
    trap 'rm -rf -- "$scratch"' EXIT
    chmod 0755 "$scratch"
    { install -m 0644 -- "$script" "$scratch/${0##*/}" && install -m 0644 -- "${script%/*}/database.sh" "$scratch/database.sh"; } ||
        fail "$EX_CANTCREAT" "cannot write in $scratch"
    trap 'relay HUP' HUP
    trap 'relay INT' INT
    trap 'relay TERM' TERM
    attended as_holder "$BASH" -- "$scratch/${0##*/}" "$@" ${env_file:+--env-file "$env_file"} --directory "$directory" || status=$?
    exit "$status"
}

# --- the directory ---------------------------------------------------------------------------------------------------

locked=''
open_directory() {
    local busy=0
    mkdir -p -- "$directory" 2>/dev/null || fail "$EX_CANTCREAT" "cannot make the directory $directory"
    directory=$(cd -- "$directory" && pwd -P) || fail "$EX_CANTCREAT" "cannot enter the directory $directory"
    # The folder itself is the lock: a file in it could be a link of somebody's, and outlive its owner.
    { [ -w "$directory" ] && exec 9<"$directory"; } 2>/dev/null || fail "$EX_CANTCREAT" "cannot write in $directory as $(id -un)"
    flock -n 9 2>/dev/null || busy=$?
    ((busy != 1)) || fail "$EX_TEMPFAIL" "another backup is at work in $directory"
    if ((busy)); then
        printf '%s: %s cannot be locked (NFS cannot lock a directory): see to it that only one backup runs there\n' "$PROGRAM" "$directory" >&2
        return 0
    fi
    # Of runs that were killed: under the lock nobody else writes these. rm follows no link.
    locked=1
    rm -rf -- "$directory"/.ccr-ui-*.partial "$directory"/.ccr-ui-*.partial.sha256 || true
    remove_orphans
}

# Checksums without a backup, of a run that ended between two renamings.
remove_orphans() {
    local file
    [ -n "$locked" ] || return 0
    for file in "$directory"/ccr-ui-*.dump.sha256; do
        if [ -f "$file" ] && [ ! -e "${file%.sha256}" ]; then
            rm -f -- "$file" || true
        fi
    done
}

# good FILE: its checksum is there and right.
good() {
    local expected actual
    [ -f "$1.sha256" ] && [ ! -L "$1.sha256" ] && read -r expected _ <"$1.sha256" && actual=$(sha256sum <"$1") || return 1
    [ "$expected" = "${actual%% *}" ]
} 2>/dev/null

# Times are those of the names: copying a file changes its own. The newest good one is kept whatever its age.
removed=()
prune() {
    local files=() file name cutoff kept=''
    ((keep_days)) || return 0
    cutoff=$(date -u -d "-$keep_days days" +%Y%m%dT%H%M%SZ)
    mapfile -d '' -t files < <(find "$directory" -maxdepth 1 -type f -name "$prefix-*.dump" -printf '%f\0' | LC_ALL=C sort -rz)
    for name in "${files[@]}"; do
        [[ ${name#"$prefix-"} =~ ^[0-9]{8}T[0-9]{6}Z\.dump$ ]] || continue
        file=$directory/$name
        if [ -z "$kept" ] && good "$file"; then
            kept=1
        elif [[ ${name#"$prefix-"} < $cutoff ]] && [ -n "$kept" ]; then
            rm -f -- "$file" "$file.sha256"
            removed+=("$name")
        fi
    done
}

# --- the database ----------------------------------------------------------------------------------------------------

# One session that holds the snapshot that the rows are counted in and pg_dump reads.
open_session() {
    mkfifo "$scratch/in" "$scratch/out"
    psql -XqAt -w -F ' ' -v ON_ERROR_STOP=1 -v VERBOSITY=terse <"$scratch/in" >"$scratch/out" 2>"$scratch/errors" 9>&- &
    session=$!
    exec 7>"$scratch/in" 8<"$scratch/out"
}

# ask SQL FILE: the answer's lines. No table can be named like the end.
ask() {
    local line end=--end-${scratch##*.}
    printf '%s\n' "$1" "SELECT '$end';" >&7 || return 1
    while IFS= read -r line <&8; do
        [ "$line" != "$end" ] || return 0
        printf '%s\n' "$line" >>"$2"
    done
    return 1 # psql ended: ON_ERROR_STOP
}

must_ask() {
    : >"$2"
    ask "$1" "$2" || fail "$EX_UNAVAILABLE" "the database cannot be read: $(reason "$scratch/errors")"
}

# Tables whose rows row-level security could keep from us: no policy for reading lets ccr.maintenance through by itself, or a
# restrictive one narrows it.
HIDDEN="SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relrowsecurity AND relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls))
    AND (NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polpermissive AND polcmd IN ('*', 'r')
                     AND polroles = '{0}' AND pg_get_expr(polqual, polrelid) ~ '(^| OR |^\\()(([^ ()]+\\.)?ccr_maintenance\\(\\)|\\( SELECT ([^ ()]+\\.)?ccr_maintenance\\(\\) AS ccr_maintenance\\))( OR |\\)?\$)')
         OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND NOT polpermissive));"

look_at_database() {
    open_session
    must_ask "$SAFE_PATH BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;" "$scratch/begin"
    must_ask "$HIDDEN" "$scratch/hidden"
    [ ! -s "$scratch/hidden" ] ||
        fail "$EX_DATAERR" "row-level security may hide rows of $(paste -sd ' ' "$scratch/hidden") from this role; its policy must allow ccr_maintenance()"
    must_ask "$COUNT_ROWS" "$scratch/counted"
    LC_ALL=C sort "$scratch/counted" >"$scratch/rows"
    [ -s "$scratch/rows" ] || fail "$EX_DATAERR" "the database has no tables"
    must_ask "SELECT pg_export_snapshot();" "$scratch/snapshot"
}

dump() {
    local why
    if ! attended pg_dump --format=custom --no-password --enable-row-security --lock-wait-timeout=60s \
        --snapshot="$(<"$scratch/snapshot")" --file="$partial/dump" 2>"$scratch/dump-errors" 9>&-; then
        why=$(reason "$scratch/dump-errors")
        [[ $why =~ "could not write"|"could not open output"|"could not close"|"No space left"|"File too large" ]] &&
            fail "$EX_CANTCREAT" "the backup cannot be written to $directory: $why"
        fail "$EX_UNAVAILABLE" "pg_dump failed: ${why:-ended without a word}"
    fi
}

verify() {
    pg_restore --list "$partial/dump" >"$scratch/list" 2>"$scratch/list-errors" ||
        fail "$EX_DATAERR" "the backup cannot be listed: $(reason "$scratch/list-errors")"
    attended count_rows "$partial/dump" >"$scratch/dumped" 2>"$scratch/list-errors" 9>&- ||
        fail "$EX_DATAERR" "the backup cannot be read back: $(reason "$scratch/list-errors")"
    cmp -s "$scratch/rows" "$scratch/dumped" ||
        fail "$EX_DATAERR" "the backup lacks rows: $(diff "$scratch/rows" "$scratch/dumped" | grep '^[<>]' | head -n 4 | paste -sd ';')"
}

# Under its name only when it is on disk; the checksum first, so that a name never is without one.
keep() {
    local file=$1 sum
    sum=$(sha256sum <"$partial/dump") && sum=${sum%% *}
    printf '%s  %s\n' "$sum" "${file##*/}" >"$partial/sha256" && sync -- "$partial/dump" "$partial/sha256" &&
        mv -fT -- "$partial/sha256" "$file.sha256" && mv -fT -- "$partial/dump" "$file" && sync -- "$directory" || sum=''
    [ -n "$sum" ] || fail "$EX_CANTCREAT" "the backup cannot be written to $directory"
    rm -rf -- "$partial"
    partial=''
    REPLY=$sum
}

backup() {
    local file sum
    while file=$directory/$prefix-$(date -u +%Y%m%dT%H%M%SZ).dump && { [ -e "$file" ] || [ -L "$file" ]; }; do
        sleep 0.2
    done
    look_at_database
    # In a folder that is ours alone, under a name that nobody guesses, nobody has put a link.
    partial=$(mktemp -d "$directory/.ccr-ui-XXXXXXXXXX.partial" 2>"$scratch/errors") ||
        fail "$EX_CANTCREAT" "the backup cannot be written to $directory: $(reason "$scratch/errors")"
    dump
    verify
    end_child "$session"
    session=''
    keep "$file"
    sum=$REPLY
    prune
    report "$file" "$(stat -c %s -- "$file")" "$sum" "$scratch/rows"
}

parse_arguments "$@"
need_programs psql pg_dump pg_restore flock sha256sum
((EUID)) || run_as_holder "$@"
if [ ! -w "${TMPDIR:-/tmp}" ]; then
    unset TMPDIR # root's, which another user may not write in
fi
trap on_end EXIT
trap 'stop_by 129' HUP
trap 'stop_by 130' INT
trap 'stop_by 143' TERM
trap '' PIPE
scratch=$(mktemp -d) || fail "$EX_CANTCREAT" "cannot make a temporary directory"
env_value DATABASE_URL "$env_file"
[ -n "$REPLY" ] || fail "$EX_CONFIG" "DATABASE_URL is not set${env_file:+ in $env_file}"
connect_to "$REPLY"
unset DATABASE_URL
open_workspaces
[ -n "${PGDATABASE:-}" ] || fail "$EX_CONFIG" "DATABASE_URL names no database"
prefix=ccr-ui-${PGDATABASE//[^A-Za-z0-9_.]/_}
open_directory
if [ -n "$prune_only" ]; then
    prune
    : >"$scratch/rows"
    [ -n "$json$quiet" ] || say "${#removed[@]} removed"
    [ -z "$json" ] || report '' 0 '' "$scratch/rows"
else
    backup
fi
