"""backup.sh and restore.sh against those who may write in the folder of backups, or have SQL as the role of the service: nobody
gets more rights than before, and no file changes that is not a backup. Also what they say of a failed connection."""

import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

from operations import USER, Watch, clean_environment, give, new_folder, operated, wait_until
from test_backup import Drill, drill_file, fake

ROOT_ONLY = pytest.mark.skipif(USER is None, reason="what root does needs root")
ESCALATE = "ALTER ROLE ccr SUPERUSER"


@pytest.fixture(scope="module")
def drill():
    with operated(MAX_CONNECTIONS=1) as stack:
        yield Drill(stack)


@pytest.fixture(scope="module")
def dump(drill):
    folder = drill.folder()
    assert drill.backup(folder).returncode == 0
    return drill_file(folder)


@pytest.fixture
def as_service(drill):
    """A function that runs SQL as the role of the service."""
    with drill.cluster.connect() as connection:
        yield lambda text: connection.execute(text).fetchall() if text.startswith("SELECT") else connection.execute(text)


@pytest.fixture(autouse=True)
def roles_stay_as_they_are(drill):
    before = roles(drill)
    yield
    after = roles(drill)
    with drill.cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute("ALTER ROLE ccr NOSUPERUSER NOCREATEROLE; ALTER ROLE ccr RESET ALL; ALTER DATABASE ccr RESET ALL")
        for name in [name for name in drill.databases() if "_before_" in name]:
            connection.execute('DROP DATABASE "%s" WITH (FORCE)' % name.replace('"', '""'))
    assert after == before


def roles(drill):
    """Every attribute and membership of every role."""
    with drill.cluster.connect(user="postgres", dbname="postgres") as connection:
        return (connection.execute("SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, "
                                   "rolconnlimit, rolvaliduntil FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1").fetchall(),
                connection.execute("SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members ORDER BY 1, 2").fetchall())


def settings_of(drill, database="ccr"):
    with drill.cluster.connect(user="postgres", dbname="postgres") as connection:
        rows = connection.execute("SELECT unnest(setconfig) FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase "
                                  "WHERE setrole = 0 AND datname = %s", (database,)).fetchall()
    return dict(row[0].split("=", 1) for row in rows)


# ---- SQL ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", [f"public;{ESCALATE}", f"public,x;{ESCALATE};", f'"a""b",public;{ESCALATE}'], ids=["plain", "list", "quoted"])
def test_hostile_search_path_of_the_database_is_not_run_at_restore(drill, dump, as_service, value):
    value = value.replace(" ", "/**/")  # as the setting is checked: identifiers, without blanks
    as_service("SELECT set_config('search_path', '%s', false)" % value)
    as_service("ALTER DATABASE ccr SET search_path FROM CURRENT")
    assert settings_of(drill)["search_path"] == value
    done = drill.restore(dump)
    assert done.returncode == 0, done.stderr
    assert "search_path" not in settings_of(drill) and "left out: search_path" in done.stdout


def test_hostile_settings_of_the_database_are_kept_as_they_are(drill, dump, as_service):
    hostile = f"x'; {ESCALATE}; --\n\\gexec"
    for name, value in (("application_name", hostile), ("default_text_search_config", "pg_catalog.english"), ("DateStyle", "German, DMY"),
                        ("TimeZone", "Asia/Shanghai"), ("work_mem", "5MB")):
        as_service("ALTER DATABASE ccr SET %s TO '%s'" % (name, value.replace("'", "''")))
    as_service('ALTER DATABASE ccr SET search_path TO "$user", public, "we,i""rd", \'Mixed Case\'')
    as_service(f"ALTER ROLE ccr SET application_name TO '{hostile.replace(chr(39), chr(39) * 2)}'")
    before = settings_of(drill)
    done = drill.restore(dump)
    assert done.returncode == 0, done.stderr
    assert settings_of(drill) == before


EVIL = """
CREATE SCHEMA evil;
CREATE TABLE evil.seen (who text);
CREATE FUNCTION evil.format(text, name, name) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE ccr SUPERUSER'; END IF;
    RETURN pg_catalog.format($1, $2, $3); END $$;
CREATE FUNCTION evil.equal(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE ccr SUPERUSER'; END IF;
    RETURN $1::text OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.equal);
"""


