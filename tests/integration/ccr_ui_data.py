"""CCR UI v4.0.0: what its pages send and read, for the tests about them. The rows are those of the program (`routes --pages`); what a page
needs is told here, as its code reads it."""

import json
import subprocess

import resource_data
from configs import create, quote, secret
from stack import BINARY, clean_environment

PAGES = {page["path"]: page for page in json.loads(subprocess.run([BINARY, "routes", "--pages"], check=True, capture_output=True,
                                                                    env=clean_environment()).stdout)}
TEXT = resource_data.TEXT
STRING, LIST, MAP, BOOL = str, list, dict, bool

# By address: what each object needs, and of which type; what the form sends for a new one and for a change; then what the engine holds.
NEEDS = {
    "/api/mcp": {
        "needs": {"name": STRING, "command": STRING, "args": LIST, "env": MAP, "disabled": BOOL},
        "new": {"name": "one", "command": "npx", "args": ["-y", "server"], "env": {"KEY": "${KEY}"}, "disabled": False},
        "change": {"name": "ignored", "command": "uvx", "args": [], "env": {}, "disabled": True},
        "engine": {"transport": "stdio", "command": "npx", "args": ["-y", "server"], "env": {"KEY": "${KEY}"}, "enabled": True},
        "changed": {"transport": "stdio", "command": "uvx", "args": [], "env": {}, "enabled": False},
        "said": ("MCP server added successfully", "MCP server updated successfully", "MCP server deleted successfully"),
        "toggled": ("MCP server disabled one", "MCP server enabled one"),
    },
    "/api/agents": {
        "needs": {"name": STRING, "model": STRING, "tools": LIST, "disabled": BOOL, "folder": STRING},
        "new": {"name": "one", "model": "sonnet", "tools": ["Read"], "system_prompt": TEXT, "disabled": False},
        "change": {"name": "one", "model": "opus", "disabled": True},
        "engine": {"description": "one", "model": "sonnet", "tools": ["Read"], "system_prompt": TEXT, "enabled": True},
        "changed": {"description": "one", "model": "opus", "tools": None, "system_prompt": None, "enabled": False},
        "said": ("Agent added successfully", "Agent updated successfully", "Agent deleted successfully"),
        "toggled": ("Agent toggled to disabled", "Agent toggled to enabled"),
    },
    "/api/slash-commands": {
        "needs": {"name": STRING, "description": STRING, "command": STRING, "disabled": BOOL, "enabled": BOOL, "folder": STRING},
        "new": {"name": "one", "description": "", "command": "Commit $ARGUMENTS", "folder": ""},
        "change": {"name": "one", "description": "Commits", "command": "Commit", "folder": ""},
        "engine": {"description": None, "prompt": "Commit $ARGUMENTS", "enabled": True},
        "changed": {"description": "Commits", "prompt": "Commit", "enabled": True},
        "said": ("Slash command added successfully", "Slash command updated successfully", "Slash command deleted successfully"),
        "toggled": ("Slash command toggled to disabled", "Slash command toggled to enabled"),
    },
    "/api/plugins": {
        "needs": {"id": STRING, "name": STRING, "version": STRING, "enabled": BOOL},
        "new": {"id": "one@team", "name": "Number one", "version": "1.0.0", "enabled": True, "config": {}},
        "change": {"id": "one@team", "name": "Number 1", "version": "1.1.0"},
        "engine": {"marketplace": "team", "description": "Number one", "version": "1.0.0", "enabled": True},
        "changed": {"marketplace": "team", "description": "Number 1", "version": "1.1.0", "enabled": True},
        "said": ("Plugin added successfully", "Plugin updated successfully", "Plugin deleted successfully"),
        "toggled": ("Plugin toggled to disabled", "Plugin toggled to enabled"),
    },
    "/api/hooks": {
        "needs": {"name": STRING, "hook_type": STRING, "command": STRING, "enabled": BOOL},
        "new": {"name": "one", "hook_type": "PreToolUse", "command": "check.sh", "args": ["--level=2", "it's"], "enabled": True},
        "change": {"name": "one", "hook_type": "Stop", "command": "stop.sh", "enabled": False},
        "engine": {"event": "PreToolUse", "type": "command", "command": "check.sh --level=2 'it'\\''s'", "enabled": True},
        "changed": {"event": "Stop", "type": "command", "command": "stop.sh", "enabled": False},
        "said": ("Hook added successfully", "Hook updated successfully", "Hook deleted successfully"),
        "toggled": ("Hook toggled to disabled", "Hook toggled to enabled"),
    },
    "/api/output-styles": {
        "needs": {"name": STRING, "content": STRING},
        "new": {"name": "one", "content": TEXT},
        "change": {"content": "Shorter."},
        "engine": {"text": TEXT},
        "changed": {"text": "Shorter."},
        "said": ("Output style created successfully", "Output style updated successfully", "Output style deleted successfully"),
    },
    "/api/skills": {
        "needs": {"name": STRING, "path": STRING, "instruction": STRING, "metadata": MAP, "is_remote": BOOL},
        "new": {"name": "one", "instruction": "# Counts lines\n\nwc -l\n"},
        "change": {"instruction": "---\ndescription: Counts words\nlicense: MIT\n---\n\nwc -w\n"},
        "engine": {"description": "Counts lines", "text": "# Counts lines\n\nwc -l\n"},
        "changed": {"description": "Counts words", "license": "MIT", "text": "wc -w"},
        "said": ("Skill created successfully", "Skill updated successfully", "Skill deleted successfully"),
    },
}
SLASH = {**NEEDS["/api/slash-commands"]}
AGENT = {**NEEDS["/api/agents"]}
SERVER = {
    "needs": {"name": STRING},
    "new": {"command": "/usr/bin/npx", "args": ["-y", "server"], "env": {"KEY": "${KEY}"}},
    "change": {"name": "ignored", "command": "uvx", "args": [], "env": {}},
    "engine": {"transport": "stdio", "command": "/usr/bin/npx", "args": ["-y", "server"], "env": {"KEY": "${KEY}"}, "enabled": True},
    "changed": {"transport": "stdio", "command": "uvx", "args": [], "env": {}, "enabled": True},
    "said": NEEDS["/api/mcp"]["said"],
    "name": "npx",
}
NEEDS |= {f"/api/{platform}/slash-commands": SLASH for platform in ("codex", "gemini", "qwen", "iflow", "droid")}
NEEDS["/api/codex/slash-commands"] = {**SLASH, "engine": {"description": None, "text": "Commit $ARGUMENTS", "enabled": True},
                                      "changed": {"description": "Commits", "text": "Commit", "enabled": True}}
