"""Health, version, update check, and what holds for every answer: request ids, CORS, languages, HEAD, 404, 405, the log."""

import base64
import json
import os
import platform
import re
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from configs import BASE, create, read, refused
from stack import BINARY, ROOT, clean_environment
from wire import Wire

ROUTES = json.loads(subprocess.run([BINARY, "routes", "--json"], check=True, capture_output=True,
                                   env=clean_environment()).stdout)
ORIGIN = "https://ccr.example.org"


class UpdateSource:
    """Answers what .answer says: (status, headers, body)."""

    def __init__(self):
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                source.seen.append((self.path, dict(self.headers)))
                status, headers, body = source.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.seen = []
        self.answer = (404, {}, b"")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/latest.json"

    def says(self, body, status=200, **headers):
        self.answer = (status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture(scope="module")
def source():
    source = UpdateSource()
    yield source
    source.server.shutdown()
    source.server.server_close()


@pytest.fixture(scope="module")
def system(module_stack, source):
    return module_stack(UPDATE_URL=source.url, CORS_ORIGINS=f"{ORIGIN},http://localhost:3000", LOG_LEVEL="debug",
                        SLOW_STATEMENT=0)


@pytest.fixture(scope="module")
def admin(system):
    return system.client("admin")


@pytest.fixture(scope="module")
def ada(system):
    return system.client("ada")


@pytest.fixture
def anybody(system):
    return system.client()


# ---- health ----

def test_health(anybody):
    answer = anybody.get("/health")
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (200, "OK", "text/plain; charset=utf-8")
    assert anybody.head("/health").content == b""


def test_live(anybody):
    assert anybody.get("/api/system/live").json() == {"status": "alive"}


def test_status(system, anybody):
    body = anybody.get("/api/system/status").json()
    assert body["status"] == "healthy" and body["database"]["healthy"] and body["database"]["latency_ms"] is not None
    with system.db() as db:
        assert db.execute("SHOW server_version_num").fetchone()[0].startswith(body["database"]["server_version"].split(".")[0])
    assert body["database"]["migrations"] == {"applied": len(list((ROOT / "sql" / "migrations").glob("*.up.sql"))),
                                              "pending": 0}
    assert body["workers"]["total"] == len(system.backend.workers()) >= body["workers"]["busy"] >= 1
    assert body["workers"]["restarts"] == 0 and body["cache"] == {"enabled": True, "healthy": True}
    assert "redis" not in body
    assert body["memory_usage"]["worker_rss_bytes"] > 1024 * 1024
    assert body["version"] in subprocess.run([BINARY, "version"], capture_output=True, text=True,
                                             env=clean_environment()).stdout
    assert anybody.get("/api/system/status").json()["uptime"] >= body["uptime"]


def test_machine(ada):
    body = ada.get("/api/system").data
    assert (body["hostname"], body["kernel_version"], body["cpu_cores"]) == (
        platform.node(), platform.release(), os.cpu_count())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    assert body["total_memory_gb"] == pytest.approx(memory,
                                                    rel=0.1) and 0 < body["used_memory_gb"] < body["total_memory_gb"]
    assert body["memory_usage_percent"] == pytest.approx(100 * body["used_memory_gb"] / body["total_memory_gb"], abs=0.5)
    assert body["used_swap_gb"] <= body["total_swap_gb"] and body["uptime_seconds"] > 0
    with open("/etc/os-release") as release:
        facts = dict(line.strip().split("=", 1) for line in release if "=" in line)
    assert body["os"] == facts["NAME"].strip('"') and body["os_version"] == facts.get("VERSION_ID", "").strip('"')


# ---- version and updates ----

def test_version(ada):
    body = ada.get("/api/version").data
    document = (ROOT / "docs" / "openapi.yaml").read_text()
    assert f"version: {body['current_version']}\n" in document
    assert body["git_commit"] == "N/A" or re.fullmatch("[0-9a-f]{7,40}", body["git_commit"])
    assert body["build_time"] == "N/A" or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["build_time"])


