"""Profiles become resources, and back: what a version before stored says the same afterwards. Its rows are written here as it wrote
them, in tables that a step backwards brings again."""

import json
import re
import tomllib
import uuid

import pytest

from configs import BASE, everything, exported, imported, mask, read, secret
from stack import ROOT
from test_names import confirm
from test_secrets import seal

NEWEST = len(list((ROOT / "sql" / "migrations").glob("*.up.sql")))
BACK = NEWEST - int(next((ROOT / "sql" / "migrations").glob("*_profile_rows.up.sql")).name[:4]) + 1

FULL = f'''default_config = "full"
version = "2"

[full]
description = "审查"
base_url = "{BASE}"
auth_token = "sk-full-0123456789"
model = "m"
small_fast_model = "small"
provider = "p"
provider_type = "third_party_model"
account = "a"
tags = ["x", "y"]
usage_count = 7
enabled = false
http_headers = {{ Authorization = "Bearer sk-header-0123456789", since = 2026-01-31 }}
wire_api = "responses"

[bare]
provider = ""
auth_token = "t"
base_url = "{BASE}"
tags = []
provider_type = "of another kind"
'''


@pytest.fixture
def stack(module_stack):
    return module_stack()


def migrate(stack, *way):
    stack.cli.run("migrate", *way, check=True)


def back_up(stack):
    """With workers that have not seen the older tables."""
    migrate(stack, "up")
    stack.backend.stop()
    stack.backend.start()


def old_rows(stack):
    """Both tables, but for seals and times, and what only the new one does not have."""
    with everything(stack) as db:
        profiles = db.execute("SELECT to_jsonb(p) - ARRAY['auth_token', 'extra', 'created_at', 'updated_at'] FROM profiles p ORDER BY id").fetchall()
        revisions = db.execute("SELECT to_jsonb(r) - ARRAY['auth_token', 'extra'] FROM profile_revisions r ORDER BY workspace_id, platform,"
                               " name, revision").fetchall()
    for row in [row[0] for row in profiles] + [row[0]["content"] for row in revisions]:
        row["key_order"] = [key for key in row["key_order"] if row.get(key, "") is not None]  # nothing was written of those
    return profiles, revisions


def whole(stack, user):
    confirm(stack, user)
    return {(platform, secrets): exported(user, platform, include_secrets=secrets) for platform in ("claude", "codex") for secrets in (False, True)}


def revisions_of(user, name):
    revisions = user.get(f"/api/configs/{name}/revisions").data["revisions"]
    for revision in revisions:
        del revision["content"]["key_order"]  # without the keys that said nothing, as in old_rows
    return revisions


def test_there_and_back_everything_says_the_same(stack):
    user = stack.client("ann")
    imported(user, FULL)
    imported(user, FULL.replace("[bare]", "[other]"), platform="codex", mode="replace")
    user.put("/api/configs/bare", json={"base_url": BASE, "auth_token": "another", "description": "by the form"})
    user.post("/api/configs/bare/rename", json={"name": "renamed"})
    user.post("/api/configs", json={"name": "made here", "base_url": f"{BASE}/?key={secret()}", "auth_token": "t"})
    user.delete("/api/configs/made here")
    user.post("/api/configs", json={"name": "made here", "base_url": f"{BASE}/?key={secret()}", "auth_token": "t"})
    files, lists = whole(stack, user), [user.get(path).json() for path in ("/api/configs", "/api/configs?platform=codex")]
    assert files["claude", True].count("sk-") == 3 and "审查" in files["claude", True]
    revisions = {name: revisions_of(user, name) for name in ("full", "renamed", "made here")}
    migrate(stack, "down", str(BACK))
    before = old_rows(stack)
    assert len(before[0]) == 5 and len(before[1]) >= 10
    migrate(stack, "up")
    migrate(stack, "down", str(BACK))
    assert old_rows(stack) == before
    back_up(stack)
    for key, text in whole(stack, user).items():
        assert text.splitlines() == files[key].splitlines(), key
    assert [user.get(path).json() for path in ("/api/configs", "/api/configs?platform=codex")] == lists
    for name, known in revisions.items():
        assert revisions_of(user, name) == known
    assert user.post("/api/configs/full/rollback", json={"revision": 1}).status_code == 200
    assert [item["name"] for item in user.get("/api/resources/claude/profile?search=审查").data["items"]] == ["full"]


