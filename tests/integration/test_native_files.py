"""The coding CLIs' own files, in and out: what is imported and not touched comes out byte for byte, and a change of a resource changes
what says it and nothing else."""

import base64
import difflib
import gzip
import io
import json
import os
import random
import re
import tarfile

import pytest

import configs
from configs import acting_in, ada, everything, new_workspace, quote, system, team, users  # noqa: F401
from stack import SAMPLES

# Where each sample stands on a machine, and how many resources are made of it.
FILES = [
    ("claude", ".mcp.json", "claude-project-mcp.json", 1),
    ("claude", ".mcp.json", "claude-project-mcp-http.json", 2),
    ("claude", ".claude/settings.json", "claude-settings-hooks-managed-block.json", 6),
    ("claude", ".claude/settings.json", "claude-settings-hooks-plugins.json", 20),
    ("claude", ".claude/settings.json", "claude-settings-permissions.json", 40),
    ("claude", ".claude/settings.json", "claude-settings-tabs.json", 7),
    ("claude", ".claude/settings.local.json", "claude-settings-toolhive.json", 31),
    ("claude", ".claude/config.json", "claude-config-legacy.json", 1),
    ("claude", ".claude/agents/bug-triage.md", "claude-agent-bug-triage.md", 1),
    ("claude", ".claude/agents/team/code-reviewer.md", "claude-agent-code-reviewer.md", 1),
    ("claude", ".claude/commands/build.md", "claude-command-build.md", 1),
    ("claude", ".claude/skills/doc-review/SKILL.md", "claude-skill-doc-review.md", 1),
    ("claude", ".agents/skills/commit/SKILL.md", "skill-commit.md", 0),
    ("codex", ".codex/config.toml", "codex-config-commented.toml", 43),
    ("codex", ".agents/skills/commit/SKILL.md", "skill-commit.md", 1),
    ("gemini", ".gemini/settings.json", "gemini-settings.json", 7),
    ("gemini", ".gemini/commands/git/cleanup.toml", "gemini-command-cleanup.toml", 1),
    ("gemini", ".gemini/commands/grep-code.toml", "gemini-command-grep-code.toml", 1),
    ("gemini", ".gemini/commands/introspect.toml", "gemini-command-introspect.toml", 1),
    ("gemini", ".gemini/policies/policy.toml", "gemini-policy.toml", 0),
    ("gemini", ".gemini/extensions/a/gemini-extension.json", "gemini-extension-mcp.json", 0),
    ("gemini", ".gemini/extensions/b/gemini-extension.json", "gemini-extension-exclude-tools.json", 0),
    ("gemini", ".gemini/extensions/a/hooks/hooks.json", "gemini-extension-hooks.json", 0),
    ("qwen", ".qwen/settings.json", "qwen-settings-mcp-env-secrets.json", 5),
    ("qwen", ".qwen/settings.json", "qwen-settings-mcp-trailing-commas.jsonc", 2),
    ("qwen", ".qwen/settings.json", "qwen-settings-model-providers.json", 5),
    ("iflow", ".iflow/settings.json", "iflow-settings.json", 17),
    ("droid", ".factory/settings.json", "droid-settings.json", 21),
    ("droid", ".factory/mcp.json", "droid-mcp.json", 1),
    ("droid", ".factory/hooks.json", "droid-hooks.json", 4),
    ("droid", ".factory/plugins.json", "droid-plugins.json", 0),
    ("droid", ".factory/droids/code-reviewer.md", "droid-droid-code-reviewer.md", 1),
    ("droid", ".factory/commands/build.md", "droid-command-build.md", 1),
]


def sample(name):
    return (SAMPLES / "cli" / name).read_bytes().decode()


def take(client, platform, files, **more):
    return client.post("/api/resources/import", json={
        "platform": platform, "files": [{"path": path, "content": content} for path, content in files.items()], **more})


def taken(client, platform, files, **more):
    answer = take(client, platform, files, **more)
    assert answer.status_code == 200, answer.text
    return answer.data


def given(client, platform, include_secrets=True):
    answer = client.post("/api/resources/export", json={"platform": platform, "include_secrets": include_secrets})
    assert answer.status_code == 200, answer.text
    assert answer.data["left_out"] == [], answer.text
    return {file["path"]: file["content"] for file in answer.data["files"]}


def resource(platform, kind, name):
    return f"/api/resources/{platform}/{kind}/{quote(name)}"


def variants(text, path):
    """Also with CRLF, with a byte-order mark, without a newline at the end."""
    return [text, text.replace("\n", "\r\n"), text.rstrip("\n"), *([] if path.endswith(".toml") else ["\ufeff" + text])]


def lines_changed(before, after):
    return [line for line in difflib.ndiff(before.splitlines(True), after.splitlines(True)) if line[0] in "+-"]


@pytest.mark.parametrize("platform,path,name,resources", FILES, ids=[row[2] for row in FILES])
def test_what_is_not_touched_comes_out_as_it_was(ada, platform, path, name, resources):
    text = sample(name)
    for variant in variants(text, path):
        client = acting_in(ada, new_workspace(ada))
        planned = taken(client, platform, {path: variant}, dry_run=True)
        assert given(client, platform) == {}, "a dry run does nothing"
        done = taken(client, platform, {path: variant})
        assert done["files"] == planned["files"] and done["counts"] == planned["counts"]
        assert done["counts"]["create"] == resources == len(done["files"][0]["resources"]), done
        assert given(client, platform) == {path: variant}
        again = taken(client, platform, {path: variant})
        assert again["counts"] == {"create": 0, "update": 0, "delete": 0, "unchanged": resources}, again
        assert given(client, platform) == {path: variant}


BLOCKS = [block for block in re.findall(r"```json\n(.*?)```", sample("gemini-settings-mcp-docs.md"), re.DOTALL)
          if block.startswith("{") and "..." not in block]


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_what_the_documentation_shows(ada, text):
    done = taken(ada, "gemini", {".gemini/settings.json": text})
    assert given(ada, "gemini") == {".gemini/settings.json": text}
    for made in done["files"][0]["resources"]:
        if made["kind"] != "mcp_server":
            continue
        answer = ada.patch(resource("gemini", "mcp_server", made["name"]), json={"timeout_ms": 77})
        assert answer.status_code == 200, answer.text
        now = given(ada, "gemini")[".gemini/settings.json"]
        assert now.count('"timeout": 77') == 1 and len(lines_changed(text, now)) <= 3
        assert now.count("//") == text.count("//"), "comments stay"


