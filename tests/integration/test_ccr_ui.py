"""CCR UI v4.0.0: its lists of things, over the same resources as /api/resources."""

import json
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

import resource_data
from ccr_ui_data import KEYS, NEEDS, PAGES, THERE, TOKEN, WRITTEN, engine, holds, listed, name_of
from configs import acting_in, ada, create, new_workspace, quote, refused, secret, system, team, token_of, users, wrong_fields  # noqa: F401


def said(path, answer, text):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body == ({"success": True, "data": None, "message": text} if PAGES[path]["message"] else {"success": True, "data": text, "message": None})


def test_every_page_is_told_of():
    assert set(PAGES) == set(NEEDS)


@pytest.mark.parametrize("path", NEEDS)
def test_an_empty_workspace(ada, path):
    assert listed(ada, path) == []


@pytest.mark.parametrize("path", WRITTEN)
def test_from_the_page_to_the_engine(ada, path):
    row, page, name = NEEDS[path], PAGES[path], name_of(path)
    key, changed_key = row.get("key", name), row.get("changed_key", name)
    said(path, ada.post(path, json=row["new"]), row["said"][0])
    holds(ada, path, name, row["engine"])
    if KEYS[path]:
        assert [one[KEYS[path]] for one in listed(ada, path)] == [name]
        refused(ada.post(path, json={**row["new"], KEYS[path]: name}), 409, "CONFLICT")
    said(path, ada.put(f"{path}/{quote(key)}", json=row["change"]), row["said"][1])
    holds(ada, path, name, row["changed"])
    history = [each["operation"] for each in ada.get(engine(path, name) + "/revisions").data["revisions"]]
    assert history == ["update", "create"]
    if "toggle" in page["operations"]:
        on = row["changed"]["enabled"]
        for text in row["toggled"] if on else row["toggled"][::-1]:
            said(path, ada.put(f"{path}/{quote(name)}/toggle"), text)
            holds(ada, path, name, {"enabled": "enabled" in text})
    if "read" in page["operations"]:
        one = ada.get(f"{path}/{quote(name)}").json()
        one = one if page["bare"] else one["data"]
        assert (one[page["one"]] if page["one"] else one) == listed(ada, path)[0]
    said(path, ada.delete(f"{path}/{quote(changed_key)}"), row["said"][2])
    assert ada.get(engine(path, name)).status_code == 404 and listed(ada, path) == []


@pytest.mark.parametrize("path", [path for path in PAGES if path in THERE])
def test_from_the_engine_to_the_page(ada, path):
    """Two of what the kind's own tests make, with secrets: shown masked; and what goes back as it was shown changes nothing."""
    page, values = PAGES[path], resource_data.KINDS[PAGES[path]["kind"]]["values"]
    for name in ("zeta", "alpha"):
        assert ada.post(engine(path), json={"name": name, **values}).status_code == 201
    found = listed(ada, path)
    assert len(found) == 2 and (not KEYS[path] or [one[KEYS[path]] for one in found] == ["alpha", "zeta"])
    assert not [made for made in resource_data.planted if made in json.dumps(found)]
    if "change" not in page["operations"]:
        assert ada.delete(engine(path, "zeta")).status_code == 200 and len(listed(ada, path)) == 1
        return
    before = ada.get(engine(path, "zeta")).data
    answer = ada.put(f"{path}/zeta", json=found[1])
    assert answer.status_code == 200, answer.text
    after = ada.get(engine(path, "zeta")).data
    differing = {column for column in before if before[column] != after[column]} - {"revision", "updated_at"}
    assert differing <= ({"description"} if page["kind"] == "plugin" else set()), (before, after)
    changes = ada.get(engine(path, "zeta") + "/diff?from=1&to=2").data["changes"]
    assert not changes, "not even a secret"
    assert ada.delete(engine(path, "zeta")).status_code == 200 and len(listed(ada, path)) == 1


