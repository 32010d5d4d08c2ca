"""Updates, restarts and reloads under load: scripts/update.sh with a socket that somebody else keeps open."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from operations import ROOT, USER, Load16, new_folder, operated, wait_until
from stack import BINARY

UPDATES = 20
WORKERS = 4


@pytest.fixture(scope="module")
def system():
    with operated(MAX_CONNECTIONS=WORKERS) as stack:
        admin = stack.client("admin")
        assert admin.post("/api/configs", json={"name": "relay", "base_url": "https://relay.example.com",
                                                "auth_token": "sk-test-0123456789"}).status_code == 201
        stack.token = admin.post("/api/tokens", json={"name": "load", "scopes": ["read"]}).data["token"]
        stack.made = new_folder(stack.folder, "made")
        first = update(stack, variant(stack, "first"))
        assert first.returncode == 0, first.stderr
        assert f"{stack.backend.link} is a link to" in first.stdout
        yield stack


@pytest.fixture
def show(capsys):
    def line(text):
        with capsys.disabled():
            print(f"\n  {text}", end="")
    return line


def variant(system, name):
    """The same program, but another file: bytes behind an ELF file's end mean nothing."""
    path = system.made / name
    shutil.copy2(BINARY, path)
    with open(path, "ab") as out:
        out.write(name.encode())
    path.chmod(0o755)
    return path


def wrapped(system, name, serve):
    """A program that does as the real one, but for `serve`: that runs the given shell lines."""
    path = system.made / name
    path.write_text(f'#!/bin/sh\n# {name}\nreal={system.cli.binary}\nif [ "$1" = serve ]; then\n{serve}\nfi\nexec "$real" "$@"\n')
    path.chmod(0o755)
    return path


def update(system, *arguments, **environment):
    backend = system.backend
    options = ["--program", backend.link, "--versions", system.folder / "versions", "--env-file", system.cli.env_file, "--socket",
               backend.socket, "--health-timeout", "30", "--settle", "0"]
    return backend.run(backend.tools / "update.sh", *options, *(["--user", USER.pw_name] if USER else []), *arguments, **environment)


def running(system):
    """What the service's master was started from."""
    return os.path.basename(os.readlink(f"/proc/{system.backend.master}/exe"))


def test_twenty_updates_under_load(system, show):
    seen = set()
    with Load16(system, system.token, pause=0.006) as load:
        for number in range(UPDATES):
            done = update(system, variant(system, f"v{number}"))
            assert done.returncode == 0, done.stdout + done.stderr
            seen.add(running(system))
        load.progress(100)
    show(load.figures(f"{UPDATES} updates"))
    assert load.failures == []
    assert len(seen) == UPDATES
    assert len(list((system.folder / "versions").iterdir())) == 4  # the running one and --keep 3
    listed = update(system, "--list")
    assert [line[0] for line in listed.stdout.splitlines()] == ["*", " ", " ", " "]
    assert f"* {running(system).removeprefix('ccr-ui-backend-')}" == listed.stdout.splitlines()[0]


def test_back_to_a_kept_version_by_its_name(system):
    assert update(system, variant(system, "second")).returncode == 0
    current = running(system)
    other = update(system, "--list").stdout.splitlines()[1].strip()
    done = update(system, other)
    assert done.returncode == 0, done.stderr
    assert running(system) == f"ccr-ui-backend-{other}" != current
    again = update(system, other)
    assert (again.returncode, again.stdout.strip()) == (0, f"ccr-ui-backend-{other} runs already")


