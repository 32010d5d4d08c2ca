"""CCR UI v4.0.0: favourite commands and history, WebDAV, skill hub and marketplace, as their pages send and read them."""

import uuid

import pytest

from configs import acting_in, ada, create, everything, new_workspace, quote, refused, secret, switch, system, team, users, wrong_fields  # noqa: F401

FAVORITES, HISTORY = "/api/ui-state/favorites", "/api/ui-state/history"
FAVORITE = {"command": "switch", "args": ["relay"], "display_name": "To the relay", "module": "config"}
RUN = {"command": "platform list", "args": [], "success": True, "duration_ms": 12}
AGENTS = {"claude-code": "claude", "codex": "codex", "gemini-cli": "gemini", "qwen": "qwen", "iflow": "iflow", "droid": "droid",
          "antigravity": None, "opencode": None}
TRENDING = "/api/skill_hub/marketplace/trending?limit=50&page=1"


def ok(answer):
    """What the pages check first: a status below 400, success, and then data."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["success"] is True and body["message"] is None
    return body["data"]


# ---- favourites and history ----

def test_favourites(ada):
    assert ok(ada.get(FAVORITES)) == {"favorites": []}
    first = ok(ada.post(FAVORITES, json=FAVORITE))
    assert {name: first[name] for name in FAVORITE} == FAVORITE and uuid.UUID(first["id"]) and first["created_at"].endswith("Z")
    assert ok(ada.post(FAVORITES, json={**FAVORITE, "display_name": "again"})) == first, "the same command line is the same favourite"
    second = ok(ada.post(FAVORITES, json={"command": "stats cost --today", "module": "stats"}))
    assert (second["args"], second["display_name"]) == ([], None)
    assert ok(ada.get(FAVORITES)) == {"favorites": [second, first]}
    assert ok(ada.delete(f"{FAVORITES}/{first['id']}")) is True
    for gone in (first["id"], "nonsense", str(uuid.uuid4())):
        refused(ada.delete(f"{FAVORITES}/{gone}"), 404, "NOT_FOUND")
    assert ada.delete(f"{FAVORITES}/{first['id']}", headers={"Accept-Language": "zh-CN"}).json()["message"] == "收藏命令不存在"
    assert ok(ada.get(FAVORITES)) == {"favorites": [second]}


def test_history(ada):
    assert ok(ada.get(HISTORY + "?limit=50")) == {"history": [], "total": 0}
    create(ada, "relay-1")
    first = ok(ada.post(HISTORY, json=RUN))
    assert {name: first[name] for name in RUN} == RUN and first["full_command"] == "ccr platform list" and first["executed_at"].endswith("Z")
    second = ok(ada.post(HISTORY, json={"command": "switch", "args": ["relay-1", "--force"], "success": False, "duration_ms": 0}))
    assert (second["full_command"], second["success"]) == ("ccr switch relay-1 --force", False)
    assert ok(ada.get(HISTORY)) == {"history": [second, first], "total": 2}
    assert ok(ada.get(HISTORY + "?limit=1")) == {"history": [second], "total": 2}
    assert ok(ada.delete(HISTORY)) is True
    assert ok(ada.get(HISTORY)) == {"history": [], "total": 0}


def test_every_command_of_the_page_can_be_kept(ada):
    for command in ("init", "current", "validate", "optimize", "platform switch", "platform init", "migrate --check", "migrate --platform",
                    "temp-token set", "temp-token clear", "skills scan", "skills install", "prompts apply", "stats cost --by-model",
                    "update --check", "check conflicts"):
        assert ok(ada.post(HISTORY, json={**RUN, "command": command}))["command"] == command


def test_what_may_be_a_secret_is_not_kept(system, ada):
    """The rule of /api/commands/history, for both."""
    create(ada, "relay-1")
    tokens = [secret() for _ in range(6)]
    for command, args, kept in (
            ("temp-token set", [tokens[0]], []), ("switch", [tokens[1]], ["***"]), ("list", [tokens[2], "--force", "12"], ["***", "--force", "12"]),
            ("platform info", [tokens[3]], ["***"]), ("switch", ["relay-1", tokens[4]], ["***", "***"]), ("switch", ["relay-1"], ["relay-1"]),
            ("switch", ["nobody"], ["nobody"])):
        assert ok(ada.post(HISTORY, json={**RUN, "command": command, "args": args}))["args"] == kept
        assert ok(ada.post(FAVORITES, json={**FAVORITE, "command": command, "args": args}))["args"] == kept
    for path, body in ((HISTORY, RUN), (FAVORITES, FAVORITE)):
        assert wrong_fields(ada.post(path, json={**body, "command": f"temp-token set {tokens[5]}"})) == ["command"]
    shown = ada.get(HISTORY).text + ada.get(FAVORITES).text
    with everything(system) as db:
        shown += "".join(row[0] for table in ("ui_history", "ui_favorites") for row in db.execute(f"SELECT to_json(t)::text FROM {table} t").fetchall())
    assert not [token for token in tokens if token in shown]


def test_they_are_ones_own_in_a_workspace(team):
    favorite = ok(team.editor.post(FAVORITES, json=FAVORITE))
    ok(team.editor.post(HISTORY, json=RUN))
    for client in (team.owner, acting_in(team.editor, new_workspace(team.editor))):
        assert ok(client.get(FAVORITES)) == {"favorites": []} and ok(client.get(HISTORY)) == {"history": [], "total": 0}
        refused(client.delete(f"{FAVORITES}/{favorite['id']}"), 404, "NOT_FOUND")
        assert ok(client.delete(HISTORY)) is True
    assert ok(team.editor.get(FAVORITES)) == {"favorites": [favorite]} and ok(team.editor.get(HISTORY))["total"] == 1
    assert ok(team.viewer.post(FAVORITES, json=FAVORITE))["id"] != favorite["id"], "whoever sees the workspace has some"
    refused(team.stranger.get(FAVORITES), 404, "NOT_FOUND")


def test_both_are_bounded(system, ada):
    favorite = ok(ada.post(FAVORITES, json=FAVORITE))
    ok(ada.post(HISTORY, json=RUN))
    with everything(system) as db:
        found = (db.execute("SELECT w.id FROM workspaces w WHERE slug = %s", [ada.workspace]).fetchone()[0], ada.user["id"])
        db.execute("INSERT INTO ui_favorites (workspace_id, user_id, command, args, module) SELECT %s, %s, 'list', '[' || n || ']', 'x'"
                   " FROM generate_series(1, 199) n", found)
        db.execute("INSERT INTO ui_history (workspace_id, user_id, command, args, success, duration_ms, created_at)"
                   " SELECT %s, %s, 'list', '[]', true, n, now() - make_interval(secs => n) FROM generate_series(1, 700) n", found)
    refused(ada.post(FAVORITES, json={**FAVORITE, "command": "current"}), 409, "CONFLICT")
    assert ok(ada.post(FAVORITES, json=FAVORITE)) == favorite
    assert ok(ada.post(HISTORY, json={**RUN, "command": "current"}))["command"] == "current"
    kept = ok(ada.get(HISTORY + "?limit=500"))
    assert (kept["total"], len(kept["history"])) == (500, 500) and kept["history"][0]["command"] == "current"
    assert len(ok(ada.get(HISTORY))["history"]) == 50


@pytest.mark.parametrize("path, body, fields", [
    (FAVORITES, {}, ["command", "module"]), (FAVORITES, {**FAVORITE, "command": "rm -rf"}, ["command"]), (FAVORITES, {**FAVORITE, "args": "x"}, ["args"]),
    (FAVORITES, {**FAVORITE, "args": ["x"] * 17}, ["args"]), (FAVORITES, {**FAVORITE, "display_name": "x" * 101}, ["display_name"]),
    (HISTORY, {}, ["command", "success", "duration_ms"]), (HISTORY, {**RUN, "command": "  "}, ["command"]), (HISTORY, {**RUN, "success": "yes"}, ["success"]),
    (HISTORY, {**RUN, "duration_ms": -1}, ["duration_ms"]), (HISTORY, {**RUN, "duration_ms": 2**31}, ["duration_ms"]),
    ("/api/skill_hub/install", {}, ["package", "agents"]), ("/api/skill_hub/remove", {"agents": "codex"}, ["skill", "agents"]),
    ("/api/marketplace/install", {}, ["item_id"]), ("/api/marketplace/install", {"item_id": "mcp-fetch", "category": "x"}, ["category"]),
    ("/api/marketplace/install", {"item_id": "skill-x"}, ["item_id"]),
], ids=str)
def test_what_is_wrong_is_named(ada, path, body, fields):
    assert wrong_fields(ada.post(path, json=body)) == fields


@pytest.mark.parametrize("query", ["0", "501", "x", "-1"])
def test_a_limit_that_is_none(ada, query):
    assert wrong_fields(ada.get(f"{HISTORY}?limit={query}")) == ["limit"]


# ---- WebDAV ----

def test_nothing_is_synchronized(ada):
    status = ok(ada.get("/api/sync/status"))
    assert (status["success"], status["configured"], status["config"]) == (True, False, None)
    folders = ok(ada.get("/api/sync/folders"))
    assert folders["success"] is True and isinstance(folders["output"], str) and folders["error"] == "" and folders["duration_ms"] == 0
    assert status["output"].startswith("同步功能未配置")
    answer = ada.post("/api/sync/folders", json={"name": "x", "local_path": "~/x"})
    assert answer.status_code == 200
    assert answer.json() == {"success": False, "data": None, "message": "Synchronization is not configured: what is kept here is kept by the server"}


# ---- the skill hub ----

def add_skill(client, name, platform="claude", **values):
    made = client.post(f"/api/resources/{platform}/skill", json={"name": name, "description": f"About {name}", "text": "x", **values})
    assert made.status_code == 201, made.text


def counts(client):
    found = {agent["id"]: agent for agent in ok(client.get("/api/skill_hub/agents"))}
    assert {name: agent["detected"] for name, agent in found.items()} == {name: platform is not None for name, platform in AGENTS.items()}
    assert all(isinstance(agent["display_name"], str) and isinstance(agent["global_skills_dir"], str) for agent in found.values())
    return {name: agent["installed_count"] for name, agent in found.items() if agent["installed_count"]}


def skills_of(client, agent):
    return ok(client.get(f"/api/skill_hub/agents/{agent}/skills"))


def test_an_empty_hub(ada):
    assert counts(ada) == {}
    for agent in AGENTS:
        assert skills_of(ada, agent) == []
    refused(ada.get("/api/skill_hub/agents/emacs/skills"), 404, "NOT_FOUND")
    for path in (TRENDING, "/api/skill_hub/marketplace/search?q=x&limit=50&page=1"):
        assert ok(ada.get(path)) == {"items": [], "total": 0, "cached": False}


def test_skills_are_given_and_taken_away(ada):
    add_skill(ada, "review")
    add_skill(ada, "a b-ü#1%", "codex")
    package = f"{ada.workspace}/claude@review"
    found = ok(ada.get(TRENDING))
    assert found["total"] == 2 and {item["package"] for item in found["items"]} == {package, f"{ada.workspace}/codex@a b-ü#1%"}
    item = next(item for item in found["items"] if item["skill"] == "review")
    assert (item["owner"], item["repo"], item["skills_sh_url"]) == (ada.workspace, "claude", "/console/resources/claude/skill/item/review")
    assert {item["skills_sh_url"] for item in found["items"]} > {f"/console/resources/codex/skill/item/{quote('a b-ü#1%')}"}

    def install(*agents, package=package, **more):
        return ok(ada.post("/api/skill_hub/install", json={"package": package, "agents": list(agents), **more}))["results"]

    done = install("codex", "droid", "opencode", "emacs", force=False)
    assert [(result["agent"], result["ok"]) for result in done] == [("codex", True), ("droid", True), ("opencode", False), ("emacs", False)]
    assert all(result["message"] for result in done[2:]) and not any("message" in result for result in done[:2])
    assert ada.get("/api/resources/claude/skill/review").data["platforms"] == {"claude": True, "codex": True, "droid": True}
    assert install("codex") == [{"agent": "codex", "ok": True}], "which has it already"
    assert counts(ada) == {"claude-code": 1, "codex": 2, "droid": 1}
    assert skills_of(ada, "droid") == [{"name": "review", "description": "About review", "skill_dir": "~/.factory/skills/review"}]
    assert ok(ada.get(TRENDING))["total"] == 2, "what several share is one"
    assert ok(ada.get("/api/skill_hub/marketplace/search?q=ABOUT%20rev"))["total"] == 1
    assert ok(ada.get(TRENDING.replace("page=1", "page=9"))) == {"items": [], "total": 2, "cached": False}

    def remove(*agents, skill="review"):
        return ok(ada.post("/api/skill_hub/remove", json={"skill": skill, "agents": list(agents)}))["results"]

    assert [result["ok"] for result in remove("claude-code", "qwen", "antigravity")] == [True, False, False]
    assert ada.get("/api/resources/codex/skill/review").data["platforms"] == {"codex": True, "droid": True}
    assert [result["ok"] for result in remove("codex", "droid")] == [True, True]
    assert counts(ada) == {"codex": 1}
    assert [result["ok"] for result in install("codex")] == [False], "it is gone"


def test_another_skill_of_the_name_goes_only_when_forced(ada):
    add_skill(ada, "review")
    add_skill(ada, "review", "codex", description="Another")
    body = {"package": f"{ada.workspace}/claude@review", "agents": ["codex", "qwen"]}
    done = ok(ada.post("/api/skill_hub/install", json=body))["results"]
    assert [result["ok"] for result in done] == [False, True] and "already exists" in done[0]["message"]
    assert skills_of(ada, "codex")[0]["description"] == "Another"
    assert [result["ok"] for result in ok(ada.post("/api/skill_hub/install", json={**body, "force": True}))["results"]] == [True, True]
    assert skills_of(ada, "codex")[0]["description"] == "About review"
    assert ada.get("/api/resources/codex/skill/review").data["platforms"] == dict.fromkeys(("claude", "codex", "qwen"), True)


def test_nothing_is_fetched_from_elsewhere(ada, team):
    add_skill(team.editor, "theirs")
    for package in ("owner/repo@skill", f"{team.slug}/claude@theirs", f"{ada.workspace}/claude", f"{ada.workspace}/emacs@x", f"{ada.workspace}/@"):
        done = ok(ada.post("/api/skill_hub/install", json={"package": package, "agents": ["codex"]}))["results"]
        assert done[0]["ok"] is False and package in done[0]["message"]
    assert counts(ada) == {} and ok(ada.get(TRENDING))["total"] == 0
    for path, body in (("install", {"package": f"{team.slug}/claude@theirs", "agents": ["codex"]}), ("remove", {"skill": "theirs", "agents": ["claude-code"]})):
        refused(team.viewer.post(f"/api/skill_hub/{path}", json=body), 403, "AUTHORIZATION_ERROR")
    assert counts(team.viewer) == {"claude-code": 1}


# ---- the marketplace ----

def market(client, rest=""):
    found = ok(client.get(f"/api/marketplace{rest}"))
    assert found["total"] == len(found["items"])
    for item in found["items"]:
        assert isinstance(item["name"], str) and isinstance(item["description"], str) and isinstance(item["tags"], list)
        assert item["rating"] is None and item["downloads"] is None
    return {item["id"]: item for item in found["items"]}


def test_the_market_is_what_comes_with_the_program(ada):
    items = market(ada)
    presets = {preset["id"]: preset for preset in ada.get("/api/mcp/presets").data}
    assert {f"mcp-{name}" for name in presets} == {name for name, item in items.items() if item["category"] == "mcp"}
    assert items["mcp-fetch"] == {"id": "mcp-fetch", "name": presets["fetch"]["name"], "description": presets["fetch"]["description"], "category": "mcp",
                                  "author": None, "version": "1", "downloads": None, "rating": None, "installed": False, "source": "builtin",
                                  "tags": presets["fetch"]["tags"], "homepage": presets["fetch"]["homepage"]}
    assert items["command-commit"]["category"] == "command"
    assert market(ada, "/category/skill") == market(ada, "/category/plugin") == market(ada, "/installed") == {}
    assert market(ada, "/category/mcp") == {name: item for name, item in items.items() if item["category"] == "mcp"}
    refused(ada.get("/api/marketplace/category/emacs"), 404, "NOT_FOUND")


def test_presets_are_installed_from_the_market(ada):
    done = ok(ada.post("/api/marketplace/install", json={"item_id": "mcp-fetch", "category": "mcp", "platforms": ["claude"]}))
    assert done["results"] == [{"platform": "claude", "success": True, "message": None}]
    ok(ada.post("/api/marketplace/install", json={"item_id": "command-commit"}))
    assert [server["name"] for server in ok(ada.get("/api/mcp"))["servers"]] == ["fetch"]
    assert set(market(ada, "/installed")) == {"mcp-fetch", "command-commit"} and market(ada)["mcp-fetch"]["installed"] is True
    refused(ada.post("/api/marketplace/install", json={"item_id": "mcp-fetch"}), 409, "CONFLICT")
    refused(ada.post("/api/marketplace/install", json={"item_id": "mcp-nobody"}), 404, "NOT_FOUND")
    key = secret()
    assert wrong_fields(ada.post("/api/marketplace/install", json={"item_id": "mcp-exa", "category": "mcp"})) == ["values.EXA_API_KEY"]
    ok(ada.post("/api/marketplace/install", json={"item_id": "mcp-exa", "env": {"EXA_API_KEY": key}}))
    assert key not in ada.get("/api/marketplace").text
    assert ok(ada.delete("/api/marketplace/uninstall/mcp-fetch")) == "'mcp-fetch' uninstalled"
    refused(ada.delete("/api/marketplace/uninstall/mcp-fetch"), 404, "NOT_FOUND")
    assert set(market(ada, "/installed")) == {"mcp-exa", "command-commit"}


def test_ones_own_skills_and_plugins_stand_there_as_installed(team):
    add_skill(team.editor, "review")
    assert team.admin.post("/api/plugins", json={"id": "one@team", "name": "Number one", "version": "1.1.0", "enabled": True}).status_code == 200
    assert market(team.viewer, "/category/skill")["skill-review"]["source"] == "local"
    plugin = market(team.viewer, "/category/plugin")["plugin-one@team"]
    assert (plugin["installed"], plugin["version"], plugin["description"]) == (True, "1.1.0", "Number one")
    refused(team.viewer.delete("/api/marketplace/uninstall/skill-review"), 403, "AUTHORIZATION_ERROR")
    refused(team.editor.delete("/api/marketplace/uninstall/plugin-one%40team"), 404, "NOT_FOUND")
    assert "plugin-one@team" in market(team.viewer, "/installed"), "which takes more than an editor may"
    ok(team.editor.delete("/api/marketplace/uninstall/skill-review"))
    assert set(market(team.viewer, "/installed")) == {"plugin-one@team"}
    refused(team.stranger.get("/api/marketplace"), 404, "NOT_FOUND")