# One value changed through the API, and the lines of the file that differ.
CHANGES = [
    ("claude", ".mcp.json", "claude-project-mcp.json", "mcp_server", "code-review-graph", {"args": ["serve", "--fast"]},
     ['-         "serve"\n', '+         "serve",\n', '+         "--fast"\n']),
    ("claude", ".mcp.json", "claude-project-mcp-http.json", "mcp_server", "grep", {"url": "https://mcp.example.org"},
     ['- \t\t\t"url": "https://mcp.grep.app"\n', '+ \t\t\t"url": "https://mcp.example.org"\n']),
    ("claude", ".claude/settings.json", "claude-settings-hooks-plugins.json", "hook", "PostToolUse-1", {"timeout_ms": 1500},
     ['-             "timeout": 15,\n', '+             "timeout": 1.5,\n']),
    ("claude", ".claude/settings.json", "claude-settings-permissions.json", "permission", "Bash(pwd)", {"rule": "Bash(pwd -P)"},
     ['-       "Bash(pwd)",\n', '+       "Bash(pwd -P)",\n']),
    ("claude", ".claude/agents/a.md", "claude-agent-code-reviewer.md", "agent", "code-reviewer", {"model": "opus"},
     ["- model: sonnet\n", "+ model: opus\n"]),
    ("claude", ".claude/commands/build.md", "claude-command-build.md", "slash_command", "build", {"description": "Build"},
     ["- description: 'Run full verification pipeline'\n", "+ description: Build\n"]),
    ("gemini", ".gemini/commands/cleanup.toml", "gemini-command-cleanup.toml", "slash_command", "cleanup", {"description": "Tidy"},
     ['- description = "Go back to main and clean up the branch."\n', '+ description = "Tidy"\n']),
    ("qwen", ".qwen/settings.json", "qwen-settings-mcp-trailing-commas.jsonc", "mcp_server", "flaky-remote", {"transport": "sse"},
     ['-       "httpUrl": "https://example.com/mcp",\n', '+       "url": "https://example.com/mcp",\n']),
    ("qwen", ".qwen/settings.json", "qwen-settings-model-providers.json", "custom_model", "GPT-4o", {"base_url": "https://o.example.org"},
     ['-         "baseUrl": "https://api.openai.com/v1",\n', '+         "baseUrl": "https://o.example.org",\n']),
    ("iflow", ".iflow/settings.json", "iflow-settings.json", "mcp_server", "jlink-mcp", {"trust": False},
     ['-       "trust": true,\n', '+       "trust": false,\n']),
    ("droid", ".factory/droids/code-reviewer.md", "droid-droid-code-reviewer.md", "agent", "code-reviewer", {"tools": ["Read"]},
     ["- tools: ['Read', 'Grep', 'Glob', 'Bash']\n", "+ tools: [Read]\n"]),
    ("droid", ".factory/hooks.json", "droid-hooks.json", "hook", "PreToolUse-1", {"matcher": "Edit"},
     ['-         "matcher": "Create|Edit",\n', '+         "matcher": "Edit",\n']),
]


@pytest.mark.parametrize("platform,path,name,kind,thing,change,lines", CHANGES, ids=[f"{row[2]}:{row[4]}" for row in CHANGES])
def test_a_change_touches_its_value_alone(ada, platform, path, name, kind, thing, change, lines):
    text = sample(name)
    taken(ada, platform, {path: text})
    before = ada.get(resource(platform, kind, thing)).data
    answer = ada.patch(resource(platform, kind, thing), json=change)
    assert answer.status_code == 200, answer.text
    after = given(ada, platform)[path]
    found = lines_changed(text, after)
    if path.endswith(".json") and "url" in lines[-1]:  # a key that takes another's place comes last
        assert sorted(line.strip(",\n") for line in found) == sorted(line.strip(",\n") for line in lines), "".join(found)
    else:
        assert found == lines, "".join(found)
    # Back again, in the form or by the file, it is what it was.
    assert ada.patch(resource(platform, kind, thing), json={column: before[column] for column in change}).status_code == 200
    assert json.dumps(given(ada, platform)[path]).count("\\n") == json.dumps(text).count("\\n")
    taken(ada, platform, {path: text})
    assert given(ada, platform) == {path: text}


OTHER = {str: lambda old: old + "-x", bool: lambda old: not old, int: lambda old: old + 1, float: lambda old: old + 1, list: lambda old: [*old, "x"],
         dict: lambda old: old}


def difference(before, after):
    """What stands in the place of what."""
    head = len(os.path.commonprefix([before, after]))
    tail = len(os.path.commonprefix([before[head:][::-1], after[head:][::-1]]))
    return before[head:len(before) - tail], after[head:len(after) - tail]


@pytest.mark.parametrize("platform,path,name,resources", FILES, ids=[row[2] for row in FILES])
def test_every_setting_is_changed_alone(ada, platform, path, name, resources):
    for variant in variants(sample(name), path):
        client = acting_in(ada, new_workspace(ada))
        made = taken(client, platform, {path: variant})["files"][0]["resources"]
        for name in [one["name"] for one in made if one["kind"] == "settings"][::3]:
            old = client.post(resource(platform, "settings", name) + "/reveal", json={}).data["secrets"].get("value")
            old = client.get(resource(platform, "settings", name)).data["value"] if old is None else old
            new = OTHER[type(old)](old)
            assert client.patch(resource(platform, "settings", name), json={"value": new}).status_code == 200
            gone, come = difference(variant, given(client, platform)[path])
            if not isinstance(old, list):
                assert len(gone) <= len(json.dumps(old)) and len(come) <= len(json.dumps(new)), (name, gone, come)
            assert come.strip('", \r\n\t') in json.dumps(new), (name, gone, come)
            assert client.patch(resource(platform, "settings", name), json={"value": old}).status_code == 200
        assert given(client, platform) == {path: variant}


