"""scripts/backup.sh and restore.sh: the drill, what must be refused, and what an interrupted or impossible backup leaves."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
import urllib.parse

import pytest

from operations import ROOT, USER, Load16, as_user, clean_environment, give, join, new_folder, operated, run_as_user, wait_until

# Every character that means something in a URI, a shell or a service file.
PASSWORD = "p@ss:w/rd?#% '\"\\$x&=é "
PLATFORMS = ["claude", "codex", "gemini", "qwen"]
TRACE = """#!/bin/sh
printf '%s\\n' "$0 $*" >>@TRACE@
tr '\\0' ' ' <"/proc/$PPID/cmdline" >>@TRACE@
exec /usr/bin/${0##*/} "$@"
"""


class Drill:
    """A system with something in every table that users fill."""

    def __init__(self, stack):
        self.stack, self.cluster, self.backend = stack, stack.cluster, stack.backend
        self.tools, self.env_file = stack.backend.tools, stack.cli.env_file
        self.tmp = new_folder(stack.folder, "tmp")
        self.tokens = {}

    def load(self):
        admin, alice, bob = (self.stack.client(name) for name in ("admin", "alice", "bob"))
        assert alice.post("/api/workspaces", json={"slug": "team", "name": "Team"}).status_code == 201
        join(alice, "team", bob, "bob", "editor")
        for name, client, workspace in [("admin", admin, None), ("alice", alice, None), ("bob", bob, None), ("team", bob, "team")]:
            client.workspace = workspace
            for number, platform in enumerate(PLATFORMS):
                token = f"sk-{name}-{platform}-{secrets.token_hex(8)}"
                body = {"name": f"p{number}", "base_url": "https://relay.example.com/ü", "auth_token": token, "description": "line\n\\.\nCOPY x FROM stdin;"}
                answer = client.post(f"/api/configs?platform={platform}", json=body)
                assert answer.status_code == 201, answer.text
                self.tokens[name, platform, f"p{number}"] = token
            assert client.post("/api/switch?platform=claude", json={"config_name": "p0"}).status_code == 200
            client.workspace = None
        self.token = admin.post("/api/tokens", json={"name": "load", "scopes": ["read"]}).data["token"]

    def reveal_all(self):
        """Every API token, opened through the API."""
        found = {}
        for name, platform, profile in self.tokens:
            client = self.stack.client("bob" if name == "team" else name)
            client.workspace = "team" if name == "team" else None
            answer = client.post(f"/api/configs/{profile}/reveal?platform={platform}")
            assert answer.status_code == 200, answer.text
            found[name, platform, profile] = next(value for value in answer.data.values() if str(value).startswith("sk-"))
        return found

    def admin_url(self):
        return self.cluster.url("postgres", user="postgres")

    def script(self, name, *arguments, timeout=120, **environment):
        return run_as_user([self.tools / name, *arguments], timeout=timeout, TMPDIR=str(self.tmp), **environment)

    def backup(self, directory, *arguments, **environment):
        return self.script("backup.sh", "--env-file", self.env_file, "--directory", directory, *arguments, **environment)

    def restore(self, *arguments, admin=True, **environment):
        if admin:
            environment["ADMIN_DATABASE_URL"] = self.admin_url()
        return self.script("restore.sh", "--env-file", self.env_file, "--program", self.stack.cli.binary, *arguments, **environment)

    def folder(self):
        return new_folder(self.stack.folder, f"b-{secrets.token_hex(4)}")

    def databases(self):
        with self.cluster.connect(user="postgres", dbname="postgres") as connection:
            return sorted(name for name, in connection.execute("SELECT datname FROM pg_database"))

    def print_of(self, database="ccr"):
        """{table: (rows, hash of all of them in order)}, past row-level security. When a token was used last is left out: reading changes it."""
        with self.cluster.connect(user="postgres", dbname=database) as connection:
            names = [name for name, in connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")]
            row = "(to_jsonb(t) - 'last_used_at')::text"
            return {name: connection.execute(f"SELECT count(*), md5(coalesce(string_agg({row}, E'\\n' ORDER BY {row} COLLATE \"C\"), ''))"
                                             f' FROM "{name}" t').fetchone() for name in sorted(names)}


@pytest.fixture(scope="module")
def drill():
    with operated(MAX_CONNECTIONS=4) as stack:
        made = Drill(stack)
        made.load()
        yield made


@pytest.fixture
def show(capsys):
    def line(text):
        with capsys.disabled():
            print(f"\n  {text}", end="")
    return line


@pytest.fixture(scope="module")
def dump(drill):
    folder = drill.folder()
    done = drill.backup(folder, "--json")
    assert done.returncode == 0, done.stderr
    return drill_file(folder)


@pytest.fixture(autouse=True)
def nothing_left(drill):
    yield
    assert list(drill.tmp.iterdir()) == []


def drill_file(folder):
    return next(folder.glob("*.dump"))


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


# ---- the drill ------------------------------------------------------------------------------------------------------

def test_drill_back_up_destroy_restore_compare(drill, show):
    assert drill.reveal_all() == drill.tokens
    before, folder = drill.print_of(), drill.folder()
    done = drill.backup(folder, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    # Rows as a superuser counts them: row-level security hid none of any workspace from the backup.
    assert (report["ok"], report["tables"], report["rows"]) == (True, len(before), sum(rows for rows, _ in before.values()))
    file = drill_file(folder)
    assert report["file"] == str(file) and report["bytes"] == file.stat().st_size
    assert names(folder) == [file.name, file.name + ".sha256"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert subprocess.run(["sha256sum", "--check", "--status", file.name + ".sha256"], cwd=folder).returncode == 0

    drill.cluster.drop_database("ccr")
    assert drill.stack.status()["status"] != "healthy"
    done = drill.restore(file)
    assert done.returncode == 0, done.stdout + done.stderr
    after = drill.print_of()
    assert after == before
    wait_until("the service has found the database again", drill.stack.healthy)
    assert drill.reveal_all() == drill.tokens
    show(f"drill: {report['rows']} rows in {report['tables']} tables, {report['bytes']} bytes, every table equal, "
         f"{len(drill.tokens)} sealed tokens opened")
    with drill.cluster.connect() as connection:  # row-level security holds again
        assert connection.execute("SELECT count(*) FROM resources").fetchone() == (0,)
    with drill.cluster.connect(user="postgres") as connection:
        assert connection.execute("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall() == [("ccr",)]


def test_backup_under_load(drill, show):
    folder, backups = drill.folder(), 4
    with Load16(drill.stack, drill.token) as load:
        for _ in range(backups):
            assert drill.backup(folder).returncode == 0
        load.progress(100)
    show(load.figures(f"{backups} backups"))
    assert load.failures == []
    assert len(list(folder.glob("*.dump"))) == backups


def test_restore_over_a_database_in_use_keeps_the_old_one(drill, dump, show):
    with drill.cluster.connect(user="postgres") as connection:
        connection.execute("REVOKE CONNECT ON DATABASE ccr FROM PUBLIC")
        connection.execute("ALTER DATABASE ccr SET work_mem TO '5MB'")
    client = drill.stack.client("alice")
    assert client.post("/api/configs", json={"name": "later", "base_url": "https://a.example", "auth_token": "sk-later-01234"}).status_code == 201
    changed = drill.print_of()
    with Load16(drill.stack, drill.token, pause=0.01) as load:
        done = drill.restore(dump)
        wait_until("every worker is back", lambda: len(load.outcomes) > 50 and {outcome for _, outcome in load.outcomes[-50:]} == {200})
    away = [when for when, _ in load.failures]
    show(load.figures("restore in use") + (f", 503 during {max(away) - min(away):.2f} s" if away else ""))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {outcome for _, outcome in load.failures} <= {503}
    kept = re.search(r"kept as (ccr_before_\d{8}t\d{6}z); to drop it", done.stdout).group(1)
    assert drill.print_of(kept) == changed
    answer = drill.stack.client("alice").get("/api/configs")
    assert answer.status_code == 200, answer.text
    assert "later" not in [config["name"] for config in answer.data["configs"]]
    with drill.cluster.connect() as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)
        rights = "SELECT has_database_privilege('public', datname, 'CONNECT'), datallowconn FROM pg_database WHERE datname = 'ccr'"
        assert connection.execute(rights).fetchone() == (False, True)
    assert [name for name in drill.databases() if "restore" in name] == []
    drill.cluster.drop_database(kept)


def test_dry_run_changes_nothing(drill, dump):
    before = drill.databases()
    done = drill.restore("--dry-run", dump)
    assert done.returncode == 0, done.stderr
    assert "checksum right" in done.stdout and "would rename ccr to ccr_before_" in done.stdout
    assert drill.databases() == before


def test_role_of_the_service_may_not_replace_its_database(drill, dump):
    before = drill.databases()
    done = drill.restore(dump, admin=False)
    assert (done.returncode, "set ADMIN_DATABASE_URL" in done.stderr) == (69, True)
    assert drill.databases() == before


def test_role_with_createdb_restores_without_a_superuser(drill, dump):
    with drill.cluster.connect(user="postgres") as connection:
        connection.execute("ALTER ROLE ccr CREATEDB")
    try:
        done = drill.restore(dump, admin=False)
    finally:
        with drill.cluster.connect(user="postgres") as connection:
            connection.execute("ALTER ROLE ccr NOCREATEDB")
    assert done.returncode == 0, done.stderr
    drill.cluster.drop_database(re.search(r"kept as (\S+);", done.stdout).group(1))
    wait_until("the service is back", drill.stack.healthy)


@pytest.mark.skipif(USER is None, reason="acting as postgres needs root")
def test_root_restores_as_the_system_user_postgres(drill, dump):
    folder = new_folder(drill.stack.folder, "roots-tmp")
    done = drill.backend.run(drill.tools / "restore.sh", "--env-file", drill.env_file, "--program", drill.stack.cli.binary, dump, TMPDIR=str(folder))
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    drill.cluster.drop_database(re.search(r"kept as (\S+);", done.stdout).group(1))
    wait_until("the service is back", drill.stack.healthy)


# ---- bad files ------------------------------------------------------------------------------------------------------

def damaged(drill, dump, change, checksum=True):
    path = drill.folder() / dump.name
    path.write_bytes(change(dump.read_bytes()))
    give(path)
    if checksum is None:
        return path
    shutil.copy(f"{dump}.sha256", f"{path}.sha256")
    if checksum:
        subprocess.run(f"sha256sum {path.name} > {path.name}.sha256", shell=True, cwd=path.parent, check=True)
    give(f"{path}.sha256")
    return path


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:]


@pytest.mark.parametrize("change, checksum, message", [
    (flipped, False, "its checksum differs"),
    (lambda content: content[:-1], False, "its checksum differs"),
    (lambda content: content, None, ".sha256 is missing"),
    (lambda content: content[:len(content) // 2], True, "cannot be"),
    (lambda content: b"no dump at all", True, "cannot be listed"),
], ids=["bit", "short", "no-checksum", "half", "text"])
def test_bad_file_is_refused(drill, dump, change, checksum, message):
    before, databases = drill.print_of(), drill.databases()
    done = drill.restore(damaged(drill, dump, change, checksum))
    assert (done.returncode, message in done.stderr) == (65, True), done.stderr
    assert (drill.print_of(), drill.databases()) == (before, databases)


def test_restored_schema_that_the_program_does_not_accept(drill, dump):
    """A backup of an older schema: refused, and brought up to date with --migrate."""
    drill.cluster.create_database("older", "ccr_older_template" if "ccr_older_template" in drill.databases() else None)
    cli, url = drill.stack.cli, drill.cluster.url("older")
    for action in (["up"], ["down", "1"]):
        cli.run("migrate", *action, check=True, environment={"DATABASE_URL": url})
    folder = drill.folder()
    assert drill.backup(folder, DATABASE_URL=url).returncode == 0
    file, before = drill_file(folder), drill.databases()
    done = drill.restore(file, DATABASE_URL=url)
    assert (done.returncode, "1 migration behind" in done.stderr, "--migrate" in done.stderr) == (78, True, True), done.stderr
    assert drill.databases() == before
    done = drill.restore("--migrate", file, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    cli.run("migrate", "verify", check=True, environment={"DATABASE_URL": url})
    for name in set(drill.databases()) - set(before) | {"older"}:
        drill.cluster.drop_database(name)


# ---- secrets --------------------------------------------------------------------------------------------------------

def test_no_password_on_a_command_line(drill):
    folder, trace = drill.folder(), drill.folder() / "trace"
    quoted = urllib.parse.quote(PASSWORD, safe="")
    with drill.cluster.connect(user="postgres") as connection:
        connection.execute("CREATE ROLE special LOGIN PASSWORD " + "'" + PASSWORD.replace("'", "''") + "' IN ROLE ccr")
    host = urllib.parse.quote(str(drill.cluster.folder), safe="")
    env_file = folder / "env"
    return_path = folder / "bin"
    return_path.mkdir()
    for program in ("psql", "pg_dump", "pg_restore"):
        wrapper = return_path / program
        wrapper.write_text(TRACE.replace("@TRACE@", str(trace)))
        wrapper.chmod(0o755)
    url = f"postgresql://special:{quoted}@/ccr?host={host}&application_name=x%20y&options=-c%20role%3Dccr&sslmode=prefer"
    env_file.write_text(f"# settings\nDATABASE_URL=wrong\nexport DATABASE_URL = '{url}'  # the last one counts\r\n")
    give(env_file)
    target = drill.folder()
    done = run_as_user(["bash", drill.tools / "backup.sh", "--env-file", env_file, "--directory", target], TMPDIR=str(drill.tmp),
                       PATH=f"{return_path}:{clean_environment()['PATH']}")
    assert done.returncode == 0, done.stderr
    done = run_as_user(["bash", drill.tools / "restore.sh", "--dry-run", "--env-file", env_file, "--program", drill.stack.cli.binary,
                        drill_file(target)], TMPDIR=str(drill.tmp), PATH=f"{return_path}:{clean_environment()['PATH']}",
                       ADMIN_DATABASE_URL=drill.admin_url())
    assert done.returncode == 0, done.stderr
    seen = trace.read_text()
    assert seen.count("pg_dump") >= 1 and seen.count("pg_restore") >= 3
    for secret in (PASSWORD, quoted, "p@ss", "p%40ss"):
        assert secret not in seen


@pytest.mark.parametrize("line, value", [
    ("DATABASE_URL=postgresql://a@h/d # x", "postgresql://a@h/d"), ('DATABASE_URL="postgresql://a\\$b@h/d"', "postgresql://a$b@h/d"),
    ("DATABASE_URL='postgresql://a@h/d'", "postgresql://a@h/d"), ("export  DATABASE_URL=postgresql://a#b@h/d  ", "postgresql://a#b@h/d"),
    ("DATABASE_URLS=x\nDATABASE_URL=y\nDATABASE_URL=z", "z"),
])
def test_env_file_is_read_as_the_program_reads_it(drill, line, value):
    path = drill.folder() / "env"
    path.write_text(line + "\n")
    give(path)
    done = run_as_user(["bash", "-c", '. "$1"; env_value DATABASE_URL "$2"; printf %s "$REPLY"', "read", drill.tools / "database.sh", path])
    assert done.stdout == value


@pytest.mark.parametrize("url, expected", [
    ("postgresql://u:p%40@h:1/d?sslmode=require", {"PGUSER": "u", "PGPASSWORD": "p@", "PGHOST": "h", "PGPORT": "1", "PGDATABASE": "d"}),
    ("postgres://h1:1,[::1]:2,h3/d", {"PGHOST": "h1,::1,h3", "PGPORT": "1,2,5432", "PGDATABASE": "d"}),
    ("postgresql:///d?host=%2Frun%2Fpg&port=6&user=u%20v&password=a%26b", {"PGHOST": "/run/pg", "PGPORT": "6", "PGUSER": "u v",
                                                                          "PGPASSWORD": "a&b", "PGDATABASE": "d"}),
    ("postgresql://%2Ftmp%2Fx/d", {"PGHOST": "/tmp/x", "PGDATABASE": "d"}),
    ("postgresql://u@h?dbname=e", {"PGUSER": "u", "PGHOST": "h", "PGDATABASE": "e"}),
])
def test_url_is_taken_apart_as_libpq_does(drill, url, expected):
    done = run_as_user(["bash", "-c", '. "$1"; scratch=$3; connect_to "$2"; env | grep ^PG; cat "${PGSERVICEFILE:-/dev/null}"; rm -f "$3"/service*',
                        "parse", drill.tools / "database.sh", url, drill.tmp])
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("PG"))
    assert {name: found.get(name) for name in expected} == expected
    assert ("sslmode=require" in done.stdout) == ("sslmode" in url)


# ---- what cannot be backed up ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy", [
    "", "CREATE POLICY p ON hidden USING (false)", "CREATE POLICY p ON hidden USING (ccr_maintenance() AND id > 1)",
    "CREATE POLICY p ON hidden USING (ccr_maintenance()); CREATE POLICY q ON hidden AS RESTRICTIVE USING (id > 1)"])
def test_rows_that_row_level_security_would_hide(drill, policy):
    folder = drill.folder()
    with drill.cluster.connect() as connection:
        connection.execute("CREATE TABLE hidden (id integer); INSERT INTO hidden VALUES (1), (2); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; "
                           "ALTER TABLE hidden FORCE ROW LEVEL SECURITY; " + policy)
        try:
            done = drill.backup(folder)
        finally:
            connection.execute("DROP TABLE hidden")
    assert (done.returncode, "hide rows of public.hidden" in done.stderr, names(folder)) == (65, True, [])


def fake(drill, name, text):
    folder = drill.folder()
    path = folder / name
    path.write_text("#!/bin/bash\n" + text + "\n")
    path.chmod(0o755)
    return f"{folder}:{clean_environment()['PATH']}"


def test_dump_that_lacks_rows_is_not_kept(drill):
    folder = drill.folder()
    path = fake(drill, "pg_dump", 'exec /usr/bin/pg_dump --exclude-table-data=resources "$@"')
    done = drill.backup(folder, "--json", PATH=path)
    assert (done.returncode, names(folder)) == (65, [])
    assert json.loads(done.stdout)["exit_status"] == 65 and "public.resources 16" in done.stderr


def test_dump_that_cannot_be_read_back_is_not_kept(drill):
    folder = drill.folder()
    path = fake(drill, "pg_dump", '/usr/bin/pg_dump "$@" || exit; for last; do case $last in --file=*) truncate -s -3000 "${last#--file=}" ;; esac; done')
    done = drill.backup(folder, PATH=path)
    assert (done.returncode, names(folder)) == (65, []), done.stderr


@pytest.mark.parametrize("arguments, environment, status, message", [
    (["--keep-days", "x"], {}, 64, "not a number of days"), (["--what"], {}, 64, "not an argument"), (["--directory"], {}, 64, "needs a value"),
    (["--env-file", "/nonexistent"], {}, 78, "cannot read the settings"), ([], {"DATABASE_URL": "host=x"}, 78, "must be a URI"),
    ([], {"DATABASE_URL": "postgresql://ccr@127.0.0.1:1/ccr"}, 69, "cannot be read"), (["--directory", "/proc/x"], {}, 73, "cannot make the directory"),
])
def test_exit_statuses(drill, arguments, environment, status, message):
    folder = drill.folder()
    done = drill.backup(folder, "--json", *arguments, **environment)
    assert (done.returncode, message in done.stderr, names(folder)) == (status, True, []), done.stderr
    if status != 64:
        assert json.loads(done.stdout)["exit_status"] == status


# ---- interruptions --------------------------------------------------------------------------------------------------

def slow_backup(drill, folder):
    """A backup that has written half a file and stays there; the process, and a file with pg_dump's id."""
    mark = drill.folder() / "pid"
    path = fake(drill, "pg_dump", f'for last; do case $last in --file=*) head -c 20000 /dev/zero >"${{last#--file=}}" ;; esac; done; echo $$ >{mark}; exec sleep 60')
    process = subprocess.Popen(as_user(["bash", drill.tools / "backup.sh", "--env-file", drill.env_file, "--directory", folder, "--json"]),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(PATH=path, TMPDIR=str(drill.tmp)))
    wait_until("pg_dump is at work", lambda: mark.exists() and mark.read_text().strip())
    return process, int(mark.read_text())


def sessions(drill):
    with drill.cluster.connect(user="postgres") as connection:
        return connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ccr-ui-backup'").fetchone()[0]


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)], ids=["TERM", "INT", "HUP"])
def test_interrupted_backup_leaves_nothing(drill, number, status):
    folder = drill.folder()
    process, pid = slow_backup(drill, folder)
    assert len(names(folder)) == 1
    process.send_signal(number)  # while pg_dump would go on for a minute
    output, errors = process.communicate(timeout=45)
    assert json.loads(output)["exit_status"] == status
    assert (process.returncode, "ended by a signal" in errors, names(folder)) == (status, True, [])
    wait_until("pg_dump is gone", lambda: not os.path.exists(f"/proc/{pid}"))
    wait_until("its session is gone", lambda: sessions(drill) == 0)


