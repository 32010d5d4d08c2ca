"""One resource of each kind, for the tests that run over all of them. A kind that is not here fails test_resources.py.

values   what a form would send; a text of `planted_secret()` must never be seen by a reader
change   members of a merge patch, and what they make of the resource
wrong    bodies that are refused, with the field that is named
"""

from configs import secret

planted = []


def planted_secret():
    """One of these alone: other tests make short ones, which may stand in a mask."""
    planted.append(secret())
    return planted[-1]


TEXT = "You are careful.\n\n- one\n- two\n"

KINDS = {
    "agent": {
        "values": {"description": "Reviews code 审查代码", "model": "sonnet", "tools": ["Read", "Grep"], "system_prompt": TEXT},
        "change": {"model": "opus"},
        "wrong": [({"system_prompt": TEXT}, "description"), ({"description": "x", "system_prompt": TEXT, "tools": "Read"}, "tools")],
    },
    "checkin_account": {
        "values": {"provider_id": "0b9c1b0e-6f0f-4b8e-9a55-0b7f3b6d1c11", "cookies": {"session": planted_secret()}, "api_user": "1042"},
        "change": {"api_user": "1043"},
        "wrong": [({"cookies": {}}, "provider_id"), ({"provider_id": "relay"}, "provider_id"),
                  *[({"provider_id": "0b9c1b0e-6f0f-4b8e-9a55-0b7f3b6d1c11", "cookies": {name: value}}, f"cookies.{name}")
                    for name, value in (("a b", "x"), ("a;", "x"), ("a", "x;y"), ("a", "x\ny"))]],
    },
    "checkin_provider": {
        "values": {"base_url": f"https://relay.example.org/?key={planted_secret()}", "checkin_path": "/api/user/checkin", "auth_header": "Authorization"},
        "change": {"balance_path": "/api/user/self"},
        "wrong": [({"checkin_path": "/x"}, "base_url"), *[({"base_url": "https://x.example", "checkin_path": path}, "checkin_path")
                                                          for path in ("api", "/a b", "@evil.example/")]],
    },
    "custom_model": {
        "values": {"model": "glm-4.7", "provider": "openai", "base_url": f"https://models.example.org/v1?key={planted_secret()}",
                   "api_key": planted_secret(), "extra_headers": {"X-Team": planted_secret()}, "extra_args": {"top_k": 4, "api_token": planted_secret()}},
        "change": {"provider": "anthropic"},
        "wrong": [({"model": "m"}, "provider"), ({"model": "m", "provider": "p", "base_url": "ftp://x"}, "base_url")],
    },
    "hook": {
        "values": {"event": "PreToolUse", "matcher": "Bash", "type": "command", "timeout_ms": 5000,
                   "command": f"API_TOKEN={planted_secret()}"},
        "change": {"matcher": "Edit|Write"},
        "wrong": [({"event": "Stop", "type": "command"}, "command"), ({"event": "Stop", "type": "shell"}, "type")],
    },
    "instructions": {
        "values": {"description": "House rules", "text": TEXT},
        "change": {"description": "Rules"},
        "wrong": [({"description": "x"}, "text")],
    },
    "marketplace": {
        "values": {"source": "git", "location": f"https://bot:{planted_secret()}@git.example.org/plugins.git", "headers": {"Authorization": planted_secret()}},
        "change": {"ref": "v2"},
        "wrong": [({"source": "ftp", "location": "x"}, "source")],
    },
    "mcp_server": {
        "values": {"transport": "stdio", "command": "npx", "args": ["-y", "pkg", "--api-key", planted_secret(), "--level=1"],
                   "env": {"LEVEL": planted_secret(), "FROM": "${TOKEN}"}, "headers": {"Authorization": planted_secret()},
                   "url": f"https://mcp.example.org/{planted_secret()}/mcp?token={planted_secret()}", "timeout_ms": 60000},
        "change": {"timeout_ms": 30000},
        "wrong": [({"transport": "stdio"}, "command"), ({"transport": "http"}, "url"), ({"transport": "pipe"}, "transport"),
                  ({"transport": "stdio", "command": "x", "env": {"A": 1}}, "env.A"),
                  ({"transport": "stdio", "command": "x", "env": {"": "1"}}, "env")],
    },
    "output_style": {
        "values": {"description": "Short", "text": TEXT},
        "change": {"text": "Shorter."},
        "wrong": [({"description": "x", "text": "  "}, "text")],
    },
    "permission": {
        "values": {"effect": "allow", "rule": "Bash(npm run test:*)"},
        "change": {"effect": "ask"},
        "wrong": [({"effect": "perhaps", "rule": "Read"}, "effect")],
    },
    "plugin": {
        "values": {"marketplace": "team", "version": "1.2.0"},
        "change": {"version": "1.3.0"},
        "wrong": [({"version": "1"}, "marketplace")],
    },
    "profile": {
        "values": {"description": "Relay 中转", "base_url": f"https://relay.example.org/{planted_secret()}/v1?key={planted_secret()}",
                   "auth_token": planted_secret(), "model": "opus", "tags": ["team"],
                   "extra": {"wire_api": "chat", "http_headers": {"Authorization": planted_secret()}, "n": 3}},
        "change": {"model": "sonnet"},
        "wrong": [({"base_url": "ftp://x", "auth_token": "t"}, "base_url"), ({"base_url": "https://x.example", "auth_token": "a b"}, "auth_token"),
                  ({"base_url": "https://ada:pw@x.example", "auth_token": "t"}, "base_url")],
    },
    "prompt": {
        "values": {"description": "For release notes", "tags": ["release", "文档"], "text": TEXT},
        "change": {"tags": ["release"]},
        "wrong": [({"text": TEXT, "tags": [1]}, "tags")],
    },
    "settings": {
        "values": {"value": {"API_TOKEN": planted_secret(), "url": f"https://bot:{planted_secret()}@example.org", "level": 3, "on": True}},
        "change": {"value": 30},
        "wrong": [({}, "value"), ({"value": None}, "value"), ({"value": "x" * 17000}, "value")],
    },
    "skill": {
        "values": {"description": "Counts lines 数行", "allowed_tools": ["Read"], "license": "MIT", "text": TEXT,
                   "files": {"scripts/count.sh": "#!/bin/sh\nwc -l\x07\n", "参考/logo.png": {"base64": "iVBORw0KGgo="}}},
        "change": {"license": "Apache-2.0"},
        "wrong": [({"description": "x"}, "text"), *[({"description": "x", "text": "x", "files": {path: "x"}}, f"files.{path}") for path in
                  ("../a", "/etc/passwd", "a\\b", "a/./b", "NUL.txt", "a\n", "SKILL.md", "")],
                  ({"description": "x", "text": "x", "files": {"a": 1}}, "files.a"),
                  ({"description": "x", "text": "x", "files": {"a": {"base64": "a"}}}, "files.a"),
                  ({"description": "x", "text": "x", "files": {"a/b": "", "A": ""}}, "files.A"),
                  ({"description": "x", "text": "x", "files": {"a": "", "a/b": ""}}, "files.a/b"),
                  ({"description": "x", "text": "x", "files": {"a": "x" * (512 * 1024 + 1)}}, "files.a"),
                  ({"description": "x", "text": "x", "files": {f"{n}": "x" * 400000 for n in range(3)}}, "files"),
                  ({"description": "x", "text": "x", "files": {f"{n}": "" for n in range(101)}}, "files")],
    },
    "slash_command": {
        "values": {"description": "Commits", "prompt": "Commit $ARGUMENTS"},
        "change": {"description": "Commits what is staged"},
        "wrong": [({"description": "x"}, "prompt")],
    },
    "statusline": {
        "values": {"command": "~/.claude/line.sh --token " + planted_secret()},
        "change": {"command": "date"},
        "wrong": [({}, "command")],
    },
}
