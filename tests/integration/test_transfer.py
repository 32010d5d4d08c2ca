"""Import and export of CCR's TOML files, and backups of what an import replaced."""

import math
import re
import tomllib

import pytest

from configs import (BASE, acting_in, ada, create, everything, exported, history, import_text, imported, mask,  # noqa: F401
                     names_of, new_workspace, pointers, read, refused, secret, switch, system, team, token_of, users,
                     wrong_fields)
from people import at_once
from stack import SAMPLES

FILES = {"claude": "claude-profiles.toml", "codex": "codex-profiles.toml", "gemini": "gemini-profiles.toml"}
TWO = (f'[a]\nbase_url = "{BASE}"\nauth_token = "token-of-a-in-the-file"\n\n'
       f'[b]\nbase_url = "{BASE}"\nauth_token = "token-of-b-in-the-file"\n')



def one(name):
    """A file with one profile that can be used."""
    return f'[{name}]\nbase_url = "{BASE}"\nauth_token = "token-of-{name}"\n'


# Everything TOML 1.0 has, in places where a program could lose it.
AWKWARD = r'''
"top level" = "kept"
version = 2
limits = [1, 2.0, "three", [4], {five = 5}]
default_config = "张三"

[settings]
skip_confirmation = false
nested = {deep = {deeper = [true, false]}}
"quoted key" = 1
[settings.table]
x = 0x1F

["张三"]
zone = 1979-05-27
base_url = "https://api.example.org"
enabled = false
time = 07:32:00.5
auth_token = """
several-\
    lines"""
usage_count = 4294967295
smallest = -9223372036854775808
float = 1.0
exact = 0.1
digits = 0.30000000000000004
tiny = 5e-324
huge = 1.7976931348623157e+308
endless = -inf
nothing = nan
odt = 1979-05-27T00:32:00.999999-07:00
utc = 1979-05-27T07:32:00Z
local = 1979-05-27T07:32:00
literal = 'C:\no\escapes'
escapes = "\b\t\n\f\r\"\\\u00e9\U0001F600\u007f"
empty = ""
emptiness = []
tags = ["生产", "b"]
env = {B = "2", A = "1"}
after_env = 1
"a.b" = "dotted"
a.b = "nested"
provider_type = "something_else"

["张三".sub]
z = 1
y = 2
[["张三".list]]
n = 1
[["张三".list]]
n = 2

[Second]
account = ""
auth_token = "short"
base_url = "https://b.example.org"
'''


def ordered(value):
    """Keys, values, types and the order of keys, in something that compares."""
    if isinstance(value, dict):
        return ["table", [(key, ordered(member)) for key, member in value.items()]]
    if isinstance(value, list):
        return ["array", [ordered(member) for member in value]]
    if isinstance(value, float) and math.isnan(value):
        return ["float", "nan"]
    return [type(value).__name__, value]


def parsed(text):
    return ordered(tomllib.loads(text))


def state(client, platform=None):
    """All that an import may change."""
    return (exported(client, platform, include_secrets=True),
            client.get("/api/configs" + (f"?platform={platform}" if platform else "")).json(),
            client.get("/api/backups").data["total"])


def test_the_comparison_sees_order_and_types():
    assert parsed("a = 1\nb = 2") != parsed("b = 2\na = 1")
    assert parsed("a = 1") != parsed("a = 1.0") and parsed("a = true") != parsed("a = 1")


# ---- there and back ----

@pytest.mark.parametrize("platform", FILES)
def test_samples(ada, platform):
    text = (SAMPLES / FILES[platform]).read_text()
    profiles = [key for key, value in tomllib.loads(text).items() if isinstance(value, dict) and key != "settings"]
    assert imported(ada, text, platform) == {
        "added": len(profiles), "updated": 0, "skipped": 0, "removed": 0, "invalid": 0, "dry_run": False, "kind": "profiles",
        "backup_id": None,
        "profiles": [{"name": name, "result": "added"} for name in profiles]}
    assert parsed(exported(ada, platform, include_secrets=True)) == parsed(text)
    assert pointers(ada, platform) == (tomllib.loads(text)["current_config"], tomllib.loads(text)["default_config"])
    again = imported(ada, exported(ada, platform, include_secrets=True), platform)
    assert again["skipped"] == len(profiles) and again["updated"] == again["added"] == 0


def test_the_claude_sample_as_listed(ada):
    imported(ada, (SAMPLES / FILES["claude"]).read_text())
    body = ada.get("/api/configs").json()
    assert body["current_config"] == body["default_config"] == "anthropic"
    assert [(config["name"], config["auth_token"], config["is_current"]) for config in body["configs"]] == [
        ("anthropic", "sk-a...here", True), ("relay_service", "sk-y...oken", False)]
    assert body["configs"][1].items() >= {"account": "work", "tags": ["production", "relay"], "provider": "relay",
                                          "small_fast_model": "claude-3-5-haiku-20241022"}.items()


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_everything_toml_has(ada, mode):
    report = imported(ada, AWKWARD, mode=mode)
    assert [row["name"] for row in report["profiles"]] == ["张三", "Second"]
    assert parsed(exported(ada, include_secrets=True)) == parsed(AWKWARD)
    assert imported(ada, AWKWARD, mode=mode)["skipped"] == 2
    assert parsed(exported(ada, include_secrets=True)) == parsed(AWKWARD)
    assert token_of(ada, "张三") == "several-lines" and read(ada, "张三")["usage_count"] == 2**32 - 1
    assert read(ada, "张三")["provider_type"] is None, "of a kind that is not known here; the file keeps it"


