"""Secrets: what is not known counts as one (unknown keys, a file's top level, the registry); a mask never becomes one."""

import base64
import ctypes
import json
import re
import secrets
import tomllib

import pytest

from configs import (BASE, acting_in, ada, create, everything, exported, import_text, imported, mask, names_of,  # noqa: F401
                     new_workspace, read, refused, secret, system, team, token_of, users, wrong_fields)
from stack import ROOT


def canaries(count):
    return [secret() for _ in range(count)]


def stored(system, *columns):
    """What stands in columns of the whole database, as text."""
    with everything(system) as db:
        return "\n".join(row[0] for column in columns
                         for row in db.execute("SELECT {1}::text FROM {0} WHERE {1} IS NOT NULL".format(*column.split("."))))


DOCUMENTS = ["resources.listed", "resources.unlisted", "resources.sealed", "resource_revisions.listed", "resource_revisions.unlisted",
             "resource_revisions.sealed", "workspace_platforms.extra", "workspaces.registry"]


def profiles_file(made):
    """Secrets under every kind of name, and what is none."""
    return f'''version = "2"
proxy = "{made[0]}"

[settings]
skip_confirmation = false
global_token = "{made[1]}"

[settings.http]
proxy_password = "{made[2]}"
retries = 3

[relay]
base_url = "{BASE}"
auth_token = "sk-main-0123456789"
http_headers = {{ Authorization = "Bearer {made[3]}", "X-Api-Key" = "{made[4]}" }}
key = "{made[5]}"
access_key = "{made[6]}"
cookies = ["{made[7]}", {{ Cookie = "{made[8]}" }}]
upstream = "https://ada:{made[9]}@relay.example/v1"
wire_api = "responses"
env_key = "RELAY_KEY"
requires_openai_auth = true
max_tokens = 4096
since = 2026-01-31

[relay.env]
GEMINI_KEY = "{made[10]}"
'''


def test_what_is_not_known_is_sealed_and_masked(system, team):
    made = canaries(11)
    text = profiles_file(made)
    imported(team.editor, text)
    for value in made:
        assert value not in stored(system, *DOCUMENTS)
    redacted = exported(team.viewer)
    shown_revisions = team.viewer.get("/api/configs/relay/revisions").text
    for value in made:
        assert value not in redacted and value not in shown_revisions
    shown = tomllib.loads(redacted)
    assert shown["version"] == "2" and shown["settings"]["skip_confirmation"] is False
    assert shown["settings"]["global_token"] == mask(made[1]) and shown["settings"]["http"]["retries"] == 3
    relay = shown["relay"]
    assert (relay["wire_api"], relay["env_key"], relay["requires_openai_auth"], relay["max_tokens"]) == (
        "responses", "RELAY_KEY", True, 4096)
    assert relay["since"] == tomllib.loads(text)["relay"]["since"]
    assert relay["env"] == {"GEMINI_KEY": mask(made[10])} and relay["cookies"][1] == {"Cookie": mask(made[8])}
    assert tomllib.loads(exported(team.owner, include_secrets=True)) == tomllib.loads(text)


def test_a_key_pasted_where_its_variable_is_named(ada):
    """env_key names a variable: what is no such name is no harmless value either."""
    made = secret()
    imported(ada, f'[relay]\nbase_url = "{BASE}"\nauth_token = "t"\nenv_key = "{made}"\nwire_api = "https://u:{made}@h/"\n')
    assert made not in exported(ada)
    assert tomllib.loads(exported(ada, include_secrets=True))["relay"]["env_key"] == made


def test_a_redacted_export_leaves_what_it_masked(ada):
    text = profiles_file(canaries(11))
    imported(ada, text)
    for mode in ("merge", "replace"):
        imported(ada, exported(ada), mode=mode)
        assert tomllib.loads(exported(ada, include_secrets=True)) == tomllib.loads(text), mode


