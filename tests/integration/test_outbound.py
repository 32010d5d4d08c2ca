"""Asking other servers: provider health, and the guarded client under it. What it may reach it does, whatever name, form or redirect
leads to what it may not; a server that behaves badly costs its own row and no more; who waits for others leaves workers to the rest."""

import itertools
import json
import threading

import pytest

import nameserver
from configs import acting_in, create, mask, new_workspace, refused, secret, stored_before
from providers import Provider, models, redirect, reply
from stack import Pending, join, wait_until
from test_admission import OFTEN, again
from test_dns import NAME, make_place  # noqa: F401
from test_metrics import page, total
from test_rate_limits import come_from

PATH = "/api/provider-health/test-all"
PRIVATE = ("its address is a private one, which this server does not ask (OUTBOUND_ALLOW names those that it may)")
COLORS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red", "unknown": "gray"}


@pytest.fixture(scope="module")
def system(module_stack):
    """One that may ask providers on 127.0.0.2, and nothing else on this machine."""
    return module_stack(OUTBOUND_ALLOW="127.0.0.2")


@pytest.fixture
def ada(system):
    client = system.client("ada")
    return acting_in(client, new_workspace(client))


@pytest.fixture
def provider():
    with Provider("127.0.0.2") as provider:
        yield provider


def check(client, **options):
    answer = client.get(PATH, **options)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    for row in body["results"]:
        assert row["status_color"] == COLORS[row["status"]]
    counts = [row["status"] for row in body["results"]]
    assert body["summary"] == {"total": len(counts), **{name: counts.count(name) for name in ("healthy", "degraded", "unhealthy")}}
    return {row["provider_name"]: row for row in body["results"]}


def says(row, status, error, available=(), model=False):
    assert (row["status"], row["error"], row["available_models"], row["model_available"]) == (status, error, list(available), model)


# ---- what providers say ----

def test_each_profile_has_a_row(ada, provider, system):
    """Whatever becomes of the others."""
    token = create(ada, "good", base_url=provider.url, model="glm-4")
    create(ada, "slash", base_url=provider.url + "/", model="glm-5")
    create(ada, "versioned", base_url=provider.url + "/api/v1?x=1#y")
    create(ada, "nobody", base_url="http://127.0.0.2:1")
    create(ada, "unknown", base_url="http://nowhere.invalid")
    create(ada, "bare", platform="codex", base_url="")
    provider.says(models("glm-4", "glm-4-air"))
    rows = check(ada)
    assert list(rows) == ["good", "slash", "versioned", "nobody", "unknown"]
    says(rows["good"], "healthy", None, ["glm-4", "glm-4-air"], True)
    says(rows["slash"], "degraded", "the model 'glm-5' is not in its list", ["glm-4", "glm-4-air"])
    says(rows["versioned"], "healthy", None, ["glm-4", "glm-4-air"], True)
    says(rows["nobody"], "unhealthy", "it took no connection")
    says(rows["unknown"], "unhealthy", "its name is not known")
    assert isinstance(rows["good"]["latency_ms"], int) and rows["good"]["base_url"] == provider.url
    assert sorted(path for path, _ in provider.seen) == ["/api/v1/models?x=1", "/v1/models", "/v1/models"]
    assert token in [headers["authorization"].removeprefix("Bearer ") for _, headers in provider.seen]
    assert all("cookie" not in headers for _, headers in provider.seen)
    says(check(ada, params={"platform": "codex"})["bare"], "unknown", "no base URL or no token is set")
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        noted = [row[0] for row in db.execute("SELECT target FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id"
                                              " WHERE w.slug = %s AND action = 'provider_health.test'", (ada.workspace,))]
    assert sorted(noted) == ["good", "nobody", "slash", "unknown", "versioned"]


