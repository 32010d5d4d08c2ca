#!/usr/bin/env bash
# Builds the image, pushes it, migrates the schema and brings the container app to it. See --help.
set -euo pipefail
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd -P)
# shellcheck source=deploy/deploy-lib.sh
. "$HERE/../deploy-lib.sh"

usage() {
    cat <<'END'
Usage: deploy/azure/deploy.sh [--dry-run] [--no-build] TAG

Builds ccr-ui-backend:TAG and pushes it to the registry, runs deploy/azure/migrate-job.yaml and waits for it, brings the
container app to deploy/azure/containerapp.yaml and waits until the new revision is ready. When the migration fails, or the
new revision does not become ready, the old one goes on, and it says so and fails.

Variables, from the environment; the first five are required, and Terraform's outputs have the first three:
  ENVIRONMENT_ID   of Container Apps
  IDENTITY_ID      the managed identity that pulls the image and reads the three secrets
  VAULT_URI        the key vault's, https://NAME-vault.vault.azure.net/
  RESOURCE_GROUP   of the app and the job
  REGISTRY         name of the container registry
  LOCATION         default germanywestcentral
  APP              name of the app; default ccr-ui-backend. The job is APP-migrate
  PROXIES          whose X-Forwarded-For is believed; default 100.100.0.0/16, where Container Apps' own proxy is
  WAIT             seconds for the migration, and for the new revision; default 600

  --dry-run   prints the commands and the two files filled in, runs nothing
  --no-build  TAG is in the registry already: to go back to it
  -h, --help  this text

Exit status: 0 done; 1 failed; 2 wrong arguments.
END
}

parse_arguments "$@"
must_be_set ENVIRONMENT_ID IDENTITY_ID VAULT_URI RESOURCE_GROUP REGISTRY
: "${LOCATION:=germanywestcentral}" "${APP:=ccr-ui-backend}" "${PROXIES:=100.100.0.0/16}" "${WAIT:=600}"
[[ $REGISTRY =~ ^[A-Za-z0-9]{5,50}$ ]] || wrong "REGISTRY '$REGISTRY' is not a registry's name"
[[ $APP =~ ^[a-z][a-z0-9-]{0,22}[a-z0-9]$ ]] || wrong "APP '$APP' is not 2 to 24 lower-case letters, digits and hyphens"
[[ $VAULT_URI =~ ^https://[A-Za-z0-9.-]+/$ ]] || wrong "VAULT_URI '$VAULT_URI' is not https://NAME/"
[[ $WAIT =~ ^[1-9][0-9]{0,4}$ ]] || wrong "WAIT '$WAIT' is not a number of seconds"
REGISTRY_SERVER=${REGISTRY,,}.azurecr.io
IMAGE=$REGISTRY_SERVER/ccr-ui-backend:$tag
job=$APP-migrate

run() {
    if [ -n "$dry_run" ]; then
        printf '+ %s\n' "$*"
    else
        "$@"
    fi
}
in_group() { "$@" --resource-group "$RESOURCE_GROUP" --only-show-errors --output tsv; }

# ---- the image --------------------------------------------------------------------------------------------------------

if [ -n "$build" ]; then
    run az acr login --name "$REGISTRY" --only-show-errors
    build_and_push "$IMAGE"
fi

# ---- the two files ----------------------------------------------------------------------------------------------------

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for file in containerapp.yaml migrate-job.yaml; do
    text=$(<"$HERE/$file")
    for variable in IMAGE LOCATION ENVIRONMENT_ID IDENTITY_ID VAULT_URI REGISTRY_SERVER PROXIES; do
        [[ ${!variable} =~ ^[A-Za-z0-9_./:,\ ()-]+$ && ${!variable} != *': '* ]] || wrong "$variable holds a character that it cannot have"
        text=${text//"\${$variable}"/"${!variable}"}
    done
    [[ $text != *"\${"* ]] || die "$file has a variable that this script does not know"
    printf '%s\n' "$text" >"$scratch/$file"
    [ -z "$dry_run" ] || printf '%s\n---\n' "$text"
done

# bring KIND NAME FILE: made when it is not there.
bring() {
    local verb=create kind=()
    read -ra kind <<<"$1"
    if [ -n "$dry_run" ]; then
        verb='{create|update}'
    elif in_group az "${kind[@]}" show --name "$2" --query name >/dev/null 2>&1; then
        verb=update
    fi
    run az "${kind[@]}" "$verb" --name "$2" --resource-group "$RESOURCE_GROUP" --yaml "$scratch/$3" --only-show-errors --output none
}

# until_it_is WHAT COMMAND...: asks until the answer is a good one (0), a bad one (1), or WAIT is over.
ask_until() {
    local judge=$1 what=$2 answer deadline=$((SECONDS + WAIT)) status
    shift 2
    while :; do
        answer=$("$@") || die "failed: $*"
        status=0
        "$judge" "$answer" || status=$?
        case $status in
        0) return 0 ;;
        1) die "$what: $answer; see the logs in its Log Analytics workspace. The old version goes on" ;;
        esac
        ((SECONDS < deadline)) || die "$what: not within $WAIT s ($answer). The old version goes on"
        sleep "${DEPLOY_PAUSE:-5}"
    done
}
ended() {
    case $1 in
    Succeeded) return 0 ;;
    Failed | Stopped | Degraded) return 1 ;;
    *) return 2 ;;
    esac
}
ready() {
    local latest ready state
    IFS=$'\t' read -r latest ready state <<<"$1"
    [ "$state" != Failed ] || return 1
    [ -n "$latest" ] && [ "$latest" = "$ready" ] || return 2
}

# ---- the schema -------------------------------------------------------------------------------------------------------

bring 'containerapp job' "$job" migrate-job.yaml
if [ -n "$dry_run" ]; then
    run az containerapp job start --name "$job" --resource-group "$RESOURCE_GROUP"
else
    execution=$(in_group az containerapp job start --name "$job" --query name) || die "the migration does not start"
    [ -n "$execution" ] || die "the migration does not start"
    ask_until ended "the migration" in_group az containerapp job execution show --name "$job" --job-execution-name "$execution" \
        --query properties.status
fi

# ---- the app ----------------------------------------------------------------------------------------------------------

bring containerapp "$APP" containerapp.yaml
if [ -z "$dry_run" ]; then
    ask_until ready "the new revision is not ready" in_group az containerapp show --name "$APP" \
        --query '[[properties.latestRevisionName, properties.latestReadyRevisionName, properties.provisioningState]]'
    echo "$APP runs $IMAGE at https://$(in_group az containerapp show --name "$APP" --query properties.configuration.ingress.fqdn)"
fi