@pytest.mark.parametrize("text", [
    "[a]\nx = 1\n[b]\nx = 1\n[settings]\nx = 1\n[c]\nx = 1\n", "[settings]\n",
    "x = 1\ncurrent_config = 'a'\ny = 2\n[a]\nx = 1\n",
    "day = 1979-05-27\nx = 1\nnever = nan\ny = 2\n[a]\nz = 1\n", "[a]\nx = {y = 1}\nz = 1\n", "[a.b.c]\nd = 1\n",
    "list = [{x = 1}, {x = 2}]\ny = 1\n[a]\nx = 1\n",
    "[a]\ny = 1\n[[list]]\nx = 1\n[[list]]\nx = 2\n[b]\nz = 1\n[[more]]\n",
    "[a]\nextra_field = 'é'\n\"\" = 'empty key'\n", "settings = 'not a table'\n[a]\nx = 1\n",
    "[a]\n\"$toml\" = 'datetime'\nvalue = '2020-01-01'\n",
    "[a]\r\nx = 1\r\ny = \"\"\"a\r\nb\"\"\"\r\n", "\ufeff[a]\nx = 1\n", "[\"a.b\"]\nx = 1\n",
    "[a]\nname = 'x'\nplatform = 'y'\nid = 1\n",
    "[a]\nmodel = 'm'\n[a.model_settings]\nx = 1\n", "[a]\n[a.tags_by]\nx = 1\n", "# only a comment\n",
])
def test_shapes_of_files(system, ada, text):
    """On codex, where a profile needs nothing. What an older version took has no form to come out in."""
    imported(ada, text, "codex")
    assert exported(ada, "codex", include_secrets=True) == text
    with everything(system) as connection:
        connection.execute("DELETE FROM native_files f USING workspaces w WHERE w.id = f.workspace_id AND w.slug = %s", [ada.workspace])
    anew = exported(ada, "codex", include_secrets=True)
    by_key = [sorted(parsed(each)[1], key=lambda pair: pair[0]) for each in (anew, text.removeprefix("\ufeff"))]
    assert by_key[0] == by_key[1]


def test_as_deep_as_toml_may_be(ada):
    """Dates deep down, and keys that look like the program's own way of storing them."""
    deep = "{\"$toml\" = 1, a = " * 14 + "1979-05-27" + "}" * 14
    text = f"[settings]\nx = {'{a = ' * 30}1979-05-27{'}' * 30}\n[a]\nx = {deep}\ny = 0.30000000000000004\n"
    imported(ada, text, "codex")
    assert parsed(exported(ada, "codex", include_secrets=True)) == parsed(text)
    ada.delete("/api/configs/a?platform=codex")
    assert ada.post("/api/configs/a/rollback?platform=codex", json={"revision": 1}).status_code == 200
    assert parsed(exported(ada, "codex", include_secrets=True)) == parsed(text)
    assert imported(ada, text, "codex")["skipped"] == 1
    assert "deeper than 32" in import_text(ada,
                                           text.replace("= {a", "= {a = {a", 1).replace("}\n", "}}\n", 1)).json()["message"]


def test_what_the_api_made_is_a_file_too(ada):
    token = create(ada, "relay", description="d", model="m", tags=["x"], provider_type="official_relay", account="work")
    create(ada, "张三", "claude")
    switch(ada, "relay")
    ada.patch("/api/configs/relay/disable")
    file = tomllib.loads(exported(ada, include_secrets=True))
    assert list(file) == ["current_config", "relay", "张三"] and file["current_config"] == "relay"
    assert file["relay"] == {"description": "d", "base_url": BASE, "auth_token": token, "model": "m",
                             "provider_type": "official_relay",
                             "account": "work", "tags": ["x"], "usage_count": 1, "enabled": False}


def test_changes_by_the_api_reach_the_file(ada):
    text = (SAMPLES / FILES["codex"]).read_text()
    imported(ada, text, "codex")
    switch(ada, "github", "codex")
    token = secret()
    form = read(ada, "duckcoding", "codex")
    assert ada.put("/api/configs/duckcoding?platform=codex",
                   json={**form, "auth_token": token, "model": None}).status_code == 200
    create(ada, "third", "codex")
    file, before = tomllib.loads(exported(ada, "codex", include_secrets=True)), tomllib.loads(text)
    assert file["current_config"] == "github" and file["github"]["usage_count"] == 1
    before["duckcoding"].update(auth_token=token)
    del before["duckcoding"]["model"]
    assert ordered(file["duckcoding"]) == ordered(before["duckcoding"])
    assert list(file) == [*before, "third"]