PATIENT = 15  # seconds: a good program passes its trial in them on a busy machine too, and what is waited for in vain ends soon
NOT_WAITED_OUT = 60
LIVE = '[ -n "$LISTEN_FDS" ] || exec "$real" "$@"\n'  # passes the trial
BROKEN = {
    # name: (what serve does, seconds until it must be healthy, exit status, a part of the message)
    "exits-at-once": ("exit 3", NOT_WAITED_OUT, 65, "failed its trial: it ended"),
    "no-database": ("export DATABASE_URL=postgresql://ccr@127.0.0.1:1/ccr", 2, 65, "failed its trial: it is not healthy"),
    "exits-when-live": (LIVE + "echo no luck >&2; exit 3", NOT_WAITED_OUT, 70, "the restart failed: the service did not start"),
    "never-ready": (LIVE + "exec sleep 60", NOT_WAITED_OUT, 70, "the restart failed: the service did not start"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_program_costs_no_request(system, name, show):
    serve, seconds, status, message = BROKEN[name]
    before = running(system)
    start_limit = system.cli.folder / "start-limit"
    start_limit.write_text("15" if name == "never-ready" else "60")
    with Load16(system, system.token, pause=0.002) as load:
        done = update(system, wrapped(system, name, serve), "--health-timeout", seconds)
        load.progress(100)
    show(load.figures(f"broken program ({name}), exit status {done.returncode}"))
    assert done.returncode == status, done.stdout + done.stderr
    assert message in done.stderr
    assert load.failures == []
    assert running(system) == before
    wait_until("the status is healthy", system.healthy)


def test_started_but_not_healthy_is_rolled_back(system, show):
    """It passes the trial and says that it is ready, and then answers 503 only: those are the requests that fail, none is
    dropped, and they end with the return to the old program."""
    before = running(system)
    serve = LIVE + "export DATABASE_URL=postgresql://ccr@127.0.0.1:1/ccr"
    with Load16(system, system.token, pause=0.02) as load:
        done = update(system, wrapped(system, "unhealthy", serve), "--health-timeout", PATIENT)
        end = time.monotonic()
        load.progress(100)
    show(load.figures("program that is unhealthy only when live"))
    assert done.returncode == 70, done.stdout + done.stderr
    assert "runs again" in done.stderr
    assert {outcome for _, outcome in load.failures} == {503}
    assert max(when for when, _ in load.failures) < end
    assert running(system) == before


def test_restart_that_does_nothing_is_noticed(system):
    before = running(system)
    wait_until("it runs a while", lambda: system.status()["uptime"] >= 3)
    done = update(system, variant(system, "not-started"), "--health-timeout", PATIENT, "--restart-command", "true")
    assert done.returncode == 71, done.stderr
    assert "not healthy" in done.stderr
    assert running(system) == before


def test_refused_before_anything_happens(system):
    before, versions = running(system), sorted((system.folder / "versions").iterdir())
    for arguments, status, message in [
        (["/bin/true"], 65, "does not tell its version"),
        (["9.9.9"], 65, "there is no version '9.9.9'"),
        ([system.made / "missing"], 65, "is no program"),
        ([system.made], 65, "is no program"),
        (["--bad", "x"], 64, "not an option"),
        ([], 64, "which VERSION_OR_BINARY?"),
        (["--settle", "x", "y"], 64, "not a number"),
        (["--socket", "/nonexistent", variant(system, "v")], 65, "no socket"),
        (["--env-file", "/nonexistent", variant(system, "v")], 65, "cannot look at the schema"),
    ]:
        done = update(system, *arguments)
        assert (done.returncode, message in done.stderr) == (status, True), (arguments, done.stderr)
    assert (running(system), sorted((system.folder / "versions").iterdir())) == (before, versions)


def test_dry_run_changes_nothing(system):
    before, versions = running(system), sorted((system.folder / "versions").iterdir())
    done = update(system, "--dry-run", variant(system, "dry"))
    assert done.returncode == 0, done.stderr
    assert "check-config and the trial of the new program: good" in done.stdout
    assert (running(system), sorted((system.folder / "versions").iterdir())) == (before, versions)


def test_one_update_at_a_time(system):
    with subprocess.Popen(["flock", "-F", system.folder / "versions", "sleep", "30"]) as holder:
        try:
            wait_until("the lock is held", lambda: subprocess.run(["flock", "-n", system.folder / "versions", "true"]).returncode)
            done = update(system, variant(system, "locked"))
        finally:
            holder.terminate()
    assert (done.returncode, "another update is at work" in done.stderr) == (75, True)


def test_interrupted_in_the_trial(system):
    before = running(system)
    script = [system.backend.tools / "update.sh", "--program", system.backend.link, "--versions", system.folder / "versions",
              "--env-file", system.cli.env_file, "--socket", system.backend.socket, *(["--user", USER.pw_name] if USER else []),
              wrapped(system, "slow", "exec sleep 50")]
    tmp = new_folder(system.folder, "update-tmp")
    tmp.chmod(0o755)
    process = subprocess.Popen(list(map(str, script)), env={**os.environ, "TMPDIR": str(tmp)}, stderr=subprocess.PIPE, text=True)
    wait_until("the trial runs", lambda: list(tmp.glob("*/trial-output")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert (running(system), list(tmp.iterdir())) == (before, [])


@pytest.mark.skipif(USER is None, reason="what root reads needs root")
@pytest.mark.parametrize("planted", ['ln -sf @VICTIM@ "$LOG_FILE"', 'rm -f "$LOG_FILE"; mkfifo "$LOG_FILE"'], ids=["link", "fifo"])
def test_root_reads_no_file_of_root_s_for_a_program_on_trial(system, tmp_path, planted):
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    victim.chmod(0o600)
    done = update(system, wrapped(system, "sly", planted.replace("@VICTIM@", str(victim)) + "; exit 3"))
    assert (done.returncode, "failed its trial: it ended" in done.stderr, "precious" in done.stderr) == (65, True, False), done.stderr


@pytest.fixture(scope="module")
def next_schema(system):
    """The program with one more migration, which adds a table; built from the same objects."""
    build = system.made / "build"
    build.mkdir()
    for name in ("src", "libccr.a"):
        source = BINARY.parent / name
        if not source.exists():
            pytest.skip("CCR_BINARY is not in a build folder")
        subprocess.run(["cp", "-a", source, build], check=True)
    migrations = system.made / "migrations"
    shutil.copytree(ROOT / "sql" / "migrations", migrations)
    number = len(list(migrations.glob("*.up.sql"))) + 1
    (migrations / f"{number:04}_notes.up.sql").write_text("CREATE TABLE notes (id integer PRIMARY KEY);\n")
    (migrations / f"{number:04}_notes.down.sql").write_text("DROP TABLE notes;\n")
    files = " ".join(map(str, sorted(migrations.iterdir())))
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={build}", f"MIGRATIONS={files}", f"{build}/ccr-ui-backend"], check=True,
                   timeout=200, capture_output=True)
    made = build / "ccr-ui-backend"
    made.chmod(0o755)
    return made


def has_notes(system):
    with system.db() as connection:
        return connection.execute("SELECT to_regclass('notes') IS NOT NULL").fetchone()[0]


def test_migration_with_an_update_that_fails_is_undone(system, next_schema, show):
    before = running(system)
    wrapper = system.made / "migrating"
    real = system.cli.folder / "next"
    shutil.copy2(next_schema, real)
    wrapper.write_text(f'#!/bin/sh\nif [ "$1" = serve ] && [ -n "$LISTEN_FDS" ]; then exit 3; fi\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    dry = update(system, "--dry-run", wrapper)
    assert (dry.returncode, "would apply 1 migrations" in dry.stdout, has_notes(system)) == (0, True, False)
    with Load16(system, system.token, pause=0.002) as load:
        done = update(system, wrapper)
        load.progress(100)
    show(load.figures("broken program with a migration"))
    assert done.returncode == 70, done.stdout + done.stderr
    assert "undoing 1 migrations" in done.stdout
    assert (load.failures, has_notes(system), running(system)) == ([], False, before)


def test_migration_with_an_update(system, next_schema, show):
    backups = new_folder(system.folder, "backups")
    with Load16(system, system.token, pause=0.002) as load:
        done = update(system, "--backup-directory", backups, next_schema)
        load.progress(100)
    show(load.figures("update with a migration and a backup"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (load.failures, has_notes(system)) == ([], True)
    assert len(list(backups.glob("*.dump"))) == 1
    older = update(system, variant(system, "older"))
    assert (older.returncode, "1 migrations newer than that program" in older.stderr) == (65, True)


def test_restarts_under_load(system, show):
    with Load16(system, system.token) as load:
        for _ in range(5):
            before = system.backend.master
            system.backend.systemctl("restart", "ccr-ui-backend.service")
            assert system.backend.master != before
            load.progress(50)
    show(load.figures("5 restarts"))
    assert load.failures == []


def test_reloads_under_load(system, show):
    with Load16(system, system.token) as load:
        for _ in range(3):
            before = set(system.backend.workers())
            assert len(before) == WORKERS
            system.backend.systemctl("kill", "--signal=HUP", "ccr-ui-backend.service")
            wait_until("every worker was replaced", lambda: not before & set(system.backend.workers()) and
                       len(system.backend.workers()) == WORKERS)
            load.progress(50)
    show(load.figures("3 reloads"))
    assert load.failures == []
    assert system.status()["workers"]["restarts"] == 0
