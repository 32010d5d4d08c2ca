"""Cached answers: never older than one's own writes on any backend, never somebody else's, without the database when nothing
changed."""

import json
import os
import signal
import threading
import time

import psycopg
import pytest

from configs import BASE, secret
from stack import Asker, Redis, join, make_secrets, wait_until

HEADER = "X-CCR-Generation"


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(MAX_CONNECTIONS=4)


@pytest.fixture(scope="module")
def two(system):
    return system.client("ada"), system.client("ben")


@pytest.fixture(scope="module")
def redis(workdir):
    server = Redis(workdir).start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["PostgreSQL alone", "Redis too"])
def pair(request, module_stack, redis):
    """Two backends on one database."""
    shared = make_secrets()
    if request.param == "Redis too":
        shared["REDIS_URL"] = redis.url
    first = module_stack(MAX_CONNECTIONS=4, **shared)
    second = module_stack(start=False, MAX_CONNECTIONS=4, **shared)
    second.database = first.database
    second.cli.write_env(DATABASE_URL=first.cli.env["DATABASE_URL"])
    return first, second.start()


def create(client, name, **more):
    answer = client.post("/api/configs", json={"name": name, "base_url": BASE, "auth_token": secret(), **more})
    assert answer.status_code == 201, answer.text
    return answer


def ensure(client, name):
    if client.get(f"/api/configs/{name}").status_code == 404:
        create(client, name)


def describe(client, name, text):
    answer = client.put(f"/api/configs/{name}", json={"base_url": BASE, "auth_token": "token", "description": text})
    assert answer.status_code == 200, answer.text
    return answer


def names(answer):
    assert answer.status_code == 200, answer.text
    return {config["name"] for config in answer.json()["configs"]}


# ---- one backend ----

@pytest.mark.parametrize("path", ["/api/configs", "/api/configs/kept", "/api/configs/kept/revisions", "/api/history",
                                  "/api/backups", "/api/commands/history", "/api/configs?limit=2&offset=1"])
def test_polling(two, path):
    ada, _ = two
    ensure(ada, "kept")
    first = ada.get(path)
    tag = first.headers["ETag"]
    for _ in range(8):  # whichever worker answers
        same = ada.get(path)
        assert (same.content, same.headers["ETag"]) == (first.content, tag)
        unchanged = ada.get(path, headers={"If-None-Match": tag})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", tag)
    describe(ada, "kept", "changed")
    assert ada.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_nothing_is_asked_of_the_database(fresh_stack):
    system = fresh_stack(own_cluster=True, MAX_CONNECTIONS=1)
    ada = system.client("ada")
    create(ada, "kept")
    tags = {}
    for _ in range(2):
        tags = {path: ada.get(path).headers["ETag"] for path in ("/api/configs", "/api/configs/kept")}
    pids = system.cluster.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(20):
            for path, tag in tags.items():
                assert ada.get(path).status_code == 200
                assert ada.get(path, headers={"If-None-Match": tag}).status_code == 304
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_write_is_seen_by_all_workers_at_once(two):
    ada, _ = two
    ensure(ada, "busy")
    for number in range(40):
        describe(ada, "busy", f"number {number}")
        for _ in range(4):
            assert ada.get("/api/configs/busy").json()["description"] == f"number {number}"


def test_nobody_gets_anybody_elses(two):
    ada, ben = two
    create(ada, "only-of-ada")
    create(ben, "only-of-ben")
    tag = ada.get("/api/configs").headers["ETag"]
    for _ in range(8):
        assert "only-of-ben" not in names(ada.get("/api/configs"))
        assert "only-of-ada" not in names(ben.get("/api/configs", headers={"If-None-Match": tag}))
        assert ben.get("/api/configs/only-of-ada").status_code == 404


