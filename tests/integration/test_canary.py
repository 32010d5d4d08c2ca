"""Canaries: a value of its own in every place where a secret can stand, and then a look into everything that could show one: the
database as pg_dump writes it, every answer to a viewer and to administrators, logs of the program, of Nginx and of PostgreSQL, the
metrics, and what the subcommands print."""

import json
import secrets
import subprocess

import pytest

from configs import BASE, acting_in, exported, import_text, imported, new_workspace, quote
from stack import BINARY, as_user, pg_program


class Canaries(dict):
    """Makes one for each name it is asked for."""

    def __missing__(self, name):
        self[name] = f"sk-{name.replace('_', '-')}-{secrets.token_hex(10)}"
        return self[name]


def profiles_file(canary, place):
    return f'''[settings]
skip_confirmation = false
global_token = "{canary[place + "_top"]}"
[settings.http]
proxy_password = "{canary[place + "_top_nested"]}"
proxy = "http://ada:{canary[place + "_top_url"]}@proxy.example:3128"

[imported]
base_url = "{BASE}"
auth_token = "{canary[place + "_token"]}"
http_headers = {{ Authorization = "Bearer {canary[place + "_authorization"]}", "X-Api-Key" = "{canary[place + "_x_api_key"]}" }}
key = "{canary[place + "_key"]}"
access_key = "{canary[place + "_access_key"]}"
env_key = "{canary[place + "_env_key"]}"
cookies = [["{canary[place + "_cookie"]}"], {{ Cookie = "a={canary[place + "_cookie_table"]}" }}]
upstream = "https://ada:{canary[place + "_upstream"]}@relay.example/v1"
wire_api = "https://ada:{canary[place + "_harmless_url"]}@relay.example/v1"
[imported.env]
GEMINI_KEY = """{canary[place + "_env"]}"""
'''


def registry_file(canary):
    return f'''default_platform = "claude"
current_platform = "claude"
license = "{canary["registry"]}"
[claude]
enabled = true
api_key = "{canary["registry_platform"]}"
[http]
proxy_password = "{canary["registry_nested"]}"
'''


def plant(client, canary):
    """Everything that an editor can write; what is refused is a place as well."""
    form = {"name": "relay", "base_url": BASE, "auth_token": canary["created"]}
    assert client.post("/api/configs", json=form).status_code == 201
    assert client.put("/api/configs/relay", json={**form, "auth_token": canary["replaced"]}).status_code == 200
    assert client.post("/api/configs/relay/copy", json={"name": "copied"}).status_code in (200, 201)
    assert client.post("/api/configs/copied/rename", json={"name": "renamed"}).status_code == 200
    imported(client, profiles_file(canary, "merged"))
    imported(client, profiles_file(canary, "replacing"), mode="replace")
    imported(client, registry_file(canary))
    assert client.post("/api/configs/relay/rollback", json={"revision": 1}).status_code == 200
    assert client.delete("/api/configs/imported").status_code == 200
    assert client.post("/api/configs/imported/rollback", json={"revision": 1}).status_code == 200
    login = {"tokens": {name: canary[f"codex_{name}"] for name in ("id_token", "access_token", "refresh_token")}, "other": {"key": canary["codex_other"]}}
    for name in ("relay", None):
        assert client.put("/api/codex/auth/login", json={"auth": json.dumps(login)}).status_code == 200
        assert not name or client.post("/api/codex/auth/save", json={"name": name}).status_code == 200
    broken = {"tokens": {"refresh_token": canary["codex_refused"]}, "OPENAI_API_KEY": canary["codex_key"] + " "}
    for text in (json.dumps(broken), json.dumps(broken) + "}", f'{{"tokens": "{canary["codex_broken"]}'):
        answer = client.put("/api/codex/auth/login", json={"auth": text})
        assert answer.status_code == 400
        yield answer
    address = f"https://ada:{canary['refused_url']}@relay.example/"
    for answer in (client.post("/api/configs", json={**form, "name": "bad", "base_url": address}),
                   client.post("/api/configs", json={**form, "name": "", "auth_token": canary["refused_token"]}),
                   client.post("/api/configs", json={**form, "auth_token": canary["conflicting"]}),
                   import_text(client, f'[a]\nbase_url = "{address}"\nauth_token = "{canary["refused_file"]}"\n'),
                   import_text(client, f'[a]\nauth_token = "{canary["broken_file"]}"\nx = \n')):
        assert answer.status_code in (400, 409)
        yield answer
    for command, *args in (("switch", canary["arg_switch"]), ("list", canary["arg_list"]), ("platform", "info", canary["arg_info"]),
                           ("temp-token", "set", canary["arg_elsewhere"])):
        client.post("/api/command/execute", json={"command": command, "args": args})