def test_interrupted_restore_leaves_nothing(drill, dump):
    mark, databases = drill.folder() / "pid", drill.databases()
    path = fake(drill, "pg_restore", f'for last; do case $last in --dbname=*) echo $$ >{mark}; exec sleep 300 ;; esac; done; exec /usr/bin/pg_restore "$@"')
    process = subprocess.Popen(as_user(["bash", drill.tools / "restore.sh", "--env-file", drill.env_file, "--program", drill.stack.cli.binary, dump]),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=clean_environment(PATH=path, TMPDIR=str(drill.tmp), ADMIN_DATABASE_URL=drill.admin_url()))
    wait_until("pg_restore is at work", lambda: mark.exists() and mark.read_text().strip(), timeout=60)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    assert (process.returncode, "ended by a signal" in errors, drill.databases()) == (143, True, databases)
    wait_until("pg_restore is gone", lambda: not os.path.exists(f"/proc/{mark.read_text().strip()}"), timeout=60)


def test_killed_backup_is_cleaned_up_by_the_next(drill):
    folder = drill.folder()
    process, pid = slow_backup(drill, folder)
    held = drill.backup(folder)
    assert (held.returncode, "another backup is at work" in held.stderr) == (75, True)
    process.kill()
    os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    (partial,) = names(folder)
    assert partial.startswith(".ccr-ui-") and partial.endswith(".partial")
    assert drill.backup(folder).returncode == 0
    assert len(names(folder)) == 2 and partial not in names(folder)
    for left in drill.tmp.iterdir():  # a killed script cannot tidy up
        shutil.rmtree(left)
    wait_until("its session is gone", lambda: sessions(drill) == 0)