def test_functions_of_the_database_do_not_come_before_postgresql_s(drill, as_service):
    """An administrator's URL for a backup works, so what it asks must be answered by PostgreSQL's own functions."""
    as_service(EVIL)
    as_service("ALTER DATABASE ccr SET search_path TO evil, pg_catalog, public")
    try:
        done = drill.backup(drill.folder(), DATABASE_URL=drill.cluster.url(user="postgres"))
        assert done.returncode == 0, done.stderr
        assert drill.backup(drill.folder()).returncode == 0
    finally:
        as_service("DROP SCHEMA evil CASCADE")


def test_what_a_backup_holds_runs_with_no_more_rights_than_the_service_has(drill, as_service):
    """A default, an index and a constraint that call a function, which asks for more whoever runs it."""
    as_service("""
CREATE FUNCTION public.greedy(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE ccr SUPERUSER'; END IF;
    RETURN $1; END $$""")
    as_service("CREATE TABLE public.bait (id integer DEFAULT public.greedy(1) CHECK (public.greedy(id) > 0)); CREATE INDEX ON public.bait (public.greedy(id)); "
               "INSERT INTO public.bait VALUES (1), (2)")
    folder = drill.folder()
    try:
        assert drill.backup(folder).returncode == 0
        done = drill.restore(drill_file(folder))
        assert done.returncode == 0, done.stderr
        # A superuser's URL would run it as the superuser.
        done = drill.restore(drill_file(folder), DATABASE_URL=drill.cluster.url(user="postgres"))
        assert (done.returncode, "is a superuser" in done.stderr) == (78, True), done.stderr
    finally:
        with drill.cluster.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS public.bait; DROP FUNCTION IF EXISTS public.greedy(integer)")


