#!/usr/bin/python3
"""Loads a whole system for long while its parts fail, and checks all the time that no write is lost, no answer is wrong and
nothing grows.

PostgreSQL, Redis when redis-server is installed, and two backends behind an Nginx each share one database. Several logged-in
users read and write through both in turns and know what each answer must be (tests/integration/user_model.py). Meanwhile, at random:
a worker is killed, a backend reloads, a PostgreSQL connection freezes, PostgreSQL restarts (fast, immediate), Redis restarts,
clients are slow or leave in the middle of a request (tests/bench/soak_faults.py).

Violations, which make the exit status 1:
  - a read that is older than its reader's last acknowledged write, or that shows what nobody wrote
  - a status other than 200, 201, 204, 304, 404 and 409 where they are right, 429, 503; 502 only after a worker was killed
  - a broken connection; a worker that died without being killed
  - at the end: a write that is not in the database, an audit trail or revisions that do not match the writes
  - more descriptors, shared memory or own memory of workers at the end than at the beginning
How soon the throughput is back to 80 % after a fault is reported, not judged."""

import argparse
import collections
import json
import random
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import soak_faults  # noqa: E402
import stack as parts  # noqa: E402
from user_model import User  # noqa: E402
from watch import BIN_S, Watch, check_growth, check_store, sample, say  # noqa: E402

PROGRESS_S = 10
BEFORE_S = 5            # what a fault is compared with
BACK_S = 5
BACK_RATIO = 0.8
AFTER_KILL_S = 3        # so long a killed worker excuses a 502
WARM_UP_S = 15
LOG_BYTES = 50_000_000


class Redis:
    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.process = None

    @property
    def url(self):
        return f"unix:{self.socket}"

    def start(self):
        command = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
                   "--dir", self.folder]
        self.process = parts.Process(command, self.folder / "redis.log", cwd=self.folder)
        parts.wait_until("Redis listens", self.socket.exists)

    def stop(self):
        if self.process:
            process, self.process = self.process, None
            process.stop()


class System:
    """Two backends, their Nginxes, what they share, and the users."""

    def __init__(self, options, watch):
        self.folder = parts.new_folder()
        self.watch = watch
        self.stacks, self.users, self.kills = [], [], {}
        self.errors = collections.Counter()
        self.cluster = parts.Cluster(parts.new_folder(self.folder, "postgres"))
        self.redis = Redis(parts.new_folder(self.folder, "redis")) if options.redis else None
        self.shared = {**parts.make_secrets(), "REDIS_URL": self.redis.url if self.redis else None}

    def start(self, options):
        self.cluster.create()
        self.cluster.create_migrated("soak", self.folder)
        if self.redis:
            self.redis.start()
        # The first replaces its workers and connections often, the second keeps its workers, so that what grows is seen.
        self.add_backend("first", MAX_REQUESTS=20000, MAX_LIFETIME=60, IDLE_TIMEOUT=10, MIN_CONNECTIONS=2, MAX_CONNECTIONS=6)
        self.add_backend("second", MAX_REQUESTS=0, MAX_CONNECTIONS=4)
        ports = [stack.nginx.port for stack in self.stacks]
        for number in range(options.users):
            name, password = f"user{number}", f"password of user {number}"
            self.stacks[0].cli.add_user(name, password)
            self.users.append(User(name, password, ports, self.watch, f"{options.seed}-{number}"))
        for user in self.users:
            user.login()
        for number, user in enumerate(self.users):
            user.others = self.users[number - 1].slug

    def add_backend(self, name, **settings):
        stack = parts.Stack(parts.new_folder(self.folder, name), self.cluster, "soak", RATE_LIMIT=0, **self.shared, **settings)
        self.stacks.append(stack)
        self.kills[stack] = 0
        stack.start()

    def close(self):
        for stack in self.stacks:
            stack.nginx.stop()
            stack.backend.stop()
        if self.redis:
            self.redis.stop()
        self.cluster.stop()

    def forget_logs(self):
        """A line for each request: hours of them would fill a small disk."""
        for stack in self.stacks:
            for path in (stack.folder / "backend.log", stack.nginx.folder / "access.log"):
                if path.exists() and path.stat().st_size > LOG_BYTES:
                    self.count_errors(path)
                    with open(path, "r+b") as log:
                        log.truncate()

    def count_errors(self, path):
        """What a backend logged as an error, by message."""
        with open(path, "rb") as log:
            for line in log:
                if b'"level":"error"' in line:
                    entry = json.loads(line)
                    self.errors[f"{entry.get('message')} {entry.get('code', '')}".strip()] += 1


