#!/usr/bin/python3
"""How fast ccr-ui-backend is, as ratios to a bare libfcgi program, PHP-FPM and Node with Fastify, all in one run: the same
machine, the same Nginx configuration, the same PostgreSQL, as many processes or connections. Only one of them is under load at
a time; rounds alternate between the two that a row compares, and the median counts. A ratio carries over to other machines,
requests per second do not.

Rows (names for --rows):
  live               a route without a database               to the bare program's fixed answer
  single             one profile, CACHE_SIZE=0                to one prepared SELECT of the same row
  list               50 profiles, CACHE_SIZE=0                to 50 rows of columns through json_agg
  limit              the same as ?limit=50, as pages ask      to the same
  list-cached        50 profiles, default settings            to a fixed answer of the same bytes
  not-modified       50 profiles, If-None-Match, answer 304   to a small fixed answer
  create, replace    an agent, with its history and audit     to the same rows written in one transaction
  php-single, php-list, fastify-single, fastify-list          default settings, to the peer doing the same authenticated work
  growth-offset, growth-cursor, growth-search                 50 of 100 agents to 50 of 100,000, CACHE_SIZE=0: the first page, the
                                                              one behind the middle, and what a common word finds
  crowd              256 connections: statuses and latencies
  memory             a worker's memory (PSS) after 100,000 and after --requests requests
  start              from exec to the first answered read through Nginx
  database           from PostgreSQL accepting connections after a restart to the first answered read
"""

import argparse
import fnmatch
import json
import re
import shutil
import signal
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Optional, Union

import requests

import growth
import report
import wrk
from contestants import (AGENTS, AGENTS_PATH, LIMIT_PATH, LIST_PATH, ONE_PATH, PROCESSES, WRITTEN, Site, agent, get, parts)
from wrk import Order

LIVE_PATH = "/api/system/live"
CROWD = 256
GOOD_IN_A_CROWD = {"200", "429", "503"}
EARLY_REQUESTS = 100000


@dataclass
class Result:
    """A line of the table. `measured` is what the target is about: a ratio, or a figure with a unit."""

    row: str
    what: str
    measured: Optional[float] = None
    target: str = ""                # as text: ">= 0.92", "< 3 %"
    unit: str = ""
    ours: Optional[float] = None    # requests per second
    theirs: Optional[float] = None
    note: str = ""
    rounds: list = field(default_factory=list)

    @property
    def good(self):
        """None: not measured, or without a target."""
        if self.measured is None or not self.target:
            return None
        sign, limit = self.target.split()[:2]
        limit = float(limit)
        return {">=": self.measured >= limit, "<=": self.measured <= limit, "<": self.measured < limit,
                "=": self.measured == limit}[sign]


@dataclass(frozen=True)
class Ratio:
    row: str
    what: str
    ours: str
    order: Union[str, Order]
    theirs: str
    their_order: Union[str, Order]
    target: str
    status: int = 200
    workspace: str = ""         # of ours; "" = the user's own
    their_workspace: str = ""
    connections: int = wrk.CONNECTIONS


FEW, MANY = growth.FEW, growth.MANY
ANY_AGENT = {**agent(0), "name": "agent-{n}"}
CREATE = Order(AGENTS_PATH, "POST", ANY_AGENT)
REPLACE = Order(f"{AGENTS_PATH}/agent-{{n}}", "PUT", {**agent(0), "system_prompt": "You review change {n}. " * 20}, modulo=AGENTS)
WRITERS = 4     # writers of one workspace follow one another


def bare(row, what, ours, order, address, target, **more):
    return Ratio(row, what, ours, order, "bare", f"/api/{address}", target, **more)


def bare_write(row, what, order, **more):
    theirs = Order(f"/api/{row}", order.method, order.body)
    return Ratio(row, what, "ours", order, "bare", theirs, ">= 0.5", workspace=WRITTEN[row], connections=WRITERS, **more)


def more_agents(row, what, target):
    """As many pages of few as of many: how many times as long one of many takes."""
    return Ratio(row, f"{what} of {MANY:,} agents, to one of {FEW}: times as long", "uncached", row, "uncached", row, target,
                 workspace=growth.space(FEW), their_workspace=growth.space(MANY))


