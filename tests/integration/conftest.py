"""Fixtures for tests on real Nginx, PostgreSQL and workers; everything listens on loopback or a Unix socket.

cluster        a PostgreSQL cluster for the whole run
stack          one system for the whole run, for tests that leave it running: stack.url, .client(user), .cli, .db(), .status()
fresh_stack    makes a system of its own: fresh_stack(MAX_CONNECTIONS=2, RATE_LIMIT=100, launcher="spawn-fcgi",
               own_cluster=True); ended after the test. module_stack: the same, ended after the module
make_database  makes an empty database (migrated=True: with the schema) in the cluster and names it
make_cli       a Cli for a database's name and settings, without a server
api            a client that is not logged in; api.login(name, password), api.get(path), api.post(path, json=...)
admin          a logged-in site admin; alice, bob: logged-in users without anything in common
db             psycopg connection as the program's own role to stack's database (row-level security holds)
"""

import itertools
import shutil

import pytest

import contract as contract_module
import stack as stack_module
from stack import Cli, Cluster, Stack, make_secrets, new_folder

stacks = []  # alive ones, for their logs when a test fails


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out unless --all is given")


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also run tests marked slow")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow; run with --all"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for alive in stacks:
            report.sections.append((f"end of {alive.folder}/backend.log", alive.backend.log()[-3000:]))
            errors = alive.nginx.folder / "error.log"
            if errors.exists():
                report.sections.append((f"end of {errors}", errors.read_text(errors="replace")[-1500:]))


@pytest.fixture(scope="session")
def workdir():
    folder = new_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def contract():
    return contract_module.load()


@pytest.fixture(scope="session")
def numbers():
    return itertools.count(1)


@pytest.fixture(scope="session")
def cluster(workdir):
    cluster = Cluster(new_folder(workdir, "pg"))
    try:
        cluster.create()
        cluster.create_migrated("ccr_template", new_folder(workdir, "template"))
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def make_database(cluster, numbers):
    def make(migrated=False):
        name = f"ccr_{next(numbers)}"
        cluster.create_database(name, "ccr_template" if migrated else None)
        return name
    return make


@pytest.fixture(scope="session")
def make_cli(workdir, cluster, numbers):
    def make(database, **settings):
        env = {"DATABASE_URL": cluster.url(database), **make_secrets(), **settings}
        return Cli(new_folder(workdir, f"cli-{next(numbers)}"), {name: value for name, value in env.items() if value is not None})
    return make


def factory(workdir, cluster, contract, numbers):
    """A generator of a fixture: yields the maker, ends what it made."""
    made = []

    def make(own_cluster=False, start=True, **settings):
        number = next(numbers)
        folder = new_folder(workdir, f"s{number}")
        if own_cluster:
            own = Cluster(new_folder(workdir, f"pg{number}")).create()
            own.create_migrated("ccr_template", new_folder(workdir, f"m{number}"))
            stack = Stack(folder, own, "ccr_template", contract, owns_cluster=True, **settings)
        else:
            database = f"ccr_{number}"
            cluster.create_database(database, "ccr_template")
            stack = Stack(folder, cluster, database, contract, **settings)
        made.append(stack)
        stacks.append(stack)
        return stack.start() if start else stack

    yield make
    problems = []
    for stack in reversed(made):
        stacks.remove(stack)
        try:
            stack.close()
        except Exception as problem:  # the others must end all the same
            problems.append(problem)
    if problems:
        raise problems[0]


@pytest.fixture
def fresh_stack(workdir, cluster, contract, numbers):
    yield from factory(workdir, cluster, contract, numbers)


@pytest.fixture(scope="module")
def module_stack(workdir, cluster, contract, numbers):
    yield from factory(workdir, cluster, contract, numbers)


@pytest.fixture(scope="session")
def session_stacks(workdir, cluster, contract, numbers):
    yield from factory(workdir, cluster, contract, numbers)


@pytest.fixture(scope="session")
def stack(session_stacks):
    return session_stacks()


@pytest.fixture
def api(stack):
    return stack.client()


@pytest.fixture(scope="session")
def admin(stack):
    return stack.client("admin")


@pytest.fixture(scope="session")
def alice(stack):
    return stack.client("alice")


@pytest.fixture(scope="session")
def bob(stack):
    return stack.client("bob")


@pytest.fixture
def db(stack):
    with stack.db() as connection:
        yield connection


@pytest.fixture(scope="session")
def samples():
    return stack_module.SAMPLES