def test_export_masks_unless_asked_otherwise(ada):
    text = (SAMPLES / FILES["codex"]).read_text()
    imported(ada, text, "codex")
    for options in ({}, {"include_secrets": False}, {"include_secrets": None}):
        masked = tomllib.loads(exported(ada, "codex", **options))
        expected = tomllib.loads(text)
        for profile in ("github", "duckcoding"):
            expected[profile]["auth_token"] = mask(expected[profile]["auth_token"])
        assert ordered(masked) == ordered(expected)
    assert [entry["operation"] for entry in history(ada, "?operation=export_secrets")] == []
    exported(ada, "codex", include_secrets=True)
    newest = history(ada)[0]
    assert (newest["operation"], newest["actor"], newest["platform"]) == ("export_secrets", "ada", "codex")


def test_the_audit_trail_says_which_file_was_exported(ada):
    create(ada, "relay")
    for options in ({"include_secrets": True}, {"include_secrets": True, "file": "registry"}, {}):
        exported(ada, **options)
    entries = ada.get("/api/audit/workspace?action=profile.export*").data["entries"]
    assert [(entry["action"], entry["target"]) for entry in entries] == [
        ("profile.export", "profiles"), ("profile.export_secrets", "registry"), ("profile.export_secrets", "profiles")]


def test_secrets_are_for_admins(team):
    token = create(team.editor, "relay")
    for role in (team.viewer, team.editor):
        answer = role.post("/api/export", json={"include_secrets": True})
        assert "'admin'" in refused(answer, 403, "AUTHORIZATION_ERROR")["message"] and token not in answer.text
        assert token not in exported(role)
    for role in (team.admin, team.owner):
        assert token in exported(role, include_secrets=True)
    assert [entry["actor"] for entry in history(team.viewer, "?operation=export_secrets")] == ["dora", "cleo"]


# ---- masked tokens ----

@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_redacted_file_leaves_the_tokens(ada, mode):
    tokens = {"long": secret(), "short": "abc", "ten": "0123456789"}
    for name, token in tokens.items():
        create(ada, name, auth_token=token)
    redacted = exported(ada)
    assert not any(token in redacted for token in tokens.values())
    assert imported(ada, redacted, mode=mode)["removed"] == 0
    assert {name: token_of(ada, name) for name in tokens} == tokens
    imported(ada, redacted.replace(f'base_url = "{BASE}"', f'base_url = "{BASE}/2"'), mode=mode)
    assert {name: token_of(ada, name) for name in tokens} == tokens and read(ada, "long")["base_url"] == f"{BASE}/2"


# ---- secrets under keys that the program does not know ----

def unknown_secrets():
    made = [secret() for _ in range(4)]
    return made, f"""[relay]
base_url = "{BASE}"
auth_token = "{secret()}"
api_key = "{made[0]}"
env_key = "RELAY_KEY"
max_tokens = 4096
headers = {{ X-Secret-Header = "{made[1]}", Accept = "text/plain" }}
credentials = ["{made[2]}", {{ user = "{made[3]}" }}]
"""


def stored_extra(system):
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        query = " UNION ALL ".join(f"SELECT concat(listed, unlisted, sealed) FROM {table}" for table in ("resources", "resource_revisions"))
        return "".join(row[0] for row in db.execute(query).fetchall())


def test_unknown_secrets_are_sealed_and_masked(system, ada):
    made, text = unknown_secrets()
    imported(ada, text)
    assert not any(value in stored_extra(system) for value in made)
    assert parsed(exported(ada, include_secrets=True)) == parsed(text)
    redacted = exported(ada)
    assert not any(value in redacted for value in made)
    shown = tomllib.loads(redacted)["relay"]
    assert (shown["api_key"], shown["env_key"], shown["max_tokens"]) == (mask(made[0]), "RELAY_KEY", 4096)
    assert shown["headers"] == {"X-Secret-Header": mask(made[1]), "Accept": mask("text/plain")}
    assert shown["credentials"] == [mask(made[2]), {"user": mask(made[3])}]
    revisions = ada.get("/api/configs/relay/revisions")
    assert revisions.data["revisions"][0]["extra"]["api_key"] == mask(made[0])
    assert not any(value in revisions.text for value in made)


def test_a_redacted_file_leaves_unknown_secrets(ada):
    made, text = unknown_secrets()
    imported(ada, text)
    redacted = exported(ada)
    assert imported(ada, redacted)["skipped"] == 1
    other = redacted.replace(mask(made[1]), "another")
    assert imported(ada, other)["updated"] == 1
    assert parsed(exported(ada, include_secrets=True)) == parsed(text.replace(made[1], "another"))


