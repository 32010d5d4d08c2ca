"""Resources of every kind, on every platform that has it: one table of what can be done, run over all of them. What a kind is made of
is asked of the program (GET /api/kinds); a value of each is in resource_data.py."""

import itertools
import json

import pytest

import resource_data
from stack import Pending
from configs import ROLES, acting_in, ada, everything, new_workspace, quote, system, team, users  # noqa: F401

TEXT = resource_data.TEXT
RANK = {role: number for number, role in enumerate(ROLES)}


@pytest.fixture(scope="session")
def kinds(system):
    answer = system.client("ada").get("/api/kinds")
    assert answer.status_code == 200
    return {kind["name"]: kind for kind in answer.data["kinds"]}


def platforms_of(kinds):
    return [(name, platform) for name, kind in kinds.items() for platform in kind["platforms"]]


def address(kind, platform, name=None, rest=""):
    return f"/api/resources/{platform}/{kind}" + (f"/{quote(name)}" if name is not None else "") + rest


def secrets_in(value):
    """Every planted secret that stands in this value."""
    return [made for made in resource_data.planted if made in json.dumps(value)]


def same(client, kind, platform, name, values):
    """The resource shows these values, secrets masked."""
    answer = client.get(address(kind, platform, name))
    assert answer.status_code == 200, answer.text
    for made in secrets_in(values):
        assert made not in answer.text
    for column, value in values.items():
        if not secrets_in(value):
            assert answer.data[column] == value, column
    return answer


def test_every_kind_has_data(kinds):
    assert set(kinds) == set(resource_data.KINDS)
    for name, kind in kinds.items():
        columns = {column["name"] for column in kind["columns"]}
        assert set(resource_data.KINDS[name]["values"]) <= columns
        assert kind["label"]["en"] and kind["label"]["zh"] and kind["platforms"]
        for column in kind["columns"]:
            assert column["label"]["en"] and column["label"]["zh"], (name, column)


def life(client, kind, platform, data, folders, any_name):
    """All that can be done with one, in the order of its life."""
    values, name = data["values"], "one"
    made = client.post(address(kind, platform), json={"name": name, **values})
    assert made.status_code == 201, (kind, platform, made.text)
    assert made.data["resource"]["revision"] == 1 and made.headers["ETag"] == '"1"'
    assert client.post(address(kind, platform), json={"name": name, **values}).status_code == 409
    shown = same(client, kind, platform, name, values)

    # What is sent back as it was shown changes nothing, and no mask becomes a value.
    again = client.put(address(kind, platform, name), json={column: shown.data[column] for column in values})
    assert again.status_code == 200, again.text
    assert client.get(address(kind, platform, name, "/diff?from=1&to=2")).data["changes"] == []
    if secrets_in(values):
        elsewhere = client.post(address(kind, platform), json={"name": "masks", **{column: shown.data[column] for column in values}})
        assert elsewhere.status_code == 400 and "mask" in elsewhere.text, (kind, elsewhere.text)
        revealed = client.post(address(kind, platform, name, "/reveal"), json={})
        assert sorted(secrets_in(revealed.data["secrets"])) == sorted(secrets_in(values)), revealed.text

    changed = client.patch(address(kind, platform, name), json=data["change"], headers={"If-Match": '"2"'})
    assert changed.status_code == 200, changed.text
    same(client, kind, platform, name, {**values, **data["change"]})
    assert client.patch(address(kind, platform, name), json=data["change"], headers={"If-Match": '"2"'}).status_code == 412
    difference = client.get(address(kind, platform, name, "/diff?from=1&to=3")).data["changes"]
    assert {change["field"] for change in difference} == set(data["change"])

    for switch, enabled in (("disable", False), ("enable", True)):
        assert client.post(address(kind, platform, name, f"/{switch}"), json={}).data["resource"]["enabled"] is enabled
    assert client.post(address(kind, platform, name, "/rollback"), json={"revision": 1}).status_code == 200
    same(client, kind, platform, name, values)

    other = "in/two" if folders else "two"
    assert client.post(address(kind, platform, name, "/copy"), json={"name": other}).status_code == 201
    same(client, kind, platform, other, values)
    if not folders and not any_name:
        assert client.post(address(kind, platform, name, "/copy"), json={"name": "a/b"}).status_code == 400
    assert client.post(address(kind, platform, other, "/rename"), json={"name": name}).status_code == 409
    assert client.post(address(kind, platform, other, "/rename"), json={"name": "three"}).status_code == 200
    assert client.get(address(kind, platform, other)).status_code == 404
    history = client.get(address(kind, platform, "three", "/revisions")).data["revisions"]
    assert [entry["operation"] for entry in history] == ["rename", "copy"]

    page = client.get(address(kind, platform) + "?limit=1").data
    assert (page["total"], len(page["items"]), page["items"][0]["name"]) == (2, 1, "one")
    rest = client.get(address(kind, platform) + f"?limit=1&cursor={quote(page['next_cursor'])}").data
    assert (rest["items"][0]["name"], rest["next_cursor"]) == ("three", None)
    assert [item["name"] for item in client.get(address(kind, platform) + "?search=thr").data["items"]] == ["three"]

    assert client.delete(address(kind, platform, name)).data == {"deleted": 1}
    assert client.get(address(kind, platform, name)).status_code == 404
    assert client.post(address(kind, platform, name, "/rollback"), json={"revision": 1}).status_code == 200
    same(client, kind, platform, name, values)
    assert client.delete(address(kind, platform), json={"names": ["one", "nobody"]}).status_code == 404
    assert client.delete(address(kind, platform), json={"names": ["one", "three"]}).data == {"deleted": 2}
    assert client.get(address(kind, platform)).data["total"] == 0


