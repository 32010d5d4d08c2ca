"""Copies, new names, and pointers to profiles: nobody is left pointing at nothing by what the server did."""

import pytest

from configs import (BASE, PLATFORMS, acting_in, ada, create, everything, exported, history, imported, mask,  # noqa: F401
                     names_of, new_workspace, pointers, quote, read, refused, secret, switch, system, team, token_of, users,
                     wrong_fields)

HIDDEN = "a-value-that-nobody-knows"


def post(client, name, verb, body, platform=None):
    return client.post(f"/api/configs/{quote(name)}/{verb}" + (f"?platform={platform}" if platform else ""), json=body)


def renamed(client, name, new_name):
    answer = post(client, name, "rename", {"name": new_name})
    assert answer.status_code == 200, answer.text
    assert answer.data["name"] == new_name and answer.headers["ETag"] == f'"{answer.data["revision"]}"'
    return answer.data


def copied(client, name, new_name, **options):
    answer = post(client, name, "copy", {"name": new_name, **options})
    assert answer.status_code == 201, answer.text
    return answer.data


def revisions(client, name):
    answer = client.get(f"/api/configs/{quote(name)}/revisions")
    assert answer.status_code == 200, answer.text
    return [(each["revision"], each["operation"]) for each in answer.data["revisions"]]


def profiles(*names, top=""):
    return top + "".join(f'[{name}]\nbase_url = "{BASE}"\nauth_token = "token-of-{name}-in-the-file"\n\n' for name in names)


def confirm(system, *clients):
    """Secrets in clear want the password, once in five minutes."""
    for client in clients:
        name = client.user["username"]
        answer = client.post("/api/auth/password/confirm", json={"password": system.passwords[name]})
        assert answer.status_code == 200, answer.text


# ---- new names ----

def test_everything_follows_a_new_name(system, team):
    token = "token-of-b-in-the-file"
    imported(team.editor, profiles("a", "b", "c", top='default_config = "b"\n\n').replace(
        '[b]\n', f'[b]\nhidden = "{HIDDEN}"\n'))
    switch(team.viewer, "b")
    switch(team.admin, "c")
    before, listed = read(team.viewer, "b"), names_of(team.owner)
    answer = renamed(team.editor, "b", "新 名字")
    assert answer == {"name": "新 名字", "platform": "claude", "revision": before["revision"] + 1}
    after = read(team.viewer, "新 名字")
    assert after == {**before, "name": "新 名字", "revision": before["revision"] + 1}
    assert names_of(team.owner) == [{"b": "新 名字"}.get(name, name) for name in listed], "its place stays"
    assert pointers(team.viewer) == ("新 名字", "新 名字") and pointers(team.admin) == ("c", "新 名字")
    assert pointers(team.owner) == ("新 名字", "新 名字"), "who never chose follows the default"
    refused(team.viewer.get("/api/configs/b"), 404, "NOT_FOUND")
    confirm(system, team.admin)
    text = exported(team.admin, include_secrets=True)
    assert token in text and HIDDEN in text, "what is sealed still opens"
    assert text.index("[a]") < text.index('["新 名字"]') < text.index("[c]")
    entry = history(team.viewer, "?operation=rename")[0]
    assert (entry["from_config"], entry["to_config"], entry["platform"]) == ("b", "新 名字", "claude")


def test_revisions_go_on_counting_under_both_names(ada):
    create(ada, "old", description="one")
    ada.put("/api/configs/old", json={"base_url": BASE, "auth_token": secret(), "description": "two"})
    assert renamed(ada, "old", "new")["revision"] == 3
    assert revisions(ada, "new") == [(3, "rename"), (2, "update"), (1, "create")]
    assert revisions(ada, "old") == [(3, "rename")]
    answer = ada.post("/api/configs/new/rollback", json={"revision": 1})
    assert answer.status_code == 200 and read(ada, "new")["description"] == "one"
    create(ada, "old")
    assert read(ada, "old")["revision"] == 4, "an old If-Match fits nothing new"
    refused(ada.put("/api/configs/old", json={"base_url": BASE, "auth_token": secret()}, headers={"If-Match": '"2"'}), 412,
            "PRECONDITION_FAILED")


def test_a_name_that_somebody_had_before_goes_on_counting(ada):
    create(ada, "taken")
    assert ada.delete("/api/configs/taken").status_code == 200
    assert revisions(ada, "taken") == [(2, "delete"), (1, "create")]
    create(ada, "mine")
    assert renamed(ada, "mine", "taken")["revision"] == 4
    assert revisions(ada, "taken") == [(4, "rename"), (3, "create"), (2, "delete"), (1, "create")]
    for revision in (1, 3):
        assert ada.post("/api/configs/taken/rollback", json={"revision": revision}).status_code == 200
    assert renamed(ada, "taken", "mine")["revision"] == 9
    assert renamed(ada, "mine", "taken")["revision"] == 17, "behind the seven that were left there"


