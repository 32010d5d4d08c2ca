"""One rule for what a profile may hold, whichever way it comes: form, import, rollback, command. And which files are read."""

import tomllib

import pytest

from configs import (BASE, ada, create, exported, history, import_text, imported, names_of, quote, read,  # noqa: F401
                     refused, secret, stored_before, switch, system, token_of, users, wrong_fields)

# ---- TOML 1.1 ----

NEWER = f'''[a]
base_url = "{BASE}"
auth_token = "sk-a-0123456789"
env = {{
  A = "1", # comment
  B = "2",
}}
esc = "\\e[0m\\x41"
t = 07:32
d = 1979-05-27 07:32Z
'''
OLDER = f'''[a]
base_url = "{BASE}"
auth_token = "sk-a-0123456789"
env = {{ A = "1", B = "2" }}
esc = "\\u001B[0mA"
t = 07:32:00
d = 1979-05-27T07:32:00Z
'''


def test_what_toml_1_1_added_is_read_and_written_for_older_readers(ada):
    assert imported(ada, NEWER)["added"] == 1
    assert exported(ada, include_secrets=True) == NEWER, "who wrote the file can read it"
    text = exported(ada)
    older, newer = tomllib.loads(OLDER), tomllib.loads(text)
    for key in older["a"].keys() - {"auth_token", "env", "esc"}: # those are masked
        assert newer["a"][key] == older["a"][key], key
    assert imported(ada, NEWER)["skipped"] == imported(ada, text)["skipped"] == 1


def test_what_no_toml_has_is_refused_where_it_stands(ada):
    answer = import_text(ada, "[a]\nx = 0x1.8p3\n")
    assert "hexadecimal floats (line 2, column 5)" in refused(answer, 400, "VALIDATION_ERROR")["message"]


# ---- names ----

ODD_NAMES = ["GLM 4.5", "a/b", "a?b", "a#b", "50%", "a%2Fb", "😀", "it's", 'say "hi"', "a;b", "a\\b", "<b>", "a&b", "a,b", "ⅷ",
             "a.b.c", "/a/", "团队 中转（智谱）", "[x]", "a=b", "😀" * 100, "a+b", "--force"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_may_hold_anything_that_can_stand_in_an_address(ada, name):
    path = f"/api/configs/{quote(name)}"
    create(ada, name)
    assert read(ada, name)["name"] == name and names_of(ada) == [name]
    body = {"base_url": BASE, "auth_token": secret(), "model": "m"}
    assert ada.put(path, json=body).status_code == 200
    assert ada.patch(f"{path}/disable").data == f"Configuration '{name}' disabled"
    assert ada.patch(f"{path}/enable").status_code == 200
    switch(ada, name)
    assert ada.get("/api/configs/current").json()["name"] == name
    assert history(ada, "?operation=switch")[0]["to_config"] == name
    assert token_of(ada, name) == body["auth_token"]
    command = ada.post("/api/command/execute", json={"command": "switch", "args": [name]}).data
    assert command["success"] and command["output"] == f"Switched to '{name}' (claude)\n"
    assert ada.post(f"{path}/rollback", json={"revision": 1}).status_code == 200
    assert ada.get(f"{path}/revisions").data["total"] == 5
    assert ada.post(f"{path}/copy", json={"name": f"{name[:90]} 2"}).status_code == 201
    assert ada.post(f"/api/configs/{quote(name[:90] + ' 2')}/rename", json={"name": f"{name[:90]}/3"}).status_code == 200
    assert ada.delete(f"/api/configs/{quote(name[:90] + '/3')}").status_code == 200
    text = exported(ada, include_secrets=True)
    assert tomllib.loads(text)[name]["base_url"] == BASE and tomllib.loads(text)["current_config"] == name
    create(ada, "other")
    switch(ada, "other")
    assert ada.delete(path).status_code == 200
    assert imported(ada, text)["profiles"] == [{"name": name, "result": "added"}]


def test_a_name_with_blanks_may_come_to_a_command_in_pieces(ada):
    create(ada, "GLM 4.5 air")
    for args in (["GLM", "4.5", "air"], ['"GLM', "4.5", 'air"'], ["'GLM", "4.5 air'"], ["GLM", "4.5", "air", "--force"]):
        for command in ("disable", "enable", "switch"):
            assert ada.post("/api/command/execute", json={"command": command, "args": args}).data["success"], (command, args)


def test_one_odd_name_does_not_refuse_the_file(ada):
    text = "".join(f'["{name}"]\nbase_url = "{BASE}"\nauth_token = "t-{number}"\n'
                   for number, name in enumerate(["relay", "my relay", "😀", "a/b"]))
    assert imported(ada, text)["added"] == 4 and names_of(ada) == ["relay", "my relay", "😀", "a/b"]


# ---- tokens, addresses, models ----

BAD_TOKENS = ["sk a", "sk\tb", "sk\nb", "sk-\u0007-bell", "sk\u3000b", "sk\u00a0b", "sk\u0085b", "sk\u007f"]
BAD_URLS = ["https://", "https:///x", "https://?x", "https://:443", "https://u@", "https://c c.example/", "https://a\u3000b",
            "https://x:99999", "https://x:0", "https://x:", "https://x:8a", "https://[::1", "https://[zz]", "https://a]b",
            "https://a\u0007", "ftp://x", "x", "https://a\\b"]


def in_file(value):
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) > 0x7e or c in '"\\' else c for c in value)