NEEDS |= {f"/api/{platform}/mcp": SERVER for platform in ("codex", "gemini", "qwen", "iflow", "droid")}
NEEDS["/api/iflow/mcp"] = {**SERVER, "needs": {}, "key": "/usr/bin/npx", "changed_key": "uvx"}
NEEDS |= {f"/api/{platform}/agents": AGENT for platform in ("iflow", "droid")}
NEEDS["/api/iflow/plugins"] = NEEDS["/api/plugins"]
NEEDS["/api/droid/droids"] = {
    "needs": {"name": STRING, "model": STRING, "systemPrompt": STRING},
    "new": {"name": "one", "description": None, "model": "glm", "reasoningEffort": "low", "tools": ["Read"], "systemPrompt": TEXT},
    "change": {"name": "one", "description": "Reads", "model": "glm", "reasoningEffort": None, "tools": None, "systemPrompt": "Read."},
    "engine": {"description": "one", "model": "glm", "effort": "low", "tools": ["Read"], "system_prompt": TEXT, "enabled": True},
    "changed": {"description": "Reads", "model": "glm", "effort": None, "tools": None, "system_prompt": "Read.", "enabled": True},
    "said": ("Droid added successfully", "Droid updated successfully", "Droid deleted successfully"),
}
TOKEN = secret()
NEEDS["/api/codex/profiles"] = {
    "needs": {"name": STRING, "base_url": STRING, "auth_token": STRING, "model": STRING, "usage_count": int, "enabled": BOOL, "extra": MAP},
    "new": {"name": "one", "base_url": "https://x.example", "auth_token": TOKEN, "model": "gpt", "description": "", "enabled": True, "extra": {"wire_api": "chat"}},
    "change": {"name": "one", "base_url": "https://y.example", "auth_token": f"{TOKEN[:4]}...{TOKEN[-4:]}", "model": "gpt", "tags": ["x"], "enabled": False},
    "engine": {"base_url": "https://x.example", "model": "gpt", "extra": {"wire_api": "chat"}, "enabled": True},
    "changed": {"base_url": "https://y.example", "model": "gpt", "tags": ["x"], "extra": {"wire_api": "chat"}, "enabled": False},
    "said": ("Profile added successfully", "Profile updated successfully", "Profile deleted successfully"),
}
NEEDS["/api/droid/models"] = {
    "needs": {"model": STRING, "displayName": STRING, "baseUrl": STRING, "apiKey": STRING, "provider": STRING},
    "new": {"model": "openai/gpt-x", "displayName": None, "baseUrl": "https://x.example", "apiKey": TOKEN, "provider": "openai", "maxOutputTokens": ""},
    "change": {"model": "openai/gpt-x", "displayName": "gpt-x", "baseUrl": "https://y.example", "apiKey": f"{TOKEN[:4]}...{TOKEN[-4:]}",
               "provider": "openai", "maxOutputTokens": 4000},
    "engine": {"model": "openai/gpt-x", "base_url": "https://x.example", "provider": "openai", "max_output_tokens": None},
    "changed": {"model": "openai/gpt-x", "base_url": "https://y.example", "provider": "openai", "max_output_tokens": 4000},
    "said": ("Model added successfully", "Model updated successfully", "Model deleted successfully"),
    "name": "gpt-x", "key": "openai/gpt-x", "changed_key": "openai/gpt-x",
}
NEEDS["/api/droid/plugins"] = {
    "needs": {"id": STRING, "data": MAP},
    "new": {"id": "one@team", "data": {"version": "1.0.0"}},
    "change": {"data": {"marketplace": "team", "version": "1.1.0", "description": "Number one"}},
    "engine": {"marketplace": "team", "version": "1.0.0", "description": None},
    "changed": {"marketplace": "team", "version": "1.1.0", "description": "Number one"},
    "said": ("Plugin added successfully", "Plugin updated successfully", "Plugin deleted successfully"),
}
NEEDS["/api/droid/profiles"] = {
    "needs": {"name": STRING, "base_url": STRING, "api_key": STRING, "model": STRING, "usage_count": int, "enabled": BOOL},
    "new": {"name": "one", "base_url": "https://x.example", "api_key": TOKEN, "model": "glm", "max_output_tokens": 4000, "display_name": "Ours", "enabled": True},
    "change": {"name": "one", "base_url": "https://y.example", "api_key": f"{TOKEN[:4]}...{TOKEN[-4:]}", "model": "glm", "max_output_tokens": "",
               "display_name": None, "usage_count": 0, "enabled": False},
    "engine": {"base_url": "https://x.example", "model": "glm", "enabled": True},
    "changed": {"base_url": "https://y.example", "model": "glm", "extra": {}, "enabled": True},
    "said": ("Profile added successfully", "Profile updated successfully", "Profile deleted successfully"),
}
KINDS = {kind["name"]: kind for kind in json.loads(subprocess.run([BINARY, "kinds", "--json"], check=True, capture_output=True,
                                                                  env=clean_environment()).stdout)}