def test_settings_come_and_go(ada):
    text = '{\n  "permissions": {"allow": ["Read"], "defaultMode": "plan"},\n  "env": {"A.B": "1"},\n  "empty": {}\n}\n'
    done = taken(ada, "claude", {".claude/settings.json": text})["files"][0]
    assert [(one["kind"], one["name"]) for one in done["resources"]] == [
        ("permission", "Read"), ("settings", "permissions.defaultMode"), ("settings", 'env."A.B"')] and done["left"] == []
    assert ada.delete(resource("claude", "settings", "permissions.defaultMode")).status_code == 200
    assert ada.post("/api/resources/claude/settings", json={"name": 'env."C D"', "value": "2"}).status_code == 201
    assert ada.post(resource("claude", "settings", 'env."A.B"') + "/rename", json={"name": "language"}).status_code == 200
    assert given(ada, "claude") == {".claude/settings.json": text.replace(', "defaultMode": "plan"', "").replace(
        '{"A.B": "1"}', '{\n    "C D": "2"\n  }').replace('{}\n', '{},\n  "language": "1"\n')}
    # what the format, or what stands there, leaves no place for is told of
    for platform, name, value in (("codex", "a", [None]), ("codex", "b", {"$toml": "datetime", "value": "x"}), ("codex", "c.$toml", 1),
                                  ("codex", ".".join("d" * 40), 1), ("codex", "e", {"$toml": "datetime", "value": "2026-01-02"}), ("codex", "e.f", 1)):
        assert ada.post(f"/api/resources/{platform}/settings", json={"name": name, "value": value}).status_code == 201
    answer = ada.post("/api/resources/export", json={"platform": "codex", "include_secrets": True})
    assert [row["name"] for row in answer.data["left_out"]] == ["a", "b", "c.$toml", ".".join("d" * 40), "e.f"]
    assert [file["content"] for file in answer.data["files"]] == ["e = 2026-01-02\n"]
    masked = ada.post("/api/resources/export", json={"platform": "codex"})
    assert masked.status_code == 200 and "2026" not in masked.text


PROFILES = [
    ("claude", ".claude/settings.json", '{\n  "env": {\n    "ANTHROPIC_BASE_URL": "https://r.example.org",\n    "ANTHROPIC_AUTH_TOKEN": "@@",\n'
     '    "ANTHROPIC_MODEL": "m-1", "ANTHROPIC_SMALL_FAST_MODEL": "m-0",\n    "API_TIMEOUT_MS": "600000"\n  }\n}\n', "imported", "m-1"),
    ("claude", ".claude/settings.local.json", '{"env": {"ANTHROPIC_API_KEY": "@@", "ANTHROPIC_BASE_URL": "https://r.example.org"}}\n', "imported", None),
    ("codex", ".codex/config.toml", '# mine\nmodel = "gpt-5.5"\n\n[model_providers.relay]\nname = "Relay" # shown\nbase_url = "https://r.example.org/v1"\n'
     'experimental_bearer_token = "@@"\nwire_api = "responses"\n', "relay", None),
    ("codex", ".codex/auth.json", '{\n  "OPENAI_API_KEY": "@@",\n  "tokens": null\n}\n', "imported", None),
    ("qwen", ".qwen/settings.json", '{\n  // mine\n  "env": {"OPENAI_API_KEY": "@@", "OPENAI_BASE_URL": "https://r.example.org/v1", "OPENAI_MODEL": "m-1"},\n'
     '  "$version": 3,\n}\n', "imported", "m-1"),
    ("iflow", ".iflow/settings.json", '{"selectedAuthType": "openai-compatible", "apiKey": "@@", "baseUrl": "https://r.example.org/v1", "modelName": "m-1"}\n',
     "imported", "m-1"),
]


@pytest.mark.parametrize("platform,path,text,name,model", PROFILES, ids=[row[1] for row in PROFILES])
def test_a_profile_in_a_file(ada, platform, path, text, name, model):
    token, other = configs.secret(), configs.secret()
    text = text.replace("@@", token)
    for variant in variants(text, path):
        client = acting_in(ada, new_workspace(ada))
        done = taken(client, platform, {path: variant})["files"][0]
        assert ("profile", name) in [(one["kind"], one["name"]) for one in done["resources"]], done
        assert token not in json.dumps(done) and given(client, platform) == {path: variant}
        profile = resource(platform, "profile", name)
        assert client.get(profile).data["model"] == model
        assert client.patch(profile, json={"auth_token": other}).status_code == 200
        assert given(client, platform) == {path: variant.replace(token, other)}
        assert client.patch(profile, json={"auth_token": token, **({"model": "m-2"} if model else {})}).status_code == 200
        assert given(client, platform) == {path: variant.replace('"m-1"', '"m-2"')}
        # the one in use is told where a file has room for one, and where it has for several, all are
        more = {"name": "more", "base_url": "https://m.example.org", "auth_token": other}
        assert client.post(f"/api/resources/{platform}/profile", json=more).status_code == 201
        assert ("m.example.org" in "".join(given(client, platform).values())) == (platform == "codex")
        assert client.delete(profile).status_code == 200
        rest = given(client, platform)
        assert token not in str(rest) and "m.example.org" in rest.get(path, "") + rest.get(".codex/config.toml", ""), rest
        assert ("API_TIMEOUT_MS" in text) == ("API_TIMEOUT_MS" in rest[path])


SKILL = "---\nname: pdf\ndescription: Reads PDFs\nallowed-tools: Read, Bash\nlicense: MIT # theirs\n---\n\nSee reference.md.\n"
FOLDER = {"SKILL.md": SKILL, "reference.md": "\ufeff# A\r\nb", "scripts/run.sh": "#!/bin/sh\nprintf '\x07'\n", "CLAUDE.md": "No instructions of the platform.\n",
          "参考/empty": "", "logo.png": {"base64": base64.b64encode(b"\x89PNG\0\xff").decode()}}


@pytest.mark.parametrize("platform,folder", [("claude", ".claude/skills/pdf/"), ("codex", ".agents/skills/pdf/"), ("gemini", ".agents/skills/pdf/"),
                                             ("qwen", ".qwen/skills/pdf/"), ("iflow", ".iflow/skills/pdf/"), ("droid", ".factory/skills/pdf/")])
