"""Logins of Codex: a person's own, sealed, and nobody else's business."""

import base64
import json
import secrets
from datetime import datetime, timedelta, timezone

import psycopg
import pytest

from configs import refused, wrong_fields
from people import admin, at_once, make_user, no_failures, system, user_maker  # noqa: F401

ACCOUNTS, CURRENT, LOGIN, SAVE = (f"/api/codex/auth/{name}" for name in ("accounts", "current", "login", "save"))
ROUTES = [("GET", ACCOUNTS), ("GET", CURRENT), ("PUT", LOGIN), ("POST", SAVE), ("POST", "/api/codex/auth/switch/x"), ("DELETE", "/api/codex/auth/x")]
CHINESE = {"Accept-Language": "zh-CN"}


def ago(**time):
    return (datetime.now(timezone.utc) - timedelta(**time)).isoformat().replace("+00:00", "Z")


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def auth_file(email="augusta@example.org", last_refresh=None, **tokens):
    """As Codex writes it."""
    id_token = f'{part({"alg": "RS256"})}.{part({"email": email})}.{secrets.token_hex(20)}'
    tokens = {"id_token": id_token, "access_token": secrets.token_hex(20), "refresh_token": secrets.token_hex(20), "account_id": "acc-1", **tokens}
    return {"OPENAI_API_KEY": None, "tokens": {name: value for name, value in tokens.items() if value is not None},
            "last_refresh": last_refresh or ago(hours=1)}


def bring(client, file=None):
    return client.put(LOGIN, json={"auth": json.dumps(file or auth_file(), indent=2)})


def did(answer, text):
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"success": True, "data": None, "message": text}


def saved(client, name, file=None, **more):
    assert bring(client, file).status_code == 200
    did(client.post(SAVE, json={"name": name, "force": False, **more}), f"Account '{name}' saved")


def state(client):
    """What both reads say, which must agree: names with a star at the current one, and the state."""
    accounts, current = client.get(ACCOUNTS).data, client.get(CURRENT).data
    assert accounts["login_state"] == current["login_state"]
    assert current["logged_in"] == (current["info"] is not None) == (current["login_state"]["type"] != "NotLoggedIn")
    for account in accounts["accounts"]:
        assert account["is_virtual"] == (account["name"] == "default")
        if account["is_current"]:
            both = set(account) & set(current["info"])
            assert {name: account[name] for name in both} == {name: current["info"][name] for name in both}
    return [account["name"] + "*" * account["is_current"] for account in accounts["accounts"]], current["login_state"]


NOBODY, UNSAVED = {"type": "NotLoggedIn"}, {"type": "LoggedInUnsaved"}


def logged_in(name):
    return {"type": "LoggedInSaved", "account_name": name}


