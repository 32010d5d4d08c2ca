# shellcheck shell=bash
# What aws/deploy.sh and azure/deploy.sh share: their arguments, dry runs, the image. Source it in a script that has usage() and HERE.

wrong() {
    printf 'deploy: %s; see --help\n' "$*" >&2
    exit 2
}
die() {
    printf 'deploy: %s\n' "$*" >&2
    exit 1
}

# Sets dry_run, build and tag.
# shellcheck disable=SC2034  # the sourcing scripts use them
dry_run='' build=1 tag=''
# shellcheck disable=SC2034
parse_arguments() {
    while (($#)); do
        case $1 in
        -h | --help) usage && exit 0 ;;
        --dry-run) dry_run=1 ;;
        --no-build) build='' ;;
        -*) wrong "there is no $1" ;;
        *)
            [ -z "$tag" ] || wrong "one TAG, not two"
            tag=$1
            ;;
        esac
        shift
    done
    [[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || wrong "TAG is missing or not a tag"
    [ "$tag" != latest ] || wrong "TAG 'latest' says nothing about what runs; use a version"
}

# must_be_set NAME...
must_be_set() {
    local variable missing=()
    for variable; do
        [ -n "${!variable:-}" ] || missing+=("$variable")
    done
    ((${#missing[@]} == 0)) || wrong "not set: ${missing[*]}"
}

run() {
    if [ -n "$dry_run" ]; then
        printf '+ %s\n' "$*"
    else
        "$@"
    fi
}

build_and_push() { # IMAGE
    run docker build --platform linux/amd64 --build-arg "REVISION=$(git -C "$HERE" rev-parse --short=12 HEAD 2>/dev/null || true)" \
        -f "$HERE/../docker/Dockerfile" -t "$1" "$HERE/../.."
    run docker push "$1"
}
