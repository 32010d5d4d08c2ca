"""One run of wrk: a thread, some connections, some seconds, one address."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "report.lua"
CONNECTIONS = 16


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


def run(port, path, seconds, headers=None, connections=CONNECTIONS, count=False):
    """`count` tells every status apart; without it wrk knows only which are over 399, and is a little faster."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{port}{path}")
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COUNT_STATUSES": "1" if count else "0"})
    if done.returncode != 0:
        raise SystemExit(f"wrk failed: {done.stderr or done.stdout}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def measure(port, path, seconds, headers=None, connections=CONNECTIONS):
    """A run in which nothing may go wrong."""
    result = run(port, path, seconds, headers, connections)
    if result.failed or result.broken or result.timeouts or not result.requests:
        raise SystemExit(f"{path}: {result.failed} answers over 399, {result.broken} broken connections, "
                         f"{result.timeouts} timeouts, {result.requests} requests")
    return result


def warm_up(port, path, status, headers=None, seconds=1):
    """A short run in which every answer must have that status."""
    result = run(port, path, seconds, headers, count=True)
    if set(result.statuses) != {str(status)} or result.broken or result.timeouts:
        raise SystemExit(f"{path}: expected nothing but {status}, got {result.statuses}, {result.broken} broken connections")
    return result
