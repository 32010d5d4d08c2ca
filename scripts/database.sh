# shellcheck shell=bash
# What backup.sh and restore.sh share: messages, exit statuses, DATABASE_URL without showing its password. Source it; it needs
# nothing else of the checkout, so that the three can be installed beside each other.

PROGRAM=$(basename "$0" .sh)
export LC_ALL=C.UTF-8
umask 077
# The connection is DATABASE_URL's alone: PGHOST, PGSERVICE, PGOPTIONS, PGPASSFILE ... of whoever calls this must not lead
# elsewhere. CDPATH would change what `cd` means.
unset "${!PG@}" CDPATH

# shellcheck disable=SC2034  # the sourcing scripts use them
readonly EX_USAGE=64 EX_DATAERR=65 EX_UNAVAILABLE=69 EX_CANTCREAT=73 EX_TEMPFAIL=75 EX_CONFIG=78

# Ours whatever is redirected when a signal arrives.
exec {standard_output}>&1 {standard_error}>&2

say() { printf '%s\n' "$*"; }

# fail STATUS TEXT: one line, then the end. A script may define failed() to report it in its own way, too.
fail() {
    local status=$1
    shift
    # Names from a database or a folder may hold what a terminal obeys.
    printf '%s: %s\n' "$PROGRAM" "${*//[[:cntrl:]]/ }" >&"$standard_error"
    if declare -F failed >/dev/null; then
        failed "$status" "$*" >&"$standard_output"
    fi
    exit "$status"
}

wrong_usage() { fail "$EX_USAGE" "$*; see $PROGRAM.sh --help"; }

need_programs() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null ||
            fail "$EX_UNAVAILABLE" "$program is missing (Debian: postgresql-client, coreutils, util-linux)"
    done
}

# Of the sourcing script: a directory that it removes at its end.
scratch=''

# Runs a command in the background and waits for it, so that a signal to this script is acted on at once. on_end (below)
# ends what still runs.
child=''
attended() {
    local status=0
    "$@" &
    child=$!
    wait "$child" || status=$?
    child=''
    return "$status"
}

end_child() {
    [ -n "$1" ] || return 0
    kill -s TERM "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# --- the settings ----------------------------------------------------------------------------------------------------

# env_value NAME FILE: what `ccr-ui-backend --env-file FILE` would take for NAME; the environment wins. Sets REPLY.
env_value() {
    local name=$1 file=$2 line value found=''
    REPLY=${!name:-}
    if [ -n "$REPLY" ] || [ -z "$file" ]; then
        return 0
    fi
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then
        fail "$EX_CONFIG" "cannot read the settings in $file; name the file with --env-file"
    fi
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%$'\r'}
        [[ $line =~ ^[[:blank:]]*(export[[:blank:]]+)?${name}[[:blank:]]*=[[:blank:]]*(.*)$ ]] || continue
        value=${BASH_REMATCH[2]}
        case $value in
        \'*) value=${value:1} value=${value%%\'*} ;;
        \"*) unquote "${value:1}" && value=$REPLY ;;
        *)
            [[ $value =~ ^(.*[^[:blank:]])?[[:blank:]]+#.*$ ]] && value=${BASH_REMATCH[1]}
            [[ $value =~ ^(.*[^[:blank:]])[[:blank:]]*$ ]] && value=${BASH_REMATCH[1]}
            ;;
        esac
        found=$value # the last line counts
    done <"$file"
    REPLY=$found
}

# What stands before the closing double quote, escapes resolved.
unquote() {
    local text=$1 out='' character
    while [ -n "$text" ]; do
        character=${text:0:1} text=${text:1}
        case $character in
        \") break ;;
        \\)
            character=${text:0:1} text=${text:1}
            case $character in
            n) character=$'\n' ;;
            t) character=$'\t' ;;
            r) character=$'\r' ;;
            esac
            ;;
        esac
        out+=$character
    done
    REPLY=$out
}

