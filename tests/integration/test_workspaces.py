"""Workspaces, members, roles, and that nobody sees another's."""

import itertools

import pytest

from people import (add_member, admin, at_once, browser, error_of, make_user, no_failures, system, user_maker)  # noqa: F401

ROLES = ["viewer", "editor", "admin", "owner"]
names = (f"team{n}" for n in itertools.count(1))


class Team:
    """A shared workspace: .slug, .path, .<role> a member of each role, .stranger none."""

    def __init__(self, users):
        self.slug = next(names)
        self.path = f"/api/workspaces/{self.slug}"
        self.owner, self.stranger, *others = users
        assert self.owner.post("/api/workspaces", json={"slug": self.slug, "name": "Team"}).status_code == 201
        for role, member in zip(ROLES, others):
            setattr(self, role, member)
            add_member(self.owner, self.slug, member, role)


@pytest.fixture
def team(make_user):
    return Team([make_user() for _ in range(5)])


@pytest.fixture(scope="module")
def crew(user_maker):
    return [user_maker() for _ in range(5)]


@pytest.fixture
def quick_team(crew):
    """The same with the same people each time, for tests that do not care where else they are."""
    return Team(crew)


def members_of(client, path):
    return {entry["username"]: entry["role"] for entry in client.get(f"{path}/members").data["members"]}


# ---- one's own ----

def test_a_new_user_has_a_personal_workspace(make_user):
    user = make_user()
    listed = user.get("/api/workspaces").data
    assert listed["total"] == 1
    own = listed["workspaces"][0]
    assert (own["personal"], own["current"], own["role"], own["slug"]) == (True, True, "owner", user.username)
    path = f"/api/workspaces/{own['slug']}"
    for answer in (user.patch(path, json={"name": "x"}), user.delete(path),
                   user.put(f"{path}/members/admin", json={"role": "viewer"}), user.delete(f"{path}/members/{user.username}")):
        assert error_of(answer)[:3] == (409, "CONFLICT", "A personal workspace cannot be shared, renamed or deleted")


def test_create(make_user):
    user, slug = make_user(), next(names)
    answer = user.post("/api/workspaces", json={"slug": slug, "name": " 团队 "})
    assert answer.status_code == 201 and answer.data["name"] == "团队" and answer.headers["ETag"] == '"1-owner"'
    assert (answer.data["role"], answer.data["personal"], answer.data["current"]) == ("owner", False, False)
    assert [item["slug"] for item in user.get("/api/workspaces").data["workspaces"]] == [user.username, slug]
    assert [item["slug"] for item in user.get("/api/workspaces?offset=1&limit=1").data["workspaces"]] == [slug]
    taken = make_user().post("/api/workspaces", json={"slug": slug, "name": "x"})
    assert error_of(taken)[:2] == (409, "CONFLICT")


@pytest.mark.parametrize("body, field", [
    ({"name": "x"}, "slug"), ({"slug": "x1"}, "name"), ({"slug": "Upper", "name": "x"}, "slug"), ({"slug": "a b", "name": "x"}, "slug"),
    ({"slug": "-a", "name": "x"}, "slug"), ({"slug": "a-", "name": "x"}, "slug"), ({"slug": "团队", "name": "x"}, "slug"),
    ({"slug": "a" * 64, "name": "x"}, "slug"), ({"slug": "a/b", "name": "x"}, "slug"), ({"slug": "'--", "name": "x"}, "slug"),
    ({"slug": "ok", "name": "x" * 201}, "name"), ({"slug": "ok", "name": " "}, "name"), ({"slug": 1, "name": "x"}, "slug"),
])
def test_create_with_wrong_fields(make_user, body, field):
    answer = make_user().post("/api/workspaces", json=body)
    assert answer.status_code == 400
    assert field in [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]]


