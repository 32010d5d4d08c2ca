"""Configs (profiles) of one platform: reading, writing, switching, secrets, revisions, roles."""

import json
import subprocess
import tomllib

import pytest

from configs import (BASE, PLATFORMS, acting_in, ada, create, everything, exported, history, imported, mask,  # noqa: F401
                     names_of, new_workspace, pointers, quote, read, refused, secret, secrets_made, stored_before, switch, system,
                     team, token_of, users, wrong_fields)
from people import at_once
from stack import as_user, clean_environment, new_folder, pg_program

FULL = {"description": "Relay of the team", "model": "claude-sonnet-4-5", "small_fast_model": "claude-haiku",
        "provider": "acme",
        "provider_type": "third_party_model", "account": "work", "tags": ["a", "生产"]}


def put(client, config, /, **fields):
    return client.put(f"/api/configs/{quote(config)}", json={"base_url": BASE, "auth_token": "x" * 20, **fields})


# ---- reading and adding ----

def test_nothing_yet(ada):
    assert ada.get("/api/configs").json() == {"current_config": "default", "default_config": "default", "configs": [],
                                              "total": 0,
                                              "platform": "claude"}
    refused(ada.get("/api/configs/current"), 404, "NOT_FOUND")
    assert ada.get("/api/validate").json() == "All configurations are valid"
    assert ada.get("/api/history").json() == {"entries": [], "total": 0}


def test_every_field_is_stored(ada):
    """The backend this replaces dropped small_fast_model, provider, account and tags."""
    token = create(ada, "full", **FULL)
    expected = {"name": "full", "base_url": BASE, "auth_token": mask(token), "is_current": False, "is_default": False,
                "usage_count": 0, "enabled": True, "platform": "claude", "revision": 1, **FULL}
    assert read(ada, "full") == expected
    assert ada.get("/api/configs").json() == {"current_config": "default", "default_config": "default",
                                              "configs": [expected],
                                              "total": 1, "platform": "claude"}


def test_the_answer_to_adding(ada):
    answer = ada.post("/api/configs", json={"name": "a", "base_url": BASE, "auth_token": secret()})
    assert answer.status_code == 201
    assert answer.json() == {"success": True, "data": "Configuration added successfully", "message": None}


def test_what_the_form_sends(ada):
    """Empty strings for what is not filled in, and keys of the template."""
    create(ada, "form", description="", model=" ", small_fast_model="", provider="", provider_type="", account="", id="tpl",
           label="Relay", icon="🔁")
    stored = read(ada, "form")
    assert stored["description"] == "" and stored["tags"] is None
    assert [stored[key] for key in ("model", "small_fast_model", "provider", "provider_type", "account")] == [None] * 5


@pytest.mark.parametrize("sent, stored", [
    ({"model": "  m\t"}, {"model": "m"}), ({"base_url": f" {BASE}/v1\n"}, {"base_url": f"{BASE}/v1"}),
    ({"provider_type": "something else"}, {"provider_type": None}), ({"tags": []}, {"tags": None}),
    ({"tags": None}, {"tags": None}),
    ({"provider_type": "official_relay"}, {"provider_type": "official_relay"}), ({"model": None}, {"model": None}),
    ({"description": "two\nlines\tand \"quotes\" \\ 😀 \u2028"}, {"description": "two\nlines\tand \"quotes\" \\ 😀 \u2028"}),
    ({"description": "é" * 2000}, {"description": "é" * 2000}), ({"name": "  padded "}, {"name": "padded"}),
])
def test_values_as_stored(ada, sent, stored):
    name = stored.get("name", "relay")
    create(ada, **{"name": "relay", **sent})
    assert read(ada, name).items() >= stored.items()


def test_all_wrong_fields_are_named_at_once(ada):
    answer = ada.post("/api/configs",
                      json={"name": " ", "base_url": "ftp://x", "tags": "a", "model": "m" * 201, "enabled": 3})
    assert wrong_fields(answer) == ["name", "enabled", "base_url", "auth_token", "model", "tags"]
    assert names_of(ada) == []


@pytest.mark.parametrize("field, value", [
    ("base_url", "example.org"), ("base_url", "javascript:alert(1)"), ("base_url", "http://"), ("base_url", "https://a b"),
    ("base_url", "https://a\"b"), ("base_url", "https://" + "x" * 2000), ("base_url", 1), ("base_url", None),
    ("base_url", ""),
    ("auth_token", ""), ("auth_token", "   "), ("auth_token", "t" * 16385), ("auth_token", ["x"]),
    ("auth_token", "a\u0007b"),
    ("description", "x" * 2001), ("description", "bell\u0007"), ("description", {}), ("account", "x" * 201),
    ("account", False),
    ("tags", ["x"] * 51), ("tags", [1]), ("tags", ["x" * 1001]), ("tags", {"a": "b"}), ("model", "del\u007f"),
])
def test_wrong_fields(ada, field, value):
    body = {"name": "relay", "base_url": BASE, "auth_token": secret(), field: value}
    answer = ada.post("/api/configs", json=body)
    assert wrong_fields(answer) == [field]
    assert field == "auth_token" or body["auth_token"] not in answer.text
    assert names_of(ada) == []


def test_a_name_only_once(ada):
    create(ada, "twice")
    answer = ada.post("/api/configs", json={"name": "twice", "base_url": BASE, "auth_token": secret()})
    assert refused(answer, 409, "CONFLICT")["message"] == "Config 'twice' already exists"
    answers = at_once(*[lambda client=acting_in(ada, ada.workspace): client.post(
        "/api/configs", json={"name": "race", "base_url": BASE, "auth_token": secret()}).status_code for _ in range(6)])
    assert sorted(answers) == [201] + [409] * 5
    assert sorted(names_of(ada)) == ["race", "twice"]


