"""Apache httpd and lighttpd with the recipes of deploy/, and scripts/ccr-ui-user.sh: all on one backend and its socket."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from site_stack import (PASSWORD, ROOT, Process, clean_environment, curl, free_port, give, listens, new_folder,  # noqa: E402
                        children, run_as_user, system, wait_until, workers_of, write_long_log)
from websocket_client import Refused, WebSocket, open_websocket  # noqa: E402

METRICS_TOKEN = "metrics-token-0123456789"
APACHE_MODULES = ["mpm_event", "authz_core", "proxy", "proxy_fcgi", "proxy_http", "headers", "setenvif", "reqtimeout"]
APACHE = """
ServerRoot "{folder}"
ServerName 127.0.0.1
PidFile "{folder}/apache.pid"
DefaultRuntimeDir "{folder}"
Mutex file:{folder} default
Listen 127.0.0.1:{port}
ErrorLog "{folder}/error.log"
DocumentRoot "{folder}"
{modules}
<VirtualHost 127.0.0.1:{port}>
{site}
</VirtualHost>
"""
LIGHTTPD = """
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}"
server.errorlog = "{folder}/error.log"
server.upload-dirs = ( "{folder}" )
{debian}
var.ccr_socket = "{socket}"
include "{recipe}"
var.ccr_events_socket = "{events}"
include "{events_recipe}"
"""


def write(path, text):
    path.write_text(text)
    return give(path)


def own_copy(folder, recipe):
    """The unprivileged user may not reach the checkout."""
    shutil.copy(ROOT / "deploy" / recipe, folder)
    return give(folder / Path(recipe).name)


def events_of(socket):
    return Path(socket).with_name("events.sock")


def apache(folder, port, site):
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES)
    write(folder / "apache.conf", APACHE.format(folder=folder, port=port, site=site, modules=modules))
    return ["apache2", "-f", folder / "apache.conf", "-D", "FOREGROUND"]


def apache_host(folder, port, socket):
    recipe = own_copy(folder, "apache/ccr-ui.conf")
    return apache(folder, port, f'Define CCR_SOCKET {socket}\nDefine CCR_EVENTS_SOCKET {events_of(socket)}\nInclude "{recipe}"')


def apache_htaccess(folder, port, socket):
    text = (ROOT / "deploy" / "apache" / "htaccess").read_text()
    placeholder = "/home/USER/.local/state/ccr-ui/fastcgi.sock"
    assert placeholder in text
    pages = new_folder(folder, "public_html")
    write(pages / ".htaccess", text.replace(placeholder, str(socket)))
    return apache(folder, port, f'DocumentRoot "{pages}"\n<Directory "{pages}">\nAllowOverride FileInfo AuthConfig\n'
                                'Require all granted\n</Directory>')


def lighttpd(folder, port, socket):
    """With what Debian's lighttpd.conf says about addresses: it decodes %2F."""
    debian = re.search(r"^server\.http-parseopts = \(.*?^\)", Path("/etc/lighttpd/lighttpd.conf").read_text(), re.M | re.S)[0]
    assert re.search(r'^ *"url-path-2f-decode" *=> *"enable"', debian, re.M)
    recipe = own_copy(folder, "lighttpd/ccr-ui.conf")
    events_recipe = own_copy(folder, "lighttpd/ccr-ui-events.conf")
    write(folder / "lighttpd.conf", LIGHTTPD.format(folder=folder, port=port, socket=socket, recipe=recipe, debian=debian,
                                                    events=events_of(socket), events_recipe=events_recipe))
    return ["lighttpd", "-D", "-f", folder / "lighttpd.conf"]


SERVERS = {"apache": apache_host, "htaccess": apache_htaccess, "lighttpd": lighttpd}


@pytest.fixture(scope="module")
def whole():
    with system() as made:
        made.backend = made.start(made.cli("backend", EVENTS_SOCKET=str(made.folder / "backend" / "events.sock")))
        yield made