# ---- the run --------------------------------------------------------------------------------------------------------


class Soak:
    def __init__(self, options):
        self.options = options
        self.watch = Watch()
        self.system = System(options, self.watch)
        self.random = random.Random(options.seed)
        self.faults = []
        self.first, self.last = [], []
        self.restarts = []

    def run(self):
        system, watch = self.system, self.watch
        try:
            system.start(self.options)
            watch.began = time.monotonic()
            self.end = watch.began + self.options.seconds
            for user in system.users:
                user.start()
            self.work()
            self.finish()
        finally:
            watch.quiet = True
            for user in system.users:
                user.done.set()
            system.close()
            if watch.count and not self.options.keep:
                say(f"the logs are kept in {system.folder}")
            elif not self.options.keep:
                shutil.rmtree(system.folder, ignore_errors=True)

    def work(self):
        """Faults until shortly before the end, so that the last samples are of a calm system."""
        calm = min(20.0, self.options.seconds / 4)
        self.pause(min(WARM_UP_S, self.options.seconds / 4))
        self.first = [sample(stack) for stack in self.system.stacks]
        faults = list(soak_faults.FAULTS) + ([soak_faults.REDIS_FAULT] if self.system.redis else [])
        bag = []
        while time.monotonic() < self.end - calm:
            if not bag:     # each comes before one comes again
                bag = self.random.sample(faults, len(faults))
            self.inject(*bag.pop())
            self.pause(min(self.random.uniform(*self.options.pause), max(0.0, self.end - calm - time.monotonic())))
        self.pause(self.end - time.monotonic())

    def pause(self, seconds):
        """Waits and says every now and then how it goes."""
        until = time.monotonic() + max(0.0, seconds)
        while time.monotonic() < until:
            time.sleep(max(0.0, min(until - time.monotonic(), PROGRESS_S)))
            self.progress()

    def progress(self):
        watch = self.watch
        now = watch.seconds()
        sizes = [sample(stack) for stack in self.system.stacks]
        acknowledged, unknown = self.writes()
        say(f"{now:6.0f} s: {watch.rate(max(0, now - PROGRESS_S), now):5.0f} answers/s, {acknowledged} writes, {unknown} unknown, "
            f"{len(self.faults)} faults, {watch.count} violations; descriptors {[s['worker_fds'] for s in sizes]}, "
            f"PSS {[s['worker_pss_kib'] for s in sizes]} KiB, workers {[s['workers'] for s in sizes]}")
        self.system.forget_logs()

    def writes(self):
        return [sum(user.writes[i] for user in self.system.users) for i in (0, 1)]

    def inject(self, name, fault, may_502):
        watch = self.watch
        began = watch.seconds()
        before = watch.rate(max(0, began - BEFORE_S), began)
        if may_502:
            watch.excused_until = time.monotonic() + AFTER_KILL_S
        what = fault(self.system, self.random)
        ended = watch.seconds()
        self.pause(BACK_S + 1)
        back = self.back_after(ended, before)
        self.faults.append({"fault": name, "what": what, "at_s": round(began, 1), "seconds": round(ended - began, 1),
                            "before_per_s": round(before), "back_after_s": back})
        shown = f"back after {back} s" if back is not None else f"NOT back to {BACK_RATIO:.0%} within {BACK_S} s"
        say(f"{began:6.0f} s: {name} ({what}), {shown}")

    def back_after(self, ended, before):
        """Seconds until a whole second had 80 % of the throughput before; None when none had."""
        start = ended
        while start <= ended + BACK_S:
            if self.watch.rate(start, start + 1) >= before * BACK_RATIO:
                return round(start - ended, 1)
            start += BIN_S
        return None

    # ---- the end ----------------------------------------------------------------------------------------------------

    def finish(self):
        for user in self.system.users:
            user.done.set()
        for user in self.system.users:
            if not user.stop():
                self.watch.violation(f"{user.name} still waits for an answer")
        self.last = [sample(stack) for stack in self.system.stacks]
        for stack, first, last in zip(self.system.stacks, self.first, self.last):
            check_growth(stack.folder.name, first, last, self.watch)
        for stack in self.system.stacks:
            self.check_deaths(stack)
            self.system.count_errors(stack.folder / "backend.log")
        for user in self.system.users:
            if not user.settle():
                versions = [slot.version.possible for slot in user.slots.values()]
                self.watch.violation(f"{user.name}: what is stored is not known: {versions}")
        with self.system.cluster.connect(user="postgres", dbname="soak") as connection:
            for user in self.system.users:
                check_store(connection, user, self.watch)

    def check_deaths(self, stack):
        restarts, kills = stack.status()["workers"]["restarts"], self.system.kills[stack]
        self.restarts.append(restarts)
        if restarts > kills:
            self.watch.violation(f"{stack.folder.name}: {restarts} workers died, {kills} were killed")

    def report(self):
        watch, (acknowledged, unknown) = self.watch, self.writes()
        return {
            "seconds": round(self.options.seconds), "seed": self.options.seed, "users": len(self.system.users),
            "redis": bool(self.system.redis), "requests": sum(watch.statuses.values()),
            "statuses": {str(status): count for status, count in sorted(watch.statuses.items())},
            "writes": {"acknowledged": acknowledged, "unknown": unknown}, "faults": self.faults,
            "workers_died": self.restarts, "workers_killed": list(self.system.kills.values()),
            "first": self.first, "last": self.last, "errors_logged": dict(self.system.errors),
            "violations": watch.count, "violations_shown": watch.violations,
        }


