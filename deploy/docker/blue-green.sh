#!/usr/bin/env bash
# Replaces the backend container by one of another image without losing a request. See --help.
set -euo pipefail
PROGRAM=$(basename "$0" .sh)
export LC_ALL=C.UTF-8

usage() {
    cat <<'END'
Usage: deploy/docker/blue-green.sh [OPTIONS] IMAGE [-- OPTIONS OF `docker run`]

Two containers take turns, NAME-blue and NAME-green. Each listens on a socket of its own in the volume that Nginx has mounted,
too; fastcgi.sock there, which Nginx connects to, is a link to one of them. So Nginx is neither changed nor reloaded.

  1. `migrate up` in a container of IMAGE, while the old one serves: a migration of an update must only add
  2. starts the new container and waits until it is healthy
  3. switches the link, in one step
  4. asks again; waits until the old one has served what it had accepted; stops and removes it

Should anything fail, the link is switched back, the new container is removed, and the migrations of step 1 are undone.

  --name NAME              default: ccr-ui-backend
  --volume VOLUME          the volume or directory of the sockets (default: ccr-ui_fastcgi, compose's)
  --network NETWORK        where PostgreSQL is (default: ccr-ui_database, compose's)
  --env-file FILE          the settings, for `docker run --env-file`: NAME=value lines without quotes (default: ./backend.env)
  --old CONTAINER          what serves now, when it is neither of the two: compose's own, the first time
  --engine COMMAND         docker (default), or podman
  --health-timeout SECONDS until the new one must be healthy (default: 60)
  --drain SECONDS          between the switch and the end of the old one (default: 5)
  -h, --help               this text

Exit status: 0 done; 64 wrong arguments; 65 the new image failed and the old container serves; 71 going back failed, too;
75 another run is at work.

Example, from the checkout, beside compose's containers:
  docker build -f deploy/docker/Dockerfile -t ccr-ui-backend:0.2.0 .
  deploy/docker/blue-green.sh --old ccr-ui-backend-1 ccr-ui-backend:0.2.0
END
}

say() { printf '%s\n' "$*"; }
fail() {
    local status=$1
    shift
    printf '%s: %s\n' "$PROGRAM" "$*" >&2
    exit "$status"
}
wrong_usage() { fail 64 "$*; see $PROGRAM.sh --help"; }

name=ccr-ui-backend volume=ccr-ui_fastcgi network=ccr-ui_database env_file=backend.env old='' engine=docker
health_timeout=60 drain=5 image='' more=()

set_option() {
    case $1 in
    --name) name=$2 ;;
    --volume) volume=$2 ;;
    --network) network=$2 ;;
    --env-file) env_file=$2 ;;
    --old) old=$2 ;;
    --engine) engine=$2 ;;
    --health-timeout) health_timeout=$2 ;;
    --drain) drain=$2 ;;
    *) wrong_usage "'$1' is not an option it knows" ;;
    esac
}

parse_arguments() {
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --)
            shift
            more=("$@")
            break
            ;;
        --*=*) set_option "${1%%=*}" "${1#*=}" ;;
        -*)
            [ -n "${2:-}" ] || wrong_usage "'$1' is not an option it knows, or needs a value"
            set_option "$1" "$2"
            shift
            ;;
        *)
            [ -z "$image" ] || wrong_usage "one IMAGE only"
            image=$1
            ;;
        esac
        shift
    done
    [ -n "$image" ] || wrong_usage "which IMAGE?"
    [[ $health_timeout$drain =~ ^[0-9]{2,8}$ ]] || wrong_usage "--health-timeout and --drain are numbers"
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,60}$ ]] || wrong_usage "--name '$name' is no container's name"
    [ -r "$env_file" ] || wrong_usage "cannot read $env_file; name the settings with --env-file"
}

# --- containers ------------------------------------------------------------------------------------------------------

FOLDER=/run/ccr-ui-backend
last_line() { tail -n 1 "$scratch/output" 2>/dev/null || true; }

hardened=(--network "" --env-file "" --volume "" --read-only --tmpfs /tmp:mode=1777 --cap-drop ALL
    --security-opt no-new-privileges:true)

once() { "$engine" run --rm "${hardened[@]}" "${more[@]}" "$@" 2>"$scratch/errors" >"$scratch/output"; }

# In the volume: sh's lines with $1... as arguments.
in_folder() {
    "$engine" run --rm --volume "$volume:$FOLDER" --network none --entrypoint /bin/sh "$image" -c "cd $FOLDER && $1" sh "${@:2}" \
        >"$scratch/output" 2>&1
}

# shellcheck disable=SC2016
switch_to() { in_folder 'ln -sfn -- "$1" next && mv -Tf next fastcgi.sock' "$1"; }

