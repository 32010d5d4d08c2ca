"""What is left of secrets in the memory of the processes once a request is over, and who may look into it."""

import os
import re
import secrets
import signal
import subprocess
from pathlib import Path

import pytest

from configs import BASE, exported, imported, token_of
from stack import Process, as_user, clean_environment, new_folder, wait_until, workers_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the memory of the program")


def memory_of(pid):
    """Every readable piece of a process's memory, with what /proc/PID/maps says of it."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, mode = line.split()[:2]
            if mode[0] != "r" or line.endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            try:
                memory.seek(start)
                yield line, memory.read(end - start)
            except (OSError, ValueError):
                continue  # guard pages of libsodium, what was unmapped meanwhile


def copies(pids, canaries):
    """Where any of the canaries stands."""
    return [(pid, name, line) for pid in pids for line, piece in memory_of(pid) for name, text in canaries.items()
            if text.encode() in piece]


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(MIN_CONNECTIONS="2", MAX_CONNECTIONS="2", HOUSEKEEPING="off")


def canary(name):
    return f"sk-{name}-{secrets.token_hex(12)}"


def use_secrets(client, made):
    """Sends and fetches each of them once, by whatever way there is."""
    form = {"name": "relay", "base_url": BASE, "auth_token": made["created"]}
    assert client.post("/api/configs", json=form).status_code == 201
    assert token_of(client, "relay") == made["created"]
    assert client.put("/api/configs/relay", json={**form, "auth_token": made["replaced"]}).status_code == 200
    file = (f'[settings]\nglobal_token = "{made["top"]}"\n[imported]\nbase_url = "{BASE}"\nauth_token = "{made["imported"]}"\n'
            f'http_headers = {{ Authorization = "Bearer {made["header"]}" }}\n[imported.env]\nKEY = """{made["env"]}"""\n')
    imported(client, file)
    imported(client, file.replace("[settings]", "[settings]\nx = 1"), mode="replace")
    text = exported(client, include_secrets=True)
    assert all(made[name] in text for name in ("imported", "header", "env", "top"))
    backup = client.get("/api/backups").data["backups"][0]["id"]
    assert client.post(f"/api/backups/{backup}/restore", json={}).status_code == 200
    assert client.post("/api/configs/relay/rollback", json={"revision": 1}).status_code == 200
    assert client.post("/api/import", json={"content": f'[a]\nauth_token = "{made["broken"]}"\nx = \n'}).status_code == 400
    assert client.post("/api/configs", json={**form, "name": "", "auth_token": made["refused"]}).status_code == 400
    client.post("/api/command/execute", json={"command": "switch", "args": [made["typed"]]})
    assert client.post("/api/auth/password/confirm", json={"password": made["password"]}).status_code == 400
    many = "".join(f'[p{n}]\nbase_url = "{BASE}"\nauth_token = "{made["many"]}-{n}"\n' for n in range(400))
    imported(client, many)
    exported(client, include_secrets=True)


def test_nothing_is_left_of_a_secret(system):
    client = system.client("ann")
    names = ["created", "replaced", "imported", "header", "env", "top", "broken", "refused", "typed", "password", "many"]
    made = {name: canary(name) for name in names}
    for _ in range(2):  # by each worker, if they take turns
        use_secrets(client, made)
        for path in ("/api/configs", "/api/configs/imported/revisions"):
            client.get(path)
        for name in ("relay", "imported"):
            client.delete(f"/api/configs/{name}")
    client.post("/api/import", json={"content": "", "mode": "replace", "backup": False})
    processes = [system.backend.process.pid, *system.backend.workers()]
    assert copies(processes, made) == []


def test_the_look_sees_what_is_there(system):
    """A test that could not find anything would always pass: the keys themselves must be found."""
    keys = {"jwt": system.cli.env["JWT_SECRET"]}
    assert {pid for pid, *_ in copies(system.backend.workers(), keys)} == set(system.backend.workers())


def test_no_core_dumps_and_no_strangers(system):
    for pid in [system.backend.process.pid, *system.backend.workers()]:
        assert re.search(r"^Max core file size +0 +0 ", Path(f"/proc/{pid}/limits").read_text(), re.M)
        # Not dumpable (prctl(2)): what is private in /proc belongs to root, whoever the process runs as.
        assert {os.stat(f"/proc/{pid}/{name}").st_uid for name in ("environ", "mem", "maps")} == {0}
    look = as_user(["cat", f"/proc/{system.backend.workers()[0]}/environ"])
    result = subprocess.run(look, capture_output=True, text=True)
    assert result.returncode != 0 and result.stdout == ""


def test_settings_of_the_environment_are_hidden(system):
    """Still there for a reload, but no longer to be read in /proc."""
    folder = new_folder()
    variables = {**system.cli.env, "MIN_CONNECTIONS": "1", "MAX_CONNECTIONS": "1", "METRICS_TOKEN": secrets.token_hex(16)}
    hidden = [variables["JWT_SECRET"], variables["SECRETS_KEY"].split(":")[1], variables["METRICS_TOKEN"], system.cluster.password]
    process = Process([system.cli.binary, "serve", "--socket", folder / "fastcgi.sock"], folder / "log", env=clean_environment(**variables))
    try:
        wait_until("it has a worker", lambda: workers_of(process.pid))
        for _ in range(2):
            workers = workers_of(process.pid)
            for pid in [process.pid, *workers]:
                environ = Path(f"/proc/{pid}/environ").read_text()
                assert "RATE_LIMIT=0" in environ and not [text for text in hidden if text in environ]
            process.send(signal.SIGHUP)
            wait_until("another worker took over", lambda: (now := workers_of(process.pid)) and not set(now) & set(workers))
        assert '"level":"error"' not in process.log()
    finally:
        process.stop()
