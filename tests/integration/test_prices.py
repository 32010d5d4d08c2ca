"""Prices of models: lists and what comes of them, which price a call has, own prices of workspaces, and the job that reads a list."""

import datetime
import json
import os
import random
import signal
from decimal import Decimal

import psycopg
import pytest

from configs import acting_in, everything, new_workspace, refused, wrong_fields
from providers import Provider, reply
from stack import ROOT, join, new_folder, wait_until
from test_metrics import page, total

PRICES = "/api/usage/prices"
SEED = json.loads((ROOT / "presets" / "prices.json").read_text())
FLAT = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack()


@pytest.fixture
def ada(system):
    client = system.client("ada")
    return acting_in(client, new_workspace(client))


def entry(input, output, **more):
    """Dollars for a million tokens, as LiteLLM writes them; more: names of the file's own."""
    return {"litellm_provider": "some", "mode": "chat", "input_cost_per_token": float(Decimal(str(input)) / 10**6),
            "output_cost_per_token": float(Decimal(str(output)) / 10**6), **more}


def file_of(models):
    path = new_folder() / "list.json"
    path.write_text(json.dumps(models) if isinstance(models, dict) else models)
    path.chmod(0o644)
    return path


def imported(system, models, date, **environment):
    result = system.cli.run("prices", "import", str(file_of(models)), "--date", date, "--json", environment=environment)
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)
    return counts, tuple(counts[name] for name in ("new", "changed", "same", "older"))


def workspace_id(system, client):
    with everything(system) as db:
        return db.execute("SELECT id FROM workspaces WHERE slug = %s", (client.workspace,)).fetchone()[0]


def cost(system, model, when, workspace=None, tier="standard", input=0, output=0, cache_read=0, cache_write=0, cache_write_1h=0):
    """As the ledger charges a call; None: it has no price."""
    with system.db() as db:
        db.execute("SELECT set_config('ccr.workspace', %s, false)", [str(workspace or "")])
        row = db.execute("SELECT cost FROM (SELECT %s::timestamptz AS time) c LEFT JOIN LATERAL"
                         " usage_cost(%s::uuid, %s, %s, c.time, %s, %s, %s, %s, %s) k ON true",
                         (when, workspace, model, tier, input, output, cache_read, cache_write, cache_write_1h)).fetchone()
    return row[0]


def listed(client, **query):
    answer = client.get(PRICES, params={"limit": 500, **query})
    assert answer.status_code == 200, answer.text
    assert (answer.data["currency"], answer.data["per_tokens"]) == ("USD", 1000000)
    return answer.data["prices"]


def shown(row):
    return [row["tier"], row["prompt_above"], *(row[rate] for rate in FLAT)]


# ---- lists ------------------------------------------------------------------------------------------------------------

def test_the_prices_that_come_with_the_program(system, ada):
    rows = {(row["key"], row["tier"], row["prompt_above"]): row for row in listed(ada)}
    assert len({key for key, _, _ in rows}) == 40
    sonnet = rows["claude-sonnet-4-5", "standard", 200000]
    assert shown(sonnet)[2:] == [6, 22.5, 0.6, 7.5, 12]
    assert (sonnet["model"], sonnet["since"], sonnet["own"], sonnet["source"]) == ("claude-sonnet-4-5", None, False, "LiteLLM")
    assert sonnet["seen_at"] == SEED["date"] + "T00:00:00.000Z"
    assert shown(rows["claude-opus-4-6", "fast", None])[2:] == [30, 150, 3, 37.5, 60]
    assert rows["gpt-5-4", "standard", None]["model"] == "gpt-5.4"
    assert all(row["effective"] for row in rows.values())
    before = listed(ada)
    assert system.cli.run("migrate", "up").returncode == 0
    counts, counted = imported(system, SEED["models"], SEED["date"])
    assert counted == (0, 0, 40, 0) and not any(counts["skipped"].values())
    assert listed(ada) == before, "once more changes nothing"


def test_a_new_price_holds_from_its_lists_date(system):
    assert imported(system, {"dated-1": entry(1, 10), "dated-2": entry(3, 3)}, "2026-01-10")[1] == (2, 0, 0, 0)
    assert imported(system, {"dated-1": entry(2, 10), "dated-2": entry(3, 3)}, "2026-03-01")[1] == (0, 1, 1, 0)
    assert imported(system, {"dated-1": entry(4, 10)}, "2026-05-01")[1] == (0, 1, 0, 0)
    for when, dollars in (("2020-01-01", 1), ("2026-02-28 23:59:59.999999+00", 1), ("2026-03-01 00:00+00", 2), ("2026-04-30", 2),
                          ("2026-05-01", 4), ("2030-01-01", 4)):
        assert cost(system, "dated-1", when + ("" if "+" in when else " 00:00+00"), input=10**6) == dollars, when
    assert cost(system, "dated-2", "2026-06-01", input=10**6) == 3, "what left the list keeps its price"


def test_what_a_newer_list_says_is_not_undone_by_an_older_one(system):
    assert imported(system, {"aged": entry(1, 1)}, "2026-01-01")[1] == (1, 0, 0, 0)
    assert imported(system, {"aged": entry(1, 1)}, "2026-03-01")[1] == (0, 0, 1, 0)
    assert imported(system, {"aged": entry(9, 9)}, "2026-02-01")[1] == (0, 0, 0, 1)
    assert cost(system, "aged", "2026-06-01", input=10**6) == 1
    assert imported(system, {"aged": entry(5, 5)}, "2026-03-01")[1] == (0, 1, 0, 0), "of two of one day the second is right"
    assert imported(system, {"aged": entry(6, 6)}, "2026-03-01")[1] == (0, 1, 0, 0)
    assert [cost(system, "aged", when, input=10**6) for when in ("2026-02-28", "2026-03-02")] == [1, 6]
    assert imported(system, {"aged": entry(1, 1)}, "2026-03-01")[1] == (0, 1, 0, 0), "back to what it was"
    assert cost(system, "aged", "2026-03-02", input=10**6) == 1
    assert imported(system, {"aged": entry(1, 1)}, "2026-03-01")[1] == (0, 0, 1, 0)


def test_a_change_brings_all_ranges_and_leaves_other_tiers(system):
    long = {"input_cost_per_token_above_200k_tokens": 2e-06, "output_cost_per_token_above_200k_tokens": 2e-05}
    flex = {"input_cost_per_token_flex": 5e-07, "output_cost_per_token_flex": 5e-06}
    assert imported(system, {"ranged": entry(1, 10, **long, **flex)}, "2026-01-01")[1] == (1, 0, 0, 0)
    assert imported(system, {"ranged": entry(1, 10, **flex)}, "2026-02-01")[1] == (0, 1, 0, 0)
    assert [cost(system, "ranged", when, input=300000) for when in ("2026-01-31", "2026-02-01 00:00+00")] == [Decimal("0.6"), Decimal("0.3")]
    assert cost(system, "ranged", "2026-01-15", tier="flex", input=10**6) is None, "a range that is known of the standard tier only"
    assert cost(system, "ranged", "2026-01-15", tier="flex", input=1000) == Decimal("0.0005")
    assert cost(system, "ranged", "2026-03-01", tier="flex", input=10**6) == Decimal("0.5")
    with everything(system) as db:
        rows = db.execute("SELECT tier, since = '-infinity', prompt_above FROM usage_prices WHERE model = 'ranged' ORDER BY 1, 2, 3").fetchall()
    assert rows == [("flex", False, -1), ("flex", True, -1), ("flex", True, 200000), ("standard", False, -1), ("standard", True, -1),
                    ("standard", True, 200000)]


def test_which_range_and_which_rates(system):
    imported(system, {"exact": entry(1, 10, cache_read_input_token_cost=1e-07, cache_creation_input_token_cost=1.25e-06,
                                     input_cost_per_token_above_200k_tokens=3e-06, output_cost_per_token_above_200k_tokens=3e-05)},
             "2026-01-01")

    def costs(**tokens):
        return cost(system, "exact", "2026-06-01", **tokens)

    assert costs(input=200000) == Decimal("0.2") and costs(input=200001) == Decimal("0.600003"), "the whole request"
    assert costs(input=1, output=1) == Decimal("0.000011")
    assert costs(output=500000) == 5, "the answer is no prompt"
    assert costs(input=100, cache_read=199900) == Decimal("0.02009"), "what a cache gives counts as prompt, at its own price"
    assert costs(input=100, cache_read=199901) is None, "the dear range tells no price of it"
    assert costs(cache_write=1000) == Decimal("0.00125") and costs(cache_write_1h=1) is None
    assert costs() == 0
    assert cost(system, "exact", "2026-06-01", tier="priority", input=1) is None
    assert cost(system, "exact-2", "2026-06-01", input=1) is None, "nobody is charged another model's price"
    assert costs(input=123456789, output=987654321) == (Decimal(123456789) * 3 + Decimal(987654321) * 30) / 10**6