@pytest.mark.parametrize("path", WRITTEN)
def test_what_is_not_there(ada, path):
    row, page = NEEDS[path], PAGES[path]
    refused(ada.put(f"{path}/nobody", json=row["change"]), 404, "NOT_FOUND")
    refused(ada.delete(f"{path}/nobody"), 404, "NOT_FOUND")
    if "toggle" in page["operations"]:
        refused(ada.put(f"{path}/nobody/toggle"), 404, "NOT_FOUND")
    if "read" in page["operations"]:
        refused(ada.get(f"{path}/nobody"), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", WRITTEN)
def test_roles(team, path):
    """As of the engine's own routes: a viewer reads, the kind's role writes."""
    row, page, name = NEEDS[path], PAGES[path], quote(name_of(path))
    writers = [role for role in ("editor", "admin", "owner") if page["write"] == "editor" or role != "editor"]
    for role in ("viewer", "editor"):
        assert getattr(team, role).get(path).status_code == 200
        if role not in writers:
            for method, address, options in (("POST", path, {"json": row["new"]}), ("PUT", f"{path}/{name}", {"json": row["change"]}),
                                             ("DELETE", f"{path}/{name}", {}), ("PUT", f"{path}/{name}/toggle", {})):
                if address.endswith("toggle") and "toggle" not in page["operations"]:
                    continue
                refused(getattr(team, role).request(method, address, **options), 403, "AUTHORIZATION_ERROR")
    assert team.stranger.get(path).status_code == 404
    assert team.owner.anonymous().get(path).status_code == 401
    assert getattr(team, writers[0]).post(path, json=row["new"]).status_code == 200
    action = page["kind"] + ".create"
    assert [entry["action"] for entry in team.owner.get(f"/api/audit/workspace?action={action}").data["entries"]] == [action]


# ---- what is special about a page ----

def test_folders(ada):
    for path in ("/api/agents", "/api/slash-commands"):
        new = {**NEEDS[path]["new"], "folder": "team/git"}
        assert ada.post(path, json=new).status_code == 200
        assert ada.get(path).data["folders"] == ["team/git"]
        one = listed(ada, path)[0]
        assert (one["name"], one["folder"]) == ("one", "team/git")
        assert ada.put(f"{path}/one", json={**new, "folder": None, "name": "two"}).status_code == 200
        assert ada.get(engine(path, "team/git/two")).status_code == 200, "found by its last name; it stays where it is"
        assert ada.put(f"{path}/{quote('team/git/two')}", json={**new, "folder": "", "name": "two"}).status_code == 200
        assert ada.get(engine(path, "two")).status_code == 200 and ada.get(path).data["folders"] == []
        assert ada.delete(f"{path}/two").status_code == 200


def test_what_a_page_does_not_know_stays(ada):
    server = {"name": "far", "transport": "http", "url": "https://mcp.example.org/", "headers": {"Authorization": secret()}, "timeout_ms": 5000}
    assert ada.post("/api/resources/claude/mcp_server", json=server).status_code == 201
    shown = listed(ada, "/api/mcp")[0]
    assert (shown["command"], shown["args"], shown["type"], shown["url"]) == ("", [], "http", server["url"])
    sent = {name: shown[name] for name in ("name", "command", "args", "env", "disabled")}
    assert ada.put("/api/mcp/far", json=sent).status_code == 200
    assert ada.post("/api/resources/claude/mcp_server/far/reveal", json={}).data["secrets"]["headers"] == server["headers"]
    assert ada.put("/api/mcp/far", json={**sent, "command": "npx"}).status_code == 200
    assert ada.get("/api/resources/claude/mcp_server/far").data["transport"] == "stdio"


def test_a_secret_of_a_server(ada):
    made = secret()
    assert ada.post("/api/mcp", json={"name": "s", "command": "npx", "args": [], "env": {"KEY": made}}).status_code == 200
    shown = listed(ada, "/api/mcp")[0]
    assert shown["env"]["KEY"] == f"{made[:4]}...{made[-4:]}"
    assert ada.put("/api/mcp/s", json={**shown, "args": ["x"]}).status_code == 200
    assert ada.post("/api/resources/claude/mcp_server/s/reveal", json={}).data["secrets"]["env"] == {"KEY": made}
    assert wrong_fields(ada.post("/api/mcp", json={**shown, "name": "t"})) == ["env.KEY"]


def test_plugins_name_their_marketplace(ada):
    new = NEEDS["/api/plugins"]["new"]
    ids = lambda: [one["id"] for one in listed(ada, "/api/plugins")]  # noqa: E731
    assert wrong_fields(ada.post("/api/plugins", json={**new, "config": {"level": 2}})) == ["config"]
    assert ada.post("/api/plugins", json=new).status_code == 200
    assert ada.put("/api/plugins/one%40team", json={**new, "id": "one@other"}).status_code == 200
    assert ada.get("/api/resources/claude/plugin/one%40other").data["marketplace"] == "other"
    # without one: what Claude Code itself knows, then the only one of the workspace; of several none is meant
    assert ada.post("/api/plugins", json={**new, "id": "formatter"}).status_code == 200
    assert ids() == ["formatter@claude-plugins-official", "one@other"]
    assert ada.put("/api/plugins/formatter", json={**new, "id": "formatter", "version": "2"}).status_code == 200
    assert ada.get("/api/resources/claude/plugin/formatter%40claude-plugins-official").data["version"] == "2"
    assert ada.put("/api/plugins/formatter/toggle").status_code == 200 and ada.delete("/api/plugins/formatter").status_code == 200
    assert ada.post("/api/resources/claude/marketplace", json={"name": "team", "source": "github", "location": "a/b"}).status_code == 201
    assert ada.post("/api/plugins", json={**new, "id": "formatter"}).status_code == 200 and ids() == ["formatter@team", "one@other"]
    assert ada.post("/api/resources/claude/marketplace", json={"name": "more", "source": "github", "location": "a/c"}).status_code == 201
    assert wrong_fields(ada.post("/api/plugins", json={**new, "id": "linter"})) == ["id"]
    assert ada.post("/api/plugins", json={**new, "id": "formatter@more"}).status_code == 200
    refused(ada.delete("/api/plugins/formatter"), 409, "CONFLICT")
    assert wrong_fields(ada.post("/api/droid/plugins", json={"id": "linter", "data": {}})) == ["id"]
    assert ada.post("/api/droid/plugins", json={"id": "linter", "data": {"marketplace": "m"}}).status_code == 200
    assert ada.get("/api/resources/droid/plugin/linter%40m").data["marketplace"] == "m"


def test_what_two_may_be_is_not_changed(ada):
    """The pages show both under one name: nobody can say which of them was clicked."""
    for path in ("/api/agents", "/api/slash-commands"):
        new = NEEDS[path]["new"]
        for folder in ("", "git", "team/git"):
            name = f"{folder}/one".strip("/")
            values = resource_data.KINDS[PAGES[path]["kind"]]["values"]
            assert ada.post(engine(path), json={"name": name, **values}).status_code == 201
        for answer in (ada.delete(f"{path}/one"), ada.put(f"{path}/one", json={**new, "folder": None}), ada.put(f"{path}/one/toggle")):
            refused(answer, 409, "CONFLICT")
        assert len(listed(ada, path)) == 3
        assert ada.delete(f"{path}/team%2Fgit%2Fone").status_code == 200
    path = "/api/slash-commands"  # whose form says the folder
    assert ada.put(f"{path}/one", json={**NEEDS[path]["new"], "command": "x", "folder": "git"}).status_code == 200
    assert [ada.get(engine(path, name)).data["prompt"] == "x" for name in ("one", "git/one")] == [False, True]
    for args in (["a"], ["b"]):
        assert ada.post("/api/iflow/mcp", json={"command": "npx", "args": args, "env": {}}).status_code == 200
    refused(ada.delete("/api/iflow/mcp/npx"), 409, "CONFLICT")
    assert ada.delete("/api/resources/iflow/mcp_server/npx").status_code == 200
    assert ada.delete("/api/iflow/mcp/npx").status_code == 200 and listed(ada, "/api/iflow/mcp") == []


def test_a_server_without_a_name(ada):
    """The forms have no field for it: they send the program, or the address."""
    for platform in ("codex", "gemini", "qwen", "droid"):
        path = f"/api/{platform}/mcp"
        for body in ({"name": "npx", "command": "npx"}, {"name": "npx", "command": "npx"}, {"command": "/usr/bin/npx"},
                     {"name": "https://user@mcp.example.org:8443/x/y?z", "url": "https://user@mcp.example.org:8443/x/y?z"}, {"name": "own", "command": "npx"}):
            answer = ada.post(path, json={"args": [], "env": {}, **body})
            assert answer.status_code == 200, answer.text
        assert [one["name"] for one in listed(ada, path)] == ["mcp.example.org:8443", "npx", "npx-2", "npx-3", "own"]
        refused(ada.delete(f"{path}/{quote('/usr/bin/npx')}"), 404, "NOT_FOUND")
        assert ada.delete(f"{path}/npx").status_code == 200, "that of this name, though others run the same"
        assert [one["name"] for one in listed(ada, path)] == ["mcp.example.org:8443", "npx-2", "npx-3", "own"]
        assert wrong_fields(ada.post(path, json={"name": "x", "args": [], "env": {}})) == ["command"]


def test_servers_without_a_name_that_come_at_once(ada):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ada.post("/api/qwen/mcp", json={"command": "npx", "args": [], "env": {}}).status_code, range(8)))
    assert answers == [200] * 8
    assert {one["name"] for one in listed(ada, "/api/qwen/mcp")} == {"npx", *(f"npx-{number}" for number in range(2, 9))}