def test_unknown_secrets_come_back_with_a_deleted_profile(ada):
    _, text = unknown_secrets()
    imported(ada, text)
    assert ada.delete("/api/configs/relay").status_code == 200
    assert ada.post("/api/configs/relay/rollback", json={"revision": 1}).status_code == 200
    assert parsed(exported(ada, include_secrets=True)) == parsed(text)


def test_nobody_makes_up_a_sealed_value(ada):
    text = one("relay") + '"$sealed" = "test:AAAA"\n'
    imported(ada, text)
    assert parsed(exported(ada, include_secrets=True)) == parsed(text)


def test_a_file_without_a_token_takes_it_away_when_it_replaces(ada):
    create(ada, "relay", "codex")
    imported(ada, "[relay]\nmodel = 'm'\n", "codex")
    assert token_of(ada, "relay", "codex") != ""
    imported(ada, "[relay]\nmodel = 'm'\n", "codex", mode="replace")
    assert token_of(ada, "relay", "codex") == ""


# ---- merge ----

def test_merge(ada):
    create(ada, "b", description="old")
    create(ada, "own")
    switch(ada, "own")
    report = imported(ada, f'default_config = "a"\ncurrent_config = "a"\nshared = 1\n{TWO}')
    assert report["profiles"] == [{"name": "a", "result": "added"}, {"name": "b", "result": "updated"}]
    assert (report["added"], report["updated"], report["skipped"], report["removed"], report["backup_id"]) == (
        1, 1, 0, 0, None)
    assert pointers(ada) == ("own", "a"), "the current one stays, the default is the file's"
    assert names_of(ada) == ["b", "own", "a"] and read(ada, "b")["description"] == "old"
    report = imported(ada, TWO.replace("token-of-b", "changed-token-of-b"), mode=None)
    assert report["profiles"] == [{"name": "a", "result": "skipped"}, {"name": "b", "result": "updated"}]
    assert token_of(ada, "b") == "changed-token-of-b-in-the-file" and token_of(ada, "a") == "token-of-a-in-the-file"
    assert "shared = 1" in exported(ada) and pointers(ada) == ("own", "a")
    assert ada.get("/api/backups").data["total"] == 0


def test_the_files_current_config_counts_for_who_has_none(ada):
    imported(ada, f'current_config = "b"\n{TWO}')
    assert pointers(ada) == ("b", "default")


def test_skipped_leaves_no_trace(ada):
    imported(ada, TWO)
    before = read(ada, "a"), len(history(ada))
    assert imported(ada, TWO)["skipped"] == 2
    assert (read(ada, "a"), len(history(ada))) == before


def test_imports_are_revisions(ada):
    create(ada, "a", model="mine")
    imported(ada, TWO)
    listed = ada.get("/api/configs/a/revisions").data["revisions"]
    assert [(entry["revision"], entry["operation"]) for entry in listed] == [(2, "import"), (1, "create")]
    ada.post("/api/configs/a/rollback", json={"revision": 1})
    assert read(ada, "a")["model"] == "mine"
    changes = {change["key"]: change["new_value"] for change in history(ada, "?operation=import")[-1]["changes"]}
    assert set(changes) == {"auth_token"} and changes["auth_token"] == mask("token-of-a-in-the-file")


def test_platforms_are_apart(ada):
    imported(ada, TWO, "codex")
    assert names_of(ada, "codex") == ["a", "b"] and names_of(ada) == []
    imported(ada, one("c"), mode="replace")
    assert names_of(ada, "codex") == ["a", "b"]


# ---- replace, backups ----

def test_replace_and_restore(ada):
    imported(ada, (SAMPLES / FILES["claude"]).read_text())
    create(ada, "extra")
    switch(ada, "relay_service")
    before = state(ada)
    report = imported(ada, f'current_config = "b"\n{TWO}', mode="replace")
    assert sorted((row["name"], row["result"]) for row in report["profiles"]) == [
        ("a", "added"), ("anthropic", "removed"), ("b", "added"), ("extra", "removed"), ("relay_service", "removed")]
    assert (report["added"], report["removed"]) == (2, 3)
    assert parsed(exported(ada, include_secrets=True)) == parsed(f'current_config = "b"\n{TWO}')
    assert pointers(ada) == ("b", "default")

    listed = ada.get("/api/backups").data
    assert listed["total"] == 1
    backup = listed["backups"][0]
    assert backup.items() >= {"id": report["backup_id"], "platform": "claude", "profiles": 3, "actor": "ada",
                              "size_bytes": len(before[0].encode())}.items()
    answer = ada.post(f"/api/backups/{backup['id']}/restore")
    assert answer.status_code == 200 and answer.data["added"] == 3 and answer.data["removed"] == 2
    after = state(ada)
    assert parsed(after[0]) == parsed(before[0])
    forget = [("revision", None)]
    assert [{**config, **dict(forget)} for config in after[1]["configs"]] == [
        {**config, **dict(forget)} for config in before[1]["configs"]]
    assert pointers(ada) == ("relay_service", "anthropic")
    assert ada.get("/api/backups").data["total"] == 2, "what the restore replaced is kept, too"
    assert len(history(ada, "?operation=restore")) == 1


