"""deploy/aws, deploy/gcp and deploy/azure, as far as that goes without an account: every file is held against what the makers publish of
their formats (tests/deploy/clouds), against the program and the image, and the scripts run against stand-ins."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import BINARY, ROOT, clean_environment  # noqa: E402
from test_kubernetes import node  # noqa: E402

AWS, GCP, AZURE = (ROOT / "deploy" / name for name in ("aws", "gcp", "azure"))
SCHEMAS = Path(__file__).resolve().parent / "clouds"
ENTRYPOINT = (ROOT / "deploy" / "docker" / "entrypoint").read_text()
ROLES = set(re.search(r"^(web[a-z |]*)\)", ENTRYPOINT, re.M)[1].split(" | ")) | {"migrate"}
SECRETS = {"DATABASE_URL", "JWT_SECRET", "SECRETS_KEY"}
PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")


def check(value, schema):
    validator = jsonschema.Draft7Validator(json.loads((SCHEMAS / schema).read_text()))
    problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value)]
    assert problems == []


def output(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


@pytest.fixture(scope="module")
def settings():
    return set(re.findall(r"^#?([A-Z_]+)=", output(BINARY, "settings", "--format", "env").stdout, re.M))


def public_routes():
    rows = [line.split() for line in output(BINARY, "routes").stdout.splitlines()]
    return {row[1] for row in rows if row[0] == "GET" and row[2] == "public"}


def check_variables(plain, secret, role, settings):
    """The backend's own are settings with good values; the role web knows a few more, and PORT in another meaning."""
    assert role in ROLES and set(secret) == SECRETS and not set(plain) & SECRETS
    for_nginx = {"PORT", "TRUSTED_PROXIES"} if role == "web" else set()
    for name in plain:
        assert name in settings or (name in for_nginx and re.search(rf"\$\{{?{name}\b", ENTRYPOINT)), name
    values = {name: value for name, value in plain.items() if name not in for_nginx}
    values |= {"DATABASE_URL": "postgresql://a:b@c/d?sslmode=require", "JWT_SECRET": "x" * 40, "SECRETS_KEY": "k:" + "A" * 43 + "="}
    done = output(BINARY, "settings", env=clean_environment(**values))
    assert done.returncode == 0, done.stderr


# ---- ECS ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def task():
    return json.loads((AWS / "task-definition.json").read_text())


def test_the_task_definition_has_the_form_that_ecs_wants(task):
    check(task, "ecs-task-definition.json")
    with pytest.raises(AssertionError, match="unexpected"):
        check({**task, "containerDefinition": []}, "ecs-task-definition.json")
    with pytest.raises(AssertionError, match="is a required property"):
        check({"family": "x"}, "ecs-task-definition.json")
    # What the schema cannot say: Fargate's pairs of cpu and memory, and that it wants both and an execution role.
    pairs = {"256": ("512", "1024", "2048"), "512": ("1024", "2048", "3072", "4096"), "1024": ("2048", "3072", "4096")}
    assert task["memory"] in pairs[task["cpu"]] and task["requiresCompatibilities"] == ["FARGATE"]
    assert task["networkMode"] == "awsvpc" and task["executionRoleArn"]


