"""scripts/quickstart.sh as a newcomer runs it: in a clean copy of the checkout, with the real sample file."""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import ui_build
from stack import ROOT, SAMPLES, Client, children, free_port, pg_program, wait_until

SAMPLE = SAMPLES / "claude-profiles.toml"
SECRETS = [section["auth_token"] for section in tomllib.loads(SAMPLE.read_text()).values()
           if isinstance(section, dict) and "auth_token" in section]


class Checkout:
    def __init__(self, folder):
        self.folder = Path(folder)

    def run(self, *arguments, timeout=300, **options):
        return subprocess.run(["scripts/quickstart.sh", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              timeout=timeout, stdin=subprocess.DEVNULL, **options)

    def start(self, *arguments, **options):
        result = self.run(*arguments, **options)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def password(self):
        return (self.folder / "var/admin-password").read_text().strip()

    def owner(self):
        return (self.folder / "var").stat().st_uid

    def pids(self):
        found = {}
        for line in self.run("status").stdout.splitlines():
            match = re.fullmatch(r"(\w+) +runs, process (\d+)", line)
            if match:
                found[match.group(1)] = int(match.group(2))
        return found


def copy_checkout(target):
    """Tracked and untracked files, nothing built."""
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                             capture_output=True).stdout
    for name in filter(None, listing.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith("build"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


@contextlib.contextmanager
def folder_for_checkout(name="checkout"):
    top = Path(tempfile.mkdtemp(prefix="ccr-quickstart-", dir="/tmp"))
    top.chmod(0o755)
    checkout = Checkout(top / name)
    checkout.folder.mkdir(parents=True)
    try:
        yield checkout
    finally:
        if (checkout.folder / "var").exists():
            checkout.run("stop")
            real = (checkout.folder / "var").resolve()
            run = (real / "run").resolve()
            for path in (run, real):
                if path.name.startswith(("ccr-", "quickstart-")):  # made outside of the checkout
                    shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="module")
def first():
    """A checkout that quickstart has started with an import, and what it printed."""
    with folder_for_checkout() as checkout:
        copy_checkout(checkout.folder)
        checkout.port = free_port()
        checkout.output = checkout.start("--port", checkout.port, "--import", SAMPLE)
        yield checkout


@pytest.fixture
def admin(first, contract):
    return Client(f"http://127.0.0.1:{first.port}", contract).login("admin", first.password())


def test_it_runs_and_serves_the_imported_file(first, admin):
    assert f"http://127.0.0.1:{first.port}" in first.output
    assert "2 added, 0 updated, 0 skipped" in first.output
    listed = admin.get("/api/configs").json()
    assert [config["name"] for config in listed["configs"]] == ["anthropic", "relay_service"]
    assert listed["current_config"] == "anthropic"
    assert [config["auth_token"] for config in listed["configs"]] == ["sk-a...here", "sk-y...oken"]
    assert not any(secret in admin.get("/api/configs").text for secret in SECRETS)

    switched = admin.post("/api/switch", json={"config_name": "relay_service"})
    assert switched.status_code == 200
    assert switched.json() == "Configuration switched successfully"
    listed = admin.get("/api/configs").json()
    assert listed["current_config"] == "relay_service"
    assert [config["is_current"] for config in listed["configs"]] == [False, True]
    entry = admin.get("/api/history").json()["entries"][0]
    assert (entry["operation"].lower(), entry["from_config"], entry["to_config"]) == ("switch", "anthropic", "relay_service")
    assert entry["actor"] == "admin"


def test_reports_of_usage_pass(admin):
    """OpenTelemetry has an address outside of /api, and logs may be longer than all other bodies."""
    assert admin.post("/v1/logs", json={}).json() == {}
    log = b'{"type":"user"}\n' * 1_000_000  # 16 MB, where 12 MiB are the limit for all else
    assert admin.post("/api/usage/import?platform=claude", data=log).data["lines"] == 1_000_000
    assert admin.post("/v1/logs", data=log, headers={"Content-Type": "application/json"}).status_code == 413


def test_the_dump_holds_no_secret(first):
    run = (first.folder / "var/run").resolve()
    owner = pwd.getpwuid(first.owner())
    switch = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    dump = subprocess.run([pg_program("pg_dump"), "-h", run, "-U", "postgres", "ccr"], check=True, capture_output=True,
                          cwd="/", **switch).stdout.decode()
    assert "relay_service" in dump
    env = (first.folder / "var/env").read_text()
    secrets = SECRETS + [first.password(), re.search("JWT_SECRET=(.*)", env)[1], re.search("SECRETS_KEY=(.*)", env)[1].split(":")[-1]]
    for secret in secrets:
        assert secret.strip("\"'") not in dump


def test_files_with_secrets_are_private(first):
    var = (first.folder / "var").resolve()
    assert var.stat().st_mode & 0o077 == 0
    for name in ("env", "admin-password"):
        assert (var / name).stat().st_mode & 0o777 == 0o600


def test_nothing_runs_as_root_or_listens_beyond_loopback(first):
    pids = first.pids()
    assert set(pids) == {"postgres", "workers", "nginx"}
    tree = set(pids.values())
    while True:
        more = {child for pid in tree for child in children(pid)} - tree
        if not more:
            break
        tree |= more
    assert len(tree) > 8
    owners = set()
    for pid in tree:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that ended meanwhile
            owners.add(Path(f"/proc/{pid}").stat().st_uid)
    assert owners == {first.owner()}
    assert first.owner() != 0
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    ours = [line.split()[3] for line in listening.splitlines() if any(f"pid={pid}," in line for pid in tree)]
    assert ours
    assert all(address.startswith(("127.0.0.1:", "[::1]:")) for address in ours), ours


def test_no_secret_on_a_command_line_of_what_runs(first):
    for pid in first.pids().values():
        line = Path(f"/proc/{pid}/cmdline").read_text()
        assert "postgresql://" not in line and first.password() not in line


def test_the_printed_lines_work_when_pasted(first):
    lines = [line.strip() for line in first.output.splitlines() if line.startswith("  TOKEN=") or line.startswith("  curl ")]
    assert len(lines) == 3
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60, cwd="/")
    assert result.returncode == 0, result.stderr
    assert '"name": "relay_service"' in result.stdout
    assert "successfully" in result.stdout


