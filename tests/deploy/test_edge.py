"""deploy/edge: PostgreSQL, the backend and Nginx together in little memory, measured after a load.

PSS: what a process has of its own, and its share of what it has in common with others; summed, no page counts twice.
Each process also gets a limit of its own private memory (RLIMIT_DATA). A limit of all together needs a memory cgroup that
the tests may put their processes in: CCR_EDGE_CGROUP=/sys/fs/cgroup/... names one, with its limit set."""

import collections
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from site_stack import (NAME, PASSWORD, ROOT, Process, Site, children, clean_environment, give, new_folder, system,  # noqa: E402
                        wait_until)
from stack import Cluster, pg_program  # noqa: E402

EDGE = ROOT / "deploy" / "edge"
LIMIT_MB = 150
DATA_MB = {"postgres": 64, "backend": 48, "nginx": 32}  # of one process
REQUESTS = 2000
CGROUP = os.environ.get("CCR_EDGE_CGROUP")


def limited(command, program):
    """The command under a limit of private memory, and in the cgroup when there is one."""
    join = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', CGROUP] if CGROUP else []
    return [*join, "prlimit", f"--data={DATA_MB[program] << 20}", "--", *command]


class EdgeCluster(Cluster):
    """Started with the preset and nothing else, on the durable defaults."""

    def start(self, wait=True):
        shutil.copy(EDGE / "postgresql.conf", self.data / "edge.conf")
        give(self.data / "edge.conf")
        config = self.data / "postgresql.conf"
        lines = [line for line in config.read_text().splitlines() if not line.startswith("include")]
        place = [f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'", "include 'edge.conf'"]
        config.write_text("\n".join([*lines, *place]) + "\n")
        self.process = Process(limited([pg_program("postgres"), "-D", self.data], "postgres"), self.folder / "postgres.log",
                               death_signal="INT", cwd="/")
        if wait:
            wait_until("PostgreSQL accepts connections", self.accepts)


def preset():
    lines = [line for line in (EDGE / "ccr-ui.env").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def main_configuration():
    """deploy/edge/nginx.conf with its paths in the test's folder."""
    text = (EDGE / "nginx.conf").read_text()
    for old, new in {"user www-data;\n": "", "/run/nginx.pid": "@DIR@/nginx.pid", "/var/log/nginx/": "@DIR@/",
                     "/etc/nginx/sites-enabled/*": "@DIR@/site.conf"}.items():
        assert old in text
        text = text.replace(old, new)
    temp = "".join(f"    {name}_temp_path @DIR@/temp-{name};\n" for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    return text.replace("http {\n", "http {\n" + temp)


def site_values():
    """Those that the head of deploy/edge/nginx.conf names."""
    head = (EDGE / "nginx.conf").read_text().partition("\nuser")[0]
    values = dict(re.findall(r"\b([A-Z_]+)=([0-9a-z]+)", head))
    assert set(values) == {"ZONE_SIZE", "TLS_CACHE", "LOG_BUFFER", "MAX_BODY", "CONNECTIONS"}
    return values


def family(pid):
    return [pid, *(grandchild for child in children(pid) for grandchild in family(child))]


def pss(pids):
    total = 0
    for pid in pids:
        try:
            total += int(re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
        except (FileNotFoundError, ProcessLookupError):
            pass  # ended meanwhile
    return total / 1024


@pytest.fixture(scope="module")
def edge():
    with system(cluster_class=EdgeCluster, **preset()) as made:
        cli = made.cli("backend", RATE_LIMIT="0")
        made.backend = made.start(cli, wrap=lambda command: limited(command, "backend"))
        site = Site(made.folder, "site", [made.backend.socket], main=main_configuration(),
                    wrap=lambda command: limited(command, "nginx"), **site_values())
        with site:
            made.site = site
            made.pids = lambda: {"PostgreSQL": family(made.cluster.process.pid), "backend": family(made.backend.pid),
                                 "Nginx": family(site.process.pid)}
            yield made


class User:
    """One connection, as a browser has it."""

    def __init__(self, site, token=None):
        context = ssl.create_default_context(cafile=str(site.certificate))
        context.check_hostname = False  # it connects to an address
        self.connection = http.client.HTTPSConnection("127.0.0.1", site.https, timeout=60, context=context)
        self.headers = {"Host": NAME, "Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method, path, body=None):
        """Again for as long as others hold what it wants, as the answer says."""
        while True:
            self.connection.request(method, path, body and json.dumps(body), self.headers)
            answer = self.connection.getresponse()
            content = json.loads(answer.read() or b"null")
            if answer.status != 409 or not answer.getheader("Retry-After"):
                return answer.status, content


def login(site):
    status, body = User(site).ask("POST", "/api/auth/login", {"username": "admin", "password": PASSWORD})
    assert status == 200, body
    return body["data"]["access_token"]


def work(site, token, number, requests, statuses):
    user = User(site, token)
    try:
        for i in range(requests):
            name = f"relay-{number}-{i // 10}"
            profile = {"name": name, "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789",
                       "description": "x" * 200}
            method, path, body = {
                0: ("POST", "/api/configs", profile),
                1: ("GET", f"/api/configs/{name}", None),
                2: ("PUT", f"/api/configs/{name}", profile),
                3: ("POST", "/api/switch", {"config_name": name}),
                4: ("GET", "/api/history?limit=100", None),
                5: ("GET", "/api/system/status", None),
            }.get(i % 10, ("GET", "/api/configs", None))
            if i % 50 == 49:  # Argon2id takes most memory at once
                method, path, body = "POST", "/api/auth/login", {"username": "admin", "password": PASSWORD}
            statuses[user.ask(method, path, body)[0]] += 1
    except Exception as problem:
        statuses[repr(problem)] += 1


def test_all_of_it_stays_under_150_mb_after_2000_requests(edge):
    idle = pss(pid for pids in edge.pids().values() for pid in pids)
    tokens = [login(edge.site) for _ in range(4)]
    statuses = collections.Counter()
    threads = [threading.Thread(target=work, args=(edge.site, tokens[number], number, REQUESTS // 4, statuses), daemon=True)
               for number in range(4)]
    highest, began = 0, time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        highest = max(highest, pss(pid for pids in edge.pids().values() for pid in pids))
        time.sleep(0.05)
    seconds = time.monotonic() - began
    parts = {name: pss(pids) for name, pids in edge.pids().items()}
    total = sum(parts.values())
    print(f"{sum(statuses.values())} requests in {seconds:.1f} s, statuses {dict(statuses)}")
    print(f"PSS: idle {idle:.1f} MB; at most {highest:.1f} MB under load; after it {total:.1f} MB: "
          + ", ".join(f"{name} {size:.1f} MB in {len(edge.pids()[name])} processes" for name, size in parts.items()))
    print("limits: " + (f"cgroup {CGROUP}, and " if CGROUP else "") + f"RLIMIT_DATA of a process, MB: {DATA_MB}")
    assert sum(statuses.values()) == REQUESTS
    assert set(statuses) <= {200, 201}
    assert total < LIMIT_MB
    assert highest < LIMIT_MB


def test_the_limits_are_in_force(edge):
    for name, pids in edge.pids().items():
        wanted = DATA_MB[{"PostgreSQL": "postgres", "Nginx": "nginx"}.get(name, name)] << 20
        for pid in pids:
            try:
                limits = Path(f"/proc/{pid}/limits").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
            assert re.search(rf"^Max data size +{wanted} ", limits, re.M), f"{name} {pid}"


def test_the_preset_is_in_force(edge):
    with edge.cluster.connect(user="postgres", dbname="postgres") as connection:
        wanted = re.findall(r"^(\w+) += (\S+)", (EDGE / "postgresql.conf").read_text(), re.M)
        for name, value in wanted:
            row = connection.execute("SELECT sourcefile, applied FROM pg_file_settings WHERE name = %s AND applied", (name,)).fetchone()
            assert row and row[0].endswith("edge.conf"), f"{name} = {value}"
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    assert int(preset()["MIN_CONNECTIONS"]) <= len(edge.backend.workers()) <= int(preset()["MAX_CONNECTIONS"])
    assert len(children(edge.site.process.pid)) == 1


def test_a_body_at_the_limit_and_a_reload_fit_as_well(edge):
    """What needs most memory at once must not meet the limits."""
    user = User(edge.site, login(edge.site))
    for size, expected in ((1048576, 400), (1048577, 413)):
        user.connection.request("POST", "/api/configs", b'{"name":"' + b"x" * (size - 11) + b'"}', user.headers)
        answer = user.connection.getresponse()
        body = answer.read()
        assert answer.status == expected, body[:200]
        user.connection.close()
    before = set(edge.backend.workers())
    edge.backend.send(1)
    wait_until("every worker was replaced", lambda: before.isdisjoint(edge.backend.workers()))
    assert user.ask("GET", "/api/configs")[0] == 200
    dump = subprocess.run([pg_program("pg_dump"), "-h", edge.cluster.folder, "-U", "postgres", "-Fc", "ccr"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment())
    assert dump.returncode == 0, dump.stderr
    log = (edge.cluster.folder / "postgres.log").read_text()
    assert "out of memory" not in log
