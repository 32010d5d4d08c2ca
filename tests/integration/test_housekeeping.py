"""What is past its time is removed: each job of housekeeping, what it leaves alone, and whom it disturbs."""

import contextlib
import ctypes
import ctypes.util
import json
import os
import re
import signal
import subprocess
import time
import uuid

import psycopg
import pytest

from stack import ROOT, Client, Host, Stack, as_user, clean_environment, new_folder, table_locked, wait_for_blocked, wait_until
from test_metrics import page, total

DAY = 86400


@contextlib.contextmanager
def everything(stack):
    """A connection that sees every workspace."""
    with stack.db() as connection:
        connection.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        yield connection


def once(stack, *options, **settings):
    """Rows that each job removed, of `housekeeping --once`."""
    result = stack.cli.run("housekeeping", "--once", "--json", *options, timeout=240, environment={k: str(v) for k, v in settings.items()})
    assert result.returncode == 0, result.stderr
    return {row["job"]: row["rows"] for row in map(json.loads, result.stdout.splitlines())}


def keys(connection, query, *arguments):
    return {str(row[0]) for row in connection.execute(query, arguments)}


@pytest.fixture(scope="module")
def quiet(module_stack):
    """A system without a housekeeping process, and alice, whose things are old and new."""
    stack = module_stack()
    stack.alice = stack.client("alice")
    with everything(stack) as connection:
        stack.user = connection.execute("SELECT id FROM users WHERE username = 'alice'").fetchone()[0]
        stack.workspace = connection.execute("SELECT id FROM workspaces WHERE personal_user_id = %s", [stack.user]).fetchone()[0]
    return stack


# Each makes rows, and returns the query that lists their keys, those that are to go and those that are to stay.

def session(c, stack, expires, revoked="NULL"):
    query = (f"INSERT INTO sessions (user_id, expires_at, revoked_at) VALUES (%s, now() + interval '{expires} days',"
             f" {revoked}) RETURNING id")
    return str(c.execute(query, [stack.user]).fetchone()[0])


def sessions(c, stack):
    old = [session(c, stack, -31), session(c, stack, 20, "now() - interval '31 days'")]
    new = [session(c, stack, -29), session(c, stack, 20), session(c, stack, 20, "now() - interval '29 days'")]
    for id in old + new:
        c.execute("INSERT INTO refresh_tokens (token_hash, session_id) VALUES (%s, %s)", ["of " + id, id])
    return "SELECT id::text FROM sessions UNION SELECT token_hash FROM refresh_tokens", [*old, *("of " + id for id in old)], new


def refresh_tokens(c, stack):
    id = session(c, stack, 20)
    for name, days in (("spent long ago", 31), ("spent", 29), ("good", None)):
        c.execute("INSERT INTO refresh_tokens (token_hash, session_id, spent_at) VALUES (%s, %s, now() - make_interval(days => %s))",
                  [name, id, days])
    return "SELECT token_hash FROM refresh_tokens", ["spent long ago"], ["spent", "good"]


def access_tokens(c, stack):
    for name, days in (("expired long ago", -31), ("expired", -29), ("good", 1), ("for ever", None)):
        c.execute("INSERT INTO access_tokens (user_id, name, token_hash, scopes, expires_at)"
                  " VALUES (%s, %s, %s, 1, now() + make_interval(days => %s))", [stack.user, name, name, days])
    return "SELECT name FROM access_tokens", ["expired long ago"], ["expired", "good", "for ever"]


def login_failures(c, stack):
    for name, minutes, blocked in (("address:old", 61, -50), ("address:new", 55, -50), ("address:blocked", 61, 10)):
        c.execute("INSERT INTO login_failures (subject, failures, last_failed_at, blocked_until)"
                  " VALUES (%s, 9, now() - make_interval(mins => %s), now() + make_interval(mins => %s))", [name, minutes, blocked])
    return "SELECT subject FROM login_failures", ["address:old"], ["address:new", "address:blocked"]


