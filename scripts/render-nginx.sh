#!/usr/bin/env bash
# Makes the Nginx site from nginx/site.conf.in. See --help. It needs nothing but Bash, and Nginx for --check.
set -euo pipefail
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin # a plain user's PATH lacks nginx

usage() {
    cat <<'END'
Usage: scripts/render-nginx.sh [--check] [-o FILE] NAME=VALUE...

Prints Nginx's configuration of the production site, or writes it to FILE (whole or not at all). Each NAME is taken from the
arguments, else from the environment.

  SERVER_NAME       required: the site's host name; more may follow, the first is the one HTTP is sent to
  CERTIFICATE       the certificate with its chain (PEM); default /etc/letsencrypt/live/SERVER_NAME/fullchain.pem
  CERTIFICATE_KEY   its key; default /etc/letsencrypt/live/SERVER_NAME/privkey.pem
  SOCKET            the backend, or several of them: paths of Unix sockets and HOST:PORT, separated by spaces or commas;
                    default /run/ccr-ui-backend/fastcgi.sock
  EVENTS_SOCKET     live events of this machine's backend; default /run/ccr-ui-events/events.sock
  STATIC_DIR        the folder of /static/; default /var/www/ccr-ui-static
  WEB_DIR           the folder of the console and the login page, /console/ and /login, or none; default: where they were installed,
                    or the checkout's. They need Debian's libjs-bootstrap5 on this machine
  FRONTEND_DIR      a built CCR UI (index.html and assets/), served at / to whoever is logged in; default none: / leads to the
                    console, and everything else is 404
  UI_LISTEN         where else CCR UI is served, over plain HTTP: addresses ADDRESS:PORT, or none. Default with FRONTEND_DIR: port
                    8081 and port 48081, which some of its pages have written in, of 127.0.0.1 and [::1]
  TRUSTED_PROXIES   addresses and networks whose X-Forwarded-For is believed; default none. Its last address counts, the one
                    that the proxy which connects has seen
  REAL_IP_RECURSIVE on: of that header the last address that is not in the list counts, for several proxies one behind the
                    other. Only where no client can have an address of the list: such a one could write any. Default off
  METRICS_ALLOW     addresses and networks that may ask for /metrics, all, or none; default "127.0.0.1 ::1". The backend has a
                    list of the same name, and a token, behind this one
  RATE, BURST       requests a second and address, and how many at once beyond that; default 50 and twice RATE
  CONNECTIONS       connections of one address at a time; default 128
  MAX_BODY          the largest request body; default 12m, the backend's MAX_BODY_SIZE
  HSTS              default "max-age=31536000; includeSubDomains"
  HTTP_PORT, HTTPS_PORT   default 80 and 443
  LISTEN            addresses; default "0.0.0.0 [::]", the second only where the machine has IPv6
  LOG_DIR           default /var/log/nginx
  LOG_BUFFER        for example 32k: the access log is written in such pieces, at least every 5 s; default none
  ACME_DIR          what Let's Encrypt's http-01 challenge is served from; default /var/www/letsencrypt
  MAINTENANCE_FILE  while it exists, /api/ and /health answer 503; default /run/ccr-ui-maintenance
  ZONE_SIZE, TLS_CACHE    shared memory of the limits and of TLS sessions; default 1m and 10m
  NGINX_DIR         where the template and the files to include are; default: where they were installed, or the checkout's

  -o FILE     where to, instead of standard output
  --check     also has `nginx -t` look at the result, in a configuration of its own
  -h, --help  this text

Exit status: 0 done; 1 cannot be written, or Nginx refuses it; 2 wrong arguments.
END
}

wrong() {
    printf 'render-nginx: %s\n' "$*" >&2
    exit 2
}
die() {
    printf 'render-nginx: %s\n' "$*" >&2
    exit 1
}

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)
VARIABLES=(SERVER_NAME CERTIFICATE CERTIFICATE_KEY SOCKET EVENTS_SOCKET STATIC_DIR WEB_DIR FRONTEND_DIR UI_LISTEN TRUSTED_PROXIES REAL_IP_RECURSIVE METRICS_ALLOW RATE BURST
    CONNECTIONS MAX_BODY HSTS HTTP_PORT HTTPS_PORT LISTEN LOG_DIR LOG_BUFFER ACME_DIR MAINTENANCE_FILE ZONE_SIZE TLS_CACHE NGINX_DIR)