def test_the_task_s_containers_fit_together(task, settings):
    rows = {row["name"]: row for row in task["containerDefinitions"]}
    assert list(rows) == ["volumes", "migrate", "web"]
    assert [name for name, row in rows.items() if row["essential"]] == ["web"]
    assert {row["image"] for row in rows.values()} == {"${IMAGE}"}
    for name, row in rows.items():
        assert all(rows[before["containerName"]] and before["condition"] == "SUCCESS" for before in row.get("dependsOn", []))
        assert {mount["sourceVolume"] for mount in row["mountPoints"]} <= {volume["name"] for volume in task["volumes"]}
        assert row["readonlyRootFilesystem"] is True and row["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
        assert row["logConfiguration"]["options"]["awslogs-stream-prefix"] == name
        if name != "volumes":
            assert row["user"] == "1001:1001"
            plain = {pair["name"]: pair["value"] for pair in row.get("environment", [])}
            secret = {pair["name"]: pair["valueFrom"] for pair in row["secrets"]}
            assert secret == {name: f"${{{name}_ARN}}" for name in SECRETS}
            check_variables(plain, secret, row["command"][0], settings)
    web, volumes = rows["web"], rows["volumes"]
    # Fargate's volumes belong to root: what the others write to is opened up first.
    writable = {mount["containerPath"] for row in (rows["migrate"], web) for mount in row["mountPoints"]}
    assert writable <= set(volumes["command"][1:]) and volumes["command"][0] == "1777" and volumes["user"] == "0:0"
    assert web["portMappings"][0]["containerPort"] == int(next(p["value"] for p in web["environment"] if p["name"] == "PORT"))
    command = web["healthCheck"]["command"]
    assert command[:3] == ["CMD", "/usr/local/bin/ccr-ui-entrypoint", "healthcheck"] and command[4] in public_routes()
    assert 30 + 25 < web["stopTimeout"] <= 120  # SHUTDOWN_TIMEOUT and Nginx's; Fargate's most


FAKE_AWS = r"""#!/usr/bin/env bash
printf 'aws %s\n' "$*" >>"$FAKE/log"
case "$1 $2" in
"sts get-caller-identity") echo 123456789012 ;;
"ecr get-login-password") echo secret-of-ecr ;;
"secretsmanager describe-secret") echo "arn:aws:secretsmanager:eu-central-1:123456789012:secret:$4-AbCdEf" ;;
"ecs register-task-definition") cp "${4#file://}" "$FAKE/task.json"; echo arn:task:8 ;;
"ecs describe-services") cat "$FAKE/current" ;;
"ecs update-service") echo ccr ;;
"ecs wait") ;;
*) exit 64 ;;
esac
"""
FAKE_DOCKER = r"""#!/usr/bin/env bash
printf 'docker %s\n' "$*" >>"$FAKE/log"
[ "$1" != login ] || [ "$(cat)" = secret-of-ecr ]
"""


@pytest.fixture
def deploy(tmp_path):
    for name, text in (("aws", FAKE_AWS), ("docker", FAKE_DOCKER)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "current").write_text("arn:task:8\n")
    (tmp_path / "log").write_text("")

    def run(*arguments, **changes):
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "FAKE": str(tmp_path), "AWS_REGION": "eu-central-1", "CLUSTER": "main",
                       "SERVICE": "ccr", "EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/execution",
                       "TASK_ROLE_ARN": "arn:aws:iam::123456789012:role/task", "VPC_CIDR": "10.20.0.0/16", **changes}
        return output(AWS / "deploy.sh", *arguments, env={name: value for name, value in environment.items() if value is not None})
    run.folder = tmp_path
    run.log = lambda: (tmp_path / "log").read_text()
    return run


IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/ccr-ui-backend:1.2.3"