def test_an_agent_without_a_prompt(ada):
    for path, text in (("/api/agents", "system_prompt"), ("/api/droid/agents", "system_prompt"), ("/api/droid/droids", "systemPrompt")):
        for body in ({"name": "a", "model": "m"}, {"name": "b", "model": "m", text: ""}):
            answer = ada.post(path, json=body)
            assert answer.status_code == 200, answer.text
        assert [one[text] for one in listed(ada, path)] == ["", ""]
        assert ada.put(f"{path}/a", json={"name": "a", "model": "m", text: "Read."}).status_code == 200
        assert ada.put(f"{path}/a", json={"name": "a", "model": "m"}).status_code == 200
        assert listed(ada, path)[0][text] == ("" if path != "/api/droid/droids" else "Read.")
        assert [ada.delete(f"{path}/{name}").status_code for name in ("a", "b")] == [200, 200]
    for platform, status in (("claude", 201), ("iflow", 201), ("droid", 201), ("codex", 400), ("gemini", 400), ("qwen", 400)):
        assert ada.post(f"/api/resources/{platform}/agent", json={"name": "c", "description": "x"}).status_code == status, platform


def test_tools_of_a_droid(ada):
    new = NEEDS["/api/droid/droids"]["new"]
    for tools, shown in (("read-only", ["read-only"]), ("", None), (["Read"], ["Read"])):
        assert ada.post("/api/droid/droids", json={**new, "tools": tools, "description": ""}).status_code == 200
        one = listed(ada, "/api/droid/droids")[0]
        assert (one["tools"], one["description"]) == (shown, "one")
        assert ada.put("/api/droid/droids/one", json={**one, "description": ""}).status_code == 200
        assert ada.delete("/api/droid/droids/one").status_code == 200
    assert wrong_fields(ada.post("/api/droid/droids", json={**new, "tools": {"a": 1}})) == ["tools"]


