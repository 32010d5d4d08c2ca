"""Fixtures for tests of what a server is deployed with. Tests marked slow need root and install packages; they run with
CCR_TEST_ALL=1 only (scripts/test.sh --all), else they are deselected.

debian_tree   makes a Debian 12 tree of its own, thrown away after the module: debian_tree() (see tree.py). The base is made
              once a run, for all of its processes
checkout      a copy of the sources in a tree: checkout(tree) puts them into /root/ccr-ui-backend
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import tree as tree_module  # noqa: E402

trees = []  # alive ones, for their journal when a test fails


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out unless CCR_TEST_ALL=1 is set")
    if not hasattr(config, "workerinput") and os.environ.get("CCR_TEST_ALL") == "1":
        # Of all pytest processes of the run, which find it in their environment.
        config.trees_folder = os.environ["CCR_TREES_OF_RUN"] = tempfile.mkdtemp(prefix="ccr-trees-", dir=os.environ.get("CCR_TREES", "/tmp"))


def pytest_unconfigure(config):
    if hasattr(config, "trees_folder"):
        shutil.rmtree(config.trees_folder, ignore_errors=True)


def pytest_collection_modifyitems(config, items):
    if os.environ.get("CCR_TEST_ALL") != "1":
        slow = [item for item in items if "slow" in item.keywords]
        items[:] = [item for item in items if "slow" not in item.keywords]
        config.hook.pytest_deselected(items=slow)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for tree in trees:
            if tree.init and tree.cgroup:
                report.sections.append((f"journal of {tree.folder.name}", tree.journal()))


@pytest.fixture(scope="session")
def debian_base():
    """The first to want it makes it, the others wait."""
    folder = Path(os.environ["CCR_TREES_OF_RUN"])
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder / "base", ignore_errors=True)  # what somebody began and could not end
            tree_module.make_base(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="module")
def debian_tree(debian_base):
    made = []
    # Of this process alone: apt locks it.
    archives = debian_base / f"archives-{os.getpid()}"
    (archives / "partial").mkdir(parents=True, exist_ok=True)

    def make():
        tree = tree_module.Tree(debian_base / "base", debian_base, archives)
        made.append(tree)
        trees.append(tree)
        return tree

    try:
        yield make
    finally:
        for tree in made:
            trees.remove(tree)
            tree.close()


@pytest.fixture(scope="session")
def checkout():
    def copy(tree, target="/root/ccr-ui-backend"):
        tree.run("mkdir", "-p", target)
        pack = subprocess.run(["tar", "-c", "-C", ROOT, "--exclude=./build", "--exclude=./build-*", "--exclude=./.git", "--exclude=./var",
                               "--exclude=node_modules", "--exclude=__pycache__", "."], check=True, capture_output=True, timeout=60)
        subprocess.run(tree.command("tar", "-x", "--no-same-owner", "-C", target), input=pack.stdout, check=True, timeout=60,
                       env=tree_module.ENVIRONMENT)
        return target
    return copy
