"""What fails while the system works: workers, PostgreSQL, Redis, clients. Users who know what each answer must be
(user_model.py) read and write all the time through real Nginx, workers, PostgreSQL and Redis. Whatever fails:

- no acknowledged write is lost, and what was never sent in full is not there;
- no answer is wrong; 503, and 409 with Retry-After, are the only refusals, 502 only for a request that a killed worker had in its hands;
- nothing is left: no descriptor, no shared memory, no zombie;
- the throughput comes back. How soon is printed, and written as a line of JSON to the file CCR_FAULT_REPORT names.

FAULT_SECONDS is how long each lasts: 60 for the full length (a minute of kills, ten restarts …); 6 when it is not set."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack import Redis, wait_until
from user_model import User
from watch import Watch, check_store, descriptors, shared_kib

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")]

SECONDS = float(os.environ.get("FAULT_SECONDS") or 6)
ROUNDS = max(2, round(SECONDS / 6))
WORKERS = 6
USERS = 8
BEFORE_S = 3.0
BACK_RATIO = 0.7
BACK_LIMIT_S = 30
STATEMENT_MS = 2000
LARGE_PROFILES = 150


class System:
    """A stack with Redis and users who know what they wrote."""

    def __init__(self, stack, redis):
        self.stack, self.redis = stack, redis
        self.users = []
        for number in range(USERS):
            name, password = f"user{number}", f"password of user {number}"
            stack.cli.add_user(name, password)
            self.users.append(User(name, password, [stack.nginx.port], Watch(), f"fault-{number}"))
        for user in self.users:
            user.login()
        for number, user in enumerate(self.users):
            user.others = self.users[number - 1].slug

    def processes(self):
        return {pid: (descriptors(pid), shared_kib(pid)) for pid in [self.stack.backend.pid, *self.stack.backend.workers()]}

    def sizes(self):
        """Of a quiet system: the most descriptors and shared memory that the master and any worker have."""
        found = self.processes()
        master = found.pop(self.stack.backend.pid)
        return {"master_fds": master[0], "worker_fds": max(fds for fds, _ in found.values()),
                "shared_kib": max(master[1], *(kib for _, kib in found.values())), "shared_files": sorted(shared_files()),
                "workers": len(found)}

    def zombies(self):
        return [pid for pid in [*self.stack.backend.workers()] if state_of(pid) == "Z"]

    def is_quiet(self):
        """No request and no transaction is under way, and every worker is back."""
        workers = self.stack.status()["workers"]
        with self.stack.cluster.connect(user="postgres", dbname=self.stack.database) as db:
            active = db.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'ccr' AND state <> 'idle'").fetchone()[0]
            connected = db.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'ccr'").fetchone()[0]
        return not active and connected == workers["total"] == WORKERS and workers["busy"] <= 1


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def shared_files():
    """Ours in /dev/shm; PostgreSQL's own come and go."""
    return [name for name in os.listdir("/dev/shm") if "ccr" in name]


@pytest.fixture(scope="module")
def system(module_stack, workdir):
    redis = Redis(workdir).start()
    # Limits far out of reach: counting them asks Redis at every request.
    stack = module_stack(own_cluster=True, MAX_CONNECTIONS=WORKERS, STATEMENT_TIMEOUT=STATEMENT_MS, REDIS_URL=redis.url,
                         RATE_LIMIT=1000000, RATE_LIMIT_BURST=1000000, IN_PROGRESS_LIMITS=None)
    yield System(stack, redis)
    redis.stop()


def note(line):
    print(json.dumps(line))
    if os.environ.get("CCR_FAULT_REPORT"):
        with open(os.environ["CCR_FAULT_REPORT"], "a") as report:
            report.write(json.dumps(line) + "\n")