@pytest.mark.parametrize("body, status", [({"name": "b"}, 409), ({"name": "a"}, 409), ({"name": "current"}, 400), ({"name": ""}, 400),
                                          ({}, 400), ({"name": "x" * 101}, 400), ({"name": "line\nbreak"}, 400)])
@pytest.mark.parametrize("verb", ["rename", "copy"])
def test_names_that_cannot_be_given(ada, verb, body, status):
    for name in ("a", "b"):
        create(ada, name)
    before = ada.get("/api/configs").json()
    answer = post(ada, "a", verb, body)
    if status == 400:
        assert wrong_fields(answer) == ["name"]
    else:
        assert refused(answer, 409, "CONFLICT")["message"] == f"Config '{body['name']}' already exists"
    assert ada.get("/api/configs").json() == before and revisions(ada, "a") == [(1, "create")]


@pytest.mark.parametrize("verb", ["rename", "copy"])
def test_what_is_not_there_and_who_may(team, verb):
    refused(post(team.editor, "nobody", verb, {"name": "x"}), 404, "NOT_FOUND")
    create(team.editor, "a")
    refused(post(team.viewer, "a", verb, {"name": "x"}), 403, "AUTHORIZATION_ERROR")
    refused(post(team.stranger, "a", verb, {"name": "x"}), 404, "NOT_FOUND")
    assert names_of(team.viewer) == ["a"]


def test_a_rename_honours_if_match(ada):
    create(ada, "a")
    answer = ada.post("/api/configs/a/rename", json={"name": "b"}, headers={"If-Match": '"7"'})
    refused(answer, 412, "PRECONDITION_FAILED")
    assert ada.post("/api/configs/a/rename", json={"name": "b"}, headers={"If-Match": '"1"'}).status_code == 200


# ---- copies ----

@pytest.mark.parametrize("platform", ["claude", "droid"])
def test_a_copy_is_a_profile_of_its_own(system, ada, platform):
    imported(ada, profiles("a").replace('[a]\n', f'[a]\nusage_count = 7\nhidden = "{HIDDEN}"\n'))
    create(ada, "last", platform=platform)
    assert copied(ada, "a", "b", **({} if platform == "claude" else {"platform": platform})) == {
        "name": "b", "platform": platform, "revision": 1}
    source, copy = read(ada, "a"), read(ada, "b", platform)
    assert copy == {**source, "name": "b", "usage_count": 0, "platform": platform, "revision": 1}
    assert names_of(ada, platform)[-1] == "b"
    assert ada.delete("/api/configs/a").status_code == 200
    confirm(system, ada)
    text = exported(ada, platform, include_secrets=True)
    assert "token-of-a-in-the-file" in text and HIDDEN in text, "sealed for the copy, whatever becomes of the source"
    entry = history(ada, "?operation=copy")[0]
    assert (entry["from_config"], entry["to_config"], entry["platform"]) == ("a", "b", platform)
    assert "token-of-a-in-the-file" not in str(entry)
    with everything(system) as connection:
        sealed = connection.execute("SELECT sealed::text FROM resource_revisions r JOIN workspaces w ON w.id = r.workspace_id"
                                    " WHERE w.slug = %s AND r.name IN ('a', 'b')", [ada.workspace]).fetchall()
    assert len(sealed) == 3 and len(set(sealed)) == 2


def test_copies_to_where_they_cannot_be(ada):
    imported(ada, '[g]\nauth_token = "no-address-is-needed"\n', platform="gemini")
    answer = post(ada, "g", "copy", {"name": "c", "platform": "claude"}, platform="gemini")
    assert "base_url" in refused(answer, 400, "VALIDATION_ERROR")["message"]
    assert wrong_fields(post(ada, "g", "copy", {"name": "c", "platform": "vim"}, platform="gemini")) == ["platform"]
    assert names_of(ada, "claude") == []


# ---- pointers ----

def test_the_default_moves_when_it_is_deleted(team):
    imported(team.editor, profiles("a", "b", "c", top='default_config = "a"\n\n'))
    switch(team.editor, "c")
    assert team.editor.patch("/api/configs/b/disable").status_code == 200
    assert team.editor.delete("/api/configs/a").status_code == 200
    assert pointers(team.viewer) == ("c", "c") and read(team.viewer, "c")["is_default"]
    assert team.viewer.get("/api/configs/current").json()["name"] == "c"
    assert 'default_config = "c"' in exported(team.viewer)
    entry = history(team.viewer, "?operation=default")[0]
    assert (entry["from_config"], entry["to_config"]) == ("a", "c")