@pytest.mark.skipif(USER is None, reason="mounting a small disk needs root")
def test_full_disk_leaves_the_good_backup_and_no_half_file(drill):
    folder = drill.folder()
    assert drill.backup(folder).returncode == 0
    room = max(path.stat().st_size for path in folder.iterdir()) * 3 // 2  # for one backup, not for two
    script = 'mount -t tmpfs -o size=$5,mode=0777 tmpfs "$1" || exit 99; run() { setpriv --reuid "$2" --regid "$2" --clear-groups -- "$3" --env-file "$4" --directory "$1"; }; ' \
             'run "$@"; echo "first $?"; run "$@"; echo "second $?"; ls -A "$1"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "full", folder, str(USER.pw_uid), drill.tools / "backup.sh", drill.env_file, str(room)],
                          capture_output=True, text=True, timeout=60, env=clean_environment(TMPDIR=str(drill.tmp)))
    if done.returncode == 99:
        pytest.skip("tmpfs cannot be mounted here")
    left = [name for name in done.stdout.split("second 73\n")[1].split() if name != ".lock"]
    assert "first 0" in done.stdout and len(left) == 2 and all(name.startswith("ccr-ui-ccr-") for name in left), done.stdout + done.stderr
    assert "the backup cannot be written" in done.stderr


