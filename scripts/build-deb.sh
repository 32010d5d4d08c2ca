#!/usr/bin/env bash
# Builds the Debian package of this checkout: scripts/build-deb.sh VERSION. `make deb` calls it. It uses no network; what it
# needs is debhelper and debian/control's Build-Depends. The result is build/deb/ccr-ui-backend_VERSION_ARCH.deb.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=${1:-}
[[ $version =~ ^[0-9][A-Za-z0-9.+~]*$ ]] || die "usage: scripts/build-deb.sh VERSION"
folder=$ROOT/build/deb
mkdir -p "$folder"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A copy: dpkg-buildpackage writes into the source tree and beside it.
mkdir "$work/source"
tar -c --exclude=./build --exclude='./build-*' --exclude=./.git --exclude=./var --exclude=node_modules --exclude=__pycache__ \
    --exclude=.pytest_cache --exclude='./debian/.debhelper' --exclude=./debian/ccr-ui-backend . | tar -x -C "$work/source"
cd "$work/source"
if [ "$(dpkg-parsechangelog -S Version)" != "$version" ]; then
    {
        printf 'ccr-ui-backend (%s) unstable; urgency=medium\n\n  * /usr/share/doc/ccr-ui-backend/CHANGELOG.md lists changes.\n\n' "$version"
        printf -- ' -- %s  %s\n\n' "$(dpkg-parsechangelog -S Maintainer)" "$(LC_ALL=C date -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")"
        cat debian/changelog
    } >debian/changelog.new
    mv debian/changelog.new debian/changelog
fi
if ! run_long "$folder/build.log" dpkg-buildpackage -b -us -uc; then
    tail -n 20 "$folder/build.log" >&2
    die "the build failed; see build/deb/build.log"
fi
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$folder/"
say "$(cd "$folder" && ls ccr-ui-backend_"$version"_*.deb)"
