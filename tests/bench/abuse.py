#!/usr/bin/python3
"""What others feel while somebody does his worst within the default limits: the 99th percentile of a read as a ratio to idle.

  worst    12 connections of one user import 5,000 profiles, export, validate and disable what is being imported, and 60
           addresses log in wrongly, for --seconds; readers ask for their own profiles, which are in the cache
  exports  ten connections of one user export 10,000 profiles; a second user reads one profile
  hanging  four connections of one user test the providers of 50 profiles, which take a connection and say nothing

A system of its own for each, with the default limits. Clients are processes, users have addresses of their own (127.0.0.0/8); the
connections of the one user come together at the pace that Nginx's site lets pass, each of the 60 addresses once a second. Readers
keep to their own pace. Everything runs on this machine, so what the clients cost is part of what the readers feel. The exit status
is 1 when a ratio is above its target, a reader got anything but 200, or a worker died or was killed."""

import argparse
import http.client
import json
import multiprocessing
import os
import shutil
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import stack as parts  # noqa: E402

TARGETS = {"worst": 10, "exports": 5, "hanging": 5}  # times idle, at most
READERS = 4
READ_PAUSE_S = 0.125                   # within RATE_LIMIT
CONNECTIONS = {"worst": 12, "exports": 10, "hanging": 4}
HANGING = 50
OUTBOUND = "127.0.0.2"             # where those providers are
NGINX_PACE = 50                        # requests a second and address that Nginx's site lets pass
GUESSERS, ADDRESSES = 4, 60
IDLE_S = 15
ADA = "127.2.0.1"


def profiles(count, mark):
    return "".join(f'[{mark}-{number}]\nbase_url = "https://{mark}-{number}.example"\nauth_token = "sk-{number:08d}"\n'
                   for number in range(count))


def ask(port, address, method, path, token=None, body=None, timeout=90):
    """Status and seconds, on a connection of its own."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(address, 0))
    try:
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - began
    except OSError as problem:
        return type(problem).__name__, time.perf_counter() - began
    finally:
        connection.close()


def read(port, address, token, path, until, out):
    """A reader at his own pace."""
    while time.monotonic() < until:
        out.put(ask(port, address, "GET", path, token))
        time.sleep(READ_PAUSE_S)


def attack(port, make, pause, until, out):
    """The next one as soon as there is an answer, but no two within `pause` seconds; `make(turn)` is an address and a request."""
    counts, turn = {}, 0
    while time.monotonic() < until:
        began = time.monotonic()
        status, _ = ask(port, *make(turn))
        counts[status] = counts.get(status, 0) + 1
        turn += 1
        time.sleep(max(0.0, pause - (time.monotonic() - began)))
    out.put(counts)


class Worst:
    """One user's requests, in an order of its own for each connection."""

    def __init__(self, token, number, texts):
        self.token, self.number, self.texts = token, number, texts

    def __call__(self, turn):
        kind = (self.number + turn) % 4
        if kind == 0:
            mode = ("merge", "replace")[turn % 2]
            return ADA, "POST", "/api/import", self.token, {"content": self.texts[turn % len(self.texts)], "mode": mode}
        if kind == 1:
            return ADA, "PATCH", f"/api/configs/a-{turn}/disable", self.token
        return (ADA, "POST", "/api/export", self.token, {}) if kind == 2 else (ADA, "GET", "/api/validate", self.token)


def export(token):
    return lambda turn: (ADA, "POST", "/api/export", token, {})


def test_providers(token):
    return lambda turn: (ADA, "GET", "/api/provider-health/test-all", token)


def guess(first):
    """One of the guessers: every so many of the addresses."""
    addresses = [f"127.3.0.{number + 1}" for number in range(first, ADDRESSES, GUESSERS)]
    return lambda turn: (addresses[turn % len(addresses)], "POST", "/api/auth/login", None,
                         {"username": f"nobody-{first}-{turn}", "password": "wrong-password-1"})


def quantile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def gather(processes, *queues):
    """What the processes put, until all have ended."""
    found = [[] for _ in queues]
    while any(process.is_alive() for process in processes) or not all(queue.empty() for queue in queues):
        for queue, items in zip(queues, found):
            while not queue.empty():
                items.append(queue.get())
        time.sleep(0.01)
    return found


def measure(port, readers, attackers, seconds):
    reads, attacks = multiprocessing.Queue(), multiprocessing.Queue()
    until = time.monotonic() + seconds
    processes = [multiprocessing.Process(target=read, args=(port, *reader, until, reads), daemon=True) for reader in readers]
    processes += [multiprocessing.Process(target=attack, args=(port, *attacker, until, attacks), daemon=True)
                  for attacker in attackers]
    for process in processes:
        process.start()
    answers, counts = gather(processes, reads, attacks)
    times = sorted(seconds for _, seconds in answers)
    return {"reads": len(times), "median_ms": quantile(times, 0.5) * 1000, "p99_ms": quantile(times, 0.99) * 1000,
            "slowest_ms": times[-1] * 1000, "failed": sorted({str(status) for status, _ in answers if status != 200}),
            "attack": {str(status): sum(count.get(status, 0) for count in counts) for status in {s for c in counts for s in c}}}