def test_a_skill_is_its_folder(ada, platform, folder):
    files = {folder + name: content for name, content in FOLDER.items()}
    done = taken(ada, platform, files)
    assert [len(file["resources"]) for file in done["files"]] == [1, 0, 0, 0, 0, 0] and all(file["kept"] for file in done["files"])
    assert given(ada, platform) == files
    assert taken(ada, platform, files)["counts"]["unchanged"] == 1
    skill = ada.get(resource(platform, "skill", "pdf")).data
    assert skill["files"] == {name: content for name, content in FOLDER.items() if name != "SKILL.md"} and skill["license"] == "MIT"
    # the file that it is named by, alone, leaves the others
    assert taken(ada, platform, {folder + "SKILL.md": SKILL.replace("PDFs", "a PDF")})["counts"]["update"] == 1
    assert ada.patch(resource(platform, "skill", "pdf"), json={"files": {"reference.md": None, "more.md": "x"}}).status_code == 200
    assert ada.post(resource(platform, "skill", "pdf") + "/rename", json={"name": "paper"}).status_code == 200
    now = {path.replace("/pdf/", "/paper/"): content for path, content in files.items() if not path.endswith("reference.md")}
    now |= {folder.replace("/pdf/", "/paper/") + "more.md": "x"}
    now[folder.replace("/pdf/", "/paper/") + "SKILL.md"] = SKILL.replace("PDFs", "a PDF").replace("name: pdf", "name: paper")
    assert given(ada, platform) == now
    # in an archive, too, and from there where no file has it yet
    answer = ada.post("/api/resources/export", json={"platform": platform, "include_secrets": True, "format": "tar.gz"})
    other = acting_in(ada, new_workspace(ada))
    assert unpack(other, platform, answer.data["archive"]).status_code == 200 and given(other, platform) == now
    taken(other, platform, {path: None for path in now if path.endswith("SKILL.md")})
    again = given(other, platform)
    assert {name.rsplit("paper/", 1)[1] for name in again} == {name.rsplit("paper/", 1)[1] for name in now}


def test_a_skill_that_cannot_be_leaves_its_files(ada):
    files = {".claude/skills/a b./SKILL.md": SKILL, ".claude/skills/a b./x.md": "x", ".claude/skills/large/SKILL.md": SKILL.replace("pdf", "large"),
             ".claude/skills/large/x.md": "x" * 600000}
    files.pop(".claude/skills/a b./SKILL.md"), files.pop(".claude/skills/a b./x.md")
    done = taken(ada, "claude", files)
    assert done["counts"]["create"] == 0 and "files.x.md" in done["files"][0]["left"][0]["reason"], done["files"]
    assert given(ada, "claude") == files
    # smaller, it is one, and no file is there twice
    files[".claude/skills/large/x.md"] = "x"
    assert taken(ada, "claude", files)["counts"]["create"] == 1
    assert given(ada, "claude") == files
    answer = ada.post("/api/resources/export", json={"platform": "claude", "include_secrets": True})
    assert len(answer.data["files"]) == 2


CODEX = """\
# mine
model = "gpt-5.5" # the good one

[mcp_servers.docs]
command = "docs-server"  # how
args = ["--port", "4000"]
env = { LEVEL = "1" }
env_vars = ["TOKEN", { name = "X", source = "local" }]
tool_timeout_sec = 60.0
startup_timeout_sec = 2.5

[mcp_servers."far.away"]
url = "https://mcp.example.org/mcp"
bearer_token_env_var = "FAR_TOKEN"
http_headers = { "X-Team" = "a" }
env_http_headers = { "X-Key" = "KEY_ENV" }
enabled = false
enabled_tools = ["x"]
required = true

[plugins."lint@team"]
enabled = true

[projects."/srv"]
trust_level = "trusted"
"""


def test_what_a_file_has_no_more_is_pruned(ada, team):
    mcp = sample("claude-project-mcp-http.json")
    other = json.dumps({"mcpServers": {"grep": {"command": "x"}, "mine": {"command": "y"}}})
    less = '{"mcpServers": {"context7": {"command": "z"}}}'
    taken(ada, "claude", {".mcp.json": mcp})
    assert ada.post("/api/resources/claude/mcp_server", json={"name": "by-hand", "transport": "stdio", "command": "x"}).status_code == 201
    assert taken(ada, "claude", {".mcp.json": less}, dry_run=True)["counts"]["delete"] == 0
    planned = taken(ada, "claude", {".mcp.json": less}, prune=True, dry_run=True)
    assert planned["counts"] == {"create": 0, "update": 1, "delete": 1, "unchanged": 0}
    assert [(one["action"], one["name"]) for one in planned["files"][0]["resources"]] == [("update", "context7"), ("delete", "grep")]
    # what another file has, too, stays
    taken(ada, "claude", {".claude.json": other})
    assert taken(ada, "claude", {".mcp.json": less}, prune=True)["counts"]["delete"] == 0
    assert taken(ada, "claude", {".claude.json": None}, prune=True)["counts"]["delete"] == 2
    assert {item["name"] for item in ada.get("/api/resources/claude/mcp_server").data["items"]} == {"context7", "by-hand"}
    # nobody deletes what he may not write
    taken(team.admin, "claude", {".claude/settings.json": sample("claude-settings-tabs.json")})
    assert take(team.editor, "claude", {".claude/settings.json": "{}"}, prune=True).status_code == 400
    assert taken(team.admin, "claude", {".claude/settings.json": "{}"}, prune=True)["counts"]["delete"] == 7


