"""Requests that are not worth starting any more, and statements that take too long. One worker, held up by a lock from outside."""

import socket
import time

import pytest

from stack import Load, Pending, table_locked, wait_for_blocked, wait_until
from test_metrics import page, total

STATEMENTS = "ccr_database_statement_duration_seconds_count"
PROFILE = {"base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}


@pytest.fixture
def single(fresh_stack):
    """A stack with one worker that asks the database at every read, and its logged-in user."""
    def make(**settings):
        stack = fresh_stack(**{"MAX_CONNECTIONS": 1, "CACHE_SIZE": 0, "patient": True, **settings})
        stack.ada = stack.client("ada")
        stack.ada.tries = 1
        assert stack.ada.post("/api/configs", json={"name": "kept", **PROFILE}).status_code == 201
        assert stack.ada.get("/api/configs").status_code == 200
        return stack
    return make


def another(stack):
    client = stack.client()
    client.token = stack.ada.token
    return client


def send_and_leave(stack, method, name):
    """A whole request, whose client then goes away."""
    body = f'{{"name":"{name}","base_url":"https://a.example","auth_token":"sk"}}' if method == "POST" else ""
    with socket.create_connection(("127.0.0.1", stack.nginx.port)) as connection:
        connection.sendall(f"{method} /api/configs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stack.ada.token}\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.1)


def statements(stack):
    return total(page(stack.client()), STATEMENTS)


def held_up(stack, during):
    """Statements it costs when `during` runs while the worker waits for the lock in a read."""
    before = statements(stack)
    with table_locked(stack):
        pending = Pending(another(stack), "GET", "/api/configs")
        wait_for_blocked(stack)
        during()
    assert pending.result().status_code == 200
    return statements(stack) - before


def test_a_request_whose_client_has_gone_costs_no_statement(single):
    stack = single(QUEUE_TIMEOUT=0)
    alone = held_up(stack, lambda: None)

    def leave():
        for number in range(6):
            send_and_leave(stack, ("GET", "POST")[number % 2], f"left-{number}")
        nginx = stack.nginx.folder / "access.log"
        wait_until("Nginx has seen them leave", lambda: nginx.read_text().count('"status":499') == 6)

    assert held_up(stack, leave) == alone
    dropped = [entry for entry in stack.backend.log_entries() if entry.get("status") == 499]
    assert sorted(entry["method"] for entry in dropped) == ["GET"] * 3 + ["POST"] * 3
    assert total(page(stack.client()), "ccr_requests_dropped_total", reason="client_gone") == 6
    assert [config["name"] for config in stack.ada.get("/api/configs").json()["configs"]] == ["kept"]


def test_a_request_that_waited_too_long_is_refused(single):
    stack = single(QUEUE_TIMEOUT=200)
    alone = held_up(stack, lambda: None)
    waiting = []

    def queue():
        for method, path, body in (("GET", "/api/configs", None), ("GET", "/api/auth/me", None), ("GET", "/api/history", None),
                                   ("POST", "/api/configs", {"name": "late", **PROFILE}),
                                   ("POST", "/api/auth/login", {"username": "ada", "password": "x"})):
            waiting.append(Pending(another(stack), method, path, **({"json": body} if body else {})))
        waiting.append(Pending(stack.client(), "GET", "/api/system/live"))
        time.sleep(1)

    assert held_up(stack, queue) == alone
    live = waiting.pop().result()
    assert live.status_code == 200, "what needs no database is answered, however late"
    for request in waiting:
        answer = request.result()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_OVERLOADED")
        assert int(answer.headers["Retry-After"]) >= 1
    assert total(page(stack.client()), "ccr_requests_dropped_total", reason="queue_timeout") == len(waiting)
    assert stack.ada.get("/api/configs").json()["total"] == 1


def test_a_crowd_that_is_served_in_time_is_not_refused(single):
    stack = single(QUEUE_TIMEOUT=2000)
    with Load(stack, stack.ada.token, "/api/configs", threads=16) as load:
        load.progress(1000)
    assert load.failures == []


@pytest.mark.parametrize("limit", ["STATEMENT_TIMEOUT", "lock_timeout"])
def test_statements_that_take_too_long_leave_the_connection_usable(single, limit):
    stack = single(STATEMENT_TIMEOUT=300 if limit == "STATEMENT_TIMEOUT" else 60000, patient=False)
    requests = [("GET", "/api/configs", {}), ("POST", "/api/configs", {"json": {"name": "late", **PROFILE}})]
    before = connections(stack)
    with table_locked(stack):
        for method, path, options in requests:
            answer = stack.ada.request(method, path, **options)
            # A reader never waits for another request, so the database itself is at fault; a writer may.
            busy = limit == "lock_timeout" and method == "POST"
            expected = (409, "CONFLICT") if busy else (503, "DATABASE_UNAVAILABLE")
            assert (answer.status_code, answer.json()["error"]["code"]) == expected
            assert int(answer.headers["Retry-After"]) >= 1
    assert stack.ada.get("/api/configs").json()["total"] == 1
    assert stack.ada.post("/api/configs", json={"name": "next", **PROFILE}).status_code == 201
    assert connections(stack) == before
    sqlstate = {"STATEMENT_TIMEOUT": "57014", "lock_timeout": "55P03"}[limit]
    assert [entry["sqlstate"] for entry in stack.backend.log_entries() if "sqlstate" in entry] == [sqlstate] * len(requests)


def connections(stack):
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        return db.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'ccr' AND datname = %s AND application_name ="
                          " 'ccr-ui-backend'", (stack.database,)).fetchall()
