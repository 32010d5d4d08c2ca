"""Failed logins: who is counted together, how long he waits, and that nobody can lock somebody else out who is known here."""

import base64
import hashlib
import subprocess
import time

import pytest
from requests.adapters import HTTPAdapter

from configs import create
from people import (admin, at_once, browser, error_of, make_user, no_failures, system, try_login, user_maker)  # noqa: F401

WRONG = "wrong-" * 3


def keyed(system, purpose, text):
    """keyed_token() of src/base/crypto.c."""
    key = hashlib.blake2b(purpose.encode() + b"\0" + system.cli.env["JWT_SECRET"].encode(), digest_size=32).digest()
    return base64.urlsafe_b64encode(hashlib.blake2b(text.encode(), digest_size=32, key=key).digest()).rstrip(b"=").decode()


def subject(system, kind, what):
    return keyed(system, "login failures", f"{kind}:{what}")


def failures(system, kind, what):
    with system.db() as db:
        row = db.execute("SELECT failures, greatest(0, extract(epoch FROM blocked_until - last_failed_at))::float FROM login_failures"
                         " WHERE subject = %s", (subject(system, kind, what),)).fetchone()
        return row or (0, 0.0)


def set_back(system, seconds):
    """As if the failures so far had happened that much earlier."""
    with system.db() as db:
        db.execute("UPDATE login_failures SET last_failed_at = last_failed_at - %s * interval '1 second',"
                   " blocked_until = blocked_until - %s * interval '1 second'", (seconds, seconds))


def hold(system):
    """Whoever has to wait by now does so for an hour more: the first wait is one second, in which a busy machine may answer nothing."""
    with system.db() as db:
        held = db.execute("UPDATE login_failures SET blocked_until = blocked_until + interval '1 hour' WHERE blocked_until > last_failed_at")
        assert held.rowcount > 0, "nobody was made to wait"


class FromAddress(HTTPAdapter):
    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


@pytest.fixture
def elsewhere(system):
    """elsewhere(n): a client on an address that nobody has logged in from."""
    def make(number=2):
        client = system.client()
        client.session.mount("http://", FromAddress(f"127.0.0.{number}"))
        return client
    return make


def guess(client, username, password=WRONG, times=1):
    """From that client's own address; keeps its cookies."""
    answers = [client.post("/api/auth/login", json={"username": username, "password": password}) for _ in range(times)]
    return answers[-1]


# ---- strangers ----

@pytest.mark.parametrize("known", [True, False])
def test_an_account_is_throttled(system, make_user, elsewhere, known):
    user, stranger = make_user(), elsewhere()
    name = user.username if known else "Nobody-Here"
    for _ in range(5):
        assert guess(stranger, name).status_code == 401
    counted = ("user", user.user["id"]) if known else ("name", name.lower())
    assert failures(system, *counted) == (5, pytest.approx(1, abs=0.1))
    hold(system)
    blocked = guess(stranger, name)
    assert error_of(blocked)[:2] == (429, "RATE_LIMIT_EXCEEDED") and 0 < int(blocked.headers["Retry-After"]) <= 3601
    right = guess(elsewhere(3), name.upper(), user.password)
    assert right.status_code == 429, "the right password of a stranger is not looked at either, and case is no way round"
    assert failures(system, *counted)[0] == 5, "a refused attempt counts for nothing"


def test_waits_double_up_to_300_seconds(system, make_user, elsewhere):
    user, stranger = make_user(), elsewhere()
    waits = []
    for _ in range(15):
        assert guess(stranger, user.username).status_code == 401
        waits.append(round(failures(system, "user", user.user["id"])[1]))
        set_back(system, waits[-1] + 0.5)
        with system.db() as db:
            db.execute("DELETE FROM login_failures WHERE user_id IS NULL")
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert guess(stranger, user.username, user.password).status_code == 200
    assert failures(system, "user", user.user["id"]) == (0, 0.0), "a success clears the counter"


def test_retry_after_is_what_is_left(system, make_user, elsewhere):
    user = make_user()
    with system.db() as db:
        db.execute("INSERT INTO login_failures (subject, failures, last_failed_at, blocked_until)"
                   " VALUES (%s, 10, now(), now() + interval '300 seconds')", (subject(system, "user", user.user["id"]),))
    answer = guess(elsewhere(), user.username, user.password)
    wait = answer.headers["Retry-After"]
    assert answer.status_code == 429 and 200 < int(wait) <= 300 and f"{wait} s" in answer.json()["message"]


def test_failures_are_forgotten_after_15_minutes(system, make_user, elsewhere):
    user, stranger = make_user(), elsewhere()
    guess(stranger, user.username, times=4)
    set_back(system, 901)
    guess(stranger, user.username)
    assert failures(system, "user", user.user["id"]) == (1, 0.0)