# ---- retention ------------------------------------------------------------------------------------------------------

def aged(folder, dump, days, good=True):
    """A backup as of some days ago."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - days * 86400))
    path = folder / f"ccr-ui-ccr-{stamp}.dump"
    shutil.copy(dump, path)
    digest = subprocess.run(["sha256sum", path.name], cwd=folder, capture_output=True, text=True, check=True).stdout
    (folder / f"{path.name}.sha256").write_text(digest if good else digest.replace(digest[0], "0" if digest[0] != "0" else "1", 1))
    for made in (path, folder / f"{path.name}.sha256"):
        give(made)
    return path.name


def dumps(folder):
    return sorted(path.name for path in folder.glob("*.dump"))


def test_retention_by_days(drill, dump):
    folder = drill.folder()
    old, new = [aged(folder, dump, days) for days in (400, 31)], [aged(folder, dump, days) for days in (29, 1)]
    other = folder / "ccr-ui-another-20200101T000000Z.dump"
    mine = folder / "keep-me.dump"
    for path in (other, mine):
        path.write_text("x")
        give(path)
    report = json.loads(drill.backup(folder, "--json", "--keep-days", "30").stdout)
    assert sorted(report["removed"]) == sorted(old)
    assert set(dumps(folder)) == {*new, other.name, mine.name, os.path.basename(report["file"])}
    assert not any((folder / f"{name}.sha256").exists() for name in old)
    everything = dumps(folder)
    assert drill.backup(folder, "--keep-days", "0").returncode == 0
    assert set(everything) < set(dumps(folder))


def test_last_good_one_is_never_removed(drill, dump):
    folder = drill.folder()
    oldest, last_good = aged(folder, dump, 300), aged(folder, dump, 200)
    bad = aged(folder, dump, 100, good=False)
    done = drill.backup(folder, "--prune-only", "--keep-days", "30", "--json")
    assert json.loads(done.stdout)["removed"] == [oldest]
    assert dumps(folder) == [last_good, bad]
    done = drill.backup(folder, "--keep-days", "30", DATABASE_URL="postgresql://ccr@127.0.0.1:1/ccr")
    assert (done.returncode, dumps(folder)) == (69, [last_good, bad])
    assert drill.backup(folder, "--keep-days", "30").returncode == 0
    assert len(dumps(folder)) == 1 and dumps(folder)[0] not in (last_good, bad)


# ---- how it is run --------------------------------------------------------------------------------------------------

def test_cron_line_runs(drill):
    folder = drill.folder()
    (line,) = [line for line in (ROOT / "deploy/cron/ccr-ui-backup").read_text().splitlines() if re.match(r"\d", line)]
    fields = line.split(None, 6)
    assert fields[5] == "ccr"
    command = fields[6].replace("/usr/local/lib/ccr-ui-backend", str(drill.tools)).replace("/etc/ccr-ui/ccr-ui.env", str(drill.env_file))
    done = run_as_user(["sh", "-c", command.replace("/var/backups/ccr-ui", str(folder))], TMPDIR=str(drill.tmp))
    assert (done.returncode, done.stdout, done.stderr, len(dumps(folder))) == (0, "", "", 1)


def test_unit_runs_the_same_command_within_its_sandbox_paths():
    unit = (ROOT / "systemd/ccr-ui-backup.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1)
    cron = (ROOT / "deploy/cron/ccr-ui-backup").read_text()
    assert command.replace("backup.sh ", "backup.sh --quiet ") in cron
    assert re.search(r"^ReadWritePaths=-/var/backups/ccr-ui$", unit, re.M)
    calendar = re.search(r"^OnCalendar=(.*)$", (ROOT / "systemd/ccr-ui-backup.timer").read_text(), re.M).group(1)
    assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True).returncode == 0
