"""Budgets: what is spent in which period, levels that are told once whoever brings the call, webhooks with their words and signatures, and
secrets that are no longer handed out."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.server
import json
import threading
import urllib.parse
import uuid
from decimal import Decimal

import pytest

from configs import refused, wrong_fields
from stack import Client, Host, Pending, join, new_folder, wait_until
from test_housekeeping import everything, once
from websocket_client import open_websocket

MODEL = "claude-opus-4-6"  # 5 dollars for a million tokens of a prompt, 25 of a reply
BUDGETS, WEBHOOKS = "/api/usage/budgets", "/api/usage/webhooks"
SECRET = "sk-0123456789abcdef"


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(EVENTS_SOCKET="here", OUTBOUND_ALLOW="127.0.0.0/8")


def newcomer(system, name="user"):
    client = system.client(f"{name}-{uuid.uuid4().hex[:8]}")
    client.workspace = client.get("/api/auth/me").data["workspace"]["slug"]
    return client


@pytest.fixture
def ada(system):
    client = newcomer(system)
    with everything(system) as connection:
        client.sql = connection
        client.workspace_id, = connection.execute("SELECT id FROM workspaces WHERE slug = %s", [client.workspace]).fetchone()
        yield client


def reporter(client, url=None):
    """The same user, at this or another host. What it is told of calls is tested elsewhere."""
    made = Client(url or client.url)
    made.token, made.workspace = client.token, client.workspace
    return made


def now():
    """Asked for by each test: a day may end between two of them."""
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def send(client, dollars=1, when=None, path="/api/usage/records", **more):
    """A call that costs so much, as its tokens of a prompt; and what it was answered."""
    call = {"platform": "claude", "model": MODEL, "input": int(Decimal(str(dollars)) * 200_000), "session": "s", "id": uuid.uuid4().hex,
            "time": (when or now()).isoformat(), **more}
    answer = reporter(client).post(path, json={"records": [call], "machine": "laptop"})
    assert answer.status_code == 200, answer.text
    return call, answer


def report(*given, **more):
    return send(*given, **more)[0]


def make(client, name="Team", amount=10, period="month", status=201, **more):
    answer = client.post(BUDGETS, json={"name": name, "amount": amount, "period": period, **more})
    assert answer.status_code == status, answer.text
    return answer.data if status == 201 else answer


def read(client, budget):
    answer = client.get(f"{BUDGETS}/{budget['id']}")
    assert answer.status_code == 200, answer.text
    return answer.data


def levels(client, budget):
    return [each["level"] for each in read(client, budget)["reached"]]


def told(client):
    """(budget, level) of the audit trail, the oldest first."""
    rows = client.sql.execute("SELECT target, changes->0->>'new_value' FROM audit_log WHERE workspace_id = %s AND action = 'budget.reached'"
                              " ORDER BY created_at, id", [client.workspace_id]).fetchall()
    return [(name, int(level.rstrip("%"))) for name, level in rows]


# ---- levels -----------------------------------------------------------------------------------------------------------

def test_each_level_is_told_once(system, ada):
    budget = make(ada)
    assert (budget["spent"], budget["levels"], budget["reached"], budget["currency"]) == (0, [50, 80, 100], [], "USD")
    report(ada, 4.999995)
    assert told(ada) == []
    report(ada, 0.000005)
    assert told(ada) == [("Team", 50)]
    known = report(ada, 4)
    assert told(ada) == [("Team", 50), ("Team", 80)]
    assert reporter(ada).post("/api/usage/records", json={"records": [known]}).data["known"] == 1
    report(ada, 5)
    report(ada, 5)
    assert told(ada) == [("Team", 50), ("Team", 80), ("Team", 100)]
    shown = read(ada, budget)
    assert (shown["spent"], shown["percent"], shown["stopped"]) == (19, 190, False)
    assert [(each["level"], each["spent"]) for each in shown["reached"]] == [(50, 5), (80, 9), (100, 14)]
    assert once(system, "--job", "budgets") == {"budgets": 0}


def test_one_call_may_reach_all_levels(ada):
    make(ada, levels=[120, 10, 100])
    report(ada, 11)
    assert told(ada) == [("Team", 10), ("Team", 100)]


def test_whichever_way_calls_come(ada):
    budget = make(ada, amount=0.001, levels=[100, 200, 300])

    def line(number):
        return json.dumps({"type": "assistant", "timestamp": now().isoformat().replace("+00:00", "Z"), "sessionId": "s", "requestId": f"req_{number}",
                           "cwd": "/work", "message": {"id": f"msg_{number}", "model": MODEL, "role": "assistant",
                                                       "usage": {"input_tokens": 200, "output_tokens": 0}}}) + "\n"
    answer = reporter(ada).post("/api/usage/import?platform=claude", data=line(1))
    assert answer.status_code == 200 and answer.data["added"] == 1, answer.text
    assert levels(ada, budget) == [100]
    attributes = {"event.name": "api_request", "model": MODEL, "input_tokens": "200", "output_tokens": "0", "cache_read_tokens": "0",
                  "cache_creation_tokens": "0", "session.id": "s", "event.timestamp": now().isoformat().replace("+00:00", "Z"), "request_id": "req_2"}
    record = {"timeUnixNano": str(int(now().timestamp()) * 10**9), "body": {"stringValue": "claude_code.api_request"},
              "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]}
    sent = reporter(ada).post("/v1/logs", json={"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}]},
                                                        "scopeLogs": [{"logRecords": [record]}]}]})
    assert sent.status_code == 200, sent.text
    assert levels(ada, budget) == [100, 200]
    report(ada, 0.001)
    assert levels(ada, budget) == [100, 200, 300]


def test_a_new_budget_tells_what_is_reached_already(ada):
    report(ada, 9)
    budget = make(ada)
    assert [each["level"] for each in budget["reached"]] == [50, 80]


def test_two_hosts_that_count_at_once_tell_once(system, ada, workdir):
    budgets = [make(ada, name=f"b{n}", amount=10 + n, levels=list(range(10, 101, 10))) for n in range(5)]
    other = Host(system, new_folder(), EVENTS_SOCKET="")
    try:
        senders = reporter(ada), reporter(ada, other.url)
        sent = []
        for n in range(60):
            call = {"platform": "claude", "model": MODEL, "input": 50_000, "session": f"s{n}", "id": f"two-{n}", "time": now().isoformat()}
            sent += [Pending(each, "POST", "/api/usage/records", json={"records": [call]}) for each in senders]
            if n % 6 == 5:
                wait_until("all of them answer", lambda: all(each.outcome is not None for each in sent))
        assert {each.outcome.status_code for each in sent} == {200}
    finally:
        other.stop()
    for budget in budgets:
        shown = read(ada, budget)
        assert shown["spent"] == 15 and [each["level"] for each in shown["reached"]] == list(range(10, 101, 10))
    assert sorted(told(ada)) == sorted((f"b{n}", level) for n in range(5) for level in range(10, 101, 10))


def test_a_restart_changes_nothing(fresh_stack):
    stack = fresh_stack()
    client = stack.client("solo")
    budget = make(client)
    report(client, 6)
    assert levels(client, budget) == [50]
    stack.backend.stop()
    stack.backend.start()
    wait_until("it is back", lambda: client.get(BUDGETS).status_code == 200)
    report(client, 1)
    shown = read(client, budget)
    assert shown["spent"] == 7 and [(each["level"], each["spent"]) for each in shown["reached"]] == [(50, 6)]


def test_a_price_that_changes_is_seen_by_housekeeping(system, ada):
    budget = make(ada)
    report(ada, 4)
    assert ada.put(f"/api/usage/prices/{MODEL}", json={"input": 50, "output": 50}).status_code == 200
    assert told(ada) == []
    once(system, "--job", "usage_prices")
    assert once(system, "--job", "budgets") == {"budgets": 3}
    assert read(ada, budget)["spent"] == 40 and levels(ada, budget) == [50, 80, 100]
    assert once(system, "--job", "budgets") == {"budgets": 0}


def test_what_has_no_price_is_shown(ada):
    budget = make(ada)
    report(ada, 4)
    report(ada, 4, model="nobody-knows-it")
    shown = read(ada, budget)
    assert (shown["spent"], shown["unpriced"]) == (4, 1)


def test_another_amount_makes_another_budget_of_it(ada):
    budget = make(ada)
    report(ada, 8)
    assert levels(ada, budget) == [50, 80]
    body = {"name": "Renamed", "amount": 10, "period": "month", "levels": [50, 80, 100]}
    renamed = ada.put(f"{BUDGETS}/{budget['id']}", json=body)
    assert renamed.status_code == 200 and [each["level"] for each in renamed.data["reached"]] == [50, 80]
    raised = ada.put(f"{BUDGETS}/{budget['id']}", json={**body, "amount": 100})
    assert raised.data["reached"] == [] and raised.data["revision"] == 3
    report(ada, 42)
    assert levels(ada, budget) == [50]
    assert told(ada) == [("Team", 50), ("Team", 80), ("Renamed", 50)]


def test_what_is_disabled_tells_nothing(ada):
    budget = make(ada, enabled=False, action="stop")
    report(ada, 20)
    shown = read(ada, budget)
    assert (shown["spent"], shown["reached"], shown["stopped"]) == (20, [], False)


# ---- what counts ------------------------------------------------------------------------------------------------------

def test_filters(system, ada):
    bob = newcomer(system, "bob")
    slug = f"team-{uuid.uuid4().hex[:8]}"
    assert ada.post("/api/workspaces", json={"slug": slug, "name": "Team"}).status_code == 201
    join(ada, slug, bob, bob.user["username"], "editor")
    ada.workspace = bob.workspace = slug
    names = {ada: ada.user["username"], bob: bob.user["username"]}
    budgets = {"all": make(ada, "all"), "ada": make(ada, "ada", users=[names[ada]]), "both": make(ada, "both", users=list(names.values())),
               "codex": make(ada, "codex", platform="codex"), "model": make(ada, "model", model="anthropic/claude-opus-4.6"),
               "project": make(ada, "project", project="/src/a"), "provider": make(ada, "provider", provider="relay"),
               "narrow": make(ada, "narrow", users=[names[bob]], platform="claude", project="/src/a")}
    report(ada, 1, project="/src/a")
    report(bob, 2, project="/src/a")
    report(bob, 4, platform="codex", model="gpt-5.2", provider="relay", input=0, output=0)
    report(ada, 8, platform="codex")
    spent = {name: read(bob, budget)["spent"] for name, budget in budgets.items()}
    assert spent == {"all": 11, "ada": 9, "both": 11, "codex": 8, "model": 11, "project": 3, "provider": 0, "narrow": 2}
    assert read(ada, budgets["both"])["users"] == list(names.values())


def test_a_profile_by_its_name(ada):
    assert ada.post("/api/configs", json={"name": "relay", "base_url": "https://relay.example.com", "auth_token": SECRET}).status_code == 201
    whenever = {"period": "total", "starts": "2020-02-01"}  # the second call may be in another month
    budget, other = make(ada, profile="relay", **whenever), make(ada, "other", profile="other", **whenever)
    report(ada, 1)
    assert ada.post("/api/switch", json={"config_name": "relay"}).status_code == 200
    report(ada, 2, when=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=2))
    assert (read(ada, budget)["spent"], read(ada, other)["spent"]) == (2, 0)


def test_who_is_gone_stays_in_a_group(system, ada):
    bob = newcomer(system, "bob")
    slug = f"team-{uuid.uuid4().hex[:8]}"
    assert ada.post("/api/workspaces", json={"slug": slug, "name": "Team"}).status_code == 201
    join(ada, slug, bob, bob.user["username"], "editor")
    ada.workspace = bob.workspace = slug
    budget = make(ada, users=[bob.user["username"]])
    report(bob, 3)
    ada.sql.execute("DELETE FROM users WHERE username = %s", [bob.user["username"]])
    report(ada, 5)
    shown = read(ada, budget)
    assert shown["spent"] == 3 and shown["users"] == [bob.user["id"]]
    answer = ada.put(f"{BUDGETS}/{budget['id']}", json={"name": "Team", "amount": 20, "period": "month", "users": shown["users"]})
    assert answer.status_code == 200 and answer.data["spent"] == 3


# ---- periods ----------------------------------------------------------------------------------------------------------

def utc(*when):
    return datetime.datetime(*when, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize("zone, period, at, since, until", [
    ("UTC", "day", utc(2026, 3, 1, 23, 59), utc(2026, 3, 1), utc(2026, 3, 2)),
    ("UTC", "week", utc(2026, 3, 1, 23, 59), utc(2026, 2, 23), utc(2026, 3, 2)),
    ("UTC", "month", utc(2026, 2, 28, 12), utc(2026, 2, 1), utc(2026, 3, 1)),
    ("Asia/Shanghai", "day", utc(2026, 3, 1, 16), utc(2026, 3, 1, 16), utc(2026, 3, 2, 16)),
    ("Asia/Shanghai", "month", utc(2026, 2, 28, 15, 59), utc(2026, 1, 31, 16), utc(2026, 2, 28, 16)),
    ("Europe/Berlin", "day", utc(2026, 3, 29, 12), utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)),  # has 23 hours
    ("Europe/Berlin", "week", utc(2026, 10, 25, 12), utc(2026, 10, 18, 22), utc(2026, 10, 25, 23)),
    ("America/New_York", "month", utc(2026, 3, 1, 4, 59), utc(2026, 2, 1, 5), utc(2026, 3, 1, 5)),
])
def test_periods(ada, zone, period, at, since, until):
    row = ada.sql.execute("SELECT since, until FROM ccr_budget_period(%s, NULL, %s, %s)", [period, zone, at]).fetchone()
    assert row == (since, until)


def test_a_day_is_the_workspaces(ada):
    ada.sql.execute("UPDATE workspaces SET time_zone = 'Pacific/Kiritimati' WHERE id = %s", [ada.workspace_id])  # UTC+14
    day, month, total = make(ada, "day", period="day"), make(ada, "month"), make(ada, "total", period="total", starts="2020-02-01")
    local = now() + datetime.timedelta(hours=14)
    midnight = local.replace(hour=0, minute=0, second=0) - datetime.timedelta(hours=14)
    report(ada, 1, when=midnight)
    report(ada, 2, when=midnight - datetime.timedelta(seconds=1))
    report(ada, 4, when=utc(2020, 1, 31, 10))
    report(ada, 8, when=utc(2020, 1, 31, 9, 59, 59))
    shown = read(ada, day)
    assert (shown["spent"], shown["time_zone"]) == (1, "Pacific/Kiritimati")
    assert shown["period_start"] == midnight.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert read(ada, month)["spent"] == (1 if local.day == 1 else 3)
    shown = read(ada, total)
    assert (shown["spent"], shown["period_start"], shown["period_end"]) == (7, "2020-01-31T10:00:00.000Z", None)


def test_what_comes_a_day_late_is_told(ada):
    """Of a period that is over, not of one that was over before the budget was made."""
    yesterday = now().replace(hour=0, minute=0, second=0) - datetime.timedelta(hours=1)
    budget = make(ada, period="day")
    report(ada, 20, when=yesterday)
    assert told(ada) == []
    ada.sql.execute("UPDATE budgets SET since = since - interval '5 days' WHERE id = %s", [budget["id"]])
    report(ada, 1, when=yesterday)
    assert told(ada) == [("Team", 50), ("Team", 80), ("Team", 100)] and levels(ada, budget) == []
    report(ada, 9)
    assert told(ada)[3:] == [("Team", 50), ("Team", 80)] and levels(ada, budget) == [50, 80]


def test_forecasts(ada):
    """On a day in June 2026, asked for as of then."""
    budget = make(ada, amount=60)
    at = utc(2026, 6, 16)  # 15 of 30 days
    for day, dollars in ((1, 10), (8, 5), (9, 7), (15, 7)):
        report(ada, dollars, when=utc(2026, 6, day, 12))

    def status(at):
        return ada.sql.execute("SELECT spent, pace, week, used_up_at FROM budgets b, ccr_budget_status(b, 'UTC', %s) WHERE b.id = %s",
                               [at, budget["id"]]).fetchone()
    spent, pace, week, used_up = status(at)
    assert (spent, pace, week) == (29, 58, 29 + 2 * 15)  # 14 dollars from the 9th to the 15th
    assert used_up is None  # 31 dollars at 2 a day are more than 15 days
    spent, pace, week, used_up = status(utc(2026, 6, 16, 12))
    assert week == 29 + Decimal(29)
    assert status(utc(2026, 6, 2, 11))[1] is None and status(utc(2026, 6, 2, 12))[1] == 20 * 29
    ada.sql.execute("UPDATE budgets SET amount = 39 WHERE id = %s", [budget["id"]])
    assert status(at)[3] == utc(2026, 6, 21)
    ada.sql.execute("UPDATE budgets SET period = 'total', starts = '2026-06-01' WHERE id = %s", [budget["id"]])
    assert status(at) == (29, None, None, utc(2026, 6, 21))


# ---- stop -------------------------------------------------------------------------------------------------------------

def profile(client, name, **more):
    answer = client.post("/api/configs", json={"name": name, "base_url": "https://relay.example.com", "auth_token": SECRET, **more})
    assert answer.status_code == 201, answer.text


def hand_out(client, name):
    """Statuses of every way to the profile's secret."""
    return [client.post(f"/api/configs/{name}/reveal", json={}).status_code,
            client.post(f"/api/resources/claude/profile/{name}/reveal", json={}).status_code,
            client.post("/api/export", json={"include_secrets": True}).status_code,
            client.post("/api/resources/export", json={"platform": "claude", "include_secrets": True}).status_code,
            client.post("/api/resources/export", json={"platform": "claude", "include_secrets": True, "kind": "profile", "name": name}).status_code]