def test_an_address_is_throttled(system, make_user):
    user = make_user()
    for number in range(20):
        assert try_login(user, f"stranger{number}", WRONG).status_code == 401
    assert failures(system, "address", "127.0.0.1") == (20, pytest.approx(1, abs=0.1))
    hold(system)
    assert try_login(user, user.username, user.password).status_code == 429
    with system.db() as db:
        db.execute("DELETE FROM login_failures WHERE subject <> %s", (subject(system, "address", "127.0.0.1"),))
        db.execute("UPDATE login_failures SET failures = 40, blocked_until = now()")
    try_login(user, "stranger", WRONG)
    assert failures(system, "address", "127.0.0.1") == (41, pytest.approx(900, abs=1))


def test_a_success_does_not_clear_the_address(system, make_user):
    user = make_user()
    for number in range(3):
        try_login(user, f"stranger{number}", WRONG)
    assert try_login(user, user.username, user.password).status_code == 200
    assert failures(system, "address", "127.0.0.1")[0] == 3


def test_attempts_side_by_side_do_not_slip_through(system, make_user, elsewhere):
    """Of attempts at one moment after eleven that failed, the first makes the others wait 128 s."""
    user = make_user()
    with system.db() as db:
        db.execute("INSERT INTO login_failures (subject, failures, last_failed_at, blocked_until) VALUES (%s, 11, now(), now())",
                   (subject(system, "user", user.user["id"]),))
    answers = at_once(*[lambda: guess(elsewhere(), user.username).status_code] * 24)
    assert answers.count(401) == 1 and answers.count(429) == 23
    assert failures(system, "user", user.user["id"])[0] == 12


# ---- who is known ----

def test_strangers_do_not_lock_out_an_address_that_is_known(system, make_user, elsewhere):
    user = make_user()  # who logged in from 127.0.0.1
    for number in (2, 3, 4):
        guess(elsewhere(number), user.username, times=5)
        hold(system)
    assert guess(elsewhere(5), user.username, user.password).status_code == 429, "a stranger waits, whatever he knows"
    assert try_login(user, user.username, user.password).status_code == 200
    assert failures(system, "user", user.user["id"])[0] == 5, "which says nothing about the strangers"


def test_strangers_do_not_lock_out_a_browser_that_is_known(system, make_user, browser, elsewhere):
    """Not even on the address that the guesses come from."""
    user = make_user()
    client = browser(user.username, user.password)
    for _ in range(5):
        try_login(user, user.username, WRONG)
    for number in range(20):
        try_login(user, f"stranger{number}", WRONG)
    hold(system)
    assert try_login(user, user.username, user.password).status_code == 429, "without its cookie it is one of them"
    assert guess(client, user.username, user.password).status_code == 200
    moved = elsewhere(9)
    moved.session.cookies.update({"ccr_browser": client.session.cookies["ccr_browser"]})
    guess(elsewhere(8), user.username, times=6)
    assert guess(moved, user.username, user.password).status_code == 200, "nor where it has never been"


def test_a_known_browser_is_counted_too(system, make_user, browser, elsewhere):
    user = make_user()
    client = browser(user.username, user.password)
    for _ in range(5):
        assert guess(client, user.username).status_code == 401
    hold(system)
    assert guess(client, user.username, user.password).status_code == 429
    assert guess(elsewhere(), user.username, user.password).status_code == 200, "and locks out nobody else"


def test_a_known_address_is_counted_too(system, make_user, elsewhere):
    user = make_user()
    for _ in range(5):
        assert try_login(user, user.username, WRONG).status_code == 401
    hold(system)
    assert try_login(user, user.username, user.password).status_code == 429
    assert guess(elsewhere(), user.username, user.password).status_code == 200


def cookie_of(client):
    return client.session.cookies["ccr_browser"]


def altered(value, part):
    parts = value.split(".")
    parts[part] = parts[part][:-1] + ("A" if parts[part][-1] != "A" else "B") if part else str(int(parts[0]) + 1)
    return ".".join(parts)


@pytest.mark.parametrize("forge", [
    lambda mine, other: other, lambda mine, other: altered(mine, 0), lambda mine, other: altered(mine, 1),
    lambda mine, other: altered(mine, 2), lambda mine, other: "", lambda mine, other: "x", lambda mine, other: "..",
    lambda mine, other: "1.2.3", lambda mine, other: mine + "." + mine, lambda mine, other: "1" * 3000,
], ids=["another account's", "issued", "nonce", "mac", "empty", "x", "dots", "numbers", "twice", "long"])
def test_other_cookies_are_worth_nothing(system, make_user, browser, elsewhere, forge):
    user, other = make_user(), make_user()
    mine = cookie_of(browser(user.username, user.password))
    others = cookie_of(browser(other.username, other.password))
    guess(elsewhere(2), user.username, times=5)
    stranger = elsewhere(3)
    stranger.session.cookies.update({"ccr_browser": forge(mine, others)})
    hold(system)
    assert guess(stranger, user.username, user.password).status_code == 429


