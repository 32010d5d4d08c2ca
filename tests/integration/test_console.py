"""The console in a real Chromium. What is clicked stands in tests/browser/scenarios/, one file each; here stands what they meet."""

import base64
import contextlib
import datetime
import fcntl
import gzip
import http.client
import io
import json
import os
import re
import signal
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
import requests

import ui_build
from stack import ROOT, Nginx, Process, new_folder

BROWSER = ROOT / "tests" / "browser"
SCENARIO_S = 280
OWN = "a password of my own"
FILE = ROOT / "tests" / "samples" / "cli" / "claude-settings-hooks-plugins.json"
PATHS = ["/console/", "/console/resources/claude/mcp_server", "/console/resources/claude/mcp_server/item/one",
         "/console/resources/claude/mcp_server/revisions/one", "/console/resources/claude/skill/new", "/console/account",
         "/console/workspace", "/console/transfer", "/console/usage",
         "/console/usage/budgets", "/console/usage/sources", "/console/usage/prices", "/console/usage/sessions", "/console/usage/sessions/1", "/console/site", "/console/reference", "/console/nowhere",
         "/console/resources/claude/profile", "/console/resources/claude/profile/item/work", "/console/resources/codex/settings",
         "/console/resources/claude/hook/new", "/logout"]  # the last shows the login page
REQUESTS, BYTES = 15, 300_000  # of the first page after a login, fewer than


@pytest.fixture(scope="session")
def modules():
    """What the scenarios import, at the versions of the lock file. The linter wants the same, perhaps at this moment."""
    with open(BROWSER / "package.json") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (BROWSER / "node_modules").exists():
            subprocess.run(["npm", "ci", "--prefix", BROWSER, "--no-audit", "--no-fund", "--silent"], check=True, timeout=SCENARIO_S)


@pytest.fixture
def play(modules):
    """play(stack, "NAME", more=...): the scenario's result."""
    def run(stack, name, **given):
        given = {"url": stack.url, "passwords": stack.passwords, **given}
        done = subprocess.run(["node", BROWSER / "run.mjs", name], input=json.dumps(given), capture_output=True, text=True,
                              timeout=SCENARIO_S, cwd=BROWSER)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)
    return run


# ---- the way in ------------------------------------------------------------------------------------------------------


class Browser(requests.Session):
    """Cookies and no token, as a browser has them; follows nothing."""

    def __init__(self, stack, username=None):
        super().__init__()
        self.stack = stack
        if username:
            stack.client(username)
            answer = self.post(stack.url + "/api/auth/login", json={"username": username, "password": stack.passwords[username]})
            assert answer.status_code == 200, answer.text

    def page(self, path):
        return self.get(self.stack.url + path, allow_redirects=False)


