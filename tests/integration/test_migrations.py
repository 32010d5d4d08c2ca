"""migrate up, down, status, verify: complete, repeatable, and safe when several hosts start at once."""

import json
import subprocess

import pytest

from stack import ROOT, as_user, clean_environment

VERSIONS = sorted(int(path.name[:4]) for path in (ROOT / "sql" / "migrations").glob("*.up.sql"))


@pytest.fixture
def cli(make_cli, make_database):
    return make_cli(make_database())


def tables(cluster, cli):
    name = cli.env["DATABASE_URL"].split("@/")[1].split("?")[0]
    with cluster.connect(dbname=name) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        functions = connection.execute("SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
                                       " WHERE nspname = 'public' ORDER BY 1").fetchall()
    return {row[0] for row in rows}, {row[0] for row in functions}


def connect(cluster, cli):
    return cluster.connect(dbname=cli.env["DATABASE_URL"].split("@/")[1].split("?")[0])


def states(cli):
    return {row["version"]: row["state"] for row in json.loads(cli.run("migrate", "status", "--json", check=True).stdout)}


def test_numbers_have_no_gap():
    assert VERSIONS == list(range(1, len(VERSIONS) + 1))


def test_up_status_verify(cli):
    assert states(cli) == {version: "pending" for version in VERSIONS}
    assert cli.run("migrate", "verify").returncode != 0
    cli.run("migrate", "up", check=True)
    assert states(cli) == {version: "ok" for version in VERSIONS}
    cli.run("migrate", "verify", check=True)


def test_up_twice_is_harmless(cli):
    cli.run("migrate", "up", check=True)
    cli.run("migrate", "up", check=True)
    assert states(cli) == {version: "ok" for version in VERSIONS}


def test_down_takes_everything_back_step_by_step(cli, cluster):
    cli.run("migrate", "up", check=True)
    complete = tables(cluster, cli)
    for version in reversed(VERSIONS):
        cli.run("migrate", "down", check=True)
        assert states(cli)[version] == "pending"
    left_tables, left_functions = tables(cluster, cli)
    assert left_tables == {"schema_migrations"}
    assert left_functions == set()
    cli.run("migrate", "up", check=True)
    assert tables(cluster, cli) == complete


def test_down_several_steps(cli):
    cli.run("migrate", "up", check=True)
    cli.run("migrate", "down", str(len(VERSIONS)), check=True)
    assert states(cli) == {version: "pending" for version in VERSIONS}


def test_two_at_once_apply_each_migration_once(cli):
    runs = [subprocess.Popen(as_user([cli.binary, "migrate", "up", "--env-file", cli.env_file]), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=clean_environment(), cwd=cli.folder) for _ in range(4)]
    outputs = []
    for run in runs:
        output, errors = run.communicate(timeout=60)
        assert run.returncode == 0, errors
        outputs.append(output)
    for version in VERSIONS:
        assert sum(output.count(f"applying {version:04d}_") for output in outputs) == 1
    assert states(cli) == {version: "ok" for version in VERSIONS}


def test_changed_migration_is_refused(cli, cluster):
    cli.run("migrate", "up", check=True)
    with connect(cluster, cli) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
    assert states(cli)[1] == "changed"
    for command in (["migrate", "verify"], ["migrate", "up"], ["migrate", "down"], ["serve", "--socket", cli.folder / "x.sock"]):
        result = cli.run(*command)
        assert result.returncode != 0, command
        assert "migration 1 was changed" in result.stdout + result.stderr, command


def test_newer_schema_is_refused(cli, cluster):
    cli.run("migrate", "up", check=True)
    with connect(cluster, cli) as connection:
        connection.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'of_the_future', 'x')")
    assert states(cli)[9999] == "unknown"
    for command in (["migrate", "verify"], ["migrate", "up"], ["serve", "--socket", cli.folder / "x.sock"]):
        result = cli.run(*command)
        assert result.returncode != 0, command
        assert "newer than this program" in result.stdout + result.stderr, command


def test_failed_migration_leaves_nothing_behind(cli, cluster):
    with connect(cluster, cli) as connection:
        connection.execute("CREATE TABLE profiles (a int)")  # in the way of the second migration
    result = cli.run("migrate", "up")
    assert result.returncode != 0
    assert "0002_profiles" in result.stdout + result.stderr
    assert states(cli)[1] == "ok" and states(cli)[2] == "pending"
    with connect(cluster, cli) as connection:
        connection.execute("DROP TABLE profiles")
    cli.run("migrate", "up", check=True)
    assert states(cli) == {version: "ok" for version in VERSIONS}


def test_unreachable_database_is_one_line(make_cli):
    cli = make_cli("ccr", DATABASE_URL="postgresql://ccr:hunter2@/ccr?host=%2Fnowhere", CONNECTION_TIMEOUT="1")
    for action in ("up", "status", "verify"):
        result = cli.run("migrate", action)
        assert result.returncode != 0
        said = [line for line in result.stderr.splitlines() if not line.startswith("{")]  # besides the log
        assert len(said) == 1 and "cannot connect to the database" in said[0], result.stderr
        assert "hunter2" not in result.stdout + result.stderr


def test_what_was_typed_into_the_wrong_place_is_taken_out(cli, cluster):
    """Migrations 10 and 17: arguments of past commands, passwords in addresses of the audit trail."""
    cli.run("migrate", "up", check=True)
    cli.run("migrate", "down", str(len(VERSIONS) - 9), check=True)
    rows = [("list", ["sk-typed", "--force", "12345", "12"], 0, ["***", "--force", "***", "12"]),
            ("switch", ["My-Relay.2"], 0, ["My-Relay.2"]), ("switch", ["sk-typed-2"], 1, ["***"]), ("switch", ["nobody"], 1, ["nobody"]),
            ("switch", ["sk-typed-4", "--help"], 0, ["***", "--help"]), ("enable", ["-h", "sk-typed-5"], 0, ["-h", "***"]),
            ("platform", ["switch", "codex"], 0, ["switch", "codex"]), ("history", ["-l", "5", "-t", "x=y"], 0, ["-l", "5", "-t", "***"]),
            ("current", [], 0, [])]
    changes = [{"key": "base_url", "old_value": None, "new_value": "https://ada:sk-typed-3@host/a@b"},
               {"key": "model", "old_value": "a@b", "new_value": "x://"}]
    with connect(cluster, cli) as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        user = db.execute("INSERT INTO users (username, password_hash) VALUES ('u', 'x') RETURNING id").fetchone()[0]
        workspace = db.execute("INSERT INTO workspaces (slug, name) VALUES ('w', 'w') RETURNING id").fetchone()[0]
        for command, args, exit_code, _ in rows:
            db.execute("INSERT INTO command_runs (workspace_id, user_id, command, args, exit_code, duration_ms)"
                       " VALUES (%s, %s, %s, %s, %s, 1)", [workspace, user, command, json.dumps(args), exit_code])
        db.execute("INSERT INTO audit_log (workspace_id, actor, action, changes) VALUES (%s, 'u', 'profile.update', %s)",
                   [workspace, json.dumps(changes)])
    cli.run("migrate", "up", check=True)
    with connect(cluster, cli) as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        kept = [row[0] for row in db.execute("SELECT args FROM command_runs ORDER BY created_at").fetchall()]
        assert kept == [row[3] for row in rows]
        changes[0]["new_value"] = "https://***@host/a@b"
        assert db.execute("SELECT changes FROM audit_log").fetchone()[0] == changes
