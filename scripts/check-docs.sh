#!/usr/bin/env bash
# What is written down is what the program does. Usage: scripts/check-docs.sh [BINARY]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=${1:-build/ccr-ui-backend}
status=0
complain() {
    printf '%s\n' "$*"
    status=1
}

# same FILE WHAT_THE_PROGRAM_SAYS
same() {
    diff -u --label "$1" --label program "$1" "$2" || complain "$1 is not what the program says; run: make docs"
}

# Numbered from 0001 without a gap, each up with its down, and names of a-z, 0-9 and _.
migrations() {
    local expected=1 file name number
    for file in sql/migrations/*; do
        name=${file##*/}
        if [[ ! $name =~ ^[0-9]{4}_[a-z0-9_]+\.(up|down)\.sql$ ]]; then
            complain "$file: not NNNN_name.up.sql or NNNN_name.down.sql"
            continue
        fi
        [ "${name##*.up.sql}" ] || [ -f "${file%.up.sql}.down.sql" ] || complain "$file has no .down.sql"
        [ "${name##*.down.sql}" ] || [ -f "${file%.down.sql}.up.sql" ] || complain "$file has no .up.sql"
        [[ $name == *.up.sql ]] || continue
        number=$((10#${name%%_*}))
        ((number == expected)) || complain "$file: number $number where $expected comes next"
        expected=$((number + 1))
    done
}

# How many migrations there are is no matter of a document: the next one would make it wrong.
counts() {
    local found
    found=$(grep -rnE '[0-9]+ migrations? (applied|pending)' README.md docs --include='*.md') || return 0
    complain "$found: write … for the number"
}

# Drawn from the includes; and the table beside the drawing has every folder.
layers() {
    local folder
    diff -q docs/images/layers.svg <(scripts/draw-layers.py) >/dev/null ||
        complain "docs/images/layers.svg is not what the files include; run: make docs"
    for folder in src/*/; do
        grep -qF "| \`${folder%/}\` |" docs/architecture.md || complain "docs/architecture.md does not say what $folder holds"
    done
}

# The README's tour of the source names every file of src/api, and nothing that is not there.
tour() {
    local file name
    [ -f README.md ] || return 0
    for file in src/api/*.c; do
        name=$(basename "$file")
        grep -qE "(^|[^a-z_])$name([^a-z]|\$)" README.md || complain "README.md does not mention $file"
    done
    while IFS= read -r file; do
        [ -e "$file" ] || complain "README.md mentions $file, which does not exist"
    done < <(grep -oE '\b(src|include|scripts|sql|tests|docs)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' README.md | sort -u)
}

# shape FILE: its headings by level, its table rows, and its code blocks in full.
shape() {
    awk '/^```/ { code = !code; print; next }
         code { print; next }
         /^#/ { print "heading of level " length($1) }
         /^\|/ { print "table row of " gsub(/\|/, "") - 1 " cells" }' "$1"
}

# A translation has the same headings, code blocks and table rows as the original, in the same order, and both link to files
# that are there.
translated() {
    local file target
    diff -u --label "$1" --label "$2" <(shape "$1") <(shape "$2") || complain "$2 does not follow $1"
    for file in "$@"; do
        while IFS= read -r target; do
            [ -e "${file%/*}/$target" ] || complain "$file links to $target, which does not exist"
        done < <(grep -oE '\]\([^)#:]+' "$file" | cut -c3- | sort -u)
    done
}

[ -x "$binary" ] || { echo "$binary is not there; run make first" && exit 1; }
same docs/configuration.md <("$binary" settings --format markdown |
    sed '/^<!-- settings/,/^<!-- end/{//!d};/^<!-- settings/r /dev/stdin' docs/configuration.md)
same .env.example <("$binary" settings --format env)
scripts/openapi.py --check "$binary" || status=1
migrations
counts
layers
tour
translated docs/deployment.md docs/deployment.zh-CN.md
exit $status
