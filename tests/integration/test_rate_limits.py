"""Rate limits: headers, who shares a limit with whom, one host and two, with Redis and while it is away.

Each test takes addresses of its own from 127.0.0.0/8, so that none disturbs another. One request in 5 s is the pace of most:
slow enough that nothing comes back while a test sends its requests."""

import itertools
import time

import pytest
import requests.adapters

from stack import Client, Host, Redis, new_folder, wait_until

BURST = 5
SLOW = {"RATE_LIMIT": 2, "RATE_LIMIT_BURST": BURST}
NAMES = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
addresses = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product(range(2, 250), range(250), range(1, 250)))


class From(requests.adapters.HTTPAdapter):
    """Connects from an address."""

    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


def come_from(client, address=None, url=None):
    """The same user (or nobody) at another address, which nobody used yet unless it is named."""
    other = Client(url or client.url, client.contract)
    other.token = client.token
    other.session.mount("http://", From(address or next(addresses)))
    return other


def limits(answer):
    """Limit, remaining, reset, policy; None without any."""
    values = [answer.headers.get(name) for name in NAMES]
    if values == [None] * 4:
        return None
    return int(values[0]), int(values[1]), int(values[2]), values[3]


def ask(client):
    return client.get("/api/auth/me")


def passing(client, tries=3 * BURST):
    """How many of so many requests at once are not refused."""
    return sum(ask(client).status_code != 429 for _ in range(tries))


def refused(answer):
    assert answer.status_code == 429 and answer.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED", answer.text
    limit, remaining, reset, _ = limits(answer)
    assert remaining == 0 and reset == int(answer.headers["Retry-After"]) >= 1
    return reset


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(**SLOW, CORS_ORIGINS="https://ccr.example.org")


# ---- headers ----

def test_what_is_left_counts_down(system):
    client = come_from(system.client())
    seen = [ask(client) for _ in range(BURST + 2)]
    assert [answer.status_code for answer in seen] == [401] * BURST + [429] * 2
    assert [limits(answer) for answer in seen[:BURST]] == [
        (2, BURST - n, 5 * n, "2;w=10") for n in range(1, BURST + 1)]
    assert refused(seen[-1]) == 5


def test_every_answer_of_a_limited_route_says_it_once(system):
    user = system.client("rosa")
    config = {"name": "limited", "base_url": "https://example.org", "auth_token": "sk-limited"}
    for left, (status, method, path, options) in enumerate([
            (415, "POST", "/api/configs", {"data": "x", "headers": {"Content-Type": "text/plain"}}),
            (400, "POST", "/api/configs", {"json": {}}),
            (404, "GET", "/api/configs/nobody", {}),
            (201, "POST", "/api/configs", {"json": config}),
            (200, "HEAD", "/api/configs/limited", {})]):
        answer = come_from(user).request(method, path, **options)
        assert answer.status_code == status, answer.text
        # The user's limit, of which less is left than of each new address's. A header that came twice would be no number.
        assert limits(answer)[:2] + limits(answer)[3:] == (2, BURST - 1 - left, "2;w=10")


def test_routes_without_a_limit_say_nothing(system):
    client = come_from(system.client())
    assert passing(client) == BURST
    for path in ("/health", "/api/system/live", "/api/system/status"):
        for _ in range(2 * BURST):
            answer = client.get(path)
            assert answer.status_code == 200 and limits(answer) is None
    assert limits(client.get("/api/nowhere")) is None  # no route, no limit: Nginx has one
    assert limits(client.options("/api/configs")) is None


def test_other_origins_may_read_them(system):
    answer = come_from(system.client()).get("/api/auth/me", headers={"Origin": "https://ccr.example.org"})
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(NAMES) | {"Retry-After", "ETag", "X-Request-Id"} <= set(exposed)


def test_waiting_as_told_leads_to_success(fresh_stack):
    stack = fresh_stack(RATE_LIMIT=10, RATE_LIMIT_BURST=3, MAX_CONNECTIONS=1)
    client = stack.client("ada")
    answers = [ask(client) for _ in range(10)]
    assert [answer.status_code for answer in answers].count(200) in (3, 4)
    for _ in range(3):
        answers = [ask(client)]
        while answers[-1].status_code == 200 and len(answers) < 30:  # a second is more than one place takes
            answers.append(ask(client))
        wait = refused(answers[-1])
        assert wait == 1
        time.sleep(wait)
        assert ask(client).status_code == 200


