#!/usr/bin/env bash
# Brings a backup back: into a new database first, which then takes the old one's name. See --help.
# shellcheck disable=SC2030,SC2031  # two connections: the variables of each live in a subshell
set -euo pipefail
# shellcheck source=scripts/database.sh
. "$(dirname "${BASH_SOURCE[0]}")/database.sh"

usage() {
    cat <<'END'
Usage: scripts/restore.sh [OPTIONS] FILE.dump

Restores a file of backup.sh into a new database beside the one of DATABASE_URL, and checks it: every table has as many rows
as the file, and the program accepts the schema (`migrate verify`). Only then the two are swapped by renaming, in one
transaction; the old database is kept as DATABASE_before_TIME, which you drop when you no longer want it. Until the swap
nothing that exists is touched, and if anything fails the new database is dropped again. A database that is gone is made anew.

Everything in the file is done as the role of DATABASE_URL, which must be an ordinary one: no superuser ever runs what a backup
holds. Publications, subscriptions and security labels in it are left out.

The service may run meanwhile: it answers 503 for the moment of the swap and is connected to the restored data after it.

  --env-file FILE   settings with DATABASE_URL (default: /etc/ccr-ui/ccr-ui.env; a variable in the environment wins)
  --program PATH    the ccr-ui-backend that checks the schema (default: /usr/local/bin/ccr-ui-backend, else the one in PATH)
  --migrate         a backup older than the program: bring the new database's schema up to date before the swap
  --dry-run         check the file, the connections and the rights, say what would be done, change nothing
  -h, --help        this text

FILE.dump.sha256 must lie beside the file and be right. The settings must hold the SECRETS_KEY of the time of the backup, or
one ring with it: the API tokens in it open with nothing else.

Making and renaming databases takes more than the role of DATABASE_URL has:
  ADMIN_DATABASE_URL in the environment, as a role with CREATEDB that is a member of DATABASE_URL's or a superuser, else,
  run as root with PostgreSQL on this host, the system user postgres, else the role of DATABASE_URL itself.

Exit status: 0 done; 64 wrong arguments; 65 a bad checksum, a broken file, or a restored database that is not what the file
holds; 69 a database cannot be reached, or refuses; 78 a wrong setting, or a schema the program does not accept;
129, 130, 143 ended by a signal. After any but 0 the database is as before.

Examples:
  restore.sh --dry-run /var/backups/ccr-ui/ccr-ui-ccr-20260102T030405Z.dump
  ADMIN_DATABASE_URL=postgresql://postgres@/postgres?host=%2Frun%2Fpostgresql restore.sh FILE.dump
END
}

parse_arguments() {
    env_file=/etc/ccr-ui/ccr-ui.env program='' migrate='' dry_run='' file=''
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --env-file | --program)
            [ -n "${2:-}" ] || wrong_usage "$1 needs a value"
            case $1 in
            --env-file) env_file=$2 ;;
            --program) program=$2 ;;
            esac
            shift
            ;;
        --env-file=* | --program=*)
            set -- - "${1%%=*}" "${1#*=}" "${@:2}"
            ;;
        --migrate) migrate=1 ;;
        --dry-run) dry_run=1 ;;
        -*) wrong_usage "'$1' is not an option it knows" ;;
        *)
            [ -z "$file" ] || wrong_usage "one FILE only"
            file=$1
            ;;
        esac
        shift
    done
    [ -n "$file" ] || wrong_usage "which FILE?"
    if [ -n "${DATABASE_URL:-}" ] && [ ! -e "$env_file" ]; then
        env_file=''
    fi
    if [ -z "$program" ]; then
        program=/usr/local/bin/ccr-ui-backend
        [ -x "$program" ] || program=$(command -v ccr-ui-backend) || program=''
    fi
    if [ -z "$program" ] || [ ! -x "$program" ]; then
        fail "$EX_CONFIG" "no ccr-ui-backend to check the schema with; name it with --program"
    fi
}

# --- the file --------------------------------------------------------------------------------------------------------