def test_read_and_change(team):
    first = team.viewer.get(team.path)
    assert first.status_code == 200 and first.data["role"] == "viewer"
    tag = first.headers["ETag"]
    assert team.viewer.get(team.path, headers={"If-None-Match": tag}).status_code == 304
    assert team.editor.get(team.path).headers["ETag"] != tag, "the answer holds the reader's own role"
    slug = f"{team.slug}-renamed"
    changed = team.admin.patch(team.path, json={"slug": slug, "name": "New"}, headers={"If-Match": tag})
    assert changed.status_code == 200 and (changed.data["slug"], changed.data["name"]) == (slug, "New")
    assert team.viewer.get(team.path).status_code == 404
    path = f"/api/workspaces/{slug}"
    assert team.admin.patch(path, json={"name": "Newer"}, headers={"If-Match": tag}).status_code == 412
    assert team.admin.patch(path, json={"name": None, "slug": None}).data["name"] == "New"
    assert team.admin.patch(path, json={"slug": team.admin.username}).status_code == 409
    assert team.admin.patch(path, json={"slug": "No Good"}).status_code == 400
    assert team.owner.delete(path, headers={"If-Match": tag}).status_code == 412


def test_switch(team):
    answer = team.viewer.post(f"{team.path}/switch")
    assert answer.status_code == 200 and answer.data["current"] is True
    assert team.viewer.get("/api/auth/me").data["workspace"] == {"slug": team.slug, "name": "Team", "role": "viewer"}
    current = {item["slug"]: item["current"] for item in team.viewer.get("/api/workspaces").data["workspaces"]}
    assert current == {team.viewer.username: False, team.slug: True}
    team.viewer.workspace = team.viewer.username  # the header wins over the current one
    assert team.viewer.get("/api/auth/me").data["workspace"]["slug"] == team.viewer.username
    assert team.viewer.get(team.path).data["role"] == "viewer", "and the path over the header"
    team.viewer.workspace = None
    assert team.viewer.anonymous().login(team.viewer.username, team.viewer.password).user["workspace"]["slug"] == team.slug


def test_delete(system, team):
    team.viewer.post(f"{team.path}/switch")
    assert team.owner.delete(team.path).status_code == 200
    for client in (team.owner, team.viewer):
        assert client.get(team.path).status_code == 404
    assert team.viewer.get("/api/auth/me").data["workspace"]["slug"] == team.viewer.username, "back to the personal one"
    assert team.viewer.get("/api/workspaces").data["workspaces"][0]["current"] is True
    assert team.owner.post("/api/workspaces", json={"slug": team.slug, "name": "again"}).status_code == 201


# ---- roles ----

MATRIX = [  # what, method, path, body, roles that may
    ("read", "GET", "", None, ROLES),
    ("list the members", "GET", "/members", None, ROLES),
    ("switch to it", "POST", "/switch", None, ROLES),
    ("rename", "PATCH", "", {"name": "x"}, ["admin", "owner"]),
    ("list invitations", "GET", "/invitations", None, ["admin", "owner"]),
    ("invite a viewer", "POST", "/invitations", {"username": "new", "role": "viewer"}, ["admin", "owner"]),
    ("invite an editor", "POST", "/invitations", {"username": "new", "role": "editor"}, ["admin", "owner"]),
    ("invite an admin", "POST", "/invitations", {"username": "new", "role": "admin"}, ["owner"]),
    ("invite an owner", "POST", "/invitations", {"username": "new", "role": "owner"}, ["owner"]),
    ("make a viewer an editor", "PUT", "/members/{viewer2}", {"role": "editor"}, ["admin", "owner"]),
    ("make a viewer an admin", "PUT", "/members/{viewer2}", {"role": "admin"}, ["owner"]),
    ("make an admin a viewer", "PUT", "/members/{admin2}", {"role": "viewer"}, ["owner"]),
    ("make an owner an editor", "PUT", "/members/{owner2}", {"role": "editor"}, ["owner"]),
    ("remove a viewer", "DELETE", "/members/{viewer2}", None, ["admin", "owner"]),
    ("remove an admin", "DELETE", "/members/{admin2}", None, ["owner"]),
    ("remove an owner", "DELETE", "/members/{owner2}", None, ["owner"]),
    ("delete", "DELETE", "", None, ["owner"]),
]


