"""For tests of the usage ledger: who reports, what then stands in the tables, and whether its sums are right.

Team(stack, names)     users in one new workspace; team["ada"] is a Reporter, the first is its owner, the others view only
recomputed(db, ...)    sums by anything from usage_sums, usage_calls or usage_sessions, in the shape of tests/usage/truth.py
check_sums(stack)      every sum is what the calls come to
"""

import gzip
import http.client
import json
import re
import secrets
import sys
import threading
import time
import urllib.parse

import psycopg

from configs import acting_in, everything, new_workspace
from stack import ROOT, join
from transport import renewed, used

sys.path.insert(0, str(ROOT / "tests/usage"))

COUNTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
SAMPLES = ROOT / "tests/samples/usage"
PATIENCE_S = 120


def zstd_stored(content):
    """A frame of zstd (RFC 8878) whose blocks are stored as they are: what unpacks it cannot tell."""
    most = 100_000
    blocks = [content[at:at + most] for at in range(0, len(content), most)] or [b""]
    heads = [(len(block) << 3 | (number == len(blocks) - 1)).to_bytes(3, "little") for number, block in enumerate(blocks)]
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(head + block for head, block in zip(heads, blocks))


ENCODINGS = {None: lambda content: content, "gzip": lambda content: gzip.compress(content, 1), "zstd": zstd_stored}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None
        self.data = self.json.get("data", self.json) if isinstance(self.json, dict) else self.json

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Reporter:
    """A machine's user with a token of the scope usage:write. One connection for each thread; 429 is tried again, as a sender should."""

    def __init__(self, port, token, workspace, name=""):
        self.port, self.token, self.workspace, self.name = port, token, workspace, name
        self.local = threading.local()
        self.statuses = {}

    def headers(self, more):
        named = {"Authorization": f"Bearer {self.token}"}
        if self.workspace:
            named["X-CCR-Workspace"] = self.workspace
        return {**named, **{name: value for name, value in more.items() if value is not None}}

    def once(self, method, path, body=b"", **headers):
        connection = getattr(self.local, "connection", None) or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        self.local.connection = renewed(connection)
        try:
            connection.request(method, path, body, self.headers({name.replace("_", "-"): value for name, value in headers.items()}))
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read())
            used(connection)
        except (OSError, http.client.HTTPException):
            self.hang_up()
            raise
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return answer

    def hang_up(self):
        connection, self.local.connection = getattr(self.local, "connection", None), None
        if connection:
            connection.close()

    def ask(self, method, path, body=b"", **headers):
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.once(method, path, body, **headers)).status == 429 and time.monotonic() < deadline:
            time.sleep(0.05)
        return answer

    # --- the ways in ---

    def send(self, platform, content, encoding=None, **query):
        """A log, or a body of several; query: machine, file, at."""
        asked = urllib.parse.urlencode({"platform": platform, **query})
        return self.ask("POST", f"/api/usage/import?{asked}", ENCODINGS[encoding](content), Content_Encoding=encoding)

    def send_good(self, platform, content, encoding=None, **query):
        answer = self.send(platform, content, encoding, **query)
        assert answer.status == 200, answer
        return answer.data

    def position(self, platform, **query):
        answer = self.ask("GET", f"/api/usage/import?{urllib.parse.urlencode({'platform': platform, **query})}")
        assert answer.status == 200, answer
        return answer.data["position"]

    def send_events(self, content, encoding=None, kind="json", where="logs"):
        types = {"json": "application/json", "pb": "application/x-protobuf"}
        return self.ask("POST", f"/v1/{where}", ENCODINGS[encoding](content), Content_Encoding=encoding, Content_Type=types[kind])

    def send_records(self, records, **more):
        return self.ask("POST", "/api/usage/records", json.dumps({"records": records, **more}), Content_Type="application/json")


def token_for(client, scopes=("usage:write",), **options):
    answer = client.post("/api/tokens", json={"name": f"reports {secrets.token_hex(6)}", "scopes": list(scopes), **options})
    assert answer.status_code == 201, answer.text
    return answer.data["token"]


class Team:
    def __init__(self, stack, names=("ada",)):
        self.stack, self.reporters, self.clients = stack, {}, {}
        for number, name in enumerate(names):
            client = stack.client(name)
            client.contract = None  # bodies that are none of an API's
            if number == 0:
                self.slug, owner = new_workspace(client), client
            else:
                join(owner, self.slug, client, name, "viewer")
            self.clients[name] = acting_in(client, self.slug)
            self.reporters[name] = Reporter(stack.nginx.port, token_for(client), self.slug, name)
        with everything(stack) as db:
            self.id = db.execute("SELECT id FROM workspaces WHERE slug = %s", (self.slug,)).fetchone()[0]

    def __getitem__(self, name):
        return self.reporters[name]

    def statuses(self):
        return {status for reporter in self.reporters.values() for status in reporter.statuses}