def test_order_and_pages(ada):
    for name in ("zeta", "alpha", "mu", "beta"):
        create(ada, name)
    assert names_of(ada) == ["zeta", "alpha", "mu", "beta"], "the order in which they were added"
    page = ada.get("/api/configs?limit=2&offset=1").json()
    assert [config["name"] for config in page["configs"]] == ["alpha", "mu"] and page["total"] == 4
    assert ada.get("/api/configs?offset=4").json()["configs"] == []
    for query in ("limit=0", "limit=1001", "limit=x", "offset=-1", "limit=1&limit=2", "offset=1e3"):
        refused(ada.get(f"/api/configs?{query}"), 400, "VALIDATION_ERROR")


# ---- names ----

@pytest.mark.parametrize("name",
                         ["a", "Relay-1_b.c", "张三", "Ünïcödé", "हिन्दी", "ภาษาไทย", "العربية", "名" * 100, "x" * 100, "...",
                          ".hidden", "-", "1", "Current", "enable", "revisions"])
def test_names_of_any_script(ada, name):
    create(ada, name)
    path = f"/api/configs/{quote(name)}"
    assert read(ada, name)["name"] == name and names_of(ada) == [name]
    assert ada.get(f"/api/configs/{name}").json()["name"] == name, "as the frontend sends it, not encoded"
    assert ada.patch(f"{path}/disable").data == f"Configuration '{name}' disabled"
    switch(ada, name)
    assert ada.get("/api/configs/current").json()["name"] == name
    create(ada, "other")
    switch(ada, "other")
    assert ada.get(f"{path}/revisions").data["total"] == 2
    assert ada.delete(path).status_code == 200
    assert names_of(ada) == ["other"]


@pytest.mark.parametrize("name",
                         ["..", ".", "x" * 101, "名" * 101, "a\nb", "a\u007f", "a\u0085b", "a/..", "../../a"])
def test_names_that_will_not_do(ada, name):
    answer = ada.post("/api/configs", json={"name": name, "base_url": BASE, "auth_token": secret()})
    assert wrong_fields(answer) == ["name"]
    assert any(told in answer.json()["message"] for told in ("1 to 100 characters", "control characters"))
    if ".." in name or name == ".":  # Nginx takes those for folders
        return
    path = f"/api/configs/{quote(name)}"
    assert f"Config '{name}' not found" == refused(ada.get(path), 404, "NOT_FOUND")["message"]
    refused(put(ada, name), 404, "NOT_FOUND")
    refused(ada.delete(path), 404, "NOT_FOUND")
    assert wrong_fields(ada.post("/api/switch", json={"config_name": name})) == ["config_name"]
    assert names_of(ada) == []


@pytest.mark.parametrize("name", ["settings", "current_config", "default_config", "current", "switch"])
def test_reserved_names(ada, name):
    answer = ada.post("/api/configs", json={"name": name, "base_url": BASE, "auth_token": secret()})
    assert wrong_fields(answer) == ["name"] and f"'{name}' is a reserved name" in answer.json()["message"]


def test_an_encoded_slash_is_part_of_the_name(ada):
    create(ada, "a")
    refused(ada.get("/api/configs/a%2Frevisions"), 404, "NOT_FOUND")
    refused(ada.patch("/api/configs/a%2Fdisable"), 405, "METHOD_NOT_ALLOWED")
    assert read(ada, "a")["enabled"]
    answer = ada.get("/api/configs/a%2F..%2F..%2Fetc%2Fpasswd")
    assert refused(answer, 404, "NOT_FOUND")["message"] == "Config 'a/../../etc/passwd' not found"


# ---- changing ----

def test_a_put_replaces_the_editable_fields(ada):
    create(ada, "relay", **FULL)
    switch(ada, "relay")
    ada.patch("/api/configs/relay/disable")
    token = secret()
    answer = put(ada, "relay", name="ignored", auth_token=token, base_url=f"{BASE}/new", model="m2")
    assert answer.json() == {"success": True, "data": "Configuration updated successfully", "message": None}
    assert read(ada, "relay") == {
        "name": "relay", "base_url": f"{BASE}/new", "auth_token": mask(token), "model": "m2", "description": "",
        "small_fast_model": None, "provider": None, "provider_type": None, "account": None, "tags": None, "usage_count": 1,
        "enabled": False, "is_current": True, "is_default": False, "platform": "claude", "revision": 3}
    refused(put(ada, "nobody"), 404, "NOT_FOUND")
    assert names_of(ada) == ["relay"]


def test_saving_from_the_form_loses_nothing(ada):
    """Read, change one thing, send everything back: as the edit dialog does, with the masked token in it."""
    token = create(ada, "relay", **FULL)
    form = read(ada, "relay")
    assert put(ada, "relay", **{**form, "description": "changed"}).status_code == 200
    assert read(ada, "relay") == {**form, "description": "changed", "revision": 2}
    assert token_of(ada, "relay") == token


@pytest.mark.parametrize("length", [4, 10, 11, 40])
def test_a_masked_token_means_unchanged(ada, length):
    token = secret(length)
    create(ada, "relay", auth_token=token)
    masked = read(ada, "relay")["auth_token"]
    assert masked == mask(token)
    put(ada, "relay", auth_token=masked)
    assert token_of(ada, "relay") == token
    put(ada, "relay", auth_token=masked + "x")
    assert token_of(ada, "relay") == masked + "x", "anything else is a new token"


def test_masks_count_characters(ada):
    create(ada, "short", auth_token="密" * 10)
    create(ada, "long", auth_token="密钥一二三四五六七八九")
    assert [read(ada, name)["auth_token"] for name in ("short", "long")] == ["*" * 10, "密钥一二...六七八九"]