def test_codex_names_variables(ada):
    done = taken(ada, "codex", {".codex/config.toml": CODEX})
    assert [left["path"] for left in done["files"][0]["left"]] == [
        "mcp_servers.docs.env_vars.0.name", "mcp_servers.docs.env_vars.0.source", "mcp_servers.far.away.required"]
    assert ada.get(resource("codex", "settings", 'projects."/srv".trust_level')).data["value"] == "*******"
    docs = ada.get(resource("codex", "mcp_server", "docs")).data
    assert (docs["transport"], docs["timeout_ms"], docs["startup_timeout_ms"]) == ("stdio", 60000, 2500)
    far = ada.get(resource("codex", "mcp_server", "far.away")).data
    assert far["enabled"] is False and far["headers"]["Authorization"] == "Bearer ${FAR_TOKEN}" and far["headers"]["X-Key"] == "${KEY_ENV}"
    assert given(ada, "codex") == {".codex/config.toml": CODEX}

    assert ada.post(resource("codex", "mcp_server", "far.away") + "/enable", json={}).status_code == 200
    assert ada.patch(resource("codex", "mcp_server", "docs"), json={"timeout_ms": 5000}).status_code == 200
    assert lines_changed(CODEX, given(ada, "codex")[".codex/config.toml"]) == [
        "- tool_timeout_sec = 60.0\n", "+ tool_timeout_sec = 5.0\n", "- enabled = false\n", "+ enabled = true\n"]
    headers = {"Authorization": "Bearer ${OTHER}", "X-Team": "b"}
    assert ada.patch(resource("codex", "mcp_server", "far.away"), json={"headers": {**headers, "X-Key": None}}).status_code == 200
    text = given(ada, "codex")[".codex/config.toml"]
    assert 'bearer_token_env_var = "OTHER"' in text and '"X-Team" = "b"' in text and "env_http_headers" not in text


def test_new_renamed_and_deleted_ones(ada):
    mcp, settings = sample("claude-project-mcp-http.json"), sample("claude-settings-permissions.json")
    agent = sample("claude-agent-code-reviewer.md")
    taken(ada, "claude", {".mcp.json": mcp, ".claude/settings.json": settings, ".claude/agents/team/code-reviewer.md": agent})
    # a new name keeps the place
    assert ada.post(resource("claude", "mcp_server", "context7") + "/rename", json={"name": "docs"}).status_code == 200
    assert ada.post(resource("claude", "agent", "team/code-reviewer") + "/rename", json={"name": "review/strict"}).status_code == 200
    files = given(ada, "claude")
    assert files[".mcp.json"] == mcp.replace('"context7":', '"docs":')
    assert files[".claude/settings.json"] == settings
    assert files[".claude/agents/review/strict.md"] == agent.replace("name: code-reviewer", "name: strict")
    assert ".claude/agents/team/code-reviewer.md" not in files
    # what is deleted or off goes, and comes back as it was
    assert ada.post(resource("claude", "mcp_server", "grep") + "/disable", json={}).status_code == 200
    assert '"grep"' not in given(ada, "claude")[".mcp.json"]
    assert ada.post(resource("claude", "mcp_server", "grep") + "/enable", json={}).status_code == 200
    assert given(ada, "claude")[".mcp.json"] == mcp.replace('"context7":', '"docs":')
    assert ada.delete(resource("claude", "permission", "Bash(pwd)")).status_code == 200
    assert given(ada, "claude")[".claude/settings.json"] == settings.replace('      "Bash(pwd)",\n', "")
    # another effect is another list
    assert ada.patch(resource("claude", "permission", "Write"), json={"effect": "deny"}).status_code == 200
    rules = json.loads(given(ada, "claude")[".claude/settings.json"])["permissions"]
    assert "Write" not in rules["ask"] and rules["deny"][-1] == "Write"
    # a new one goes to the file that has its kind
    for kind, name, body in (("mcp_server", "new", {"transport": "stdio", "command": "npx", "timeout_ms": 5000}),
                             ("permission", "x", {"effect": "ask", "rule": "Read"}),
                             ("hook", "x", {"event": "Stop", "type": "command", "command": "true", "matcher": "*"}),
                             ("agent", "b/new", {"description": "A new one", "system_prompt": "Do it.", "tools": ["Read", "Grep"]}),
                             ("instructions", "house", {"text": "Be careful.\n"})):
        assert ada.post(f"/api/resources/claude/{kind}", json={"name": name, **body}).status_code == 201
    files = given(ada, "claude")
    assert json.loads(files[".mcp.json"])["mcpServers"]["new"] == {"type": "stdio", "command": "npx", "timeout": 5000}
    settings = json.loads(files[".claude/settings.json"])
    assert settings["permissions"]["ask"][-1] == "Read"
    assert settings["hooks"] == {"Stop": [{"matcher": "*", "hooks": [{"type": "command", "command": "true"}]}]}
    assert files[".claude/agents/b/new.md"].startswith("---\nname: new\ndescription: A new one\n")
    assert files[".claude/agents/b/new.md"].endswith("---\n\nDo it.\n"), files[".claude/agents/b/new.md"]
    assert files[".claude/CLAUDE.md"] == "Be careful.\n"
    # and all of it means the same when it comes back
    other = acting_in(ada, new_workspace(ada))
    taken(other, "claude", files)
    assert given(other, "claude") == files


def test_what_no_file_says_is_told_of(ada):
    for name in "ab":
        assert ada.post("/api/resources/claude/prompt", json={"name": name, "text": "x"}).status_code == 201
        assert ada.post("/api/resources/claude/statusline", json={"name": name, "command": "true"}).status_code == 201
    answer = ada.post("/api/resources/export", json={"platform": "claude"})
    assert [(row["kind"], row["name"]) for row in answer.data["left_out"]] == [("prompt", "*"), ("statusline", "b")]
    assert ada.post("/api/resources/claude/settings", json={"name": "model", "value": "opus"}).status_code == 201
    assert converted(ada, "claude", "droid")["counts"]["create"] == 2
    assert converted(ada, "claude", "droid", kind="settings")["counts"]["create"] == 1
    assert converted(ada, "claude", "droid", kind="prompt")["counts"]["create"] == 2


def test_one_alone_is_told_whatever_its_state(ada):
    for name in "ab":
        assert ada.post("/api/resources/claude/statusline", json={"name": name, "command": f"run {name}", "enabled": False}).status_code == 201
    one = {"platform": "claude", "kind": "statusline", "name": "b"}
    files = ada.post("/api/resources/export", json=one).data["files"]
    assert [file["path"] for file in files] == [".claude/settings.json"]
    assert "run b" in files[0]["content"] and "run a" not in files[0]["content"]
    assert ada.post("/api/resources/export", json={**one, "name": "c"}).status_code == 404
    refused = ada.post("/api/resources/export", json={**one, "kind": "no-kind"})
    assert [wrong["field"] for wrong in refused.json()["error"]["details"]["fields"]] == ["kind"]


