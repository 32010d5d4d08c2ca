"""Logging in and out: passwords, throttling, sessions, refresh tokens, cookies, access tokens."""

import base64
import contextlib
import hashlib
import hmac
import json
import time

import pytest

from configs import BASE
from people import (OWN_SITE, admin, ask_every_worker, at_once, browser, cookies_of, cpu_spent, error_of,  # noqa: F401
                    long_spent, make_user, no_failures, refresh, system, try_login, user_maker)

WRONG = "wrong-" * 3


# ---- login ----

def test_login_answers_tokens_and_user(make_user):
    user = make_user("Grace.Hopper", display_name="Grace H.")
    answer = try_login(user, "grace.hopper", user.password)  # names differ by more than case
    body = answer.json()
    assert set(body) == {"success", "data", "message"} and body["success"] is True and body["message"] is None
    data = body["data"]
    assert set(data) == {"access_token", "token_type", "expires_in", "refresh_token", "user"}
    assert data["token_type"] == "Bearer" and data["expires_in"] == 900
    assert data["user"]["username"] == "Grace.Hopper" and data["user"]["display_name"] == "Grace H."
    assert data["user"]["site_role"] == "user"
    assert data["user"]["workspace"] == {"slug": "grace-hopper", "name": "Grace H.", "role": "owner"}
    assert len(base64.urlsafe_b64decode(data["refresh_token"] + "==")) == 32
    assert answer.headers["Cache-Control"] == "no-store"


def test_claims_of_the_access_token(make_user):
    user = make_user()
    header, claims = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in user.token.split(".")[:2]]
    assert header["alg"] == "HS256" and header["kid"]
    assert {"iss", "aud", "exp", "nbf", "iat", "jti", "sub"} <= set(claims)
    assert claims["sub"] == user.user["id"] and claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize("body", [
    {}, {"username": "admin"}, {"password": "x" * 12}, {"username": "", "password": ""}, {"username": 1, "password": True},
    {"username": "admin", "password": "x" * 300}, {"username": "x" * 300, "password": "y" * 12},
])
def test_login_needs_both_fields(system, body):
    answer = system.client().post("/api/auth/login", json=body)
    assert error_of(answer)[:2] == (400, "VALIDATION_ERROR") and answer.json()["error"]["details"]["fields"]


def test_passwords_are_not_stored_or_logged(system, make_user):
    user = make_user(password="correct horse battery")
    try_login(user, user.username, WRONG)
    with system.db() as db:
        stored = db.execute("SELECT password_hash FROM users WHERE username = %s", (user.username,)).fetchone()[0]
        tokens = db.execute("SELECT string_agg(token_hash, ' ') FROM refresh_tokens").fetchone()[0]
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert user.refresh_token not in tokens
    for secret in (user.password, WRONG, user.token, user.refresh_token):
        assert secret not in system.backend.log()


def test_unknown_wrong_and_disabled_look_the_same(system, admin, make_user):
    user, gone = make_user(), make_user()
    assert admin.patch(f"/api/users/{gone.username}", json={"disabled": True}).status_code == 200
    answers = [try_login(user, user.username, WRONG), try_login(user, "nobody-at-all", WRONG),
               try_login(user, gone.username, gone.password), try_login(user, gone.username, WRONG)]
    assert {json.dumps(error_of(answer)) for answer in answers} == {json.dumps(error_of(answers[0]))}
    assert error_of(answers[0])[:3] == (401, "AUTHENTICATION_ERROR", "Wrong user name or password")
    assert all("Set-Cookie" not in answer.headers for answer in answers)


def test_unknown_users_take_as_long(system, make_user):
    users = [make_user().username for _ in range(7)]
    client = system.client()
    wrong = cpu_spent(system, [lambda name=name: try_login(client, name, WRONG) for name in users])
    nobody = cpu_spent(system, [lambda n=n: try_login(client, f"nobody-{n}", WRONG) for n in range(7)])
    assert 0.5 < wrong / nobody < 2


