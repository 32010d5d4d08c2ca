"""The CCR commands that run inside the worker."""

import re
import subprocess
from pathlib import Path

import pytest

from configs import (BASE, acting_in, ada, create, everything, exported, history, mask, names_of, new_workspace, pointers,
                     # noqa: F401
                     read, refused, secret, stored_before, switch, system, team, users, wrong_fields)
from stack import BINARY, children

EXECUTE = ["/api/command/execute", "/api/commands/execute"]
UPSTREAM = ["init", "add", "list", "current", "switch", "enable", "disable", "validate", "history", "optimize", "platform",
            "export",
            "import", "clean", "migrate", "temp-token", "skills", "prompts", "stats", "version", "update", "check",
            "claude", "qwen",
            "gemini", "iflow"]
HERE = ["list", "current", "switch", "enable", "disable", "validate", "history", "export", "platform", "version", "help"]
ELSEWHERE = [name for name in UPSTREAM if name not in HERE]


def run(client, command, *args, path=EXECUTE[0], query="", **options):
    answer = client.post(path + query, json={"command": command, "args": list(args)}, **options)
    assert answer.status_code == 200, answer.text
    outcome = answer.data
    assert outcome["success"] is (outcome["exit_code"] == 0) and (outcome["error"] == "" or not outcome["success"])
    return outcome


def done(client, command, *args, **options):
    outcome = run(client, command, *args, **options)
    assert outcome["exit_code"] == 0, outcome
    assert outcome["output"].endswith("\n")
    return outcome["output"]


def failed(client, exit_code, command, *args, **options):
    outcome = run(client, command, *args, **options)
    assert outcome["exit_code"] == exit_code and outcome["error"].endswith("\n"), outcome
    return outcome["error"]


# ---- the list, help ----

def test_the_list(ada):
    commands = ada.get("/api/command/list").data["commands"]
    assert [command["name"] for command in commands] == [*UPSTREAM, "help"]
    for command in commands:
        assert command["usage"].startswith(f"ccr {command['name']}") and command["description"]
        assert command["examples"] and all(example.startswith(f"ccr {command['name']}") for example in command["examples"])


@pytest.mark.parametrize("name", [*UPSTREAM, "help"])
def test_help(ada, name):
    text = ada.get(f"/api/command/help/{name}").data
    assert f"Usage: ccr {name}" in text and f"  ccr {name}" in text
    assert ("developer's machine" in text) is (name in ELSEWHERE)
    for args in (("--help",), ("-h",), ("x", "--help")):
        assert done(ada, name, *args) == text
    assert done(ada, "help", name) == text


@pytest.mark.parametrize("name", ["rm", "ccr", "List", "%2e%2e", "a%2Fb", "..%2f", "%20", "list%20", "%E5%88%97"])
def test_help_of_what_is_no_command(ada, name):
    refused(ada.get(f"/api/command/help/{name}"), 400, "VALIDATION_ERROR")


def test_help_without_a_command(ada):
    lines = done(ada, "help").splitlines()
    assert [line.split()[0] for line in lines] == [*UPSTREAM, "help"]
    assert failed(ada, 1, "help", "rm") == "Command 'rm' is not allowed\n"


# ---- what runs here ----

@pytest.mark.parametrize("path", EXECUTE)
def test_both_addresses(ada, path):
    create(ada, "relay")
    outcome = run(ada, "switch", "relay", path=path)
    assert outcome == {"success": True, "output": "Switched to 'relay' (claude)\n", "error": "", "exit_code": 0,
                       "duration_ms": outcome["duration_ms"]}
    assert pointers(ada)[0] == "relay" and read(ada, "relay")["usage_count"] == 1
    assert history(ada)[0]["operation"] == "switch"