@pytest.mark.parametrize("field, value", [("auth_token", token) for token in BAD_TOKENS] + [("base_url", url) for url in BAD_URLS])
def test_what_no_header_and_no_address_can_hold(ada, field, value):
    create(ada, "stored")
    good = {"base_url": BASE, "auth_token": secret()}
    assert wrong_fields(ada.post("/api/configs", json={**good, "name": "new", field: value})) == [field]
    assert wrong_fields(ada.put("/api/configs/stored", json={**good, field: value})) == [field]
    text = "\n[new]\n" + "".join(f'{key} = "{in_file(text)}"\n' for key, text in {**good, field: value}.items())
    for mode in ("merge", "replace"):
        answer = import_text(ada, text, mode=mode)
        assert wrong_fields(answer) == [f"new.{field}"]
        line, column = (4, 14) if field == "auth_token" else (3, 12)
        assert answer.json()["message"].endswith(f"(line {line}, column {column})")
        assert value not in answer.text
    assert names_of(ada) == ["stored"]


@pytest.mark.parametrize("url", ["HTTPS://A.example", "http://[::1]:8080/v1", "https://中文.example/路径", "HtTp://x:65535"])
def test_addresses_that_will_do(ada, url):
    create(ada, "form", base_url=url)
    imported(ada, f'[file]\nbase_url = "{url}"\nauth_token = "t"\n')
    for name in ("form", "file"):
        assert read(ada, name)["base_url"] == url
        switch(ada, name)
    assert ada.get("/api/validate").status_code == 200


def test_a_file_is_trimmed_as_a_form_is(ada):
    blanks = {"base_url": f" {BASE}\u3000", "auth_token": "\u00a0sk-a-0123456789\n", "model": " opus\t"}
    create(ada, "form", **blanks)
    imported(ada, "[file]\n" + "".join(f'{key} = "{in_file(value)}"\n' for key, value in blanks.items()))
    for name in ("form", "file"):
        assert read(ada, name).items() >= {"base_url": BASE, "model": "opus"}.items()
        assert token_of(ada, name) == "sk-a-0123456789"


@pytest.mark.parametrize("columns, message", [
    ({"base_url": "https://c c.example/"}, "base_url must be a whole address"),
    ({"base_url": "https://"}, "base_url must be a whole address"),
])
def test_what_was_stored_before_is_found_by_validate_and_not_switched_to(system, ada, columns, message):
    stored_before(system, ada, "old", **columns)
    assert message in refused(ada.post("/api/switch", json={"config_name": "old"}), 400, "VALIDATION_ERROR")["message"]
    assert wrong_fields(ada.get("/api/validate")) == ["old"]


