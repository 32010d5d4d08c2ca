#!/usr/bin/env bash
# ccr-ui-backend for an ordinary user, without systemd or root. See --help. It needs Bash, spawn-fcgi and util-linux.
set -euo pipefail
export LC_ALL=C.UTF-8

CONFIG=${XDG_CONFIG_HOME:-${HOME:-}/.config}/ccr-ui
STATE=${XDG_STATE_HOME:-${HOME:-}/.local/state}/ccr-ui

usage() {
    cat <<'END'
Usage: ccr-ui-user.sh [--quiet] start|stop|restart|reload|status

Runs ccr-ui-backend as the user who calls this, on a Unix socket that spawn-fcgi makes.

  start      starts it and waits until it is healthy; does nothing when it runs already
  stop       lets requests in progress finish and ends it; does nothing when it does not run
  restart    stop, then start: for a new program
  reload     has it read its settings again; no request is lost
  status     says whether it runs and is healthy
  --quiet    says nothing when all is well, for cron
  -h, --help this text

Files
  ~/.config/ccr-ui/ccr-ui.env     the settings (mode 0600): `ccr-ui-backend settings --format env` prints them all
  ~/.local/state/ccr-ui/          ccr-ui.log (the old one is ccr-ui.log.1, from 10 MB on), ccr-ui.pid, and the socket
                                  fastcgi.sock unless SOCKET in the settings names another place

Environment
  CCR_UI_ENV        another file of settings; with it go its own log, pid and socket, named after it
  CCR_UI_PROGRAM    the program; default: ccr-ui-backend in PATH, ~/.local/bin or ~/bin
  CCR_UI_WAIT       seconds until it must be healthy; default 30

It starts at boot, and again within 5 minutes should it ever end, by two lines of `crontab -e`:
  @reboot      $HOME/.local/bin/ccr-ui-user.sh --quiet start
  */5 * * * *  $HOME/.local/bin/ccr-ui-user.sh --quiet start

SOCKET_MODE in the settings says who may connect. The web server must be able to: see docs/deployment/shared-hosting.md.

Exit status: 0 done; 1 failed, with one line saying why; 2 wrong arguments; status: 0 healthy, 1 runs but is not healthy,
3 does not run.
END
}

quiet=''
say() { [ -n "$quiet" ] || printf '%s\n' "$*"; }
die() {
    printf 'ccr-ui-user: %s\n' "$*" >&2
    exit 1
}
wrong() {
    printf 'ccr-ui-user: %s; see ccr-ui-user.sh --help\n' "$*" >&2
    exit 2
}

command=''
while (($#)); do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    -q | --quiet) quiet=1 ;;
    start | stop | restart | reload | status)
        [ -z "$command" ] || wrong "one command at a time"
        command=$1
        ;;
    *) wrong "'$1' is not an argument it knows" ;;
    esac
    shift
done
[ -n "$command" ] || wrong "start, stop, restart, reload or status?"
((EUID != 0)) || die "this is for an ordinary user: run it as the one the program is to run as, never as root"
[ -n "${HOME:-}" ] || die "HOME is not set; cron sets it, so does a login"

# ---- what and where -------------------------------------------------------------------------------------------------

env_file=${CCR_UI_ENV:-$CONFIG/ccr-ui.env}
name=$(basename "$env_file" .env)
log=$STATE/$name.log pid_file=$STATE/$name.pid
wait_seconds=${CCR_UI_WAIT:-30}
[[ $wait_seconds =~ ^[1-9][0-9]{0,3}$ ]] || die "CCR_UI_WAIT must be a number of seconds"
# The environment of a cron job and of a shell differ: the settings are those of the file.
program=${CCR_UI_PROGRAM:-}
unset CCR_UI_ENV CCR_UI_PROGRAM CCR_UI_WAIT SOCKET SOCKET_MODE HOST PORT "${!PG@}"

find_program() {
    local place
    for place in ccr-ui-backend "$HOME/.local/bin/ccr-ui-backend" "$HOME/bin/ccr-ui-backend"; do
        [ -n "$program" ] || program=$(command -v "$place" || true)
    done
    [ -n "$program" ] || die "there is no ccr-ui-backend in PATH, ~/.local/bin or ~/bin; name it in CCR_UI_PROGRAM"
    [ -x "$program" ] || die "the program $program does not exist or may not be run"
}

