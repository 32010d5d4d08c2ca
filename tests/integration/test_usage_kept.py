"""What becomes of calls once they are in the ledger: which profile they belong to, priced anew, forgotten, removed with their workspace. The sums
are right all the time."""

import datetime
import uuid
from decimal import Decimal

import pytest

from test_housekeeping import everything, once

MODEL = "claude-opus-4-6"


def ago(**how):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return (now - datetime.timedelta(**how)).isoformat()


def report(client, *records):
    given = [{"platform": "claude", "model": MODEL, "input": 1000, "output": 100, "session": "s", **record} for record in records]
    answer = client.post("/api/usage/records", json={"records": given, "machine": "laptop"})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
def system(module_stack):
    return module_stack()


@pytest.fixture
def quiet(system):
    """A client of his own, and a connection that sees every workspace."""
    client = system.client(f"user-{uuid.uuid4().hex[:8]}")
    client.workspace = client.get("/api/auth/me").json()["data"]["workspace"]["slug"]
    with everything(system) as connection:
        client.workspace_id, = connection.execute("SELECT id FROM workspaces WHERE slug = %s", [client.workspace]).fetchone()
        client.sql = connection
        yield client


def spent(client):
    """(calls, cost, calls without a price): the same by call, by quarter of an hour, by day and by session."""
    ways = ("SELECT count(*), coalesce(sum(cost), 0), count(*) FILTER (WHERE cost IS NULL) FROM usage_calls WHERE workspace_id = %s",
            *(f"SELECT coalesce(sum(calls), 0), coalesce(sum(cost), 0), coalesce(sum(unpriced), 0) FROM {table} AND workspace_id = %s"
              for table in ("usage_sums WHERE grain = 'q'", "usage_sums WHERE grain = 'd'", "usage_sessions WHERE true")))
    found = {client.sql.execute(way, [client.workspace_id]).fetchone() for way in ways}
    assert len(found) == 1, found
    return tuple(map(Decimal, found.pop()))


def set_price(client, model, **rates):
    answer = client.put(f"/api/usage/prices/{model}", json=rates)
    assert answer.status_code == 200, answer.text


# ---- profiles ----

def test_a_call_belongs_to_the_profile_that_was_current_then(system, quiet):
    for name in ("first", "second"):
        assert quiet.post("/api/configs", json={"name": name, "base_url": "https://relay.example.com", "auth_token": "sk-0123456789abcdef"}
                          ).status_code == 201
    for name in ("first", "second"):
        assert quiet.post("/api/switch", json={"config_name": name}).status_code == 200
    quiet.sql.execute("UPDATE audit_log SET created_at = now() - CASE to_config WHEN 'first' THEN interval '3 days' ELSE interval '1 day' END"
                      " WHERE workspace_id = %s AND action = 'profile.switch'", [quiet.workspace_id])
    quiet.sql.execute("UPDATE resource_revisions SET created_at = now() - interval '5 days' WHERE workspace_id = %s", [quiet.workspace_id])
    assert quiet.put("/api/configs/second", json={"name": "second", "base_url": "https://other.example.com", "auth_token": "sk-0123456789abcdef"}
                     ).status_code == 200
    report(quiet, {"id": "a", "time": ago(days=4)}, {"id": "b", "time": ago(days=2)}, {"id": "c", "time": ago(hours=2)},
           {"id": "d", "time": (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)).isoformat()})
    rows = quiet.sql.execute("SELECT c.at, g.profile, g.revision FROM usage_calls c JOIN usage_groups g ON g.id = c.group_id"
                             " WHERE c.workspace_id = %s ORDER BY c.at", [quiet.workspace_id]).fetchall()
    assert [row[1:] for row in rows] == [("", 0), ("first", 1), ("second", 1), ("second", 2)]


# ---- prices ----