# percent_decode WHAT TEXT: sets REPLY.
percent_decode() {
    local text=${2//\\/\\\\}
    printf -v REPLY '%b' "${text//%/\\x}"
    [[ $REPLY != *$'\n'* ]] || fail "$EX_CONFIG" "DATABASE_URL: $1 must not hold line breaks"
}

# connect_to URL: PG* variables for libpq from the URI, taken apart as libpq does; what the URI does not say is libpq's default.
# Options without a variable go to a service file in $scratch. No part of it is ever on a command line.
connect_to() {
    local url=$1 rest query='' pair key hosts host names='' ports='' service_file=''
    [[ $url =~ ^postgres(ql)?://(.*)$ ]] || fail "$EX_CONFIG" "DATABASE_URL must be a URI such as postgresql://user:password@host:5432/database"
    rest=${BASH_REMATCH[2]}
    [[ $rest != *$'\n'* ]] || fail "$EX_CONFIG" "DATABASE_URL must not hold line breaks"
    if [[ $rest == *\?* ]]; then
        query=${rest#*\?} rest=${rest%%\?*}
    fi
    if [[ ${rest%%/*} == *@* ]]; then
        take_login "${rest%%@*}"
        rest=${rest#*@}
    fi
    if [[ $rest == */* ]]; then
        percent_decode "the database" "${rest#*/}"
        [ -z "$REPLY" ] || export PGDATABASE=$REPLY
    fi
    IFS=, read -ra hosts <<<"${rest%%/*}"
    for host in "${hosts[@]}"; do
        [[ $host =~ ^(\[([^]]*)\]|[^:]*)(:([0-9]*))?$ ]] || fail "$EX_CONFIG" "DATABASE_URL has a host that cannot be one"
        percent_decode "the host" "${BASH_REMATCH[2]:-${BASH_REMATCH[1]}}"
        names+=${names:+,}$REPLY ports+=${ports:+,}${BASH_REMATCH[4]:-5432}
    done
    [ -z "$names" ] || export PGHOST=$names PGPORT=$ports
    while [ -n "$query" ]; do
        pair=${query%%&*} key=${query%%=*}
        take_option "$key" "${pair#*=}"
        [[ $query == *\&* ]] || break
        query=${query#*&}
    done
}

take_login() {
    percent_decode "the user" "${1%%:*}"
    [ -z "$REPLY" ] || export PGUSER=$REPLY
    [[ $1 == *:* ]] || return 0
    percent_decode "the password" "${1#*:}"
    export PGPASSWORD=$REPLY
}

take_option() {
    percent_decode "$1" "$2"
    case $1 in
    host) export PGHOST=$REPLY ;;
    hostaddr) export PGHOSTADDR=$REPLY ;;
    port) export PGPORT=$REPLY ;;
    user) export PGUSER=$REPLY ;;
    password) export PGPASSWORD=$REPLY ;;
    dbname) export PGDATABASE=$REPLY ;;
    options) export PGOPTIONS=$REPLY ;;
    service | servicefile) fail "$EX_CONFIG" "DATABASE_URL: $1= is not supported here; spell the connection out" ;;
    *)
        if [ -z "$service_file" ]; then
            service_file=$(mktemp "$scratch/service.XXXXXX")
            printf '[ccr]\n' >"$service_file"
        fi
        export PGSERVICEFILE=$service_file PGSERVICE=ccr
        printf '%s=%s\n' "$1" "$REPLY" >>"$PGSERVICEFILE"
        ;;
    esac
}

# FORCE ROW LEVEL SECURITY holds for the tables' owner, too; this setting opens every workspace. Timeouts are for requests.
open_workspaces() {
    export PGOPTIONS="${PGOPTIONS:-} -c ccr.maintenance=on -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    export PGAPPNAME=ccr-ui-$PROGRAM PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
}

# reason FILE: why a program of PostgreSQL failed, in one line: which host and port refused and why, else its first error.
# What follows an error there are hints, and the statement.
reason() {
    LC_ALL=C awk '
        /^\t/ || /^$/ { next }
        { line = $0; sub(/^[a-z_]+: error: /, "", line) }
        line ~ /^connection to server|^could not translate host name/ { at = at (at == "" ? "" : "; ") line; next }
        first == "" && /(ERROR|FATAL|PANIC|error): / { first = $0 }
        { last = $0 }
        END { print at != "" ? at : first != "" ? first : last }' "$1" 2>/dev/null || true
}

# --- dumps -----------------------------------------------------------------------------------------------------------

# Reads a whole dump, so that one that cannot be read to its end is found, and prints "TABLE ROWS" a line.
count_rows() {
    pg_restore --data-only --file=- "$1" | LC_ALL=C awk '
        !inside && /^COPY .* FROM stdin;$/ && match($0, /^COPY ("([^"]|"")*"|[^". ]+)\.("([^"]|"")*"|[^". ]+) /) {
            name = substr($0, 6, RLENGTH - 6); rows = 0; inside = 1; next }
        inside && $0 == "\\." { print name, rows; inside = 0; next }
        inside { rows++ }
        END { exit inside }' | LC_ALL=C sort
}

# Before anything else in a session: a database and a role have a search_path of their own, in which somebody's format() or =
# could come before PostgreSQL's.
# shellcheck disable=SC2034
SAFE_PATH='SET search_path = pg_catalog, pg_temp;'

# For psql: "TABLE ROWS" a line, in count_rows's order; partitions count as tables, what belongs to an extension does not.
# shellcheck disable=SC2034
COUNT_ROWS="SELECT format('SELECT %L, count(*) FROM ONLY %s', name, name) FROM (
    SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
) AS tables ORDER BY name COLLATE \"C\" \\gexec"