@pytest.mark.parametrize("what, method, path, body, allowed", MATRIX, ids=[row[0] for row in MATRIX])
@pytest.mark.parametrize("role", [*ROLES, "stranger"])
def test_roles(make_user, quick_team, what, method, path, body, allowed, role):
    team = quick_team
    others = {}
    for kind in ("viewer", "admin", "owner"):
        if f"{kind}2" in path:
            second = make_user()
            others[f"{kind}2"] = second.username
            add_member(team.owner, team.slug, second, kind)
    before = members_of(team.owner, team.path)
    answer = getattr(team, role).request(method, team.path + path.format(**others), json=body)
    if role == "stranger":
        assert error_of(answer)[:3] == (404, "NOT_FOUND", f"Workspace '{team.slug}' not found")
    elif role in allowed:
        assert answer.status_code in (200, 201), answer.text
    else:
        needed = "owner" if allowed == ["owner"] and role == "admin" else allowed[0]
        assert error_of(answer)[:2] == (403, "AUTHORIZATION_ERROR")
        assert needed in answer.json()["message"] or "admin" in answer.json()["message"]
    if role not in allowed:
        assert members_of(team.owner, team.path) == before


@pytest.mark.parametrize("role", ROLES[:3])
def test_anybody_may_leave(team, role):
    leaver = getattr(team, role)
    assert leaver.delete(f"{team.path}/members/{leaver.username.upper()}").status_code == 200
    assert leaver.get(team.path).status_code == 404
    assert leaver.username not in members_of(team.owner, team.path)


def test_an_admin_may_step_down(team):
    assert team.admin.put(f"{team.path}/members/{team.admin.username}", json={"role": "owner"}).status_code == 403
    assert team.admin.put(f"{team.path}/members/{team.admin.username}", json={"role": "editor"}).status_code == 200
    assert team.admin.put(f"{team.path}/members/{team.admin.username}", json={"role": "admin"}).status_code == 403


def test_the_last_owner_stays(team):
    own = f"{team.path}/members/{team.owner.username}"
    for answer in (team.owner.delete(own), team.owner.put(own, json={"role": "admin"})):
        assert error_of(answer)[:3] == (409, "CONFLICT", "A workspace needs at least one owner")
    assert team.owner.put(own, json={"role": "owner"}).status_code == 200
    assert team.owner.put(f"{team.path}/members/{team.editor.username}", json={"role": "owner"}).status_code == 200
    assert team.owner.delete(own).status_code == 200
    assert members_of(team.editor, team.path)[team.editor.username] == "owner"


@pytest.mark.parametrize("how", ["leave", "step down", "remove each other"])
def test_two_owners_cannot_go_at_once(team, how):
    ann, ben = team.owner, team.editor
    for _ in range(4):
        if ben.get(team.path).status_code == 404:
            add_member(ann, team.slug, ben, "owner")
        assert ann.put(f"{team.path}/members/{ben.username}", json={"role": "owner"}).status_code == 200

        def go(client, other):
            if how == "step down":
                return client.put(f"{team.path}/members/{client.username}", json={"role": "viewer"}).status_code
            target = other if how == "remove each other" else client
            return client.delete(f"{team.path}/members/{target.username}").status_code
        statuses = at_once(lambda: go(ann, ben), lambda: go(ben, ann))
        assert statuses.count(200) == 1, statuses
        if ann.get(team.path).data is None or ann.get(team.path).data["role"] != "owner":
            ann, ben = ben, ann
        assert list(members_of(ann, team.path).values()).count("owner") == 1


def test_changes_of_members_count_at_once_on_every_worker(team):
    team.editor.workspace = team.slug

    def roles():
        return ask_every_worker_role(team.editor, team.slug)
    assert roles() == {"editor"}
    team.owner.put(f"{team.path}/members/{team.editor.username}", json={"role": "viewer"})
    assert roles() == {"viewer"}
    team.owner.delete(f"{team.path}/members/{team.editor.username}")
    assert roles() == {404}


def ask_every_worker_role(client, slug):
    def ask():
        other = client.anonymous()
        other.token, other.workspace = client.token, slug
        answer = other.get("/api/auth/me")
        return answer.data["workspace"]["role"] if answer.status_code == 200 else answer.status_code
    return {outcome for _ in range(5) for outcome in at_once(*[ask] * 8)}