def test_what_a_list_leaves_out(system):
    counts, counted = imported(system, {
        "one/hosted": entry(1, 1), "two/hosted": entry(2, 2), "same-a/agreed": entry(1, 1), "same-b/agreed": entry(1, 1),
        "a-picture": {**entry(1, 1), "mode": "image_generation"}, "half": entry(0, 1), "free-for-all": entry(0, 0),
        "relay/free-there": entry(0, 0), "texts": {**entry(1, 1), "output_cost_per_token": "1e-06"}}, "2026-01-01")
    assert counted == (2, 0, 0, 0)
    assert counts["ambiguous"] == "hosted" and counts["skipped"]["ambiguous"] == 1
    assert {why: n for why, n in counts["skipped"].items() if n} == {"mode": 1, "unpriced": 1, "half": 2, "ambiguous": 1}
    assert cost(system, "hosted", "2026-06-01", input=10**6) is None
    assert cost(system, "agreed", "2026-06-01", input=10**6) == 1
    assert cost(system, "free-for-all", "2026-06-01", input=10**6) == 0
    result = system.cli.run("prices", "import", str(file_of({"one/hosted": entry(1, 1), "two/hosted": entry(2, 2), "b": entry(1, 1)})))
    assert result.returncode == 0 and "at several prices: hosted" in result.stdout and "left out (ambiguous): 1" in result.stdout


@pytest.mark.parametrize("models, arguments, status, says", [
    ("{", [], 65, "no list of prices"), ("[]", [], 65, "no list of prices"), ({}, [], 65, "no list of prices"),
    ({"a": {"mode": "chat"}}, [], 65, "no list of prices"), ({"a": entry(1, 1)}, ["--date", "now"], 64, "--date is a day"),
    ({"a": entry(1, 1)}, ["--date", "2026-02-30"], 65, "is no date"), (None, [], 66, "No such file")])
def test_no_list(system, ada, models, arguments, status, says):
    before = listed(ada)
    path = "/nowhere/list.json" if models is None else str(file_of(models))
    result = system.cli.run("prices", "import", path, *arguments)
    assert (result.returncode, result.stdout) == (status, "") and says in result.stderr
    assert listed(ada) == before


def test_a_list_that_is_too_long(system):
    path = new_folder() / "long.json"
    with open(path, "w") as file:
        file.write("{" + " " * (16 << 20) + "}")
    path.chmod(0o644)
    result = system.cli.run("prices", "import", str(path))
    assert result.returncode == 66 and "more than 16 MiB" in result.stderr
    many = {f"m-{n}": entry(1, 1) for n in range(20001)}
    assert system.cli.run("prices", "import", str(file_of(many))).returncode == 65


def test_the_command_prints_them(system):
    rows = json.loads(system.cli.run("prices", "list", "--json", check=True).stdout)
    fable = next(row for row in rows if row["model"] == "claude-fable-5")
    assert [fable[rate] for rate in FLAT] == [10, 50, 1, 12.5, 20] and fable["since"] is None
    text = system.cli.run("prices", "list", check=True).stdout
    assert "US dollars for a million tokens" in text and "claude-fable-5" in text
    for words in ([], ["list", "extra"], ["import"], ["export"]):
        assert system.cli.run("prices", *words).returncode == 64
    imported(system, {"printed-1": entry(1, 2)}, "2026-02-01")
    with everything(system) as db:
        (row,) = db.execute("SELECT actor, workspace_id FROM audit_log WHERE action = 'price.import' ORDER BY created_at DESC LIMIT 1").fetchall()
    assert row == ("console", None)


# ---- own prices -------------------------------------------------------------------------------------------------------