def test_the_life_of_a_login(make_user):
    ada = make_user()
    assert state(ada) == ([], NOBODY)
    process = ada.get("/api/codex/auth/process", headers=CHINESE).data
    assert (process["has_running_process"], process["pids"]) == (False, []) and "服务器" in process["warning"]

    did(bring(ada), "Login taken; save it under a name to keep it beside others")
    assert state(ada) == (["default*"], UNSAVED)
    info = ada.get(CURRENT).data["info"]
    assert (info["account_id"], info["email"], info["freshness"], info["is_expired"]) == ("acc-1", "aug***@example.org", "Fresh", False)
    assert "expires_at" not in info
    did(bring(ada, auth_file(email="bé@example.org")), "Login taken; save it under a name to keep it beside others")
    assert state(ada) == (["default*"], UNSAVED), "one that is not saved is replaced"

    did(ada.post(SAVE, json={"name": "work", "description": " mine ", "expires_at": "2099-01-31", "force": False}), "Account 'work' saved")
    assert state(ada) == (["work*"], logged_in("work"))
    (account,) = ada.get(ACCOUNTS).data["accounts"]
    assert (account["description"], account["expires_at"], account["last_used"]) == ("mine", "2099-01-31T00:00:00.000Z", None)
    assert account["email"] == "bé***@example.org"

    saved(ada, "at-home", {"OPENAI_API_KEY": "sk-" + secrets.token_hex(20)})
    assert ada.get(CURRENT).data["info"]["account_id"] == "" and ada.get(CURRENT).data["info"]["email"] is None
    assert bring(ada).status_code == 200
    assert state(ada) == (["default*", "at-home", "work"], UNSAVED)
    did(ada.post("/api/codex/auth/switch/work"), "Switched to account 'work'")
    assert state(ada) == (["default", "at-home", "work*"], logged_in("work")), "what is not saved is not lost"
    assert ada.get(ACCOUNTS).data["accounts"][2]["last_used"] is not None
    did(ada.post("/api/codex/auth/switch/default"), "Switched to account 'default'")
    assert state(ada)[1] == UNSAVED

    refused(ada.post(SAVE, json={"name": "work", "force": False}), 400, "VALIDATION_ERROR")
    did(ada.post(SAVE, json={"name": "work", "force": True}), "Account 'work' saved")
    assert state(ada) == (["at-home", "work*"], logged_in("work"))
    assert ada.get(ACCOUNTS).data["accounts"][1]["description"] is None, "another one of that name"
    did(ada.delete("/api/codex/auth/work"), "Account 'work' deleted")
    assert state(ada) == (["at-home"], NOBODY)
    for answer in (ada.delete("/api/codex/auth/work"), ada.delete("/api/codex/auth/default")):
        refused(answer, 404, "NOT_FOUND")


def test_nothing_to_save_or_to_switch_to(make_user):
    ada = make_user()
    for headers, said in (({}, "PUT /api/codex/auth/login"), (CHINESE, "请通过 PUT /api/codex/auth/login")):
        answer = ada.post(SAVE, json={"name": "work", "force": True}, headers=headers)
        assert said in refused(answer, 400, "VALIDATION_ERROR")["message"]
    saved(ada, "kept")
    saved(ada, "old", expires_at=ago(days=1))
    assert [account["is_expired"] for account in ada.get(ACCOUNTS).data["accounts"]] == [False, True]
    did(ada.post("/api/codex/auth/switch/kept"), "Switched to account 'kept'")
    for name, status, code in (("old", 400, "VALIDATION_ERROR"), ("none", 404, "NOT_FOUND")):
        assert name in refused(ada.post(f"/api/codex/auth/switch/{name}"), status, code)["message"]
        assert state(ada) == (["kept*", "old"], logged_in("kept"))


@pytest.mark.parametrize("age, expected, icon, words", [
    ({"hours": -1}, "Fresh", "🟢", "一天之内"), ({"hours": 23}, "Fresh", "🟢", "一天之内"), ({"hours": 25}, "Stale", "🟡", "7 天之内"),
    ({"days": 6, "hours": 23}, "Stale", "🟡", "7 天之内"), ({"days": 7, "minutes": 5}, "Old", "🔴", "7 天之前"), (None, "Unknown", "⚪", "未知")])
def test_freshness(make_user, age, expected, icon, words):
    ada = make_user()
    assert bring(ada, {**auth_file(), "last_refresh": ago(**age) if age else None}).status_code == 200
    info = ada.get(CURRENT, headers=CHINESE).data["info"]
    assert (info["freshness"], info["freshness_icon"]) == (expected, icon) and words in info["freshness_description"]


MASKED = auth_file(refresh_token="abcd...wxyz")