def test_stop(ada):
    profile(ada, "relay", provider="Relay")
    profile(ada, "direct")
    budget = make(ada, "Cap", action="stop")
    report(ada, 9.99)
    assert hand_out(ada, "relay") == [200] * 5
    report(ada, 0.01)
    assert read(ada, budget)["stopped"] is True
    assert hand_out(ada, "relay") == [403] * 5
    answer = ada.post("/api/configs/relay/reveal", json={})
    refused(answer, 403, "AUTHORIZATION_ERROR")
    assert "'Cap'" in answer.text and read(ada, budget)["period_end"] in answer.text and SECRET not in answer.text
    assert ada.get("/api/provider-health/test-all").status_code == 403
    assert ada.post("/api/export", json={"include_secrets": True, "file": "registry"}).status_code == 403
    for harmless in (ada.post("/api/export", json={}), ada.get("/api/configs/relay"), ada.post("/api/switch", json={"config_name": "relay"}),
                     ada.post("/api/resources/export", json={"platform": "codex", "include_secrets": False})):
        assert harmless.status_code == 200
    assert ada.put(f"{BUDGETS}/{budget['id']}", json={"name": "Cap", "amount": 11, "period": "month", "action": "stop"}).status_code == 200
    assert hand_out(ada, "relay") == [200] * 5


