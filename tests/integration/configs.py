"""Fixtures for tests about configs (profiles): the same few users, and a workspace of its own for each test.

system     the stack that all tests share
users      five logged-in clients
ada        the first of them, owner of an empty workspace
team       an empty workspace with .owner, .admin, .editor, .viewer in it and .stranger not; .slug
secret()   a token as providers give them, remembered in `secrets_made`: none of these may ever be seen in a log or dump
"""

import contextlib
import itertools
import re
import secrets
import urllib.parse

import pytest

from stack import PATIENCE_S, join

BASE = "https://api.example.org"
PLATFORMS = ["claude", "codex", "gemini", "qwen", "iflow", "droid"]
ROLES = ["viewer", "editor", "admin", "owner"]

numbers = itertools.count(1)
secrets_made = []


def secret(length=40):
    made = "sk-" + secrets.token_hex(length)[:length - 3]
    secrets_made.append(made)
    return made


def mask(token):
    return "*" * len(token) if len(token) <= 10 else f"{token[:4]}...{token[-4:]}"


def quote(name):
    return urllib.parse.quote(name, safe="")


def acting_in(client, slug):
    """The same user in another workspace."""
    other = client.anonymous()
    other.token, other.user, other.workspace = client.token, client.user, slug
    other.password_typed = client.password_typed
    return other


def new_workspace(client):
    slug = f"ws-{next(numbers)}-{secrets.token_hex(3)}"
    answer = client.post("/api/workspaces", json={"slug": slug, "name": "Test"})
    assert answer.status_code == 201, answer.text
    return slug


@pytest.fixture(scope="session")
def system(stack):
    return stack


@pytest.fixture(scope="session")
def users(system):
    return [system.client(name) for name in ("ada", "ben", "cleo", "dora", "emil")]


@pytest.fixture
def ada(users):
    return acting_in(users[0], new_workspace(users[0]))


class Team:
    def __init__(self, users):
        self.slug = new_workspace(users[3])
        for role, user in zip(ROLES, users):
            setattr(self, role, acting_in(user, self.slug))
            if role != "owner":
                join(users[3], self.slug, user, user.user["username"], role)
        self.stranger = acting_in(users[4], self.slug)


@pytest.fixture
def team(users):
    return Team(users)


def create(client, name="relay", platform=None, **fields):
    """Adds a config; its token is answered."""
    body = {"name": name, "base_url": BASE, "auth_token": secret(), **fields}
    answer = client.post("/api/configs" + (f"?platform={platform}" if platform else ""), json=body)
    assert answer.status_code == 201, answer.text
    return body["auth_token"]


def stored_before(system, client, name, /, **columns):
    """A profile as an earlier version let it in: created, then these columns are set past every check."""
    create(client, name)
    with everything(system) as db:
        for column, value in columns.items():
            if column == "usage_count":
                what, values = "uses = %s", (value,)
            else:
                what = "listed = jsonb_set(listed::jsonb, ARRAY[%s], to_jsonb(coalesce(%s::text, '')))::json, sealed = (sealed::jsonb - %s)::json"
                values = (column, value, column)
            db.execute(f"UPDATE resources p SET {what} FROM workspaces w"
                       " WHERE w.id = p.workspace_id AND w.slug = %s AND p.name = %s", (*values, client.workspace, name))


def read(client, name, platform=None):
    answer = client.get(f"/api/configs/{quote(name)}" + (f"?platform={platform}" if platform else ""))
    assert answer.status_code == 200, answer.text
    return answer.json()


def names_of(client, platform=None):
    answer = client.get("/api/configs" + (f"?platform={platform}" if platform else ""))
    assert answer.status_code == 200, answer.text
    return [config["name"] for config in answer.json()["configs"]]


def pointers(client, platform=None):
    body = client.get("/api/configs" + (f"?platform={platform}" if platform else "")).json()
    return body["current_config"], body["default_config"]


def switch(client, name, platform=None):
    answer = client.post("/api/switch" + (f"?platform={platform}" if platform else ""), json={"config_name": name})
    assert (answer.status_code, answer.text) == (200, '"Configuration switched successfully"'), answer.text


def token_of(client, name, platform=None):
    answer = client.post(f"/api/configs/{quote(name)}/reveal" + (f"?platform={platform}" if platform else ""))
    assert answer.status_code == 200, answer.text
    return answer.data["auth_token"]


def import_text(client, text, platform=None, timeout=PATIENCE_S, **options):
    return client.post("/api/import" + (f"?platform={platform}" if platform else ""), json={"content": text, **options},
                       timeout=timeout)


def imported(client, text, platform=None, **options):
    answer = import_text(client, text, platform, **options)
    assert answer.status_code == 200, answer.text
    return answer.data


def exported(client, platform=None, **options):
    answer = client.post("/api/export" + (f"?platform={platform}" if platform else ""), json=options)
    assert answer.status_code == 200, answer.text
    assert re.fullmatch(r"ccs_config_export_\d{8}_\d{6}\.toml", answer.data["filename"])
    return answer.data["content"]


def history(client, query=""):
    answer = client.get("/api/history" + query)
    assert answer.status_code == 200, answer.text
    return answer.json()["entries"]


def refused(answer, status, code):
    """The error of an answer that must be this one."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code, answer.text
    return error


def wrong_fields(answer):
    error = refused(answer, 400, "VALIDATION_ERROR")
    return [failure["field"] for failure in error["details"].get("fields", [])]


@contextlib.contextmanager
def everything(system):
    """A database connection that sees every workspace."""
    with system.db() as connection:
        connection.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        yield connection