def test_deploy_builds_pushes_registers_and_updates(deploy):
    done = deploy("1.2.3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"ccr runs arn:task:8 ({IMAGE})\n")
    lines = deploy.log().splitlines()
    order = ["aws sts", "docker login", "docker build", f"docker push {IMAGE}", "aws secretsmanager", "aws ecs register-task-definition",
             "aws ecs update-service --cluster main --service ccr --task-definition arn:task:8", "aws ecs wait services-stable"]
    places = [next(i for i, line in enumerate(lines) if line.startswith(start)) for start in order]
    assert places == sorted(places)
    assert "secret-of-ecr" not in deploy.log()
    assert (ROOT / "deploy" / "docker" / "Dockerfile").samefile(re.search(r"-f (\S+)", deploy.log())[1])
    text = (deploy.folder / "task.json").read_text()
    assert not PLACEHOLDER.search(text)
    check(json.loads(text), "ecs-task-definition.json")
    web = json.loads(text)["containerDefinitions"][2]
    assert web["image"] == IMAGE
    assert web["secrets"][0]["valueFrom"] == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ccr-ui/database-url-AbCdEf"


def test_deploy_says_when_ecs_rolled_back(deploy):
    (deploy.folder / "current").write_text("arn:task:7\n")
    done = deploy("1.2.3")
    assert done.returncode == 1 and "rolled back: the service runs arn:task:7" in done.stderr


def test_deploy_without_building_uses_the_image_that_is_there(deploy):
    assert deploy("--no-build", "1.2.3").returncode == 0
    assert "docker" not in deploy.log()


def test_dry_run_runs_nothing(deploy):
    done = deploy("--dry-run", "1.2.3")
    assert done.returncode == 0, done.stderr
    assert deploy.log() == ""
    assert "+ docker build" in done.stdout and "+ aws ecs update-service" in done.stdout
    text = re.search(r"^\{.*?^\}", done.stdout, re.M | re.S)[0]
    check(json.loads(text), "ecs-task-definition.json")


def test_deploy_refuses_what_is_wrong(deploy):
    for arguments, text in (((), "TAG is missing"), (("latest",), "latest"), (("1", "2"), "not two"), (("--x", "1"), "no --x"), (("a b",), "not a tag")):
        done = deploy(*arguments)
        assert done.returncode == 2 and text in done.stderr
    done = deploy("1.2.3", CLUSTER=None, VPC_CIDR="")
    assert done.returncode == 2 and "not set: CLUSTER VPC_CIDR" in done.stderr
    done = deploy("1.2.3", VPC_CIDR='10.0.0.0/8", "x": "')
    assert done.returncode == 2 and "VPC_CIDR holds" in done.stderr
    assert "ecs" not in deploy.log()
    assert deploy("--help").returncode == 0


def test_deploy_stops_at_the_first_failure(deploy):
    (deploy.folder / "docker").write_text('#!/bin/sh\n[ "$1" != push ]\n')
    assert deploy("1.2.3").returncode != 0
    assert "ecs" not in deploy.log()


# ---- Cloud Run, Cloud Build ---------------------------------------------------------------------------------------------

VALUES = {"IMAGE": "europe-west3-docker.pkg.dev/my-project/ccr-ui/ccr-ui-backend:1.2.3", "NETWORK": "default", "SUBNET": "default",
          "SERVICE_ACCOUNT": "ccr-ui-backend@my-project.iam.gserviceaccount.com"}


def render(name, *arguments, **changes):
    return output(GCP / "render.sh", name, *(f"{key}={value}" for key, value in {**VALUES, **changes}.items()), *arguments)


@pytest.mark.parametrize("name, schema", [("service.yaml", "cloud-run-service.json"), ("migrate-job.yaml", "cloud-run-job.json")])
def test_cloud_run(name, schema, settings):
    done = render(name)
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)
    check(made, schema)
    with pytest.raises(AssertionError, match="unexpected"):
        check({**made, "sepc": {}}, schema)
    template = made["spec"]["template"]
    inner = template["spec"] if name == "service.yaml" else template["spec"]["template"]["spec"]
    (container,) = inner["containers"]
    assert container["image"] == VALUES["IMAGE"] and inner["serviceAccountName"] == VALUES["SERVICE_ACCOUNT"]
    plain = {row["name"]: row["value"] for row in container["env"] if "value" in row}
    secret = {row["name"]: row["valueFrom"]["secretKeyRef"]["name"] for row in container["env"] if "valueFrom" in row}
    assert secret == {name: "ccr-ui-" + name.lower().replace("_", "-") for name in SECRETS}
    assert "PORT" not in plain  # Cloud Run's own
    check_variables(plain, secret, container["args"][0], settings)
    assert all(isinstance(value, str) for value in template["metadata"]["annotations"].values())
    (interface,) = json.loads(template["metadata"]["annotations"]["run.googleapis.com/network-interfaces"])
    assert set(interface) == {"network", "subnetwork"}
    if name == "service.yaml":
        assert container["ports"][0]["containerPort"] == 8080
        for probe, path in (("startupProbe", "/api/system/status"), ("livenessProbe", "/api/system/live")):
            assert container[probe]["httpGet"] == {"path": path, "port": 8080} and path in public_routes()
            assert container[probe]["timeoutSeconds"] <= container[probe]["periodSeconds"]  # or Cloud Run refuses it
        assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] <= 240


