"""The clients of the tests themselves, on connections that they keep: what Nginx closed while it was idle is no failure of anything."""

import signal

import pytest

from stack import children, wait_until
from usage_ledger import Team
from user_model import User
from watch import Watch


def sender(stack, kind):
    """A request each time on the same connection, as long as that is there; returns the status."""
    if kind == "client":
        client = stack.client("keeps")
        return lambda: client.get("/api/auth/me").status_code
    if kind == "reporter":
        reporter = Team(stack)["ada"]
        return lambda: reporter.once("GET", "/api/system/live").status
    user = User("keeps", "", [stack.nginx.port], Watch(), 1)
    return lambda: user.send("GET", "/api/system/live").status


@pytest.mark.parametrize("kind", ["client", "reporter", "model"])
def test_a_connection_that_nginx_closed_is_not_used_again(stack, kind):
    send = sender(stack, kind)
    assert send() == 200
    before = children(stack.nginx.process.pid)
    stack.nginx.process.send(signal.SIGHUP)  # its old workers close what is idle, as its keepalive_timeout does
    wait_until("the old workers are gone", lambda: not set(before) & set(children(stack.nginx.process.pid)))
    wait_until("the new ones answer", stack.healthy)
    assert send() == 200
