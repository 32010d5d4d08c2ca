"""What the threads of a test under load report to, and what must not grow meanwhile: for test_faults.py and tests/bench/soak.py."""

import collections
import re
import sys
import threading
import time
from pathlib import Path

BIN_S = 0.1             # throughput is counted in pieces of this
FDS_SLACK = 4
MEMORY_SLACK_KIB = 1024
MEMORY_FACTOR = 1.25
SHOWN = 50              # violations kept word for word
SHOWN_OF_A_KIND = 3


def say(text):
    print(text, file=sys.stderr, flush=True)


class Watch:
    """What all threads report to."""

    def __init__(self):
        self.lock = threading.Lock()
        self.began = time.monotonic()
        self.statuses = collections.Counter()
        self.bins = collections.Counter()
        self.violations = []
        self.kinds = collections.Counter()
        self.count = 0
        self.excused_until = 0.0
        self.quiet = False          # while the system is ended, broken connections are its end

    def seconds(self):
        return time.monotonic() - self.began

    def answered(self, status):
        with self.lock:
            self.statuses[status] += 1
            if status < 500 and status != 429:
                self.bins[int(self.seconds() / BIN_S)] += 1

    def violation(self, text):
        with self.lock:
            self.count += 1
            kind = re.sub(r"\d+", "", text)[:60]
            self.kinds[kind] += 1
            if self.kinds[kind] <= SHOWN_OF_A_KIND and len(self.violations) < SHOWN:
                self.violations.append(f"{self.seconds():.1f} s: {text}")
                say(f"VIOLATION {self.violations[-1]}")

    def broken(self, text):
        if not self.quiet:
            self.violation(text)

    def excuses_502(self):
        return time.monotonic() < self.excused_until

    def rate(self, first, last):
        """Good answers a second between two points in time."""
        bins = range(int(first / BIN_S), int(last / BIN_S))
        return sum(self.bins[number] for number in bins) / (len(bins) * BIN_S) if bins else 0.0


def rollup(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(value) for name, value in re.findall(r"^(Pss|Anonymous):\s+(\d+)", text, re.M)}


def shared_kib(pid):
    """Size of the mappings that are shared without a file of their own."""
    size = 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, mode, *rest = line.split(maxsplit=5)
        if mode.endswith("s") and rest and rest[-1].startswith(("/dev/zero", "/dev/shm", "/SYSV", "/memfd")):
            first, last = (int(end, 16) for end in span.split("-"))
            size += (last - first) // 1024
    return size


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def sample(stack):
    """A backend's sizes; a worker that leaves while we look is left out. Its own memory is what is in no file: PSS also changes
    when somebody else starts or stops using the same libraries."""
    workers = []
    for pid in stack.backend.workers():
        try:
            memory = rollup(pid)
            workers.append((descriptors(pid), memory["Anonymous"], memory["Pss"]))
        except (OSError, KeyError):
            continue
    fds, own, pss = (max(column, default=0) for column in (zip(*workers) if workers else ((), (), ())))
    return {"workers": len(workers), "master_fds": descriptors(stack.backend.pid), "worker_fds": fds, "worker_own_kib": own,
            "worker_pss_kib": pss, "shared_kib": shared_kib(stack.backend.pid)}


def check_growth(name, first, last, watch):
    for key in ("master_fds", "worker_fds"):
        if last[key] > first[key] + FDS_SLACK:
            watch.violation(f"{name}: {key} grew from {first[key]} to {last[key]}")
    if last["shared_kib"] > first["shared_kib"]:
        watch.violation(f"{name}: shared memory grew from {first['shared_kib']} to {last['shared_kib']} KiB")
    if last["worker_own_kib"] > first["worker_own_kib"] * MEMORY_FACTOR + MEMORY_SLACK_KIB:
        watch.violation(f"{name}: a worker's own memory grew from {first['worker_own_kib']} to {last['worker_own_kib']} KiB")


def check_store(connection, user, watch):
    """Read past the program: profiles, audit trail and revisions are what the user knows."""
    known = {name: slot.version.possible[0] for name, slot in user.slots.items() if slot.version.possible[0] is not None}
    rows = connection.execute("SELECT p.name, p.listed->>'description' FROM resources p JOIN workspaces w ON w.id = p.workspace_id"
                              " WHERE w.slug = %s", (user.slug,)).fetchall()
    stored = {name: int(description.rpartition(" ")[2]) for name, description in rows}
    if stored != known:
        watch.violation(f"{user.name}: the database has {stored}, should have {known}")
    least, most = user.writes[0], sum(user.writes)
    audits, switches, revisions = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE action = 'profile.switch'),"
        " (SELECT count(*) FROM resource_revisions r WHERE r.workspace_id = w.id)"
        " FROM workspaces w LEFT JOIN audit_log a ON a.workspace_id = w.id AND a.action LIKE 'profile.%%'"
        " WHERE w.slug = %s GROUP BY w.id", (user.slug,)).fetchone()
    if not least <= audits <= most:
        watch.violation(f"{user.name}: {audits} rows of audit for {least} to {most} writes")
    if revisions != audits - switches:
        watch.violation(f"{user.name}: {revisions} revisions for {audits - switches} writes in the audit trail")