def test_short_texts_keep_their_length_to_themselves(ada):
    imported(ada, f'[relay]\nbase_url = "{BASE}"\nauth_token = "t"\na = ""\nb = "x"\nc = "xy"\nd = "xyz"\n')
    relay = tomllib.loads(exported(ada))["relay"]
    assert [relay[key] for key in "abcd"] == ["", "***", "***", "***"]
    imported(ada, exported(ada))
    assert tomllib.loads(exported(ada, include_secrets=True))["relay"]["b"] == "x"


REGISTRY = '''default_platform = "claude"
current_platform = "codex"
license = "{0}"

[claude]
enabled = true
current_profile = "anthropic"
description = "Claude Code"
api_key = "{1}"

[http]
proxy_password = "{2}"
'''


def test_the_registry_is_sealed_and_masked(system, team):
    made = canaries(3)
    imported(team.editor, REGISTRY.format(*made))
    redacted = exported(team.viewer, file="registry")
    for value in made:
        assert value not in stored(system, *DOCUMENTS) and value not in redacted
    shown = tomllib.loads(redacted)
    assert (shown["license"], shown["claude"]["api_key"]) == (mask(made[0]), mask(made[1]))
    assert shown["claude"]["description"] == "Claude Code" and shown["default_platform"] == "claude"
    imported(team.editor, redacted)
    imported(team.editor, redacted, mode="replace")
    whole = tomllib.loads(exported(team.owner, file="registry", include_secrets=True))
    assert (whole["license"], whole["claude"]["api_key"], whole["http"]["proxy_password"]) == tuple(made)


# ---- what older versions left open ----

WAYS = {"rotate": ["secrets", "rotate"], "housekeeping": ["housekeeping", "--once", "--job", "seal"]}


@pytest.mark.parametrize("way", WAYS)
def test_what_older_versions_left_open_is_sealed(module_stack, way):
    stack = module_stack()
    user = stack.client("ann")
    made = canaries(14)
    imported(user, profiles_file(made[:11]))
    imported(user, REGISTRY.format(*made[11:]))
    plain = {"workspace_platforms.extra": '{"settings":{"global_token":"%s"}}' % made[1],
             "workspaces.registry": '{"claude":{"api_key":"%s"}}' % made[12]}
    with everything(stack) as db:
        for column, document in plain.items():
            db.execute("UPDATE {0} SET {1} = %s WHERE {1}::text <> '{{}}'".format(*column.split(".")), [document])
    assert made[1] in stored(stack, *DOCUMENTS)
    redacted = exported(user, "claude")
    assert made[1] not in redacted, "masked before they are sealed"
    dry = stack.cli.run("secrets", "rotate", "--dry-run")
    assert dry.returncode == 0 and made[1] in stored(stack, *DOCUMENTS), dry.stderr
    done = stack.cli.run(*WAYS[way], check=True)
    for value in made:
        assert value not in stored(stack, *DOCUMENTS) and value not in done.stdout + done.stderr
    whole = tomllib.loads(exported(user, "claude", include_secrets=True))
    assert whole["relay"]["http_headers"]["Authorization"] == f"Bearer {made[3]}"
    assert whole["settings"]["global_token"] == made[1]
    assert tomllib.loads(exported(user, file="registry", include_secrets=True))["claude"]["api_key"] == made[12]
    assert "workspace_platforms.extra: 0 sealed again" in stack.cli.run("secrets", "rotate", check=True).stdout
    assert "seal: 0 rows" in stack.cli.run(*WAYS["housekeeping"], check=True).stdout


# ---- a mask never becomes a value ----

def put(client, name, **fields):
    return client.put(f"/api/configs/{name}", json={"base_url": BASE, **fields})


def test_the_mask_of_an_older_token_is_refused(ada):
    create(ada, "relay", auth_token="sk-old-0000-AAAA")
    before = read(ada, "relay")
    assert put(ada, "relay", auth_token="sk-new-1111-BBBB").status_code == 200
    assert wrong_fields(put(ada, "relay", auth_token=before["auth_token"])) == ["auth_token"]
    assert token_of(ada, "relay") == "sk-new-1111-BBBB"
    assert put(ada, "relay", auth_token=read(ada, "relay")["auth_token"], model="m").status_code == 200
    assert token_of(ada, "relay") == "sk-new-1111-BBBB", "exactly its own mask leaves it"


