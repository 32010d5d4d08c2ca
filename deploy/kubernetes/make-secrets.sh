#!/usr/bin/env bash
# Prints the secrets of secret.example.yaml with new random values; see --help.
set -euo pipefail
export LC_ALL=C.UTF-8

usage() {
    cat <<'END'
Usage: deploy/kubernetes/make-secrets.sh [NAMESPACE] | kubectl create -f -

Prints the secrets ccr-ui-secrets and ccr-ui-postgres of NAMESPACE (default: ccr-ui) with new random values, as JSON. It needs
openssl. `kubectl create` refuses to replace secrets that are there, and that is well: a new SECRETS_KEY opens no stored token
of the old one, and a new password is not the one PostgreSQL knows.
END
}

case ${1:-} in
-h | --help) usage && exit 0 ;;
esac
namespace=${1:-ccr-ui}
if (($# > 1)) || [[ ! $namespace =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]]; then
    usage >&2
    exit 2
fi

superuser=$(openssl rand -hex 24)
password=$(openssl rand -hex 24)
jwt=$(openssl rand -hex 32)
key=k$(date -u +%Y%m%d):$(openssl rand -base64 32)

secret() { # NAME MEMBERS
    printf '{"apiVersion":"v1","kind":"Secret","type":"Opaque","metadata":{"name":"%s","namespace":"%s"},"stringData":{%s}}' \
        "$1" "$namespace" "$2"
}
printf '{"apiVersion":"v1","kind":"List","items":[%s,\n%s]}\n' \
    "$(secret ccr-ui-secrets "\"DATABASE_URL\":\"postgresql://ccr_user:$password@postgres:5432/ccr_ui_db\",\"JWT_SECRET\":\"$jwt\",\"SECRETS_KEY\":\"$key\"")" \
    "$(secret ccr-ui-postgres "\"superuser-password\":\"$superuser\",\"ccr-password\":\"$password\"")"
