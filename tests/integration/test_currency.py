"""The currency that amounts are shown in beside dollars: who sets it, what it may be, where it is told, and that no number changes by it."""

import datetime
import json
import re
from decimal import Decimal

import psycopg
import pytest

from configs import acting_in, everything, new_workspace, refused, wrong_fields
from stack import join, wait_until

CURRENCY = "/api/usage/currency"
YUAN = {"currency": "CNY", "rate": 7.1, "date": "2026-08-01"}
WHOLE = {"report": "/api/usage/report?from=2026-03-01&to=2026-03-31&group=day,model&compare=previous", "summary": "/api/usage/summary",
         "budgets": "/api/usage/budgets"}
ELSEWHERE = ["/api/usage/prices?only=own", "/api/usage/sessions", "/api/usage/sources", "/api/stats/cost/today", "/api/pricing/list"]
CSV = WHOLE["report"] + "&format=csv"


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack()


@pytest.fixture
def ada(system):
    client = system.client("ada")
    return acting_in(client, new_workspace(client))


def answers(client):
    """What each of the answers that people look at says of it."""
    return [client.get(CURRENCY).data, *(client.get(path).data["display"] for path in WHOLE.values())]


def told(client):
    """What all of them say alike."""
    said = answers(client)
    assert all(each == said[0] for each in said), said
    return said[0]


def set_to(client, **more):
    answer = client.put(CURRENCY, json={**YUAN, **more})
    assert answer.status_code == 200, answer.text
    return answer.data


def trail(client):
    return [row for row in client.get("/api/audit/workspace").data["entries"] if row["action"].startswith("currency.")]


def test_it_is_set_changed_and_removed(ada):
    assert told(ada) is None
    assert set_to(ada) == YUAN == told(ada)
    yen = {"currency": "JPY", "rate": 149.123456789, "date": "2026-08-02"}
    assert set_to(ada, **yen) == yen == told(ada)
    assert ada.delete(CURRENCY).data is None
    assert told(ada) is None
    refused(ada.delete(CURRENCY), 404, "NOT_FOUND")


@pytest.mark.parametrize("given, shown", [("7.1", "7.1"), ("7.100", "7.1"), ("0.000000001", "0.000000001"), ("999999.123456789", "999999.123456789"),
                                          (1000000, "1000000"), (0.92, "0.92"), ("149", "149")])
def test_a_rate_is_decimal_from_end_to_end(ada, given, shown):
    set_to(ada, rate=given)
    for path in [CURRENCY, *WHOLE.values()]:
        data = json.loads(ada.get(path).text, parse_float=Decimal, parse_int=Decimal)["data"]
        rate = (data if path == CURRENCY else data["display"])["rate"]
        assert rate == Decimal(shown) and format(rate, "f") == shown, path


@pytest.mark.parametrize("change, field", [
    ({"currency": None}, "currency"), ({"currency": ""}, "currency"), ({"currency": "cny"}, "currency"), ({"currency": "CN"}, "currency"),
    ({"currency": "YUAN"}, "currency"), ({"currency": "C1Y"}, "currency"), ({"currency": "ÄÖÜ"}, "currency"), ({"currency": "USD"}, "currency"), ({"currency": 7}, "currency"),
    ({"rate": None}, "rate"), ({"rate": ""}, "rate"), ({"rate": 0}, "rate"), ({"rate": "0.000"}, "rate"), ({"rate": -7}, "rate"),
    ({"rate": "7,1"}, "rate"), ({"rate": "1e3"}, "rate"), ({"rate": 1000001}, "rate"), ({"rate": "0.1234567890"}, "rate"), ({"rate": "NaN"}, "rate"),
    ({"date": None}, "date"), ({"date": ""}, "date"), ({"date": "2026-02-30"}, "date"), ({"date": "1.8.2026"}, "date"),
    ({"date": "2026-08-01T00:00:00Z"}, "date"), ({"date": "infinity"}, "date"), ({"date": "9999-12-31"}, "date")])