def audit(c, stack):
    names = {}
    for name, days, workspace in (("old", 731, stack.workspace), ("site's old", 731, None), ("new", 729, stack.workspace)):
        names[name] = str(c.execute("INSERT INTO audit_log (workspace_id, actor, action, created_at)"
                                    " VALUES (%s, 'alice', 'profile.create', now() - make_interval(days => %s)) RETURNING id",
                                    [workspace, days]).fetchone()[0])
    return "SELECT id FROM audit_log", [names["old"], names["site's old"]], [names["new"]]


def old_and_new_revisions(add):
    """add(name, revision, days, platform). What goes and what stays, as "platform name revision"."""
    for revision in range(1, 81):
        add("a/b", revision, 400 if revision <= 60 else 10)
        add("of two platforms", revision, 400)
        add("of two platforms", revision, 400, "gemini")
    for revision in range(1, 31):
        add("few", revision, 400)
    for revision in range(100, 200, 2):  # fifty with gaps, and one more
        add("gaps", revision, 400)
    add("gaps", 7, 400)
    for number in range(450):  # more names than one batch looks at, of each only one
        add(f"n{number:03}", 1, 400)
    gone = [f"codex a/b {r}" for r in range(1, 31)] + ["codex gaps 7"]
    gone += [f"{p} of two platforms {r}" for p in ("codex", "gemini") for r in range(1, 31)]
    kept = [f"codex a/b {r}" for r in range(31, 81)] + [f"codex few {r}" for r in range(1, 31)]
    kept += [f"{p} of two platforms {r}" for p in ("codex", "gemini") for r in range(31, 81)]
    kept += [f"codex gaps {r}" for r in range(100, 200, 2)] + [f"codex n{n:03} 1" for n in range(450)]
    return gone, kept


def revisions(c, stack):
    """Two kinds have the same names; the longest name there is stands between them."""
    def add(name, revision, days, platform="codex", kind="agent"):
        c.execute("INSERT INTO resource_revisions (workspace_id, kind, platform, name, revision, resource_id, operation, actor, enabled,"
                  " listed, created_at) VALUES (%s, %s, %s, %s, %s, gen_random_uuid(), 'update', 'alice', true, '{}',"
                  " now() - make_interval(days => %s))", [stack.workspace, kind, platform, name, revision, days])

    def add_to_both(name, revision, days, platform="codex"):
        add(name, revision, days, platform)
        add(name, revision, days, platform, "prompt")

    gone, kept = old_and_new_revisions(add_to_both)
    longest = '"' * 300
    for revision in range(1, 61):
        add(longest, revision, 400, "gemini", "mcp_server")
        add("𝔞" * 300, revision, 400, "gemini", "mcp_server")
    query = "SELECT kind || ' ' || platform || ' ' || name || ' ' || revision FROM resource_revisions"
    gone, kept = ([f"{kind} {key}" for kind in ("agent", "prompt") for key in keys] for keys in (gone, kept))
    for name in (longest, "𝔞" * 300):
        gone += [f"mcp_server gemini {name} {r}" for r in range(1, 11)]
        kept += [f"mcp_server gemini {name} {r}" for r in range(11, 61)]
    return query, gone, kept


def commands(c, stack):
    ids = [str(c.execute("INSERT INTO command_runs (workspace_id, user_id, command, args, exit_code, duration_ms, created_at)"
                         " VALUES (%s, %s, 'list', '[]', 0, 1, now() - make_interval(days => %s)) RETURNING id",
                         [stack.workspace, stack.user, days]).fetchone()[0]) for days in (91, 89)]
    return "SELECT id FROM command_runs", ids[:1], ids[1:]


def ui_history(c, stack):
    ids = [str(c.execute("INSERT INTO ui_history (workspace_id, user_id, command, args, success, duration_ms, created_at)"
                         " VALUES (%s, %s, 'list', '[]', true, 1, now() - make_interval(days => %s)) RETURNING id",
                         [stack.workspace, stack.user, days]).fetchone()[0]) for days in (91, 89)]
    return "SELECT id FROM ui_history", ids[:1], ids[1:]