def test_members_of_a_workspace_have_their_own_current_profile(two):
    ada, ben = two
    assert ada.post("/api/workspaces", json={"slug": "shared", "name": "Shared"}).status_code == 201
    join(ada, "shared", ben, "ben", "viewer")
    here = {"X-CCR-Workspace": "shared"}
    for name in ("a", "b"):
        assert ada.post("/api/configs", headers=here, json={"name": name, "base_url": BASE, "auth_token": "t"}).status_code == 201
    for _ in range(5):
        for client, name in ((ada, "a"), (ben, "b"), (ada, "b"), (ben, "a")):
            assert client.post("/api/switch", headers=here, json={"config_name": name}).status_code == 200
            assert client.get("/api/configs", headers=here).json()["current_config"] == name
    assert ada.get("/api/configs/current", headers=here).json()["name"] == "b"
    assert ben.get("/api/configs/current", headers=here).json()["name"] == "a"
    assert ada.delete("/api/workspaces/shared/members/ben").status_code == 200
    for _ in range(8):
        assert ben.get("/api/configs", headers=here).status_code == 404


def test_changes_from_outside_count(system, two):
    """By whoever writes to the database: another program, a subcommand, an administrator with psql."""
    ada, _ = two
    ensure(ada, "touched")
    before = ada.get("/api/configs/touched")
    with system.cluster.connect(user="postgres", dbname=system.database) as db:
        db.execute("UPDATE resources SET listed = jsonb_set(listed::jsonb, '{description}', '\"by hand\"')::json WHERE name = 'touched'")
    deadline = time.monotonic() + 25  # doubt ends hits after 30 s
    while ada.get("/api/configs/touched", headers={"If-None-Match": before.headers["ETag"]}).status_code == 304:
        assert time.monotonic() < deadline, "PostgreSQL's notification never arrived"
    for _ in range(8):
        assert ada.get("/api/configs/touched").json()["description"] == "by hand"


def test_truncate_counts(system):
    """TRUNCATE names no rows: every workspace may have lost some."""
    clients = [system.client("ada"), system.client("ben")]
    for client in clients:
        ensure(client, "emptied")
    tags = [client.get("/api/configs").headers["ETag"] for client in clients]
    with system.cluster.connect(user="postgres", dbname=system.database) as db:
        before = dict(db.execute("SELECT workspace_id, generation FROM workspace_generations").fetchall())
        db.execute("TRUNCATE resources CASCADE")
        after = dict(db.execute("SELECT workspace_id, generation FROM workspace_generations").fetchall())
        assert {workspace.int for workspace in before if before[workspace] == after[workspace]} == {0}, "only the site's stays"
        assert db.execute("SELECT count(*) FROM generation_changes").fetchone() == (0,)
    deadline = time.monotonic() + 25  # doubt ends hits after 30 s
    while any(client.get("/api/configs", headers={"If-None-Match": tag}).status_code == 304 for client, tag in zip(clients, tags)):
        assert time.monotonic() < deadline, "PostgreSQL's notification never arrived"
    for client, tag in zip(clients, tags):
        for _ in range(8):
            assert names(client.get("/api/configs")) == set()
            assert client.get("/api/configs", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("table", ["sessions", "access_tokens", "memberships", "workspaces", "users"])
def test_truncate_of_who_may_do_what_counts(fresh_stack, table):
    """By the program's own role, which row-level security holds."""
    system = fresh_stack(MAX_CONNECTIONS=1)
    ada = system.client("ada")
    if table == "access_tokens":
        ada.token = ada.post("/api/tokens", json={"name": "t", "scopes": ["read"]}).data["token"]
    assert ada.get("/api/configs").status_code == 200
    with system.db() as db:
        db.execute(f"TRUNCATE {table} CASCADE")
    deadline = time.monotonic() + 25  # doubt ends hits after 30 s
    while ada.get("/api/configs").status_code == 200:
        assert time.monotonic() < deadline, "PostgreSQL's notification never arrived"
    with system.cluster.connect(user="postgres", dbname=system.database) as db:
        assert db.execute("SELECT count(*) FROM generation_changes").fetchone() == (0,)


def test_a_transaction_that_failed_changes_no_generation(system, two):
    ada, _ = two
    ensure(ada, "kept")
    tag = ada.get("/api/configs").headers["ETag"]
    refused = ada.post("/api/configs", json={"name": "kept", "base_url": BASE, "auth_token": "t"})
    assert refused.status_code == 409 and HEADER not in refused.headers
    assert ada.get("/api/configs", headers={"If-None-Match": tag}).status_code == 304
    with system.db() as db:
        assert db.execute("SELECT count(*) FROM generation_changes").fetchone() == (0,)


def test_generations_grow_in_the_order_of_commits(system, two):
    """Of two transactions at once, the one that commits last has the higher number, whichever wrote first."""
    ada, _ = two
    ensure(ada, "slow")
    with system.db() as first, system.db() as second:
        with system.cluster.connect(user="postgres", dbname=system.database) as db:
            workspace = db.execute("SELECT workspace_id FROM resources WHERE name = 'slow'").fetchone()[0]
            number = "SELECT generation FROM workspace_generations WHERE workspace_id = %s"
            for connection in (first, second):
                connection.execute("SELECT set_config('ccr.workspace', %s, false)", (str(workspace),))
            first.execute("BEGIN")
            first.execute("UPDATE resources SET listed = jsonb_set(listed::jsonb, '{description}', '\"first\"')::json WHERE name = 'slow'")
            second.execute("INSERT INTO audit_log (workspace_id, actor, action) VALUES (%s, 'x', 'x')", (workspace,))
            between = db.execute(number, (workspace,)).fetchone()[0]
            first.execute("COMMIT")
            assert db.execute(number, (workspace,)).fetchone()[0] > between


def test_a_database_that_went_back_is_believed(system, two):
    """As after a backup was restored: generations are lower than what the workers know."""
    ada, _ = two
    ensure(ada, "restored")
    describe(ada, "restored", "new")
    tag = ada.get("/api/configs/restored").headers["ETag"]
    with system.cluster.connect(user="postgres", dbname=system.database) as db:
        db.execute("ALTER TABLE resources DISABLE TRIGGER USER")
        db.execute("UPDATE resources SET listed = jsonb_set(listed::jsonb, '{description}', '\"old\"')::json WHERE name = 'restored'")
        db.execute("UPDATE workspace_generations SET generation = generation - 1000000")
        db.execute("ALTER TABLE resources ENABLE TRIGGER USER")
        db.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'ccr' AND datname = %s",
                   (system.database,))
    wait_until("they are connected again", lambda: ada.get("/api/configs/restored").status_code == 200)
    for _ in range(12):
        assert ada.get("/api/configs/restored", headers={"If-None-Match": tag}).json()["description"] == "old"


