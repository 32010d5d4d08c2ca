#!/usr/bin/python3
"""Import of usage: how many records a second, new ones and known ones, by one stream; how much disk a call takes, and memory a worker; and whether
the totals are those of the generator (tests/usage).

    usage.py [--calls 1000000] [--seed 1] [--folder DIR] [--crowd]

What tests/usage's generator wrote is sent twice by curl, through Nginx. --crowd: then all of it again by eight clients at once, three times, with the
events of OpenTelemetry, in random order and pieces. DIR keeps what was generated for the next time."""

import argparse
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT / "tests/usage")]

from stack import Cluster, Stack, new_folder  # noqa: E402
from test_usage_ledger import USERS, difference, own_prices, without_days  # noqa: E402
from usage_crowd import Crowd, logs_of  # noqa: E402
from usage_ledger import Team, everything, naming, recomputed, wrong_sums  # noqa: E402

from generate import generate  # noqa: E402
from truth import load, sums  # noqa: E402

# As a server of its own would have it, with nothing left out that keeps what was committed.
SERVER = {"shared_buffers": "1GB", "max_wal_size": "4GB", "fsync": "on", "full_page_writes": "on"}
LINES = ("claude", "codex", "gemini", "qwen")


@contextlib.contextmanager
def running(**settings):
    """A folder, and in it a server of the generator's prices with PostgreSQL and Nginx; all is gone at the end."""
    work = new_folder()
    cluster = Cluster(new_folder(work, "pg"), **SERVER)
    stack = None
    try:
        cluster.create()
        cluster.create_migrated("ccr_template", new_folder(work, "template"))
        stack = Stack(new_folder(work, "s"), cluster, "ccr_template", MAX_CONNECTIONS=8, STREAM_SHARE=50, IN_PROGRESS_LIMITS=None, **settings).start()
        own_prices(stack)
        yield work, stack
    finally:
        if stack:
            stack.nginx.stop()
            stack.backend.stop()
        cluster.stop()
        shutil.rmtree(work, ignore_errors=True)


def made(folder, calls, seed):
    if not (folder / "totals.json").exists():
        generate(folder, seed=seed, calls=calls, machines=3, users=len(USERS), otlp=True, lean=True, platforms=LINES)
    return load(folder)


def forget_peaks(stack):
    """Of before: hashing a password takes more than all that follows."""
    for pid in stack.backend.workers():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_kib(pid):
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))


def body_of(folder, home, platform):
    """Pieces of a body with all files of a home."""
    for file in logs_of(folder / home["path"], platform):
        yield naming(str(file.relative_to(folder / home["path"])))
        content = file.read_bytes()
        yield content if content.endswith(b"\n") else content + b"\n"


def send(work, reporter, platform, machine, pieces):
    """By curl, as scripts/ccr-usage-push does: a sender that takes little of the processors that the rest is measured on."""
    body = work / "body"
    with body.open("wb") as file:
        file.writelines(pieces)
    (work / "headers").write_text("\n".join(f"{name}: {value}" for name, value in reporter.headers({"Expect": ""}).items()))
    url = f"http://127.0.0.1:{reporter.port}/api/usage/import?platform={platform}&machine={machine}"
    began = time.monotonic()
    told = subprocess.run(["curl", "-sS", "--fail-with-body", "-X", "POST", "-H", f"@{work / 'headers'}", "-T", body, url], check=True, capture_output=True)
    return json.loads(told.stdout)["data"], time.monotonic() - began, body.stat().st_size


def send_all(work, folder, told, team):
    """Everything by one client, a request for each home and platform: its answers' sums, seconds, bytes."""
    found, spent, size = {"records": 0, "added": 0}, 0.0, 0
    for home in told["homes"]:
        for platform in LINES:
            answer, seconds, length = send(work, team[home["user"]], platform, home["machine"], body_of(folder, home, platform))
            spent += seconds
            size += length
            for name in found:
                found[name] += answer[name]
    return found, spent, size


def one_body(folder, home):
    """The logs of a Claude Code again and again, as one body of nearly what is taken at once."""
    left = 2**31 - 2**20
    for piece in itertools.chain.from_iterable(body_of(folder, home, "claude") for _ in itertools.count()):
        left -= len(piece)
        if left < 0:
            return
        yield piece


def equal(stack, team, told, scope):
    """What is not as the generator says; [] when all is."""
    wrong = wrong_sums(stack)
    with everything(stack) as db:
        for by in ((), ("platform", "model", "day", "user")):
            for table in ("d", "calls"):
                rows = difference(without_days(sums(told, by, scope), by), without_days(recomputed(db, team.id, by, table), by))
                wrong += [(by, table, key, row) for key, row in list(rows.items())[:3]]
    return wrong


def processor_seconds(pids):
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def disk(stack):
    """Bytes a call: of calls, and of everything that is kept of them, with indexes."""
    with everything(stack) as db:
        return db.execute("SELECT round(sum(pg_total_relation_size(oid)) FILTER (WHERE relname LIKE 'usage_calls_%%') / (SELECT count(*) FROM usage_calls)),"
                          " round(sum(pg_total_relation_size(oid)) / (SELECT count(*) FROM usage_calls)) FROM pg_class"
                          " WHERE relname LIKE 'usage_%%' AND relkind = 'r'").fetchone()


def run(stack, work, folder, wanted):
    told, team = made(folder, wanted.calls, wanted.seed), Team(stack, USERS)
    forget_peaks(stack)
    for name in ("new", "known"):
        parts = {"worker": stack.backend.workers, "PostgreSQL": stack.cluster.pids}
        before = {part: processor_seconds(pids()) for part, pids in parts.items()}
        found, spent, size = send_all(work, folder, told, team)
        each = ", ".join(f"{part} {(processor_seconds(pids()) - before[part]) / found['records'] * 1e6:.1f}" for part, pids in parts.items())
        print(f"{name}: {found['records']} records, {found['added']} added, {size / 2**20:.0f} MiB in {spent:.1f} s: {found['records'] / spent:.0f} records/s, "
              f"{size / 2**20 / spent:.0f} MiB/s; processor time a record in µs: {each}", flush=True)
    print("disk: {} bytes a call, {} with sums and names".format(*disk(stack)))
    home = told["homes"][0]
    answer, spent, size = send(work, team[home["user"]], "claude", home["machine"], one_body(folder, home))
    print(f"one body: {answer['records']} records, {answer['added']} added, {size / 2**20:.0f} MiB in {spent:.1f} s", flush=True)
    print(f"worker memory at most: {max(map(peak_kib, stack.backend.workers())) / 1024:.1f} MiB")
    wrong = equal(stack, team, told, "logs")
    print("totals of the logs:", "equal" if not wrong else wrong, flush=True)
    if wanted.crowd:
        began = time.monotonic()
        Crowd(folder, told, team.reporters, wanted.seed).send()
        print(f"crowd: {time.monotonic() - began:.0f} s; statuses {sorted(team.statuses())}")
        wrong = equal(stack, team, told, "merged")
        print("totals of all:", "equal" if not wrong else wrong)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--crowd", action="store_true")
    wanted = parser.parse_args()
    with running() as (work, stack):
        return run(stack, work, wanted.folder or work / "made", wanted)


if __name__ == "__main__":
    sys.exit(main())