def test_hooks_by_their_other_names(ada):
    answer = ada.post("/api/hooks", json={"name": "one", "event": "Stop", "command": "x.sh"})
    assert answer.status_code == 200, answer.text
    assert ada.patch("/api/hooks/one", json={"event": "SessionEnd"}).status_code == 200
    holds(ada, "/api/hooks", "one", {"event": "SessionEnd", "command": "x.sh"})
    said("/api/hooks", ada.patch("/api/hooks/one/toggle"), "Hook toggled to disabled")
    assert wrong_fields(ada.post("/api/hooks", json={"name": "two", "command": "x.sh"})) == ["hook_type"]
    assert wrong_fields(ada.patch("/api/hooks/one", json={"args": ["x"]})) == ["command"]
    http = {"name": "far", "event": "Stop", "type": "http", "url": "https://hooks.example.org/"}
    assert ada.post("/api/resources/claude/hook", json=http).status_code == 201
    shown = next(one for one in listed(ada, "/api/hooks") if one["name"] == "far")
    assert ada.put("/api/hooks/far", json={**shown, "enabled": False}).status_code == 200
    holds(ada, "/api/hooks", "far", {"type": "http", "url": http["url"], "command": None, "enabled": False})


def test_wrong_fields_are_those_of_the_form(ada):
    model = {"model": "m", "baseUrl": "https://x.example", "apiKey": "sk-a...wxyz", "provider": "openai"}
    assert wrong_fields(ada.post("/api/droid/models", json=model)) == ["apiKey"]
    assert ada.post("/api/droid/models", json={**model, "apiKey": TOKEN}).status_code == 200
    refused(ada.post("/api/droid/models", json={**model, "apiKey": TOKEN, "displayName": "Other"}), 409, "CONFLICT")
    assert wrong_fields(ada.put("/api/droid/models/m", json={**model, "apiKey": "sk-b...wxyz"})) == ["apiKey"]
    assert wrong_fields(ada.post("/api/output-styles", json={"name": "a", "content": " "})) == ["content"]


@pytest.mark.parametrize("path", [path for path in WRITTEN if KEYS[path] and PAGES[path]["kind"] not in ("skill", "custom_model")])
def test_any_name(ada, path):
    """With what means something in an address, and in other scripts. A skill's is its folder's; a model is known by its id."""
    row, page, key = NEEDS[path], PAGES[path], KEYS[path]
    for name in ("50% ü数 ?#&+", "a%2Fb", "per cent %41"):
        name += "@team" if page["kind"] == "plugin" else ""
        answer = ada.post(path, json={**row["new"], key: name})
        assert answer.status_code == 200, answer.text
        assert [one[key] for one in listed(ada, path)] == [name]
        answer = ada.put(f"{path}/{quote(name)}", json={**row["change"], **({key: name} if key in row["change"] else {})})
        assert answer.status_code == 200, answer.text
        made_of_the_name = ("description", "marketplace") if page["kind"] in ("agent", "plugin") else ()
        holds(ada, path, name, {column: value for column, value in row["changed"].items() if column not in made_of_the_name})
        if "toggle" in page["operations"]:
            assert ada.put(f"{path}/{quote(name)}/toggle").status_code == 200
        assert ada.delete(f"{path}/{quote(name)}").status_code == 200 and listed(ada, path) == []


