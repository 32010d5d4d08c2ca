#!/usr/bin/env bash
# One command from a fresh checkout to a running system. See --help.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
Usage: scripts/quickstart.sh [start] [--port N] [--ui DIR] [--import FILE [--platform P]]
       scripts/quickstart.sh stop
       scripts/quickstart.sh status

Builds ccr-ui-backend and runs it from this checkout, for trying it out: workers behind Nginx on 127.0.0.1, and a
PostgreSQL cluster of its own that listens on no network. Missing Debian packages are installed (as root, or with sudo).
Started again, it keeps the data, brings the build and the schema up to date and restarts only what changed.

  --port N       port of Nginx; default: the last start's, else 8080
  --ui DIR       CCR UI at /: the folder that its build made (index.html and assets/), used where it is; none: the console alone.
                 Default: the last start's, else none. As some of its pages have these addresses written in, it is also at
                 localhost:8081 and localhost:48081; UI_LISTEN="ADDRESS:PORT ..." in the environment names others, none no others
  --import FILE  imports a CCR profile file (TOML) into admin's workspace, merging it with what is there
  --platform P   of that file: claude (default), codex, gemini, qwen, iflow or droid
  -h, --help     this text

Everything it makes is in var/, which is private to the user the programs run as:
  admin-password  of the user admin      env       the settings, secrets included: back it up with the data
  postgres/       the data               run/      sockets and process ids
  log/            logs of workers and PostgreSQL
  nginx/          configuration and logs of Nginx

Nothing runs as root: started by root, the programs run as the checkout's owner, or as the system user `ccr` (made when
missing) when that is root too; then, if `ccr` cannot reach the checkout, var/ is a link into /var/lib/ccr-ui-backend.
To begin anew: scripts/quickstart.sh stop, then remove var/ (and what it links to).

Exit status: 0 done; 1 failed, with one line saying why; 2 wrong arguments; status: 0 all runs, 1 some, 3 nothing.
END
}

wrong_usage() {
    printf 'quickstart: %s; see scripts/quickstart.sh --help\n' "$*" >&2
    exit 2
}

VAR=$ROOT/var
STEPS=8
step_number=0
step() {
    step_number=$((step_number + 1))
    say "${BOLD}[$step_number/$STEPS]${PLAIN} $* ${DIM}(${SECONDS} s)${PLAIN}"
}

parse_arguments() {
    command=start port='' ui='' import='' platform=claude
    local platform_given=''
    case ${1:-} in
    start | stop | status)
        command=$1
        shift
        ;;
    esac
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --port | --ui | --import | --platform)
            (($# >= 2)) || wrong_usage "$1 needs a value"
            case $1 in
            --port) port=$2 ;;
            --ui) ui=$2 ;;
            --import) import=$2 ;;
            --platform) platform=$2 platform_given=1 ;;
            esac
            shift 2
            ;;
        --port=* | --ui=* | --import=* | --platform=*)
            set -- "${1%%=*}" "${1#*=}" "${@:2}"
            ;;
        *) wrong_usage "'$1' is not an argument it knows" ;;
        esac
    done
    if [ "$command" != start ] && [ -n "$port$ui$import$platform_given" ]; then
        wrong_usage "$command takes no options"
    fi
    if [ -n "$port" ]; then
        if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then
            wrong_usage "--port '$port' is not a port from 1 to 65535"
        fi
    fi
    [ -z "$platform_given" ] || [ -n "$import" ] || wrong_usage "--platform goes with --import"
    case $platform in
    claude | codex | gemini | qwen | iflow | droid) ;;
    *) wrong_usage "--platform '$platform' is none of claude, codex, gemini, qwen, iflow, droid" ;;
    esac
}

# --- who runs it, and where ------------------------------------------------------------------------------------------

# The user that PostgreSQL, the workers and Nginx run as: never root.
choose_user() {
    local place
    run_user=$(id -un)
    ((EUID == 0)) || return 0
    run_user=ccr
    for place in "$VAR" "$ROOT"; do
        [ -e "$place" ] || continue
        case $(stat -L -c %U "$place") in
        root | UNKNOWN) ;;
        *)
            run_user=$(stat -L -c %U "$place")
            break
            ;;
        esac
    done
}

make_user() {
    ((EUID == 0)) && ! getent passwd "$run_user" >/dev/null || return 0
    useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$run_user" ||
        die "cannot create the user $run_user that everything is to run as; create it by hand"
}