# setting NAME: its value in the file, without the quotes around it.
setting() {
    sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$1=(\"([^\"]*)\"|'([^']*)'|([^#[:space:]]*)).*/\\3\\4\\5/p" "$env_file" | tail -n 1
}

read_settings() {
    local mode
    [ -f "$env_file" ] || die "there is no $env_file; write it first (docs/deployment/shared-hosting.md says what goes in)"
    [ -r "$env_file" ] || die "$env_file cannot be read"
    mode=$(stat -L -c %a "$env_file")
    [ "${mode: -1}" = 0 ] || die "$env_file holds secrets and everybody may read it; run: chmod 600 $env_file"
    socket=$(setting SOCKET)
    : "${socket:=$STATE/$([ "$name" = ccr-ui ] || printf '%s-' "$name")fastcgi.sock}"
    [[ $socket == /* ]] || die "SOCKET in $env_file must be an absolute path, not '$socket'"
    (($(printf %s "$socket" | wc -c) <= 107)) ||
        die "a socket's path may have 107 bytes and $socket is longer; set a shorter SOCKET in $env_file"
    socket_mode=$(setting SOCKET_MODE)
    : "${socket_mode:=0660}"
    [[ $socket_mode =~ ^0?[0-7]{3}$ ]] || die "SOCKET_MODE in $env_file must be octal such as 0660, not '$socket_mode'"
}

# Its process id when it runs and is ours (process ids are used again), else nothing.
running() {
    local pid
    pid=$(head -n 1 "$pid_file" 2>/dev/null) || return 0
    # Not the owner of /proc/PID, which is root where the process cannot be dumped.
    if [[ $pid =~ ^[0-9]+$ ]] && [ "$(awk '/^Uid:/ {print $3}' "/proc/$pid/status" 2>/dev/null)" = "$EUID" ] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "$env_file"; then
        printf '%s' "$pid"
    fi
}

check_settings() {
    "$program" settings --env-file "$env_file" >/dev/null 2>"$scratch/check" ||
        die "the settings in $env_file are not right: $(sed -n '1s/^ccr-ui-backend: //p' "$scratch/check")"
}
healthy() { "$program" healthcheck --socket "$socket" --timeout 3 >/dev/null 2>&1; }

# What the program said last, in one line.
last_words() { grep -av '^spawn-fcgi: child' "$log" 2>/dev/null | tail -n 1; }

# ---- commands -------------------------------------------------------------------------------------------------------

start() {
    local pid from=$SECONDS
    pid=$(running)
    if [ -n "$pid" ]; then
        say "runs already, process $pid"
        return 0
    fi
    command -v spawn-fcgi >/dev/null || die "spawn-fcgi is missing; ask for the Debian package spawn-fcgi, or build it in your home"
    check_settings
    mkdir -p "$(dirname "$socket")"
    if [ -e "$log" ] && (($(stat -c %s "$log") > 10000000)); then
        mv "$log" "$log.1"
    fi
    # A session of its own and no nohup, which would make the program inherit an ignored SIGHUP.
    # shellcheck disable=SC2016
    setsid --fork sh -c 'umask 077; echo $$ >"$1"; log=$2; shift 2; exec "$@" >>"$log" 2>&1 </dev/null' start \
        "$pid_file" "$log" spawn-fcgi -n -s "$socket" -M "$socket_mode" -b 4096 -- "$program" serve --env-file "$env_file" 9>&-
    until healthy; do
        if ((SECONDS - from >= 2)) && [ -z "$(running)" ]; then
            die "it ended at once: $(last_words) (see $log)"
        fi
        ((SECONDS - from < wait_seconds)) ||
            die "it runs, but is not healthy after $wait_seconds s: $("$program" healthcheck --socket "$socket" 2>&1 | head -n 1) (see $log)"
        sleep 0.1
    done
    say "started, process $(running), socket $socket"
}

stop() {
    local pid waited=0 limit
    pid=$(running)
    if [ -z "$pid" ]; then
        rm -f "$pid_file"
        say "does not run"
        return 0
    fi
    limit=$(setting SHUTDOWN_TIMEOUT)
    [[ $limit =~ ^[0-9]+$ ]] || limit=30
    kill -s TERM "$pid"
    while [ -n "$(running)" ]; do
        if ((waited++ >= (limit + 5) * 10)); then
            kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null || true
            sleep 0.2
            break
        fi
        sleep 0.1
    done
    rm -f "$pid_file" "$socket"
    say "stopped"
}

reload() {
    local pid
    pid=$(running)
    [ -n "$pid" ] || die "does not run; start it"
    check_settings
    kill -s HUP "$pid"
    say "reloading, process $pid; see $log"
}

status() {
    local pid
    pid=$(running)
    if [ -z "$pid" ]; then
        say "does not run"
        exit 3
    fi
    say "runs, process $pid, socket $socket"
    if ! "$program" healthcheck --socket "$socket" >"$scratch/health" 2>&1; then
        say "$(head -n 1 "$scratch/health")"
        exit 1
    fi
    say "$(head -n 1 "$scratch/health")"
}

find_program
read_settings
(umask 077 && mkdir -p "$STATE") || die "cannot make $STATE"
# What is started, ended and written there by name could be a link of whoever else may write in it.
if [ ! -O "$STATE" ] || [ -n "$(find "$STATE/" -maxdepth 0 -perm /022)" ]; then
    die "$STATE must be yours, and only you may write in it; run: chmod go-w $STATE"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ "$command" != status ]; then
    exec 9>"$STATE/$name.lock"
    flock -w 60 9 || die "another ccr-ui-user.sh has been at work for a minute; look what it is doing"
fi
case $command in
restart)
    stop
    start
    ;;
*) "$command" ;;
esac