output='' check=''
while (($#)); do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    -o)
        (($# >= 2)) || wrong "-o needs a file"
        output=$2
        shift
        ;;
    --check) check=1 ;;
    [A-Z]*=*)
        [[ " ${VARIABLES[*]} " == *" ${1%%=*} "* ]] || wrong "there is no ${1%%=*}; see --help"
        declare "${1%%=*}=${1#*=}"
        ;;
    *) wrong "'$1' is not an argument it knows; see --help" ;;
    esac
    shift
done

# ---- values ---------------------------------------------------------------------------------------------------------

# words NAME: its value with commas as spaces, in the array `list`; nothing in it is expanded.
words() {
    IFS=$' ,\t' read -ra list <<<"${!1}"
}
# must NAME PATTERN WHAT
must() {
    [[ ${!1} =~ ^($2)$ ]] || wrong "$1 '${!1}' is not $3"
}
path() { must "$1" '/[A-Za-z0-9._/@+~-]*[A-Za-z0-9._@+~-]' 'an absolute path of letters, digits and . _ / @ + ~ -'; }

[ -n "${SERVER_NAME:-}" ] || wrong "SERVER_NAME is required, for example SERVER_NAME=ccr.example.org"
words SERVER_NAME
for SERVER_NAME in "${list[@]}"; do
    must SERVER_NAME '[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?' 'a host name'
done
names=${list[*]} name=${list[0]}

: "${CERTIFICATE:=/etc/letsencrypt/live/$name/fullchain.pem}" "${CERTIFICATE_KEY:=/etc/letsencrypt/live/$name/privkey.pem}"
: "${SOCKET:=/run/ccr-ui-backend/fastcgi.sock}" "${EVENTS_SOCKET:=/run/ccr-ui-events/events.sock}" "${STATIC_DIR:=/var/www/ccr-ui-static}" "${FRONTEND_DIR:=}" "${UI_LISTEN:=}"
: "${TRUSTED_PROXIES:=}" "${REAL_IP_RECURSIVE:=off}" "${METRICS_ALLOW:=127.0.0.1 ::1}" "${RATE:=50}" "${CONNECTIONS:=128}" "${MAX_BODY:=12m}" "${HTTP_PORT:=80}" "${HTTPS_PORT:=443}"
: "${HSTS:=max-age=31536000; includeSubDomains}" "${LISTEN:=}" "${LOG_DIR:=/var/log/nginx}" "${LOG_BUFFER:=}"
: "${ACME_DIR:=/var/www/letsencrypt}" "${MAINTENANCE_FILE:=/run/ccr-ui-maintenance}" "${ZONE_SIZE:=1m}" "${TLS_CACHE:=10m}"
# In a checkout the folder stands beside scripts; installed, the script is in PREFIX/lib and the folder in PREFIX/share.
installed=$HERE/../share/ccr-ui-backend/nginx
if [ -z "${NGINX_DIR:-}" ] && [ ! -d "$HERE/nginx" ] && [ -d "$installed" ]; then
    NGINX_DIR=$(cd "$installed" && pwd)
fi
: "${NGINX_DIR:=$HERE/nginx}" "${WEB_DIR:=$(dirname "$NGINX_DIR")/web}"
STATIC_DIR=${STATIC_DIR%/} FRONTEND_DIR=${FRONTEND_DIR%/}

for variable in CERTIFICATE CERTIFICATE_KEY EVENTS_SOCKET STATIC_DIR LOG_DIR ACME_DIR MAINTENANCE_FILE NGINX_DIR; do
    path "$variable"
done
[ -z "$FRONTEND_DIR" ] || path FRONTEND_DIR
WEB_DIR=${WEB_DIR%/}
[ "$WEB_DIR" = none ] || path WEB_DIR
[ -z "$FRONTEND_DIR" ] || [ "$WEB_DIR" != none ] || wrong "FRONTEND_DIR needs WEB_DIR, which has the login page"
must RATE '[1-9][0-9]{0,6}' 'a whole number above 0'
: "${BURST:=$((RATE * 2))}"
for variable in BURST CONNECTIONS HTTP_PORT HTTPS_PORT; do
    must "$variable" '[1-9][0-9]{0,6}' 'a whole number above 0'
done
for variable in HTTP_PORT HTTPS_PORT; do
    ((${!variable} <= 65535)) || wrong "$variable '${!variable}' is not a port from 1 to 65535"
done
for variable in MAX_BODY ZONE_SIZE TLS_CACHE; do
    must "$variable" '[1-9][0-9]{0,8}[kKmM]?' 'a size such as 512k or 2m'
done
[ -z "$LOG_BUFFER" ] || must LOG_BUFFER '[1-9][0-9]{0,8}[kKmM]?' 'a size such as 32k'
must HSTS 'max-age=[0-9]+(; includeSubDomains)?(; preload)?' 'max-age=SECONDS[; includeSubDomains][; preload]'
[ -f "$NGINX_DIR/fastcgi_ccr.conf" ] || wrong "NGINX_DIR $NGINX_DIR has no fastcgi_ccr.conf"
template=$NGINX_DIR/site.conf.in
[ -f "$template" ] || template=$HERE/nginx/site.conf.in

# On this machine a dead server refuses at once, so each request may try it; a dead host costs a time-out, so it is left
# alone for a while. (A server that is the only one is asked always.)
words SOCKET
servers=()
for SOCKET in "${list[@]}"; do
    SOCKET=${SOCKET#unix:}
    if [[ $SOCKET == /* ]]; then
        path SOCKET
        (($(printf %s "$SOCKET" | wc -c) <= 107)) || wrong "SOCKET '$SOCKET' is longer than the 107 bytes a socket's path may have"
        SOCKET="unix:$SOCKET max_fails=0"
    else
        must SOCKET '([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):[1-9][0-9]{0,4}' 'the path of a Unix socket or HOST:PORT'
        case $SOCKET in
        127.0.0.1:* | localhost:* | '[::1]:'*) SOCKET+=' max_fails=0' ;;
        *) SOCKET+=' max_fails=3 fail_timeout=5s' ;;
        esac
    fi
    servers+=("    server $SOCKET;")
done

must REAL_IP_RECURSIVE 'on|off' 'on or off'
words TRUSTED_PROXIES
real_ip=("    # none")
if ((${#list[@]})); then
    real_ip=()
    for TRUSTED_PROXIES in "${list[@]}"; do
        must TRUSTED_PROXIES '[0-9A-Fa-f:.]+(/[0-9]{1,3})?' 'an address or network such as 10.0.0.0/8'
        real_ip+=("    set_real_ip_from $TRUSTED_PROXIES;")
    done
    real_ip+=("    real_ip_header X-Forwarded-For;" "    real_ip_recursive $REAL_IP_RECURSIVE;")
fi

words METRICS_ALLOW
metrics_allow=()
for METRICS_ALLOW in "${list[@]}"; do
    [ "$METRICS_ALLOW" != none ] || continue
    must METRICS_ALLOW 'all|[0-9A-Fa-f:.]+(/[0-9]{1,3})?' 'all, none, or an address or network such as 10.0.0.0/8'
    metrics_allow+=("        allow $METRICS_ALLOW;")
done

has_ipv6() { [ -e /proc/net/if_inet6 ]; }
if [ -z "$LISTEN" ]; then
    LISTEN=0.0.0.0
    ! has_ipv6 || LISTEN+=' [::]'
fi
if [ -z "$UI_LISTEN" ]; then
    UI_LISTEN='127.0.0.1:8081 127.0.0.1:48081'
    ! has_ipv6 || UI_LISTEN+=' [::1]:8081 [::1]:48081'
fi
[ -n "$FRONTEND_DIR" ] && [ "$UI_LISTEN" != none ] || UI_LISTEN=''
words UI_LISTEN
ui_listen=()
for UI_LISTEN in "${list[@]}"; do
    must UI_LISTEN '([0-9.]+|\[[0-9A-Fa-f:]+\]):[1-9][0-9]{0,4}' 'an address and port such as 127.0.0.1:8081'
    ui_listen+=("    listen $UI_LISTEN;")
done
# Before 1.25.1 HTTP/2 is a parameter of `listen`; since then that is deprecated.
version=$(nginx -v 2>&1 | sed -nE 's|.*nginx/([0-9.]+).*|\1|p') || version=''
http2_parameter=' http2' http2_directive=()
if [ -n "$version" ] && [ "$(printf '%s\n' 1.25.1 "$version" | sort -V | head -n 1)" = 1.25.1 ]; then
    http2_parameter='' http2_directive=("    http2 on;")
fi
words LISTEN
for LISTEN in "${list[@]}"; do
    must LISTEN '[0-9.]+|\[[0-9A-Fa-f:]+\]' 'an address such as 0.0.0.0 or [::]'
done

# listens PORT [PARAMETERS]
listens() {
    local address
    for address in "${list[@]}"; do
        printf '    listen %s:%s%s;\n' "$address" "$1" "${2:-}"
    done
}
lines() { printf '%s\n' "$@"; }

# ---- the text -------------------------------------------------------------------------------------------------------

# What is not the API.
pages() {
    if [ "$WEB_DIR" = none ]; then
        lines '    location / {' '        return 404;' '    }'
        return
    fi
    lines "    set \$ccr_web \"$WEB_DIR\";" "    set \$ccr_pages ccr_backend;" "    include \"$NGINX_DIR/console_ccr.conf\";"
    if [ -z "$FRONTEND_DIR" ]; then
        lines "    include \"$NGINX_DIR/root_ccr.conf\";"
    else
        lines "    set \$ccr_ui \"$FRONTEND_DIR\";" "    include \"$NGINX_DIR/ui_ccr.conf\";"
    fi
}

declare -A put
render() {
    local text part
    put=(
        [NAMES]=$names [NAME]=$name [NGINX_DIR]=$NGINX_DIR [CERTIFICATE]=$CERTIFICATE [CERTIFICATE_KEY]=$CERTIFICATE_KEY
        [STATIC_DIR]=$STATIC_DIR [RATE]=$RATE [BURST]=$BURST [CONNECTIONS]=$CONNECTIONS [MAX_BODY]=$MAX_BODY [HSTS]=$HSTS
        [LOG_DIR]=$LOG_DIR [ACME_DIR]=$ACME_DIR [MAINTENANCE_FILE]=$MAINTENANCE_FILE [ZONE_SIZE]=$ZONE_SIZE
        [TLS_CACHE]=$TLS_CACHE [LOG_BUFFER]=${LOG_BUFFER:+ buffer=$LOG_BUFFER flush=5s}
        [UPSTREAM_SERVERS]=$(lines "${servers[@]}")
        [REAL_IP]=$(lines "${real_ip[@]}")
        [EVENTS_SOCKET]=$EVENTS_SOCKET
        [METRICS_ALLOW]=$(lines "${metrics_allow[@]}")
        [LISTEN_HTTP]=$(listens "$HTTP_PORT")
        [LISTEN_HTTPS]=$(
            listens "$HTTPS_PORT" " ssl$http2_parameter"
            ((${#ui_listen[@]} == 0)) || lines "${ui_listen[@]}"
            ((${#http2_directive[@]} == 0)) || lines "${http2_directive[@]}"
        )
        [REDIRECT_PORT]='' [PAGES]=$(pages)
    )
    [ "$HTTPS_PORT" = 443 ] || put[REDIRECT_PORT]=:$HTTPS_PORT
    text=$(<"$template")
    for part in "${!put[@]}"; do
        text=${text//"@$part@"/"${put[$part]}"}
    done
    [[ ! $text =~ @[A-Z_]+@ ]] || die "nginx/site.conf.in has ${BASH_REMATCH[0]}, which this script does not know"
    printf '%s\n' "$text"
}

# `nginx -t` opens the logs and binds the ports: others stand in for what only root may.
try() {
    local text=$1 port
    command -v nginx >/dev/null || die "--check needs nginx, which is not installed"
    if ((EUID != 0)); then
        for port in "$HTTP_PORT" "$HTTPS_PORT"; do
            ((port >= 1024)) || text=$(sed -E "s/^(    listen .*:)$port([ ;])/\\1$((port + 30000))\\2/" <<<"$text")
        done
    fi
    printf '%s\n' "${text//"\"$LOG_DIR/ccr-ui-backend."/"\"$scratch/"}" >"$scratch/site.conf"
    cat >"$scratch/nginx.conf" <<END
pid "$scratch/nginx.pid";
error_log stderr warn;
events {}
http {
    client_body_temp_path "$scratch/body";
    fastcgi_temp_path "$scratch/fastcgi";
    proxy_temp_path "$scratch/proxy";
    scgi_temp_path "$scratch/scgi";
    uwsgi_temp_path "$scratch/uwsgi";
    include "$scratch/site.conf";
}
END
    nginx -q -t -e stderr -c "$scratch/nginx.conf" >"$scratch/problems" 2>&1 ||
        die "Nginx refuses it: $(grep -m1 -E 'emerg|alert' "$scratch/problems" || tail -n 1 "$scratch/problems")"
    cat "$scratch/problems" >&2
}

text=$(render)
if [ -n "$check" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    try "$text"
fi
if [ -z "$output" ]; then
    printf '%s\n' "$text"
else
    # Under a name that nobody can have put a link at.
    if ! { new=$(mktemp -- "$output.XXXXXXXXXX") && printf '%s\n' "$text" >"$new" && chmod 0644 "$new" && mv -fT -- "$new" "$output"; } 2>/dev/null; then
        [ -z "${new:-}" ] || rm -f -- "$new"
        die "cannot write $output"
    fi
fi
