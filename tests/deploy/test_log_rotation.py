"""LOG_FILE: rotated by the real logrotate with deploy/logrotate/ccr-ui-backend while requests are served."""

import collections
import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from operations import ROOT, USER, Load16, give, new_folder, operated, wait_until
from stack import Pending, table_locked, wait_for_blocked

ROTATIONS = 6
CONFIGURATION = ROOT / "deploy" / "logrotate" / "ccr-ui-backend"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    place = tmp_path_factory.mktemp("log")  # only its name: the folder must be the service's user's
    logs = new_folder("/tmp", f"ccr-test-log-{os.getpid()}-{place.name}")
    try:
        with operated(MAX_CONNECTIONS=4, CACHE_SIZE=0, LOG_FILE=logs / "backend.log", patient=True) as stack:
            stack.logs = logs
            stack.token = stack.client("admin").post("/api/tokens", json={"name": "load", "scopes": ["read"]}).data["token"]
            yield stack
    finally:
        shutil.rmtree(logs, ignore_errors=True)


@pytest.fixture
def show(capsys):
    def line(text):
        with capsys.disabled():
            print(f"\n  {text}", end="")
    return line


def configuration(system, pid_file="/nonexistent.pid"):
    """The file as delivered, but for the folder, its owner and the file of the process id."""
    owner = USER.pw_name if USER else None
    text = CONFIGURATION.read_text().replace("/var/log/ccr-ui/", f"{system.logs}/").replace("/run/ccr-ui-backend.pid", str(pid_file))
    text = re.sub(r"^ *su ccr ccr$", f"    su {owner} {owner}" if owner else "", text, flags=re.M)
    text = text.replace("0640 ccr ccr", f"0640 {owner} {owner}" if owner else "0640")
    path = system.folder / "logrotate.conf"
    path.write_text(text)
    path.chmod(0o644)
    return path