def test_keys_of_the_file_survive_the_form(ada):
    imported(ada, f'[relay]\napi_mode = "custom"\nbase_url = "{BASE}"\nauth_token = "{secret()}"\nretries = 3\nratio = 0.5\n'
                  'headers = {X-Team = "a"}\nsince = 2024-05-01T07:32:00Z\n')
    form = read(ada, "relay")
    assert put(ada, "relay", **{**form, "model": "m", "provider_type": "official_relay"}).status_code == 200
    text = exported(ada, include_secrets=True)
    for line in ('api_mode = "custom"', "retries = 3", "ratio = 0.5", "since = 2024-05-01T07:32:00Z", 'X-Team = "a"',
                 'model = "m"',
                 'provider_type = "official_relay"'):
        assert line in text, text


def test_delete(ada):
    create(ada, "a")
    create(ada, "b")
    switch(ada, "b")
    answer = ada.delete("/api/configs/a")
    assert answer.json() == {"success": True, "data": "Configuration deleted successfully", "message": None}
    refused(ada.get("/api/configs/a"), 404, "NOT_FOUND")
    assert refused(ada.delete("/api/configs/a"), 404, "NOT_FOUND")["message"] == "Config 'a' not found"
    answer = ada.delete("/api/configs/b")
    assert refused(answer, 409, "CONFLICT")["message"] == "Cannot delete current config 'b'"
    assert names_of(ada) == ["b"]


def test_the_default_may_be_deleted(ada):
    imported(ada, f'default_config = "a"\ncurrent_config = "b"\n[a]\nbase_url = "{BASE}"\nauth_token = "t"\n'
                  f'[b]\nbase_url = "{BASE}"\nauth_token = "t"\n')
    assert read(ada, "a")["is_default"] and read(ada, "b")["is_current"]
    assert ada.delete("/api/configs/a").status_code == 200
    assert pointers(ada) == ("b", "b"), "the first of those that are left is the default now"


@pytest.mark.parametrize("verb, other", [("disable", "enable"), ("enable", "disable")])
def test_enable_and_disable(ada, verb, other):
    create(ada, "relay")
    switch(ada, "relay")
    ada.patch(f"/api/configs/relay/{other}")
    before = read(ada, "relay")["revision"]
    for _ in range(2):
        answer = ada.patch(f"/api/configs/relay/{verb}")
        assert answer.json() == {"success": True, "data": f"Configuration 'relay' {verb}d", "message": None}
        config = read(ada, "relay")
        assert config["enabled"] is (verb == "enable") and config["revision"] == before + 1, "the second time changes nothing"
        assert config["is_current"]
    assert refused(ada.patch(f"/api/configs/nobody/{verb}"), 404, "NOT_FOUND")["message"] == "Config 'nobody' not found"


# ---- switching ----

@pytest.mark.parametrize("path", ["/api/switch", "/api/configs/switch"])
def test_switch(ada, path):
    tokens = [create(ada, name, model=name) for name in ("a", "b")]
    for name in ("a", "b", "b"):
        answer = ada.post(path, json={"config_name": name})
        assert (answer.status_code, answer.json()) == (200, "Configuration switched successfully")
    assert pointers(ada) == ("b", "default")
    assert [(config["name"], config["is_current"], config["usage_count"])
            for config in ada.get("/api/configs").json()["configs"]] == [
        ("a", False, 1), ("b", True, 2)], "the current one may be switched to, and that counts"
    assert ada.get("/api/configs/current").json() == read(ada, "b")
    last, middle, first = history(ada, "?operation=switch")
    assert [(entry["from_config"], entry["to_config"]) for entry in (first, middle, last)] == [
        ("default", "a"), ("a", "b"), ("b", "b")]
    assert {change["key"]: (change["old_value"], change["new_value"]) for change in middle["changes"]} == {
        "ANTHROPIC_AUTH_TOKEN": (mask(tokens[0]), mask(tokens[1])), "ANTHROPIC_MODEL": ("a", "b")}
    assert last["changes"] == [] and first["actor"] == "ada"


def test_a_disabled_config_may_be_switched_to(ada):
    create(ada, "relay")
    ada.patch("/api/configs/relay/disable")
    switch(ada, "relay")
    assert read(ada, "relay")["is_current"] and not read(ada, "relay")["enabled"]


BROKEN = {
    "no-url": ('auth_token = "t"', "base_url must not be empty", "base_url 不能为空"),
    "empty-url": ('base_url = ""\nauth_token = "t"', "base_url must not be empty", "base_url 不能为空"),
    "ftp": ('base_url = "ftp://x"\nauth_token = "t"', "base_url must start with http:// or https://",
            "base_url 必须以 http:// 或 https:// 开头"),
    "no-token": (f'base_url = "{BASE}"', "auth_token must not be empty", "auth_token 不能为空"),
    "empty-token": (f'base_url = "{BASE}"\nauth_token = ""', "auth_token must not be empty", "auth_token 不能为空"),
    "model": (f'base_url = "{BASE}"\nauth_token = "t"\nmodel = " "', "model must not be empty", "model 不能为空"),
}


@pytest.fixture
def broken(system, ada):
    for name, (lines, _, _) in BROKEN.items():
        left = tomllib.loads(lines)
        stored_before(system, ada, name, base_url=left.get("base_url"), model=left.get("model"),
                      **({} if left.get("auth_token") else {"auth_token": None}))
    create(ada, "good")
    return ada


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_used_is_not_switched_to(broken, name):
    switch(broken, "good")
    answer = broken.post("/api/switch", json={"config_name": name})
    assert refused(answer, 400, "VALIDATION_ERROR")["message"] == f"Validation failed: {BROKEN[name][1]}"
    answer = broken.post("/api/switch", json={"config_name": name}, headers={"Accept-Language": "zh-CN"})
    assert answer.json()["message"] == f"验证失败: {BROKEN[name][2]}"
    assert pointers(broken)[0] == "good" and read(broken, name)["usage_count"] == 0
    assert len(history(broken, "?operation=switch")) == 1


