"""Reports on usage: sums against what Python adds up of the calls, by day in several time zones, windows, filters, CSV, and who sees what."""

import csv
import datetime
import io
import json
import shutil
import zoneinfo
from decimal import Decimal

import pytest

from configs import acting_in, everything, new_workspace, refused, wrong_fields
from stack import new_folder
from usage_data import COUNTS, SUMS, added_up, calls_of, filled, shown

UTC = datetime.timezone.utc
REPORT = "/api/usage/report"


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack()


@pytest.fixture(scope="module")
def team(system):
    folder = new_folder()
    yield filled(system, folder)
    shutil.rmtree(folder)


def asked(client, **query):
    answer = client.get(REPORT, params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    data = json.loads(answer.text, parse_float=Decimal)["data"]
    assert (data["currency"], data["unit"]) == ("USD", "USD")
    return data


def rows_of(data, *groups):
    found = {tuple(row[group] for group in groups): shown(row) for row in data["rows"]}
    assert len(found) == len(data["rows"]) == data["total"]
    return found


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def local_day(call, zone):
    return call["at"].astimezone(zoneinfo.ZoneInfo(zone)).date()


def between(calls, first, last, zone="UTC"):
    """Calls of the days from the first to the last."""
    first, last = (datetime.date.fromisoformat(day) for day in (first, last))
    return [call for call in calls if first <= local_day(call, zone) <= last]


MARCH = {"from": "2026-03-01", "to": "2026-03-19"}
ZONES = ["UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "America/St_Johns"]


# ---- days and zones ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("zone", ZONES)
def test_days_are_those_of_the_zone(team, zone):
    """New York puts its clocks forward on the 8th."""
    data = asked(team.owner, group="day", zone=zone, **MARCH)
    calls = between(team.calls, "2026-03-01", "2026-03-19", zone)
    assert len(calls) > 500
    assert rows_of(data, "day") == added_up(calls, lambda call: (local_day(call, zone).isoformat(),))
    assert shown(data["totals"]) == added_up(calls, lambda _: "all")["all"]
    assert [row["day"] for row in data["rows"]] == sorted(row["day"] for row in data["rows"])
    begin = datetime.datetime(2026, 3, 1, tzinfo=zoneinfo.ZoneInfo(zone))
    assert (data["zone"], moment(data["period"]["from"])) == (zone, begin)
    assert moment(data["period"]["to"]) == datetime.datetime(2026, 3, 20, tzinfo=zoneinfo.ZoneInfo(zone))


def test_hours_weeks_and_months(team):
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        calls = between(team.calls, "2026-02-20", "2026-03-19", zone)
        local = zoneinfo.ZoneInfo(zone)

        def hour(call):
            offset = call["at"].astimezone(local).utcoffset()
            begin = (call["at"] + offset).replace(minute=0, second=0, microsecond=0) - offset
            return (begin.strftime("%Y-%m-%dT%H:%M:%S.000Z"),)

        def week(call):
            day = local_day(call, zone)
            return ((day - datetime.timedelta(days=day.weekday())).isoformat(),)
        for group, key in (("hour", hour), ("week", week), ("month", lambda call: (local_day(call, zone).strftime("%Y-%m"),))):
            data = asked(team.owner, group=group, zone=zone, **{**MARCH, "from": "2026-02-20"})
            assert rows_of(data, group) == added_up(calls, key), (zone, group)


def test_a_change_of_the_clocks_in_autumn(team):
    """Of New York's night on 2025-11-02 one hour comes twice; the day has 25."""
    times = ["2025-11-02T03:59:59Z", "2025-11-02T04:00:00Z", "2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z", "2025-11-03T04:59:59Z", "2025-11-03T05:00:00Z"]
    client = acting_in(team.owner, new_workspace(team.owner))
    records = [{"platform": "claude", "id": f"clock-{n}", "time": time, "model": "claude-opus-4-6", "input": 10 ** n, "session": "s"} for n, time in enumerate(times)]
    assert client.post("/api/usage/records", json={"records": records}).status_code == 200
    data = asked(client, group="day", zone="America/New_York", **{"from": "2025-11-01", "to": "2025-11-03"})
    assert [(row["day"], row["input"]) for row in data["rows"]] == [("2025-11-01", 1), ("2025-11-02", 11110), ("2025-11-03", 100000)]
    data = asked(client, group="hour", zone="America/New_York", **{"from": "2025-11-02", "to": "2025-11-02"})
    assert [(row["hour"][11:16], row["input"]) for row in data["rows"]] == [("04:00", 10), ("05:00", 100), ("06:00", 1000), ("04:00", 10000)]


def test_a_time_is_a_beginning_or_an_end(team):
    since, until = "2026-03-05T06:30:00Z", "2026-03-05T15:45:00+02:00"
    data = asked(team.owner, group="platform", **{"from": since, "to": until})
    assert rows_of(data, "platform") == added_up(team.calls, lambda call: (call["platform"],) if moment(since) <= call["at"] < moment(until) else None)
    data = asked(team.owner, group="platform", **{"from": "2026-03-05T06:31:17Z", "to": "2026-03-05T13:44:59.5Z"})
    assert (data["period"]["from"], data["period"]["to"]) == ("2026-03-05T06:30:00.000Z", "2026-03-05T13:45:00.000Z"), "widened to quarters of an hour"


def test_thirty_days_without_a_period(team):
    data = asked(team.owner)
    first, end = (moment(data["period"][name]) for name in ("from", "to"))
    assert end - first == datetime.timedelta(days=30)
    now = datetime.datetime.now(UTC)
    assert now < end <= now + datetime.timedelta(days=1, minutes=5) and (first.hour, first.minute) == (0, 0)


# ---- groups, filters, order, pages ------------------------------------------------------------------------------------

SOURCES = {1: "log", 2: "event", 3: "log+event", 4: "record"}
KEYS = {"source": lambda call: SOURCES[call["source"]]}
EVER = {"from": "2026-01-01", "to": "2098-12-31"}  # sums of Droid are of the day on which they were seen


def key_of(groups):
    return lambda call: tuple(KEYS[group](call) if group in KEYS else call[group] for group in groups)


@pytest.mark.parametrize("groups", [("user",), ("machine",), ("platform",), ("provider",), ("profile",), ("model",), ("project",), ("branch",), ("tier",),
                                    ("source",), ("user", "model", "machine"), ("project", "branch", "tier"), ("source", "platform")], ids=",".join)
def test_groups(team, groups):
    data = asked(team.owner, group=",".join(groups), **EVER)
    assert rows_of(data, *groups) == added_up(team.calls, key_of(groups))
    assert data["group"] == list(groups)
    assert data["totals"]["calls"] == len(team.calls)


@pytest.mark.parametrize("groups", [("session",), ("session", "model"), ("user", "session", "branch")], ids=",".join)
def test_sessions_as_groups(team, groups):
    data = asked(team.owner, group=",".join(groups), **MARCH)
    assert rows_of(data, *groups) == added_up(between(team.calls, "2026-03-01", "2026-03-19"), key_of(groups))


def test_a_time_and_others(team):
    data = asked(team.owner, group="day,user,model", **MARCH)
    calls = between(team.calls, "2026-03-01", "2026-03-19")
    assert rows_of(data, "day", "user", "model") == added_up(calls, lambda call: (local_day(call, "UTC").isoformat(), call["user"], call["model"]))


def test_filters(team):
    models = sorted({call["model"] for call in team.calls})
    projects = sorted({call["project"] for call in team.calls})
    for query, keep in (({"user": "BOB"}, lambda call: call["user"] == "bob"),
                        ({"user": "bob,ada"}, lambda call: True),
                        ({"machine": "machine-2", "platform": "claude,codex"}, lambda call: call["machine"] == "machine-2" and call["platform"] in ("claude", "codex")),
                        ({"model": f"{models[-1]},anthropic/{models[0]}"}, lambda call: call["model"] in (models[0], models[-1])),
                        ({"project": projects[1]}, lambda call: call["project"] == projects[1]),
                        ({"provider": "", "model": models[-1]}, lambda call: call["model"] == models[-1]),
                        ({"profile": "none-of-this-name"}, lambda call: False)):
        data = asked(team.owner, group="day", **query, **EVER)
        assert rows_of(data, "day") == added_up([call for call in team.calls if keep(call)], lambda call: (local_day(call, "UTC").isoformat(),)), query


def test_a_comma_in_a_value(team):
    client = acting_in(team.owner, new_workspace(team.owner))
    records = [{"platform": "claude", "id": f"comma-{n}", "time": "2026-03-01T00:00:00Z", "model": "m", "input": 1, "session": "s", "project": project}
               for n, project in enumerate(("/home/a,b", "/home/a", "b", "C:\\work"))]
    assert client.post("/api/usage/records", json={"records": records}).status_code == 200
    for text, found in (("/home/a\\,b", ["/home/a,b"]), ("/home/a,b", ["/home/a", "b"]), ("C:\\work,b", ["C:\\work", "b"])):
        assert [row["project"] for row in asked(client, group="project", project=text, order="name", **EVER)["rows"]] == found


def test_order_and_pages(team):
    def tokens(row):
        return sum(row[name] for name in COUNTS[:5])
    for order, key in (("cost", lambda row: -row["cost"]), ("tokens", lambda row: -tokens(row)), ("calls", lambda row: -row["calls"]),
                       ("name", lambda row: (row["user"], row["model"]))):
        rows = asked(team.owner, group="user,model", order=order, **EVER)["rows"]
        assert [key(row) for row in rows] == sorted(map(key, rows)), order
    whole = asked(team.owner, group="day,model", **EVER)
    pages = [asked(team.owner, group="day,model", limit=7, offset=offset, **EVER) for offset in range(0, whole["total"] + 7, 7)]
    assert [row for page in pages for row in page["rows"]] == whole["rows"]
    assert all((page["total"], page["totals"]) == (whole["total"], whole["totals"]) for page in pages), "also behind the end"


# ---- windows ----------------------------------------------------------------------------------------------------------

def windows(calls):
    """Of each user at each platform: a window begins with the hour of the first call that is in none, and takes five hours."""
    began, of = {}, {}
    for call in sorted(calls, key=lambda call: call["at"]):
        whose = call["user"], call["platform"]
        hour = call["at"].replace(minute=0, second=0, microsecond=0)
        if whose not in began or hour >= began[whose] + datetime.timedelta(hours=5):
            began[whose] = hour
        of[id(call)] = began[whose]
    return of


def test_windows_of_five_hours(team):
    of = windows(team.calls)

    def key(call):
        return (of[id(call)].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), call["user"], call["platform"])
    calls = between(team.calls, "2026-03-03", "2026-03-15")
    data = asked(team.owner, group="window,user,platform", **{"from": "2026-03-03", "to": "2026-03-15"})
    assert rows_of(data, "window", "user", "platform") == added_up(calls, key)
    assert len({begun for begun in of.values()}) > 20


def test_windows_by_hand(team):
    client = acting_in(team.owner, new_workspace(team.owner))
    times = ["2026-03-01T09:55:00Z", "2026-03-01T13:59:59Z", "2026-03-01T14:00:00Z", "2026-03-01T19:30:00Z", "2026-03-02T00:29:00Z", "2026-03-02T00:31:00Z"]
    records = [{"platform": "claude", "id": f"window-{n}", "time": time, "model": "m", "input": 10 ** n, "session": "s"} for n, time in enumerate(times)]
    assert client.post("/api/usage/records", json={"records": records}).status_code == 200
    rows = asked(client, group="window", **MARCH)["rows"]
    assert [(row["window"][:16], row["input"]) for row in rows] == [("2026-03-01T09:00", 11), ("2026-03-01T14:00", 100), ("2026-03-01T19:00", 1000),
                                                                      ("2026-03-02T00:00", 110000)]
    rows = asked(client, group="window", **{"from": "2026-03-01T13:00:00Z", "to": "2026-03-02"})["rows"]
    assert (rows[0]["window"][:16], rows[0]["input"]) == ("2026-03-01T09:00", 10), "what was before the period says where windows begin, and is not counted"


# ---- the period before ------------------------------------------------------------------------------------------------

def test_compared_with_the_period_before(team):
    query = {"from": "2026-03-07", "to": "2026-03-13", "compare": "previous"}
    now, before = between(team.calls, "2026-03-07", "2026-03-13"), between(team.calls, "2026-02-28", "2026-03-06")
    data = asked(team.owner, group="model", **query)
    assert (data["previous_period"]["from"], data["previous_period"]["to"]) == ("2026-02-28T00:00:00.000Z", "2026-03-07T00:00:00.000Z")

    def model(call):
        return (call["model"],)
    sums, was = added_up(now, model), added_up(before, model)
    for row in data["rows"]:
        nothing = dict.fromkeys(SUMS, 0)
        assert shown(row) == sums.pop((row["model"],), nothing) and shown(row["previous"]) == was.pop((row["model"],), nothing)
    assert not sums and not was
    assert shown(data["totals"]["previous"]) == added_up(before, lambda _: 1)[1]
    data = asked(team.owner, group="day", **query)
    moved = added_up(before, lambda call: (local_day(call, "UTC") + datetime.timedelta(days=7)).isoformat())
    assert {row["day"]: shown(row["previous"]) for row in data["rows"] if row["previous"]["calls"]} == moved


def test_the_period_before_has_as_many_days_over_a_change_of_clocks(team):
    data = asked(team.owner, group="day", zone="America/New_York", compare="previous", **{"from": "2026-03-08", "to": "2026-03-14"})
    assert data["previous_period"] == {"from": "2026-03-01T05:00:00.000Z", "to": "2026-03-08T05:00:00.000Z"}
    before = between(team.calls, "2026-03-01", "2026-03-07", "America/New_York")
    moved = added_up(before, lambda call: (local_day(call, "America/New_York") + datetime.timedelta(days=7)).isoformat())
    assert {row["day"]: shown(row["previous"]) for row in data["rows"] if row["previous"]["calls"]} == moved


# ---- CSV --------------------------------------------------------------------------------------------------------------

def test_csv(team):
    query = {"group": "day,user,model", "compare": "previous", **MARCH}
    answer = team.owner.get(REPORT, params={"format": "csv", **query})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    rows = asked(team.owner, **query)["rows"]
    assert [[line[name] for name in ("day", "user", "model")] for line in lines] == [[row[name] for name in ("day", "user", "model")] for row in rows]
    for line, row in zip(lines, rows):
        assert [Decimal(line[name]) for name in SUMS] == [row[name] for name in SUMS]
        assert [Decimal(line[f"previous_{name}"]) for name in SUMS] == [row["previous"][name] for name in SUMS]
    assert answer.text.count("\r\n") == len(lines) + 1
    assert team.owner.get(REPORT, headers={"Accept": "text/csv"}).text.startswith("day,calls,input,")


def test_csv_is_no_formula(team):
    client = acting_in(team.owner, new_workspace(team.owner))
    names = ['=HYPERLINK("http://x.example")', "+1", "-1", "@x", 'a "quoted" name']
    records = [{"platform": "claude", "id": f"csv-{n}", "time": "2026-03-01T00:00:00Z", "model": "m", "input": 1, "session": "s", "project": name}
               for n, name in enumerate(names)]
    assert client.post("/api/usage/records", json={"records": records}).status_code == 200
    text = client.get(REPORT, params={"format": "csv", "group": "project", **EVER}).text
    found = {line["project"] for line in csv.DictReader(io.StringIO(text))}
    assert found == {"'" + name for name in names[:4]} | {names[4]}


# ---- who sees what ----------------------------------------------------------------------------------------------------

def test_members_see_their_own_and_the_whole(team):
    everybody = asked(team.owner, group="user", **EVER)
    assert everybody["scope"] == "workspace" and "workspace" not in everybody
    assert {row["user"] for row in everybody["rows"]} == {"ada", "bob"}
    own = asked(team.bob, group="user", **EVER)
    assert own["scope"] == "own" and [row["user"] for row in own["rows"]] == ["bob"]
    assert shown(own["rows"][0]) == shown(own["totals"]) == next(shown(row) for row in everybody["rows"] if row["user"] == "bob")
    assert shown(own["workspace"]) == shown(everybody["totals"])
    nothing = asked(team.viewer, group="project", project="/anything", **EVER)
    assert nothing["rows"] == [] and nothing["totals"]["calls"] == 0 and shown(nothing["workspace"]) == shown(everybody["totals"])
    for group in ("machine", "project", "session", "branch", "window,platform"):
        data = asked(team.bob, group=group, **MARCH)
        assert data["totals"]["calls"] == len([call for call in between(team.calls, "2026-03-01", "2026-03-19") if call["user"] == "bob"])
    for who in ("ada", "nobody-of-this-name", "bob,ada"):
        refused(team.bob.get(REPORT, params={"user": who}), 403, "AUTHORIZATION_ERROR")
    assert asked(team.bob, user="bob", group="user", **EVER)["rows"] == own["rows"]


def test_other_workspaces_see_nothing(team):
    answer = team.outsider.get(REPORT, headers={"X-CCR-Workspace": team.slug})
    assert answer.status_code == 404
    assert asked(team.outsider, **EVER)["totals"]["calls"] == 0
    assert asked(acting_in(team.owner, new_workspace(team.owner)), group="user", **EVER)["rows"] == []


def test_a_user_who_is_gone_stays_in_the_sums(team, system):
    client, slug = system.client("leaver"), new_workspace(team.owner)
    client.workspace = slug
    with everything(system) as db:
        db.execute("INSERT INTO memberships (workspace_id, user_id, role) SELECT w.id, u.id, 'editor' FROM workspaces w, users u"
                   " WHERE w.slug = %s AND u.username = 'leaver'", (slug,))
    record = {"platform": "claude", "id": "gone", "time": "2025-01-01T00:00:00Z", "model": "m", "input": 7, "session": "s"}
    assert client.post("/api/usage/records", json={"records": [record]}).status_code == 200
    with everything(system) as db:
        db.execute("DELETE FROM users WHERE username = 'leaver'")
    data = asked(acting_in(team.owner, slug), group="user", **{"from": "2025-01-01", "to": "2025-01-02"})
    assert [(row["user"], row["input"]) for row in data["rows"]] == [(None, 7)]


# ---- wrong questions --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("query, field", [
    ({"from": "yesterday"}, "from"), ({"to": "2026-02-30"}, "to"), ({"from": "2026-03-02", "to": "2026-03-01"}, "to"), ({"group": "colour"}, "group"),
    ({"group": "day,week"}, "group"), ({"group": "user,user"}, "group"), ({"group": "user,model,project,branch"}, "group"), ({"group": ",user"}, "group"),
    ({"zone": "Mars/Olympus"}, "zone"), ({"zone": "XYZ+3"}, "zone"), ({"zone": "'; DROP TABLE users"}, "zone"), ({"zone": "Europe/../../etc/passwd"}, "zone"),
    ({"compare": "next"}, "compare"), ({"order": "price"}, "order"), ({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"), ({"offset": "-1"}, "offset"),
    ({"group": "hour", "from": "2024-01-01", "to": "2026-01-01"}, "to"), ({"group": "window", "from": "2025-01-01", "to": "2026-01-01"}, "to"),
    ({"group": "session", "from": "2025-01-01", "to": "2026-01-01"}, "to"), ({"zone": "Asia/Tokyo", "from": "2024-01-01", "to": "2026-01-01"}, "to"),
    ({"from": "0001-01-01", "to": "9999-12-31", "compare": "previous"}, "from"), ({"format": "xml"}, "format"),
    ({"project": "x" * 1001}, "project"), ({"project": ",".join(map(str, range(101)))}, "project")])
def test_wrong_questions(team, query, field):
    assert set(wrong_fields(team.owner.get(REPORT, params=query))) == {field}


# ---- the workspace's time zone ----------------------------------------------------------------------------------------

def sums(system, slug, grain):
    with everything(system) as db:
        return db.execute("SELECT start, group_id, sources, calls, input, output, cache_read, cache_write, cache_write_1h, reasoning, cost, unpriced FROM usage_sums s"
                          " JOIN workspaces w ON w.id = s.workspace_id WHERE w.slug = %s AND grain = %s ORDER BY 1, 2, 3", (slug, grain)).fetchall()


def set_zone(client, slug, zone, **options):
    return client.patch(f"/api/workspaces/{slug}", json={"time_zone": zone}, **options)


@pytest.fixture
def put_back(team):
    yield
    assert set_zone(team.owner, team.slug, "UTC").status_code == 200


def test_another_time_zone_of_the_workspace(team, system, put_back):
    before, quarters = sums(system, team.slug, "d"), sums(system, team.slug, "q")
    for zone in ("Asia/Kolkata", "America/New_York", "Asia/Kathmandu"):
        answer = set_zone(team.owner, team.slug, zone)
        assert answer.status_code == 200 and answer.data["time_zone"] == zone
        assert sums(system, team.slug, "q") == quarters
        days = asked(team.owner, group="day", **MARCH)
        assert days["zone"] == zone
        calls = between(team.calls, "2026-03-01", "2026-03-19", zone)
        assert rows_of(days, "day") == added_up(calls, lambda call: (local_day(call, zone).isoformat(),))
        assert rows_of(asked(team.owner, group="month,model", **EVER), "month", "model") == added_up(
            team.calls, lambda call: (local_day(call, zone).strftime("%Y-%m"), call["model"]))
    record = {"platform": "claude", "id": "zoned", "time": "2026-01-31T23:00:00Z", "model": "m", "input": 3, "session": "zoned"}
    assert team.owner.post("/api/usage/records", json={"records": [record]}).status_code == 200, "what comes now is of the new days"
    assert [row["day"] for row in asked(team.owner, **{"from": "2026-01-31", "to": "2026-02-02"})["rows"]] == ["2026-02-01"]
    with everything(system) as db:
        db.execute("DELETE FROM usage_calls WHERE at = '2026-01-31 23:00Z'")
        db.execute("DELETE FROM usage_sessions WHERE session = 'zoned'")
        db.execute("DELETE FROM usage_sums WHERE start BETWEEN '2026-01-31 00:00Z' AND '2026-02-01 23:59Z'")
    assert set_zone(team.owner, team.slug, "UTC").status_code == 200
    assert sums(system, team.slug, "d") == before, "as if nothing had been"
    with everything(system) as db:
        changes = [row[0] for row in db.execute("SELECT changes FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id WHERE w.slug = %s"
                                                " AND action = 'workspace.update' ORDER BY a.created_at", (team.slug,))]
    assert changes[0] == [{"key": "time_zone", "old_value": "UTC", "new_value": "Asia/Kolkata"}] and len(changes) == 4


def test_who_sets_the_time_zone(team):
    for client, status in ((team.viewer, 403), (team.bob, 403), (team.outsider, 404)):
        assert set_zone(client, team.slug, "Asia/Tokyo").status_code == status
    for wrong in ("Mars/Olympus", "XYZ+3", "", "posixrules", "asia/tokyo", "../../etc/passwd"):
        answer = set_zone(team.owner, team.slug, wrong)
        assert wrong == "" and answer.status_code == 200 or wrong_fields(answer) == ["time_zone"], wrong
    assert team.owner.get(f"/api/workspaces/{team.slug}").data["time_zone"] == "UTC"
    own = team.outsider.get("/api/auth/me").data["workspace"]["slug"]
    assert set_zone(team.outsider, own, "Asia/Tokyo").data["time_zone"] == "Asia/Tokyo", "a personal one has days as well"
    assert set_zone(team.outsider, own, "UTC", headers={"If-Match": '"1"'}).status_code == 412
    assert set_zone(team.outsider, own, "UTC").data["time_zone"] == "UTC"


# ---- summary, sources, sessions ---------------------------------------------------------------------------------------

def of_period(calls, period):
    since, until = moment(period["from"]), moment(period["to"])
    return added_up([call for call in calls if since <= call["at"] < until], lambda _: 1).get(1, dict.fromkeys(SUMS, 0))


def test_summary(team, system):
    client = acting_in(team.owner, new_workspace(team.owner))
    now = datetime.datetime.now(UTC)
    records = [{"platform": "claude", "id": f"day-{n}", "time": (now - datetime.timedelta(days=n)).isoformat(), "model": "claude-opus-4-6" if n % 3 else "nobody-1",
                "input": 1000 + n, "session": "s"} for n in range(62)]
    assert client.post("/api/usage/records", json={"records": records}).status_code == 200
    calls = calls_of(system, client.workspace)
    answer = client.get("/api/usage/summary")
    data = json.loads(answer.text, parse_float=Decimal)["data"]
    for name in ("today", "yesterday", "week", "previous_week", "month", "previous_month"):
        assert shown(data[name]) == of_period(calls, data[name]), name
    assert data["today"]["calls"] == data["yesterday"]["calls"] == 1 and data["previous_month"]["calls"] in (28, 29, 30, 31)
    assert moment(data["week"]["from"]).weekday() == 0 and moment(data["month"]["from"]).day == 1
    assert data["previous_week"]["to"] == data["week"]["from"] and data["previous_month"]["to"] == data["month"]["from"]
    assert [(row["model"], row["calls"] > 15, row["tokens"] > 15000) for row in data["unpriced"]] == [("nobody-1", True, True)]
    assert (data["currency"], data["unit"], data["zone"], data["gaps"]) == ("USD", "USD", "UTC", [])
    with everything(system) as db:
        db.execute("UPDATE usage_reporters r SET last_seen = now() - interval '4 days' FROM workspaces w WHERE w.id = r.workspace_id AND w.slug = %s", (client.workspace,))
    gap, = client.get("/api/usage/summary").data["gaps"]
    assert (gap["user"], gap["platform"], gap["source"]) == ("ada", "claude", "record") and gap["silent_seconds"] >= 4 * 86400


def test_a_members_summary(team):
    own, all_of_it = (client.get("/api/usage/summary").data for client in (team.bob, team.owner))
    assert own["scope"] == "own" and all_of_it["scope"] == "workspace" and "workspace" not in all_of_it
    assert own["workspace"] == {name: all_of_it[name] for name in own["workspace"]} and len(own["workspace"]) == 6
    assert own["today"]["calls"] <= own["workspace"]["today"]["calls"]


def test_sources(team):
    rows = team.owner.get("/api/usage/sources", params={"limit": 500}).data["sources"]
    assert {(row["user"], row["machine"], row["platform"], row["source"]) for row in rows} >= {
        (call["user"], call["machine"], call["platform"], SOURCES[call["source"]]) for call in team.calls}
    for row in rows:
        assert moment(row["first_seen"]) <= moment(row["last_seen"]) and 0 <= row["silent_seconds"] < 3600
    own = team.bob.get("/api/usage/sources").data
    assert own["total"] > 0 and {row["user"] for row in own["sources"]} == {"bob"}
    assert team.viewer.get("/api/usage/sources").data["total"] == 0


def sessions_of(calls):
    return added_up(calls, lambda call: call["session"])


def test_sessions(team):
    data = json.loads(team.owner.get("/api/usage/sessions", params={"limit": 500}).text, parse_float=Decimal)["data"]
    assert {row["id"]: shown(row) for row in data["sessions"]} == sessions_of(team.calls)
    assert [row["last_at"] for row in data["sessions"]] == sorted((row["last_at"] for row in data["sessions"]), reverse=True)
    for row in data["sessions"]:
        times = [call["at"] for call in team.calls if call["session"] == row["id"]]
        assert abs(moment(row["first_at"]) - min(times)) <= datetime.timedelta(milliseconds=1)
        assert abs(moment(row["last_at"]) - max(times)) <= datetime.timedelta(milliseconds=1)
    for order, key in (("cost", lambda row: -row["cost"]), ("calls", lambda row: -row["calls"]), ("tokens", lambda row: -sum(row[name] for name in COUNTS[:5])),
                       ("first", lambda row: row["first_at"]), ("duration", lambda row: moment(row["first_at"]) - moment(row["last_at"]))):
        rows = json.loads(team.owner.get("/api/usage/sessions", params={"limit": 500, "order": order}).text, parse_float=Decimal)["data"]["sessions"]
        assert len(rows) == len(data["sessions"]) and [key(row) for row in rows] == sorted(map(key, rows)), order
    pages = [team.owner.get("/api/usage/sessions", params={"limit": 9, "offset": offset, "order": order}).data["sessions"]
             for order in ("last", "cost") for offset in range(0, data["total"], 9)]
    assert sorted(row["id"] for page in pages for row in page) == sorted([row["id"] for row in data["sessions"]] * 2)


def test_sessions_found(team):
    def found(client=team.owner, **query):
        return {row["id"] for row in client.get("/api/usage/sessions", params={"limit": 500, **query}).data["sessions"]}

    everything_there = team.owner.get("/api/usage/sessions", params={"limit": 500}).data["sessions"]
    one = next(row for row in everything_there if row["project"] and row["platform"] == "claude")
    for query, keep in (({"platform": "codex"}, lambda row: row["platform"] == "codex"), ({"user": "BOB"}, lambda row: row["user"] == "bob"),
                        ({"machine": "machine-1"}, lambda row: row["machine"] == "machine-1"), ({"project": one["project"]}, lambda row: row["project"] == one["project"]),
                        ({"search": one["session"].upper()}, lambda row: row["id"] == one["id"]),
                        ({"search": one["project"][-4:]}, lambda row: one["project"][-4:].lower() in
                         "\n".join([row["project"], row["branch"], row["session"], row["machine"], row["user"]]).lower()),
                        ({"from": "2026-03-10", "to": "2026-03-12"}, lambda row: row["last_at"] >= "2026-03-10" and row["first_at"] < "2026-03-12"),
                        ({"search": "no such thing"}, lambda row: False)):
        assert found(**query) == {row["id"] for row in everything_there if keep(row)}, query
    assert found(team.bob) == {row["id"] for row in everything_there if row["user"] == "bob"} and found(team.viewer) == set()
    assert found(team.bob, user="ada") == set()


def test_a_sessions_calls(team):
    most = max(sessions_of(team.calls).items(), key=lambda session: session[1]["calls"])[0]
    data = json.loads(team.owner.get(f"/api/usage/sessions/{most}", params={"limit": 500}).text, parse_float=Decimal)["data"]
    calls = sorted((call for call in team.calls if call["session"] == most), key=lambda call: call["at"])
    assert data["total"] == len(calls) and data["session"]["id"] == most and shown(data["session"]) == sessions_of(calls)[most]
    for row, call in zip(data["calls"], calls):
        assert [row[name] for name in COUNTS] == [call[name] for name in COUNTS] and row["source"] == SOURCES[call["source"]]
        assert row["cost"] is None and call["cost"] is None or abs(row["cost"] - call["cost"]) <= Decimal("0.0000005")
        assert row["log_output"] == call["output"] and row["event_output"] is None
    pages = [team.owner.get(f"/api/usage/sessions/{most}", params={"limit": 5, "offset": offset}).data["calls"] for offset in range(0, len(calls), 5)]
    assert [row["id"] for page in pages for row in page] == [row["id"] for row in data["calls"]]
    owner = calls[0]["user"]
    theirs = {"ada": team.owner, "bob": team.bob}
    assert theirs[owner].get(f"/api/usage/sessions/{most}").status_code == 200
    of_ada = next(call["session"] for call in team.calls if call["user"] == "ada")
    for client, session in ((team.bob, of_ada), (team.viewer, most), (team.outsider, most), (team.owner, 10 ** 15), (team.owner, "x"), (team.owner, "-1"),
                            (team.owner, "1e3"), (team.owner, 2 ** 70)):
        refused(client.get(f"/api/usage/sessions/{session}"), 404, "NOT_FOUND")


def test_what_log_and_event_say_of_a_call(team):
    client = acting_in(team.owner, new_workspace(team.owner))
    line = {"type": "assistant", "timestamp": "2026-03-01T00:00:00Z", "sessionId": "s1", "requestId": "req_1", "uuid": "u1",
            "message": {"id": "msg_1", "model": "claude-opus-4-6", "usage": {"input_tokens": 10, "output_tokens": 3}}}
    assert client.post("/api/usage/import", params={"platform": "claude"}, data=json.dumps(line) + "\n").status_code == 200
    attributes = {"event.name": "api_request", "event.timestamp": "2026-03-01T00:00:00Z", "session.id": "s1", "model": "claude-opus-4-6", "request_id": "req_1",
                  "input_tokens": "10", "output_tokens": "70"}
    event = {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}]}, "scopeLogs": [{"logRecords": [
        {"timeUnixNano": "1772323200000000000", "body": {"stringValue": "claude_code.api_request"},
         "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]}]}]}]}
    assert client.post("/v1/logs", json=event).status_code == 200
    session, = client.get("/api/usage/sessions").data["sessions"]
    call, = client.get(f"/api/usage/sessions/{session['id']}").data["calls"]
    assert (call["source"], call["log_output"], call["event_output"], call["output"]) == ("log+event", 3, 70, 70)
    assert [(row["source"], row["output"]) for row in asked(client, group="source", **EVER)["rows"]] == [("log+event", 70)]