def make_hanging(system, ada):
    """The listener, which accepts nobody: the kernel makes the connections."""
    hangs = socket.create_server((OUTBOUND, 0), backlog=4096)
    url = f"http://{OUTBOUND}:{hangs.getsockname()[1]}"
    text = "".join(f'[p-{number}]\nbase_url = "{url}"\nauth_token = "sk-{number:08d}"\n' for number in range(HANGING))
    status, _ = ask(system.nginx.port, ADA, "POST", "/api/import", ada.token, {"content": text, "mode": "merge"})
    assert status == 200, status
    return hangs


def prepare(system, scenario):
    """Readers as (address, token, path), attackers as (request maker, seconds between two)."""
    port, pause = system.nginx.port, CONNECTIONS[scenario] / NGINX_PACE
    ada = system.client("ada")
    readers = []
    for number in range(READERS):
        client = system.client(f"reader-{number}")
        client.post("/api/configs", json={"name": "kept", "base_url": "https://a.example", "auth_token": "sk-0123456789"})
        readers.append((f"127.1.0.{number + 1}", client.token, "/api/configs" if scenario == "worst" else "/api/configs/kept"))
    if scenario == "worst":
        texts = [profiles(5000, mark) for mark in "ab"]
        attackers = [(Worst(ada.token, number, texts), pause) for number in range(CONNECTIONS[scenario])]
        attackers += [(guess(number), GUESSERS / ADDRESSES) for number in range(GUESSERS)]
    elif scenario == "hanging":
        system.hangs = make_hanging(system, ada)
        attackers = [(test_providers(ada.token), pause) for _ in range(CONNECTIONS[scenario])]
    else:
        for mark in "ab":
            status, _ = ask(port, ADA, "POST", "/api/import", ada.token, {"content": profiles(5000, mark), "mode": "merge"})
            assert status == 200, status
        attackers = [(export(ada.token), pause) for _ in range(CONNECTIONS[scenario])]
    return readers, attackers


def run(scenario, cluster, folder, seconds):
    cluster.create_database(f"ccr_{scenario}", "ccr_template")
    system = parts.Stack(parts.new_folder(folder, scenario), cluster, f"ccr_{scenario}", RATE_LIMIT=None, IN_PROGRESS_LIMITS=None,
                         MAX_CONNECTIONS=8, MIN_CONNECTIONS=2, LOG_LEVEL="warn", ACCESS_TOKEN_TTL=3600, OUTBOUND_ALLOW=OUTBOUND)
    system.start()
    try:
        readers, attackers = prepare(system, scenario)
        idle = measure(system.nginx.port, readers, [], IDLE_S)
        under = measure(system.nginx.port, readers, attackers, seconds)
        ratio = under["p99_ms"] / idle["p99_ms"]
        lost = system.status()["workers"]["restarts"]
    finally:
        system.close()
    good = ratio <= TARGETS[scenario] and not under["failed"] and not idle["failed"] and not lost
    return {"scenario": scenario, "idle": idle, "under": under, "ratio": ratio, "target": TARGETS[scenario],
            "workers_lost": lost, "load_average": os.getloadavg(), "good": good}


def show(result):
    under, idle = result["under"], result["idle"]
    print(f"{result['scenario']:<8} p99 {idle['p99_ms']:.1f} ms idle, {under['p99_ms']:.1f} ms under it: {result['ratio']:.1f} x"
          f" (at most {result['target']} x) {'good' if result['good'] else 'MISSED'}\n"
          f"         median {idle['median_ms']:.1f} and {under['median_ms']:.1f} ms, slowest {under['slowest_ms']:.0f} ms of"
          f" {under['reads']} reads; failed: {', '.join(under['failed']) or 'none'}; workers lost: {result['workers_lost']}\n"
          f"         the others got {under['attack']}; load average {result['load_average'][0]:.1f}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=60, help="of each scenario (default 60)")
    options.add_argument("--only", choices=sorted(TARGETS), help="one scenario")
    options.add_argument("--json", metavar="FILE", help="writes the results there as well")
    chosen = options.parse_args()
    folder = parts.new_folder()
    cluster = parts.Cluster(parts.new_folder(folder, "pg"))
    results = []
    try:
        cluster.create()
        cluster.create_migrated("ccr_template", parts.new_folder(folder, "template"))
        for scenario in [chosen.only] if chosen.only else TARGETS:
            print(f"{scenario}: {IDLE_S} s idle, then {chosen.seconds} s …", flush=True)
            results.append(run(scenario, cluster, folder, chosen.seconds))
            show(results[-1])
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(results, indent=2))
    return 0 if all(result["good"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
