"""Real coding CLIs, against a stub that knows how many tokens each call had: what they export by themselves while they run, and the logs that
they leave, sent afterwards and again. Each call is there once, with the right model, cost and project."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from stack import ROOT
from usage_ledger import COUNTS, Team, check_sums, everything, token_for, totals_of

sys.path.insert(0, str(ROOT / "tests/usage"))
import real_cli  # noqa: E402

SESSIONS = 5
PROGRAMS = Path(os.environ.get("CCR_TEST_CLIS", ROOT / "build/clis"))  # some hundred MB from npm, kept for the next time


def spent(calls):
    """By the prices that come with the program: dollars for a million, of these two models."""
    rates = {"claude-sonnet-4-5-20250929": (3, 15, "0.3", "3.75", 6), "gpt-5.3-codex": ("1.75", 14, "0.175", 0, 0)}
    return sum(sum(Decimal(rate) * call[name] for rate, name in zip(rates[call["model"]], COUNTS)) for call in calls) / 1000000


@pytest.mark.slow
@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_each_call_of_a_real_cli_is_there_once(fresh_stack, cli):
    try:
        real_cli.install(PROGRAMS, [cli])
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"npm cannot install {cli}: {problem}")
    stack = fresh_stack()
    team = Team(stack)
    ada, token = team["ada"], token_for(team.clients["ada"], workspace=team.slug)
    run = real_cli.run(PROGRAMS, cli, SESSIONS, otlp=stack.url, headers={"Authorization": f"Bearer {token}"})
    expected = (len(run.calls), *(sum(call[name] for call in run.calls) for name in COUNTS))
    told = totals_of(stack, team.id)
    assert told[0] == expected[0], "by its own exports"
    for _ in range(2):
        for log in real_cli.logs(run.home, cli):
            ada.send_good(cli, log.read_bytes(), file=str(log), machine="laptop")
        assert totals_of(stack, team.id) == expected, run.version
    with everything(stack) as db:
        rows = db.execute("SELECT DISTINCT g.model, g.project, c.sources FROM usage_calls c JOIN usage_groups g ON g.id = c.group_id"
                          " WHERE c.workspace_id = %s", [team.id]).fetchall()
        cost, = db.execute("SELECT sum(cost) FROM usage_calls WHERE workspace_id = %s", [team.id]).fetchone()
    assert {row[0] for row in rows} == {call["model"] for call in run.calls}
    assert {row[1] for row in rows} == {str(run.project)}
    assert {row[2] for row in rows} == {3}, "1 log, 2 event: each call was told of by both"
    assert cost == spent(run.calls)
    check_sums(stack)