@pytest.mark.parametrize("filters, relay, direct", [({"profile": "relay"}, 403, 200), ({"provider": "Relay"}, 403, 200), ({"platform": "claude"}, 403, 403),
                                                    ({"platform": "codex"}, 200, 200), ({"profile": "nobody"}, 200, 200)])
def test_stop_is_for_what_the_budget_counts(ada, filters, relay, direct):
    profile(ada, "relay", provider="Relay")
    profile(ada, "direct")
    make(ada, action="stop", **filters)
    ada.sql.execute("UPDATE budgets SET amount = 0.000000001 WHERE workspace_id = %s", [ada.workspace_id])
    ada.sql.execute("INSERT INTO usage_groups (workspace_id, hash, user_id, machine, platform, provider, profile, revision, model, price_model, tier,"
                    " project, branch) VALUES (%s, gen_random_uuid(), %s, '', %s, %s, %s, 0, '', '', '', '', '')",
                    [ada.workspace_id, ada.user["id"], filters.get("platform", "claude"), filters.get("provider", ""), filters.get("profile", "")])
    ada.sql.execute("INSERT INTO usage_sums SELECT g.workspace_id, 'd', date_trunc('day', now(), 'UTC'), g.id, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0"
                    " FROM usage_groups g WHERE g.workspace_id = %s", [ada.workspace_id])
    assert [ada.post(f"/api/configs/{name}/reveal", json={}).status_code for name in ("relay", "direct")] == [relay, direct]
    assert ada.post("/api/export", json={"include_secrets": True}).status_code == max(relay, direct)