def test_validate(broken):
    answer = broken.get("/api/validate")
    assert wrong_fields(answer) == list(BROKEN), "the backend this replaces always said that all is well"
    failures = {failure["field"]: failure["message"] for failure in answer.json()["error"]["details"]["fields"]}
    for name, (_, english, _) in BROKEN.items():
        assert failures[name] == f"Validation failed: {english}"
        broken.delete(f"/api/configs/{name}")
    assert broken.get("/api/validate").json() == "All configurations are valid"


@pytest.mark.parametrize("body",
                         [{"config_name": "nobody"}, {"config_name": ""}, {"config_name": None}, {"config_name": 1}, {},
                          None])
def test_switch_to_nothing(ada, body):
    create(ada, "relay")
    assert wrong_fields(ada.post("/api/switch", json=body)) == ["config_name"]
    assert pointers(ada)[0] == "default"


def test_pointers_to_nothing(ada):
    imported(ada, f'default_config = "gone"\ncurrent_config = "lost"\n[a]\nbase_url = "{BASE}"\nauth_token = "t"\n')
    assert pointers(ada) == ("lost", "gone")
    assert not read(ada, "a")["is_current"] and not read(ada, "a")["is_default"]
    assert ada.get("/api/configs/current").json()["name"] == "a"
    switch(ada, "a")
    assert pointers(ada) == ("a", "gone")
    assert history(ada, "?operation=switch")[0]["from_config"] == "lost"


def test_without_a_choice_the_default_is_current(team):
    imported(team.editor, f'default_config = "a"\n[a]\nbase_url = "{BASE}"\nauth_token = "t"\n')
    assert pointers(team.viewer) == ("a", "a") and read(team.viewer, "a")["is_current"]
    assert team.viewer.get("/api/configs/current").json()["name"] == "a"


# ---- platforms ----

def test_platforms_are_apart(ada):
    tokens = {platform: create(ada, "same", platform, description=platform) for platform in PLATFORMS}
    create(ada, "only-codex", "codex")
    for platform in PLATFORMS:
        config = read(ada, "same", platform)
        assert (config["description"], config["platform"], config["auth_token"]) == (
            platform, platform, mask(tokens[platform]))
        assert ada.get(f"/api/configs?platform={platform}").json()["platform"] == platform
    switch(ada, "same", "codex")
    assert pointers(ada, "codex")[0] == "same" and pointers(ada)[0] == "default"
    assert names_of(ada) == ["same"] and names_of(ada, "codex") == ["same", "only-codex"]
    assert ada.delete("/api/configs/same?platform=gemini").status_code == 200
    assert names_of(ada, "gemini") == [] and names_of(ada) == ["same"]
    assert token_of(ada, "same", "droid") == tokens["droid"]
    assert {entry["platform"] for entry in history(ada)} == set(PLATFORMS)


def test_changes_outside_claude_are_named_by_the_configs_own_keys(ada):
    create(ada, "a", "codex", model="m")
    switch(ada, "a", "codex")
    assert {change["key"] for change in history(ada)[0]["changes"]} == {"base_url", "auth_token", "model"}


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/api/configs", None), ("POST", "/api/configs", {"name": "x", "base_url": BASE, "auth_token": "t"}),
    ("GET", "/api/configs/current", None), ("GET", "/api/configs/a", None),
    ("PUT", "/api/configs/a", {"base_url": BASE, "auth_token": "t"}),
    ("DELETE", "/api/configs/a", None), ("PATCH", "/api/configs/a/enable", None), ("PATCH", "/api/configs/a/disable", None),
    ("POST", "/api/configs/a/reveal", None), ("GET", "/api/configs/a/revisions", None),
    ("POST", "/api/configs/a/rollback", {"revision": 1}),
    ("POST", "/api/switch", {"config_name": "a"}), ("POST", "/api/configs/switch", {"config_name": "a"}),
    ("GET", "/api/validate", None),
    ("POST", "/api/import", {"content": "[x]\n"}), ("POST", "/api/export", {}),
    ("POST", "/api/command/execute", {"command": "list"}),
])
@pytest.mark.parametrize("platform", ["Claude", "chatgpt", "claude%00", "x" * 21])
def test_unknown_platforms(ada, method, path, body, platform):
    refused(ada.request(method, f"{path}?platform={platform}", json=body), 400, "VALIDATION_ERROR")
    assert names_of(ada) == []


def test_the_users_own_platform(team):
    """`/api/configs` without a platform is about the one the user switched to, in this workspace."""
    run = team.viewer.post("/api/command/execute", json={"command": "platform", "args": ["switch", "codex"]}).data
    assert run["success"], run
    create(team.editor, "for-codex", "codex")
    create(team.editor, "for-claude")
    assert names_of(team.viewer) == ["for-codex"] and names_of(team.editor) == ["for-claude"]
    assert names_of(team.viewer, "claude") == ["for-claude"]
    switch(team.viewer, "for-codex")
    assert pointers(team.viewer) == ("for-codex", "default") and pointers(team.viewer, "claude") == ("default", "default")


# ---- secrets ----

def unconfirm(system, client):
    with system.db() as connection:
        connection.execute("UPDATE sessions SET confirmed_at = now() - interval '301 seconds' WHERE user_id = %s",
                           (client.user["id"],))


def confirm(system, client):
    return client.post("/api/auth/password/confirm", json={"password": system.passwords[client.user["username"]]})