def test_odd_names_go_through_backup_and_restore(drill):
    """Of a database, its owner, a schema, a table, a function: quotes, blanks, SQL; and names at the 63 bytes that PostgreSQL has."""
    database, owner = "ä\"b'c %25;#? --数据库", "o\"wner'; " + ESCALATE + "; --"
    quoted = {name: '"%s"' % name.replace('"', '""') for name in (database, owner)}
    password = secrets.token_hex(8)
    with drill.cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute(f"CREATE ROLE {quoted[owner]} LOGIN PASSWORD '{password}'")
        connection.execute(f"CREATE DATABASE {quoted[database]} OWNER {quoted[owner]}")
    url = f"postgresql://{urllib.parse.quote(owner, safe='')}:{password}@/{urllib.parse.quote(database, safe='')}?host={urllib.parse.quote(str(drill.cluster.folder), safe='')}"
    try:
        drill.stack.cli.run("migrate", "up", check=True, environment={"DATABASE_URL": url})
        with drill.cluster.connect(user="postgres", dbname=database) as connection:
            connection.execute(f"SET ROLE {quoted[owner]}")
            for name in ("t'; " + ESCALATE + "; --", 't" $$ \\gexec', "COPY x (y) FROM stdin;"):
                identifier = '"%s"' % name.replace('"', '""')
                connection.execute(f"CREATE SCHEMA {identifier}; CREATE TABLE {identifier}.{identifier} (id int); INSERT INTO {identifier}.{identifier} VALUES (1), (2); "
                                   f"CREATE FUNCTION {identifier}.{identifier}() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        folder = drill.folder()
        done = drill.backup(folder, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        before = drill.databases()
        done = drill.restore(drill_file(folder), DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        (kept,) = set(drill.databases()) - set(before)
        assert "_before_" in kept and 'DROP DATABASE "%s"' % kept.replace('"', '""') in done.stdout
        with drill.cluster.connect(user="postgres", dbname=database) as connection:
            assert connection.execute("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = nspname").fetchone() == (3,)
            assert connection.execute("SELECT DISTINCT pg_get_userbyid(datdba) FROM pg_database WHERE datname IN (%s, %s)", (database, kept)).fetchall() == [(owner,)]
    finally:
        with drill.cluster.connect(user="postgres", dbname="postgres") as connection:
            for name in [name for name in drill.databases() if name.startswith("ä")]:
                connection.execute('DROP DATABASE "%s" WITH (FORCE)' % name.replace('"', '""'))
            connection.execute(f"DROP ROLE {quoted[owner]}")


def test_a_table_with_a_line_break_in_its_name_is_refused_not_obeyed(drill, as_service):
    name = '"x\n--end\n\\\\! touch /tmp/never\nCOPY y (z) FROM stdin;\n\x1b[2J"'
    as_service(f"CREATE TABLE public.{name} (id integer)")
    folder = drill.folder()
    try:
        done = drill.backup(folder)
    finally:
        as_service(f"DROP TABLE public.{name}")
    assert (done.returncode, list(folder.glob("*.dump"))) == (65, []), done.stderr
    assert "\x1b" not in done.stderr and done.stderr.count("\n") == 1


# ---- a failed connection --------------------------------------------------------------------------------------------

def test_a_failed_connection_names_host_port_and_reason(drill, dump):
    socket = f'on socket "{drill.cluster.folder}/.s.PGSQL.5432" failed: FATAL:  '
    good, host = drill.cluster.url(), urllib.parse.quote(str(drill.cluster.folder), safe="")
    for url, said in (("postgresql://ccr@127.0.0.1:1/ccr", 'connection to server at "127.0.0.1", port 1 failed: Connection refused'),
                      (f"postgresql://ccr:wrong@/ccr?host={host}", socket + 'password authentication failed for user "ccr"'),
                      (good.replace("/ccr?", "/none?"), socket + 'database "none" does not exist'),
                      ("postgresql://ccr@127.0.0.1:1,127.0.0.2:2/ccr", 'port 1 failed: Connection refused; connection to server at "127.0.0.2", port 2 failed: Connection refused')):
        done = drill.backup(drill.folder(), DATABASE_URL=url)
        assert (done.returncode, said in done.stderr, done.stderr.count("\n")) == (69, True, 1), done.stderr
        done = drill.restore("--dry-run", dump, admin=False, ADMIN_DATABASE_URL=url.replace("/none?", "/postgres?")) if "none" not in url else done
        assert (done.returncode, said in done.stderr) == (69, True), done.stderr
        assert "wrong" not in done.stderr
    done = drill.restore(dump, DATABASE_URL=f"postgresql://ccr:wrong@/ccr?host={host}")
    assert (done.returncode, socket + "password authentication failed" in done.stderr) == (69, True), done.stderr


def test_variables_of_libpq_change_nothing(drill, dump):
    """A URL that leaves things open: libpq would take them from the environment."""
    folder = drill.folder()
    (folder / "services").write_text("[x]\nhost=/nonexistent\nuser=nobody\ndbname=none\n")
    (folder / "pass").write_text("*:*:*:*:wrong\n")
    give(folder / "services")
    foreign = {"PGHOST": "192.0.2.1", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGSERVICE": "x", "PGSERVICEFILE": str(folder / "services"),
               "PGOPTIONS": "-c default_transaction_read_only=on -c statement_timeout=1", "PGPASSFILE": str(folder / "pass"), "PGPASSWORD": "wrong",
               "PGUSER": "nobody", "PGDATABASE": "none", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/nonexistent", "PGREQUIREAUTH": "none",
               "PGTARGETSESSIONATTRS": "read-only", "PGCLIENTENCODING": "LATIN1", "PGTZ": "bogus", "PGDATESTYLE": "bogus", "CDPATH": "/"}
    target = drill.folder()
    done = drill.backup(target, **foreign)
    assert done.returncode == 0, done.stderr
    done = drill.restore(drill_file(target), **foreign)
    assert done.returncode == 0, done.stderr


# ---- links and other things planted in the folder -------------------------------------------------------------------

@pytest.fixture
def victim(tmp_path):
    """A file of root's that must stay as it is."""
    path = tmp_path / "victim"
    path.write_text("precious\n")
    path.chmod(0o600)
    yield path
    assert path.read_text() == "precious\n" and path.stat().st_uid == os.geteuid() and path.stat().st_mode & 0o777 == 0o600


def stamps(seconds):
    return [time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + n)) for n in range(-2, seconds)]


def plant(folder, path):
    """Everything that the owner of the folder may put there beforehand."""
    for stamp in stamps(90):
        for name in (f".ccr-ui-ccr-{stamp}.dump.partial", f".ccr-ui-ccr-{stamp}.dump.partial.sha256"):
            (folder / name).symlink_to(path)
    (folder / ".lock").symlink_to(path)
    for number, name in enumerate(("ccr-ui-ccr-20200101T000000Z.dump", "ccr-ui-ccr-20200102T000000Z.dump.sha256", ".ccr-ui-x.partial", "a\nb.dump")):
        os.mkfifo(folder / name)
    (folder / "ccr-ui-ccr-20200102T000000Z.dump").write_text("regular, with a FIFO for a checksum")
    (folder / "ccr-ui-ccr-20200103T000000Z.dump").symlink_to(path)
    (folder / "ccr-ui-ccr-20200103T000000Z.dump.sha256").symlink_to("/dev/zero")
    (folder / "ccr-ui-ccr-20200104T000000Z.dump").write_text("its checksum file names others")
    (folder / "ccr-ui-ccr-20200104T000000Z.dump.sha256").write_text(f"{'0' * 64}  /dev/zero\n")
    (folder / "ccr-ui-ccr-20200105T000000Z.dump").mkdir()
    (folder / "ccr-ui-gone-20200105T000000Z.dump.sha256").symlink_to(path)
    (folder / "ccr-ui-ccr-20200106T000000Z.dump\nccr-ui-ccr-20200107T000000Z.dump").write_text("one name, two lines")
    (folder / "-rf").write_text("")
    hard = (".ccr-ui-hard.partial", "ccr-ui-ccr-20200108T000000Z.dump", "ccr-ui-ccr-20200108T000000Z.dump.sha256")
    for made in folder.iterdir():
        if not made.is_symlink() and USER:
            os.chown(made, USER.pw_uid, USER.pw_gid)
    for name in hard:
        os.link(path, folder / name)


def run_as_root(drill, *arguments, **environment):
    return subprocess.run([drill.tools / "backup.sh", "--env-file", drill.env_file, *arguments], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **environment}, cwd="/root")


