#!/usr/bin/env bash
# Everything that looks at the tree without running the program. One line for each check, what it found under it; the last
# line is "N checks, N failed". All are run, whatever fails. `make lint` calls it; scripts/lint.sh NAME... runs some, and
# LINT_WITHOUT="NAME..." leaves some out, which it says; analyzer is the part of clang-tidy that takes longest.
# CCR_TEST_STATE: a file that always says how far it is, as that of tests/conftest.py.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
JOBS=$(nproc)
export LC_ALL=C.UTF-8

packages=(libpq jansson libjwt libsodium libsystemd libcurl hiredis yaml-0.1 libarchive zlib libwebsockets)
read -ra includes < <(pkg-config --cflags "${packages[@]}")
flags=(-Iinclude -D_GNU_SOURCE '-DCCR_VERSION="0"' "${includes[@]}")
mapfile -t c_files < <(find src -name '*.c' | sort)
mapfile -t formatted < <(find include src tests -path '*/node_modules' -prune -o \
    \( -name '*.[ch]' -o -name '*.cc' \) -print | sort)
mapfile -t shell_files < <(find scripts deploy .ci tests/bench -path '*/node_modules' -prune -o \
    \( -name '*.sh' -o -path .ci/run -o -name ccr-usage-push \) -print 2>/dev/null | sort)

without() { [[ " ${LINT_WITHOUT:-} " == *" $1 "* ]]; }
gcc_build() { $MAKE --no-print-directory -j "$JOBS" BUILD="$BUILD" CC=gcc CXX=g++ all; }
clang_build() { $MAKE --no-print-directory -j "$JOBS" clang; }
format() {
    local files
    files=$(clang-format --dry-run -Werror "${formatted[@]}" 2>&1 | sed -nE 's/^([^ :]+):[0-9]+:.*/\1/p' | sort -u)
    [ -z "$files" ] || { printf '%s\n' "$files" "run: make format" && return 1; }
}
layers() { scripts/check-layers.sh; }
portable() { scripts/check-portable.sh; }
banned() { scripts/check-banned.sh; }
statements() { scripts/check-statements.py gcc "${flags[@]}"; }
kinds() { scripts/check-kinds.py; }
presets() { scripts/check-presets.py; }
headers() { scripts/check-headers.sh; }
docs() { scripts/check-docs.sh "$BUILD/ccr-ui-backend"; }
hardening() { scripts/check-hardening.sh "$BUILD/ccr-ui-backend"; }
shell() { shellcheck -x "${shell_files[@]}"; }

# varFuncNullUB: NULL is (void *)0 wherever this runs. uninitStructMember: does not see that what returned ERR_NONE filled it in;
# both compilers and the analyzer of clang-tidy do. The macros are Jansson's.
cppcheck_() {
    cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c11 -j "$JOBS" \
        --suppress=varFuncNullUB --suppress=uninitStructMember --suppress=preprocessorErrorDirective \
        '-Djson_object_foreach(object,key,value)=while((key=next_key(object,&value)))' \
        '-Djson_array_foreach(array,i,value)=while((value=next_item(array,&i)))' -D_GNU_SOURCE -Iinclude src
}

# tidy CHECKS FLAG...: the longest file first, so that no processor waits for it at the end.
tidy() {
    printf '%s\0' src/base/toml_read.cc "${c_files[@]}" |
        CHECKS=$1 xargs -0 -P "$JOBS" -n 1 scripts/tidy-one.sh "${flags[@]}" "${@:2}" || return 1
}
# Its analyzer, which follows paths through a function, takes most of its time, and most of that for the few functions that are
# long: a quarter of its default of 225,000 nodes is what it may look at in each.
clang_tidy() {
    if without analyzer; then
        tidy '-clang-analyzer-*'
    else
        tidy '' -Xclang -analyzer-config -Xclang max-nodes=56000
    fi
}

# npm_lint FOLDER: the script `lint` of its package.json, which brings the tools that it runs.
npm_lint() {
    # One at a time: tests want the same modules.
    # shellcheck disable=SC2016  # its own $1
    flock "$1/package.json" sh -c '[ -d "$1/node_modules" ] || npm ci --prefix "$1" --no-audit --no-fund' npm "$1" || return
    npm --silent --prefix "$1" run lint
}
openapi() { npm_lint tests/contract; }
console() { npm_lint tests/browser; }

# name, function; in the order of how soon one wants to know
CHECKS=(
    "gcc gcc_build" "clang clang_build" "clang-format format" "layers layers" "portable portable" "banned banned" "statements statements" "kinds kinds" "presets presets" "headers headers"
    "docs docs" "hardening hardening" "shellcheck shell" "cppcheck cppcheck_" "openapi openapi" "console console" "clang-tidy clang_tidy"
)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
state=${CCR_TEST_STATE:-/dev/null}
unset CCR_TEST_STATE
checks=0 failed=0
for row in "${CHECKS[@]}"; do
    read -r name function <<<"$row"
    if (($#)) && [[ " $* " != *" $name "* ]]; then
        continue
    fi
    if without "$name"; then
        continue
    fi
    printf 'passed %s\nfailed %s\nrunning %s\n' "$((checks - failed))" "$failed" "$name" >"$state"
    checks=$((checks + 1))
    if "$function" >"$log" 2>&1 </dev/null; then
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        awk -v max=60 'NR <= max {print "     " $0} END {if (NR > max) print "     ... and " NR - max " lines more"}' "$log"
    fi
done
for name in ${LINT_WITHOUT:-}; do
    echo "     $name is left out (LINT_WITHOUT)"
done
echo "$checks checks, $failed failed"
((failed == 0 && checks > 0))