@pytest.mark.parametrize("path", WRITTEN)
def test_what_somebody_else_changed(ada, path):
    row, page, name = NEEDS[path], PAGES[path], name_of(path)
    key, changed_key = quote(row.get("key", name)), quote(row.get("changed_key", name))
    assert ada.post(path, json=row["new"]).status_code == 200
    seen = {"If-Match": ada.get(engine(path, name)).headers["ETag"]}
    assert ada.put(f"{path}/{key}", json=row["change"]).status_code == 200
    writes = [ada.put(f"{path}/{changed_key}", json=row["change"], headers=seen), ada.delete(f"{path}/{changed_key}", headers=seen)]
    if "toggle" in page["operations"]:
        writes.append(ada.put(f"{path}/{changed_key}/toggle", headers=seen))
    for answer in writes:
        refused(answer, 412, "PRECONDITION_FAILED")
    holds(ada, path, name, row["changed"])


def test_a_long_list_comes_whole(ada):
    made = [{"kind": "slash_command", "platform": "claude", "name": f"f{number % 3}/c{number:04}", "prompt": "x"} for number in range(450)]
    assert ada.post("/api/resources/apply", json={"resources": made}).status_code == 200
    answer = ada.get("/api/slash-commands").data
    assert [f"{one['folder']}/{one['name']}" for one in answer["commands"]] == sorted(one["name"] for one in made)
    assert answer["folders"] == ["f0", "f1", "f2"]


def test_a_list_that_is_too_long_for_an_answer_says_so(ada):
    """32 MB are the most."""
    made = [{"kind": "slash_command", "platform": "claude", "name": f"c{number}", "prompt": "x" * 256 * 1024} for number in range(133)]
    for start in range(0, len(made), 7):
        assert ada.post("/api/resources/apply", json={"resources": made[start:start + 7]}).status_code == 200
    refused(ada.get("/api/slash-commands"), 400, "VALIDATION_ERROR")
    assert ada.delete("/api/slash-commands/c0").status_code == 200

def test_a_skill_is_told_of_by_its_front_matter(ada):
    text = "---\ndescription: Counts lines\nlicense: MIT\nmetadata:\n  version: '2'\n  author: Ada Lovelace\n  tags: [count, 数]\n---\n\nwc -l\n"
    assert ada.post("/api/skills", json={"name": "count", "instruction": text}).status_code == 200
    one = ada.get("/api/skills/count").data
    assert (one["description"], one["instruction"], one["path"]) == ("Counts lines", "wc -l", ".claude/skills/count/SKILL.md")
    assert one["metadata"]["author"] == "Ada Lovelace"
    assert (one["metadata"]["version"], one["metadata"]["license"], one["metadata"]["tags"]) == ("2", "MIT", ["count", "数"]) and one["repository"] is None
    assert wrong_fields(ada.post("/api/skills", json={"name": "bad", "instruction": "---\na: [\n---\nx\n"})) == ["instruction"]


def test_the_status_line(ada, team):
    assert ada.get("/api/statusline").data == {"enabled": False}
    assert ada.put("/api/statusline", json={"enabled": False}).status_code == 200
    assert ada.get("/api/resources/claude/statusline").data["total"] == 0, "none was wanted"
    assert wrong_fields(ada.put("/api/statusline", json={"enabled": True})) == ["command"]
    made = ada.put("/api/statusline", json={"command": "date", "enabled": True})
    assert (made.status_code, made.data) == (200, "Statusline configuration updated successfully"), made.text
    assert ada.get("/api/statusline").data == {"command": "date", "enabled": True}
    assert ada.put("/api/statusline", json={**ada.get("/api/statusline").data, "enabled": False}).status_code == 200
    assert ada.get("/api/statusline").data == {"command": "date", "enabled": False}
    refused(team.editor.put("/api/statusline", json={"command": "date", "enabled": True}), 403, "AUTHORIZATION_ERROR")
    assert team.viewer.get("/api/statusline").data == {"enabled": False}