class Run:
    """The users at work around one fault."""

    def __init__(self, system, name):
        self.system, self.name = system, name
        self.watch = Watch()
        self.kills = 0
        self.notes = {}
        self.back = []

    def __enter__(self):
        system = self.system
        wait_until("it is quiet before", system.is_quiet, step=0.1)
        self.deaths = system.stack.status()["workers"]["restarts"]
        for user in system.users:
            user.watch = self.watch
            user.start()
        time.sleep(2)
        wait_until("every worker has asked Redis", self.all_connected, step=0.2)
        began = self.watch.seconds()
        time.sleep(BEFORE_S)
        self.before = self.watch.rate(began, began + BEFORE_S)
        self.sizes = self.pause_and_look()
        self.began = time.monotonic()
        return self

    def all_connected(self):
        """The number of descriptors that the workers settle at."""
        counts = [descriptors(pid) for pid in self.system.stack.backend.workers()]
        return len(counts) == WORKERS and max(counts) - min(counts) <= 1

    def pause_and_look(self):
        for user in self.system.users:
            assert user.stop()
        wait_until("it is quiet", self.system.is_quiet, step=0.1)
        sizes = self.system.sizes()
        for user in self.system.users:
            user.start()
        time.sleep(0.5)
        return sizes

    def came_back(self):
        """Notes how soon a whole second has enough of the throughput there was before, from now on."""
        started = self.watch.seconds()

        def enough():
            now = self.watch.seconds()
            return now - started >= 1 and self.watch.rate(now - 1.05, now - 0.05) >= self.before * BACK_RATIO

        wait_until(f"{BACK_RATIO:.0%} of {self.before:.0f} answers a second", enough, timeout=BACK_LIMIT_S, step=0.05)
        self.back.append(round(max(0.0, self.watch.seconds() - started - 1), 2))

    def slowest(self, seconds):
        """The fewest answers in a second of the last ones, of what there were before."""
        now = self.watch.seconds()
        return round(min(self.watch.rate(at, at + 1) for at in range(int(now - seconds), int(now) - 1)) / self.before, 2)

    def __exit__(self, kind, problem, trace):
        for user in self.system.users:
            user.done.set()
        if kind:
            for user in self.system.users:
                user.stop()
            return
        self.finish()

    def finish(self):
        system, watch = self.system, self.watch
        for user in system.users:
            assert user.stop(), f"{user.name} still waits for an answer"
        wait_until("it is quiet after", system.is_quiet, step=0.1)
        after = system.sizes()
        for user in system.users:
            user.nothing_is_late()
            if not user.settle():
                watch.violation(f"{user.name}: what is stored is not known")
        with system.stack.cluster.connect(user="postgres", dbname=system.stack.database) as db:
            for user in system.users:
                check_store(db, user, watch)
        deaths = system.stack.status()["workers"]["restarts"] - self.deaths
        self.report(after, deaths)
        assert watch.violations == []
        assert watch.statuses[502] <= self.kills
        assert deaths == self.kills, f"{deaths} workers died, {self.kills} were killed"
        assert system.zombies() == []
        for key in ("master_fds", "worker_fds", "shared_kib", "shared_files", "workers"):
            assert after[key] <= self.sizes[key], f"{key} grew from {self.sizes[key]} to {after[key]}"

    def report(self, after, deaths):
        line = {"fault": self.name, "seconds": round(time.monotonic() - self.began, 1), "requests": sum(self.watch.statuses.values()),
                "statuses": {str(status): count for status, count in sorted(self.watch.statuses.items())},
                "before_per_s": round(self.before), "back_after_s": self.back, "killed": self.kills, "died": deaths,
                "violations": self.watch.count, "shown": self.watch.violations[:5], "before": self.sizes, "after": after, **self.notes}
        note(line)


# ---- workers --------------------------------------------------------------------------------------------------------

def test_workers_killed_at_random(system):
    choose = random.Random(1)
    with Run(system, "kill -9 workers") as run:
        run.watch.excused_until = time.monotonic() + SECONDS + 10
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            # One at a time: what died before this was collected would not count as a death of its own.
            pids = system.stack.backend.workers()
            if pids and state_of(pid := choose.choice(pids)) != "Z":
                os.kill(pid, signal.SIGKILL)
                run.kills += 1
            time.sleep(choose.uniform(0.1, 1.0))
        run.came_back()


# ---- PostgreSQL -----------------------------------------------------------------------------------------------------

def test_postgresql_stopped_and_started(system):
    with Run(system, "PostgreSQL restarts") as run:
        for number in range(ROUNDS):
            system.stack.cluster.stop(signal.SIGQUIT if number % 2 else signal.SIGINT)
            time.sleep(0.2 + number % 5 * 0.4)
            system.stack.cluster.start()
            run.came_back()


