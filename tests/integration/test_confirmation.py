"""What takes a confirmed password: secrets in clear, personal access tokens, accounts. And what a personal access token may
not do, whatever its scopes."""

import json
import subprocess

import pytest

from configs import create, everything, exported, imported, mask
from people import (add_member, admin, ask_every_worker, error_of, make_user, no_failures, system, try_login, user_maker)  # noqa: F401
from stack import BINARY, clean_environment

CONFIRM = "Confirm your password first"
SCOPES = ["read", "write", "admin", "secrets", "usage:write"]


def unconfirmed(system, client):
    """As if the password had been typed more than five minutes ago."""
    client.confirms = False
    with system.db() as db:
        db.execute("UPDATE sessions SET confirmed_at = now() - interval '301 seconds' WHERE user_id = %s", (client.user["id"],))
    return client


def make_token(user, *scopes, **options):
    answer = user.post("/api/tokens", json={"name": "-".join(scopes), "scopes": list(scopes), **options})
    assert answer.status_code == 201, answer.text
    client = user.anonymous()
    client.token = answer.data["token"]
    client.id, client.name = answer.data["id"], answer.data["name"]
    return client


def audit(system, action):
    with everything(system) as db:
        return db.execute("SELECT actor, token, target FROM audit_log WHERE action = %s ORDER BY created_at", (action,)).fetchall()


# ---- secrets in clear ----

SECRET_ROUTES = [("profile.reveal", "/api/configs/relay/reveal", None),
                 ("profile.export_secrets", "/api/export", {"include_secrets": True})]


@pytest.mark.parametrize("action, path, body", SECRET_ROUTES)
def test_a_session_needs_the_confirmed_password(system, make_user, action, path, body):
    user = make_user()
    secret = create(user, "relay")
    unconfirmed(system, user)
    refused = user.post(path, json=body)
    assert error_of(refused)[:2] == (403, "AUTHORIZATION_ERROR") and CONFIRM in refused.text and secret not in refused.text
    assert mask(secret) in exported(user), "without secrets nothing is asked"
    before = audit(system, action)
    user.confirm()
    assert secret in user.post(path, json=body).text
    assert [row[:2] for row in audit(system, action)[len(before):]] == [(user.username, None)]


@pytest.mark.parametrize("action, path, body", SECRET_ROUTES)
def test_a_token_needs_the_scope_secrets(system, make_user, action, path, body):
    user = make_user()
    secret = create(user, "relay")
    for scopes in (["read", "write", "admin"], ["secrets"], ["write", "secrets"]):
        refused = make_token(user, *scopes).post(path, json=body)
        missing = "read" if "read" not in scopes else "secrets"
        assert error_of(refused)[:3] == (403, "AUTHORIZATION_ERROR", f"The access token lacks the scope '{missing}'")
        assert secret not in refused.text
    before = audit(system, action)
    assert secret in make_token(user, "read", "secrets").post(path, json=body).text
    assert [row[:2] for row in audit(system, action)[len(before):]] == [(user.username, "read-secrets")]


@pytest.mark.parametrize("arguments", [["export"], ["export", "--secrets"], ["export", "--include-secrets"], ["list"], ["current"]])
def test_no_command_shows_a_secret(make_user, arguments):
    user = make_user()
    secret = create(user, "relay")
    answer = user.post("/api/command/execute", json={"command": arguments[0], "args": arguments[1:]})
    assert secret not in answer.text


def test_restoring_a_backup_shows_no_secret(make_user):
    user = make_user()
    secret = create(user, "relay")
    imported(user, '[other]\nbase_url = "https://other.example"\nauth_token = "sk-other-0000"\n', mode="replace")
    backup = user.get("/api/backups").data["backups"][0]
    answer = user.post(f"/api/backups/{backup['id']}/restore")
    assert answer.status_code == 200 and secret not in answer.text


# ---- making tokens ----

def test_making_a_token_needs_the_confirmed_password(system, make_user):
    user = unconfirmed(system, make_user())
    for scope in SCOPES:
        refused = user.post("/api/tokens", json={"name": scope.replace(":", "-"), "scopes": [scope]})
        assert error_of(refused)[:2] == (403, "AUTHORIZATION_ERROR") and CONFIRM in refused.text
    assert user.get("/api/tokens").data["total"] == 0, "and listing them does not"
    user.confirm()
    made = user.post("/api/tokens", json={"name": "all", "scopes": SCOPES})
    assert made.status_code == 201 and made.data["scopes"] == SCOPES
    unconfirmed(system, user)
    assert user.delete(f"/api/tokens/{made.data['id']}").status_code == 200, "taking one away does not either"


def names(tokens):
    return [token["name"] for token in tokens]


@pytest.mark.parametrize("keep", [None, False, True])
def test_a_new_password_ends_tokens(system, make_user, keep):
    user = make_user()
    other = system.client().login(user.username, user.password)
    tokens = [make_token(user, "read"), make_token(user, "write", "read")]
    assert [ask_every_worker(token) for token in tokens] == [{200}] * 2
    body = {"current_password": user.password, "new_password": "another password"}
    answer = user.post("/api/auth/password", json=body if keep is None else {**body, "keep_tokens": keep})
    assert answer.status_code == 200, answer.text
    ended, kept = answer.data["tokens_ended"], answer.data["tokens_kept"]
    assert names(kept if keep else ended) == ["read", "write-read"] and not (ended if keep else kept)
    assert answer.data["sessions_ended"] == 1 and other.get("/api/auth/me").status_code == 401
    assert [ask_every_worker(token) for token in tokens] == [{200} if keep else {401}] * 2
    assert user.get("/api/tokens").data["total"] == (2 if keep else 0)
    revoked = [row for row in audit(system, "token.revoke") if row[0] == user.username]
    assert revoked == ([] if keep else [(user.username, None, "read"), (user.username, None, "write-read")])


