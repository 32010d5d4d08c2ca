"""Imports that break off: clients go, workers are killed, PostgreSQL stops and starts, its disk is full. Whoever then sends everything once more has
lost nothing and counted nothing twice."""

import http.client
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from stack import give, new_folder, wait_until
from test_usage_ledger import USERS, check_totals, own_prices
from usage_crowd import Crowd, logs_of
from usage_ledger import Reporter, Team, check_sums, naming, state_of, totals_of

from generate import generate

AWAY = {502, 503, 504}
MOST = 12  # faults: a system that is always broken gets nowhere


class Persistent(Reporter):
    """Sends again what was not answered, or with an error of the server's. problems: what those errors said."""

    def __init__(self, reporter):
        super().__init__(reporter.port, reporter.token, reporter.workspace, reporter.name)
        self.problems = []

    def ask(self, method, path, body=b"", **headers):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                answer = super().ask(method, path, body, **headers)
                if answer.status not in AWAY:
                    return answer
                self.problems.append(answer)
            time.sleep(0.05)
        raise AssertionError(f"{method} {path}: not within 120 s; {self.problems[-1:]}")


@pytest.fixture
def system(fresh_stack):
    stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=8, STREAM_SHARE=50, IN_PROGRESS_LIMITS=None)
    own_prices(stack)
    return stack


def persistent_team(stack, names=USERS):
    team = Team(stack, names)
    team.reporters = {name: Persistent(reporter) for name, reporter in team.reporters.items()}
    return team


def kill_a_worker(stack, team, draw):
    with suppress(ProcessLookupError):
        os.kill(draw.choice(stack.backend.workers()), signal.SIGKILL)


def restart_database(stack, team, draw):
    stack.cluster.stop(draw.choice((signal.SIGINT, signal.SIGQUIT)))
    time.sleep(draw.random() * 0.3)
    stack.cluster.start()


def end_connections(stack, team, draw):
    with suppress(psycopg.Error), stack.cluster.connect(user="postgres", dbname="postgres") as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ccr'")


FAULTS = {"workers": (kill_a_worker,), "database": (restart_database, end_connections), "everything": (kill_a_worker, restart_database, end_connections)}


@pytest.mark.parametrize("kind", FAULTS)
def test_nothing_is_lost_or_double(system, tmp_path, kind):
    folder = tmp_path / "made"
    told = generate(folder, seed=61, calls=2000, machines=3, users=len(USERS), otlp=True, lean=True)
    team, draw = persistent_team(system), random.Random(7)
    crowd, faults = Crowd(folder, told, team.reporters, 7, times=2), 0
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(crowd.send)
        # In this thread: PostgreSQL is told to end when the one that started it does (Process).
        while not sending.done() and faults < MOST:
            time.sleep(0.5 + draw.random())
            draw.choice(FAULTS[kind])(system, team, draw)
            faults += 1
        sending.result()
    assert faults >= 2
    wait_until("it is healthy again", system.healthy)
    assert team.statuses() <= {200, 409, 429, *AWAY}
    for problem in (problem for reporter in team.reporters.values() for problem in reporter.problems if problem.status == 503):
        assert problem.json is None or (problem.json["message"] and problem.headers["Retry-After"]), problem
    check_totals(system, team, told)  # each request was sent until it was answered
    Crowd(folder, told, team.reporters, 8, times=1).send()
    check_totals(system, team, told)


def test_clients_that_leave_before_the_answer(system, tmp_path):
    """In the middle of what they send, or of what is done with it."""
    folder = tmp_path / "made"
    told = generate(folder, seed=62, calls=4000, machines=1, users=1, platforms=("claude",), lean=True)
    team, draw, home = Team(system), random.Random(3), told["homes"][0]
    body = b"".join(naming(str(file.relative_to(folder / home["path"]))) + file.read_bytes().rstrip(b"\n") + b"\n" for file in logs_of(folder / home["path"], "claude"))
    for _ in range(25):
        connection = http.client.HTTPConnection("127.0.0.1", system.nginx.port, timeout=60)
        connection.putrequest("POST", "/api/usage/import?platform=claude&machine=m")
        for name, value in team["ada"].headers({"Content-Length": str(len(body))}).items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body if draw.random() < 0.7 else body[:draw.randint(0, len(body))])
        time.sleep(draw.random() * 0.4)
        connection.close()
    wait_until("nobody works any more", lambda: system.status()["workers"]["busy"] <= 1)
    check_sums(system)  # at any moment
    team["ada"].send_good("claude", body, machine="m")
    check_totals(system, team, told, "logs")
    before = state_of(system, team.id)
    assert team["ada"].send_good("claude", body, machine="m")["added"] == 0
    assert state_of(system, team.id) == before


def line(number):
    return (b'{"type":"assistant","timestamp":"2026-08-12T12:00:00Z","sessionId":"s%d","cwd":"/p%d","message":{"id":"msg_%d","model":"claude-opus-4-6",'
            b'"usage":{"input_tokens":5,"output_tokens":1}}}\n' % (number % 50, number % 50, number))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_disk_that_is_full(system):
    """The calls' partition is on a small one: an error that says so, nothing half written, and all of it once there is room."""
    disk, team = new_folder(), Team(system)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", disk], check=True)
    give(disk)
    try:
        with system.cluster.connect(user="postgres", dbname=system.database) as db:
            db.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            db.execute("GRANT CREATE ON TABLESPACE small TO ccr")
            db.execute(f'ALTER DATABASE "{system.database}" SET default_tablespace = small')
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ccr'")
        wait_until("it is healthy again", system.healthy)
        body = b"".join(line(n) for n in range(30_000))
        for _ in range(3):
            answer = team["ada"].send("claude", body, machine="m", file="f.jsonl")
            assert answer.status == 503, answer
            assert answer.json["message"] and answer.headers["Retry-After"], answer
            calls = totals_of(system, team.id)[0]
            assert 0 < calls < 30_000
            check_sums(system)
        position = team["ada"].position("claude", machine="m", file="f.jsonl")
        assert body[:position].count(b"\n") == calls
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        rest = team["ada"].send_good("claude", body[position:], machine="m", file="f.jsonl", at=position)
        assert rest["added"] == 30_000 - calls
        assert totals_of(system, team.id)[0] == 30_000
        check_sums(system)
    finally:
        system.backend.stop()
        system.cluster.stop()
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()