def test_what_cannot_be_a_resource_stays_in_the_file(ada):
    text = json.dumps({"mcpServers": {"no-type": {"url": "https://h/mcp"}, "workspace": {"command": "x"},
                                      "socket": {"type": "ws", "url": "wss://h"}, "good": {"command": "npx"}}, "theme": "dark"})
    done = taken(ada, "claude", {".mcp.json": text})["files"][0]
    assert done["kept"] and [one["name"] for one in done["resources"]] == ["good"]
    left = {one["path"]: one["reason"] for one in done["left"]}
    assert set(left) == {"mcpServers.no-type", "mcpServers.workspace", "mcpServers.socket", "theme"}
    assert "transport" in left["mcpServers.no-type"] and "workspace" in left["mcpServers.workspace"]
    assert given(ada, "claude") == {".mcp.json": text}
    assert ada.patch(resource("claude", "mcp_server", "good"), json={"command": "bunx"}).status_code == 200
    assert given(ada, "claude") == {".mcp.json": text.replace("npx", "bunx")}
    # the file is forgotten, its resources stay
    assert taken(ada, "claude", {".mcp.json": None})["files"] == [{"path": ".mcp.json", "kept": False, "resources": [], "left": []}]
    assert json.loads(given(ada, "claude")[".claude.json"]) == {"mcpServers": {"good": {"command": "bunx", "type": "stdio"}}}
    assert take(ada, "claude", {".mcp.json": None}).status_code == 404


@pytest.mark.parametrize("path,content,field,part", [
    (".mcp.json", '{"mcpServers": {', "content", "line"),
    (".mcp.json", '{"a": 1, "a": 2}', "content", "line"),
    (".claude/settings.json", "// a\n{}", "content", "line 1"),
    ("../x.json", "{}", "path", ".."),
    ("/etc/passwd", "x", "path", ".."),
    (".claude/agents/a.md", "---\nname: a\nname: b\n---\nx", "content", "line"),
    (".mcp.json", "[" * 40 + "]" * 40, "content", "deep"),
    (".mcp.json", 7, "content", "string"),
    (".mcp.json", '{"mcpServers":{"a":{"command":"x","env":{"A":"sk-a...1234"}}}}', "content.mcpServers.a.env.A", "mask"),
    (".mcp.json", '{"theme":"********"}', "content.theme", "mask"),
])
def test_a_bad_file_is_refused_as_a_whole(ada, path, content, field, part):
    answer = take(ada, "claude", {"CLAUDE.md": "Hello.", path: content})
    assert answer.status_code == 400, answer.text
    failure = answer.json()["error"]["details"]["fields"][0]
    assert failure["field"] == f"files[1].{field}" and part in failure["message"], failure
    assert given(ada, "claude") == {}


def test_secrets_are_seen_by_nobody(system, team):
    made = [configs.secret() for _ in range(6)]
    text = json.dumps({"mcpServers": {"a": {"type": "http", "url": f"https://h/mcp?key={made[0]}", "headers": {"Authorization": made[1]}},
                                      "b": {"command": "x", "args": ["--token", made[2]], "env": {"K": made[3]}}},
                       "oauthAccount": {"refresh": made[4]}, "unknown": made[5]})
    rule = json.dumps({"permissions": {"allow": [f"Bash(API_TOKEN={made[3]} curl:*)"]}})
    files = {".claude.json": text, ".claude/settings.json": rule}
    answer = take(team.admin, "claude", files)
    assert answer.status_code == 200 and not [one for one in made if one in answer.text]
    for client in (team.viewer, team.editor, team.admin):
        for reply in (client.post("/api/resources/export", json={"platform": "claude"}), client.get("/api/resources/claude/permission"),
                      client.get("/api/resources/claude/mcp_server"), client.get("/api/audit?limit=100")):
            assert not [one for one in made if one in reply.text], reply.text
    masked = given(team.viewer, "claude", include_secrets=False)
    assert "oauthAccount" not in masked[".claude.json"] and "unknown" not in masked[".claude.json"]
    assert json.loads(masked[".claude.json"])["mcpServers"]["b"]["command"] == "x"
    for client in (team.viewer, team.editor):
        assert client.post("/api/resources/export", json={"platform": "claude", "include_secrets": True}).status_code == 403
    assert given(team.admin, "claude") == files
    with everything(system) as db:
        rows = db.execute("SELECT row_to_json(f)::text FROM native_files f").fetchall()
        assert rows and not [one for one in made if one in str(rows)]
        actions = [row[0] for row in db.execute("SELECT action FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id"
                                                " WHERE w.slug = %s", (team.slug,)).fetchall()]
    assert actions.count("file.export_secrets") == 1 and actions.count("file.import") == 2
    # A masked export that comes back changes nothing that is masked.
    taken(team.admin, "claude", {".claude.json": masked[".claude.json"]})
    assert made[1] in given(team.admin, "claude")[".claude.json"]


def test_an_editor_brings_no_more_than_he_may_write(team):
    settings = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "curl evil"}]}]}, "apiKeyHelper": "evil"})
    mcp = json.dumps({"mcpServers": {"a": {"command": "x"}}})
    done = taken(team.editor, "claude", {".claude/settings.json": settings, ".mcp.json": mcp})
    assert [file["kept"] for file in done["files"]] == [False, True]
    assert {left["path"] for left in done["files"][0]["left"]} == {"hooks.Stop.0.hooks.0", "apiKeyHelper"}
    assert given(team.admin, "claude") == {".mcp.json": mcp}
    assert take(team.viewer, "claude", {".mcp.json": mcp}).status_code == 403
    taken(team.admin, "claude", {".claude/settings.json": settings})
    assert given(team.admin, "claude")[".claude/settings.json"] == settings


def test_other_workspaces_have_other_files(users):
    one, other = acting_in(users[0], new_workspace(users[0])), acting_in(users[1], new_workspace(users[1]))
    taken(one, "claude", {"CLAUDE.md": "One."})
    assert given(other, "claude") == {}
    taken(other, "claude", {"CLAUDE.md": "Other."})
    assert (given(one, "claude"), given(other, "claude")) == ({"CLAUDE.md": "One."}, {"CLAUDE.md": "Other."})