def test_reveal(system, ada):
    token = create(ada, "relay")
    answer = ada.post("/api/configs/relay/reveal")
    assert answer.json() == {"success": True, "data": {"name": "relay", "auth_token": token}, "message": None}
    assert answer.headers["Cache-Control"] == "no-store"
    newest = history(ada)[0]
    assert (newest["operation"], newest["actor"], newest["from_config"], newest["changes"]) == (
        "reveal", "ada", "relay", [])
    refused(ada.post("/api/configs/nobody/reveal"), 404, "NOT_FOUND")


def test_reveal_asks_for_the_password(system, ada):
    token = create(ada, "relay")
    unconfirm(system, ada)
    ada.confirms = False
    answer = ada.post("/api/configs/relay/reveal")
    assert "Confirm your password first" in refused(answer, 403, "AUTHORIZATION_ERROR")["message"]
    assert history(ada, "?operation=reveal") == []
    assert confirm(system, ada).status_code == 200
    assert token_of(ada, "relay") == token


def test_nothing_to_reveal(ada):
    imported(ada, "[bare]\nmodel = 'm'\n", "codex")
    assert read(ada, "bare", "codex")["auth_token"] == "" and token_of(ada, "bare", "codex") == ""


def test_no_answer_but_reveal_holds_a_token(ada):
    token = create(ada, "relay")
    put(ada, "relay", auth_token=mask(token), description="b")
    switch(ada, "relay")
    second = secret()
    put(ada, "relay", auth_token=second)
    answers = [ada.get(path) for path in ("/api/configs", "/api/configs/relay", "/api/configs/current", "/api/history",
                                          "/api/configs/relay/revisions", "/api/validate", "/api/backups")]
    answers += [ada.post("/api/export", json={}), ada.post("/api/command/execute", json={"command": "export"}),
                ada.post("/api/command/execute", json={"command": "current"}), ada.get("/api/commands/history")]
    for answer in answers:
        assert answer.status_code == 200 and token not in answer.text and second not in answer.text, answer.url


def test_a_sealed_value_opens_only_where_it_was_sealed(system, ada, users):
    token = create(ada, "mine")
    create(ada, "copy", auth_token="something-else")
    thief = acting_in(users[1], new_workspace(users[1]))
    create(thief, "theirs")
    with everything(system) as db:
        sealed = ("(SELECT sealed FROM resources p JOIN workspaces w ON w.id = p.workspace_id"
                  " WHERE w.slug = %s AND p.name = 'mine')")
        for slug, name in ((ada.workspace, "copy"), (thief.workspace, "theirs")):
            changed = db.execute(f"UPDATE resources SET sealed = {sealed} WHERE name = %s AND workspace_id ="
                                 " (SELECT id FROM workspaces WHERE slug = %s)", (ada.workspace, name, slug))
            assert changed.rowcount == 1
    for client, name in ((ada, "copy"), (thief, "theirs")):
        confirm(system, client)
        refused(client.post(f"/api/configs/{name}/reveal"), 500, "INTERNAL_SERVER_ERROR")
        answers = [client.post(f"/api/configs/{name}/reveal"), client.post("/api/export", json={"include_secrets": True})]
        for answer in answers:
            refused(answer, 500, "INTERNAL_SERVER_ERROR")
            assert token not in answer.text
        assert client.post("/api/export", json={}).status_code == 200
    assert token_of(ada, "mine") == token
    fresh = secret()
    assert put(ada, "copy", auth_token=fresh).status_code == 200
    assert token_of(ada, "copy") == fresh, "a new token mends it"


def test_a_dump_holds_no_secret(system, ada):
    """Everything that stores something ran before this one, in this file and others; and once more here."""
    token = create(ada, "relay", **FULL)
    imported(ada, f'[other]\nbase_url = "{BASE}"\nauth_token = "{secret()}"\n', mode="replace")
    switch(ada, "other")
    password = system.passwords["ada"]
    login = system.client().post("/api/auth/login", json={"username": "ada", "password": password}).data
    made = ada.post("/api/tokens", json={"name": f"dump-{ada.workspace}", "scopes": ["read"]}).data["token"]
    command = [pg_program("pg_dump"), "-h", system.cluster.folder, "-U", "postgres", "--inserts", system.database]
    folder = new_folder()
    dump, hidden = folder / "dump.sql", folder / "hidden"
    with dump.open("wb") as file:
        subprocess.run(as_user(command), check=True, stdout=file, env=clean_environment(), cwd="/")

    def found(values):
        """Those of the values that are in the dump: thousands of them in hundreds of megabytes, all in one pass."""
        hidden.write_text("\n".join(values) + "\n", encoding="utf-8")
        return set(subprocess.run(["grep", "-aoFf", hidden, dump], capture_output=True, text=True, check=False).stdout.splitlines())

    there = {"INSERT INTO public.resources", BASE, "INSERT INTO public.backups"}
    assert found([*there, token]) == there
    values = [*secrets_made, *system.passwords.values(), login["refresh_token"], login["access_token"], made]
    assert token in values and len(values) > 6
    assert found(value for value in values if len(value) > 10) == set()


# ---- history ----