def test_an_own_price_goes_before_the_sites(system, ada):
    bob = acting_in(system.client("bob"), new_workspace(system.client("bob")))
    mine, his = workspace_id(system, ada), workspace_id(system, bob)
    imported(system, {"Contract-2.1": entry(1, 10, input_cost_per_token_above_200k_tokens=5e-06, output_cost_per_token_above_200k_tokens=5e-05)},
             "2026-01-01")
    answer = ada.put(f"{PRICES}/openrouter%2Fsome%2FContract-2.1", json={"input": "0.123456789", "output": 4, "since": "2026-03-01"})
    assert answer.status_code == 200, answer.text
    own = answer.data
    assert (own["key"], own["model"], own["own"], own["effective"], own["source"]) == ("contract-2-1", "contract-2.1", True, True, "ada")
    assert shown(own) == ["standard", None, 0.123456789, 4, None, None, None] and own["since"] == "2026-03-01T00:00:00.000Z"
    assert (own["currency"], own["per_tokens"]) == ("USD", 1000000)

    def costs(workspace, when="2026-06-01", **tokens):
        return cost(system, "contract-2-1", when, workspace, **tokens)

    assert costs(mine, input=10**6) == Decimal("0.123456789"), "and its ranges with it"
    assert costs(his, input=10**6) == 5 and costs(None, input=10**6) == 5
    assert costs(mine, "2026-02-28", input=1000) == Decimal("0.001"), "before, the site's"
    assert costs(mine, input=1, cache_read=1) is None, "the site's rates fill nothing up"
    assert [row["effective"] for row in listed(ada, search="contract-2.1")] == [True, False, False]
    assert [row["effective"] for row in listed(bob, search="contract-2.1")] == [True, True]
    assert [row["own"] for row in listed(ada, only="effective", search="CONTRACT")] == [True]
    assert {row["key"] for row in listed(ada, only="own")} == {"contract-2-1"} and listed(bob, only="own") == []

    assert ada.put(f"{PRICES}/contract-2-1", json={"input": 7, "output": 7, "prompt_above": 200000, "since": "2026-03-01"}).status_code == 200
    assert costs(mine, input=10**6) == 7 and costs(mine, input=1000) == Decimal("0.000123456789")
    assert ada.put(f"{PRICES}/contract-2-1", json={"input": 8, "output": 8, "since": "2026-03-01T00:00:00Z"}).status_code == 200
    assert costs(mine, input=1000) == Decimal("0.008"), "written over"
    assert len(listed(ada, only="own")) == 2

    assert ada.delete(f"{PRICES}/contract-2-1", params={"prompt_above": 200000}).status_code == 200
    assert costs(mine, input=10**6) == 8
    refused(ada.delete(f"{PRICES}/contract-2-1", params={"since": "always"}), 404, "NOT_FOUND")
    refused(bob.delete(f"{PRICES}/contract-2-1"), 404, "NOT_FOUND")
    assert ada.delete(f"{PRICES}/Contract-2.1").status_code == 200
    assert costs(mine, input=10**6) == 5
    refused(ada.delete(f"{PRICES}/contract-2-1"), 404, "NOT_FOUND")


def test_an_own_price_of_a_model_that_nobody_knows(system, ada):
    mine = workspace_id(system, ada)
    assert cost(system, "house-model", "2026-06-01", mine, input=1) is None
    assert ada.put(f"{PRICES}/house-model", json={"input": 0, "output": 0, "cache_read": ""}).data["since"] is None
    assert cost(system, "house-model", "1999-01-01", mine, input=1, output=1) == 0
    assert ada.put(f"{PRICES}/claude-house-9-fast", json={"input": 1, "output": 1}).data["tier"] == "fast"
    assert cost(system, "claude-house-9", "2026-06-01", mine, tier="fast", input=10**6) == 1
    assert ada.delete(f"{PRICES}/house-model", params={"since": "always", "tier": "standard", "prompt_above": -1}).status_code == 200
    assert ada.delete(f"{PRICES}/claude-house-9-fast").status_code == 200


def test_what_is_coming_is_not_in_effect(ada):
    tomorrow = (datetime.date.today() + datetime.timedelta(days=2)).isoformat()
    assert ada.put(f"{PRICES}/claude-haiku-4-5", json={"input": 9, "output": 9, "since": tomorrow}).data["effective"] is False
    assert [(row["own"], row["effective"]) for row in listed(ada, search="haiku-4-5")] == [(True, False), (False, True)]