check_file() {
    local expected actual
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then
        fail "$EX_DATAERR" "cannot read $file"
    fi
    [ -f "$file.sha256" ] || fail "$EX_DATAERR" "$file.sha256 is missing, so nobody knows whether the file is whole"
    read -r expected _ <"$file.sha256" || true
    actual=$(sha256sum <"$file")
    [ "$expected" = "${actual%% *}" ] || fail "$EX_DATAERR" "$file is not the file that was backed up: its checksum differs"
    pg_restore --list "$file" >"$scratch/list" 2>"$scratch/errors" ||
        fail "$EX_DATAERR" "$file cannot be listed: $(reason "$scratch/errors")"
    attended count_rows "$file" >"$scratch/rows" 2>"$scratch/errors" ||
        fail "$EX_DATAERR" "$file cannot be read: $(reason "$scratch/errors")"
    tables=$(wc -l <"$scratch/rows")
    rows=$(awk '{sum += $NF} END {print sum + 0}' "$scratch/rows")
}

# --- the two connections ---------------------------------------------------------------------------------------------

# The role of DATABASE_URL, in the database $1. It takes the place of the shell that calls it, so that a signal to that one's
# process id reaches the command: call it in the background or in a pipe.
as_app() {
    connect_to "$url"
    open_workspaces
    export PGDATABASE=$1
    shift
    exec "$@"
}

