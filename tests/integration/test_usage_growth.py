"""What is read for a batch of usage, and for a step that prices calls anew, does not grow with what other workspaces have in the same tables. Counted
by PostgreSQL, in rows."""

import collections
from decimal import Decimal

import pytest

from configs import everything, new_workspace
from test_usage_kept import MODEL, once, set_price
from test_usage_rules import LOG, Report, counts
from usage_ledger import Team

OTHERS = 5000
TABLES = ("usage_sessions", "usage_groups", "usage_facets", "usage_sums", "usage_files")


def fill(stack, slug):
    """Of another workspace so many conversations, groups that each have a project of their own, a day's sum of each, and files."""
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        space, = db.execute("SELECT id FROM workspaces WHERE slug = %s", [slug]).fetchone()
        many = {"space": space, "many": OTHERS}
        db.execute("INSERT INTO usage_sessions (workspace_id, hash, platform, session, user_id, machine, project, branch) SELECT %(space)s, gen_random_uuid(),"
                   " 'claude', 'session ' || n, gen_random_uuid(), '', '', '' FROM generate_series(1, %(many)s) n", many)
        db.execute("INSERT INTO usage_groups (workspace_id, hash, user_id, machine, platform, provider, profile, revision, model, price_model, tier, project, branch)"
                   " SELECT %(space)s, gen_random_uuid(), md5('one')::uuid, '', 'claude', '', '', 0, 'model', 'model', 'standard', '/src/' || n, ''"
                   " FROM generate_series(1, %(many)s) n", many)
        db.execute("INSERT INTO usage_sums (workspace_id, grain, start, group_id, sources, calls, cost, unpriced, input, output, cache_read, cache_write,"
                   " cache_write_1h, reasoning) SELECT workspace_id, 'd', timestamptz '2026-08-12T00:00:00Z', id, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0 FROM usage_groups"
                   " WHERE workspace_id = %(space)s", many)
        db.execute("INSERT INTO usage_files (workspace_id, hash, position, state) SELECT %(space)s, gen_random_uuid(), 1, '' FROM generate_series(1, %(many)s) n", many)
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.autocommit = True
        db.execute("VACUUM ANALYZE usage_sessions, usage_groups, usage_facets, usage_sums, usage_files")


def read(stack):
    """Rows of each table that were read so far: PostgreSQL's processes tell it when they end."""
    with stack.cluster.connect(user="postgres", dbname=stack.database) as db:
        db.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'ccr' AND datname = %s", [stack.database])
        return collections.Counter(dict(db.execute(
            "SELECT relname, coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY (%s)", [list(TABLES)]).fetchall()))


@pytest.fixture(scope="module")
def system(module_stack):
    stack = module_stack(MAX_CONNECTIONS=1)
    owner = stack.client("owner")
    fill(stack, new_workspace(owner))
    return stack


def body(first, count):
    return "".join(Report(LOG, f"c{n}", n % 600, counts(10, 20), message=f"m{n}", request=f"r{n}", session=f"s{n % 5}", project=f"/src/{n % 3}",
                          model=MODEL).line() + "\n" for n in range(first, first + count)).encode()


def test_what_others_have_is_not_read(system):
    team, before = Team(system), read(system)

    def check(what, tables=TABLES):
        nonlocal before
        what()
        now = read(system)
        more, before = now - before, now
        assert more and {table: more[table] for table in tables if more[table] >= OTHERS} == {}

    def send(added):
        for number in range(4):
            assert team["ada"].send_good("claude", body(number * 50, 50), machine="laptop", file=f"a/{number}.jsonl", at="0")["added"] == added

    check(lambda: send(50))
    check(lambda: send(0))
    set_price(team.clients["ada"], MODEL, input=1, output=2)
    # A step of pricing looks at all groups, for those whose price changed, and for the rest at what it finds.
    check(lambda: once(system, "--job", "usage_prices"), [table for table in TABLES if table != "usage_groups"])
    with everything(system) as db:
        for table in ("usage_calls WHERE true", "usage_sessions WHERE true", "usage_sums WHERE grain = 'q'", "usage_sums WHERE grain = 'd'",
                      "usage_facet_days WHERE facet = 'T'"):
            assert db.execute(f"SELECT sum(cost) FROM {table} AND workspace_id = %s", [team.id]).fetchone() == (Decimal("0.01"),), table