def test_history(ada):
    token = create(ada, "a", model="m1")
    put(ada, "a", auth_token=mask(token), model="m2", tags=["x"])
    switch(ada, "a")
    create(ada, "b")
    ada.patch("/api/configs/b/disable")
    ada.delete("/api/configs/b")
    exported(ada)
    entries = history(ada)
    assert [(entry["operation"], entry["from_config"], entry["to_config"]) for entry in reversed(entries)] == [
        ("create", "a", None), ("update", "a", None), ("switch", "default", "a"), ("create", "b", None),
        ("disable", "b", None),
        ("delete", "b", None), ("export", None, None)]
    assert {entry["actor"] for entry in entries} == {"ada"} and len({entry["id"] for entry in entries}) == 7
    assert [entry["timestamp"] for entry in entries] == sorted((entry["timestamp"] for entry in entries), reverse=True)
    update, created = entries[-2]["changes"], entries[-1]["changes"]
    assert update == [{"key": "model", "old_value": "m1", "new_value": "m2"},
                      {"key": "tags", "old_value": None, "new_value": '["x"]'}]
    assert {"key": "auth_token", "old_value": None, "new_value": mask(token)} in created
    assert entries[2]["changes"] == [{"key": "enabled", "old_value": "true", "new_value": "false"}]
    assert ada.get("/api/history").json()["total"] == 7
    assert [entry["operation"] for entry in history(ada, "?limit=2&offset=1")] == ["delete", "disable"]
    assert [entry["from_config"] for entry in history(ada, "?operation=create")] == ["b", "a"]
    assert history(ada, "?operation=nothing") == [] and len(history(ada, "?operation=")) == 7


def test_history_ends_at_100(ada):
    for number in range(51):
        create(ada, f"n{number}")
    for number in range(51):
        ada.delete(f"/api/configs/n{number}")
    answer = ada.get("/api/history").json()
    assert len(answer["entries"]) == answer["total"] == 100
    assert len(history(ada, "?offset=100")) == 2
    refused(ada.get("/api/history?limit=101"), 400, "VALIDATION_ERROR")


def test_refused_changes_leave_no_trace(ada):
    create(ada, "a")
    ada.post("/api/configs", json={"name": "a", "base_url": BASE, "auth_token": "t"})
    put(ada, "nobody")
    ada.put("/api/configs/a", json={"base_url": BASE, "auth_token": "t"}, headers={"If-Match": '"9"'})
    assert len(history(ada)) == 1 and ada.get("/api/configs/a/revisions").data["total"] == 1


# ---- revisions ----

def revisions(client, name, query=""):
    return client.get(f"/api/configs/{name}/revisions{query}").data


def rollback(client, name, revision, **options):
    return client.post(f"/api/configs/{name}/rollback", json={"revision": revision}, **options)


def test_revisions(ada):
    token = create(ada, "relay", **FULL)
    put(ada, "relay", auth_token=mask(token))
    ada.patch("/api/configs/relay/disable")
    switch(ada, "relay")  # no content of the config
    listed = revisions(ada, "relay")
    assert listed["total"] == 3
    assert [(entry["revision"], entry["operation"], entry["actor"]) for entry in listed["revisions"]] == [
        (3, "disable", "ada"), (2, "update", "ada"), (1, "create", "ada")]
    first = listed["revisions"][-1]
    assert {key: first["content"][key] for key in FULL} == FULL and first["auth_token"] == mask(token)
    assert not listed["revisions"][0]["content"]["enabled"] and first["content"]["enabled"]
    page = revisions(ada, "relay", "?limit=1&offset=1")
    assert [entry["revision"] for entry in page["revisions"]] == [2] and page["total"] == 3
    refused(ada.get("/api/configs/nobody/revisions"), 404, "NOT_FOUND")


def test_rollback(ada):
    token = create(ada, "relay", **FULL)
    second = secret()
    put(ada, "relay", auth_token=second, base_url=f"{BASE}/2", model="other")
    ada.patch("/api/configs/relay/disable")
    switch(ada, "relay")
    answer = rollback(ada, "relay", 1)
    assert answer.json() == {"success": True, "data": {"name": "relay", "revision": 4, "restored": 1}, "message": None}
    config = read(ada, "relay")
    assert config.items() >= {**FULL, "base_url": BASE, "enabled": True, "usage_count": 1, "is_current": True,
                              "revision": 4}.items()
    assert token_of(ada, "relay") == token
    rollback(ada, "relay", 2)
    assert token_of(ada, "relay") == second and read(ada, "relay")["base_url"] == f"{BASE}/2"
    assert [entry["operation"] for entry in revisions(ada, "relay")["revisions"]] == [
        "rollback", "rollback", "disable", "update", "create"]
    assert history(ada)[1]["operation"] == "rollback"


def test_rollback_brings_back_what_was_deleted(ada):
    imported(ada, f'[relay]\nbase_url = "{BASE}"\nauth_token = "{secret()}"\nzone = "eu"\nusage_count = 5\n')
    token = token_of(ada, "relay")
    ada.delete("/api/configs/relay")
    listed = revisions(ada, "relay")["revisions"]
    assert [(entry["revision"], entry["operation"]) for entry in listed] == [(2, "delete"), (1, "import")]
    assert rollback(ada, "relay", 2).data == {"name": "relay", "revision": 3, "restored": 2}
    assert names_of(ada) == ["relay"] and token_of(ada, "relay") == token
    assert 'zone = "eu"' in exported(ada, include_secrets=True)


def test_a_name_made_anew_keeps_its_past(ada):
    old = create(ada, "relay", model="old")
    ada.delete("/api/configs/relay")
    new = create(ada, "relay", model="new")
    assert read(ada, "relay")["revision"] == 3
    assert rollback(ada, "relay", 1).status_code == 200
    assert read(ada, "relay")["model"] == "old" and token_of(ada, "relay") == old
    assert rollback(ada, "relay", 3).status_code == 200
    assert read(ada, "relay")["model"] == "new" and token_of(ada, "relay") == new


@pytest.mark.parametrize("revision, status",
                         [(2, 404), (10**12, 404), (0, 400), (-1, 400), ("1", 400), (1.5, 400), (None, 400), (True, 400)])
def test_revisions_that_are_not_there(ada, revision, status):
    create(ada, "relay")
    assert rollback(ada, "relay", revision).status_code == status
    assert read(ada, "relay")["revision"] == 1
    assert rollback(ada, "nobody", 1).status_code == 404