def test_wrong_fields_are_named(ada, change, field):
    set_to(ada)
    body = {name: value for name, value in {**YUAN, "currency": "EUR", **change}.items() if value is not None}
    assert wrong_fields(ada.put(CURRENCY, json=body)) == [field]
    assert told(ada) == YUAN and len(trail(ada)) == 1, "nothing was set"


def test_a_rate_may_be_of_the_day_that_it_is_anywhere(ada):
    now = datetime.datetime.now(datetime.timezone.utc)
    first = (now + datetime.timedelta(hours=13)).date().isoformat()
    assert set_to(ada, date=first)["date"] == first
    assert wrong_fields(ada.put(CURRENCY, json={**YUAN, "date": (now + datetime.timedelta(days=2)).date().isoformat()})) == ["date"]


@pytest.mark.parametrize("role, may", [("viewer", False), ("editor", False), ("admin", True)])
def test_roles(system, ada, role, may):
    cleo = system.client("cleo")
    join(ada, ada.workspace, cleo, "cleo", role)
    cleo.workspace = ada.workspace
    set_to(ada)
    assert told(cleo) == YUAN
    for method, body in (("PUT", {**YUAN, "rate": 7.2}), ("DELETE", None)):
        answer = cleo.request(method, CURRENCY, json=body)
        assert answer.status_code == 200 if may else refused(answer, 403, "AUTHORIZATION_ERROR")
        assert system.client().request(method, CURRENCY, json=body).status_code == 401
    assert told(ada) == (None if may else YUAN)


def test_a_workspace_has_its_own(system, ada):
    """Whatever a statement forgets."""
    bob = acting_in(system.client("bob"), new_workspace(system.client("bob")))
    set_to(ada)
    assert told(bob) is None
    set_to(bob, currency="EUR", rate=0.92)
    assert (told(ada), told(bob)["currency"]) == (YUAN, "EUR")
    assert bob.delete(CURRENCY).status_code == 200
    assert told(ada) == YUAN
    with everything(system) as db:
        mine, theirs = (db.execute("SELECT id FROM workspaces WHERE slug = %s", [client.workspace]).fetchone()[0] for client in (ada, bob))
    with system.db() as db:
        for workspace in ("", theirs):
            db.execute("SELECT set_config('ccr.workspace', %s, false)", [str(workspace)])
            assert db.execute("SELECT count(*) FROM display_currencies").fetchone() == (0,)
            assert db.execute("UPDATE display_currencies SET rate = 1").rowcount == db.execute("DELETE FROM display_currencies").rowcount == 0
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute("INSERT INTO display_currencies VALUES (%s, 'EUR', 1, '2026-08-01')", [mine])
        db.execute("SELECT set_config('ccr.workspace', %s, false)", [str(mine)])
        for row in (("eur", 1), ("USD", 1), ("EUR", 0), ("EUR", -1)):
            with pytest.raises(psycopg.errors.CheckViolation):
                db.execute("UPDATE display_currencies SET (currency, rate) = (%s, %s)", row)
        assert db.execute("SELECT count(*) FROM display_currencies").fetchone() == (1,)
    with everything(system) as db:
        db.execute("DELETE FROM workspaces WHERE id = %s", [mine])
        assert db.execute("SELECT count(*) FROM display_currencies WHERE workspace_id = %s", [mine]).fetchone() == (0,)


def test_every_change_is_in_the_audit_trail(ada):
    set_to(ada)
    set_to(ada, rate="7.250", date="2026-08-02")
    set_to(ada, rate=7.25, date="2026-08-02")
    assert ada.delete(CURRENCY).status_code == 200
    assert ada.delete(CURRENCY).status_code == 404
    rows = trail(ada)
    assert [(row["action"], row["target"], row["actor"]) for row in rows] == [
        ("currency.delete", "CNY", "ada"), *[("currency.set", "CNY", "ada")] * 3]
    changes = [[(each["key"], each["old_value"], each["new_value"]) for each in row["changes"]] for row in rows]
    assert changes == [[], [], [("rate", "7.1", "7.25"), ("date", "2026-08-01", "2026-08-02")],
                       [("currency", None, "CNY"), ("rate", None, "7.1"), ("date", None, "2026-08-01")]]


