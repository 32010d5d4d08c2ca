"""nginx/site.conf.in, made by scripts/render-nginx.sh, in a real Nginx with a self-signed certificate."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from site_stack import NAME, PASSWORD, ROOT, Backend, Site, curl, free_port, give, new_folder, render, system, ui_build, wait_until, write_long_log  # noqa: E402
from websocket_client import Refused, WebSocket, open_websocket  # noqa: E402

HSTS = "max-age=31536000; includeSubDomains"
STRICT = "default-src 'none'; frame-ancestors 'none'"
EVERYWHERE = {
    "content-security-policy": STRICT,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def check_headers(answer, secure=True):
    for name, value in EVERYWHERE.items():
        assert answer.header(name) == value, name
    assert answer.header("strict-transport-security") == (HSTS if secure else None)
    assert answer.header("server") in ("nginx", None)
    assert "x-xss-protection" not in answer.headers


def check_error(answer, status, code, retry=False):
    """One of Nginx's own errors, in the shape of the backend's."""
    assert answer.status == status
    check_headers(answer)
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("retry-after") == ("1" if retry else None)
    body = json.loads(answer.body)
    assert (body["success"], body["data"], body["error"]["code"]) == (False, None, code)
    assert body["message"] and body["message"] == body["error"]["message"]
    assert body["request_id"] == answer.header("x-request-id")
    assert re.fullmatch(r"[0-9a-f-]{36}", body["error"]["error_id"])


@pytest.fixture(scope="module")
def whole():
    with system() as made:
        port = free_port()
        made.one = made.start(made.cli("one"))
        made.two = made.start(made.cli("two", HOST="127.0.0.1", PORT=str(port)))
        made.tcp = f"127.0.0.1:{port}"
        yield made


@pytest.fixture(scope="module")
def site(whole):
    with Site(whole.folder, "site", [whole.one.socket, whole.tcp], TRUSTED_PROXIES="") as site:
        static = site.folder / "static"
        for name, text in {"app.3f2a.js": "let a = 1;\n" * 200, "style.css": "a {}"}.items():
            (static / name).write_text(text)
            give(static / name)
        give(new_folder(static, "fonts"))
        yield site


# ---- TLS and HTTP ---------------------------------------------------------------------------------------------------


def handshake(site, *options):
    result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.https}", "-servername", NAME, "-CAfile",
                             site.certificate, *options], input="", capture_output=True, text=True, timeout=60)
    return result.stdout + result.stderr


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_tls_1_2_and_1_3_are_accepted(site, version):
    output = handshake(site, f"-{version}", "-verify_return_error")
    assert "Verify return code: 0" in output
    assert re.search(r"New, TLSv1\.[23], Cipher is (?!\(NONE\))", output)


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_older_tls_is_refused_by_the_server(site, version):
    # SECLEVEL=0, so that it is not our own OpenSSL that refuses; the alert is the server's word.
    output = handshake(site, f"-{version}", "-cipher", "ALL@SECLEVEL=0")
    assert "alert protocol version" in output
    assert "Cipher is (NONE)" in output


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"])
def test_old_ciphers_are_refused_by_the_server(site, cipher):
    assert "alert handshake failure" in handshake(site, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")


def test_http_2_is_negotiated_and_1_1_still_works(site):
    assert site.curl("/api/system/status", "--http2").version == "HTTP/2"
    assert site.curl("/api/system/status", "--http1.1").version == "HTTP/1.1"


def test_plain_http_goes_to_https(site):
    answer = site.curl("/api/configs?a=%2Fb", plain=True)
    assert answer.status == 301
    assert answer.header("location") == f"https://{NAME}:{site.https}/api/configs?a=%2Fb"
    check_headers(answer, secure=False)
    # Nginx takes the name from its configuration, not from the client.
    forged = curl(f"http://127.0.0.1:{site.http}/x", "-H", "Host: evil.example")
    assert forged.header("location") == f"https://{NAME}:{site.https}/x"
    mixed = curl(f"http://127.0.0.1:{site.https}/")
    assert mixed.status == 400
    assert json.loads(mixed.body)["error"]["code"] == "VALIDATION_ERROR"


def test_acme_challenges_are_served_over_plain_http(site):
    folder = site.folder / "acme" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("proof")
    for path in [folder.parent, folder, folder / "token"]:
        give(path)
    answer = site.curl("/.well-known/acme-challenge/token", plain=True)
    assert (answer.status, answer.body) == (200, "proof")


# ---- answers --------------------------------------------------------------------------------------------------------


def test_the_api_answers_with_every_header_once(site):
    answer = site.curl("/api/system/status")
    assert answer.status == 200
    assert json.loads(answer.body)["status"] == "healthy"
    check_headers(answer)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-request-id")
    health = site.curl("/health")
    assert health.status == 200
    check_headers(health)


def test_the_backends_own_errors_pass_as_they_are(site):
    missing = site.curl("/api/nope")
    assert missing.status == 404
    check_headers(missing)
    assert json.loads(missing.body)["error"]["code"] == "NOT_FOUND"
    refused = site.curl("/api/configs", "-H", "X-Request-Id: from-a-test")
    assert refused.status == 401
    check_headers(refused)
    assert refused.header("x-request-id") == "from-a-test"
    assert json.loads(refused.body)["request_id"] == "from-a-test"


def test_login_marks_the_cookies_secure(site):
    answer = site.curl("/api/auth/login", "-H", "Content-Type: application/json", "--data",
                       json.dumps({"username": "admin", "password": PASSWORD}))
    assert answer.status == 200
    assert all("; Secure" in cookie for cookie in answer.headers["set-cookie"])


def test_static_files_are_kept_for_a_year(site):
    answer = site.curl("/static/app.3f2a.js")
    assert answer.status == 200
    check_headers(answer)
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert answer.header("content-type").startswith("application/javascript")
    small = site.curl("/static/app.3f2a.js", "--compressed")
    assert small.header("content-encoding") == "gzip"
    assert small.header("vary") == "Accept-Encoding"
    again = site.curl("/static/style.css", "-H", f"If-None-Match: {site.curl('/static/style.css').header('etag')}")
    assert again.status == 304
    assert again.header("cache-control") == "public, max-age=31536000, immutable"


def test_static_errors_are_not_kept(site):
    check_error(site.curl("/static/gone.js"), 404, "NOT_FOUND")
    check_error(site.curl("/static/fonts/"), 403, "AUTHORIZATION_ERROR")
    check_error(site.curl("/static/style.css", "-X", "POST", "--data", ""), 405, "METHOD_NOT_ALLOWED")
    check_error(site.curl("/static/../../key.pem"), 400, "VALIDATION_ERROR")
    check_error(site.curl("/static../key.pem"), 404, "NOT_FOUND")  # the trap of `location /static` with alias
    redirect = site.curl("/static/fonts")
    assert redirect.status == 301
    check_headers(redirect)
    assert redirect.header("cache-control") is None


def test_nginx_answers_404_and_413_in_json(site):
    check_error(site.curl("/nothing"), 404, "NOT_FOUND")
    big = site.folder / "big"
    big.write_bytes(b" " * (12 * 1024 * 1024 + 1))
    check_error(site.curl("/api/configs", "-H", "Content-Type: application/json", "-H", "Expect:", "--data-binary", f"@{big}"),
                413, "PAYLOAD_TOO_LARGE")
    check_error(site.curl("/nothing", "-H", "X-Long: " + "x" * 20000, "--http1.1"), 431, "VALIDATION_ERROR")
    chinese = site.curl("/nothing", "-H", "Accept-Language: zh-CN")
    assert json.loads(chinese.body)["message"] == "未找到"


def test_reports_of_usage_pass(site):
    """OpenTelemetry has an address outside of /api, and logs may be longer than all other bodies."""
    login = site.curl("/api/auth/login", "-H", "Content-Type: application/json", "--data", json.dumps({"username": "admin", "password": PASSWORD}))
    bearer = "-H", "Authorization: Bearer " + json.loads(login.body)["data"]["access_token"]
    for path in ("/v1/logs", "/v1/metrics"):
        answer = site.curl(path, *bearer, "-H", "Content-Type: application/json", "--data", "{}")
        assert (answer.status, answer.body) == (200, "{}"), answer.body
        check_headers(answer)
    assert json.loads(site.curl("/v1/logs", "-X", "POST").body)["error"]["code"] == "AUTHENTICATION_ERROR"
    log = site.folder / "log"
    write_long_log(log)
    answer = site.curl("/api/usage/import?platform=claude", *bearer, "-H", "Expect:", "-H", "Content-Type: application/octet-stream", "--data-binary", f"@{log}")
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["data"]["records"] == 1
    check_error(site.curl("/v1/logs", *bearer, "-H", "Expect:", "-H", "Content-Type: application/json", "--data-binary", f"@{log}"), 413, "PAYLOAD_TOO_LARGE")


def test_maintenance_is_503_in_json(site):
    site.maintenance.touch()
    try:
        check_error(site.curl("/api/system/status"), 503, "EXTERNAL_SERVICE_ERROR", retry=True)
        check_error(site.curl("/health"), 503, "EXTERNAL_SERVICE_ERROR", retry=True)
        assert site.curl("/static/style.css").status == 200
    finally:
        site.maintenance.unlink()
    assert site.curl("/health").status == 200


def test_nginx_answers_429_in_json(whole):
    with Site(whole.folder, "limited", [whole.one.socket], RATE=1, BURST=2) as limited:
        answers = []

        def refused():  # the fourth, unless the machine is too slow to ask four times in a second
            answers.append(limited.curl("/api/system/live"))
            return answers[-1].status == 429
        wait_until("one is refused", refused, step=0)
    assert len(answers) >= 4 and {answer.status for answer in answers[:-1]} == {200}
    check_error(answers[-1], 429, "RATE_LIMIT_EXCEEDED", retry=True)


def test_nginx_answers_502_and_504_in_json(whole):
    folder = new_folder(whole.folder, "silent")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "sock"))
        silent.listen(16)
        give(folder / "sock")
        with Site(whole.folder, "broken", [folder / "sock"], read_timeout="1s") as broken:
            check_error(broken.curl("/api/system/status"), 504, "EXTERNAL_SERVICE_ERROR", retry=True)
            silent.close()
            check_error(broken.curl("/api/system/status"), 502, "EXTERNAL_SERVICE_ERROR", retry=True)
            (folder / "sock").unlink()
            check_error(broken.curl("/health", "--http1.1"), 502, "EXTERNAL_SERVICE_ERROR", retry=True)


def logged_as(site, request_id):
    """The line of the access log, which Nginx writes after it has answered."""
    def entry():
        lines = (site.folder / "ccr-ui-backend.access.log").read_text().splitlines()
        return next((each for each in map(json.loads, lines) if each["request_id"] == request_id), None)
    return wait_until("the line is there", entry)


def test_the_access_log_is_json(site):
    site.curl("/api/system/status?q=%22%5C", "-A", 'quote " and \\', "-H", "X-Request-Id: logged-once-1")
    logged = logged_as(site, "logged-once-1")
    assert (logged["method"], logged["uri"], logged["status"]) == ("GET", "/api/system/status?q=%22%5C", 200)
    assert (logged["protocol"], logged["tls"], logged["remote_addr"]) == ("HTTP/2.0", "TLSv1.3", "127.0.0.1")
    assert logged["user_agent"] == 'quote " and \\'


# ---- live events ----------------------------------------------------------------------------------------------------


def test_live_events_come_through_over_tls(whole):
    backend = whole.start(whole.cli("live", EVENTS_SOCKET=str(whole.folder / "live" / "events.sock")))
    with Site(whole.folder, "live-site", [backend.socket], EVENTS_SOCKET=whole.folder / "live" / "events.sock") as site:
        answer = site.curl("/api/auth/login", "-H", "Content-Type: application/json", "--data",
                           json.dumps({"username": "admin", "password": PASSWORD}))
        cookies = dict(cookie.partition(";")[0].split("=", 1) for cookie in answer.headers["set-cookie"])
        place = {"cookies": cookies, "host": NAME, "tls": ssl.create_default_context(cafile=site.certificate)}
        live = open_websocket(site.https, origin=f"https://{NAME}", **place)
        assert live.next() == {"type": "Ready"}
        live.send('{"type":"Ping"}')
        assert live.next() == {"type": "Pong"}
        live.close()
        with pytest.raises(Refused) as refused:
            WebSocket(site.https, origin="https://evil.example", **place)
        assert refused.value.status == 403
        backend.stop()
        check_error(site.curl("/ws"), 502, "EXTERNAL_SERVICE_ERROR", retry=True)


# ---- metrics -----------------------------------------------------------------------------------------------------------


def test_metrics_are_shown_to_this_machine(site):
    answer = site.curl("/metrics")
    assert answer.status == 200 and "\nccr_workers_max 2\n" in answer.body
    check_headers(answer)
    site.curl("/api/system/status", "-H", "X-Request-Id: after-metrics-1")
    logged_as(site, "after-metrics-1")
    assert '"/metrics"' not in (site.folder / "ccr-ui-backend.access.log").read_text()
    site.maintenance.touch()
    try:
        assert site.curl("/metrics").status == 200
    finally:
        site.maintenance.unlink()


def test_metrics_have_an_outer_wall(whole):
    with Site(whole.folder, "walled", [whole.one.socket], METRICS_ALLOW="10.0.0.0/8,2001:db8::1") as walled:
        check_error(walled.curl("/metrics"), 403, "AUTHORIZATION_ERROR")
        assert walled.curl("/health").status == 200
        text = (walled.folder / "site.conf").read_text()
        assert re.search(r"allow 10\.0\.0\.0/8;\n +allow 2001:db8::1;\n +deny all;", text)
    with Site(whole.folder, "shut", [whole.one.socket], METRICS_ALLOW="none") as shut:
        check_error(shut.curl("/metrics"), 403, "AUTHORIZATION_ERROR")


def test_the_backend_is_the_inner_wall(whole):
    """With the outer one open, and a proxy in front: the client's address counts, not the proxy's."""
    with Site(whole.folder, "opened", [whole.one.socket], METRICS_ALLOW="all", TRUSTED_PROXIES="127.0.0.1") as opened:
        assert opened.curl("/metrics").status == 200
        refused = opened.curl("/metrics", "-H", "X-Forwarded-For: 198.51.100.7")
        assert refused.status == 403 and json.loads(refused.body)["error"]["code"] == "AUTHORIZATION_ERROR"


# ---- whose address --------------------------------------------------------------------------------------------------


def address_of_failed_login(whole, site, name):
    """What the backend takes for the client's address."""
    answer = site.curl("/api/auth/login", "-H", "X-Forwarded-For: 198.51.100.7", "-H", "Content-Type: application/json",
                       "-H", f"X-Request-Id: {name}", "--data", json.dumps({"username": name, "password": "wrong password"}))
    assert answer.status == 401
    entries = wait_until("the failed login is logged", lambda: [
        entry for backend in (whole.one, whole.two) for entry in backend.log_entries()
        if entry.get("request_id") == name and "address" in entry])
    return entries[0]["address"]