def test_replace_updates_what_stays(ada):
    create(ada, "b", model="m")
    create(ada, "z")
    report = imported(ada, TWO, mode="replace")
    assert sorted((row["name"], row["result"]) for row in report["profiles"]) == [
        ("a", "added"), ("b", "updated"), ("z", "removed")]
    assert names_of(ada) == ["a", "b"], "the order is the file's"
    assert ada.get("/api/configs/b/revisions").data["total"] == 2 and read(ada, "b")["model"] is None


def test_without_a_backup(ada):
    imported(ada, TWO, mode="replace")
    assert ada.get("/api/backups").data["total"] == 0, "there was nothing to keep"
    report = imported(ada, one("c"), mode="replace", backup=False)
    assert report["backup_id"] is None and ada.get("/api/backups").data["total"] == 0 and names_of(ada) == ["c"]


def test_a_backup_of_another_platform_goes_back_there(ada):
    imported(ada, TWO, "gemini")
    backup = imported(ada, one("c"), "gemini", mode="replace")["backup_id"]
    assert ada.post(f"/api/backups/{backup}/restore").status_code == 200
    assert names_of(ada, "gemini") == ["a", "b"] and names_of(ada) == []


def test_backups_are_sealed_for_their_row(system, ada):
    token = create(ada, "a")
    first = imported(ada, one("c"), mode="replace")["backup_id"]
    create(ada, "d")
    second = imported(ada, one("e"), mode="replace")["backup_id"]
    with everything(system) as db:
        content = db.execute("SELECT content FROM backups WHERE id = %s", (first,)).fetchone()[0]
        assert token not in content and BASE not in content
        db.execute("UPDATE backups SET content = %s WHERE id = %s", (content, second))
    before = names_of(ada)
    refused(ada.post(f"/api/backups/{second}/restore"), 500, "INTERNAL_SERVER_ERROR")
    assert names_of(ada) == before


def test_listing_and_deleting_backups(ada):
    ids = []
    for name in "abc":
        create(ada, name)
        ids.insert(0, imported(ada, one(f"{name}{name}"), mode="replace")["backup_id"])
    assert [backup["id"] for backup in ada.get("/api/backups").data["backups"]] == ids
    page = ada.get("/api/backups?limit=1&offset=1").data
    assert [backup["id"] for backup in page["backups"]] == ids[1:2] and (
        page["total"], page["limit"], page["offset"]) == (3, 1, 1)
    assert ada.delete(f"/api/backups/{ids[1]}").data == "Backup deleted successfully"
    refused(ada.delete(f"/api/backups/{ids[1]}"), 404, "NOT_FOUND")
    refused(ada.post(f"/api/backups/{ids[1]}/restore"), 404, "NOT_FOUND")
    assert history(ada)[0]["operation"] == "backup_delete"
    assert [backup["id"] for backup in ada.get("/api/backups").data["backups"]] == [ids[0], ids[2]]


@pytest.mark.parametrize("id", ["x", "00000000-0000-4000-8000-000000000000", "%27%20OR%201=1", "1%2F..", "%E2%82%AC"])
def test_unknown_backups(ada, id):
    refused(ada.post(f"/api/backups/{id}/restore"), 404, "NOT_FOUND")
    refused(ada.delete(f"/api/backups/{id}"), 404, "NOT_FOUND")


def test_backups_of_others(ada, team, users):
    create(ada, "a")
    backup = imported(ada, one("c"), mode="replace")["backup_id"]
    other = acting_in(users[1], new_workspace(users[1]))
    assert other.get("/api/backups").data["backups"] == []
    refused(other.post(f"/api/backups/{backup}/restore"), 404, "NOT_FOUND")
    refused(other.delete(f"/api/backups/{backup}"), 404, "NOT_FOUND")
    create(team.editor, "a")
    backup = imported(team.editor, one("c"), mode="replace")["backup_id"]
    for method, path in (("POST", f"/api/backups/{backup}/restore"), ("DELETE", f"/api/backups/{backup}")):
        refused(team.editor.request(method, path), 403, "AUTHORIZATION_ERROR")
        assert team.admin.request(method, path).status_code == 200
    assert names_of(team.viewer) == ["a"]


# ---- dry run ----

@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_dry_run_changes_nothing(ada, mode):
    imported(ada, TWO)
    create(ada, "own")
    switch(ada, "own")
    file = 'default_config = "c"\ncurrent_config = "c"\nx = 1\n' + TWO.replace(
        "token-of-b", "other-token") + one("c")
    before = state(ada), ada.get("/api/configs/a/revisions").data["total"], len(history(ada))
    report = imported(ada, file, mode=mode, dry_run=True)
    position = {"a": "skipped", "b": "updated", "c": "added"}
    if mode == "replace":
        position["own"] = "removed"
    assert {row["name"]: row["result"] for row in report["profiles"]} == position
    assert report["dry_run"] and report["backup_id"] is None
    exported(ada, include_secrets=True)  # one more history entry, as state() made one
    assert (state(ada), ada.get("/api/configs/a/revisions").data["total"]) == before[:2]
    assert [entry["operation"] for entry in history(ada)[:2]] == ["export_secrets"] * 2
    real = imported(ada, file, mode=mode)
    assert {**real, "dry_run": True, "backup_id": None} == report, "the real one does what the dry run said"


