"""A name server that says nothing, and names with several addresses, in a network of its own (nameserver.py). A worker that waited
for the name server stood still until it gave up, and with all of them everything did."""

import time

import pytest

import nameserver
from nameserver import ONE_QUESTION_S
from stack import Cluster, Pending, Redis, Stack, new_folder, wait_until

pytestmark = pytest.mark.skipif(not nameserver.possible(), reason="needs namespaces of its own: root")

NAME = "db.ccr.test"
STARTS_WITHOUT = "starting without the database"


class Place:
    """A stack whose PostgreSQL is known by a name only, in a world whose name server can fall silent."""

    def __init__(self, folder, contract, **settings):
        self.folder, self.contract, self.settings = folder, contract, settings
        self.world = nameserver.World(new_folder(folder, "world"), [(NAME, "127.0.0.1")])
        self.cluster = self.stack = None

    def make(self):
        wait_until("the name server is there", lambda: self.world.ready)
        self.cluster = Cluster(new_folder(self.folder, "pg"), listen="127.0.0.1", inside=self.world.prefix).create()
        self.cluster.create_migrated("ccr", new_folder(self.folder, "m"))
        self.stack = Stack(new_folder(self.folder, "s"), self.cluster, "ccr", self.contract, owns_cluster=True,
                           **{"DATABASE_URL": self.url(), "MAX_CONNECTIONS": 3, **self.settings})
        self.stack.cli.inside = self.world.prefix
        return self

    def url(self, hosts=NAME, query=""):
        return f"postgresql://ccr:{self.cluster.password}@{hosts}/ccr{query}"

    def start(self):
        self.stack.start()
        self.admin = self.stack.client("admin")
        return self

    def cut(self):
        """Every connection to PostgreSQL ends, as when it is moved to another machine."""
        with self.cluster.connect(user="postgres", dbname="postgres") as connection:
            connection.execute("ALTER ROLE ccr CONNECTION LIMIT 0")
            # Again for one that was just being made: it stands there once it is through.
            wait_until("no connection is left", lambda: connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'ccr'").fetchone() == (0,))

    def close(self):
        if self.stack:
            self.stack.close()
        elif self.cluster:
            self.cluster.stop()
        self.world.close()


@pytest.fixture
def make_place(workdir, contract, numbers):
    places = []

    def make(**settings):
        places.append(Place(new_folder(workdir, f"dns{next(numbers)}"), contract, **settings))
        return places[-1].make()

    yield make
    for place in places:
        place.close()


def answered(api, path, status, times=20):
    """That many requests one after the other are through before a single question to the name server is given up."""
    began = time.monotonic()
    slowest = 0.0
    for _ in range(times):
        start = time.monotonic()
        assert api.get(path).status_code == status, path
        slowest = max(slowest, time.monotonic() - start)
    print(f"{path}: {times} requests, slowest {slowest * 1000:.1f} ms")
    assert time.monotonic() - began < ONE_QUESTION_S


def knows_it_is_away(place):
    return place.admin.get("/api/configs").status_code == 503


def forget(place):
    """Nobody remembers the address: all began after the name server fell silent. Returns when the workers begin."""
    place.stack.backend.stop()
    place.world.fall_silent()
    before = place.stack.backend.log().count(STARTS_WITHOUT)
    place.stack.backend.start()
    wait_until("the start has given up", lambda: place.stack.backend.log().count(STARTS_WITHOUT) > before)


def test_everything_answers_while_the_name_server_is_silent_from_the_start(make_place):
    place = make_place().start()
    forget(place)
    api = place.stack.client()
    for path, status in (("/api/system/live", 200), ("/health", 200), ("/api/system/status", 503)):
        answered(api, path, status)
    answered(place.admin, "/api/configs", 503)
    reasons = [entry.get("reason", "") for entry in place.stack.backend.log_entries()]
    assert any(f'host name "{NAME}"' in reason and "name server does not answer" in reason for reason in reasons), reasons
    place.world.speak()
    wait_until("it is served again", lambda: place.admin.get("/api/configs").status_code == 200)
    wait_until("the status is healthy", place.stack.healthy)


def test_a_start_does_not_wait_for_the_name_server(make_place):
    """The first answer is there before the name server's first question is given up."""
    place = make_place().start()
    place.stack.backend.stop()
    place.world.fall_silent()
    api = place.stack.client()
    began = time.monotonic()
    place.stack.backend.start()
    wait_until("it answers", lambda: api.get("/api/system/live").status_code == 200)
    assert time.monotonic() - began < ONE_QUESTION_S


def test_the_last_good_address_is_used_while_the_name_server_is_silent(make_place):
    place = make_place().start()
    before = place.stack.backend.workers()
    place.world.fall_silent()
    with place.cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ccr'")
    wait_until("requests are served", lambda: place.admin.get("/api/configs").status_code == 200)
    wait_until("the status is healthy", place.stack.healthy)
    answered(place.stack.client(), "/api/system/live", 200)
    # One that is started anew knows what the others knew.
    place.stack.cli.write_env(LOG_LEVEL="debug")
    place.stack.backend.send(1)
    wait_until("all workers are new", lambda: len(place.stack.backend.workers()) == 3
               and not set(before) & set(place.stack.backend.workers()))
    for _ in range(20):
        assert place.admin.get("/api/configs").status_code == 200


def test_a_moved_database_is_found_when_the_name_server_speaks_again(make_place):
    """Silence, and nothing at the last good address."""
    place = make_place().start()
    place.world.fall_silent()
    place.cut()
    answered(place.stack.client(), "/api/system/live", 200)
    wait_until("it is known to be away", lambda: knows_it_is_away(place))
    answered(place.admin, "/api/configs", 503)
    place.world.speak()
    with place.cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute("ALTER ROLE ccr CONNECTION LIMIT -1")
    wait_until("it is served again", lambda: place.admin.get("/api/configs").status_code == 200)


def test_one_worker_asks_and_the_others_refuse(make_place):
    """Requests that come all at once, while no worker has an address: none waits for the name server."""
    place = make_place(MAX_CONNECTIONS=4).start()
    forget(place)
    began = time.monotonic()
    clients = [place.stack.client() for _ in range(16)]
    for client in clients:
        client.token = place.admin.token
    waiting = [Pending(client, "GET", "/api/configs") for client in clients]
    assert {request.result().status_code for request in waiting} == {503}
    assert time.monotonic() - began < ONE_QUESTION_S


def test_several_names_and_addresses(make_place):
    """Names of which some do not exist, some have several addresses, and only one leads to PostgreSQL."""
    place = make_place()
    place.world.tell([("many.ccr.test", "127.0.0.9"), ("many.ccr.test", "127.0.0.1"), ("dead.ccr.test", "127.0.0.8")])
    for hosts, query in (("many.ccr.test", ""), ("no.ccr.test,many.ccr.test", ""), ("dead.ccr.test:5431,many.ccr.test:5432", ""),
                         ("127.0.0.1", ""), ("no.ccr.test", "?hostaddr=127.0.0.1"), ("dead.ccr.test,many.ccr.test", "?connect_timeout=3"),
                         ("", "?host=many.ccr.test&port=5432"), ("dead.ccr.test,/tmp,127.0.0.1".replace("/", "%2F"), "")):
        place.stack.cli.write_env(DATABASE_URL=place.url(hosts, query))
        found = place.stack.cli.run("check-config")
        assert found.returncode == 0, (hosts, query, found.stdout)
    for hosts, problem in (("no.ccr.test", 'host name "no.ccr.test"'), ("no.ccr.test,dead.ccr.test", "Connection refused")):
        place.stack.cli.write_env(DATABASE_URL=place.url(hosts))
        found = place.stack.cli.run("check-config")
        assert found.returncode == 78 and problem in found.stdout, found.stdout


@pytest.mark.parametrize("command", [["check-config"], ["migrate", "up"], ["user", "list"]], ids=" ".join)
def test_commands_give_up_with_a_reason(make_place, command):
    place = make_place(CONNECTION_TIMEOUT=1)
    place.world.fall_silent()
    began = time.monotonic()
    result = place.stack.cli.run(*command)
    assert result.returncode != 0
    assert f'host name "{NAME}"' in result.stdout + result.stderr and place.cluster.password not in result.stdout + result.stderr
    assert time.monotonic() - began < ONE_QUESTION_S


def test_redis_by_name(make_place, workdir):
    """Redis is away as long as its name is, and costs nobody the name server's time."""
    place = make_place()
    redis = Redis(workdir)
    redis.port = 6379
    redis.inside = place.world.prefix
    place.world.tell([(NAME, "127.0.0.1"), ("redis.ccr.test", "127.0.0.1")])
    redis.start()
    try:
        place.stack.cli.write_env(REDIS_URL="redis://redis.ccr.test:6379/0")
        place.start()
        assert place.stack.status()["redis"]["healthy"] is True
        place.stack.cli.write_env(DATABASE_URL=place.url("127.0.0.1"))
        place.stack.backend.stop()
        place.world.fall_silent()
        place.stack.backend.start()
        api = place.stack.client()
        wait_until("it serves", lambda: api.get("/api/system/live").status_code == 200)
        answered(place.admin, "/api/configs", 200)
        answered(api, "/api/system/live", 200)
        assert place.stack.status()["redis"]["healthy"] is False
        place.world.speak()
        wait_until("Redis is used again", lambda: place.stack.status()["redis"]["healthy"])
    finally:
        redis.stop()


def test_a_health_check_gives_up_in_time(make_place):
    place = make_place()
    place.world.fall_silent()
    began = time.monotonic()
    assert place.stack.cli.run("healthcheck", "--tcp", "backend.ccr.test:9000", "--timeout", "1").returncode == 69
    assert time.monotonic() - began < ONE_QUESTION_S


def test_an_update_source_by_name(make_place):
    """One request waits for it, for 2 s; those that follow do not."""
    place = make_place(UPDATE_URL="http://updates.ccr.test/latest.json").start()
    place.world.fall_silent()
    answered(place.admin, "/api/version/check-update", 502)