@pytest.mark.parametrize("body, fields", [
    ({}, ["input", "output"]), ({"input": "", "output": 1}, ["input"]), ({"input": -1, "output": 1}, ["input"]),
    ({"input": 1, "output": 1000000.5}, ["output"]), ({"input": "1e3", "output": 1}, ["input"]), ({"input": True, "output": 1}, ["input"]),
    ({"input": "0.1234567890", "output": 1}, ["input"]), ({"input": 1, "output": 1, "cache_read": "x"}, ["cache_read"]),
    ({"input": 1, "output": 1, "tier": "gold"}, ["tier"]), ({"input": 1, "output": 1, "prompt_above": -1}, ["prompt_above"]),
    ({"input": 1, "output": 1, "since": "yesterday"}, ["since"]), ({"input": 1, "output": 1, "since": "-infinity"}, ["since"])])
def test_wrong_prices(ada, body, fields):
    assert wrong_fields(ada.put(f"{PRICES}/some-model", json=body)) == fields
    assert listed(ada, only="own") == []


@pytest.mark.parametrize("model", ["123", "a%20b", "x" * 401, "%00"])
def test_what_is_no_model(ada, model):
    assert ada.put(f"{PRICES}/{model}", json={"input": 1, "output": 1}).status_code == 400
    assert ada.delete(f"{PRICES}/{model}").status_code == ada.delete(f"/api/pricing/remove/{model}").status_code == 400


def test_at_most_a_thousand(system, ada):
    with everything(system) as db:
        db.execute("INSERT INTO usage_prices SELECT %s, 'own-' || n, 'standard', '-infinity', -1, 'own', 1, 1, NULL, NULL, NULL, 'ada', now()"
                   " FROM generate_series(1, 1000) n", (workspace_id(system, ada),))
    assert ada.put(f"{PRICES}/own-7", json={"input": 2, "output": 2}).status_code == 200
    assert "1000" in refused(ada.put(f"{PRICES}/one-more", json={"input": 2, "output": 2}), 409, "CONFLICT")["message"]
    assert ada.get(PRICES, params={"only": "own", "limit": 10}).data["total"] == 1000


def test_pages(ada):
    everything_there = listed(ada)
    pages = [ada.get(PRICES, params={"limit": 7, "offset": offset}).data for offset in range(0, len(everything_there), 7)]
    assert [row for page in pages for row in page["prices"]] == everything_there
    assert {page["total"] for page in pages} == {len(everything_there)}
    assert {row["tier"] for row in listed(ada, tier="flex")} == {"flex"}
    assert listed(ada, search="no-such-model") == []


# ---- who may ----------------------------------------------------------------------------------------------------------

WRITES = [("PUT", f"{PRICES}/claude-haiku-4-5", {"input": 1, "output": 1}), ("DELETE", f"{PRICES}/claude-haiku-4-5", None),
          ("POST", "/api/pricing/set", {"model": "claude-haiku-4-5", "input_price": 1, "output_price": 1}),
          ("DELETE", "/api/pricing/remove/claude-haiku-4-5", None), ("POST", "/api/pricing/reset", None)]


@pytest.mark.parametrize("role, may", [("viewer", False), ("editor", False), ("admin", True)])
def test_roles(system, ada, role, may):
    cleo = system.client("cleo")
    join(ada, ada.workspace, cleo, "cleo", role)
    cleo.workspace = ada.workspace
    assert cleo.get(PRICES).status_code == cleo.get("/api/pricing/list").status_code == 200
    for method, path, body in WRITES:
        answer = cleo.request(method, path, json=body)
        assert answer.status_code == 200 if may else refused(answer, 403, "AUTHORIZATION_ERROR")
    for method, path, body in [("GET", PRICES, None), *WRITES]:
        assert system.client().request(method, path, json=body).status_code == 401