def test_calls_are_priced_anew_when_a_price_changes(system, quiet):
    other = system.client(f"other-{uuid.uuid4().hex[:8]}")
    report(quiet, {"id": "a", "time": ago(days=40)}, {"id": "b", "time": ago(days=1)})
    report(other, {"id": "a", "time": ago(days=1)})
    assert spent(quiet) == (2, Decimal("0.015"), 0)  # 5 and 25 dollars for a million
    once(system, "--job", "usage_prices")
    assert spent(quiet) == (2, Decimal("0.015"), 0)
    set_price(quiet, MODEL, input=1, output=2)
    assert spent(quiet) == (2, Decimal("0.015"), 0)  # not in anybody's request
    assert once(system, "--job", "usage_prices") == {"usage_prices": 2}
    assert spent(quiet) == (2, Decimal("0.0024"), 0)
    assert once(system, "--job", "usage_prices") == {"usage_prices": 0}
    set_price(quiet, MODEL, input=3, output=6, since=ago(days=10))
    assert once(system, "--job", "usage_prices") == {"usage_prices": 1}  # the other one was before
    assert spent(quiet) == (2, Decimal("0.0012") + Decimal("0.0036"), 0)


def test_a_model_without_a_price_gets_its_cost_when_there_is_one(system, quiet):
    record = {"id": "a", "time": ago(days=1), "model": "nobody-knows-it-1", "cache_read": 10}
    report(quiet, record)
    assert spent(quiet) == (1, 0, 1)
    set_price(quiet, "nobody-knows-it-1", input=2, output=10)  # and nothing about its cache
    assert once(system, "--job", "usage_prices") == {"usage_prices": 0}
    assert spent(quiet) == (1, 0, 1)
    set_price(quiet, "nobody-knows-it-1", input=2, output=10, cache_read=1)
    assert once(system, "--job", "usage_prices") == {"usage_prices": 1}
    assert spent(quiet) == (1, Decimal("0.00301"), 0)
    assert report(quiet, record)["known"] == 1
    assert spent(quiet) == (1, Decimal("0.00301"), 0)


# ---- months, and workspaces that are gone ----

def test_old_months_are_forgotten_and_their_sums_stay(system, quiet):
    report(quiet, {"id": "old", "time": ago(days=500)}, {"id": "new", "time": ago(days=1)})
    assert once(system, "--job", "usage_calls") == {"usage_calls": 0}  # for ever, as nothing else is said
    assert once(system, "--job", "usage_calls", USAGE_RETENTION=400)["usage_calls"] >= 1
    keys = "SELECT count(*) FROM usage_calls WHERE workspace_id = %s"
    assert quiet.sql.execute(keys, [quiet.workspace_id]).fetchone()[0] == 1
    calls = "SELECT sum(calls) FROM usage_sums WHERE grain = 'd' AND workspace_id = %s"
    assert quiet.sql.execute(calls, [quiet.workspace_id]).fetchone()[0] == 2


def test_what_is_older_than_what_is_kept_is_not_counted_again(module_stack):
    system = module_stack(USAGE_RETENTION=400)
    client = system.client("late")
    answer = report(client, {"id": "old", "time": ago(days=500)}, {"id": "new", "time": ago(days=1)})
    assert (answer["added"], answer["bad"]) == (1, 1)


def test_usage_goes_with_its_workspace(system, quiet):
    report(quiet, {"id": "a", "time": ago(days=1)})
    made = quiet.post("/api/workspaces", json={"name": "Short", "slug": f"short-{quiet.workspace}"})
    assert made.status_code == 201, made.text
    slug = made.json()["data"]["slug"]
    answer = quiet.post("/api/usage/records", headers={"X-CCR-Workspace": slug}, json={"records": [
        {"id": "b", "platform": "claude", "model": MODEL, "time": ago(days=1), "input": 5, "session": "s"}]})
    assert answer.json()["data"]["added"] == 1
    gone, = quiet.sql.execute("SELECT id FROM workspaces WHERE slug = %s", [slug]).fetchone()
    quiet.sql.execute("DELETE FROM workspaces WHERE id = %s", [gone])
    assert once(system, "--job", "usage_workspaces") == {"usage_workspaces": 1}
    for table in ("usage_calls", "usage_sessions", "usage_sums", "usage_groups", "usage_reporters"):
        assert quiet.sql.execute(f"SELECT count(*) FROM {table} WHERE workspace_id = %s", [gone]).fetchone()[0] == 0
    assert spent(quiet)[0] == 1
