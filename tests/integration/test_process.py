"""The master and its workers: who makes the socket, and what a signal, a crash or a stuck worker costs."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from stack import Load, Pending, as_user, table_locked, wait_for_blocked, wait_until

WORKERS = 4


def add_config(client, name="relay"):
    body = {"name": name, "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}
    assert client.post("/api/configs", json=body).status_code == 201


def all_workers(stack, count=WORKERS):
    """The workers' process ids once the pool is full again."""
    def full():
        workers = stack.status()["workers"]
        return stack.backend.workers() if workers["total"] == count == len(stack.backend.workers()) else None
    return wait_until(f"{count} workers run", full)


@pytest.mark.parametrize("launcher", ["itself", "spawn-fcgi", "systemd"])
def test_every_way_to_get_a_socket(fresh_stack, launcher):
    stack = fresh_stack(launcher=launcher)
    admin = stack.client("admin")
    add_config(admin)
    assert admin.get("/api/configs").data["configs"][0]["name"] == "relay"
    assert stack.backend.stop() == 0


def test_own_socket_has_the_mode_asked_for_and_goes_away(fresh_stack):
    stack = fresh_stack()
    assert stack.backend.socket.stat().st_mode & 0o7777 == 0o660
    assert stack.backend.stop() == 0
    assert not stack.backend.socket.exists()


def test_killed_workers_cost_at_most_the_request_they_served(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS)
    admin = stack.client("admin")
    before = stack.status()["workers"]["restarts"]
    kills = 0
    with Load(stack, admin.token, "/api/configs") as load:
        for _ in range(5):
            victim = all_workers(stack)[-1]
            os.kill(victim, signal.SIGKILL)
            kills += 1
            load.progress(100)
            wait_until("the master has missed it", lambda: victim not in stack.backend.workers())
    print(f"{kills} kills, {len(load.outcomes)} requests, failed: {load.failures}")
    assert len(load.failures) <= kills
    assert {outcome for _, outcome in load.failures} <= {502}
    all_workers(stack)
    assert stack.status()["workers"]["restarts"] - before == kills


def test_reload_under_load_costs_no_request(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS)
    admin = stack.client("admin")
    with Load(stack, admin.token, "/api/configs") as load:
        for _ in range(3):
            before = set(all_workers(stack))
            stack.backend.send(signal.SIGHUP)
            wait_until("every worker was replaced", lambda: not before & set(stack.backend.workers()))
            load.progress(50)
    print(f"3 reloads, {len(load.outcomes)} requests")
    assert load.failures == []
    assert stack.status()["workers"]["restarts"] == 0


def test_reload_without_processes_to_be_had_keeps_the_old_workers(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS)
    admin = stack.client("admin")
    before = set(all_workers(stack))
    limit = process_limit(stack)
    with Load(stack, admin.token, "/api/configs", threads=2) as load:
        limit_processes(stack, 0)
        stack.backend.send(signal.SIGHUP)
        wait_until("a start has failed", lambda: failed_starts(stack))
        time.sleep(1)
        assert set(stack.backend.workers()) == before
        assert failed_starts(stack) == 1
        limit_processes(stack, limit)
        wait_until("all workers are new ones", lambda: not before & set(stack.backend.workers()))
    assert load.failures == []
    assert len(all_workers(stack)) == WORKERS


def process_limit(stack):
    limits = Path(f"/proc/{stack.backend.process.pid}/limits").read_text()
    return re.search(r"^Max processes +(\S+)", limits, re.MULTILINE).group(1)


def limit_processes(stack, count):
    """For the master alone: a limit of the user's would stop PostgreSQL, too."""
    subprocess.run(as_user(["prlimit", "--pid", stack.backend.process.pid, f"--nproc={count}:"]), check=True)


def failed_starts(stack):
    return stack.backend.log().count('"message":"cannot start a worker"')


def test_several_reloads_at_once_end_in_a_full_pool(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS)
    before = set(all_workers(stack))
    for _ in range(10):
        stack.backend.send(signal.SIGHUP)
        time.sleep(0.01)
    wait_until("every worker was replaced", lambda: not before & set(stack.backend.workers()))
    all_workers(stack)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT], ids=["SIGTERM", "SIGQUIT"])
def test_stop_lets_requests_in_progress_finish(fresh_stack, number):
    stack = fresh_stack(patient=True)
    admin = stack.client("admin")
    add_config(admin)
    with table_locked(stack):
        pending = Pending(admin, "GET", "/api/configs")
        wait_for_blocked(stack)
        stack.backend.send(number)
        time.sleep(0.5)
        assert stack.backend.process.running
        assert pending.outcome is None
    response = pending.result()
    assert response.status_code == 200
    assert response.data["configs"][0]["name"] == "relay"
    assert stack.backend.process.wait() == 0