def test_a_workspace_sees_its_own_and_the_sites(system, ada):
    """Whatever a statement forgets."""
    bob = acting_in(system.client("bob"), new_workspace(system.client("bob")))
    assert ada.put(f"{PRICES}/hidden-model", json={"input": 1, "output": 1}).status_code == 200
    assert "hidden-model" not in bob.get(PRICES, params={"limit": 500}).text + bob.get("/api/pricing/list").text
    with system.db() as db:
        for workspace in ("", workspace_id(system, bob)):
            db.execute("SELECT set_config('ccr.workspace', %s, false)", [str(workspace)])
            assert db.execute("SELECT count(*) FROM usage_prices WHERE model = 'hidden-model'").fetchone() == (0,)
            assert db.execute("SELECT count(*) > 40 FROM usage_prices").fetchone() == (True,)
            assert db.execute("UPDATE usage_prices SET input = 0").rowcount == 0
            assert db.execute("DELETE FROM usage_prices").rowcount == 0
            for owner in (None, workspace_id(system, ada)):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute("INSERT INTO usage_prices VALUES (%s, 'x', 'standard', now(), -1, 'x', 1, 1, NULL, NULL, NULL, 'x', now())", [owner])
        assert cost(system, "hidden-model", "2026-06-01", workspace_id(system, ada), input=10**6) == 1
        row = db.execute("SELECT count(*) FROM usage_price(%s, 'hidden-model', 'standard', 1, now())", [workspace_id(system, ada)]).fetchone()
        assert row == (0,), "naming another workspace opens nothing"
        assert db.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'usage_prices'").fetchone() == (True, True)


def test_every_change_is_in_the_audit_trail(ada):
    assert ada.put(f"{PRICES}/audited-1", json={"input": 1, "output": 2}).status_code == 200
    assert ada.put(f"{PRICES}/audited-1", json={"input": 1, "output": 3, "cache_read": "0.5"}).status_code == 200
    assert ada.delete(f"{PRICES}/audited-1").status_code == 200
    rows = [row for row in ada.get("/api/audit/workspace").data["entries"] if row["action"].startswith("price.")]
    assert [(row["action"], row["target"], row["actor"]) for row in rows] == [
        ("price.delete", "audited-1", "ada"), ("price.set", "audited-1", "ada"), ("price.set", "audited-1", "ada")]
    changed = {change["key"]: (change["old_value"], change["new_value"]) for change in rows[1]["changes"]}
    assert changed == {"tier": (None, "standard"), "prompt_above": (None, "-1"), "since": (None, None), "output": ("2", "3"),
                       "cache_read": (None, "0.5")}


def test_they_go_with_their_workspace(system, ada):
    mine = workspace_id(system, ada)
    assert ada.put(f"{PRICES}/short-lived", json={"input": 1, "output": 1}).status_code == 200
    with everything(system) as db:
        db.execute("DELETE FROM workspaces WHERE id = %s", [mine])
        assert db.execute("SELECT count(*) FROM usage_prices WHERE model = 'short-lived'").fetchone() == (0,)


# ---- CCR UI's page ----------------------------------------------------------------------------------------------------

def ui_prices(client):
    answer = client.get("/api/pricing/list")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["default_pricing"] == {"model": "default", "input_price": 0, "output_price": 0, "cache_read_price": None, "cache_write_price": None}
    models = [row["model"] for row in body["pricings"]]
    assert len(set(models)) == len(models) and [m.replace(".", "-") for m in models] == sorted(m.replace(".", "-") for m in models)
    return {row.pop("model"): tuple(row[f"{name}_price"] for name in ("input", "output", "cache_read", "cache_write")) for row in body["pricings"]}


def test_the_page_of_prices(system, ada):
    there = ui_prices(ada)
    assert there["claude-sonnet-4-5"] == (3, 15, 0.3, 3.75) and there["gpt-5.4"] == (2.5, 15, 0.25, None)
    mine = {"model": "Claude-Sonnet-4.5", "input_price": 1.5, "output_price": 7, "cache_read_price": "", "cache_write_price": 2}
    assert ada.post("/api/pricing/set", json=mine).status_code == 200
    assert ada.post("/api/pricing/set", json={"model": "mine", "input_price": 0.1, "output_price": 0}).status_code == 200
    assert ui_prices(ada) == {**{m: p for m, p in there.items() if m != "claude-sonnet-4-5"}, "claude-sonnet-4.5": (1.5, 7, None, 2),
                              "mine": (0.1, 0, None, None)}
    assert cost(system, "claude-sonnet-4-5", "2020-01-01", workspace_id(system, ada), input=10**6) == Decimal("1.5")
    assert ada.delete("/api/pricing/remove/claude-sonnet-4.5").status_code == 200
    for _ in range(2):
        assert ada.delete("/api/pricing/remove/claude-sonnet-4.5").status_code == 200, "also when it has none"
    assert ui_prices(ada) == {**there, "mine": (0.1, 0, None, None)}
    for _ in range(2):
        assert ada.post("/api/pricing/reset").status_code == 200
    assert ui_prices(ada) == there
    actions = [row["action"] for row in ada.get("/api/audit/workspace").data["entries"] if row["action"].startswith("price.")]
    assert actions == ["price.reset", "price.delete", "price.set", "price.set"]


