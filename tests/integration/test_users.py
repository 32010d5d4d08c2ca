"""Users, for site administrators; personal access tokens."""

import pytest

from configs import everything
from people import (add_member, admin, ask_every_worker, at_once, browser, error_of, make_user, no_failures, system,  # noqa: F401
                    try_login, user_maker)
from stack import wait_until

# ---- users ----

EVERY_ROUTE = [("GET", "/api/users", None), ("POST", "/api/users", {"username": "x", "password": "0123456789"}),
               ("GET", "/api/users/admin", None), ("PATCH", "/api/users/admin", {"disabled": True}),
               ("DELETE", "/api/users/admin", None), ("POST", "/api/users/admin/password", {"password": "0123456789"})]


@pytest.mark.parametrize("method, path, body", EVERY_ROUTE)
def test_only_for_site_admins(system, make_user, method, path, body):
    assert make_user().request(method, path, json=body).status_code == 403
    assert system.client().request(method, path, json=body).status_code == 401


def test_create(system, admin):
    answer = admin.post("/api/users", json={"username": "ada_l", "password": "analytical", "display_name": " Ada ",
                                            "site_role": "admin", "id": "ignored", "icon": "ignored"})
    assert answer.status_code == 201 and answer.headers["ETag"] == '"1"'
    assert {name: answer.data[name] for name in ("username", "display_name", "site_role", "disabled", "last_login_at")} == {
        "username": "ada_l", "display_name": "Ada", "site_role": "admin", "disabled": False, "last_login_at": None}
    assert "password" not in answer.text and "argon2" not in answer.text
    client = system.client().login("ada_l", "analytical")
    assert client.user["workspace"] == {"slug": "ada-l", "name": "Ada", "role": "owner"}
    assert admin.get("/api/users/ADA_L").data["last_login_at"] is not None
    assert error_of(admin.post("/api/users", json={"username": "Ada_L", "password": "analytical"}))[:2] == (409, "CONFLICT")


@pytest.mark.parametrize("body, field", [
    ({"password": "0123456789"}, "username"), ({"username": "x"}, "password"),
    ({"username": "with space", "password": "0123456789"}, "username"),
    ({"username": "a/b", "password": "0123456789"}, "username"), ({"username": "..", "password": "0123456789"}, "username"),
    ({"username": "x" * 101, "password": "0123456789"}, "username"),
    ({"username": "名" * 60, "password": "0123456789"}, "username"),
    ({"username": "short", "password": "012345678"}, "password"), ({"username": "long", "password": "x" * 257}, "password"),
    ({"username": "Same-As-Name", "password": "same-as-name"}, "password"),
    ({"username": "role", "password": "0123456789", "site_role": "root"}, "site_role"),
    ({"username": "type", "password": 1234567890}, "password"),
    ({"username": "long-name", "password": "0123456789", "display_name": "x" * 201}, "display_name"),
])
def test_create_with_wrong_fields(admin, body, field):
    answer = admin.post("/api/users", json=body)
    assert error_of(answer)[:2] == (400, "VALIDATION_ERROR")
    assert field in [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]]


@pytest.mark.parametrize("name, slug", [("Zo.e_1", "zo-e-1"), ("张三", "user"), ("--x--", "x"), ("élan", "lan"), ("n" * 90, "n" * 40)])
def test_slugs_of_personal_workspaces(make_user, name, slug):
    assert make_user(name).user["workspace"]["slug"] == slug


def test_slugs_that_are_taken(make_user):
    names = ["taken", *[f"taken{mark}" for mark in ".-_"], *[f".taken{mark}" for mark in ".-_"], *[f"_taken{m}" for m in ".-_"]]
    slugs = [make_user(name).user["workspace"]["slug"] for name in names]
    assert slugs[:9] == ["taken", *[f"taken-{n}" for n in range(2, 10)]]
    assert slugs[9].startswith("taken-") and len(slugs[9]) == len("taken-") + 6