def test_a_removed_member_keeps_nothing(system, team):
    team.editor.post(f"{team.path}/switch")
    token = team.editor.post("/api/tokens", json={"name": "t", "scopes": ["read"], "workspace": team.slug}).data["token"]
    script = system.client()
    script.token = token
    assert script.get("/api/auth/me").status_code == 200
    team.owner.delete(f"{team.path}/members/{team.editor.username}")
    assert script.get("/api/auth/me").status_code == 401, "a token bound to the workspace goes with the membership"
    assert team.editor.get("/api/auth/me").data["workspace"]["slug"] == team.editor.username
    assert team.editor.get("/api/workspaces").data["workspaces"][0]["current"] is True


@pytest.mark.parametrize("username, status", [("nobody", 404), ("a%2Fb", 404), ("%27--", 404)])
def test_unknown_members(team, username, status):
    for answer in (team.owner.put(f"{team.path}/members/{username}", json={"role": "viewer"}),
                   team.owner.delete(f"{team.path}/members/{username}")):
        assert answer.status_code == status
    assert error_of(team.viewer.delete(f"{team.path}/members/{username}"))[0] == 403, "who is a user is not told to everybody"


def test_somebody_who_is_no_member_cannot_be_removed(team):
    answer = team.owner.delete(f"{team.path}/members/{team.stranger.username}")
    assert error_of(answer)[:3] == (404, "NOT_FOUND", f"'{team.stranger.username}' is not a member")


@pytest.mark.parametrize("role", ["root", "", None, 1, "Owner"])
def test_roles_that_do_not_exist(team, role):
    assert team.owner.put(f"{team.path}/members/{team.stranger.username}", json={"role": role}).status_code == 400


# ---- isolation ----

@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("method, path, body", [(row[1], row[2], row[3]) for row in MATRIX if "2}" not in row[2]])
def test_foreign_workspaces_are_like_missing_ones(quick_team, method, path, body, header):
    team = quick_team
    for slug in (team.owner.username, team.slug):
        foreign = team.stranger.request(method, f"/api/workspaces/{slug}{path}", json=body,
                                        headers={"X-CCR-Workspace": slug} if header else {})
        missing = team.stranger.request(method, f"/api/workspaces/no-such{path}", json=body)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["message"] == missing.json()["message"].replace("no-such", slug)
    assert team.slug not in team.stranger.get("/api/workspaces").text


def test_even_a_site_admin_is_no_member(admin, team):
    assert admin.get(team.path).status_code == 404
    assert team.slug not in admin.get("/api/workspaces").text
    assert admin.put(f"{team.path}/members/admin", json={"role": "owner"}).status_code == 404


@pytest.mark.parametrize("table", ["workspaces", "memberships", "audit_log", "workspace_invitations"])
def test_row_level_security_without_a_where(system, team, table):
    column = "id" if table == "workspaces" else "workspace_id"
    with system.db() as db:
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), "nobody sees nothing"
        own = db.execute("SELECT set_config('ccr.maintenance', 'on', false), (SELECT current_workspace_id FROM users"
                         " WHERE username = %s)", (team.stranger.username,)).fetchone()[1]
        total = db.execute(f"SELECT count(DISTINCT {column}) FROM {table}").fetchone()[0]
        db.execute("SELECT set_config('ccr.maintenance', '', false), set_config('ccr.user', %s, false),"
                   " set_config('ccr.workspace', %s, false)", (team.stranger.user["id"], str(own)))
        seen = {row[0] for row in db.execute(f"SELECT DISTINCT {column} FROM {table}")}
        assert total > len(seen) and seen <= {own}
        changed = db.execute(f"UPDATE {table} SET created_at = created_at").rowcount
        assert changed == db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_every_change_is_audited(system, team):
    team.owner.patch(team.path, json={"name": "Renamed"})
    team.owner.put(f"{team.path}/members/{team.viewer.username}", json={"role": "editor"})
    team.owner.delete(f"{team.path}/members/{team.viewer.username}")
    team.editor.post(f"{team.path}/switch")
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        rows = db.execute("SELECT action, actor, target, changes FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id"
                          " WHERE w.slug = %s ORDER BY a.created_at", (team.slug,)).fetchall()
    assert [row[0] for row in rows] == ["workspace.create", *["member.invite", "member.add"] * 3, "workspace.update",
                                        "member.change", "member.remove", "workspace.switch"]
    assert rows[8][1:] == (team.owner.username, team.viewer.username,
                           [{"key": "role", "old_value": "viewer", "new_value": "editor"}])
