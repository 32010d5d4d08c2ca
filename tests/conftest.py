"""What all pytest runs share: progress as it happens, a limit for each test that names it, the longest files first.

CCR_TEST_LIMIT   seconds that a test may take (300), one marked slow four times as many
CCR_TEST_STATE   a file that always says how far the run is: "passed N", "failed N", and "running ID" a line for each test begun
"""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

LIMIT_S = float(os.environ.get("CCR_TEST_LIMIT", "300"))
EVERY_S = float(os.environ.get("CCR_TEST_EVERY", "5"))  # seconds from one line of progress to the next
SLOW_WEIGHT = 100  # as many ordinary tests as one marked slow takes
# Files of few and long tests: as many ordinary ones as they take, so that none of them is begun last and stands alone at the end.
WEIGHTS = {"test_many_profiles.py": 600, "test_quickstart.py": 600, "test_update.py": 600, "test_resources.py": 400,
           "test_database_down.py": 350, "test_admission.py": 300, "test_backup.py": 300, "test_cache.py": 250,
           "test_backup_attacks.py": 250, "test_pool.py": 200, "test_housekeeping.py": 200, "test_dns.py": 200, "test_clouds.py": 200,
           "test_login_throttle.py": 150, "test_blue_green.py": 150, "test_test_script.py": 150, "test_kubernetes.py": 150}


def pytest_configure(config):
    state = os.environ.pop("CCR_TEST_STATE", None)  # this run's alone: a pytest that a test starts would write it, too
    if state and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config, Path(state)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    weights = Counter()
    for item in items:
        slow = "slow" in item.keywords
        weights[item.path] += SLOW_WEIGHT if slow else 1
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_S * (4 if slow else 1), method="signal"))
    items.sort(key=lambda item: -max(weights[item.path], WEIGHTS.get(item.path.name, 0)))  # stable: the order within a file stays


NAME_MAX = 80


def pytest_make_parametrize_id(val, argname):
    """What is long, or no text, names a test by its length: a name of a megabyte helps nobody."""
    if isinstance(val, (str, bytes)) and (len(val) > NAME_MAX or isinstance(val, bytes) and not val.isascii()):
        return f"{argname}-of-{len(val)}"
    return None


class Progress:
    """In place of dots, which stay in a pipe for minutes: a line every few seconds, and one at once for what fails."""

    def __init__(self, config, state):
        self.config = config
        self.state = state
        self.began = self.shown = time.monotonic()
        self.passed = self.total = 0
        self.bad = set()
        self.running = {}
        self.done = 0

    def write_state(self):
        lines = [f"passed {self.passed}", f"failed {len(self.bad)}", *(f"running {test}" for test in self.running)]
        partial = self.state.with_suffix(".partial")
        partial.write_text("\n".join(lines) + "\n")
        partial.replace(self.state)

    def say(self, text):
        self.config.get_terminal_writer().write(f"      {text}\n", flush=True)

    def pytest_sessionstart(self):
        self.write_state()

    def pytest_collection_finish(self, session):
        self.total = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        self.total = len(ids)

    def pytest_report_teststatus(self, report):
        if report.passed and report.when == "call":
            return "passed", "", ""
        return None

    def pytest_runtest_logstart(self, nodeid):
        self.running[nodeid] = True
        self.write_state()

    def pytest_runtest_logfinish(self, nodeid):
        self.running.pop(nodeid, None)
        self.done += 1
        self.write_state()
        now = time.monotonic()
        if now - self.shown >= EVERY_S:
            self.shown = now
            at = ", ".join(sorted({test.split("::")[0].rsplit("/", 1)[-1] for test in self.running}))
            self.say(f"{self.done}/{self.total}, {len(self.bad)} failed, {now - self.began:.0f} s: {at or nodeid}")

    def pytest_runtest_logreport(self, report):
        if report.failed and report.nodeid not in self.bad:
            self.bad.add(report.nodeid)
            reason = getattr(getattr(report.longrepr, "reprcrash", None), "message", "") or str(report.longrepr)
            self.say(f"FAILED {report.nodeid} ({report.when}): {reason.strip().splitlines()[0][:300] if reason.strip() else ''}")
        elif report.when == "call" and report.passed:
            self.passed += 1
        self.write_state()

    def pytest_collectreport(self, report):
        if report.failed:
            self.bad.add(report.nodeid)
            self.write_state()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        if error:
            self.bad.add(f"{node.gateway.id}: {error}")
            self.write_state()