def numbers(client):
    """Of all answers that have amounts, without what says how they may be shown; the time of day goes out of them."""
    found = {}
    for name, path in WHOLE.items():
        data = json.loads(client.get(path).text, parse_float=str)["data"]
        assert data["currency"] == "USD"
        del data["display"]
        found[name] = data
    for budget in found["budgets"]["budgets"]:
        for by_the_hour in ("forecast_pace", "forecast_week", "used_up_at"):
            del budget[by_the_hour]
    for source in found["summary"]["gaps"]:
        del source["silent_seconds"]
    for path in [*ELSEWHERE, CSV]:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "CNY" not in answer.text and not re.search(r"(?<!\d)7\.1(?!\d)", answer.text), path  # seconds have two digits before the point
    return {**found, "csv": client.get(CSV).text, "prices": client.get(ELSEWHERE[0]).data}


def test_no_number_changes_by_it(system, ada):
    """Neither what was counted before, nor what is afterwards; budgets reach their levels by dollars."""
    assert ada.put("/api/usage/prices/model-a", json={"input": 1, "output": 2}).status_code == 200
    assert ada.post("/api/usage/budgets", json={"name": "Two", "period": "total", "starts": "2026-03-01", "amount": 2, "levels": [100]}).status_code == 201

    def report(name, tokens):
        record = {"platform": "claude", "id": name, "time": "2026-03-20T08:00:00Z", "model": "model-a", "input": tokens, "output": 0}
        assert ada.post("/api/usage/records", json={"records": [record], "machine": "laptop"}).status_code == 200

    report("before", 1_500_000)
    before = numbers(ada)
    assert before["report"]["totals"]["cost"] == "1.5"
    set_to(ada)
    assert numbers(ada) == before
    report("after", 400_000)
    during = numbers(ada)
    assert during["report"]["totals"]["cost"] == "1.9" and during["budgets"]["budgets"][0]["spent"] == "1.9"
    assert during["budgets"]["budgets"][0]["reached"] == [], "13.49 yuan are no 2 dollars"
    assert ada.delete(CURRENCY).status_code == 200
    assert numbers(ada) == during
    with everything(system) as db:
        own = "workspace_id = (SELECT id FROM workspaces WHERE slug = %s)"
        assert db.execute(f"SELECT sum(cost) FROM usage_calls WHERE {own}", [ada.workspace]).fetchone() == (Decimal("1.9"),)


def test_one_budget_says_it_as_well(ada):
    set_to(ada)
    made = ada.post("/api/usage/budgets", json={"name": "Team", "period": "month", "amount": 500})
    assert made.status_code == 201
    for answer in (made, ada.get(f"/api/usage/budgets/{made.data['id']}")):
        assert (answer.data["amount"], answer.data["currency"], answer.data["display"]) == (500, "USD", YUAN)


def test_what_is_kept_of_an_answer_is_renewed(system, ada):
    """The answer depends on nothing else, so it is kept, until a change (also one that the program did not make)."""
    for rate in (7.1, 7.2, 7.3):
        set_to(ada, rate=rate)
        assert [ada.get(CURRENCY).data["rate"] for _ in range(3)] == [rate] * 3
    with everything(system) as db:
        db.execute("UPDATE display_currencies SET rate = 8 WHERE workspace_id = (SELECT id FROM workspaces WHERE slug = %s)", [ada.workspace])
    # A host hears of it from PostgreSQL, a moment after the commit.
    wait_until("all answers are by the changed rate", lambda: all(each["rate"] == 8 for each in answers(ada)))