def naming(file, at=None):
    return json.dumps({"ccr_file": file, **({} if at is None else {"at": at})}, ensure_ascii=False).replace('": ', '":', 1).encode() + b"\n"


# ---- what stands in the tables --------------------------------------------------------------------------------------

NAMED = {"platform": "g.platform", "model": "g.model", "tier": "nullif(g.tier, 'standard')", "user": "u.username", "project": "g.project",
         "machine": "g.machine", "session": "g.session"}
COLUMNS = ", ".join(f"sum({name})::bigint AS {name}" for name in COUNTS)
FROM_SUMS = ("(SELECT *, calls - unpriced AS priced, start AS at FROM usage_sums WHERE grain = %(grain)s AND workspace_id = %(workspace)s) s"
             " JOIN usage_groups g ON g.id = s.group_id")
FROM_CALLS = ("(SELECT *, 1 AS calls, (cost IS NOT NULL)::integer AS priced FROM usage_calls WHERE workspace_id = %(workspace)s) s"
              " JOIN usage_groups g ON g.id = s.group_id")
FROM_SESSIONS = "(SELECT *, calls - unpriced AS priced FROM usage_sessions WHERE workspace_id = %(workspace)s) g"
TABLES = {"q": FROM_SUMS, "d": FROM_SUMS, "calls": FROM_CALLS, "sessions": FROM_SESSIONS}


def recomputed(db, workspace, by=(), table="d"):
    """{values of by: {calls, counts, priced_calls, cost_usd}} as truth.sums has it, without rows of nothing. by: names of NAMED, and "day"
    (UTC). table: "q" and "d" (usage_sums), "calls", "sessions"."""
    named = [NAMED[name] if name != "day" else "to_char(s.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')" for name in by]
    rows = db.execute(
        f"SELECT {''.join(f'coalesce({name}, {chr(39) * 2}), ' for name in named)} sum(calls)::bigint, {COLUMNS}, sum(priced)::bigint, coalesce(sum(cost), 0)"
        f" FROM {TABLES[table]} LEFT JOIN users u ON u.id = g.user_id"
        f" {'GROUP BY ' + ', '.join(str(n + 1) for n in range(len(by))) if by else ''} HAVING sum(calls) <> 0 OR sum({' + '.join(COUNTS)}) <> 0",
        {"grain": table, "workspace": workspace}).fetchall()
    names = ("calls", *COUNTS, "priced_calls", "cost_usd")
    return {row[:len(by)]: dict(zip(names, row[len(by):])) for row in rows}


def totals_of(stack, workspace):
    """(calls, counts...) of a workspace."""
    with everything(stack) as db:
        return db.execute(f"SELECT count(*), {', '.join(f'coalesce(sum({name}), 0)::bigint' for name in COUNTS)} FROM usage_calls WHERE workspace_id = %s",
                          (workspace,)).fetchone()


def state_of(stack, workspace):
    """All that is known of a workspace's calls, by key: two states are the same when these are."""
    with everything(stack) as db:
        return db.execute("""SELECT c.key, c.alias, c.at, c.input, c.output, c.cache_read, c.cache_write, c.cache_write_1h, c.reasoning, c.log_output,
            c.event_output, c.sources, c.cost, g.hash, s.hash FROM usage_calls c JOIN usage_groups g ON g.id = c.group_id
            JOIN usage_sessions s ON s.id = c.session_id WHERE c.workspace_id = %s ORDER BY c.key""", (workspace,)).fetchall()


CALLS_AS_SUMS = """
    SELECT c.workspace_id, g.grain, g.start, c.group_id, c.sources, count(*) AS calls, {counts}, coalesce(sum(c.cost), 0) AS cost,
        count(*) FILTER (WHERE c.cost IS NULL) AS unpriced
    FROM usage_calls c JOIN workspaces w ON w.id = c.workspace_id CROSS JOIN LATERAL (VALUES
        ('q'::"char", to_timestamp(floor(extract(epoch FROM c.at) / 900) * 900)),
        ('d', (c.at AT TIME ZONE w.time_zone)::date::timestamp AT TIME ZONE w.time_zone)) AS g (grain, start)
    GROUP BY 1, 2, 3, 4, 5"""
CALLS_AS_SESSIONS = """
    SELECT c.session_id AS id, count(*) AS calls, {counts}, coalesce(sum(c.cost), 0) AS cost, count(*) FILTER (WHERE c.cost IS NULL) AS unpriced,
        min(c.at) AS first_at FROM usage_calls c GROUP BY 1"""
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
FACETS = f"""
    SELECT d.*, coalesce(f.user_id, {NOBODY}) AS user_id, f.machine || f.platform || f.provider || f.profile || f.price_model || f.project || f.branch AS value, f.tier
    FROM usage_facet_days d JOIN usage_facets f ON f.id = d.facet_id AND f.workspace_id = d.workspace_id AND f.facet = d.facet"""