def test_a_token_that_had_expired_is_not_listed(system, make_user):
    user = make_user()
    make_token(user, "read")
    with system.db() as db:
        db.execute("UPDATE access_tokens SET expires_at = now() WHERE user_id = %s", (user.user["id"],))
    answer = user.post("/api/auth/password", json={"current_password": user.password, "new_password": "another password"})
    assert answer.data["tokens_ended"] == answer.data["tokens_kept"] == []
    assert user.get("/api/tokens").data["total"] == 0


def test_a_refused_password_ends_nothing(make_user):
    user = make_user()
    token = make_token(user, "read")
    for body in ({"current_password": "wrong-wrong", "new_password": "another password"},
                 {"current_password": user.password, "new_password": "short"}):
        assert user.post("/api/auth/password", json=body).status_code == 400
    assert token.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize("keep", [None, True])
def test_a_reset_ends_tokens(system, admin, make_user, keep):
    user = make_user()
    token = make_token(user, "read")
    answer = admin.post(f"/api/users/{user.username}/password", json={"password": "a fresh password", "keep_tokens": keep})
    assert answer.status_code == 200 and answer.data["username"] == user.username and answer.headers["ETag"]
    assert names(answer.data["tokens_kept" if keep else "tokens_ended"]) == ["read"]
    assert answer.data["sessions_ended"] == 1
    assert ask_every_worker(token) == ({200} if keep else {401})


@pytest.mark.parametrize("options, kept", [([], False), (["--keep-tokens"], True)])
def test_passwd_on_the_command_line_ends_tokens(system, make_user, options, kept):
    user = make_user()
    token = make_token(user, "read")
    done = system.cli.run("user", "passwd", user.username, *options, input="a fresh password\n")
    assert done.returncode == 0, done.stderr
    assert f"personal access tokens {'kept' if kept else 'ended'}: 1" in done.stdout
    assert token.get("/api/auth/me").status_code == (200 if kept else 401)


# ---- the site ----

def site_routes():
    printed = subprocess.run([BINARY, "routes", "--json"], check=True, capture_output=True, env=clean_environment()).stdout
    return [route for route in json.loads(printed) if route["access"] == "site_admin"]


def label(route):
    return f"{route['method']} {route['path']}"


@pytest.fixture(scope="module")
def chief(user_maker):
    return user_maker(site_admin=True)


@pytest.fixture(scope="module")
def bound(chief):
    return make_token(chief, *SCOPES, workspace=chief.user["workspace"]["slug"])


@pytest.mark.parametrize("route", site_routes(), ids=label)
def test_site_routes_refuse_bound_tokens(chief, bound, route):
    """Whatever stands in the path and in the body: it is refused before."""
    assert bound.get("/api/auth/me").status_code == 200, "the token as such is good"
    path = route["path"].replace("{username}", chief.username)
    answer = bound.request(route["method"], path, json={} if route["body"] else None)
    assert error_of(answer)[:2] == (403, "AUTHORIZATION_ERROR"), answer.text
    assert "bound to a workspace" in answer.text or "needs a login session" in answer.text


@pytest.mark.parametrize("route", [route for route in site_routes() if "/users" in route["path"] and route["method"] != "GET"],
                         ids=label)
def test_accounts_are_made_and_changed_by_confirmed_sessions_only(system, chief, make_user, route):
    assert "confirmed" in route["flags"]
    victim = make_user()
    path = route["path"].replace("{username}", victim.username)
    body = {"username": "intruder", "password": "0123456789", "site_role": "admin"}
    script = make_token(make_user(site_admin=True), *SCOPES)
    assert "needs a login session" in error_of(script.request(route["method"], path, json=body))[2]
    late = unconfirmed(system, make_user(site_admin=True))
    assert CONFIRM in error_of(late.request(route["method"], path, json=body))[2]
    assert try_login(victim, victim.username, victim.password).status_code == 200
    assert chief.get("/api/users/intruder").status_code == 404


def test_a_token_for_the_whole_site_still_lists_users(chief):
    assert make_token(chief, "admin").get("/api/users").status_code == 200


def test_the_own_password_changes_only_with_the_old_one(system, make_user):
    chief = make_user(site_admin=True)
    for name in (chief.username, chief.username.upper()):
        refused = chief.post(f"/api/users/{name}/password", json={"password": "a fresh password"})
        assert error_of(refused)[:2] == (403, "AUTHORIZATION_ERROR") and "the old one" in refused.text
    assert try_login(chief, chief.username, chief.password).status_code == 200


# ---- deleting backups ----

def test_an_editor_deletes_no_backups(make_user):
    """Deleting one takes the role admin; so does deleting all of them."""
    owner, editor = make_user(), make_user()
    slug = f"clean-{owner.username}"
    owner.post("/api/workspaces", json={"slug": slug, "name": slug})
    add_member(owner, slug, editor, "editor")
    owner.workspace = editor.workspace = slug
    create(owner, "relay")
    imported(owner, '[other]\nbase_url = "https://other.example"\nauth_token = "sk-other-0000"\n', mode="replace")
    for body in ({"days": 0}, {"days": 0, "dry_run": True}, {}):
        assert error_of(editor.post("/api/clean", json=body))[:2] == (403, "AUTHORIZATION_ERROR")
    assert owner.get("/api/backups").data["total"] == 1
    assert owner.post("/api/clean", json={"days": 0}).data["deleted_count"] == 1
