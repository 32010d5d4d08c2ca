"""The ledger's totals are those of the calls that were made, to the last digit of their cost, whoever reports them, however often, in whatever order
and pieces, and whoever else does so at the same time. The truth comes from the generator in tests/usage, which shares nothing with the program."""

import pprint

import pytest

from configs import everything
from usage_crowd import Crowd
from usage_ledger import ROOT, Team, check_database_log, check_sums, log_so_far, recomputed, state_of

from generate import generate
from truth import load, sums

PRICES = ROOT / "tests/usage/prices.json"
USERS = ("ada", "bob")
BY = [(), ("platform",), ("platform", "model"), ("platform", "tier"), ("platform", "user"), ("platform", "model", "day", "user")]


def own_prices(stack):
    """Those that the generator charges, and no other."""
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.execute("TRUNCATE usage_prices")
    listed = stack.folder / "prices.json"
    listed.write_bytes(PRICES.read_bytes())
    listed.chmod(0o644)
    stack.cli.run("prices", "import", listed, "--date", "2026-07-01", check=True)


@pytest.fixture(scope="module")
def system(module_stack):
    stack = module_stack(MAX_CONNECTIONS=8, STREAM_SHARE=50, IN_PROGRESS_LIMITS=None)
    own_prices(stack)
    return stack


def without_days(rows, by):
    """Sums of Droid's calls by day are left out: its files tell none, so they are of the day on which they were seen."""
    return {key: row for key, row in rows.items() if "day" not in by or key[0] != "droid"}


def difference(expected, found):
    return {key: {name: (expected.get(key, {}).get(name), found.get(key, {}).get(name)) for name in ("calls", "input", "output", "cache_read", "cache_write",
                                                                                                   "cache_write_1h", "reasoning", "priced_calls", "cost_usd")
                  if expected.get(key, {}).get(name) != found.get(key, {}).get(name)}
            for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}


def check_totals(stack, team, told, scope="merged", machines=None):
    """Everything that totals.json tells, against each table."""
    wrong = {}
    with everything(stack) as db:
        for by in BY:
            expected = without_days(sums(told, by, scope, machines), by)
            for table in ("d", "q", "calls", *(("sessions",) if by in ((), ("platform",), ("platform", "user")) else ())):
                wrong[by, table] = difference(expected, without_days(recomputed(db, team.id, by, table), by))
        # Gemini's logs do not tell the folder (docs/usage.md).
        by = ("platform", "project")
        expected = {key: row for key, row in sums(told, by, scope, table="projects").items() if key[0] != "gemini"} if machines is None else None
        for table in ("d", "calls") if machines is None else ():
            wrong[by, table] = difference(expected, {key: row for key, row in recomputed(db, team.id, by, table).items() if key[0] != "gemini"})
    wrong = {where: rows for where, rows in wrong.items() if rows}
    assert not wrong, "expected and found: " + pprint.pformat({where: dict(list(rows.items())[:6]) for where, rows in list(wrong.items())[:4]}, width=150)
    check_sums(stack)


def crowd_sends(stack, folder, seed, calls, threads=8, **more):
    told = generate(folder, seed=seed, calls=calls, machines=3, users=len(USERS), otlp=True, lean=True, **more)
    team = Team(stack, USERS)
    crowd = Crowd(folder, told, team.reporters, seed)
    crowd.send(threads)
    assert team.statuses() <= {200, 409, 429}
    return team, load(folder)


def test_three_machines_send_all_three_times(system, tmp_path):
    since = log_so_far(system)
    team, told = crowd_sends(system, tmp_path / "made", seed=41, calls=3000)
    check_totals(system, team, told)
    check_database_log(system, since)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_machines_send_very_much(system, tmp_path):
    since = log_so_far(system)
    team, told = crowd_sends(system, tmp_path / "made", seed=42, calls=100_000)
    check_totals(system, team, told)
    check_database_log(system, since)
