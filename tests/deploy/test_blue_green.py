"""deploy/docker/blue-green.sh under load: its logic, with processes for containers (fake_docker.py)."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from operations import ROOT, Load16, clean_environment, give, new_folder, run_as_user, wait_until
from stack import BINARY, Cluster, Stack


class Docker:
    def __init__(self, folder, stack):
        self.folder, self.stack = new_folder(folder, "docker"), stack
        self.images = new_folder(self.folder, "images")
        self.volume = new_folder(folder, "volume")
        self.program, self.script = self.folder / "docker", self.folder / "blue-green.sh"
        for source, target in [(ROOT / "tests/deploy/fake_docker.py", self.program), (ROOT / "deploy/docker/blue-green.sh", self.script)]:
            shutil.copy2(source, target)
            target.chmod(0o755)
            give(target)

    def image(self, name, serve=None):
        real = self.images / f"{name}.real"
        shutil.copy2(BINARY, real)
        text = f'#!/bin/sh\nif [ "$1" = serve ]; then\n{serve or ":"}\nfi\nexec {real} "$@"\n'
        (self.images / name).write_text(text)
        for path in (real, self.images / name):
            path.chmod(0o755)
            give(path)
        return name

    def run(self, *arguments):
        return run_as_user([self.program, *arguments], FAKE_DOCKER=str(self.folder))

    def switch(self, image, *options):
        return run_as_user(["bash", self.script, "--engine", self.program, "--volume", self.volume, "--env-file", self.stack.cli.env_file,
                            "--drain", "1", "--health-timeout", "30", *options, image], FAKE_DOCKER=str(self.folder))

    def containers(self):
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def close(self):
        for name in self.containers():
            pid = json.loads((self.folder / f"{name}.json").read_text())["pid"]
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture(scope="module")
def docker():
    folder = new_folder()
    cluster = Cluster(new_folder(folder, "pg"))
    try:
        cluster.create()
        cluster.create_migrated("ccr", new_folder(folder, "m"))
        stack = Stack(new_folder(folder, "s"), cluster, "ccr", owns_cluster=True)
        made = Docker(folder, stack)
        made.image("old")
        stack.nginx.backend_socket = made.volume / "fastcgi.sock"
        try:
            # As compose starts it: on the socket itself.
            done = made.run("run", "--detach", "--name", "compose-backend-1", "--volume", f"{made.volume}:/run/ccr-ui-backend", "--env-file",
                            str(stack.cli.env_file), "--env", "SOCKET=/run/ccr-ui-backend/fastcgi.sock", "old", "serve")
            assert done.returncode == 0, done.stderr
            stack.nginx.start()
            stack.backend.fail_if_ended = lambda: None
            wait_until("the status is healthy", stack.healthy)
            token = stack.client("admin").post("/api/tokens", json={"name": "load", "scopes": ["read"]}).data["token"]
            made.token = token
            yield made
        finally:
            made.close()
            stack.nginx.stop()
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def show(capsys):
    def line(text):
        with capsys.disabled():
            print(f"\n  {text}", end="")
    return line


def test_from_compose_to_blue_to_green_under_load(docker, show):
    with Load16(docker.stack, docker.token, pause=0.005) as load:
        for number, (options, serving) in enumerate([(["--old", "compose-backend-1"], "blue"), ([], "green"), ([], "blue")]):
            done = docker.switch(docker.image(f"v{number}"), *options)
            assert done.returncode == 0, done.stderr
            assert docker.containers() == [f"ccr-ui-backend-{serving}"]
            assert os.readlink(docker.volume / "fastcgi.sock") == f"ccr-ui-backend-{serving}.sock"
            load.progress(100)
    show(load.figures("3 exchanges of containers"))
    assert load.failures == []


@pytest.mark.parametrize("name, serve, message", [
    ("ends", "exit 3", "ended"), ("unhealthy", "export DATABASE_URL=postgresql://ccr@127.0.0.1:1/ccr", "not healthy after"),
    ("hangs", "exec sleep 60", "not healthy after"),
])
def test_a_broken_image_costs_no_request(docker, name, serve, message, show):
    before = docker.containers(), os.readlink(docker.volume / "fastcgi.sock")
    with Load16(docker.stack, docker.token, pause=0.005) as load:
        done = docker.switch(docker.image(name, serve), "--health-timeout", "2")
        load.progress(100)
    show(load.figures(f"broken image ({name}), exit status {done.returncode}"))
    assert (done.returncode, message in done.stderr) == (65, True), done.stderr
    assert load.failures == []
    assert (docker.containers(), os.readlink(docker.volume / "fastcgi.sock")) == before


def test_wrong_arguments(docker):
    for arguments, status in [(["--nonsense", "x", "i"], 64), (["--env-file", "/nonexistent", "i"], 64), (["--drain", "x", "i"], 64)]:
        assert docker.switch("v0", *arguments[:-1]).returncode == status
    with subprocess.Popen(["flock", "-F", docker.stack.cli.env_file, "sleep", "20"], env=clean_environment()) as holder:
        try:
            wait_until("the lock is held", lambda: subprocess.run(["flock", "-n", docker.stack.cli.env_file, "true"]).returncode)
            assert docker.switch("v0").returncode == 75
        finally:
            holder.terminate()