def test_list_and_current(ada):
    assert done(ada, "list") == "Platform: claude\n0 configurations\n"
    assert failed(ada, 1, "current").startswith("There is no enabled config on platform 'claude';")
    token = create(ada, "a", model="m1", description="The first")
    create(ada, "张三")
    ada.patch("/api/configs/a/disable")
    switch(ada, "a")
    lines = done(ada, "list").splitlines()
    assert lines[0] == "Platform: claude" and lines[3] == "2 configurations"
    assert lines[1].split() == ["*", "a", BASE, "m1", "(disabled)"] and lines[2].split() == ["张三", BASE, "-"]
    shown = dict(line.split(": ", 1) for line in done(ada, "current").splitlines())
    assert shown == {"Name": "a", "Description": "The first", "Base URL": BASE, "Token": mask(token), "Model": "m1",
                     "Small fast model": "-", "Provider": "-", "Type of provider": "-", "Account": "-", "Enabled": "no", "Used": "1 times"}


def test_enable_and_disable(ada):
    create(ada, "relay")
    assert done(ada, "disable", "relay", "--force") == "Configuration 'relay' disabled\n"
    assert not read(ada, "relay")["enabled"]
    assert done(ada, "enable", "relay") == "Configuration 'relay' enabled\n"
    assert read(ada, "relay")["enabled"]
    assert [entry["operation"] for entry in history(ada)[:2]] == ["enable", "disable"]


def test_validate(system, ada):
    create(ada, "good")
    assert done(ada, "validate") == "ok     good\n1 checked, 0 broken\n"
    stored_before(system, ada, "bad", auth_token=None)
    outcome = run(ada, "validate")
    assert outcome["exit_code"] == 1
    assert outcome["output"] == "ok     good\nBROKEN bad: auth_token must not be empty\n2 checked, 1 broken\n"


def test_history_command(ada):
    for name in ("a", "b"):
        create(ada, name)
        switch(ada, name)
    lines = done(ada, "history").splitlines()
    assert len(lines) == 4 and lines[0].split()[1:] == ["switch", "ada", "a", "->",
                                                        "b"] and lines[-1].split()[1:] == ["create", "ada", "a"]
    assert [line.split()[1] for line in done(ada, "history", "-l", "1").splitlines()] == ["switch"]
    assert [line.split()[1] for line in done(ada, "history", "-t", "create", "--limit",
                                             "50").splitlines()] == ["create"] * 2
    for limit in ("0", "1001", "x", "1;", "-1"):
        assert "between 1 and 1000" in failed(ada, 2, "history", "-l", limit)


def test_export_command(ada):
    token = create(ada, "relay")
    assert done(ada, "export") == exported(ada) == done(ada, "export", "--no-secrets")
    assert token not in done(ada, "export")
    assert "writes no files" in failed(ada, 2, "export", "-o", "/tmp/ccr-export-test.toml")
    assert not Path("/tmp/ccr-export-test.toml").exists()


def test_platform_command(ada):
    create(ada, "x", "codex")
    assert [line.split()[:2] for line in done(ada, "platform", "list").splitlines()] == [
        ["*", "claude"], ["codex", "Codex"], ["gemini", "Gemini"], ["qwen", "Qwen"], ["iflow", "iFlow"], ["droid", "Droid"]]
    assert done(ada, "platform", "info", "codex") == "Platform: codex (Codex CLI)\nCurrent profile: default\nProfiles: 1\n"
    assert done(ada, "platform", "switch", "codex") == "Switched to platform 'codex'\n"
    assert done(ada, "platform", "current").startswith("Platform: codex ")
    assert "* codex" in done(ada, "platform") and names_of(ada) == ["x"]
    for args in (("switch", "chatgpt"), ("info", "Claude")):
        assert "Unknown platform" in failed(ada, 1, "platform", *args)
    for args in (("switch",), ("init", "codex"), ("remove", "codex")):
        assert failed(ada, 2, "platform", *args).startswith("usage: platform")


def test_version_command(ada):
    assert done(ada, "version") == f"ccr-ui-backend {ada.get('/api/version').data['current_version']}\n"