def test_rollback_of_another_platform_or_workspace(ada, users):
    create(ada, "relay", "codex")
    refused(rollback(ada, "relay", 1), 404, "NOT_FOUND")
    other = acting_in(users[1], new_workspace(users[1]))
    refused(other.post("/api/configs/relay/rollback?platform=codex", json={"revision": 1}), 404, "NOT_FOUND")
    assert names_of(other, "codex") == []


# ---- tags of states: If-None-Match, If-Match ----

@pytest.mark.parametrize("path", ["/api/configs/relay", "/api/configs/current"])
def test_not_modified(ada, path):
    create(ada, "relay")
    switch(ada, "relay")
    first = ada.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"1-') and first.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"x", {tag}', f'"x",{tag} , "y"', "*", f'{tag[:-1]}-gzip"', f'W/{tag[:-1]}--gzip"', f'"a, b", {tag}'):
        again = ada.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag), known
    for other in ('"x"', tag[:-1], tag[1:], tag.replace('"', ""), '"1"', "", f'{tag[:-1]}x"'):
        assert ada.get(path, headers={"If-None-Match": other}).status_code == 200, other
    assert ada.head(path, headers={"If-None-Match": tag}).status_code == 304
    put(ada, "relay")
    changed = ada.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["ETag"] != tag


def test_the_tag_follows_everything_the_answer_says(ada):
    create(ada, "a")
    create(ada, "b")
    seen = [ada.get("/api/configs/a").headers["ETag"]]
    for change in (lambda: switch(ada, "a"), lambda: switch(ada, "a"), lambda: switch(ada, "b"),
                   lambda: ada.patch("/api/configs/a/disable"),
                   lambda: imported(ada, 'default_config = "a"\n')):
        change()
        seen.append(ada.get("/api/configs/a").headers["ETag"])
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("method, path, body", [
    ("PUT", "/api/configs/relay", {"base_url": f"{BASE}/new", "auth_token": "t"}), ("DELETE", "/api/configs/relay", None),
    ("PATCH", "/api/configs/relay/disable", None), ("PATCH", "/api/configs/relay/enable", None),
    ("POST", "/api/configs/relay/rollback", {"revision": 1}),
])
def test_writes_guarded_by_a_tag(ada, method, path, body):
    create(ada, "relay")
    before = ada.get("/api/configs/relay")
    for stale in ('"2"', '"0"', "1", 'W/"2"', '"x"', "", '"', '"11"', '"-1"', '"1', '"1garbage"'):
        answer = ada.request(method, path, json=body, headers={"If-Match": stale})
        assert answer.status_code == 412 and answer.json()["error"]["code"] == "PRECONDITION_FAILED", stale
        assert ada.get("/api/configs/relay").json() == before.json(), stale
    answer = ada.request(method, path, json=body, headers={"If-Match": f'"x", {before.headers["ETag"]}'})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("tag", ["*", '"1"', '"0", "1"', '"x" ,"1"', 'W/"1"', 'W/"1-anything-gzip"', '"1-gzip"', '"0", W/"1;br"'])
def test_tags_that_let_a_write_through(ada, tag):
    create(ada, "relay")
    assert ada.delete("/api/configs/relay", headers={"If-Match": tag}).status_code == 200