def test_the_life_of_each(kinds, ada):
    for kind, platform in platforms_of(kinds):
        life(ada, kind, platform, resource_data.KINDS[kind], kinds[kind]["folders"], kinds[kind]["any_name"])


def test_what_is_wrong_is_named(kinds, ada):
    for kind, platform in platforms_of(kinds):
        for body, field in resource_data.KINDS[kind]["wrong"]:
            answer = ada.post(address(kind, platform), json={"name": "x", **body})
            assert answer.status_code == 400, (kind, body, answer.text)
            assert field in [failure["field"] for failure in answer.json()["error"]["details"]["fields"]], (kind, answer.text)
        assert ada.get(address(kind, platform)).data["total"] == 0


def operations(kind, platform, name, shared):
    """Method, path, body, status when allowed; the order leaves each of them something to work on."""
    values, change = resource_data.KINDS[kind]["values"], resource_data.KINDS[kind]["change"]
    here = address(kind, platform, name)
    return [
        ("POST", address(kind, platform), {"name": name, **values}, 201),
        ("GET", address(kind, platform), None, 200),
        ("GET", here, None, 200),
        ("PUT", here, values, 200),
        ("PATCH", here, change, 200),
        ("POST", here + "/disable", {}, 200),
        ("POST", here + "/enable", {}, 200),
        ("POST", here + "/reveal", {}, 200),
        ("GET", here + "/revisions", None, 200),
        ("GET", here + "/revisions/1", None, 200),
        ("GET", here + "/diff?from=1&to=2", None, 200),
        ("POST", here + "/rollback", {"revision": 1}, 200),
        *[("PUT", here + "/platforms", {"platforms": {platform: True}}, 200)] * shared,
        ("POST", here + "/copy", {"name": name + "-copy"}, 201),
        ("POST", here + "/rename", {"name": name + "-renamed"}, 200),
        ("DELETE", address(kind, platform, name + "-renamed"), None, 200),
        ("DELETE", address(kind, platform), {"names": [name + "-copy"]}, 200),
    ]


def test_roles_of_each_operation(kinds, team):
    """Who may not is refused, and nothing is done; then who may does it. A stranger finds no workspace."""
    done = pairs = 0
    for kind, platform in platforms_of(kinds):
        least = RANK[kinds[kind]["write"]]
        for method, path, body, status in operations(kind, platform, "thing", kinds[kind]["shared"]):
            pairs += 1
            reads = method == "GET"
            options = {} if body is None else {"json": body}
            for role in ROLES:
                if not reads and RANK[role] < least:
                    answer = getattr(team, role).request(method, path, **options)
                    assert answer.status_code == 403, (role, method, path, answer.text)
                elif reads:
                    assert getattr(team, role).request(method, path, **options).status_code == 200, (role, method, path)
                done += 1
            assert team.stranger.request(method, path, **options).status_code == 404, (method, path)
            anonymous = team.owner.anonymous()
            assert anonymous.request(method, path, **options).status_code == 401
            if not reads:
                answer = team.owner.request(method, path, **options)
                assert answer.status_code == status, (method, path, answer.text)
            done += 2
    print(f"{done} requests: {len(platforms_of(kinds))} pairs of kind and platform, {pairs} operations on them, {len(ROLES) + 2} sorts of users")
    assert done == pairs * (len(ROLES) + 2)


def test_a_kind_that_a_platform_lacks_is_not_found(kinds, ada):
    for kind, platform in itertools.product(kinds, ("claude", "codex", "gemini", "qwen", "iflow", "droid")):
        if platform not in kinds[kind]["platforms"]:
            assert ada.get(address(kind, platform)).status_code == 404
            assert ada.post(address(kind, platform), json={"name": "x"}).status_code == 404
    assert ada.get("/api/resources/emacs/agent").status_code == 404