def test_list(admin, make_user):
    made = sorted(make_user().username for _ in range(3))
    everybody = admin.get("/api/users").data
    names = [user["username"] for user in everybody["users"]]
    assert names == sorted(names, key=str.lower) and set(made) < set(names) and everybody["total"] == len(names)
    page = admin.get("/api/users?limit=2&offset=1").data
    assert [user["username"] for user in page["users"]] == names[1:3]
    assert (page["total"], page["limit"], page["offset"]) == (len(names), 2, 1)
    assert admin.get("/api/users?offset=100000").data["users"] == []
    for query in ("limit=0", "limit=501", "limit=x", "offset=-1", "limit=1&limit=2", "offset=99999999999999999999"):
        assert admin.get(f"/api/users?{query}").status_code == 400, query


def test_read_and_change(system, admin, make_user):
    user = make_user()
    path = f"/api/users/{user.username}"
    first = admin.get(path)
    assert admin.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    changed = admin.patch(path, json={"display_name": "Somebody"}, headers={"If-Match": first.headers["ETag"]})
    assert changed.status_code == 200 and changed.data["display_name"] == "Somebody"
    assert changed.headers["ETag"] != first.headers["ETag"]
    stale = admin.patch(path, json={"display_name": "Else"}, headers={"If-Match": first.headers["ETag"]})
    assert error_of(stale)[:2] == (412, "PRECONDITION_FAILED")
    assert admin.patch(path, json={"site_role": "admin"}).data["display_name"] == "Somebody", "what is not named stays"
    assert user.get("/api/users").status_code == 200, "the role counts at once"
    assert admin.patch(path, json={"display_name": None, "site_role": "user"}).data["display_name"] is None
    assert ask_every_worker(user, "/api/users") == {403}
    assert admin.delete(path, headers={"If-Match": '"1"'}).status_code == 412
    for unknown in ("/api/users/nobody", "/api/users/a%2Fb", "/api/users/%27--"):
        assert admin.get(unknown).status_code == admin.patch(unknown, json={}).status_code == 404
        assert admin.delete(unknown).status_code == 404
    assert admin.post("/api/users/nobody/password", json={"password": "0123456789"}).status_code == 404


def test_disable(system, admin, make_user):
    user = make_user()
    token = user.post("/api/tokens", json={"name": "t", "scopes": ["read"]}).data["token"]
    by_token = system.client()
    by_token.token = token
    assert ask_every_worker(user) == ask_every_worker(by_token) == {200}
    assert admin.patch(f"/api/users/{user.username}", json={"disabled": True}).data["disabled"] is True
    assert ask_every_worker(user) == ask_every_worker(by_token) == {401}
    assert try_login(user, user.username, user.password).status_code == 401
    assert user.post("/api/auth/refresh", json={"refresh_token": user.refresh_token}).status_code == 401
    assert admin.patch(f"/api/users/{user.username}", json={"disabled": False}).data["disabled"] is False
    assert user.get("/api/auth/me").status_code == 401, "the old sessions stay ended"
    assert try_login(user, user.username, user.password).status_code == 200
    assert by_token.get("/api/auth/me").status_code == 200


def test_reset_a_password(admin, make_user):
    user = make_user()
    for _ in range(6):
        try_login(user, user.username, "wrong-wrong")
    answer = admin.post(f"/api/users/{user.username}/password", json={"password": "a fresh password"})
    assert answer.status_code == 200
    assert user.get("/api/auth/me").status_code == 401
    assert try_login(user, user.username, "a fresh password").status_code == 200, "and the failures are forgotten"
    assert admin.post(f"/api/users/{user.username}/password", json={"password": "short"}).status_code == 400


def test_delete(system, admin, make_user):
    user = make_user()
    assert admin.delete(f"/api/users/{user.username}").status_code == 200
    assert user.get("/api/auth/me").status_code == 401
    assert admin.get(f"/api/users/{user.username}").status_code == 404
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        assert db.execute("SELECT count(*) FROM workspaces WHERE slug = %s", (user.user["workspace"]["slug"],)).fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM audit_log WHERE action = 'user.delete' AND target = %s AND actor = 'admin'",
                          (user.username,)).fetchone() == (1,)