@ROOT_ONLY
def test_root_follows_no_link_and_leaves_nothing_of_its_own(drill, victim):
    folder = drill.folder()
    plant(folder, victim)
    done = run_as_root(drill, "--directory", folder, "--keep-days", "1")
    assert done.returncode == 0, done.stderr
    (made,) = [path for path in folder.glob("ccr-ui-ccr-2*Z.dump") if path.is_file() and not path.is_symlink() and path.stat().st_size > 1000]
    assert {path.lstat().st_uid for path in folder.iterdir()} <= {USER.pw_uid, 0} and made.stat().st_uid == USER.pw_uid
    assert not [path for path in folder.iterdir() if path.lstat().st_uid == 0 and not path.is_symlink()]
    # The nightly backup of the folder's owner goes on.
    done = drill.backup(folder)
    assert done.returncode == 0, done.stderr


def test_owner_s_backup_is_led_nowhere_either(drill, victim):
    folder = drill.folder()
    (folder / "mine").write_text("mine\n")
    give(folder / "mine")
    plant(folder, folder / "mine")
    done = drill.backup(folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "mine").read_text() == "mine\n"


@ROOT_ONLY
@pytest.mark.parametrize("what", ["link", "group", "world", "two"])
def test_root_refuses_a_folder_that_others_may_change(drill, tmp_path, what):
    ours = Path(new_folder(drill.stack.folder, f"r-{secrets.token_hex(4)}"))
    os.chown(ours, 0, 0)
    directory = ours
    if what == "link":  # the service's user points its folder at one of root's
        directory = drill.folder() / "backups"
        directory.symlink_to(ours)
        os.chown(directory, USER.pw_uid, USER.pw_gid, follow_symlinks=False)
    elif what == "two":
        os.chown(ours, 1, 1)
    else:
        # Nobody's but root's, all the way up.
        directory = Path("/var/lib") / f"ccr-test-{secrets.token_hex(8)}"
        directory.mkdir()
        os.chown(directory, 0, USER.pw_gid)
        directory.chmod(0o770 if what == "group" else 0o707)
    try:
        done = run_as_root(drill, "--directory", directory)
        assert done.returncode == 73, done.stderr
        assert list(ours.iterdir()) == [] and list(directory.iterdir()) == []
    finally:
        if directory.parent == Path("/var/lib"):
            directory.rmdir()