@pytest.mark.parametrize("tag, latest, has_update", [
    ("v99.0.0", "99.0.0", True), ("99.0.0", "99.0.0", True), ("v0.1.0", "0.1.0", False), ("0.0.9", "0.0.9", False),
    ("v0.1.10", "0.1.10", True),
    ("0.10.0", "0.10.0", True), ("v0.1", "0.1", False), ("0.1.0.5", "0.1.0.5", False), ("v1.0.0-rc1", "1.0.0-rc1", True),
    ("nightly", "nightly", False),
    ("", "", False), ("v" * 500, "v" * 499, False),
])
def test_check_update(ada, source, tag, latest, has_update):
    source.says({"tag_name": tag, "html_url": "https://updates.example.org/x", "body": "Notes\n\"quoted\" 说明",
                 "published_at": "2025-11-22T09:30:00Z",
                 "assets": [{"ignored": True}]})
    current = ada.get("/api/version").data["current_version"]
    assert ada.get("/api/version/check-update").data == {
        "current_version": current, "latest_version": latest, "has_update": has_update,
        "release_url": "https://updates.example.org/x",
        "release_notes": "Notes\n\"quoted\" 说明", "published_at": "2025-11-22T09:30:00Z"}
    path, headers = source.seen[-1]
    assert path == "/latest.json" and headers["User-Agent"] == f"ccr-ui-backend/{current}"
    assert "Authorization" not in headers and "Cookie" not in headers


def test_check_update_with_little_to_say(ada, source):
    source.says({"tag_name": "v9.9.9", "html_url": None, "body": 5})
    body = ada.get("/api/version/check-update").data
    assert (body["has_update"], body["release_url"], body["release_notes"], body["published_at"]) == (True, "", None, None)


@pytest.mark.parametrize("status, headers, body", [
    (404, {}, b"{}"), (500, {}, b'{"tag_name":"v9"}'), (200, {}, b""), (200, {}, b"<html>"), (200, {}, b"[]"),
    (200, {}, b'"v9"'), (200, {}, b"{}"),
    (200, {}, b'{"tag_name":9}'), (200, {}, b'{"tag_name":null}'), (200, {}, b'{"tag_name":"\xff"}'),
    (200, {}, b'{"tag_name":"v9","tag_name":"v8"}'),
    (200, {}, b"[" * 100000), (200, {}, b'{"tag_name":"v9"}' + b" " * 2 * 1024 * 1024),
    (302, {"Location": "file:///etc/passwd"}, b""),
    (302, {"Location": "gopher://127.0.0.1/"}, b""), (302, {"Location": "/latest.json"}, b""),
    (200, {}, b'{"tag_name":"v\\u0000"}'),
])
def test_update_sources_that_answer_nonsense(ada, source, status, headers, body):
    source.answer = (status, headers, body)
    answer = ada.get("/api/version/check-update")
    error = refused(answer, 502, "EXTERNAL_SERVICE_ERROR")
    assert error["message"].startswith("The update source did not answer: ")
    assert "127.0.0.1" not in answer.text and "root:" not in answer.text
    chinese = ada.get("/api/version/check-update", headers={"Accept-Language": "zh"})
    assert chinese.json()["message"].startswith("更新源无响应：")


def test_no_update_source(alice):
    error = refused(alice.get("/api/version/check-update"), 502, "EXTERNAL_SERVICE_ERROR")
    assert error["message"] == "no update source (UPDATE_URL is not set)"


def test_nobody_answers(fresh_stack):
    source = UpdateSource()
    source.server.server_close()
    stack = fresh_stack(UPDATE_URL=source.url, MAX_CONNECTIONS=1)
    answer = stack.client("ada").get("/api/version/check-update")
    refused(answer, 502, "EXTERNAL_SERVICE_ERROR")
    assert str(source.server.server_port) not in answer.text
    source.server.shutdown()


def test_update_is_for_others(ada, admin):
    refused(ada.post("/api/version/update"), 403, "AUTHORIZATION_ERROR")
    body = admin.post("/api/version/update").json()
    assert body["success"] is True and body["data"]["success"] is False and body["data"]["exit_code"] == 2


# ---- request ids ----

@pytest.mark.parametrize("sent", ["12345678", "req-1.a_B-2", "x" * 36, "0b8e6a52-3f0d-4c57-9d0e-6f3f3a1f2f10"])
def test_the_clients_request_id(system, ada, sent):
    for path, status in (("/api/configs", 200), ("/api/configs/nobody", 404), ("/nowhere", 404), ("/api/nowhere", 404),
                         ("/health", 200)):
        answer = ada.get(path, headers={"X-Request-Id": sent})
        assert (answer.status_code, answer.headers["X-Request-Id"]) == (status, sent)
        if status == 404:
            assert answer.json()["request_id"] == sent
    assert [entry["route"] for entry in system.backend.log_entries() if entry.get("request_id") == sent
            and "route" in entry][:2] == [
        "/api/configs", "/api/configs/{name}"]