def test_presets(ada):
    presets = {preset["id"]: preset for preset in ada.get("/api/mcp/presets").data}
    assert set(presets) >= {"fetch", "context7", "sequential-thinking", "exa", "serena"}
    for preset in presets.values():
        assert isinstance(preset["args"], list) and isinstance(preset["tags"], list) and preset["name"] and preset["description"]
        assert preset["requires_api_key"] is (preset["api_key_env"] is not None)
    assert ada.get("/api/mcp/presets/exa").data == presets["exa"]
    refused(ada.get("/api/mcp/presets/nobody"), 404, "NOT_FOUND")
    refused(ada.get("/api/mcp/presets/code-reviewer"), 404, "NOT_FOUND")
    key = secret()
    done = ada.post("/api/mcp/presets/exa/install", json={"preset_id": "exa", "platforms": ["Claude", "factory"], "env": {"EXA_API_KEY": key, "MORE": "${MORE}"}})
    assert done.status_code == 200, done.text
    assert done.data["results"] == [{"platform": name, "success": True, "message": None} for name in ("claude", "droid")]
    assert listed(ada, "/api/mcp")[0]["name"] == "exa"
    assert ada.get("/api/resources/droid/mcp_server/exa").data["platforms"] == {"claude": True, "droid": True}
    revealed = ada.post("/api/resources/claude/mcp_server/exa/reveal", json={}).data["secrets"]["env"]
    assert revealed == {"EXA_API_KEY": key, "MORE": "${MORE}"}
    refused(ada.post("/api/mcp/presets/exa/install", json={"platforms": ["claude"], "env": {"EXA_API_KEY": key}}), 409, "CONFLICT")
    assert ada.post("/api/mcp/presets/fetch/install", json={"platforms": [], "env": {}}).status_code == 200
    assert [one["name"] for one in listed(ada, "/api/mcp")] == ["exa", "fetch"]


def test_a_preset_where_some_have_one_of_its_name(ada):
    assert ada.post("/api/resources/codex/mcp_server", json={"name": "fetch", "transport": "stdio", "command": "own"}).status_code == 201
    done = ada.post("/api/mcp/presets/fetch/install", json={"platforms": ["claude", "codex"], "env": {}})
    assert done.status_code == 200, done.text
    assert [(result["platform"], result["success"], bool(result["message"])) for result in done.data["results"]] == [("claude", True, False), ("codex", False, True)]
    assert ada.get("/api/resources/codex/mcp_server/fetch").data["command"] == "own"
    once = ada.post("/api/mcp/presets/install", json={"preset_id": "fetch", "platforms": ["qwen", "gemini"]})
    assert once.data == {"message": "Preset 'fetch' installed", "platform": "qwen"}, once.text
    assert listed(ada, "/api/gemini/mcp") == []
    assert wrong_fields(ada.post("/api/mcp/presets/install", json={"platforms": []})) == ["preset_id"]
    refused(ada.post("/api/mcp/presets/install", json={"preset_id": "nobody"}), 404, "NOT_FOUND")


def test_prompts_that_come_with_the_program(ada):
    prompts = ada.get("/api/prompts/builtin").data
    assert len(prompts) >= 6
    for prompt in prompts:
        assert prompt["category"] in prompt["tags"] and prompt["content"] and prompt["name"] and prompt["description"]
        assert ada.get(f"/api/prompts/builtin/{prompt['id']}").data == prompt
        assert prompt in ada.get(f"/api/prompts/builtin/category/{quote(prompt['category'])}").data
    for path in ("nobody", "category/nobody", "fetch"):
        refused(ada.get(f"/api/prompts/builtin/{path}"), 404, "NOT_FOUND")


def test_what_this_server_does_not_have_is_refused(ada):
    assert ada.get("/api/skills/repositories").data == []
    body = {"name": "one", "url": "https://github.com/a/b"}
    refused(ada.post("/api/skills/repositories", json=body), 400, "VALIDATION_ERROR")
    for answer in (ada.delete("/api/skills/repositories/one"), ada.get("/api/skills/repositories/one/scan")):
        refused(answer, 404, "NOT_FOUND")


def test_synchronizing_where_some_have_one_of_the_name(ada):
    for name in ("one", "two"):
        assert ada.post("/api/mcp", json={"name": name, "command": "npx", "args": [], "env": {}}).status_code == 200
    assert ada.post("/api/resources/codex/mcp_server", json={"name": "one", "transport": "stdio", "command": "own"}).status_code == 201
    done = ada.post("/api/mcp/sync/all", json={"platforms": ["codex", "qwen"]})
    assert done.status_code == 200, done.text
    told = {name: [(each["platform"], each["success"]) for each in results] for name, results in done.data["servers"].items()}
    assert told == {"one": [("codex", False), ("qwen", True)], "two": [("codex", True), ("qwen", True)]}
    assert ada.get("/api/resources/codex/mcp_server/one").data["command"] == "own"
    assert ada.put("/api/resources/claude/mcp_server/two/platforms", json={"platforms": {"claude": True, "codex": False, "qwen": True}}).status_code == 200
    assert ada.post("/api/mcp/sync/two", json={"platforms": ["codex"]}).status_code == 200
    assert ada.get("/api/resources/claude/mcp_server/two").data["platforms"] == {"claude": True, "codex": False, "qwen": True}, "it stays switched off"