@pytest.mark.parametrize("body, fields", [
    ({"model": "m", "input_price": -1, "output_price": 1}, ["input_price"]), ({"model": "m", "input_price": "", "output_price": ""},
                                                                                ["input_price", "output_price"]),
    ({"model": " ", "input_price": 1, "output_price": 1}, ["model"]), ({"model": "1", "input_price": 1, "output_price": 1}, ["model"])])
def test_wrong_prices_of_the_page(ada, body, fields):
    assert wrong_fields(ada.post("/api/pricing/set", json=body)) == fields


# ---- housekeeping -----------------------------------------------------------------------------------------------------

def job(system, **environment):
    return system.cli.run("housekeeping", "--once", "--json", "--job", "prices", environment=environment)


def state(system):
    with everything(system) as db:
        return db.execute("SELECT removed, failures, failure FROM housekeeping_jobs WHERE job = 'prices'").fetchone()


def forget(system):
    with everything(system) as db:
        db.execute("DELETE FROM housekeeping_jobs WHERE job = 'prices'")


def test_the_job_reads_an_address(system):
    forget(system)
    assert job(system).returncode == 0 and state(system) is None, "nothing is asked, and nothing told, without PRICES_URL"
    text = json.dumps({"fetched-1": entry(1, 1), "fetched-2": entry(2, 2)})
    with Provider() as server:
        server.says(lambda path, headers: reply(text))
        result = job(system, PRICES_URL=server.url + "/list.json?token=abc")
        assert result.returncode == 0, result.stderr
        assert state(system) == (2, 0, None)
        assert cost(system, "fetched-2", "2020-01-01", input=10**6) == 2
        with everything(system) as db:
            source = db.execute("SELECT DISTINCT source FROM usage_prices WHERE model LIKE 'fetched-%'").fetchall()
        assert source == [(server.url + "/list.json",)]
        assert job(system, PRICES_URL=server.url).returncode == 0 and state(system) == (0, 0, None)
        text = json.dumps({"fetched-1": entry(3, 3)})
        assert job(system, PRICES_URL=server.url).returncode == 0 and state(system) == (1, 0, None)
        assert cost(system, "fetched-1", "2026-01-01", input=10**6) == 1, "what was before it was read keeps its price"
        assert cost(system, "fetched-1", "2100-01-01", input=10**6) == 3

        asked = len(server.seen)
        assert system.cli.run("housekeeping", "--once", environment={"PRICES_URL": server.url}).returncode == 0
        assert len(server.seen) == asked, "a timer that runs every hour asks once a day"
        forget(system)
        assert system.cli.run("housekeeping", "--once", environment={"PRICES_URL": server.url}).returncode == 0
        assert len(server.seen) == asked + 1


@pytest.mark.parametrize("answer, says", [
    (reply("<html>", 200), "no list of prices"), (reply("{}", 200), "no list of prices"), (reply("", 404), "status 404"),
    (reply('{"x": "' + "x" * (16 << 20) + '"}', 200), "too large"), (b"garbage\r\n\r\n", "no HTTP")], ids=["html", "nothing", "404", "large", "garbage"])
def test_a_failure_is_told_and_changes_nothing(system, answer, says):
    forget(system)
    with everything(system) as db:
        before = db.execute("SELECT count(*), max(seen_at) FROM usage_prices").fetchone()
    with Provider() as server:
        server.says(lambda path, headers: answer)
        result = job(system, PRICES_URL=server.url)
    assert result.returncode == 70 and "housekeeping failed" in result.stderr
    assert state(system)[1] == 1 and says in state(system)[2]
    with everything(system) as db:
        assert db.execute("SELECT count(*), max(seen_at) FROM usage_prices").fetchone() == before
    forget(system)


