"""How cost grows: with connections, with profiles in a workspace, with workers. Each with the cache off and with default
settings, so that both the work itself and what users get is seen."""

import json
import time

import requests

import wrk
from contestants import AGENTS_PATH, FEWEST, LIST_PATH, ONE_PATH, PROCESSES, Ours, agent, get, profile

FEW, MANY = 100, 100000     # agents
CONNECTIONS = (1, 4, 16, 64, 256)
PROFILES = (10, 100, 1000, 10000)
FILES = (1000, 10000)
WORKERS = (1, 2, 4, 8, 16, 32, 64)
WORKERS_CONNECTIONS = 64
LIMIT = 1000        # the most that GET /api/configs answers at once
IMPORT_AT_ONCE = 1000
POOL = f"{FEWEST} to {PROCESSES} workers, as many as the pool made of them"
VARIANTS = (("cache off", "uncached"), ("default settings", "ours"))


# ---- pages of few and of many ---------------------------------------------------------------------------------------

# One agent that the program has written, over and over: with the words that it would find each by.
COPY_AGENTS = """
WITH one AS (SELECT * FROM resources WHERE workspace_id = %(space)s AND name = 'agent-0'),
made AS (INSERT INTO resources (workspace_id, kind, platform, name, position, listed, unlisted)
  SELECT workspace_id, kind, platform, 'agent-' || n, n, listed, unlisted FROM one, generate_series(1, %(last)s) n RETURNING *)
INSERT INTO resource_words (workspace_id, kind, platform, word, id)
  SELECT DISTINCT m.workspace_id, m.kind, m.platform, CASE w.word WHEN '0' THEN m.position::text WHEN 'agent-0' THEN m.name
    ELSE w.word END, m.id FROM made m, one, resource_words w WHERE w.id = one.id"""


def space(count):
    return f"agents-{count}"


def fill_agents(site, port):
    for count in (FEW, MANY):
        url, slug = f"http://127.0.0.1:{port}", space(count)
        made = requests.post(f"{url}/api/workspaces", json={"slug": slug, "name": slug}, headers=site.headers, timeout=30)
        first = requests.post(url + AGENTS_PATH, json=agent(0), headers={**site.headers, "X-CCR-Workspace": slug}, timeout=30)
        if (made.status_code, first.status_code) != (201, 201):
            raise SystemExit(f"making a workspace with an agent: {made.text} {first.text}")
        with site.cluster.connect(user="postgres", dbname=site.database) as connection:
            connection.execute(COPY_AGENTS, {"space": made.json()["data"]["id"], "last": count - 1})
            connection.execute("ANALYZE")


def page(row, port, headers):
    """The address of a row's page of 50."""
    path = f"{AGENTS_PATH}?limit=50"
    if row == "growth-search":
        return f"{path}&search=reviews"
    if row == "growth-offset":
        return f"{path}&offset=0"
    total = get(port, path, headers).json()["data"]["total"]
    return f"{path}&cursor={get(port, f'{path}&offset={total // 2 - 50}', headers).json()['data']['next_cursor']}"


# ---- tables ---------------------------------------------------------------------------------------------------------


def cells(run):
    """What a run shows in a table; what failed is said, not hidden."""
    wrong = run.failed + run.broken + run.timeouts
    return [round(run.rate), round(run.p50_ms, 2), round(run.p99_ms, 2), wrong]


COLUMNS = ["requests/s", "p50 ms", "p99 ms", "failed"]


def by_connections(site, seconds, say):
    rows = []
    for label, name in VARIANTS:
        (ours,) = site.use(name)
        for path, what in ((ONE_PATH, "single"), (LIST_PATH, "list of 50")):
            wrk.warm_up(ours.port, path, 200, site.headers)
            for count in CONNECTIONS:
                say(f"growth: {what}, {label}, {count} connections")
                run = wrk.run(ours.port, path, seconds, site.headers, connections=count)
                rows.append([what, label, count, *cells(run), ours.workers])
                ours.forget_logs()
    return {"title": "Connections", "columns": ["read", "cache", "connections", *COLUMNS, "workers"], "rows": rows,
            "note": f"{POOL}. 256 are what this Nginx lets in from one address."}


def toml(numbers):
    sections = []
    for number in numbers:
        made = profile(number)
        name = made.pop("name")
        members = [f"{key} = {json.dumps(value)}" for key, value in made.items()]    # these look the same in TOML
        sections.append("\n".join([f"[{name}]", *members]))
    return "\n\n".join(sections) + "\n"


