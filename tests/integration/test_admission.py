"""What one user, one workspace or one address may have in progress at once, and what stays for the others meanwhile.

Each client comes from an address of its own, as people do; nothing here is timed."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcgi
from configs import create
from stack import Client, Pending, table_locked, wait_for_blocked, wait_until
from test_metrics import page, total
from test_rate_limits import come_from

# Arrivals do not matter here, what is in progress does.
OFTEN = {"RATE_LIMIT": 100000, "RATE_LIMIT_BURST": 100000, "IN_PROGRESS_LIMITS": None}
IN_PROGRESS = "ccr_requests_in_progress"


@pytest.fixture
def eight(fresh_stack):
    """A stack with eight workers: a user may have 4 requests in progress, long ones are 6 at most."""
    stack = fresh_stack(MAX_CONNECTIONS=8, PASSWORD_CHECKS=1, patient=True, **OFTEN)
    yield stack
    assert stack.status()["workers"]["restarts"] == 0, stack.backend.log()


@pytest.fixture
def ada(eight):
    ada = come_from(eight.client("ada"))
    for number in range(13):
        create(ada, f"relay-{number}")
    return ada


@pytest.fixture
def bob(eight):
    """Somebody else, with an answer that is in the cache."""
    bob = come_from(eight.client("bob"))
    create(bob, "kept")
    assert all(bob.get("/api/configs").status_code == 200 for _ in range(32))
    return bob


def again(client):
    """The same user at the same address, with a connection of its own."""
    return come_from(client, client.session.get_adapter("http://x").address)


def refused(stack, limit):
    return total(page(stack.client()), "ccr_limiter_decisions_total", limit=limit, decision="refused")


def in_progress(stack, kind):
    return total(page(stack.client()), IN_PROGRESS, kind=kind)


def statuses(pending):
    answers = [one.result(60) for one in pending]
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED" and int(answer.headers["Retry-After"]) >= 1
    return [answer.status_code for answer in answers]


# ---- one user ----

def test_one_users_writes_leave_workers_to_the_others(eight, ada, bob):
    """Thirteen small writes that wait for one lock: not all get a worker, and each gives up soon."""
    with table_locked(eight):
        pending = [Pending(again(ada), "PATCH", f"/api/configs/relay-{number}/disable") for number in range(13)]
        wait_until("some are refused", lambda: refused(eight, "user_in_progress") > 0)
        assert bob.get("/api/configs").status_code == 200
        outcome = statuses(pending)  # while the lock is still held
    assert set(outcome) == {409, 429} and outcome.count(409) >= 4
    assert ada.patch("/api/configs/relay-1/disable").status_code == 200


def test_waiting_as_told_leads_to_success(eight, ada):
    """A dozen writes sent together: what was refused is sent again after the time that the answer names."""
    left = [f"/api/configs/relay-{number}/enable" for number in range(12)]
    for _ in range(20):
        answers = {path: Pending(again(ada), "PATCH", path) for path in left}
        refusals = {path: answer for path, pending in answers.items() if (answer := pending.result(60)).status_code != 200}
        assert {answer.status_code for answer in refusals.values()} <= {409, 429}
        if not refusals:
            break
        left = list(refusals)
        time.sleep(max(int(answer.headers["Retry-After"]) for answer in refusals.values()))
    assert not refusals


def test_one_users_long_requests_leave_workers_to_the_others(eight, ada, bob):
    bob.session.close()
    with table_locked(eight):
        pending = [Pending(again(ada), "GET", "/api/validate") for _ in range(10)]
        wait_for_blocked(eight, 4)
        wait_until("the rest is refused", lambda: refused(eight, "user_in_progress") >= 6)
        wait_until("who was refused is gone", lambda: in_progress(eight, "heavy") == 4)
        other = Pending(again(bob), "GET", "/api/validate")
        wait_until("the other user's is at work", lambda: in_progress(eight, "heavy") == 5)
        assert again(bob).get("/api/configs").status_code == 200
    assert sorted(statuses(pending)) == [200] * 4 + [429] * 6 and statuses([other]) == [200]


def test_who_waits_in_line_comes_next(eight, ada):
    """Six long requests of one user: two wait for a place and get it."""
    with table_locked(eight):
        pending = [Pending(again(ada), "GET", "/api/validate") for _ in range(6)]
        wait_for_blocked(eight, 4)
        wait_until("two wait", lambda: in_progress(eight, "heavy") == 6)
    assert statuses(pending) == [200] * 6 and refused(eight, "user_in_progress") == 0


def test_all_long_requests_together_leave_workers(eight, bob):
    users = [come_from(eight.client(name)) for name in ("carl", "dora", "emil")]
    eight.client("frida")  # making an account takes a while
    with table_locked(eight):
        pending = [Pending(again(user), "GET", "/api/validate") for user in users for _ in range(3)]
        wait_for_blocked(eight, 5)
        wait_until("the rest is refused", lambda: refused(eight, "heavy") >= 4)
        assert again(bob).get("/api/configs").status_code == 200
        assert eight.client("frida").get("/api/auth/me").status_code == 200  # who logs in finds a place as well
    answers = [one.result(60) for one in pending]
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [503] * 4
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["error"]["code"] == "SERVICE_OVERLOADED" and int(answer.headers["Retry-After"]) >= 1


# ---- imports of usage, which are read as they come ----

class Import:
    """An import that has sent half of its body. FastCGI by hand: a web server would keep the body until it is whole."""

    def __init__(self, stack, client, line):
        self.line = json.dumps(line).encode() + b"\n"
        self.connection = fastcgi.connect(stack.backend.socket)
        params = fastcgi.params_of(method="POST", path="/api/usage/import?platform=claude&file=a.jsonl", HTTP_AUTHORIZATION=f"Bearer {client.token}",
                                   CONTENT_LENGTH=len(self.line), CONTENT_TYPE="application/octet-stream")
        self.connection.sendall(fastcgi.start(params) + fastcgi.record(fastcgi.STDIN, self.line[:20]))

    def finish(self):
        self.connection.sendall(fastcgi.record(fastcgi.STDIN, self.line[20:]) + fastcgi.record(fastcgi.STDIN))
        with self.connection:
            status, body = fastcgi.read(self.connection)
        return status, json.loads(body)


def call(number):
    return {"type": "assistant", "timestamp": "2025-11-01T09:30:00.123Z", "sessionId": "s", "requestId": f"req_{number}",
            "message": {"id": f"msg_{number}", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1, "output_tokens": 2}}}


def another_import(client, number):
    return again(client).post("/api/usage/import?platform=claude&file=b.jsonl", data=json.dumps(call(number)) + "\n")


def test_imports_of_usage_take_their_share_and_no_more(eight, ada, bob):
    """STREAM_SHARE is a quarter of eight workers, of which no user has all. What is over it is refused at once, with a time to come back at;
    nobody else is."""
    def too_much(client, words):
        answer = another_import(client, 3)
        assert answer.status_code == 429 and answer.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED", answer.text
        assert int(answer.headers["Retry-After"]) >= 1 and words in answer.json()["message"]

    under_way = [Import(eight, ada, call(1))]
    wait_until("it is read", lambda: in_progress(eight, "stream") == 1)
    too_much(ada, "your requests")
    under_way.append(Import(eight, bob, call(2)))
    wait_until("both are read", lambda: in_progress(eight, "stream") == 2)
    too_much(come_from(eight.client("carl")), "imports")
    assert refused(eight, "streams") == 1
    assert again(bob).get("/api/configs").status_code == 200 and again(ada).get("/api/configs").status_code == 200
    assert again(ada).patch("/api/configs/relay-1/disable").status_code == 200
    assert again(bob).get("/api/validate").status_code == 200, "other long requests have places of their own"
    assert eight.client("carl").get("/api/auth/me").status_code == 200
    status, body = under_way[0].finish()
    assert (status, body["data"]["added"]) == (200, 1)
    wait_until("its place is free", lambda: in_progress(eight, "stream") == 1)
    assert another_import(ada, 3).data["added"] == 1
    assert under_way[1].finish()[1]["data"]["added"] == 1


def test_an_import_whose_client_breaks_off_leaves_its_place(eight, ada, bob):
    under_way = [Import(eight, client, call(number)) for number, client in enumerate((ada, bob))]
    wait_until("both are read", lambda: in_progress(eight, "stream") == 2)
    for one in under_way:
        one.connection.close()
    wait_until("nothing is read", lambda: in_progress(eight, "stream") == 0)
    assert another_import(ada, 3).data["added"] == 1


def test_a_few_workers_take_one_import(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=4, STREAM_SHARE=1, **OFTEN)
    ada = come_from(stack.client("ada"))
    one = Import(stack, ada, call(1))
    wait_until("it is read", lambda: in_progress(stack, "stream") == 1)
    assert another_import(ada, 2).status_code == 429
    assert one.finish()[1]["data"]["added"] == 1


def crew(stack, *names):
    """Users of one workspace, each at an address of his own."""
    users = [come_from(stack.client(name)) for name in names]
    assert users[0].post("/api/workspaces", json={"slug": "crew", "name": "Crew"}).status_code == 201
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.execute("INSERT INTO memberships (workspace_id, user_id, role) SELECT w.id, u.id, 'editor' FROM workspaces w, users u"
                   " WHERE w.slug = 'crew' AND u.username = %s", (names[1],))
    return [(user, {"X-CCR-Workspace": "crew"}) for user in users]


def neighbours(stack, *names):
    """Users at one address."""
    first = come_from(stack.client(names[0]))
    return [(first, {})] + [(come_from(stack.client(name), first.session.get_adapter("http://x").address), {}) for name in names[1:]]


@pytest.mark.parametrize("limit, make", [("workspace_in_progress", crew), ("address_in_progress", neighbours)])
def test_a_workspace_and_an_address_have_a_limit(eight, limit, make):
    (mia, here), (noa, there) = make(eight, "mia", "noa")
    profile = {"base_url": "https://a.example", "auth_token": "sk-0123456789"}
    with table_locked(eight):
        reads = [Pending(again(user), "GET", "/api/validate", headers=headers)
                 for user, headers in [(mia, here)] * 4 + [(noa, there)]]
        wait_for_blocked(eight, 5)
        writes = [Pending(again(noa), "POST", "/api/configs", json={"name": f"new-{number}", **profile}, headers=there)
                  for number in range(3)]
        wait_until("a write is refused", lambda: refused(eight, limit) > 0)
    assert statuses(reads) == [200] * 5 and 429 in statuses(writes)
    assert refused(eight, "user_in_progress") == 0


def test_no_limit_of_arrivals_is_none_of_what_is_in_progress(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=8, RATE_LIMIT=0, IN_PROGRESS_LIMITS=None, patient=True)
    ada = come_from(stack.client("ada"))
    for number in range(13):
        create(ada, f"relay-{number}")
    with table_locked(stack):
        pending = [Pending(again(ada), "PATCH", f"/api/configs/relay-{number}/disable") for number in range(13)]
        assert 429 in statuses(pending)
    answer = ada.get("/api/configs")
    assert answer.status_code == 200 and "RateLimit-Limit" not in answer.headers


def test_no_limits_of_what_is_in_progress(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=4, patient=True, **{**OFTEN, "IN_PROGRESS_LIMITS": "off"})
    client = stack.client("ada")
    with table_locked(stack):
        pending = [Pending(Client(client.url), "GET", "/api/validate", headers={"Authorization": f"Bearer {client.token}"})
                   for _ in range(8)]
        wait_for_blocked(stack, 4)
    assert statuses(pending) == [200] * 8


# ---- without a login ----

@pytest.mark.parametrize("path, within", [("login", 400), ("refresh", 401), ("logout", 200), ("password", 400),
                                          ("password/confirm", 400)])
def test_bodies_of_accounts_are_small(stack, path, within):
    client = stack.client("ada")
    small, large = (json.dumps({"x": "y" * (size - 9)}).ljust(size) for size in (16384, 16385))
    headers = {"Content-Type": "application/json"}
    assert client.post(f"/api/auth/{path}", data=small, headers=headers).status_code == within
    answer = client.post(f"/api/auth/{path}", data=large, headers=headers)
    assert answer.status_code == 413 and "16384" in answer.json()["message"], answer.text
    assert client.post(f"/api/auth/{path}", data=" " * 2_000_000, headers=headers).status_code == 413


def login(stack, host, username, password="wrong-password-1"):
    body = json.dumps({"username": username, "password": password}).encode()
    return fastcgi.ask(stack.backend.socket, method="POST", path="/api/auth/login", body=body, address=f"198.51.100.{host}")


def test_passwords_are_computed_a_few_at_a_time(eight, bob):
    """Sixty addresses guess, as fast as they get answers; a reader gets his, and the right password is let in."""
    eight.client("ada")
    guesses, at_once, done = [], [], threading.Event()

    def guess(first):
        number = first
        while not done.is_set():
            guesses.append(login(eight, number % 60, f"nobody-{number}")[0])
            number += 24

    with ThreadPoolExecutor(24) as crowd:
        for first in range(24):
            crowd.submit(guess, first)
        try:
            for _ in range(40):
                assert again(bob).get("/api/configs").status_code == 200
                at_once.append(in_progress(eight, "password"))
            wait_until("the right one is let in",  # who asks as often as each of the 24 has one turn of 25
                       lambda: login(eight, 61, "ada", eight.passwords["ada"])[0] == 200, timeout=240, step=0)
            wait_until("many were refused", lambda: refused(eight, "passwords") > 20)
        finally:
            done.set()
    assert set(guesses) == {401, 429}
    assert sorted(at_once)[len(at_once) // 2] <= 2, at_once  # more are seen only while they are being refused


def test_a_worker_killed_at_a_password_takes_its_place_along(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=4, PASSWORD_CHECKS=1, **OFTEN)
    stack.client("ada")
    with table_locked(stack, "users"):
        before = set(stack.backend.workers())
        logins = [threading.Thread(target=login, args=(stack, number, f"nobody-{number}"), daemon=True) for number in (1, 2, 3)]
        for one in logins:
            one.start()
        wait_for_blocked(stack)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        for one in logins:
            one.join(30)
    wait_until("there are other workers", lambda: len(set(stack.backend.workers()) - before) == len(before))
    assert stack.client("ada").get("/api/auth/me").status_code == 200
    wait_until("no password is computed", lambda: in_progress(stack, "password") == 0)


# ---- the worst that one user can do ----

def profiles(count, mark):
    return "".join(f'[{mark}-{number}]\nbase_url = "https://{mark}-{number}.example"\nauth_token = "sk-{number:08d}"\n'
                   for number in range(count))


def test_one_users_worst_stops_nobody(fresh_stack):
    """Within the default limits: 12 connections that import, export and hold each other's locks, and others that guess passwords."""
    stack = fresh_stack(MAX_CONNECTIONS=8, MIN_CONNECTIONS=2, RATE_LIMIT=None, IN_PROGRESS_LIMITS=None)
    ada, bob = come_from(stack.client("ada")), come_from(stack.client("bob"))
    create(bob, "kept")
    text = {mark: profiles(2000, mark) for mark in "abc"}
    assert ada.post("/api/import", json={"content": text["a"], "mode": "merge"}).status_code == 200
    done, attacks = threading.Event(), []

    def attack(number):
        client = again(ada)
        for turn in range(number, 10000):
            if done.is_set():
                return
            method, path, body = [("POST", "/api/import", {"content": text["abc"[turn % 3]], "mode": ("merge", "replace")[turn % 2]}),
                                  ("PATCH", f"/api/configs/a-{turn}/disable", None),
                                  ("POST", "/api/export", {}),
                                  ("GET", "/api/validate", None)][(number + turn // 5) % 4]
            try:
                attacks.append(client.request(method, path, timeout=120, **({"json": body} if body else {})).status_code)
            except OSError:
                attacks.append(None)

    def guess(number):
        while not done.is_set():
            attacks.append(login(stack, number % 60, f"nobody-{number}")[0])

    with ThreadPoolExecutor(24) as crowd:
        for number in range(12):
            crowd.submit(attack, number)
            crowd.submit(guess, number)
        try:
            reads = []
            for _ in range(60):
                reads.append(bob.get("/api/configs").status_code)
                time.sleep(0.12)  # his own pace
        finally:
            done.set()
    assert reads == [200] * 60
    assert None not in attacks and 500 not in attacks and 502 not in attacks and 504 not in attacks
    assert stack.status()["workers"]["restarts"] == 0, stack.backend.log()