MASKS = ["********", "*", "sk-o...AAAA", "密钥密钥...密钥密钥"]


@pytest.mark.parametrize("text", MASKS)
def test_a_mask_is_no_token(ada, text):
    answer = ada.post("/api/configs", json={"name": "relay", "base_url": BASE, "auth_token": text})
    assert wrong_fields(answer) == ["auth_token"]
    assert names_of(ada) == []
    create(ada, "relay")
    assert wrong_fields(put(ada, "relay", auth_token=text)) == ["auth_token"]


@pytest.mark.parametrize("text", ["ghp_...your-github-token", "sk-...your-token", "AIzaSy...here", "a.b.c", "sk-***", "****x"])
def test_what_only_looks_like_a_mask_is_a_token(ada, text):
    create(ada, "relay", auth_token=text)
    assert token_of(ada, "relay") == text


def seal(stack, workspace, row_id, text):
    """What the program would store of a text (libsodium's XChaCha20-Poly1305, bound to workspace and row)."""
    sodium = ctypes.CDLL("libsodium.so.23")
    name, key = stack.cli.env["SECRETS_KEY"].split(",")[0].split(":")
    nonce, plain, context = secrets.token_bytes(24), text.encode(), f"{workspace}/{row_id}".encode()
    out = ctypes.create_string_buffer(len(plain) + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, ctypes.c_ulonglong(len(plain)), context, ctypes.c_ulonglong(len(context)), None, nonce,
        base64.b64decode(key))
    return f"{name}:{base64.b64encode(nonce + out.raw).decode()}"


def poison(system, client, name, column, text):
    """Puts a text, sealed, into the first revision of a profile, as older versions did."""
    with everything(system) as db:
        rows = db.execute("SELECT r.workspace_id, r.resource_id, r.revision FROM resource_revisions r JOIN workspaces w"
                          " ON w.id = r.workspace_id WHERE w.slug = %s AND r.name = %s ORDER BY r.revision LIMIT 1",
                          [client.workspace, name]).fetchall()
        workspace, profile, revision = rows[0]
        value = seal(system, workspace, profile, text)
        db.execute("UPDATE resource_revisions SET sealed = jsonb_set(coalesce(sealed::jsonb, '{}'), ARRAY[%s], to_jsonb(%s::text))::json"
                   " WHERE workspace_id = %s AND name = %s AND revision = %s", [column, value, workspace, name, revision])


def rollback(client, name, revision):
    return client.post(f"/api/configs/{name}/rollback", json={"revision": revision})


def test_a_rollback_to_a_mask_is_refused(system, ada):
    """Older versions took masks for tokens: such a revision does not come back."""
    create(ada, "relay", auth_token="sk-good-0000-AAAA")
    poison(system, ada, "relay", "auth_token", "sk-another-0000-CCCC")
    assert rollback(ada, "relay", 1).status_code == 200 and token_of(ada, "relay") == "sk-another-0000-CCCC"
    poison(system, ada, "relay", "auth_token", "sk-o...AAAA")
    assert wrong_fields(rollback(ada, "relay", 1)) == ["auth_token"]
    assert token_of(ada, "relay") == "sk-another-0000-CCCC"


def in_file(answer, *fields):
    """The wrong fields of a refused import, each said with line and column."""
    failures = refused(answer, 400, "VALIDATION_ERROR")["details"]["fields"]
    assert [failure["field"] for failure in failures] == list(fields)
    return [re.search(r"is a mask.*\(line (\d+), column \d+\)$", failure["message"])[1] for failure in failures]