def test_delete_an_owner(admin, make_user):
    owner, member = make_user(), make_user()
    alone, shared = f"alone-{owner.username}", f"shared-{owner.username}"
    for slug in (alone, shared):
        owner.post("/api/workspaces", json={"slug": slug, "name": slug})
    add_member(owner, shared, member, "viewer")
    refused = admin.delete(f"/api/users/{owner.username}")
    assert refused.status_code == 409 and shared in refused.json()["message"]
    assert owner.get(f"/api/workspaces/{alone}").status_code == 200, "nothing was done"
    owner.put(f"/api/workspaces/{shared}/members/{member.username}", json={"role": "owner"})
    assert admin.delete(f"/api/users/{owner.username}").status_code == 200
    assert [entry["username"] for entry in member.get(f"/api/workspaces/{shared}/members").data["members"]] == [member.username]
    assert member.post("/api/workspaces", json={"slug": alone, "name": "free again"}).status_code == 201


def test_the_last_admin_stays(system, module_stack):
    lonely = module_stack().client("admin")
    for request in (lambda: lonely.patch("/api/users/admin", json={"disabled": True}),
                    lambda: lonely.patch("/api/users/admin", json={"site_role": "user"}),
                    lambda: lonely.delete("/api/users/admin")):
        answer = request()
        assert error_of(answer)[:3] == (409, "CONFLICT", "The site needs at least one active administrator")
    assert lonely.patch("/api/users/admin", json={"display_name": "A", "site_role": "admin"}).status_code == 200
    lonely.post("/api/users", json={"username": "b", "password": "0123456789", "site_role": "admin"})
    lonely.patch("/api/users/b", json={"disabled": True})
    assert lonely.delete("/api/users/admin").status_code == 409, "a disabled one does not count"
    lonely.patch("/api/users/b", json={"disabled": False})
    assert lonely.delete("/api/users/admin").status_code == 200, "with another one even oneself may go"


@pytest.mark.parametrize("change", [{"site_role": "user"}, {"disabled": True}, None])
def test_two_admins_cannot_remove_each_other(module_stack, change):
    crowd = module_stack()
    for number in range(5):
        ann, ben = crowd.client("admin"), None
        name = f"ben{number}"
        ann.post("/api/users", json={"username": name, "password": "0123456789", "site_role": "admin"})
        ben = crowd.client().login(name, "0123456789")

        def strike(client, target):
            if change is None:
                return client.delete(f"/api/users/{target}").status_code
            return client.patch(f"/api/users/{target}", json=change).status_code
        statuses = sorted(at_once(lambda: strike(ann, name), lambda: strike(ben, "admin")))
        assert statuses.count(200) == 1, statuses
        with crowd.db() as db:
            assert db.execute("SELECT count(*) FROM users WHERE site_role = 'admin' AND disabled_at IS NULL").fetchone() == (1,)
            db.execute("DELETE FROM users WHERE username LIKE 'ben%%'")
            db.execute("UPDATE users SET site_role = 'admin', disabled_at = NULL")
            if not db.execute("SELECT 1 FROM users WHERE username = 'admin'").fetchone():
                crowd.passwords.pop("admin")


# ---- personal access tokens ----

def client_with(system, token):
    client = system.client()
    client.token = token
    return client


def make_token(user, **options):
    answer = user.post("/api/tokens", json={"name": "script", "scopes": ["read", "write", "admin"], **options})
    assert answer.status_code == 201, answer.text
    return answer.data


def test_tokens(system, make_user):
    user = make_user()
    made = make_token(user, name="ci", scopes=["read"], expires_in_days=7)
    assert made["token"].startswith("ccr_pat_") and len(made["token"]) == len("ccr_pat_") + 43
    assert made["scopes"] == ["read"] and made["workspace"] is None and made["expired"] is False
    script = client_with(system, made["token"])
    assert script.get("/api/auth/me").data["username"] == user.username
    listed = user.get("/api/tokens").data
    assert listed["total"] == 1 and "token" not in listed["tokens"][0] and made["token"] not in str(listed)
    assert listed["tokens"][0]["last_used_at"] is not None
    with system.db() as db:
        row = db.execute("SELECT token_hash, expires_at - created_at = interval '7 days' FROM access_tokens WHERE id = %s",
                         (made["id"],)).fetchone()
    assert made["token"] not in row[0] and row[1] is True
    assert made["token"] not in system.backend.log()
    assert error_of(user.post("/api/tokens", json={"name": "ci", "scopes": ["read"]}))[:2] == (409, "CONFLICT")
    assert user.delete(f"/api/tokens/{made['id']}").status_code == 200
    assert script.get("/api/auth/me").status_code == 401
    assert user.delete(f"/api/tokens/{made['id']}").status_code == 404