@pytest.mark.parametrize("known", ['x"{}"', '"{}', '{}"', 'W/x"{}"'])
def test_only_tags_are_tags(two, known):
    ada, _ = two
    ensure(ada, "kept")
    tag = ada.get("/api/configs/kept").headers["ETag"].strip('"')
    answer = ada.get("/api/configs/kept", headers={"If-None-Match": known.format(tag)})
    assert answer.status_code == 200 and len(answer.raw.headers.getlist("ETag")) == 1


# ---- what clients say they have seen ----

def test_whoever_ends_no_session_changes_nobodys_generation(system, two):
    answer = system.client().post("/api/auth/logout")
    assert answer.status_code == 200 and HEADER not in answer.headers


def test_whoever_logs_out_still_knows_what_he_wrote(system):
    client = system.client("leaving")
    written = client.post("/api/configs", json={"name": "a", "base_url": BASE, "auth_token": "t"}).headers[HEADER]
    assert "_" not in written
    answer = client.post("/api/auth/logout", json={"refresh_token": client.refresh_token}, headers={HEADER: written})
    told = answer.headers[HEADER].split("_")
    assert answer.status_code == 200 and written in told and len(told) == 2


def test_the_newest_writes_are_told(two):
    """In more workspaces than fit: the last ones count."""
    ada, _ = two
    for number in range(7):
        slug = f"many-{number}"
        assert ada.post("/api/workspaces", json={"slug": slug, "name": slug}).status_code == 201
        answer = ada.post("/api/configs", headers={"X-CCR-Workspace": slug},
                          json={"name": "a", "base_url": BASE, "auth_token": "t"})
        told = [entry.split(".") for entry in answer.headers[HEADER].split("_")]
        generations = [int(generation) for _, generation in told]
        assert len(told) <= 4 and len({workspace for workspace, _ in told}) == len(told)
        read = ada.get("/api/configs", headers={"X-CCR-Workspace": slug})
        assert max(generations) == int(read.headers["ETag"].split("-")[1])


