"""What the tests of web servers share: one database, backends on their own sockets, the production site of Nginx."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import ui_build  # noqa: E402
from stack import (ROOT, USER, Backend, Cli, Cluster, Process, children, clean_environment, free_port, give, make_secrets,  # noqa: E402
                   new_folder, wait_until, workers_of)

NAME = "ccr.test"
PASSWORD = "correct horse battery staple"


@contextlib.contextmanager
def system(cluster_class=Cluster, **settings):
    """A folder, a cluster with a migrated database, and Cli's for it that share their secrets."""
    folder = new_folder()
    cluster = cluster_class(new_folder(folder, "pg"))
    with contextlib.ExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        ending.callback(cluster.stop)
        cluster.create()
        cluster.create_database("ccr")
        env = {"DATABASE_URL": cluster.url("ccr"), **make_secrets(), "RATE_LIMIT": "0", "IN_PROGRESS_LIMITS": "off", "MAX_CONNECTIONS": "2", **settings}
        made = System(folder, cluster, env, ending)
        first = made.cli("a")
        first.run("migrate", "up", check=True)
        first.add_user("admin", PASSWORD, site_admin=True)
        yield made


class System:
    def __init__(self, folder, cluster, env, ending):
        self.folder, self.cluster, self.env, self.ending = folder, cluster, env, ending

    def cli(self, name, **settings):
        return Cli(new_folder(self.folder, name), {**self.env, **settings})

    def start(self, cli, wrap=None):
        """A backend, on its own Unix socket, or on TCP when its settings have a PORT. Ended with the system."""
        backend = TcpBackend(cli) if cli.env.get("PORT") else Backend(cli, "spawn-fcgi")
        if wrap:
            command = backend.command()
            backend.command = lambda: wrap(command)
        self.ending.callback(backend.stop)
        backend.start()
        place = ["--tcp", f"{cli.env['HOST']}:{cli.env['PORT']}"] if cli.env.get("PORT") else ["--socket", backend.socket]
        wait_until("the backend is healthy", lambda: cli.run("healthcheck", *place).returncode == 0)
        return backend


class TcpBackend(Backend):
    def command(self):
        return [self.cli.binary, "serve", "--env-file", self.cli.env_file]

    def start(self):
        self.process = Process(self.command(), self.cli.folder / "backend.log", cwd=self.cli.folder)
        return self


def certificate(folder):
    """A self-signed one for NAME."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", folder / "key.pem", "-out",
                    folder / "certificate.pem"], check=True, capture_output=True)
    for name in ("key.pem", "certificate.pem"):
        give(folder / name)
    return folder / "certificate.pem", folder / "key.pem"


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Site:
    """Nginx with what scripts/render-nginx.sh made, in a small nginx.conf around it, or in `main`."""

    def __init__(self, folder, name, sockets, main=None, read_timeout=None, wrap=lambda command: command, **values):
        self.folder, self.wrap = new_folder(folder, name), wrap
        self.http, self.https = free_port(), free_port()
        self.included = self.folder / "include"
        shutil.copytree(ROOT / "nginx", self.included)
        if read_timeout:
            text = (self.included / "fastcgi_ccr.conf").read_text()
            assert "fastcgi_read_timeout       65s;" in text
            (self.included / "fastcgi_ccr.conf").write_text(text.replace("read_timeout       65s", f"read_timeout {read_timeout}"))
        self.certificate, key = certificate(self.folder)
        for made in ("static", "acme"):
            new_folder(self.folder, made)
        self.maintenance = self.folder / "maintenance"
        self.values = {"SERVER_NAME": NAME, "CERTIFICATE": self.certificate, "CERTIFICATE_KEY": key,
                       "SOCKET": " ".join(map(str, sockets)), "STATIC_DIR": self.folder / "static", "LISTEN": "127.0.0.1",
                       "HTTP_PORT": self.http, "HTTPS_PORT": self.https, "LOG_DIR": self.folder, "NGINX_DIR": self.included,
                       "ACME_DIR": self.folder / "acme", "MAINTENANCE_FILE": self.maintenance, "RATE": 100000, **values}
        self.rendered = render(*(f"{key}={value}" for key, value in self.values.items()), "--check", "-o",
                               self.folder / "site.conf")
        assert self.rendered.returncode == 0, self.rendered.stderr
        (self.folder / "nginx.conf").write_text((main or MAIN).replace("@DIR@", str(self.folder)))
        for path in [*self.folder.iterdir(), *self.included.iterdir()]:
            give(path)
        self.process = None

    def start(self):
        self.process = Process(self.wrap(["nginx", "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf", "-g",
                                          "daemon off;"]), self.folder / "output.log", cwd="/")
        wait_until("Nginx listens", lambda: listens(self.https) or not self.process.running)
        assert self.process.running, self.process.log()
        return self

    def stop(self):
        if self.process:
            process, self.process = self.process, None
            process.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def curl(self, path, *options, plain=False):
        """What curl got: status, headers (names in lower case, each with a list), body, HTTP version."""
        port = self.http if plain else self.https
        url = f"{'http' if plain else 'https'}://{NAME}:{port}{path}"
        return curl(url, "--cacert", self.certificate, "--resolve", f"{NAME}:{port}:127.0.0.1", *options)



MAIN = """
pid "@DIR@/nginx.pid";
worker_processes 2;
events {}
http {
    include /etc/nginx/mime.types;
    client_body_temp_path "@DIR@/temp-body";
    fastcgi_temp_path     "@DIR@/temp-fastcgi";
    proxy_temp_path       "@DIR@/temp-proxy";
    scgi_temp_path        "@DIR@/temp-scgi";
    uwsgi_temp_path       "@DIR@/temp-uwsgi";
    include "@DIR@/site.conf";
}
"""


def render(*arguments):
    return subprocess.run([ROOT / "scripts" / "render-nginx.sh", *map(str, arguments)], capture_output=True, text=True,
                          timeout=30, env=clean_environment())


class Answer:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        while head.startswith(("HTTP/1.1 100", "HTTP/2 100")):
            head, _, self.body = self.body.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.version, self.status = lines[0].split()[0], int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.lower(), []).append(value.strip())

    def header(self, name):
        """The header's only value, None without one."""
        values = self.headers.get(name, [])
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


def curl(url, *options):
    result = subprocess.run(["curl", "-sS", "-i", "--noproxy", "*", "--max-time", "20", "--path-as-is", *map(str, options), url],
                            capture_output=True, timeout=60, env=clean_environment())
    assert result.returncode == 0, result.stderr.decode()
    return Answer(result.stdout.decode(errors="replace"))


def run_as_user(command, **options):
    """As the unprivileged user of the tests, with nothing of our environment but what `env` says."""
    switch = ["setpriv", "--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--clear-groups", "--inh-caps=-all"] if USER else []
    return subprocess.run([*switch, *map(str, command)], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


__all__ = ["ROOT", "NAME", "PASSWORD", "Answer", "Process", "Site", "System", "children", "workers_of", "clean_environment", "curl", "free_port", "give",
           "listens", "new_folder", "os", "render", "run_as_user", "system", "ui_build", "wait_until"]


def write_long_log(path):
    """17 MiB of a log of Claude Code: one call, on its last line."""
    call = {"type": "assistant", "timestamp": "2025-11-01T09:30:00.123Z", "sessionId": "s", "requestId": "req_1",
            "message": {"id": "msg_1", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1, "output_tokens": 2}}}
    said = json.dumps({"type": "user", "message": {"content": "x" * 1000}}) + "\n"
    path.write_text(said * (17 * 1024 * 1024 // len(said)) + json.dumps(call) + "\n")
