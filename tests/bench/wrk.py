"""One run of wrk: a thread, some connections, some seconds, one address."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

SCRIPT = Path(__file__).resolve().parent / "report.lua"
CONNECTIONS = 16


@dataclass(frozen=True)
class Order:
    """What to ask for. "{n}" in the path and in the body stands for a number: another one each time, over all runs, or one below
    `modulo`. Curly brackets of the path stand for nothing else."""
    path: str
    method: str = "GET"
    body: Optional[dict] = None
    modulo: int = 0

    def environment(self):
        numbered = {"FIRST_NUMBER": str(time.time_ns() // 1000), "MODULO": str(self.modulo or 2**53)}
        return {"METHOD": self.method, "BODY": json.dumps(self.body), **numbered} if self.body else {}


@dataclass
class Run:
    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float
    failed: int     # statuses over 399
    broken: int     # connections that failed, also in the middle of an answer
    timeouts: int
    statuses: dict = field(default_factory=dict)  # only when they were counted

    @property
    def rate(self):
        return self.requests / self.seconds


def run(port, order, seconds, headers=None, connections=CONNECTIONS, count=False):
    """The order may be a path alone. `count` tells every status apart; without it wrk knows only which are over 399, and is a little
    faster."""
    order = order if isinstance(order, Order) else Order(order)
    environment = {**os.environ, **order.environment(), "COUNT_STATUSES": "1" if count else "0"}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{port}{order.path}")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"wrk failed: {done.stderr or done.stdout}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def measure(port, order, seconds, headers=None, connections=CONNECTIONS):
    """A run in which nothing may go wrong."""
    result = run(port, order, seconds, headers, connections)
    if result.failed or result.broken or result.timeouts or not result.requests:
        raise SystemExit(f"{order}: {result.failed} answers over 399, {result.broken} broken connections, "
                         f"{result.timeouts} timeouts, {result.requests} requests")
    return result


def warm_up(port, order, status, headers=None, seconds=1, connections=CONNECTIONS):
    """A short run in which every answer must have that status."""
    result = run(port, order, seconds, headers, connections, count=True)
    if set(result.statuses) != {str(status)} or result.broken or result.timeouts:
        raise SystemExit(f"{order}: expected nothing but {status}, got {result.statuses}, {result.broken} broken connections")
    return result