def fill_workspace(port, headers, count, slug=None):
    """A workspace of its own with that many profiles; the headers of requests in it."""
    url = f"http://127.0.0.1:{port}/api"
    slug = slug or f"with-{count}"
    answer = requests.post(f"{url}/workspaces", json={"slug": slug, "name": slug}, headers=headers, timeout=30)
    if answer.status_code != 201:
        raise SystemExit(f"making a workspace: {answer.status_code} {answer.text}")
    headers = {**headers, "X-CCR-Workspace": slug}
    for first in range(0, count, IMPORT_AT_ONCE):
        content = toml(range(first, min(first + IMPORT_AT_ONCE, count)))
        answer = requests.post(f"{url}/import", json={"content": content, "mode": "merge", "backup": False}, headers=headers,
                               timeout=60)
        if answer.status_code != 200:
            raise SystemExit(f"importing profiles: {answer.status_code} {answer.text}")
    return headers


def by_profiles(site, seconds, say):
    rows, spaces = [], {}
    (ours,) = site.use("uncached")
    for count in PROFILES:
        say(f"growth: a workspace with {count} profiles")
        spaces[count] = fill_workspace(ours.port, site.headers, count)
    with site.cluster.connect(user="postgres", dbname=site.database) as connection:
        connection.execute("ANALYZE")
    for label, name in VARIANTS:
        (ours,) = site.use(name)
        for path, what in ((ONE_PATH, "single"), (f"{LIST_PATH}?limit={LIMIT}", f"list, limit {LIMIT}"),
                           (f"{LIST_PATH}?limit=50", "list, limit 50")):
            for count in PROFILES:
                say(f"growth: {what}, {label}, {count} profiles")
                rows.append([what, label, count, *cells(wrk.run(ours.port, path, seconds, spaces[count])), ours.workers])
                ours.forget_logs()
    return {"title": "Profiles in a workspace", "columns": ["read", "cache", "profiles", *COLUMNS, "workers"], "rows": rows,
            "note": f"{POOL}; {wrk.CONNECTIONS} connections."}


def by_workers(site, seconds, say):
    rows = []
    for count in WORKERS:
        name = f"workers-{count}"
        site.contestants[name] = Ours(site, name, CACHE_SIZE=0, MIN_CONNECTIONS=count, MAX_CONNECTIONS=count)
        (ours,) = site.use(name)
        for path, what in ((ONE_PATH, "single"), (LIST_PATH, "list of 50")):
            say(f"growth: {what}, {count} workers")
            wrk.run(ours.port, path, 1, site.headers)
            rows.append([what, count, *cells(wrk.run(ours.port, path, seconds, site.headers, connections=WORKERS_CONNECTIONS))])
            ours.forget_logs()
    rows.sort(key=lambda row: row[0], reverse=True)
    return {"title": "Workers", "columns": ["read", "workers", *COLUMNS], "rows": rows,
            "note": f"{WORKERS_CONNECTIONS} connections, cache off."}


def timed(url, headers, path, body):
    began = time.monotonic()
    answer = requests.post(f"{url}/{path}", json=body, headers=headers, timeout=300)
    took = time.monotonic() - began
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text[:500]}")
    return took


def file_steps(url, headers, count):
    """Seconds that a file of so many profiles takes, by what is done with it."""
    text = toml(range(count))
    other = text.replace("sk-bench-", "sk-other-")
    merge = {"mode": "merge", "backup": False}
    yield "import", timed(url, headers, "import", {"content": text, **merge})
    yield "the same again", timed(url, headers, "import", {"content": text, **merge})
    yield "replace all, with a backup", timed(url, headers, "import", {"content": other, "mode": "replace"})
    yield "export", min(timed(url, headers, "export", {}) for _ in range(3))


def by_file(site, seconds, say):
    """Whole files: ten times the profiles may take ten times as long, not a hundred."""
    (ours,) = site.use("uncached")
    url, taken = f"http://127.0.0.1:{ours.port}/api", {}
    for count in FILES:
        say(f"growth: files of {count} profiles")
        headers = fill_workspace(ours.port, site.headers, 0, f"files-{count}")
        for step, took in file_steps(url, headers, count):
            taken.setdefault(step, []).append(took)
    rows = [[step, *(round(took, 3) for took in each), round(each[-1] / each[0], 1)] for step, each in taken.items()]
    return {"title": "Files", "columns": ["", *(f"{count:,} profiles, s" for count in FILES), "ratio"], "rows": rows,
            "note": "One client, one file at a time; at most 12 is wanted of the ratio."}


def tables(site, seconds, say):
    return [by_connections(site, seconds, say), by_profiles(site, seconds, say), by_file(site, seconds, say),
            by_workers(site, seconds, say)]