def test_stop_is_for_the_people_whom_the_budget_counts(system, ada):
    bob = newcomer(system, "bob")
    slug = f"team-{uuid.uuid4().hex[:8]}"
    assert ada.post("/api/workspaces", json={"slug": slug, "name": "Team"}).status_code == 201
    join(ada, slug, bob, bob.user["username"], "editor")
    ada.workspace = bob.workspace = slug
    profile(ada, "relay")
    make(ada, action="stop", users=[bob.user["username"]])
    report(bob, 10)
    assert bob.post("/api/configs/relay/reveal", json={}).status_code == 403
    assert ada.post("/api/configs/relay/reveal", json={}).status_code == 200


# ---- switch -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def team(system, ada):
    """ada, bob and carl of one workspace, with the profiles that they may stand at; the first of them is where who has not switched stands."""
    slug = f"team-{uuid.uuid4().hex[:8]}"
    assert ada.post("/api/workspaces", json={"slug": slug, "name": "Team"}).status_code == 201
    people = [ada, newcomer(system, "bob"), newcomer(system, "carl")]
    for one in people[1:]:
        join(ada, slug, one, one.user["username"], "editor")
    for one in people:
        one.workspace = slug
    ada.workspace_id, = ada.sql.execute("SELECT id FROM workspaces WHERE slug = %s", [slug]).fetchone()
    for name in ("dear", "also-dear", "cheap"):
        profile(ada, name, provider="Relay" if "dear" in name else "Spare")
    return people


def stand_at(people):
    answers = [one.get("/api/configs/current") for one in people]
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    return [answer.data["name"] for answer in answers]


def switch_to(client, name):
    assert client.post("/api/switch", json={"config_name": name}).status_code == 200


def switches(client):
    rows = client.sql.execute("SELECT actor, target, from_config, to_config, platform FROM audit_log WHERE workspace_id = %s AND action = 'budget.switch'"
                              " ORDER BY target", [client.workspace_id]).fetchall()
    assert all(row[0] == "budgets" and row[4] == "claude" for row in rows)
    return [row[1:4] for row in rows]


def test_switch(team):
    ada, bob, carl = team
    switch_to(bob, "also-dear")
    switch_to(carl, "cheap")
    budget = make(ada, "Cap", action="switch", platform="claude", switch_to="cheap")
    assert (budget["action"], budget["switch_to"], budget["stopped"]) == ("switch", "cheap", False)
    report(bob, 9.99)
    assert stand_at(team) == ["dear", "also-dear", "cheap"]
    assert "X-CCR-Generation" in send(bob, 0.01)[1].headers, "what it changed is seen by whoever asks next"
    assert stand_at(team) == ["cheap"] * 3
    assert switches(ada) == sorted([(ada.user["username"], "dear", "cheap"), (bob.user["username"], "also-dear", "cheap")])
    switch_to(bob, "dear")  # who goes back stays there in this period
    report(bob, 5)
    assert stand_at(team) == ["cheap", "dear", "cheap"] and hand_out(bob, "dear")[0] == 200
    answer = ada.put(f"{BUDGETS}/{budget['id']}", json={"name": "Cap", "amount": 15, "period": "month", "action": "switch", "platform": "claude", "switch_to": "cheap"})
    assert answer.status_code == 200 and stand_at(team) == ["cheap"] * 3  # another amount, and all of it is spent


@pytest.mark.parametrize("filters, after", [({"users": 1}, ["dear", "cheap", "dear"]), ({"profile": "also-dear"}, ["dear", "cheap", "dear"]),
                                            ({"provider": "Relay"}, ["cheap", "cheap", "cheap"]), ({"provider": "Other"}, ["dear", "also-dear", "dear"])])
def test_switch_is_for_whom_and_what_the_budget_counts(system, team, filters, after):
    ada, bob, carl = team
    switch_to(bob, "also-dear")
    if "users" in filters:
        filters = {"users": [bob.user["username"]]}
    budget = make(ada, action="switch", platform="claude", switch_to="cheap", **filters)
    ada.sql.execute("UPDATE budgets SET amount = 0.000000001 WHERE id = %s", [budget["id"]])
    ada.sql.execute("INSERT INTO usage_groups (workspace_id, hash, user_id, machine, platform, provider, profile, revision, model, price_model, tier,"
                    " project, branch) VALUES (%s, gen_random_uuid(), %s, '', 'claude', %s, %s, 0, '', '', '', '', '')",
                    [ada.workspace_id, bob.user["id"], filters.get("provider", ""), filters.get("profile", "")])
    ada.sql.execute("INSERT INTO usage_sums SELECT g.workspace_id, 'd', date_trunc('day', now(), 'UTC'), g.id, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0"
                    " FROM usage_groups g WHERE g.workspace_id = %s", [ada.workspace_id])
    once(system, "--job", "budgets")
    assert [level for _, level in told(ada)] == [50, 80, 100]
    assert stand_at(team) == after


def test_switch_follows_its_profile_and_says_when_it_is_gone(system, team, receiver):
    ada = team[0]
    hook(ada, receiver)
    budget = make(ada, action="switch", platform="claude", switch_to="cheap", levels=[100])
    assert ada.post("/api/resources/claude/profile/cheap/rename", json={"name": "spare"}).status_code == 200
    assert read(ada, budget)["switch_to"] == "spare"
    assert ada.patch("/api/configs/spare/disable").status_code == 200
    report(ada, 10)
    assert stand_at(team) == ["dear"] * 3 and switches(ada) == []
    assert deliver(system) == 1
    body = json.loads(receiver.seen[0][2])
    assert (body["data"]["switch_to"], body["data"]["switched"]) == ("spare", None) and "Nobody was switched to the profile 'spare'" in body["text"]
    assert ada.patch("/api/configs/spare/enable").status_code == 200
    again = {"name": "Team", "amount": 9, "period": "month", "action": "switch", "platform": "claude", "switch_to": "spare", "levels": [100]}
    assert ada.put(f"{BUDGETS}/{budget['id']}", json=again).status_code == 200
    assert stand_at(team) == ["spare"] * 3
    assert deliver(system) == 1
    body = json.loads(receiver.seen[1][2])
    assert (body["data"]["switch_to"], body["data"]["switched"]) == ("spare", 3) and body["text"].endswith("People switched to the profile 'spare': 3")


def test_nobody_is_switched_for_a_period_that_is_over(team):
    ada = team[0]
    budget = make(ada, period="day", action="switch", platform="claude", switch_to="cheap")
    ada.sql.execute("UPDATE budgets SET since = now() - interval '3 days' WHERE id = %s", [budget["id"]])
    report(ada, 10, now() - datetime.timedelta(days=1))
    assert [level for _, level in told(ada)] == [50, 80, 100] and stand_at(team) == ["dear"] * 3


