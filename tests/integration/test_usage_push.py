"""ccr-usage-push, the script that sends the logs of a developer's machine: against a real server, nothing is lost and nothing counted twice, whatever
happens to the logs, the server or the script in between."""

import contextlib
import http.server
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from people import admin, make_user, no_failures, system, user_maker  # noqa: F401
from stack import ROOT, wait_until

sys.path.insert(0, str(ROOT / "tests/usage"))

from generate import generate  # noqa: E402
from truth import COUNTS, load, sums  # noqa: E402

SCRIPT = ROOT / "scripts/ccr-usage-push"
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"], "mksh": ["mksh"]}
PROJECT = ".claude/projects/-src-shop"
numbers = itertools.count(1)


class Machine:
    """A developer's machine: a home with logs, a token, and the script."""

    def __init__(self, system, folder, token, name="laptop", shell="dash"):
        self.system, self.home, self.token, self.name, self.shell = system, folder, token, name, SHELLS[shell]
        self.home.mkdir(parents=True, exist_ok=True)
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        where = self.home / ".config/ccr-usage-push"
        where.mkdir(parents=True, exist_ok=True)
        self.token_file = where / "token"
        self.token_file.write_text(token + "\n")
        self.token_file.chmod(0o600)

    def command(self, *arguments, server=None):
        return [*self.shell, str(SCRIPT), "--server", server or self.system.url, "--machine", self.name, *arguments]

    def run(self, *arguments, server=None, **more):
        return subprocess.run(self.command(*arguments, server=server), capture_output=True, text=True, errors="surrogateescape", timeout=120, env={**self.environment, **more})

    def push(self, *arguments, status=0, **more):
        done = self.run("--json", *arguments, **more)
        assert done.returncode == status, done.stderr + done.stdout
        if status == 0:
            assert done.stderr == ""
        return json.loads(done.stdout) if done.stdout else None

    def log(self, name="a.jsonl", folder=PROJECT):
        path = self.home / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def state(self):
        return next(path for path in (self.home / ".local/state/ccr-usage-push").iterdir())


def call(number, output=2, session="s"):
    return json.dumps({"type": "assistant", "timestamp": "2025-11-01T09:30:00.123Z", "sessionId": session, "requestId": f"req_{number}", "cwd": "/src/shop",
                       "message": {"id": f"msg_{number}", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1, "output_tokens": output}}}) + "\n"


def calls(*several):
    return "".join(map(call, several))


@pytest.fixture
def user(make_user):
    return make_user()


@pytest.fixture
def token(user):
    made = user.post("/api/tokens", json={"name": f"push-{next(numbers)}", "scopes": ["usage:write"]})
    assert made.status_code == 201, made.text
    return made.data["token"]


@pytest.fixture
def machine(system, tmp_path, token):
    return Machine(system, tmp_path / "home", token)


@pytest.fixture
def ledger(system, user):
    """ledger(): sums of the user's workspace by platform."""
    def read():
        with system.db() as db:
            db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
            rows = db.execute(f"SELECT g.platform, count(*), {', '.join(f'sum(c.{name})::bigint' for name in COUNTS)} FROM usage_calls c"
                              " JOIN usage_groups g ON g.id = c.group_id JOIN workspaces w ON w.id = c.workspace_id WHERE w.slug = %s GROUP BY 1",
                              (user.username,)).fetchall()
        return {row[0]: dict(zip(("calls", *COUNTS), row[1:])) for row in rows}
    return read


@pytest.fixture
def counted(ledger):
    """counted(): how many calls of Claude Code there are, and how many tokens of output they have."""
    def read():
        row = ledger().get("claude", {"calls": 0, "output": 0})
        return row["calls"], row["output"]
    return read


# ---- what is sent ----

@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("homes")
    generate(folder, seed=7, calls=1200, machines=2, users=1)
    return folder, load(folder)


