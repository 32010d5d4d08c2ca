#!/usr/bin/python3
"""What other people's reads take while usage is written: during two imports at full speed, and while all calls of a year are priced anew; and how
long that takes. Each reading is compared with the same one in peace, in the same run.

    usage_load.py [--calls 10000000] [--lines 400000] [--seconds 20] [--folder DIR]"""

import argparse
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT / "tests/usage"), str(ROOT / "tests/bench")]

from test_usage_ledger import USERS  # noqa: E402
from usage import body_of, made, running  # noqa: E402
from usage_ledger import Team, everything  # noqa: E402

MODELS, PROJECTS, PEOPLE, DAYS, A_SESSION = 10, 40, 20, 365, 50
INDEXES = {"_key": "ALTER TABLE {0} ADD CONSTRAINT {0}_key UNIQUE (key)", "_alias": "CREATE INDEX {0}_alias ON {0} (alias) WHERE alias IS NOT NULL",
           "_session": "CREATE INDEX {0}_session ON {0} (session_id)"}
COST = "0.000001 * (n.input * 5 + n.output * 25 + n.cache_read * 0.5 + n.cache_write * 6.25)"
COUNTS = "calls, input, output, cache_read, cache_write, cache_write_1h, reasoning, cost, unpriced"
SUMS = ("count(*), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cache_write_1h), sum(reasoning), sum(cost),"
        " count(*) FILTER (WHERE cost IS NULL)")


