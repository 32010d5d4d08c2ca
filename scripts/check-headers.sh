#!/usr/bin/env bash
# Each header compiles alone: as C with gcc and clang, and as C++ when it says that C++ may include it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FLAGS="-fsyntax-only -Iinclude -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-missing-field-initializers $(pkg-config --cflags jansson libpq)"
try() {
    # shellcheck disable=SC2086  # flags
    "$@" $FLAGS -I"$(dirname "$header")" - <<<"#include \"$(basename "$header")\"" || printf '%s does not compile alone (%s)\n' "$header" "$1"
}

output=$(
    for header in include/*.h src/*/*.h; do
        [ -e "$header" ] || continue
        for compiler in gcc clang; do
            command -v "$compiler" >/dev/null || { echo "$compiler is not installed" && exit; }
            try "$compiler" -std=gnu17 -xc
        done
        ! grep -q __cplusplus "$header" || try g++ -std=c++17 -xc++
        grep -qx '#pragma once' "$header" || echo "$header: it does not say #pragma once"
    done 2>&1
)
[ -z "$output" ] || { printf '%s\n' "$output" && exit 1; }