def assert_true(ledger, told, machines):
    """Tokens of all platforms, and calls but for Droid's, of which a home alone tells the sums only."""
    found = ledger()
    for (platform,), row in sums(told, ("platform",), machines=machines).items():
        assert {name: found[platform][name] for name in COUNTS} == {name: row[name] for name in COUNTS}, platform
        assert platform == "droid" or found[platform]["calls"] == row["calls"], platform


@pytest.mark.parametrize("shell", SHELLS)
def test_all_logs_of_two_machines_are_counted_once(system, tmp_path, token, ledger, homes, shell):
    if not shutil.which(SHELLS[shell][0]):
        pytest.skip(f"{shell} is not installed")
    folder, told = homes
    machines = []
    for name in ("machine-1", "machine-2"):
        home = next((folder / name).iterdir())
        shutil.copytree(home, tmp_path / name)
        machines.append(Machine(system, tmp_path / name, token, name, shell))
    first = machines[0].push()
    assert first["added"] > 300 and first["ok"] is True and first["requests"] == 5
    assert_true(ledger, told, ["machine-1"])
    nothing = {"files": 0, "bytes": 0, "requests": 0, "added": 0, "changed": 0, "known": 0, "bad": 0, "ok": True}
    assert machines[0].push() == nothing
    machines[1].push()
    assert_true(ledger, told, None)
    assert [one.push() for one in machines] == [nothing, nothing]
    again = machines[0].push("--again")
    assert again["added"] == 0 and again["bytes"] == first["bytes"]
    assert_true(ledger, told, None)


def test_a_log_that_grows(machine, counted):
    log, text = machine.log(), calls(1, 2, 3, 4)
    at = 0
    for more in (1, 50, len(call(1)) - 51, 10, 2 * len(call(1)), 7, len(text)):  # in the middle of lines, and at their ends
        log.write_text(text[:at + more])
        at = min(at + more, len(text))
        machine.push()
        assert counted()[0] == text[:at].count("\n")
    assert counted() == (4, 8) and machine.push()["bytes"] == 0


def test_only_what_is_new_is_sent(machine, counted):
    log = machine.log()
    log.write_text(calls(*range(100)))
    assert machine.push()["bytes"] > 100 * len(call(1))
    with open(log, "a") as file:
        file.write(call(100))
    sent = machine.push()
    assert sent["bytes"] < 2 * len(call(100)) and sent["known"] == 0 and counted()[0] == 101


@pytest.mark.parametrize("text", ["", call(7), calls(7, 8, 9, 10, 11), calls(7, 8, 9), call(1) + calls(12, 13, 14)])
def test_a_log_that_begins_anew(machine, counted, text):
    """Shorter, longer, and as long as it was: then it is noticed when it grows."""
    log = machine.log()
    log.write_text(calls(1, 2, 3))
    machine.push()
    log.write_text(text)
    machine.push()
    with open(log, "a") as file:
        file.write(call(20))
    machine.push()
    known = {1, 2, 3, 20} | {json.loads(line)["requestId"][4:] for line in text.splitlines()}
    assert counted()[0] == len({str(one) for one in known})


@pytest.mark.parametrize("name", ["a b", "it's", 'say "hi"', "back\\slash", "grüße-项目", "$HOME", "`id`", "a*b?", "[x]", "--again", "%s%n", "{}", "a&b=c#d", " lead", "e\u0301"])
def test_names_of_any_kind(machine, counted, name):
    log = machine.log(f"{name}.jsonl", folder=f".claude/projects/{name}")
    log.write_text(call(1))
    machine.push()
    with open(log, "a") as file:
        file.write(call(2))
    assert machine.push()["known"] == 0, "it is known again by its name"
    assert counted() == (2, 4)


def test_a_name_that_cannot_be_sent_stops_no_other(machine, counted):
    machine.log("tab\there.jsonl").write_text(call(1))
    machine.log("line\nhere.jsonl").write_text(call(2))
    (machine.log().parent / os.fsdecode(b"latin-\xe9.jsonl")).write_text(call(3))
    machine.log("x" * 240 + ".jsonl", folder=PROJECT + ("/" + "y" * 240) * 4).write_text(call(4))
    machine.log("good.jsonl").write_text(call(5))
    done = machine.run("--json")
    assert done.returncode == 1 and "cannot be sent" in done.stderr
    assert counted()[0] == 1 and json.loads(done.stdout)["ok"] is False


