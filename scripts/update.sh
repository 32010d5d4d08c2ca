#!/usr/bin/env bash
# Replaces the running program by another version without losing a request, or goes back by itself. See --help.
set -euo pipefail
PROGRAM=$(basename "$0" .sh)
export LC_ALL=C.UTF-8
umask 022

usage() {
    cat <<'END'
Usage: scripts/update.sh [OPTIONS] VERSION_OR_BINARY
       scripts/update.sh [OPTIONS] --list

Updates ccr-ui-backend on a plain server. VERSION_OR_BINARY is the path of a new program (with a / in it), or the name of one
that was installed before, as --list shows it (0.2.0, or 0.2.0-1a2b3c4d): so one goes back.

What it does, in this order:
  1. puts the new program beside the old one: DIR/ccr-ui-backend-VERSION-CHECKSUM, and makes PATH a link to the running one
     if it is a file still
  2. backs the database up, with --backup-directory
  3. `migrate up` with the new program, while the old one serves
  4. `check-config` with the new program
  5. a trial: the new program serves a socket of its own, with one worker, until it is healthy
  6. switches the link PATH to it, in one step
  7. restarts the service; the listening socket stays open, so that requests wait instead of failing
  8. asks until it is healthy and newly started; else it switches back, undoes the migrations of step 3 and restarts the
     old program

Until step 6 the running service is not touched. The old program must work with the new schema between 3 and 7, so a
migration of an update must only add (tables, columns that may be NULL or have a default, indexes). A program that refuses
the schema found in step 3, because it is older than that, must be preceded by `ccr-ui-backend migrate down`.

Only for a service whose socket belongs to somebody else (ccr-ui-backend.socket; spawn-fcgi does not keep it). A program from
the Debian package is updated by apt, which restarts it behind the same socket.

  --program PATH           the link or file that the service starts (default: /usr/local/bin/ccr-ui-backend)
  --versions DIR           where versions are kept (default: /usr/local/lib/ccr-ui-backend/versions)
  --keep N                 how many besides the running one (default: 3)
  --env-file FILE          settings of the service (default: /etc/ccr-ui/ccr-ui.env)
  --user USER              whom the new program is tried as, when run by root (default: ccr)
  --socket PATH            the service's socket (default: /run/ccr-ui-backend/fastcgi.sock)
  --restart-command CMD    for sh; must return once the service is up again, or not 0
                           (default: systemctl restart ccr-ui-backend.service)
  --backup-directory DIR   backs up to there first (backup.sh beside this script)
  --health-timeout SECONDS until it must be healthy (default: 30)
  --settle SECONDS         how long it must stay healthy then (default: 3)
  --dry-run                steps 4 and 5 with the new program, unless a migration is pending; changes nothing
  --list                   the versions in DIR, the running one marked with *
  -h, --help               this text

Exit status: 0 updated, or it runs already; 64 wrong arguments; 65 the new program was refused and nothing was changed;
70 it failed and the old one runs again; 71 it failed and so did going back: act at once, the last lines say where it
stands; 75 another update is at work; 77 not allowed, or PATH belongs to a Debian package.

Examples:
  update.sh --dry-run ./build/ccr-ui-backend
  update.sh --backup-directory /var/backups/ccr-ui ./build/ccr-ui-backend
  update.sh 0.1.0
END
}

readonly EX_USAGE=64 EX_REFUSED=65 EX_BACK=70 EX_STUCK=71 EX_TEMPFAIL=75 EX_NOPERM=77

say() { printf '%s\n' "$*"; }
fail() {
    local status=$1
    shift
    printf '%s: %s\n' "$PROGRAM" "$*" >&2
    exit "$status"
}
wrong_usage() { fail "$EX_USAGE" "$*; see $PROGRAM.sh --help"; }
refuse() { fail "$EX_REFUSED" "$*; nothing was changed"; }
last_line() { tail -n 1 "$1" 2>/dev/null || true; }

link=/usr/local/bin/ccr-ui-backend versions=/usr/local/lib/ccr-ui-backend/versions kept=3
env_file=/etc/ccr-ui/ccr-ui.env user=ccr socket=/run/ccr-ui-backend/fastcgi.sock
restart_command='systemctl restart ccr-ui-backend.service'
backups='' health_timeout=30 settle=3 dry_run='' list='' wanted=''

set_option() {
    case $1 in
    --program) link=$2 ;;
    --versions) versions=$2 ;;
    --keep) kept=$2 ;;
    --env-file) env_file=$2 ;;
    --user) user=$2 ;;
    --socket) socket=$2 ;;
    --restart-command) restart_command=$2 ;;
    --backup-directory) backups=$2 ;;
    --health-timeout) health_timeout=$2 ;;
    --settle) settle=$2 ;;
    *) wrong_usage "'$1' is not an option it knows" ;;
    esac
}