# Who may make and rename databases; connected to the database `postgres`.
as_admin() (
    case $admin in
    url) connect_to "$ADMIN_DATABASE_URL" ;;
    peer)
        connect_to "$url"
        [[ ${PGHOST:-} == /* ]] || unset PGHOST PGHOSTADDR
        unset PGPASSWORD PGOPTIONS PGSERVICE PGSERVICEFILE
        export PGUSER=postgres
        set -- setsid --wait setpriv --reuid postgres --regid postgres --init-groups -- "$@"
        cd /
        ;;
    app) connect_to "$url" ;;
    esac
    export PGDATABASE=postgres PGAPPNAME=ccr-ui-restore PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
    exec "$@"
)

choose_admin() {
    admin=app
    if [ -n "${ADMIN_DATABASE_URL:-}" ]; then
        admin=url
    elif ((EUID == 0)) && id postgres >/dev/null 2>&1; then
        case $host in
        /* | '' | localhost | 127.0.0.1 | ::1) admin=peer ;;
        esac
    fi
}

# admin_sql SQL [NAME=VALUE...]: its rows.
admin_sql() {
    local sql=$1 values=(-v "old=$name" -v "new=$new" -v "owner=$owner") value
    shift
    for value; do
        values+=(-v "$value")
    done
    as_admin psql -XqAt -w -v ON_ERROR_STOP=1 -v VERBOSITY=terse "${values[@]}" <<<"$SAFE_PATH $sql" 2>"$scratch/errors"
}

admin_must() {
    admin_sql "$@" || fail "$EX_UNAVAILABLE" "$doing: $(reason "$scratch/errors")"
}

read_url() {
    local parts stem
    env_value DATABASE_URL "$env_file"
    url=$REPLY
    [ -n "$url" ] || fail "$EX_CONFIG" "DATABASE_URL is not set${env_file:+ in $env_file}"
    unset DATABASE_URL
    (connect_to "$url" && printf '%s\n' "${PGDATABASE:-}" "${PGUSER:-}" "${PGHOST:-}") >"$scratch/parts" || exit "$EX_CONFIG"
    mapfile -t parts <"$scratch/parts"
    name=${parts[0]} owner=${parts[1]:-$(id -un)} host=${parts[2]}
    [ -n "$name" ] || fail "$EX_CONFIG" "DATABASE_URL names no database"
    stamp=$(date -u +%Y%m%dt%H%M%Sz)
    # PostgreSQL cuts names at 63 bytes, and then two would be one.
    stem=$name
    while (($(printf %s "$stem" | wc -c) > 38)); do
        stem=${stem%?}
    done
    new=${stem}_restore_$stamp kept=${stem}_before_$stamp
}

# Sets REPLY.
percent_encode() {
    local LC_ALL=C text=$1 out='' character code
    while [ -n "$text" ]; do
        character=${text:0:1} text=${text:1}
        if [[ $character != [A-Za-z0-9._~-] ]]; then
            printf -v code %d "'$character" # a byte above 127 is negative
            printf -v character '%%%02X' $((code & 255))
        fi
        out+=$character
    done
    REPLY=$out
}

# The same URL with another database's name, for the program.
url_of() {
    local name head=${url%%\?*} query=''
    percent_encode "$1"
    name=$REPLY
    [[ $url != *\?* ]] || query="?${url#*\?}&dbname=$name"
    [[ ${head#*://} != */* ]] || head=${head%/*}
    printf '%s/%s%s' "$head" "$name" "$query"
}

# DATABASE_URL through the environment: a command line is everybody's to read.
run_program() {
    local address
    address=$(url_of "$new")
    DATABASE_URL=$address "$program" "$@" ${env_file:+--env-file "$env_file"}
}

# --- the steps -------------------------------------------------------------------------------------------------------

look_at_databases() {
    local may known
    doing="the admin connection fails (see --help for ADMIN_DATABASE_URL)"
    admin_must "SELECT 1 FROM pg_database WHERE datname = :'old'" >"$scratch/exists"
    may=$(admin_must "SELECT rolsuper OR (rolcreatedb AND pg_has_role(:'owner', 'MEMBER')) FROM pg_roles
                      WHERE rolname = current_user") || exit
    [ "$may" = t ] ||
        fail "$EX_UNAVAILABLE" "this role may not make a database that is $owner's; set ADMIN_DATABASE_URL, see --help"
    known=$(admin_must "SELECT rolsuper FROM pg_roles WHERE rolname = :'owner'") || exit
    [ -n "$known" ] || fail "$EX_UNAVAILABLE" "there is no role $owner, whom DATABASE_URL names; create it first"
    # The backend refuses such a role as well.
    [ "$known" = f ] ||
        fail "$EX_CONFIG" "the role $owner of DATABASE_URL is a superuser, with whose rights all that the file holds would run; use an ordinary one"
    old_exists=''
    [ ! -s "$scratch/exists" ] || old_exists=1
}

drop_new() {
    [ -n "$created" ] || return 0
    admin_sql 'DROP DATABASE IF EXISTS :"new" WITH (FORCE)' >/dev/null ||
        printf '%s: cannot drop %s: %s\n' "$PROGRAM" "$new" "$(reason "$scratch/errors")" >&2
}

# What the old database's owner chose, and we are an administrator: every element of a list, which SET takes apart, is quoted by
# itself. SET stores quoted names and plain ones; anything else was smuggled past it by set_config().
LISTED='("([^"]|"")*"|[a-z_][a-z0-9_$]*)'
OLD_SETTINGS="(SELECT setting, value, is_list, NOT is_list OR value ~ '^ *($LISTED *(, *$LISTED *)*)?\$' AS usable
    FROM (SELECT split_part(item, '=', 1) AS setting, substr(item, strpos(item, '=') + 1) AS value
          FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) item
          WHERE datname = :'old' AND setrole = 0) AS settings,
    LATERAL (SELECT setting IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries') AS is_list)
        AS kinds) AS old_settings"

# The old one's locale, rights and settings.
make_database() {
    doing="cannot make the database $new"
    created=1
    admin_must "
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', :'new', :'owner',
              pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = :'old' \\gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', :'new', :'owner')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'old') \\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'new') FROM pg_database WHERE datname = :'old' AND datacl IS NOT NULL
    \\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, :'new',
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM pg_database, aclexplode(datacl) WHERE datname = :'old' AND grantee <> datdba \\gexec
SELECT format('ALTER DATABASE %I SET %I TO %s', :'new', setting, CASE WHEN NOT is_list THEN quote_literal(value) ELSE
    (SELECT coalesce(string_agg(quote_literal(coalesce(replace(part[1], '\"\"', '\"'), part[2])), ', ' ORDER BY place), quote_literal(''))
     FROM regexp_matches(value, '\"((?:[^\"]|\"\")*)\"|([a-z_][a-z0-9_$]*)', 'g') WITH ORDINALITY AS parts (part, place)) END)
    FROM $OLD_SETTINGS WHERE usable \gexec" >/dev/null
    admin_must "SELECT setting FROM $OLD_SETTINGS WHERE NOT usable" >"$scratch/left-out"
    [ ! -s "$scratch/left-out" ] ||
        say "note: settings of the old database that are no list of names are left out: $(paste -sd ' ' "$scratch/left-out")"
}

fill() {
    attended as_app "$new" pg_restore --dbname="$new" --no-password --no-owner --no-privileges --no-publications \
        --no-subscriptions --no-security-labels --exit-on-error --single-transaction "$file" 2>"$scratch/errors" ||
        fail "$EX_UNAVAILABLE" "the restore failed: $(reason "$scratch/errors")"
    attended as_app "$new" psql -Xqw -c ANALYZE >"$scratch/analyze" 2>&1 || true
}

verify() {
    local status=0
    as_app "$new" psql -XqAt -w -F ' ' -v ON_ERROR_STOP=1 <<<"$SAFE_PATH $COUNT_ROWS" 2>"$scratch/errors" | LC_ALL=C sort >"$scratch/found" ||
        fail "$EX_UNAVAILABLE" "the new database cannot be read: $(reason "$scratch/errors")"
    cmp -s "$scratch/rows" "$scratch/found" ||
        fail "$EX_DATAERR" "the new database is not what the file holds: $(diff "$scratch/rows" "$scratch/found" | grep '^[<>]' | head -n 4 | paste -sd ';')"
    if [ -n "$migrate" ]; then
        run_program migrate up >"$scratch/migrate" 2>&1 ||
            fail "$EX_CONFIG" "the migration failed: $(tail -n 1 "$scratch/migrate")"
    fi
    run_program migrate verify >"$scratch/migrate" 2>&1 || status=$?
    ((status == 0)) || fail "$EX_CONFIG" "the program does not accept the restored schema: $(tail -n 1 "$scratch/migrate")$(
        [[ $(<"$scratch/migrate") != *behind* ]] || printf ' (or restore with --migrate)')"
}

# Nobody may connect to the old one while it is renamed: a worker would at once.
swap() {
    local try done=''
    doing="cannot swap the databases"
    if [ -z "$old_exists" ]; then
        admin_must 'ALTER DATABASE :"new" RENAME TO :"old"'
        created=''
        return 0
    fi
    locked_out=1
    admin_must 'ALTER DATABASE :"old" ALLOW_CONNECTIONS false'
    for try in {1..20}; do
        if admin_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'old', :'new');
                      BEGIN; ALTER DATABASE :\"old\" RENAME TO :\"kept\"; ALTER DATABASE :\"new\" RENAME TO :\"old\"; COMMIT" \
            "kept=$kept" >/dev/null; then
            done=$try
            break
        fi
        sleep 0.2
    done
    [ -n "$done" ] || fail "$EX_UNAVAILABLE" "$doing: $(reason "$scratch/errors")"
    created='' locked_out=''
    admin_sql 'ALTER DATABASE :"kept" ALLOW_CONNECTIONS true' "kept=$kept" ||
        say "note: $kept allows no connections; as a superuser: ALTER DATABASE \"${kept//\"/\"\"}\" ALLOW_CONNECTIONS true"
}

# --- ending ----------------------------------------------------------------------------------------------------------

created='' locked_out=''
on_end() {
    end_child "$child"
    [ -z "$locked_out" ] || admin_sql 'ALTER DATABASE :"old" ALLOW_CONNECTIONS true' || true
    drop_new
    rm -rf -- "$scratch"
}

stop_by() {
    trap '' HUP INT TERM
    fail "$1" "ended by a signal"
}

plan() {
    say "$file: $rows rows in $tables tables, checksum right"
    say "would restore it into the new database $new, owned by $owner, and check it with $program"
    if [ -n "$old_exists" ]; then
        say "would rename $name to $kept, and $new to $name"
    else
        say "would rename $new to $name, which does not exist now"
    fi
}

restore() {
    make_database
    say "restoring $rows rows in $tables tables into $new"
    fill
    verify
    swap
    say "$name is restored from $file ($SECONDS s)"
    [ -z "$old_exists" ] || say "the database before is kept as $kept; to drop it: DROP DATABASE \"${kept//\"/\"\"}\""
}

parse_arguments "$@"
need_programs psql pg_restore sha256sum
scratch=$(mktemp -d) || fail "$EX_CANTCREAT" "cannot make a temporary directory"
trap on_end EXIT
trap 'stop_by 129' HUP
trap 'stop_by 130' INT
trap 'stop_by 143' TERM
read_url
choose_admin
check_file
look_at_databases
if [ -n "$dry_run" ]; then
    plan
else
    restore
fi