def text(made):
    lines = [f"{made['requests']} requests in {made['seconds']} s by {made['users']} users through 2 backends, "
             f"{'with' if made['redis'] else 'without'} Redis; seed {made['seed']}",
             f"statuses: {', '.join(f'{status}: {count}' for status, count in made['statuses'].items())}",
             f"writes: {made['writes']['acknowledged']} acknowledged{'' if made['violations'] else ', all found'}; "
             f"{made['writes']['unknown']} with an unknown outcome",
             f"workers: {sum(made['workers_killed'])} killed, {sum(made['workers_died'])} replaced after they died", ""]
    for name in sorted({fault["fault"] for fault in made["faults"]}):
        back = [fault["back_after_s"] for fault in made["faults"] if fault["fault"] == name]
        late = back.count(None)
        worst = max((value for value in back if value is not None), default=None)
        lines.append(f"{name:28} {len(back):4} times; throughput back after at most {worst} s"
                     + (f"; {late} times not within {BACK_S} s" if late else ""))
    lines.append("")
    for name, first, last in zip(("first", "second"), made["first"], made["last"]):
        lines.append(f"backend {name}: " + ", ".join(f"{key} {first[key]} -> {last[key]}" for key in first))
    errors = ", ".join(f"{count} {name}" for name, count in made["errors_logged"].items())
    lines += ["", f"errors in the logs: {errors or 'none'}"]
    lines += ["", f"{made['violations']} violations", *(f"  {violation}" for violation in made["violations_shown"])]
    return "\n".join(lines)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1800, metavar="N", help="how long (1800)")
    parser.add_argument("--users", type=int, default=10, metavar="N", help="users, one request at a time each (10)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the random choices; another each time when left out")
    parser.add_argument("--pause", type=float, nargs=2, default=(1, 8), metavar=("MIN", "MAX"),
                        help="seconds between a fault's recovery and the next fault (1 8)")
    parser.add_argument("--no-redis", dest="redis", action="store_false", help="without Redis")
    parser.add_argument("--keep", action="store_true", help="keeps the folder with the logs, as violations do")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    options = parser.parse_args(arguments)
    if options.seconds < 20 or options.users < 2:
        parser.error("at least 20 seconds and 2 users")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    options.redis = options.redis and bool(shutil.which("redis-server"))
    return options


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    soak = Soak(options)
    soak.run()
    made = soak.report()
    print(json.dumps(made) if options.json else text(made))
    return 1 if made["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
