#!/usr/bin/python3
"""How long reports on usage take with 10^5 and with 10^7 calls in a year, each in a workspace of one server: the requests take turns, so that what
else the machine does meets both. Of the calls only their sums are made, as the ledger would have them. Prints p50 and p99 in milliseconds.

    tests/bench/usage_reports.py [--calls 100000,10000000] [--rounds 300] [--each-day 6]

--each-day: of how many projects and models each user's calls of a day are, 32 at most."""

import argparse
import datetime
import shutil
import statistics
import sys
import time
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import Cluster, Stack, new_folder  # noqa: E402

USERS, PROJECTS, MODELS, DAYS, QUARTERS = 20, 40, 10, 365, 36
MOST_S = 15  # for one question

# Each user knows 8 projects and 4 models; on a day he works at some of them, from 9 to 18 o'clock UTC.
FILL = f"""
WITH who AS (SELECT id, row_number() OVER (ORDER BY username) AS n FROM users WHERE username LIKE 'bench-%%'),
made AS (INSERT INTO usage_groups (workspace_id, hash, user_id, machine, platform, provider, profile, revision, model, price_model, tier, project, branch)
  SELECT %(space)s::uuid, md5(%(space)s::uuid || ' ' || n || ' ' || p || ' ' || m)::uuid, id, 'laptop-' || n, (ARRAY['claude', 'codex', 'gemini'])[1 + (n + m) %% 3], 'provider', '', 0,
    'model-' || (n + m) %% {MODELS}, 'model-' || (n + m) %% {MODELS}, '', '/src/project-' || (n * 2 + p) %% {PROJECTS}, 'main'
  FROM who, generate_series(1, 8) p, generate_series(1, 4) m RETURNING id, user_id),
known AS (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY id) - 1 AS k FROM made),
cells AS (SELECT date_trunc('day', now(), 'UTC') - day * interval '1 day' + interval '9 hours' + quarter * interval '15 minutes' AS start, k.id,
    %(calls)s::numeric / {USERS * DAYS * QUARTERS}::numeric / %(each)s AS expected
  FROM generate_series(0, {DAYS - 1}) day, generate_series(0, {QUARTERS - 1}) quarter, generate_series(0, %(each)s::integer - 1) g, known k
  WHERE k.k = (g * 5 + day) %% 32),
counted AS (SELECT start, id, (floor(expected) + (random() < expected - floor(expected))::integer)::bigint AS calls FROM cells)
INSERT INTO usage_sums (workspace_id, grain, start, group_id, sources, calls, input, output, cache_read, cache_write, cache_write_1h, reasoning, cost, unpriced)
SELECT %(space)s::uuid, 'q', start, id, 1, calls, calls * 1200, calls * 400, calls * 60000, calls * 2500, 0, 0, calls * 0.0345678125, 0 FROM counted WHERE calls > 0"""


def fill(stack, space, calls, each):
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.execute("SET statement_timeout = 0")
        db.execute(FILL, {"space": space, "calls": calls, "each": each})
        db.execute("SELECT ccr_usage_days(%s, 'UTC')", (space,))
        print(calls, "calls:", *db.execute("SELECT (SELECT count(*) FROM usage_groups WHERE workspace_id = %(s)s) || ' groups', string_agg(grain::text || ': ' || n || ' rows, '"
                                           " || c || ' calls', '; ') FROM (SELECT grain, count(*) AS n, sum(calls) AS c FROM usage_sums"
                                           " WHERE workspace_id = %(s)s GROUP BY grain) g", {"s": space}).fetchone(), flush=True)


def questions():
    today = datetime.datetime.now(datetime.timezone.utc).date()
    day = (today - datetime.timedelta(days=2)).isoformat()
    return {
        "month by day": "/api/usage/report?group=day",
        "month by day and model": "/api/usage/report?group=day,model&limit=1000",
        "month against the one before": "/api/usage/report?group=model&compare=previous",
        "top projects": "/api/usage/report?group=project&order=cost&limit=10",
        "one user's day": f"/api/usage/report?group=project,model&user=bench-07&from={day}&to={day}",
        "one user's day by hour": f"/api/usage/report?group=hour,model&user=bench-07&from={day}&to={day}",
        "a month in another zone": "/api/usage/report?group=day&zone=Asia/Shanghai",
        "a week of windows": f"/api/usage/report?group=window,user&from={(today - datetime.timedelta(days=6)).isoformat()}",
        "a year by month": f"/api/usage/report?group=month&from={(today - datetime.timedelta(days=364)).isoformat()}",
        "summary": "/api/usage/summary",
        "CCR UI's costs of a month": "/api/stats/cost?range=month",
        "CCR UI's heat map": "/api/stats/heatmap",
    }


def ask(session, url, headers):
    begun = time.perf_counter()
    answer = session.get(url, headers=headers, timeout=60)
    took = (time.perf_counter() - begun) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.text}")
    return took


def spent(stack):
    """Milliseconds of processor time, of the workers and all of PostgreSQL."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in [*stack.backend.workers(), *stack.cluster.pids()]) / 1e6


def cost(stack, session, url, headers, times=20):
    before = spent(stack)
    for _ in range(times):
        ask(session, url, headers)
    return (spent(stack) - before) / times


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calls", default="100000,10000000")
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--each-day", type=int, default=6, choices=range(1, 33), metavar="N")
    given = options.parse_args()
    sizes = [int(size) for size in given.calls.split(",")]
    folder = new_folder()
    cluster = Cluster(new_folder(folder, "pg"))
    try:
        cluster.create()
        cluster.create_migrated("ccr_bench", new_folder(folder, "cli"))
        stack = Stack(new_folder(folder, "stack"), cluster, "ccr_bench", MAX_CONNECTIONS=2).start()
        try:
            measure(stack, sizes, given.rounds, given.each_day)
        finally:
            stack.backend.stop()
            stack.nginx.stop()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(stack, sizes, rounds, each):
    owner = stack.client("owner")
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.execute(f"INSERT INTO users (username, password_hash) SELECT 'bench-' || to_char(n, 'FM00'), 'x' FROM generate_series(1, {USERS}) n")
    for size in sizes:
        made = owner.post("/api/workspaces", json={"slug": f"calls-{size}", "name": "Bench"})
        fill(stack, made.json()["data"]["id"], size, each)
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.execute("VACUUM ANALYZE")
    session = requests.Session()
    headers = [{"Authorization": f"Bearer {owner.token}", "X-CCR-Workspace": f"calls-{size}"} for size in sizes]
    for name, path in questions().items():
        took = [[] for _ in sizes]
        end = time.monotonic() + MOST_S
        for turn in range(rounds + 20):
            if time.monotonic() > end and turn > 40:
                break
            for times, mine in zip(took, headers):
                ms = ask(session, stack.url + path, mine)
                if turn >= 20:
                    times.append(ms)
        lines = [(statistics.median(times), sorted(times)[int(len(times) * 0.99)], cost(stack, session, stack.url + path, mine)) for times, mine in zip(took, headers)]
        print(f"{name:30}", *(f"{size:.0e}: p50 {p50:6.1f} p99 {p99:6.1f} cpu {cpu:6.1f}  " for size, (p50, p99, cpu) in zip(sizes, lines)),
              "ratio of p50 {:.2f}, p99 {:.2f}, cpu {:.2f}".format(*(last / first for first, last in zip(lines[0], lines[-1]))), flush=True)


main()