# Runs a command as run_user in $folder (default /), with nothing of our environment: a variable there would win over
# var/env.
as_user() {
    local clean=(env -i -C "${folder:-/}" PATH="$PATH" HOME="$real" USER="$run_user" LC_ALL=C.UTF-8 TZ="${TZ:-}")
    if ((EUID == 0)); then
        # A session of its own: another process of that user must not type into root's terminal.
        setsid --wait setpriv --reuid "$run_user" --regid "$(id -g "$run_user")" --init-groups --inh-caps=-all "${clean[@]}" "$@"
    else
        "${clean[@]}" "$@"
    fi
}

# Builds as the checkout's owner, so that root leaves no files behind that the owner cannot change.
as_builder() {
    if ((EUID == 0)) && [ "$(stat -c %U "$ROOT")" = "$run_user" ]; then
        folder=$ROOT as_user "$@"
    else
        "$@"
    fi
}

# write_file MODE PATH: standard input into a file of run_user's, whole or not at all.
write_file() {
    # shellcheck disable=SC2016
    as_user sh -c 'umask 077; cat >"$2.new" && chmod "$1" "$2.new" && mv "$2.new" "$2"' write "$1" "$2"
}

# What is in var/ is run_user's: a name there may be a link to a file of root's, or a FIFO.
theirs() { as_user timeout 10 cat -- "$1"; }
last_line_of() { theirs "$1" 2>/dev/null | tail -n 1; }

locate() {
    real=$(readlink -m "$VAR")
    run=$(readlink -m "$real/run")
    nginx=$real/nginx
    program=$real/bin/ccr-ui-backend
}

hash_of() { printf '%s' "$1" | sha256sum | cut -c 1-12; }

make_folders() {
    local short
    locate
    if ((EUID == 0)) && [ ! -e "$VAR" ]; then
        if real=/ as_user test -x "$ROOT"; then
            install -d -o "$run_user" -g "$(id -g "$run_user")" -m 0700 "$VAR"
        else
            real=/var/lib/ccr-ui-backend/quickstart-$(hash_of "$ROOT")
            install -d -m 0755 /var/lib/ccr-ui-backend
            install -d -o "$run_user" -g "$(id -g "$run_user")" -m 0700 "$real"
            ln -sfn "$real" "$VAR"
            say "      $run_user cannot reach $ROOT: var/ links to $real"
        fi
        locate
    fi
    [ -e "$VAR" ] || install -d -m 0700 "$VAR" || die "cannot make $VAR; run this as the owner of the checkout"
    [ "$(stat -L -c %U "$VAR")" = "$run_user" ] ||
        die "var/ belongs to $(stat -L -c %U "$VAR"), who started this before; run it as that user or as root"
    as_user mkdir -p "$real/log" "$real/bin" "$nginx"
    # A socket's path has at most 107 bytes; the longest name in run/ has 14.
    if (($(printf %s "$real/run/.s.PGSQL.5432" | wc -c) > 107)); then
        if ((EUID == 0)); then
            short=/run/ccr-$(hash_of "$real")
            install -d -o "$run_user" -g "$(id -g "$run_user")" -m 0700 "$short"
        else
            short=${XDG_RUNTIME_DIR:-/tmp}/ccr-$(hash_of "$real")
            mkdir -m 0700 "$short" 2>/dev/null || true
            if [ ! -d "$short" ] || [ -L "$short" ] || [ ! -O "$short" ]; then
                die "$short is in the way (sockets go there, the checkout's own path is too long for them); remove it"
            fi
        fi
        as_user ln -sfn "$short" "$real/run"
    else
        [ ! -L "$real/run" ] || as_user rm "$real/run"
        as_user mkdir -p -m 0700 "$real/run"
    fi
    locate
}

# --- processes -------------------------------------------------------------------------------------------------------

# pid_of NAME: its process id when it runs and is ours (process ids are used again), else nothing.
pid_of() {
    local file=$run/$1.pid mark pid
    mark=$real/env
    [ "$1" != nginx ] || file=$nginx/nginx.pid mark=$nginx/nginx.conf
    [ "$1" != postgres ] || file=$real/postgres/postmaster.pid mark=$real/postgres
    pid=$(theirs "$file" 2>/dev/null | head -n 1) || return 0
    # The number in a file of theirs may be anybody's. The owner of /proc/PID is root's where the process cannot be dumped.
    [[ $pid =~ ^[0-9]{1,9}$ ]] && [ "$(awk '/^Uid:/ {print $3}' "/proc/$pid/status" 2>/dev/null)" = "$(id -u "$run_user")" ] || return 0
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$mark"; then
        printf '%s' "$pid"
    fi
}