def test_another_workspace_sees_nothing(kinds, ada, users):
    other = acting_in(users[0], new_workspace(users[0]))
    for kind, platform in platforms_of(kinds):
        assert ada.post(address(kind, platform), json={"name": "mine", **resource_data.KINDS[kind]["values"]}).status_code == 201
        assert other.get(address(kind, platform)).data == {"items": [], "total": 0, "total_at_least": False, "next_cursor": None}
        assert other.get(address(kind, platform, "mine")).status_code == 404


def test_no_secret_in_database_log_or_audit(kinds, system, ada):
    """Canary values in every place of every kind that can hold one."""
    for kind, platform in platforms_of(kinds):
        assert ada.post(address(kind, platform), json={"name": "canary", **resource_data.KINDS[kind]["values"]}).status_code == 201
        assert ada.patch(address(kind, platform, "canary"), json=resource_data.KINDS[kind]["change"]).status_code == 200
    planted = sorted(set(secrets_in([data["values"] for data in resource_data.KINDS.values()])))
    assert len(planted) >= 10
    with everything(system) as connection:
        for table in ("resources", "resource_revisions", "resource_words", "audit_log"):
            stored = "\n".join(row[0] for row in connection.execute(f"SELECT t::text FROM {table} t").fetchall())
            assert not [made for made in planted if made in stored or made.lower() in stored], table
    assert not [made for made in planted if made in system.backend.log()]
    assert not [made for made in planted if made in ada.get("/api/audit/workspace?limit=500").text]


# ---- what is special about a kind ----

def test_settings_are_secret_until_known_to_be_harmless(ada):
    def make(name, value, platform="claude"):
        answer = ada.post(address("settings", platform), json={"name": name, "value": value})
        assert answer.status_code == 201, answer.text
        return answer.data["resource"]["value"]

    made = resource_data.planted_secret()
    assert make("model", "opus") == "opus"
    assert make("permissions.defaultMode", "acceptEdits") == "acceptEdits"
    assert make("features", {"web": True, "mode": "fast"}, "codex") == {"web": True, "mode": "fast"}
    assert make("availableModels", ["opus", f"https://x.example.org/?key={made}"]) == ["opus", f"https://x.example.org/?key={made[:4]}...{made[-4:]}"]
    assert make("apiKeyHelper", "/opt/company/get-the-key") == "/opt...-key"
    assert make("features", "fast mode of claude") == "fast...aude", "that key is another CLI's"
    assert make("modelling", "the same beginning") == "the ...ning"
    assert make('projects."C:\\x y".trust', {"level": "trusted", "times": 3, "at": None}, "codex") == {"level": "*******", "times": 3, "at": None}
    assert ada.get(address("settings", "claude", "apiKeyHelper")).data["value"] == "/opt...-key"
    assert ada.put(address("settings", "claude", "apiKeyHelper"), json={"value": "/opt...-key"}).data["resource"]["revision"] == 2
    assert ada.post(address("settings", "claude", "apiKeyHelper", "/reveal"), json={}).data["secrets"] == {"value": "/opt/company/get-the-key"}
    for value in (7, False, [1], "123", "\"x\"", {"a": {"b": ["c"]}}):  # whatever it is, it comes back as that
        assert ada.put(address("settings", "claude", "apiKeyHelper"), json={"value": value}).status_code == 200
        shown = ada.get(address("settings", "claude", "apiKeyHelper")).data["value"]
        assert shown == value or ada.post(address("settings", "claude", "apiKeyHelper", "/reveal"), json={}).data["secrets"] == {"value": value}


def test_a_setting_under_another_name_is_shown_as_that_is(ada):
    assert ada.post(address("settings", "claude"), json={"name": "model", "value": "a model of ours"}).status_code == 201
    for name, shown in (("apiKeyHelper", "a mo...ours"), ("outputStyle", "a model of ours")):
        old = ada.get(address("settings", "claude")).data["items"][0]["name"]
        renamed = ada.post(address("settings", "claude", old, "/rename"), json={"name": name})
        assert (renamed.status_code, renamed.data["resource"]["value"]) == (200, shown), renamed.text
        assert ada.get(address("settings", "claude", name)).data["value"] == shown
    copied = ada.post(address("settings", "claude", "outputStyle", "/copy"), json={"name": "outputStyle", "platform": "gemini"})
    assert copied.data["resource"]["value"] == "a mo...ours", "a key that Gemini is not known to have"


def test_names_of_settings(ada):
    for name in ("", "a.", ".a", "a..b", "a b", "\"a", "a\"b\"", "a.\"\"", "env[0]", "hooks", "hooks.Stop", "mcpServers", "permissions.allow"):
        answer = ada.post(address("settings", "claude"), json={"name": name, "value": 1})
        assert answer.status_code == 400 and "name" in answer.text, (name, answer.text)
    for name in ("hook", "permissions", "a-b.c_d.$e", "\"a.b\".c", "mcp_servers"):
        assert ada.post(address("settings", "claude"), json={"name": name, "value": 1}).status_code == 201, name