@pytest.mark.parametrize("body, fields", [
    ({}, ["auth"]), ({"auth": auth_file()}, ["auth"]), ({"auth": " "}, ["auth"]), ({"auth": "x" * 65537}, ["auth"]), ({"auth": "{"}, ["auth"]),
    ({"auth": "[]"}, ["auth"]), ({"auth": "{}"}, ["auth"]), ({"auth": '{"tokens": null, "OPENAI_API_KEY": ""}'}, ["auth"]),
    ({"auth": '{"OPENAI_API_KEY": "a", "OPENAI_API_KEY": "b"}'}, ["auth"]), ({"auth": '{"OPENAI_API_KEY": 1}'}, ["auth.OPENAI_API_KEY"]),
    ({"auth": '{"OPENAI_API_KEY": "sk-a b"}'}, ["auth.OPENAI_API_KEY"]), ({"auth": '{"tokens": "x"}'}, ["auth.tokens"]),
    ({"auth": json.dumps(auth_file(refresh_token=None, access_token=1))}, ["auth.tokens.access_token", "auth.tokens.refresh_token"]),
    ({"auth": json.dumps(auth_file(account_id="x" * 201))}, ["auth.tokens.account_id"]),
    ({"auth": json.dumps(MASKED)}, ["auth.tokens.refresh_token"]), ({"auth": json.dumps({**auth_file(), "more": ["****"]})}, ["auth.more[0]"]),
    ({"auth": json.dumps(auth_file(last_refresh="yesterday"))}, ["auth.last_refresh"])])
def test_what_is_no_login(make_user, body, fields):
    ada = make_user()
    answer = ada.put(LOGIN, json=body)
    assert wrong_fields(answer) == fields, answer.text
    assert state(ada) == ([], NOBODY)


@pytest.fixture(scope="module")
def logged_in_ada(user_maker):
    ada = user_maker()
    assert bring(ada).status_code == 200
    return ada


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": "x" * 33}, "name"), ({"name": "a b"}, "name"), ({"name": "é"}, "name"), ({"name": "a\n"}, "name"),
    *[({"name": name}, "name") for name in ("default", "accounts", "current", "process", "save", "login")],
    ({"name": "a", "description": "x" * 1001}, "description"), ({"name": "a", "expires_at": "soon"}, "expires_at"),
    ({"name": "a", "expires_at": 1}, "expires_at"), ({"name": "a", "force": "yes"}, "force")])
def test_how_a_login_cannot_be_saved(logged_in_ada, body, field):
    ada = logged_in_ada
    assert wrong_fields(ada.post(SAVE, json=body)) == [field]
    assert state(ada) == (["default*"], UNSAVED)


@pytest.mark.parametrize("id_token", ["x", "a.b", "a.b.c", f"a.{part([])}.c", f"a.{part({'email': 'no address'})}.c", f"a.{part({'email': 'a' * 400 + '@b'})}.c",
                                      f"a.{part({'email': 1})}.c", f"a.{part({'email': 'a' + chr(7) + '@b'})}.c", "a.!!.c", "..", "."])
def test_tokens_without_an_address(make_user, id_token):
    ada = make_user()
    assert bring(ada, auth_file(id_token=id_token)).status_code == 200
    assert ada.get(CURRENT).data["info"]["email"] is None


def test_only_so_many(system, make_user):
    ada = make_user()
    saved(ada, "n0")
    with system.db() as db:
        db.execute("SELECT set_config('ccr.user', %s, false)", [ada.user["id"]])
        db.execute("INSERT INTO codex_logins SELECT user_id, 'n' || n, id, content, description, account_id, email, last_refresh, expires_at, false"
                   " FROM codex_logins, generate_series(1, 49) n")
    answer = bring(ada)
    assert "50" in refused(answer, 409, "CONFLICT")["message"]
    assert state(ada)[1] == logged_in("n0")
    assert ada.delete("/api/codex/auth/n7").status_code == 200
    saved(ada, "n7")


def test_who_may(system, make_user):
    ada = make_user()
    for scopes, status in ((["read"], 403), (["read", "write"], 200)):
        token = ada.post("/api/tokens", json={"name": "-".join(scopes), "scopes": scopes}).data["token"]
        script = system.client()
        script.token = token
        assert bring(script).status_code == status
        assert script.get(ACCOUNTS).status_code == 200
    body = {"name": "bound", "scopes": ["read", "write", "admin", "secrets"], "workspace": ada.username}
    script.token = ada.post("/api/tokens", json=body).data["token"]
    for method, path in ROUTES:
        assert "bound" in refused(script.request(method, path, json={}), 403, "AUTHORIZATION_ERROR")["message"]
    for method, path in ROUTES:
        assert system.client().request(method, path).status_code == 401


