"""Invitations: nobody becomes a member unasked, and nobody finds out by asking who has an account."""

import itertools

import pytest

from configs import everything
from people import (add_member, admin, ask_every_worker, at_once, error_of, make_user, no_failures, system, user_maker)  # noqa: F401

slugs = (f"invite{n}" for n in itertools.count(1))


@pytest.fixture
def team(make_user):
    """(owner, slug, path of its invitations) of a new shared workspace."""
    owner, slug = make_user(), next(slugs)
    assert owner.post("/api/workspaces", json={"slug": slug, "name": "The Team"}).status_code == 201
    return owner, slug, f"/api/workspaces/{slug}/invitations"


def invite(client, path, name, role="viewer", **options):
    answer = client.post(path, json={"username": name, "role": role, **options})
    assert answer.status_code == 201, answer.text
    return answer.data


def own(client):
    return client.get("/api/invitations").data["invitations"]


def members(client, slug):
    return {member["username"]: member["role"] for member in client.get(f"/api/workspaces/{slug}/members").data["members"]}


def audited(system, slug):
    with everything(system) as db:
        return db.execute("SELECT action, actor, target FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id WHERE w.slug = %s"
                          " ORDER BY a.created_at", (slug,)).fetchall()


# ---- asked and accepted ----

def test_the_invited_accepts(system, team, make_user):
    owner, slug, path = team
    guest = make_user()
    sent = invite(owner, path, guest.username.upper(), "editor")
    assert (sent["role"], sent["invited_by"], sent["username"]) == ("editor", owner.username, guest.username.upper())
    assert owner.get(path).data["invitations"] == [sent]
    assert guest.get(f"/api/workspaces/{slug}").status_code == 404 and guest.username not in members(owner, slug)
    received = own(guest)
    assert received == [{**{name: sent[name] for name in ("id", "role", "invited_by", "created_at", "expires_at")},
                         "workspace": {"slug": slug, "name": "The Team"}}]
    accepted = guest.post(f"/api/invitations/{sent['id']}/accept")
    assert accepted.status_code == 200 and (accepted.data["slug"], accepted.data["role"]) == (slug, "editor")
    assert members(owner, slug)[guest.username] == "editor"
    assert own(guest) == owner.get(path).data["invitations"] == []
    assert guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 404, "it is used up"
    assert audited(system, slug) == [("workspace.create", owner.username, slug),
                                     ("member.invite", owner.username, guest.username.upper()),
                                     ("member.add", guest.username, guest.username)]


def test_nobody_is_added_unasked(team, make_user):
    owner, slug, path = team
    guest = make_user()
    answer = owner.put(f"/api/workspaces/{slug}/members/{guest.username}", json={"role": "viewer"})
    assert error_of(answer)[:2] == (404, "NOT_FOUND") and "invite" in answer.json()["message"]
    assert members(owner, slug) == {owner.username: "owner"} and guest.get(f"/api/workspaces/{slug}").status_code == 404


def test_a_role_counts_at_once_on_every_worker(team, make_user):
    owner, slug, path = team
    guest = make_user()
    assert ask_every_worker(guest, f"/api/workspaces/{slug}") == {404}
    sent = invite(owner, path, guest.username)
    assert guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 200
    assert ask_every_worker(guest, f"/api/workspaces/{slug}") == {200}


def test_accepting_twice_at_once(team, make_user):
    owner, slug, path = team
    guest = make_user()
    sent = invite(owner, path, guest.username)
    statuses = at_once(*[lambda: guest.post(f"/api/invitations/{sent['id']}/accept").status_code] * 6)
    assert sorted(statuses) == [200, *[404] * 5]


def test_a_site_administrator_adds_directly(team, make_user):
    """Who sees all users anyhow: but only where he is an administrator of the workspace as well."""
    owner, slug, path = team
    chief, guest = make_user(site_admin=True), make_user()
    member = f"/api/workspaces/{slug}/members/{guest.username}"
    assert chief.put(member, json={"role": "viewer"}).status_code == 404
    add_member(owner, slug, chief, "admin")
    open_one = invite(owner, path, guest.username, "editor")
    assert chief.put(member, json={"role": "viewer"}).status_code == 201
    assert chief.put(f"/api/workspaces/{slug}/members/nobody-at-all", json={"role": "viewer"}).status_code == 404
    assert members(owner, slug)[guest.username] == "viewer"
    assert guest.post(f"/api/invitations/{open_one['id']}/accept").status_code == 404, "the invitation went with it"


# ---- what nobody finds out ----

def without(data, *names):
    return {name: value for name, value in data.items() if name not in names}


