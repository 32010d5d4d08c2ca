#!/usr/bin/python3
"""How long the console's list waits for its answers where a workspace has --agents agents: the requests that web/console/pages/list.js
makes, as the browser makes them (Nginx, a session's cookie, one after the other), each --times times.

The first answer, the median and the slowest of each are shown; the exit status is 1 when a median is above --target. A system of its
own is made in /tmp and removed."""

import argparse
import json
import statistics
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import stack as parts  # noqa: E402

DATABASE = "console"
LIST = "/api/resources/claude/agent"
FOLDERS, RARE_EVERY = 400, 9000  # agents
SUBJECTS = ("schemas", "queries", "styles", "releases", "tests", "logs", "budgets", "texts")

# Agents that the program has written, over and over: "folderx" and "numberx" in them, also in the words that it finds them by, become
# what each is called.
COPY = """
WITH one AS (SELECT * FROM resources WHERE workspace_id = (SELECT id FROM workspaces WHERE slug = 'admin') AND kind = 'agent'),
each AS (SELECT n, 'team-' || n %% %(folders)s AS folder, CASE WHEN n %% %(rare)s = 7 THEN %(subjects)s ELSE n %% %(subjects)s END AS subject
  FROM generate_series(0, %(count)s - 1) n),
made AS (INSERT INTO resources (id, workspace_id, kind, platform, name, position, listed, unlisted, updated_at)
  SELECT gen_random_uuid(), o.workspace_id, o.kind, o.platform, replace(replace(o.name, 'folderx', folder), 'numberx', n::text), n + 100,
    replace(o.listed::text, 'numberx', n::text)::json, o.unlisted,
    timestamptz '2030-01-01T00:00:00Z' + (n - %(count)s) * interval '1 second' FROM each, one o WHERE o.position = subject RETURNING *),
named AS (SELECT m.*, e.* FROM made m JOIN each e ON e.n = m.position - 100)
INSERT INTO resource_words (workspace_id, kind, platform, word, id)
  SELECT DISTINCT m.workspace_id, m.kind, m.platform, replace(replace(w.word, 'folderx', m.folder), 'numberx', m.n::text), m.id
  FROM named m JOIN one o ON o.position = m.subject JOIN resource_words w ON w.id = o.id"""


def agent(subject):
    """All have the words "reviews" and "changes", one in eight a subject, few "zygomorphic"."""
    return {"name": f"folderx/reviewer-numberx-{subject[:3]}", "description": f"Reviews changes of {subject} in part numberx",
            "model": "sonnet", "tools": ["Read", "Grep", "Glob"],
            "system_prompt": "You review changes. Say what is wrong, and where. " * 8}


def fill(client, cluster, count):
    for subject in (*SUBJECTS, "zygomorphic"):
        answer = client.post(LIST, json=agent(subject))
        if answer.status_code != 201:
            raise SystemExit(f"an agent: {answer.status_code} {answer.text}")
    with cluster.connect(user="postgres", dbname=DATABASE) as connection:
        connection.execute(COPY, {"count": count, "folders": FOLDERS, "rare": RARE_EVERY, "subjects": len(SUBJECTS)})
    for subject in (*SUBJECTS, "zygomorphic"):
        client.delete(f"{LIST}/{agent(subject)['name'].replace('/', '%2F')}")
    with cluster.connect(user="postgres", dbname=DATABASE) as connection:
        connection.execute("VACUUM ANALYZE")  # as autovacuum has done by the time somebody looks