def test_again_keeps_data_and_processes(first, admin):
    before = first.pids()
    password = first.password()
    env = (first.folder / "var/env").read_text()
    output = first.start()
    assert f"http://127.0.0.1:{first.port}" in output  # the last start's port
    assert first.pids() == before
    assert first.password() == password
    assert (first.folder / "var/env").read_text() == env
    assert len(admin.get("/api/configs").json()["configs"]) == 2


def test_import_again_adds_nothing(first):
    assert re.search("0 added, (2 updated, 0|1 updated, 1|0 updated, 2) skipped", first.start("--import", SAMPLE))
    assert "2 added" in first.start("--import", SAMPLES / "codex-profiles.toml", "--platform", "codex")


def test_bad_import_is_one_line_and_changes_nothing(first, admin, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[a]\nbase_url = \n")
    before = admin.get("/api/configs").json()
    result = first.run("--import", bad)
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "line 2" in result.stderr
    assert admin.get("/api/configs").json() == before
    bad.write_bytes(b"\xff\xfe")
    result = first.run("--import", bad)
    assert result.returncode == 1 and "UTF-8" in result.stderr
    result = first.run("--import", tmp_path / "none.toml")
    assert result.returncode == 1 and "none.toml" in result.stderr


def test_port_in_use_is_one_line(first):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = first.run("--port", port)
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert f"port {port} is in use" in lines[0] and "--port" in lines[0]
    assert first.pids()  # what runs stays


# ---- CCR UI ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ui(first):
    """A build, outside of the checkout, and two ports that stand for those which CCR UI's pages have written in."""
    folder = Path(tempfile.mkdtemp(prefix="ccr ui ", dir="/tmp"))
    ui_build.make_build(folder)
    yield folder, [free_port(), free_port()]
    first.start("--ui", "none")
    shutil.rmtree(folder)


def listening(*places):
    return {**os.environ, "UI_LISTEN": " ".join(places)}


def browser_session():
    """What a newcomer gets has the default limits: whoever is told to come again later does, as the console does."""
    session = requests.Session()
    again = Retry(total=None, connect=0, read=0, redirect=0, other=0, status=20, status_forcelist=[429], allowed_methods=None,
                  raise_on_status=False)
    session.mount("http://", HTTPAdapter(max_retries=again))
    return session


def test_ccr_ui_is_at_all_its_addresses_with_one_login(first, ui):
    folder, ports = ui
    anybody = browser_session()
    places = [f"{address}:{port}" for port in ports for address in ("127.0.0.1", "[::1]")]
    output = first.start("--ui", folder, env=listening(*places))
    assert f"CCR UI runs: open http://localhost:{first.port} in a browser, or http://localhost:{first.port}/console/" in output
    for place in (f"127.0.0.1:{first.port}", f"[::1]:{first.port}", *places):
        page = anybody.get(f"http://{place}/configs/some", allow_redirects=False, timeout=60)
        assert (page.status_code, page.headers["Location"]) == (302, "/login?next=/configs/some"), place
        assert anybody.get(f"http://{place}/api/configs", timeout=60).json()["error"]["code"] == "AUTHENTICATION_ERROR"
        assert anybody.get(f"http://{place}/assets/app.js", timeout=60).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with browser_session() as browser:
        login = browser.post(f"http://localhost:{first.port}/api/auth/login", json={"username": "admin", "password": first.password()}, timeout=60)
        assert login.status_code == 200 and "Secure" not in login.headers["Set-Cookie"] and "SameSite=Strict" in login.headers["Set-Cookie"]
        for port in (first.port, *ports):
            site = f"http://localhost:{port}"
            assert browser.get(f"{site}/configs/some", timeout=60).text == ui_build.INDEX
            assert browser.get(f"{site}/console/", timeout=60).status_code == 200
            for origin, status in ((site, 200), ("http://localhost:1", 403), ("http://evil.example", 403)):
                switched = browser.post(f"{site}/api/switch", json={"config_name": "relay_service"}, headers={"Origin": origin}, timeout=60)
                assert switched.status_code == status, (site, origin, switched.text)
    assert first.start(env=listening(*places)).count(str(first.port))  # the folder is remembered, and what our Nginx has is not in use
    assert anybody.get(f"http://127.0.0.1:{ports[1]}/assets/app.js", timeout=60).status_code == 200
    first.start("--ui", "none")
    assert anybody.get(f"http://127.0.0.1:{first.port}/", allow_redirects=False, timeout=60).headers["Location"] == "/console/"
    with pytest.raises(requests.ConnectionError):
        anybody.get(f"http://127.0.0.1:{ports[0]}/", timeout=60)


def test_ccr_ui_goes_without_a_port_that_is_taken(first, ui):
    folder, (taken, free) = ui
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        result = first.run("--ui", folder, env=listening(f"127.0.0.1:{taken}", f"127.0.0.1:{free}"))
    assert result.returncode == 0, result.stderr
    assert result.stderr.strip() == f"127.0.0.1:{taken} is in use by another program and left out: CCR UI works at no other port"
    for port in (first.port, free):
        assert requests.get(f"http://127.0.0.1:{port}/assets/app.js", timeout=60).status_code == 200


@pytest.mark.parametrize("spoil, complaint", [
    (lambda folder: (folder / "index.html").unlink(), "has no index.html"),
    (lambda folder: shutil.rmtree(folder / "assets"), "has no assets"),
    (shutil.rmtree, "there is no such folder"),
    (lambda folder: (folder / "package.json").touch(), "is CCR UI's source; build it first"),
    (lambda folder: ui_build.make_build(folder / "dist") and (folder / "package.json").touch(), "is CCR UI's source; give the build that is in it"),
    (lambda folder: (folder / "assets/app.js").chmod(0), "cannot read all of it"),
])
def test_what_is_no_build_of_ccr_ui_is_one_line(first, ui, spoil, complaint):
    folder, _ = ui
    if complaint == "cannot read all of it" and os.geteuid() == 0:
        os.chown(folder / "assets/app.js", 0, 0)
    spoil(folder)
    before = first.pids()
    result = first.run("--ui", folder)
    folder.mkdir(exist_ok=True)
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert complaint in result.stderr and str(folder) in result.stderr
    assert first.pids() == before


def with_fakes(folder, **programs):
    """An environment in which some programs are others'."""
    folder.mkdir(exist_ok=True)
    for name, text in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def test_full_disk_is_one_line(first, tmp_path):
    df = "echo Filesystem 1M-blocks Used Available Capacity Mounted on; echo /dev/sda 1000 950 50 95% /"
    result = first.run(env=with_fakes(tmp_path / "bin", df=df))
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "only 50 MB are free" in result.stderr


def test_package_that_cannot_be_installed_is_one_line(first, tmp_path):
    fakes = {"dpkg_query": "exec /usr/bin/dpkg-query \"$@\" | grep -v spawn-fcgi", "sudo": "exec \"$@\"",
             "apt_get": "[ $1 = update ] || { echo 'E: Unable to locate package spawn-fcgi'; exit 100; }"}
    result = first.run(env=with_fakes(tmp_path / "bin", **fakes))
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "cannot install spawn-fcgi: Unable to locate package spawn-fcgi" in result.stderr


def test_stale_environment_does_not_leak_in(first):
    result = first.run("start", env={**os.environ, "DATABASE_URL": "postgresql://elsewhere/x", "RATE_LIMIT": "abc", "PORT": "1"})
    assert result.returncode == 0, result.stderr


def copy_built(first, checkout):
    subprocess.run(["cp", "-a", *[path for path in first.folder.iterdir() if path.name != "var"], checkout.folder], check=True)


@pytest.mark.parametrize("name", ["second", "a path with spaces/" + "/".join(["long"] * 25)], ids=["plain", "long"])
def test_a_second_checkout_does_not_collide(first, admin, name):
    with folder_for_checkout(name) as second:
        copy_built(first, second)
        port = free_port()
        second.start("--port", port)
        other = Client(f"http://127.0.0.1:{port}").login("admin", second.password())
        assert other.get("/api/configs").json()["configs"] == []
        assert len(admin.get("/api/configs").json()["configs"]) == 2
        assert second.password() != first.password()
        assert second.run("stop").returncode == 0
        assert admin.get("/api/system/status").json()["status"] == "healthy"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts something in a folder that others cannot reach")
def test_a_checkout_under_a_private_folder(first):
    with folder_for_checkout() as second:
        second.folder.parent.chmod(0o700)
        copy_built(first, second)
        port = free_port()
        second.start("--port", port)
        assert (second.folder / "var").is_symlink()
        assert (second.folder / "var/admin-password").exists()
        Client(f"http://127.0.0.1:{port}").login("admin", second.password())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_by_a_plain_user(first):
    nobody = pwd.getpwnam("nobody")
    with folder_for_checkout() as second:
        copy_built(first, second)
        subprocess.run(["chown", "-R", "nobody", second.folder], check=True)
        port = free_port()
        result = second.run("--port", port, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        assert result.returncode == 0, result.stdout + result.stderr
        assert second.owner() == nobody.pw_uid
        Client(f"http://127.0.0.1:{port}").login("admin", second.password())
        result = second.run("stop", user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        assert result.returncode == 0, result.stderr


def test_wrong_arguments():
    checkout = Checkout(ROOT)
    for arguments in (["--ui"], ["stop", "--ui", "none"], ["--port", "0"], ["--port", "70000"], ["--port", "x"], ["--port"], ["--platform", "claude"], ["restart"],
                      ["--import", SAMPLE, "--platform", "cursor"], ["stop", "--port", "8080"]):
        result = checkout.run(*arguments)
        assert result.returncode == 2, arguments
        assert len(result.stderr.strip().splitlines()) == 1
    assert "Usage" in checkout.run("--help").stdout


def test_stop_and_start_keep_the_data(first, admin):
    """Last: it stops what the others use."""
    before = admin.get("/api/configs").json()
    pids = first.pids()
    assert first.run("status").returncode == 0
    assert first.run("stop").returncode == 0
    wait_until("everything has ended", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids.values()))
    assert first.run("status").returncode == 3
    assert first.run("stop").returncode == 0  # harmless
    first.start()
    client = Client(f"http://127.0.0.1:{first.port}").login("admin", first.password())
    assert client.get("/api/configs").json() == before
