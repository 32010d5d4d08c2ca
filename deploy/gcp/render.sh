#!/usr/bin/env bash
# Fills in service.yaml or migrate-job.yaml; see --help. Bash alone: Cloud Build's gcloud image has it.
set -euo pipefail
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd -P)

usage() {
    cat <<'END'
Usage: deploy/gcp/render.sh {service.yaml | migrate-job.yaml} IMAGE=... NETWORK=... SUBNET=... SERVICE_ACCOUNT=...

Prints the file with its four placeholders filled in, for `gcloud run services replace -` or `gcloud run jobs replace -`.
END
}
wrong() {
    printf 'render: %s; see --help\n' "$*" >&2
    exit 2
}

case ${1:-} in
-h | --help) usage && exit 0 ;;
service.yaml | migrate-job.yaml) text=$(<"$HERE/$1") ;;
*) wrong "the first argument is service.yaml or migrate-job.yaml" ;;
esac
shift
for argument; do
    name=${argument%%=*} value=${argument#*=}
    [[ $argument == *=* && " IMAGE NETWORK SUBNET SERVICE_ACCOUNT " == *" $name "* ]] || wrong "'$argument' is not an argument it knows"
    [[ $value =~ ^[A-Za-z0-9./:@_-]+$ ]] || wrong "$name '$value' is empty or holds a character that it cannot have"
    text=${text//"\${$name}"/"$value"}
done
[[ ! $text =~ \$\{([A-Z_]+)\} ]] || wrong "${BASH_REMATCH[1]} is not given"
printf '%s\n' "$text"
