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
    ({"username": "x", "role": "viewer", "accounts": True}, "accounts"), ({"username": "x"}, "role"), ({"username": "a/b", "role": "viewer"}, "username"),
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


# ---- by a link ----

PASSWORD = "a password of my own"


def make_link(client, path, role="editor", **options):
    answer = client.post(path, json={"role": role, **options})
    assert answer.status_code == 201, answer.text
    assert answer.data["username"] is None and answer.data["link"]
    return answer.data


def join(client, link, name):
    return client.anonymous().post("/api/invitations/join", json={"link": link, "username": name, "password": PASSWORD})


def test_whoever_has_the_link_is_taken_in_once(system, team, make_user):
    owner, slug, path = team
    first, second = make_user(), make_user()
    made = make_link(owner, path, expires_in_days=3)
    assert {name: value for name, value in owner.get(path).data["invitations"][0].items()} == without(made, "link"), "it is shown once"
    look = first.anonymous().post("/api/invitations/look", json={"link": made["link"]})
    assert look.data == {"workspace": "The Team", "role": "editor", "invited_by": owner.username, "expires_at": made["expires_at"],
                         "accounts": False}
    taken = first.post("/api/invitations/take", json={"link": made["link"]})
    assert taken.status_code == 200 and (taken.data["slug"], taken.data["role"]) == (slug, "editor")
    assert members(owner, slug)[first.username] == "editor" and owner.get(path).data["invitations"] == []
    for answer in (second.post("/api/invitations/take", json={"link": made["link"]}),
                   second.anonymous().post("/api/invitations/look", json={"link": made["link"]})):
        assert error_of(answer)[:2] == (404, "NOT_FOUND")
    assert audited(system, slug)[1:] == [("member.invite", owner.username, None), ("member.add", first.username, first.username)]
    with everything(system) as db:
        assert db.execute("SELECT count(*) FROM workspace_invitations WHERE link_hash = %s", (made["link"],)).fetchone() == (0,)


def test_a_link_taken_twice_at_once(team, make_user):
    owner, slug, path = team
    link, guests = make_link(owner, path)["link"], [make_user() for _ in range(4)]
    statuses = at_once(*[lambda guest=guest: guest.post("/api/invitations/take", json={"link": link}).status_code for guest in guests])
    assert sorted(statuses) == [200, 404, 404, 404]
    assert len(members(owner, slug)) == 2


def test_who_is_a_member_does_not_spend_a_link(team, make_user):
    owner, slug, path = team
    guest = make_user()
    link = make_link(owner, path, "viewer")["link"]
    assert error_of(owner.post("/api/invitations/take", json={"link": link}))[:2] == (409, "CONFLICT")
    assert guest.post("/api/invitations/take", json={"link": link}).status_code == 200


@pytest.mark.parametrize("what", ["withdrawn", "expired", "changed", "of another workspace", "nonsense"])
def test_links_that_are_none(system, team, make_user, what):
    owner, slug, path = team
    guest = make_user()
    made = make_link(owner, path)
    link = made["link"]
    if what == "withdrawn":
        assert owner.delete(f"{path}/{made['id']}").status_code == 200
    elif what == "expired":
        with everything(system) as db:
            db.execute("UPDATE workspace_invitations SET expires_at = now() WHERE id = %s", (made["id"],))
    elif what == "of another workspace":
        other = owner.post("/api/workspaces", json={"slug": next(slugs), "name": "Other"}).data
        link = other["id"] + link[36:]
    else:
        link = link[:-1] + ("A" if link[-1] != "A" else "B") if what == "changed" else "x"
    for answer in (guest.post("/api/invitations/take", json={"link": link}), join(guest, link, "would-be"),
                   guest.anonymous().post("/api/invitations/look", json={"link": link})):
        assert error_of(answer)[:2] == (404, "NOT_FOUND"), answer.text
    assert guest.username not in members(owner, slug)


def test_who_may_no_longer_invite_has_made_no_link(team, make_user):
    owner, slug, path = team
    helper, guest = make_user(), make_user()
    add_member(owner, slug, helper, "admin")
    link = make_link(helper, path)["link"]
    assert owner.put(f"/api/workspaces/{slug}/members/{helper.username}", json={"role": "viewer"}).status_code == 200
    assert error_of(guest.post("/api/invitations/take", json={"link": link}))[:2] == (404, "NOT_FOUND")


def test_a_new_person_makes_an_account(system, make_user):
    chief, slug = make_user(site_admin=True), next(slugs)
    assert chief.post("/api/workspaces", json={"slug": slug, "name": "The Team"}).status_code == 201
    path, name = f"/api/workspaces/{slug}/invitations", f"new-{slug}"
    link = make_link(chief, path, "viewer", accounts=True)["link"]
    assert chief.anonymous().post("/api/invitations/look", json={"link": link}).data["accounts"] is True
    taken = join(chief, link, chief.username)
    assert error_of(taken)[:2] == (409, "CONFLICT"), "the name is somebody's"
    short = chief.anonymous().post("/api/invitations/join", json={"link": link, "username": name, "password": "short"})
    assert [wrong["field"] for wrong in short.json()["error"]["details"]["fields"]] == ["password"]
    made = join(chief, link, name)
    assert (made.status_code, made.data) == (201, {"username": name})
    newcomer = chief.anonymous().login(name, PASSWORD)
    assert newcomer.user["password_given"] is False, "nobody else knows it"
    assert members(chief, slug) == {chief.username: "owner", name: "viewer"}
    assert newcomer.get(f"/api/workspaces/{name}").data["personal"] is True
    assert error_of(join(chief, link, f"{name}-2"))[:2] == (404, "NOT_FOUND")
    assert audited(system, slug)[-1] == ("member.add", name, name)
    with everything(system) as db:
        assert db.execute("SELECT target FROM audit_log WHERE action = 'user.create' AND actor = %s", (name,)).fetchone() == (name,)


def test_accounts_are_the_sites(admin, team, make_user):
    """A workspace's administrator may not let links make accounts; who was the site's no longer has."""
    owner, slug, path = team
    assert error_of(owner.post(path, json={"role": "viewer", "accounts": True}))[:2] == (403, "AUTHORIZATION_ERROR")
    assert error_of(join(owner, make_link(owner, path)["link"], "would-be"))[:2] == (403, "AUTHORIZATION_ERROR")
    chief = make_user(site_admin=True)
    add_member(owner, slug, chief, "admin")
    link = make_link(chief, path, accounts=True)["link"]
    admin.confirm()
    assert admin.patch(f"/api/users/{chief.username}", json={"site_role": "user"}).status_code == 200
    assert error_of(join(owner, link, "would-be"))[:2] == (403, "AUTHORIZATION_ERROR")
    assert owner.anonymous().post("/api/invitations/look", json={"link": link}).data["accounts"] is False


def test_a_link_that_makes_accounts_needs_the_password(make_user, system):
    chief, slug = make_user(site_admin=True), next(slugs)
    assert chief.post("/api/workspaces", json={"slug": slug, "name": "The Team"}).status_code == 201
    with everything(system) as db:
        db.execute("UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = (SELECT id FROM users WHERE username = %s)",
                   (chief.username,))
    chief.confirms = False
    path = f"/api/workspaces/{slug}/invitations"
    assert error_of(chief.post(path, json={"role": "viewer", "accounts": True}))[3] == {"confirm": True}
    assert make_link(chief, path)["link"]