# ---- files that will not do ----

@pytest.mark.parametrize("text, line, column", [
    ("[a]\nx = \n", 2, 5), ("[a]\nx = 1\nx = 2\n", 3, None), ("[a\n", 1, None), ("a = 'x\n", 1, None),
    ("\n\n[a]\n[a]\n", 4, None),
    ("x = 1979-13-01\n", 1, None), ("x = {a = 1,,}\n", 1, None), ("x = [1, 2\n", None, None), ("x = \"\\q\"\n", 1, None),
    ("=", 1, 1), ("[]\n", 1, None),
    ("x = 1 y = 2\n", 1, None), ("{}", 1, 1), ("null", 1, None), ("x = 9223372036854775808\n", 1, None),
    ("[a]\nx = 1\n[a.x]\n", 3, None),
    ("x = " + "[" * 200 + "]" * 200, 1, None), (".".join("k" * 200) + " = 1\n", 1, None), ("x = \"\\u0000\"\n", 1, None),
    ("<html>", 1, 1),
])
def test_bad_toml(ada, text, line, column):
    create(ada, "a")
    before = state(ada)
    for mode in ("merge", "replace"):
        answer = import_text(ada, text, mode=mode)
        assert wrong_fields(answer) == ["content"]
        found = re.search(r"The file is not valid TOML: .+ \(line (\d+), column (\d+)\)$", answer.json()["message"], re.S)
        assert found, answer.json()["message"]
        assert line in (None, int(found[1])) and column in (None, int(found[2])), found[0]
        chinese = ada.post("/api/import", json={"content": text}, headers={"Accept-Language": "zh"}).json()["message"]
        assert re.search(r"^配置格式无效: 解析 TOML 失败: .+（第 \d+ 行，第 \d+ 列）$", chinese, re.S)
    assert state(ada) == before


LABEL = ("must be 1 to 100 characters, none of them a control character, without white space at either end, and without "
         "'.' or '..' as a whole or between slashes")


@pytest.mark.parametrize("lines, message", [
    ("base_url = 1", "bad.base_url must be a string (line 5, column 12)"),
    ("auth_token = true", "bad.auth_token must be a string (line 5, column 14)"),
    ("model = ['m']", "bad.model must be a string (line 5, column 9)"),
    ("tags = 'x'", "bad.tags must be an array of strings (line 5, column 8)"),
    ("tags = ['x', 1]", "bad.tags must be an array of strings (line 5, column 8)"),
    ("usage_count = 1.5", "bad.usage_count must be a whole number (line 5, column 15)"),
    ("usage_count = -1", "bad.usage_count must be between 0 and 4294967295 (line 5, column 15)"),
    ("enabled = 'yes'", "bad.enabled must be true or false (line 5, column 11)"),
    ("\n  provider_type = 1", "bad.provider_type must be a string (line 6, column 19)"),
    ("description = 1979-05-27", "bad.description must be a string (line 5, column 15)"),
    ("[bad.account]\nx = 1", "bad.account must be a string (line 5, column 1)"),
    ("[' a']", f" a {LABEL} (line 5, column 1)"),
    ("['']", f" {LABEL} (line 5, column 1)"),
    ("['a/..']", f"a/.. {LABEL} (line 5, column 1)"),
    ("[current]", "current 'current' is a reserved name (line 5, column 1)"),
])
def test_wrong_types(ada, lines, message):
    create(ada, "a")
    before = state(ada)
    text = f"# 一\n[good]\n\n[bad]\n{lines}\n"
    for mode in ("merge", "replace"):
        answer = import_text(ada, text, "codex", mode=mode)
        assert refused(answer, 400, "VALIDATION_ERROR")["message"] == f"Some fields are not valid: {message}"
    refused(import_text(ada, text, "codex", dry_run=True), 400, "VALIDATION_ERROR")
    assert names_of(ada, "codex") == []
    assert state(ada) == before


@pytest.mark.parametrize("text, message", [
    ("current_config = 1\n", "'current_config' must be a string (line 1, column 18)"),
    ("\ndefault_config = ['a']\n", "'default_config' must be a string (line 2, column 18)"),
])
def test_wrong_pointers(ada, text, message):
    assert refused(import_text(ada, text + TWO), 400, "VALIDATION_ERROR")["message"] == message
    assert names_of(ada) == []