def test_two_files_say_the_same_name(ada):
    a, b = (json.dumps({"mcpServers": {"x": {"command": command}}}) for command in ("a", "b"))
    done = taken(ada, "claude", {".claude.json": a, ".mcp.json": b})
    assert [len(file["resources"]) for file in done["files"]] == [1, 0] and "twice" in done["files"][1]["left"][0]["reason"]
    assert given(ada, "claude") == {".claude.json": a, ".mcp.json": b}


def converted(client, source, target, **more):
    answer = client.post("/api/resources/convert", json={"from": source, "to": target, **more})
    assert answer.status_code == 200, answer.text
    return answer.data


def notes(rows):
    return {(row["kind"], row["name"], row["field"]) for row in rows}


def test_from_one_platform_to_another(ada):
    token = configs.secret()
    servers = {"http": {"type": "http", "url": "https://h/mcp", "headers": {"Authorization": "Bearer ${T}", "X-Team": token}, "timeout": 60000},
               "sse": {"type": "sse", "url": "https://h/sse"},
               "stdio": {"command": "npx", "args": ["-y", "${PKG}"], "env": {"TOKEN": "${TOKEN}", "LEVEL": "1"}}}
    hooks = {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "true", "timeout": 5}]}]}
    taken(ada, "claude", {".mcp.json": json.dumps({"mcpServers": servers}), ".claude/settings.json": json.dumps({"hooks": hooks}),
                          ".claude/commands/git/commit.md": "---\nallowed-tools: Bash, Read\n---\nCommit."})
    planned = converted(ada, "claude", "codex", dry_run=True)
    done = converted(ada, "claude", "codex")
    assert {**planned, "dry_run": False} == done and token not in json.dumps(done)
    assert done["counts"]["create"] == 3 and notes(done["left"]) == {("mcp_server", "sse", None), ("slash_command", "git/commit", None)}
    assert notes(done["warnings"]) == {("mcp_server", "stdio", "args")}
    codex = given(ada, "codex")[".codex/config.toml"]
    assert 'bearer_token_env_var = "T"' in codex and "tool_timeout_sec = 60" in codex and 'env_vars = ["TOKEN"]' in codex and token in codex
    assert converted(ada, "claude", "codex")["counts"] == {"create": 0, "update": 0, "delete": 0, "unchanged": 3}

    done = converted(ada, "claude", "gemini")
    assert done["left"] == [] and ("slash_command", "git/commit", "allowed_tools") in notes(done["warnings"])
    gemini = given(ada, "gemini")
    settings = json.loads(gemini[".gemini/settings.json"])
    assert settings["mcpServers"]["http"]["httpUrl"] == "https://h/mcp" and settings["mcpServers"]["sse"] == {"url": "https://h/sse"}
    assert settings["hooks"] == {"BeforeTool": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "true", "timeout": 5000}]}]}
    assert gemini[".gemini/commands/git/commit.toml"].strip() == 'prompt = "Commit.\\n"'
    # and back, it says the same
    other = acting_in(ada, new_workspace(ada))
    bare = json.dumps({"mcpServers": {"a": {"command": "x", "env": {"K": "$KEY", "PRICE": "5$ $1"}}}})
    taken(other, "gemini", {".gemini/settings.json": bare})
    converted(other, "gemini", "claude", kind="mcp_server", names=["a", "b"])
    assert json.loads(given(other, "claude")[".claude.json"])["mcpServers"]["a"]["env"] == {"K": "${KEY}", "PRICE": "5$ $1"}
    for body, field in (({"from": "emacs", "to": "codex"}, "from"), ({"from": "claude", "to": "vi"}, "to"),
                        ({"from": "claude", "to": "codex", "kind": "x"}, "kind")):
        answer = ada.post("/api/resources/convert", json=body)
        assert answer.status_code == 400 and answer.json()["error"]["details"]["fields"][0]["field"] == field, answer.text


def test_who_may_convert(team):
    taken(team.admin, "claude", {".claude/settings.json": sample("claude-settings-tabs.json"), ".mcp.json": sample("claude-project-mcp.json")})
    done = converted(team.editor, "claude", "gemini")
    assert done["counts"]["create"] == 1 and {row["kind"] for row in done["left"]} == {"hook", "permission"}
    assert team.viewer.post("/api/resources/convert", json={"from": "claude", "to": "gemini"}).status_code == 403


def test_the_same_five_thousand_times(ada):
    rules = json.dumps({"permissions": {"allow": ["Bash(ls)"] * 5000}})
    done = taken(ada, "claude", {".claude/settings.json": rules})
    assert done["counts"]["create"] == 5000 and done["files"][0]["resources"][4999]["name"] == "Bash(ls) 5000"
    assert given(ada, "claude") == {".claude/settings.json": rules}
    one_more = take(ada, "claude", {".claude/settings.json": json.dumps({"permissions": {"allow": ["Bash(ls)"] * 5001}})})
    assert one_more.status_code == 400 and "5000" in one_more.text


def mutations(text, seed, count):
    """Cut off, doubled, other line ends, deep, swapped, long."""
    dice = random.Random(seed)
    for _ in range(count):
        at, to = sorted(dice.randrange(len(text) + 1) for _ in range(2))
        lines = text.split("\n")
        line = dice.randrange(len(lines))
        yield dice.choice([
            lambda: text[:at], lambda: text[:at] + text[to:], lambda: text[:at] + text[at:to] * 2 + text[to:],
            lambda: "\n".join(lines[:line] + [lines[line]] * 2 + lines[line:]), lambda: "\n".join(lines[:line] + lines[line + 1:]),
            lambda: text.replace("\n", dice.choice(["\r\n", "\r", "\n\n"])), lambda: text[:at] + dice.choice("{}[]\"'#:,=\\/\t\x7f\u2028é") + text[at:],
            lambda: text[:at] + "[" * 50 + text[at:], lambda: text.replace(text[at:to][:9] or "x", "x" * 3000, 1), lambda: "\ufeff" + text[at:],
        ])()