def test_one_connection_to_postgresql_frozen(system):
    with Run(system, "PostgreSQL backend frozen") as run:
        for number in range(max(1, ROUNDS // 3)):
            with system.stack.cluster.connect(user="postgres", dbname=system.stack.database) as db:
                pids = [row[0] for row in db.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'ccr'")]
            pid = pids[number % len(pids)]
            os.kill(pid, signal.SIGSTOP)
            time.sleep(min(10, SECONDS))
            run.notes["slowest_while_frozen"] = run.slowest(min(10, SECONDS))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            run.came_back()


# ---- Redis ----------------------------------------------------------------------------------------------------------

def test_redis_stopped_and_started(system):
    with Run(system, "Redis restarts") as run:
        for number in range(ROUNDS):
            if number % 2:
                system.redis.pause()
            else:
                system.redis.stop()
            time.sleep(1.5)
            if number % 2:
                system.redis.resume()
            else:
                system.redis.start()
            run.came_back()
        run.notes["slowest"] = run.slowest(ROUNDS * 1.5)
    # 429: where all is slow, one address may have too much in progress at once.
    assert set(run.watch.statuses) - {429} <= {200, 201, 204, 304, 404, 409}, "Redis may be missed"


# ---- clients --------------------------------------------------------------------------------------------------------

class Hostile:
    """tests/integration/hostile.py at work."""

    def __init__(self, what, **task):
        self.process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("hostile.py")), what, json.dumps(task)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        return self.process.stdout.readline().strip()

    def result(self):
        text, _ = self.process.communicate(timeout=SECONDS + 120)
        assert self.process.returncode == 0
        return json.loads(text)


@pytest.fixture(scope="module")
def large(system):
    """Somebody whose list is long."""
    client = system.stack.client("large")
    for number in range(LARGE_PROFILES):
        answer = client.post("/api/configs", json={"name": f"profile-{number}", "description": "x" * 400,
                                                   "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"})
        assert answer.status_code == 201
    return client


def stored_names(system, username):
    with system.stack.cluster.connect(user="postgres", dbname=system.stack.database) as db:
        return {row[0] for row in db.execute("SELECT p.name FROM resources p JOIN workspaces w ON w.id = p.workspace_id"
                                             " WHERE w.slug = %s", (username,))}


def test_500_slow_clients(system, large):
    with Run(system, "500 slow clients") as run:
        hostile = Hostile("slow", port=system.stack.nginx.port, token=large.token, count=500, seconds=min(20, SECONDS))
        made = hostile.result()
        run.notes.update(outcomes=made["outcomes"], slowest=run.slowest(min(20, SECONDS)))
        run.came_back()
    # 429: of what one address writes only so much is in progress at once.
    assert set(made["outcomes"]) - {"slow body: 429"} == {"slow head: 200", "slow body: 201", "slow reader: 200"}
    assert set(made["acknowledged"]) <= stored_names(system, large.user["username"])


def test_2000_half_open_connections(system, large):
    with Run(system, "2000 idle connections") as run:
        hostile = Hostile("idle", port=system.stack.nginx.port, token=large.token, count=2000)
        assert hostile.line() == "open"
        time.sleep(SECONDS)
        run.notes["slowest"] = run.slowest(SECONDS)
        run.notes["connections"] = hostile.result()
        run.came_back()


def test_clients_that_leave(system, large):
    leaver = system.stack.client("leaver")
    with Run(system, "clients that leave") as run:
        hostile = Hostile("leave", port=system.stack.nginx.port, token=leaver.token, large_token=large.token, count=12,
                          seconds=min(20, SECONDS))
        made = hostile.result()
        run.notes.update(outcomes=made["outcomes"], slowest=run.slowest(min(20, SECONDS)))
        run.came_back()
    stored = stored_names(system, leaver.user["username"])
    assert set(made["acknowledged"]) <= stored
    assert not stored & set(made["never"])
    assert stored <= set(made["acknowledged"]) | set(made["maybe"])
    assert made["acknowledged"]


HALVES = {"nothing": b"", "half a header": b"\x01\x01\x00\x01", "half a record": b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01"}


def test_silent_peers_on_the_backends_own_socket(fresh_stack):
    """Only Nginx may connect there, and it sends at once what it has. Whoever does not holds a worker until the time for
    its parameters (2 s) or its body (15 s) is over; then the worker serves again, without having died."""
    stack = fresh_stack(MAX_CONNECTIONS=len(HALVES))
    admin = stack.client("admin")
    workers, before = stack.backend.workers(), [descriptors(pid) for pid in stack.backend.workers()]
    silent = []
    for sent in HALVES.values():
        silent.append(socket.socket(socket.AF_UNIX))
        silent[-1].connect(str(stack.backend.socket))
        silent[-1].sendall(sent)
        time.sleep(0.2)
    began = time.monotonic()
    assert admin.get("/api/configs").status_code in (200, 503)  # 503: it has waited for longer than QUEUE_TIMEOUT
    seconds = time.monotonic() - began
    note({"fault": "silent peers on the socket", "pinned_s": round(seconds, 1)})
    wait_until("all serve again", lambda: stack.status()["workers"]["busy"] <= 1)
    assert admin.get("/api/configs").status_code == 200
    assert stack.backend.workers() == workers and stack.status()["workers"]["restarts"] == 0
    for connection in silent:
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        connection.close()
    assert [descriptors(pid) for pid in workers] == before
