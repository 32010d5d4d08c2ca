"""The container image: really built from deploy/docker/Dockerfile with buildah, and run in each of its roles against a real
PostgreSQL; docker-compose.yml as far as reading it goes. No Docker engine is needed: a container here is a mount and a process
namespace over the image's files, read-only, with the user, environment and entry point that the image names.

buildah's storage is a folder of the run's own. The tests marked slow follow on each other."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
import requests
import yaml

import stack
import ui_build
from tree import BUILD_S, MIRROR, RELEASE

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
VERSION = re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.M).group(1)
BASE = "docker.io/library/debian:bookworm-slim"
REVISION, CREATED = "0123456789ab", "2025-01-01T00:00:00Z"
PASSWORD = "a password of some length"
SOCKET = "/run/ccr-ui-backend/fastcgi.sock"
UID = 1001
UI = "/usr/local/share/ccr-ui"

slow = pytest.mark.slow


# --- without building anything ------------------------------------------------------------------------------------------

def compose():
    return yaml.safe_load((DOCKER / "docker-compose.yml").read_text())


def strings(node):
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def test_compose_variables_are_those_of_the_example():
    used = {name for text in strings(compose()) for name in re.findall(r"\$\{([A-Z_]+)", text)}
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DOCKER / "env.example").read_text(), re.M))
    assert used | {"COMPOSE_PROFILES"} == set(example)  # which Compose itself reads
    for name in ("POSTGRES_PASSWORD", "DATABASE_PASSWORD", "JWT_SECRET", "SECRETS_KEY"):
        assert example[name] == ""
        for text in strings(compose()):
            assert not re.search(r"\$\{%s(?!:\?)" % name, text), f"{text}: without {name} nothing must start"


def test_compose_holds_no_secret():
    text = (DOCKER / "docker-compose.yml").read_text()
    assert not re.search(r"[A-Za-z0-9+/]{24,}", re.sub(r"\$\{[^}]*\}|/\S+", "", text))
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|URL", name):
                assert "${" in value


def test_compose_services_are_fenced_in_and_start_in_order():
    services = compose()["services"]
    assert set(services) == {"postgres", "redis", "migrate", "backend", "nginx"}
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {"redis": ["redis"]}
    for name, service in services.items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"] and "privileged" not in service, name
        assert ("ports" in service) == (name == "nginx")
        for other, wish in service.get("depends_on", {}).items():
            assert wish["condition"] != "service_healthy" or "healthcheck" in services[other]
            assert wish["condition"] != "service_completed_successfully" or services[other]["restart"] == "no"
    order = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    assert order == {"postgres": set(), "redis": set(), "migrate": {"postgres"}, "backend": {"postgres", "migrate"}, "nginx": {"backend"}}
    used = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])
            if re.match("[a-z]", volume)}
    assert used == set(compose()["volumes"])
    assert {network for service in services.values() for network in service["networks"]} == set(compose()["networks"])
    for folder in (DOCKER / services["backend"]["build"]["context"], DOCKER / "init-database.sh"):
        assert folder.exists()
    assert (DOCKER / services["backend"]["build"]["context"] / services["backend"]["build"]["dockerfile"]).samefile(DOCKER / "Dockerfile")


def test_compose_is_what_docker_accepts():
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose plugin here")
    env = {**os.environ, **dict.fromkeys(("POSTGRES_PASSWORD", "DATABASE_PASSWORD", "JWT_SECRET", "SECRETS_KEY"), "x")}
    done = subprocess.run(["docker", "compose", "-f", DOCKER / "docker-compose.yml", "config", "-q"], env=env, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_compose_with_ccr_ui_publishes_on_loopback_only():
    nginx = yaml.safe_load((DOCKER / "docker-compose.ui.yml").read_text())["services"]["nginx"]
    published = {tuple(place.rsplit(":", 2)) for place in nginx["ports"]}
    assert published == {(address, port, port) for address in ("127.0.0.1", "[::1]") for port in ("8081", "48081")}
    assert [volume.rpartition("}:")[2] for volume in nginx["volumes"]] == ["/usr/local/share/ccr-ui:ro"]


def test_dockerfile_follows_the_rest():
    packages = re.search(r"^BUILD_PACKAGES=\((.*?)\)", (ROOT / "scripts/lib.sh").read_text(), re.M | re.S).group(1).split()
    installed = re.search(r"AS build.*?--no-install-recommends \\\n(.*?)\nWORKDIR", DOCKERFILE, re.S).group(1)
    assert sorted(installed.replace("\\", "").split()) == sorted(packages)
    assert f"ARG VERSION={VERSION}\n" in DOCKERFILE


# --- building -----------------------------------------------------------------------------------------------------------

class Buildah:
    def __init__(self, folder):
        self.folder = folder
        self.policy = folder / "policy.json"
        self.policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')

    def run(self, *arguments, check=True, timeout=300, cwd="/", **options):
        done = subprocess.run(["buildah", "--root", self.folder / "storage", "--runroot", self.folder / "run", "--storage-driver", "vfs",
                               *arguments], capture_output=True, text=True, timeout=timeout, cwd=cwd, **options)
        if check:
            assert done.returncode == 0, f"buildah {arguments[0]}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def make_base(self):
        """An image named like Debian's own, with the files of that one that matter here."""
        base = self.folder / "base"
        done = subprocess.run(["debootstrap", "--variant=minbase", RELEASE, base, MIRROR], capture_output=True, text=True, timeout=BUILD_S)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        (base / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (base / "usr/sbin/policy-rc.d").chmod(0o755)
        (base / "etc/apt/sources.list").write_text(
            f"deb {MIRROR} {RELEASE} main\ndeb {MIRROR} {RELEASE}-updates main\ndeb {MIRROR}-security {RELEASE}-security main\n")
        for left in [*(base / "var/cache/apt/archives").glob("*.deb"), *(base / "var/lib/apt/lists").glob("*")]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        container = self.run("from", "scratch").stdout.strip()
        self.run("add", "-q", container, base, "/")
        self.run("commit", "-q", "--signature-policy", self.policy, container, BASE)
        self.run("rm", container)
        shutil.rmtree(base)

    def build(self, tag):
        started = time.monotonic()
        self.run("bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--signature-policy", self.policy, "--timestamp", "0",
                 "--build-arg", f"REVISION={REVISION}", "--build-arg", f"CREATED={CREATED}", "-f", DOCKER / "Dockerfile", "-t", tag, ".",
                 cwd=ROOT, timeout=BUILD_S)
        image = json.loads(self.run("inspect", "--type", "image", tag).stdout)
        print(f"{tag}: built in {time.monotonic() - started:.0f} s, {image['FromImageID'][:12]}")
        return image


@pytest.fixture(scope="module")
def buildah():
    folder = Path(tempfile.mkdtemp(prefix="ccr-image-", dir=os.environ.get("CCR_TREES", "/tmp")))
    tool = Buildah(folder)
    try:
        tool.make_base()
        yield tool
    finally:
        if (folder / "storage").exists():
            tool.run("umount", "--all", check=False)
            tool.run("rm", "--all", check=False)
        under = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(f"{folder}/")]
        for place in sorted(under, reverse=True):
            subprocess.run(["umount", "-l", place], check=False, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def image(buildah):
    return buildah.build("ccr-ui-backend:test")


@pytest.fixture(scope="module")
def container(buildah, image):
    """buildah's container of the image."""
    return buildah.run("from", "--pull-never", "--signature-policy", buildah.policy, "ccr-ui-backend:test").stdout.strip()


@pytest.fixture(scope="module")
def files(buildah, container):
    """The folder with the image's files."""
    return Path(buildah.run("mount", container).stdout.strip())


# --- running ------------------------------------------------------------------------------------------------------------

# $1 the image's files, then SOURCE TARGET for each volume, then --, then the command. As a container engine does it with
# --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /run --tmpfs /tmp; a tmpfs has the mode of what it covers.
RUN = f"""
set -e
root=$1
shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${{n%:*}}" "$root/dev/${{n#*:}}"; done
for folder in run tmp; do mount -t tmpfs -o "mode=$(stat -c %a "$root/$folder")" tmpfs "$root/$folder"; done
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid {UID} --regid {UID} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


class Container:
    def __init__(self, files, config, volumes, command, env, log):
        assert config["User"] == f"{UID}:{UID}"
        arguments = [part for source, target in volumes.items() for part in (str(source), target)]
        self.log_path = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "bash", "-c", RUN,
                 "run", str(files), *arguments, "--", *config["Entrypoint"], *(command or config["Cmd"])],
                stdin=subprocess.PIPE, stdout=out, stderr=out, cwd="/",
                env={**dict(pair.split("=", 1) for pair in config["Env"]), **env})
        stack.wait_until("the container runs", lambda: self.popen.poll() is not None or self.begun())

    def begun(self):
        with contextlib.suppress(OSError):
            return [pid for pid in stack.children(self.popen.pid) if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/usr/bin/tini")]

    def log(self):
        return self.log_path.read_text(errors="replace")

    @property
    def init(self):
        """The process that is number 1 inside."""
        found = stack.children(self.popen.pid)
        assert found, f"the container ended with {self.popen.poll()}:\n{self.log()[-3000:]}"
        return found[0]

    def exec(self, *command):
        """As `docker exec`."""
        return subprocess.run(["nsenter", "--target", str(self.init), "--mount", "--pid", "--root", "--wd=/", "setpriv", "--reuid", str(UID), "--regid",
                               str(UID), "--clear-groups", "--bounding-set=-all", "--no-new-privs", "env",
                               *Path(f"/proc/{self.init}/environ").read_text().strip("\0").split("\0"), *command],
                              capture_output=True, text=True, timeout=60)

    def descendants(self, name):
        """Processes inside whose command line begins with name, the eldest first."""
        found, todo = [], [self.init]
        while todo:
            pid = todo.pop(0)
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(name.encode()):
                    found.append(pid)
            todo += stack.children(pid)
        return found

    def end(self, number=signal.SIGTERM, timeout=60):
        os.kill(self.init, number)
        return self.wait(timeout)

    def wait(self, timeout=60):
        try:
            return self.popen.wait(timeout)
        finally:
            self.close()

    def close(self):
        with contextlib.suppress(ProcessLookupError, AssertionError):
            os.kill(self.init, signal.SIGKILL)
        self.popen.kill()
        self.popen.wait(10)
        self.popen.stdin.close()


@pytest.fixture(scope="module")
def workdir():
    folder = stack.new_folder()
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def database(workdir):
    """PostgreSQL, with the role and the database that docker-compose's init script makes."""
    cluster = stack.Cluster(stack.new_folder(workdir, "pg"))
    try:
        cluster.create()
        cluster.folder.chmod(0o711)
        done = subprocess.run([DOCKER / "init-database.sh"], capture_output=True, text=True, timeout=60,
                              env=stack.clean_environment(POSTGRES_USER="postgres", DATABASE_PASSWORD=cluster.password, PGHOST=str(cluster.folder)))
        assert done.returncode == 0, done.stderr
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def run(files, image, workdir, database):
    """Starts a container: run("serve", volume=FOLDER, env={...}). What still runs after the module is killed."""
    made = []
    env = {"DATABASE_URL": f"postgresql://ccr_user:{database.password}@/ccr_ui_db?host=%2Frun%2Fpostgresql",
           "MAX_CONNECTIONS": "3", "RATE_LIMIT": "0", "IN_PROGRESS_LIMITS": "off", **stack.make_secrets()}

    def start(*command, volume=None, volumes=None, **settings):
        places = {database.folder: "/run/postgresql", **({volume: "/run/ccr-ui-backend"} if volume else {}), **(volumes or {})}
        wanted = {name: str(value) for name, value in {**env, **settings}.items() if value is not None}
        made.append(Container(files, image["Docker"]["config"], places, command, wanted, workdir / f"container-{len(made)}.log"))
        return made[-1]

    try:
        yield start
    finally:
        for one in made:
            one.close()


@pytest.fixture(scope="module")
def once(run):
    """Runs a command to its end: (status, output)."""
    def run_once(*command, input="", **settings):
        one = run(*command, **settings)
        one.popen.stdin.write(input.encode())
        one.popen.stdin.flush()
        one.popen.stdin.close()
        return one.wait(), one.log()
    return run_once


@pytest.fixture
def volume(workdir):
    folder = Path(tempfile.mkdtemp(prefix="volume-", dir=workdir))
    os.chown(folder, UID, UID)
    return folder


def healthy(one, path):
    """The body of the status once it says healthy."""
    def ask():
        assert one.popen.poll() is None, f"ended with {one.popen.returncode}:\n{one.log()[-3000:]}"
        with contextlib.suppress(requests.RequestException, ValueError):
            answer = requests.get(f"{path}/api/system/status", timeout=60)
            return answer.status_code == 200 and answer.json()["status"] == "healthy"
    stack.wait_until("the status is healthy", ask, step=0.1)


def health(one, image):
    kind, *command = image["Docker"]["config"]["Healthcheck"]["Test"]
    assert kind == "CMD"
    return one.exec(*command).returncode


def login(url, **options):
    answer = requests.post(f"{url}/api/auth/login", json={"username": "admin", "password": PASSWORD}, timeout=60, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["access_token"]


@pytest.fixture
def web(run):
    port = stack.free_port()
    one = run("web", HOST="127.0.0.1", PORT=port)
    one.url = f"http://127.0.0.1:{port}"
    healthy(one, one.url)
    yield one
    one.close()


# --- the image ----------------------------------------------------------------------------------------------------------

@slow
def test_what_the_image_says_of_itself(image, files):
    config = image["Docker"]["config"]
    assert config["Cmd"] == ["web"] and config["Entrypoint"][0] == "/usr/bin/tini" and list(config["ExposedPorts"]) == ["8080/tcp"]
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items() if name.startswith("org.opencontainers.image.")}
    assert (labels["version"], labels["revision"], labels["created"]) == (VERSION, REVISION, CREATED)
    size, base = (int(subprocess.run(["du", "-sxB1", *paths], check=True, capture_output=True, text=True).stdout.split()[0])
                  for paths in ([files], ["--exclude=usr/share/doc", "--exclude=usr/share/man", "--exclude=usr/share/locale", files]))
    print(f"the image's files: {size / 1e6:.0f} MB, without doc, man and locale (which Debian's slim image leaves out): {base / 1e6:.0f} MB")


@slow
def test_nothing_to_build_with_is_left(files):
    for folder in ("usr/bin", "usr/local/bin", "usr/sbin"):
        names = {path.name for path in (files / folder).iterdir()}
        assert not names & {"gcc", "g++", "cc", "c++", "make", "as", "ld", "clang", "git", "pkg-config", "curl", "wget"}, folder
    assert list((files / "var/lib/apt/lists").glob("*")) == []
    assert not list(files.glob("usr/include/*.h")) and not (files / "src").exists()
    assert [path for path in files.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000] == []
    needed = subprocess.run(["chroot", files, "ldd", "/usr/local/bin/ccr-ui-backend"], check=True, capture_output=True, text=True).stdout
    assert "not found" not in needed


@slow
def test_building_again_gives_the_same_layers(buildah, image):
    """Not the same id: buildah writes random host names into the image's description."""
    assert buildah.build("ccr-ui-backend:again")["Docker"]["rootfs"]["diff_ids"] == image["Docker"]["rootfs"]["diff_ids"]


@slow
def test_buildah_runs_it(buildah, container):
    done = buildah.run("run", "--isolation", "chroot", container, "--", "/usr/bin/tini", "-s", "--", "/usr/local/bin/ccr-ui-entrypoint", "version")
    assert done.stdout == f"ccr-ui-backend {VERSION}\n"
    assert buildah.run("run", "--isolation", "chroot", container, "--", "id", "-u").stdout == f"{UID}\n"


# --- the roles ----------------------------------------------------------------------------------------------------------

@slow
def test_serve_wants_the_schema(once):
    status, log = once("serve")
    assert status == 78 and "migrate up" in log, log


@slow
def test_wrong_settings_end_with_78(once):
    for role in ("serve", "web", "migrate"):
        assert once(role, JWT_SECRET=None, HOST="127.0.0.1", PORT=stack.free_port())[0] == 78
    for settings in ({"PORT": "80; evil"}, {"HOST": "a b"}, {"TRUSTED_PROXIES": "x;"}, {"REAL_IP_RECURSIVE": "x;"}, {"SOCKET": "/run/x y;"}, {"RATE": "0"}):
        status, log = once("web", **{"HOST": "127.0.0.1", "PORT": stack.free_port(), **settings})
        assert status == 78 and len(log.splitlines()) == 1, log


@slow
def test_migrate(once):
    assert once("migrate")[0] == 0
    status, log = once("migrate", "verify")
    assert status == 0 and log.startswith("ok"), log


@slow
def test_other_subcommands_pass_through(once):
    status, log = once("user", "add", "admin", "--site-admin", input=PASSWORD + "\n")
    assert status == 0, log
    assert "admin" in once("user", "list")[1]
    assert once("no-such-command")[0] == 64


@slow
def test_serve_on_a_socket_in_a_volume(run, image, volume):
    one = run("serve", volume=volume)
    stack.wait_until("healthy", lambda: health(one, image) == 0, step=0.2)
    assert (volume / "fastcgi.sock").stat().st_uid == UID and (volume / "fastcgi.sock").stat().st_mode & 0o777 == 0o660
    status = Path(f"/proc/{one.init}/status").read_text()
    assert re.search(rf"^Uid:\s+{UID}\s+{UID}\s", status, re.M) and re.search(r"^CapBnd:\s+0+$", status, re.M)
    assert Path(f"/proc/{one.init}/comm").read_text() == "tini\n"
    for place in ("/", "/etc", "/usr/local/bin", "/var/lib/nginx"):
        assert one.exec("touch", f"{place}/ccr-was-here").returncode != 0, place
    assert one.end() == 0
    assert not (volume / "fastcgi.sock").exists()


@slow
def test_serve_over_tcp(run, image):
    port = stack.free_port()
    one = run("serve", HOST="127.0.0.1", PORT=port)
    stack.wait_until("healthy", lambda: health(one, image) == 0, step=0.2)
    with socket.create_connection(("127.0.0.1", port), 5):
        pass
    assert one.end() == 0


@slow
def test_nginx_in_a_container_of_its_own(run, image, volume):
    """As docker-compose.yml has it."""
    port = stack.free_port()
    backend, nginx = run("serve", volume=volume), run("nginx", volume=volume, HOST="127.0.0.1", PORT=port, TRUSTED_PROXIES="127.0.0.1")
    healthy(nginx, f"http://127.0.0.1:{port}")
    assert health(nginx, image) == 0
    requests.get(f"http://127.0.0.1:{port}/api/version", headers={"X-Forwarded-For": "192.0.2.7"}, timeout=60)
    stack.wait_until("the forwarded address is in the access log", lambda: '"192.0.2.7"' in nginx.log())
    assert backend.end() == 0
    answer = requests.get(f"http://127.0.0.1:{port}/api/version", timeout=60)
    assert answer.status_code == 502 and answer.json()["error"]["code"] == "EXTERNAL_SERVICE_ERROR"
    assert health(nginx, image) == 69
    assert nginx.end() == 0


@slow
def test_web(web, image):
    token = login(web.url)
    answer = requests.get(f"{web.url}/api/configs", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == 200 and "configs" in answer.json()
    assert requests.post(f"{web.url}/api/auth/login", data=b"x" * 3_000_000, timeout=60).status_code == 413
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    exported = requests.post(f"{web.url}/v1/logs", data=b"{}", headers=headers, timeout=60)
    assert (exported.status_code, exported.text) == (200, "{}")
    log = b'{"type":"user"}\n' * 1_000_000  # 16 MB, where 12 MiB are the limit for all else
    assert requests.post(f"{web.url}/api/usage/import?platform=claude", data=log, headers=headers, timeout=60).json()["data"]["lines"] == 1_000_000
    assert requests.post(f"{web.url}/v1/logs", data=log, headers=headers, timeout=60).status_code == 413
    assert health(web, image) == 0
    assert web.end() == 0


@slow
def test_web_finishes_its_requests_at_sigterm(web, database):
    headers = {"Authorization": f"Bearer {login(web.url)}"}
    answers = []
    ask = threading.Thread(target=lambda: answers.append(requests.get(f"{web.url}/api/configs", headers=headers, timeout=60)))
    with database.connect(user="postgres", dbname="ccr_ui_db") as connection:
        with connection.transaction():
            connection.execute("LOCK TABLE resources IN ACCESS EXCLUSIVE MODE")
            ask.start()
            with database.connect(user="postgres", dbname="ccr_ui_db") as other:
                stack.wait_until("the request waits", lambda: other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0])
            os.kill(web.init, signal.SIGTERM)
            time.sleep(1)
            assert web.popen.poll() is None
    assert web.wait() == 0, web.log()[-3000:]
    ask.join(10)
    assert answers and answers[0].status_code == 200


@slow
@pytest.mark.parametrize("victim, status", [("nginx: master", 137), ("/usr/local/bin/ccr-ui-backend", 137)])
def test_web_ends_when_either_dies(web, victim, status):
    os.kill(web.descendants(victim)[0], signal.SIGKILL)
    assert web.wait(60) == status
    assert re.search(r"ccr-ui-entrypoint: (Nginx|the backend) ended with 137", web.log())


@slow
def test_web_reloads_at_sighup(web):
    before = web.descendants("nginx: worker")
    os.kill(web.init, signal.SIGHUP)
    stack.wait_until("Nginx has new workers", lambda: (now := web.descendants("nginx: worker")) and not set(now) & set(before))
    healthy(web, web.url)
    assert web.end() == 0


@slow
def test_web_over_https(run, workdir, volume):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", volume / "server.key", "-out", volume / "server.crt"],
                   check=True, capture_output=True, timeout=60)
    for path in volume.iterdir():
        os.chown(path, UID, UID)
    port, https_port = stack.free_port(), stack.free_port()
    ui, ui_port = ui_build.make_build(workdir / "ui-https"), stack.free_port()
    one = run("web", volumes={volume: "/run/tls", ui: "/run/ui"}, HOST="127.0.0.1", PORT=port, HTTPS_PORT=https_port, SERVER_NAME="localhost",
              CERTIFICATE="/run/tls/server.crt", CERTIFICATE_KEY="/run/tls/server.key", FRONTEND_DIR="/run/ui", UI_LISTEN=f"127.0.0.1:{ui_port}")
    stack.wait_until("Nginx listens", lambda: not socket.socket().connect_ex(("127.0.0.1", https_port)) or one.popen.poll() is not None, step=0.1)
    assert one.popen.poll() is None, one.log()
    context = ssl.create_default_context(cafile=volume / "server.crt")
    with context.wrap_socket(socket.create_connection(("127.0.0.1", https_port), 5), server_hostname="localhost") as connection:
        assert connection.version() == "TLSv1.3"
    answer = requests.get(f"https://localhost:{https_port}/api/system/status", verify=str(volume / "server.crt"), timeout=60)
    assert answer.status_code == 200 and answer.headers["Strict-Transport-Security"], one.log()
    answer = requests.get(f"http://127.0.0.1:{port}/x", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://localhost/x")
    stack.wait_until("the protocol is in the access log", lambda: '"tls":"TLSv1.3"' in one.log())
    for site in (f"https://localhost:{https_port}", f"http://localhost:{ui_port}"):
        page = requests.get(f"{site}/configs", verify=str(volume / "server.crt"), allow_redirects=False, timeout=60)
        assert (page.status_code, page.headers["Location"]) == (302, "/login?next=/configs")
        assert requests.get(f"{site}/assets/app.js", verify=str(volume / "server.crt"), timeout=60).text == ui_build.APP
    assert one.end() == 0


# What is mounted over a folder of the image leaves that folder there for those that follow, so these are the last.

@slow
def test_web_serves_ccr_ui_where_its_build_is_mounted(run, workdir):
    build, port, other = ui_build.make_build(workdir / "ui"), stack.free_port(), stack.free_port()
    one = run("web", volumes={build: UI}, HOST="127.0.0.1", PORT=port, UI_LISTEN=f"127.0.0.1:{other}")
    healthy(one, f"http://localhost:{other}")
    with requests.Session() as browser:
        login = browser.post(f"http://localhost:{port}/api/auth/login", json={"username": "admin", "password": PASSWORD}, timeout=60)
        assert login.status_code == 200, login.text
        for site in (f"http://localhost:{port}", f"http://localhost:{other}"):
            assert requests.get(f"{site}/configs", allow_redirects=False, timeout=60).headers["Location"] == "/login?next=/configs"
            assert browser.get(f"{site}/configs", timeout=60).text == ui_build.INDEX
            assert browser.get(f"{site}/assets/app.js", timeout=60).headers["Cache-Control"].endswith("immutable")
            assert browser.get(f"{site}/console/", timeout=60).status_code == 200
    assert one.end() == 0


@slow
@pytest.mark.parametrize("name", ["index.html", "package.json"])
def test_what_is_no_build_of_ccr_ui_is_refused(run, workdir, name):
    folder = stack.new_folder(workdir, f"no-build-{name}")
    folder.chmod(0o755)
    (folder / name).touch()
    one = run("web", volumes={folder: UI})
    assert one.wait() == 78 and "is to hold a build of CCR UI" in one.log(), one.log()
    assert ("this is its source" in one.log()) == (name == "package.json")