@pytest.mark.parametrize("command, args", [
    ("switch", []), ("enable", []), ("disable", []), ("switch", [""]), ("switch", ["nobody"]), ("enable", ["nobody"]),
    ("disable", ["--force"]),
    ("switch", ["a b"]), ("switch", ["../../etc/passwd"]), ("switch", ["$(id)"]),
    ("switch", ["'; DROP TABLE resources; --"]),
])
def test_commands_that_fail(ada, command, args):
    create(ada, "relay")
    outcome = run(ada, command, *args)
    assert outcome["exit_code"] == (1 if args else 2) and outcome["error"] and outcome["output"] == ""
    assert names_of(ada) == ["relay"] and pointers(ada)[0] == "default" and len(history(ada)) == 1


def test_a_broken_config_is_not_switched_to(system, ada):
    stored_before(system, ada, "bad", base_url="ftp://x")
    assert failed(ada, 1, "switch", "bad") == "Validation failed: base_url must start with http:// or https://\n"
    assert failed(ada, 1, "switch", "bad",
                  headers={"Accept-Language": "zh"}) == "验证失败: base_url 必须以 http:// 或 https:// 开头\n"
    assert pointers(ada)[0] == "default"


def test_the_platform_of_a_command(ada):
    create(ada, "x", "gemini")
    assert done(ada, "switch", "x", query="?platform=gemini") == "Switched to 'x' (gemini)\n"
    assert pointers(ada, "gemini")[0] == "x" and pointers(ada)[0] == "default"


def test_roles(team):
    create(team.editor, "relay")
    for command in ("enable", "disable"):
        assert failed(team.viewer, 1, command, "relay") == "This needs the role 'editor' in the workspace\n"
        done(team.editor, command, "relay")
    done(team.viewer, "switch", "relay")
    refused(team.stranger.post(EXECUTE[0], json={"command": "list"}), 404, "NOT_FOUND")


# ---- what does not ----

@pytest.mark.parametrize("name", ELSEWHERE)
def test_commands_for_a_developers_machine(ada, name):
    error = failed(ada, 2, name, "now")
    assert f"Run `ccr {name}` on that machine" in error
    assert history(ada) == []


@pytest.mark.parametrize("command", ["rm", "ccr", "sh", "/bin/ls", "list; id", "LIST", "список"])
def test_what_is_no_command(ada, command):
    answer = ada.post(EXECUTE[0], json={"command": command, "args": ["-rf", "/"]})
    assert refused(answer, 400, "VALIDATION_ERROR")["message"] == f"Command '{command}' is not allowed"
    assert ada.get("/api/commands/history").data["total"] == 0


def test_no_process_is_started(system, ada):
    workers = system.backend.workers()
    for name in [*UPSTREAM, "help"]:
        run(ada, name)
        assert [children(pid) for pid in workers] == [[]] * len(workers)
    assert system.backend.workers() == workers


def test_the_program_could_not_start_one():
    imports = subprocess.run(["nm", "-D", "--undefined-only", BINARY], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1].split("@")[0] for line in imports.splitlines()}
    assert "fork" in names, "the master's, for its workers"
    assert not [name for name in names if re.match(r"(f?exec[lv]|system$|popen|posix_spawn|vfork)", name)]


@pytest.mark.parametrize("body, fields", [
    ({}, ["command"]), (None, ["command"]), ({"command": ""}, ["command"]),
    ({"command": 1, "args": "x"}, ["command", "args"]), ({"command": "list", "args": [1]}, ["args"]),
    ({"command": "list", "args": ["x"] * 17}, ["args"]), ({"command": "list", "args": ["x" * 1001]}, ["args"]),
    ({"command": "x" * 51}, ["command"]),
    ({"command": "list", "args": ["a\u0007"]}, ["args"]),
])
def test_wrong_requests(ada, body, fields):
    assert wrong_fields(ada.post(EXECUTE[0], json=body)) == fields


@pytest.mark.parametrize("body",
                         [{"command": "list"}, {"command": " list "}, {"command": "list", "args": None},
                          {"command": "list", "args": ["x"] * 16, "cwd": "/"}])
def test_bodies_that_will_do(ada, body):
    assert ada.post(EXECUTE[0], json=body).data["success"]


# ---- past runs ----