@contextlib.contextmanager
def served(folder, kind, socket):
    """A web server of this kind in front of the socket; its URL."""
    port = free_port()
    process = Process(SERVERS[kind](folder, port, socket), folder / "output.log", cwd="/")
    try:
        wait_until("the web server listens", lambda: listens(port) or not process.running)
        assert process.running, process.log()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


@pytest.fixture(scope="module", params=list(SERVERS))
def url(request, whole):
    with served(new_folder(whole.folder, request.param), request.param, whole.backend.socket) as url:
        yield url


@pytest.fixture(scope="module", params=list(SERVERS))
def guarded(request, whole):
    """In front of a backend that shows its metrics to another network only."""
    name = f"guarded-{request.param}"
    cli = whole.cli(f"{name}-backend", METRICS_ALLOW="10.0.0.0/8", METRICS_TOKEN=METRICS_TOKEN, MAX_CONNECTIONS="1")
    with served(new_folder(whole.folder, name), request.param, whole.start(cli).socket) as url:
        yield url


def api(url, method, path, *options, body=None):
    if body is not None:
        options = (*options, "-H", "Content-Type: application/json", "--data", json.dumps(body))
    return curl(url + path, "-X", method, *options)


@pytest.fixture
def login(url):
    answer = api(url, "POST", "/api/auth/login", body={"username": "admin", "password": PASSWORD})
    assert answer.status == 200, answer.body
    return answer


@pytest.fixture
def bearer(login):
    return "-H", "Authorization: Bearer " + json.loads(login.body)["data"]["access_token"]


def test_status_and_health(url):
    answer = api(url, "GET", "/api/system/status")
    assert json.loads(answer.body)["status"] == "healthy"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
    assert api(url, "GET", "/health").status == 200


def test_metrics(url):
    answer = api(url, "GET", "/metrics")
    assert answer.status == 200 and "\nccr_database_up 1\n" in answer.body
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"


def test_metrics_elsewhere_want_the_token(guarded):
    assert api(guarded, "GET", "/metrics").status == 403
    assert api(guarded, "GET", "/metrics", "-H", f"Authorization: Bearer {METRICS_TOKEN}").status == 200
    assert api(guarded, "GET", "/metrics", "-H", "X-Forwarded-For: 10.0.0.1").status == 403


def test_a_bearer_token_arrives(url, bearer):
    answer = api(url, "GET", "/api/auth/me", *bearer)
    assert answer.status == 200
    assert json.loads(answer.body)["data"]["username"] == "admin"
    assert api(url, "GET", "/api/auth/me", "-H", "Authorization: Bearer nonsense").status == 401
    assert api(url, "GET", "/api/auth/me").status == 401


def test_cookies_go_both_ways(url, login):
    cookies = [cookie.partition(";")[0] for cookie in login.headers["set-cookie"]]
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["ccr_access", "ccr_browser", "ccr_refresh"]
    assert api(url, "GET", "/api/auth/me", "-H", "Cookie: " + "; ".join(cookies)).status == 200
    change = api(url, "POST", "/api/auth/logout", "-H", "Cookie: " + "; ".join(cookies), "-H", "Origin: https://evil.example",
                 "--data", "")
    assert change.status == 403