# ---- limits ----

@pytest.mark.parametrize("line, where", [
    ('description = "{}"'.format("x" * 2001), "description"), ('model = "{}"'.format("x" * 201), "model"),
    ('small_fast_model = "{}"'.format("x" * 201), "small_fast_model"), ('provider = "{}"'.format("x" * 201), "provider"),
    ('account = "{}"'.format("x" * 201), "account"), ('tags = [{}]'.format('"x",' * 51), "tags"),
    ('tags = ["{}"]'.format("x" * 1001), "tags"), ('tags = ["\\u0007"]', "tags"),
    ('usage_count = 4294967296', "usage_count"), ('usage_count = 9223372036854775807', "usage_count"),
    ('account = "\\u0001"', "account"),
])
def test_a_file_has_the_limits_of_the_form(ada, line, where):
    text = f'[a]\nbase_url = "{BASE}"\nauth_token = "t"\n{line}\n'
    assert wrong_fields(import_text(ada, text)) == [f"a.{where}"]
    for key in ("base_url", "auth_token"):
        long = {"base_url": f"{BASE}/" + "x" * 2000, "auth_token": "t" * 16385}[key]
        assert wrong_fields(import_text(ada, f'[a]\n{key} = "{long}"\n')) [0] == f"a.{key}"
    assert names_of(ada) == []


@pytest.mark.parametrize("key", ["current_config", "default_config"])
def test_pointers_have_the_limits_of_names(ada, key):
    for name in ("x" * 101, "..", " a"):
        answer = import_text(ada, f'{key} = "{name}"\n[a]\nbase_url = "{BASE}"\nauth_token = "t"\n')
        assert "(line 1, column 18)" in refused(answer, 400, "VALIDATION_ERROR")["message"]
    assert names_of(ada) == []


@pytest.mark.parametrize("count", [2**32 - 1, 2**63 - 1])
def test_counting_uses_ends_at_the_largest_number(system, ada, count):
    stored_before(system, ada, "often", usage_count=count)
    for _ in range(2):
        switch(ada, "often")
    assert read(ada, "often")["usage_count"] == 2**32 - 1
    command = ada.post("/api/command/execute", json={"command": "switch", "args": ["often"]})
    assert command.status_code == 200 and command.data["success"]


def test_everything_that_is_wrong_is_named_at_once(ada):
    text = '[a]\nbase_url = "x"\nauth_token = "a b"\n[b]\ntags = 1\nbase_url = "https://"\n'
    assert wrong_fields(import_text(ada, text))[:4] == ["a.base_url", "a.auth_token", "b.tags", "b.base_url"]


# ---- what each platform asks for ----

def form(client, platform, **fields):
    return client.post(f"/api/configs?platform={platform}", json={"name": "p", **fields})


@pytest.mark.parametrize("platform", ["claude", "qwen", "iflow", "droid"])
def test_platforms_that_need_address_and_token(ada, platform):
    assert wrong_fields(form(ada, platform)) == ["base_url", "auth_token"]
    assert wrong_fields(form(ada, platform, base_url=BASE, auth_token=" ")) == ["auth_token"]
    assert form(ada, platform, base_url=BASE, auth_token="t").status_code == 201


def test_codex_without_an_address_is_its_official_login(ada):
    assert form(ada, "codex").status_code == 201
    assert wrong_fields(ada.put("/api/configs/p?platform=codex", json={"base_url": BASE})) == ["auth_token"]
    assert ada.put("/api/configs/p?platform=codex", json={"base_url": " ", "auth_token": "t"}).status_code == 200
    assert ada.put("/api/configs/p?platform=codex", json={"auth_token": ""}).status_code == 200
    switch(ada, "p", "codex")
    assert ada.get("/api/validate?platform=codex").status_code == 200


def test_gemini_knows_its_own_address(ada):
    assert wrong_fields(form(ada, "gemini")) == ["auth_token"]
    assert form(ada, "gemini", auth_token="AIza0123456789").status_code == 201
    switch(ada, "p", "gemini")
    assert ada.get("/api/validate?platform=gemini").status_code == 200