def test_past_runs(ada):
    create(ada, "relay")
    run(ada, "switch", "relay", path=EXECUTE[1])
    run(ada, "switch", "nobody")
    run(ada, "init")
    page = ada.get("/api/commands/history").data
    assert (page["total"], page["limit"], page["offset"]) == (3, 100, 0)
    assert [(entry["command"], entry["args"], entry["success"], entry["exit_code"]) for entry in page["commands"]] == [
        ("init", [], False, 2), ("switch", ["nobody"], False, 1), ("switch", ["relay"], True, 0)]
    page = ada.get("/api/commands/history?limit=1&offset=1").data
    assert [entry["args"] for entry in page["commands"]] == [["nobody"]] and page["total"] == 3


def test_past_runs_are_ones_own(team):
    create(team.editor, "relay")
    run(team.editor, "switch", "relay")
    assert team.owner.get("/api/commands/history").data["total"] == 0
    assert team.editor.get("/api/commands/history").data["total"] == 1
    assert acting_in(team.editor, new_workspace(team.editor)).get("/api/commands/history").data["total"] == 0


def test_arguments_that_may_be_secrets_are_not_kept(ada):
    token = secret()
    answer = ada.post(EXECUTE[0], json={"command": "temp-token", "args": ["set", token]})
    assert answer.data["exit_code"] == 2 and token not in answer.text
    assert ada.get("/api/commands/history").data["commands"][0]["args"] == []


# ---- what a failed statement leaves behind ----

@pytest.mark.parametrize("stored", [4294967295, 9223372036854775807])    # as CCR counts; as older versions took from files
def test_a_profile_used_as_often_as_can_be_counted_can_still_be_used(system, ada, stored):
    create(ada, "often")
    with everything(system) as connection:
        connection.execute("UPDATE resources p SET uses = %s FROM workspaces w WHERE w.id = p.workspace_id AND w.slug = %s",
                           (stored, ada.workspace))
    assert "Switched to 'often'" in done(ada, "switch", "often")
    switch(ada, "often")
    assert read(ada, "often")["usage_count"] == 4294967295, "which a file may hold"


@pytest.mark.parametrize("command", ["switch", "enable", "disable"])
def test_a_command_whose_statement_fails_says_so_and_leaves_only_its_own_row(system, ada, command):
    """Whatever the database refuses: a trigger stands for what nobody thought of."""
    create(ada, "odd", description="refused by a trigger")
    if command == "enable":
        done(ada, "disable", "odd")
    with system.cluster.connect(user="postgres", dbname=system.database) as connection:
        connection.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'numeric_value_out_of_range'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON resources FOR EACH ROW
                WHEN (OLD.listed->>'description' = 'refused by a trigger') EXECUTE FUNCTION refuse()""")
        try:
            before = ada.get("/api/configs").json()
            assert failed(ada, 1, command, "odd").strip()
            assert ada.get("/api/configs").json() == before
        finally:
            connection.execute("DROP FUNCTION refuse CASCADE")
    last = ada.get("/api/commands/history").data["commands"][0]
    assert (last["command"], last["success"], last["exit_code"]) == (command, False, 1)


def test_what_was_typed_into_the_wrong_place_is_not_kept(system, ada):
    create(ada, "relay-1")
    tokens = [secret() for _ in range(7)]
    run(ada, "switch", "relay-1")
    run(ada, "switch", tokens[0])
    run(ada, "list", tokens[1], "--force", "12")
    run(ada, "platform", "info", tokens[2])
    run(ada, "history", "-l", "5", "-t", tokens[3])
    run(ada, "help", tokens[4])
    run(ada, "switch", tokens[5], "--help")    # shows its help and succeeds
    run(ada, "enable", "-h", "relay-1", tokens[6])
    page = ada.get("/api/commands/history")
    assert [entry["args"] for entry in page.data["commands"]] == [
        ["-h", "***", "***"], ["***", "--help"], ["***"], ["-l", "5", "-t", "***"], ["info", "***"], ["***", "--force", "12"], ["***"], ["relay-1"]]
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        stored = "".join(row[0] for row in db.execute("SELECT args::text FROM command_runs").fetchall())
    for token in tokens:
        assert token not in page.text and token not in stored