@pytest.mark.parametrize("answer, status, error", [
    (reply("{}", 401), "unhealthy", "it does not take the token (status 401)"),
    (reply("{}", 403), "unhealthy", "it does not take the token (status 403)"),
    (reply("{}", 404), "unknown", "it answers, but has no list of models (status 404)"),
    (reply("{}", 500), "unhealthy", "status 500"),
    (reply("<html>"), "unknown", "it answers, but has no list of models (status 200)"),
    (reply('{"data":{}}'), "unknown", "it answers, but has no list of models (status 200)"),
    (reply("[" * 100000), "unknown", "it answers, but has no list of models (status 200)"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "unhealthy", "it broke off, or what it said is no HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "unhealthy", "it broke off, or what it said is no HTTP"),
    (b"", "unhealthy", "it broke off, or what it said is no HTTP"),
])
def test_answers(ada, provider, answer, status, error):
    create(ada, base_url=provider.url)
    provider.says(answer)
    says(check(ada)["relay"], status, error)


def test_models_are_names(ada, provider):
    token = create(ada, base_url=provider.url, model="glm-4")
    provider.says(reply(json.dumps({"data": [{"id": "glm-4"}, {"id": 5}, "x", None, {"id": "y" * 201}, {"id": f"<{token}>"}, {"id": "说明"}]})))
    says(check(ada)["relay"], "healthy", None, ["glm-4", "说明"], True)
    provider.says(models(*(f"m-{number}" for number in range(600))))
    assert len(check(ada)["relay"]["available_models"]) == 500


def test_errors_come_in_the_readers_language(ada, provider):
    create(ada, base_url=provider.url)
    provider.says(reply("{}", 401))
    assert check(ada, headers={"Accept-Language": "zh"})["relay"]["error"] == "令牌未被接受（状态码 401）"


def test_nothing_secret_comes_back(ada, provider, system):
    """Not the token, not what the provider wrote, not a password in an address of older times."""
    token = create(ada, base_url=provider.url)
    stored_before(system, ada, "old", base_url=f"http://user:hunter2@127.0.0.2:{provider.port}")
    for answer in (reply(f"you sent {token}", 500), reply(f"you sent {token}", 401), reply(f'{{"data":"{token}"}}'), redirect(f"/{token}")):
        provider.says(answer)
        text = ada.get(PATH).text
        assert token not in text and "you sent" not in text
        assert json.loads(text)["results"][1]["error"] == "its address is no http or https URL without a user name"
    assert token not in system.backend.log() and "you sent" not in system.backend.log()


# ---- who may ----

def test_it_takes_what_revealing_takes(system, provider):
    owner, editor, viewer = (system.client(name) for name in ("dora", "ben", "cleo"))
    slug = new_workspace(owner)
    join(owner, slug, editor, "ben", "editor")
    join(owner, slug, viewer, "cleo", "viewer")
    provider.says(models("x"))
    create(acting_in(owner, slug), base_url=provider.url)
    assert check(acting_in(editor, slug))["relay"]["status"] == "healthy"
    refused(acting_in(viewer, slug).get(PATH), 403, "AUTHORIZATION_ERROR")
    refused(system.client().get(PATH), 401, "AUTHENTICATION_ERROR")
    assert check(acting_in(system.client("emil"), new_workspace(system.client("emil")))) == {}
    with system.db() as db:
        db.execute("UPDATE sessions SET confirmed_at = now() - interval '6 minutes'")
    stale = acting_in(editor, slug)
    stale.confirms = False
    before = len(provider.seen)
    assert "Confirm your password" in refused(stale.get(PATH), 403, "AUTHORIZATION_ERROR")["message"]
    plain = editor.post("/api/tokens", json={"name": "plain", "scopes": ["read", "write"]}).data["token"]
    headers = {"Authorization": f"Bearer {plain}", "X-CCR-Workspace": slug}
    assert "secrets" in refused(system.client().get(PATH, headers=headers), 403, "AUTHORIZATION_ERROR")["message"]
    assert len(provider.seen) == before


# ---- where it may not go ----

HOSTS = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0.0.0.0", "0",
         "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]",
         "169.254.169.254", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "10.0.0.1", "10.255.255.255", "172.16.0.1", "192.168.1.1",
         "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[ff02::1]",
         "[2001:db8::1]"]


def test_private_addresses_in_every_form(ada):
    """None of them is even connected to: who listens on all addresses sees nobody."""
    with Provider("0.0.0.0", models("x")) as four, Provider("::1", models("x")) as six:
        for number, host in enumerate(HOSTS):
            create(ada, f"p-{number}", base_url=(six if host == "[::1]" else four).at(host))
        rows = check(ada)
        assert {HOSTS[int(name[2:])]: row["error"] for name, row in rows.items() if row["error"] != PRIVATE} == {}
        assert all(row["status"] == "unhealthy" and row["available_models"] == [] for row in rows.values())
        assert (four.connections, six.connections) == (0, 0)


def test_without_a_setting_nothing_private(fresh_stack):
    ada = fresh_stack().client("ada")
    with Provider("127.0.0.2", models("x")) as provider:
        create(ada, base_url=provider.url)
        says(check(ada)["relay"], "unhealthy", PRIVATE)
        assert provider.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "0x7f000001", "localhost", "169.254.169.254", "10.0.0.1", "[fc00::1]"])
@pytest.mark.parametrize("status", [301, 307])
def test_redirects_to_private_addresses(ada, provider, host, status):
    with Provider("0.0.0.0", models("x")) as hidden:
        create(ada, base_url=provider.url)
        provider.says(redirect(hidden.at(host) + "/latest/meta-data", status))
        says(check(ada)["relay"], "unhealthy", PRIVATE)
        assert hidden.connections == 0 and len(provider.seen) == 1


