"""Live events: who is told what others change, for as long as he may know it, and what becomes of those who do not listen."""

import contextlib
import json
import os
import re
import signal
import socket as socket_module
import struct
from pathlib import Path

import pytest
import requests

from stack import Process, join, wait_until
from test_accounts import forge, soon
from test_housekeeping import everything
from websocket_client import PATIENCE_S, PING, PONG, Refused, WebSocket, open_websocket

TEAM = "team"
COUNT = 10_000


@pytest.fixture(scope="module")
def live(module_stack):
    """alice and bob are in one workspace, carol is not."""
    stack = module_stack(EVENTS_SOCKET="here")
    stack.socket = stack.folder / "events.sock"
    stack.people = {name: stack.client(name) for name in ("alice", "bob", "carol")}
    alice = stack.people["alice"]
    assert alice.post("/api/workspaces", json={"slug": TEAM, "name": "Team"}).status_code == 201
    join(alice, TEAM, stack.people["bob"], "bob", "editor")
    wait_until("live events listen", stack.socket.exists)
    return stack


@pytest.fixture
def opened(live):
    """opened("alice"): a WebSocket through Nginx that has been welcomed."""
    with contextlib.ExitStack() as ending:
        def make(name, where=None, **options):
            found = open_websocket(where or live.nginx.port, token=live.people[name].token, **options)
            ending.callback(found.close)
            if options.get("protocol", True):
                assert found.next() == {"type": "Ready"}
            return found
        yield make


def write(client, name, workspace=TEAM, method="post", **values):
    path = "/api/resources/claude/slash_command" + ("" if method == "post" else f"/{name}")
    body = {"name": name} if method == "post" else {}
    body |= {} if method == "delete" else {"prompt": "do it", **values}
    answer = client.request(method.upper(), path, json=body, headers={"X-CCR-Workspace": workspace})
    assert answer.status_code in (200, 201), answer.text
    return answer


def test_a_change_is_told_to_every_member(live, opened):
    alice, bob = opened("alice"), opened("bob")
    answer = write(live.people["alice"], "told")
    expected = {"workspace": TEAM, "kind": "slash_command", "platform": "claude", "change": "insert", "count": 1, "names": ["told"],
                "revision": 1, "by": "alice"}
    for each in (alice, bob):
        message = each.next()
        generation = message["data"].pop("generation")
        assert message == {"type": "Changed", "data": expected}
        assert answer.headers["X-CCR-Generation"].split("_")[-1].endswith(f".{generation}")
    write(live.people["bob"], "told", method="patch", description="more")
    message = alice.next()["data"]
    assert (message["change"], message["revision"], message["by"]) == ("update", 2, "bob")
    write(live.people["bob"], "told", method="delete")
    assert alice.next()["data"]["change"] == "delete"


def test_nobody_else_is_told(live, opened):
    carol = opened("carol")
    write(live.people["alice"], "secret")
    write(live.people["carol"], "mine", workspace="carol")
    assert carol.next()["data"]["names"] == ["mine"]


def test_what_is_rolled_back_is_not_told(live, opened):
    alice = opened("alice")
    with everything(live) as connection:
        with contextlib.suppress(ZeroDivisionError), connection.transaction():
            insert(connection, TEAM, "rolled back", 1)
            raise ZeroDivisionError
        insert(connection, TEAM, "kept", 1)
    message = alice.next()["data"]
    assert message["names"] == ["kept 1"] and message["by"] is None


def insert(connection, slug, name, count):
    connection.execute("INSERT INTO resources (workspace_id, kind, platform, name, position, listed)"
                       " SELECT w.id, 'slash_command', 'claude', %s || ' ' || n, n, '{}' FROM workspaces w, generate_series(1, %s) n"
                       " WHERE w.slug = %s", [name, count, slug])