@pytest.mark.parametrize("seen", ["", "x", "_", ".", "0.0", "00000000-0000-0000-0000-000000000000.", "a" * 5000,
                                  "00000000-0000-0000-0000-000000000000.9223372036854775807",
                                  "00000000-0000-0000-0000-000000000000.99999999999999999999", "_".join(["x.1"] * 300)])
def test_nonsense_does_no_harm(two, seen):
    ada, _ = two
    ensure(ada, "kept")
    for headers in ({HEADER: seen}, {"Cookie": f"ccr_generation={seen}"}):
        assert ada.get("/api/configs/kept", headers=headers).json()["name"] == "kept"
        assert ada.get("/api/configs").status_code == 200


def test_a_number_from_the_future_does_not_stay(two):
    """Whoever claims to have seen more than there is makes the backend look, and learns nothing by it."""
    ada, ben = two
    ensure(ada, "kept")
    workspace = describe(ada, "kept", "x").headers[HEADER].partition(".")[0]
    tag = ada.get("/api/configs/kept").headers["ETag"]
    for client in (ada, ben):
        assert client.get("/api/configs", headers={HEADER: f"{workspace}.9000000000000000000"}).status_code == 200
    assert ada.get("/api/configs/kept", headers={"If-None-Match": tag}).status_code == 304
    describe(ada, "kept", "y")
    assert ada.get("/api/configs/kept").json()["description"] == "y"


def test_the_cookie(two):
    ada, _ = two
    ensure(ada, "kept")
    answer = describe(ada, "kept", "cookie")
    line = [line for line in answer.raw.headers.getlist("Set-Cookie") if line.startswith("ccr_generation=")][0]
    assert line.partition("; ")[0] == f"ccr_generation={answer.headers[HEADER]}"
    assert set(line.split("; ")[1:]) == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=60"}


# ---- two backends ----

class Writer(threading.Thread):
    """Writes on one backend after the other; `done` is what its last answer said: (revision, generation)."""

    def __init__(self, clients, name, writes):
        super().__init__()
        self.clients, self.name_, self.writes = clients, name, writes
        self.done = (1, None)
        self.failure = None

    def run(self):
        try:
            for number in range(self.writes):
                answer = describe(self.clients[number % 2], self.name_, f"number {number}")
                self.done = (int(answer.headers["ETag"].strip('"')), answer.headers[HEADER])
        except Exception as failure:
            self.failure = failure


class Reader(threading.Thread):
    """Whatever it reads is at least as new as what the writer had been told before the read began."""

    def __init__(self, stack, token, path, pick, writer):
        super().__init__()
        self.asker = Asker(("127.0.0.1", stack.nginx.port), path, {"Authorization": f"Bearer {token}"}, timeout=30)
        self.pick, self.writer = pick, writer
        self.reads, self.failure, self.known = 0, None, {}

    def read(self):
        revision, generation = self.writer.done
        headers = {HEADER: generation} if generation else {}
        if self.known:
            headers["If-None-Match"] = self.known["tag"]
        answer = self.asker.get(**headers)
        assert answer.status in (200, 304), answer.body
        if answer.status == 200:
            self.known = {"tag": answer.getheader("ETag"), "revision": self.pick(json.loads(answer.body))}
        assert self.known["revision"] >= revision, f"{self.asker.path}: {self.known['revision']} after {revision} was written"
        self.reads += 1

    def run(self):
        try:
            while self.writer.is_alive():
                self.read()
            self.read()
            assert self.known["revision"] == self.writer.done[0]
        except Exception as failure:
            self.failure = failure
        self.asker.close()