def backups(c, stack):
    def add(platform, days):
        return str(c.execute("INSERT INTO backups (workspace_id, platform, content, profiles, size_bytes, actor, created_at)"
                             " VALUES (%s, %s, 'sealed', 1, 1, 'alice', now() - make_interval(days => %s)) RETURNING id",
                             [stack.workspace, platform, days]).fetchone()[0])

    many = [add("codex", 500 + number) for number in range(25)]  # the newest first
    few, new = [add("gemini", 900 + number) for number in range(3)], [add("qwen", 300) for _ in range(22)]
    return "SELECT id FROM backups", many[20:], many[:20] + few + new


def generations(c, stack):
    gone, young = str(uuid.uuid4()), str(uuid.uuid4())
    for workspace, days in ((gone, 8), (young, 6)):
        c.execute("INSERT INTO workspace_generations VALUES (%s, (extract(epoch FROM now() - make_interval(days => %s)) * 1000000)"
                  "::bigint)", [workspace, days])
    c.execute("UPDATE workspace_generations SET generation = 1 WHERE workspace_id = %s", [stack.workspace])
    site = "00000000-0000-0000-0000-000000000000"
    return "SELECT workspace_id FROM workspace_generations", [gone], [young, str(stack.workspace), site]


def invitations(c, stack):
    def add(name, days):
        return str(c.execute("INSERT INTO workspace_invitations (workspace_id, username, role, inviter, workspace_slug, workspace_name,"
                             " expires_at) VALUES (%s, %s, 'viewer', 'alice', 's', 'S', now() + make_interval(days => %s)) RETURNING id",
                             [stack.workspace, name, days]).fetchone()[0])

    return "SELECT id FROM workspace_invitations", [add("old", -1)], [add("open", 1)]


def webhook_deliveries(c, stack):
    webhook = c.execute("INSERT INTO webhooks (workspace_id, name, kind, sealed, shown_url) VALUES (%s, 'chat', 'plain', '', '') RETURNING id",
                        [stack.workspace]).fetchone()[0]

    def add(days, next_at="NULL"):
        return str(c.execute(f"INSERT INTO webhook_deliveries (workspace_id, webhook_id, facts, created_at, next_at)"
                             f" VALUES (%s, %s, '{{}}', now() - make_interval(days => %s), {next_at}) RETURNING id", [stack.workspace, webhook, days]).fetchone()[0])
    return "SELECT id FROM webhook_deliveries", [add(31)], [add(29), add(31, "now() + interval '1 hour'")]


CASES = {case.__name__: case for case in (sessions, refresh_tokens, access_tokens, login_failures, invitations, audit, revisions,
                                          commands, ui_history, backups, generations, webhook_deliveries)}


def jobs(stack):
    return json.loads(stack.cli.run("housekeeping", "--list", "--json", check=True).stdout)


def test_every_job_has_a_case(quiet):
    assert {job["job"] for job in jobs(quiet)} == {
        *CASES, "seal", "prices", "usage_prices", "usage_calls", "usage_workspaces", "budgets", "webhooks"}, \
        "the others are in test_secrets.py, test_prices.py, test_usage_kept.py, test_budgets.py"


def test_every_job_is_explained(quiet):
    explained = (ROOT / "docs" / "operations.md").read_text()
    for job in jobs(quiet):
        assert f"| `{job['job']}` |" in explained
        assert job["retention"] is None or f"`{job['retention']}`" in explained


@pytest.mark.parametrize("name", CASES)
def test_what_is_past_its_time_goes_and_the_rest_stays(quiet, name):
    with everything(quiet) as connection:
        query, gone, kept = CASES[name](connection, quiet)
        gone, kept, before = set(gone), set(kept), keys(connection, query)
        assert gone | kept <= before
        retention = next(job["retention"] for job in jobs(quiet) if job["job"] == name)
        if retention:
            assert once(quiet, "--job", name, **{retention: 0}) == {name: 0}
            assert keys(connection, query) == before, "0 is for ever"
        removed = once(quiet, "--job", name)[name]
        assert keys(connection, query) == before - gone
        assert removed == len([key for key in gone if not key.startswith("of ")] if name == "sessions" else gone)
        assert once(quiet, "--job", name) == {name: 0}
        row = connection.execute("SELECT removed, total, failures, succeeded_at > now() - interval '1 minute'"
                                 " FROM housekeeping_jobs WHERE job = %s", [name]).fetchone()
        assert row == (0, removed, 0, True)


