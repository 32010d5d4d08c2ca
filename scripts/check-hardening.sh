#!/usr/bin/env bash
# The program was compiled and linked with the protections that the Makefile asks for. Usage: scripts/check-hardening.sh [BINARY]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=${1:-build/ccr-ui-backend}
[ -x "$binary" ] || { echo "$binary is not there; run make first" && exit 1; }
header=$(LC_ALL=C readelf -hW "$binary")
segments=$(LC_ALL=C readelf -lW "$binary")
dynamic=$(LC_ALL=C readelf -dW "$binary")
symbols=$(LC_ALL=C readelf -sW --dyn-syms "$binary")
status=0
# expect WHAT TEXT PATTERN
expect() {
    grep -qE "$3" <<<"$2" || { echo "$binary: $1" && status=1; }
}
refuse() {
    ! grep -qE "$3" <<<"$2" || { echo "$binary: $1" && status=1; }
}

expect "not position-independent (PIE)" "$header" 'Type:[[:space:]]+DYN'
expect "not marked as PIE" "$dynamic" 'FLAGS_1.*PIE'
expect "symbols are not bound at start (full RELRO)" "$dynamic" 'BIND_NOW|FLAGS_1.*NOW'
expect "no RELRO segment" "$segments" 'GNU_RELRO'
expect "no GNU_STACK segment" "$segments" 'GNU_STACK'
refuse "its stack is executable" "$segments" 'GNU_STACK.* RWE '
refuse "a segment is writable and executable" "$segments" 'LOAD.* RWE '
expect "no stack protector" "$symbols" '__stack_chk_fail'
expect "no fortified calls" "$symbols" '__(snprintf|vsnprintf|memcpy|fprintf|printf)_chk'
refuse "it looks for libraries in a folder of its own (RPATH)" "$dynamic" 'R(UN)?PATH'
exit $status