def test_who_has_an_account_is_not_told(system, team, make_user):
    owner, slug, path = team
    real, made_up = make_user().username, "nobody-of-that-name"
    answers = [owner.post(path, json={"username": name, "role": "viewer"}) for name in (real, made_up)]
    assert [answer.status_code for answer in answers] == [201, 201]
    shown = [without(answer.data, "id", "username", "created_at", "expires_at") for answer in answers]
    assert shown[0] == shown[1] and set(answers[0].headers) == set(answers[1].headers)
    assert {entry["username"] for entry in owner.get(path).data["invitations"]} == {real, made_up}
    for method, body in (("PUT", {"role": "viewer"}), ("DELETE", None)):
        told = [error_of(owner.request(method, f"/api/workspaces/{slug}/members/{name}", json=body)) for name in (real, made_up)]
        assert told[0][0] == 404 and str(told[0]).replace(real, "X") == str(told[1]).replace(made_up, "X"), method
    for answer in answers:
        assert owner.delete(f"{path}/{answer.data['id']}").status_code == 200


def test_a_decline_is_not_told(system, team, make_user):
    owner, slug, path = team
    guest = make_user()
    sent = invite(owner, path, guest.username)
    assert guest.post(f"/api/invitations/{sent['id']}/decline").status_code == 200
    assert own(guest) == []
    assert guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 404
    assert guest.post(f"/api/invitations/{sent['id']}/decline").status_code == 404
    assert owner.get(path).data["invitations"] == [sent], "as if nobody had that name"
    assert [row[0] for row in audited(system, slug)] == ["workspace.create", "member.invite"]
    with everything(system) as db:
        assert db.execute("SELECT target FROM audit_log WHERE action = 'member.decline' AND actor = %s AND workspace_id IS NULL",
                          (guest.username,)).fetchall() == [(slug,)]


def test_a_deleted_account_is_not_told(admin, team, make_user):
    owner, _, path = team
    guest = make_user()
    sent = invite(owner, path, guest.username)
    assert admin.delete(f"/api/users/{guest.username}").status_code == 200
    assert owner.get(path).data["invitations"] == [sent]


def test_who_makes_the_name_later_is_not_invited(team, make_user):
    owner, _, path = team
    invite(owner, path, "comes-later", "owner")
    assert own(make_user("comes-later")) == []


def test_slugs_do_not_tell_who_has_an_account(make_user):
    """Personal workspaces are called like their users."""
    somebody, curious = make_user(), make_user()
    for slug in (somebody.username, "nobody-has-this-slug"):
        answer = curious.post("/api/workspaces", json={"slug": slug, "name": "x"})
        assert answer.status_code == 201 and answer.data["slug"] == slug
        assert curious.patch(f"/api/workspaces/{slug}", json={"name": "y"}).status_code == 200
    renamed = curious.patch("/api/workspaces/nobody-has-this-slug", json={"slug": make_user().username})
    assert renamed.status_code == 200
    assert somebody.get(f"/api/workspaces/{somebody.username}").data["personal"] is True, "it still is one's own"
    assert error_of(curious.post("/api/workspaces", json={"slug": curious.username, "name": "x"}))[0] == 409


def test_two_of_the_same_slug_do_not_meet(team, make_user):
    """A slug names one workspace for everybody: who has a personal one called so cannot be in another."""
    owner = team[0]
    guest, third = make_user(), make_user()
    slug = guest.username
    assert owner.post("/api/workspaces", json={"slug": slug, "name": "x"}).status_code == 201
    sent = invite(owner, f"/api/workspaces/{slug}/invitations", guest.username)
    refused = guest.post(f"/api/invitations/{sent['id']}/accept")
    assert error_of(refused)[:2] == (409, "CONFLICT") and "another slug" in refused.json()["message"]
    assert owner.patch(f"/api/workspaces/{slug}", json={"slug": f"{slug}-team"}).status_code == 200
    assert own(guest)[0]["workspace"]["slug"] == f"{slug}-team"
    assert guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 200
    assert owner.patch(f"/api/workspaces/{slug}-team", json={"slug": slug}).status_code == 409, "nor can it become one later"
    assert owner.patch(f"/api/workspaces/{slug}-team", json={"slug": third.username}).status_code == 200


# ---- who may ----

def test_invitations_are_for_the_invited(team, make_user):
    owner, _, path = team
    guest, other = make_user(), make_user()
    sent = invite(owner, path, guest.username)
    for client in (other, owner):
        assert own(client) == []
        for verb in ("accept", "decline"):
            assert error_of(client.post(f"/api/invitations/{sent['id']}/{verb}"))[:2] == (404, "NOT_FOUND")
    assert own(guest)