def fill(db, space, calls):
    """As the ledger would have them: calls of a year, in order, their conversations and sums, and a price for each model."""
    db.execute("SET statement_timeout = 0; SET jit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
    db.execute("INSERT INTO usage_prices (workspace_id, model, tier, since, prompt_above, shown, input, output, cache_read, cache_write, source, seen_at)"
               f" SELECT NULL, 'model-' || n, 'standard', '-infinity', -1, 'model-' || n, 5, 25, 0.5, 6.25, 'bench', now() FROM generate_series(0, {MODELS - 1}) n")
    db.execute("DELETE FROM usage_repricing")
    db.execute("INSERT INTO usage_groups (workspace_id, hash, user_id, machine, platform, provider, profile, revision, model, price_model, tier, project, branch)"
               " SELECT %(s)s::uuid, md5('bench' || n || ' ' || p)::uuid, md5('user' || n)::uuid, 'laptop-' || n, 'claude', '', '', 0, 'model-' || (n + p) %% 10,"
               f" 'model-' || (n + p) %% {MODELS}, 'standard', '/src/' || p, 'main' FROM generate_series(1, {PEOPLE}) n, generate_series(1, {PROJECTS}) p", {"s": space})
    first, = db.execute("SELECT min(id) FROM usage_groups WHERE workspace_id = %s", [space]).fetchone()
    db.execute("INSERT INTO usage_sessions (workspace_id, hash, platform, session, user_id, machine, project, branch) SELECT %s::uuid, md5('session' || n)::uuid,"
               f" 'claude', 'session ' || n, md5('user' || 1 + n %% {PEOPLE})::uuid, '', '', '' FROM generate_series(0, {calls // A_SESSION}) n", [space])
    session, = db.execute("SELECT min(id) FROM usage_sessions WHERE workspace_id = %s", [space]).fetchone()
    db.execute(f"SELECT ccr_usage_months(now() - interval '{DAYS} days', now())")
    months = [name for name, in db.execute("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'usage_calls'::regclass")]
    for month in months:
        db.execute(f"ALTER TABLE {month} DROP CONSTRAINT {month}_key; DROP INDEX {month}_alias, {month}_session")
    db.execute("INSERT INTO usage_calls (workspace_id, key, alias, at, group_id, session_id, input, output, cache_read, cache_write, cache_write_1h, reasoning,"
               f" log_output, sources, place, cost) SELECT %(s)s::uuid, n.key, n.alias, n.at, n.g, n.session, n.input, n.output, n.cache_read, n.cache_write, 0, 0,"
               f" n.output, 1, 2, {COST} FROM (SELECT md5('key' || n)::uuid AS key, md5('alias' || n)::uuid AS alias,"
               f" now() - interval '{DAYS} days' + n * (interval '{DAYS} days' / %(n)s) AS at, %(g)s + (n / {A_SESSION} * 7) %% {PEOPLE * PROJECTS} AS g,"
               f" %(c)s + n / {A_SESSION} AS session, 20 + n %% 100 AS input, 200 + n %% 900 AS output, 50000 + n %% 9000 AS cache_read, n %% 3000 AS cache_write"
               " FROM generate_series(0, %(n)s - 1) n) n", {"s": space, "n": calls, "g": first, "c": session})
    for month, index in itertools.product(months, INDEXES.values()):
        db.execute(index.format(month))
    for grain, start in (("q", "date_bin(interval '15 minutes', at, timestamptz 'epoch')"), ("d", "date_trunc('day', at, 'UTC')")):
        db.execute(f"INSERT INTO usage_sums (workspace_id, grain, start, group_id, sources, {COUNTS}) SELECT workspace_id, '{grain}', {start}, group_id, sources, {SUMS}"
                   " FROM usage_calls GROUP BY 1, 3, 4, 5")
    columns = f"first_at, last_at, {COUNTS}"
    db.execute(f"UPDATE usage_sessions s SET ({columns}) = ROW(c.{columns.replace(', ', ', c.')}) FROM (SELECT min(at), max(at), {SUMS}, session_id FROM usage_calls"
               f" GROUP BY session_id) c ({columns}, session_id) WHERE c.session_id = s.id")
    db.execute("VACUUM ANALYZE usage_calls, usage_sums, usage_sessions, usage_groups")
    db.execute("CHECKPOINT")


class Reader(threading.Thread):
    """Somebody who looks at a list of profiles, at usage, at a report, one after the other; milliseconds of each."""

    PATHS = ("/api/configs", "/api/usage/summary", "/api/usage/report?group=day", "/api/usage/report?group=project&order=cost&limit=10", "/api/workspaces")

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.took, self.bad, self.ended = client, {path: [] for path in self.PATHS}, 0, threading.Event()

    def run(self):
        session, headers = requests.Session(), {"Authorization": f"Bearer {self.client.token}", "X-CCR-Workspace": self.client.workspace}
        for path in itertools.cycle(self.PATHS):
            if self.ended.wait(0.01):
                return
            began = time.perf_counter()
            self.bad += session.get(self.client.url + path, headers=headers, timeout=60).status_code != 200
            self.took[path].append((time.perf_counter() - began) * 1000)

    def end(self):
        self.ended.set()
        self.join()
        return self


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def compare(what, idle, busy):
    for path in Reader.PATHS:
        a, b = idle.took[path], busy.took[path]
        print(f"  {path:52} p50 {percentile(a, .5):6.1f} -> {percentile(b, .5):6.1f}, p99 {percentile(a, .99):6.1f} -> {percentile(b, .99):6.1f} ms"
              f" ({percentile(b, .99) / percentile(a, .99):.1f} x), {len(a)} and {len(b)} times")
    a, b = (list(itertools.chain.from_iterable(each.took.values())) for each in (idle, busy))
    print(f"{what}: p99 of all reads {percentile(a, .99):.1f} -> {percentile(b, .99):.1f} ms ({percentile(b, .99) / percentile(a, .99):.1f} x), not answered: {busy.bad}", flush=True)


def reading(client, seconds):
    reader = Reader(client)
    reader.start()
    time.sleep(seconds)
    return reader.end()


def senders(work, stack, team, folder, told):
    """Two curls, of two users: all that the Claude Codes of each have written."""
    made_of = []
    for user in USERS:
        body, headers = work / f"body-{user}", work / f"headers-{user}"
        with body.open("wb") as file:
            for home in told["homes"]:
                if home["user"] == user:
                    file.writelines(body_of(folder, home, "claude"))
        headers.write_text("\n".join(f"{name}: {value}" for name, value in team[user].headers({"Expect": ""}).items()))
        made_of.append(["curl", "-sS", "--fail-with-body", "-X", "POST", "-H", f"@{headers}", "-T", body, "-o", "/dev/null",
                        f"http://127.0.0.1:{stack.nginx.port}/api/usage/import?platform=claude&machine=laptop"])
    return made_of


def during_imports(work, stack, team, client, wanted):
    folder = wanted.folder or work / "made"
    told = made(folder, wanted.lines, 1)
    both = senders(work, stack, team, folder, told)
    idle = reading(client, wanted.seconds)
    for what in ("two imports of new calls", "two imports of known calls"):
        reader = Reader(client)
        reader.start()
        began = time.monotonic()
        running = [subprocess.Popen(sender) for sender in both]
        failed = [process.wait() for process in running]
        spent = time.monotonic() - began
        compare(f"{what}, {spent:.1f} s" + (f", FAILED: {failed}" if any(failed) else ""), idle, reader.end())


def during_pricing(stack, client, calls, seconds):
    idle = reading(client, seconds)
    for model in range(MODELS):
        answer = client.put(f"/api/usage/prices/model-{model}", json={"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75})
        assert answer.status_code == 200, answer.text
    with everything(stack) as db:
        while not db.execute("SELECT 1 FROM usage_sweep").fetchone():
            time.sleep(0.1)
        reader = Reader(client)
        reader.start()
        began = time.monotonic()
        while db.execute("SELECT 1 FROM usage_sweep UNION ALL SELECT 1 FROM usage_repricing").fetchone():
            time.sleep(0.2)
        spent = time.monotonic() - began
        compare(f"pricing {calls:.0e} calls anew, {spent:.0f} s", idle, reader.end())
        costs = {db.execute(f"SELECT sum(cost) FROM {table} AND workspace_id = %s", [client.workspace_id]).fetchone()[0]
                 for table in ("usage_calls WHERE true", "usage_sums WHERE grain = 'q'", "usage_sums WHERE grain = 'd'", "usage_sessions WHERE true")}
        print("sums:", "equal" if len(costs) == 1 else costs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--lines", type=int, default=400_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--folder", type=Path, help="keeps the logs for the next time")
    wanted = parser.parse_args()
    with running(HOUSEKEEPING="on") as (work, stack):
        team, client = Team(stack, USERS), stack.client("reader")
        client.workspace = client.get("/api/auth/me").data["workspace"]["slug"]
        with everything(stack) as db:
            client.workspace_id, = db.execute("SELECT id FROM workspaces WHERE slug = %s", [client.workspace]).fetchone()
        began = time.monotonic()
        with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
            fill(db, client.workspace_id, wanted.calls)
        print(f"{wanted.calls} calls made in {time.monotonic() - began:.0f} s", flush=True)
        during_imports(work, stack, team, client, wanted)
        during_pricing(stack, client, wanted.calls, wanted.seconds)


if __name__ == "__main__":
    main()