def test_synchronizing(ada):
    assert ada.get("/api/mcp/sync/source").data == []
    assert ada.post("/api/mcp/sync/all", json={"platforms": ["codex"]}).data == {"message": "Synced 0 MCP servers", "servers": {}}
    for name in ("one", "two"):
        assert ada.post("/api/mcp", json={"name": name, "command": "npx", "args": ["-y"], "env": {}}).status_code == 200
    far = {"name": "far", "transport": "http", "url": "https://mcp.example.org/"}
    assert ada.post("/api/resources/claude/mcp_server", json=far).status_code == 201
    assert ada.get("/api/mcp/sync/source").data == [{"name": name, "command": "npx", "args": ["-y"], "env": {}} for name in ("one", "two")]
    done = ada.post("/api/mcp/sync/one", json={"platforms": ["claude", "codex", "gemini"]})
    assert done.status_code == 200, done.text
    assert [result["platform"] for result in done.data["results"]] == ["codex", "gemini"]
    again = ada.post("/api/mcp/sync/all", json={"platforms": ["gemini", "qwen"]})
    assert again.status_code == 200 and set(again.data["servers"]) == {"one", "two"}, again.text
    shared = {name: ada.get(f"/api/resources/claude/mcp_server/{name}").data["platforms"] for name in ("one", "two")}
    assert shared == {"one": dict.fromkeys(("claude", "codex", "gemini", "qwen"), True), "two": dict.fromkeys(("claude", "gemini", "qwen"), True)}
    refused(ada.post("/api/mcp/sync/nobody", json={"platforms": ["codex"]}), 404, "NOT_FOUND")
    assert ada.post("/api/mcp/sync/one", json={"platforms": ["emacs"]}).status_code == 400


def test_what_can_be_done_where(ada):
    told = ada.get("/api/platforms/capabilities").data["platforms"]
    assert set(told) == {"claude-code", "codex", "gemini-cli", "qwen", "iflow", "droid"}
    for flags in told.values():
        assert set(flags) == {"config", "mcp", "profiles", "auth", "usage", "agents", "slash_commands", "skills", "plugins", "commands"}
        assert all(isinstance(flag, bool) for flag in flags.values())
    assert [platform for platform, flags in told.items() if flags["auth"]] == ["codex"]
    assert all(told["claude-code"][name] for name in ("config", "mcp", "agents", "slash_commands", "skills", "plugins", "commands"))


def test_a_command_as_events(ada):
    def events(**body):
        answer = ada.post("/api/command/execute/stream", json=body)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/event-stream"), answer.text
        return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]

    create(ada, "relay")
    *lines, last = events(command="list", args=[])
    assert last["type"] == "completion" and last["exit_code"] == 0 and isinstance(last["duration_ms"], int)
    assert "relay" in "".join(line["data"] for line in lines) and {line["type"] for line in lines} == {"stdout"}
    *lines, last = events(command="switch", args=["nobody"])
    assert last["exit_code"] == 1 and [line["type"] for line in lines] == ["stderr"]
    assert [event["type"] for event in events(command="rm", args=["-rf"])] == ["error"]


def test_the_converter(ada):
    def convert(source, target, data, status=200, **more):
        answer = ada.post("/api/converter/convert", json={"source_format": source, "target_format": target, "config_data": data,
                                                          "convert_mcp": True, "convert_commands": True, "convert_agents": True, **more})
        assert answer.status_code == status, answer.text
        return answer.data if status == 200 else wrong_fields(answer)

    servers = {"mcpServers": {"one": {"command": "npx", "args": ["-y", "x"], "env": {"KEY": "value"}}, "far": {"type": "sse", "url": "https://x.example/sse"}},
               "numStartups": 3}
    made = convert("claude-code", "codex", json.dumps(servers))
    assert (made["success"], made["format"]) == (True, "toml")
    assert made["stats"] == {"mcp_servers": 1, "slash_commands": 0, "agents": 0, "profiles": 0, "base_config": False}
    assert sorted(warning.split(":")[0] for warning in made["warnings"]) == ["mcpServers.far", "numStartups"], made["warnings"]
    assert tomllib.loads(made["converted_data"]) == {"mcp_servers": {"one": {"command": "npx", "args": ["-y", "x"], "env": {"KEY": "value"}}}}
    back = convert("codex", "claude-code", made["converted_data"])
    assert back["format"] == "json" and back["stats"]["mcp_servers"] == 1
    one = json.loads(back["converted_data"])["mcpServers"]["one"]
    assert {name: one[name] for name in ("command", "args", "env")} == servers["mcpServers"]["one"]
    for target in ("gemini", "qwen", "iflow"):
        assert convert("claude-code", target, json.dumps(servers))["stats"]["mcp_servers"] == 2
    none = convert("claude-code", "gemini", json.dumps(servers), convert_mcp=False)
    assert none["stats"]["mcp_servers"] == 0 and none["converted_data"] == "{}\n"
    assert convert("claude-code", "codex", "{", 400) == ["config_data"]
    assert convert("claude-code", "emacs", "{}", 400) == ["target_format"]
    assert ada.get("/api/mcp").data["servers"] == []


