#!/usr/bin/python3
"""Requests per second of the real program as ratios to a bare libfcgi program, both in one run.

bench.py [--seconds N] [--rounds N] [--memory-requests N] [--json]

Same machine, same Nginx configuration, same PostgreSQL, same number of processes; rounds alternate, the median counts.
A ratio carries over to other machines, requests per second do not."""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import stack as parts  # noqa: E402

PROCESSES = 8
CONNECTIONS = 16


class Baseline:
    """The bare program behind an Nginx of its own with the same configuration."""

    def __init__(self, folder, cluster, database, binary):
        self.folder = parts.new_folder(folder, "baseline")
        program = self.folder / "baseline"
        shutil.copy2(binary, program)
        parts.give(program)
        with cluster.connect(dbname=database) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS bench (name text PRIMARY KEY, base_url text, model text)")
            connection.execute("INSERT INTO bench VALUES ('bench', 'https://api.example.com', 'model') ON CONFLICT DO NOTHING")
        socket = self.folder / "bare.sock"
        self.process = parts.Process([program, socket, PROCESSES, cluster.url(database)], self.folder / "log", cwd=self.folder)
        parts.wait_until("the bare program listens", socket.exists)
        self.nginx = parts.Nginx(self.folder, socket)
        self.nginx.start()

    def close(self):
        self.nginx.stop()
        self.process.stop()


def wrk(port, path, seconds, token=None):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"]
    if token:
        command[1:1] = ["-H", f"Authorization: Bearer {token}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{path} had failures:\n{text}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def pss_kb(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))


def prepare(stack):
    client = stack.client("bench")
    for number in range(50):
        body = {"name": f"profile-{number}", "base_url": "https://api.example.com", "auth_token": f"sk-bench-{number:032}",
                "model": "model", "provider": "example", "tags": ["bench"]}
        assert client.post("/api/configs", json=body).status_code == 201
    return client


def measure(stack, bare, client, seconds, rounds):
    rows = [
        ("live", "/api/system/live", None, "/fixed"),
        ("one profile", "/api/configs/profile-7", client.token, "/api/one"),
        ("fifty profiles", "/api/configs", client.token, "/api/one"),
    ]
    results = []
    for name, path, token, bare_path in rows:
        ours, theirs = [], []
        for number in range(rounds):
            print(f"{name}: round {number + 1}/{rounds}", file=sys.stderr)
            theirs.append(wrk(bare.nginx.port, "/api" + bare_path if bare_path == "/fixed" else bare_path, seconds))
            ours.append(wrk(stack.nginx.port, path, seconds, token))
        ours, theirs = statistics.median(ours), statistics.median(theirs)
        results.append({"what": name, "path": path, "requests_per_s": round(ours), "bare_requests_per_s": round(theirs),
                        "ratio": round(ours / theirs, 3)})
    return results


def memory(stack, client, requests):
    """PSS of every worker after `requests` more requests in all."""
    done = 0
    while done < requests:
        done += int(wrk(stack.nginx.port, "/api/configs/profile-7", 5, client.token) * 5)
    return {"requests": done, "worker_pss_kb": [pss_kb(pid) for pid in stack.backend.workers()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-requests", type=int, default=100000)
    parser.add_argument("--baseline", default=parts.ROOT / "build" / "bench" / "baseline")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = parts.new_folder()
    cluster = parts.Cluster(parts.new_folder(folder, "postgres"))
    cluster.create()
    cluster.create_migrated("bench", folder)
    # MAX_REQUESTS=0: the memory figure is that of workers which served everything.
    stack = parts.Stack(parts.new_folder(folder, "stack"), cluster, "bench", MAX_CONNECTIONS=PROCESSES, MAX_REQUESTS=0)
    bare = None
    try:
        stack.start()
        client = prepare(stack)
        bare = Baseline(folder, cluster, "bench", options.baseline)
        results = measure(stack, bare, client, options.seconds, options.rounds)
        report = {"connections": CONNECTIONS, "processes": PROCESSES, "results": results}
        if options.memory_requests:
            report["memory"] = memory(stack, client, options.memory_requests)
    finally:
        if bare:
            bare.close()
        stack.close()
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps(report))
        return
    print(f"{'what':16} {'ours/s':>8} {'bare/s':>8} {'ratio':>6}")
    for row in results:
        print(f"{row['what']:16} {row['requests_per_s']:8} {row['bare_requests_per_s']:8} {row['ratio']:6.2f}")
    if "memory" in report:
        print(f"worker PSS after {report['memory']['requests']} requests: {max(report['memory']['worker_pss_kb'])} KiB at most")


if __name__ == "__main__":
    main()