def test_x_forwarded_for_is_not_believed(whole, site):
    assert address_of_failed_login(whole, site, "spoofing-1") == "127.0.0.1"


def test_x_forwarded_for_of_a_trusted_proxy_is_believed(whole):
    with Site(whole.folder, "proxied", [whole.one.socket], TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8") as proxied:
        assert address_of_failed_login(whole, proxied, "spoofing-2") == "198.51.100.7"


def test_x_forwarded_for_of_another_proxy_is_not(whole):
    with Site(whole.folder, "others", [whole.one.socket], TRUSTED_PROXIES="10.0.0.0/8") as others:
        assert address_of_failed_login(whole, others, "spoofing-3") == "127.0.0.1"


def test_a_client_with_an_address_of_the_list_cannot_write_another(whole, limited):
    """The list is a whole network; the proxy appends the address of the client that is in it, which has written one before."""
    forged = [f"198.51.100.{number}, 10.9.9.9" for number in range(40, 45)]
    with Site(whole.folder, "inside", [limited.socket], TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8") as site:
        assert statuses_of(site, forged) == [401] * 3 + [429] * 2
    with Site(whole.folder, "chain", [limited.socket], TRUSTED_PROXIES="127.0.0.1,10.9.9.9", REAL_IP_RECURSIVE="on") as site:
        assert statuses_of(site, forged) == [401] * 5  # two proxies one behind the other, and five clients
        assert statuses_of(site, ["192.0.2.99, 203.0.113.50, 10.9.9.9"] * 4) == [401, 401, 401, 429]


@pytest.fixture(scope="module")
def limited(whole):
    """A backend that lets three requests of an address pass, and then one in 5 s."""
    return whole.start(whole.cli("rate-limited", RATE_LIMIT="2", RATE_LIMIT_BURST="3"))


def statuses_of(site, forwarded_for):
    return [site.curl("/api/auth/me", "-H", f"X-Forwarded-For: {address}", "-H", f"X-Real-IP: {address}", "--http1.1").status
            for address in forwarded_for]


def test_forged_addresses_share_the_limit_of_the_real_one(whole, limited):
    forged = [f"198.51.100.{number}" for number in range(5)]
    with Site(whole.folder, "forged", [limited.socket], TRUSTED_PROXIES="10.0.0.0/8") as site:
        assert statuses_of(site, forged) == [401] * 3 + [429] * 2


def test_clients_of_a_trusted_proxy_have_limits_of_their_own(whole, limited):
    with Site(whole.folder, "trusting", [limited.socket], TRUSTED_PROXIES="127.0.0.1") as site:
        assert statuses_of(site, ["203.0.113.1"] * 4 + ["203.0.113.2"] * 4) == [401, 401, 401, 429] * 2
        # What a client wrote in front of the proxy's own word is not believed.
        assert statuses_of(site, [f"192.0.2.{number}, 203.0.113.3" for number in range(4)]) == [401, 401, 401, 429]
        answer = site.curl("/api/auth/me", "-H", "X-Forwarded-For: 203.0.113.3")
        assert (answer.header("ratelimit-remaining"), answer.header("ratelimit-policy")) == ("0", "2;w=10")
        assert answer.header("ratelimit-reset") == answer.header("retry-after")


# ---- several backends -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def load(site, threads=6):
    """Requests until the block ends; a list of their statuses."""
    statuses, done = [], threading.Event()
    context = ssl.create_default_context(cafile=str(site.certificate))
    context.check_hostname = False  # it connects to an address

    def work():
        connection = http.client.HTTPSConnection("127.0.0.1", site.https, timeout=60, context=context)
        while not done.is_set():
            try:
                connection.request("GET", "/api/system/status", headers={"Host": NAME})
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
            except (OSError, http.client.HTTPException) as problem:
                connection.close()
                statuses.append(repr(problem))

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield statuses
    finally:
        done.set()
        for worker in workers:
            worker.join(25)


def progress(statuses):
    before = len(statuses)
    wait_until("200 more requests", lambda: len(statuses) > before + 200)


def kill(backend):
    for pid in [backend.pid, *backend.workers()]:
        with contextlib.suppress(ProcessLookupError):  # a worker ends with its master
            os.kill(pid, signal.SIGKILL)
    backend.process.wait()


def test_one_of_two_backends_may_die(whole):
    """127.0.0.2 stands for another host: Nginx leaves such a one alone for a while after it failed."""
    port = free_port()
    local = whole.start(whole.cli("local"))
    remote = whole.start(whole.cli("remote", HOST="127.0.0.2", PORT=str(port)))
    with Site(whole.folder, "several", [local.socket, f"127.0.0.2:{port}"]) as site, load(site) as statuses:
        progress(statuses)
        kill(local)
        progress(statuses)
        local.start()
        wait_until("it is back", lambda: local.cli.run("healthcheck", "--socket", local.socket).returncode == 0)
        progress(statuses)
        kill(remote)
        progress(statuses)
    log = [json.loads(line) for line in (site.folder / "ccr-ui-backend.access.log").read_text().splitlines()]
    upstreams = {address.strip() for entry in log for address in entry["upstream"].split(",")}
    retried = sum("," in entry["upstream"] for entry in log)
    print([(entry["time"], entry["status"], entry["upstream"], entry["upstream_status"]) for entry in log if entry["status"] != 200][:20])
    print(f"{len(statuses)} requests, both backends killed in turn, {retried} asked the other one, "
          f"{sum(status != 200 for status in statuses)} failed")
    assert set(statuses) == {200}
    assert upstreams == {f"unix:{local.socket}", f"127.0.0.2:{port}"}
    assert retried > 0


def test_a_backend_without_its_database_is_passed_over(whole):
    """As one is that starts on a busy machine: whoever asks gets the answer of the other."""
    seeing, blind = whole.start(whole.cli("seeing")), whole.cli("blind", DATABASE_URL=f"postgres://ccr@127.0.0.1:{free_port()}/ccr")
    backend = Backend(blind, "spawn-fcgi")
    whole.ending.callback(backend.stop)
    backend.start()
    wait_until("it answers", lambda: blind.run("healthcheck", "--socket", backend.socket).returncode == 1)
    with Site(whole.folder, "half-blind", [backend.socket, seeing.socket]) as site, load(site) as statuses:
        progress(statuses)
    assert set(statuses) == {200}
    log = [json.loads(line) for line in (site.folder / "ccr-ui-backend.access.log").read_text().splitlines()]
    assert any(entry["upstream_status"] == "503, 200" for entry in log)


# ---- the script -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(whole):
    """A site with CCR UI, and a browser's cookies."""
    folder = ui_build.make_build(new_folder(whole.folder, "frontend"))
    web = shutil.copytree(ROOT / "web", whole.folder / "web")
    for path in (web, *web.rglob("*")):
        give(path)
    port = free_port()
    with Site(whole.folder, "beside", [whole.one.socket], WEB_DIR=web, FRONTEND_DIR=folder, UI_LISTEN=f"127.0.0.1:{port} [::1]:{port}") as site:
        site.other = port
        login = site.curl("/api/auth/login", "--json", json.dumps({"username": "admin", "password": PASSWORD}))
        assert login.status == 200, login.body
        site.cookies = "; ".join(cookie.partition(";")[0] for cookie in login.headers["set-cookie"])
        yield site


def test_ccr_ui_is_served_at_the_root(beside):
    anonymous = beside.curl("/configs/some/page?x=%2F")
    assert (anonymous.status, anonymous.header("location")) == (302, "/login?next=/configs/some/page?x=%2F")
    check_headers(anonymous)
    page = beside.curl("/configs/some/page", "-H", f"Cookie: {beside.cookies}")
    assert (page.status, page.body) == (200, ui_build.INDEX)
    policy = page.header("content-security-policy")
    assert "script-src 'self' 'unsafe-eval';" in policy and "frame-ancestors 'none'" in policy and "connect-src 'self';" in policy
    assert page.header("strict-transport-security") == HSTS and page.header("cache-control") == "no-cache"
    assert page.header("x-content-type-options") == "nosniff"
    asset = beside.curl("/assets/app.js")
    assert (asset.status, asset.header("cache-control")) == (200, "public, max-age=31536000, immutable")
    check_error(beside.curl("/assets/none.js"), 404, "NOT_FOUND")
    check_headers(beside.curl("/api/system/status"))
    assert beside.curl("/api/configs").status == 401
    assert beside.curl("/console/x").header("location") == "/login?next=/console/x"
    assert "default-src 'self'" in beside.curl("/login").header("content-security-policy")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_ccr_ui_s_other_addresses_are_plain_http(beside, host):
    site = f"http://{host}:{beside.other}"
    page = curl(f"{site}/droid/models")
    assert (page.status, page.header("location"), page.header("strict-transport-security")) == (302, "/login?next=/droid/models", None)
    login = curl(f"{site}/api/auth/login", "--json", json.dumps({"username": "admin", "password": PASSWORD}))
    assert login.status == 200 and not any("Secure" in cookie for cookie in login.headers["set-cookie"])
    cookies = "; ".join(cookie.partition(";")[0] for cookie in login.headers["set-cookie"])
    assert curl(f"{site}/droid/models", "-H", f"Cookie: {cookies}").body == ui_build.INDEX
    for origin, status in ((site, 400), ("http://localhost:1", 403)):
        sent = curl(f"{site}/api/switch", "-H", f"Cookie: {cookies}", "-H", f"Origin: {origin}", "--json", '{"config_name":"none"}')
        assert sent.status == status, sent.body


def test_ccr_ui_listens_where_its_pages_look():
    def listens(*arguments):
        return re.findall(r"listen ((?:127\.|\[::1).*);", render("SERVER_NAME=a", "FRONTEND_DIR=/srv/ui", *arguments).stdout)
    everywhere = {f"{address}:{port}" for address in ("127.0.0.1", "[::1]") for port in (8081, 48081)}
    assert set(listens()) in (everywhere, {place for place in everywhere if "[" not in place})
    assert listens("UI_LISTEN=127.0.0.1:8081,[::1]:9") == ["127.0.0.1:8081", "[::1]:9"]
    assert listens("UI_LISTEN=none") == listens("FRONTEND_DIR=") == []
    policy = render("SERVER_NAME=a", "FRONTEND_DIR=/srv/ui").stdout
    assert 'set $ccr_ui "/srv/ui";' in policy and "root_ccr.conf" not in policy


@pytest.mark.parametrize("arguments, complaint", [
    ([], "SERVER_NAME is required"),
    (["SERVER_NAME=a b;c"], "SERVER_NAME 'b;c'"),
    (["SERVER_NAME=a", "SOCKET=relative.sock"], "SOCKET 'relative.sock'"),
    (["SERVER_NAME=a", "SOCKET=/" + "x" * 107], "longer than the 107 bytes"),
    (["SERVER_NAME=a", 'CERTIFICATE=/x";'], "CERTIFICATE"),
    (["SERVER_NAME=a", "TRUSTED_PROXIES=all"], "TRUSTED_PROXIES 'all'"),
    (["SERVER_NAME=a", "REAL_IP_RECURSIVE=yes"], "REAL_IP_RECURSIVE 'yes'"),
    (["SERVER_NAME=a", "HTTPS_PORT=70000"], "HTTPS_PORT '70000'"),
    (["SERVER_NAME=a", "HSTS=yes"], "HSTS 'yes'"),
    (["SERVER_NAME=a", "FRONTEND_DIR=/srv/ui", "UI_LISTEN=8081"], "UI_LISTEN '8081'"),
    (["SERVER_NAME=a", "FRONTEND_DIR=/srv/ui", "WEB_DIR=none"], "FRONTEND_DIR needs WEB_DIR"),
    (["SERVER_NAME=a", "COLOUR=blue"], "there is no COLOUR"),
    (["--colour"], "'--colour' is not an argument"),
])
def test_wrong_values_are_refused(arguments, complaint):
    result = render(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert complaint in result.stderr


def test_check_tells_what_nginx_does_not_like(tmp_path):
    result = render("SERVER_NAME=a", "CERTIFICATE=/nonexistent/a.pem", f"LOG_DIR={tmp_path}", "HTTP_PORT=18080",
                    "HTTPS_PORT=18443", "--check", "-o", tmp_path / "site.conf")
    assert result.returncode == 1
    assert "Nginx refuses it" in result.stderr and "/nonexistent/a.pem" in result.stderr
    assert not (tmp_path / "site.conf").exists()


def test_the_defaults_are_those_of_the_guide():
    text = render("SERVER_NAME=ccr.example.org", "LISTEN=0.0.0.0,[::]").stdout
    for line in ["listen 0.0.0.0:80;", "listen [::]:80;", "return 301 https://ccr.example.org$request_uri;",
                 "server unix:/run/ccr-ui-backend/fastcgi.sock max_fails=0;", 'alias "/var/www/ccr-ui-static/";',
                 '"/etc/letsencrypt/live/ccr.example.org/fullchain.pem"', "client_max_body_size        12m;"]:
        assert line in text
    assert re.search(r"listen \[::\]:443 ssl( http2)?;", text)
