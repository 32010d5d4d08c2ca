#!/usr/bin/python3
"""Is this checkout slower than another commit of the same repository? Both are built and run at once, each with a PostgreSQL and an
Nginx of its own and two workers, but only one of them is under load at a time: a round is a second of wrk for the one and, right
after it, a second for the other, and what counts is the ratio of the two. Whatever else the machine does meets both alike, so that
the median of many rounds says something on a busy machine, too. The order changes with every round.

The other commit is taken from the repository into a folder in /tmp, which is removed at the end as everything else is, also after
Ctrl-C. This checkout is measured as it stands, with what is not committed. To see what the machine itself makes of it, compare
with HEAD: quartiles far from 1 there call for more rounds.

Rows (names for --rows), requests a second through Nginx:
  live               a route without a database
  single             one profile, CACHE_SIZE=0
  list               50 profiles, CACHE_SIZE=0
  list-cached        50 profiles, default settings
  not-modified       50 profiles, If-None-Match, answer 304
  limit              50 profiles as ?limit=50, CACHE_SIZE=0
  login              with the right password
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import report
from bench import RATIOS, Ratio, chosen, parts, say

ROUND_S = 1
STOP_S = 60
LOGIN = Ratio("login", "login", "uncached", "/api/auth/login", "", "", "")
ROWS = {row.row: row for row in (*RATIOS, LOGIN) if row.row in ("live", "single", "list", "list-cached", "not-modified", "limit", "login")}
HERE = Path(__file__).resolve().parent


@dataclass
class Result:
    row: str
    ratio: float        # this checkout to the other commit: the median of the rounds' ratios
    quartiles: list
    ours: float         # requests per second, medians
    theirs: float
    rounds: list        # [ours, theirs]
    good: bool


class Side:
    """A program under measurement, in a process of its own: two checkouts' Python modules have the same names."""

    def __init__(self, checkout):
        environment = {name: value for name, value in os.environ.items() if name != "CCR_BINARY"}
        self.process = subprocess.Popen(["/usr/bin/python3", HERE / "side.py", checkout], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("against: a side has ended; what it said stands above")
        return json.loads(line)

    def rate(self, row, warm_up=False):
        order = {"row": row.row, "ours": row.ours, "path": row.order, "status": row.status, "seconds": ROUND_S, "warm_up": warm_up}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.read()["rate"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()


# ---- the other commit -----------------------------------------------------------------------------------------------


def git(*arguments):
    done = subprocess.run(["git", "-C", parts.ROOT, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"against: git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def check_out(commit, folder):
    """Its files, without an entry in the repository that would have to be removed again."""
    archive = folder.with_suffix(".tar")
    git("archive", "--output", str(archive), commit)
    folder.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    archive.unlink()
    if not (folder / "tests" / "bench" / "contestants.py").exists():
        raise SystemExit(f"against: {commit} has no tests/bench/contestants.py yet, so it cannot be measured")


def build(checkout):
    done = subprocess.run(["make", "--no-print-directory", "-C", checkout, f"-j{len(os.sched_getaffinity(0))}",
                           "build/ccr-ui-backend", "build/bench/baseline"], stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"against: make in {checkout} failed")


# ---- measuring ------------------------------------------------------------------------------------------------------


def compare(row, ours, theirs, options):
    rounds = []
    for side in (ours, theirs):
        side.rate(row, warm_up=True)
    for number in range(options.rounds):
        order = (ours, theirs) if number % 2 == 0 else (theirs, ours)
        rates = {side: side.rate(row) for side in order}
        rounds.append([round(rates[ours]), round(rates[theirs])])
        say(f"{row.row}: round {number + 1}/{options.rounds}: {rounds[-1][0]} to {rounds[-1][1]} requests/s, "
            f"{rates[ours] / rates[theirs]:.3f}")
    return result_of(row.row, rounds, options.least)


def result_of(name, rounds, least):
    ratios = sorted(ours / theirs for ours, theirs in rounds)
    quartiles = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    median = statistics.median(ratios)
    return Result(name, round(median, 3), [round(quartiles[0], 3), round(quartiles[2], 3)],
                  *(statistics.median(rates) for rates in zip(*rounds)), rounds, median >= least)


def measure(options, commit):
    """Both programs in turns, and nothing left behind."""
    folder = Path(tempfile.mkdtemp(prefix="ccr-against-", dir="/tmp"))
    sides = []
    try:
        say(f"against: {commit[:12]} is built in {folder}")
        check_out(commit, folder / "other")
        build(folder / "other")
        say("against: both are started")
        sides += [Side(parts.ROOT)]
        sides += [Side(folder / "other")]
        for side in sides:
            side.read()
        return [compare(ROWS[name], *sides, options) for name in options.names]
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # an impatient second Ctrl-C must not leave half of it
            signal.signal(number, signal.SIG_IGN)
        for side in sides:
            side.stop()
        shutil.rmtree(folder, ignore_errors=True)


def text(results, least):
    rows = [[result.row, result.ours, result.theirs, f"{result.ratio:.3f}", " to ".join(f"{q:.3f}" for q in result.quartiles),
             "ok" if result.good else f"BELOW {least}"] for result in results]
    return report.plain_table(["row", "this/s", "other/s", "median ratio", "quartiles", ""], rows, left=("row", ""))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="against", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", metavar="COMMIT", help="what to compare with: a commit, branch or tag")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="rounds of a row, 2 s each (21)")
    parser.add_argument("--rows", default="*", metavar="NAMES", help="only these, a comma list; patterns as l*")
    parser.add_argument("--least", type=float, default=0.95, metavar="RATIO", help="a median below it is marked (0.95)")
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a median is below --least")
    parser.add_argument("--json", action="store_true", help="JSON for machines instead of the table")
    options = parser.parse_args(arguments)
    options.names = chosen(options.rows, list(ROWS))
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main():
    options = parse(sys.argv[1:])
    commit = git("rev-parse", "--verify", "--end-of-options", f"{options.commit}^{{commit}}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        results = measure(options, commit)
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps({"other": commit, "this": git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"),
                          "least": options.least, "seconds": ROUND_S, "machine": report.machine(),
                          "results": [asdict(result) for result in results]}))
    else:
        print(text(results, options.least))
    return 1 if options.strict and not all(result.good for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