def plant_passwords(system, client, canary):
    stranger = system.client()
    for body in ({"username": canary["password_as_name"], "password": "x"}, {"username": "ann", "password": canary["wrong_password"]}):
        yield stranger.post("/api/auth/login", json=body)
    yield client.request_once("POST", "/api/auth/password/confirm", json={"password": canary["wrong_confirmation"]})
    yield stranger.post("/api/auth/refresh", json={"refresh_token": canary["refresh_token"]})
    yield stranger.get("/api/configs", headers={"Authorization": f"Bearer {canary['bearer']}"})


def answers(system, viewer, owner, admin):
    """What reading shows, to whoever may read it."""
    routes = json.loads(subprocess.run([BINARY, "routes", "--json"], check=True, capture_output=True, text=True).stdout)
    for client in (viewer, owner, admin):
        for row in routes:
            if row["method"] != "GET":
                continue
            for name in ("relay", "renamed", "imported"):
                path = row["path"].replace("{name}", name).replace("{username}", "ann").replace("{command}", "list")
                yield path, client.get(path.replace("{slug}", quote(owner.workspace))).text
        for options in ({}, {"file": "registry"}):
            if client is not admin:
                yield "export", exported(client, **options)
        for command in ("list", "current", "export", "history", "validate"):
            yield command, client.post("/api/command/execute", json={"command": command}).text


def dump(system):
    command = [pg_program("pg_dump"), "-h", system.cluster.folder, "-U", "postgres", "--inserts", system.database]
    return subprocess.run(as_user(command), check=True, capture_output=True, text=True, cwd="/").stdout


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(LOG_LEVEL="debug", METRICS_ALLOW="127.0.0.1", own_cluster=True)


def test_no_canary_is_seen(system):
    canary = Canaries()
    owner = system.client("ann")
    owner = acting_in(owner, new_workspace(owner))
    viewer, admin = acting_in(system.client("ben"), owner.workspace), system.client("admin")
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        db.execute("INSERT INTO memberships (workspace_id, user_id, role) SELECT w.id, u.id, 'viewer' FROM workspaces w, users u"
                   " WHERE w.slug = %s AND u.username = 'ben'", [owner.workspace])
    said = [answer.text for answer in plant(owner, canary)] + [answer.text for answer in plant_passwords(system, owner, canary)]
    shown = {"refusals": "\n".join(said), "the database": dump(system)}
    for place, text in answers(system, viewer, owner, admin):
        shown[place] = shown.get(place, "") + text
    shown["the log"] = system.backend.log()
    shown["Nginx"] = "".join(path.read_text(errors="replace") for path in system.nginx.folder.rglob("*.log"))
    shown["PostgreSQL"] = system.cluster.process.log()
    for arguments in (["secrets", "rotate"], ["housekeeping", "--once"], ["settings"], ["check-config"]):
        result = system.cli.run(*arguments)
        shown[" ".join(arguments)] = result.stdout + result.stderr
    assert len(canary) > 40 and "relay" in shown["the database"] and len(shown) > 30
    assert shown["the log"].count('"route":"/api/import"') > 3 and "ccr_" in shown["/metrics"]
    found = [(place, name) for place, text in shown.items() for name, value in canary.items() if value in text]
    assert found == []
    whole = exported(owner, include_secrets=True)
    assert canary["replacing_top"] in whole and canary["merged_authorization"] in whole, "nothing of it is lost"