def raw(stack, path):
    """As it stands: the library would tidy the path up."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.nginx.port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize("path", ["/console/", "/console/resources/claude/agent?search=a%20b&folder=c", "/console/%2e%2e/console/x"])
def test_without_a_session_a_page_leads_to_the_login_and_back(stack, path):
    answer = raw(stack, path)
    assert (answer.status, answer.headers["Location"]) == (302, f"/login?next={path}")


def test_with_a_session_a_page_is_given_out_and_nothing_is_spent(stack):
    browser = Browser(stack, "pages")
    cookies = dict(browser.cookies)
    for _ in range(2):
        answer = browser.page("/console/account")
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert dict(browser.cookies) == cookies


def test_a_refresh_cookie_alone_is_good_enough_for_a_page(stack):
    browser = Browser(stack, "refresher")
    refresh = browser.cookies["ccr_refresh"]
    browser.cookies.clear()
    browser.cookies.set("ccr_refresh", refresh)
    assert browser.page("/console/").status_code == 200
    assert browser.post(stack.url + "/api/auth/logout", json={}, headers={"Origin": stack.url}).status_code == 200
    browser.cookies.set("ccr_refresh", refresh)
    assert browser.page("/console/").status_code == 302


def test_the_api_never_redirects(stack):
    answer = Browser(stack).page("/api/configs")
    assert answer.status_code == 401 and answer.json()["error"]["code"] == "AUTHENTICATION_ERROR"


def test_pages_are_given_out_while_the_backend_is_away(fresh_stack):
    stack = fresh_stack()
    stack.backend.stop()
    assert Browser(stack).page("/console/").status_code == 200


def test_what_pages_may_do(stack):
    browser = Browser(stack, "pages")
    for path in ("/console/", "/console/app.js", "/console/style.css", "/console/vendor/bootstrap.min.css", "/login", "/logout"):
        answer = browser.page(path)
        assert answer.status_code == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-cache", path
    for path in ("/console/nothing.js", "/console/vendor/nothing.css", "/login/index.html"):
        assert browser.page(path).status_code == 404, path
    assert browser.page("/").headers["Location"] == "/console/"
    assert browser.page("/login").text == browser.page("/console/").text, "one file is both"


def test_a_login_that_is_not_to_be_remembered_ends_with_the_browser(stack):
    stack.client("guest")
    body = {"username": "guest", "password": stack.passwords["guest"], "remember": False}
    answer = requests.post(stack.url + "/api/auth/login", json=body)
    set_cookies = [cookie for cookie in answer.raw.headers.getlist("Set-Cookie") if not cookie.startswith("ccr_browser")]
    assert len(set_cookies) == 2 and not any("Max-Age" in cookie or "Expires" in cookie for cookie in set_cookies)
    with stack.db() as connection:
        connection.execute("SELECT set_config('ccr.user', '', false)")
        hours = connection.execute("SELECT extract(epoch FROM s.expires_at - now()) / 3600 FROM sessions s"
                                   " JOIN users u ON u.id = s.user_id WHERE u.username = 'guest' AND NOT s.lasting").fetchone()[0]
    assert 11.9 < hours <= 12


def test_texts_are_there_in_both_languages():
    keys = [re.findall(r'^    "([^"]+)":', (ROOT / "web/console/text" / f"{language}.js").read_text(), re.M) for language in ("en", "zh")]
    assert keys[0] == keys[1] and len(keys[0]) == len(set(keys[0])) > 100


CODE = r"[a-z_]+\.[a-z_]+"


def actions_written():
    """What the program writes into the audit trail: codes, and the verbs that a kind's name is put in front of."""
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.c"))
    source = re.sub(r"(fail_field|check_fields|field_time)\([^;]*;", "", source)  # names of fields look the same
    areas = {code.split(".")[0] for code in re.findall(rf'(?:\.action = |"action", |audit_site\(|audit_invitation\()[^;]*?"({CODE})"', source)}
    codes = set(re.findall(rf'"((?:{"|".join(areas)})\.[a-z_]{{3,}})"', source))
    in_sql = "\n".join(path.read_text() for path in (ROOT / "sql/migrations").glob("*.up.sql"))
    codes |= set(re.findall(rf"INSERT INTO audit_log[^;]*?'({CODE})'", in_sql))
    verbs = re.findall(r'(?:resources?_save|plan_carry_out)\([^;"]*"([a-z]+)"', source) + re.findall(r'"%s\.([a-z]+)"', source)
    return codes, {*verbs, "enable", "disable"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_action_has_a_text(language):
    text = (ROOT / "web/console/text" / f"{language}.js").read_text()
    codes, verbs = actions_written()
    assert len(codes) > 30 and {"auth.login", "member.add", "profile.switch", "budget.switch"} <= codes and {"create", "apply", "share"} <= verbs
    own, of_kinds = set(re.findall(rf'"did\.({CODE})":', text)), set(re.findall(r'"did\.\*\.([a-z]+)":', text))
    assert own <= codes and verbs <= of_kinds
    kinds = {path.stem for path in (ROOT / "src/kinds").glob("*.c")}
    assert {code for code in codes - own if code.split(".")[0] not in kinds or code.split(".")[1] not in of_kinds} == set()


def test_every_text_that_is_asked_for_is_there():
    text = (ROOT / "web/console/text/en.js").read_text()
    source = "\n".join(path.read_text() for path in (ROOT / "web/console").rglob("*.js") if path.parent.name != "text")
    asked = set(re.findall(r"""\bt\(\s*["']([a-z_.]+)["']""", source))
    assert len(asked) > 100 and asked <= set(re.findall(r'^    "([^"]+)":', text, re.M))


# ---- what a person does -----------------------------------------------------------------------------------------------


def report_usage(client, machine, calls):
    """calls: (id, time, model, input, output)."""
    records = [{"platform": "claude", "id": name, "time": time, "model": model, "input": read, "output": written, "session": f"of {machine}",
                "project": f"/home/{machine}/shop"} for name, time, model, read, written in calls]
    answer = client.post("/api/usage/records", json={"records": records, "machine": machine})
    assert answer.status_code == 200, answer.text


def report_weeks(client):
    """Seven weeks of work, with some idle days, on two machines."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
    models = ("claude-opus-4-6", "claude-sonnet-4-5", "gpt-5.4", "house-model")
    for machine, every in (("laptop", 1), ("build-server", 3)):
        report_usage(client, machine, [
            (f"{machine}-{day}-{hour}", (now - datetime.timedelta(days=day, hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ"), models[(day * 5 + hour) % 4],
             40_000 + 9_000 * (day * hour % 11), 2_000 + 700 * (day % 9))
            for day in range(0, 50, every) for hour in (1, 2, 3, 7) if day % 7 not in (2, 3)])


@pytest.fixture(scope="module")
def filled(module_stack):
    """A system with something of everything that the pages show."""
    stack = module_stack(EVENTS_SOCKET="here")
    admin, grace = stack.client("admin"), stack.client("grace")
    made = [admin.post("/api/workspaces", json={"slug": "team", "name": "Team"}),
            admin.put("/api/workspaces/team/members/grace", json={"role": "editor"})]
    assert all(answer.ok for answer in made), [answer.text for answer in made]
    for client in (admin, grace):
        assert client.post("/api/workspaces/team/switch", json={}).ok
    for platform, name in (("claude", "work"), ("claude", "relay"), ("claude", "spare"), ("codex", "work"), ("gemini", "work")):
        body = {"name": name, "base_url": "https://relay.example", "auth_token": "sk-0123456789abcdef", "model": "a-model"}
        made.append(admin.post("/api/configs", params={"platform": platform}, json=body))
    for name in ("one", "docs", "issues"):
        body = {"name": name, "transport": "stdio", "command": "npx", "args": ["-y", f"@example/{name}"], "env": {"TOKEN": "secret-of-mine"}}
        made.append(admin.post("/api/resources/claude/mcp_server", json=body))
    made += [grace.post("/api/switch", json={"config_name": "relay"}),
             grace.patch("/api/resources/claude/mcp_server/docs", json={"enabled": False})]
    report_weeks(admin)
    for budget in ({"name": "Team", "amount": 60, "period": "month", "levels": [25, 50, 80, 100], "action": "stop"},
                   {"name": "A dear model", "amount": 12, "period": "month", "model": "claude-opus-4-6", "users": ["admin"]},
                   {"name": "Claude, this week", "amount": 20, "period": "week", "platform": "claude", "action": "switch", "switch_to": "relay"}):
        made.append(admin.post("/api/usage/budgets", json=budget))
    made.append(admin.post("/api/usage/webhooks", json={"name": "Chat of the team", "kind": "feishu", "secret": "signing-secret-1",
                                                        "url": "https://open.feishu.cn/open-apis/bot/v2/hook/0123456789abcdef"}))
    assert all(answer.ok for answer in made), [answer.text for answer in made]
    return stack


@pytest.mark.parametrize("language, theme, width", [("en", "light", 1280), ("zh-CN", "dark", 1280), ("en", "dark", 320), ("zh-CN", "light", 320)])
def test_pages(filled, play, language, theme, width):
    """On the small screen amounts are in another currency."""
    pictures = os.environ.get("CCR_PICTURES", "") if width == 1280 else ""  # a folder for docs/images/console-*.png
    admin = filled.client("admin")
    admin.workspace = "team"
    if width == 1280:
        admin.delete("/api/usage/currency")
    else:
        assert admin.put("/api/usage/currency", json={"currency": "IDR", "rate": 16350.5, "date": "2026-03-01"}).ok
    found = play(filled, "pages", language=language, theme=theme, width=width, paths=PATHS, pictures=pictures)
    assert [each["path"] for each in found] == PATHS
    for each in found:
        assert each["language"] == language and each["title"].endswith("· CCR"), each
        assert not each["serious"] and each["shift"] <= 0.1 and each["wide"] <= 0 and not each["cut"], each


def test_the_first_page_is_small(filled, play):
    found = play(filled, "budget")
    assert len(found["asked"]) < REQUESTS and found["bytes"] < BYTES and found["shift"] <= 0.1, found
    with open(os.environ.get("CCR_FIGURES", os.devnull), "w") as figures:
        json.dump(found, figures)


def test_the_first_day_takes_few_clicks(fresh_stack, play):
    stack = fresh_stack(EVENTS_SOCKET="here")
    admin = stack.client("admin")
    for name in ("one", "two"):
        assert admin.post("/api/configs", json={"name": name, "base_url": "https://relay.example", "auth_token": "sk-0123456789abcdef"}).ok
    done = play(stack, "first_day", file=str(FILE), own=OWN, profile="two")
    assert done["clicks"] <= 12, done
    stack.passwords["admin"] = OWN
    admin = stack.client("admin")
    assert admin.get("/api/configs").json()["current_config"] == "two"
    assert admin.get("/api/resources/claude/mcp_server/docs").status_code == 200
    assert admin.get("/api/resources/claude/hook").json()["data"]["total"] > 0


def test_who_saves_second_sees_both_versions(filled, play):
    said = play(filled, "conflict", path="/console/resources/claude/mcp_server/item/one")["said"]
    assert "by the first" in said and "by the second" in said
    stored = filled.client("admin").get("/api/resources/claude/mcp_server/one").json()["data"]
    assert stored["command"] == "by the second"


def test_what_one_browser_changes_is_seen_in_the_other(filled, play):
    seen = play(filled, "live")
    assert seen == {"clicked": True, "chosen": True, "focused": "Choose one", "moved": 0, "seen": True, "toldOfOwn": False,
                    "typed": "typed by the second", "loaded": "1234"}
    stored = filled.client("admin").get("/api/resources/claude/mcp_server/one").json()["data"]
    assert (stored["command"], stored["timeout_ms"]) == ("typed by the second", 1234)


def test_a_choice_survives_a_search_that_was_answered_already(filled, play):
    """Others' change makes the list ask again, with what is typed by then; the search that follows asks the same."""
    assert play(filled, "chosen") == {"chosen": True, "elsewhere": False}


@contextlib.contextmanager
def control(**verbs):
    """The address where a scenario gets something done: /VERB calls it."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            verbs[self.path.strip("/")]()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def make_server(client, name):
    answer = client.post("/api/resources/claude/mcp_server", json={"name": name, "transport": "stdio", "command": "npx"})
    assert answer.status_code == 201, answer.text


def test_a_restart_is_shown_and_outlived(fresh_stack, play):
    stack = fresh_stack(EVENTS_SOCKET="here")
    make_server(stack.client("admin"), "one")
    with control(stop=stack.backend.stop, start=stack.backend.start) as address:
        play(stack, "restart", path="/console/resources/claude/mcp_server", control=address)


def test_without_live_events_the_console_is_as_good_and_quiet(fresh_stack, play):
    stack = fresh_stack()
    admin = stack.client("admin")
    make_server(admin, "one")
    make_server(admin, "two")
    own = []

    def listen():
        command = [stack.cli.binary, "events", "--socket", stack.folder / "events.sock", "--env-file", stack.cli.env_file]
        own.append(Process(command, stack.folder / "own.log", cwd=stack.folder))

    with control(listen=listen, change=lambda: make_server(admin, "by somebody")) as address:
        done = play(stack, "silent", path="/console/resources/claude/mcp_server", control=address)
    assert own[0].stop(signal.SIGTERM) == 0
    assert done == {"said": []}


# ---- CCR UI beside it --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(module_stack):
    """A system whose / is CCR UI's: here a stand-in for it."""
    stack = module_stack(EVENTS_SOCKET="here")
    nginx = Nginx(new_folder(stack.folder, "beside"), stack.backend.socket, ui=ui_build.make_build(new_folder(stack.folder, "build"))).start()
    stack.client("admin")
    yield SimpleNamespace(url=f"http://127.0.0.1:{nginx.port}", nginx=nginx, client=stack.client, passwords=stack.passwords, backend=stack.backend)
    nginx.stop()


@pytest.mark.parametrize("path", ["/", "/configs", "/agents/a%2Fb?x=1%20", "/index.html", "/picture.svg", "/loginx"])
def test_ccr_ui_s_pages_want_a_session(beside, path):
    answer = raw(beside, path)
    assert (answer.status, answer.headers["Location"]) == (302, f"/login?next={path}")


@pytest.mark.parametrize("path", ["/", "/configs", "/agents/a%2Fb?x=1", "/agents/one.js", "/index.html", "/static/x"])
def test_every_other_address_is_a_page_of_ccr_ui_s(beside, path):
    answer = Browser(beside, "admin").page(path)
    assert (answer.status_code, answer.text) == (200, ui_build.INDEX)
    assert answer.headers["Content-Type"].startswith("text/html") and answer.headers["Cache-Control"] == "no-cache"
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {"default-src": "'none'", "script-src": "'self' 'unsafe-eval'", "style-src": "'self'", "style-src-attr": "'unsafe-inline'",
                      "img-src": "'self' data:", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'self'", "frame-ancestors": "'none'"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY"


def test_only_at_port_8081_may_ccr_ui_s_pages_open_its_web_socket(beside):
    browser = Browser(beside, "admin")
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    for host, socket in (("localhost:8081", " ws://localhost:48081"), ("ccr.lan:8081", " ws://ccr.lan:48081"), ("localhost:8080", ""),
                         ("localhost", ""), ("a;b:8081", ""), ("a,b:8081", "")):
        policy = requests.get(beside.url + "/", headers={"Host": host, "Cookie": cookies}).headers["Content-Security-Policy"]
        assert f"; connect-src 'self'{socket}; " in policy, host


def test_ccr_ui_s_files_are_kept_by_browsers(beside):
    asset = requests.get(beside.url + "/assets/app.js", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert asset.status_code == 200 and gzip.decompress(asset.raw.read()).decode() == ui_build.APP
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    missing = Browser(beside, "admin").page("/assets/of-an-earlier-build.js")
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "NOT_FOUND" and missing.headers["Cache-Control"] == "no-store"
    picture = Browser(beside, "admin").page("/picture.svg")
    assert (picture.text, picture.headers["Cache-Control"]) == (ui_build.PICTURE, "no-cache")


def test_ccr_ui_takes_nothing_from_the_api_and_the_console(beside):
    assert Browser(beside).page("/api/configs").status_code == 401
    assert Browser(beside).page("/api/nothing").status_code == 404
    assert Browser(beside).page("/api").status_code == 404
    assert Browser(beside).page("/health").status_code == 200
    browser = Browser(beside, "admin")
    assert browser.page("/console/").headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert browser.post(beside.url + "/configs").status_code == 405


def test_ccr_ui_s_pages_are_given_out_while_the_backend_is_away(beside):
    beside.backend.stop()
    try:
        assert Browser(beside).page("/configs").text == ui_build.INDEX
    finally:
        beside.backend.start()


def test_the_console_leads_to_ccr_ui_where_there_is_one(beside, filled, play):
    assert play(beside, "ccr_ui", there=True)["said"] == "stands in for CCR UI at /, 200"
    play(filled, "ccr_ui", there=False)


def test_an_invitation_by_link(filled, play):
    admin = filled.client("admin")
    for name in ("henry", "iris"):
        filled.client(name)
    expired = admin.post("/api/workspaces/team/invitations", json={"role": "viewer"}).data
    with filled.cluster.connect(user="postgres", dbname=filled.database) as connection:
        connection.execute("UPDATE workspace_invitations SET expires_at = now() WHERE id = %s", (expired["id"],))
    done = play(filled, "invitation", own=OWN, expired=f"{filled.url}/login#invitation={expired['link']}")
    assert "admin invites you to the workspace “Team” as editor" in done["told"]
    assert "Team" in done["workspaces"] and done["at"] == done["irisAt"] == "Team"
    members = {each["username"]: each["role"] for each in admin.get("/api/workspaces/team/members").data["members"]}
    assert members == {"admin": "owner", "grace": "editor", "newcomer": "editor", "henry": "editor", "iris": "editor"}


def test_a_token_is_made_used_and_revoked(filled, play):
    done = play(filled, "token")
    assert (done["used"], done["wrote"], done["revoked"], done["shownAgain"]) == (200, 403, 401, False)
    assert "never" in done["before"] and "in 3 days" in done["before"] and "read" in done["before"] and "never" not in done["after"]


def test_secrets_are_shown_to_who_types_the_password(filled, play):
    def unconfirm():
        with filled.cluster.connect(user="postgres", dbname=filled.database) as connection:
            connection.execute("UPDATE sessions SET confirmed_at = now() - interval '1 hour'")
    with control(unconfirm=unconfirm) as address:
        done = play(filled, "reveal", control=address)
    assert "secret-of-mine" in done["shown"]
    assert ".claude.json" in done["file"] and "docs" in done["file"] and "secret-of-mine" not in done["file"] and "issues" not in done["file"]


def test_revisions_side_by_side_and_back(filled, play):
    done = play(filled, "rollback")
    assert done == {"sides": [["2000"], ["3000"]], "now": "2000"}


def test_what_is_typed_is_not_lost_by_a_mis_click(filled, play):
    done = play(filled, "unsaved")
    assert done == {"kept": ["typed and not saved"] * 4, "asked": ["beforeunload"]}


def archive(files):
    """A tar.gz in base64."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return base64.b64encode(packed.getvalue()).decode()


def test_many_at_once(fresh_stack, play):
    stack = fresh_stack(EVENTS_SOCKET="here")
    admin = stack.client("admin")
    made = [admin.post("/api/workspaces", json={"slug": "team", "name": "Team"})]
    for name in ("git/commit", "git/push", "review"):
        made.append(admin.post("/api/resources/claude/slash_command", json={"name": name, "prompt": "Do it."}))
    assert all(answer.ok for answer in made), [answer.text for answer in made]
    agents = {f".claude/agents/{name}.md": f"---\nname: {name}\ndescription: The {name}\n---\nBe it.\n" for name in ("first", "second", "third")}
    done = play(stack, "many", archive=archive(agents))
    assert (sorted(done["plan"]), done["early"]) == (["first", "second", "third"], 0)
    assert (done["found"], sorted(done["off"]), done["inFolder"]) == (["second"], ["first", "third"], ["git / commit", "git / push"])
    assert admin.get("/api/resources/gemini/agent/copied").status_code == 200
    assert admin.get("/api/resources/claude/agent/copied", headers={"X-CCR-Workspace": "team"}).status_code == 200
    assert admin.get("/api/resources/qwen/slash_command").data["total"] == 3


def test_what_a_site_administrator_looks_after(filled, play):
    done = play(filled, "site", own=OWN)
    assert done["csv"].startswith("id,time,actor,") and '"user.create"' in done["csv"] and '"auth.login"' not in done["csv"]
    for said in ("Status", "healthy", "Housekeeping", "Settings in force", "JWT_SECRET", "DATABASE_URL", "Workspaces", "shared"):
        assert said in done["text"], said
    for name in ("JWT_SECRET", "SECRETS_KEY"):
        assert filled.cli.env[name] not in done["text"]
    assert '"current_version"' in done["tried"]


MARCH = {"from": "2026-03-01", "to": "2026-03-31", "group": "model"}
USAGE_DAY = "2026-03-20T12:00:00Z"  # on which the scenario's browser is
MADE_UP = [("1", "2026-02-10T12:00:00Z", "model-a", 1_000_000, 0), ("2", "2026-02-25T12:00:00Z", "model-a", 2_000_000, 0),
           ("3", "2026-03-02T09:30:00Z", "model-a", 4_000_000, 0), ("4", "2026-03-19T23:30:00Z", "model-b", 0, 400_000),
           ("6", "2026-03-20T09:00:00Z", "unpriced-model", 500, 0)]


@pytest.fixture
def counted(fresh_stack):
    """Two prices and six calls: 1 + 2 + 4 + 8 + 0.50 dollars, and one without a price. The last days of a month and its beginning differ."""
    stack = fresh_stack(EVENTS_SOCKET="here")
    admin, grace, viewer = (stack.client(name) for name in ("admin", "grace", "eve"))
    assert admin.post("/api/workspaces", json={"slug": "team", "name": "Team"}).ok
    for name, role in (("grace", "editor"), ("eve", "viewer")):
        assert admin.put(f"/api/workspaces/team/members/{name}", json={"role": role}).ok
    for client in (admin, grace, viewer):
        assert client.post("/api/workspaces/team/switch", json={}).ok
    for model, price in (("model-a", {"input": 1, "output": 2}), ("model-b", {"input": 10, "output": 20})):
        assert admin.put(f"/api/usage/prices/{model}", json=price).ok
    now = datetime.datetime.now(datetime.timezone.utc)
    report_usage(admin, "laptop", MADE_UP)
    report_usage(admin, "laptop", [("now", now.strftime("%Y-%m-%dT%H:%M:%SZ"), "unpriced-model", 7, 0)])
    report_usage(grace, "desktop", [("5", "2026-03-20T08:00:00Z", "model-a", 0, 250_000)])
    with stack.cluster.connect(user="postgres", dbname=stack.database) as connection:
        connection.execute("UPDATE usage_reporters SET last_seen = now() - interval '9 days' WHERE machine = 'desktop'")
        connection.execute("UPDATE usage_calls SET sources = 3, log_output = 1, event_output = 250000 WHERE output = 250000")
    return stack, admin


def test_what_usage_comes_to(counted, play):
    stack, admin = counted
    done = play(stack, "usage", now=USAGE_DAY)
    assert done["cards"] == ["Cost $14.50 Before: $1.00 (+1,350%) Calls without a price: 1", "Calls 5 Before: 1 (+400%)",
                             "Tokens 6,650,500 Input 6,000,500 · Output 650,000 From caches 0 · Into caches 0",
                             "This month $12.50 Same days of last month: $1.00 (+1,150%) All of last month: $3.00"]
    assert (done["bars"], done["days"][0][0], done["days"][-1]) == (30, "Feb 19, 2026", ["Mar 20, 2026", "2", "250,500", "$0.50", "$0.00"])
    assert [day for day in done["days"] if day[1] != "0"][:2] == [["Feb 25, 2026", "1", "2,000,000", "$2.00", "$0.00"],
                                                                 ["Mar 2, 2026", "1", "4,000,000", "$4.00", "$0.00"]]
    assert done["bar"] == "Mar 19, 2026: $8.00, Calls 1"
    assert done["models"] == [["model-b", "$8.00"], ["model-a", "$6.50"], ["unpriced-model", "$0.00"]]
    assert done["byCost"] == ["model-b", "model-a", "unpriced-model"] and done["byCalls"] == ["model-a", "model-b", "unpriced-model"]
    assert done["byUser"] == [["admin", "4", "$14.00"], ["grace", "1", "$0.50"]]
    assert done["csv"].startswith("user,calls,input,") and [line.split(",")[:2] for line in done["csv"].split()[1:]] == [['"admin"', "4"], ['"grace"', "1"]]
    assert done["hours"] == {"Mon 9:00: 1": "1", "Thu 23:00: 1": "1", "Fri 8:00: 1": "1", "Fri 9:00: 1": "1", "Wed 12:00: 1": "1"}
    assert done["shanghai"] == "Fri 7:00: 1", "the same hour in another time zone"
    assert done["windows"] == [["Mar 20, 2026, 9:00 AM", "admin"], ["Mar 20, 2026, 8:00 AM", "grace"], ["Mar 19, 2026, 11:00 PM", "admin"]]
    assert done["lastMonth"][0].startswith("Cost $3.00") and done["ownPeriod"][0].startswith("Cost $8.00") and done["reloaded"] == done["ownPeriod"]
    assert done["unpriced"] == ["unpriced-model standard 1 7 Set a price"]
    assert "set" in done["refused"] or "valid" in done["refused"], done["refused"]
    stored = admin.get("/api/usage/prices", params={"only": "own", "search": "unpriced-model"}).data["prices"]
    assert [(each["input"], each["output"], each["cache_read"], each["since"]) for each in stored] == [(0.25, 4, 0.1, None)]
    assert done["owned"] == ["model-a", "unpriced-model"], "model-b was removed again"
    assert done["scrolled"] == [0, True], "a page begins at its top and stays there, though it is longer than the window"
    assert done["sources"] == [["admin", "laptop", "claude", "record", "6", ""], ["grace", "desktop", "claude", "record", "1", "silent for 9 days"]]
    assert done["marks"] == [1, 0], "of 30 days, those on which there was a call"
    assert done["sessions"] == [["of desktop", "grace", "1", "$0.50"], ["of laptop", "admin", "6", "$15.00"]]
    assert done["call"] == ["model-a", "0", "250,000", "$0.50", "log+event", "1", "250,000"]
    assert f"{stack.url}/v1/logs" in done["setup"]
    assert done["viewer"] == {"told": "This is your own usage. The whole workspace: $14.50, calls: 5.", "mayEdit": 0, "put": 403}


def test_amounts_in_another_currency(counted, play):
    """At 7.1: what is $14.50 is shown as 102.95, and stays $14.50 in its tooltip and in what is handed on."""
    stack, admin = counted
    before = admin.get("/api/usage/report", params=MARCH).data
    done = play(stack, "currency", now=USAGE_DAY)
    assert (done["first"], done["name"], done["dollars"]) == ("2026-03-20", "CNY – Chinese Yuan", 0)
    assert "rate must be a number" in done["refused"]
    line = "Costs are shown in CNY, at {} for a US dollar of {}; they are counted in US dollars."
    assert done["told"] == line.format("7.123456789", "2026-03-01") and done["kept"] == ["CNY", "7.123456789"]
    assert done["changed"] == done["overview"] == line.format("7.1", "2026-03-02")
    assert done["prices"] == ["1", "2"], "prices are set, and so shown, in dollars"
    assert done["cards"][0].startswith("Cost CN¥102.95 Before: CN¥7.10 (+1,350%)")
    assert done["cards"][3] == "This month CN¥88.75 Same days of last month: CN¥7.10 (+1,150%) All of last month: CN¥21.30"
    assert [dollars for _, dollars in done["cardDollars"]] == ["$14.50", "$1.00", "$12.50", "$1.00", "$3.00"]
    assert done["bar"] == "Mar 19, 2026: CN¥56.80 ($8.00), Calls 1" and done["scale"] == ["CN¥0", "CN¥30", "CN¥60"]
    assert done["models"] == [["CN¥56.80", "$8.00"], ["CN¥46.15", "$6.50"], ["CN¥0.00", "$0.00"]]
    assert done["sessions"] == [["CN¥106.50", "$15.00"], ["CN¥3.55", "$0.50"]]
    assert done["session"] == [["CN¥106.50", "$15.00"], ["CN¥7.10", "$1.00"], ["CN¥14.20", "$2.00"], ["CN¥28.40", "$4.00"], ["CN¥56.80", "$8.00"]]
    assert [line.split(",")[-2] for line in done["csv"].split()] == ["cost", "8", "6.5", "0"]
    assert done["viewer"] == {"told": "费用以 CNY 显示，汇率为 1 美元 = 7.1（2026-03-02）；统计一律以美元计。", "buttons": 0,
                              "whole": "这里显示您自己的用量。整个工作区：¥102.95，调用 5 次。"}
    written = {code: [text.replace("\xa0", " ") for text in texts] for code, texts in done["written"].items()}
    assert written == {  # of 0, 0.00001, 0.0015, 0.5, 1.005 and 1234.5 dollars: to the smallest coin, below one more exactly
        "JPY": ["¥0", "¥0.0015", "¥0.23", "¥75", "¥151", "¥185,175"],
        "KWD": ["KWD 0.000", "KWD 0.000003", "KWD 0.00045", "KWD 0.150", "KWD 0.3015", "KWD 370.350"],
        "EUR": ["€0.00", "€0.000003", "€0.0005", "€0.1667", "€0.335", "€411.50"], "VND": ["₫0"] * 6}
    assert done["small"] == line.format("0.000000001", "2026-03-02").replace("CNY", "VND") and done["smallKept"] == "0.000000001"
    assert done["lines"] == 0 and done["again"] == ["Cost $14.50 Before: $1.00 (+1,350%) Calls without a price: 1", 0]
    assert admin.get("/api/usage/report", params=MARCH).data == before


def test_every_action_that_happened_has_a_text(filled):
    """Behind the others: what they did is in the trail."""
    text = (ROOT / "web/console/text/en.js").read_text()
    with filled.cluster.connect(user="postgres", dbname=filled.database) as connection:
        actions = [row[0] for row in connection.execute("SELECT DISTINCT action FROM audit_log").fetchall()]
    assert len(actions) > 5
    for action in actions:
        assert f'"did.{action}":' in text or f'"did.*.{action.split(".")[1]}":' in text, action