def test_readers_are_never_behind_the_writer(pair):
    first, second = pair
    first.client("ada")
    second.passwords = first.passwords
    clients = [first.client("ada"), second.client("ada")]
    ensure(clients[0], "watched")
    writer = Writer([first.client("ada"), second.client("ada")], "watched", 100)
    paths = [("/api/configs/watched", lambda body: body["revision"]),
             ("/api/configs", lambda body: next(c["revision"] for c in body["configs"] if c["name"] == "watched"))]
    readers = []
    for number in range(200):
        readers.append(Reader(pair[number % 2], clients[number % 2].token, *paths[number // 2 % 2], writer))
    writer.start()
    for reader in readers:
        reader.start()
    for thread in [writer, *readers]:
        thread.join()
    assert writer.failure is None
    assert [reader.failure for reader in readers if reader.failure] == []
    assert sum(reader.reads for reader in readers) > 500


def test_a_browser_reads_its_own_writes_everywhere(pair):
    """With nothing but the cookies it was given: profiles, the platform in use, the workspace in use."""
    first, second = pair
    first.client("ada")
    second.passwords = first.passwords
    here, there = first.client("ada"), second.client("ada")
    there.session = here.session  # one cookie jar: it sends cookies to both
    ensure(here, "mine")
    for number in range(60):
        describe(here if number % 2 else there, "mine", f"number {number}")
        assert (there if number % 2 else here).get("/api/configs/mine").json()["description"] == f"number {number}"
    for slug in ("one", "two"):
        assert here.post("/api/workspaces", json={"slug": slug, "name": slug}).status_code in (201, 409)
    for number in range(20):
        slug = ("one", "two")[number % 2]
        assert here.post(f"/api/workspaces/{slug}/switch").status_code == 200
        assert there.get("/api/auth/me").data["workspace"]["slug"] == slug
    assert here.post("/api/workspaces/ada/switch").status_code in (200, 404)


def test_others_hear_of_it_soon(pair):
    first, second = pair
    first.client("ada")
    second.passwords = first.passwords
    here, there = first.client("ada"), second.client("ada")
    ensure(here, "news")
    for number in range(20):
        describe(here, "news", f"number {number}")
        deadline = time.monotonic() + 25  # doubt ends hits after 30 s
        while there.session.get(f"{there.url}/api/configs/news", headers={"Authorization": f"Bearer {there.token}"}
                                ).json()["description"] != f"number {number}":
            assert time.monotonic() < deadline, "the other backend never heard"


@pytest.mark.parametrize("pair", ["Redis too"], indirect=True)
def test_what_one_backend_computed_the_other_finds_in_redis(pair, redis):
    first, second = pair
    first.client("ada")
    second.passwords = first.passwords
    here, there = first.client("ada"), second.client("ada")
    ensure(here, "shared")
    redis.tell("FLUSHALL")
    body = here.get("/api/configs/shared").content
    kept = redis.tell("KEYS ccr:answer:*")
    assert kept.startswith("*1"), kept
    assert there.get("/api/configs/shared").content == body
    for number in range(5):
        assert here.get(f"/api/configs/shared?nobody-reads-this={number}").content == body
    assert redis.tell("KEYS ccr:answer:*") == kept
    name = kept.split("\r\n")[2]
    redis.tell("APPEND", name, "tail")  # whoever can write there can lie: but not under another's key
    value = redis.tell("GET", name)
    assert here.user["id"] in value and "/api/configs/shared" in value


def test_without_redis_everything_works(fresh_stack, workdir):
    server = Redis(workdir).start()
    system = fresh_stack(MAX_CONNECTIONS=3, REDIS_URL=server.url)
    ada = system.client("ada")
    create(ada, "kept")
    for change in (server.stop, server.start, server.pause, server.resume, server.stop):
        change()
        for number in range(12):
            describe(ada, "kept", f"number {number}")
            assert ada.get("/api/configs/kept").json()["description"] == f"number {number}"
    server.stop()


def test_without_a_cache_tags_still_count(fresh_stack):
    system = fresh_stack(MAX_CONNECTIONS=2, CACHE_SIZE=0)
    ada = system.client("ada")
    create(ada, "kept")
    tag = ada.get("/api/configs").headers["ETag"]
    assert ada.get("/api/configs", headers={"If-None-Match": tag}).status_code == 304
    describe(ada, "kept", "new")
    assert ada.get("/api/configs", headers={"If-None-Match": tag}).status_code == 200


def test_the_database_itself_keeps_others_from_other_generations(system):
    with system.db() as db:
        assert db.execute("SELECT count(*) FROM workspace_generations").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("INSERT INTO workspace_generations VALUES (gen_random_uuid(), 1)")