def test_many_changes_are_one_message(live, opened):
    alice = opened("alice")
    with everything(live) as connection:
        with connection.transaction():
            for part in range(10):
                insert(connection, TEAM, f"many {part}", COUNT // 10)
        insert(connection, TEAM, "after", 3)
    message = alice.next()["data"]
    assert (message["count"], message["names"]) == (COUNT, [])
    message = alice.next()["data"]
    assert (message["count"], message["names"]) == (3, ["after 1", "after 2", "after 3"])


def test_names_that_are_too_long_for_a_notification_are_left_out(live, opened):
    alice = opened("alice")
    with everything(live) as connection:
        insert(connection, TEAM, "长" * 297, 8)
    message = alice.next()["data"]
    assert (message["count"], message["names"]) == (8, [])


def test_a_workspace_that_is_deleted_is_told_of_no_more(live, opened):
    alice = live.people["alice"]
    assert alice.post("/api/workspaces", json={"slug": "short", "name": "Short"}).status_code == 201
    socket = opened("alice")
    write(alice, "last words", workspace="short")
    assert socket.next()["data"]["workspace"] == "short"
    assert alice.request("DELETE", "/api/workspaces/short", json={}).status_code == 200
    write(alice, "of the team, after it")
    assert socket.next()["data"]["names"] == ["of the team, after it"]


def test_who_is_removed_is_told_nothing_more(live, opened):
    people = live.people
    bob = opened("bob")
    assert people["alice"].delete(f"/api/workspaces/{TEAM}/members/bob").status_code == 200
    write(people["alice"], "after bob")
    write(people["bob"], "of bob", workspace="bob")
    assert bob.next()["data"]["names"] == ["of bob"]
    join(people["alice"], TEAM, people["bob"], "bob", "editor")
    write(people["alice"], "bob again")
    assert bob.next()["data"]["names"] == ["bob again"]


def test_a_connection_ends_with_its_session(live, opened):
    bob = live.people["bob"]
    kept = bob.token
    bob.login("bob", live.passwords["bob"])
    socket = opened("bob")
    assert bob.post("/api/auth/logout", json={}).status_code == 200
    assert socket.ended_with() == 1008
    bob.token = kept


def test_a_connection_ends_with_its_account(live, opened):
    live.client("dora")
    live.people["dora"] = live.client("dora")
    socket = opened("dora")
    live.cli.run("user", "disable", "dora", check=True)
    assert socket.ended_with() == 1008


def test_a_connection_ends_with_its_access_token(live):
    """And none is let in with one that is over; the session goes on."""
    alice = live.people["alice"]
    with pytest.raises(Refused) as refused:
        WebSocket(live.nginx.port, token=forge(alice.token, live.cli.env["JWT_SECRET"], exp=soon(-1)))
    assert refused.value.status == 401
    socket = WebSocket(live.nginx.port, token=forge(alice.token, live.cli.env["JWT_SECRET"], exp=soon(15)))
    assert socket.next() == {"type": "Ready"}
    assert socket.ended_with() == 1008
    assert alice.get("/api/auth/me").status_code == 200


def test_a_connection_ends_with_its_session_that_expires(live, opened):
    frank = live.people["frank"] = live.client("frank")
    socket = opened("frank")
    with everything(live) as connection:
        connection.execute("UPDATE sessions SET expires_at = now() + interval '2 s' WHERE user_id = (SELECT id FROM users WHERE username = 'frank')")
    assert socket.ended_with() == 1008
    assert frank.get("/api/auth/me").status_code == 401


def test_a_connection_ends_with_its_personal_token_that_expires(live):
    alice = live.people["alice"]
    made = personal_token(alice, ["read"])
    socket = WebSocket(live.nginx.port, token=made["token"])
    assert socket.next() == {"type": "Ready"}
    with everything(live) as connection:
        connection.execute("UPDATE access_tokens SET expires_at = now() + interval '2 s' WHERE id = %s", [made["id"]])
    assert socket.ended_with() == 1008
    with pytest.raises(Refused) as refused:
        WebSocket(live.nginx.port, token=made["token"])
    assert refused.value.status == 401


def test_a_connection_ends_with_a_password_that_is_replaced(live, opened):
    gina = live.people["gina"] = live.client("gina")
    other = live.client("gina").token
    gina.login("gina", live.passwords["gina"])
    own = opened("gina")
    gina.token, kept = other, gina.token
    socket = opened("gina")
    gina.token = kept
    answer = gina.post("/api/auth/password", json={"current_password": live.passwords["gina"], "new_password": "another password of gina"})
    assert answer.status_code == 200, answer.text
    assert socket.ended_with() == 1008
    own.send('{"type":"Ping"}')
    assert own.next() == {"type": "Pong"}


def personal_token(client, scopes, **more):
    answer = client.post("/api/tokens", json={"name": os.urandom(4).hex(), "scopes": scopes, **more})
    assert answer.status_code == 201, answer.text
    return answer.data


def test_a_personal_token_is_good_enough_when_it_may_read(live):
    alice = live.people["alice"]
    for scopes, status in ((["read"], 101), (["write"], 401), (["usage:write"], 401)):
        token = personal_token(alice, scopes)["token"]
        with contextlib.suppress(Refused):
            socket = WebSocket(live.nginx.port, token=token)
            assert status == 101
            socket.close()
            continue
        assert status == 401


def test_a_token_of_one_workspace_is_told_of_that_one_until_it_is_revoked(live, opened):
    alice = live.people["alice"]
    made = personal_token(alice, ["read"], workspace=TEAM)
    socket = WebSocket(live.nginx.port, token=made["token"])
    assert socket.next() == {"type": "Ready"}
    write(alice, "of alice alone", workspace="alice")
    write(alice, "of the team")
    assert socket.next()["data"]["names"] == ["of the team"]
    assert alice.delete(f"/api/tokens/{made['id']}").status_code == 200
    assert socket.ended_with() == 1008


def cookies_of(live, name):
    session = live.client(name).anonymous().session
    answer = session.post(live.url + "/api/auth/login", json={"username": name, "password": live.passwords[name]})
    assert answer.status_code == 200
    return dict(session.cookies)


@pytest.mark.parametrize("origin, status", [("own", 101), ("https://elsewhere.example", 403), ("null", 403), (None, 403)])
def test_cookies_count_only_for_pages_of_our_own(live, origin, status):
    own = f"http://127.0.0.1:{live.nginx.port}"
    cookies = cookies_of(live, "alice")
    try:
        WebSocket(live.nginx.port, cookies=cookies, origin=own if origin == "own" else origin).close()
        assert status == 101
    except Refused as refused:
        assert refused.status == status


@pytest.mark.parametrize("host, origin, status", [
    ("localhost:48081", "http://localhost:8081", 101), ("ccr.lan:48081", "http://ccr.lan:8081", 101), ("localhost:48081", "http://localhost:48081", 101),
    ("localhost:48081", "http://localhost:8080", 403), ("localhost:48081", "http://127.0.0.1:8081", 403), ("localhost:8080", "http://localhost:8081", 403),
    ("localhost:48081", "https://localhost:8081", 403), ("a.localhost:48081", "http://localhost:8081", 403),
    ("localhost:48081", "http://localhost:8081.evil.example", 403),
])
def test_ccr_ui_s_page_at_8081_may_listen_at_48081(live, host, origin, status):
    try:
        WebSocket(live.nginx.port, cookies=cookies_of(live, "alice"), host=host, origin=origin).close()
        answered = 101
    except Refused as refused:
        answered = refused.status
    assert answered == status



def test_a_refresh_cookie_alone_is_good_enough_and_not_spent(live):
    cookies = cookies_of(live, "alice")
    for _ in range(2):
        WebSocket(live.nginx.port, cookies={"ccr_refresh": cookies["ccr_refresh"]}, origin=f"http://127.0.0.1:{live.nginx.port}").close()


@pytest.mark.parametrize("token, path, status", [(None, "/ws", 401), ("no.token.this", "/ws", 401), ("ccr_pat_unknown", "/ws", 401),
                                                 ("x" * 5000, "/ws", 401), (None, "/elsewhere", 404)])
def test_who_is_nobody_is_refused(live, token, path, status):
    with pytest.raises(Refused) as refused:
        WebSocket(live.socket, token=token, path=path)
    assert refused.value.status == status


LINE = {"id": str, "timestamp": str, "level": str, "source": str, "message": str, "metadata": dict}


def as_ccr_ui(opened, name, batch=True):
    """A connection without the console's subprotocol, and the lines that it begins with."""
    socket, past = opened(name, protocol=None), []
    if batch:
        message = socket.next()
        assert message["type"] == "LogBatch" and message["data"]
        past = message["data"]
    message = socket.next()
    assert message["type"] == "Log" and (message["data"]["source"], message["data"]["message"]) == ("system", "connected")
    for line in [*past, message["data"]]:
        assert {key: type(value) for key, value in line.items()} == LINE and line["level"] == "info"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    return socket, past


def test_ccr_ui_gets_lines_of_a_log(live, opened):
    write(live.people["bob"], "before it listens")
    socket, _ = as_ccr_ui(opened, "alice")
    socket.send('{"type":"Ping"}')
    assert socket.next() == {"type": "Pong"}
    write(live.people["bob"], "for the log")
    message = socket.next()
    if message["data"]["message"].endswith("before it listens"):  # the news of it may come after it listens
        message = socket.next()
    assert message["type"] == "Log" and {key: type(value) for key, value in message["data"].items()} == LINE
    assert message["data"]["level"] == "info" and message["data"]["source"] == TEAM
    assert message["data"]["message"] == "bob: insert slash_command (claude) for the log"


def test_ccr_ui_begins_with_what_was_changed_lately(live, opened):
    """Fifty changes at most, the newest last, of one's own workspaces and of what every member sees: none of a login or a token."""
    erin = live.people["erin"] = live.client("erin")
    write(live.people["alice"], "before erin")
    _, past = as_ccr_ui(opened, "erin", batch=False)
    assert past == []
    for number in range(60):
        write(erin, f"number {number}", workspace="erin")
    personal_token(erin, ["read"])
    _, past = as_ccr_ui(opened, "erin")
    assert [line["metadata"]["name"] for line in past] == [f"number {number}" for number in range(10, 60)]
    assert {line["source"] for line in past} == {"erin"}
    assert past[0]["message"] == "erin: slash_command.create (claude) number 10"
    assert [line["timestamp"] for line in past] == sorted(line["timestamp"] for line in past)
    _, past = as_ccr_ui(opened, "bob")
    assert past and "erin" not in {line["source"] for line in past}


def test_the_past_of_a_token_is_that_of_its_workspace(live):
    alice = live.people["alice"]
    write(alice, "past of alice", workspace="alice")
    write(alice, "past of the team")
    socket = WebSocket(live.nginx.port, token=personal_token(alice, ["read"], workspace=TEAM)["token"], protocol=None)
    assert {line["source"] for line in socket.next()["data"]} == {TEAM}
    socket.close()


def test_a_ping_of_the_protocol_is_answered(live, opened):
    socket = opened("alice")
    socket.send("are you there", PING)
    assert socket.pong() == b"are you there"


def test_who_is_silent_is_pinged_and_who_does_not_answer_is_gone(live, opened):
    alive, dead = opened("alice", where=live.socket), opened("alice", where=live.socket)
    for each in (alive, dead):
        each.socket.settimeout(3 * PATIENCE_S)
        while each.frame()[0] != PING:  # what was changed before may still be told
            pass
    alive.send("", PONG)
    with pytest.raises(ConnectionResetError):
        while True:
            dead.frame()
    alive.send('{"type":"Ping"}')
    assert alive.next() == {"type": "Pong"}


@pytest.mark.parametrize("frame", ["reserved bits", "unknown opcode", "a continuation of nothing", "a long ping", "too long"])
def test_who_breaks_the_protocol_is_cut_off(live, opened, frame):
    broken, other = opened("alice", where=live.socket), opened("bob")
    masked = b"\x80\x01\x02\x03\x04"
    sent = {"reserved bits": b"\xf1" + masked, "unknown opcode": b"\x83" + masked, "a continuation of nothing": b"\x80" + masked,
            "a long ping": b"\x89\xfe\x01\x00" + masked[1:] + bytes(256), "too long": b"\x81\xff" + b"\xff" * 8 + masked[1:]}
    broken.socket.sendall(sent[frame])
    broken.ended_with()
    other.send('{"type":"Ping"}')
    assert other.next() == {"type": "Pong"}


def test_what_is_too_long_or_binary_or_in_parts_is_passed_over(live, opened):
    """What clients say is short: no memory is kept for more."""
    socket = opened("alice")
    for first, data in ((0x81, b"x" * 100_000), (0x82, b'{"type":"Ping"}'), (0x01, b'{"type":'), (0x80, b'"Ping"}')):
        socket.socket.sendall(bytes([first, 0xff]) + struct.pack(">Q", len(data)) + bytes(4) + data)
    socket.send('{"type":"Ping"}')
    assert socket.next() == {"type": "Pong"}
    socket.send("the only answer", PING)
    assert socket.pong() == b"the only answer"


@pytest.mark.parametrize("request_line", ["GET /ws", "POST /ws", "GET /", "GET /../../etc/passwd"])
def test_what_is_no_handshake_gets_nothing(live, request_line):
    connection = socket_module.socket(socket_module.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    connection.connect(str(live.socket))
    connection.sendall(f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert not answer or 400 <= int(answer.split()[1]) < 500, answer
    connection.close()


def test_nonsense_is_passed_over(live, opened):
    socket = opened("alice")
    for text in ("", "{", "[]", '{"type":7}', "null"):
        socket.send(text)
    with live.db() as connection:
        for payload in ("", "x", "{}", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000 - [1]"):
            connection.execute("SELECT pg_notify('ccr_changes', %s)", [payload])
    socket.send('{"type":"Ping"}')
    assert socket.next() == {"type": "Pong"}


def test_a_slow_reader_is_dropped_and_the_others_are_told(live, opened):
    slow, quick = opened("alice", where=live.socket), opened("bob")
    with everything(live) as connection:
        team = connection.execute("SELECT id FROM workspaces WHERE slug = %s", [TEAM]).fetchone()[0]
        told = 0
        while "too slow" not in live.backend.log():
            connection.execute("SELECT pg_notify('ccr_changes', %s)", [f"{team} - " + json.dumps({"n": told, "x": "y" * 7000})])
            assert quick.next()["data"]["n"] == told
            told += 1
            assert told < 2000, "nobody is dropped"
    slow.ended_with()


def test_a_crowd_of_changes_drops_nobody_who_reads(live, opened):
    quick = opened("alice")
    with everything(live) as connection:
        connection.execute("SELECT pg_notify('ccr_changes', w.id || ' - ' || json_build_object('n', n)) FROM workspaces w,"
                           " generate_series(1, 500) n WHERE w.slug = %s ORDER BY n", [TEAM])
    assert [quick.next()["data"]["n"] for _ in range(500)] == list(range(1, 501))


def events_pid(stack):
    return wait_until("live events run", stack.backend.events)


def test_a_restart_says_that_it_goes_and_takes_clients_back(live, opened):
    socket, before = opened("alice"), events_pid(live)
    os.kill(before, signal.SIGTERM)
    assert socket.ended_with() == 1001
    wait_until("another process runs", lambda: live.backend.events() not in (None, before))
    again = opened("alice")
    write(live.people["bob"], "after the restart")
    assert again.next()["data"]["names"] == ["after the restart"]


def test_a_killed_process_is_replaced(live, opened):
    socket, before = opened("alice"), events_pid(live)
    os.kill(before, signal.SIGKILL)
    assert socket.ended_with() is None
    wait_until("another process runs", lambda: live.backend.events() not in (None, before))
    opened("alice")


def test_who_may_have_missed_something_is_told(live, opened):
    socket = opened("alice")
    with live.cluster.connect(user="postgres", dbname=live.database) as connection:
        ended = connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
                                   " AND query LIKE %s", [live.database, "%json_to_recordset%session_id%"]).fetchall()
    assert ended
    assert socket.next() == {"type": "Missed"}
    write(live.people["bob"], "after the outage")
    assert socket.next()["data"]["names"] == ["after the outage"]


def test_it_runs_as_a_service_of_its_own(live, opened):
    path = live.folder / "own.sock"
    own = Process([live.cli.binary, "events", "--socket", path, "--env-file", live.cli.env_file], live.folder / "own.log", cwd=live.folder)
    wait_until("it listens", path.exists)
    socket = opened("alice", where=path)
    write(live.people["bob"], "by the other process")
    assert socket.next()["data"]["names"] == ["by the other process"]
    assert own.stop(signal.SIGTERM) == 0
    assert socket.ended_with() == 1001 and not path.exists()


def test_two_thousand_connections_take_less_than_64_mib(live, opened):
    many = [f"many{i}" for i in range(40)]
    tokens = []
    admin = live.client("admin")
    for name in many:
        assert admin.post("/api/users", json={"username": name, "password": name + "-password"}).status_code == 201
        tokens.append(live.client().login(name, name + "-password").token)
    opened("alice")
    sockets = [WebSocket(live.socket, token=tokens[i % len(tokens)]) for i in range(2000)]
    assert all(each.next() == {"type": "Ready"} for each in sockets)
    with pytest.raises(Refused) as refused:
        for _ in range(20):
            sockets.append(WebSocket(live.socket, token=tokens[0]))
    assert refused.value.status == 429
    status = Path(f"/proc/{events_pid(live)}/status").read_text()
    anonymous = int(status.split("RssAnon:")[1].split()[0])
    print(f"RssAnon with {len(sockets)} connections: {anonymous} KiB")
    assert anonymous < 64 * 1024
    for each in sockets:
        each.close()


def test_the_command_says_what_is_wrong(live):
    result = live.cli.run("events", "--socket", "relative/does/not/exist/s")
    assert result.returncode in (64, 73) and result.stderr


def test_metrics_say_how_many_listen(live, opened):
    def value(name):
        return sum(float(line.split()[-1]) for line in requests.get(live.url + "/metrics", timeout=60).text.splitlines()
                   if line.startswith(name))
    before = value("ccr_live_connections"), value('ccr_live_handshakes_total{result="opened"}'), value('ccr_live_handshakes_total{result="refused"}')
    opened("alice")
    with pytest.raises(Refused):
        WebSocket(live.nginx.port)
    assert value("ccr_live_connections") >= 1
    assert value('ccr_live_handshakes_total{result="opened"}') > before[1] and value('ccr_live_handshakes_total{result="refused"}') > before[2]


def test_nothing_secret_is_logged(live):
    log = live.backend.log()
    secrets = [live.cli.env["JWT_SECRET"], *(client.token for client in live.people.values())]
    assert not [secret for secret in secrets if secret and secret in log]


def test_it_takes_the_socket_that_systemd_hands_over_and_a_reload_ends_it(live, opened):
    path = live.folder / "handed.sock"
    handed = socket_module.socket(socket_module.AF_UNIX)
    handed.bind(str(path))
    handed.listen()
    script = f'exec 3<&{handed.fileno()}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
    own = Process(["bash", "-c", script, "bash", live.cli.binary, "events", "--env-file", live.cli.env_file], live.folder / "handed.log",
                  cwd=live.folder, pass_fds=[handed.fileno()])
    socket = opened("alice", where=path)
    own.send(signal.SIGHUP)
    assert socket.ended_with() == 1001 and own.wait() == 0 and path.exists()
    handed.close()


def test_who_takes_the_place_of_another_backend_waits_for_its_socket(fresh_stack, live, opened):
    """As deploy/docker/blue-green.sh has it: two backends with one path, of which the first goes."""
    path = live.folder / "shared.sock"
    first = Process([live.cli.binary, "events", "--socket", path, "--env-file", live.cli.env_file], live.folder / "first.log", cwd=live.folder)
    wait_until("it listens", path.exists)
    second = fresh_stack(EVENTS_SOCKET=str(path))
    wait_until("it says that it has to wait", lambda: "in use by another process" in second.backend.log())
    waiting = events_pid(second)
    assert first.stop(signal.SIGTERM) == 0
    wait_until("the second listens", path.exists)
    socket = open_websocket(path, token=second.client("alice").token)
    assert socket.next() == {"type": "Ready"} and events_pid(second) == waiting
    socket.close()


def test_no_process_without_a_socket(stack):
    assert stack.backend.events() is None
