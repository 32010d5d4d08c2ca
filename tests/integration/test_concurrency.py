"""Several people write to one workspace at once: what is stored is what one of them sent after the other, whoever comes in
between, and whoever has to give way is told so."""

import random
import threading
import time
import uuid

import psycopg
import pytest

from configs import (BASE, acting_in, create, everything, exported, import_text, imported, names_of,  # noqa: F401
                     new_workspace, refused)
from people import at_once
from stack import Pending, wait_until

WORKERS = 8


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(MAX_CONNECTIONS=WORKERS)


@pytest.fixture(scope="module")
def owner(system):
    return system.client("olga")


@pytest.fixture
def olga(owner):
    return acting_in(owner, new_workspace(owner))


def same(client):
    """The same user, with a connection of its own."""
    return acting_in(client, client.workspace)


def toml(names, word):
    return "".join(f'[{name}]\nbase_url = "{BASE}"\nauth_token = "sk-token-{name}-{word}"\n\n' for name in names)


def configs_of(client):
    return [(config["name"], config["auth_token"]) for config in client.get("/api/configs").json()["configs"]]


# ---- imports ----

def test_files_with_the_same_names_in_another_order(olga):
    names = [f"profile-{number:02}" for number in range(60)]
    for turn in range(8):
        one, other = toml(names, f"one{turn}"), toml(names[::-1], f"two{turn}")
        answers = at_once(lambda: import_text(same(olga), one), lambda: import_text(same(olga), other))
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text[:200] for answer in answers]
        stored = dict(configs_of(olga))
        assert set(stored) == set(names) and len(set(token[-4:] for token in stored.values())) == 1
        olga = acting_in(olga, new_workspace(olga))


def test_of_two_files_that_replace_everything_one_is_left_and_the_other_in_its_backup(olga):
    create(olga, "before")
    for turn in range(8):
        files = [toml([f"a{n}" for n in range(40)], f"{turn:03}a"), toml([f"b{n}" for n in range(40)], f"{turn:03}b")]
        answers = at_once(*[lambda text=text: import_text(same(olga), text, mode="replace") for text in files])
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text[:200] for answer in answers]
        last = 0 if names_of(olga)[0].startswith("a") else 1
        wanted = [(f"{'ab'[last]}{n}", f"sk-t...{turn:03}{'ab'[last]}") for n in range(40)]
        assert configs_of(olga) == wanted
        backup = answers[last].data["backup_id"]
        assert answers[last].data["removed"] == 40
        assert olga.post(f"/api/backups/{backup}/restore").status_code == 200
        assert configs_of(olga) == [(f"{'ba'[last]}{n}", f"sk-t...{turn:03}{'ba'[last]}") for n in range(40)]


def stand_in_the_way(system, client, pending):
    """Has what the import wants to write last, waits until the import has everything else, and then wants that. PostgreSQL ends
    one of the two: False when it was this one."""
    with everything(system) as other, other.transaction():
        other.execute("SELECT 1 FROM workspace_generations g JOIN workspaces w ON w.id = g.workspace_id WHERE w.slug = %s"
                      " FOR UPDATE OF g", (client.workspace,))
        pending.append(Pending(same(client), "POST", "/api/import", json={"content": toml(["a", "b"], "new")}))
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        with system.cluster.connect(user="postgres", dbname=system.database) as watching:
            wait_until("the import waits", lambda: watching.execute(waiting, (system.database,)).fetchone())
        try:
            other.execute("UPDATE resources p SET listed = jsonb_set(listed::jsonb, '{description}', '\"kept\"')::json FROM workspaces w WHERE w.id = p.workspace_id"
                          " AND w.slug = %s AND p.name = 'a'", (client.workspace,))
            return True
        except psycopg.errors.DeadlockDetected:
            raise psycopg.Rollback from None
    return False


def test_a_deadlock_is_tried_again(system, owner):
    """The one that waited first finds out, after a second, unless the machine was too slow to stand in its way by then."""
    for _ in range(20):
        client, pending = acting_in(owner, new_workspace(owner)), []
        imported(client, toml(["a", "b"], "old"))
        import_lost = stand_in_the_way(system, client, pending)
        answer = pending[0].result(60)
        assert answer.status_code == 200 and answer.data["updated"] == 2, answer.text
        assert dict(configs_of(client)) == {"a": "sk-t...-new", "b": "sk-t...-new"}
        if import_lost:
            break
    assert import_lost
    entries = [entry for entry in system.backend.log_entries() if entry.get("sqlstate") == "40P01"]
    assert entries and all(entry["level"] == "warn" for entry in entries)


# ---- giving way ----

def holding(system, slug):
    """A transaction in which somebody holds every profile of the workspace, and what it takes to import there."""
    connection = system.db()
    connection.execute("SELECT set_config('ccr.maintenance', 'on', false)")
    connection.execute("BEGIN")
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ccr.profile/' || id || '/claude', 0))"
                       " FROM workspaces WHERE slug = %s", (slug,))
    connection.execute("SELECT 1 FROM resources p JOIN workspaces w ON w.id = p.workspace_id WHERE w.slug = %s FOR UPDATE OF p",
                       (slug,))
    return connection