def test_choosing_a_profile_of_codex(team):
    path = "/api/codex/profiles"
    assert team.viewer.get(path).data == {"profiles": [], "current_profile": None}
    assert team.editor.post(path, json=NEEDS[path]["new"]).status_code == 200
    said(path, team.viewer.post(f"{path}/one/apply"), "Profile 'one' in use")
    assert [client.get(path).data["current_profile"] for client in (team.viewer, team.editor)] == ["one", None]
    assert team.viewer.get(path).data["profiles"][0]["usage_count"] == 1
    refused(team.viewer.post(f"{path}/nobody/apply"), 404, "NOT_FOUND")
    assert team.viewer.get("/api/configs?platform=codex").json()["current_config"] == "one"


def test_forms_with_blank_fields(ada):
    """As the pages send them: a field that nobody filled in is an empty text, or left out."""
    blank = dict.fromkeys(("description", "small_fast_model", "provider", "provider_type", "account"), "")
    for path, body in (("/api/codex/profiles", {**blank, "name": "one", "base_url": "", "auth_token": TOKEN, "model": "gpt", "tags": [], "enabled": True}),
                       ("/api/droid/profiles", {**dict.fromkeys(("description", "provider", "provider_type", "display_name"), ""), "name": "one",
                                                "base_url": "https://x.example", "api_key": TOKEN, "model": "glm", "max_output_tokens": "", "enabled": False}),
                       ("/api/droid/models", {"model": "m", "displayName": "", "baseUrl": "https://x.example", "apiKey": TOKEN, "provider": "anthropic",
                                              "maxOutputTokens": ""}),
                       ("/api/agents", {"name": "one", "model": "m", "system_prompt": "", "disabled": False}),
                       ("/api/slash-commands", {"name": "one", "command": "x", "description": "", "folder": "", "args": None})):
        answer = ada.post(path, json=body)
        assert answer.status_code == 200, (path, answer.text)
        answer = ada.put(f"{path}/{body.get('name', 'm')}", json=body)
        assert answer.status_code == 200, (path, answer.text)
    assert token_of(ada, "one", "codex") == TOKEN and token_of(ada, "one", "droid") == TOKEN


def test_a_model_is_known_by_its_id(ada):
    path = "/api/droid/models"
    assert ada.post(path, json=NEEDS[path]["new"]).status_code == 200
    assert ada.put(f"{path}/openai/gpt-x", json={**NEEDS[path]["change"], "displayName": "Ours"}).status_code == 200, "as the page sends it"
    assert ada.post("/api/resources/droid/custom_model/Ours/reveal", json={}).data["secrets"]["api_key"] == TOKEN
    assert ada.delete(f"{path}/openai/gpt-x").status_code == 200
    refused(ada.delete(f"{path}/openai/gpt-x"), 404, "NOT_FOUND")


def test_data_of_a_plugin_of_droid(ada):
    answer = ada.post("/api/droid/plugins", json={"id": "one@team", "data": {"version": "1", "level": "3"}})
    assert wrong_fields(answer) == ["data.level"]


def test_choosing_a_profile_of_droid(ada):
    path = "/api/droid/profiles"
    for name in ("one", "two"):
        assert ada.post(path, json={**NEEDS[path]["new"], "name": name}).status_code == 200
    shown = listed(ada, path)
    assert shown[0]["max_output_tokens"] == 4000 and isinstance(shown[0]["display_name"], str)
    said(path, ada.post(f"{path}/two/switch"), "Profile 'two' in use")
    assert [one["enabled"] for one in listed(ada, path)] == [False, True], "the page takes it for the one in use"
    refused(ada.post(f"{path}/nobody/switch"), 404, "NOT_FOUND")
    assert ada.put(f"{path}/one", json=shown[0]).status_code == 200
    assert ada.get("/api/resources/droid/profile/one/diff?from=1&to=2").data["changes"] == []
