#!/usr/bin/env bash
# What stands between an installed program and a running service. See --help. The Debian package and `make install` call it
# ccr-ui-setup; scripts/install.sh runs it.
set -euo pipefail
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/lib.sh
. "$HERE/lib.sh"
PROGRAM=ccr-ui-setup

usage() {
    cat <<'END'
Usage: ccr-ui-setup [--server-name NAME] [--certificate FILE --key FILE] [--database-url-file FILE] [--ui DIR] [--no-nginx]
                    [--dry-run] [VARIABLE=VALUE...]

Makes an installed ccr-ui-backend run: the system user ccr, folders, settings and secrets in /etc/ccr-ui/ccr-ui.env
(0640 root:ccr), database and role, schema, systemd units, and a site in Nginx over HTTPS. It asks nothing and may be run
again at any time: what is there stays, what is missing is made, the schema is brought up to date, the service restarted.

  --server-name NAME   the site's host name (default: the last run's, else this machine's)
  --certificate FILE   its TLS certificate with the chain, and
  --key FILE           the key (default: the last run's, else a self-signed one is made in /etc/ccr-ui/tls)
  --database-url-file FILE   FILE's first line is the URL of a database that exists, owned by an ordinary role; - is standard
                       input (default: ccr_ui_db, made with the role ccr_user through the superuser of the PostgreSQL here)
  --database-url URL   the same on the command line, which everybody on the machine can read: only for a URL without a password
  --ui DIR             CCR UI at /: a copy is made of the folder that its build made (index.html and assets/); none takes it away.
                       As some of its pages have these addresses written in, it is also at http://localhost:8081 and :48081
                       of this machine; UI_LISTEN=none leaves that out
  --no-nginx           leave Nginx alone
  --dry-run            print what it would do, do nothing
  -h, --help           this text

VARIABLE=VALUE sets what render-nginx.sh --help names for the site: UI_LISTEN, TRUSTED_PROXIES, RATE, ... It is remembered;
VARIABLE= goes back to the default.

Where no systemd runs it prints what to start. Exit status: 0 done; 1 failed, with one line saying why; 2 wrong arguments.
END
}

wrong_usage() {
    printf '%s: %s; see %s --help\n' "$PROGRAM" "$*" "$PROGRAM" >&2
    exit 2
}

CONFIG=/etc/ccr-ui
ENV_FILE=$CONFIG/ccr-ui.env
STATE=/var/lib/ccr-ui # remembers what was chosen and made
FRONTEND=$STATE/frontend
SOCKET=/run/ccr-ui-backend/fastcgi.sock
SITE=ccr-ui-backend
ROLE=ccr_user DATABASE=ccr_ui_db
# In a checkout beside the scripts, installed (PREFIX/lib/ccr-ui-backend) under share.
NGINX_FILES=$HERE/../nginx
[ -d "$NGINX_FILES" ] || NGINX_FILES=$HERE/../../share/ccr-ui-backend/nginx
NGINX_FILES=$(realpath "$NGINX_FILES")
BINARY=${CCR_BINARY:-$(command -v ccr-ui-backend || true)}

server_name='' certificate='' key='' database_url='' database_url_file='' ui='' with_nginx=1 dry_run='' site=()
while (($#)); do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=1 ;;
    --no-nginx) with_nginx='' ;;
    SERVER_NAME=* | CERTIFICATE=* | CERTIFICATE_KEY=* | SOCKET=* | NGINX_DIR=*) wrong_usage "${1%%=*} has an option, or is fixed" ;;
    [A-Z]*=*)
        [[ $1 =~ ^[A-Z_]+=[^[:cntrl:]]*$ ]] || wrong_usage "'$1' is not VARIABLE=VALUE"
        site+=("$1")
        ;;
    --server-name | --certificate | --key | --database-url | --database-url-file | --ui)
        [ -n "${2:-}" ] || wrong_usage "$1 needs a value"
        option=${1#--}
        printf -v "${option//-/_}" %s "$2"
        shift
        ;;
    *) wrong_usage "'$1' is not an argument it knows" ;;
    esac
    shift