@pytest.mark.parametrize("sent",
                         [None, "", "short", "x" * 37, "with space", "quote\"quote\"", "new%0Aline", "ünïcödé-id".encode(),
                          "<script>x", "a,b,c,d,e"])
def test_request_ids_that_will_not_do(ada, sent):
    headers = {} if sent is None else {"X-Request-Id": sent}
    ids = set()
    for path in ("/api/configs/nobody", "/nowhere"):
        answer = ada.get(path, headers=headers)
        ids.add(answer.headers["X-Request-Id"])
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert len(ids) == 2 and all(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made) for made in ids)


def test_headers_of_every_answer(ada):
    assert ada.get("/api/configs").headers["Cache-Control"] == "private, no-cache", "kept, but asked about each time"
    for answer in (ada.get("/api/validate"), ada.get("/api/configs/nobody"), ada.get("/api/nowhere"),
                   ada.post("/api/switch", data="{"),
                   ada.get("/nowhere")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"].startswith("application/json")
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "nginx/" not in answer.headers.get("Server", "")


# ---- CORS ----

@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
def test_listed_origins(ada, anybody, origin):
    for answer in (ada.get("/api/configs", headers={"Origin": origin}),
                   anybody.get("/api/configs", headers={"Origin": origin}),
                   anybody.post("/api/auth/login", json={}, headers={"Origin": origin}),
                   ada.get("/api/nowhere", headers={"Origin": origin})):
        assert answer.headers["Access-Control-Allow-Origin"] == origin and "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin",
                         [None, "https://evil.example", "null", f"{ORIGIN}.evil.example", "http://ccr.example.org",
                          f"{ORIGIN}:8443", "https://ccr.example.or",
                                    f"{ORIGIN},http://localhost:3000", "*", "http://localhost:30000", f"{ORIGIN}/"])
def test_other_origins(ada, origin):
    headers = {"Origin": origin} if origin else {}
    for answer in (ada.get("/api/configs", headers=headers),
                   ada.options("/api/configs", headers={**headers, "Access-Control-Request-Method": "POST"})):
        assert answer.status_code in (200, 204)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path, method",
                         [("/api/configs", "POST"), ("/api/configs/x", "PUT"), ("/api/configs/x", "DELETE"),
                          ("/api/configs/x/enable", "PATCH")])
def test_preflight(anybody, path, method):
    wanted = "authorization,content-type,x-ccr-workspace,if-match"
    answer = anybody.options(path, headers={"Origin": ORIGIN, "Access-Control-Request-Method": method,
                                            "Access-Control-Request-Headers": wanted})
    assert answer.status_code == 204 and answer.content == b""
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "x-ccr-workspace", "if-match", "if-none-match"} <= set(allowed)
    assert "Access-Control-Allow-Credentials" not in answer.headers and int(answer.headers["Access-Control-Max-Age"]) > 0


def test_no_origins_by_default(alice):
    answer = alice.get("/api/configs", headers={"Origin": ORIGIN})
    assert answer.status_code == 200 and "Access-Control-Allow-Origin" not in answer.headers


# ---- languages ----

@pytest.mark.parametrize("wanted, chinese", [
    ("zh", True), ("zh-CN", True), ("zh-CN,zh;q=0.9,en;q=0.8", True), ("ZH-hans", True), (" zh", True), (None, False),
    ("", False), ("en", False), ("en-US,zh;q=0.9", False),
    ("de", False), ("*", False), ("x" * 2000, False),
])
def test_languages(ada, anybody, wanted, chinese):
    headers = {"Accept-Language": wanted.strip()} if wanted is not None else {"Accept-Language": None}
    for answer, english, other in (
            (anybody.get("/api/configs", headers=headers), "Log in to use this", "请先登录"),
            (ada.get("/api/configs/x", headers=headers), "Config 'x' not found", "配置节 'x' 不存在"),
            (ada.post("/api/switch", json={}, headers=headers), "Some fields are not valid: config_name is required",
             "部分字段无效：config_name 为必填项"),
            (ada.put("/api/switch", headers=headers), "This address does not take PUT requests", "此地址不接受 PUT 请求"),
            (ada.get("/nowhere", headers=headers), "Not found", "未找到")):
        assert answer.json()["message"] == answer.json()["error"]["message"] == (other if chinese else english)