def test_small_writes_give_up_soon_and_leave_nothing(system, olga):
    create(olga, "held")
    create(olga, "other")
    writes = [("PATCH", "/api/configs/held/disable", None), ("PUT", "/api/configs/held", {"base_url": BASE, "auth_token": "x" * 20}),
              ("POST", "/api/configs", {"name": "new", "base_url": BASE, "auth_token": "x" * 20}),
              ("DELETE", "/api/configs/held", None), ("POST", "/api/switch", {"config_name": "held"}),
              ("POST", "/api/configs/held/rollback", {"revision": 1})]
    before = olga.get("/api/configs").json()
    olga.tries = 1
    with holding(system, olga.workspace):
        for method, path, body in writes:
            began = time.monotonic()
            answer = olga.request(method, path, json=body)
            print(f"{method} {path}: {time.monotonic() - began:.2f} s")
            assert "try again" in refused(answer, 409, "CONFLICT")["message"]
            assert int(answer.headers["Retry-After"]) >= 1
    assert olga.get("/api/configs").json() == before
    assert olga.patch("/api/configs/held/disable").status_code == 200


def test_an_import_waits_for_its_turn(system, olga):
    create(olga, "held")
    with holding(system, olga.workspace) as connection:
        pending = Pending(same(olga), "POST", "/api/import", json={"content": toml(["held"], "new")})
        time.sleep(1.5)    # a small write would have given up
        assert pending.outcome is None
        connection.execute("COMMIT")
    assert pending.result(60).status_code == 200


# ---- one after the other ----

class Writer:
    """Sends writes, and remembers those that were carried out."""

    def __init__(self, client, done):
        self.client, self.done = client, done

    def send(self, method, path, allowed, **options):
        request_id = f"replay-{uuid.uuid4().hex[:20]}"
        answer = self.client.request(method, path, headers={"X-Request-Id": request_id}, timeout=120, **options)
        assert answer.status_code in allowed, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code < 300:
            self.done.append((request_id, method, path, options))


def importing(writer, number, times, chance):
    for turn in range(times):
        names = chance.sample([f"p{n}" for n in range(30)], 20)
        mode = chance.choice(["merge", "replace"])
        writer.send("POST", "/api/import", {200, 409}, json={"content": toml(names, f"{number}{turn:03}"), "mode": mode})


def editing(writer, number, until, chance):
    turn = 0
    while not until.is_set():
        turn += 1
        name = f"p{chance.randrange(30)}"
        body = {"base_url": BASE, "auth_token": f"sk-token-created-{number}{turn:03}"}
        what = chance.randrange(5)
        if what == 0:
            writer.send("POST", "/api/configs", {201, 409}, json={"name": name, **body})
        elif what == 1:
            writer.send("DELETE", f"/api/configs/{name}", {200, 404, 409})    # 404: somebody else's file went without it
        elif what == 2:
            writer.send("POST", f"/api/configs/{name}/rollback", {200, 404, 409}, json={"revision": 1})
        else:
            verb = "copy" if what == 3 else "rename"
            writer.send("POST", f"/api/configs/{name}/{verb}", {200, 201, 404, 409}, json={"name": f"p{chance.randrange(40)}"})


def all_that_is_kept(system, client):
    """Everything but identifiers, times, and the seals of tokens, whose masks are in the list and the export."""
    with everything(system) as connection:
        revisions = connection.execute(
            "SELECT r.name, r.revision, r.operation, r.listed::text, r.unlisted::text FROM resource_revisions r JOIN workspaces w"
            " ON w.id = r.workspace_id WHERE w.slug = %s ORDER BY r.name, r.revision", (client.workspace,)).fetchall()
    return client.get("/api/configs").json(), exported(client), revisions


@pytest.mark.parametrize("times", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_the_end_is_that_of_one_write_after_the_other(system, owner, times):
    shared, done, over = acting_in(owner, new_workspace(owner)), [], threading.Event()
    chance = random.Random(times)
    imports = [lambda n=n: importing(Writer(same(shared), done), n, times, random.Random(chance.random())) for n in (1, 2)]
    edits = [lambda n=n: editing(Writer(same(shared), done), n, over, random.Random(chance.random())) for n in (3, 4)]

    def until_over():
        try:
            at_once(*imports)
        finally:
            over.set()

    at_once(until_over, *edits)
    with everything(system) as connection:
        order = [row[0] for row in connection.execute(
            "SELECT request_id FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id WHERE w.slug = %s"
            " AND request_id LIKE 'replay-%%' GROUP BY request_id ORDER BY min(a.created_at)", (shared.workspace,))]
    writes = {request_id: write for request_id, *write in done}
    assert set(order) == set(writes), "what was acknowledged is what left its mark"
    again = acting_in(owner, new_workspace(owner))
    for request_id in order:
        method, path, options = writes[request_id]
        answer = again.request(method, path, timeout=120, **options)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
    assert all_that_is_kept(system, shared) == all_that_is_kept(system, again)
