"""The audit trail through the API: who may read what, filters, pages, CSV."""

import csv
import io
import json

import pytest

from configs import create, everything, wrong_fields
from people import (add_member, admin, error_of, make_user, no_failures, system, try_login, user_maker)  # noqa: F401

COLUMNS = ["id", "time", "actor", "token", "action", "platform", "target", "from_config", "to_config", "changes", "address",
           "request_id"]


def entries(client, query="", path="/api/audit"):
    answer = client.get(path + query)
    assert answer.status_code == 200, answer.text
    return answer.data["entries"]


def rows(client, query, path="/api/audit", **headers):
    answer = client.get(path + query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv") and "attachment" in answer.headers["Content-Disposition"]
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8"), newline=""), strict=True))
    assert table[0] == COLUMNS and {len(row) for row in table} == {len(COLUMNS)}
    return [dict(zip(COLUMNS, row)) for row in table[1:]]


@pytest.fixture
def team(make_user):
    """(owner, editor, slug) of a shared workspace in which something was done."""
    owner, editor = make_user(), make_user()
    slug = f"audited-{owner.username}"
    assert owner.post("/api/workspaces", json={"slug": slug, "name": slug}).status_code == 201
    add_member(owner, slug, editor, "editor")
    owner.workspace = editor.workspace = slug
    create(editor, "relay")
    return owner, editor, slug


def test_what_the_site_saw(admin, make_user):
    user = make_user()
    assert user.post("/api/tokens", json={"name": "ci", "scopes": ["read"]}).status_code == 201
    seen = entries(admin, f"?actor={user.username.upper()}")
    assert [(entry["action"], entry["target"]) for entry in seen] == [("token.create", "ci"), ("auth.login", user.username)]
    assert seen[1]["address"] == "127.0.0.1" and seen[1]["token"] is None and seen[1]["changes"] == []
    made = entries(admin, f"?action=user.create&target={user.username}")
    assert [entry["actor"] for entry in made] == ["admin"]


def test_no_secret_is_in_it(admin, make_user):
    user = make_user()
    try_login(user, user.username, "wrong-wrong-wrong")
    change = {"current_password": user.password, "new_password": "another password"}
    assert user.post("/api/auth/password", json=change).status_code == 200
    text = admin.get("/api/audit?limit=500").text
    for secret in (user.password, "another password", "wrong-wrong", user.token, user.refresh_token):
        assert secret not in text


@pytest.mark.parametrize("who", ["nobody", "user", "token without the scope", "bound token"])
def test_the_sites_is_for_site_administrators(system, make_user, who):
    if who == "nobody":
        assert system.client().get("/api/audit").status_code == 401
        return
    user = make_user(site_admin=who != "user")
    if "token" in who:
        options = {"workspace": user.user["workspace"]["slug"]} if who == "bound token" else {}
        scopes = ["read", "write", "secrets"] if who.startswith("token") else ["read", "admin"]
        user.token = user.post("/api/tokens", json={"name": "t", "scopes": scopes, **options}).data["token"]
    assert error_of(user.get("/api/audit"))[:2] == (403, "AUTHORIZATION_ERROR")
    assert error_of(user.get("/api/audit?format=csv"))[:2] == (403, "AUTHORIZATION_ERROR")


def test_postgresql_holds_it_from_everybody_else(system, make_user):
    """Row-level security, whatever a handler forgets."""
    user, chief = make_user(), make_user(site_admin=True)
    with system.db() as db:
        count = "SELECT count(*) FROM audit_log WHERE workspace_id IS NULL"
        assert db.execute(count).fetchone() == (0,)
        for client, sees in ((user, False), (chief, True)):
            db.execute("SELECT set_config('ccr.user', %s, false)", (client.user["id"],))
            assert (db.execute(count).fetchone()[0] > 0) is sees
            named = db.execute("SELECT ccr_workspace_named(NULL, %s)", (user.username,)).fetchone()[0]
            assert (named is not None) is sees
        db.execute("UPDATE users SET disabled_at = now() WHERE id = %s", (chief.user["id"],))
        assert db.execute(count).fetchone() == (0,)


def test_what_a_workspace_saw(admin, team):
    owner, editor, slug = team
    own = entries(owner, path="/api/audit/workspace")
    assert [entry["action"] for entry in own] == ["profile.create", "member.add", "member.invite", "workspace.create"]
    assert own[0]["actor"] == editor.username and own[0]["target"] == "relay" and own[0]["platform"] == "claude"
    assert own[1]["changes"] == [{"key": "role", "old_value": None, "new_value": "editor"}]
    assert entries(admin, f"?workspace={slug}") == own, "a site administrator sees it without being a member"
    assert error_of(editor.get("/api/audit/workspace"))[:2] == (403, "AUTHORIZATION_ERROR")
    assert entries(admin, "?action=profile.create") == [], "the site's own are others"


def test_a_shared_workspace_called_like_a_personal_one(admin, make_user):
    """Neither hides what was done in the other."""
    user, other = make_user(), make_user()
    create(user, "in-personal")
    slug = user.get("/api/auth/me").data["workspace"]["slug"]
    assert error_of(admin.get(f"/api/audit?workspace={slug}"))[:2] == (404, "NOT_FOUND")
    assert other.post("/api/workspaces", json={"slug": slug, "name": "x"}).status_code == 201
    other.workspace = slug
    create(other, "in-shared")
    targets = lambda query: [entry["target"] for entry in entries(admin, query + "&action=profile.*")]  # noqa: E731
    assert targets(f"?workspace={slug}") == ["in-shared"]
    assert targets(f"?user={user.username.upper()}") == targets(f"?user={user.username}&workspace={slug}") == ["in-personal"]
    for query in (f"?user={other.username}&workspace={slug}", "?user=nobody-at-all", f"?user=nobody-at-all&workspace={slug}"):
        assert error_of(admin.get(f"/api/audit{query}"))[:2] == (404, "NOT_FOUND")
    assert error_of(other.get(f"/api/audit?user={user.username}"))[:2] == (403, "AUTHORIZATION_ERROR")


def test_unknown_workspaces(admin, make_user, team):
    assert error_of(admin.get("/api/audit?workspace=no-such"))[:2] == (404, "NOT_FOUND")
    stranger = make_user()
    stranger.workspace = team[2]
    assert error_of(stranger.get("/api/audit/workspace"))[:2] == (404, "NOT_FOUND")


def test_filters(system, admin, make_user):
    user = make_user()
    user.post("/api/auth/password/confirm", json={"password": user.password})
    user.post("/api/tokens", json={"name": "ci", "scopes": ["read"]})
    mine = f"?actor={user.username}"
    actions = lambda query: [entry["action"] for entry in entries(admin, mine + query)]  # noqa: E731
    assert actions("") == ["token.create", "auth.confirm", "auth.login"]
    assert actions("&action=auth.*") == ["auth.confirm", "auth.login"]
    assert actions("&action=auth.confirm") == ["auth.confirm"]
    assert actions("&action=auth") == actions("&action=uth.*") == actions("&action=auth.%25") == []
    assert actions("&target=ci") == ["token.create"]
    assert len(actions("&address=127.0.0.1")) == 3 and actions("&address=192.0.2.1") == []
    with everything(system) as db:
        for action, when in (("auth.login", "2026-01-31T23:59:59.5Z"), ("auth.confirm", "2026-02-01T00:00:00Z"),
                             ("token.create", "2026-02-02T00:00:00Z")):
            db.execute("UPDATE audit_log SET created_at = %s WHERE actor = %s AND action = %s", (when, user.username, action))
    assert actions("&from=2026-02-01") == ["token.create", "auth.confirm"]
    assert actions("&to=2026-02-01") == ["auth.login"]
    assert actions("&from=2026-01-31T23:59:59.500Z&to=2026-02-02") == ["auth.confirm", "auth.login"]
    assert actions("&from=2026-02-01T08:00:00%2B08:00") == actions("&from=2026-02-01T08:00:00+08:00") == [
        "token.create", "auth.confirm"]
    assert actions("&from=2026-01-31T20:00:00-05:00") == ["token.create"]


@pytest.mark.parametrize("value", ["yesterday", "2026", "2026-02-30", "2026-13-01", "2026-02-01T", "2026-02-01T25:00:00Z",
                                   "2026-02-01T10:00:00", "2026-02-01T10:00:00Zx", "2026-02-01T10:00:00%2B99:00", "20260201",
                                   "2026-02-01T10:00:60Z", "infinity", "%27--", "12026-01-01",
                                   "2026-02-01T10:00:00%2B16:00", "2026-02-01T10:00:00-10:60", "2026-02-01T10:00:00-0::00",
                                   "0000-01-01", "0000-01-01T00:00:00Z"])
def test_times_that_are_none(admin, value):
    for name in ("from", "to"):
        assert wrong_fields(admin.get(f"/api/audit?{name}={value}")) == [name]


@pytest.mark.parametrize("query, field", [("limit=0", "limit"), ("limit=501", "limit"), ("limit=5001&format=csv", "limit"),
                                          ("offset=-1", "offset"), ("format=xml", "format")])
def test_wrong_parameters(admin, query, field):
    assert wrong_fields(admin.get(f"/api/audit?{query}")) == [field]


def test_pages(admin, make_user):
    user = make_user()
    for _ in range(5):
        user.post("/api/auth/password/confirm", json={"password": user.password})
    mine = f"?actor={user.username}"
    everything_seen = entries(admin, mine)
    pages = [admin.get(f"/api/audit{mine}&limit=2&offset={offset}").data for offset in (0, 2, 4)]
    assert [entry for page in pages for entry in page["entries"]] == everything_seen
    assert {page["total"] for page in pages} == {6} and len({entry["id"] for entry in everything_seen}) == 6


def test_a_long_trail_is_not_counted_to_its_end(system, admin):
    with everything(system) as db:
        db.execute("INSERT INTO audit_log (actor, action) SELECT 'crowd', 'auth.login' FROM generate_series(1, 10025)")
    pages = {offset: admin.get(f"/api/audit?actor=crowd&limit=10&offset={offset}").data
             for offset in (0, 5000, 10010, 10020, 10030)}
    assert {offset: len(page["entries"]) for offset, page in pages.items()} == {0: 10, 5000: 10, 10010: 10, 10020: 5, 10030: 0}
    assert {offset: page["total"] for offset, page in pages.items()} == {
        0: 10000, 5000: 10000, 10010: 10020, 10020: 10025, 10030: 10000}


# ---- CSV ----

@pytest.mark.parametrize("query, headers", [("&format=csv", {}), ("", {"Accept": "text/csv"}), ("&format=csv", {"Accept": "application/json"})])
def test_csv(admin, make_user, query, headers):
    user = make_user()
    mine = f"?actor={user.username}"
    told = [{name: "" if value is None else json.dumps(value) if name == "changes" else value for name, value in entry.items()}
            for entry in entries(admin, mine)]
    assert rows(admin, mine + query, **headers) == told


def test_json_is_what_comes_without_a_wish(admin):
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json, text/csv"}):
        assert admin.get("/api/audit", headers=headers).headers["Content-Type"].startswith("application/json")
    assert admin.get("/api/audit?format=json", headers={"Accept": "text/csv"}).headers["Content-Type"].startswith("application/json")


FORMULAS = ["=cmd|'/c calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]


def test_no_cell_is_a_formula(system, admin, make_user):
    user = make_user()
    with everything(system) as db:
        for number, text in enumerate([*FORMULAS, 'a "quoted", one', "two\r\nlines", "plain", "名字"]):
            db.execute("INSERT INTO audit_log (actor, action, target) VALUES (%s, 'x', %s)", (user.username, text))
    targets = [row["target"] for row in rows(admin, f"?actor={user.username}&action=x&format=csv")][::-1]
    assert targets == ["'" + text for text in FORMULAS] + ['a "quoted", one', "two\r\nlines", "plain", "名字"]


def test_a_large_trail(system, admin, make_user):
    user = make_user()
    with everything(system) as db:
        db.execute("INSERT INTO audit_log (actor, action, target) SELECT %s, 'x', 'row ' || n FROM generate_series(1, 7000) n",
                   (user.username,))
    mine = f"?actor={user.username}&action=x&format=csv"
    assert len(rows(admin, mine)) == 1000
    first, second = rows(admin, mine + "&limit=5000"), rows(admin, mine + "&limit=5000&offset=5000")
    assert len({row["target"] for row in first + second}) == 7000
    with everything(system) as db:
        db.execute("UPDATE audit_log SET target = repeat('x', 9000) WHERE actor = %s", (user.username,))
    assert wrong_fields(admin.get(f"/api/audit{mine}&limit=5000")) == ["limit"], "and not a file that is cut off somewhere"
    assert len(rows(admin, mine + "&limit=500")) == 500


def test_entries_by_a_token_name_it(system, admin, make_user):
    user = make_user()
    made = user.post("/api/tokens", json={"name": "nightly", "scopes": ["read", "write"]}).data
    script = system.client()
    script.token = made["token"]
    create(script, "relay")
    assert entries(user, "?action=profile.create", "/api/audit/workspace")[0]["token"] == "nightly"
    assert user.delete(f"/api/tokens/{made['id']}").status_code == 200
    assert entries(user, "?action=profile.create", "/api/audit/workspace")[0]["token"] == "nightly", "also when it is gone"