# end_process NAME SIGNAL SECONDS: asks, waits, and kills its process group when that was not enough.
end_process() {
    local pid waited=0
    pid=$(pid_of "$1")
    [ -n "$pid" ] || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
    while [ -n "$(pid_of "$1")" ]; do
        if ((waited++ >= $3 * 10)); then
            kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null || true
            return 0
        fi
        sleep 0.1
    done
}

stop_workers() { end_process workers TERM 45; }
stop_nginx() { end_process nginx QUIT 10; }
stop_postgres() {
    [ -z "$(pid_of postgres)" ] || as_user "$pgbin/pg_ctl" stop -s -w -t 60 -m fast -D "$real/postgres"
}

find_postgres() {
    pgbin=/usr/lib/postgresql/15/bin
    [ -x "$pgbin/postgres" ] || die "$pgbin/postgres is missing although postgresql-15 is installed; reinstall that package"
}

# --- the steps of start ----------------------------------------------------------------------------------------------

check_port() {
    local address
    [ -n "$port" ] || port=$(theirs "$real/port" 2>/dev/null || true)
    [[ $port =~ ^[0-9]+$ ]] || port=8080
    for address in 127.0.0.1 '[::1]'; do
        if in_use "$address:$port" && ! grep -qF "listen $address:$port;" <<<"$(running_configuration)"; then
            die "port $port is in use on $address; choose another with --port N"
        fi
    done
    if ((EUID != 0 && port < 1024)); then
        die "port $port needs root; choose one above 1023 with --port N"
    fi
}

# What our Nginx runs with now; nothing when it does not run.
running_configuration() { [ -z "$(pid_of nginx)" ] || theirs "$nginx/nginx.conf" 2>/dev/null || true; }

# Sets ui: an absolute path, or nothing for the console alone.
choose_ui() {
    case $ui in
    none) ui='' ;;
    '') ui=$(theirs "$real/ui" 2>/dev/null || true) ;;
    *) ui=$(cd "$CALLED_FROM" && realpath -ms -- "$ui") ;;
    esac
    [ -z "$ui" ] || check_ui "$ui"
}

# Nginx reads it as run_user.
check_ui_is_readable() {
    local closed
    [ -n "$ui" ] || return 0
    closed=$(as_user find "$ui/" ! -readable -print -quit 2>&1) || true
    [ -z "$closed" ] || die "--ui $ui: $run_user, who Nginx runs as, cannot read all of it (${closed%%$'\n'*}); chmod -R a+rX there, or copy it to where $run_user can"
}

# Prints the directives of CCR UI's other addresses.
listen_for_ui() {
    local wanted place
    [ -n "$ui" ] && [ "${UI_LISTEN:-}" != none ] || return 0
    read -ra wanted <<<"${UI_LISTEN:-$(default_ui_listen | paste -sd ' ')}"
    running_configuration >"$scratch/running"
    free_for_ui "$scratch/running" "${wanted[@]}" | while read -r place; do
        [ "${place##*:}" = "$port" ] || printf 'listen %s; ' "$place"
    done
}

check_import() {
    [ -n "$import" ] || return 0
    if [ ! -f "$import" ] || [ ! -r "$import" ]; then
        die "cannot read the file to import, $import"
    fi
    iconv -f UTF-8 -t UTF-8 <"$import" >/dev/null 2>&1 || die "$import is not UTF-8 text, so it is no CCR profile file"
}

build() {
    local log=build/quickstart-build.log
    as_builder mkdir -p build
    if ! run_long "$log" as_builder make -j "$(nproc)"; then
        tail -n 15 "$log" >&2
        die "the build failed; see $log"
    fi
    # A copy, because run_user may not reach the checkout.
    program_changed=''
    if ! theirs "$program" 2>/dev/null | cmp -s build/ccr-ui-backend -; then
        write_file 0755 "$program" <build/ccr-ui-backend
        program_changed=1
    fi
}