ACCOUNT_WRITES = {
    "login": ("POST", "/api/auth/login", lambda user: {"username": user.username, "password": user.password}),
    "password": ("POST", "/api/auth/password", lambda user: {"current_password": user.password, "new_password": "0123456789"}),
    "token": ("POST", "/api/tokens", lambda user: {"name": "ci", "scopes": ["read"]}),
    "user": ("PATCH", "/api/users/{}", lambda user: {"disabled": True}),
    "workspace": ("POST", "/api/workspaces", lambda user: {"slug": f"of-{user.username}", "name": "Ours"}),
}


@pytest.mark.parametrize("what", ACCOUNT_WRITES)
def test_writes_about_accounts_hold_no_worker_for_others(system, admin, make_user, what):
    user = make_user()
    method, path, body = ACCOUNT_WRITES[what]
    sender = admin if what == "user" else user
    with everything(system) as db, db.transaction():
        assert db.execute("SELECT 1 FROM users WHERE username = %s FOR UPDATE", (user.username,)).rowcount == 1
        answer = sender.request(method, path.format(user.username), json=body(user))
        assert error_of(answer)[:2] == (409, "CONFLICT") and "try again" in answer.json()["message"], answer.text
        assert int(answer.headers["Retry-After"]) >= 1
    (entry,) = [entry for entry in system.backend.log_entries() if entry.get("request_id") == answer.json()["request_id"]
                and entry["message"] == "request"]
    assert entry["duration_ms"] < 5000, "the program's lock_timeout is for what may wait"
    answer = sender.request(method, path.format(user.username), json=body(user))
    assert answer.status_code in (200, 201), answer.text


def test_a_read_with_a_token_waits_for_nobody(system, make_user):
    made = make_token(make_user(), scopes=["read"])
    script = client_with(system, made["token"])
    with everything(system) as db, db.transaction():
        assert db.execute("SELECT 1 FROM access_tokens WHERE id = %s FOR UPDATE", (made["id"],)).rowcount == 1
        assert script.get("/api/auth/me").status_code == 200


def test_default_expiry_is_90_days(system, make_user):
    made = make_token(make_user())
    with system.db() as db:
        assert db.execute("SELECT expires_at - created_at = interval '90 days' FROM access_tokens WHERE id = %s",
                          (made["id"],)).fetchone() == (True,)