def test_nobody_else_sees_or_changes_them(system, make_user, admin):
    ada, ben = make_user(), make_user()
    slug = f"ws-{secrets.token_hex(4)}"
    assert ada.post("/api/workspaces", json={"slug": slug, "name": "Shared"}).status_code == 201
    ada.workspace = slug
    saved(ada, "hidden-name")
    for other in (ben, admin):
        assert state(other) == ([], NOBODY)
        refused(other.post("/api/codex/auth/switch/hidden-name"), 404, "NOT_FOUND")
        refused(other.delete("/api/codex/auth/hidden-name"), 404, "NOT_FOUND")
    ada.workspace = None
    assert state(ada) == (["hidden-name*"], logged_in("hidden-name")), "the same in every workspace"
    assert "hidden-name" not in ada.get("/api/history").text
    ada.workspace = slug
    assert "hidden-name" not in ada.get("/api/history").text + ada.get("/api/audit").text, "members would read it there"
    told = [(row["action"], row["target"]) for row in admin.get("/api/audit?scope=site").data["entries"] if row["actor"] == ada.username]
    assert {("codex_login.bring", "default"), ("codex_login.save", "hidden-name")} <= set(told)

    with system.db() as db:
        for user in ("", ben.user["id"]):
            db.execute("SELECT set_config('ccr.user', %s, false)", [user])
            assert db.execute("SELECT count(*) FROM codex_logins").fetchone() == (0,)
            assert db.execute("UPDATE codex_logins SET is_current = false").rowcount == 0
            assert db.execute("DELETE FROM codex_logins").rowcount == 0
        db.execute("SELECT set_config('ccr.user', %s, false)", [ada.user["id"]])
        assert db.execute("SELECT name FROM codex_logins").fetchall() == [("hidden-name",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("UPDATE codex_logins SET user_id = %s", [ben.user["id"]])
        flags = db.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'codex_logins'").fetchone()
        assert flags == (True, True)


def test_they_go_with_their_user(system, make_user, admin):
    ada = make_user()
    saved(ada, "work")
    assert admin.delete(f"/api/users/{ada.username}").status_code == 200
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        assert db.execute("SELECT count(*) FROM codex_logins WHERE user_id = %s", [ada.user["id"]]).fetchone() == (0,)


def test_a_login_is_sealed_for_its_row(system, make_user):
    """As one text that holds nothing of it, and for nobody else's row."""
    ada, file = make_user(), auth_file()
    assert bring(ada, file).status_code == 200
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        row = db.execute("SELECT row_to_json(l)::text, id::text, content FROM codex_logins l WHERE user_id = %s", [ada.user["id"]]).fetchone()
    assert row[2].startswith("test:") and not any(token in row[0] for token in file["tokens"].values() if token != "acc-1")
    assert bring(ada, file).status_code == 200
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        again = db.execute("SELECT id::text, content FROM codex_logins WHERE user_id = %s", [ada.user["id"]]).fetchone()
    assert again[0] != row[1] and again[1] != row[2]


def test_two_at_once(make_user):
    ada = make_user()
    for _ in range(5):
        assert bring(ada).status_code == 200
        answers = at_once(*[lambda: ada.post(SAVE, json={"name": "same", "force": True})] * 2)
        assert sorted(answer.status_code for answer in answers) == [200, 400], [answer.text for answer in answers]
        assert state(ada) == (["same*"], logged_in("same"))
    saved(ada, "other")
    calls = [lambda: bring(ada), lambda: ada.post("/api/codex/auth/switch/same"), lambda: ada.post("/api/codex/auth/switch/other")]
    for _ in range(5):
        assert [answer.status_code for answer in at_once(*calls)] == [200] * 3
        assert len([name for name in state(ada)[0] if name.endswith("*")]) == 1
