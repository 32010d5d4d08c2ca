"""deploy/kubernetes: every overlay is rendered by kustomize, held against the schemas of the Kubernetes API, and against
itself, the program and the image. There is no cluster here: nothing of it is started, but for PostgreSQL's init script."""

import fcntl
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import BINARY, ROOT, Cli, Cluster, as_user, clean_environment, make_secrets, new_folder  # noqa: E402

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
NODE = Path(__file__).resolve().parent / "kubernetes"
IMAGE = "registry.example.org/ccr-ui-backend"
WORKLOADS = ("Deployment", "StatefulSet", "Job")
CLUSTER_WIDE = ("Namespace",)


def node(script, value):
    with open(NODE / "package.json") as lock:  # other files' tests want the same, perhaps at this moment
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (NODE / "node_modules" / ".package-lock.json").exists():  # which npm writes when it is done
            subprocess.run(["npm", "ci", "--prefix", NODE, "--no-audit", "--no-fund"], check=True, capture_output=True, timeout=280)
    done = subprocess.run(["node", NODE / script], input=json.dumps(value), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def kustomize():
    for command in (["kubectl", "kustomize"], ["kustomize", "build"]):
        if shutil.which(command[0]):
            return command
    return pytest.skip("neither kubectl nor kustomize is installed, and Debian 12 has none that is new enough")


class Overlay:
    def __init__(self, name):
        self.name = name
        done = subprocess.run([*kustomize(), KUBERNETES / "overlays" / name], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "kustomize warns"
        self.objects = list(yaml.safe_load_all(done.stdout))

    def all(self, *kinds):
        return [found for found in self.objects if found["kind"] in kinds]

    def one(self, kind, name):
        found = [candidate for candidate in self.all(kind) if candidate["metadata"]["name"] == name]
        assert len(found) == 1, f"{self.name}: {len(found)} of {kind} {name}"
        return found[0]

    def pods(self):
        """Pod templates of all workloads."""
        return [workload["spec"]["template"] for workload in self.all(*WORKLOADS)]

    def selected(self, selector):
        assert set(selector) <= {"matchLabels"}
        wanted = selector.get("matchLabels", {})
        return [pod for pod in self.pods() if wanted.items() <= pod["metadata"]["labels"].items()]

    def config(self, pod, container):
        """Variables that a container gets from config maps and as plain values, and from secrets as (name, key, optional)."""
        plain, secret = {}, {}
        for source in container.get("envFrom", []):
            assert set(source) == {"configMapRef"}
            plain |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container.get("env", []):
            if "value" in variable:
                plain[variable["name"]] = variable["value"]
            else:
                reference = variable["valueFrom"]["secretKeyRef"]
                secret[variable["name"]] = (reference["name"], reference["key"], reference.get("optional", False))
        return plain, secret


def containers(pod):
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def ours(container):
    return container["image"].startswith(IMAGE + ":")


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request):
    return Overlay(request.param)


@pytest.fixture(scope="module")
def routes():
    text = subprocess.run([BINARY, "routes"], capture_output=True, text=True, check=True).stdout
    return {line.split()[1] for line in text.splitlines() if line.startswith("GET ") and line.split()[2] == "public"}


@pytest.fixture(scope="module")
def settings():
    text = subprocess.run([BINARY, "settings", "--format", "env"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^#?([A-Z_]+)=", text, re.M))


@pytest.fixture(scope="module")
def entrypoint():
    return (ROOT / "deploy" / "docker" / "entrypoint").read_text()


# ---- against the schemas ------------------------------------------------------------------------------------------------


def test_there_is_what_the_guide_has(overlay):
    kinds = {found["kind"] for found in overlay.objects}
    wanted = {"Namespace", "ConfigMap", "Deployment", "Service", "Ingress", "NetworkPolicy", "ServiceAccount"}
    wanted |= {"StatefulSet"} if overlay.name != "prod-managed" else {"ExternalSecret", "SecretStore"}
    wanted |= {"HorizontalPodAutoscaler", "PodDisruptionBudget", "Job"} if overlay.name != "dev" else set()
    assert kinds == wanted


def test_every_object_is_valid(overlay):
    assert node("validate.mjs", overlay.objects) == []


def test_the_validator_finds_what_is_wrong():
    """Else the test above says nothing."""
    def pod(**container):
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", **container}]}}

    assert node("validate.mjs", [pod(image="x", ports=[{"containerPort": 80}])]) == []
    assert "unknown field /spec/containers/0/imgae" in node("validate.mjs", [pod(imgae="x")])[0]
    assert "must be integer" in node("validate.mjs", [pod(ports=[{"containerPort": "http"}])])[0]
    assert "required" in node("validate.mjs", [{**pod(), "spec": {}}])[0]
    assert "no schema" in node("validate.mjs", [{**pod(), "apiVersion": "extensions/v1beta1"}])[0]


def test_names_and_namespaces(overlay):
    names = [(found["kind"], found["metadata"]["name"]) for found in overlay.objects]
    assert len(set(names)) == len(names)
    namespace = overlay.all("Namespace")[0]["metadata"]["name"]
    assert namespace == ("ccr-ui-dev" if overlay.name == "dev" else "ccr-ui")
    for found in overlay.objects:
        assert found["metadata"].get("namespace") == (None if found["kind"] in CLUSTER_WIDE else namespace)
        assert found["metadata"]["labels"]["app.kubernetes.io/part-of"] == "ccr-ui" or found["kind"] == "ConfigMap"


# ---- against itself -----------------------------------------------------------------------------------------------------


def test_selectors_find_their_pods(overlay):
    for workload in overlay.all("Deployment", "StatefulSet"):
        assert overlay.selected(workload["spec"]["selector"]) == [workload["spec"]["template"]]
    for service in overlay.all("Service"):
        found = overlay.selected({"matchLabels": service["spec"]["selector"]})
        assert len(found) == 1
        names = {port["name"] for container in containers(found[0]) for port in container.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    for budget in overlay.all("PodDisruptionBudget"):
        assert len(overlay.selected(budget["spec"]["selector"])) == 1
    for stateful in overlay.all("StatefulSet"):
        overlay.one("Service", stateful["spec"]["serviceName"])
    for scaler in overlay.all("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found = overlay.one(target["kind"], target["name"])
        assert found["apiVersion"] == target["apiVersion"] and "replicas" not in found["spec"]
    for ingress in overlay.all("Ingress"):
        hosts = {host for tls in ingress["spec"]["tls"] for host in tls["hosts"]}
        assert hosts == {rule["host"] for rule in ingress["spec"]["rules"]} and ingress["spec"]["ingressClassName"]
        for path in (path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]):
            service = overlay.one("Service", path["backend"]["service"]["name"])
            assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_what_is_referred_to_is_there(overlay):
    example = {found["metadata"]["name"]: set(found["stringData"])
               for found in yaml.safe_load_all((KUBERNETES / "secret.example.yaml").read_text())}
    external = {found["spec"]["target"]["name"]: {row["secretKey"] for row in found["spec"]["data"]}
                for found in overlay.all("ExternalSecret")}
    for found in overlay.all("ExternalSecret"):
        store = overlay.one(found["spec"]["secretStoreRef"]["kind"], found["spec"]["secretStoreRef"]["name"])
        overlay.one("ServiceAccount", store["spec"]["provider"]["aws"]["auth"]["jwt"]["serviceAccountRef"]["name"])
    secrets = external or example
    for workload in overlay.all(*WORKLOADS):
        pod = workload["spec"]["template"]
        if "serviceAccountName" in pod["spec"]:
            overlay.one("ServiceAccount", pod["spec"]["serviceAccountName"])
        volumes = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        for volume in pod["spec"].get("volumes", []):
            volumes.add(volume["name"])
            if "configMap" in volume:
                overlay.one("ConfigMap", volume["configMap"]["name"])
        mounted = set()
        for container in containers(pod):
            _, secret = overlay.config(pod, container)
            for name, key, optional in secret.values():
                assert optional or key in secrets[name], f"{container['name']} wants {name}/{key}"
            mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
        assert mounted == volumes


def test_no_secret_value_is_written_down(overlay):
    assert overlay.all("Secret") == []
    for found in yaml.safe_load_all((KUBERNETES / "secret.example.yaml").read_text()):
        assert "data" not in found and set(found["stringData"].values()) == {""}
    for pod in overlay.pods():
        for container in containers(pod):
            plain, _ = overlay.config(pod, container)
            assert not [name for name in plain if re.search("PASSWORD|SECRET|DATABASE_URL|KEY", name)]


def test_pods_keep_to_the_restricted_profile(overlay):
    assert overlay.all("Namespace")[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in overlay.pods():
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True and context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert context["runAsUser"] == (1001 if ours(containers(pod)[0]) else 999)
        assert pod["spec"]["automountServiceAccountToken"] is False and pod["spec"]["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
        assert all(set(volume) - {"name"} <= {"emptyDir", "configMap"} for volume in pod["spec"].get("volumes", []))
        for container in containers(pod):
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                    "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
            assert set(container["resources"]) == {"requests", "limits"}
            assert all(set(amounts) == {"cpu", "memory"} for amounts in container["resources"].values())
            assert not container["image"].endswith(":latest") and ":" in container["image"]


def test_nothing_is_open_but_what_is_listed(overlay):
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in overlay.all("NetworkPolicy")}
    assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ways = set()
    for name, policy in policies.items():
        (kind,) = policy["policyTypes"]
        (rule,) = policy[kind.lower()]
        chosen = overlay.selected(policy["podSelector"])
        assert chosen and policy["podSelector"].get("matchLabels"), name
        (peer,) = rule["from" if kind == "Ingress" else "to"]
        for port in rule["ports"]:
            if isinstance(port["port"], str):  # a name is one of the pods that are reached
                reached = chosen if kind == "Ingress" else overlay.selected(peer["podSelector"])
                for pod in reached:
                    assert port["port"] in {own["name"] for container in containers(pod) for own in container.get("ports", [])}, name
        if "namespaceSelector" in peer:
            other = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        elif "ipBlock" in peer:
            other = peer["ipBlock"]["cidr"]
        else:
            other = "+".join(sorted({component(pod) for pod in overlay.selected(peer["podSelector"])}))
        ways.add((kind, "+".join(sorted({component(pod) for pod in chosen})), other))
    clients = "backend" if overlay.name == "dev" else "backend+migration"
    expected = {("Ingress", "backend", "ingress-nginx"), ("Egress", clients, "kube-system")}
    if overlay.name == "prod-managed":
        expected |= {("Egress", clients, "10.20.0.0/16")}
    else:
        expected |= {("Ingress", "database", clients), ("Egress", clients, "database")}
    assert ways == expected


def component(pod):
    return pod["metadata"]["labels"]["app.kubernetes.io/component"]


# ---- against the program and the image ----------------------------------------------------------------------------------


def test_probes_ask_for_what_exists(overlay, routes):
    pod = overlay.one("Deployment", "ccr-ui-backend")["spec"]["template"]
    expected = {"startupProbe": "/api/system/status", "readinessProbe": "/api/system/status", "livenessProbe": "/api/system/live"}
    assert set(expected.values()) <= routes
    backend, nginx = pod["spec"]["containers"]
    for name, path in expected.items():
        assert nginx[name]["httpGet"] == {"path": path, "port": "http"}
        command = backend[name]["exec"]["command"]
        assert command[:2] == ["ccr-ui-backend", "healthcheck"] and command[command.index("--path") + 1] == path
        # An exit status, and so no complaint about the options: nobody listens there.
        done = subprocess.run([BINARY, *command[1:]], capture_output=True, text=True,
                              env=clean_environment(SOCKET="/nonexistent/fastcgi.sock"))
        assert done.returncode == 69, done.stderr
        assert int(command[command.index("--timeout") + 1]) < backend[name]["timeoutSeconds"]
    for path in ("/api", "/health"):
        assert path in {row["path"] for row in overlay.all("Ingress")[0]["spec"]["rules"][0]["http"]["paths"]}
    assert "/health" in routes


def test_variables_are_settings_and_have_good_values(overlay, settings, entrypoint):
    roles = set(re.search(r"^(web[a-z |]*)\)", entrypoint, re.M)[1].split(" | ")) | {"migrate"}
    made = json.loads(subprocess.run([KUBERNETES / "make-secrets.sh"], capture_output=True, text=True, check=True).stdout)
    values = {item["metadata"]["name"]: item["stringData"] for item in made["items"]}
    sockets = set()
    for pod in overlay.pods():
        for container in filter(ours, containers(pod)):
            plain, secret = overlay.config(pod, container)
            role = container["args"][0]
            assert role in roles
            if role == "nginx":
                assert all(re.search(rf"\$\{{?{name}\b", entrypoint) for name in plain)
                assert int(plain["PORT"]) == container["ports"][0]["containerPort"]
                sockets.add(plain["SOCKET"])
                continue
            assert set(plain) | set(secret) <= settings
            environment = plain | {name: values[where][key] for name, (where, key, optional) in secret.items() if not optional}
            done = subprocess.run([BINARY, "settings"], capture_output=True, text=True, env=clean_environment(**environment))
            assert done.returncode == 0, done.stderr
            help_text = subprocess.run([BINARY, role, "--help"], capture_output=True, text=True).stdout
            assert all(re.search(rf"\b{argument}\b", help_text) for argument in container["args"][1:])
            sockets.add(plain["SOCKET"])
            if role == "serve":
                mount = next(mount for mount in container["volumeMounts"] if mount["name"] == "socket")
                assert str(Path(plain["SOCKET"]).parent) == mount["mountPath"]
    assert len(sockets) == 1


def test_connections_fit_into_postgresql(overlay):
    deployment = overlay.one("Deployment", "ccr-ui-backend")
    config, _ = overlay.config(None, deployment["spec"]["template"]["spec"]["containers"][0])
    scaler = overlay.all("HorizontalPodAutoscaler")
    pods = scaler[0]["spec"]["maxReplicas"] if scaler else deployment["spec"]["replicas"]
    pods += deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    for stateful in overlay.all("StatefulSet"):
        arguments = " ".join(stateful["spec"]["template"]["spec"]["containers"][0]["args"])
        limit = int(re.search(r"max_connections=(\d+)", arguments)[1])
        spare = 3 + 10  # superuser_reserved_connections; migrations, backups, people
        assert pods * (int(config["MAX_CONNECTIONS"]) + 2) + spare <= limit


def test_a_pod_that_goes_loses_no_request(overlay):
    """Out of the Ingress first, then Nginx, then the backend; and all of it before Kubernetes kills."""
    pod = overlay.one("Deployment", "ccr-ui-backend")["spec"]["template"]["spec"]
    backend, nginx = pod["containers"]
    waits = [int(container["lifecycle"]["preStop"]["exec"]["command"][1]) for container in (nginx, backend)]
    config, _ = overlay.config(None, backend)
    assert 5 <= waits[0] < waits[1]
    assert waits[1] + int(config["SHUTDOWN_TIMEOUT"]) < pod["terminationGracePeriodSeconds"]
    assert overlay.one("Deployment", "ccr-ui-backend")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


# ---- the secrets, the database ------------------------------------------------------------------------------------------


def make_secret_list(*arguments):
    return subprocess.run([KUBERNETES / "make-secrets.sh", *arguments], capture_output=True, text=True)


def test_made_secrets_have_the_example_s_shape():
    made = json.loads(make_secret_list("ccr-ui-dev").stdout)["items"]
    assert node("validate.mjs", made) == []
    example = list(yaml.safe_load_all((KUBERNETES / "secret.example.yaml").read_text()))
    for secret, shape in zip(made, example, strict=True):
        assert secret["metadata"] == {**shape["metadata"], "namespace": "ccr-ui-dev"}
        assert set(secret["stringData"]) == set(shape["stringData"]) and all(secret["stringData"].values())
    assert f":{made[1]['stringData']['ccr-password']}@postgres:5432/" in made[0]["stringData"]["DATABASE_URL"]
    assert json.loads(make_secret_list().stdout)["items"][0]["stringData"] != made[0]["stringData"]


def test_make_secrets_refuses_other_arguments():
    for arguments in (("Not_a_name",), ("a", "b"), ("-x",)):
        done = make_secret_list(*arguments)
        assert (done.returncode, done.stdout) == (2, "") and "Usage" in done.stderr
    assert make_secret_list("--help").returncode == 0


def test_the_init_script_makes_a_role_that_the_backend_accepts():
    folder = new_folder()
    cluster = Cluster(new_folder(folder, "pg"))
    try:
        cluster.create()
        password = "it's \\ 100% odd"
        done = subprocess.run(as_user(["psql", "-h", cluster.folder, "-U", "postgres", "-d", "postgres", "--no-psqlrc", "-f", "-"]),
                              input=(KUBERNETES / "components/postgres/10-ccr-ui.sql").read_text(), capture_output=True,
                              text=True, env=clean_environment(CCR_PASSWORD=password))
        assert done.returncode == 0, done.stderr
        with cluster.connect(user="postgres", dbname="postgres") as connection:
            row = connection.execute("SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles "
                                     "WHERE rolname = 'ccr_user'").fetchone()
            assert row == (False,) * 5
        quoted = "".join(f"%{byte:02X}" for byte in password.encode())
        url = cluster.url("ccr_ui_db", "ccr_user").replace("ccr_user@", f"ccr_user:{quoted}@")
        cli = Cli(new_folder(folder, "cli"), {"DATABASE_URL": url, **make_secrets()})
        assert cli.run("migrate", "verify").returncode == 78  # what the pods of prod wait with
        cli.run("migrate", "up", check=True)
        cli.run("migrate", "verify", check=True)
        cli.run("check-config", check=True)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_the_objects_in_the_document_are_valid():
    text = (ROOT / "docs" / "deployment" / "kubernetes.md").read_text()
    objects = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)]
    assert objects and node("validate.mjs", objects) == []


def test_the_document_names_what_is_there():
    text = (ROOT / "docs" / "deployment" / "kubernetes.md").read_text()
    for kind in ("overlays", "components"):
        assert all(f"| `{path.name}` |" in text for path in (KUBERNETES / kind).iterdir())
    for path in re.findall(r"^\| `((?:base|components|overlays)/[^`*]*)`", text, re.M):
        assert (KUBERNETES / path).exists(), path