def test_refresh_tokens_stay_as_long_as_a_copy_may_turn_up(quiet):
    with everything(quiet) as connection:
        id = session(connection, quiet, 20)
        connection.execute("INSERT INTO refresh_tokens (token_hash, session_id, spent_at) VALUES ('copied', %s, now() - interval '5 days')",
                           [id])
        once(quiet, "--job", "refresh_tokens", TOKEN_RETENTION=1, REFRESH_TOKEN_TTL=6 * DAY)
        assert "copied" in keys(connection, "SELECT token_hash FROM refresh_tokens")
        once(quiet, "--job", "refresh_tokens", TOKEN_RETENTION=1, REFRESH_TOKEN_TTL=4 * DAY)
        assert "copied" not in keys(connection, "SELECT token_hash FROM refresh_tokens")


def numbers(connection):
    return dict(connection.execute("SELECT workspace_id::text, generation FROM workspace_generations").fetchall())


def test_what_nobody_sees_wakes_nobody(quiet):
    """Ended sessions and expired tokens gave no rights any more; an answer that shows a removed row is out of date."""
    site = "00000000-0000-0000-0000-000000000000"
    with everything(quiet) as connection:
        once(quiet)
        before = numbers(connection)
        _, ended, _ = sessions(connection, quiet)
        connection.execute("INSERT INTO refresh_tokens (token_hash, session_id, spent_at) VALUES ('past', %s, now() - interval '40 days')",
                           [session(connection, quiet, 20)])
        connection.execute("INSERT INTO login_failures VALUES ('address:past', 1, now() - interval '2 days', now() - interval '2 days')")
        connection.execute("INSERT INTO access_tokens (user_id, name, token_hash, scopes, expires_at)"
                           " VALUES (%s, 'past', 'past', 1, now() - interval '40 days')", [quiet.user])
        done = once(quiet)
        assert done["sessions"] == len([key for key in ended if not key.startswith("of ")])
        assert done["refresh_tokens"] == done["login_failures"] == done["access_tokens"] == 1
        assert numbers(connection) == before
        connection.execute("INSERT INTO access_tokens (user_id, name, token_hash, scopes) VALUES (%s, 'of use', 'of use', 1)", [quiet.user])
        connection.execute("DELETE FROM access_tokens WHERE name = 'of use'")
        assert numbers(connection)[site] > before[site], "one that was good is news"
        before = numbers(connection)
        commands(connection, quiet)
        after_insert = numbers(connection)
        once(quiet)
        workspace = str(quiet.workspace)
        assert numbers(connection)[workspace] > after_insert[workspace] > before[workspace]
        assert {w: g for w, g in numbers(connection).items() if w != workspace} == {w: g for w, g in before.items() if w != workspace}


def test_a_session_with_thousands_of_tokens_goes_in_steps(quiet):
    with everything(quiet) as connection:
        id = session(connection, quiet, -40)
        connection.execute("INSERT INTO refresh_tokens (token_hash, session_id) SELECT 'many ' || n, %s FROM generate_series(1, 3500) n",
                           [id])
        assert once(quiet, "--job", "sessions")["sessions"] == 1
        assert connection.execute("SELECT count(*) FROM refresh_tokens WHERE session_id = %s", [id]).fetchone() == (0,)


def test_a_locked_row_is_left_for_the_next_time(quiet):
    with everything(quiet) as connection, everything(quiet) as holder:
        first, second = session(connection, quiet, -40), session(connection, quiet, -40)
        with holder.transaction():
            holder.execute("SELECT 1 FROM sessions WHERE id = %s FOR UPDATE", [first])
            assert once(quiet, "--job", "sessions") == {"sessions": 1}
            assert keys(connection, "SELECT id FROM sessions") >= {first} and second not in keys(connection, "SELECT id FROM sessions")
        assert once(quiet, "--job", "sessions") == {"sessions": 1}


