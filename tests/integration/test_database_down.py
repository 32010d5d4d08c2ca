"""PostgreSQL stopped, crashed, frozen and back again, under a running system. Times are printed; what is held is that answers do
not wait for the database, of which each would cost them PATIENT_S."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time

import pytest

from stack import Load, Pending, children, table_locked, wait_for_blocked, wait_until

PATIENT_S = 1.0  # a request that waits for anything waits for this at least: REQUEST_CONNECT_MS, CHECK_MS


@pytest.fixture
def system(fresh_stack):
    stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=3)
    stack.admin = stack.client("admin")
    assert stack.admin.get("/api/configs").status_code == 200
    return stack


def timed(call):
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began


def most_waited(times):
    """A busy machine may hold up a few; whoever waits for the database holds up all."""
    return sum(seconds >= PATIENT_S for seconds in times) > len(times) // 4


def check_unavailable(response):
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    body = response.json()
    assert body["error"]["code"] == "DATABASE_UNAVAILABLE"
    for internal in ("libpq", "socket", "SELECT", "PGSQL", "/tmp", "FATAL"):
        assert internal not in response.text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_down_and_up_again(system, how):
    workers = system.backend.workers()
    api = system.client()
    system.cluster.stop(how)

    times = []
    for _ in range(20):
        status, seconds = timed(lambda: api.get("/api/system/status"))
        times.append(seconds)
        assert status.status_code == 503
        assert status.json()["status"] == "unhealthy"
        assert status.json()["database"]["healthy"] is False
    print(f"status while down: at most {max(times) * 1000:.0f} ms")
    assert not most_waited(times)

    times = []
    calls = [("GET", "/api/configs", None), ("GET", "/api/auth/me", None), ("GET", "/api/history", None),
             ("POST", "/api/switch", {"config_name": "relay"}), ("POST", "/api/auth/login", {"username": "admin", "password": "x"})]
    for method, path, body in calls * 4:
        response, seconds = timed(lambda: system.admin.request(method, path, **({"json": body} if body else {})))
        times.append(seconds)
        check_unavailable(response)
    print(f"API calls while down: at most {max(times) * 1000:.0f} ms")
    assert not most_waited(times)

    assert api.get("/api/system/live").status_code == 200
    assert api.get("/health").status_code == 200

    system.cluster.start(wait=False)
    wait_until("PostgreSQL accepts connections", system.cluster.accepts)
    began = time.monotonic()
    wait_until("requests are served again", lambda: system.admin.get("/api/configs").status_code == 200)
    back = time.monotonic() - began
    print(f"served {back:.2f} s after PostgreSQL was back")
    wait_until("the status is healthy", system.healthy)
    for _ in range(20):  # every worker found back
        assert system.admin.get("/api/configs").status_code == 200
    assert system.backend.workers() == workers
    assert system.status()["workers"]["restarts"] == 0


def test_restart_under_load_only_costs_503(system):
    workers = system.backend.workers()
    with Load(system, system.admin.token, "/api/configs", threads=4) as load:
        for _ in range(2):
            system.cluster.stop()
            load.progress(20)
            system.cluster.start()
            wait_until("requests are served again", lambda: system.admin.get("/api/configs").status_code == 200)
            load.progress(50)
    outcomes = {outcome for _, outcome in load.failures}
    print(f"{len(load.outcomes)} requests, {len(load.failures)} failed: {outcomes}")
    assert outcomes <= {503}
    assert system.backend.workers() == workers


def test_sessions_ended_by_the_server_are_not_noticed(system):
    """Idle connections that PostgreSQL closed are found broken before use."""
    for _ in range(3):
        before = server_processes(system)
        with system.cluster.connect(user="postgres", dbname="postgres") as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'ccr'")
        wait_until("they are connected again", lambda: len(server_processes(system) - before) >= len(before))
        for _ in range(9):
            assert system.admin.get("/api/configs").status_code == 200


def test_a_worker_that_was_refused_once_tries_again_for_its_request(fresh_stack):
    """An attempt to connect that failed while other workers are connected is no reason to turn requests away: it may have met a moment. A
    worker that has waited for a second is not taken for a connected one, so a turn that took longer proves nothing."""
    system = fresh_stack(own_cluster=True, patient=True, MAX_CONNECTIONS=2, CACHE_SIZE=0)
    admin, other = system.client("admin"), system.client("admin")
    profile = {"base_url": "https://relay.example.com", "auth_token": "sk-relay-0123456789"}
    others = "FROM pg_stat_activity WHERE usename = 'ccr' AND state = 'idle' AND pid NOT IN (SELECT pid FROM pg_locks)"
    with system.cluster.connect(user="postgres", dbname=system.database) as site:
        quick, turn = 0, 0
        while quick < 3 and turn < 30:
            turn += 1
            wait_until("both workers are connected", lambda: site.execute(f"SELECT count(*) {others}").fetchone()[0] == 2)
            with table_locked(system):
                began = time.monotonic()
                busy = Pending(admin, "GET", "/api/configs")
                wait_for_blocked(system)
                site.execute("ALTER ROLE ccr CONNECTION LIMIT 0")
                wait_until("the other worker is cut off", lambda: site.execute(f"SELECT pg_terminate_backend(pid) {others}").fetchall())
                refused = Pending(other, "POST", "/api/configs", json={"name": f"two-{turn}", **profile})
                time.sleep(PATIENT_S / 4)  # in which it would have been turned away
                site.execute("ALTER ROLE ccr CONNECTION LIMIT -1")
                took = time.monotonic() - began
            assert busy.result().status_code == 200
            assert refused.result().status_code in ((201,) if took < 0.7 else (201, 503))
            quick += took < 0.7
    assert quick


def test_frozen_server_does_not_hang_requests(fresh_stack):
    system = fresh_stack(own_cluster=True, MAX_CONNECTIONS=2, STATEMENT_TIMEOUT=1000)
    admin = system.client("admin")
    workers = system.backend.workers()
    frozen = [system.cluster.process.pid, *children(system.cluster.process.pid)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        pending = [Pending(admin if number else system.client(), "GET", "/api/configs" if number else "/api/system/status")
                   for number in range(2)]
        for request in pending:
            assert request.result().status_code == 503
        print(f"answered after {time.monotonic() - began:.1f} s with a frozen server")
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    wait_until("requests are served again", lambda: admin.get("/api/configs").status_code == 200)
    assert system.backend.workers() == workers


# ---- how soon requests are refused ----

CALLS = [("GET", "/api/configs", None), ("GET", "/api/configs/kept", None), ("GET", "/api/auth/me", None), ("GET", "/api/history", None),
         ("GET", "/api/system/status", None), ("POST", "/api/auth/login", {"username": "admin", "password": "x"}),
         ("POST", "/api/switch", {"config_name": "kept"})]

def crowd(system, each, threads=8):
    """(status, seconds) of many requests of all kinds at once."""
    outcomes = []

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", system.nginx.port, timeout=60)
        headers = {"Authorization": f"Bearer {system.admin.token}", "Content-Type": "application/json"}
        for number in range(each):
            method, path, body = CALLS[number % len(CALLS)]
            began = time.monotonic()
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            answer.read()
            outcomes.append((answer.status, time.monotonic() - began))

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert len(outcomes) == each * threads
    return outcomes


def send_to_all(system, number):
    pids = system.cluster.pids()
    for pid in pids:
        os.kill(pid, number)


@pytest.fixture
def busy_system(fresh_stack):
    """One whose workers all know the user and have answered from their cache."""
    stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=4, STATEMENT_TIMEOUT=1000)
    stack.admin = stack.client("admin")
    body = {"name": "kept", "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}
    assert stack.admin.post("/api/configs", json=body).status_code == 201
    crowd(stack, 21)
    return stack


@pytest.mark.parametrize("how", ["stopped", "crashed", "frozen"])
def test_every_request_is_refused_at_once(busy_system, how):
    system = busy_system
    if how == "frozen":
        send_to_all(system, signal.SIGSTOP)
    else:
        system.cluster.stop(signal.SIGINT if how == "stopped" else signal.SIGQUIT)
    try:
        began = time.monotonic()
        first = crowd(system, 7)
        # An idle worker tries its connection at its next tick.
        wait_until("all workers know", lambda: {status for status, _ in crowd(system, 7)} == {503})
        known = time.monotonic() - began
        outcomes = crowd(system, 420)
    finally:
        if how == "frozen":
            send_to_all(system, signal.SIGCONT)
    worst, middle = max(seconds for _, seconds in outcomes), sorted(seconds for _, seconds in outcomes)[len(outcomes) // 2]
    print(f"{how}: known after {known:.2f} s (slowest answer {max(seconds for _, seconds in first):.2f} s), then {len(outcomes)} "
          f"requests: p50 {middle * 1000:.1f} ms, p100 {worst * 1000:.1f} ms")
    assert {status for status, _ in outcomes} == {503}
    assert {status for status, _ in first} <= {200, 503}
    assert not most_waited([seconds for _, seconds in outcomes]), "they waited for the database"


def test_one_request_finds_a_frozen_server_for_all_workers(fresh_stack):
    """Each worker used to find out by itself, by a STATEMENT_TIMEOUT of its own."""
    system = fresh_stack(own_cluster=True, MAX_CONNECTIONS=4, STATEMENT_TIMEOUT=1000)
    system.admin = system.client("admin")
    workers = system.backend.workers()
    send_to_all(system, signal.SIGSTOP)
    try:
        assert system.client().get("/api/system/status").status_code == 503
        wait_until("every worker has let go", lambda: lost(system) == len(workers))
    finally:
        send_to_all(system, signal.SIGCONT)
    reasons = [entry["reason"] for entry in system.backend.log_entries() if entry.get("message") == "database connection lost"]
    assert sorted(reasons) == ["no answer when the connection was tried"] * 3 + ["no answer within STATEMENT_TIMEOUT"]
    wait_until("requests are served again", lambda: system.admin.get("/api/configs").status_code == 200)
    assert system.backend.workers() == workers


def test_workers_that_know_answer_while_others_still_wait(fresh_stack):
    """A worker inside a request seems connected for as long as its server says nothing."""
    system = fresh_stack(own_cluster=True, MAX_CONNECTIONS=3, STATEMENT_TIMEOUT=2000, CACHE_SIZE=0)
    system.admin = system.client("admin")
    send_to_all(system, signal.SIGSTOP)
    try:
        waiting = []
        for _ in range(3):
            client = system.client()
            client.token = system.admin.token
            waiting.append(Pending(client, "GET", "/api/configs"))
            time.sleep(1.1)
        wait_until("the first has given up", lambda: lost(system))
        # Which of the workers takes a request is the kernel's choice; some know, none may leave it to those that wait.
        answers = [timed(lambda: system.client().get("/health")) for _ in range(4)]
        assert [answer.status_code for answer, _ in answers] == [200] * 4
        assert not most_waited([seconds for _, seconds in answers])
        for request in waiting:
            assert request.result().status_code == 503
    finally:
        send_to_all(system, signal.SIGCONT)
    wait_until("requests are served again", lambda: system.admin.get("/api/configs").status_code == 200)


@contextlib.contextmanager
def hits_that_must_end(system, threads, within):
    """Hits on what is cached, so many that no worker is ever idle, while the server says nothing. Within so many seconds after the
    block they must all be refused."""
    with Load(system, system.admin.token, "/api/configs", threads=threads) as load:
        send_to_all(system, signal.SIGSTOP)
        try:
            yield
            wait_until("no worker answers from memory",
                       lambda: {outcome for _, outcome in load.outcomes[-200:]} == {503}, timeout=within)
        finally:
            send_to_all(system, signal.SIGCONT)
    assert {outcome for _, outcome in load.outcomes} == {200, 503}
    wait_until("requests are served again", lambda: system.admin.get("/api/configs").status_code == 200)


def test_hits_end_when_another_worker_finds_the_server_frozen(fresh_stack):
    system = fresh_stack(own_cluster=True, MAX_CONNECTIONS=2, STATEMENT_TIMEOUT=1000, MAX_REQUESTS=0)
    system.admin = system.client("admin")
    with hits_that_must_end(system, threads=4, within=25):
        assert system.client().get("/api/system/status").status_code == 503


@pytest.mark.slow
def test_hits_end_when_the_server_was_not_heard_for_long(fresh_stack):
    system = fresh_stack(own_cluster=True, MAX_CONNECTIONS=1, STATEMENT_TIMEOUT=1000, MAX_REQUESTS=0)
    system.admin = system.client("admin")
    with hits_that_must_end(system, threads=1, within=36):
        pass


def lost(system):
    return system.backend.log().count('"message":"database connection lost"')


# ---- a server that lets clients in and then says nothing, as a pooler does whose PostgreSQL is away ----

class Pooler:
    """Passes everything on to the cluster's socket; once `silent`, only until a client is let in (ReadyForQuery)."""

    def __init__(self, cluster):
        self.target = str(cluster.folder / ".s.PGSQL.5432")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.silent = False
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                self.sockets += [client, server]
                threading.Thread(target=self.forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self.answer, args=(server, client), daemon=True).start()

    def forward(self, client, server):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def answer(self, server, client):
        """By messages: type, length, the rest."""
        waiting, let_in = b"", False
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                waiting += data
                while len(waiting) >= 5 and len(waiting) > (size := int.from_bytes(waiting[1:5], "big")):
                    message, waiting = waiting[:size + 1], waiting[size + 1:]
                    if not (self.silent and let_in):
                        client.sendall(message)
                    let_in |= message[:1] == b"Z"
            client.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Ends what is open."""
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.cut()


@pytest.fixture
def pooled(fresh_stack):
    stack = fresh_stack(own_cluster=True, start=False, MAX_CONNECTIONS=1, CONNECTION_TIMEOUT=2)
    pooler = Pooler(stack.cluster)
    stack.cli.write_env(DATABASE_URL=f"postgresql://ccr:{stack.cluster.password}@127.0.0.1:{pooler.port}/{stack.database}?sslmode=disable")
    stack.pooler = pooler
    yield stack
    pooler.close()


def test_a_server_that_lets_in_and_says_nothing_holds_nobody(pooled):
    """The first statements of a session used to be waited for, in every attempt, for 2 s."""
    pooled.start()
    admin = pooled.client("admin")
    pooled.pooler.silent = True
    pooled.pooler.cut()
    began = time.monotonic()
    for _ in range(20):
        assert pooled.client().get("/api/system/live").status_code == 200
        time.sleep(0.1)
    assert time.monotonic() - began < 10
    assert admin.get("/api/configs").status_code == 503
    wait_until("the log says why", lambda: "connected, but no statement is answered" in pooled.backend.log())
    pooled.pooler.silent = False
    wait_until("requests are served again", lambda: admin.get("/api/configs").status_code == 200)


def test_a_command_says_that_no_statement_is_answered(pooled):
    pooled.pooler.silent = True
    result = pooled.cli.run("check-config")
    assert result.returncode == 78 and "cannot be reached: connected, but no statement is answered" in result.stdout


def test_start_without_a_database_serves_once_it_is_there(fresh_stack):
    system = fresh_stack(own_cluster=True, start=False)
    system.cluster.stop()
    system.nginx.start()
    system.backend.start()
    wait_until("it answers", lambda: system.client().get("/api/system/live").status_code == 200)
    assert system.client().get("/api/system/status").status_code == 503
    system.cluster.start()
    wait_until("the status is healthy", system.healthy)


def server_processes(stack):
    with stack.cluster.connect(user="postgres", dbname="postgres") as db:
        return {row[0] for row in db.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'ccr'").fetchall()}


def test_connections_are_renewed_without_a_failed_request(fresh_stack):
    stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=3, MAX_LIFETIME=1, CACHE_SIZE=0)
    admin = stack.client("admin")
    before = server_processes(stack)
    with Load(stack, admin.token, "/api/configs", threads=4) as load:
        wait_until("every connection is a new one", lambda: not before & server_processes(stack))
        load.progress(200)
    assert load.failures == []
    renewed = [line for line in stack.client().get("/metrics").text.splitlines() if 'result="renewed"' in line]
    assert int(renewed[0].rsplit(" ", 1)[1]) >= len(before)
    wait_until("there are no more than before", lambda: len(server_processes(stack)) <= 3)
    before = server_processes(stack)
    wait_until("idle ones are renewed, too", lambda: not before & server_processes(stack))