@pytest.mark.parametrize("id", ["x", "%27", "00000000-0000-0000-0000-000000000000"])
def test_unknown_invitations(team, id):
    owner, _, path = team
    for answer in (owner.post(f"/api/invitations/{id}/accept"), owner.post(f"/api/invitations/{id}/decline"),
                   owner.delete(f"{path}/{id}")):
        assert answer.status_code == 404


def test_a_withdrawn_invitation_is_gone(team, make_user):
    owner, _, path = team
    guest = make_user()
    sent = invite(owner, path, guest.username)
    assert owner.delete(f"{path}/{sent['id']}").status_code == 200
    assert own(guest) == [] and guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 404
    assert owner.delete(f"{path}/{sent['id']}").status_code == 404


def test_an_expired_invitation_is_gone(system, team, make_user):
    owner, _, path = team
    guest = make_user()
    sent = invite(owner, path, guest.username, expires_in_days=1)
    with everything(system) as db:
        assert db.execute("SELECT expires_at - created_at = interval '1 day' FROM workspace_invitations WHERE id = %s",
                          (sent["id"],)).fetchone() == (True,)
        db.execute("UPDATE workspace_invitations SET expires_at = now() WHERE id = %s", (sent["id"],))
    assert own(guest) == owner.get(path).data["invitations"] == []
    assert guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 404


def test_another_takes_the_place_of_the_first(team, make_user):
    owner, _, path = team
    guest = make_user()
    first = invite(owner, path, guest.username, "viewer")
    second = invite(owner, path, guest.username.upper(), "editor")
    assert [entry["id"] for entry in own(guest)] == [second["id"]] and first["id"] != second["id"]
    assert guest.post(f"/api/invitations/{first['id']}/accept").status_code == 404
    assert guest.post(f"/api/invitations/{second['id']}/accept").data["role"] == "editor"


@pytest.mark.parametrize("what", ["stepped down", "left", "was removed", "was disabled"])
def test_who_may_no_longer_invite_has_not_invited(admin, team, make_user, what):
    owner, slug, path = team
    helper, guest = make_user(), make_user()
    add_member(owner, slug, helper, "admin")
    sent = invite(helper, path, guest.username, "editor")
    member = f"/api/workspaces/{slug}/members/{helper.username}"
    if what == "stepped down":
        assert owner.put(member, json={"role": "editor"}).status_code == 200
    elif what == "was disabled":
        admin.confirm()
        assert admin.patch(f"/api/users/{helper.username}", json={"disabled": True}).status_code == 200
    else:
        assert (owner if what == "was removed" else helper).delete(member).status_code == 200
    assert guest.post(f"/api/invitations/{sent['id']}/accept").status_code == 404
    assert guest.username not in members(owner, slug)


def test_members_and_personal_workspaces(team, make_user):
    owner, slug, path = team
    guest = make_user()
    add_member(owner, slug, guest, "viewer")
    assert error_of(owner.post(path, json={"username": guest.username, "role": "editor"}))[:2] == (409, "CONFLICT")
    personal = f"/api/workspaces/{owner.username}/invitations"
    assert error_of(owner.post(personal, json={"username": guest.username, "role": "viewer"}))[:2] == (409, "CONFLICT")


@pytest.mark.parametrize("body, field", [
    ({"role": "viewer"}, "username"), ({"username": "x"}, "role"), ({"username": "a/b", "role": "viewer"}, "username"),
    ({"username": "x", "role": "root"}, "role"), ({"username": "x", "role": "viewer", "expires_in_days": 31}, "expires_in_days"),
    ({"username": "x", "role": "viewer", "expires_in_days": 0}, "expires_in_days"),
])
def test_wrong_fields(team, body, field):
    owner, _, path = team
    answer = owner.post(path, json=body)
    assert [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]] == [field]


def test_there_is_an_end_to_them(system, team):
    owner, slug, path = team
    with everything(system) as db:
        db.execute("INSERT INTO workspace_invitations (workspace_id, username, role, inviter, workspace_slug, workspace_name, expires_at)"
                   " SELECT id, 'many-' || n, 'viewer', 'x', slug, name, now() + interval '1 day' FROM workspaces,"
                   " generate_series(1, 200) n WHERE slug = %s", (slug,))
    refused = owner.post(path, json={"username": "one-more", "role": "viewer"})
    assert error_of(refused)[:2] == (409, "CONFLICT") and "200" in refused.json()["message"]
    page = owner.get(f"{path}?limit=50&offset=190").data
    assert (len(page["invitations"]), page["total"]) == (10, 200)