def test_the_answer_to_a_write_carries_the_next_tag(ada):
    answer = ada.post("/api/configs", json={"name": "relay", "base_url": BASE, "auth_token": secret()})
    assert answer.headers["ETag"] == '"1"' and ada.get("/api/configs/relay").headers["ETag"].startswith('"1-')
    answer = ada.put("/api/configs/relay", json={"base_url": BASE, "auth_token": "t"},
                     headers={"If-Match": answer.headers["ETag"]})
    assert answer.status_code == 200 and answer.headers["ETag"] == '"2"'
    answer = ada.put("/api/configs/relay", json={"base_url": BASE, "auth_token": "t"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 412


def test_of_two_writers_one_is_told(ada):
    create(ada, "relay")
    tag = ada.get("/api/configs/relay").headers["ETag"]
    clients = [acting_in(ada, ada.workspace) for _ in range(6)]
    statuses = at_once(*[lambda client=client: client.put("/api/configs/relay", json={"base_url": BASE, "auth_token": "t"},
                                                          headers={"If-Match": tag}).status_code for client in clients])
    assert sorted(statuses) == [200] + [412] * 5
    assert read(ada, "relay")["revision"] == 2


def test_uses_are_counted_side_by_side(team):
    create(team.editor, "relay")
    at_once(*[lambda client=client: [switch(acting_in(client, team.slug), "relay") for _ in range(5)]
              for client in (team.viewer, team.editor, team.admin, team.owner)])
    assert read(team.viewer, "relay")["usage_count"] == 20


# ---- who may ----

MATRIX = [
    ("viewer", "GET", "/api/configs", None), ("viewer", "GET", "/api/configs/a", None),
    ("viewer", "GET", "/api/configs/current", None),
    ("viewer", "GET", "/api/configs/a/revisions", None), ("viewer", "GET", "/api/history", None),
    ("viewer", "GET", "/api/validate", None),
    ("viewer", "GET", "/api/backups", None), ("viewer", "POST", "/api/export", {}),
    ("viewer", "POST", "/api/switch", {"config_name": "a"}),
    ("viewer", "POST", "/api/configs/switch", {"config_name": "a"}),
    ("editor", "POST", "/api/configs", {"name": "b", "base_url": BASE, "auth_token": "t"}),
    ("editor", "PUT", "/api/configs/a", {"base_url": BASE, "auth_token": "t"}),
    ("editor", "PATCH", "/api/configs/a/enable", None),
    ("editor", "PATCH", "/api/configs/a/disable", None), ("editor", "POST", "/api/configs/a/rollback", {"revision": 1}),
    ("editor", "POST", "/api/configs/a/reveal", None), ("editor", "POST", "/api/import", {"content": "[c]\n"}),
    ("admin", "POST", "/api/clean", {}), ("editor", "DELETE", "/api/configs/c", None),
    ("admin", "POST", "/api/export", {"include_secrets": True}),
    ("admin", "POST", "/api/backups/00000000-0000-4000-8000-000000000000/restore", None),
    ("admin", "DELETE", "/api/backups/00000000-0000-4000-8000-000000000000", None),
]


@pytest.mark.parametrize("least, method, path, body", MATRIX, ids=[f"{method} {path}" for _, method, path, _ in MATRIX])
def test_roles(team, least, method, path, body):
    token = create(team.owner, "a")
    create(team.owner, "c")
    switch(team.owner, "a")
    switch(team.viewer, "a")
    refused(team.stranger.request(method, path, json=body), 404, "NOT_FOUND")
    reached = False
    for role in ("viewer", "editor", "admin", "owner"):
        answer = getattr(team, role).request(method, path, json=body)
        reached = reached or role == least
        if reached:
            assert answer.status_code in (200, 201, 404, 409), f"{role}: {answer.text}"
            assert answer.status_code < 300 or role != least or "/backups/" in path, answer.text
        else:
            error = refused(answer, 403, "AUTHORIZATION_ERROR")
            assert f"'{least}'" in error["message"] and token not in answer.text
            assert read(team.owner, "a")["revision"] == 1, f"the refused {role} changed it"


def test_a_viewer_changes_nothing(team):
    create(team.owner, "a")
    before = team.viewer.get("/api/configs").json(), len(history(team.owner))
    for least, method, path, body in MATRIX:
        if least != "viewer":
            assert team.viewer.request(method, path, json=body).status_code == 403, path
    assert (team.viewer.get("/api/configs").json(), len(history(team.owner))) == before


def test_everybody_has_an_own_current_config(team):
    for name in ("a", "b"):
        create(team.editor, name)
    switch(team.viewer, "a")
    switch(team.editor, "b")
    assert pointers(team.viewer)[0] == "a" and pointers(team.editor)[0] == "b" and pointers(team.admin)[0] == "default"
    assert [config["is_current"] for config in team.viewer.get("/api/configs").json()["configs"]] == [True, False]
    assert team.editor.get("/api/configs/current").json()["name"] == "b"
    assert read(team.admin, "a")["usage_count"] == 1


def test_what_is_somebodys_current_config_stays(team):
    create(team.editor, "a")
    create(team.editor, "b")
    switch(team.viewer, "a")
    refused(team.owner.delete("/api/configs/a"), 409, "CONFLICT")
    switch(team.viewer, "b")
    assert team.owner.delete("/api/configs/a").status_code == 200


def test_workspaces_are_apart(ada, users):
    create(ada, "mine")
    elsewhere = acting_in(ada, new_workspace(ada))
    assert names_of(elsewhere) == [] and history(elsewhere) == []
    create(elsewhere, "mine", description="other")
    assert read(ada, "mine")["description"] == ""
    refused(acting_in(users[1], ada.workspace).get("/api/configs"), 404, "NOT_FOUND")
    personal = acting_in(ada, None)
    assert "mine" not in names_of(personal)


@pytest.fixture
def token_client(ada):
    """token_client("read", ...): a client with a personal access token of these scopes, in ada's workspace."""
    def make(*scopes, workspace=None):
        name = "-".join(scopes) + f"-{workspace or 'any'}-{ada.workspace}"
        made = ada.post("/api/tokens", json={"name": name[:100], "scopes": list(scopes), "workspace": workspace})
        assert made.status_code == 201, made.text
        client = ada.anonymous()
        client.token, client.workspace = made.data["token"], ada.workspace
        return client
    return make


def test_scopes_of_access_tokens(ada, token_client):
    create(ada, "a")
    reader, writer, chief = token_client("read"), token_client("read", "write"), token_client("read", "write", "admin")
    assert names_of(reader) == ["a"] and exported(reader)
    for client, scope in ((reader, "write"), (token_client("write"), "read"), (token_client("admin"), "read")):
        answer = client.get("/api/configs") if scope == "read" else client.post("/api/switch", json={"config_name": "a"})
        assert f"lacks the scope '{scope}'" in refused(answer, 403, "AUTHORIZATION_ERROR")["message"]
    switch(writer, "a")
    for client in (reader, writer, chief):
        for path, body in (("/api/export", {"include_secrets": True}), ("/api/configs/a/reveal", None)):
            error = refused(client.post(path, json=body), 403, "AUTHORIZATION_ERROR")
            assert "lacks the scope 'secrets'" in error["message"]
    assert history(ada)[0]["actor"] == "ada"


def test_a_token_bound_to_a_workspace(ada, users, token_client):
    client = token_client("read", workspace=ada.workspace)
    assert names_of(client) == []
    client.workspace = new_workspace(ada)
    refused(client.get("/api/configs"), 404, "NOT_FOUND")
    client.workspace = None
    create(ada, "here")
    assert names_of(client) == ["here"], "it acts in its workspace by itself"


def test_answers_are_json_written_once(ada):
    """A client's own text comes back as the same text, whatever it holds."""
    awkward = "</script> \\ \" ' \u2028 \ufeff 😀 %s {}"
    create(ada, "relay", description=awkward, account=awkward, tags=[awkward])
    config = read(ada, "relay")
    assert (config["description"], config["account"], config["tags"]) == (awkward, awkward, [awkward])
    assert json.loads(ada.get("/api/configs").content)["configs"] == [config]
