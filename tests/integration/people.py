"""Fixtures for tests about accounts: a system of their own, and users made on the spot.

system     one Stack for the module, because failed logins count for the address, which all tests share
admin      its site admin
make_user  make_user("name") or make_user(site_admin=True): a logged-in client with .username and .password
browser    browser(username, password): a client that lives by its cookies, like the frontend
"""

import itertools
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack import join

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack()


@pytest.fixture(scope="module")
def admin(system):
    return system.client("admin")


@pytest.fixture(autouse=True)
def no_failures(system):
    yield
    with system.db() as connection:
        connection.execute("DELETE FROM login_failures")


@pytest.fixture(scope="module")
def user_maker(system, admin):
    def make(name=None, password=None, **options):
        name = name or f"user{next(numbers)}"
        password = password or secrets.token_hex(10)
        site_role = "admin" if options.pop("site_admin", False) else "user"
        answer = admin.post("/api/users", json={"username": name, "password": password, "site_role": site_role, **options})
        assert answer.status_code == 201, answer.text
        client = system.client().login(name, password)
        client.username, client.password = name, password
        return client
    return make


@pytest.fixture
def make_user(user_maker):
    return user_maker


@pytest.fixture
def browser(system):
    def open_browser(username, password):
        client = system.client()
        answer = client.post("/api/auth/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return client
    return open_browser


OWN_SITE = {"Sec-Fetch-Site": "same-origin"}


def try_login(client, username, password, **options):
    return client.anonymous().post("/api/auth/login", json={"username": username, "password": password}, **options)


def error_of(answer):
    """Code and message of an error answer, without what differs each time."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"], error["details"]


def at_once(*calls):
    """What the calls return, run side by side."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def ask_every_worker(client, path="/api/auth/me", times=48):
    """Statuses of that many requests, eight at a time, so that each worker serves some."""
    def ask():
        return client.anonymous().get(path, headers={"Authorization": f"Bearer {client.token}"}).status_code
    with ThreadPoolExecutor(8) as pool:
        return {future.result() for future in [pool.submit(ask) for _ in range(times)]}


def cpu_spent(system, calls):
    """Seconds of processor time that the workers spent on the calls: other than a clock, it does not see what else runs."""
    def spent():
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in system.backend.workers())

    before = spent()
    for call in calls:
        call()
    return (spent() - before) / 1e9


def add_member(owner, slug, member, role):
    """Makes somebody a member of a shared workspace."""
    join(owner, slug, member, member.username, role)


def refresh(client, token, **options):
    return client.anonymous().post("/api/auth/refresh", json={"refresh_token": token}, **options)


def long_spent(system, seconds=11):
    """As if every spent refresh token had been spent that much earlier: past the seconds that its client is given."""
    with system.db() as db:
        db.execute("UPDATE refresh_tokens SET spent_at = spent_at - %s * interval '1 second'", (seconds,))


def cookies_of(answer):
    """{name: (value, {attribute, ...})} of the Set-Cookie lines."""
    lines = answer.raw.headers.getlist("Set-Cookie")
    parts = [line.split("; ") for line in lines]
    return {part[0].partition("=")[0]: (part[0].partition("=")[2], set(part[1:])) for part in parts}