# Keeps the secrets of an existing file; the paths in it follow the checkout.
make_env() {
    local password secrets
    env_changed=''
    if [ -e "$real/env" ]; then
        theirs "$real/env" >"$scratch/env-before" || die "$run_user cannot read var/env"
        password=$(sed -n 's|^DATABASE_URL=postgresql://ccr:\([A-Za-z0-9]*\)@.*|\1|p' "$scratch/env-before")
        secrets=$(grep -vE '^(DATABASE_URL|SOCKET|EVENTS_SOCKET)=' "$scratch/env-before")
        [ -n "$password" ] || die "var/env has no DATABASE_URL of this script's; restore it, or remove var/ to begin anew"
    elif [ -e "$real/postgres" ]; then
        die "var/env is gone, and only its SECRETS_KEY opens what var/postgres holds; restore it, or remove var/ to begin anew"
    else
        password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
        secrets=$(as_user "$program" secrets generate) || die "cannot generate secrets; try: build/ccr-ui-backend secrets generate"
    fi
    database_password=$password
    {
        printf 'DATABASE_URL=postgresql://ccr:%s@/ccr?host=%s\n' "$password" "$(jq -rn --arg path "$run" '$path | @uri')"
        quoted=$(printf %s "$run" | sed 's/[\\"$`]/\\&/g')
        printf 'SOCKET="%s/ccr.sock"\nEVENTS_SOCKET="%s/events.sock"\n' "$quoted" "$quoted"
        printf '%s\n' "$secrets"
    } >"$scratch/env"
    if ! cmp -s "$scratch/env" "$scratch/env-before"; then
        write_file 0600 "$real/env" <"$scratch/env"
        env_changed=1
    fi
}

make_cluster() {
    local quoted
    if [ ! -e "$real/postgres" ]; then
        as_user rm -rf "$real/postgres.new"
        run_long "$scratch/initdb" as_user "$pgbin/initdb" -D "$real/postgres.new" -U postgres --encoding=UTF8 --locale=C.UTF-8 ||
            die "cannot create the PostgreSQL cluster: $(tail -n 1 "$scratch/initdb")"
        # Only this operating-system user is `postgres`; everybody else needs a password, also on this socket.
        printf 'local all postgres peer map=quickstart\nlocal all all scram-sha-256\n' | write_file 0600 "$real/postgres.new/pg_hba.conf"
        printf 'quickstart %s postgres\n' "$run_user" | write_file 0600 "$real/postgres.new/pg_ident.conf"
        # shellcheck disable=SC2016
        as_user sh -c 'echo "include = '\''ccr.conf'\''" >>"$1/postgresql.conf"' append "$real/postgres.new"
        as_user mv "$real/postgres.new" "$real/postgres"
    fi
    quoted=${run//\'/\'\'}
    {
        printf "listen_addresses = ''\nport = 5432\n"
        printf "unix_socket_directories = '\"%s\"'\nunix_socket_permissions = 0700\n" "$quoted"
    } | write_file 0600 "$real/postgres/ccr.conf"
    if [ -z "$(pid_of postgres)" ]; then
        as_user "$pgbin/pg_ctl" start -s -w -t 60 -D "$real/postgres" -l "$real/log/postgres.log" >"$scratch/pg_ctl" 2>&1 9>&- ||
            die "PostgreSQL does not start: $(theirs "$real/log/postgres.log" | grep -E 'FATAL|PANIC' | tail -n 1) (see var/log/postgres.log)"
    fi
    as_user "$pgbin/psql" -h "$run" -U postgres -d postgres -qAtX -v ON_ERROR_STOP=1 >"$scratch/psql" 2>&1 <<SQL ||
DO \$\$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ccr') THEN CREATE ROLE ccr LOGIN NOSUPERUSER NOBYPASSRLS; END IF;
END \$\$;
SET log_statement = 'none';
ALTER ROLE ccr PASSWORD '$database_password';
ALTER ROLE ccr SET log_parameter_max_length = 0;
ALTER ROLE ccr SET log_parameter_max_length_on_error = 0;
SELECT 'CREATE DATABASE ccr OWNER ccr' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'ccr') \gexec
SQL
        die "cannot set the database up: $(tail -n 1 "$scratch/psql")"
}

migrate() {
    as_user "$program" migrate up --env-file "$real/env" >"$scratch/migrate" 2>&1 ||
        die "the migration failed: $(tail -n 1 "$scratch/migrate")"
}

make_admin() {
    local verb=passwd
    as_user "$program" user list --json --env-file "$real/env" >"$scratch/users" 2>"$scratch/user" ||
        die "cannot list the users: $(tail -n 1 "$scratch/user")"
    jq -e '[.. | objects | .username?] | index("admin")' "$scratch/users" >/dev/null || verb=add
    if [ ! -e "$real/admin-password" ]; then
        od -An -N15 -tx1 /dev/urandom | tr -d ' ' | write_file 0600 "$real/admin-password"
    elif [ $verb = passwd ]; then
        return 0
    fi
    [ $verb = passwd ] || set -- --site-admin
    as_user "$program" user $verb admin "$@" --password-file "$real/admin-password" --env-file "$real/env" >"$scratch/user" 2>&1 ||
        die "cannot give admin a password: $(tail -n 1 "$scratch/user")"
}

