"""Real PostgreSQL, ccr-ui-backend and Nginx on loopback, each started and ended by its own process id.

As a command, runs another one with a fresh, migrated database:
    stack.py with-database [--no-migrate] COMMAND...
which finds TEST_DATABASE_URL (role ccr, as in production) and TEST_SUPERUSER_URL in its environment.
"""

import atexit
import base64
import contextlib
import functools
import glob
import http.client
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import psycopg
import requests

from transport import Direct

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CCR_BINARY", ROOT / "build" / "ccr-ui-backend"))
SAMPLES = ROOT / "tests" / "samples"
NGINX_FOLDER = ROOT / "nginx"
EVENTS = "ccr-events"
LISTENING = "00010000"  # the flags of a socket in /proc/net/unix: __SO_ACCEPTCON
HOUSEKEEPER = "ccr-housekeeper"  # its process, as ps shows it

# What runs as somebody else when the tests run as root: PostgreSQL refuses root, and nothing else needs it.
USER = pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def pg_program(name):
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    if not folders:
        raise RuntimeError("no PostgreSQL server in /usr/lib/postgresql; install postgresql-15")
    return f"{folders[-1]}/{name}"


def as_user(command, death_signal=None):
    """`command` as the unprivileged user; with death_signal it gets that signal should the tests die."""
    prefix = ["setpriv"]
    if USER:
        prefix += ["--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--clear-groups", "--inh-caps=-all"]
    if death_signal:
        prefix += ["--pdeathsig", death_signal]
    return (prefix if len(prefix) > 1 else []) + [str(part) for part in command]


def give(path):
    """Hands a file or folder that the tests made to the unprivileged user."""
    if USER:
        os.chown(path, USER.pw_uid, USER.pw_gid)
    return path


def clean_environment(**extra):
    """Without our own variables: they would win over the env file under test."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **extra}


PATIENCE_S = 120.0  # for what takes a moment, on a machine that is busy with something else


def wait_until(what, condition, timeout=PATIENCE_S, step=0.02):
    """The first true value of condition(), or AssertionError naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(step)


def free_port():
    """Below those that Linux gives outgoing connections (ip_local_port_range): it is still free when a server takes it, or takes it again."""
    while True:
        port = 10240 + secrets.randbelow(32768 - 10240)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def new_folder(parent=None, name=""):
    """A folder of the unprivileged user's, with a short path: sockets are made in it."""
    if parent is None:
        path = Path(tempfile.mkdtemp(prefix="ccr-test-", dir="/tmp"))
    else:
        path = Path(parent) / name
        path.mkdir()
    path.chmod(0o700)
    return give(path)


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def named(pid, name):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    except (FileNotFoundError, ProcessLookupError):
        return False


def workers_of(master):
    """Its web workers: not what it runs beside them."""
    return [pid for pid in children(master) if not named(pid, HOUSEKEEPER) and not named(pid, EVENTS)]


class Process:
    """A program of ours in the foreground, its output in a file. `inside`: what leads into other namespaces (nameserver.py)."""

    def __init__(self, command, log, death_signal="TERM", env=None, cwd=None, inside=(), pass_fds=()):
        self.command = [str(part) for part in command]
        self.log_path = Path(log)
        with open(self.log_path, "ab") as out:
            give(self.log_path)
            self.popen = subprocess.Popen([*inside, *as_user(self.command, death_signal)], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=out, env=env or clean_environment(), cwd=cwd, start_new_session=True, pass_fds=pass_fds)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def running(self):
        return self.popen.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def send(self, number):
        if self.running:
            self.popen.send_signal(number)

    def wait(self, timeout=PATIENCE_S):
        return self.popen.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=PATIENCE_S):
        """Asks it to end, kills its group when it does not; returns the exit status."""
        self.send(number)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.popen.wait(5)
            raise AssertionError(f"{self.command[0]} did not end within {timeout} s; its log ends with:\n{self.log()[-2000:]}")
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


@functools.cache
def initial_data():
    """What initdb makes, once for this process."""
    folder = new_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(as_user([pg_program("initdb"), "-D", folder / "data", "-U", "postgres", "--no-sync", "--encoding=UTF8",
                            "--locale=C.UTF-8", "--auth=trust"]), check=True, capture_output=True, env=clean_environment(), cwd="/")
    return folder / "data"


