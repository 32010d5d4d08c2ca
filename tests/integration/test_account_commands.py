"""The subcommands user and secrets."""

import base64
import json
import os
import pty
import re
import secrets

import pytest

from people import admin, ask_every_worker, make_user, no_failures, system, try_login, user_maker  # noqa: F401
from stack import as_user, clean_environment, give, wait_until

PASSWORD = "a good password"


@pytest.fixture
def cli(system):
    return system.cli


def users_of(cli):
    return {user["username"]: user for user in json.loads(cli.run("user", "list", "--json", check=True).stdout)}


def is_out(user):
    """PostgreSQL's NOTIFY tells the running workers a moment later."""
    wait_until("every worker knows", lambda: ask_every_worker(user, times=16) == {401}, timeout=25)  # memory ends by itself after 60 s


# ---- user ----

def test_add_from_standard_input(system, cli):
    result = cli.run("user", "add", "stdin", "--display-name", "Std In", input=PASSWORD + "\n")
    assert (result.returncode, result.stdout, result.stderr) == (0, "user 'stdin' added\n", "")
    assert system.client().login("stdin", PASSWORD).user["display_name"] == "Std In"
    assert users_of(cli)["stdin"]["site_role"] == "user"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_add_from_a_file(system, cli, end):
    path = cli.folder / "password"
    path.write_bytes((PASSWORD + end).encode())
    path.chmod(0o600)
    give(path)
    name = f"file{len(end)}"
    result = cli.run("user", "add", name, "--site-admin", "--password-file", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert system.client().login(name, PASSWORD).user["site_role"] == "admin"


def test_a_file_open_to_others_is_warned_about(cli):
    path = cli.folder / "open-password"
    path.write_text(PASSWORD)
    path.chmod(0o644)
    result = cli.run("user", "add", "warned", "--password-file", path)
    assert result.returncode == 0 and result.stderr == f"warning: {path} is open to others; chmod 600 {path}\n"


def on_a_terminal(cli, *arguments, lines):
    """Output and exit status of a subcommand that is answered on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = as_user([cli.binary, *arguments, "--env-file", cli.env_file])
        os.execve(f"/usr/bin/{command[0]}" if command[0] == "setpriv" else command[0], command, clean_environment())
    output = b""
    for line in lines:
        while not output.endswith(b": "):
            output += os.read(terminal, 1024)
        os.write(terminal, line.encode())
        output += b"|"
    try:
        while chunk := os.read(terminal, 1024):
            output += chunk
    except OSError:
        pass  # that is how a terminal ends
    os.close(terminal)
    return output.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_add_on_a_terminal(system, cli):
    output, status = on_a_terminal(cli, "user", "add", "typed", lines=[PASSWORD + "\n", PASSWORD + "\n"])
    assert status == 0 and output.endswith("user 'typed' added\r\n")
    assert PASSWORD not in output, "nothing is echoed"
    system.client().login("typed", PASSWORD)
    output, status = on_a_terminal(cli, "user", "add", "typed2", lines=[PASSWORD + "\n", "something else\n"])
    assert status == 66 and "the two passwords differ" in output
    output, status = on_a_terminal(cli, "user", "add", "typed2", lines=["\x03"])
    assert status == 130 and "typed2" not in users_of(cli)


@pytest.mark.parametrize("arguments, password, status, message", [
    (["add", "short"], "123456789", 65, "password must have at least 10 characters"),
    (["add", "long"], "x" * 257, 65, "password must have at most 256 characters"),
    (["add", "endless"], "x" * 5000, 66, "standard input does not hold a password"),
    (["add", "nothing"], "", 65, "password must have at least 10 characters"),
    (["add", "nul"], "0123456789\0x", 66, "standard input does not hold a password"),
    (["add", "two-lines"], "0123456789\n0123456789\n", 65, "password must not hold control characters"),
    (["add", "long-name-1"], "LONG-NAME-1", 65, "password must not be the user name"),
    (["add", "a b"], PASSWORD, 65, "username must be 1 to 100 letters"),
    (["add", ""], PASSWORD, 65, "username must be 1 to 100 letters"),
    (["add", "ADMIN"], PASSWORD, 73, "User 'ADMIN' already exists"),
    (["passwd", "nobody"], PASSWORD, 67, "User 'nobody' not found"),
    (["disable", "nobody"], None, 67, "User 'nobody' not found"),
    (["add", "x", "--password-file", "/no/such"], None, 66, "cannot read /no/such: No such file"),
    (["add"], None, 64, "usage: ccr-ui-backend user"), (["add", "x", "y"], None, 64, "usage:"), ([], None, 64, "usage:"),
    (["list", "x"], None, 64, "usage:"), (["remove", "x"], None, 64, "usage:"), (["add", "x", "--password", "y"], None, 64, "usage:"),
])
def test_what_goes_wrong(admin, cli, arguments, password, status, message):
    before = len(users_of(cli))
    result = cli.run("user", *arguments, input=password)
    assert result.returncode == status and message in result.stderr and result.stdout == ""
    assert not password or password not in result.stderr
    assert len(users_of(cli)) == before


def test_passwd(system, make_user, cli):
    user = make_user()
    for _ in range(6):
        try_login(user, user.username, "wrong-wrong")
    assert cli.run("user", "passwd", user.username.upper(), input=PASSWORD).returncode == 0
    is_out(user)
    system.client().login(user.username, PASSWORD)


def test_disable_and_enable(make_user, cli):
    user = make_user()
    assert user.get("/api/auth/me").status_code == 200
    assert cli.run("user", "disable", user.username).stdout == f"user '{user.username}' is disabled; all sessions are ended\n"
    is_out(user)
    assert try_login(user, user.username, user.password).status_code == 401
    assert users_of(cli)[user.username]["disabled"] is True
    assert cli.run("user", "enable", user.username).returncode == 0
    assert try_login(user, user.username, user.password).status_code == 200


def test_the_last_admin_cannot_be_disabled(module_stack):
    lonely = module_stack()
    lonely.client("admin")
    result = lonely.cli.run("user", "disable", "admin")
    assert result.returncode == 73 and "at least one active administrator" in result.stderr


def test_list(admin, cli):
    lines = cli.run("user", "list", check=True).stdout.splitlines()
    assert lines[0].split() == ["username", "role", "state", "last", "login", "name"]
    row = next(line for line in lines if line.startswith("admin "))
    assert row.split()[1:3] == ["admin", "active"] and row.split()[3].startswith("20")
    listed = users_of(cli)
    assert list(listed) == sorted(listed, key=str.lower)
    assert set(listed["admin"]) == {"username", "display_name", "site_role", "disabled", "created_at", "last_login_at"}


def test_the_console_is_audited(system, admin, cli):
    cli.run("user", "add", "audited", input=PASSWORD, check=True)
    cli.run("user", "disable", "audited", check=True)
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        rows = db.execute("SELECT action, actor FROM audit_log WHERE target = 'audited' ORDER BY created_at").fetchall()
    assert rows == [("user.create", "console"), ("user.disable", "console")]


def test_without_a_database(cli, make_cli):
    lost = make_cli("no_such_database")
    result = lost.run("user", "list")
    assert result.returncode == 69 and "cannot connect to the database" in result.stderr
    assert lost.run("secrets", "rotate").returncode == 69


# ---- secrets ----

def test_generate(cli, make_cli, cluster):
    lines = cli.run("secrets", "generate", check=True).stdout.splitlines()
    values = dict(line.split("=", 1) for line in lines)
    assert set(values) == {"JWT_SECRET", "SECRETS_KEY"} and len(values["JWT_SECRET"]) >= 43
    assert re.fullmatch(r"k20\d{6}-[0-9a-f]{4}:[A-Za-z0-9_-]{43}", values["SECRETS_KEY"])
    as_json = json.loads(cli.run("secrets", "generate", "--format", "json", check=True).stdout)
    assert set(as_json) == set(values) and as_json["JWT_SECRET"] != values["JWT_SECRET"]
    fresh = make_cli("whatever", **values)
    assert fresh.run("settings", "--json").returncode == 0, "the server takes them as they are"
    nothing_set = make_cli("whatever", JWT_SECRET=None, SECRETS_KEY=None, DATABASE_URL=None)
    assert nothing_set.run("secrets", "generate").returncode == 0, "there is nothing to be set before"


@pytest.mark.parametrize("arguments", [[], ["x"], ["generate", "--format", "xml"], ["generate", "--dry-run"], ["rotate", "x"],
                                       ["rotate", "--format", "json"], ["rotate", "--quick"]])
def test_secrets_used_wrongly(cli, arguments):
    result = cli.run("secrets", *arguments)
    assert result.returncode == 64 and result.stdout == ""


def new_key(name):
    return f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def key_ids(stack):
    """How many sealed values each key has, over all workspaces."""
    query = " UNION ALL ".join(f"SELECT split_part({column}, ':', 1) AS id FROM {table} WHERE {column} IS NOT NULL"
                               for table, column in (("workspace_platforms", "extra->>'$sealed'"), ("workspaces", "registry->>'$sealed'"),
                                                     ("backups", "content"), ("native_files", "content"), ("codex_logins", "content")))
    query += "".join(f" UNION ALL SELECT split_part(value, ':', 1) FROM {table}, json_each_text(sealed)"
                     for table in ("resources", "resource_revisions"))
    with stack.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        return dict(db.execute(f"SELECT id, count(*) FROM ({query}) s GROUP BY id").fetchall())


TOKENS = [f"sk-ant-{n}-{secrets.token_hex(8)}" for n in range(3)]


@pytest.fixture
def sealed(module_stack):
    """A system with sealed profiles of two users, revisions and a backup; .old and .new are keys."""
    stack = module_stack()
    for name in ("ann", "ben"):
        user = stack.client(name)
        for number, token in enumerate(TOKENS):
            answer = user.post("/api/configs", json={"name": f"p{number}", "base_url": "https://example.org", "auth_token": token})
            assert answer.status_code in (200, 201), answer.text
        content = '[p9]\nbase_url = "https://example.org"\nauth_token = "sk-imported-0123456789"\napi_key = "ak-1"\n'
        answer = user.post("/api/import", json={"content": content, "mode": "replace", "backup": True})
        assert answer.status_code == 200, answer.text
        server = {"name": "m", "transport": "stdio", "command": "x", "env": {"A": TOKENS[0]}, "headers": {"B": TOKENS[1]}}
        assert user.post("/api/resources/claude/mcp_server", json=server).status_code == 201
        shared = user.put("/api/resources/claude/mcp_server/m/platforms", json={"platforms": {"claude": True, "codex": True}})
        assert shared.status_code == 200, shared.text
        kept = user.post("/api/resources/import", json={"platform": "gemini", "files": [{"path": "notes.txt", "content": TOKENS[0]}]})
        assert kept.status_code == 200, kept.text
        for name in ("saved", None):
            login = user.put("/api/codex/auth/login", json={"auth": json.dumps({"OPENAI_API_KEY": TOKENS[0]})})
            assert login.status_code == 200, login.text
            assert not name or user.post("/api/codex/auth/save", json={"name": name}).status_code == 200
    stack.old, stack.new = stack.cli.env["SECRETS_KEY"], new_key("new_1")
    return stack


def test_rotate(sealed):
    before = key_ids(sealed)
    assert set(before) == {"test"} and before["test"] >= 10
    again = sealed.cli.run("secrets", "rotate")
    assert again.returncode == 0 and key_ids(sealed) == before, "with one key there is nothing to do"

    sealed.cli.write_env(SECRETS_KEY=f"{sealed.new},{sealed.old}")
    dry = sealed.cli.run("secrets", "rotate", "--dry-run")
    assert dry.returncode == 0 and key_ids(sealed) == before
    assert re.search(r"resource_revisions.sealed: [1-9]\d* would be sealed again, 0 cannot be opened", dry.stdout)

    rotated = sealed.cli.run("secrets", "rotate")
    assert rotated.returncode == 0 and key_ids(sealed) == {"new_1": before["test"]}
    assert "backups.content: 2 sealed again, 0 cannot be opened" in rotated.stdout
    assert "codex_logins.content: 4 sealed again, 0 cannot be opened" in rotated.stdout
    assert "native_files.content: 4 sealed again, 0 cannot be opened" in rotated.stdout
    assert "resources.sealed: 6 sealed again, 0 cannot be opened" in rotated.stdout
    assert "resource_revisions.sealed: 20 sealed again, 0 cannot be opened" in rotated.stdout
    assert not any(token in rotated.stdout + rotated.stderr for token in TOKENS)

    # Without the old key everything still opens: under a third one in front, all of it would be sealed again.
    sealed.cli.write_env(SECRETS_KEY=f"{new_key('third')},{sealed.new}")
    assert sealed.cli.run("secrets", "rotate", "--dry-run").returncode == 0


def test_rotate_without_the_old_key(sealed):
    before = key_ids(sealed)
    sealed.cli.write_env(SECRETS_KEY=sealed.new)
    result = sealed.cli.run("secrets", "rotate")
    assert result.returncode == 65 and "cannot be opened with the keys at hand" in result.stderr
    assert key_ids(sealed) == before, "what cannot be opened is left as it is"


def test_rotate_many(sealed):
    """More rows than one transaction takes, one of them damaged."""
    with sealed.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        db.execute("INSERT INTO resource_revisions (workspace_id, kind, platform, name, revision, resource_id, operation, actor, enabled,"
                   " listed, sealed)"
                   " SELECT workspace_id, kind, platform, name, 1000 * revision + n, resource_id, 'update', actor, enabled, listed, sealed"
                   " FROM resource_revisions, generate_series(1, 60) n WHERE kind = 'profile'")
        db.execute("UPDATE resource_revisions SET sealed = json_build_object('auth_token', left(sealed->>'auth_token', -8))"
                   " WHERE revision = 1030 AND name = 'p1'")
    before = key_ids(sealed)["test"]
    assert before > 400
    sealed.cli.write_env(SECRETS_KEY=f"{sealed.new},{sealed.old}")
    result = sealed.cli.run("secrets", "rotate")
    assert result.returncode == 65 and "2 cannot be opened" in result.stdout
    assert key_ids(sealed) == {"test": 2, "new_1": before - 2}
    assert result.stdout.count("resource_revisions.sealed:") > 2, "it says how far it is"
