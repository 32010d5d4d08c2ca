"""Secrets under names that nobody knows beforehand: unknown keys of a profile, a file's top level, the registry."""

import tomllib

from configs import (BASE, ada, everything, exported, imported, mask, secret, system, team, users)  # noqa: F401


def canaries(count):
    return [secret() for _ in range(count)]


def stored(system, *columns):
    """What stands in columns of the whole database, as text."""
    with everything(system) as db:
        return "\n".join(row[0] for column in columns
                         for row in db.execute("SELECT {1}::text FROM {0} WHERE {1} IS NOT NULL".format(*column.split("."))))


DOCUMENTS = ["profiles.extra", "profile_revisions.extra", "workspace_platforms.extra", "workspaces.registry"]


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
    imported(ada, f'[relay]\nbase_url = "{BASE}"\nenv_key = "{made}"\nwire_api = "https://u:{made}@h/"\n')
    assert made not in exported(ada)
    assert tomllib.loads(exported(ada, include_secrets=True))["relay"]["env_key"] == made


def test_a_redacted_export_leaves_what_it_masked(ada):
    text = profiles_file(canaries(11))
    imported(ada, text)
    for mode in ("merge", "replace"):
        imported(ada, exported(ada), mode=mode)
        assert tomllib.loads(exported(ada, include_secrets=True)) == tomllib.loads(text), mode


def test_short_texts_keep_their_length_to_themselves(ada):
    imported(ada, f'[relay]\nbase_url = "{BASE}"\na = ""\nb = "x"\nc = "xy"\nd = "xyz"\n')
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

def test_open_rows_are_sealed_by_rotate(module_stack):
    stack = module_stack()
    user = stack.client("ann")
    made = canaries(14)
    text, registry = profiles_file(made[:11]), REGISTRY.format(*made[11:])
    imported(user, text)
    imported(user, registry)
    # As an older version would have left it: what cannot be opened by SQL is written anew.
    plain = {"profiles.extra": '{"http_headers":{"Authorization":"Bearer %s"},"n":1}' % made[3],
             "profile_revisions.extra": '{"http_headers":{"Authorization":"Bearer %s"},"n":1}' % made[3],
             "workspace_platforms.extra": '{"settings":{"global_token":"%s"}}' % made[1],
             "workspaces.registry": '{"claude":{"api_key":"%s"}}' % made[12]}
    with everything(stack) as db:
        for column, document in plain.items():
            db.execute("UPDATE {0} SET {1} = %s WHERE {1}::text <> '{{}}'".format(*column.split(".")), [document])
    assert made[1] in stored(stack, *DOCUMENTS)
    redacted = exported(user, "claude")
    assert made[3] not in redacted and made[1] not in redacted, "masked before they are sealed"
    dry = stack.cli.run("secrets", "rotate", "--dry-run")
    assert dry.returncode == 0 and made[1] in stored(stack, *DOCUMENTS), dry.stderr
    done = stack.cli.run("secrets", "rotate")
    assert done.returncode == 0, done.stderr
    assert "workspaces.registry: 1 sealed again, 0 cannot be opened" in done.stdout
    for value in made:
        assert value not in stored(stack, *DOCUMENTS) and value not in done.stdout
    sealed = tomllib.loads(exported(user, "claude", include_secrets=True))
    assert sealed["relay"]["http_headers"]["Authorization"] == f"Bearer {made[3]}"
    assert sealed["settings"]["global_token"] == made[1]
    assert tomllib.loads(exported(user, file="registry", include_secrets=True))["claude"]["api_key"] == made[12]
    again = stack.cli.run("secrets", "rotate")
    assert "profiles.extra: 0 sealed again" in again.stdout