RATIOS = [
    bare("live", "live, to a bare fixed answer", "ours", LIVE_PATH, "fixed", ">= 0.92"),
    bare("single", "single, cache off, to a bare SELECT of its row", "uncached", ONE_PATH, "one", ">= 0.90"),
    bare("list", "list of 50, cache off, to a bare json_agg", "uncached", LIST_PATH, "list", ">= 2"),
    bare("limit", "list with limit=50, cache off, to a bare json_agg", "uncached", LIMIT_PATH, "list", ">= 2"),
    bare("list-cached", "list of 50, cached, to a bare fixed answer of its size", "ours", LIST_PATH, "body", ">= 0.80"),
    bare("not-modified", "list of 50, not modified, to a bare fixed answer", "ours", LIST_PATH, "fixed", ">= 0.85", status=304),
    bare_write("create", "create, to a bare transaction with the same rows", CREATE, status=201),
    bare_write("replace", "replace, to a bare transaction with the same rows", REPLACE),
    more_agents("growth-offset", "the first page", "<= 1.5"),
    more_agents("growth-cursor", "the page behind the middle, by cursor,", "<= 1.5"),
    more_agents("growth-search", "the first page that a common word finds", "<= 3"),
    Ratio("php-single", "single, to PHP-FPM", "ours", ONE_PATH, "php", ONE_PATH, ">= 3"),
    Ratio("php-list", "list of 50, to PHP-FPM", "ours", LIST_PATH, "php", LIST_PATH, ">= 3"),
    Ratio("fastify-single", "single, to Fastify", "ours", ONE_PATH, "fastify", ONE_PATH, ">= 2"),
    Ratio("fastify-list", "list of 50, to Fastify", "ours", LIST_PATH, "fastify", LIST_PATH, ">= 2"),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- ratios ---------------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, site, options):
        self.site = site
        self.seconds, self.rounds, self.requests = options.seconds, options.rounds, options.requests
        self.checked = set()
        self.filled = False

    def ratio(self, row):
        """Both sides of a row in turns."""
        result = Result(row.row, row.what, target=row.target)
        site = self.site
        result.note = site[row.theirs].missing() or ""
        if not result.note:
            self.check_peer(row.theirs)
        headers = None if result.note else self.our_headers(row, result)
        if result.note:
            say(f"{row.row}: not available: {result.note}")
            return [result]
        ours, theirs = site.use(row.ours, row.theirs)
        order, their_order = (self.order_of(row, order, space) for order, space in
                              ((row.order, row.workspace), (row.their_order, row.their_workspace)))
        their_headers = None if row.theirs == "bare" else self.headers_in(row.their_workspace)
        sides = ((theirs, their_order, their_headers, 200), (ours, order, headers, row.status))
        self.warm_up(row, sides)
        for number in range(self.rounds):
            their_rate, our_rate = (self.rate(side, ask, with_these, row.connections) for side, ask, with_these, _ in sides)
            say(f"{row.row}: round {number + 1}/{self.rounds}: {our_rate:.0f} to {their_rate:.0f} requests/s")
            result.rounds.append([round(our_rate), round(their_rate)])
        self.warm_up(row, sides)  # nothing has changed meanwhile
        result.ours = statistics.median(ours for ours, _ in result.rounds)
        result.theirs = statistics.median(theirs for _, theirs in result.rounds)
        result.measured = round(result.ours / result.theirs, 3)
        result.note = f"{ours.workers} workers"
        return [result]

    def warm_up(self, row, sides):
        for side, order, headers, status in sides:
            wrk.warm_up(side.port, order, status, headers, connections=row.connections)

    def rate(self, contestant, order, headers, connections):
        run = wrk.measure(contestant.port, order, self.seconds, headers, connections)
        contestant.forget_logs()
        return run.rate

    def headers_in(self, workspace):
        return {**self.site.headers, **({"X-CCR-Workspace": workspace} if workspace else {})}

    def order_of(self, row, order, workspace):
        """The page of a growing workspace, which is made when it is first asked for."""
        if not row.row.startswith("growth-"):
            return order
        (ours,) = self.site.use(row.ours)
        if not self.filled:
            say(f"{row.row}: workspaces with {FEW} and {MANY:,} agents are made")
            growth.fill_agents(self.site, ours.port)
            self.filled = True
        return growth.page(row.row, ours.port, self.headers_in(workspace))

    def check_peer(self, name):
        if name not in (*self.checked, "uncached"):
            say(f"{name}: what it does is compared with what we do")
            self.site.check_peer(name)
            self.checked.add(name)

    def our_headers(self, row, result):
        """For a 304: the ETag that the list really has, tried once. What is missing is noted in the result."""
        headers = self.headers_in(row.workspace)
        if row.status != 304:
            return headers
        (ours,) = self.site.use(row.ours)
        tag = get(ours.port, row.order, headers).headers.get("ETag")
        if not tag:
            result.note = "the list has no ETag"
            return None
        headers["If-None-Match"] = tag
        status = get(ours.port, row.order, headers).status_code
        if status != 304:
            result.note = f"If-None-Match is answered with {status}"
        return headers

    # ---- everything else --------------------------------------------------------------------------------------------

    def crowd(self):
        (ours,) = self.site.use("ours")
        wrk.warm_up(ours.port, ONE_PATH, 200, self.site.headers)
        runs = []
        for number in range(self.rounds):
            runs.append(wrk.run(ours.port, ONE_PATH, self.seconds, self.site.headers, connections=CROWD, count=True))
            ours.forget_logs()
            say(f"crowd: round {number + 1}/{self.rounds}: p50 {runs[-1].p50_ms:.1f} ms, p99 {runs[-1].p99_ms:.1f} ms, "
                f"{runs[-1].statuses}")
        wrong = sum(run.broken + run.timeouts for run in runs) + sum(
            count for run in runs for status, count in run.statuses.items() if status not in GOOD_IN_A_CROWD)
        p50, p99 = (statistics.median(values) for values in zip(*((run.p50_ms, run.p99_ms) for run in runs)))
        rate = round(statistics.median(run.rate for run in runs))
        busy = sum(count for run in runs for status, count in run.statuses.items() if status in ("429", "503"))
        asked = sum(run.requests for run in runs)
        return [
            Result("crowd", f"{CROWD} connections: answers other than 200, 429, 503", wrong, "= 0", ours=rate,
                   note=f"{busy} of {asked} were 429 or 503"),
            Result("crowd", f"{CROWD} connections: p50", round(p50, 2), unit="ms"),
            Result("crowd", f"{CROWD} connections: p99", round(p99, 2), unit="ms"),
            Result("crowd", f"{CROWD} connections: p99 / p50", round(p99 / p50, 2), "< 10"),
        ]

    def memory(self):
        """Single reads and lists in turns, so that both have been everywhere early."""
        (ours,) = self.site.use("lasting")
        pids = ours.stack.backend.workers()
        done, early, early_own, early_done = 0, None, 0, 0
        while done < self.requests:
            for path, seconds in ((LIST_PATH, 1), (ONE_PATH, min(self.seconds, 4))):
                done += wrk.measure(ours.port, path, seconds, self.site.headers).requests
            ours.forget_logs()
            if early is None and done >= min(EARLY_REQUESTS, self.requests / 2):
                early, early_own, early_done = largest(pids, "Pss"), largest(pids, "Anonymous"), done
            say(f"memory: {done} of {self.requests} requests")
        late, own = largest(pids, "Pss"), largest(pids, "Anonymous")
        if ours.stack.backend.workers() != pids:
            ours.forget_logs()
            raise SystemExit("a worker died while its memory was watched; the log says:\n" + "".join(ours.told[-20:]))
        note = (f"{early} KiB after {early_done:,} requests, {late} KiB after {done:,}; memory that is in no file: "
                f"{early_own} and {own} KiB")
        return [Result("memory", "worker PSS: growth", round((late / early - 1) * 100, 2), "< 3 %", "%", note=note),
                Result("memory", "worker PSS at the end", round(late / 1024, 2), "< 4 MB", "MB", note="the largest worker")]

    def start(self):
        (ours,) = self.site.use("ours")
        backend, times = ours.stack.backend, []
        for number in range(max(self.rounds, 3)):
            backend.stop()
            backend.socket.unlink(missing_ok=True)
            began = time.monotonic()
            backend.process = parts.Process(backend.command(), ours.stack.folder / "backend.log", cwd=ours.stack.folder)
            self.until_answered(ours)
            times.append((time.monotonic() - began) * 1000)
            say(f"start: round {number + 1}: {times[-1]:.0f} ms")
        return [Result("start", "first answer after a start", round(statistics.median(times), 1), "< 200 ms", "ms",
                       note=f"slowest of {len(times)}: {max(times):.0f} ms")]

    def database(self):
        """Fast and immediate shutdown in turns; the slowest counts."""
        (ours,) = self.site.use("ours")
        cluster, times = self.site.cluster, []
        for number in range(max(self.rounds, 2)):
            cluster.stop((signal.SIGINT, signal.SIGQUIT)[number % 2])
            time.sleep(1)
            cluster.start(wait=False)
            parts.wait_until("PostgreSQL accepts connections", cluster.accepts, timeout=60, step=0.005)
            began = time.monotonic()
            self.until_answered(ours)
            times.append(time.monotonic() - began)
            say(f"database: round {number + 1}: {times[-1]:.3f} s")
        return [Result("database", "first answer after PostgreSQL is back", round(max(times), 3), "< 2 s", "s",
                       note=f"the slowest of {len(times)}")]

    def until_answered(self, contestant):
        session = requests.Session()
        session.trust_env = False
        url = f"http://127.0.0.1:{contestant.port}{ONE_PATH}"
        deadline = time.monotonic() + 60
        while session.get(url, headers=self.site.headers, timeout=30).status_code != 200:
            if time.monotonic() > deadline:
                raise SystemExit("no read is answered within 60 s")
            time.sleep(0.001)

    def run(self, names):
        results = []
        for row in RATIOS:
            if row.row in names:
                results += self.ratio(row)
        for name in ("crowd", "memory", "start", "database"):
            if name in names:
                results += getattr(self, name)()
        return results