def test_a_log_of_several_parts(machine, counted):
    """70 MB are several requests, cut between lines; one line of 40 MB is not cut."""
    said = json.dumps({"type": "user", "message": {"content": "x" * 10000}}) + "\n"
    with open(machine.log(), "w") as log:
        for number in range(30):
            log.write(said * 100 + call(number))
        log.write(json.dumps({"type": "user", "message": {"content": "y" * 40_000_000}}) + "\n" + call(30))
    sent = machine.push("--platform", "claude")
    assert counted()[0] == 31 and sent["added"] == 31 and sent["requests"] >= 2
    assert machine.push()["bytes"] == 0


def test_compressed_logs_of_codex(machine, ledger):
    text = (ROOT / "tests/samples/usage/codex-rollout-real-short.jsonl").read_bytes()
    log = machine.log("rollout-2025-11-01T09-30-00-aa.jsonl", folder=".codex/sessions/2025/11/01")
    log.write_bytes(text)
    assert machine.push()["added"] > 0
    before = ledger()
    subprocess.run(["zstd", "-q", "--rm", log], check=True)
    assert machine.push()["added"] == 0 and ledger() == before
    assert machine.push()["bytes"] == 0


def test_folders_that_were_moved(system, tmp_path, token, ledger):
    machine = Machine(system, tmp_path / "home", token)
    machine.environment.update(CLAUDE_CONFIG_DIR=str(tmp_path / "elsewhere"), CODEX_HOME=str(tmp_path / "codex home"))
    machine.log().write_text(call(1))  # not looked at any more
    for path, text in ((tmp_path / "elsewhere/projects/p/a.jsonl", call(2).encode()),
                       (tmp_path / "codex home/archived_sessions/rollout-1.jsonl", (ROOT / "tests/samples/usage/codex-rollout-real-short.jsonl").read_bytes())):
        path.parent.mkdir(parents=True)
        path.write_bytes(text)
    machine.push()
    assert ledger()["claude"]["calls"] == 1 and ledger()["codex"]["calls"] > 0


def test_sums_that_are_written_anew(machine, ledger):
    """Droid's settings may change without their length."""
    path = machine.log("s1.settings.json", folder=".factory/sessions/-src-shop")
    for output in (11, 35, 35):
        path.write_text(json.dumps({"model": "m", "tokenUsage": {"inputTokens": 10, "outputTokens": output}}))
        machine.push()
        assert ledger()["droid"]["output"] == output


# ---- the server knows better ----

def test_a_server_that_forgot(system, machine, counted):
    log = machine.log()
    log.write_text(calls(1, 2))
    machine.push()
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        db.execute("DELETE FROM usage_files")
    with open(log, "a") as file:
        file.write(call(3))
    assert machine.push()["known"] == 2
    assert counted() == (3, 6) and machine.push()["bytes"] == 0


def test_an_answer_that_was_lost(machine, counted):
    """What was sent last is not remembered: the server says how far it got, and the script goes on from there."""
    log = machine.log()
    log.write_text(call(1))
    machine.push()
    before = (machine.state() / "claude").read_bytes()
    with open(log, "a") as file:
        file.write(calls(2, 3))
    machine.push()
    (machine.state() / "claude").write_bytes(before)
    with open(log, "a") as file:
        file.write(call(4))
    sent = machine.push()
    assert (sent["added"], sent["known"]) == (1, 0) and counted() == (4, 8)


def test_a_state_that_was_lost(machine, counted):
    machine.log().write_text(calls(1, 2, 3))
    machine.push()
    shutil.rmtree(machine.state())
    assert machine.push()["known"] == 3 and counted() == (3, 6)


# ---- servers that are none, or busy ----