@pytest.mark.parametrize("mode", ["merge", "replace"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_an_older_redacted_export_changes_no_token(ada, mode, dry_run):
    create(ada, "relay", auth_token="sk-old-0000-AAAA")
    create(ada, "other", auth_token="sk-other-0000-CCCC")
    redacted = exported(ada)
    assert put(ada, "relay", auth_token="sk-new-1111-BBBB", description="newer").status_code == 200
    lines = in_file(import_text(ada, redacted, mode=mode, dry_run=dry_run), "relay.auth_token")
    assert redacted.splitlines()[int(lines[0]) - 1] == 'auth_token = "sk-o...AAAA"'
    assert token_of(ada, "relay") == "sk-new-1111-BBBB" and read(ada, "relay")["description"] == "newer"
    report = imported(ada, redacted, mode=mode, on_invalid="skip")
    assert report["invalid"] == 1 and token_of(ada, "relay") == "sk-new-1111-BBBB"


def test_a_redacted_export_of_another_workspace_is_refused(users, ada):
    other = acting_in(users[0], new_workspace(users[0]))
    made = canaries(11)
    text = profiles_file(made).replace("[relay]", f'[second]\nauth_token = "x-*-*"\nbase_url = "{BASE}"\n[relay]')
    imported(ada, text)
    assert "is a mask" in import_text(other, exported(ada)).json()["message"]
    profile = exported(ada)[exported(ada).index("[second]"):]
    lines = in_file(import_text(other, profile), "second.auth_token", "relay.auth_token", "relay.http_headers.Authorization")
    assert lines == sorted(lines, key=int) and names_of(other) == []
    answer = import_text(other, "[x]\nbase_url = 'https://x.example'\nauth_token = 't'\nlist = [1, {a = '***'}]\n")
    assert in_file(answer, "x.list[1].a") == ["4"]


def test_masks_at_a_files_top_level_are_refused(ada):
    made = canaries(11)
    imported(ada, profiles_file(made))
    redacted = exported(ada)
    imported(ada, profiles_file([*made[:1], "another-token-0001", *made[2:]]))
    for mode in ("merge", "replace"):
        message = refused(import_text(ada, redacted, mode=mode), 400, "VALIDATION_ERROR")["message"]
        line = int(re.search(r"'global_token' is a mask.*\(line (\d+), column \d+\)", message)[1])
        assert redacted.splitlines()[line - 1].startswith("global_token")
    assert tomllib.loads(exported(ada, include_secrets=True))["settings"]["global_token"] == "another-token-0001"


def test_masks_in_the_registry_are_refused(ada):
    made = canaries(3)
    imported(ada, REGISTRY.format(*made))
    redacted = exported(ada, file="registry")
    imported(ada, REGISTRY.format(made[0], "another-key-0001", made[2]))
    for mode in ("merge", "replace"):
        message = refused(import_text(ada, redacted, mode=mode), 400, "VALIDATION_ERROR")["message"]
        assert re.search(r"'api_key' is a mask.*\(line \d+, column \d+\)", message)
    assert tomllib.loads(exported(ada, file="registry", include_secrets=True))["claude"]["api_key"] == "another-key-0001"


def test_what_is_no_mask_among_unknown_keys(ada):
    """Wildcards and texts with dots or stars in them are values."""
    text = (f'[relay]\nbase_url = "{BASE}"\nauth_token = "t"\nallow = ["*", "**", "*.*", "a***", "see also ...more"]\n'
            'wire_api = "**"\ndescription = "***"\ntags = ["***"]\n')
    imported(ada, text)
    relay = tomllib.loads(exported(ada, include_secrets=True))["relay"]
    assert relay["allow"] == ["*", "**", "*.*", "a***", "see also ...more"] and relay["tags"] == ["***"]
    imported(ada, exported(ada))
    assert tomllib.loads(exported(ada, include_secrets=True))["relay"] == relay


@pytest.mark.parametrize("line, field", [('wire_api = "****"', "wire_api"), ('model_provider = "http...t/v1"', "model_provider"),
                                         ('env_key = "sk-p...AAAA"', "env_key"), ('sandbox_mode = ["a", "***"]', "sandbox_mode[1]")])
def test_a_mask_is_none_under_a_key_whose_texts_are_shown_either(ada, line, field):
    answer = import_text(ada, f'[relay]\nbase_url = "{BASE}"\nauth_token = "t"\n{line}\n')
    assert wrong_fields(answer) == [f"relay.{field}"]
    assert names_of(ada) == []


@pytest.mark.parametrize("key, pasted, mended", [("env_key", "sk-pasted-0000-AAAA", "RELAY_KEY"),
                                                 ("wire_api", "https://ada:secret-0001@relay.example/v1", "responses")])
@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_an_older_export_does_not_put_back_the_mask_of_what_was_mended(ada, key, pasted, mended, mode):
    """What is shown today was masked in the older file."""
    text = f'[relay]\nbase_url = "{BASE}"\nauth_token = "sk-good-0000-AAAA"\n{key} = "%s"\n'
    imported(ada, text % pasted)
    older = exported(ada)
    assert tomllib.loads(older)["relay"][key] == mask(pasted)
    imported(ada, text % mended)
    assert wrong_fields(import_text(ada, older, mode=mode)) == [f"relay.{key}"]
    assert tomllib.loads(exported(ada))["relay"][key] == mended


def test_descriptions_of_what_is_no_platform_are_masked(team):
    """In the registry a platform's says nothing secret; what a section that nobody knows calls so is not known either."""
    made = canaries(2)
    imported(team.editor, f'default_platform = "claude"\nnotes = [{{ description = "{made[0]}" }}]\n[codex]\ndescription = "Codex"\n'
                          f'[http]\ndescription = "{made[1]}"\n')
    shown = tomllib.loads(exported(team.viewer, file="registry"))
    assert (shown["notes"][0]["description"], shown["http"]["description"]) == (mask(made[0]), mask(made[1]))
    assert shown["codex"]["description"] == "Codex"


def test_a_key_called_like_the_mark_hides_nothing_in_the_registry(system, team):
    """The mark of what JSON has no type for (toml.h)."""
    made = canaries(3)
    imported(team.editor, f'"$toml" = "{made[0]}"\ndefault_platform = "claude"\nlicense = "{made[1]}"\nvalue = "v"\n'
                          f'[claude]\n"$toml" = "datetime"\nvalue = "{made[2]}"\n')
    redacted = exported(team.viewer, file="registry")
    for value in made:
        assert value not in stored(system, *DOCUMENTS) and value not in redacted
    imported(team.editor, redacted)
    whole = tomllib.loads(exported(team.owner, file="registry", include_secrets=True))
    assert (whole["$toml"], whole["license"], whole["claude"]["value"]) == tuple(made)


def test_a_rollback_to_masks_among_unknown_keys_is_refused(system, ada):
    imported(ada, f'[relay]\nbase_url = "{BASE}"\nauth_token = "t"\nkey = "value-0123456"\n')
    poison(system, ada, "relay", "extra", '{"key":"valu...3456","n":{"a":["x","****"]}}')
    assert wrong_fields(rollback(ada, "relay", 1)) == ["extra.key"]
    poison(system, ada, "relay", "extra", '{"n":{"a":["x","****"]}}')
    assert wrong_fields(rollback(ada, "relay", 1)) == ["extra.n.a[1]"]
    assert tomllib.loads(exported(ada, include_secrets=True))["relay"]["key"] == "value-0123456"


def test_a_copy_of_a_mask_is_refused(system, ada):
    create(ada, "relay", auth_token="sk-good-0000-AAAA")
    with everything(system) as db:
        workspace, profile = db.execute("SELECT p.workspace_id, p.id FROM resources p JOIN workspaces w ON w.id = p.workspace_id"
                                        " WHERE w.slug = %s", [ada.workspace]).fetchone()
        db.execute("UPDATE resources SET sealed = json_build_object('auth_token', %s::text) WHERE id = %s",
                   [seal(system, workspace, profile, "sk-o...AAAA"), profile])
    assert wrong_fields(ada.post("/api/configs/relay/copy", json={"name": "copied"})) == ["auth_token"]
    assert names_of(ada) == ["relay"]


def test_a_mask_that_was_stored_is_found(system, ada):
    """What older versions stored does not pass for a token: validating and switching say so."""
    create(ada, "relay", auth_token="sk-good-0000-AAAA")
    assert ada.get("/api/validate").status_code == 200
    with everything(system) as db:
        workspace, profile = db.execute("SELECT p.workspace_id, p.id FROM resources p JOIN workspaces w ON w.id = p.workspace_id"
                                        " WHERE w.slug = %s", [ada.workspace]).fetchone()
        db.execute("UPDATE resources SET sealed = json_build_object('auth_token', %s::text) WHERE id = %s",
                   [seal(system, workspace, profile, "sk-o...AAAA"), profile])
    for answer in (ada.get("/api/validate"), ada.post("/api/switch", json={"config_name": "relay"})):
        assert "auth_token is a mask" in refused(answer, 400, "VALIDATION_ERROR")["message"]
    assert put(ada, "relay", auth_token="sk-good-0000-AAAA").status_code == 200
    assert ada.get("/api/validate").status_code == 200


# ---- addresses with a password ----

@pytest.mark.parametrize("url", ["https://ada:{}@relay.example/v1", "https://{}@relay.example", "HTTP://:{}@relay.example:80"])
def test_no_address_holds_a_password(system, ada, url):
    made = secret()
    address = url.format(made)
    answer = ada.post("/api/configs", json={"name": "relay", "base_url": address, "auth_token": "t"})
    assert wrong_fields(answer) == ["base_url"] and made not in answer.text
    create(ada, "relay")
    answers = [put(ada, "relay", base_url=address, auth_token="t"),
               import_text(ada, f'[new]\nbase_url = "{address}"\nauth_token = "t"\n')]
    for answer in answers:
        refused(answer, 400, "VALIDATION_ERROR")
        assert made not in answer.text and "must not hold a user name or password" in answer.text
    assert made not in stored(system, *DOCUMENTS, "audit_log.changes")


def test_a_backup_of_an_older_version_opens_no_password(system, ada):
    """It is taken as it is, masks and all, but an address loses its password to a sealed key."""
    made = secret()
    imported(ada, f'[relay]\nbase_url = "{BASE}"\nauth_token = "t"\n')
    imported(ada, f'[other]\nbase_url = "{BASE}"\nauth_token = "t"\n', mode="replace")
    backup = ada.get("/api/backups").data["backups"][0]["id"]
    text = f'[relay]\nbase_url = "https://ada:{made}@relay.example/v1"\nauth_token = "t"\n'
    with everything(system) as db:
        workspace = db.execute("SELECT workspace_id FROM backups WHERE id = %s", [backup]).fetchone()[0]
        db.execute("UPDATE backups SET content = %s WHERE id = %s", [seal(system, workspace, backup, text), backup])
    assert ada.post(f"/api/backups/{backup}/restore", json={}).status_code == 200
    assert made not in stored(system, *DOCUMENTS, "audit_log.changes")
    relay = tomllib.loads(exported(ada, include_secrets=True))["relay"]
    assert (relay["base_url"], relay["base_url_userinfo"]) == ("https://relay.example/v1", f"ada:{made}")


# ---- PostgreSQL's own log ----

def test_postgresqls_log_shows_no_values(module_stack):
    """With what the scripts set for the role; without it, it shows them all."""
    stack = module_stack(own_cluster=True, MAX_CONNECTIONS="1")
    lines = re.findall(r"^ALTER ROLE ccr SET .*;$", (ROOT / "scripts" / "quickstart.sh").read_text(), re.M)
    assert len(lines) == 2
    user = stack.client("ann")
    with stack.cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute("ALTER ROLE ccr SET log_statement = 'all'")
        connection.execute("ALTER ROLE ccr SET log_min_duration_statement = 0")
        shown = {}
        for kept, settings in (("shown", []), ("hidden", lines)):
            for line in settings:
                connection.execute(line)
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ccr'")
            made = shown[kept] = f"value-{secrets.token_hex(8)}"
            user.get("/api/configs")  # on a new connection
            create(user, made, base_url=f"{BASE}/?key={made}")
            assert names_of(user)[-1] == made
    log = stack.cluster.process.log()
    assert shown["shown"] in log and "INSERT INTO resources" in log
    assert shown["hidden"] not in log