class Cluster:
    """A PostgreSQL cluster: Unix socket only, but for `listen`; `postgres` is trusted on it, `ccr` needs its password."""

    def __init__(self, folder, listen="", inside=(), **settings):
        self.listen = listen
        self.settings = settings  # of postgresql.conf, beside those of tests
        self.inside = inside
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.password = secrets.token_hex(12)
        self.process = None

    def create(self):
        # A copy takes a tenth of the time that initdb takes.
        subprocess.run(as_user(["cp", "-a", initial_data(), self.data]), check=True, capture_output=True, env=clean_environment(), cwd="/")
        (self.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n")
        self.start()
        with self.connect(user="postgres", dbname="postgres") as connection:
            connection.execute(f"CREATE ROLE ccr LOGIN PASSWORD '{self.password}'")
        return self

    def start(self, wait=True):
        # Without fsync a crash of PostgreSQL still loses nothing, only one of the machine would.
        settings = {"listen_addresses": self.listen, "unix_socket_directories": self.folder, "fsync": "off", "full_page_writes": "off",
                    "max_connections": 200, "shared_buffers": "32MB", **self.settings}
        command = [pg_program("postgres"), "-D", self.data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.process = Process(command, self.folder / "postgres.log", death_signal="INT", cwd="/", inside=self.inside)
        if wait:
            wait_until("PostgreSQL accepts connections", self.accepts)

    def accepts(self):
        if not self.process.running:
            raise AssertionError("PostgreSQL ended: " + self.process.log()[-1000:])
        try:
            self.connect(user="postgres", dbname="postgres").close()
            return True
        except psycopg.OperationalError:
            return False

    def stop(self, number=signal.SIGINT):
        """SIGINT: fast shutdown; SIGQUIT: immediate, as in a crash."""
        if self.process:
            self.process.stop(number)
            self.process = None

    def pids(self):
        return [self.process.pid, *children(self.process.pid)]

    def connect(self, user="ccr", dbname="ccr", **options):
        password = self.password if user == "ccr" else None
        return psycopg.connect(host=str(self.folder), user=user, dbname=dbname, password=password, autocommit=True,
                               connect_timeout=60, **options)

    def url(self, dbname="ccr", user="ccr"):
        login = f"ccr:{self.password}" if user == "ccr" else user
        return f"postgresql://{login}@/{dbname}?host={urllib.parse.quote(str(self.folder), safe='')}"

    def create_database(self, name, template=None):
        with self.connect(user="postgres", dbname="postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" OWNER ccr' + (f' TEMPLATE "{template}"' if template else ""))
        return self.url(name)

    def create_migrated(self, name, folder):
        """A database with the schema; the program that makes it is copied to `folder`."""
        self.create_database(name)
        Cli(folder, {"DATABASE_URL": self.url(name), **make_secrets()}).run("migrate", "up", check=True)

    def drop_database(self, name):
        with self.connect(user="postgres", dbname="postgres") as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def make_secrets():
    return {"JWT_SECRET": secrets.token_hex(32), "SECRETS_KEY": "test:" + base64.b64encode(secrets.token_bytes(32)).decode()}


class Cli:
    """Subcommands of the program under one env file."""

    def __init__(self, folder, env):
        self.folder = Path(folder)
        self.inside = []
        self.env_file = self.folder / "env"
        self.env = dict(env)
        # A copy, because the unprivileged user may not reach the checkout.
        self.binary = self.folder / "ccr-ui-backend"
        shutil.copy2(BINARY, self.binary)
        self.binary.chmod(0o755)
        give(self.binary)
        self.write_env()

    def write_env(self, **changes):
        """Changes variables of the env file; None removes one."""
        self.env.update(changes)
        lines = [f"{name}={value}\n" for name, value in self.env.items() if value is not None]
        self.env_file.write_text("".join(lines))
        self.env_file.chmod(0o600)
        give(self.env_file)

    def run(self, *arguments, timeout=PATIENCE_S, check=False, input=None, environment=None):
        result = subprocess.run([*self.inside, *as_user([self.binary, *arguments, "--env-file", self.env_file])], capture_output=True, text=True,
                                timeout=timeout, env=clean_environment(**(environment or {})), cwd=self.folder, input=input)
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def add_user(self, name, password, site_admin=False):
        path = self.folder / f"password-{secrets.token_hex(4)}"
        path.write_text(password + "\n")
        path.chmod(0o600)
        give(path)
        try:
            self.run("user", "add", name, *(["--site-admin"] if site_admin else []), "--password-file", path, check=True)
        finally:
            path.unlink()


class Backend:
    """The program under test: `launcher` is who makes its socket."""

    def __init__(self, cli, launcher="itself"):
        self.cli = cli
        self.launcher = launcher
        self.socket = cli.folder / "ccr.sock"
        self.process = None

    def command(self):
        serve = [self.cli.binary, "serve"]
        settings = ["--env-file", self.cli.env_file]
        return {
            "itself": [*serve, "--socket", self.socket, "--mode", "0660", *settings],
            "spawn-fcgi": ["spawn-fcgi", "-n", "-s", self.socket, "-M", "0660", "-b", "4096", "--", *serve, *settings],
            "systemd": ["systemd-socket-activate", "-l", self.socket, *serve, *settings],
        }[self.launcher]

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()
        self.process = Process(self.command(), self.cli.folder / "backend.log", cwd=self.cli.folder, inside=self.cli.inside)
        wait_until("the backend listens", lambda: self.listens() or self.fail_if_ended())
        return self

    def listens(self):
        """Its socket exists a moment before connections to it are taken. A connection of one's own would be one that it counts."""
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{self.pid}/net/unix").read_text(encoding="utf-8").splitlines()
            return any(line.endswith(f" {self.socket}") and line.split()[3] == LISTENING for line in lines)
        return False

    def fail_if_ended(self):
        if not self.process.running:
            raise AssertionError(f"the backend ended with {self.process.popen.returncode}:\n{self.log()[-2000:]}")

    def stop(self, number=signal.SIGTERM, timeout=PATIENCE_S):
        if self.process:
            process, self.process = self.process, None
            return process.stop(number, timeout)

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        return workers_of(self.pid)

    def housekeeper(self):
        """Its process id; None without one."""
        return next((pid for pid in children(self.pid) if named(pid, HOUSEKEEPER)), None)

    def events(self):
        """The process of live events; None without one."""
        return next((pid for pid in children(self.pid) if named(pid, EVENTS)), None)

    def send(self, number):
        self.process.send(number)

    def log(self):
        path = self.cli.folder / "backend.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log_entries(self):
        """The log's JSON lines; anything else in it is in the key "text"."""
        entries = []
        for line in self.log().splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                entries.append({"text": line})
        return entries


class Redis:
    """A redis-server on a Unix socket, or with tcp=True on a free port of loopback; keeps nothing on disk."""

    def __init__(self, folder, tcp=False, password=None):
        self.folder = new_folder(folder, f"redis-{secrets.token_hex(3)}")
        self.socket = self.folder / "sock"
        self.port = free_port() if tcp else 0
        self.password = password
        self.inside = []
        self.process = None

    @property
    def url(self):
        """What REDIS_URL is set to."""
        login = f":{urllib.parse.quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0" if self.port else f"unix:{self.socket}"

    def start(self):
        settings = {"port": self.port, "bind": "127.0.0.1", "unixsocket": self.socket, "dir": self.folder, "save": "",
                    "appendonly": "no", "databases": 4, "maxmemory": "32mb"}
        if self.password:
            settings["requirepass"] = self.password
        command = ["redis-server"]
        for name, value in settings.items():
            command += [f"--{name}", value]
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()
        # It goes first: the program gives an answer 50 ms.
        self.process = Process(command, self.folder / "redis.log", death_signal="KILL", cwd=self.folder,
                               inside=[*self.inside, "nice", "-n", "-10"])
        wait_until("Redis answers", lambda: self.tell("PING") or self.fail_if_ended())
        return self

    def fail_if_ended(self):
        if not self.process.running:
            raise AssertionError("redis-server ended:\n" + self.process.log()[-1000:])

    def tell(self, *words):
        """One command, and the beginning of the answer as it came; "" without one."""
        login = ["AUTH " + self.password] if self.password else []
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(str(self.socket))
                answer = ""
                for command in [*login, " ".join(map(str, words))]:
                    connection.sendall(command.encode() + b"\r\n")
                    answer = connection.recv(65536).decode(errors="replace")
                return answer
        except OSError:
            return ""

    def pause(self):
        """It hangs: takes connections, answers nothing."""
        self.process.send(signal.SIGSTOP)

    def resume(self):
        self.process.send(signal.SIGCONT)

    def stop(self):
        if self.process:
            process, self.process = self.process, None
            process.send(signal.SIGCONT)
            process.stop(signal.SIGKILL)


class Nginx:
    """Nginx with the quickstart's own configuration."""

    def __init__(self, folder, backend_socket, rate=100000, ui=None):
        self.folder = new_folder(folder, "nginx")
        self.backend_socket = backend_socket
        self.rate = rate
        self.ui = ui  # a folder with a build of CCR UI
        self.port = None
        self.process = None

    def configure(self, port):
        values = {"DIR": self.folder, "NGINX": self.folder, "WEB": self.folder / "web", "SOCKET": self.backend_socket, "EVENTS": self.backend_socket.with_name("events.sock"),
                  "PORT": port,
                  "LISTEN_IPV6": "", "LISTEN_UI": "", "AT_ROOT": self.at_root(), "RATE": self.rate}
        text = (NGINX_FOLDER / "quickstart.conf.in").read_text()
        text = re.sub("@([A-Z0-9_]+)@", lambda match: str(values[match.group(1)]), text.partition("\n\n")[2])
        (self.folder / "nginx.conf").write_text(text)
        for included in NGINX_FOLDER.glob("*_ccr.conf"):
            shutil.copy(included, self.folder)
        shutil.copytree(NGINX_FOLDER.parent / "web", self.folder / "web", dirs_exist_ok=True)
        for path in self.folder.rglob("*"):
            give(path)

    def at_root(self):
        return f'set $ccr_ui "{self.ui}"; include "{self.folder}/ui_ccr.conf";' if self.ui else f'include "{self.folder}/root_ccr.conf";'

    def start(self):
        for _ in range(5):  # somebody else may take the free port first
            self.port = free_port()
            self.configure(self.port)
            self.process = Process(["nginx", "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf",
                                    "-g", "daemon off;"], self.folder / "output.log", death_signal="TERM", cwd="/")
            wait_until("Nginx listens", lambda: self.listens() or not self.process.running)
            if self.process.running:
                return self
        raise AssertionError("Nginx does not start:\n" + self.process.log())

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None


class Client:
    """An HTTP client that checks every answer against docs/openapi.yaml.

    client.get("/api/configs"), .post(path, json=...), .put, .patch, .delete, .request(method, path, ...): keyword arguments
    are those of requests. Answers are requests.Response; .data is the envelope's data, or the bare body."""

    def __init__(self, url, contract=None):
        self.url = url
        self.contract = contract
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", Direct())
        self.token = None
        self.refresh_token = None
        self.user = None
        self.workspace = None  # slug, sent as X-CCR-Workspace when set
        self.confirms = True  # types the password again when that is asked for: a login is not fresh for long in a slow run
        self.password_typed = None
        self.tries = 4  # of a write that gave way to another one: where the machine stands still, that one has its rows for long

    def anonymous(self):
        """Another client of the same server, not logged in."""
        return Client(self.url, self.contract)

    def login(self, username, password):
        response = self.post("/api/auth/login", json={"username": username, "password": password})
        assert response.status_code == 200, f"login of {username}: {response.status_code} {response.text}"
        data = response.json()["data"]
        self.token, self.refresh_token, self.user = data["access_token"], data["refresh_token"], data["user"]
        self.session.cookies.clear()  # the token alone speaks for this client
        self.password_typed = password
        return self

    def confirm(self):
        answer = self.post("/api/auth/password/confirm", json={"password": self.password_typed})
        assert answer.status_code == 200, answer.text
        return self

    def request(self, method, path, **options):
        response = self.request_once(method, path, **options)
        for _ in range(1, self.tries):
            if response.status_code != 409 or "Retry-After" not in response.headers:
                break
            time.sleep(float(response.headers["Retry-After"]))
            response = self.request_once(method, path, **options)
        if (self.confirms and self.password_typed and response.status_code == 403 and "Confirm your password" in response.text
                and path != "/api/auth/password/confirm"):
            self.confirm()
            response = self.request_once(method, path, **options)
        return response

    def request_once(self, method, path, *, headers=None, timeout=PATIENCE_S, **options):
        headers = dict(headers or {})
        if self.token and not any(name.lower() == "authorization" for name in headers):
            headers["Authorization"] = f"Bearer {self.token}"
        if self.workspace:
            headers.setdefault("X-CCR-Workspace", self.workspace)
        prepared = self.session.prepare_request(requests.Request(method, self.url + path, headers=headers, **options))
        prepared.url = self.url + path if "params" not in options else prepared.url  # requests would decode %2E and the like
        response = self.session.send(prepared, timeout=timeout, allow_redirects=False)
        if self.contract:
            self.contract.check(method, path, response)
        with contextlib.suppress(ValueError):
            body = response.json()
            response.data = body["data"] if isinstance(body, dict) and "data" in body else body
        return response

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def head(self, path, **options):
        return self.request("HEAD", path, **options)

    def options(self, path, **options):
        return self.request("OPTIONS", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def put(self, path, **options):
        return self.request("PUT", path, **options)

    def patch(self, path, **options):
        return self.request("PATCH", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)


def join(owner, slug, member, name, role):
    """`owner` invites `member`, whose user name is `name`, and he accepts."""
    invited = owner.post(f"/api/workspaces/{slug}/invitations", json={"username": name, "role": role})
    assert invited.status_code == 201, invited.text
    anywhere = member.anonymous()  # not yet in the workspace that his client may be set to
    anywhere.token = member.token
    accepted = anywhere.post(f"/api/invitations/{invited.data['id']}/accept")
    assert accepted.status_code == 200, accepted.text


class Stack:
    """All of it. settings are variables of the env file: a test names those it cares about. With patient, a read waits PATIENCE_S for a lock
    instead of 5 s: for tests that hold one until something else has happened."""

    # Housekeeping has tests of its own; elsewhere its connection and its process would only have to be left out of counts.
    DEFAULTS = {"RATE_LIMIT": "0", "IN_PROGRESS_LIMITS": "off", "MAX_CONNECTIONS": "4", "LOG_LEVEL": "info", "HOUSEKEEPING": "off",
                "SLOW_STATEMENT": "60000", "QUEUE_TIMEOUT": "60000"}  # a busy machine is nobody's fault

    def __init__(self, folder, cluster, database, contract=None, launcher="itself", owns_cluster=False, patient=False, **settings):
        self.cluster = cluster
        self.database = database
        self.owns_cluster = owns_cluster
        self.contract = contract
        self.passwords = {}
        url = cluster.url(database) + (f"&options=-c%20lock_timeout%3D{PATIENCE_S:.0f}s" if patient else "")
        env = {"DATABASE_URL": url, **make_secrets(), **self.DEFAULTS}
        env.update({name: str(value) for name, value in settings.items() if value is not None})
        for name, value in settings.items():
            if value is None:
                env.pop(name, None)
        # As many workers all the time as there may be, unless a test is about their number.
        if "MIN_CONNECTIONS" not in settings and "MAX_CONNECTIONS" in env:
            env["MIN_CONNECTIONS"] = env["MAX_CONNECTIONS"]
        self.folder = Path(folder)
        if env.get("EVENTS_SOCKET") == "here":
            env["EVENTS_SOCKET"] = str(self.folder / "events.sock")
        self.cli = Cli(folder, env)
        self.backend = Backend(self.cli, launcher)
        self.nginx = Nginx(folder, self.backend.socket)

    def start(self):
        self.backend.start()
        self.nginx.start()
        wait_until("the status is healthy", self.healthy)
        return self

    def healthy(self):
        self.backend.fail_if_ended()
        try:
            return self.status()["status"] == "healthy"
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            return False

    def status(self):
        """The body of /api/system/status, whatever its HTTP status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=60)
        try:
            connection.request("GET", "/api/system/status")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.nginx.port}"

    def client(self, username=None):
        """A client; logged in when a user is named, who is made when there is none (`admin` as site admin)."""
        client = Client(self.url, self.contract)
        if username:
            if username not in self.passwords:
                self.passwords[username] = f"{username}-{secrets.token_hex(8)}"
                self.cli.add_user(username, self.passwords[username], site_admin=username == "admin")
            client.login(username, self.passwords[username])
        return client

    def db(self, **options):
        """A raw connection as the program's own role."""
        return self.cluster.connect(dbname=self.database, **options)

    def close(self):
        with contextlib.ExitStack() as ending:
            if self.owns_cluster:
                ending.callback(self.cluster.stop)
            else:
                ending.callback(self.cluster.drop_database, self.database)
            ending.callback(self.backend.stop)
            ending.callback(self.nginx.stop)


class Host:
    """Another backend, with a web server of its own, on a stack's database."""

    def __init__(self, stack, folder, **settings):
        self.backend = Backend(Cli(folder, {**stack.cli.env, **settings}))
        self.nginx = Nginx(folder, self.backend.socket)
        self.backend.start()
        self.nginx.start()
        client = Client(self.url)
        wait_until("the other backend is there", lambda: client.get("/api/system/status").status_code == 200)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.nginx.port}"

    def stop(self):
        self.nginx.stop()
        self.backend.stop()


@contextlib.contextmanager
def table_locked(stack, table="resources", **options):
    """Whoever reads the table waits (5 s at most, the program's lock_timeout, unless the stack is a patient one) until the block ends."""
    with stack.db(**options) as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def wait_for_blocked(stack, count=1):
    with stack.cluster.connect(user="postgres", dbname=stack.database) as connection:
        query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
        wait_until(f"{count} requests wait for a lock", lambda: connection.execute(query).fetchone()[0] >= count)


class Pending:
    """A request in the background."""

    def __init__(self, client, method, path, **options):
        self.outcome = None
        self.thread = threading.Thread(target=self.work, args=(client, method, path), kwargs=options, daemon=True)
        self.thread.start()

    def work(self, client, method, path, **options):
        try:
            self.outcome = client.request(method, path, **options)
        except Exception as problem:
            self.outcome = problem

    def result(self, timeout=PATIENCE_S):
        self.thread.join(timeout)
        assert self.outcome is not None, f"no answer within {timeout} s"
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Asker:
    """GETs of one path on a connection that is kept. For load: a client library takes as long for each as the server does."""

    HEADER = re.compile(rb"\r\n([^:\r\n]+): *([^\r\n]*)")

    class Answer:
        def __init__(self, data, end):
            self.status, self.head, self.body = int(data[9:12]), data[:end], data[end + 4:]
            self.headers = {name.lower(): value.decode("latin-1") for name, value in Asker.HEADER.findall(self.head)}

        def getheader(self, name):
            return self.headers.get(name.lower().encode())

    def __init__(self, address, path, headers, timeout=60):
        self.address, self.path, self.headers, self.timeout = address, path, headers, timeout
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def get(self, **headers):
        """OSError when there is no whole answer."""
        if not self.socket:
            self.socket = socket.create_connection(self.address, self.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**self.headers, **headers}.items())
        self.socket.sendall(f"GET {self.path} HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n{lines}\r\n".encode())
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.more()
        answer = self.Answer(data, end)
        if answer.getheader("Transfer-Encoding"):
            raise ConnectionError("the answer is chunked")
        while len(answer.body) < int(answer.getheader("Content-Length") or 0):
            answer.body += self.more()
        if answer.getheader("Connection") == "close":
            self.close()
        return answer

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("closed before the answer was whole")
        return data


class Load:
    """Concurrent requests until the block ends; outcomes are HTTP statuses, or names of exceptions.

    with Load(stack, token, "/api/configs") as load: ...
    load.failures lists (when, outcome) of all but 2xx."""

    def __init__(self, stack, token, path, threads=6, limit_seconds=60.0):
        self.address = ("127.0.0.1", stack.nginx.port)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.path = path
        self.limit = limit_seconds
        self.done = threading.Event()
        self.outcomes = []
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]

    def work(self):
        asker = Asker(self.address, self.path, self.headers)
        deadline = time.monotonic() + self.limit
        while not self.done.is_set() and time.monotonic() < deadline:
            began = time.monotonic()
            try:
                answer = asker.get()
                self.note(began, answer.status, answer)
            except OSError as problem:
                asker.close()
                self.note(began, type(problem).__name__)
        asker.close()

    def note(self, began, outcome, answer=None):
        """After each request, in the thread that made it; answer is None when there was none."""
        self.outcomes.append((began, outcome))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until("the load runs", lambda: len(self.outcomes) >= 20)
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def progress(self, requests=50):
        """Waits until that many more requests are through."""
        target = len(self.outcomes) + requests
        wait_until(f"{requests} more requests", lambda: len(self.outcomes) >= target)

    @property
    def failures(self):
        return [(when, outcome) for when, outcome in self.outcomes if outcome not in range(200, 300)]


def with_database(arguments):
    migrate = "--no-migrate" not in arguments
    command = [argument for argument in arguments if argument != "--no-migrate"]
    folder = new_folder()
    cluster = Cluster(folder)
    try:
        cluster.create()
        if migrate:
            cluster.create_migrated("ccr", folder)
        else:
            cluster.create_database("ccr")
        environment = {**os.environ, "TEST_DATABASE_URL": cluster.url(), "TEST_SUPERUSER_URL": cluster.url(user="postgres")}
        return subprocess.run(command, env=environment).returncode
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "with-database":
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(with_database(sys.argv[2:]))
