"""Refresh tokens: good once, with a few seconds' grace for the client that spent them; in a body and as a cookie alike."""

import pytest

from configs import everything
from people import (OWN_SITE, admin, at_once, browser, cookies_of, error_of, long_spent, make_user,  # noqa: F401
                    no_failures, refresh, system, user_maker)

OTHER_BROWSER = {"User-Agent": "somebody else's"}


def by_body(client, token, **headers):
    """Presents a refresh token; the answer, and the token to be presented next."""
    answer = client.anonymous().post("/api/auth/refresh", json={"refresh_token": token}, headers=headers)
    return answer, answer.data["refresh_token"] if answer.status_code == 200 else None


def by_cookie(client, token, **headers):
    answer = client.anonymous().post("/api/auth/refresh", headers={**OWN_SITE, "Cookie": f"ccr_refresh={token}", **headers})
    return answer, cookies_of(answer)["ccr_refresh"][0] if answer.status_code == 200 else None


def silently(client, token, **headers):
    """What the frontend does: any request, with an access cookie that has run out."""
    answer = client.anonymous().get("/api/auth/me", headers={"Cookie": f"ccr_access=x; ccr_refresh={token}", **headers})
    return answer, cookies_of(answer)["ccr_refresh"][0] if answer.status_code == 200 else None


WAYS = [by_body, by_cookie, silently]
every_way = pytest.mark.parametrize("present", WAYS, ids=lambda way: way.__name__)


def alive(client):
    return client.get("/api/auth/me").status_code == 200


def reuses(system, user):
    with everything(system) as db:
        return db.execute("SELECT count(*) FROM audit_log WHERE action = 'auth.refresh_reused' AND actor = %s",
                          (user.username,)).fetchone()[0]


@every_way
def test_it_rotates(system, make_user, present):
    user = make_user()
    seen = [user.refresh_token]
    for _ in range(4):
        answer, following = present(user, seen[-1])
        assert answer.status_code == 200, answer.text
        assert following not in seen and len(following) == 43
        seen.append(following)
        long_spent(system)
    assert user.get("/api/auth/sessions").data["total"] == 1, "all of them are one session"
    with system.db() as db:
        stored = db.execute("SELECT string_agg(token_hash || coalesce(spent_by, ''), ' ') FROM refresh_tokens").fetchone()[0]
    assert not [token for token in seen if token in stored or token in system.backend.log()]


def test_the_answer_of_a_refresh(make_user):
    user = make_user()
    answer = refresh(user, user.refresh_token)
    assert answer.data["refresh_token"] not in (None, user.refresh_token) and answer.data["access_token"] != user.token
    assert answer.data["user"] == user.user
    user.token = answer.data["access_token"]
    assert alive(user)


@every_way
def test_a_spent_token_ends_the_session(system, make_user, present):
    user = make_user()
    other = system.client().login(user.username, user.password)
    fresh = refresh(user, user.refresh_token).data
    long_spent(system)
    reused, _ = present(user, user.refresh_token)
    assert error_of(reused)[:2] == (401, "AUTHENTICATION_ERROR") and "used before" in reused.json()["message"]
    assert cookies_of(reused)["ccr_refresh"][0] == "" and "Max-Age=0" in cookies_of(reused)["ccr_refresh"][1]
    assert refresh(user, fresh["refresh_token"]).status_code == 401, "the thief's or the owner's: both are out"
    for token in (user.token, fresh["access_token"]):
        user.token = token
        assert not alive(user)
    assert alive(other), "the user's other sessions stay"
    assert reuses(system, user) == 1
    assert present(user, user.refresh_token)[0].status_code == 401
    assert reuses(system, user) == 1, "it is told once"


@every_way
def test_a_cookie_wears_out(system, make_user, present):
    """A stolen copy of the cookie is good until its owner's browser comes back, and not for longer."""
    user = make_user()
    assert silently(user, user.refresh_token)[0].status_code == 200
    long_spent(system)
    assert present(user, user.refresh_token)[0].status_code == 401


@every_way
def test_many_at_once_are_one(system, make_user, present):
    user = make_user()
    answers = at_once(*[lambda: present(user, user.refresh_token)] * 12)
    assert {answer.status_code for answer, _ in answers} == {200}
    assert len({following for _, following in answers}) == 1, "all get the same successor"
    assert alive(user) and reuses(system, user) == 0
    assert present(user, answers[0][1])[0].status_code == 200


def test_the_two_ways_at_once(make_user):
    user = make_user()
    answers = at_once(*[lambda way=way: way(user, user.refresh_token) for way in WAYS * 4])
    assert {answer.status_code for answer, _ in answers} == {200} and len({following for _, following in answers}) == 1


@every_way
def test_the_grace_is_for_the_same_client(system, make_user, present):
    user = make_user()
    assert present(user, user.refresh_token)[0].status_code == 200
    stolen, _ = present(user, user.refresh_token, **OTHER_BROWSER)
    assert stolen.status_code == 401 and "used before" in stolen.json()["message"]
    assert not alive(user) and reuses(system, user) == 1


