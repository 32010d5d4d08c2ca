#!/usr/bin/env bash
# libccr_base.a is what ccr-sync needs on Linux and macOS: it compiles where the server's libraries and Linux's own headers
# are not, calls nothing that is not POSIX, and needs no other file of ours. Headers that must not be there are stood in for by
# ones that fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BUILD=build-portable
MISSING=(
    libpq-fe.h fcgiapp.h fcgi_stdio.h jwt.h curl/curl.h hiredis/hiredis.h systemd/sd-daemon.h systemd/sd-journal.h
    malloc.h sys/epoll.h sys/eventfd.h sys/inotify.h sys/prctl.h sys/signalfd.h sys/syscall.h sys/timerfd.h linux/futex.h
)

[ "$BUILD/all-of-it" -nt scripts/check-portable.sh ] || rm -rf "$BUILD"
for header in "${MISSING[@]}"; do
    mkdir -p "$BUILD/missing/$(dirname "$header")"
    [ -e "$BUILD/missing/$header" ] || echo "#error \"<$header> is not everywhere\"" >"$BUILD/missing/$header"
done

# Not optimised, and so without what hardening needs optimising for.
if ! output=$(CPPFLAGS="-I$BUILD/missing" ${MAKE:-make} --no-print-directory BUILD="$BUILD" OPTIMIZE=-O0 HARDEN=-fPIE \
    "$BUILD/libccr_base.a" 2>&1); then
    grep -E 'error' <<<"$output" || printf '%s\n' "$output"
    exit 1
fi
read -ra libraries < <(pkg-config --libs jansson libsodium yaml-0.1)
c++ -o "$BUILD/all-of-it" -x c++ - -x none -Wl,--whole-archive "$BUILD/libccr_base.a" -Wl,--no-whole-archive \
    "${libraries[@]}" <<<'int main() { return 0; }'