def test_messages_in_chinese(system):
    answer = try_login(system.client(), "nobody", WRONG, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert answer.json()["message"] == "用户名或密码错误"


# ---- cookies ----

def test_login_sets_cookies(system, make_user):
    user = make_user()
    cookies = cookies_of(try_login(user, user.username, user.password))
    assert cookies["ccr_access"][1] == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=900"}
    assert cookies["ccr_refresh"][1] == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=2592000"}
    elsewhere = cookies_of(try_login(user, user.username, user.password, headers={"Host": "ccr.example.org"}))
    assert "Secure" in elsewhere["ccr_access"][1] and "Secure" in elsewhere["ccr_refresh"][1]


def test_a_browser_lives_by_cookies(make_user, browser):
    user = make_user()
    client = browser(user.username, user.password)
    assert client.get("/api/auth/me").data["username"] == user.username
    slug = f"made-by-cookie-{user.username}"
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                    {"Origin": "null"}):
        refused = client.post("/api/workspaces", json={"slug": slug, "name": "x"}, headers=headers)
        assert error_of(refused)[:2] == (403, "AUTHORIZATION_ERROR"), headers
    assert client.post("/api/workspaces", json={"slug": slug, "name": "x"}, headers=OWN_SITE).status_code == 201
    own_origin = {"Origin": client.url}
    assert client.delete(f"/api/workspaces/{slug}", headers=own_origin).status_code == 200


# A deferred trigger runs within COMMIT.
RAISE = "RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'"
DIE = "PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"


