"""What stops a start: wrong settings, an old schema, a role that row-level security does not hold."""

import subprocess

import pytest

PLACEHOLDER = "your-super-secure-jwt-secret-key-here"  # the deployment guide's own
EX_CONFIG = 78


@pytest.fixture(scope="module")
def database(make_database):
    return make_database(migrated=True)


def serve(cli, **options):
    try:
        return cli.run("serve", "--socket", cli.folder / "ccr.sock", **options)
    except subprocess.TimeoutExpired:
        pytest.fail("it was not refused: it serves")


def one_line(result):
    lines = (result.stdout + result.stderr).strip().splitlines()
    assert len(lines) == 1, f"expected one line, got:\n{result.stdout}{result.stderr}"
    return lines[0]


WRONG = {
    "jwt missing": ("JWT_SECRET", None),
    "jwt empty": ("JWT_SECRET", ""),
    "jwt short": ("JWT_SECRET", "x" * 31),
    "jwt placeholder": ("JWT_SECRET", PLACEHOLDER),
    "secrets key missing": ("SECRETS_KEY", None),
    "secrets key short": ("SECRETS_KEY", "k1:c2hvcnQ="),
    "database missing": ("DATABASE_URL", None),
    "database other scheme": ("DATABASE_URL", "mysql://ccr@localhost/ccr"),
    "database not a url": ("DATABASE_URL", "ccr"),
    "database bad option": ("DATABASE_URL", "postgresql:///ccr?no_such_option=1"),
    "database bad escape": ("DATABASE_URL", "postgresql://%zz@/ccr"),
    "rate limit word": ("RATE_LIMIT", "abc"),
    "rate limit negative": ("RATE_LIMIT", "-1"),
    "rate limit fraction": ("RATE_LIMIT", "1.5"),
    "rate limit unit": ("RATE_LIMIT", "100/s"),
    "connections zero": ("MAX_CONNECTIONS", "0"),
    "connections huge": ("MAX_CONNECTIONS", "99999999999999999999"),
    "connections fewest above most": ("MIN_CONNECTIONS", "9"),
    "idle timeout zero": ("IDLE_TIMEOUT", "0"),
    "lifetime unit": ("MAX_LIFETIME", "30m"),
    "queue timeout negative": ("QUEUE_TIMEOUT", "-1"),
    "memory too little": ("MEMORY_LIMIT", "50"),
    "cache huge": ("CACHE_SIZE", "999999"),
    "cache ttl zero": ("CACHE_TTL", "0"),
    "redis other scheme": ("REDIS_URL", "http://127.0.0.1:6379"),
    "redis password open": ("REDIS_URL", "redis://:hunter2/x@127.0.0.1"),
    "metrics not a network": ("METRICS_ALLOW", "everybody"),
    "a relay that is a name": ("OUTBOUND_ALLOW", "relay.internal"),
    "metrics token short": ("METRICS_TOKEN", "hunter2-short"),
    "port": ("PORT", "70000"),
    "socket mode": ("SOCKET_MODE", "0999"),
    "cors star": ("CORS_ORIGINS", "*"),
    "log level": ("LOG_LEVEL", "loud"),
    "log format": ("LOG_FORMAT", "xml"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_setting_is_named_in_one_line(make_cli, database, case):
    name, value = WRONG[case]
    cli = make_cli(database, **{name: value})
    result = serve(cli)
    assert result.returncode == EX_CONFIG
    line = one_line(result)
    assert name in line
    if name in ("JWT_SECRET", "SECRETS_KEY") and value:
        assert value not in line
    assert "hunter2" not in line
    assert cli.run("check-config").returncode != 0


@pytest.mark.parametrize("url, password", [("postgresql://u:hunter2@host:1:2/x", "hunter2"), ("postgresql:///x?password=hunter2&a=b", "hunter2")])
def test_bad_database_url_does_not_leak_its_password(make_cli, database, url, password):
    result = serve(make_cli(database, DATABASE_URL=url))
    assert result.returncode == EX_CONFIG
    assert password not in result.stdout + result.stderr


def test_environment_wins_over_the_file(make_cli, database):
    result = serve(make_cli(database), environment={"RATE_LIMIT": "abc"})
    assert result.returncode == EX_CONFIG
    assert "RATE_LIMIT" in one_line(result)


def test_missing_env_file_is_named(make_cli, database):
    cli = make_cli(database)
    cli.env_file.unlink()
    result = serve(cli)
    assert result.returncode == EX_CONFIG
    assert str(cli.env_file) in one_line(result)


def test_empty_database_is_refused_with_what_to_run(make_cli, make_database):
    result = serve(make_cli(make_database()))
    assert result.returncode != 0
    assert "migrate up" in result.stdout + result.stderr


def test_old_schema_is_refused_with_what_to_run(make_cli, make_database):
    cli = make_cli(make_database(migrated=True))
    cli.run("migrate", "down", check=True)
    result = serve(cli)
    assert result.returncode != 0
    assert "migrate up" in result.stdout + result.stderr


def test_superuser_is_refused(make_cli, cluster, database):
    result = serve(make_cli(database, DATABASE_URL=cluster.url(database, user="postgres")))
    assert result.returncode != 0
    assert "superuser" in (result.stdout + result.stderr).lower()


def test_role_that_bypasses_row_level_security_is_refused(make_cli, cluster, database):
    with cluster.connect(user="postgres", dbname="postgres") as connection:
        connection.execute("ALTER ROLE ccr BYPASSRLS")
        try:
            result = serve(make_cli(database))
        finally:
            connection.execute("ALTER ROLE ccr NOBYPASSRLS")
    assert result.returncode != 0


def test_good_settings_pass_the_check(make_cli, database):
    cli = make_cli(database)
    assert cli.run("check-config").returncode == 0


def test_settings_shows_values_but_no_secrets(make_cli, database):
    cli = make_cli(database, RATE_LIMIT="7", REDIS_URL="redis://ccr:hunter2@127.0.0.1", METRICS_TOKEN="hunter2-0123456789")
    output = cli.run("settings", check=True).stdout
    assert "RATE_LIMIT" in output
    assert "redis://***@127.0.0.1" in output
    assert "hunter2" not in output
    for secret in (cli.env["JWT_SECRET"], cli.env["SECRETS_KEY"].split(":")[1]):
        assert secret not in output
    assert cli.env["DATABASE_URL"].split(":")[2].split("@")[0] not in output


def test_socket_in_use_is_refused(fresh_stack):
    stack = fresh_stack()
    result = stack.cli.run("serve", "--socket", stack.backend.socket)
    assert result.returncode != 0
    assert str(stack.backend.socket) in one_line(result)
    assert stack.healthy()