parse_arguments() {
    local number
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --dry-run) dry_run=1 ;;
        --list) list=1 ;;
        --*=*)
            set_option "${1%%=*}" "${1#*=}"
            ;;
        -*)
            [ -n "${2:-}" ] || wrong_usage "'$1' is not an option it knows, or needs a value"
            set_option "$1" "$2"
            shift
            ;;
        *)
            [ -z "$wanted" ] || wrong_usage "one VERSION_OR_BINARY only"
            wanted=$1
            ;;
        esac
        shift
    done
    for number in "$kept" "$health_timeout" "$settle"; do
        [[ $number =~ ^[0-9]{1,4}$ ]] || wrong_usage "'$number' is not a number"
    done
    [ -n "$wanted$list" ] || wrong_usage "which VERSION_OR_BINARY?"
}

# --- running programs ------------------------------------------------------------------------------------------------

# The service's user and the settings of its file alone; nothing of ours. More variables may follow it.
service=()
make_service() {
    if ((EUID == 0)); then
        id -- "$user" >/dev/null 2>&1 || fail "$EX_NOPERM" "there is no user $user; name the service's with --user"
        # A session of its own: another process of that user must not type into root's terminal.
        service=(setsid --wait setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --inh-caps=-all --)
    fi
    service+=(env -i -C / PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8)
}
as_service() { "${service[@]}" "$@" </dev/null; }

# ask PROGRAM SOCKET FILE: the health, as JSON into FILE. By somebody who may connect, not by root.
ask() {
    local who=()
    if ((EUID == 0)); then
        who=(setsid --wait setpriv --reuid "$user" --regid "$(stat -c %g -- "$2")" --clear-groups --inh-caps=-all --)
    fi
    "${who[@]}" env -i -C / "$1" healthcheck --json --socket "$2" --timeout 2 >"$3" 2>&1 </dev/null
}

member() { sed -nE "s/.*\"$2\":(-?[0-9]+).*/\1/p" "$1" | head -n 1; }

# --- versions --------------------------------------------------------------------------------------------------------

# Sets REPLY to what `version` says, fit for a file name.
version_of() {
    local text
    text=$(as_service timeout 10 "$1" version 2>"$scratch/errors") || return 1
    [[ $text =~ ^ccr-ui-backend\ ([0-9A-Za-z.+~_-]{1,40})$ ]] && REPLY=${BASH_REMATCH[1]}
}

name_of() {
    local sum
    version_of "$1" || return 1
    sum=$(sha256sum <"$1")
    REPLY=ccr-ui-backend-$REPLY-${sum:0:8}
}

# store FILE: a copy in DIR under its own name, whole or not at all. Sets REPLY to its path.
store() {
    local name
    name_of "$1" || return 1
    name=$REPLY
    if ! cmp -s "$1" "$versions/$name"; then
        install -m 755 -- "$1" "$versions/.$name.new" && sync -- "$versions/.$name.new" &&
            mv -f -- "$versions/.$name.new" "$versions/$name" || return 1
    fi
    touch -- "$versions/$name"
    REPLY=$versions/$name
}

stored() { find "$versions" -maxdepth 1 -type f -name 'ccr-ui-backend-*' -printf '%T@ %f\n' 2>/dev/null | sort -rn | cut -d ' ' -f 2-; }

print_list() {
    local name running
    running=$(basename -- "$(readlink -f -- "$link")")
    while IFS= read -r name; do
        [ "$name" = "$running" ] && printf '* ' || printf '  '
        printf '%s\n' "${name#ccr-ui-backend-}"
    done < <(stored)
}