# What each facet is told by, in words of their own; everybody's have capital letters.
TOLD_BY = {"t": "''", "k": "g.machine", "l": "g.platform", "v": "g.provider", "f": "g.profile", "m": "g.price_model", "p": "g.project", "b": "g.branch", "s": "''"}
SUMS_AS_FACETS = " UNION ALL ".join(f"""
    SELECT s.workspace_id, '{letter}'::"char" AS facet, s.start, {user} AS user_id, {value} COLLATE "C" AS value, {"g.tier" if name == "m" else "''"} AS tier,
        {"s.sources" if name == "s" else "0"} AS sources, {", ".join(f"sum(s.{column}) AS {column}" for column in ("calls", *COUNTS, "cost", "unpriced"))}
    FROM usage_sums s JOIN usage_groups g ON g.id = s.group_id WHERE s.grain = 'd' GROUP BY 1, 2, 3, 4, 5, 6, 7"""
    for name, value in TOLD_BY.items() for letter, user in ((name, "g.user_id"), (name.upper(), NOBODY)))
SUMMED = ", ".join(f"sum(c.{name})::bigint AS {name}" for name in COUNTS)
NUMBERS = ("calls", *COUNTS, "cost", "unpriced")
# What neither side has is nothing; a row of nothing is as good as none.
DIFFERENT = " OR ".join(f"coalesce(a.{name}, 0) <> coalesce(b.{name}, 0)" for name in NUMBERS)


def wrong_sums(stack):
    """What usage_sums and usage_sessions say other than the calls do; and calls that are twice, or whose parts cannot be."""
    found = []
    with everything(stack) as db:
        def look(what, statement):
            found.extend((what, *row) for row in db.execute(statement).fetchmany(5))

        shown = ", ".join(f"a.{name}, b.{name}" for name in NUMBERS)
        look("sums", f"SELECT grain, start, group_id, sources, {shown} FROM usage_sums a FULL JOIN ({CALLS_AS_SUMS.format(counts=SUMMED)}) b"
                     f" USING (workspace_id, grain, start, group_id, sources) WHERE {DIFFERENT}")
        look("facets", f"SELECT facet, start, user_id, value, tier, sources, {shown} FROM ({FACETS}) a FULL JOIN ({SUMS_AS_FACETS}) b"
                       f" USING (workspace_id, facet, start, user_id, value, tier, sources) WHERE {DIFFERENT}")
        look("sessions", f"SELECT id, {shown} FROM usage_sessions a FULL JOIN ({CALLS_AS_SESSIONS.format(counts=SUMMED)}) b USING (id) WHERE {DIFFERENT}")
        look("first call of a session", f"SELECT id, a.first_at, b.first_at FROM usage_sessions a JOIN ({CALLS_AS_SESSIONS.format(counts=SUMMED)}) b"
                                        " USING (id) WHERE a.first_at > b.first_at")
        look("last call of a session", "SELECT s.id, s.last_at, max(c.at) FROM usage_sessions s JOIN usage_calls c ON c.session_id = s.id"
                                       " GROUP BY s.id HAVING s.last_at < max(c.at)")
        look("calls that are twice", "SELECT workspace_id, key, count(*) FROM usage_calls GROUP BY 1, 2 HAVING count(*) > 1")
        look("calls of another's group or session", "SELECT c.key FROM usage_calls c JOIN usage_groups g ON g.id = c.group_id"
             " JOIN usage_sessions s ON s.id = c.session_id WHERE g.workspace_id <> c.workspace_id OR s.workspace_id <> c.workspace_id")
        look("calls without group or session", "SELECT c.key FROM usage_calls c LEFT JOIN usage_groups g ON g.id = c.group_id"
             " LEFT JOIN usage_sessions s ON s.id = c.session_id WHERE g.id IS NULL OR s.id IS NULL")
        look("calls whose numbers cannot be", f"SELECT key FROM usage_calls WHERE least({', '.join(COUNTS)}) < 0 OR reasoning > output"
             " OR sources NOT BETWEEN 1 AND 7 OR greatest(log_output, event_output) > output")
        look("calls that cost other than their price", "SELECT c.key, c.cost, p.cost FROM usage_calls c JOIN usage_groups g ON g.id = c.group_id"
             " LEFT JOIN LATERAL usage_cost(c.workspace_id, g.price_model, g.tier, c.at, c.input, c.output, c.cache_read, c.cache_write, c.cache_write_1h) p"
             " ON true WHERE c.cost IS DISTINCT FROM p.cost")
    return found


def check_sums(stack):
    assert wrong_sums(stack) == []


def log_so_far(stack):
    """How long PostgreSQL's log is: what others have done before is theirs."""
    return len(stack.cluster.process.log())


def check_database_log(stack, since):
    """Nothing went wrong in PostgreSQL since then that the program only made good."""
    bad = re.findall(r".*(?:deadlock|could not serialize|PANIC|violates).*", stack.cluster.process.log()[since:])
    assert bad == []


def retrying(action, problems=(OSError, http.client.HTTPException, psycopg.Error), patience_s=PATIENCE_S):
    """What a sender does whose server is away for a while."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return action()
        except problems:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