@every_way
def test_a_late_answer_leads_to_the_newest(make_user, present):
    """Within the seconds a successor may have been spent as well: the client is given the one that is good."""
    user = make_user()
    _, second = present(user, user.refresh_token)
    _, third = present(user, second)
    answer, following = present(user, user.refresh_token)
    assert answer.status_code == 200 and following == third
    assert alive(user)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "ccr_pat_" + "A" * 43, "' OR 1=1 --", None])
def test_something_else(system, token):
    assert refresh(system.client(), token).status_code == 401


@every_way
def test_an_expired_session(system, make_user, present):
    user = make_user()
    with system.db() as db:
        db.execute("UPDATE sessions SET expires_at = now() WHERE user_id = %s", (user.user["id"],))
    assert present(user, user.refresh_token)[0].status_code == 401
    assert not alive(user) and reuses(system, user) == 0


@every_way
def test_a_session_that_was_ended(make_user, present):
    user = make_user()
    assert user.post("/api/auth/logout").status_code == 200
    assert present(user, user.refresh_token)[0].status_code == 401


def test_the_access_cookie_is_renewed_silently(make_user, browser):
    user = make_user()
    client = browser(user.username, user.password)
    before = client.session.cookies["ccr_refresh"]
    client.session.cookies.set("ccr_access", None)
    answer = client.get("/api/auth/me")
    assert answer.status_code == 200 and answer.data["username"] == user.username
    cookies = cookies_of(answer)
    assert cookies["ccr_access"][1] == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=900"}
    assert cookies["ccr_refresh"][1] == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=2592000"}
    assert client.session.cookies["ccr_refresh"] != before
    assert "Set-Cookie" not in client.get("/api/auth/me").headers


@pytest.mark.parametrize("path, status", [("/api/no-such-route", 404), ("/api/users", 403), ("/api/configs?limit=x", 400)])
def test_a_renewal_stays_whatever_becomes_of_the_request(make_user, browser, path, status):
    user = make_user()
    client = browser(user.username, user.password)
    client.session.cookies.set("ccr_access", None)
    before = client.session.cookies["ccr_refresh"]
    assert client.get(path).status_code == status
    if status != 404:  # which is known before anybody is
        assert client.session.cookies["ccr_refresh"] != before
    assert client.get("/api/auth/me").status_code == 200


def test_a_page_that_loads(make_user, browser):
    """The browser sends many requests before the first answer comes; then it goes on with what it was given last."""
    user = make_user()
    client = browser(user.username, user.password)
    old = client.session.cookies["ccr_refresh"]
    answers = at_once(*[lambda: silently(user, old)[0] for _ in range(16)])
    assert {answer.status_code for answer in answers} == {200}
    client.session.cookies.clear()
    client.session.cookies.set("ccr_refresh", cookies_of(answers[-1])["ccr_refresh"][0])
    assert client.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize("table", ["refresh_tokens", "sessions"])
def test_a_request_goes_on_without_a_renewal_that_others_hold_up(system, make_user, browser, table):
    user = make_user()
    client = browser(user.username, user.password)
    client.session.cookies.set("ccr_access", None)
    before = client.session.cookies["ccr_refresh"]
    with everything(system) as db, db.transaction():
        assert db.execute(f"SELECT 1 FROM {table} FOR UPDATE").rowcount
        answer = client.get("/api/auth/me")
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers, answer.text
        assert client.get("/api/auth/me", headers={"Cookie": "ccr_refresh=x"}).status_code == 401
    assert client.session.cookies["ccr_refresh"] == before
    assert client.get("/api/auth/me").status_code == 200 and client.session.cookies["ccr_refresh"] != before


def test_a_spent_cookie_is_no_way_in_while_others_hold_up_the_renewal(system, make_user):
    user = make_user()
    assert silently(user, user.refresh_token)[0].status_code == 200
    long_spent(system)
    with everything(system) as db, db.transaction():
        db.execute("SELECT 1 FROM refresh_tokens FOR UPDATE")
        assert silently(user, user.refresh_token)[0].status_code == 401
    assert alive(user)
    assert silently(user, user.refresh_token)[0].status_code == 401 and not alive(user)


def test_refresh_by_cookie(make_user, browser):
    user = make_user()
    client = browser(user.username, user.password)
    before = client.session.cookies["ccr_refresh"]
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/auth/refresh", headers=headers).status_code == 403
    assert client.session.cookies["ccr_refresh"] == before
    answer = client.post("/api/auth/refresh", headers=OWN_SITE)
    assert answer.status_code == 200
    assert answer.data["refresh_token"] is None, "what HttpOnly hides must not come back in a body"
    assert client.session.cookies["ccr_refresh"] != before
    assert client.get("/api/auth/me").status_code == 200
