"""Who connects to the FastCGI socket and does not behave as a web server does: he loses his connection, and stops nobody."""

import contextlib
import threading
import time

import pytest

import fastcgi
from stack import wait_until
from test_metrics import page, total

GENEROUS = 30  # far more than any of the limits, far less than 24 times what one connection could hold a worker before


@pytest.fixture
def backend(fresh_stack):
    """A stack with the default number of workers, and a check at its end that none was lost."""
    stack = fresh_stack(MAX_CONNECTIONS=8, MIN_CONNECTIONS=2, REQUEST_TIMEOUT=8)
    stack.socket = stack.backend.socket
    yield stack
    assert stack.status()["workers"]["restarts"] == 0, stack.backend.log()


@contextlib.contextmanager
def dripping(connection, part, pause=0.05):
    """Sends one part again and again until the peer has had enough of it or the block ends."""
    done = threading.Event()

    def drip():
        with contextlib.suppress(OSError):
            while not done.is_set():
                connection.sendall(part)
                time.sleep(pause)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(GENEROUS)


def dropped(stack):
    return total(page(stack.client()), "ccr_requests_dropped_total", reason="incomplete")


def test_half_open_connections_keep_nobody_waiting(backend):
    whole = fastcgi.request()
    with contextlib.ExitStack() as held:
        for part in [b"", whole[:3], whole[:40], fastcgi.record(1, b"\0\1\0\0\0\0\0\0")] * 6:
            connection = held.enter_context(fastcgi.connect(backend.socket))
            connection.sendall(part)
        with fastcgi.connect(backend.socket, timeout=GENEROUS) as connection:
            connection.sendall(whole)
            assert fastcgi.read(connection)[0] == 200
        wait_until("each of them was given up", lambda: dropped(backend) == 24, timeout=GENEROUS)


@pytest.mark.parametrize("part", [b"\1", fastcgi.record(4, b"\7\1HTTP_XXx"), fastcgi.record(4, b"\7\1HTTP_XXx" * 2000)],
                         ids=["bytes", "records", "more than is looked at"])
def test_parameters_that_trickle_in_do_not_hold_a_worker(backend, part):
    with fastcgi.connect(backend.socket, timeout=GENEROUS) as connection:
        connection.sendall(fastcgi.start(fastcgi.params_of())[:-8])
        with dripping(connection, part):
            assert fastcgi.read(connection) == (None, b"")


def test_parameters_in_pieces_are_understood(backend):
    whole = fastcgi.request(HTTP_X_REQUEST_ID="pieces", HTTP_COOKIE="x" * 40000)
    with fastcgi.connect(backend.socket) as connection:
        for at in range(0, len(whole), len(whole) // 7):
            connection.sendall(whole[at:at + len(whole) // 7])
            time.sleep(0.02)
        assert fastcgi.read(connection)[0] == 200
    with fastcgi.connect(backend.socket) as connection:  # and one that closes its end after the last of them
        connection.sendall(whole)
        connection.shutdown(1)
        assert fastcgi.read(connection)[0] == 200


def test_a_body_that_trickles_in_is_refused(backend):
    with fastcgi.connect(backend.socket, timeout=GENEROUS) as connection:
        connection.sendall(fastcgi.start(fastcgi.params_of("POST", "/api/auth/login", body=b" " * 10000)))
        with dripping(connection, fastcgi.record(5, b" ")):
            assert fastcgi.read(connection)[0] == 400
    body = b" " * 200000
    with fastcgi.connect(backend.socket) as connection:
        connection.sendall(fastcgi.start(fastcgi.params_of("POST", "/api/auth/refresh", body=body[:9000])))
        for _ in range(9):
            connection.sendall(fastcgi.record(5, body[:1000]))
            time.sleep(0.02)
        connection.sendall(fastcgi.record(5))
        assert fastcgi.read(connection)[0] in (400, 401)  # blanks are no JSON: it was read to the end


def test_a_peer_that_sends_on_after_the_reply_is_left(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=1, REQUEST_TIMEOUT=8)
    with fastcgi.connect(stack.backend.socket, timeout=GENEROUS) as connection:
        connection.sendall(fastcgi.start(fastcgi.params_of()))
        with dripping(connection, fastcgi.record(5, b"x" * 600), pause=0.01):
            assert fastcgi.read(connection)[0] == 200
            assert fastcgi.ask(stack.backend.socket)[0] == 200
    assert stack.status()["workers"]["restarts"] == 0
