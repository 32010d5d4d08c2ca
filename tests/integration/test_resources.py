"""Resources of every kind, on every platform that has it: one table of what can be done, run over all of them. What a kind is made of
is asked of the program (GET /api/kinds); a value of each is in resource_data.py."""

import itertools
import json

import pytest

import resource_data
from stack import Pending
from configs import ROLES, acting_in, ada, everything, new_workspace, quote, system, team, users  # noqa: F401

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


def life(client, kind, platform, data, folders):
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
    if not folders:
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
        life(ada, kind, platform, resource_data.KINDS[kind], kinds[kind]["folders"])


def test_what_is_wrong_is_named(kinds, ada):
    for kind, platform in platforms_of(kinds):
        for body, field in resource_data.KINDS[kind]["wrong"]:
            answer = ada.post(address(kind, platform), json={"name": "x", **body})
            assert answer.status_code == 400, (kind, body, answer.text)
            assert field in [failure["field"] for failure in answer.json()["error"]["details"]["fields"]], (kind, answer.text)
        assert ada.get(address(kind, platform)).data["total"] == 0


def operations(kind, platform, name):
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
        ("POST", here + "/copy", {"name": name + "-copy"}, 201),
        ("POST", here + "/rename", {"name": name + "-renamed"}, 200),
        ("DELETE", address(kind, platform, name + "-renamed"), None, 200),
        ("DELETE", address(kind, platform), {"names": [name + "-copy"]}, 200),
    ]


def test_roles_of_each_operation(kinds, team):
    """Who may not is refused, and nothing is done; then who may does it. A stranger finds no workspace."""
    done = 0
    routes = set()
    for kind, platform in platforms_of(kinds):
        least = RANK[kinds[kind]["write"]]
        for number, (method, path, body, status) in enumerate(operations(kind, platform, "thing")):
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
            routes.add(number)
    print(f"{done} requests: {len(platforms_of(kinds))} pairs of kind and platform, {len(routes)} operations, {len(ROLES) + 2} sorts of users")
    assert done == len(platforms_of(kinds)) * len(routes) * (len(ROLES) + 2)


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


# ---- configuration as code ----

def document(*, changed=False):
    values = resource_data.KINDS
    made = [{"platform": "claude", "kind": kind, "name": f"{kind}-{number}", **values[kind]["values"]}
            for kind in ("agent", "mcp_server", "hook") for number in range(2)]
    if changed:
        made[0] = {**made[0], **values["agent"]["change"]}
    return made


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
             {"platform": "claude", "kind": "agent", "name": "b", "description": "x"},
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