def test_a_skill_and_its_folder(ada):
    files = {"a.md": "old\x00new\r\n".replace("\x00", ""), "data/数据.bin": {"base64": "AAEC/w=="}, "empty": ""}
    made = ada.post(address("skill", "claude"), json={"name": "count", "description": "x", "text": TEXT, "files": files, "context": "fork"})
    assert made.status_code == 201 and made.data["resource"]["files"] == files, made.text
    assert "files" not in ada.get(address("skill", "claude")).data["items"][0]
    changed = ada.patch(address("skill", "claude", "count"), json={"files": {"a.md": None, "b/c.md": "more"}})
    assert list(changed.data["resource"]["files"]) == ["data/数据.bin", "empty", "b/c.md"]
    (change,) = ada.get(address("skill", "claude", "count", "/diff?from=1&to=2")).data["changes"]
    assert (change["field"], change["old_value"]) == ("files", files)
    given = give(ada, "skill", "claude", "count", claude=True, codex=True)
    assert [(warning["field"], warning["platform"]) for warning in given.data["warnings"]] == [("context", "codex")]
    for name in ("a/b", "nul", "a:b", "x.", "..", "a?"):
        answer = ada.post(address("skill", "claude"), json={"name": name, "description": "x", "text": "x"})
        assert answer.status_code == 400 and "name" in answer.text, answer.text


# ---- to another workspace ----

def test_a_copy_in_another_workspace(kinds, ada):
    """With its secrets, which are sealed for the workspace that they are in; both audit trails tell."""
    there = acting_in(ada, new_workspace(ada))
    for kind, platform in [(kind, details["platforms"][0]) for kind, details in kinds.items()]:
        values = resource_data.KINDS[kind]["values"]
        assert ada.post(address(kind, platform), json={"name": "mine", **values}).status_code == 201
        copied = ada.post(address(kind, platform, "mine", "/copy"), json={"name": "ours", "workspace": there.workspace})
        assert copied.status_code == 201, copied.text
        assert not secrets_in(copied.data)
        same(there, kind, platform, "ours", values)
        assert ada.get(address(kind, platform, "ours")).status_code == 404
        if secrets_in(values):
            revealed = there.post(address(kind, platform, "ours", "/reveal"), json={})
            assert sorted(secrets_in(revealed.data["secrets"])) == sorted(secrets_in(values)), revealed.text
        for client, target, side in ((ada, "mine", {"to_config": f"{there.workspace}/ours"}),
                                     (there, "ours", {"from_config": f"{ada.workspace}/mine"})):
            (entry,) = client.get(f"/api/audit/workspace?action={kind}.copy").data["entries"]
            assert (entry["platform"], entry["target"]) == (platform, target)
            assert side.items() <= entry.items()
            assert not secrets_in(entry)


def test_a_copy_needs_the_role_there(ada, team, users):
    """ada is the team's viewer."""
    def copy(client, kind, workspace, **more):
        return client.post(address(kind, "claude", "mine", "/copy"), json={"name": "mine", "workspace": workspace, **more})

    for kind in ("agent", "hook"):
        for client in (ada, team.owner):
            assert client.post(address(kind, "claude"), json={"name": "mine", **resource_data.KINDS[kind]["values"]}).status_code == 201
    assert copy(ada, "agent", team.slug).status_code == 403
    assert copy(ada, "agent", "nowhere").status_code == 404
    stranger = new_workspace(users[4])
    assert copy(ada, "agent", stranger).status_code == 404
    assert copy(ada, "agent", ada.workspace).status_code == 409, "its own, where the name is taken"
    assert copy(ada, "agent", ada.workspace, platform="codex").status_code == 201
    mine = acting_in(team.editor, new_workspace(team.editor))
    for kind, status in (("agent", 201), ("hook", 403)):  # an editor in the team makes agents, no hooks
        assert mine.post(address(kind, "claude"), json={"name": "mine", **resource_data.KINDS[kind]["values"]}).status_code == 201
        answer = mine.post(address(kind, "claude", "mine", "/copy"), json={"name": "from-ben", "workspace": team.slug})
        assert answer.status_code == status, answer.text
    refused = mine.get("/api/audit/workspace?action=hook.copy").data["entries"]
    assert refused == [], "what did not happen is not told"


# ---- one for several platforms ----

def shared_kinds(kinds):
    return [(name, kind["platforms"]) for name, kind in kinds.items() if kind["shared"]]


def give(client, kind, platform, name, **platforms):
    return client.put(address(kind, platform, name, "/platforms"), json={"platforms": platforms})


def is_one(client, kind, name, values, **platforms):
    """On each of these platforms it shows these values, the same revision, and who else has it."""
    shown = [same(client, kind, platform, name, values).data for platform in platforms]
    assert [one["platforms"] for one in shown] == [platforms] * len(platforms)
    assert [one["enabled"] for one in shown] == list(platforms.values())
    assert len({one["revision"] for one in shown}) == 1, [one["revision"] for one in shown]
    assert len({json.dumps({**one, "platform": "", "enabled": "", "updated_at": ""}) for one in shown}) == 1
    listed = [item for platform in platforms for item in client.get(address(kind, platform)).data["items"] if item["name"] == name]
    assert [item["platforms"] for item in listed] == [platforms] * len(platforms)
    return shown[0]["revision"]


def test_what_platforms_share_is_one_thing(kinds, ada):
    for kind, (a, b, c, *_) in shared_kinds(kinds):
        data = resource_data.KINDS[kind]
        values, changed = data["values"], {**data["values"], **data["change"]}
        alone = ada.post(address(kind, a), json={"name": "one", **values})
        assert alone.status_code == 201 and alone.data["resource"]["platforms"] == {a: True}
        given = give(ada, kind, a, "one", **{a: True, b: False})
        assert given.status_code == 200, given.text
        revision = is_one(ada, kind, "one", values, **{a: True, b: False})
        assert give(ada, kind, b, "one", **{a: True, b: False}).data["resource"]["revision"] == revision, "nothing to do"
        if secrets_in(values):
            revealed = ada.post(address(kind, b, "one", "/reveal"), json={})
            assert sorted(secrets_in(revealed.data["secrets"])) == sorted(secrets_in(values)), revealed.text

        # What is done on one platform is done on all; a client of the other one sees that it was.
        assert ada.patch(address(kind, b, "one"), json=data["change"], headers={"If-Match": f'"{revision}"'}).status_code == 200
        assert is_one(ada, kind, "one", changed, **{a: True, b: False}) == revision + 1
        stale = ada.patch(address(kind, a, "one"), json=data["change"], headers={"If-Match": f'"{revision}"'})
        assert stale.status_code == 412
        for platform in (a, b):
            difference = ada.get(address(kind, platform, "one", f"/diff?from={revision}&to={revision + 1}")).data["changes"]
            assert {change["field"] for change in difference} == set(data["change"])
        assert ada.post(address(kind, b, "one", "/enable"), json={}).status_code == 200
        assert ada.post(address(kind, a, "one", "/disable"), json={}).status_code == 200
        is_one(ada, kind, "one", changed, **{a: False, b: True})
        assert ada.post(address(kind, a, "one", "/rollback"), json={"revision": revision}).status_code == 200
        is_one(ada, kind, "one", values, **{a: True, b: True})

        # A name that another one has on a platform.
        assert ada.post(address(kind, c), json={"name": "one", **changed}).status_code == 201
        assert ada.post(address(kind, c), json={"name": "two", **changed}).status_code == 201
        assert give(ada, kind, a, "one", **{a: True, b: True, c: True}).status_code == 409
        is_one(ada, kind, "one", values, **{a: True, b: True})
        assert ada.post(address(kind, b, "one", "/rename"), json={"name": "three"}).status_code == 200
        is_one(ada, kind, "three", values, **{a: True, b: True})
        assert {ada.get(address(kind, platform, "one")).status_code for platform in (a, b)} == {404}
        assert give(ada, kind, b, "three", **{a: True, b: True, c: False}).status_code == 200
        is_one(ada, kind, "three", values, **{a: True, b: True, c: False})
        assert ada.post(address(kind, c, "two", "/rename"), json={"name": "three"}).status_code == 409
        assert ada.get(address(kind, c) + "?search=three").data["total"] == 1

        # A copy is another one; who deletes it on one platform withdraws it there.
        assert ada.post(address(kind, a, "three", "/copy"), json={"name": "copy"}).data["resource"]["platforms"] == {a: True}
        assert ada.delete(address(kind, a, "three")).status_code == 200
        is_one(ada, kind, "three", values, **{b: True, c: False})
        assert ada.post(address(kind, a, "three", "/rollback"), json={"revision": revision}).status_code == 200
        assert ada.patch(address(kind, b, "three"), json=data["change"]).status_code == 200
        is_one(ada, kind, "three", values, **{a: True})
        is_one(ada, kind, "three", changed, **{b: True, c: False})
        gone = give(ada, kind, b, "three", **{c: True})
        assert (gone.status_code, gone.data["resource"]["platform"]) == (200, c)
        is_one(ada, kind, "three", changed, **{c: True})
        assert ada.get(address(kind, b, "three")).status_code == 404


def test_sharing_says_what_is_wrong(kinds, ada):
    mcp = resource_data.KINDS["mcp_server"]["values"]
    assert ada.post(address("mcp_server", "claude"), json={"name": "one", **mcp, "cwd": "/srv"}).status_code == 201
    for platforms, field in (({}, "platforms"), ({"emacs": True}, "platforms.emacs"), ({"claude": None}, "platforms.claude"),
                             ({"claude": 1}, "platforms.claude")):
        answer = ada.put(address("mcp_server", "claude", "one", "/platforms"), json={"platforms": platforms})
        named = [failure["field"] for failure in answer.json()["error"]["details"]["fields"]]
        assert answer.status_code == 400 and named == [field], answer.text
    shared = give(ada, "mcp_server", "claude", "one", claude=True, codex=True, gemini=True)
    assert [(warning["field"], warning["platform"]) for warning in shared.data["warnings"]] == [("cwd", "claude")], shared.text
    # Codex knows no SSE: neither may what it has become that, nor may it be given such a one.
    sse = ada.patch(address("mcp_server", "claude", "one"), json={"transport": "sse"})
    assert sse.status_code == 400 and "transport" in sse.text
    assert give(ada, "mcp_server", "claude", "one", claude=True, gemini=True).status_code == 200
    assert ada.patch(address("mcp_server", "claude", "one"), json={"transport": "sse"}).status_code == 200
    refused = give(ada, "mcp_server", "claude", "one", claude=True, gemini=True, codex=True)
    assert refused.status_code == 400 and "transport" in refused.text
    was_sse = ada.get(address("mcp_server", "claude", "one")).data["revision"]
    assert ada.patch(address("mcp_server", "claude", "one"), json={"transport": "http"}).status_code == 200
    assert give(ada, "mcp_server", "claude", "one", claude=True, codex=True).status_code == 200
    back = ada.post(address("mcp_server", "claude", "one", "/rollback"), json={"revision": was_sse})
    assert back.status_code == 400 and "transport" in back.text
    reserved = ada.post(address("mcp_server", "codex"), json={"name": "workspace", **mcp})
    assert reserved.status_code == 201
    assert give(ada, "mcp_server", "codex", "workspace", codex=True, claude=True).status_code == 400
    assert ada.put(address("agent", "claude", "one", "/platforms"), json={"platforms": {"claude": True}}).status_code in (404, 405)


def test_two_change_what_they_share_on_their_platforms(ada):
    mcp = resource_data.KINDS["mcp_server"]["values"]
    assert ada.post(address("mcp_server", "claude"), json={"name": "one", **mcp}).status_code == 201
    revision = give(ada, "mcp_server", "claude", "one", claude=True, codex=True, droid=True).data["resource"]["revision"]
    for _ in range(5):
        both = [Pending(acting_in(ada, ada.workspace), "PATCH", address("mcp_server", platform, "one"), json={"timeout_ms": number},
                        headers={"If-Match": f'"{revision}"'}) for number, platform in ((1000, "claude"), (2000, "droid"))]
        answers = [request.result() for request in both]
        assert sorted(answer.status_code for answer in answers) == [200, 412], [answer.text for answer in answers]
        revision += 1
        won = next(answer.data["resource"]["timeout_ms"] for answer in answers if answer.status_code == 200)
        is_one(ada, "mcp_server", "one", {**mcp, "timeout_ms": won}, claude=True, codex=True, droid=True)


def test_sharing_is_seen_in_the_audit_trail(ada):
    mcp = resource_data.KINDS["mcp_server"]["values"]
    assert ada.post(address("mcp_server", "claude"), json={"name": "one", **mcp}).status_code == 201
    assert give(ada, "mcp_server", "claude", "one", claude=True, codex=True).status_code == 200
    assert ada.patch(address("mcp_server", "codex", "one"), json={"timeout_ms": 7}).status_code == 200
    assert ada.post(address("mcp_server", "codex", "one", "/disable"), json={}).status_code == 200
    assert give(ada, "mcp_server", "claude", "one", claude=True).status_code == 200
    entries = ada.get("/api/audit/workspace?action=mcp_server.*").data["entries"]
    told = sorted((entry["action"], entry["platform"]) for entry in entries)
    assert told == [("mcp_server.create", "claude"), ("mcp_server.delete", "codex"), ("mcp_server.disable", "codex"),
                    ("mcp_server.share", "codex"), ("mcp_server.update", "claude"), ("mcp_server.update", "codex")]
    assert not secrets_in(entries)


# ---- configuration as code ----

def document(*, changed=False):
    values = resource_data.KINDS
    made = [{"platform": "claude", "kind": kind, "name": f"{kind}-{number}", **values[kind]["values"]}
            for kind in ("agent", "mcp_server", "hook") for number in range(2)]
    if changed:
        made[0] = {**made[0], **values["agent"]["change"]}
    return made