@contextlib.contextmanager
def trigger_on(system, table, does, deferred=True):
    """While the block runs, transactions that write to the table fail."""
    kind, when = ("CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED") if deferred else ("TRIGGER", "")
    with system.cluster.connect(user="postgres", dbname=system.database) as db:
        db.execute(f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; RETURN NULL; END $$")
        db.execute(f"CREATE {kind} fail AFTER INSERT OR UPDATE ON {table} {when} FOR EACH ROW EXECUTE FUNCTION fail()")
        try:
            yield
        finally:
            db.execute("DROP FUNCTION fail() CASCADE")


def check_nothing_is_promised(answer):
    """Headers that belong to a success would tell of what was rolled back."""
    assert answer.status_code in (409, 503), answer.text  # tried again and given up, or the connection is gone
    assert not {"Set-Cookie", "ETag", "X-CCR-Generation"} & set(answer.headers), answer.headers
    assert {"Cache-Control", "X-Request-Id", *(["Retry-After"] if answer.status_code == 503 else [])} <= set(answer.headers)


@pytest.mark.parametrize("does", [RAISE, DIE], ids=["refused", "connection lost"])
def test_a_refresh_that_is_not_committed_leaves_the_cookie_alone(system, make_user, browser, does):
    user = make_user()
    client = browser(user.username, user.password)
    before = dict(client.session.cookies)
    with trigger_on(system, "refresh_tokens", does):
        check_nothing_is_promised(client.post("/api/auth/refresh", headers=OWN_SITE))
        check_nothing_is_promised(try_login(client, user.username, user.password))
    assert dict(client.session.cookies) == before
    assert client.post("/api/auth/refresh", headers=OWN_SITE).status_code == 200
    assert client.get("/api/auth/me").status_code == 200


def test_a_change_that_is_not_committed_has_no_entity_tag(system, make_user):
    user = make_user()
    with trigger_on(system, "resources", RAISE):
        check_nothing_is_promised(user.post("/api/configs", json={"name": "a", "base_url": BASE, "auth_token": "t"}))
    created = user.post("/api/configs", json={"name": "a", "base_url": BASE, "auth_token": "t"})
    assert created.status_code == 201 and created.headers["ETag"]
    with trigger_on(system, "resources", RAISE):
        check_nothing_is_promised(user.put("/api/configs/a", json={"base_url": BASE, "auth_token": "u"}))


def test_a_logout_that_is_undone_leaves_the_cookies_alone(system, make_user, browser):
    user = make_user()
    client = browser(user.username, user.password)
    session = client.get("/api/auth/sessions").data["sessions"][0]["id"]
    with trigger_on(system, "audit_log", RAISE, deferred=False):
        check_nothing_is_promised(client.delete(f"/api/auth/sessions/{session}", headers=OWN_SITE))
    assert client.get("/api/auth/me").status_code == 200


def test_a_session_whose_end_is_not_committed_keeps_its_cookies(system, make_user, browser):
    """A spent refresh token ends the session: with the next try, when it could not now."""
    user = make_user()
    client = browser(user.username, user.password)
    spent = {**OWN_SITE, "Cookie": f"ccr_refresh={client.session.cookies['ccr_refresh']}"}
    assert client.post("/api/auth/refresh", headers=OWN_SITE).status_code == 200
    client.session.cookies.clear()
    long_spent(system)
    with trigger_on(system, "sessions", RAISE):
        assert "Set-Cookie" not in client.post("/api/auth/refresh", headers=spent).headers
    assert cookies_of(client.post("/api/auth/refresh", headers=spent))["ccr_refresh"][0] == ""


def test_a_bearer_token_is_no_cookie_and_needs_no_origin(make_user):
    user = make_user()
    answer = user.post("/api/workspaces", json={"slug": f"bearer-{user.username}", "name": "x"},
                       headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 201


# ---- logout and sessions ----

def test_logout(make_user):
    user = make_user()
    answer = user.post("/api/auth/logout")
    assert answer.status_code == 200
    assert {name: value for name, (value, _) in cookies_of(answer).items()
            if name != "ccr_generation"} == {"ccr_access": "", "ccr_refresh": ""}
    assert user.get("/api/auth/me").status_code == 401
    assert refresh(user, user.refresh_token).status_code == 401
    assert user.post("/api/auth/logout").status_code == 200, "again is harmless"


def test_logout_with_the_refresh_token_only(make_user, browser):
    user = make_user()
    assert user.anonymous().post("/api/auth/logout", json={"refresh_token": user.refresh_token}).status_code == 200
    assert user.get("/api/auth/me").status_code == 401
    client = browser(user.username, user.password)
    token = client.session.cookies["ccr_access"]
    client.session.cookies.set("ccr_access", None)
    assert client.post("/api/auth/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/api/auth/logout", headers=OWN_SITE).status_code == 200
    user.token = token
    assert user.get("/api/auth/me").status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer garbage"}, {"Cookie": "ccr_access=x"}])
def test_logout_without_a_session(system, headers):
    assert system.client().post("/api/auth/logout", headers=headers).status_code == 200


def test_sessions(system, make_user):
    user = make_user()
    second = system.client().login(user.username, user.password)
    listed = user.get("/api/auth/sessions").data
    assert listed["total"] == 2 and [item["current"] for item in listed["sessions"]] == [False, True]
    mine = listed["sessions"][1]
    assert mine["address"] == "127.0.0.1" and "python-requests" in mine["user_agent"]
    assert mine["created_at"].endswith("Z") and mine["expires_at"] > mine["created_at"]
    assert user.get("/api/auth/sessions?limit=1&offset=1").data["sessions"] == [mine]

    assert user.delete(f"/api/auth/sessions/{listed['sessions'][0]['id']}").status_code == 200
    assert second.get("/api/auth/me").status_code == 401
    assert user.delete(f"/api/auth/sessions/{listed['sessions'][0]['id']}").status_code == 404, "it is gone"
    own = user.delete(f"/api/auth/sessions/{mine['id']}")
    assert own.status_code == 200 and cookies_of(own)["ccr_access"][0] == ""
    assert user.get("/api/auth/me").status_code == 401


def test_end_all_other_sessions(system, make_user):
    user = make_user()
    others = [system.client().login(user.username, user.password) for _ in range(3)]
    assert user.delete("/api/auth/sessions").data == {"ended": 3}
    assert [other.get("/api/auth/me").status_code for other in others] == [401] * 3
    assert user.get("/api/auth/me").status_code == 200
    assert user.delete("/api/auth/sessions").data == {"ended": 0}


@pytest.mark.parametrize("id", ["x", "00000000-0000-0000-0000-000000000000", "%27", "..%2F.."])
def test_unknown_session(make_user, id):
    assert make_user().delete(f"/api/auth/sessions/{id}").status_code == 404


def test_sessions_of_others_are_out_of_reach(make_user):
    ann, ben = make_user(), make_user()
    session = ann.get("/api/auth/sessions").data["sessions"][0]["id"]
    assert ben.delete(f"/api/auth/sessions/{session}").status_code == 404
    assert ben.delete("/api/auth/sessions").data == {"ended": 0}
    assert session not in ben.get("/api/auth/sessions").text
    assert ann.get("/api/auth/me").status_code == 200


def test_revoking_takes_effect_at_once_on_every_worker(system, make_user):
    user = make_user()
    other = system.client().login(user.username, user.password)
    assert ask_every_worker(other) == {200}, "every worker remembers the token now"
    user.delete("/api/auth/sessions")
    assert ask_every_worker(other) == {401}
    assert ask_every_worker(user) == {200}


# ---- the password ----

def test_change_the_password(system, make_user):
    user = make_user()
    other = system.client().login(user.username, user.password)
    change = {"current_password": user.password, "new_password": "another password"}
    assert user.post("/api/auth/password", json=change).status_code == 200
    assert user.get("/api/auth/me").status_code == 200, "the session that changed it stays"
    assert other.get("/api/auth/me").status_code == 401 and refresh(other, other.refresh_token).status_code == 401
    assert try_login(user, user.username, user.password).status_code == 401
    assert try_login(user, user.username, "another password").status_code == 200


@pytest.mark.parametrize("new, message", [
    ("short", "at least 10 characters"), ("x" * 257, "at most 256 characters"), ("Long-Enough-Name", "must not be the user name"),
    ("with\ttab inside", "control characters"), ("九个汉字不够长啊啊", "at least 10 characters"), ("   ", "must not be empty"),
])
def test_new_passwords_that_will_not_do(make_user, new, message):
    user = make_user(name="long-enough-name") if new.startswith("Long") else make_user()
    answer = user.post("/api/auth/password", json={"current_password": user.password, "new_password": new})
    fields = answer.json()["error"]["details"]["fields"]
    assert answer.status_code == 400 and [field["field"] for field in fields] == ["new_password"]
    assert message in fields[0]["message"] and new not in answer.text


@pytest.mark.parametrize("password", ["十个汉字就足够长了呀", "x" * 256, "a b c d e f", "ÄÖÜäöüß🙂🙂🙂"])
def test_passwords_in_any_script(make_user, password):
    user = make_user(password=password)
    assert try_login(user, user.username, password).status_code == 200


def test_confirm_the_password(system, make_user):
    user = make_user()
    with system.db() as db:
        db.execute("UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = %s", (user.user["id"],))
    answer = user.post("/api/auth/password/confirm", json={"password": user.password})
    assert answer.status_code == 200 and answer.data["confirmed_until"] > time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    with system.db() as db:
        assert db.execute("SELECT now() - confirmed_at < interval '1 minute' FROM sessions WHERE user_id = %s",
                          (user.user["id"],)).fetchone() == (True,)


# ---- tokens that are not good ----

def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(token, key, header=None, digest=hashlib.sha256, **claims):
    """The same token with other header fields and claims, signed with `key`."""
    old_header, old_claims = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
    new_claims = {name: value for name, value in {**old_claims, **claims}.items() if value is not None}
    parts = [unpadded(json.dumps(part).encode()) for part in ({**old_header, **(header or {})}, new_claims)]
    signature = hmac.new(key.encode(), ".".join(parts).encode(), digest).digest() if key is not None else b""
    return ".".join([*parts, unpadded(signature)])


def soon(seconds):
    """As the test runs: it was collected long before."""
    return int(time.time()) + seconds


BAD_TOKENS = {
    "empty": lambda t, k: "",
    "garbage": lambda t, k: "garbage",
    "dots": lambda t, k: "..",
    "long": lambda t, k: "a" * 5000,
    "cut": lambda t, k: t[:-1],
    "no signature": lambda t, k: t.rpartition(".")[0] + ".",
    "two parts": lambda t, k: t.rpartition(".")[0],
    "alg none": lambda t, k: forge(t, None, {"alg": "none"}),
    "alg none, signed": lambda t, k: forge(t, k, {"alg": "none"}),
    "alg None": lambda t, k: forge(t, None, {"alg": "None"}),
    "alg HS512": lambda t, k: forge(t, k, {"alg": "HS512"}, hashlib.sha512),
    "alg RS256": lambda t, k: forge(t, k, {"alg": "RS256"}),
    "crit": lambda t, k: forge(t, k, {"crit": ["exp"]}),
    "crit of what nobody knows": lambda t, k: forge(t, k, {"crit": ["http://example.com/x"], "http://example.com/x": True}),
    "crit, empty": lambda t, k: forge(t, k, {"crit": []}),
    "zip": lambda t, k: forge(t, k, {"zip": "DEF"}),
    "b64": lambda t, k: forge(t, k, {"b64": False}),
    "jku": lambda t, k: forge(t, k, {"jku": "https://example.com/keys"}),
    "jwk": lambda t, k: forge(t, k, {"jwk": {"kty": "oct", "k": "eHh4eA"}}),
    "x5u": lambda t, k: forge(t, k, {"x5u": "https://example.com/cert"}),
    "cty JWT": lambda t, k: forge(t, k, {"cty": "JWT"}),
    "typ JWE": lambda t, k: forge(t, k, {"typ": "JWE"}),
    "typ a number": lambda t, k: forge(t, k, {"typ": 1}),
    "alg missing": lambda t, k: forge(t, k, {"alg": None}),
    "other key": lambda t, k: forge(t, "x" * 64),
    "empty key": lambda t, k: forge(t, ""),
    "empty key, empty kid": lambda t, k: forge(t, "", {"kid": ""}),
    "first half of the key": lambda t, k: forge(t, k[:32]),
    "key doubled": lambda t, k: forge(t, k * 2),
    "other kid": lambda t, k: forge(t, k, {"kid": "00000000"}),
    "kid of another type": lambda t, k: forge(t, k, {"kid": 1}),
    "expired": lambda t, k: forge(t, k, exp=soon(-1)),
    "exp missing": lambda t, k: forge(t, k, exp=None),
    "exp a string": lambda t, k: forge(t, k, exp=str(soon(900))),
    "exp a fraction": lambda t, k: forge(t, k, exp=soon(900) + 0.5),
    "not yet valid": lambda t, k: forge(t, k, nbf=soon(600)),
    "nbf missing": lambda t, k: forge(t, k, nbf=None),
    "issued tomorrow": lambda t, k: forge(t, k, iat=soon(86400)),
    "other audience": lambda t, k: forge(t, k, aud="somebody-else"),
    "audience missing": lambda t, k: forge(t, k, aud=None),
    "audience a list": lambda t, k: forge(t, k, aud=["ccr-ui-api"]),
    "other issuer": lambda t, k: forge(t, k, iss="somebody-else"),
    "sub missing": lambda t, k: forge(t, k, sub=None),
    "sub of nobody": lambda t, k: forge(t, k, sub="00000000-0000-4000-8000-000000000000"),
    "sub with SQL": lambda t, k: forge(t, k, sub="' OR 1=1 --"),
    "session of nobody": lambda t, k: forge(t, k, sid="00000000-0000-4000-8000-000000000000"),
    "session missing": lambda t, k: forge(t, k, sid=None),
    "personal token of nobody": lambda t, k: "ccr_pat_" + "A" * 43,
    "personal token cut": lambda t, k: "ccr_pat_",
}


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_bad_tokens(system, make_user, kind):
    user = make_user()
    good = forge(user.token, system.cli.env["JWT_SECRET"])
    bad = BAD_TOKENS[kind](user.token, system.cli.env["JWT_SECRET"])
    anybody = system.client()
    assert anybody.get("/api/auth/me", headers={"Authorization": f"Bearer {good}"}).status_code == 200, "the forge works"
    for headers in ({"Authorization": f"Bearer {bad}"}, {"Cookie": f"ccr_access={bad}"}):
        answer = anybody.get("/api/auth/me", headers=headers)
        assert error_of(answer)[:2] == (401, "AUTHENTICATION_ERROR") and "WWW-Authenticate" in answer.headers


def test_somebody_elses_session_in_the_token(system, make_user):
    ann, ben = make_user(), make_user()
    token = forge(ann.token, system.cli.env["JWT_SECRET"], sub=ben.user["id"])
    assert system.client().get("/api/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_no_token(system):
    answer = system.client().get("/api/auth/me")
    assert error_of(answer)[:2] == (401, "AUTHENTICATION_ERROR") and answer.headers["WWW-Authenticate"].startswith("Bearer")
    for value in ("Basic YWRtaW46eA==", "Bearer", "bearer ", "Token x"):
        assert system.client().get("/api/auth/me", headers={"Authorization": value}).status_code == 401