def rotate(system, path, *options, **environment):
    done = system.backend.run("logrotate", "-f", *options, "-s", system.folder / "logrotate.state", path, **environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def lines(system):
    """{file name: its entries} of everything in the log folder."""
    found = {}
    for path in sorted(system.logs.iterdir()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert not content or content.endswith(b"\n"), path
        found[path.name] = [json.loads(line) for line in content.splitlines()]
    return found


def requests_in(system):
    return collections.Counter(entry["request_id"] for entries in lines(system).values() for entry in entries
                               if entry["message"] == "request")


def open_inodes(pid):
    """Of a process that opens and closes others meanwhile."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.stat(f"/proc/{pid}/fd/{fd}").st_ino)
    return found


def test_every_request_is_logged_exactly_once_across_rotations(system, show):
    path = configuration(system)
    with Load16(system, system.token) as load:
        for number in range(1, ROTATIONS + 1):
            rotate(system, path)
            inode = (system.logs / "backend.log").stat().st_ino
            wait_until("everybody writes to the new file", lambda: all(
                inode in open_inodes(pid) for pid in [system.backend.master, *system.backend.workers()]))
            load.progress(100)
    found, names = requests_in(system), sorted(path.name for path in system.logs.iterdir())
    missing, double = set(load.ids) - set(found), [identifier for identifier, count in found.items() if count > 1]
    show(load.figures(f"{ROTATIONS} log rotations") + f"; {len(missing)} lines missing, {len(double)} double, in {len(names)} files")
    assert (load.failures, missing, double) == ([], set(), [])
    assert len(load.ids) == len(load.outcomes)
    assert names == ["backend.log", "backend.log.1", *(f"backend.log.{n}.gz" for n in range(2, ROTATIONS + 1))]
    assert all(path.stat().st_mode & 0o777 == 0o640 for path in system.logs.iterdir())
    assert sum(entry["message"] == "log file opened anew" for entries in lines(system).values() for entry in entries) == ROTATIONS
    if USER:
        assert all(path.stat().st_uid == USER.pw_uid for path in system.logs.iterdir())


def test_without_systemctl_the_process_id_serves(system):
    pid_file = system.folder / "master.pid"
    pid_file.write_text(f"{system.backend.master}\n")
    before = (system.logs / "backend.log").stat().st_ino
    rotate(system, configuration(system, pid_file), PATH="/usr/bin:/bin:/usr/sbin:/sbin")
    wait_until("the master says so", lambda: "opened anew" in (system.logs / "backend.log").read_text())
    assert (system.logs / "backend.log").stat().st_ino != before


def test_a_busy_worker_finishes_its_request_first(system):
    """Its line goes to the old file or the new one, once; the next request's goes to the new one."""
    client = system.client("admin")
    with table_locked(system):
        pending = Pending(client, "GET", "/api/configs")
        wait_for_blocked(system)
        rotate(system, configuration(system))
        wait_until("the master says so", lambda: "opened anew" in (system.logs / "backend.log").read_text())
        assert pending.outcome is None
    answer = pending.result()
    assert answer.status_code == 200
    found = wait_until("the line is there", lambda: requests_in(system).get(answer.headers["X-Request-Id"]))
    assert found == 1
    for _ in range(12):  # each worker, most likely
        after = client.get("/api/configs").headers["X-Request-Id"]
        wait_until("the line is in the new file", lambda: after in (system.logs / "backend.log").read_text())


def test_a_file_that_cannot_be_opened_anew_is_written_on(system):
    log, aside = system.logs / "backend.log", system.logs / "backend.log.aside"
    log.rename(aside)
    log.mkdir()
    try:
        os.kill(system.backend.master, signal.SIGUSR1)
        message = "LOG_FILE cannot be opened anew, the old file is written on"
        wait_until("it is said", lambda: message in aside.read_text())
        answer = system.client("admin").get("/api/configs")
        assert answer.status_code == 200
        wait_until("the old file has the line", lambda: answer.headers["X-Request-Id"] in aside.read_text())
    finally:
        log.rmdir()
    os.kill(system.backend.master, signal.SIGUSR1)
    wait_until("the new file is made", lambda: log.exists() and "opened anew" in log.read_text())
    aside.unlink()


def test_reload_moves_the_log_or_refuses(system):
    other = system.logs / "other.log"
    old = system.logs / "backend.log"
    system.cli.write_env(LOG_FILE="/nonexistent/x.log")
    os.kill(system.backend.master, signal.SIGHUP)
    wait_until("it is refused", lambda: "reload refused: LOG_FILE cannot be opened" in old.read_text())
    system.cli.write_env(LOG_FILE=other)
    before = set(system.backend.workers())
    os.kill(system.backend.master, signal.SIGHUP)
    wait_until("every worker was replaced", lambda: not before & set(system.backend.workers()))
    answer = system.client("admin").get("/api/configs")
    wait_until("the line is in the new file", lambda: answer.headers["X-Request-Id"] in other.read_text())
    system.cli.write_env(LOG_FILE=old)
    os.kill(system.backend.master, signal.SIGHUP)
    wait_until("back again", lambda: "reload: workers are replaced" in old.read_text())


def test_start_stops_when_the_file_cannot_be_opened(system):
    socket = system.folder / "unused.sock"
    done = system.cli.run("serve", "--socket", socket, environment={"LOG_FILE": "/nonexistent/backend.log"})
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "ccr-ui-backend: LOG_FILE: /nonexistent/backend.log cannot be opened: No such file or directory\n"
    assert not socket.exists()
    check = system.cli.run("check-config", environment={"LOG_FILE": "/nonexistent/backend.log"})
    assert check.returncode == 78
    assert "log       WRONG: LOG_FILE: /nonexistent/backend.log cannot be made: No such file or directory\n" in check.stdout
    assert "log       ok: " in system.cli.run("check-config", check=True).stdout
    relative = system.cli.run("check-config", environment={"LOG_FILE": "backend.log"})
    assert relative.returncode == 78 and relative.stderr.startswith("ccr-ui-backend: LOG_FILE: ")


def test_subcommands_do_not_write_the_log_file(system):
    """root may run them: the file would be root's."""
    path = give(new_folder(system.folder, "untouched")) / "x.log"
    system.cli.run("migrate", "verify", check=True, environment={"LOG_FILE": str(path)})
    assert not path.exists()


def test_logrotate_accepts_the_file_as_delivered(system):
    """All but its user, whom this machine may not have."""
    done = subprocess.run(["logrotate", "-d", configuration(system)], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr
