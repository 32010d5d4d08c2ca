"""CCR UI's pages of statistics, usage and sessions, over the ledger: what they show is what the calls come to."""

import datetime
import json
import zoneinfo
from collections import defaultdict
from decimal import Decimal
from types import SimpleNamespace

import pytest

from configs import acting_in, new_workspace, wrong_fields
from stack import join
from usage_data import calls_of

UTC = datetime.timezone.utc
MODELS = ("claude-opus-4-6", "claude-sonnet-4-5", "nobody-knows-it-1")


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack()


def records_of(now, who, platforms=("claude", "codex", "gemini", "droid")):
    """A call each five hours of 80 days, that of now first, and some a minute apart."""
    times = [now - datetime.timedelta(hours=5 * n) for n in range(24 * 80 // 5)] + [now - datetime.timedelta(minutes=n) for n in range(1, 30)]
    for n, time in enumerate(times):
        platform = platforms[n % len(platforms)]
        yield {"platform": platform, "id": f"{who}-{n}", "time": time.isoformat(), "model": "gpt-5.4" if platform == "codex" else MODELS[n % 3],
               "provider": ("anthropic", "", "relay")[n % 3], "project": ("/src/shop", "/src/infra", "")[n % 5 % 3], "session": f"{who}-session-{n // 9}-{platform}",
               "input": n * 7 % 1000, "output": n * 11 % 500, "cache_read": n * 13 % 5000, "cache_write": n * 3 % 700}


@pytest.fixture(scope="module")
def team(system):
    owner = system.client("ada")
    slug = new_workspace(owner)
    made = SimpleNamespace(system=system, slug=slug, owner=acting_in(owner, slug), outsider=system.client("mallory"))
    for name, role in (("bob", "editor"), ("eve", "viewer")):
        person = system.client(name)
        join(owner, slug, person, name, role)
        setattr(made, name, acting_in(person, slug))
    now = datetime.datetime.now(UTC)
    for client, who in ((made.owner, "ada"), (made.bob, "bob")):
        answer = client.post("/api/usage/records", json={"machine": f"{who}-laptop", "records": list(records_of(now, who))})
        assert answer.status_code == 200, answer.text
    made.calls = calls_of(system, slug)
    return made


def shown(client, path, **query):
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def own(team, client):
    return team.calls if client is team.owner else [call for call in team.calls if client is team.bob and call["user"] == "bob"]


def cost(calls):
    return sum((call["cost"] or 0 for call in calls), Decimal(0)).quantize(Decimal("0.000001"), "ROUND_HALF_UP")


def in_range(calls, name, zone="UTC"):
    local = zoneinfo.ZoneInfo(zone)
    today = datetime.datetime.now(local).date()
    first = {"today": today, "week": today - datetime.timedelta(days=6), "month": today.replace(day=1)}[name]
    return [call for call in calls if first <= call["at"].astimezone(local).date() <= today]


def by(calls, key, value):
    found = defaultdict(list)
    for call in calls:
        found[key(call)].append(call)
    return {name: value(group) for name, group in found.items()}


def near(told, expected):
    """Each amount is rounded by itself."""
    return told.keys() == expected.keys() and all(abs(Decimal(told[name]) - expected[name]) <= Decimal("0.000001") for name in expected)


@pytest.mark.parametrize("name", ["today", "week", "month"])
@pytest.mark.parametrize("who", ["owner", "bob", "eve"])
def test_cost(team, name, who):
    client = getattr(team, who)
    calls = in_range(own(team, client), name)
    stats = shown(client, "/api/stats/cost", range=name)
    assert stats == shown(client, f"/api/stats/cost/{name}")
    assert abs(stats["total_cost"] - cost(calls)) == 0 and stats["record_count"] == len(calls)
    tokens = stats["token_stats"]
    read, written = (sum(call[column] for call in calls) for column in ("cache_read", "cache_write"))
    assert tokens["total_input_tokens"] == sum(call["input"] for call in calls) and tokens["total_output_tokens"] == sum(call["output"] for call in calls)
    assert tokens["total_cache_tokens"] == read + written
    assert abs(tokens["cache_efficiency"] - (Decimal(100) * read / (read + written) if calls else 0)) <= Decimal("0.01")
    assert stats["by_provider"] == by(calls, lambda call: call["provider"] or "unknown", len)
    assert near(stats["by_model"], by(calls, lambda call: call["model"] or "unknown", cost))
    assert near(stats["by_project"], by(calls, lambda call: call["project"] or "unknown", cost))
    assert shown(client, "/api/stats/cost/by-model", range=name) == stats["by_model"] and shown(client, "/api/stats/cost/by-project", range=name) == stats["by_project"]
    days = by(calls, lambda call: call["at"].astimezone(UTC).date().isoformat(), lambda group: (cost(group), len(group)))
    trend = shown(client, "/api/stats/cost/trend", range=name)
    assert stats["trend"] == (trend or None)
    assert [row["date"] for row in trend] == sorted(days) and {row["date"]: row["count"] for row in trend} == {day: count for day, (_, count) in days.items()}
    assert near({row["date"]: row["cost"] for row in trend}, {day: money for day, (money, _) in days.items()})


def test_in_short_and_the_dearest_sessions(team):
    for client in (team.owner, team.bob, team.eve):
        calls = own(team, client)
        short = shown(client, "/api/stats/summary")
        assert short["total_sessions"] == len({call["session"] for call in calls})
        assert {name: short[f"{name}_cost"] for name in ("today", "week", "month")} == {name: cost(in_range(calls, name)) for name in ("today", "week", "month")}
        sessions = by(calls, lambda call: call["session"], cost)
        top = shown(client, "/api/stats/cost/top-sessions", limit=7)
        assert [row["cost"] for row in top] == sorted(sessions.values(), reverse=True)[:7]
        assert all(row["session_id"].split("-")[1:2] == ["session"] for row in top)
    assert len(shown(team.owner, "/api/stats/cost/top-sessions")) == 10


def test_heat_map(team):
    for client in (team.owner, team.bob, team.eve):
        days = by(own(team, client), lambda call: call["at"].astimezone(UTC).date().isoformat(),
                  lambda group: sum(call["input"] + call["output"] + call["cache_read"] for call in group))
        days = {day: tokens for day, tokens in days.items() if tokens}
        assert shown(client, "/api/stats/heatmap") == {"data": days, "max_value": max(days.values(), default=0), "total_tokens": sum(days.values()), "active_days": len(days)}


def test_days_are_the_workspaces(team):
    zone = "Pacific/Auckland"
    try:
        assert team.owner.patch(f"/api/workspaces/{team.slug}", json={"time_zone": zone}).status_code == 200
        for name in ("today", "week", "month"):
            calls = in_range(team.calls, name, zone)
            stats = shown(team.owner, "/api/stats/cost", range=name)
            assert stats["record_count"] == len(calls) and stats["total_cost"] == cost(calls), name
        local = zoneinfo.ZoneInfo(zone)
        assert shown(team.owner, "/api/stats/heatmap")["data"].keys() == {call["at"].astimezone(local).date().isoformat() for call in team.calls
                                                                          if call["input"] + call["output"] + call["cache_read"]}
    finally:
        assert team.owner.patch(f"/api/workspaces/{team.slug}", json={"time_zone": "UTC"}).status_code == 200


@pytest.mark.parametrize("platform", ["claude", "codex", "gemini", "droid", "qwen"])
def test_records(team, platform):
    for client in (team.owner, team.bob):
        calls = sorted((call for call in own(team, client) if call["platform"] == platform and call["input"] + call["output"]), key=lambda call: call["at"], reverse=True)
        for limit in (10000, 25, 1):
            told = shown(client, "/api/usage/records", platform=platform, limit=limit)
            assert [row["usage"] for row in told["records"]] == [
                {"input_tokens": call["input"], "output_tokens": call["output"], "cache_read_input_tokens": call["cache_read"]} for call in calls[:limit]]
            assert [row["timestamp"] for row in told["records"]] == [call["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for call in calls[:limit]]
            assert told["truncated"] is (len(calls) > limit) and (told["total_records"] > limit) is told["truncated"]
            assert ["model" in row for row in told["records"]] == [bool(call["model"]) for call in calls[:limit]]
    assert shown(team.owner, "/api/usage/records")["records"] == shown(team.owner, "/api/usage/records", platform="claude")["records"]


def test_what_codex_used(team):
    now = datetime.datetime.now(UTC)

    def used(calls):
        return {"total_input_tokens": sum(call["input"] + call["cache_read"] + call["cache_write"] for call in calls),
                "total_output_tokens": sum(call["output"] for call in calls), "total_requests": len(calls)}
    for client in (team.owner, team.bob, team.eve):
        calls = [call for call in own(team, client) if call["platform"] == "codex"]
        told = shown(client, "/api/codex/usage")["data"]
        for name, length in (("five_hour", datetime.timedelta(hours=5)), ("seven_day", datetime.timedelta(days=7))):
            window = told[name]
            since, until = (datetime.datetime.fromisoformat(window.pop(end).replace("Z", "+00:00")) for end in ("window_start", "window_end"))
            assert until - since == length and now - datetime.timedelta(minutes=1) <= until <= now + datetime.timedelta(minutes=20)
            assert window == used([call for call in calls if since <= call["at"] < until])
        assert told["all_time"] == used(calls)
        assert told["by_model"] == by(calls, lambda call: {"gpt-5-4": "gpt-5.4"}[call["model"]], used)


def test_sessions(team):
    names = {"claude": "Claude", "codex": "Codex", "gemini": "Gemini", "droid": "Droid"}
    for client in (team.owner, team.bob, team.eve):
        calls = own(team, client)
        sessions = by(calls, lambda call: str(call["session"]), lambda group: sorted(group, key=lambda call: call["at"]))
        told = shown(client, "/api/sessions", limit=50000)
        assert {row["id"]: (row["platform"], row["message_count"], row["title"]) for row in told} == {
            session: (names[group[0]["platform"]], len(group), None) for session, group in sessions.items()}
        assert [row["updated_at"] for row in told] == sorted((row["updated_at"] for row in told), reverse=True)
        assert all(isinstance(row["cwd"], str) and row["created_at"] <= row["updated_at"] for row in told)
        assert shown(client, "/api/sessions/stats") == {"total": len(sessions), "by_platform": by([group[0] for group in sessions.values()], lambda call: call["platform"], len)}
    told = shown(team.owner, "/api/sessions", limit=50000)
    assert shown(team.owner, "/api/sessions") == told[:50] and shown(team.owner, "/api/sessions", limit=3, offset=2) == told[2:5]
    assert shown(team.owner, "/api/sessions", limit=50000, platform="codex") == [row for row in told if row["platform"] == "Codex"]


@pytest.mark.parametrize("days", [7, 30, 365])
def test_sessions_by_day(team, days):
    today = datetime.datetime.now(UTC).date()
    for client in (team.owner, team.bob, team.eve):
        told = shown(client, "/api/sessions/stats/daily", days=days)
        assert [row["date"] for row in told["daily_stats"]] == [(today - datetime.timedelta(days=n)).isoformat() for n in range(days, -1, -1)]
        found = defaultdict(lambda: {"sessions": 0, "messages": 0, "tokens": 0, "duration_seconds": 0})
        for group in by(own(team, client), lambda call: call["session"], lambda group: group).values():
            last = max(call["at"] for call in group)
            if last.date() >= today - datetime.timedelta(days=days):
                sums = found[last.astimezone(UTC).date().isoformat(), group[0]["platform"]]
                sums["sessions"] += 1
                sums["messages"] += len(group)
                sums["tokens"] += sum(call[name] for call in group for name in ("input", "output", "cache_read", "cache_write", "cache_write_1h"))
        for row in told["daily_stats"]:
            for platform in ("claude", "codex", "gemini"):
                row[platform]["duration_seconds"] = 0
                assert row[platform] == found[row["date"], platform]
        summary = told["summary"]
        assert (summary["total_sessions"], summary["total_messages"]) == tuple(sum(sums[name] for sums in found.values()) for name in ("sessions", "messages"))
        assert {name: sums["messages"] for name, sums in summary["by_platform"].items()} == {
            platform: total for platform in ("claude", "codex", "gemini", "droid")
            if (total := sum(sums["messages"] for (_, of), sums in found.items() if of == platform))}
        assert summary["total_duration_seconds"] == sum(sums["duration_seconds"] for sums in summary["by_platform"].values())


def test_how_long_sessions_took(team):
    client = acting_in(team.owner, new_workspace(team.owner))
    now = datetime.datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    records = [{"platform": "claude", "id": f"long-{n}", "time": (now + datetime.timedelta(seconds=second)).isoformat(), "model": "m", "input": 1, "session": "s"}
               for n, second in enumerate((0, 5, 90))]
    assert client.post("/api/usage/records", json={"records": records}).status_code == 200
    assert shown(client, "/api/sessions/stats/daily", days=1)["daily_stats"][-1]["claude"] == {"sessions": 1, "messages": 3, "tokens": 3, "duration_seconds": 90}


def test_nobody_elses(team):
    for path in ("/api/stats/cost", "/api/stats/summary", "/api/usage/records", "/api/sessions", "/api/codex/usage"):
        assert team.outsider.get(path, headers={"X-CCR-Workspace": team.slug}).status_code == 404
    assert shown(team.outsider, "/api/sessions") == [] and shown(team.outsider, "/api/stats/cost", range="month")["trend"] is None


def test_reading_sessions_again(team):
    answer = team.eve.post("/api/sessions/reindex")
    assert answer.status_code == 200 and set(answer.json().values()) == {0}


def test_wrong_questions(team):
    for path, field in (("/api/stats/cost/top-sessions?limit=0", "limit"), ("/api/usage/records?limit=50001", "limit"), ("/api/sessions?offset=-1", "offset"),
                        ("/api/sessions?platform=emacs", "platform"), ("/api/sessions/stats/daily?days=366", "days"), ("/api/stats/cost/trend?range=year", "range")):
        assert wrong_fields(team.owner.get(path)) == [field]