@pytest.mark.parametrize("body", [
    {"scopes": ["read"]}, {"name": "x"}, {"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]},
    {"name": "x", "scopes": "read"}, {"name": "x", "scopes": [1]}, {"name": "x" * 101, "scopes": ["read"]},
    {"name": "x", "scopes": ["read"], "expires_in_days": 0}, {"name": "x", "scopes": ["read"], "expires_in_days": 366},
    {"name": "x", "scopes": ["read"], "expires_in_days": "7"}, {"name": " ", "scopes": ["read"]},
])
def test_tokens_with_wrong_fields(make_user, body):
    assert error_of(make_user().post("/api/tokens", json=body))[:2] == (400, "VALIDATION_ERROR")


SCOPE_CASES = [("GET", "/api/auth/me", None, "read"), ("GET", "/api/workspaces", None, "read"), ("GET", "/api/users", None, "admin"),
               ("POST", "/api/switch", {"config_name": ""}, "write")]


@pytest.mark.parametrize("method, path, body, needed", SCOPE_CASES)
@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_scopes(system, make_user, method, path, body, needed, scope):
    user = make_user(site_admin=True)
    answer = client_with(system, make_token(user, scopes=[scope])["token"]).request(method, path, json=body)
    if scope == needed:
        assert answer.status_code in (200, 400)
    else:
        assert error_of(answer)[:3] == (403, "AUTHORIZATION_ERROR", f"The access token lacks the scope '{needed}'")


SESSION_ONLY = [("GET", "/api/tokens", None), ("POST", "/api/tokens", {"name": "more", "scopes": ["admin"]}),
                ("DELETE", "/api/tokens/00000000-0000-0000-0000-000000000000", None), ("GET", "/api/auth/sessions", None),
                ("DELETE", "/api/auth/sessions", None), ("DELETE", "/api/auth/sessions/x", None),
                ("POST", "/api/auth/password", {"current_password": "0123456789", "new_password": "0123456789"}),
                ("POST", "/api/auth/password/confirm", {"password": "0123456789"}),
                ("POST", "/api/workspaces", {"slug": "x", "name": "x"}), ("POST", "/api/workspaces/x/switch", None),
                ("PATCH", "/api/workspaces/x", {}), ("DELETE", "/api/workspaces/x", None),
                ("GET", "/api/invitations", None), ("POST", "/api/invitations/x/accept", None), ("POST", "/api/invitations/x/decline", None),
                ("GET", "/api/workspaces/x/invitations", None), ("DELETE", "/api/workspaces/x/invitations/y", None),
                ("POST", "/api/workspaces/x/invitations", {"username": "y", "role": "owner"}),
                ("PUT", "/api/workspaces/x/members/y", {"role": "owner"}), ("DELETE", "/api/workspaces/x/members/y", None)]


@pytest.mark.parametrize("method, path, body", SESSION_ONLY)
def test_tokens_cannot_do_what_needs_a_session(system, make_user, method, path, body):
    script = client_with(system, make_token(make_user(site_admin=True))["token"])
    assert error_of(script.request(method, path, json=body))[2] == "This needs a login session, not an access token"


def test_an_expired_token(system, make_user):
    user = make_user()
    made = make_token(user)
    script = client_with(system, made["token"])
    assert ask_every_worker(script) == {200}
    with system.db() as db:
        db.execute("UPDATE access_tokens SET expires_at = now() WHERE id = %s", (made["id"],))
    wait_until("NOTIFY told every worker", lambda: ask_every_worker(script) == {401}, timeout=25)  # memory ends by itself after 60 s
    assert user.get("/api/tokens").data["tokens"][0]["expired"] is True


def test_a_revoked_token_is_dead_at_once_on_every_worker(system, make_user):
    user = make_user()
    made = make_token(user)
    script = client_with(system, made["token"])
    assert ask_every_worker(script) == {200}
    user.delete(f"/api/tokens/{made['id']}")
    assert ask_every_worker(script) == {401}


def test_tokens_of_others_are_out_of_reach(make_user):
    ann, ben = make_user(), make_user()
    made = make_token(ann)
    assert ben.delete(f"/api/tokens/{made['id']}").status_code == 404
    assert ben.get("/api/tokens").data["total"] == 0
    assert make_token(ben)["name"] == made["name"], "names are each user's own"
    for id in ("x", "%27", "00000000-0000-0000-0000-000000000000"):
        assert ann.delete(f"/api/tokens/{id}").status_code == 404


def test_a_token_is_no_cookie(system, make_user):
    made = make_token(make_user())
    assert system.client().get("/api/auth/me", headers={"Cookie": f"ccr_access={made['token']}"}).status_code == 401


def test_a_token_bound_to_a_workspace(system, make_user):
    user = make_user()
    own, team = user.user["workspace"]["slug"], f"team-{user.username}"
    user.post("/api/workspaces", json={"slug": team, "name": "Team"})
    made = make_token(user, workspace=team)
    assert made["workspace"] == team
    script = client_with(system, made["token"])
    assert script.get("/api/auth/me").data["workspace"]["slug"] == team
    assert [item["slug"] for item in script.get("/api/workspaces").data["workspaces"]] == [team]
    assert script.get(f"/api/workspaces/{own}").status_code == script.get(f"/api/workspaces/{own}/members").status_code == 404
    assert script.get(f"/api/workspaces/{team}/members").status_code == 200
    script.workspace = own
    assert script.get("/api/auth/me").status_code == 404
    assert user.post("/api/tokens", json={"name": "y", "scopes": ["read"], "workspace": "no-such"}).status_code == 404
    stranger = make_user()
    assert stranger.post("/api/tokens", json={"name": "y", "scopes": ["read"], "workspace": team}).status_code == 404