def test_a_document_shares(ada):
    mcp = resource_data.KINDS["mcp_server"]["values"]

    def apply(status=200, **more):
        answer = ada.post("/api/resources/apply", json={"resources": [{"kind": "mcp_server", "name": "one", **mcp, **more}]})
        assert answer.status_code == status, answer.text
        return answer

    def deeds(answer):
        return {(item["platform"], item["action"]) for item in answer.data["plan"]}

    dry = ada.post("/api/resources/apply", json={"dry_run": True, "resources": [
        {"kind": "mcp_server", "name": "one", "platforms": ["claude", "codex"], **mcp}]})
    assert ada.get(address("mcp_server", "claude")).data["total"] == 0
    done = apply(platforms=["claude", "codex"])
    assert done.data["plan"] == dry.data["plan"] and deeds(done) == {("claude", "create"), ("codex", "create")}
    assert all(item["platforms"] == {"claude": True, "codex": True} for item in done.data["plan"])
    is_one(ada, "mcp_server", "one", mcp, claude=True, codex=True)
    assert deeds(apply(platforms=["claude", "codex"])) == {("claude", "unchanged"), ("codex", "unchanged")}
    # to one more, from another, each with its switch, and what is said of it at once
    assert deeds(apply(platforms=["gemini", "claude"])) == {("claude", "unchanged"), ("gemini", "create"), ("codex", "delete")}
    is_one(ada, "mcp_server", "one", mcp, claude=True, gemini=True)
    assert ada.get(address("mcp_server", "codex", "one")).status_code == 404
    masked = {name: value for name, value in ada.get(address("mcp_server", "claude", "one")).data.items() if name in mcp}
    changed = apply(**{**masked, "timeout_ms": 77}, platforms={"claude": False, "droid": True})
    assert deeds(changed) == {("claude", "update"), ("droid", "create"), ("gemini", "delete")}
    is_one(ada, "mcp_server", "one", {**mcp, "timeout_ms": 77}, claude=False, droid=True)
    assert deeds(apply(timeout_ms=77, platforms=["claude"])) == {("claude", "update"), ("droid", "delete")}
    # two that are there do not become one, and what else is wrong is named
    assert ada.post(address("mcp_server", "qwen"), json={"name": "one", **mcp}).status_code == 201
    for platforms, kind, field in ((["claude", "qwen"], "mcp_server", "platforms"), ([], "mcp_server", "platforms"), ({"claude": 1}, "mcp_server", "platforms.claude"),
                                   (["emacs"], "mcp_server", "platform"), (["claude", "claude"], "mcp_server", None), (["claude", "droid"], "agent", "platforms")):
        answer = apply(kind=kind, platforms=platforms, description="x", system_prompt="x", status=400 if field else 200)
        assert not field or field in [failure["field"].split("].")[1] for failure in answer.json()["error"]["details"]["fields"]], answer.text
    assert ada.get(address("agent", "claude")).data["total"] == 0


def test_a_document_is_applied_and_applied_again(ada):
    dry = ada.post("/api/resources/apply", json={"resources": document(), "dry_run": True})
    assert dry.status_code == 200 and dry.data["counts"] == {"create": 6, "update": 0, "delete": 0, "unchanged": 0}, dry.text
    assert ada.get(address("agent", "claude")).data["total"] == 0
    done = ada.post("/api/resources/apply", json={"resources": document()})
    assert done.data["plan"] == dry.data["plan"] and done.data["counts"]["create"] == 6
    again = ada.post("/api/resources/apply", json={"resources": document()})
    assert again.data["counts"] == {"create": 0, "update": 0, "delete": 0, "unchanged": 6}
    assert {item["revision"] for item in ada.get(address("agent", "claude")).data["items"]} == {1}

    # One value differs, one resource is no longer there, one is of a kind that is not pruned.
    other = ada.post(address("prompt", "claude"), json={"name": "kept", **resource_data.KINDS["prompt"]["values"]})
    assert other.status_code == 201
    wanted = document(changed=True)[:5]
    changed = ada.post("/api/resources/apply", json={"resources": wanted, "prune": [{"platform": "claude", "kind": "hook"}]})
    assert changed.data["counts"] == {"create": 0, "update": 1, "delete": 1, "unchanged": 4}, changed.text
    plan = {item["name"]: item for item in changed.data["plan"]}
    assert plan["agent-0"]["changes"] == [{"field": "model", "old_value": "sonnet", "new_value": "opus"}]
    assert plan["hook-1"]["action"] == "delete" and ada.get(address("hook", "claude", "hook-1")).status_code == 404
    assert ada.get(address("prompt", "claude", "kept")).status_code == 200
    assert not secrets_in(changed.data)