def test_live_events_come_through(whole, url, login, request):
    if request.node.callspec.params["url"] == "htaccess":
        pytest.skip("an .htaccess cannot pass a WebSocket on")
    port = int(url.rpartition(":")[2])
    token = json.loads(login.body)["data"]["access_token"]
    with contextlib.closing(open_websocket(port, token=token)) as socket:
        assert socket.next() == {"type": "Ready"}
        profile = {"name": "live", "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}
        assert api(url, "POST", "/api/configs", "-H", f"Authorization: Bearer {token}", body=profile).status == 201
        assert socket.next()["data"]["names"] == ["live"]
        socket.send('{"type":"Ping"}')
        assert socket.next() == {"type": "Pong"}
        assert api(url, "DELETE", "/api/configs/live", "-H", f"Authorization: Bearer {token}").status in (200, 204)
    cookies = dict(cookie.partition(";")[0].split("=", 1) for cookie in login.headers["set-cookie"])
    WebSocket(port, cookies=cookies, origin=url).close()
    with pytest.raises(Refused) as refused:
        WebSocket(port, cookies=cookies, origin="https://evil.example")
    assert refused.value.status == 403


def route_of(whole, name):
    """What the backend took the request for."""
    entry = wait_until("the request is logged", lambda: next((
        entry for entry in whole.backend.log_entries() if entry.get("request_id") == name and "route" in entry), None))
    return entry["route"]


def test_an_encoded_slash_stays_one_segment(whole, url, bearer, request):
    if request.node.callspec.params["url"] == "htaccess":
        assert api(url, "GET", "/api/configs/x%2Frelay", *bearer).status == 404  # only the host can allow them
        return
    profile = {"name": "relay", "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}
    for number, path in enumerate(["team%2Frelay", "team%2frelay", "a%2F..%2F..%2Fetc%2Fpasswd", "team%252Frelay"]):
        name = f"slash-{number}-{request.node.callspec.params['url']}"
        answer = api(url, "PUT", f"/api/configs/{path}", *bearer, "-H", f"X-Request-Id: {name}", body=profile)
        assert answer.status == 404
        assert route_of(whole, name) == "/api/configs/{name}", path
    # Decoded on the way, these would be /api/configs/x/disable and /api/configs/x/revisions, which are routes.
    assert api(url, "PATCH", "/api/configs/x%2Fdisable", *bearer, "--data", "").status == 405
    assert api(url, "POST", "/api/configs/x%2Frollback", *bearer, "--data", "").status == 405


@pytest.mark.parametrize("segment", ["a%20b", "%E6%A8%A1%E5%9E%8B", "50%25", "x+y", "q%3Fa=b", "a%23b", "a;b", "a%3Bb", "a%5Cb",
                                     "%22", "a%26b", "~a", "%7Ea", "a%2Bb"])
def test_odd_names_reach_the_backend_as_one_segment(whole, url, bearer, request, segment):
    name = f"odd-{abs(hash(segment)) % 10**9}-{request.node.callspec.params['url']}"
    answer = api(url, "GET", f"/api/configs/{segment}", *bearer, "-H", f"X-Request-Id: {name}")
    assert answer.status == 404
    assert json.loads(answer.body)["error"]["code"] == "NOT_FOUND"
    assert route_of(whole, name) == "/api/configs/{name}"


def test_the_query_arrives(url, bearer):
    answer = api(url, "GET", "/api/users?limit=1&offset=0", *bearer)
    assert answer.status == 200
    assert api(url, "GET", "/api/users?limit=nonsense", *bearer).status == 400


def test_large_bodies(url, bearer, tmp_path):
    limit = 2 * 1024 * 1024
    body = tmp_path / "body"
    # Of exactly the limit it is read: what is wrong with it is not its size.
    body.write_bytes(b'{"name":"' + b" " * (limit - 11) + b'"}')
    full = api(url, "POST", "/api/configs", *bearer, "-H", "Content-Type: application/json", "-H", "Expect:", "--data-binary", f"@{body}")
    assert full.status == 400, full.body
    body.write_bytes(body.read_bytes() + b" ")
    for options in ((), ("-H", "Transfer-Encoding: chunked")):
        large = api(url, "POST", "/api/configs", *bearer, "-H", "Content-Type: application/json", *options, "--data-binary", f"@{body}")
        assert large.status == 413
        assert json.loads(large.body)["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_opentelemetry_arrives(url, bearer):
    for path in ("/v1/logs", "/v1/metrics"):
        answer = api(url, "POST", path, *bearer, body={})
        assert (answer.status, answer.body) == (200, "{}"), answer.body
        assert json.loads(api(url, "POST", path, body={}).body)["error"]["code"] == "AUTHENTICATION_ERROR"


def test_logs_may_be_longer_than_other_bodies(url, bearer, tmp_path):
    """17 MiB of lines, behind each server's fence for all else, and its last line is read."""
    log = tmp_path / "log"
    write_long_log(log)
    for options in ((), ("-H", "Transfer-Encoding: chunked")):
        answer = api(url, "POST", "/api/usage/import?platform=claude", *bearer, *options, "-H", "Expect:", "-H", "Content-Type: application/octet-stream",
                     "--data-binary", f"@{log}")
        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["data"]["records"] == 1
    assert api(url, "POST", "/api/configs", *bearer, "-H", "Expect:", "-H", "Content-Type: application/json", "--data-binary", f"@{log}").status == 413


def test_a_chunked_body_arrives(url, bearer):
    profile = {"name": "chunked", "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}
    made = api(url, "POST", "/api/configs", *bearer, "-H", "Transfer-Encoding: chunked", body=profile)
    assert made.status == 201, made.body
    assert api(url, "DELETE", "/api/configs/chunked", *bearer).status in (200, 204)


def test_the_clients_headers_cannot_forge_variables(whole, url, request):
    name = "forged-" + request.node.callspec.params["url"]
    api(url, "POST", "/api/auth/login", "-H", "X-Forwarded-For: 198.51.100.7", "-H", "Remote-Addr: 198.51.100.8", "-H",
        f"X-Request-Id: {name}", "-H", "Proxy: http://evil.example", body={"username": name, "password": "wrong password"})
    entries = wait_until("the failed login is logged", lambda: [
        entry for entry in whole.backend.log_entries() if entry.get("request_id") == name and "address" in entry])
    assert entries[0]["address"] == "127.0.0.1"


# ---- ccr-ui-user.sh -------------------------------------------------------------------------------------------------


class Account:
    """The home of an unprivileged user, with the program and the script in ~/.local/bin."""

    def __init__(self, whole, name):
        self.home = new_folder(whole.folder, name)
        self.bin = self.home / ".local" / "bin"
        self.config = self.home / ".config" / "ccr-ui"
        for folder in (self.bin, self.config):
            folder.mkdir(parents=True)
            give(folder.parent)
            give(folder)
        give(self.home / ".config")
        self.script = self.bin / "ccr-ui-user.sh"
        shutil.copy2(ROOT / "scripts" / "ccr-ui-user.sh", self.script)
        shutil.copy2(whole.backend.cli.binary, self.bin / "ccr-ui-backend")
        for path in self.bin.iterdir():
            give(path)
        self.env_file = self.config / "ccr-ui.env"
        self.env = dict(whole.env)
        self.write_env()
        self.state = self.home / ".local" / "state" / "ccr-ui"

    def write_env(self, mode=0o600, **changes):
        self.env.update(changes)
        write(self.env_file, "".join(f"{name}={value}\n" for name, value in self.env.items()))
        self.env_file.chmod(mode)

    def run(self, *arguments, **environment):
        return run_as_user([self.script, *arguments], timeout=60, cwd=self.home,
                           env=clean_environment(**{"HOME": str(self.home), "CCR_UI_WAIT": "15", **environment}))

    def pid(self):
        return int((self.state / "ccr-ui.pid").read_text())


@pytest.fixture
def account(whole, request):
    account = Account(whole, f"home-{len(list(whole.folder.iterdir()))}")
    yield account
    account.write_env()
    account.run("stop")


def check(result, status, text, stream="stdout"):
    assert result.returncode == status, result.stdout + result.stderr
    assert text in getattr(result, stream), result.stdout + result.stderr
    assert (result.stderr if stream == "stdout" else result.stdout) == ""


def test_a_user_starts_reloads_restarts_and_stops(whole, account):
    check(account.run("status"), 3, "does not run")
    check(account.run("stop"), 0, "does not run")
    check(account.run("reload"), 1, "does not run; start it", "stderr")
    check(account.run("start"), 0, "started, process")
    socket = account.state / "fastcgi.sock"
    pid = account.pid()
    owner = account.home.stat().st_uid
    assert (socket.stat().st_uid, socket.stat().st_mode & 0o777) == (owner, 0o660)
    assert Path(f"/proc/{pid}").stat().st_uid == owner
    assert account.state.stat().st_mode & 0o077 == 0
    assert (account.state / "ccr-ui.log").stat().st_mode & 0o077 == 0
    check(account.run("status"), 0, "healthy")
    check(account.run("start"), 0, f"runs already, process {pid}")
    check(account.run("--quiet", "start"), 0, "")
    assert account.run("--quiet", "start").stdout == ""

    workers = set(workers_of(pid))
    account.write_env(LOG_LEVEL="debug")
    check(account.run("reload"), 0, f"reloading, process {pid}")
    wait_until("the workers are others", lambda: workers.isdisjoint(workers_of(pid)) and len(workers_of(pid)) == 2)
    check(account.run("status"), 0, "healthy")

    check(account.run("restart"), 0, "started, process")
    assert account.pid() != pid and gone(pid)
    check(account.run("stop"), 0, "stopped")
    assert not socket.exists() and not (account.state / "ccr-ui.pid").exists()
    check(account.run("status"), 3, "does not run")


def gone(pid):
    """Or nobody has collected it yet."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_it_starts_again_after_a_crash_as_cron_would(account):
    """The line */5 of the crontab. Killed, the master leaves its pid file and its socket behind."""
    check(account.run("start"), 0, "started")
    pid = account.pid()
    os.kill(pid, 9)
    wait_until("it is gone", lambda: gone(pid))
    check(account.run("status"), 3, "does not run")
    check(account.run("--quiet", "start"), 0, "")
    assert account.pid() != pid
    check(account.run("stop"), 0, "stopped")


def test_two_starts_at_once_are_one(account):
    results = []
    threads = [threading.Thread(target=lambda: results.append(account.run("start"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result.returncode for result in results] == [0] * 4
    assert sorted(result.stdout.split(",")[0] for result in results) == ["runs already"] * 3 + ["started"]
    check(account.run("stop"), 0, "stopped")


def test_what_is_wrong_is_said_in_one_line(account):
    def refused(text, *arguments, **environment):
        result = account.run(*(arguments or ["start"]), **environment)
        check(result, 1, text, "stderr")
        assert result.stderr.count("\n") == 1 and result.stderr.startswith("ccr-ui-user: ")

    refused("may not be run", CCR_UI_PROGRAM="/nonexistent/program")
    refused("there is no /nonexistent/x.env", CCR_UI_ENV="/nonexistent/x.env")
    account.write_env(mode=0o644)
    refused("chmod 600")
    account.write_env(RATE_LIMIT="lots")
    refused("RATE_LIMIT")
    account.write_env(RATE_LIMIT="0", SOCKET="/tmp/" + "x" * 120)
    refused("107 bytes")
    account.write_env(SOCKET=f'"{account.state}/other.sock"', DATABASE_URL="postgresql://ccr:wrong@/ccr?host=/nonexistent")
    refused("is not healthy after 2 s", CCR_UI_WAIT="2")
    check(account.run("status"), 1, "not healthy")
    assert (account.state / "other.sock").exists()
    check(account.run("stop"), 0, "stopped")
    for arguments in (["begin"], [], ["start", "stop"]):
        check(account.run(*arguments), 2, "--help", "stderr")
    check(account.run("--help"), 0, "@reboot")


@pytest.mark.skipif(os.geteuid() != 0, reason="runs as an ordinary user")
def test_root_is_refused(account):
    result = subprocess.run([account.script, "start"], capture_output=True, text=True, env=clean_environment(HOME="/root"))
    check(result, 1, "never as root", "stderr")