def test_reload_lets_requests_in_progress_finish(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS, patient=True)
    admin = stack.client("admin")
    before = set(all_workers(stack))
    with table_locked(stack):
        pending = Pending(admin, "GET", "/api/configs")
        wait_for_blocked(stack)
        stack.backend.send(signal.SIGHUP)
        wait_until("the idle workers were replaced", lambda: len(before & set(stack.backend.workers())) <= 1)
    assert pending.result().status_code == 200
    wait_until("the last one was replaced", lambda: not before & set(stack.backend.workers()))


def test_stuck_worker_is_killed_and_replaced(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=1, REQUEST_TIMEOUT=5, patient=True)
    admin = stack.client("admin")
    stuck = stack.backend.workers()
    with table_locked(stack):
        pending = Pending(admin, "GET", "/api/configs")
        wait_for_blocked(stack)
        os.kill(stuck[0], signal.SIGSTOP)  # as if it never came back from something
    began = time.monotonic()
    assert pending.result().status_code == 502
    print(f"killed after {time.monotonic() - began:.1f} s more")
    assert all_workers(stack, 1) != stuck
    assert stack.status()["workers"]["restarts"] == 1
    assert admin.get("/api/configs").status_code == 200


def test_nobody_is_killed_for_standing_still_with_the_whole_machine(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS, REQUEST_TIMEOUT=5, patient=True)
    admin = stack.client("admin")
    before = all_workers(stack)
    with table_locked(stack):
        pending = Pending(admin, "GET", "/api/configs")
        wait_for_blocked(stack)
        for pid in (stack.backend.pid, *before):  # what freezing a container does
            os.kill(pid, signal.SIGSTOP)
        time.sleep(6)
        for pid in (stack.backend.pid, *before):
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.2)
    assert pending.result().status_code == 200
    assert all_workers(stack) == before
    assert stack.status()["workers"]["restarts"] == 0


def test_death_of_all_workers_at_once_is_survived(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=WORKERS)
    admin = stack.client("admin")
    for _ in range(3):
        for pid in all_workers(stack):
            os.kill(pid, signal.SIGKILL)
        wait_until("requests are served again", lambda: admin.get("/api/configs").status_code == 200)
    all_workers(stack)
    assert stack.backend.process.running


def test_killed_master_takes_its_workers_along(fresh_stack):
    stack = fresh_stack()
    workers = all_workers(stack)
    stack.backend.send(signal.SIGKILL)
    stack.backend.process.wait()
    wait_until("the workers are gone", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))
    stack.backend.start()  # over the socket that was left behind
    wait_until("the status is healthy", stack.healthy)


def test_workers_leave_after_their_number_of_requests(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=2, MAX_REQUESTS=20)
    admin = stack.client("admin")
    seen = set(all_workers(stack, 2))
    for _ in range(150):
        assert admin.get("/api/configs").status_code == 200
        seen |= set(stack.backend.workers())
    print(f"150 requests went through {len(seen)} workers")
    assert 4 <= len(seen) <= 20
    assert stack.status()["workers"]["restarts"] == 0


def test_reload_reads_the_env_file_again(fresh_stack):
    stack = fresh_stack()
    api = stack.client()
    origin = {"Origin": "https://ui.example.org"}
    assert "Access-Control-Allow-Origin" not in api.get("/api/system/live", headers=origin).headers
    before = set(stack.backend.workers())
    stack.cli.write_env(CORS_ORIGINS="https://ui.example.org")
    stack.backend.send(signal.SIGHUP)
    wait_until("every worker was replaced", lambda: not before & set(stack.backend.workers()))
    answer = api.get("/api/system/live", headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ui.example.org"


def test_reload_changes_the_number_of_workers(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=2)
    all_workers(stack, 2)
    for count in (5, 1):
        stack.cli.write_env(MIN_CONNECTIONS=str(count), MAX_CONNECTIONS=str(count))
        stack.backend.send(signal.SIGHUP)
        all_workers(stack, count)


def test_reload_with_a_wrong_setting_keeps_what_runs(fresh_stack):
    stack = fresh_stack()
    before = set(stack.backend.workers())
    stack.cli.write_env(RATE_LIMIT="abc")
    stack.backend.send(signal.SIGHUP)
    wait_until("the log says why", lambda: "RATE_LIMIT" in stack.backend.log())
    assert stack.client().get("/api/system/live").status_code == 200
    assert set(stack.backend.workers()) == before


def test_healthcheck_speaks_to_the_socket(fresh_stack):
    stack = fresh_stack(SOCKET=None)
    stack.cli.write_env(SOCKET=str(stack.backend.socket))
    assert stack.cli.run("healthcheck").returncode == 0
    stack.backend.stop()
    result = stack.cli.run("healthcheck")
    assert result.returncode != 0
    assert len((result.stdout + result.stderr).strip().splitlines()) == 1