def test_what_is_wrong_in_a_document_is_named_and_nothing_is_done(ada):
    wrong = [{"platform": "claude", "kind": "agent", "name": "a", "description": "x", "system_prompt": "y"},
             {"platform": "codex", "kind": "agent", "name": "b", "description": "x"},
             {"platform": "claude", "kind": "mcp_server", "name": "c", "transport": "stdio", "command": "x", "env": {"K": "sk-o...AAAA"}}]
    answer = ada.post("/api/resources/apply", json={"resources": wrong})
    named = [failure["field"] for failure in answer.json()["error"]["details"]["fields"]]
    assert answer.status_code == 400 and named == ["resources[1].system_prompt", "resources[2].env.K"], answer.text
    for entry, field in (({"kind": "agent", "name": "x"}, "platform"), ({"platform": "claude", "kind": "x", "name": "x"}, "kind"),
                         ({"platform": "codex", "kind": "output_style", "name": "x"}, "platform"),
                         ({"platform": "claude", "kind": "agent", "name": "a/../b"}, "name")):
        answer = ada.post("/api/resources/apply", json={"resources": [wrong[0], entry]})
        named = [failure["field"] for failure in answer.json()["error"]["details"]["fields"]]
        assert answer.status_code == 400 and named == [f"resources[1].{field}"], answer.text
    twice = ada.post("/api/resources/apply", json={"resources": [wrong[0], wrong[0]]})
    assert twice.status_code == 400 and "resources[1].name" in twice.text
    assert ada.get(address("agent", "claude")).data["total"] == 0


def test_a_document_and_what_is_shared(ada):
    mcp = resource_data.KINDS["mcp_server"]["values"]
    assert ada.post(address("mcp_server", "claude"), json={"name": "one", **mcp}).status_code == 201
    assert give(ada, "mcp_server", "claude", "one", claude=True, codex=True, qwen=True).status_code == 200

    def items(**timeouts):
        return [{"platform": platform, "kind": "mcp_server", "name": "one", **mcp, "timeout_ms": timeout} for platform, timeout in timeouts.items()]

    revision = is_one(ada, "mcp_server", "one", mcp, claude=True, codex=True, qwen=True)
    done = ada.post("/api/resources/apply", json={"resources": items(codex=70)})
    assert done.data["counts"]["update"] == 1 and done.data["plan"][0]["platforms"] == {"claude": True, "codex": True, "qwen": True}
    assert is_one(ada, "mcp_server", "one", {**mcp, "timeout_ms": 70}, claude=True, codex=True, qwen=True) == revision + 1
    differ = ada.post("/api/resources/apply", json={"resources": items(codex=70, claude=80)})
    assert differ.status_code == 400 and "resources[1].name" in differ.text, differ.text
    both = items(codex=80, claude=80)
    both[0]["enabled"] = False
    assert ada.post("/api/resources/apply", json={"resources": both}).data["counts"]["update"] == 2
    assert is_one(ada, "mcp_server", "one", {**mcp, "timeout_ms": 80}, claude=True, codex=False, qwen=True) == revision + 2
    assert ada.post("/api/resources/apply", json={"resources": both}).data["counts"]["unchanged"] == 2
    pruned = ada.post("/api/resources/apply", json={"resources": [], "prune": [{"platform": "claude", "kind": "mcp_server"}]})
    assert pruned.data["counts"]["delete"] == 1
    is_one(ada, "mcp_server", "one", {**mcp, "timeout_ms": 80}, codex=False, qwen=True)
    assert ada.get(address("mcp_server", "claude", "one")).status_code == 404


def test_an_editor_applies_no_kind_that_takes_an_admin(team):
    hook = {"platform": "claude", "kind": "hook", "name": "h", **resource_data.KINDS["hook"]["values"]}
    answer = team.editor.post("/api/resources/apply", json={"resources": [hook]})
    assert answer.status_code == 400 and "resources[0].kind" in answer.text
    pruned = team.editor.post("/api/resources/apply", json={"resources": [], "prune": [{"platform": "claude", "kind": "hook"}]})
    assert pruned.status_code == 400 and "prune[0].kind" in pruned.text
    assert team.admin.post("/api/resources/apply", json={"resources": [hook]}).status_code == 200
    assert team.viewer.post("/api/resources/apply", json={"resources": []}).status_code == 403


def test_two_documents_at_once_are_one_after_the_other(ada):
    """500 resources each, over several kinds in other orders: no deadlock, no mixture."""
    def big(mark):
        made = [{"platform": platform, "kind": "agent", "name": f"a{number}", "description": mark, "system_prompt": mark}
                for number in range(125) for platform in ("claude", "codex", "gemini", "qwen")]
        return made if mark == "one" else made[::-1]

    for _ in range(3):
        both = [Pending(acting_in(ada, ada.workspace), "POST", "/api/resources/apply", json={"resources": big(mark)}) for mark in ("one", "two")]
        answers = [request.result() for request in both]
        assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text[:300] for answer in answers]
        assert 200 in {answer.status_code for answer in answers}
        seen = {item["description"] for platform in ("claude", "codex", "gemini", "qwen")
                for item in ada.get(address("agent", platform) + "?limit=500").data["items"]}
        assert len(seen) == 1