def test_the_last_default_leaves_none(team):
    imported(team.editor, profiles("a", top='default_config = "a"\ncurrent_config = "elsewhere"\n\n'))
    assert team.editor.delete("/api/configs/a").status_code == 200
    assert pointers(team.viewer) == ("default", "default") and "default_config" not in exported(team.viewer)
    message = refused(team.viewer.get("/api/configs/current"), 404, "NOT_FOUND")["message"]
    assert "no enabled config on platform 'claude'" in message


def test_without_any_pointer_the_first_enabled_one_is_current(team):
    imported(team.editor, profiles("a", "b", "c"))
    team.editor.patch("/api/configs/a/disable")
    assert team.viewer.get("/api/configs/current").json()["name"] == "b"
    answer = team.viewer.post("/api/command/execute", json={"command": "current"})
    assert answer.data["output"].startswith("Name: b\n")


def test_a_replacing_file_leaves_nobody_pointing_at_what_it_dropped(team):
    imported(team.editor, profiles("a", "b", "c", top='default_config = "a"\ncurrent_config = "a"\n\n'))
    switch(team.viewer, "b")
    switch(team.admin, "c")
    replaced = imported(team.editor, profiles("c", "d", top='default_config = "d"\n\n'), mode="replace")
    for member, current in ((team.viewer, "d"), (team.editor, "d"), (team.admin, "c"), (team.owner, "d")):
        assert pointers(member) == (current, "d")
        assert member.get("/api/configs/current").json()["name"] == current
    assert team.admin.post(f"/api/backups/{replaced['backup_id']}/restore").status_code == 200
    for member, current in ((team.viewer, "b"), (team.editor, "a"), (team.owner, "a")):
        assert pointers(member)[0] == current, "restoring brings back who used what"
    assert pointers(team.admin)[0] == "a", "who restores gets the file's own"


def test_a_file_that_points_at_nothing_comes_out_as_it_went_in(ada):
    text = profiles("a", "b", top='default_config = "gone"\ncurrent_config = "lost"\n\n')
    imported(ada, text)
    assert pointers(ada) == ("lost", "gone")
    assert exported(ada).startswith('default_config = "gone"\ncurrent_config = "lost"\n')
    assert ada.get("/api/configs/current").json()["name"] == "a"


def test_who_holds_a_profile_is_named(team):
    imported(team.editor, profiles("a", "b", top='default_config = "b"\n\n'))
    switch(team.viewer, "a")
    switch(team.admin, "a")
    message = refused(team.owner.delete("/api/configs/a"), 409, "CONFLICT")["message"]
    names = ", ".join(sorted([team.viewer.user["username"], team.admin.user["username"]]))
    assert f"it is the current config of {names};" in message
    answer = team.owner.delete("/api/configs/a", headers={"Accept-Language": "zh"})
    assert refused(answer, 409, "CONFLICT")["message"].startswith("不能删除配置")


def test_who_is_gone_or_disabled_holds_nothing(system, team):
    for name, leave in (("a", "removed"), ("b", "disabled")):
        username = f"leaver-{leave}-{team.slug[-6:]}"
        system.passwords[username] = "a long enough password"
        system.cli.add_user(username, system.passwords[username])
        with everything(system) as connection:
            connection.execute("INSERT INTO memberships (workspace_id, user_id, role) SELECT w.id, u.id, 'viewer'"
                               " FROM workspaces w, users u WHERE w.slug = %s AND u.username = %s", (team.slug, username))
        create(team.editor, name)
        leaver = acting_in(system.client(username), team.slug)
        switch(leaver, name)
        assert username in refused(team.owner.delete(f"/api/configs/{name}"), 409, "CONFLICT")["message"]
        if leave == "removed":
            path = f"/api/workspaces/{team.slug}/members/{username}"
            assert team.owner.delete(path).status_code == 200
        else:
            with everything(system) as connection:
                connection.execute("UPDATE users SET disabled_at = now() WHERE username = %s", (username,))
        assert team.owner.delete(f"/api/configs/{name}").status_code == 200
    with everything(system) as connection:
        left = connection.execute("SELECT count(*) FROM user_platforms p JOIN workspaces w ON w.id = p.workspace_id"
                                  " WHERE w.slug = %s", [team.slug]).fetchone()
    assert left == (0,), "nobody who comes back points at nothing"