@pytest.mark.parametrize("text", [
    '[default]\ndescription = "OpenAI Codex Official"\nauth_token = ""\nmodel = ""\nenabled = true\n',
    '[default]\nbase_url = ""\nauth_token = ""\n', '[default]\nmodel = "m"\n',
])
def test_the_official_login_in_a_file_stays_as_it_came(ada, text):
    imported(ada, text, "codex")
    for options in ({"include_secrets": True}, {}):
        assert tomllib.loads(exported(ada, "codex", **options)) == tomllib.loads(text)
    assert imported(ada, text, "codex")["skipped"] == 1
    switch(ada, "default", "codex")
    assert ada.get("/api/validate?platform=codex").status_code == 200


# ---- files with profiles that cannot be used ----

MIXED = f'''[good]
base_url = "{BASE}"
auth_token = "token-of-good"

[empty]

[bad]
base_url = "https://"
auth_token = "a b"
'''


@pytest.mark.parametrize("options", [{}, {"on_invalid": "refuse"}, {"on_invalid": None}, {"mode": "replace"}])
def test_a_file_with_something_invalid_is_refused_by_default(ada, options):
    create(ada, "mine")
    answer = import_text(ada, MIXED, **options)
    assert wrong_fields(answer) == ["empty.base_url", "empty.auth_token", "bad.base_url", "bad.auth_token"]
    assert "empty.base_url is required (line 5, column 1)" in answer.json()["message"]
    assert "bad.auth_token must not hold blanks or control characters (line 9, column 14)" in answer.json()["message"]
    assert names_of(ada) == ["mine"]
    assert wrong_fields(import_text(ada, MIXED, on_invalid="both")) == ["on_invalid"]


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_the_caller_may_skip_what_is_invalid(ada, mode):
    token = create(ada, "bad")
    create(ada, "other")
    dry = imported(ada, MIXED, mode=mode, on_invalid="skip", dry_run=True)
    report = imported(ada, MIXED, mode=mode, on_invalid="skip")
    rows = {row["name"]: row for row in report["profiles"]}
    assert rows["good"] == {"name": "good", "result": "added"}
    assert rows["empty"] == {"name": "empty", "result": "invalid",
                             "reason": "base_url is required (line 5, column 1)"}
    assert rows["bad"]["result"] == "invalid" and "(line 8, column 12)" in rows["bad"]["reason"]
    assert (report["added"], report["invalid"]) == (1, 2)
    assert {**dry, "dry_run": False, "backup_id": report["backup_id"]} == report
    assert sorted(names_of(ada)) == (["bad", "good"] if mode == "replace" else ["bad", "good", "other"])
    assert token_of(ada, "bad") == token, "what is stored under the name stays"


def test_a_backup_brings_back_what_an_earlier_version_let_in(system, ada):
    stored_before(system, ada, "old", base_url="ftp://x", model=" ")
    backup = imported(ada, f'[new]\nbase_url = "{BASE}"\nauth_token = "t"\n', mode="replace")["backup_id"]
    answer = ada.post(f"/api/backups/{backup}/restore")
    assert answer.status_code == 200 and answer.data["invalid"] == 0
    assert names_of(ada) == ["old"] and read(ada, "old")["base_url"] == "ftp://x"


# ---- merge ----

FULL = '''[settings]
skip_confirmation = true
theme = "dark"
nested = {a = 1, b = {c = 2, d = 1979-05-27}}
[r1]
description = "Team relay"
base_url = "https://r.example"
auth_token = "sk-1234567890abcdef"
tags = ["paid"]
wire_api = "responses"
env = {A = "1", B = "2"}
usage_count = 42
enabled = false
'''
SMALL = '''[settings]
skip_confirmation = false
nested = {b = {d = 1980-01-01, e = 3}}
[r1]
base_url = "https://r.example"
model = "m"
env = {B = "3", C = "4"}
'''


