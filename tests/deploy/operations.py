"""What the tests of backups, log rotation and updates share: a system whose service is kept by mini_systemd.py, and load at
16 connections that remembers every request."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from stack import (ROOT, USER, Backend, Cluster, Load, Process, Stack, as_user, children, clean_environment,  # noqa: E402
                   give, join, new_folder, wait_until, workers_of)

PYTHON = "/usr/bin/python3"
SCRIPTS = ("backup.sh", "restore.sh", "update.sh", "database.sh")
SYSTEMCTL = """#!/bin/sh
# The two things that the scripts ask of systemctl.
case "$*" in
"restart ccr-ui-backend.service") exec @TELL@ restart ;;
"kill --kill-who=main --signal=USR1 ccr-ui-backend.service") exec @TELL@ kill USR1 ;;
"kill --signal=HUP ccr-ui-backend.service") exec @TELL@ kill HUP ;;
esac
echo "systemctl: $*?" >&2
exit 1
"""


class Service(Backend):
    """The service behind a socket that outlives it; `link` is what is started."""

    def __init__(self, cli):
        super().__init__(cli)
        self.tools = new_folder(cli.folder, "tools")
        self.link = new_folder(cli.folder, "bin") / "ccr-ui-backend"
        shutil.copy2(cli.binary, self.link)
        give(self.link)
        for script in SCRIPTS:
            shutil.copy2(ROOT / "scripts" / script, self.tools)
        shutil.copy2(ROOT / "tests" / "deploy" / "mini_systemd.py", self.tools)
        self.control = cli.folder / "control"
        (self.tools / "systemctl").write_text(SYSTEMCTL.replace("@TELL@", f"{PYTHON} {self.tools}/mini_systemd.py tell {self.control}"))
        for path in self.tools.iterdir():
            path.chmod(0o755)
            give(path)

    def command(self):
        return [PYTHON, self.tools / "mini_systemd.py", "run", self.socket, self.control, "--", self.link, "serve", "--env-file",
                self.cli.env_file]

    def start(self):
        self.process = Process(self.command(), self.cli.folder / "backend.log", cwd=self.cli.folder, env=clean_environment())
        wait_until("the service's socket exists", lambda: self.socket.exists() or self.fail_if_ended())
        return self

    @property
    def master(self):
        return children(self.pid)[0]

    def workers(self):
        return workers_of(self.master)

    def run(self, *command, **environment):
        """A script of tools/ or a program as an administrator: root when the tests are, `systemctl` ours."""
        path = f"{self.tools}:{clean_environment()['PATH']}"
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, cwd="/",
                              env=clean_environment(**{"PATH": path, **environment}))

    def systemctl(self, *arguments):
        done = self.run("systemctl", *arguments)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def operated(**settings):
    """A running Stack of its own; .backend is a Service."""
    folder = new_folder()
    cluster = Cluster(new_folder(folder, "pg"))
    with contextlib.ExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        ending.callback(cluster.stop)
        cluster.create()
        cluster.create_migrated("ccr", new_folder(folder, "migrate"))
        stack = Stack(new_folder(folder, "s"), cluster, "ccr", owns_cluster=True, SHUTDOWN_TIMEOUT=10, **settings)
        stack.backend = Service(stack.cli)
        ending.callback(stack.nginx.stop)
        ending.callback(stack.backend.stop)
        stack.start()
        yield stack


class Load16(Load):
    """16 connections without a pause, or with one; .ids are the X-Request-Id of every answer, .longest in seconds."""

    def __init__(self, stack, token, path="/api/configs", pause=0.0):
        super().__init__(stack, token, path, threads=16, limit_seconds=600)
        self.pause, self.ids, self.longest = pause, [], 0.0

    def note(self, began, outcome, answer=None):
        super().note(began, outcome, answer)
        self.longest = max(self.longest, time.monotonic() - began)
        if answer:
            self.ids.append(answer.getheader("X-Request-Id"))
        if self.pause:
            self.done.wait(self.pause)

    def figures(self, what):
        return f"{what}: {len(self.outcomes)} requests at 16 connections, {len(self.failures)} failed, " \
               f"longest {self.longest * 1000:.0f} ms"


class Watch:
    """Every command line that the kernel shows while the block runs."""

    def __enter__(self):
        self.lines, self.done = set(), threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.done.is_set():
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    try:
                        with open(f"/proc/{entry.name}/cmdline", "rb") as file:
                            self.lines.add(file.read())
                    except OSError:
                        pass

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    @property
    def text(self):
        return b"\n".join(self.lines).replace(b"\0", b" ").decode(errors="replace")


def temporary_folder(parent, name="tmp"):
    """A TMPDIR whose emptiness can be checked."""
    path = new_folder(parent, name)
    path.chmod(0o755)
    return path


def run_as_user(command, timeout=120, **environment):
    return subprocess.run(as_user(command), capture_output=True, text=True, timeout=timeout, cwd="/",
                          env=clean_environment(**environment))


__all__ = ["Load16", "PYTHON", "ROOT", "USER", "Service", "Watch", "as_user", "children", "clean_environment", "give", "new_folder",
           "operated", "os", "run_as_user", "temporary_folder", "wait_until"]
