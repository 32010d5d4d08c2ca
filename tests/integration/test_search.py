"""Searching among many: what is found is what a plain look at every one finds, however frequent the words are and whatever else narrows
the list down; also where more are counted than are looked at one by one."""

import re
from datetime import datetime, timedelta

import pytest

COUNT, COUNTED = 4000, 300
LIST = "/api/resources/claude/agent"
TOPICS = ("schemas", "budgets", "styles")

MADE = """
WITH made AS (INSERT INTO resources (workspace_id, kind, platform, name, position, enabled, listed, updated_at)
  SELECT w.id, 'agent', 'claude', 'team-' || n %% 5 || '/reviewer-' || n, n, n %% 1000 <> 3,
    json_build_object('description', 'Reviews ' || (%(topics)s::text[])[n %% 3 + 1] || CASE WHEN n %% 500 = 7 THEN ' zygo' ELSE '' END),
    timestamptz '2030-01-01T00:00:00Z' + (n * 7 %% %(count)s) * interval '1 second'
  FROM generate_series(1, %(count)s) n, workspaces w WHERE w.slug = 'searcher' RETURNING *)
INSERT INTO resource_words (workspace_id, kind, platform, word, id)
  SELECT DISTINCT workspace_id, kind, platform, lower(word), id
  FROM made, regexp_split_to_table(name || ' ' || (listed->>'description'), '[^A-Za-z0-9]+') word"""


MANY, MOST = 60000, 55000  # agents; MOST changes are looked for by their times
CROWD = "/api/resources/droid/agent"
CROWDED = """
INSERT INTO resources (workspace_id, kind, platform, name, position, listed, updated_at)
  SELECT w.id, 'agent', 'droid', 'half-' || n %% 2 || '/of-' || n, n, '{"description": "One of many"}',
    timestamptz '2030-01-01T00:00:00Z' + (n - 1 - %(count)s) * interval '1 second'
  FROM generate_series(1, %(count)s) n, workspaces w WHERE w.slug = 'searcher'"""


def agents():
    for n in range(1, COUNT + 1):
        rare = " zygo" if n % 500 == 7 else ""
        yield {"name": f"team-{n % 5}/reviewer-{n}", "enabled": n % 1000 != 3, "text": f"team {n % 5} reviewer {n} reviews {TOPICS[n % 3]}{rare}",
               "changed": n * 7 % COUNT}


@pytest.fixture(scope="module")
def searcher(module_stack):
    stack = module_stack()
    client = stack.client("searcher")
    with stack.cluster.connect(user="postgres", dbname=stack.database) as connection:
        connection.execute(MADE, {"count": COUNT, "topics": list(TOPICS)})
        connection.execute(CROWDED, {"count": MANY})
    return client


def since(changed):
    """The time that all but `changed` of them changed before."""
    return (datetime(2030, 1, 1) + timedelta(seconds=COUNT - changed)).isoformat() + "Z"


def expected(words, folder=None, enabled=None, changed=COUNT):
    return {each["name"] for each in agents()
            if all(any(own.startswith(word) for own in each["text"].split()) for word in re.findall("[a-z0-9]+", words.lower()))
            and (folder is None or each["name"].startswith(f"{folder}/")) and (enabled is None or each["enabled"] == enabled)
            and each["changed"] >= COUNT - changed}


def check(searcher, wanted, query):
    """One look finds all that is wanted, in order, or as much of it as is counted."""
    found = searcher.get(LIST, params=query).data
    names = {item["name"] for item in found["items"]}
    many = len(wanted) > COUNTED
    assert (found["total"], found["total_at_least"]) == (COUNTED if many else len(wanted), many)
    assert names <= wanted and len(names) == min(len(wanted), COUNTED + 1 if "search" in query else query["limit"])
    assert [item["name"] for item in found["items"]] == sorted(names, key=lambda name: int(name.rsplit("-", 1)[1]))


def narrowed(folder, enabled):
    return ({"folder": folder} if folder else {}) | ({} if enabled is None else {"enabled": str(enabled).lower()})


@pytest.mark.parametrize("words, folder, enabled", [
    ("zygo", None, None), ("reviews", None, None), ("re", None, None), ("r", None, None), ("reviews zygo", None, None),
    ("zygo reviews", None, None), ("Reviews SCHEMAS", None, None), ("schemas budgets", None, None), ("reviews nothing", None, None),
    ("nothing", None, None), ("reviews schemas zygo", None, None), ("reviewer-3999", None, None),
    ("reviews", "team-3", None), ("zygo", "team-2", None), ("reviews schemas", "team-1", None), ("reviews", "nowhere", None),
    ("reviews", None, False), ("zygo", None, False), ("budgets", None, True), ("reviews", "team-3", False), ("schemas budgets", None, True),
    ("reviews", None, True),
])
def test_what_is_found(searcher, words, folder, enabled):
    check(searcher, expected(words, folder, enabled), {"search": words, "limit": 500, **narrowed(folder, enabled)})


@pytest.mark.parametrize("changed", [0, 1, 200, 1700, COUNT])
@pytest.mark.parametrize("folder, enabled", [(None, None), ("team-3", None), (None, True), (None, False), ("team-3", False), ("nowhere", None)])
@pytest.mark.parametrize("words", ["", "reviews", "zygo", "reviews schemas", "schemas budgets"])
def test_what_changed_since_a_time(searcher, words, folder, enabled, changed):
    query = {"limit": 500, "updated_since": since(changed), **({"search": words} if words else {}), **narrowed(folder, enabled)}
    check(searcher, expected(words, folder, enabled, changed), query)


@pytest.mark.parametrize("folder", [None, "half-1"])
@pytest.mark.parametrize("cursor", [None, "57000.half-0/of-57000"])
@pytest.mark.parametrize("changed", [10, MOST - 1, MOST, MANY])
def test_more_changed_than_are_put_in_order(searcher, changed, cursor, folder):
    query = {"limit": 7, "updated_since": (datetime(2030, 1, 1) - timedelta(seconds=changed)).isoformat() + "Z"}
    query |= ({"cursor": cursor} if cursor else {}) | ({"folder": folder} if folder else {})
    wanted = [n for n in range(MANY - changed + 1, MANY + 1) if not folder or n % 2 == 1]
    found = searcher.get(CROWD, params=query).data
    page = [n for n in wanted if not cursor or n > 57000][:7]
    assert [item["name"] for item in found["items"]] == [f"half-{n % 2}/of-{n}" for n in page]
    assert (found["total"], found["total_at_least"]) == (min(len(wanted), COUNTED), len(wanted) > COUNTED)


def test_pages_of_what_is_found_follow_one_another(searcher):
    query, seen = {"search": "reviews schemas", "limit": 100}, []
    while True:
        found = searcher.get(LIST, params=query).data
        seen += [item["name"] for item in found["items"]]
        if not found["next_cursor"]:
            break
        query["cursor"] = found["next_cursor"]
    assert len(seen) == len(set(seen)) == COUNTED + 1


@pytest.mark.parametrize("query, first", [({"offset": 3990}, 3991), ({"offset": 4000}, None), ({"enabled": "false"}, 3),
                                          ({"enabled": "false", "offset": 2}, 2003)])
def test_lists_of_many_begin_where_they_are_asked_to(searcher, query, first):
    found = searcher.get(LIST, params=query).data
    assert (found["items"][0]["name"].rsplit("-", 1)[1] if first else found["items"]) == (str(first) if first else [])
    assert found["total"] == (4 if "enabled" in query else COUNT)