def test_the_job_reads_a_file(system):
    forget(system)
    path = file_of({"of-a-file": entry(1, 1)})
    os.utime(path, (1767225600, 1767225600))  # 2026-01-01
    assert job(system, PRICES_URL=str(path)).returncode == 0 and state(system) == (1, 0, None)
    path.write_text(json.dumps({"of-a-file": entry(2, 2)}))
    os.utime(path, (1769904000, 1769904000))  # 2026-02-01
    assert job(system, PRICES_URL=str(path)).returncode == 0 and state(system) == (1, 0, None)
    assert [cost(system, "of-a-file", when, input=10**6) for when in ("2026-01-31 23:00+00", "2026-02-01 00:00+00")] == [1, 2]
    os.utime(path, (4102444800, 4102444800))  # 2100: a clock that was wrong
    path.unlink()
    assert job(system, PRICES_URL=str(path)).returncode == 70 and "No such file" in state(system)[2]
    forget(system)


def test_what_is_told_of_the_job(fresh_stack):
    """Nothing, unless a list is to be read."""
    stack = fresh_stack(HOUSEKEEPING="on")
    admin = stack.client("admin")
    assert "prices" not in {row["job"] for row in admin.get("/api/system/housekeeping").data["jobs"]}
    assert 'ccr_housekeeping_last_success_timestamp_seconds{task="prices"}' not in admin.get("/metrics").text
    stack.cli.write_env(PRICES_URL=str(file_of({"of-a-server": entry(1, 1)})))
    stack.backend.send(signal.SIGHUP)
    wait_until("the list is read", lambda: total(page(admin), "ccr_housekeeping_runs_total", task="prices", result="done") == 1)
    assert "prices" in {row["job"] for row in admin.get("/api/system/housekeeping").data["jobs"]}
    assert cost(stack, "of-a-server", "2026-01-01", input=10**6) == 1


# ---- all prices of a model at once ------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(4))
def test_ranges_say_what_each_price_says(system, ada, seed):
    """At both sides of every border, exactly one range holds where there is a price, and none where there is none."""
    draw, model, mine = random.Random(seed), f"ranges-{seed}", workspace_id(system, ada)
    days = ["-infinity", *(f"2026-{month:02}-01Z" for month in (1, 3, 5, 7))]
    told = {(draw.choice((None, mine)), draw.choice(days), draw.choice((-1, 128000, 200000))) for _ in range(draw.randint(3, 9))}
    rate = "p.input, p.output, p.cache_read, p.cache_write, p.cache_write_1h"
    with everything(system) as db:
        for number, (workspace, since, above) in enumerate(told):
            db.execute("INSERT INTO usage_prices (workspace_id, model, tier, since, prompt_above, shown, input, output, source, seen_at)"
                       " VALUES (%s, %s, 'standard', %s, %s, %s, %s, 0, 'test', now())", [workspace, model, since, above, model, number])
        for workspace in (None, mine):
            points = ("(SELECT t, n FROM unnest(%(t)s::timestamptz[]) b, LATERAL (VALUES (b), (b - interval '1 microsecond')) v (t),"
                      " unnest(ARRAY[0, 1, 128000, 128001, 200000, 200001, 10000000]) n) point")
            values = {"t": [day for day in days[1:]] + ["2020-01-01Z", "2030-01-01Z"], "w": workspace, "m": model}
            single = db.execute(f"SELECT t, n, {rate} FROM {points} LEFT JOIN LATERAL usage_price(%(w)s, %(m)s, 'standard', n, t) p ON true ORDER BY t, n",
                                values).fetchall()
            ranges = db.execute(f"SELECT t, n, {rate} FROM {points} LEFT JOIN usage_rates(%(w)s, %(m)s, 'standard', '2019-01-01Z', '2031-01-01Z') p"
                                " ON t >= p.since AND t < p.until AND n > p.prompt_above AND n <= p.prompt_to ORDER BY t, n", values).fetchall()
            assert ranges == single
            some = db.execute(f"SELECT t, n, {rate} FROM {points} LEFT JOIN usage_rates(%(w)s, %(m)s, 'standard', '2026-04-01Z', '2026-05-01Z') p"
                              " ON t >= p.since AND t < p.until AND n > p.prompt_above AND n <= p.prompt_to WHERE t BETWEEN '2026-04-01Z' AND '2026-05-01Z'"
                              " ORDER BY t, n", values).fetchall()
            assert some == [row for row in single if row[0].month in (4, 5) and row[0].year == 2026 and row[0].day in (1, 30)], "and in a part of the time"