@pytest.mark.parametrize("body, fields", [
    ({}, ["content"]), ({"content": ""}, ["content"]), ({"content": " \n\t"}, ["content"]), ({"content": 1}, ["content"]),
    ({"content": None, "mode": "both"}, ["content", "mode"]), ({"content": "[a]", "mode": ""}, ["mode"]),
    ({"content": "[a]", "mode": 1}, ["mode"]),
    ({"content": "[a]", "backup": "yes", "dry_run": 1}, ["backup", "dry_run"]),
    ({"content": "#" * (4 * 1024 * 1024 + 1)}, ["content"]), ({"content": "#" + "中" * (1400 * 1024)}, ["content"]),
    ({"content": "[a]\u0001"}, ["content"]),
])
def test_wrong_requests(ada, body, fields):
    assert wrong_fields(ada.post("/api/import", json=body)) == fields
    assert names_of(ada) == []


def test_a_body_that_is_too_large(ada):
    refused(ada.post("/api/import", json={"content": "#" * (12 * 1024 * 1024)}), 413, "PAYLOAD_TOO_LARGE")


def test_a_large_file(ada):
    text = "".join(f'[n{number}]\nbase_url = "{BASE}"\nauth_token = "token-number-{number}"\nextra = "{"x" * 300}"\n'
                   for number in range(1000))
    assert imported(ada, text)["added"] == 1000
    assert parsed(exported(ada, include_secrets=True)) == parsed(text)
    assert imported(ada, text, mode="replace")["skipped"] == 1000
    assert ada.get("/api/configs").json()["total"] == 1000


def test_two_imports_side_by_side(ada):
    clients = [acting_in(ada, ada.workspace) for _ in range(6)]
    statuses = at_once(*[lambda client=client: import_text(client, TWO).status_code for client in clients])
    assert set(statuses) <= {200, 409} and 200 in statuses
    assert names_of(ada) == ["a", "b"] and token_of(ada, "b") == "token-of-b-in-the-file"
    statuses = at_once(*[lambda client=client: import_text(client, TWO, mode="replace").status_code for client in clients])
    assert set(statuses) == {200} and names_of(ada) == ["a", "b"]


# ---- config.toml ----

REGISTRY = (SAMPLES / "config.toml").read_text()
PLATFORM_WORDS = "must be one of: claude, codex, gemini, qwen, iflow, droid"


def test_the_registry(ada):
    report = imported(ada, REGISTRY)
    assert report["kind"] == "registry" and report["added"] == 3
    assert report["profiles"] == [{"name": name, "result": "added"} for name in ("claude", "codex", "gemini")]
    assert parsed(exported(ada, file="registry")) == parsed(REGISTRY)
    assert [pointers(ada, platform)[0] for platform in ("claude", "codex", "gemini", "qwen")] == [
        "anthropic", "duckcoding", "google", "default"]
    assert imported(ada, REGISTRY)["skipped"] == 3
    assert parsed(exported(ada, file="registry")) == parsed(REGISTRY)


def test_the_registry_follows_what_the_user_does(ada):
    imported(ada, REGISTRY)
    create(ada, "mine", "codex")
    create(ada, "first", "droid")
    switch(ada, "mine", "codex")
    switch(ada, "first", "droid")
    run = ada.post("/api/command/execute", json={"command": "platform", "args": ["switch", "gemini"]}).data
    assert run["success"]
    file, before = tomllib.loads(exported(ada, file="registry")), tomllib.loads(REGISTRY)
    before["current_platform"] = "gemini"
    before["codex"]["current_profile"] = "mine"
    before["droid"] = {"enabled": True, "current_profile": "first"}
    assert ordered(file) == ordered(before)
    assert ada.get("/api/configs").json()["platform"] == "gemini"


@pytest.mark.parametrize("name", ["default_platform", "current_platform"])
def test_a_profile_named_like_a_key_of_the_registry(ada, name):
    """A table of that name makes a file no registry: what export and backups write comes back."""
    imported(ada, f'[{name}]\nbase_url = "{BASE}"\nauth_token = "sk-0123456789-abcd"\n')
    text = exported(ada, include_secrets=True)
    assert imported(ada, text, mode="replace")["kind"] == "profiles" and exported(ada, include_secrets=True) == text
    imported(ada, f'[other]\nbase_url = "{BASE}"\nauth_token = "t"\n', mode="replace")
    backup = ada.get("/api/backups").data["backups"][0]["id"]
    assert ada.post(f"/api/backups/{backup}/restore", json={}).status_code == 200
    assert names_of(ada) == [name]


def test_an_official_login_named_like_a_table_of_codex(ada):
    assert ada.post("/api/configs?platform=codex", json={"name": "history"}).status_code == 201
    text = exported(ada, "codex")
    imported(ada, text, "codex", mode="replace")
    assert exported(ada, "codex") == text


def test_the_registry_of_somebody_else(team):
    imported(team.editor, REGISTRY.replace('current_platform = "claude"', 'current_platform = "codex"'))
    assert team.editor.get("/api/configs").json()["platform"] == "codex"
    assert team.viewer.get("/api/configs").json()["platform"] == "claude", "whose platform is their own business"
    assert pointers(team.viewer, "codex")[0] == "default"
    assert tomllib.loads(exported(team.viewer, file="registry"))["current_platform"] == "claude"


