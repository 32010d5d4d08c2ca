"""scripts/test.sh itself: whatever happens, its last line stands and says what happened."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from stack import wait_until

ROOT = Path(__file__).resolve().parents[2]
GOOD = "def test_good(): pass\n"
HANGS = "import time\ndef test_good(): pass\ndef test_hangs(): time.sleep(600)\n"
ENDS_PYTHON = "import os\ndef test_good(): pass\ndef test_dies(): os._exit(9)\n"
BROKEN = "import nothing_of_this_name\n"
ALONE = "import os\ndef test_it(): assert 'CCR_TEST_STATE' not in os.environ\n"


@pytest.fixture
def tree(tmp_path):
    """A checkout with the real script and one file of tests."""
    def make(tests, makefile="all:\n"):
        for name in ("scripts/test.sh", "scripts/lib.sh", "scripts/run-programs.sh", "tests/conftest.py"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
        (tmp_path / "tests" / "integration").mkdir()
        (tmp_path / "tests" / "integration" / "test_it.py").write_text(tests)
        (tmp_path / "Makefile").write_text(makefile)
        return tmp_path
    return make


def command(tree, stages="integration"):
    return ["bash", str(tree / "scripts" / "test.sh"), "-k", stages, "-j", "2"]


def run(tree, stages="integration", **environment):
    done = subprocess.run(command(tree, stages), capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tree), **environment})
    return done.returncode, done.stdout.splitlines()


def test_all_is_well(tree):
    status, lines = run(tree(GOOD))
    assert (status, lines[-1]) == (0, "1 passed, 0 failed")


def test_a_test_that_hangs_is_named(tree):
    status, lines = run(tree(HANGS), TEST_LIMIT="10")
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")
    assert any("test_it.py::test_hangs" in line and "Timeout" in line for line in lines)


def test_a_stage_that_takes_too_long_names_what_was_running(tree):
    status, lines = run(tree(HANGS), STAGE_LIMIT="60")
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")
    assert any(re.search(r"took longer than 60 s", line) for line in lines)
    assert "      was running: tests/integration/test_it.py::test_hangs" in lines


def test_a_check_that_takes_too_long_is_named(tree):
    folder = tree(GOOD, "all:\nlint:\n\tscripts/lint.sh\nclang:\n\tsleep 600\n")
    shutil.copy(ROOT / "scripts/lint.sh", folder / "scripts/lint.sh")
    status, lines = run(folder, "lint", STAGE_LIMIT="30")
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")
    assert "      was running: clang" in lines


@pytest.mark.parametrize("tests", [ENDS_PYTHON, BROKEN], ids=["ends", "broken"])
def test_pytest_that_ends_early_is_a_failure(tree, tests):
    status, lines = run(tree(tests))
    assert status == 1 and re.fullmatch(r"\d+ passed, [1-9]\d* failed", lines[-1])


def test_what_a_test_starts_does_not_write_down_this_run(tree):
    """A pytest within a test keeps counts, too: in the same file, one would put its own in place while the other writes."""
    status, lines = run(tree(ALONE))
    assert (status, lines[-1]) == (0, "1 passed, 0 failed")


def test_a_build_that_fails_is_a_failure(tree):
    status, lines = run(tree(GOOD, "all:\n\tfalse\n"))
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
def test_a_run_that_is_ended_says_so(tree, number):
    folder = tree(HANGS)
    with open(folder / "out", "w") as out:
        process = subprocess.Popen(command(folder), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "CCR_TEST_EVERY": "0"})
        wait_until("one test is through", lambda: "1/2" in (folder / "out").read_text())
        process.send_signal(number)
        assert process.wait(60) == 1
    lines = (folder / "out").read_text().splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.startswith("cut short in stage integration: signal ") for line in lines)
    assert "      was running: tests/integration/test_it.py::test_hangs" in lines


MEETS = "all:\nlint:\n\t@touch lint-runs; until [ -e test-runs ]; do sleep 0.1; done; echo 'ok   meets'\n"
IS_MET = """import time
from pathlib import Path
def test_met():
    Path("test-runs").touch()
    while not Path("lint-runs").exists():
        time.sleep(0.1)
"""


def test_stages_run_side_by_side_and_are_shown_one_after_another(tree):
    status, lines = run(tree(IS_MET, MEETS), "nt")  # lint, integration
    assert (status, lines[-1]) == (0, "2 passed, 0 failed")
    shown = [line for line in lines if line.startswith("== stage") or "meets" in line or "1 passed in" in line]
    for line, start in zip(shown, ("== stage lint", "ok   meets", "== stage lint: 1 passed, 0 failed", "== stage integration", "1 passed in",
                                   "== stage integration: 1 passed, 0 failed"), strict=True):
        assert line.startswith(start), shown


def test_a_stage_that_fails_keeps_no_other_from_its_end(tree):
    status, lines = run(tree(GOOD, "all:\nlint:\n\techo 'FAIL this'; false\n"), "nt")
    assert (status, lines[-1]) == (1, "1 passed, 1 failed")


def test_a_run_that_is_ended_names_all_stages_that_ran(tree):
    folder = tree(IS_MET + "def test_hangs():\n    Path('hangs').touch()\n    time.sleep(600)\n",
                  MEETS + "\t@echo $$$$ >sleeper; exec sleep 600\n")
    with open(folder / "out", "w") as out:
        process = subprocess.Popen(command(folder, "nt"), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder)})
        wait_until("both are under way", lambda: (folder / "hangs").exists() and (folder / "sleeper").exists()
                       and (folder / "sleeper").read_text().strip())
        sleeper = Path("/proc", (folder / "sleeper").read_text().strip())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1
    lines = (folder / "out").read_text().splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert any(line.startswith("cut short in stage lint, integration: signal ") for line in lines)
    assert "      was running: tests/integration/test_it.py::test_hangs" in lines
    assert not sleeper.exists()


def test_a_unit_test_that_hangs_is_named(tree):
    folder = tree(GOOD)
    for name, text in (("quick", "exit 0"), ("hangs", "sleep 600")):
        (folder / name).write_text(f"#!/bin/sh\necho {name} speaks\n{text}\n")
        (folder / name).chmod(0o755)
    done = subprocess.run([folder / "scripts/run-programs.sh", folder / "quick", folder / "hangs"], capture_output=True, text=True,
                          timeout=60, env={"PATH": "/usr/bin:/bin", "TEST_LIMIT": "10"})
    assert done.returncode == 1
    assert "== quick\nquick speaks\n" in done.stdout
    assert "== hangs\nhangs speaks\n      hangs was ended: it took longer than 10 s (TEST_LIMIT)\n" in done.stdout