# ---- events -----------------------------------------------------------------------------------------------------------

def test_who_listens_is_told(system, ada):
    stranger = newcomer(system, "stranger")
    wait_until("live events listen", (system.folder / "events.sock").exists)
    with contextlib.closing(open_websocket(system.nginx.port, token=ada.token)) as mine, \
            contextlib.closing(open_websocket(system.nginx.port, token=stranger.token)) as theirs, \
            contextlib.closing(open_websocket(system.nginx.port, token=ada.token, protocol=None)) as page:
        assert mine.next() == theirs.next() == {"type": "Ready"}
        while page.next()["type"] != "Log":
            pass
        budget = make(ada, amount=0.1)
        report(ada, 0.07)
        message = mine.next()
        assert message == {"type": "BudgetReached", "data": {
            "kind": "budget", "id": budget["id"], "budget": "Team", "level": 50, "amount": 0.1, "spent": 0.07, "period": "month",
            "period_start": budget["period_start"], "period_end": budget["period_end"], "stops": False, "workspace": ada.workspace, "by": None}}
        assert page.next()["data"]["message"] == "budget Team: 50 % ($0.07 of $0.10)"
        make(stranger, "theirs", amount=0.1)
        report(stranger, 1)
        assert theirs.next()["data"]["budget"] == "theirs", "and nothing before"


# ---- webhooks ---------------------------------------------------------------------------------------------------------

class Receiver:
    """Takes POSTs. answer(path): status and body."""

    def __init__(self):
        receiver = self
        self.seen, self.answer = [], lambda path: (200, "{}")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, text = receiver.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def hook(client, receiver, kind="plain", secret=None, path="/hook/of-a-secret-path?key=very-secret-key", name=None):
    answer = client.post(WEBHOOKS, json={"name": name or kind, "kind": kind, "url": receiver.url + path, "secret": secret})
    assert answer.status_code == 201, answer.text
    return answer.data


def deliver(system):
    return once(system, "--job", "webhooks")["webhooks"]


