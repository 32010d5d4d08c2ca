#!/usr/bin/env bash
# Layers point downward: a file includes headers of its own layer or of those below it, never of one above. And a library
# is known to one file only, so that it can be replaced there.
#
# Where a header belongs is read from the files: include/x.h goes with src/*/x.c (or .cc), else with src/*/x_*.c or xs.c,
# else, as settings_table.h, with what it is named after; with the lowest when there are several, since a subcommand is
# called like what it drives. A folder that is not there yet has its place. main.c stands on top.
#
# Usage: scripts/check-layers.sh [--edges]; with it, prints the layers there are, from the top down, each with those it includes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LAYERS=(base format config shm store domain http resource kinds api ccr_ui proc cmd main)

# Third-party header (a prefix of what stands in <>) and the only files that may include it.
ONLY=(
    "fcgiapp.h src/http/fcgi.c"
    "fcgi_stdio.h -"
    "libpq-fe.h src/store/pg.h"
    "curl/ src/store/http_client.c src/config/url.c"
    "jwt.h src/domain/token.c"
    "systemd/ src/proc/systemd.c"
    "libwebsockets.h src/proc/websocket.c"
    "hiredis/ src/store/redis.c"
    "yaml.h src/format/edit_front.c"
    "archive src/resource/tarball.c src/http/body_stream.c"
    "zlib.h src/http/body_stream.c"
    "toml++/ src/base/toml_read.cc"
    "sodium.h src/base/crypto.c src/base/util.c src/domain/password.c src/http/authn.c src/domain/token.c"
)

declare -A rank layer_of includes
for i in "${!LAYERS[@]}"; do rank[${LAYERS[i]}]=$i; done
status=0
complain() {
    printf '%s\n' "$*"
    status=1
}

# folder_of NAME: the folders under src whose files carry that name, each once.
folder_of() {
    local pattern
    for pattern in "src/*/$1.c" "src/*/$1.cc" "src/*/$1_*.c" "src/*/$1_*.cc" "src/*/$1s.c"; do
        compgen -G "$pattern" || true
    done | cut -d/ -f2 | sort -u
}

for header in include/*.h; do
    name=$(basename "$header" .h)
    folders=$(compgen -G "src/*/$name.c*" | cut -d/ -f2 | sort -u || true)
    [ -n "$folders" ] || folders=$(folder_of "$name")
    [ -n "$folders" ] || folders=$(folder_of "${name%_*}")
    [ -n "$folders" ] || complain "$header: no file in src goes with it"
    for layer in $folders; do
        lowest=${layer_of[$name.h]:-}
        if [ -n "${rank[$layer]:-}" ] && { [ -z "$lowest" ] || ((rank[$layer] < rank[$lowest])); }; then
            layer_of[$name.h]=$layer
        fi
    done
done

mapfile -t files < <(find src include -name '*.[ch]' -o -name '*.cc' | sort)
for file in "${files[@]}"; do
    case $file in
    include/*) layer=${layer_of[${file#include/}]:-} ;;
    src/main.c) layer=main ;;
    *) layer=$(cut -d/ -f2 <<<"$file") ;;
    esac
    [ -n "$layer" ] || continue
    includes[$layer]=${includes[$layer]:- }
    [ -n "${rank[$layer]:-}" ] || {
        complain "$file: src/$layer is no layer that scripts/check-layers.sh knows (${LAYERS[*]})"
        continue
    }
    while IFS=: read -r line header; do
        other=${layer_of[$header]:-}
        if [ ! -e "include/$header" ]; then
            [ -e "$(dirname "$file")/$header" ] || complain "$file:$line: \"$header\" is neither in include nor beside it"
        elif [ -n "$other" ] && ((rank[$other] > rank[$layer])); then
            complain "$file:$line: $layer includes \"$header\" of $other, which is above it"
        elif [ -n "$other" ] && [ "$other" != "$layer" ] && [[ "${includes[$layer]}" != *" $other "* ]]; then
            includes[$layer]+="$other "
        fi
    done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]+)".*/\1/;T;=;p' "$file" | paste -d: - -)
done

if [ "${1:-}" = --edges ]; then
    for ((i = ${#LAYERS[@]} - 1; i >= 0; i--)); do
        layer=${LAYERS[i]}
        [ -z "${includes[$layer]:-}" ] || echo "$layer${includes[$layer]% }"
    done
    exit $status
fi

for row in "${ONLY[@]}"; do
    read -r header allowed <<<"$row"
    while IFS=: read -r file line _; do
        [[ " $allowed " == *" $file "* ]] || complain "$file:$line: <$header...> belongs in $allowed only"
    done < <(grep -nF "<$header" "${files[@]}" | grep -E '^[^:]+:[0-9]+:[[:space:]]*#' || true)
done
exit $status