@ROOT_ONLY
def test_root_in_root_s_own_folder_stays_root(drill):
    directory = Path("/var/lib") / f"ccr-test-{secrets.token_hex(8)}"
    directory.mkdir(mode=0o700)
    try:
        done = run_as_root(drill, "--directory", directory)
        assert done.returncode == 0, done.stderr
        assert {(path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in directory.iterdir()} == {(0, 0o600)}
    finally:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


@ROOT_ONLY
@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)], ids=["TERM", "INT", "HUP"])
def test_a_signal_to_root_s_script_ends_what_runs_as_the_owner(drill, number, status):
    folder, mark = drill.folder(), drill.folder() / "pid"
    path = fake(drill, "pg_dump", f'echo $$ >{mark}; exec sleep 60')
    process = subprocess.Popen([drill.tools / "backup.sh", "--env-file", drill.env_file, "--directory", folder], stderr=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL, env=clean_environment(PATH=path), cwd="/root")
    pid = wait_until("pg_dump is at work", lambda: mark.exists() and mark.read_text().strip(), timeout=60)
    assert Path(f"/proc/{pid}").stat().st_uid == USER.pw_uid
    # In a session of its own, it cannot type into the terminal of whoever called.
    assert os.getsid(int(pid)) not in (os.getsid(0), os.getsid(process.pid))
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert (process.returncode, "ended by a signal" in errors, list(folder.iterdir())) == (status, True, [])
    wait_until("pg_dump is gone", lambda: not Path(f"/proc/{pid}").exists(), timeout=60)


@ROOT_ONLY
def test_root_s_checkout_need_not_be_readable(drill, tmp_path):
    tmp_path.chmod(0o700)
    for name in ("backup.sh", "database.sh"):
        shutil.copy(drill.tools / name, tmp_path)
        (tmp_path / name).chmod(0o700)
    before = set(Path("/tmp").glob("ccr-ui-backup.*"))
    folder = drill.folder()
    done = subprocess.run([tmp_path / "backup.sh", "--env-file", drill.env_file, "--directory", folder, "--quiet"], capture_output=True, text=True, timeout=60,
                          env=clean_environment(), cwd="/root")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert drill_file(folder).stat().st_uid == USER.pw_uid and set(Path("/tmp").glob("ccr-ui-backup.*")) <= before


@ROOT_ONLY
def test_root_says_when_the_owner_may_not_read_the_settings(drill):
    env_file = drill.folder() / "env"
    env_file.write_text(drill.env_file.read_text())
    env_file.chmod(0o600)
    folder = drill.folder()
    done = run_as_root(drill, "--env-file", env_file, "--directory", folder)
    assert (done.returncode, f"may not read {env_file}" in done.stderr, list(folder.iterdir())) == (78, True, []), done.stderr


# ---- the process list -----------------------------------------------------------------------------------------------

def test_no_secret_in_the_process_list(drill):
    folder = drill.folder()
    with Watch() as watch:
        assert drill.backup(folder).returncode == 0
        done = drill.restore(drill_file(folder))
        assert done.returncode == 0, done.stderr
        if USER:
            done = run_as_root(drill, "--directory", folder, DATABASE_URL=drill.cluster.url())
            assert done.returncode == 0, done.stderr
    assert "pg_dump --format=custom" in watch.text and "pg_restore" in watch.text
    assert drill.cluster.password not in watch.text
    for name in ("SECRETS_KEY", "JWT_SECRET"):
        assert drill.stack.cli.env[name] not in watch.text