def test_a_damaged_file_never_comes_in_by_half(ada):
    """An import is refused and nothing is there, or it is taken and comes out as it was."""
    good = bad = 0
    client = acting_in(ada, new_workspace(ada))
    for platform, path, name, _ in FILES:
        for number, text in enumerate(mutations(sample(name), name, 12)):
            answer = take(client, platform, {path: text})
            good, bad = good + (answer.status_code == 200), bad + (answer.status_code == 400)
            if answer.status_code == 200:
                assert given(client, platform) == {path: text}, (name, number)
                client = acting_in(ada, new_workspace(ada))
            else:
                assert answer.status_code == 400 and given(client, platform) == {}, (name, number, answer.text)
    assert good > 50 and bad > 50, (good, bad)


def packed(*entries, kind=tarfile.GNU_FORMAT, level=6):
    """A tar.gz of (name, text or bytes) or of whole TarInfos, in base64."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=kind, compresslevel=level) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, content = entry
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return base64.b64encode(out.getvalue()).decode()


def special(name, kind, **more):
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def unpack(client, platform, archive, **more):
    return client.post("/api/resources/import", json={"platform": platform, "archive": archive, **more})


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT], ids=["gnu", "pax", "ustar"])
def test_a_platform_as_one_archive(ada, kind):
    files = {path: sample(name) for platform, path, name, _ in FILES if platform == "claude"}
    files[".claude/commands/提交/中文.md"] = "提交。\n"
    files[".claude/agents/" + "long/" * 6 + "n" * 90 + ".md"] = sample("claude-agent-bug-triage.md")
    folder = special("./.claude", tarfile.DIRTYPE, mode=0o755)
    archive = packed(folder, *((f"./{path}", text) for path, text in files.items()), (".claude/logo.png", b"\x89PNG\0\xff"), kind=kind)
    done = unpack(ada, "claude", archive)
    assert done.status_code == 200, done.text
    assert {file["path"] for file in done.data["files"] if not file["kept"]} == {".claude/logo.png"}
    answer = ada.post("/api/resources/export", json={"platform": "claude", "include_secrets": True, "format": "tar.gz"})
    assert answer.status_code == 200 and answer.data["filename"] == "claude.tar.gz" and "files" not in answer.data
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(answer.data["archive"])), mode="r:gz") as whole:
        assert {entry.name: whole.extractfile(entry).read().decode() for entry in whole} == files == given(ada, "claude")
        assert {entry.mode for entry in whole} == {0o600}
    other = acting_in(ada, new_workspace(ada))
    assert unpack(other, "claude", answer.data["archive"]).status_code == 200
    assert given(other, "claude") == files


def nested():
    return base64.b64encode(gzip.compress(base64.b64decode(packed(("CLAUDE.md", "x"))))).decode()


BAD_ARCHIVES = {
    "above": (lambda: packed(("CLAUDE.md", "x"), ("../CLAUDE.md", "x")), "archive.../CLAUDE.md"),
    "above-within": (lambda: packed((".claude/../../x", "x")), "archive..claude/../../x"),
    "absolute": (lambda: packed(("/etc/passwd", "x")), "archive./etc/passwd"),
    "symlink": (lambda: packed(special("CLAUDE.md", tarfile.SYMTYPE, linkname="/etc/passwd")), "archive.CLAUDE.md"),
    "hard link": (lambda: packed(("a.md", "x"), special("CLAUDE.md", tarfile.LNKTYPE, linkname="a.md")), "archive.CLAUDE.md"),
    "device": (lambda: packed(special("CLAUDE.md", tarfile.CHRTYPE, devmajor=1, devminor=3)), "archive.CLAUDE.md"),
    "pipe": (lambda: packed(special("CLAUDE.md", tarfile.FIFOTYPE)), "archive.CLAUDE.md"),
    "windows": (lambda: packed(("c:\\x", "x")), "archive.c:\\x"),
    "one too large": (lambda: packed(("CLAUDE.md", b"0" * (2 * 1024 * 1024 + 1))), "archive.CLAUDE.md"),
    "too large together": (lambda: packed(*((f"{number}.md", b"0" * 1024 * 1024) for number in range(9))), "archive.8.md"),
    "too many": (lambda: packed(*((f"{number}.md", "") for number in range(1001))), "archive.1000.md"),
    "too many folders": (lambda: packed(*(special(f"d{number}", tarfile.DIRTYPE) for number in range(4001))), "archive.d3999"),
    "says too much": (lambda: base64.b64encode(gzip.compress(special("CLAUDE.md", tarfile.REGTYPE, size=1 << 40).tobuf())).decode(), "archive.CLAUDE.md"),
    "bomb": (lambda: base64.b64encode(gzip.compress(b"".join(
        special(f"d{number}", tarfile.DIRTYPE, pax_headers={"comment": "0" * 1000000}).tobuf(tarfile.PAX_FORMAT) for number in range(80)))).decode(), "archive"),
    "cut off": (lambda: base64.b64encode(base64.b64decode(packed(("CLAUDE.md", os.urandom(5000).hex())))[:2000]).decode(), "archive"),
    "gzip in gzip": (nested, "archive"),
    "no gzip": (lambda: base64.b64encode(b"hello" * 1000).decode(), "archive"),
    "empty": (lambda: "", "archive"),
    "no base64": (lambda: "***", "archive"),
    "twice": (lambda: packed(("CLAUDE.md", "x"), ("CLAUDE.md", "y")), "archive.CLAUDE.md.path"),
    "bad file": (lambda: packed(("CLAUDE.md", "x"), (".mcp.json", "{")), "archive..mcp.json.content"),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_refused_as_a_whole(ada, name):
    make, field = BAD_ARCHIVES[name]
    answer = unpack(ada, "claude", make())
    assert answer.status_code == 400, answer.text[:500]
    assert answer.json()["error"]["details"]["fields"][0]["field"] == field, answer.text
    assert given(ada, "claude") == {}


def test_files_or_an_archive(ada):
    assert ada.post("/api/resources/import", json={"platform": "claude"}).status_code == 400
    both = unpack(ada, "claude", packed(("CLAUDE.md", "x")), files=[{"path": ".claude/commands/a.md", "content": "y"}])
    assert both.status_code == 200 and given(ada, "claude") == {"CLAUDE.md": "x", ".claude/commands/a.md": "y"}
    empty = unpack(ada, "claude", packed())
    assert empty.status_code == 200 and empty.data["files"] == []