def test_a_registry_without_an_import(ada):
    assert tomllib.loads(exported(ada, file="registry")) == {"default_platform": "claude", "current_platform": "claude"}


def test_registry_merge_replace_and_dry_run(ada):
    imported(ada, REGISTRY)
    other = ('default_platform = "qwen"\ncurrent_platform = "qwen"\n[qwen]\nenabled = true\ncurrent_profile = "q"\n'
             '[gemini]\nenabled = false\n')
    before = exported(ada, file="registry")
    report = imported(ada, other, dry_run=True)
    assert report["profiles"] == [{"name": "qwen", "result": "added"}, {"name": "gemini", "result": "updated"}]
    assert exported(ada, file="registry") == before and pointers(ada, "qwen")[0] == "default"
    assert imported(ada, other)["profiles"] == report["profiles"]
    merged = tomllib.loads(exported(ada, file="registry"))
    assert list(merged) == ["default_platform", "current_platform", "claude", "codex", "gemini", "qwen"]
    assert merged["gemini"]["enabled"] is False and merged["codex"] == tomllib.loads(REGISTRY)["codex"]
    imported(ada, other, mode="replace")
    replaced = tomllib.loads(exported(ada, file="registry"))
    assert list(replaced)[:4] == ["default_platform", "current_platform", "qwen",
                                  "gemini"] and "description" not in replaced["gemini"]


@pytest.mark.parametrize("text, message", [
    ('default_platform = "chatgpt"\n',
     f"'default_platform' {PLATFORM_WORDS} (line 1, column 20)"),
    ("\ncurrent_platform = 1\n", f"'current_platform' {PLATFORM_WORDS} (line 2, column 20)"),
    ('current_platform = "codex"\n[claude]\ncurrent_profile = "ok"\n[codex]\ncurrent_profile = "a "\n',
     f"'current_profile' {LABEL} (line 5, column 19)"),
])
def test_bad_registries(ada, text, message):
    assert refused(import_text(ada, text), 400, "VALIDATION_ERROR")["message"] == message
    assert pointers(ada)[0] == "default" and ada.get("/api/configs").json()["platform"] == "claude"


def test_unknown_platforms_in_a_registry_stay(ada):
    text = ('default_platform = "claude"\ncurrent_platform = "claude"\nx = 1\n'
            '[aider]\nenabled = true\ncurrent_profile = "z"\nnested = {a = 1}\n')
    imported(ada, text)
    assert parsed(exported(ada, file="registry")) == parsed(text)


# ---- clean ----

@pytest.fixture
def aged(system, ada):
    """Backups that are 0, 8 and 40 days old; their sizes in bytes."""
    for days in (40, 8, 0):
        create(ada, f"n{days}")
        backup = imported(ada, one(f"m{days}"), mode="replace")["backup_id"]
        with everything(system) as db:
            db.execute("UPDATE backups SET created_at = now() - %s * interval '1 day' - interval '1 minute' WHERE id = %s",
                       (days, backup))
    return [backup["size_bytes"] for backup in ada.get("/api/backups").data["backups"]]


@pytest.mark.parametrize("body, deleted",
                         [({}, 2), (None, 2), ({"days": 7}, 2), ({"days": ""}, 2), ({"days": None}, 2), ({"days": 30}, 1),
                          ({"days": 41}, 0),
                                           ({"days": 0}, 3)])
def test_clean(ada, aged, body, deleted):
    dry = ada.post("/api/clean", json={**(body or {}), "dry_run": True}).data
    assert dry == {"deleted_count": deleted, "skipped_count": 3 - deleted, "dry_run": True,
                   "total_size_mb": pytest.approx(sum(aged[3 - deleted:]) / 1024 / 1024, abs=1e-6)}
    assert ada.get("/api/backups").data["total"] == 3
    assert ada.post("/api/clean", json=body).data == {**dry, "dry_run": False}
    assert ada.get("/api/backups").data["total"] == 3 - deleted
    assert (history(ada)[0]["operation"] == "clean") is (deleted > 0)


def test_clean_is_for_editors_and_stays_at_home(system, aged, ada, team):
    refused(team.viewer.post("/api/clean", json={"days": 0}), 403, "AUTHORIZATION_ERROR")
    refused(team.editor.post("/api/clean", json={"days": 0}), 403, "AUTHORIZATION_ERROR")
    assert team.admin.post("/api/clean", json={"days": 0}).data["deleted_count"] == 0
    assert ada.get("/api/backups").data["total"] == 3


@pytest.mark.parametrize("body, fields",
                         [({"days": -1}, ["days"]), ({"days": 36501}, ["days"]), ({"days": "7"}, ["days"]),
                          ({"days": 1.5, "dry_run": "x"}, ["days", "dry_run"])])
def test_clean_with_wrong_fields(ada, body, fields):
    assert wrong_fields(ada.post("/api/clean", json=body)) == fields