def test_zero_turns_it_off(fresh_stack):
    stack = fresh_stack(RATE_LIMIT=0, MAX_CONNECTIONS=2)
    client = stack.client("ada")
    answers = [ask(client) for _ in range(300)] + [client.post("/api/auth/login", json={}) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200, 400}
    assert {limits(answer) for answer in answers} == {None}


def test_no_burst_still_serves_a_client_at_the_pace(fresh_stack):
    stack = fresh_stack(RATE_LIMIT=50, RATE_LIMIT_BURST=0, MAX_CONNECTIONS=1)
    client = come_from(stack.client())
    for _ in range(10):
        assert ask(client).status_code == 401
        time.sleep(0.21)
    began = time.monotonic()
    passed = passing(client, 5)
    assert 1 <= passed <= 2 + (time.monotonic() - began) / 0.2


# ---- who shares a limit ----

def test_addresses_have_limits_of_their_own(system):
    one, other = come_from(system.client()), come_from(system.client())
    assert (passing(one), passing(other)) == (BURST, BURST)


def test_users_have_limits_of_their_own_wherever_they_are(system):
    user, joan = system.client("grace"), system.client("joan")
    here, there = come_from(user), come_from(user)
    assert [ask(here).status_code for _ in range(3)] == [200] * 3
    answers = [ask(there) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert limits(answers[0])[:2] == (2, 1)  # the user's, of which less is left
    refused(answers[2])
    other = come_from(joan, there.session.get_adapter("http://x").address)
    answer = ask(other)
    assert answer.status_code == 200 and limits(answer)[1] == 1  # the address's: its fourth request


def test_logins_have_a_stricter_limit(system):
    client = come_from(system.client())
    answers = [client.post("/api/auth/login", json={}) for _ in range(40)]
    passed = [answer for answer in answers if answer.status_code == 400]
    assert 20 <= len(passed) <= 25 and limits(passed[0]) == (10, 19, 1, "10;w=10")
    assert refused(answers[-1]) == 1
    assert ask(client).status_code == 401  # it is a limit apart


def test_what_a_client_says_about_its_address_does_not_count(system):
    client = come_from(system.client())
    statuses = [client.get("/api/auth/me", headers={"X-Forwarded-For": f"198.51.100.{n}", "X-Real-IP": f"198.51.100.{n}",
                                                    "Forwarded": f"for=198.51.100.{n}"}).status_code for n in range(8)]
    assert statuses == [401] * BURST + [429] * 3


# ---- two hosts ----

@pytest.fixture
def redis(workdir):
    redis = Redis(workdir)
    yield redis.start()
    redis.stop()


@pytest.fixture
def two_hosts(fresh_stack, workdir, numbers):
    """two_hosts(settings): a stack, and the address of a second host on the same database."""
    hosts = []

    def make(**settings):
        stack = fresh_stack(MAX_CONNECTIONS=2, **{**SLOW, **settings})
        hosts.append(Host(stack, new_folder(workdir, f"host{next(numbers)}")))
        return stack, hosts[-1]
    yield make
    for host in hosts:
        host.stop()


def at_both(client, host):
    """One unused address, seen by both hosts."""
    address = next(addresses)
    return come_from(client, address), come_from(client, address, host.url)


def test_two_hosts_without_redis_count_apart(two_hosts):
    stack, host = two_hosts()
    one, other = at_both(stack.client(), host)
    assert (passing(one), passing(other)) == (BURST, BURST)


@pytest.mark.parametrize("tcp, password", [(False, None), (True, "p@ss:w/rd")])
def test_two_hosts_with_redis_count_together(two_hosts, workdir, tcp, password):
    redis = Redis(workdir, tcp, password).start()
    try:
        stack, host = two_hosts(REDIS_URL=redis.url)
        one, other = at_both(stack.client(), host)
        answers = [ask(client) for _ in range(BURST) for client in (one, other)]
        assert [answer.status_code for answer in answers] == [401] * BURST + [429] * BURST
        assert [limits(answer)[1] for answer in answers[:BURST]] == list(range(BURST))[::-1]
        refused(answers[-1])
        user = stack.client("ada")
        one, other = come_from(user), come_from(user, url=host.url)  # the user's limit, from two addresses
        assert (passing(one, 3), passing(other)) == (3, BURST - 3)
        assert stack.status()["redis"] == {"healthy": True}
        assert all(secret not in stack.backend.log() for secret in ("p@ss", "p%40ss"))
    finally:
        redis.stop()


def test_what_another_host_refused_passes_when_it_says_so(two_hosts, redis):
    stack, host = two_hosts(REDIS_URL=redis.url, RATE_LIMIT=10, RATE_LIMIT_BURST=1)
    one, other = at_both(stack.client(), host)
    for here, there in ((one, other), (other, one), (one, other)):
        assert ask(here).status_code == 401
        wait = refused(ask(there))
        assert wait == 1
        time.sleep(wait)
        assert ask(there).status_code == 401
        time.sleep(1)


# ---- Redis away ----

def test_redis_may_go_and_come_back(two_hosts, redis):
    stack, host = two_hosts(REDIS_URL=redis.url)
    nobody = stack.client()
    one, other = at_both(nobody, host)
    assert passing(one, 3) == 3
    redis.stop()
    assert (passing(one), passing(other)) == (BURST - 3, BURST)  # each its own count
    status = come_from(nobody).get("/api/system/status")
    assert status.status_code == 200
    assert status.json().items() >= {"status": "degraded", "cache": {"enabled": True, "healthy": False},
                                     "redis": {"healthy": False}}.items()
    redis.start()
    wait_until("the status is healthy again", stack.healthy)
    wait_until("the other host, too", lambda: Client(host.url).get("/api/system/status").json()["status"] == "healthy")
    one, other = at_both(nobody, host)
    assert sum(passing(client, 1) for _ in range(BURST) for client in (one, other)) == BURST
    told = [entry["message"] for entry in stack.backend.log_entries() if "Redis" in entry.get("message", "")]
    assert told == ["Redis is away, everything goes on without it", "Redis is back"]


def test_redis_may_be_away_from_the_start(fresh_stack, workdir):
    redis = Redis(workdir)
    stack = fresh_stack(start=False, REDIS_URL=redis.url, **SLOW)
    stack.backend.start()
    stack.nginx.start()
    wait_until("it serves", lambda: stack.status().get("status") == "degraded")
    assert passing(come_from(stack.client())) == BURST
    redis.start()
    try:
        wait_until("the status is healthy", stack.healthy)
        client = come_from(stack.client())
        assert ask(client).status_code == 401
        assert redis.tell("DBSIZE") == ":1\r\n"
    finally:
        redis.stop()


def test_a_redis_that_hangs_holds_nobody_up(fresh_stack, redis):
    stack = fresh_stack(REDIS_URL=redis.url, RATE_LIMIT=1000000, RATE_LIMIT_BURST=1000000)
    client = stack.client("ada")
    assert ask(client).status_code == 200
    redis.pause()
    took = []
    for _ in range(200):
        began = time.monotonic()
        assert ask(client).status_code == 200
        took.append(time.monotonic() - began)
    # Whoever waits for Redis waits for 50 ms at least; once it is known that it hangs, one in a while tries it.
    assert sum(duration > 0.05 for duration in took) < 100, sorted(took)[-10:]
    assert stack.status()["status"] == "degraded"
    redis.resume()
    wait_until("the status is healthy again", stack.healthy)


def test_a_wrong_password_only_degrades(fresh_stack, workdir):
    redis = Redis(workdir, tcp=True, password="right").start()
    try:
        stack = fresh_stack(start=False, REDIS_URL=redis.url.replace("right", "never-in-a-log"), **SLOW)
        stack.backend.start()
        stack.nginx.start()
        wait_until("it serves", lambda: stack.status().get("status") == "degraded")
        assert passing(come_from(stack.client())) == BURST
        (line,) = [entry for entry in stack.backend.log_entries() if "Redis" in entry.get("message", "")]
        assert line["level"] == "warn" and line["reason"] == "AUTH was refused (WRONGPASS)"
        assert "never-in-a-log" not in stack.backend.log()
        assert "never-in-a-log" not in stack.cli.run("settings").stdout
    finally:
        redis.stop()