def test_a_cookie_does_not_outlive_a_reset(system, admin, make_user, browser, elsewhere):
    user = make_user()
    thief = browser(user.username, user.password)
    with system.db() as db:  # the cookie counts whole seconds
        db.execute("UPDATE users SET password_changed_at = password_changed_at - interval '1 hour' WHERE id = %s", (user.user["id"],))
    time.sleep(1.1)
    assert admin.post(f"/api/users/{user.username}/password", json={"password": "a fresh password"}).status_code == 200
    guess(elsewhere(2), user.username, times=5)
    stranger = elsewhere(3)
    stranger.session.cookies.update({"ccr_browser": cookie_of(thief)})
    hold(system)
    assert guess(stranger, user.username, "a fresh password").status_code == 429
    assert try_login(user, user.username, "a fresh password").status_code == 429, "nor do the addresses from before"


def test_a_browser_is_known_for_30_days(system, make_user, browser, elsewhere):
    user = make_user()
    issued, nonce, _ = cookie_of(browser(user.username, user.password)).split(".")
    with system.db() as db:
        db.execute("UPDATE users SET password_changed_at = now() - interval '1 year' WHERE id = %s", (user.user["id"],))

    def with_cookie_of(days):
        then = str(int(issued) - days * 86400)
        client = elsewhere(3)
        client.session.cookies.update({"ccr_browser": f"{then}.{nonce}.{keyed(system, 'known browser', f'{then}.{nonce}.' + user.user['id'])}"})
        return client
    guess(elsewhere(2), user.username, times=6)
    hold(system)
    assert guess(with_cookie_of(31), user.username, user.password).status_code == 429
    assert guess(with_cookie_of(-1), user.username, user.password).status_code == 429, "nor one from the future"
    assert guess(with_cookie_of(29), user.username, user.password).status_code == 200


# ---- confirming ----

@pytest.mark.parametrize("path, body, right", [
    ("/api/auth/password", {"current_password": WRONG, "new_password": "another password"}, "current_password"),
    ("/api/auth/password/confirm", {"password": WRONG}, "password"),
])
def test_guessing_the_own_password_is_throttled_by_session(system, make_user, path, body, right):
    user = make_user()
    other = system.client().login(user.username, user.password)
    for _ in range(5):
        answer = user.post(path, json=body)
        assert answer.status_code == 400 and "is not your current password" in answer.text
    hold(system)
    assert user.post(path, json={**body, right: user.password}).status_code == 429
    assert failures(system, "address", "127.0.0.1")[0] == 5
    assert other.post("/api/auth/password/confirm", json={"password": user.password}).status_code == 200
    assert try_login(user, user.username, user.password).status_code == 200


def test_nobody_outside_keeps_a_session_from_confirming(system, make_user, elsewhere):
    user = make_user()
    for number in range(20):
        try_login(user, f"stranger{number}", WRONG)
    for _ in range(5):
        try_login(user, user.username, WRONG)
    guess(elsewhere(), user.username, times=5)
    hold(system)
    assert try_login(user, user.username, user.password).status_code == 429
    assert user.post("/api/auth/password/confirm", json={"password": user.password}).status_code == 200
    change = {"current_password": user.password, "new_password": "another password"}
    assert user.post("/api/auth/password", json=change).status_code == 200


# ---- forgetting ----

def test_a_reset_forgets_every_counter_of_the_account(system, admin, make_user, browser, elsewhere):
    user = make_user()
    client = browser(user.username, user.password)
    guess(client, user.username, times=2)
    guess(elsewhere(), user.username, times=2)
    try_login(user, user.username, WRONG)
    user.post("/api/auth/password/confirm", json={"password": WRONG})
    with system.db() as db:
        counted = "SELECT count(*) FROM login_failures WHERE user_id = %s"
        assert db.execute(counted, (user.user["id"],)).fetchone() == (4,)
        admin.post(f"/api/users/{user.username}/password", json={"password": "a fresh password"})
        assert db.execute(counted, (user.user["id"],)).fetchone() == (0,)


def test_a_password_typed_as_the_name_is_kept_nowhere(system, make_user, elsewhere):
    typed = "My-Secret-Passphrase-77"
    user, stranger = make_user(), elsewhere(77)
    create(user, "relay")
    guess(stranger, typed, times=7)
    dump = subprocess.run(["pg_dump", "--data-only", "--inserts", system.cluster.url(system.database, user="postgres")], check=True,
                          capture_output=True, text=True).stdout
    assert "INSERT INTO public.login_failures" in dump
    assert typed.lower() not in dump.lower() and "127.0.0.77" not in dump
    assert typed.lower() not in system.backend.log().lower()
    assert hashlib.blake2b(typed.lower().encode(), digest_size=32).hexdigest() not in dump, "nor so that it could be looked up"