@pytest.mark.parametrize("to, error", [
    ("file:///etc/passwd", "its address is no http or https URL without a user name"),
    ("gopher://127.0.0.2/x", "its address is no http or https URL without a user name"),
    ("ftp://127.0.0.2/", "its address is no http or https URL without a user name"),
    ("/again", "it redirects too often"),
])
def test_redirects_to_nowhere(ada, provider, to, error):
    create(ada, base_url=provider.url)
    provider.says(redirect(to))
    says(check(ada)["relay"], "unhealthy", error)
    assert len(provider.seen) == (4 if to == "/again" else 1)


def test_a_token_goes_to_its_own_server_only(ada, provider):
    create(ada, base_url=provider.url)
    with Provider("127.0.0.2", models("x")) as other:
        provider.says(redirect(other.url + "/v1/models"))
        says(check(ada)["relay"], "healthy", None, ["x"], True)
        assert "authorization" in provider.seen[0][1] and "authorization" not in other.seen[0][1]


def test_the_environment_names_no_proxy(fresh_stack):
    """Nor a password: neither is the business of whoever starts the server."""
    stack = fresh_stack(start=False, OUTBOUND_ALLOW="127.0.0.2")
    with Provider("127.0.0.1", models("proxied")) as proxy, Provider("127.0.0.2", models("x")) as provider:
        home = stack.folder / "home"
        home.mkdir()
        (home / ".netrc").write_text("machine 127.0.0.2 login ada password hunter2\n")
        stack.cli.inside = ["env", f"http_proxy={proxy.url}", f"ALL_PROXY={proxy.url}", f"HOME={home}"]
        stack.start()
        ada = stack.client("ada")
        token = create(ada, base_url=provider.url)
        says(check(ada)["relay"], "healthy", None, ["x"], True)
        assert proxy.connections == 0 and provider.seen[0][1]["authorization"] == f"Bearer {token}"


# ---- names ----

@pytest.mark.skipif(not nameserver.possible(), reason="needs namespaces of its own: root")
def test_names_that_lead_to_private_addresses(make_place):
    """By the first answer, by one of several, and by the answer that comes when it is asked again. In the world of its own everything
    is on 127/8, of which 127.0.0.2 may be reached."""
    place = make_place(OUTBOUND_ALLOW="127.0.0.2").start()
    names = {"inside": ["127.0.0.1"], "metadata": ["169.254.169.254"], "both": ["127.0.0.2", "127.0.0.1"],
             "turned": ["127.0.0.2"], "fine": ["127.0.0.2"]}
    known = [(NAME, "127.0.0.1")]
    place.world.tell(known + [(f"{name}.ccr.test", address) for name, addresses in names.items() for address in addresses])
    for name in names:
        create(place.admin, name, base_url=f"http://{name}.ccr.test:1")
    rows = check(place.admin)
    for name in ("inside", "metadata", "both"):
        says(rows[name], "unhealthy", PRIVATE)
    for name in ("turned", "fine"):
        says(rows[name], "unhealthy", "it took no connection")  # it was tried: nobody listens there
    place.world.tell(known + [("turned.ccr.test", "127.0.0.1"), ("fine.ccr.test", "127.0.0.2")])
    rows = check(place.admin)
    says(rows["turned"], "unhealthy", PRIVATE)
    says(rows["fine"], "unhealthy", "it took no connection")


@pytest.mark.skipif(not nameserver.possible(), reason="needs namespaces of its own: root")
def test_a_silent_name_server_holds_up_nothing_else(make_place):
    """Each name has a thread of its own; the row of an address is there as ever."""
    place = make_place(OUTBOUND_ALLOW="127.0.0.2").start()
    for number in range(40):
        create(place.admin, f"n-{number}", base_url=f"http://n-{number}.ccr.test")
    create(place.admin, "address", base_url="http://127.0.0.2:1")
    place.world.fall_silent()
    rows = check(place.admin)
    says(rows.pop("address"), "unhealthy", "it took no connection")
    assert {row["error"] for row in rows.values()} == {"it did not answer in time"}
    assert place.stack.status()["workers"]["restarts"] == 0


# ---- servers that behave badly ----

def drip():
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    for _ in range(600):
        yield b" "
        threading.Event().wait(0.1)


def endless_headers():
    yield b"HTTP/1.1 200 OK\r\n"
    for number in itertools.count():
        yield f"X-{number}: {'y' * 1000}\r\n".encode()


def endless_notices():
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\nX: " + b"y" * 1000 + b"\r\n\r\n"


def one_endless_header():
    yield b"HTTP/1.1 200 OK\r\nX: "
    while True:
        yield b"y" * 10000


def endless_body():
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield b" " * 65536