runs() { [ "$("$engine" container inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

healthy() { # CONTAINER SOCKET
    "$engine" exec "$1" /usr/local/bin/ccr-ui-backend healthcheck --socket "$2" >"$scratch/output" 2>&1
}

remove() {
    "$engine" stop --time 45 "$1" >/dev/null 2>&1 || true
    "$engine" rm --force "$1" >/dev/null 2>&1 || true
}

# --- schema ----------------------------------------------------------------------------------------------------------

# Sets applied, or fails.
applied=''
look_at_schema() {
    once "$image" migrate verify --json || true
    applied=$(sed -nE 's/.*"applied":([0-9]+).*/\1/p' "$scratch/output")
    [ -n "$applied" ]
}

migrate_up() {
    look_at_schema || fail 65 "the schema cannot be looked at with $image: $(tail -n 1 "$scratch/errors"); nothing was changed"
    before=$applied
    migrated=1
    once "$image" migrate up || go_back "the migration failed: $(tail -n 1 "$scratch/errors")"
}

migrate_back() {
    [ -n "$migrated" ] || return 0
    look_at_schema || return 1
    ((applied <= before)) || once "$image" migrate down $((applied - before))
}

# --- the exchange ----------------------------------------------------------------------------------------------------

before='' migrated='' started='' switched='' old_target=''

go_back() {
    trap '' HUP INT TERM
    local why=$1 bad=''
    printf '%s: %s; going back\n' "$PROGRAM" "$why" >&2
    if [ -n "$switched" ]; then
        switch_to "$old_target" || bad="the link cannot be switched back to $old_target"
    fi
    if [ -n "$started" ] && [ -z "$bad" ]; then
        [ -z "$switched" ] || sleep "$drain"
        remove "$new"
    fi
    [ -n "$bad" ] || migrate_back || bad="the migrations cannot be undone: the old container serves, but could not start again"
    [ -z "$bad" ] || fail 71 "$bad"
    fail 65 "$why; the old container serves"
}

wait_healthy() {
    local deadline=$((SECONDS + health_timeout))
    until healthy "$new" "$FOLDER/$new.sock"; do
        runs "$new" || go_back "$new ended: $("$engine" logs --tail 1 "$new" 2>&1 || true)"
        ((SECONDS < deadline)) || go_back "$new is not healthy after $health_timeout s: $(last_line)"
        sleep 0.2
    done
}

# Whom the link names, and which of the two is free.
choose() {
    # shellcheck disable=SC2016
    in_folder 'readlink fastcgi.sock || true' || fail 65 "the volume $volume cannot be used with $image: $(last_line); nothing was changed"
    old_target=$(last_line)
    new=$name-blue
    if [ "$old_target" = "$name-blue.sock" ]; then
        new=$name-green old=$name-blue
    elif [ "$old_target" = "$name-green.sock" ]; then
        old=$name-green
    fi
    ! runs "$new" || fail 65 "$new runs although the link names another; remove it first"
    "$engine" rm --force "$new" >/dev/null 2>&1 || true
}

# The first time fastcgi.sock is the old container's own socket: it keeps that under another name, to go back to.
keep_old_socket() {
    [ -z "$old_target" ] || return 0
    # shellcheck disable=SC2016
    in_folder '[ ! -S fastcgi.sock ] || ln -f fastcgi.sock "$1"' "$name-before.sock" || go_back "cannot keep the old socket: $(last_line)"
    old_target=$name-before.sock
}

exchange() {
    choose
    migrate_up
    started=1
    "$engine" run --detach --name "$new" --restart unless-stopped "${hardened[@]}" --env "SOCKET=$FOLDER/$new.sock" "${more[@]}" \
        "$image" serve >"$scratch/output" 2>&1 || go_back "$new cannot be started: $(last_line)"
    wait_healthy
    keep_old_socket
    switched=1
    switch_to "$new.sock" || go_back "the link cannot be switched: $(last_line)"
    healthy "$new" "$FOLDER/fastcgi.sock" || go_back "$new is not healthy behind the link: $(last_line)"
    trap '' HUP INT TERM
    sleep "$drain"
    [ -z "$old" ] || remove "$old"
    # shellcheck disable=SC2016
    in_folder 'rm -f -- "$1"' "$name-before.sock" || true
    say "$new serves ($image), $SECONDS s${old:+; $old is gone}"
}

parse_arguments "$@"
hardened[1]=$network hardened[3]=$env_file hardened[5]=$volume:$FOLDER
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
exec 9<"$env_file"
flock -n 9 || fail 75 "another run is at work"
trap 'go_back "interrupted"' HUP INT TERM
exchange