start_workers() {
    if [ -n "$program_changed$env_changed" ]; then
        stop_workers
    fi
    [ -z "$(pid_of workers)" ] || return 0
    # A session of its own and no nohup, which would make the program inherit an ignored SIGHUP.
    # shellcheck disable=SC2016
    as_user setsid --fork sh -c 'umask 077; echo $$ >"$1"; log=$2; shift 2; exec "$@" >>"$log" 2>&1 </dev/null' start \
        "$run/workers.pid" "$real/log/workers.log" \
        spawn-fcgi -n -s "$run/ccr.sock" -M 0660 -b 4096 -- "$program" serve --env-file "$real/env" 9>&-
}

start_nginx() {
    local text listen_ipv6='' at_root="include \"$nginx/root_ccr.conf\";"
    mkdir "$scratch/nginx"
    if has_ipv6_loopback; then
        listen_ipv6="listen [::1]:$port;"
    fi
    [ -z "$ui" ] || at_root="set \$ccr_ui \"$ui\"; include \"$nginx/ui_ccr.conf\";"
    listen_ui=$(listen_for_ui)
    text=$(<nginx/quickstart.conf.in)
    text=${text//@DIR@/"$nginx"}
    text=${text//@NGINX@/"$nginx"}
    text=${text//@WEB@/"$nginx/web"}
    text=${text//@SOCKET@/"$run/ccr.sock"}
    text=${text//@EVENTS@/"$run/events.sock"}
    text=${text//@PORT@/"$port"}
    text=${text//@LISTEN_IPV6@/"$listen_ipv6"}
    text=${text//@LISTEN_UI@/"$listen_ui"}
    text=${text//@AT_ROOT@/"$at_root"}
    text=${text//@RATE@/200}
    printf '%s\n' "$text" >"$scratch/nginx/nginx.conf"
    cp -r nginx/*_ccr.conf web "$scratch/nginx/"
    local file changed=''
    while read -r file; do
        if ! theirs "$nginx/$file" 2>/dev/null | cmp -s "$scratch/nginx/$file" -; then
            as_user mkdir -p "$nginx/$(dirname "$file")"
            write_file 0600 "$nginx/$file" <"$scratch/nginx/$file"
            changed=1
        fi
    done < <(cd "$scratch/nginx" && find . -type f -printf '%P\n')
    if [ -n "$changed" ]; then
        stop_nginx
    fi
    [ -z "$(pid_of nginx)" ] || return 0
    as_user nginx -q -t -e "$nginx/error.log" -c "$nginx/nginx.conf" >"$scratch/nginx-test" 2>&1 ||
        die "Nginx refuses its configuration: $(tail -n 1 "$scratch/nginx-test")"
    as_user nginx -e "$nginx/error.log" -c "$nginx/nginx.conf" >"$scratch/nginx-start" 2>&1 9>&- ||
        die "Nginx does not start on port $port: $(grep -m1 emerg "$scratch/nginx-start")"
    printf '%s\n' "$port" | write_file 0600 "$real/port"
    printf '%s\n' "$ui" | write_file 0600 "$real/ui"
}

wait_healthy() {
    local from=$SECONDS answer=''
    until answer=$(call -m 2 "$url/api/system/status") && [ "$(jq -r .status <<<"$answer" 2>/dev/null)" = healthy ]; do
        if ((SECONDS - from >= 2)) && [ -z "$(pid_of workers)" ]; then
            die "the workers ended: $(last_line_of "$real/log/workers.log") (see var/log/workers.log)"
        fi
        ((SECONDS - from < 30)) || die "not healthy after 30 s: ${answer:-no answer} (see var/log/workers.log)"
        sleep 0.1
    done
}

# Secrets reach curl through files and pipes: a command line is everybody's to read.
call() { curl -s --noproxy '*' -m 30 "$@"; }

login() {
    theirs "$real/admin-password" | jq -nR '{username: "admin", password: input}' |
        call -H 'Content-Type: application/json' --data-binary @- "$url/api/auth/login" >"$scratch/login" || return 1
    jq -er '"Authorization: Bearer " + (.data.access_token // error)' "$scratch/login" >"$scratch/bearer" 2>/dev/null
}

import_file() {
    local status
    login || die "admin cannot log in with var/admin-password: $(jq -r '.message? // .' "$scratch/login"); put the right password there"
    status=$(jq -Rs '{content: ., mode: "merge"}' <"$import" |
        call -H 'Content-Type: application/json' -H "@$scratch/bearer" --data-binary @- -o "$scratch/import" \
            -w '%{http_code}' "$url/api/import?platform=$platform") || true
    [ "$status" = 200 ] || die "$import was not imported (HTTP $status): $(jq -r .message "$scratch/import" 2>/dev/null)"
    jq -r '.data | "      \(.added) added, \(.updated) updated, \(.skipped) skipped"' "$scratch/import"
}

print_what_to_try() {
    local password other='' page runs="CCR UI backend runs: open $url in a browser" json="-H 'Content-Type: application/json'"
    password=$(printf '%q' "$VAR/admin-password")
    if login; then
        other=$(call -H "@$scratch/bearer" "$url/api/configs" |
            jq -r '.current_config as $now | [.configs[].name | select(. != $now)][0] // empty' 2>/dev/null) || true
    fi
    say
    if [ -n "$ui" ]; then
        # By that name and at that port its pages of Droid's things ask their own site.
        page=http://localhost:$port
        [[ $listen_ui != *:8081\;* ]] || page=http://localhost:8081
        runs="CCR UI runs: open $page in a browser, or $page/console/ for the console"
    fi
    say "${BOLD}$runs${PLAIN} (user admin, password in var/admin-password), or try:"
    say "  TOKEN=\$(jq -nR '{username:\"admin\",password:input}' $password | curl -sS $url/api/auth/login $json --data @- | jq -r .data.access_token)"
    say "  curl -sS $url/api/configs -H \"Authorization: Bearer \$TOKEN\" | jq"
    if [ -n "$other" ]; then
        say "  curl -sS $url/api/switch -H \"Authorization: Bearer \$TOKEN\" $json --data '{\"config_name\":\"$other\"}'"
    else
        say "  curl -sS $url/api/configs -H \"Authorization: Bearer \$TOKEN\" $json --data '{\"name\":\"relay\",\"base_url\":\"https://relay.example.com\",\"auth_token\":\"sk-example\"}'"
    fi
    say "Logs: var/log, var/nginx. Stop: scripts/quickstart.sh stop"
}

# --- commands --------------------------------------------------------------------------------------------------------

start() {
    [ -z "$import" ] || STEPS=9
    check_import
    locate
    choose_ui
    check_port
    need_space 300 "$ROOT"
    step "Debian packages"
    as_builder mkdir -p build
    install_packages build/quickstart-packages.log "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}"
    find_postgres
    make_user
    make_folders
    check_ui_is_readable
    step "building"
    build
    step "settings and secrets in var/env"
    make_env
    step "PostgreSQL in var/postgres"
    make_cluster
    step "schema"
    migrate
    step "user admin"
    make_admin
    step "workers and Nginx"
    start_workers
    start_nginx
    url=http://127.0.0.1:$port
    step "waiting until $url/api/system/status says healthy"
    wait_healthy
    if [ -n "$import" ]; then
        step "importing $import into $platform"
        import_file
    fi
    print_what_to_try
}

stop() {
    locate
    find_postgres
    stop_nginx
    stop_workers
    stop_postgres
    say "stopped; the data stays in var/"
}

status() {
    local name pid description running=0
    locate
    for name in postgres workers nginx; do
        pid=$(pid_of "$name")
        description=${pid:+runs, process $pid}
        description=${description:-does not run}
        printf '%-9s %s\n' "$name" "$description"
        [ -z "$pid" ] || running=$((running + 1))
    done
    ((running)) || exit 3
    if ((running == 3)); then
        url=http://127.0.0.1:$(theirs "$real/port")
        say "address   $url"
        name=$(call "$url/api/system/status" | jq -r .status 2>/dev/null) || true
        say "health    ${name:-no answer}"
        [ "$name" != healthy ] || exit 0
    fi
    exit 1
}

parse_arguments "$@"
if [ -n "$import" ] && [[ $import != /* ]]; then
    import=$CALLED_FROM/$import
fi
choose_user
if [ "$command" != status ]; then
    exec 9<"$ROOT/scripts/quickstart.sh"
    flock -n 9 || die "another quickstart.sh is at work in this checkout; wait until it is done"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$command"