def mac(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()


def test_a_plain_webhook(system, ada, receiver):
    made = hook(ada, receiver, secret="signing-secret-1")
    assert made["url"] == receiver.url + "/" + "/hoo...-key" and made["secret"] == "sign...et-1" and "very-secret" not in json.dumps(made)
    budget = make(ada, action="stop")
    report(ada, 5)
    assert deliver(system) == 1 and deliver(system) == 0
    (path, headers, body), = receiver.seen
    assert path == "/hook/of-a-secret-path?key=very-secret-key" and headers["content-type"] == "application/json"
    assert headers["x-ccr-signature"] == "sha256=" + mac("signing-secret-1", headers["x-ccr-timestamp"] + "." + body).hex()
    assert abs(int(headers["x-ccr-timestamp"]) - datetime.datetime.now().timestamp()) < 600
    said = json.loads(body)
    assert said.pop("delivery") == headers["x-ccr-delivery"]
    assert said == {"event": "budget.reached", "workspace": ada.workspace, "text": said["text"], "data": {
        "kind": "budget", "id": budget["id"], "budget": "Team", "level": 50, "amount": 10, "spent": 5, "period": "month",
        "period_start": budget["period_start"], "period_end": budget["period_end"], "stops": False}}
    assert said["text"] == f"Budget 'Team' of the workspace {ada.workspace} has reached 50 %: $5.00 of $10.00 since {budget['period_start'][:10]} (UTC)"
    report(ada, 5)
    assert deliver(system) == 2
    assert json.loads(receiver.seen[2][2])["text"].endswith("no longer handed out")
    shown, = ada.get(WEBHOOKS).data["webhooks"]
    assert (shown["delivered"], shown["waiting"], shown["given_up"], shown["last_error"]) == (3, 0, 0, None)


def test_bodies_of_chats(system, ada, receiver):
    receiver.answer = lambda path: (200, '{"code":0,"errcode":0}')
    for kind, secret in (("slack", None), ("feishu", "SEC-feishu"), ("dingtalk", "SEC-dingtalk"), ("wecom", None)):
        hook(ada, receiver, kind, secret, path=f"/{kind}?access_token=x")
    make(ada)
    report(ada, 5)
    assert deliver(system) == 4
    seen = {path[1:].split("?")[0]: (path, headers, json.loads(body)) for path, headers, body in receiver.seen}
    assert all("x-ccr-signature" not in headers for _, headers, _ in seen.values())
    assert list(seen["slack"][2]) == ["text"] and seen["slack"][2]["text"].startswith("Budget 'Team'")
    text = seen["wecom"][2]["text"]["content"]
    assert "预算“Team”" in text and "50%" in text
    assert seen["wecom"][2] == {"msgtype": "text", "text": {"content": text}} and seen["wecom"][0] == "/wecom?access_token=x"
    said = seen["feishu"][2]
    assert said == {"msg_type": "text", "content": {"text": text}, "timestamp": said["timestamp"],
                    "sign": base64.b64encode(mac(said["timestamp"] + "\nSEC-feishu", "")).decode()}
    path, _, said = seen["dingtalk"]
    assert said == {"msgtype": "text", "text": {"content": text}}
    query = urllib.parse.parse_qs(path.partition("?")[2])
    assert query["access_token"] == ["x"] and len(query["timestamp"][0]) == 13
    assert query["sign"] == [base64.b64encode(mac("SEC-dingtalk", query["timestamp"][0] + "\nSEC-dingtalk")).decode()]


def due(ada):
    """What waits is due now."""
    ada.sql.execute("UPDATE webhook_deliveries SET next_at = now() WHERE next_at IS NOT NULL AND workspace_id = %s", [ada.workspace_id])


def test_what_is_not_taken_is_tried_again_and_given_up(system, ada, receiver):
    receiver.answer = lambda path: (500, "")
    hook(ada, receiver)
    make(ada, levels=[50])
    report(ada, 5)
    waits = []
    for _ in range(12):
        due(ada)
        assert deliver(system) == 0
        waits.append(ada.sql.execute("SELECT round(extract(epoch FROM next_at - now())) FROM webhook_deliveries WHERE workspace_id = %s",
                                     [ada.workspace_id]).fetchone()[0])
    assert [wait and round(float(wait), -1) for wait in waits[:5]] == [10, 30, 90, 270, 810] and waits[10] > 21500 and waits[11] is None
    due(ada)
    deliver(system)
    assert len(receiver.seen) == 12 and len({headers["x-ccr-delivery"] for _, headers, _ in receiver.seen}) == 1
    shown, = ada.get(WEBHOOKS).data["webhooks"]
    assert (shown["delivered"], shown["waiting"], shown["given_up"]) == (0, 0, 1) and "500" in shown["last_error"]


def test_a_chat_that_says_no_with_200_is_tried_again(system, ada, receiver):
    receiver.answer = lambda path: (200, '{"errcode":310000,"errmsg":"sign not match"}')
    hook(ada, receiver, "dingtalk", "wrong")
    make(ada, levels=[50])
    report(ada, 5)
    assert deliver(system) == 0
    receiver.answer = lambda path: (200, '{"errcode":0}')
    due(ada)
    assert deliver(system) == 1


def test_private_addresses_are_not_asked(fresh_stack, receiver):
    stack = fresh_stack()
    client = stack.client("solo")
    made = hook(client, receiver)
    make(client, levels=[50])
    report(client, 5)
    assert once(stack, "--job", "webhooks") == {"webhooks": 0} and receiver.seen == []
    shown, = client.get(WEBHOOKS).data["webhooks"]
    assert shown["waiting"] == 1 and "OUTBOUND_ALLOW" in shown["last_error"]
    answer = client.post(f"{WEBHOOKS}/{made['id']}/test", json={})
    assert answer.status_code == 200 and answer.data["delivered"] is False and "OUTBOUND_ALLOW" in answer.data["problem"] and receiver.seen == []


def test_a_test(ada, receiver):
    made = hook(ada, receiver)
    answer = ada.post(f"{WEBHOOKS}/{made['id']}/test", json={})
    assert answer.data == {"delivered": True, "status": 200, "problem": None}
    said = json.loads(receiver.seen[0][2])
    assert said["event"] == "test" and said["text"].startswith("A test") and said["data"] == {}
    receiver.answer = lambda path: (404, "")
    answer = ada.post(f"{WEBHOOKS}/{made['id']}/test", json={})
    assert (answer.data["delivered"], answer.data["status"]) == (False, 404)


def test_housekeeping_delivers_by_itself_and_two_hosts_once(fresh_stack, receiver):
    stack = fresh_stack(HOUSEKEEPING="on", OUTBOUND_ALLOW="127.0.0.0/8")
    other = Host(stack, new_folder())
    try:
        client = stack.client("solo")
        hook(client, receiver)
        make(client, levels=list(range(10, 101, 10)))
        report(client, 10)
        wait_until("all are there", lambda: len(receiver.seen) >= 10)
        report(client, 10)
        shown = wait_until("all are written down", lambda: [each for each in client.get(WEBHOOKS).data["webhooks"] if each["delivered"] == 10])
        assert shown[0]["waiting"] == 0
        assert sorted(json.loads(body)["data"]["level"] for _, _, body in receiver.seen) == list(range(10, 101, 10))
        assert "very-secret-key" not in stack.backend.log() + other.backend.log()
    finally:
        other.stop()


def test_two_that_claim_at_once_send_once(system, ada, receiver):
    """Also where a second process does not know of the first: a row that is claimed is nobody else's."""
    hook(ada, receiver)
    make(ada, levels=list(range(1, 11)))
    report(ada, 5)
    claim = ("UPDATE webhook_deliveries d SET next_at = now() + interval '1 minute' WHERE id IN (SELECT id FROM webhook_deliveries"
             " WHERE next_at <= now() AND workspace_id = %s LIMIT 4 FOR UPDATE SKIP LOCKED)")
    with ada.sql.transaction():
        ada.sql.execute(claim, [ada.workspace_id])
        assert deliver(system) == 6
    assert deliver(system) == 0 and len(receiver.seen) == 6
    due(ada)
    assert deliver(system) == 4
    assert len({headers["x-ccr-delivery"] for _, headers, _ in receiver.seen}) == 10


def test_secrets_are_sealed_and_sealed_anew(system, ada, receiver):
    hook(ada, receiver, secret="signing-secret-1")
    row, = ada.sql.execute("SELECT to_json(w)::text FROM webhooks w WHERE workspace_id = %s", [ada.workspace_id]).fetchone()
    assert "very-secret-key" not in row and "signing-secret-1" not in row
    audit, = ada.sql.execute("SELECT json_agg(a)::text FROM audit_log a WHERE workspace_id = %s", [ada.workspace_id]).fetchone()
    assert "webhook.create" in audit and "very-secret-key" not in audit
    assert "webhooks.sealed" in system.cli.run("secrets", "rotate", "--dry-run").stdout


def change(client, made, status=200, headers=None, **body):
    answer = client.put(f"{WEBHOOKS}/{made['id']}", json={"name": "plain", "kind": "plain", **body}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.data if status == 200 else answer


def last_update(client):
    return client.sql.execute("SELECT changes FROM audit_log WHERE workspace_id = %s AND action = 'webhook.update' ORDER BY created_at DESC LIMIT 1",
                              [client.workspace_id]).fetchone()[0]


def said_to(receiver, client, made):
    """Where a test is sent to, and whether it is signed with this secret: None, it is not signed."""
    receiver.seen.clear()
    assert client.post(f"{WEBHOOKS}/{made['id']}/test", json={}).data["delivered"]
    (path, headers, body), = receiver.seen
    signed = headers.get("x-ccr-signature")
    return path, lambda secret: signed == (secret and "sha256=" + mac(secret, headers["x-ccr-timestamp"] + "." + body).hex())


def test_a_webhook_is_changed_and_what_is_left_out_stays(ada, receiver):
    made = hook(ada, receiver, secret="signing-secret-1")
    for kept in ({}, {"url": made["url"]}, {"secret": made["secret"]}, {"url": made["url"], "secret": made["secret"]}):
        shown = change(ada, made, name="Renamed", **kept)
        assert {name: shown[name] for name in ("name", "url", "secret")} == {"name": "Renamed", "url": made["url"], "secret": made["secret"]}, kept
        path, signed = said_to(receiver, ada, made)
        assert path == "/hook/of-a-secret-path?key=very-secret-key" and signed("signing-secret-1"), kept
    assert shown["revision"] == 5 and last_update(ada) == []
    shown = change(ada, made, url=receiver.url + "/elsewhere/of-a-second-secret", secret="signing-secret-2")
    path, signed = said_to(receiver, ada, made)
    assert path == "/elsewhere/of-a-second-secret" and signed("signing-secret-2")
    assert last_update(ada) == [{"key": "name", "old_value": "Renamed", "new_value": "plain"},
                                {"key": "url", "old_value": made["url"], "new_value": shown["url"]},
                                {"key": "secret", "old_value": "sign...et-1", "new_value": "sign...et-2"}]
    for nothing in (None, ""):
        assert change(ada, made, secret="signing-secret-3")["secret"] == "sign...et-3"
        assert change(ada, made, secret=nothing)["secret"] is None
        assert said_to(receiver, ada, made)[1](None)
    audit, = ada.sql.execute("SELECT json_agg(a)::text FROM audit_log a WHERE workspace_id = %s", [ada.workspace_id]).fetchone()
    assert "of-a-second-secret" not in audit and "signing-secret" not in audit
    assert "signing-secret" not in ada.sql.execute("SELECT to_json(w)::text FROM webhooks w WHERE id = %s", [made["id"]]).fetchone()[0]


def test_another_kind_forgets_the_secret_that_it_has_no_use_for(ada, receiver):
    for kind in ("slack", "wecom"):
        made = hook(ada, receiver, secret="signing-secret-1", name=kind)
        answer = change(ada, made, 400, name=kind, kind=kind, secret="another-secret-1")
        assert list(wrong_fields(answer)) == ["secret"]
        shown = change(ada, made, name=kind, kind=kind, **({"secret": made["secret"]} if kind == "wecom" else {}))
        assert (shown["kind"], shown["secret"], shown["url"]) == (kind, None, made["url"])
        assert [each["key"] for each in last_update(ada)] == ["kind", "secret"]
        assert change(ada, made, name=kind, kind="plain")["secret"] is None, "it is not kept for later"


@pytest.mark.parametrize("change_to", [{"secret": "*"}, {"secret": "**********"}, {"secret": "sign...et-9"}, {"secret": " sign...et-9 "},
                                       {"url": "/****"}, {"url": "//hoo...-kez"}, {"url": "/hoo...-key"}, {"url": "http://127.0.0.2//hoo...-key"}])
def test_a_mask_never_becomes_a_webhooks_secret(ada, receiver, change_to):
    field, value = next(iter(change_to.items()))
    value = receiver.url + value if value.startswith("/") else value
    made = hook(ada, receiver, secret="signing-secret-1")
    assert list(wrong_fields(change(ada, made, 400, **{field: value}))) == [field]
    path, signed = said_to(receiver, ada, made)
    assert path == "/hook/of-a-secret-path?key=very-secret-key" and signed("signing-secret-1")
    answer = ada.post(WEBHOOKS, json={"name": "new", "kind": "plain", "url": "https://example.org/", field: value})
    assert answer.status_code == 400 and list(wrong_fields(answer)) == [field]


@pytest.mark.parametrize("body, field", [({"kind": "irc"}, "kind"), ({"name": ""}, "name"), ({"url": None}, "url"), ({"url": ""}, "url"),
                                         ({"url": "ftp://example.org"}, "url"), ({"secret": "a b"}, "secret")])
def test_wrong_changes_of_webhooks(ada, receiver, body, field):
    made = hook(ada, receiver)
    assert list(wrong_fields(change(ada, made, 400, **body))) == [field]


def test_names_and_revisions_of_webhooks(ada, receiver):
    made, other = hook(ada, receiver), hook(ada, receiver, name="other")
    refused(change(ada, made, 409, name="other"), 409, "CONFLICT")
    refused(change(ada, made, 412, headers={"If-Match": '"7"'}, name="x"), 412, "PRECONDITION_FAILED")
    assert change(ada, made, headers={"If-Match": '"1"'}, name="x")["revision"] == 2
    refused(change(ada, made, 412, headers={"If-Match": '"1"'}, name="y"), 412, "PRECONDITION_FAILED")
    assert [(each["name"], each["revision"]) for each in ada.get(WEBHOOKS).data["webhooks"]] == [("other", other["revision"]), ("x", 2)]
    for path in ("x", uuid.uuid4()):
        refused(ada.put(f"{WEBHOOKS}/{path}", json={"name": "x", "kind": "plain"}), 404, "NOT_FOUND")


def test_a_webhook_that_cannot_be_opened_stays_as_it_is(ada, receiver):
    made, other = hook(ada, receiver), hook(ada, receiver, name="other")
    sealed = "UPDATE webhooks w SET sealed = o.sealed FROM webhooks o WHERE w.id = %s AND o.id = %s"  # as of another row
    ada.sql.execute(sealed, [made["id"], other["id"]])
    refused(change(ada, made, 500, name="x"), 500, "INTERNAL_SERVER_ERROR")
    assert [each["name"] for each in ada.get(WEBHOOKS).data["webhooks"]] == ["other", "plain"]


def test_what_waits_is_told_at_the_new_address(system, ada, receiver):
    made = hook(ada, receiver, path="/old")
    make(ada, levels=[50])
    report(ada, 5)
    change(ada, made, url=receiver.url + "/new")
    assert deliver(system) == 1 and [path for path, _, _ in receiver.seen] == ["/new"]


# ---- who may, and what is wrong ---------------------------------------------------------------------------------------

def test_members_read_and_administrators_write(system, ada, receiver):
    people = {role: newcomer(system, role) for role in ("viewer", "editor", "admin")}
    slug = f"team-{uuid.uuid4().hex[:8]}"
    assert ada.post("/api/workspaces", json={"slug": slug, "name": "Team"}).status_code == 201
    for role, client in people.items():
        join(ada, slug, client, client.user["username"], role)
        client.workspace = slug
    ada.workspace = slug
    budget, made = make(ada), hook(ada, receiver)
    for role, client in people.items():
        body = {"name": "x", "amount": 1, "period": "day"}
        assert [each["name"] for each in client.get(BUDGETS).data["budgets"]] == ["Team"]
        assert [each["name"] for each in client.get(WEBHOOKS).data["webhooks"]] == ["plain"]
        writes = [client.post(BUDGETS, json=body), client.put(f"{BUDGETS}/{budget['id']}", json={**body, "name": "y"}),
                  client.delete(f"{BUDGETS}/{budget['id']}"), client.post(WEBHOOKS, json={"name": "x", "kind": "plain", "url": "https://example.org"}),
                  client.post(f"{WEBHOOKS}/{made['id']}/test", json={}), client.put(f"{WEBHOOKS}/{made['id']}", json={"name": "z", "kind": "plain"}),
                  client.delete(f"{WEBHOOKS}/{made['id']}"),
                  client.post("/api/budget/set", json={"daily_limit": 1}), client.post("/api/budget/reset", json={})]
        assert {answer.status_code for answer in writes} == ({403} if role != "admin" else {200, 201}), role


def test_nothing_of_other_workspaces(system, ada, receiver):
    other = newcomer(system, "other")
    budget, made = make(ada), hook(ada, receiver)
    report(ada, 20)
    assert other.get(BUDGETS).data["budgets"] == other.get(WEBHOOKS).data["webhooks"] == []
    for answer in (other.get(f"{BUDGETS}/{budget['id']}"), other.put(f"{BUDGETS}/{budget['id']}", json={"name": "x", "amount": 1, "period": "day"}),
                   other.delete(f"{BUDGETS}/{budget['id']}"), other.delete(f"{WEBHOOKS}/{made['id']}"),
                   other.put(f"{WEBHOOKS}/{made['id']}", json={"name": "x", "kind": "plain"}),
                   other.post(f"{WEBHOOKS}/{made['id']}/test", json={})):
        refused(answer, 404, "NOT_FOUND")
    mine = make(other, amount=1)
    report(other, 2)
    assert read(other, mine)["spent"] == 2 and read(ada, budget)["spent"] == 20
    with system.db() as db:
        db.execute("SELECT set_config('ccr.workspace', %s, false)", [str(ada.workspace_id)])
        for table in ("budgets", "budget_notices", "webhooks", "webhook_deliveries"):
            assert {row[0] for row in db.execute(f"SELECT workspace_id FROM {table}")} == {ada.workspace_id}, table
        db.execute("SELECT set_config('ccr.workspace', '', false)")
        for table in ("budgets", "budget_notices", "webhooks", "webhook_deliveries"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    ada.sql.execute("DELETE FROM workspaces WHERE id = %s", [ada.workspace_id])
    assert ada.sql.execute("SELECT count(*) FROM webhook_deliveries WHERE workspace_id = %s", [ada.workspace_id]).fetchone() == (0,)


@pytest.mark.parametrize("change, field", [
    ({"name": ""}, "name"), ({"name": "x" * 101}, "name"), ({"amount": 0}, "amount"), ({"amount": "0.000"}, "amount"), ({"amount": -1}, "amount"),
    ({"amount": 1e9}, "amount"), ({"amount": "1e3"}, "amount"), ({"period": "year"}, "period"), ({"levels": []}, "levels"), ({"levels": [0]}, "levels"),
    ({"levels": [1001]}, "levels"), ({"levels": [50, 50]}, "levels"), ({"levels": ["50"]}, "levels"), ({"levels": [50.5]}, "levels"),
    ({"levels": {"50": 1}}, "levels"), ({"levels": list(range(1, 12))}, "levels"), ({"starts": "2026-01-01"}, "starts"),
    ({"period": "total"}, "starts"), ({"period": "total", "starts": "2026-02-30"}, "starts"), ({"period": "total", "starts": "tomorrow"}, "starts"),
    ({"period": "total", "starts": "2026-01-01T00:00:00Z"}, "starts"), ({"action": "switch"}, "switch_to"),
    ({"action": "switch", "switch_to": "cheap"}, "platform"), ({"action": "switch", "switch_to": "cheap", "platform": "claude"}, "switch_to"),
    ({"switch_to": "cheap"}, "switch_to"), ({"action": "pause"}, "action"), ({"users": ["nobody-here"]}, "users"),
    ({"users": [str(uuid.uuid4())]}, "users"), ({"platform": "vim"}, "platform"), ({"model": "!"}, "model"),
    ({"action": "stop", "model": MODEL}, "action"), ({"action": "stop", "project": "/work"}, "action"), ({"enabled": "yes"}, "enabled")])
def test_wrong_budgets(ada, change, field):
    answer = make(ada, status=400, **{"name": "Team", "amount": 10, "period": "month", **change})
    assert list(wrong_fields(answer)) == [field]
    assert ada.get(BUDGETS).data["total"] == 0


@pytest.mark.parametrize("change, field", [({"kind": "irc"}, "kind"), ({"url": "ftp://example.org"}, "url"), ({"url": ""}, "url"),
                                           ({"url": "https://user:password@example.org/"}, "url"), ({"kind": "slack", "secret": "x"}, "secret"),
                                           ({"secret": "a b"}, "secret")])
def test_wrong_webhooks(ada, change, field):
    answer = ada.post(WEBHOOKS, json={"name": "x", "kind": "plain", "url": "https://example.org/", **change})
    assert answer.status_code == 400 and list(wrong_fields(answer)) == [field]


def test_names_and_numbers(ada):
    budget = make(ada)
    refused(make(ada, status=409), 409, "CONFLICT")
    other = make(ada, "other")
    body = {"name": "Team", "amount": 1, "period": "day"}
    refused(ada.put(f"{BUDGETS}/{other['id']}", json=body), 409, "CONFLICT")
    refused(ada.put(f"{BUDGETS}/{budget['id']}", json=body, headers={"If-Match": '"7"'}), 412, "PRECONDITION_FAILED")
    assert ada.put(f"{BUDGETS}/{budget['id']}", json=body, headers={"If-Match": '"1"'}).status_code == 200
    ada.sql.execute("INSERT INTO budgets (workspace_id, name, period, amount, levels, action, enabled)"
                    " SELECT %s, 'n' || i, 'day', 1, '{100}', 'none', true FROM generate_series(1, 98) i", [ada.workspace_id])
    refused(make(ada, "one more", status=409), 409, "CONFLICT")
    assert ada.delete(f"{BUDGETS}/{budget['id']}").status_code == 200
    refused(ada.get(f"{BUDGETS}/{budget['id']}"), 404, "NOT_FOUND")
    for path in (f"{BUDGETS}/x", f"{BUDGETS}/{uuid.uuid4()}"):
        refused(ada.get(path), 404, "NOT_FOUND")


# ---- CCR UI -----------------------------------------------------------------------------------------------------------

def test_ccr_uis_page(ada):
    def status():
        answer = ada.get("/api/budget/status")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found.pop("last_updated")
        return found
    nothing = {"enabled": False, "daily_limit": None, "weekly_limit": None, "monthly_limit": None, "warn_threshold": 80,
               "current_costs": {"today": 0, "this_week": 0, "this_month": 0}, "warnings": []}
    assert status() == nothing
    report(ada, 9)
    set_ = {"enabled": True, "daily_limit": 10, "weekly_limit": "", "monthly_limit": 100.5, "warn_threshold": 90}
    assert ada.post("/api/budget/set", json=set_).status_code == 200
    warned = {"enabled": True, "daily_limit": 10, "weekly_limit": None, "monthly_limit": 100.5, "warn_threshold": 90,
              "current_costs": {"today": 9, "this_week": 9, "this_month": 9},
              "warnings": [{"period": "daily", "current_cost": 9, "limit": 10, "usage_percent": 90}]}
    assert status() == warned and told(ada) == [("CCR UI daily", 90)]
    assert [(each["name"], each["levels"]) for each in ada.get(BUDGETS).data["budgets"]] == [("CCR UI daily", [90, 100]), ("CCR UI monthly", [90, 100])]
    assert ada.post("/api/budget/set", json={"daily_limit": None, "warn_threshold": 5}).status_code == 200
    assert status()["daily_limit"] is None and [each["period"] for each in status()["warnings"]] == ["monthly"]
    assert ada.post("/api/budget/set", json={"enabled": False}).status_code == 200
    assert status() == {**nothing, "monthly_limit": 100.5, "warn_threshold": 5}
    for wrong in ({"daily_limit": -1}, {"daily_limit": 0}, {"warn_threshold": 101}):
        assert ada.post("/api/budget/set", json=wrong).status_code == 400
    assert ada.post("/api/budget/reset", json={}).status_code == 200
    assert status() == {**nothing, "warn_threshold": 5} and ada.get(BUDGETS).data["budgets"] == []
