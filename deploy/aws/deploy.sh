#!/usr/bin/env bash
# Builds the image, pushes it to ECR and brings an ECS service to it. See --help.
set -euo pipefail
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd -P)
# shellcheck source=deploy/deploy-lib.sh
. "$HERE/../deploy-lib.sh"

usage() {
    cat <<'END'
Usage: deploy/aws/deploy.sh [--dry-run] [--no-build] TAG

Builds ccr-ui-backend:TAG, pushes it to ECR, registers deploy/aws/task-definition.json filled in, updates the service and
waits until it is stable. When ECS has gone back to the task definition of before, it says so and fails.

Variables, from the environment; the first six are required:
  AWS_REGION            for example eu-central-1
  CLUSTER, SERVICE      the ECS cluster and service
  EXECUTION_ROLE_ARN    may pull the image, write logs, read the three secrets
  TASK_ROLE_ARN         what the program itself may do at AWS: nothing
  VPC_CIDR              network of the load balancer, whose X-Forwarded-For is believed
  REPOSITORY            of ECR; default ccr-ui-backend
  LOG_GROUP             of CloudWatch; default /ecs/ccr-ui-backend
  SECRETS_PREFIX        the secrets are PREFIX/database-url, /jwt-secret, /secrets-key; default ccr-ui

  --dry-run   prints the commands, runs none; values that AWS would answer stand as <...>
  --no-build  TAG is in ECR already: to go back to it
  -h, --help  this text

Exit status: 0 done; 1 failed, or rolled back; 2 wrong arguments.
END
}

parse_arguments "$@"
must_be_set AWS_REGION CLUSTER SERVICE EXECUTION_ROLE_ARN TASK_ROLE_ARN VPC_CIDR
: "${REPOSITORY:=ccr-ui-backend}" "${LOG_GROUP:=/ecs/ccr-ui-backend}" "${SECRETS_PREFIX:=ccr-ui}"
export AWS_REGION AWS_PAGER=

# ask NAME COMMAND...: sets NAME to its answer.
account='' definition='' current=''
ask() {
    local answer
    if [ -n "$dry_run" ]; then
        printf '+ %s\n' "${*:2}"
        answer="<$1>"
    else
        answer=$("${@:2}") || die "failed: ${*:2}"
        [[ -n $answer && $answer != None ]] || die "no answer to: ${*:2}"
    fi
    printf -v "$1" %s "$answer"
}

# --- the image -------------------------------------------------------------------------------------------------------

ask account aws sts get-caller-identity --query Account --output text
registry=$account.dkr.ecr.$AWS_REGION.amazonaws.com
IMAGE=$registry/$REPOSITORY:$tag
if [ -n "$build" ]; then
    if [ -n "$dry_run" ]; then
        echo "+ aws ecr get-login-password | docker login --username AWS --password-stdin $registry"
    else
        aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
    fi
    build_and_push "$IMAGE"
fi

# --- the task definition ---------------------------------------------------------------------------------------------

# With the suffix that Secrets Manager gives to every name: ECS wants the whole ARN.
for secret in database-url jwt-secret secrets-key; do
    variable=${secret^^}
    ask "${variable//-/_}_ARN" aws secretsmanager describe-secret --secret-id "$SECRETS_PREFIX/$secret" --query ARN --output text
done

text=$(<"$HERE/task-definition.json")
for variable in IMAGE AWS_REGION EXECUTION_ROLE_ARN TASK_ROLE_ARN VPC_CIDR LOG_GROUP DATABASE_URL_ARN JWT_SECRET_ARN SECRETS_KEY_ARN; do
    [[ ${!variable} != *[\"\\\$[:cntrl:]]* ]] || wrong "$variable holds a character that it cannot have"
    text=${text//"\${$variable}"/"${!variable}"}
done
[[ $text != *"\${"* ]] || die "task-definition.json has a variable that this script does not know"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '%s\n' "$text" >"$scratch/task-definition.json"
[ -z "$dry_run" ] || printf '%s\n' "$text"

# --- the service -----------------------------------------------------------------------------------------------------

ask definition aws ecs register-task-definition --cli-input-json "file://$scratch/task-definition.json" \
    --query taskDefinition.taskDefinitionArn --output text
run aws ecs update-service --cluster "$CLUSTER" --service "$SERVICE" --task-definition "$definition" \
    --deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true},minimumHealthyPercent=100,maximumPercent=200' \
    --query service.serviceName --output text
run aws ecs wait services-stable --cluster "$CLUSTER" --services "$SERVICE"
ask current aws ecs describe-services --cluster "$CLUSTER" --services "$SERVICE" --query 'services[0].taskDefinition' --output text
if [ -z "$dry_run" ]; then
    [ "$current" = "$definition" ] || die "ECS rolled back: the service runs $current, not $definition; see the log group $LOG_GROUP"
    echo "$SERVICE runs $definition ($IMAGE)"
fi