BAD = {
    "drip": (lambda *_: drip(), {"it did not answer in time"}),
    "headers": (lambda *_: endless_headers(), {"its answer is too large"}),
    "notices": (lambda *_: endless_notices(), {"its answer is too large"}),
    "header": (lambda *_: one_endless_header(), {"its answer is too large", "it broke off, or what it said is no HTTP"}),
    "body": (lambda *_: endless_body(), {"its answer is too large"}),
    "large": (reply(b" " * 300000), {"its answer is too large"}),
    "silent": (None, {"it did not answer in time"}),
    "packed": (reply(b"\x1f\x8b\x08" + b"\0" * 100, Content_Encoding="gzip"), {"it answers, but has no list of models (status 200)"}),
}


def test_bad_servers_cost_their_own_row(ada, system):
    """All at once, beside one that is well."""
    servers = {name: Provider("127.0.0.2", answer) for name, (answer, _) in BAD.items()}
    servers["well"] = Provider("127.0.0.2", models("x"))
    try:
        for name, server in servers.items():
            create(ada, name, base_url=server.url)
        rows = check(ada)
    finally:
        for server in servers.values():
            server.close()
    says(rows.pop("well"), "healthy", None, ["x"], True)
    assert {name: row["error"] for name, row in rows.items() if row["error"] not in BAD[name][1]} == {}
    assert system.status()["workers"]["restarts"] == 0


# ---- waiting leaves workers to the others ----

@pytest.fixture
def eight(fresh_stack):
    """Eight workers, of which two may wait for others; each request is killed that says nothing for 8 s, which is less than they wait."""
    stack = fresh_stack(MAX_CONNECTIONS=8, OUTBOUND_ALLOW="127.0.0.2", REQUEST_TIMEOUT=8, **OFTEN)
    yield stack
    assert stack.status()["workers"]["restarts"] == 0, stack.backend.log()


def test_fifty_providers_that_hang(eight):
    """While all of them are waited for, other users' requests are answered, their own tests too, up to the share; the worker that waits
    lives."""
    ada, bob, carl, dora = (come_from(eight.client(name)) for name in ("ada", "bob", "carl", "dora"))
    create(bob, "kept")
    eight.client("emil")  # making an account takes a while, and they are waited for ten seconds
    with Provider("127.0.0.2") as hangs:
        for client, many in ((ada, 50), (bob, 1), (carl, 1)):
            for number in range(many):
                create(client, f"hangs-{number}", base_url=hangs.url)
        waits = Pending(again(ada), "GET", PATH)
        wait_until("all fifty wait", lambda: hangs.connections >= 50)
        assert all(again(dora).get("/api/configs").status_code == 200 for _ in range(20))
        refused(again(ada).get(PATH), 429, "RATE_LIMIT_EXCEEDED")  # a user has one at a time
        others = Pending(again(bob), "GET", PATH)
        wait_until("the second is at work", lambda: hangs.connections >= 51)
        answer = again(carl).get(PATH)
        error = refused(answer, 503, "SERVICE_OVERLOADED")
        assert error["message"].startswith("The server is already waiting for as many other servers as it may")
        assert int(answer.headers["Retry-After"]) >= 1
        assert again(dora).post("/api/configs", json={"name": "new", "base_url": "https://a.example", "auth_token": secret()}).status_code == 201
        assert eight.client("emil").get("/api/auth/me").status_code == 200  # a login finds a place
        assert total(page(eight.client()), "ccr_requests_in_progress", kind="outbound") == 2
        assert total(page(eight.client()), "ccr_limiter_decisions_total", limit="outbound", decision="refused") == 1
        rows = waits.result().json()["results"]
        assert len(rows) == 50 and {row["error"] for row in rows} == {"it did not answer in time"}
        assert others.result().status_code == 200


def test_who_hangs_up_is_not_waited_for(eight):
    ada = come_from(eight.client("ada"))
    with Provider("127.0.0.2") as hangs:
        create(ada, base_url=hangs.url)
        waits = again(ada)
        try:
            waits.get(PATH, timeout=1)
            raise AssertionError("it was answered")
        except OSError:
            waits.session.close()
        wait_until("nobody waits", lambda: total(page(eight.client()), "ccr_requests_in_progress", kind="outbound") == 0, timeout=8)


def test_more_than_are_asked(fresh_stack):
    """The first 200 are; the others say so."""
    ada = fresh_stack(OUTBOUND_ALLOW="127.0.0.2").client("ada")
    with Provider("127.0.0.2", models("x")) as provider:
        for number in range(203):
            create(ada, f"p-{number:03}", base_url=provider.url)
        rows = list(check(ada).values())
        assert {row["status"] for row in rows[:200]} == {"healthy"} and provider.connections == 200
        assert [(row["status"], row["error"], row["latency_ms"]) for row in rows[200:]] == [("unknown", "only the first 200 are asked", None)] * 3