# ---- HEAD, OPTIONS, 404, 405 ----

def concrete(path):
    return re.sub(r"{(\w+)}", "x", path)


def methods_of(path):
    return {route["method"] for route in ROUTES if route["path"] == path}


PATHS = sorted({route["path"] for route in ROUTES})


@pytest.mark.parametrize("path",
                         ["/health", "/api/configs", "/api/system/live", "/api/system/status", "/api/auth/me",
                          "/api/configs/nobody", "/api/version", "/api/workspaces"])
def test_head(ada, path):
    get, head = ada.get(path), ada.head(path)
    assert head.content == b"" and head.status_code == get.status_code
    different = {"X-Request-Id", "Date", "Connection", "Content-Length", "Transfer-Encoding"}
    assert {name: value for name, value in head.headers.items() if name not in different} == {
        name: value for name, value in get.headers.items() if name not in different}


@pytest.mark.parametrize("path", PATHS)
def test_other_methods(admin, path):
    known = methods_of(path)
    allow = [method for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
             if method in known or (method == "HEAD" and "GET" in known) or method == "OPTIONS"]
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "FOO"} - set(allow):
        answer = admin.request(method, concrete(path))
        assert answer.status_code == 405 and answer.headers["Allow"] == ", ".join(allow), method
        if method != "HEAD":
            assert refused(answer, 405, "METHOD_NOT_ALLOWED")["message"] == f"This address does not take {method} requests"
    answer = admin.anonymous().options(concrete(path))
    assert (answer.status_code, answer.content, answer.headers["Allow"]) == (204, b"", ", ".join(allow))


@pytest.mark.parametrize("path", [
    "/api/", "/apis", "/API/configs", "/api/configs/", "/api//configs", "//api/configs", "/api/Configs",
    "/api/configs//enable", "/api/configs/x/y",
    "/api/configs/x/enable/", "/health/", "/healthy", "/api/health", "/api/configs;x=1", "/api/auth",
    "/api/users/x/y/z/1/2/3/4/5/6/7", "/api/" + "x" * 4000, "/api/%63onfigs",
    "/index.html", "/.env", "/api/../.env", "/api/%2e%2e/.env", "/api/configs%00", "/ws/", "/api/routes",
])
def test_no_such_address(ada, path):
    for method in ("GET", "POST", "DELETE"):
        answer = ada.request(method, path)
        expected = (400, "VALIDATION_ERROR") if "%00" in path else (404, "NOT_FOUND")
        refused(answer, *expected)
    assert ada.options(path).status_code in (400, 404)


@pytest.mark.parametrize("path, headers, statuses", [
    (b"/api/configs/%zz", {}, {400}), (b"/api/configs/%", {}, {400}), (b"/api/configs/\x00", {}, {400}),
    (b"/api/configs/" + b"x" * 20000, {}, {414}),
    (b"/api/../../x", {}, {400}), (b"/api/configs", {"X-Long": "x" * 20000}, {400, 431}),
    (b"/api/configs", {"Content-Length": "x"}, {400}),
    (b"api/configs", {}, {400}), (b"/api/configs", {"Host": ""}, {400}), (b"/api/configs", {"Host": "a/b"}, {400}),
])
def test_what_nginx_refuses(system, contract, path, headers, statuses):
    """With the same body as the program's own errors."""
    answer = Wire(system).request("GET", path, headers=headers)
    assert answer.status_code in statuses
    contract.validate(f"{path[:40]}", contract.error_schema(), answer)
    assert answer.code == "VALIDATION_ERROR"


# ---- the log ----

def test_one_line_a_request(system, ada):
    sent = str(uuid.uuid4())
    answer = ada.get("/api/configs?limit=5", headers={"X-Request-Id": sent})
    (line,) = [entry for entry in system.backend.log_entries() if entry.get("request_id") == sent
               and entry.get("message") == "request"]
    assert line.items() >= {"level": "info", "user": "ada", "method": "GET", "route": "/api/configs", "status": 200,
                            "bytes": len(answer.content)}.items()
    assert line["duration_ms"] >= 0 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_every_line_is_json(system, ada):
    ada.get("/api/configs/%22%0A%E5%BC%A0", headers={"User-Agent": "a\"b\\c", "Accept-Language": b"\xff"})
    wire = Wire(system)
    for method in ("FOO_BAR", "x" * 2000):
        wire.request(method, "/api/configs", headers={"User-Agent": b"\xff\xfe", "X-Request-Id": b"\xff" * 9})
    assert [entry for entry in system.backend.log_entries() if "text" in entry] == []