def put_old(db, workspace, name, **columns):
    row = {"id": str(uuid.uuid4()), "workspace_id": workspace, "platform": "claude", "name": name, "position": 0, **columns}
    row = {key: json.dumps(value) if isinstance(value, (dict, list)) else value for key, value in row.items()}
    db.execute(f"INSERT INTO profiles ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))
    return row["id"]


def test_what_older_versions_left_open(stack):
    """Unknown keys that are not sealed, a password in an address, nulls, masks that were taken for tokens, a key that is lost."""
    user = stack.client("ann")
    workspace = str(user.get("/api/workspaces").data["workspaces"][0]["id"])
    made = [secret() for _ in range(4)]
    migrate(stack, "down", str(BACK))
    with everything(stack) as db:
        put_old(db, workspace, "open", base_url=f"https://ada:{made[0]}@relay.example/v1?q=a@b", extra={"zone": "eu", "api_key": made[1], "wire_api": "chat"},
                key_order=["base_url", "description", "zone", "api_key"])
        put_old(db, workspace, "lost", base_url=BASE, auth_token="gone:AAAA", extra={"$sealed": "gone:AAAA"}, position=1)
        row = put_old(db, workspace, "sealed", base_url=BASE, position=2)
        db.execute("UPDATE profiles SET auth_token = %s WHERE id = %s", [seal(stack, workspace, row, made[2]), row])
        row = put_old(db, workspace, "masked", base_url=BASE, position=3)
        db.execute("UPDATE profiles SET auth_token = %s WHERE id = %s", [seal(stack, workspace, row, "sk-o...AAAA"), row])
    back_up(stack)
    assert read(user, "sealed")["auth_token"] == mask(made[2]) and read(user, "lost")["auth_token"] == "********"
    assert read(user, "open")["base_url"] == "https://relay.example/v1?q=...".replace("...", "***")
    with everything(stack) as db:
        kept = db.execute("SELECT string_agg(concat(listed, unlisted, sealed), '') FROM resources WHERE kind = 'profile'").fetchone()[0]
    assert not any(value in kept for value in made)
    assert "auth_token is a mask" in user.get("/api/validate").text
    assert user.delete("/api/configs/lost").status_code == 200
    confirm(stack, user)
    relay = tomllib.loads(exported(user, include_secrets=True))["open"]
    assert relay == {"base_url": "https://relay.example/v1?q=a@b", "zone": "eu", "api_key": made[1], "wire_api": "chat",
                     "base_url_userinfo": f"ada:{made[0]}"}
    assert "description" not in relay, "what was nothing in the file is not written as something"
    assert re.search(r'api_key = "\S+\.\.\.\S+"|api_key = "\*+"', exported(user))


def test_a_secret_without_its_key_goes_over_and_back(stack):
    user = stack.client("ann")
    workspace = str(user.get("/api/workspaces").data["workspaces"][0]["id"])
    migrate(stack, "down", str(BACK))
    with everything(stack) as db:
        put_old(db, workspace, "lost", base_url=BASE, auth_token="gone:AAAA", extra={"$sealed": "gone:BBBB"})
    back_up(stack)
    assert user.put("/api/configs/lost", json={"base_url": BASE, "auth_token": "********", "model": "m"}).status_code == 200
    assert read(user, "lost")["model"] == "m"
    migrate(stack, "down", str(BACK))
    with everything(stack) as db:
        assert db.execute("SELECT auth_token, extra->>'$sealed' FROM profiles").fetchall() == [("gone:AAAA", "gone:BBBB")]