def test_a_merge_keeps_what_the_file_leaves_out(ada):
    imported(ada, FULL)
    assert imported(ada, SMALL)["updated"] == 1
    expected = tomllib.loads(FULL)
    expected["settings"] |= {"skip_confirmation": False, "nested": {"a": 1, "b": {
        "c": 2, "d": tomllib.loads("x = 1980-01-01")["x"], "e": 3}}}
    expected["r1"] |= {"model": "m", "env": {"A": "1", "B": "3", "C": "4"}}
    assert tomllib.loads(exported(ada, include_secrets=True)) == expected
    assert imported(ada, SMALL)["skipped"] == imported(ada, FULL.replace('A = "1", B = "2"', 'A = "1"'))["skipped"] == 1
    assert ada.post("/api/configs/r1/rollback", json={"revision": 1}).status_code == 200
    imported(ada, SMALL, mode="replace", on_invalid="skip")
    assert "theme" not in tomllib.loads(exported(ada))["settings"]


def test_a_merge_may_change_a_value_into_a_table_and_back(ada):
    base = f'base_url = "{BASE}"\nauth_token = "t"\n'
    for value in ('1', '{a = 1}', '{"$toml" = "x", b = 2}', '1979-05-27', '{c = 3}', '[1, 2]', '[3]'):
        imported(ada, f'[settings]\nx = {value}\n[r]\n{base}x = {value}\n')
        last = tomllib.loads(f"x = {value}")["x"]
        for table in ("settings", "r"):
            now = tomllib.loads(exported(ada, include_secrets=True))[table]["x"]
            assert now == last or (isinstance(last, dict) and now.items() >= last.items()), value


def test_a_merge_of_a_registry_keeps_what_the_file_leaves_out(ada):
    imported(ada, 'default_platform = "claude"\ncurrent_platform = "claude"\n[claude]\nenabled = true\ndescription = "d"\n')
    report = imported(ada, 'default_platform = "claude"\n[claude]\nenabled = false\n[codex]\nenabled = true\n')
    assert (report["added"], report["updated"]) == (1, 1)
    text = exported(ada, file="registry", include_secrets=True)
    assert tomllib.loads(text)["claude"] == {"enabled": False, "description": "d"}
    assert imported(ada, 'default_platform = "claude"\n[claude]\nenabled = false\n')["skipped"] == 1


def test_a_merge_takes_a_kind_of_provider_for_another(ada):
    base = f'[r]\nbase_url = "{BASE}"\nauth_token = "t"\n'
    for kind in ("official_relay", "something", "third_party_model", "other"):
        imported(ada, f'{base}provider_type = "{kind}"\n')
        assert tomllib.loads(exported(ada, include_secrets=True))["r"]["provider_type"] == kind
    imported(ada, base)
    assert tomllib.loads(exported(ada, include_secrets=True))["r"]["provider_type"] == "other"


# ---- a profile and a value of the same name ----

def test_no_profile_takes_the_place_of_a_value_at_the_top(ada):
    file = f'theme = "dark"\nlist = [1]\n[a]\nbase_url = "{BASE}"\nauth_token = "t"\n'
    create(ada, "theme")
    assert ada.delete("/api/configs/theme").status_code == 200
    imported(ada, file)
    for name in ("theme", "list"):
        answer = ada.post("/api/configs", json={"name": name, "base_url": BASE, "auth_token": "t"})
        assert wrong_fields(answer) == ["name"] and f"'{name}' is a value at the top level" in answer.json()["message"]
        answer = import_text(ada, f'[{name}]\nbase_url = "{BASE}"\nauth_token = "t"\n')
        assert wrong_fields(answer) == [name] and "(line 1, column 1)" in answer.json()["message"]
        for verb in ("copy", "rename"):
            assert wrong_fields(ada.post(f"/api/configs/a/{verb}", json={"name": name})) == ["name"]
    assert wrong_fields(ada.post("/api/configs/theme/rollback", json={"revision": 1})) == ["name"]
    assert tomllib.loads(exported(ada, include_secrets=True)) == tomllib.loads(file)
    assert create(ada, "theme", "codex"), "another platform has a file of its own"
    imported(ada, f'[theme]\nbase_url = "{BASE}"\nauth_token = "t"\n', mode="replace")
    assert names_of(ada) == ["theme"] and "dark" not in exported(ada)


