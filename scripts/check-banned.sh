#!/usr/bin/env bash
# House rules that a compiler does not know: calls that are banned, memory outside the arena and the buffer, words of
# unfinished work, files and functions that grew too long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FILE_LINES=700
FUNCTION_LINES=80

# Unbounded, unchecked, not reentrant, or a shell.
BANNED='sprintf|vsprintf|strcpy|stpcpy|strcat|strncpy|strncat|strtok|atoi|atol|atoll|atof|gets|gmtime|localtime|ctime|asctime|system|popen|alloca|tmpnam|mktemp|rand|srand'
# Long-lived things that may take memory by themselves: each has a _new and a _free, or lives as long as the program.
MALLOC_IN="src/base/arena.c src/base/buffer.c src/shm/lookup.c src/proc/memory.c src/proc/websocket.c src/store/conninfo.c src/store/db.c src/store/db_connect.c src/store/redis.c src/http/router.c"
# In brackets, so that this file does not find itself.
UNFINISHED='T[O]DO|F[I]XME|X[X]X|H[A]CK|not implemente[d]|unimplemente[d]|placeholde[r]|stu[b]'
# Where such a word means something else: the value from the deployment guide that settings_check.c refuses.
UNFINISHED_EXCEPT='is the placeholde[r] from the deployment guide'

status=0
# report WHAT: what arrives on standard input is wrong.
report() {
    local rows
    rows=$(cat)
    [ -n "$rows" ] || return 0
    printf '%s:\n%s\n' "$1" "$rows"
    status=1
}
# Source without comments and strings, line numbers kept: "file:line:text".
bare() {
    local file
    for file in "$@"; do
        sed -E 's/"([^"\\]|\\.)*"/""/g' "$file" | awk -v file="$file" '
            { line = $0; out = ""
              while (line != "") {
                  if (inside) { at = index(line, "*/"); if (!at) break; line = substr(line, at + 2); inside = 0 }
                  else { at = index(line, "/*"); if (!at) { out = out line; break }
                         out = out substr(line, 1, at - 1); line = substr(line, at + 2); inside = 1 } }
              sub(/\/\/.*/, "", out); print file ":" NR ":" out }'
    done
}

mapfile -t sources < <(find src include -name '*.[ch]' -o -name '*.cc' -o -name '*.inc' | sort)
mapfile -t c_files < <(printf '%s\n' "${sources[@]}" | grep -E '\.cc?$')

bare "${sources[@]}" >"${scratch:=$(mktemp)}"
trap 'rm -f "$scratch"' EXIT

report "banned calls" < <(grep -E "(^|[^A-Za-z0-9_.>])($BANNED)[[:space:]]*\(" "$scratch" || true)

report "memory that is neither an arena's nor a buffer's" < <(
    grep -E '(^|[^A-Za-z0-9_])(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf)[[:space:]]*\(' "$scratch" |
        while IFS= read -r row; do
            [[ " $MALLOC_IN " == *" ${row%%:*} "* ]] || printf '%s\n' "$row"
        done || true
)

report "unfinished work" < <(grep -rnwE "$UNFINISHED" src include scripts sql nginx systemd deploy tests/unit tests/handlers \
    tests/fuzz/*.c Makefile 2>/dev/null | grep -vE "$UNFINISHED_EXCEPT" || true)

report "files of more than $FILE_LINES lines" < <(wc -l "${sources[@]}" | awk -v max="$FILE_LINES" '$2 != "total" && $1 > max')

if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
    report "functions of more than $FUNCTION_LINES lines" < <(
        ctags --fields=+ne -x --_xformat='%{end} %n %N %F' --c-kinds=f --c++-kinds=f "${c_files[@]}" |
            awk -v max="$FUNCTION_LINES" '$1 - $2 >= max {print $4 ":" $2 ": " $3 " has " $1 - $2 + 1 " lines"}'
    )
else
    echo "ctags is not installed: the length of functions was not looked at" >&2
fi
exit $status