def largest(pids, kind):
    """KiB of that kind of memory in the process that has most of it."""
    def size(pid):
        return int(re.search(rf"^{kind}:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1))
    return max(map(size, pids))


# ---- command line ---------------------------------------------------------------------------------------------------

ROWS = [row.row for row in RATIOS] + ["crowd", "memory", "start", "database"]


def chosen(patterns, rows):
    """Those of the rows that a comma list of names and patterns such as php-* means."""
    names = []
    for pattern in patterns.split(","):
        found = fnmatch.filter(rows, pattern)
        if not found and pattern != "none":
            raise SystemExit(f"bench: there is no row '{pattern}'; there are: {', '.join(rows)}")
        names += found
    return names


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, metavar="N", help="seconds of a round (4)")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of a row (5)")
    parser.add_argument("--requests", type=int, metavar="N", help="requests of the row memory (1000000, about 2 minutes)")
    parser.add_argument("--fast", action="store_true", help="one round of 1 s, 40000 requests: shows that everything works")
    parser.add_argument("--rows", default="*", metavar="NAMES", help="only these, a comma list; patterns as php-*; none for none")
    parser.add_argument("--growth", action="store_true",
                        help="then how cost grows with connections, profiles and workers (about 5 minutes)")
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a target is missed")
    parser.add_argument("--json", action="store_true", help="JSON for machines instead of tables")
    parser.add_argument("--write-docs", type=Path, metavar="FILE", help="also writes the whole report to FILE as Markdown")
    parser.add_argument("--baseline", type=Path, default=parts.ROOT / "build" / "bench" / "baseline", metavar="FILE",
                        help="the bare program (build/bench/baseline)")
    options = parser.parse_args(arguments)
    options.names = chosen(options.rows, ROWS)
    for name, full, fast in (("seconds", 4, 1), ("rounds", 5, 1), ("requests", 1000000, 40000)):
        if getattr(options, name) is None:
            setattr(options, name, fast if options.fast else full)
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def measure(options):
    before = report.busy()
    site = Site(options.baseline)
    try:
        made = {"results": Bench(site, options).run(options.names)}
        if options.growth:
            made["growth"] = growth.tables(site, options.seconds, say)
    finally:
        site.close()
    made["machine"] = {**report.machine(), "busy_percent": round(100 * max(before, report.busy()))}
    return made


def main():
    options = parse(sys.argv[1:])
    for program in ("wrk", options.baseline):
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is not there; scripts/bench.sh installs and builds what is needed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    made = measure(options)
    made["settings"] = {"seconds": options.seconds, "rounds": options.rounds, "connections": wrk.CONNECTIONS,
                        "processes": PROCESSES}
    if options.write_docs:
        options.write_docs.write_text(report.markdown(made))
    if options.json:
        results = [{**asdict(result), "good": result.good} for result in made["results"]]
        print(json.dumps({**made, "results": results}))
    else:
        print(report.text(made))
    if report.noise(made):
        say(f"bench: {report.noise(made)}")
    missed = any(result.good is False for result in made["results"])
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