def test_only_one_process_does_it(quiet):
    with quiet.db() as holder:
        holder.execute("SELECT pg_advisory_lock(7161693625321354085)")
        result = quiet.cli.run("housekeeping", "--once")
    assert (result.returncode, result.stdout) == (0, "")
    assert "another process does the housekeeping" in result.stderr


def test_what_fails_is_told_and_the_others_are_done(quiet):
    with everything(quiet) as connection, quiet.cluster.connect(user="postgres", dbname=quiet.database) as owner:
        owner.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$")
        owner.execute("CREATE TRIGGER refuse BEFORE DELETE ON command_runs FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            commands(connection, quiet)
            connection.execute("DELETE FROM login_failures")
            login_failures(connection, quiet)
            result = quiet.cli.run("housekeeping", "--once")
        finally:
            owner.execute("DROP TRIGGER refuse ON command_runs")
            owner.execute("DROP FUNCTION refuse")
        assert result.returncode == 70 and "not today" in result.stderr
        assert "login_failures: 1 rows" in result.stdout and "commands:" not in result.stdout
        state = connection.execute("SELECT failures, failure FROM housekeeping_jobs WHERE job = 'commands'").fetchone()
        assert state == (1, "not today")
        assert once(quiet)["commands"] == 1
        state = connection.execute("SELECT failures, failure FROM housekeeping_jobs WHERE job = 'commands'").fetchone()
        assert state == (0, None)


@pytest.mark.parametrize("arguments, says", [
    ([], "--once or --list"), (["--once", "--list"], "--once or --list"), (["--once", "extra"], "usage: ccr-ui-backend housekeeping"),
    (["--list", "--job", "sessions"], "--once or --list"), (["--once", "--job", "nonsense"], "no such job")])
def test_wrong_usage(quiet, arguments, says):
    result = quiet.cli.run("housekeeping", *arguments)
    assert result.returncode == 64 and says in result.stderr


def test_without_a_database_it_says_so(make_cli):
    cli = make_cli("nowhere", CONNECTION_TIMEOUT="2")
    result = cli.run("housekeeping", "--once")
    assert result.returncode == 69 and "cannot connect to the database" in result.stderr


def cheap_hash(password):
    """Argon2id with the least work there is: hundreds of logins in a few seconds."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    out, text = ctypes.create_string_buffer(128), password.encode()
    assert sodium.sodium_init() >= 0
    assert sodium.crypto_pwhash_str_alg(out, text, ctypes.c_ulonglong(len(text)), ctypes.c_ulonglong(1), ctypes.c_size_t(8192), 2) == 0
    return out.value.decode()


def rows_read(connection, table):
    return connection.execute("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = %s", [table]).fetchone()[0]


def test_a_login_has_nothing_to_do_with_what_others_left(quiet):
    """100,000 expired sessions, and none can be removed: whoever tries inside a login fails it. Nor are they read."""
    with everything(quiet) as connection, quiet.cluster.connect(user="postgres", dbname=quiet.database) as owner:
        connection.execute("UPDATE users SET password_hash = %s WHERE id = %s", [cheap_hash("a password of alice"), quiet.user])
        connection.execute("INSERT INTO sessions (user_id, expires_at) SELECT %s, now() - interval '60 days' FROM generate_series(1, 100000)",
                           [quiet.user])
        owner.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'in a login'; END $$")
        owner.execute("CREATE TRIGGER refuse BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            client, statuses, read = quiet.client(), set(), rows_read(owner, "sessions")
            for _ in range(400):  # one login in 64 used to clear away
                statuses.add(client.post("/api/auth/login", json={"username": "alice", "password": "a password of alice"}).status_code)
            wait_until("PostgreSQL has counted", lambda: rows_read(owner, "sessions") > read)
            read = rows_read(owner, "sessions") - read
        finally:
            owner.execute("DROP TRIGGER refuse ON sessions")
            owner.execute("DROP FUNCTION refuse")
        assert statuses == {200}
        assert read < 400 * 2000, "rows, of 400 logins; a look through the table reads a hundred thousand"
        removed = once(quiet, "--job", "sessions")["sessions"]
        assert removed == 100000


# ---- from a timer -----------------------------------------------------------------------------------------------------

def cron_command():
    (line,) = [line for line in (ROOT / "deploy" / "cron" / "ccr-ui-housekeeping").read_text().splitlines() if re.match(r"\d", line)]
    fields = line.split(None, 6)
    assert fields[5] == "ccr"
    return fields[6]


def test_the_cron_line_runs(quiet):
    with everything(quiet) as connection:
        connection.execute("DELETE FROM command_runs")
        query, gone, kept = commands(connection, quiet)
        command = cron_command().replace("/usr/local/bin/ccr-ui-backend", str(quiet.cli.binary))
        command = command.replace("/etc/ccr-ui/ccr-ui.env", str(quiet.cli.env_file))
        done = subprocess.run(as_user(["sh", "-c", command]), capture_output=True, text=True, timeout=240, env=clean_environment(),
                              cwd=quiet.cli.folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "cron mails what is said"
        assert keys(connection, query) == set(kept)


def test_the_unit_runs_the_same():
    unit = (ROOT / "systemd" / "ccr-ui-housekeeping.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1)
    assert cron_command() == command + " >/dev/null"
    timer = (ROOT / "systemd" / "ccr-ui-housekeeping.timer").read_text()
    assert re.search(r"^Unit=ccr-ui-housekeeping.service$", timer, re.M)
    calendar = re.search(r"^OnCalendar=(.*)$", timer, re.M).group(1)
    assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True).returncode == 0


# ---- the process ------------------------------------------------------------------------------------------------------

@pytest.fixture
def keeper(fresh_stack):
    """keeper(prepare, settings): a system with a housekeeping process; what `prepare` makes is there before it starts."""
    def make(prepare=None, **settings):
        stack = fresh_stack(start=False, HOUSEKEEPING="on", MAX_CONNECTIONS=2, LOG_LEVEL="debug", **settings)
        stack.passwords["alice"] = "a password of alice"
        stack.cli.add_user("alice", stack.passwords["alice"])
        with everything(stack) as connection:
            stack.user = connection.execute("SELECT id FROM users WHERE username = 'alice'").fetchone()[0]
            stack.workspace = connection.execute("SELECT id FROM workspaces").fetchone()[0]
            if prepare:
                stack.query, stack.gone, stack.kept = prepare(connection, stack)
        return stack
    return make


def metrics(host):
    return page(host.client() if isinstance(host, Stack) else Client(host.url))


def leads(host):
    return total(metrics(host), "ccr_housekeeping_leads") == 1


def runs(host, job, result):
    return total(metrics(host), "ccr_housekeeping_runs_total", task=job, result=result)


def said(host, text):
    return [entry for entry in host.backend.log_entries() if entry.get("message") == text]


def are_gone(stack, connection):
    return keys(connection, stack.query).isdisjoint(stack.gone)


def test_it_runs_by_itself_and_says_what_it_did(keeper):
    stack = keeper(commands).start()
    wait_until("every job was done", lambda: all(runs(stack, name, "done") == 1 for name in CASES))
    with everything(stack) as connection:
        written = "SELECT job FROM housekeeping_jobs WHERE succeeded_at IS NOT NULL"
        wait_until("every one is written down", lambda: {job for job, in connection.execute(written)} >= set(CASES))
        assert are_gone(stack, connection) and keys(connection, stack.query) >= set(stack.kept)
        state = dict(connection.execute("SELECT job, total FROM housekeeping_jobs").fetchall())
    assert {**dict.fromkeys(CASES, 0), "commands": 1}.items() <= state.items()
    found = metrics(stack)
    assert leads(stack) and total(found, "ccr_housekeeping_rows_total") == total(found, "ccr_housekeeping_rows_total", task="commands") == 1
    assert total(found, "ccr_housekeeping_seconds_total", task="commands") > 0
    assert total(found, "ccr_housekeeping_last_success_timestamp_seconds", task="commands") > 1e9
    assert total(found, "ccr_housekeeping_interval_seconds", task="commands") == DAY
    assert [(entry["job"], entry["rows"]) for entry in said(stack, "housekeeping")] == [("commands", 1)]
    assert stack.status()["workers"]["total"] == 2 == len(stack.backend.workers()), "it is no worker"
    pid = stack.backend.housekeeper()
    assert stack.backend.stop() == 0
    wait_until("it ended with the master", lambda: not os.path.exists(f"/proc/{pid}"))
    assert not said(stack, "process died")


def test_what_was_done_lately_is_not_done_again(keeper):
    """By whatever process: here a timer."""
    stack = keeper()
    once(stack)
    with everything(stack) as connection:
        _, gone, _ = commands(connection, stack)
        connection.execute("DELETE FROM housekeeping_jobs WHERE job = 'audit'")
        stack.start()
        wait_until("the audit trail was looked at", lambda: runs(stack, "audit", "done") == 1)
        assert runs(stack, "commands", "done") == 0
        assert keys(connection, "SELECT id FROM command_runs") >= set(gone)
        assert total(metrics(stack), "ccr_housekeeping_last_success_timestamp_seconds", task="commands") > 1e9


def test_it_is_replaced_when_it_dies_and_no_worker_with_it(keeper):
    stack = keeper().start()
    wait_until("it leads", lambda: leads(stack))
    workers, first = stack.backend.workers(), stack.backend.housekeeper()
    os.kill(first, signal.SIGKILL)
    wait_until("there is another", lambda: stack.backend.housekeeper() not in (None, first))
    wait_until("which leads", lambda: len(said(stack, "housekeeping is done by this process")) == 2)
    assert stack.backend.workers() == workers
    assert stack.status()["workers"]["restarts"] == 0
    assert total(metrics(stack), "ccr_background_deaths_total") == 1
    assert said(stack, "process died")[0]["signal"] == "KILL"


def test_one_that_is_stuck_is_killed(keeper):
    stack = keeper(STATEMENT_TIMEOUT=1000, CONNECTION_TIMEOUT=2)
    stack.start()
    first = wait_until("it is there", stack.backend.housekeeper)
    os.kill(first, signal.SIGSTOP)
    wait_until("it was killed", lambda: said(stack, "process is stuck and is killed"), timeout=90)
    wait_until("there is another", lambda: stack.backend.housekeeper() not in (None, first))


def test_it_is_not_killed_for_standing_still_with_the_whole_machine(keeper):
    stack = keeper(STATEMENT_TIMEOUT=1000, CONNECTION_TIMEOUT=1).start()
    wait_until("it leads", lambda: leads(stack))
    first = stack.backend.housekeeper()
    frozen = (stack.backend.pid, *stack.backend.workers(), first)    # what freezing a container does
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(18)    # longer than it may be silent
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.2)
    wait_until("the master went on", lambda: said(stack, "everything stood still"))
    wait_until("workers answer", lambda: stack.status()["status"] == "healthy")
    assert not said(stack, "process is stuck and is killed") and stack.backend.housekeeper() == first


def test_a_reload_takes_its_settings_to_it(keeper):
    stack = keeper(commands, COMMAND_RETENTION=0).start()
    wait_until("it looked", lambda: runs(stack, "commands", "done") == 1)
    first = stack.backend.housekeeper()
    with everything(stack) as connection:
        assert not are_gone(stack, connection)
        stack.cli.write_env(COMMAND_RETENTION="90")
        stack.backend.send(signal.SIGHUP)
        wait_until("the old ones are gone", lambda: are_gone(stack, connection))
    assert stack.backend.housekeeper() not in (None, first)
    stack.cli.write_env(HOUSEKEEPING="off")
    stack.backend.send(signal.SIGHUP)
    wait_until("there is none", lambda: stack.backend.housekeeper() is None)
    assert not said(stack, "process died")


def test_of_two_hosts_one_does_it_and_the_other_takes_over(keeper, workdir, numbers):
    stack = keeper().start()
    wait_until("the first one leads", lambda: leads(stack))
    other = Host(stack, new_folder(workdir, f"host{next(numbers)}"), COMMAND_RETENTION="80")  # which makes that job due for it
    try:
        wait_until("every job was done", lambda: all(runs(stack, name, "done") == 1 for name in CASES))
        # The other one stands by: it has heard what was done, and does nothing.
        wait_until("the other one has looked", lambda: total(metrics(other), "ccr_housekeeping_last_success_timestamp_seconds",
                                                             task="audit") > 0, timeout=120)
        assert not leads(other) and runs(other, "audit", "done") == 0
        with everything(stack) as connection:
            stack.query, stack.gone, _ = commands(connection, stack)
            os.kill(stack.backend.pid, signal.SIGKILL)  # the whole host, and its processes with it
            wait_until("the other one leads", lambda: leads(other))
            wait_until("and does what is due", lambda: are_gone(stack, connection))
    finally:
        other.stop()
        stack.backend.process = None


def test_a_lock_that_somebody_holds_is_waited_for(keeper):
    stack = keeper(commands)
    with everything(stack) as connection:
        with table_locked(stack, "command_runs"):
            stack.start()
            wait_until("it gave way several times", lambda: runs(stack, "commands", "gave_way") >= 3)
            wait_until("the others were done", lambda: all(runs(stack, name, "done") for name in set(CASES) - {"commands"}))
            assert runs(stack, "commands", "done") == 0
        wait_until("it was done", lambda: runs(stack, "commands", "done") == 1)
        assert are_gone(stack, connection)
    assert total(metrics(stack), "ccr_housekeeping_runs_total", result="failed") == 0
    assert not said(stack, "housekeeping failed")


def test_a_lock_that_is_held_before_a_batch_is_no_failure(keeper):
    stack = keeper()
    with table_locked(stack, "webhook_deliveries"):
        stack.start()
        wait_until("what it has to read first is put off", lambda: runs(stack, "webhooks", "gave_way"))
    assert total(metrics(stack), "ccr_housekeeping_runs_total", result="failed") == 0
    assert not said(stack, "housekeeping failed")


def test_it_survives_an_outage_of_the_database(keeper):
    """Which it meets while it reads what to deliver."""
    stack = keeper(own_cluster=True, patient=True).start()
    wait_until("it leads", lambda: leads(stack))
    first = stack.backend.housekeeper()
    with contextlib.suppress(psycopg.OperationalError), table_locked(stack, "webhook_deliveries"):
        wait_for_blocked(stack)
        stack.cluster.stop()
    wait_until("the outage is seen", lambda: stack.status()["status"] == "unhealthy")
    stack.cluster.start()
    wait_until("it leads again", lambda: len(said(stack, "housekeeping is done by this process")) == 2)
    assert stack.backend.housekeeper() == first
    assert total(metrics(stack), "ccr_housekeeping_runs_total", result="failed") == 0


def test_the_administrator_sees_what_was_done(keeper):
    stack = keeper(commands)
    stack.start()
    wait_until("every job was done", lambda: all(runs(stack, name, "done") == 1 for name in CASES))
    answer = stack.client("admin").get("/api/system/housekeeping").data
    assert (answer["enabled"], answer["leads"]) == (True, True)
    told = {job["job"]: job for job in answer["jobs"]}
    assert told.keys() == {*CASES, "seal", "usage_prices", "usage_calls", "usage_workspaces", "budgets", "webhooks"}
    assert (told["commands"]["rows"], told["commands"]["rows_in_all"], told["commands"]["days"]) == (1, 1, 90)
    assert all(told[name]["succeeded_at"] and told[name]["failures"] == 0 for name in CASES)
    assert stack.client("alice").get("/api/system/housekeeping").status_code == 403