# Sets new_source from the command line.
find_wanted() {
    local name
    if [[ $wanted == */* ]]; then
        new_source=$wanted
    else
        name=$(stored | grep -E "^ccr-ui-backend-${wanted//[^0-9A-Za-z_-]/.}(-[0-9a-f]{8})?\$" | head -n 1) || true
        [ -n "$name" ] || refuse "there is no version '$wanted' in $versions (--list shows them); a program's path has a / in it"
        new_source=$versions/$name
    fi
    if [ ! -f "$new_source" ] || [ ! -x "$new_source" ]; then
        refuse "$new_source is no program"
    fi
    # A copy that the service's user can reach, and that nobody changes while we look.
    cp -- "$new_source" "$scratch/new" && chmod 755 "$scratch/new"
    name_of "$scratch/new" || refuse "$new_source does not tell its version: $(last_line "$scratch/errors")"
    new_name=$REPLY
}

switch_to() {
    ln -sfn -- "$1" "$link.new" && mv -Tf -- "$link.new" "$link"
}

# Makes PATH a link to a stored copy of what it is now.
adopt() {
    old=$(readlink -f -- "$link")
    if [ -L "$link" ] && [ "${old%/*}" = "$versions" ]; then
        return 0
    fi
    store "$link" || fail "$EX_NOPERM" "cannot keep $link in $versions"
    old=$REPLY
    switch_to "$old" || fail "$EX_NOPERM" "cannot make $link a link"
    say "$link is a link to $old now"
}

prune() {
    local name count=0 running=$1
    while IFS= read -r name; do
        [ "$versions/$name" != "$running" ] || continue
        count=$((count + 1))
        ((count <= kept)) || [ "$versions/$name" = "$old" ] || rm -f -- "$versions/$name"
    done < <(stored)
}

# --- schema ----------------------------------------------------------------------------------------------------------

# As the new program counts them.
applied='' pending='' unknown='' changed='' applied_before=''
look_at_schema() {
    local status=0 name
    as_service "$scratch/new" migrate verify --json --env-file "$env_file" >"$scratch/schema" 2>"$scratch/errors" || status=$?
    for name in applied pending unknown changed; do
        printf -v "$name" '%s' "$(member "$scratch/schema" "$name")"
        [ -n "${!name}" ] || return 1
    done
}

check_schema() {
    look_at_schema || refuse "the new program cannot look at the schema: $(last_line "$scratch/errors")"
    ((unknown == 0)) || refuse "the schema is $unknown migrations newer than that program; undo them first, with the running one: $link migrate down $unknown"
    ((changed == 0)) || refuse "migration $changed was changed after it had been applied"
    applied_before=$applied
}

migrate_up() {
    ((pending)) || return 0
    say "applying $pending migrations"
    migrated=1
    as_service "$scratch/new" migrate up --env-file "$env_file" >"$scratch/errors" 2>&1 || {
        local why
        why=$(last_line "$scratch/errors")
        migrate_back || fail "$EX_STUCK" "the migration failed: $why; and cannot be undone: $(last_line "$scratch/errors")"
        refuse "the migration failed: $why"
    }
}

migrate_back() {
    [ -n "$migrated" ] || return 0
    look_at_schema || return 1
    if ((applied > applied_before)); then
        say "undoing $((applied - applied_before)) migrations"
        as_service "$scratch/new" migrate down $((applied - applied_before)) --env-file "$env_file" >"$scratch/errors" 2>&1 || return 1
    fi
    migrated=''
}

# Of a step between the migration and the switch.
refuse_and_undo() {
    migrate_back || fail "$EX_STUCK" "$*; and the migration cannot be undone: $(last_line "$scratch/errors")"
    refuse "$*"
}

# --- checks ----------------------------------------------------------------------------------------------------------

check_config() {
    as_service timeout 60 "$scratch/new" check-config --env-file "$env_file" >"$scratch/errors" 2>&1 ||
        refuse_and_undo "the new program refuses the settings: $(grep -m1 WRONG "$scratch/errors" || last_line "$scratch/errors")"
}

trial=''
end_trial() {
    [ -n "$trial" ] || return 0
    kill -s TERM "$trial" 2>/dev/null || true
    wait "$trial" 2>/dev/null || true
    trial=''
}

# One worker on a socket that nobody else knows: what is wrong with the program shows before anybody needs it. The environment
# wins over the file.
try_program() {
    local deadline=$((SECONDS + health_timeout)) why=''
    "${service[@]}" MIN_CONNECTIONS=1 MAX_CONNECTIONS=1 HOUSEKEEPING=off SHUTDOWN_TIMEOUT=2 "LOG_FILE=$scratch/trial/log" \
        timeout -k 5 $((health_timeout + 10)) "$scratch/new" serve \
        --socket "$scratch/trial/socket" --mode 0600 --env-file "$env_file" >"$scratch/trial-output" 2>&1 </dev/null 9>&- &
    trial=$!
    until [ -S "$scratch/trial/socket" ] && as_service "$old" healthcheck --json --socket "$scratch/trial/socket" --timeout 2 \
        >"$scratch/health" 2>&1; do
        if ! kill -0 "$trial" 2>/dev/null; then
            # That folder is the other user's: what is called log there may be a link to a file of root's, or a FIFO.
            why="it ended: $({ cat "$scratch/trial-output"; as_service timeout 5 cat "$scratch/trial/log" || true; } 2>/dev/null | tail -n 1)"
        elif ((SECONDS >= deadline)); then
            why="it is not healthy after $health_timeout s: $(last_line "$scratch/health")"
        fi
        [ -z "$why" ] || break
        sleep 0.05
    done
    end_trial
    [ -z "$why" ] || refuse_and_undo "the new program failed its trial: $why"
}

restart() {
    began=$SECONDS
    timeout $((health_timeout + 90)) sh -c "$restart_command" >"$scratch/restart" 2>&1 9>&-
}

# healthy PROGRAM: newly started and healthy, and still so after a while. PROGRAM asks; it is one known to work.
healthy() {
    local deadline=$((SECONDS + health_timeout)) up
    until ask "$1" "$socket" "$scratch/health" && up=$(member "$scratch/health" uptime) &&
        [ -n "$up" ] && ((up <= SECONDS - began + 1)); do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
    ((settle == 0)) || { sleep "$settle" && ask "$1" "$socket" "$scratch/health"; }
}

# --- the update ------------------------------------------------------------------------------------------------------

go_back() {
    local why=$1
    trap '' HUP INT TERM
    printf '%s: %s; going back to %s\n' "$PROGRAM" "$why" "$(basename -- "$old")" >&2
    live=''
    switch_to "$old" || fail "$EX_STUCK" "cannot switch $link back to $old: do it by hand, then: $restart_command"
    migrate_back || fail "$EX_STUCK" "the migrations cannot be undone ($(last_line "$scratch/errors")), so the old program will not start; $link is the old one"
    restart || fail "$EX_STUCK" "the old program does not start again: $(last_line "$scratch/restart")"
    healthy "$old" || fail "$EX_STUCK" "the old program is started again, but not healthy: $(last_line "$scratch/health")"
    fail "$EX_BACK" "the update failed ($why); $(basename -- "$old") runs again"
}

live=''
on_end() {
    end_trial
    [ -z "$scratch" ] || rm -rf -- "$scratch"
}
stop_by() {
    trap '' HUP INT TERM
    [ -z "$live" ] || go_back "it was interrupted"
    migrate_back || true
    exit "$1"
}

# Before anything is changed.
check_rights() {
    make_service
    [ -f "$link" ] || refuse "$link is not there; install the program first (scripts/install.sh)"
    if command -v dpkg-query >/dev/null && dpkg-query -S -- "$link" >/dev/null 2>&1; then
        fail "$EX_NOPERM" "$link belongs to a Debian package; update it with apt"
    fi
    [ -n "$dry_run" ] || mkdir -p -- "$versions" || fail "$EX_NOPERM" "cannot make $versions"
    [ -w "${link%/*}" ] || [ -n "$dry_run" ] || fail "$EX_NOPERM" "${link%/*} is not writable"
    [ -S "$socket" ] || refuse "there is no socket $socket; name the service's with --socket"
    versions=$(readlink -m -- "$versions") link=$(readlink -m -- "${link%/*}")/${link##*/}
}

lock() {
    local file=$versions
    [ -d "$file" ] || file=$0 # a dry run before the first update
    exec 9<"$file"
    flock -n 9 || fail "$EX_TEMPFAIL" "another update is at work"
}

make_scratch() {
    scratch=$(mktemp -d) || fail "$EX_NOPERM" "cannot make a temporary directory"
    mkdir "$scratch/trial"
    if ((EUID == 0)); then
        chmod 0711 "$scratch"
        chown "$user" "$scratch/trial"
    fi
}

dry() {
    say "would store $new_name in $versions and switch $link to it"
    if ((pending)); then
        say "would apply $pending migrations; check-config and the trial need them, so they are left out of a dry run"
    else
        check_config
        try_program
        say "check-config and the trial of the new program: good"
    fi
    say "would then run: $restart_command"
}

update() {
    adopt
    if [ -n "$backups" ]; then
        "$(dirname -- "${BASH_SOURCE[0]}")/backup.sh" --env-file "$env_file" --directory "$backups" ||
            refuse "the backup failed"
    fi
    migrate_up
    check_config
    try_program
    store "$scratch/new" || refuse_and_undo "cannot store the new program in $versions"
    new=$REPLY
    live=1
    switch_to "$new" || go_back "cannot switch $link"
    restart || go_back "the restart failed: $(last_line "$scratch/restart")"
    healthy "$old" || go_back "the new program is not healthy: $(last_line "$scratch/health")"
    live=''
    prune "$new"
    say "$(basename -- "$new") runs, $SECONDS s; before: $(basename -- "$old")"
}

parse_arguments "$@"
if [ -n "$list" ]; then
    print_list
    exit 0
fi
scratch='' migrated=''
trap on_end EXIT
trap 'stop_by 129' HUP
trap 'stop_by 130' INT
trap 'stop_by 143' TERM
check_rights
lock
make_scratch
find_wanted
old=$(readlink -f -- "$link")
if cmp -s -- "$old" "$scratch/new"; then
    say "$new_name runs already"
    exit 0
fi
check_schema
if [ -n "$dry_run" ]; then
    dry
else
    update
fi