# Of those that can only be read, some have nothing behind them: the CLI has no such thing.
THERE = [path for path in NEEDS if PAGES[path]["platform"] in KINDS[PAGES[path]["kind"]]["platforms"]]
WRITTEN = [path for path in THERE if "add" in PAGES[path]["operations"]]
KEYS = {path: next((member["name"] for member in page["members"] if member["form"] == "name"), None) for path, page in PAGES.items()}


def listed(client, path):
    """The list of a page, every key that it needs there and of its type."""
    page, needs = PAGES[path], NEEDS[path]["needs"]
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    data = body = answer.json()
    if not page["bare"]:
        assert body["success"] is True and body["message"] is None
        data = body["data"]
    found = data[page["key"]] if page["key"] else data
    assert isinstance(found, list)
    if page["folders"]:
        assert isinstance(data["folders"], list)
    for one in found:
        for name, kind in needs.items():
            assert isinstance(one[name], kind), (path, name, one)
    return found


def engine(path, name=None):
    page = PAGES[path]
    return f"/api/resources/{page['platform']}/{page['kind']}" + (f"/{quote(name)}" if name else "")


def holds(client, path, name, values):
    shown = client.get(engine(path, name))
    assert shown.status_code == 200, shown.text
    assert {column: shown.data[column] for column in values} == values


def name_of(path):
    """What the engine calls the row's new one."""
    return NEEDS[path].get("name") or NEEDS[path]["new"][KEYS[path]]


def seed(client):
    """One of everything that can be made on the pages."""
    create(client, "relay", provider="example", tags=["x"])
    for path in WRITTEN:
        if path != "/api/droid/droids":  # the same as its agents
            assert client.post(path, json=NEEDS[path]["new"]).status_code == 200, path
    agent = {"name": "one", "description": "x", "system_prompt": "x"}
    assert client.post("/api/resources/iflow/agent", json=agent).status_code == 201  # which the page only reads
    assert client.put("/api/statusline", json={"command": "date", "enabled": True}).status_code == 200