def test_no_value_at_the_top_takes_the_place_of_a_profile(ada):
    token = create(ada, "theme")
    answer = import_text(ada, f'\ntheme = "dark"\n[a]\nbase_url = "{BASE}"\nauth_token = "t"\n')
    assert "(line 2, column 9)" in refused(answer, 400, "VALIDATION_ERROR")["message"]
    assert names_of(ada) == ["theme"] and token in exported(ada, include_secrets=True)


# ---- native files ----

CODEX = '''model_provider = "cliproxyapi"
model = "gpt-5.4"

[model_providers.cliproxyapi]
name = "cliproxyapi"
base_url = "http://127.0.0.1:8317/v1"
wire_api = "responses"
[projects.'C:\\Users\\someone']
trust_level = "trusted"
[plugins."computer-use@openai-bundled"]
enabled = true
[mcp_servers.fetch]
command = "uvx"
'''
NATIVE = [
    (CODEX, "config.toml (Codex CLI)"), ('model = "gpt-5.4"\n', "config.toml (Codex CLI)"),
    ('[mcp_servers.x]\ncommand = "npx"\n', "config.toml (Codex CLI)"),
    ('approval_policy = "never"\n[tui]\nnotifications = true\n', "config.toml (Codex CLI)"),
    ('[profiles.o3]\nmodel = "o3"\n', "config.toml (Codex CLI)"),
    ('[projects."/home/x"]\ntrust_level = "trusted"\n', "config.toml (Codex CLI)"),
    ('{"env": {"ANTHROPIC_AUTH_TOKEN": "sk-x"}, "permissions": {"allow": []}}', "settings.json (Claude Code)"),
    ('\ufeff\n {\n  "apiKeyHelper" : "x"\n}', "settings.json (Claude Code)"),
    ('// mine\n{\n  "selectedAuthType": "gemini-api-key", // a comment\n}\n', "settings.json (Gemini CLI, Qwen Code, iFlow)"),
    ('{"env": {"OPENAI_API_KEY": "sk-x"}, "modelProviders": {"openai": []}}', "settings.json (Qwen Code)"),
    ('{"customModels": [{"model": "m", "apiKey": "sk-x"}], "hooks": {}}', "settings.json (Droid)"),
    ('/* { */ {"mcpServers": {"env": {"modelProviders": "\\"}"}}}', "settings.json or .mcp.json"),
    ('{"mcpServers": {}}', "settings.json or .mcp.json"), ('{"OPENAI_API_KEY": null, "tokens": {}}', "auth.json (Codex CLI)"),
    ('prompt = "Clean up"\ndescription = "x"\n', "a command (Gemini CLI)"),
]


@pytest.mark.parametrize("platform", ["claude", "codex"])
@pytest.mark.parametrize("text, what", NATIVE)
def test_native_files_are_told_and_refused(ada, platform, text, what):
    for mode in ("merge", "replace"):
        answer = import_text(ada, text, platform, mode=mode)
        assert wrong_fields(answer) == ["content"] and f"content is {what}, a file of" in answer.json()["message"]
    assert "sk-x" not in answer.text and names_of(ada, platform) == []


@pytest.mark.parametrize("text", [
    f'model = "m"\n[relay]\nbase_url = "{BASE}"\nauth_token = "t"\n', 'current_config = "tui"\n[tui]\nmodel = "m"\n',
    '[relay]\nmodel = "m"\n[relay.mcp_servers.x]\ncommand = "x"\n', f'[projects]\nbase_url = "{BASE}"\nauth_token = "t"\n',
])
def test_files_of_ccr_are_taken_whatever_their_profiles_are_called(ada, text):
    imported(ada, text, "codex")
    assert tomllib.loads(exported(ada, "codex", include_secrets=True)) == tomllib.loads(text)
