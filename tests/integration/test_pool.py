"""The number of workers between MIN_CONNECTIONS and MAX_CONNECTIONS, and the memory each may have."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from stack import PATIENCE_S, Load, Pending, table_locked, wait_for_blocked, wait_until
from test_database_down import server_processes
from test_metrics import page, total

FEWEST, MOST = 2, 8
CLIENTS = 24
MIB = 1 << 20


@pytest.fixture
def elastic(fresh_stack):
    """A stack whose pool grows and shrinks, logged in."""
    def make(**settings):
        wanted = {"MIN_CONNECTIONS": FEWEST, "MAX_CONNECTIONS": MOST, "IDLE_TIMEOUT": 2, "LOG_LEVEL": "debug",
                  "CACHE_SIZE": 0, **settings}  # what waits for a lock must ask the database
        stack = fresh_stack(patient=True, **wanted)
        stack.admin = stack.client("admin")
        stack.backend.stop()  # the login may have made it grow: while a password is computed, others are to find a worker
        stack.backend.start()
        wait_until("the status is healthy", stack.healthy)
        stack.fewest, stack.most = int(wanted["MIN_CONNECTIONS"]), int(wanted["MAX_CONNECTIONS"])
        wait_until("the fewest workers run", lambda: running(stack) == stack.fewest)
        return stack
    return make


def running(stack):
    """Workers that serve or wait; one that leaves is none."""
    return len(stack.backend.workers())


def has(stack, count, timeout=PATIENCE_S):
    wait_until(f"{count} workers run", lambda: running(stack) == count, timeout=timeout)


def messages(stack, text):
    return [entry for entry in stack.backend.log_entries() if entry.get("message") == text]


def another(stack):
    """The same user on a connection of its own."""
    client = stack.client()
    client.token = stack.admin.token
    return client


def grow_to_most(stack):
    """With requests that all wait for a lock: each occupies a worker."""
    with table_locked(stack):
        pending = [Pending(another(stack), "GET", "/api/configs") for _ in range(stack.most)]
        wait_for_blocked(stack, stack.most)
        has(stack, stack.most)
    for request in pending:
        assert request.result().status_code == 200


def test_starts_with_the_fewest_and_stays_there(elastic):
    stack = elastic(IDLE_TIMEOUT=1)
    starting = messages(stack, "starting")[0]
    assert (starting["min_workers"], starting["max_workers"]) == (FEWEST, MOST)
    assert messages(stack, "ready")[0]["workers"] == FEWEST
    before = stack.backend.workers()
    for _ in range(30):
        assert stack.admin.get("/api/configs").status_code == 200
        time.sleep(0.05)
    assert stack.backend.workers() == before


def test_grows_when_all_are_busy_and_shrinks_when_nobody_needs_them(elastic):
    stack = elastic()
    grow_to_most(stack)
    seen = []
    wait_until("it is back at the fewest", lambda: seen.append(running(stack)) or seen[-1] == FEWEST)
    time.sleep(2.5)
    assert running(stack) == FEWEST
    assert min(seen) == FEWEST and max(seen) == MOST
    assert stack.status()["workers"]["restarts"] == 0
    assert not messages(stack, "worker died")


class Processors:
    """The processors as the backend sees them, whatever else uses them: a /proc/stat of its own, where a quarter is in use."""

    def __init__(self, stack):
        self.file = open(stack.folder / "stat", "w+b", buffering=0)
        self.busy = self.idle = 0
        self.advance()
        stack.backend.stop()
        stack.backend.cli.inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /proc/stat && exec "$@"', self.file.name]
        stack.backend.start()
        wait_until("the status is healthy", stack.healthy)

    def advance(self):
        self.busy, self.idle = self.busy + 1, self.idle + 3
        os.pwrite(self.file.fileno(), f"cpu  {self.busy:010} 0 0 {self.idle:010} 0 0 0 0\n".encode(), 0)


def test_grows_for_brief_requests_while_processors_are_free(elastic):
    """None of them is slow, but the two workers spend their time waiting for PostgreSQL."""
    stack = elastic(IDLE_TIMEOUT=300)
    processors = Processors(stack)
    with stack.cluster.connect(user="postgres", dbname=stack.database) as connection:
        connection.execute("CREATE OR REPLACE FUNCTION ccr_workspace() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT"
                           " nullif(current_setting('ccr.workspace', true), '')::uuid FROM pg_sleep(0.003) $$")
    with Load(stack, stack.admin.token, "/api/configs", threads=MOST) as load:
        wait_until(f"{MOST} workers run", lambda: processors.advance() or running(stack) == MOST)
    assert load.failures == []


def test_no_request_is_lost_while_it_grows_and_shrinks(elastic):
    stack = elastic(IDLE_TIMEOUT=1)
    highest, rounds = 0, 3
    outcomes = []
    for _ in range(rounds):
        with Load(stack, stack.admin.token, "/api/configs", threads=CLIENTS) as load:
            with table_locked(stack):
                wait_until("it has grown", lambda: running(stack) > FEWEST)
                highest = max(highest, running(stack))
            load.progress(500)
        outcomes.append(load)
        # One client goes on while the others' workers are retired under it.
        with Load(stack, stack.admin.token, "/api/configs", threads=1) as load:
            wait_until("it has shrunk", lambda: running(stack) <= FEWEST + 1)
        outcomes.append(load)
    print(f"{sum(len(load.outcomes) for load in outcomes)} requests, at most {highest} workers")
    assert [load.failures for load in outcomes if load.failures] == []
    assert FEWEST < highest <= MOST
    has(stack, FEWEST)
    assert stack.status()["workers"]["restarts"] == 0


def test_a_busy_worker_is_not_retired_in_place_of_an_idle_one(elastic):
    """A retired one stays until its request is done: there would be one more than the fewest."""
    stack = elastic(IDLE_TIMEOUT=1)
    grow_to_most(stack)
    with table_locked(stack):
        pending = Pending(another(stack), "GET", "/api/configs")
        wait_for_blocked(stack)
        wait_until("it has shrunk around it", lambda: running(stack) == FEWEST)
        assert pending.outcome is None
    assert pending.result().status_code == 200


def test_killed_workers_are_replaced_while_it_grows(elastic):
    stack = elastic(IDLE_TIMEOUT=300)
    with Load(stack, stack.admin.token, "/api/configs", threads=CLIENTS) as load:
        for _ in range(6):
            os.kill(stack.backend.workers()[-1], signal.SIGKILL)
            load.progress(50)
    assert {outcome for _, outcome in load.failures} <= {502}
    assert len(load.failures) <= 6
    wait_until("all are there again", lambda: FEWEST <= stack.status()["workers"]["total"] == running(stack) <= MOST)
    grow_to_most(stack)
    for pid in stack.backend.workers():
        os.kill(pid, signal.SIGKILL)
    has(stack, MOST)
    assert stack.admin.get("/api/configs").status_code == 200


def test_a_reload_keeps_a_grown_pool_and_follows_new_bounds(elastic):
    stack = elastic(IDLE_TIMEOUT=300)
    grow_to_most(stack)
    bounds = [(FEWEST, MOST, MOST), (3, 5, 5), (6, 12, 6), (1, 2, 2)]  # the number stays where the bounds let it
    with Load(stack, stack.admin.token, "/api/system/live", threads=1) as load:
        for number, (fewest, most, expected) in enumerate(bounds, start=1):
            before = set(stack.backend.workers())
            stack.cli.write_env(MIN_CONNECTIONS=str(fewest), MAX_CONNECTIONS=str(most))
            stack.backend.send(signal.SIGHUP)
            wait_until("the reload is done", lambda: len(messages(stack, "reload done")) == number, step=0.1)
            wait_until("every worker was replaced", lambda: not before & set(stack.backend.workers()))
            has(stack, expected)
    assert load.failures == []


def test_a_reload_with_the_bounds_the_wrong_way_round_is_refused(elastic):
    stack = elastic()
    before = stack.backend.workers()
    stack.cli.write_env(MIN_CONNECTIONS="5", MAX_CONNECTIONS="4")
    stack.backend.send(signal.SIGHUP)
    wait_until("the log says why", lambda: "MIN_CONNECTIONS: 5 is more than MAX_CONNECTIONS (4)" in stack.backend.log())
    assert stack.backend.workers() == before


# ---- workers that may not connect ----


def stage(stack, name):
    return int(total(page(stack.client()), "ccr_workers", stage=name))


def limit_connections(stack, count):
    """From now on; whoever is connected stays."""
    with stack.cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute(f"ALTER ROLE ccr CONNECTION LIMIT {count}")


@pytest.fixture
def crippled(fresh_stack):
    """Two of four workers are connected; PostgreSQL accepts no more."""
    def make(**settings):
        stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=4, CACHE_SIZE=0, MAX_LIFETIME=2, **settings)
        stack.admin = stack.client("admin")
        limit_connections(stack, 2)
        with stack.cluster.connect(user="postgres", dbname="postgres") as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ccr'")
        wait_until("two workers are connected", lambda: (stage(stack, "disconnected"), len(server_processes(stack))) == (2, 2))
        return stack
    return make


def test_workers_without_a_connection_leave_requests_to_others(crippled):
    stack = crippled()
    before = total(page(stack.client()), "ccr_breaker_openings_total", server="database")
    with Load(stack, stack.admin.token, "/api/configs", threads=2) as load:
        for _ in range(30):  # longer than MAX_LIFETIME: connections that cannot be replaced are kept
            load.progress(20)
            text = page(stack.client())
            assert total(text, "ccr_database_up") == 1
            assert total(text, "ccr_workers", stage="disconnected") == 2
            time.sleep(0.1)
    assert load.failures == []
    assert total(page(stack.client()), "ccr_breaker_openings_total", server="database") == before
    limit_connections(stack, -1)
    wait_until("they connect as soon as they may", lambda: stage(stack, "disconnected") == 0)


def test_workers_without_a_connection_are_not_taken_for_idle_ones(crippled):
    """A worker that has waited for a second is taken for one that waits for the server, so a turn that took longer proves nothing."""
    stack = crippled(QUEUE_TIMEOUT=200, patient=True)
    took, turn = 1.0, 0
    while took >= 0.7 and turn < 30:
        turn += 1
        with table_locked(stack, user="postgres"):
            began = time.monotonic()
            pending = [Pending(another(stack), "GET", "/api/configs") for _ in range(2)]
            wait_for_blocked(stack, 2)
            late = [Pending(another(stack), "GET", "/api/configs") for _ in range(8)]
            time.sleep(0.25)  # longer than QUEUE_TIMEOUT
            took = time.monotonic() - began
        assert [request.result().status_code for request in pending] == [200, 200]
        answers = [request.result() for request in late]
    assert took < 0.7
    refused = [answer.json()["error"]["code"] for answer in answers if answer.status_code != 200]
    assert refused and set(refused) == {"SERVICE_OVERLOADED"}


def sockets(pid):
    try:
        folder = Path(f"/proc/{pid}/fd")
        return {link for link in map(os.readlink, folder.iterdir()) if link.startswith("socket:")}
    except OSError:  # it ended meanwhile
        return set()


def connecting(stack):
    """Processes that have a socket which is not the master's."""
    own = sockets(stack.backend.pid)
    return sum(bool(sockets(pid) - own) for pid in stack.backend.workers())