def test_render_refuses_what_is_wrong():
    for done, text in ((render("other.yaml"), "first argument"), (render("service.yaml", "X=1"), "X=1"), (render("service.yaml", IMAGE=""), "IMAGE"),
                       (render("service.yaml", NETWORK="a b"), "NETWORK"), (output(GCP / "render.sh", "service.yaml"), "is not given")):
        assert (done.returncode, done.stdout) == (2, "") and text in done.stderr
    assert output(GCP / "render.sh", "--help").returncode == 0


def test_cloud_build():
    text = (GCP / "cloudbuild.yaml").read_text()
    build = yaml.safe_load(text)
    check(build, "cloud-build.json")
    # With MUST_MATCH a variable that is used must be declared, and the other way round.
    assert set(re.findall(r"\$\{?(_[A-Z_]+)", text.partition("\nsubstitutions:")[0].partition("\nsteps:")[2])) == set(build["substitutions"])
    assert set(re.findall(r"\$\{([A-Z_]+)\}", text)) <= {"PROJECT_ID"}
    steps = {step["id"]: step for step in build["steps"]}
    assert list(steps) == ["build", "push", "migrate", "serve"]
    assert (ROOT / steps["build"]["args"][steps["build"]["args"].index("-f") + 1]).is_file()


def test_cloud_build_s_scripts_do_what_they_say(tmp_path):
    """With the substitutions filled in as Cloud Build does, and a stand-in for gcloud."""
    (tmp_path / "gcloud").write_text('#!/bin/sh\necho "gcloud $*" >>"$FAKE/log"\n')
    (tmp_path / "gcloud").chmod(0o755)
    build = yaml.safe_load((GCP / "cloudbuild.yaml").read_text())
    values = {name: value.replace("${PROJECT_ID}", "my-project") for name, value in build["substitutions"].items()}
    for step in build["steps"][2:]:
        script = step["args"][-1].replace("/workspace", str(tmp_path))
        script = re.sub(r"\$\{?(_[A-Z_]+)\}?", lambda match: values[match[1]], script)
        done = output("bash", *step["args"][:-1], script, cwd=ROOT, env={"PATH": f"{tmp_path}:/usr/bin:/bin", "FAKE": str(tmp_path)})
        assert done.returncode == 0, done.stderr
    check(yaml.safe_load((tmp_path / "service.rendered.yaml").read_text()), "cloud-run-service.json")
    check(yaml.safe_load((tmp_path / "migrate-job.rendered.yaml").read_text()), "cloud-run-job.json")
    commands = [line.split(" /")[0].split(" --")[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert commands == ["gcloud run jobs replace", "gcloud run jobs execute ccr-ui-migrate", "gcloud run services replace"]


# ---- Container Apps -----------------------------------------------------------------------------------------------------

FAKE_AZ = r"""#!/usr/bin/env bash
printf 'az %s\n' "$*" >>"$FAKE/log"
for argument; do
    [ "$last" != --yaml ] || cp "$argument" "$FAKE/$(basename "$argument")"
    last=$argument
done
next() { head -n 1 "$FAKE/$1"; [ "$(wc -l <"$FAKE/$1")" -eq 1 ] || sed -i 1d "$FAKE/$1"; }
case "$1 $2 $3 $4" in
"acr login "*) ;;
"containerapp job show "* | "containerapp show --name "*)
    case "$*" in
    *fqdn*) echo ccr.example.azurecontainerapps.io ;;
    *latestRevisionName*) next revisions ;;
    *) [ -e "$FAKE/exists" ] && echo ccr ;;
    esac ;;
"containerapp job create "* | "containerapp job update "* | "containerapp create "* | "containerapp update "*) ;;
"containerapp job start "*) echo ccr-ui-backend-migrate-x1 ;;
"containerapp job execution show") next executions ;;
*) exit 64 ;;
esac
"""


@pytest.fixture
def azure(tmp_path):
    for name, text in (("az", FAKE_AZ), ("docker", FAKE_DOCKER)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "executions").write_text("Running\nRunning\nSucceeded\n")
    (tmp_path / "revisions").write_text("ccr--2\tccr--1\tInProgress\nccr--2\tccr--1\tSucceeded\nccr--2\tccr--2\tSucceeded\n")
    (tmp_path / "log").write_text("")
    group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ccr-ui/providers"

    def run(*arguments, **changes):
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "FAKE": str(tmp_path), "DEPLOY_PAUSE": "0.01",
                       "ENVIRONMENT_ID": f"{group}/Microsoft.App/managedEnvironments/ccr", "VAULT_URI": "https://ccr-vault.vault.azure.net/",
                       "IDENTITY_ID": f"{group}/Microsoft.ManagedIdentity/userAssignedIdentities/ccr", "RESOURCE_GROUP": "ccr-ui",
                       "REGISTRY": "Example", **changes}
        return output(AZURE / "deploy.sh", *arguments, env={name: value for name, value in environment.items() if value is not None})
    run.folder = tmp_path
    run.log = lambda: (tmp_path / "log").read_text()
    return run


def test_azure_builds_pushes_migrates_and_serves(azure, settings):
    done = azure("1.2.3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("ccr-ui-backend runs example.azurecr.io/ccr-ui-backend:1.2.3 at https://ccr.example.azurecontainerapps.io\n")
    lines = azure.log().splitlines()
    order = ["az acr login --name Example", "docker build", "docker push example.azurecr.io/ccr-ui-backend:1.2.3", "az containerapp job create",
             "az containerapp job start", "az containerapp job execution show", "az containerapp create", "az containerapp show"]
    places = [max(i for i, line in enumerate(lines) if line.startswith(start)) for start in order]
    assert places == sorted(places) and azure.log().count("execution show") == 3
    for name, schema, kind in (("containerapp.yaml", "container-app.json", "containerApps"), ("migrate-job.yaml", "container-app-job.json", "jobs")):
        text = (azure.folder / name).read_text()
        made = yaml.safe_load(text)
        assert not PLACEHOLDER.search(text) and made["type"] == f"Microsoft.App/{kind}"
        check(made, schema)
        with pytest.raises(AssertionError, match="unexpected"):
            check({**made, "properties": {**made["properties"], "templat": {}}}, schema)
        properties = made["properties"]
        (container,) = properties["template"]["containers"]
        assert container["image"] == "example.azurecr.io/ccr-ui-backend:1.2.3" and [container["resources"]["cpu"], container["resources"]["memory"]] == [0.5, "1Gi"]
        plain = {row["name"]: row["value"] for row in container["env"] if "value" in row}
        secret = {row["name"]: row["secretRef"] for row in container["env"] if "secretRef" in row}
        assert secret == {name: name.lower().replace("_", "-") for name in SECRETS}
        check_variables(plain, secret, container["args"][0], settings)
        stored = {row["name"]: row for row in properties["configuration"]["secrets"]}
        assert set(stored) == set(secret.values())
        (identity,) = made["identity"]["userAssignedIdentities"]
        for row in [*stored.values(), *properties["configuration"]["registries"]]:
            assert row["identity"] == identity and "value" not in row
        assert all(row["keyVaultUrl"] == f"https://ccr-vault.vault.azure.net/secrets/ccr-ui-{name}" for name, row in stored.items())


def test_azure_s_probes_are_such_as_it_takes():
    properties = yaml.safe_load((AZURE / "containerapp.yaml").read_text())["properties"]
    (container,) = properties["template"]["containers"]
    port = next(int(row["value"]) for row in container["env"] if row["name"] == "PORT")
    assert properties["configuration"]["ingress"]["targetPort"] == port and properties["configuration"]["ingress"]["allowInsecure"] is False
    assert {probe["type"] for probe in container["probes"]} == {"Startup", "Readiness", "Liveness"}
    for probe in container["probes"]:
        assert probe["httpGet"]["port"] == port and probe["httpGet"]["path"] in public_routes()
        assert 1 <= probe["failureThreshold"] <= 10 and 1 <= probe["timeoutSeconds"] <= probe["periodSeconds"] <= 240
        # Container Apps ends what is not alive: a database that is away must not end all of them.
        assert (probe["httpGet"]["path"] == "/api/system/status") == (probe["type"] == "Startup")
    assert properties["template"]["scale"]["minReplicas"] >= 1 and 30 + 25 < properties["template"]["terminationGracePeriodSeconds"] <= 600


def test_azure_updates_what_is_there(azure):
    (azure.folder / "exists").write_text("")
    assert azure("--no-build", "1.2.3").returncode == 0
    assert "job update" in azure.log() and "containerapp update" in azure.log() and " create " not in azure.log() and "docker" not in azure.log()


@pytest.mark.parametrize("file, text, wait, message", [
    ("executions", "Running\nFailed\n", 60, "the migration: Failed"), ("executions", "Running\n", 1, "the migration: not within 1 s"),
    ("revisions", "ccr--2\tccr--1\tFailed\n", 60, "the new revision is not ready: ccr--2"),
    ("revisions", "ccr--2\tccr--1\tSucceeded\n", 5, "not within 5 s")])
def test_azure_says_when_the_old_version_goes_on(azure, file, text, wait, message):
    (azure.folder / file).write_text(text)
    done = azure("1.2.3", WAIT=str(wait))
    assert done.returncode == 1 and message in done.stderr and "old version goes on" in done.stderr, done.stderr
    assert ("containerapp create" in azure.log()) == (file == "revisions")


def test_azure_refuses_what_is_wrong(azure):
    for arguments, text in (((), "TAG is missing"), (("latest",), "latest"), (("1", "2"), "not two"), (("--x", "1"), "no --x"), (("a b",), "not a tag")):
        done = azure(*arguments)
        assert done.returncode == 2 and text in done.stderr
    for changes, text in (({"IDENTITY_ID": None, "REGISTRY": ""}, "not set: IDENTITY_ID REGISTRY"), ({"REGISTRY": "a b"}, "REGISTRY"), ({"WAIT": "x"}, "WAIT"),
                          ({"ENVIRONMENT_ID": "a\nb: c"}, "ENVIRONMENT_ID holds"), ({"PROXIES": '10.0.0.0/8"'}, "PROXIES holds"), ({"VAULT_URI": "http://x/"}, "VAULT_URI"),
                          ({"APP": "A"}, "APP")):
        done = azure("--no-build", "1.2.3", **changes)
        assert done.returncode == 2 and text in done.stderr, done.stderr
    assert azure.log() == ""
    assert azure("--help").returncode == 0


def test_azure_dry_run_runs_nothing(azure):
    done = azure("--dry-run", "1.2.3")
    assert done.returncode == 0, done.stderr
    assert azure.log() == "" and "+ docker build" in done.stdout and "+ az containerapp job start" in done.stdout
    for text, schema in zip(re.findall(r"^# .*?(?=^---$)", done.stdout, re.M | re.S), ("container-app.json", "container-app-job.json"), strict=True):
        check(yaml.safe_load(text), schema)


# ---- Terraform ----------------------------------------------------------------------------------------------------------

META = {"for_each", "count", "depends_on", "lifecycle", "provider"}


class Module:
    def __init__(self, folder):
        self.folder = folder
        self.text = {path.name: path.read_text() for path in sorted(folder.glob("*.tf"))}
        self.parsed = node("hcl.mjs", self.text)

    def blocks(self, kind):
        """{first label: body or {second label: body}} of all files."""
        found = {}
        for part in self.parsed.values():
            for label, value in part.get(kind, {}).items():
                if kind in ("resource", "ephemeral"):
                    found.setdefault(label, {}).update({name: body[0] for name, body in value.items()})
                else:
                    found[label] = value[0]
        return found

    @property
    def locals(self):
        return {name for part in self.parsed.values() for body in part.get("locals", []) for name in body}


@pytest.fixture(scope="module", params=[AWS, GCP, AZURE], ids=["aws", "gcp", "azure"])
def module(request):
    return Module(request.param / "terraform")


def unknown(body, schema, where):
    for name, row in schema.items():
        if row["required"] and name not in body:
            yield f"{where}: {name} is missing"
    for name, value in body.items():
        if name in META:
            continue
        if name not in schema:
            yield f"{where}: {name} is unknown"
        elif "block" in schema[name] and isinstance(value, list):
            for inner in value:
                yield from unknown(inner, schema[name]["block"], f"{where}.{name}")


def test_the_resources_have_the_arguments_that_the_providers_know(module):
    schemas = json.loads((SCHEMAS / "terraform-resources.json").read_text())
    problems = []
    for kind, resources in module.blocks("resource").items():
        for name, body in resources.items():
            problems += unknown(body, schemas[kind]["arguments"], f"{kind}.{name}")
    assert problems == []
    assert list(unknown({"engin": 1}, schemas["aws_db_instance"]["arguments"], "x"))[-1] == "x: engin is unknown"
    for bodies in module.blocks("ephemeral").values():
        assert all(set(body) <= {"length", "special"} for body in bodies.values())  # hashicorp/random's random_password


def test_what_is_referred_to_is_declared(module):
    text = "\n".join(re.sub(r"(^|\s)#.*", "", part) for part in module.text.values())
    used = set(re.findall(r"\bvar\.(\w+)", text))
    assert used == set(module.blocks("variable"))
    assert set(re.findall(r"\blocal\.(\w+)", text)) == module.locals
    resources = {f"{kind}.{name}" for kind, bodies in module.blocks("resource").items() for name in bodies}
    assert set(re.findall(r"(?<![\w.\"/])((?:aws|google|azurerm)_\w+\.\w+)", text)) <= resources
    ephemeral = {f"{kind}.{name}" for kind, bodies in module.blocks("ephemeral").items() for name in bodies}
    assert set(re.findall(r"\bephemeral\.(\w+\.\w+)", text)) == ephemeral
    providers = set(module.parsed["versions.tf"]["terraform"][0]["required_providers"][0])
    assert {name.split("_")[0] for name in (*resources, *ephemeral)} == providers


def test_the_example_sets_what_has_no_default(module):
    given = set(re.findall(r"^(\w+) *=", (module.folder / "terraform.tfvars.example").read_text(), re.M))
    assert given == {name for name, body in module.blocks("variable").items() if "default" not in body}


def test_terraform_likes_the_format(module):
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    done = output("terraform", "fmt", "-check", "-diff", module.folder, env={**os.environ, "TF_CLI_CONFIG_FILE": "/dev/null"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_database_at_aws_is_closed():
    resources = Module(AWS / "terraform").blocks("resource")
    database = resources["aws_db_instance"]["this"]
    assert database["storage_encrypted"] is True and database["publicly_accessible"] is False
    assert database["skip_final_snapshot"] is False and "password" not in database
    assert database["password_wo"] == "${ephemeral.random_password.database.result}"
    parameters = {row["name"]: row["value"] for row in resources["aws_db_parameter_group"]["this"]["parameter"]}
    assert parameters["rds.force_ssl"] == "1"
    rule = resources["aws_vpc_security_group_ingress_rule"]["clients"]
    assert (rule["from_port"], rule["to_port"]) == (5432, 5432) and "cidr_ipv4" not in rule
    check_secret(resources["aws_secretsmanager_secret_version"]["database_url"], "secret_string")


def test_the_database_at_google_is_closed():
    resources = Module(GCP / "terraform").blocks("resource")
    (configuration,) = resources["google_sql_database_instance"]["this"]["settings"]
    (network,) = configuration["ip_configuration"]
    assert network["ipv4_enabled"] is False and network["ssl_mode"] == "ENCRYPTED_ONLY" and "authorized_networks" not in network
    assert configuration["backup_configuration"][0]["enabled"] is True
    user = resources["google_sql_user"]["this"]
    assert "password" not in user and user["password_wo"] == "${ephemeral.random_password.database.result}"
    check_secret(resources["google_secret_manager_secret_version"]["database_url"], "secret_data")


def test_the_database_at_azure_is_closed():
    resources = Module(AZURE / "terraform").blocks("resource")
    server = resources["azurerm_postgresql_flexible_server"]["this"]
    assert server["public_network_access_enabled"] is False and server["delegated_subnet_id"] and server["backup_retention_days"]
    assert "administrator_password" not in server and server["administrator_password_wo"] == "${ephemeral.random_password.administrator.result}"
    settings = resources["azurerm_postgresql_flexible_server_configuration"]["this"]["for_each"]
    assert "require_secure_transport" in json.dumps(settings) and "scram-sha-256" in json.dumps(settings)
    vault = resources["azurerm_key_vault"]["this"]
    assert vault["rbac_authorization_enabled"] is True and vault["purge_protection_enabled"] is True
    check_secret(resources["azurerm_key_vault_secret"]["database_url"], "value")
    # What runs reads one vault, and the administrator's password is in the other.
    assert '"vault"' in resources["azurerm_role_assignment"]["reader"]["scope"]
    administrator = resources["azurerm_key_vault_secret"]["administrator_password"]
    assert "value" not in administrator and '"admin"' in administrator["key_vault_id"]


def check_secret(version, argument):
    assert argument not in version and "sslmode=verify-full&sslrootcert=%s" in version[argument + "_wo"]


def test_the_authorities_are_where_the_urls_say():
    """In the image, or mounted."""
    path = re.search(r'authorities += "([^"]+)"', Module(AWS / "terraform").text["main.tf"])[1]
    dockerfile = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    assert f"/out{path.rpartition('/')[0]} deploy/docker/ca/*.pem" in dockerfile
    roots = (ROOT / "deploy" / "docker" / "ca" / path.rpartition("/")[2]).read_text()
    assert roots.count("-----BEGIN CERTIFICATE-----") == 81
    done = output("openssl", "crl2pkcs7", "-nocrl", "-certfile", str(ROOT / "deploy" / "docker" / "ca" / "amazon-rds.pem"))
    assert done.returncode == 0, done.stderr
    names = output("openssl", "pkcs7", "-print_certs", "-noout", input=done.stdout).stdout
    assert len(re.findall(r"^subject=.*Amazon RDS [a-z0-9-]+ Root CA", names, re.M)) == 81
    path = re.search(r'authorities += "([^"]+)"', Module(GCP / "terraform").text["main.tf"])[1]
    for name in ("service.yaml", "migrate-job.yaml"):
        made = yaml.safe_load(render(name).stdout)
        inner = made["spec"]["template"]["spec"]
        inner = inner if name == "service.yaml" else inner["template"]["spec"]
        (volume,) = inner["volumes"]
        (mount,) = inner["containers"][0]["volumeMounts"]
        assert mount["name"] == volume["name"] and f"{mount['mountPath']}/{volume['secret']['items'][0]['path']}" == path
    assert '"database-ca"' in Module(GCP / "terraform").text["main.tf"] and volume["secret"]["secretName"] == "ccr-ui-database-ca"
    assert re.search(r'authorities += "/etc/ssl/certs/ca-certificates.crt"', Module(AZURE / "terraform").text["main.tf"])
    assert re.search(r"^ +ca-certificates \\$", dockerfile, re.M)


def test_each_folder_says_what_to_fill_in():
    for folder in (AWS, GCP, AZURE):
        text = (folder / "README.md").read_text()
        assert "## Fill in" in text and "## Not tested" in text
        names = set(PLACEHOLDER.findall("".join(path.read_text() for path in folder.glob("*.json")) +
                                        "".join(path.read_text() for path in folder.glob("*-job.yaml")))) - {"REGISTRY_SERVER"}
        missing = [name for name in names if name not in text and not name.endswith("_ARN")]
        missing += [name for name, body in Module(folder / "terraform").blocks("variable").items() if "default" not in body and name not in text]
        assert missing == []