def test_what_breaks_is_in_the_log_under_its_id(system, ada):
    create(ada, "sealed-elsewhere")
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        db.execute("UPDATE resources SET sealed = '{\"auth_token\":\"not sealed\"}' WHERE name = 'sealed-elsewhere'")
    answer = ada.post("/api/configs/sealed-elsewhere/reveal")
    error = refused(answer, 500, "INTERNAL_SERVER_ERROR")
    (line,) = [entry for entry in system.backend.log_entries() if entry.get("error_id") == error["error_id"]]
    assert line["level"] == "error" and line["request_id"] == answer.headers["X-Request-Id"]
    ada.delete("/api/configs/sealed-elsewhere")


def test_no_secret_is_logged(system, ada, admin, source):
    """At the level debug, with every statement logged as slow."""
    def token(number):
        return f"sk-never-in-a-log-{number}-" + base64.urlsafe_b64encode(os.urandom(12)).decode()
    tokens = [token(number) for number in range(8)]
    passwords = [f"password never logged {number} {os.urandom(4).hex()}" for number in range(5)]
    assert admin.post("/api/users", json={"username": "quiet", "password": passwords[0]}).status_code == 201
    quiet = system.client().login("quiet", passwords[0])
    hidden = [quiet.token, quiet.refresh_token, system.passwords["ada"], system.passwords["admin"]]
    quiet.anonymous().post("/api/auth/login", json={"username": "quiet", "password": passwords[1]})
    quiet.anonymous().post("/api/auth/login", json={"username": passwords[2], "password": "x"})
    quiet.post("/api/auth/password", json={"current_password": passwords[0], "new_password": passwords[3]})
    quiet.post("/api/auth/password/confirm", json={"password": passwords[3]})
    admin.post("/api/users/quiet/password", json={"password": passwords[4]})
    quiet = system.client().login("quiet", passwords[4])
    pat = quiet.post("/api/tokens", json={"name": "pat", "scopes": ["read", "write"]}).data["token"]
    hidden += [quiet.token, quiet.refresh_token, pat]
    quiet.get("/api/configs", headers={"Authorization": f"Bearer {pat}"})
    quiet.get("/api/configs", headers={"Authorization": f"Bearer {tokens[0]}"})
    quiet.get("/api/configs", headers={"Authorization": f"Basic {tokens[1]}",
                                       "Cookie": f"ccr_access={tokens[1]}; ccr_refresh={tokens[1]}"})
    create(quiet, "a", auth_token=tokens[2])
    quiet.put("/api/configs/a", json={"base_url": BASE, "auth_token": tokens[3]})
    quiet.post("/api/configs", json={"name": "a", "base_url": "no url", "auth_token": tokens[4]})
    quiet.post("/api/configs", data='{"auth_token": "' + tokens[4] + '", ', headers={"Content-Type": "application/json"})
    quiet.post("/api/import", json={"content": f'[b]\nbase_url = "{BASE}"\nauth_token = "{tokens[5]}"\n',
                                    "mode": "replace"})
    quiet.post("/api/import", json={"content": f'[b]\nauth_token = "{tokens[6]}"\nauth_token = "{tokens[6]}"\n'})
    quiet.post("/api/command/execute", json={"command": "temp-token", "args": ["set", tokens[7]]})
    quiet.post("/api/export", json={"include_secrets": True})
    assert quiet.post("/api/configs/b/reveal").data["auth_token"] == tokens[5] and read(quiet, "b")
    backup = quiet.get("/api/backups").data["backups"][0]["id"]
    assert quiet.post(f"/api/backups/{backup}/restore").status_code == 200
    quiet.post("/api/auth/refresh", json={"refresh_token": quiet.refresh_token})
    log = system.backend.log()
    assert '"slow statement"' in log and '"user":"quiet"' in log
    hidden += tokens + passwords + [system.cli.env["JWT_SECRET"], system.cli.env["SECRETS_KEY"].partition(":")[2],
                                    system.cluster.password]
    assert [value for value in hidden if value in log] == []