def test_workers_of_a_large_pool_do_not_connect_all_at_once(fresh_stack):
    """While PostgreSQL takes connections but says nothing, no more than 8 workers wait for it."""
    stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=40, CONNECTION_TIMEOUT=2, start=False)
    stack.cluster.process.send(signal.SIGSTOP)
    try:
        stack.backend.start()
        wait_until("workers start", lambda: running(stack) > 1)  # before, the check of the schema is the only child
        seen = set()
        for _ in range(50):
            seen.add(connecting(stack))
            time.sleep(0.01)
        print(f"connecting at a time: {sorted(seen)}")
        assert 1 <= max(seen) <= 8
    finally:
        stack.cluster.process.send(signal.SIGCONT)
    has(stack, 40)
    stack.nginx.start()
    wait_until("the status is healthy", stack.healthy)


# ---- memory ---------------------------------------------------------------------------------------------------------

def limit_of(pid):
    """RLIMIT_DATA, soft and hard, in MiB; None without one."""
    words = re.search(r"^Max data size +(\S+) +(\S+)", Path(f"/proc/{pid}/limits").read_text(), re.M).groups()
    return tuple(None if word == "unlimited" else int(word) // MIB for word in words)


def test_each_worker_has_its_memory_limited_and_the_master_has_not(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=2, MEMORY_LIMIT=128)
    wait_until("each is limited", lambda: {limit_of(pid) for pid in stack.backend.workers()} == {(128, None)})
    assert limit_of(stack.backend.pid) == (None, None)
    for setting, expected in (("300", 300), ("0", None)):  # a reload may raise it
        before = set(stack.backend.workers())
        stack.cli.write_env(MEMORY_LIMIT=setting)
        stack.backend.send(signal.SIGHUP)
        wait_until("every worker was replaced", lambda: not before & set(stack.backend.workers()))
        assert {limit_of(pid) for pid in stack.backend.workers()} == {(expected, None)}


def limited_from_outside(make, mebibytes, **settings):
    stack = make(start=False, **settings)
    command = stack.backend.command()
    stack.backend.command = lambda: ["prlimit", f"--data={mebibytes * MIB}", "--", *command]
    return stack.start()


def test_a_lower_limit_from_outside_stays(fresh_stack):
    stack = limited_from_outside(fresh_stack, 48, MAX_CONNECTIONS=2, MEMORY_LIMIT=256)
    assert {limit_of(pid) for pid in stack.backend.workers()} == {(48, 48)}
    assert stack.client("admin").get("/api/configs").status_code == 200


EXPANDING = {  # good JSON and good TOML that need far more memory than their own size
    "lists in JSON": {"content": [[]] * 450000},
    "lists in TOML": {"content": "a = [" + ",".join(["[]"] * 340000) + "]"},
    "tables in TOML": {"content": "\n".join(f"[[a{i}]]" for i in range(90000))},
}


@pytest.mark.parametrize("outer", [None, 48])
def test_what_does_not_fit_is_refused_and_the_next_request_is_served(fresh_stack, outer):
    settings = {"MAX_CONNECTIONS": 2, "MEMORY_LIMIT": 96}
    stack = limited_from_outside(fresh_stack, outer, **settings) if outer else fresh_stack(**settings)
    admin = stack.client("admin")
    for what, body in [*EXPANDING.items()] * 3:
        answer = admin.post("/api/import", json={"mode": "merge", "dry_run": True, **body})
        # Lists in JSON fit under the larger limit, and are then found to be no text.
        allowed = (413, 502) if "TOML" in what or outer else (400, 413)
        assert answer.status_code in allowed, f"{what}: {answer.status_code} {answer.text[:200]}"
        assert admin.get("/api/configs").status_code == 200
    has(stack, 2)
    assert messages(stack, "request ran out of memory")
    assert stack.healthy()


def test_no_memory_for_a_password_is_not_a_wrong_password(fresh_stack):
    stack = limited_from_outside(fresh_stack, 16, MAX_CONNECTIONS=2)  # Argon2id takes 19
    stack.cli.add_user("ada", "correct horse battery staple")
    answer = stack.client().post("/api/auth/login", json={"username": "ada", "password": "correct horse battery staple"})
    assert answer.status_code == 502
    assert messages(stack, "out of memory for checking a password")
    has(stack, 2)
    assert stack.healthy()