def browser(stack, username):
    """What a browser has: cookies, and a connection that stays."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = "gzip"
    body = {"username": username, "password": stack.passwords[username]}
    if not session.post(f"{stack.url}/api/auth/login", json=body, timeout=60).ok:
        raise SystemExit("login")
    return session


def questions(ask, count):
    """[what, query]: what the list asks for. A far page is behind the cursor of the one before it, as "show more" goes on."""
    def cursor(query, pages=1):
        answer = ask(query)
        for _ in range(pages - 1):
            answer = ask(f"{query}&cursor={answer['next_cursor']}")
        return answer["next_cursor"]

    def since(changed):
        """The time that so many changed since: those at the end of the list, which are the farthest from where it begins."""
        return (datetime(2030, 1, 1) - timedelta(seconds=changed)).isoformat() + "Z"

    page = "limit=50"
    far = ask(f"{page}&offset={count - 100}")["next_cursor"]
    return [
        ("first page", page),
        ("next page", f"{page}&cursor={cursor(page)}"),
        ("last page", f"{page}&cursor={far}"),
        ("a page by its number, the last", f"{page}&offset={count - 50}"),
        ("search: a rare word", f"{page}&search=zygomorphic"),
        ("search: a word of one in eight", f"{page}&search=budgets"),
        ("search: a word of all", f"{page}&search=reviews"),
        ("search: the first two letters", f"{page}&search=re"),
        ("search: one letter", f"{page}&search=r"),
        ("search: two words of many", f"{page}&search=reviews%20budgets"),
        ("search: a word of all and a rare one", f"{page}&search=reviews%20zygo"),
        ("search: two words of all", f"{page}&search=reviews%20changes"),
        ("search: two words of many, never together", f"{page}&search=schemas%20budgets"),
        ("search: two words that no one has", f"{page}&search=reviews%20nothing"),
        ("search: nothing", f"{page}&search=nothing-like-it"),
        ("search: a word of all, next page", f"{page}&search=reviews&cursor={cursor(page + '&search=reviews')}"),
        ("a folder", f"{page}&folder=team-7"),
        ("the last folder", f"{page}&folder=team-{FOLDERS - 1}"),
        ("a folder that is not there", f"{page}&folder=nowhere"),
        ("a word of all in a folder", f"{page}&folder=team-7&search=reviews"),
        ("switched off: none", f"{page}&enabled=false"),
        ("switched on", f"{page}&enabled=true"),
        ("switched on, far page", f"{page}&enabled=true&cursor={far}"),
        ("changed since just now: none", f"{page}&updated_since={since(0)}"),
        ("changed: 20 of them", f"{page}&updated_since={since(20)}"),
        ("changed: 2,000, switched off", f"{page}&enabled=false&updated_since={since(2000)}"),
        ("changed: 54,000", f"{page}&updated_since={since(54000)}"),
        ("changed: 56,000", f"{page}&updated_since={since(56000)}"),
        ("switched off: none, a word of all", f"{page}&enabled=false&search=reviews"),
        ("switched on: a word of all", f"{page}&enabled=true&search=reviews"),
        ("switched on: words never together", f"{page}&enabled=true&search=schemas%20budgets"),
        ("changed: 20 of a word of all", f"{page}&search=reviews&updated_since={since(20)}"),
        ("changed: 2,000 of a word of all", f"{page}&search=reviews&updated_since={since(2000)}"),
        ("changed: 2,000, two words of all", f"{page}&search=reviews%20changes&updated_since={since(2000)}"),
        ("changed: 54,000, words never together", f"{page}&search=schemas%20budgets&updated_since={since(54000)}"),
    ]


def measure(stack, username, count, times):
    session = browser(stack, username)

    def timed(query):
        began = time.perf_counter()
        answer = session.get(f"{stack.url}{LIST}?{query}", headers={"Cache-Control": "no-cache"}, timeout=60)
        spent = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise SystemExit(f"{query}: {answer.status_code} {answer.text}")
        return spent, answer

    rows = []
    for what, query in questions(lambda query: timed(query)[1].json()["data"], count):
        spent, answers = zip(*(timed(query) for _ in range(times)))
        data = answers[0].json()["data"]
        rows.append({"what": what, "found": len(data["items"]), "of": data["total"], "first_ms": round(spent[0], 1),
                     "median_ms": round(statistics.median(spent), 1), "slowest_ms": round(max(spent), 1)})
    return rows


def main():
    parser = argparse.ArgumentParser(prog="console", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=100000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--target", type=float, default=50, help="milliseconds")
    parser.add_argument("--cache", action="store_true", help="with the cache of answers; without it each is made anew")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    folder = parts.new_folder()
    cluster = parts.Cluster(parts.new_folder(folder, "postgres")).create()
    stack = None
    try:
        cluster.create_migrated(DATABASE, folder)
        settings = {} if options.cache else {"CACHE_SIZE": 0}
        stack = parts.Stack(parts.new_folder(folder, "s"), cluster, DATABASE, None, **settings).start()
        fill(stack.client("admin"), cluster, options.agents)
        rows = measure(stack, "admin", options.agents, options.times)
    finally:
        if stack:
            stack.close()
        cluster.stop()
    width = max(len(row["what"]) for row in rows)
    print(f"{'':{width}}  found      of  first ms  median ms  slowest ms")
    for row in rows:
        print(f"{row['what']:{width}}  {row['found']:5}  {row['of']:6}  {row['first_ms']:8}  {row['median_ms']:9}  {row['slowest_ms']:10}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))
    return any(row["median_ms"] > options.target for row in rows)


if __name__ == "__main__":
    sys.exit(main())