done
[[ -z $server_name || $server_name =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] ||
    wrong_usage "--server-name '$server_name' is no host name"
[[ ! $database_url =~ (:[^@]*:[^@]*@|password=) ]] ||
    wrong_usage "--database-url holds a password, and a command line is everybody's to read: write it into a file of mode 0600 and name that with --database-url-file, or give - there and the URL through standard input; that password should be changed now"
[ -z "$database_url" ] || [ -z "$database_url_file" ] || wrong_usage "--database-url or --database-url-file, not both"
[ -z "$ui" ] || [[ " ${site[*]}" != *" FRONTEND_DIR="* ]] || wrong_usage "--ui or FRONTEND_DIR, not both"
[ -n "$certificate" ] && [ -z "$key" ] && wrong_usage "--certificate goes with --key"
[ -n "$key" ] && [ -z "$certificate" ] && wrong_usage "--key goes with --certificate"

# --- doing, or saying what would be done -----------------------------------------------------------------------------

step() { say "${BOLD}$*${PLAIN}"; }

act() {
    if [ -n "$dry_run" ]; then
        say "      would run: $*"
    else
        "$@"
    fi
}

# put MODE GROUP FILE: standard input into root's file, whole or not at all.
put() {
    if [ -n "$dry_run" ]; then
        cat >/dev/null
        say "      would write $3 ($1 root:$2)"
        return 0
    fi
    (umask 077 && cat >"$3.new")
    chown "root:$2" "$3.new"
    chmod "$1" "$3.new"
    mv "$3.new" "$3"
}

# value_in FILE NAME: of its last NAME=VALUE line; nothing when there is none.
value_in() { [ ! -r "$1" ] || sed -n "s/^$2=//p" "$1" | tail -n 1; }
remembered() { value_in "$STATE/setup" "$1"; }
setting() { value_in "$ENV_FILE" "$1"; }

remember() { # NAME VALUE
    [ "$(remembered "$1")" != "$2" ] || return 0
    {
        [ ! -e "$STATE/setup" ] || sed "/^$1=/d" "$STATE/setup"
        printf '%s=%s\n' "$1" "$2"
    } | put 0644 root "$STATE/setup"
}

systemd_runs() { [ -d /run/systemd/system ]; }
# In sessions of their own, so that no other process of these users can type into root's terminal, and with nothing of root's
# environment: PGHOST would lead to another server. The superuser's search_path is no matter for whoever may write in a schema.
as_ccr() { setsid --wait setpriv --reuid ccr --regid ccr --init-groups env -i -C / PATH="$PATH" LC_ALL=C.UTF-8 "$@" </dev/null; }
as_superuser() {
    setsid --wait runuser -u postgres -- env -i -C / PATH="$PATH" LC_ALL=C.UTF-8 PGOPTIONS='-c search_path=pg_catalog' \
        psql -qAtX -v ON_ERROR_STOP=1 "$@"
}

# --- the steps -------------------------------------------------------------------------------------------------------

make_user() {
    step "system user ccr"
    getent passwd ccr >/dev/null ||
        act useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin ccr
}

make_folders() {
    step "folders"
    act install -d -o root -g ccr -m 0750 "$CONFIG"
    act install -d -o root -g root -m 0755 "$STATE"
    act install -d -o ccr -g ccr -m 0750 /var/log/ccr-ui
}

start_postgres() {
    ! as_superuser -c 'SELECT 1' >/dev/null 2>&1 || return 0
    if systemd_runs; then
        act systemctl start postgresql.service || true
    elif command -v pg_lsclusters >/dev/null; then
        act service postgresql start || true
    fi
    [ -z "$dry_run" ] || return 0
    as_superuser -c 'SELECT 1' >/dev/null 2>"$scratch/psql" ||
        die "PostgreSQL on this machine does not answer its superuser ($(tail -n 1 "$scratch/psql")); start it, or give --database-url-file"
}

# Sets database_url.
read_database_url() {
    [ -n "$database_url_file" ] || return 0
    [ "$database_url_file" != - ] || database_url_file=/dev/stdin
    IFS= read -r database_url <"$database_url_file" || [ -n "$database_url" ] || die "cannot read a URL from $database_url_file"
    database_url=${database_url%$'\r'}
}
check_database_url() {
    [[ -z $database_url || $database_url =~ ^postgres(ql)?://[^[:space:][:cntrl:]\'\"]+$ ]] ||
        die "the database's URL must be such as postgresql://USER:PASSWORD@HOST/DATABASE, other characters in it written as %20"
}

# Our own database is one whose URL has the form that make_settings gives it.
own_password() { setting DATABASE_URL | sed -n "s|^postgresql://$ROLE:\([0-9a-f]*\)@127\.0\.0\.1:[0-9]*/$DATABASE\$|\1|p"; }

make_database() {
    local password=$1 exists
    exists=$(as_superuser -c "SELECT 1 FROM pg_database WHERE datname = '$DATABASE'" 2>/dev/null) || true
    if [ -n "$dry_run" ]; then
        [ -n "$exists" ] || say "      would create the role $ROLE and the database $DATABASE"
        return 0
    fi
    # Through standard input: a command line is everybody's to read.
    as_superuser -d postgres >"$scratch/psql" 2>&1 <<SQL || die "cannot make the database: $(tail -n 1 "$scratch/psql")"
DO \$\$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$ROLE') THEN CREATE ROLE $ROLE; END IF;
END \$\$;
SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
ALTER ROLE $ROLE LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '$password';
-- Values are parameters: PostgreSQL's log shows statements without them, whatever is logged.
ALTER ROLE $ROLE SET log_parameter_max_length = 0;
ALTER ROLE $ROLE SET log_parameter_max_length_on_error = 0;
SELECT 'CREATE DATABASE $DATABASE OWNER $ROLE ENCODING ''UTF8'' TEMPLATE template0'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$DATABASE') \gexec
REVOKE ALL ON DATABASE $DATABASE FROM PUBLIC;
SQL
    [ -n "$exists" ] || remember database_made "$DATABASE"
}

make_settings() {
    local password='' port=5432
    step "settings in $ENV_FILE"
    if [ -z "$database_url" ] && { [ ! -e "$ENV_FILE" ] || [ -n "$(own_password)" ]; }; then
        start_postgres
        port=$(as_superuser -c 'SHOW port' 2>/dev/null) || port=5432
        password=$(own_password)
        if [ -z "$password" ] && [ -n "$(as_superuser -c "SELECT 1 FROM pg_database WHERE datname = '$DATABASE'" 2>/dev/null)" ]; then
            die "$ENV_FILE is gone, and only its SECRETS_KEY opens what the database $DATABASE holds; restore it, or drop the database to begin anew"
        fi
        password=${password:-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')}
    fi
    if [ ! -e "$ENV_FILE" ]; then
        {
            printf '# Settings of ccr-ui-backend; ccr-ui-backend settings --format env lists them all.\n'
            printf '# systemctl reload ccr-ui-backend applies a change. SECRETS_KEY opens what the database holds: keep a copy.\n'
            printf 'DATABASE_URL=%s\n' "${database_url:-postgresql://$ROLE:$password@127.0.0.1:$port/$DATABASE}"
            printf 'SOCKET=%s\n' "$SOCKET"
            [ -n "$dry_run" ] || "$BINARY" secrets generate
        } | put 0640 ccr "$ENV_FILE"
    elif [ -n "$database_url" ] && [ "$(setting DATABASE_URL)" != "$database_url" ]; then
        # awk's ENVIRON, because a URL may hold any character that sed gives a meaning
        url=$database_url awk '/^DATABASE_URL=/ {print "DATABASE_URL=" ENVIRON["url"]; next} {print}' "$ENV_FILE" |
            put 0640 ccr "$ENV_FILE"
    fi
    [ -z "$password" ] || make_database "$password"
}

migrate() {
    step "schema"
    if [ -n "$dry_run" ]; then
        say "      would run: ccr-ui-backend migrate up --env-file $ENV_FILE"
        return 0
    fi
    as_ccr "$BINARY" migrate up --env-file "$ENV_FILE" >"$scratch/migrate" 2>&1 ||
        die "the migration failed: $(tail -n 1 "$scratch/migrate")"
}

# Distributions disagree on the group that Nginx runs as; the unit has Debian's.
nginx_group() {
    local group
    for group in www-data nginx http; do
        ! getent group "$group" >/dev/null || { printf %s "$group" && return; }
    done
}

set_up_units() {
    local group socket folder
    step "systemd units"
    group=$(nginx_group)
    if ! command -v systemctl >/dev/null; then
        return 0
    fi
    if [ -z "$group" ]; then
        say "      no group of a web server here; the socket will be root's alone"
        group=root
    fi
    for socket in ccr-ui-backend ccr-ui-events; do
        folder=/etc/systemd/system/$socket.socket.d
        if [ "$group" != www-data ]; then
            act install -d -m 0755 "$folder"
            printf '[Socket]\nSocketGroup=%s\n' "$group" | put 0644 root "$folder/group.conf"
        else
            act rm -f "$folder/group.conf"
        fi
    done
    ! systemd_runs || act systemctl daemon-reload
    act systemctl --quiet enable ccr-ui-backend.socket ccr-ui-backend.service ccr-ui-events.socket ccr-ui-events.service
    if [ -e /etc/systemd/system/ccr-ui-backup.timer ] || systemctl cat ccr-ui-backup.timer >/dev/null 2>&1; then
        act systemctl --quiet enable ccr-ui-backup.timer
        ! systemd_runs || act systemctl start ccr-ui-backup.timer
    fi
}

start_service() {
    systemd_runs || return 0
    step "service"
    # The socket stays as it is, so that what arrives meanwhile waits there.
    act systemctl start ccr-ui-backend.socket || die "the socket does not start: see systemctl status ccr-ui-backend.socket"
    act systemctl restart ccr-ui-backend.service || die "the service does not start: see journalctl -u ccr-ui-backend -n 20"
    act systemctl start ccr-ui-events.socket || die "the socket of live events does not start: see systemctl status ccr-ui-events.socket"
    act systemctl restart ccr-ui-events.service || die "live events do not start: see journalctl -u ccr-ui-events -n 20"
    [ -n "$dry_run" ] || healthy || die "the service runs but is not healthy: see journalctl -u ccr-ui-backend -n 20"
}

healthy() {
    local tries
    for tries in 1 2 3 4 5; do
        "$BINARY" healthcheck --env-file "$ENV_FILE" >/dev/null 2>&1 && return 0
        sleep "$tries"
    done
    return 1
}

make_certificate() {
    certificate=$CONFIG/tls/server.crt key=$CONFIG/tls/server.key
    [ ! -e "$certificate" ] || [ "$(remembered certificate_name)" != "$server_name" ] || return 0
    command -v openssl >/dev/null || [ -n "$dry_run" ] ||
        die "there is no openssl to make a self-signed certificate with; install it, or give --certificate and --key"
    act install -d -m 0700 "$CONFIG/tls"
    if [ -n "$dry_run" ]; then
        say "      would make a self-signed certificate for $server_name in $CONFIG/tls"
        return 0
    fi
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj "/CN=$server_name" \
        -addext "subjectAltName=DNS:$server_name" -addext basicConstraints=critical,CA:FALSE \
        -keyout "$key" -out "$certificate" 2>"$scratch/openssl") || die "openssl: $(tail -n 1 "$scratch/openssl")"
    remember certificate_name "$server_name"
}

# The copy is everybody's to read: a link in it could lead anywhere.
read_ui() {
    local other
    [ -n "$ui" ] && [ "$ui" != none ] || return 0
    ui=$(realpath -ms -- "$ui")
    check_ui "$ui"
    other=$(find "$ui/" ! -type f ! -type d -print -quit) || die "--ui $ui cannot be read"
    [ -z "$other" ] || die "--ui $ui is to hold files and folders only, and $other is something else: no build has that"
}

install_ui() {
    [ -n "$ui" ] || return 0
    if [ "$ui" = none ]; then
        site+=(FRONTEND_DIR=)
        return
    fi
    step "CCR UI"
    site+=("FRONTEND_DIR=$FRONTEND")
    act rm -rf "$FRONTEND.new" "$FRONTEND.old"
    act cp -r --no-preserve=mode,ownership -- "$ui/." "$FRONTEND.new"
    act chmod -R u=rwX,go=rX "$FRONTEND.new"
    [ ! -e "$FRONTEND" ] || act mv "$FRONTEND" "$FRONTEND.old"
    act mv "$FRONTEND.new" "$FRONTEND"
    act rm -rf "$FRONTEND.old"
}

# Not from under a site that was changed by hand, and so still leads there.
remove_ui() {
    [ "$ui" = none ] || return 0
    grep -qsF "\"$FRONTEND\"" /etc/nginx/{sites-available/$SITE,conf.d/$SITE.conf} || act rm -rf "$FRONTEND"
}

nginx_runs() {
    if systemd_runs; then
        systemctl --quiet is-active nginx.service
    else
        [ -s /run/nginx.pid ] && kill -0 "$(cat /run/nginx.pid)" 2>/dev/null
    fi
}

# last_of NAME NAME=VALUE...: the value of the last one of that name
last_of() { printf '%s\n' "${@:2}" | sed -n "s/^$1=//p" | tail -n 1; }

# free_listen SITE NAME=VALUE...: UI_LISTEN without what other programs have: with such an address Nginx would not start. SITE is the
# one that may be there now.
free_listen() {
    local running='' wanted free
    wanted=$(last_of UI_LISTEN "${@:2}")
    [ -n "$(last_of FRONTEND_DIR "${@:2}")" ] && [ "$wanted" != none ] || return 0
    [ ! -e "$1" ] || ! nginx_runs || running=$1
    IFS=$' ,\t\n' read -d '' -ra wanted <<<"${wanted:-$(default_ui_listen)}" || true
    free=$(free_for_ui "$running" "${wanted[@]}" | paste -sd ' ')
    printf '%s\n' "UI_LISTEN=${free:-none}"
}

# render_site SITE. Of the environment nothing: the site is to be the same whoever runs this.
render_site() {
    local extra
    mapfile -t extra < <([ ! -e "$STATE/setup" ] || sed -n 's/^site_\([A-Z_]*=.\)/\1/p' "$STATE/setup")
    [ -z "$dry_run" ] || extra+=("${site[@]}") # not remembered then
    mapfile -t -O "${#extra[@]}" extra < <(free_listen "$1" "${extra[@]}")
    env -i PATH="$PATH" "$HERE/render-nginx.sh" "${extra[@]}" SERVER_NAME="$server_name" CERTIFICATE="$certificate" CERTIFICATE_KEY="$key" SOCKET="$SOCKET" \
        NGINX_DIR="$NGINX_FILES"
}

set_up_nginx() {
    local available=/etc/nginx/sites-available/$SITE enabled=/etc/nginx/sites-enabled/$SITE before=''
    step "Nginx site https://$server_name"
    if ! command -v nginx >/dev/null; then
        say "      Nginx is not installed here: left out; run this again when it is"
        return 0
    fi
    # Outside Debian there is only conf.d.
    if [ ! -d /etc/nginx/sites-available ]; then
        available=/etc/nginx/conf.d/$SITE.conf enabled=$available
    fi
    [ -n "$certificate" ] || make_certificate
    if [ -e "$available" ] && [ "$(sha256sum <"$available")" != "$(remembered site_sum)" ]; then
        say "      $available was changed by hand: left as it is"
    else
        render_site "$enabled" >"$scratch/site" || die "the site cannot be made from $NGINX_FILES/site.conf.in"
        [ ! -e "$available" ] || { before=$scratch/site-before && cp -p "$available" "$before"; }
        put 0644 root "$available" <"$scratch/site"
        [ -n "$dry_run" ] || remember site_sum "$(sha256sum <"$scratch/site")"
    fi
    [ "$available" = "$enabled" ] || act ln -sfn "$available" "$enabled"
    [ -z "$dry_run" ] || return 0
    if ! nginx -q -t 2>"$scratch/nginx"; then
        if [ -n "$before" ]; then
            cp -p "$before" "$available"
            remember site_sum "$(sha256sum <"$available")"
        elif [ "$available" != "$enabled" ]; then
            rm -f "$enabled"
        fi
        die "Nginx refuses the site, so it was taken back: $(grep -m1 emerg "$scratch/nginx" || tail -n 1 "$scratch/nginx")"
    fi
    if systemd_runs; then
        systemctl --quiet enable nginx.service
        systemctl reload-or-restart nginx.service || die "Nginx does not start: see journalctl -u nginx -n 20"
    elif nginx_runs; then
        nginx -s reload
    fi
}

say_what_is_next() {
    [ -z "$dry_run" ] || return 0
    say
    if ! systemd_runs; then
        say "No systemd runs here. To start the server and Nginx by hand:"
        say "  install -d -o ccr -g $(nginx_group) -m 2750 ${SOCKET%/*}"
        say "  setpriv --reuid ccr --regid ccr --init-groups $BINARY serve --env-file $ENV_FILE &"
        say "  nginx"
    fi
    say "First user:  ccr-ui-backend user add admin --site-admin --env-file $ENV_FILE"
    [ -z "$with_nginx" ] || ! command -v nginx >/dev/null || say "Address:     https://$server_name/api/system/status"
    if [ -n "$(remembered site_FRONTEND_DIR)" ] && [ "$(remembered site_UI_LISTEN)" != none ]; then
        say "CCR UI:      all of its pages work at http://localhost:8081 only. From your own machine:"
        say "             ssh -L 8081:localhost:8081 -L 48081:localhost:48081 $server_name"
    fi
}

if [ -z "$dry_run" ]; then
    ((EUID == 0)) || die "this needs root; run it with sudo (--dry-run does not)"
fi
[ -x "$BINARY" ] || [ -n "$dry_run" ] || die "ccr-ui-backend is not in PATH; install it first"
cd "$CALLED_FROM"
for file in "$certificate" "$key"; do
    [ -z "$file" ] || [ -r "$file" ] || die "cannot read $file"
done
read_ui
read_database_url
check_database_url
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

server_name=${server_name:-$(remembered server_name)}
server_name=${server_name:-$(hostname -f 2>/dev/null || hostname)}
if [ -z "$certificate" ]; then
    certificate=$(remembered certificate) key=$(remembered key)
else
    # Not their targets: certbot's names are links that it points to the newest.
    certificate=$(realpath -s "$certificate") key=$(realpath -s "$key")
fi

make_user
make_folders
remember server_name "$server_name"
install_ui
[ -z "$certificate" ] || { remember certificate "$certificate" && remember key "$key"; }
for variable in "${site[@]}"; do
    remember "site_${variable%%=*}" "${variable#*=}"
done
make_settings
migrate
set_up_units
start_service
[ -z "$with_nginx" ] || set_up_nginx
remove_ui
say_what_is_next