@contextlib.contextmanager
def answering(*answers):
    """A server that gives these answers (status, headers, body), the last one again and again; what it was asked is in .asked."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answers[min(len(server.asked), len(answers) - 1)]
            server.asked.append(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
    finally:
        server.shutdown()
        server.server_close()


def refusal(status, message, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps({"success": False, "data": None, "message": message})


GOOD = (200, {}, '{"success":true,"data":{"lines":1,"records":1,"added":1,"changed":0,"known":0,"other":0,"unknown":0,"bad":0,"errors":[],"files":1,"position":9},"message":null}')


def test_it_waits_as_it_is_told(machine):
    machine.log().write_text(call(1))
    busy = {"Retry-After": 1}
    with answering(refusal(429, "As many imports are under way as there may be", **busy), refusal(503, "later", **busy), GOOD) as server:
        assert machine.push(server=server.url)["added"] == 1
        assert len(server.asked) == 3
        assert machine.push(server=server.url)["requests"] == 0 and len(server.asked) == 3


@pytest.mark.parametrize("answer, status, tries", [
    (refusal(429, "busy", **{"Retry-After": 1}), 5, 5), (refusal(503, "closed", **{"Retry-After": 86400}), 5, 1), (refusal(401, "Log in"), 4, 1),
    (refusal(403, "lacks the scope"), 4, 1), (refusal(404, "Not found"), 1, 1), (refusal(500, "Something went wrong"), 1, 1), (refusal(400, "no log"), 1, 1),
    ((200, {"Content-Type": "text/html"}, "<html>Log in to the hotel's network</html>"), 1, 1), ((302, {"Location": "http://127.0.0.1:9/"}, ""), 1, 1)])
def test_what_was_not_taken_is_sent_the_next_time(machine, counted, answer, status, tries):
    machine.log().write_text(call(1))
    with answering(answer) as server:
        done = machine.run("--quiet", "--platform", "claude", server=server.url)
        assert done.returncode == status and done.stderr.startswith("ccr-usage-push: ") and done.stderr.count("\n") == 1, done.stderr
        assert len(server.asked) == tries
        assert not list(machine.state().glob("lock")) and not list(machine.state().glob("work"))
        assert (machine.state() / "claude").read_text() == ""
    machine.push()
    assert counted() == (1, 2)


def test_what_is_too_large_goes_in_smaller_parts(machine):
    with open(machine.log(), "w") as log:
        log.write(calls(*range(12000)))
    with answering(refusal(413, "too large"), GOOD) as server:
        assert machine.push("--platform", "claude", server=server.url)["requests"] >= 2


def test_nobody_there(machine):
    machine.log().write_text(call(1))
    done = machine.run("--platform", "claude", server="http://127.0.0.1:9", PATH=os.environ["PATH"])
    assert done.returncode == 5 and "busy or away" in done.stderr


# ---- two at once ----

def test_two_at_once_are_one(machine, tmp_path, counted):
    machine.log().write_text(call(1))
    gate, reached = tmp_path / "gate", tmp_path / "reached"
    bin_folder = wrap_curl(tmp_path, f'touch "{reached}"; while [ ! -e "{gate}" ]; do sleep 0.1; done')
    environment = {**machine.environment, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    with subprocess.Popen(machine.command("--json"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        wait_until("the first one sends", reached.exists)
        done = machine.run()
        assert done.returncode == 3 and str(first.pid) in done.stderr
        gate.touch()
        assert first.wait(60) == 0
    assert counted()[0] == 1 and machine.push()["bytes"] == 0


def test_one_that_was_killed_stops_nobody(machine, tmp_path, counted):
    machine.log().write_text(call(1))
    reached = tmp_path / "reached"
    bin_folder = wrap_curl(tmp_path, f'touch "{reached}"; exec sleep 60')
    environment = {**machine.environment, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    with subprocess.Popen(machine.command("--json"), env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as first:
        wait_until("it sends", reached.exists)
        os.killpg(first.pid, 9)
    assert (machine.state() / "lock").exists()
    machine.push()
    assert counted()[0] == 1


# ---- secrets ----

def wrap_curl(folder, first):
    """A folder with a curl that does something first."""
    made = folder / "bin"
    made.mkdir()
    program = made / "curl"
    program.write_text(f'#!/bin/sh\n{first}\nexec {shutil.which("curl")} "$@"\n')
    program.chmod(0o755)
    return made


@pytest.mark.parametrize("by", ["file", "environment"])
def test_the_token_is_seen_by_nobody(machine, tmp_path, counted, by):
    """Of all processes that the script starts, arguments and environments; and what it prints and leaves behind."""
    seen = tmp_path / "seen"
    bin_folder = wrap_curl(tmp_path, f'{{ tr "\\0" "\\n" </proc/$PPID/cmdline; printf "%s\\n" "$@"; env; }} >>"{seen}"')
    machine.log().write_text(call(1))
    more = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    if by == "environment":
        machine.token_file.unlink()
        more["CCR_TOKEN"] = machine.token
    done = machine.run(**more)
    assert done.returncode == 0 and counted()[0] == 1
    assert "usage-push" in seen.read_text() and machine.token not in seen.read_text()
    assert machine.token not in done.stdout + done.stderr
    machine.token_file.unlink(missing_ok=True)
    for path in machine.home.rglob("*"):
        assert not path.is_file() or machine.token.encode() not in path.read_bytes(), path
    assert machine.state().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_token_that_others_may_read_is_refused(machine, mode):
    machine.token_file.chmod(mode)
    done = machine.run()
    assert done.returncode == 2 and "chmod 600" in done.stderr and machine.token not in done.stderr


# ---- what is asked of it ----

def test_dry_run_sends_nothing(machine, counted):
    log = machine.log()
    log.write_text(call(1) + "half a line")
    done = machine.run("--dry-run")
    assert done.returncode == 0 and done.stdout == f"claude\t{len(call(1))}\tfrom 0\t{log}\n" and counted()[0] == 0
    machine.push()
    assert machine.run("--dry-run").stdout == ""
    assert machine.run("--dry-run", "--again").stdout == f"claude\t{len(call(1))}\tfrom 0\t{log}\n"
    assert machine.push()["bytes"] == 0, "it forgot nothing"


@pytest.mark.parametrize("arguments, problem", [
    (["--nonsense"], "not known"), (["--platform", "cursor"], "none of"), (["--server"], "needs a value"), (["--server", "ftp://x"], "no address"),
    (["--server", 'http://x" y'], "no address"), (["--every", "0"], "whole seconds"), (["--workspace", 'a"b'], "slug"), (["--machine", "a\nb"], "control"),
    (["--token-file", "/nowhere"], "/nowhere")])
def test_wrong_arguments(machine, arguments, problem):
    done = machine.run(*arguments)
    assert done.returncode == 2 and problem in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_help(machine):
    done = machine.run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for option in ("--server", "--token-file", "--workspace", "--machine", "--platform", "--again", "--dry-run", "--once", "--every", "--json", "--quiet", "crontab", "Exit status"):
        assert option in done.stdout
    page = (ROOT / "docs/man/ccr-usage-push.1").read_text()
    for line in done.stdout.splitlines():
        if line.startswith("  --"):
            assert f".It Fl {line.split()[0][1:]}" in page, line


def test_another_workspace(system, machine, user):
    slug = f"push-{user.username}"
    assert user.post("/api/workspaces", json={"slug": slug, "name": "Push"}).status_code == 201
    machine.log().write_text(call(1))
    assert machine.push("--workspace", slug)["added"] == 1
    assert machine.push()["added"] == 1, "what was sent there says nothing of this one"
    assert machine.run("--workspace", "nobody-s").returncode == 1


def test_again_and_again(machine, counted):
    log = machine.log()
    log.write_text(call(1))
    with subprocess.Popen(machine.command("--every", "1", "--quiet"), env=machine.environment, stderr=subprocess.PIPE) as running:
        wait_until("it is sent", lambda: counted()[0] == 1)
        with open(log, "a") as file:
            file.write(call(2))
        wait_until("the next one, too", lambda: counted()[0] == 2)
        running.terminate()
        assert running.wait(30) == 143
