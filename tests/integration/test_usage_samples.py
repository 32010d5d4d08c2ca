"""Real logs, sent as they are: tokens by model and day are what the files' README says, once, however often and in whatever way they come."""

import datetime
import re

import pytest

from configs import everything
from usage_ledger import COUNTS, ENCODINGS, SAMPLES, Team, check_sums, naming, recomputed, state_of, totals_of

CLAUDE, CODEX = "claude-log-{}.jsonl", "codex-rollout-{}.jsonl"
REAL = [CLAUDE.format(name) for name in ("real-main", "real-subagent-a2898e3", "real-subagent-acompact")]

# Files that are sent together: calls; input, output, cache read, cache write, for an hour, reasoning (tests/samples/usage/README.md, and
# README-captured.md; more of them in tests/unit/test_usage_samples.c). Calls without a time are none of a day's, and left out.
FILES = [
    ("claude", REAL, (13, 35, 3455, 650778, 168929, 0, 0)),
    ("claude", [CLAUDE.format("fork-parent"), CLAUDE.format("fork-child")], (1, 10, 40, 30, 20, 0, 0)),
    ("claude", [CLAUDE.format("sidechain-duplicate")], (2, 15, 27, 0, 0, 0, 0)),
    ("claude", [CLAUDE.format("duplicate-ids")], (1, 15, 10, 30, 150, 0, 0)),
    ("claude", [CLAUDE.format("edge-cases")], (4, 488, 435, 0, 0, 0, 0)),
    ("claude", [CLAUDE.format("cache-iteration-match")], (1, 2, 10, 30, 100, 500, 0)),
    ("claude", [CLAUDE.format("cache-unknown-remainder")], (1, 3, 11, 40, 600, 0, 0)),
    ("claude", [CLAUDE.format("ccusage-alpha"), CLAUDE.format("ccusage-beta")], (5, 730, 310, 110, 90, 0, 0)),
    ("claude", [CLAUDE.format("flat-camelcase")], (2, 350, 180, 50, 100, 0, 0)),
    ("claude", [CLAUDE.format("missing-usage")], (0, 0, 0, 0, 0, 0, 0)),
    ("claude", [CLAUDE.format("no-ids")], (0, 0, 0, 0, 0, 0, 0)),
    ("claude", [CLAUDE.format("period-session")], (3, 1110, 4430, 3320, 2200, 0, 0)),
    ("claude", [CLAUDE.format("progress-nested")], (1, 0, 10, 20, 0, 0, 0)),
    ("claude", [CLAUDE.format("representative")], (5, 218, 445, 0, 0, 0, 0)),
    ("claude", [CLAUDE.format("subagent-root"), CLAUDE.format("subagent-worker")], (2, 110, 45, 320, 50, 150, 0)),
    ("claude", [CLAUDE.format("synthetic")], (0, 0, 0, 0, 0, 0, 0)),
    ("claude", [CLAUDE.format("workflow-journal")], (0, 0, 0, 0, 0, 0, 0)),
    ("claude", ["captured-claude-resumed.jsonl", "captured-claude-fork.jsonl"], (6, 6147, 1431, 182121, 3273, 903, 0)),
    ("codex", [CODEX.format("real-short")], (1, 31013, 431, 3456, 0, 0, 264)),
    ("codex", [CODEX.format("real-repeats")], (6, 298373 - 238848, 1123, 238848, 0, 0, 483)),
    ("codex", [CODEX.format("real-usage-only")], (28, 1751428 - 1651968, 14600, 1651968, 0, 0, 4293)),
    ("codex", [CODEX.format("real-compaction")], (9, 52639, 6706, 1194368, 0, 0, 1544)),
    ("codex", [CODEX.format("leaf-thread")], (1, 3000, 200, 2000, 0, 0, 50)),
    ("codex", [CODEX.format("parent-thread")], (1, 50, 10, 50, 0, 0, 1)),
    ("codex", [CODEX.format("replay-multisecond")], (1, 2000, 500, 3000, 0, 0, 50)),
    ("codex", [CODEX.format("counter-reset-epochs")], (2, 400, 160, 1500, 0, 0, 60)),
    ("codex", [CODEX.format("fresh-same-second")], (3, 600, 120, 2400, 0, 0, 30)),
    ("codex", [CODEX.format("ccusage-alpha")], (2, 2750, 425, 750, 0, 0, 275)),
    ("codex", ["captured-codex-resumed.jsonl", "captured-codex-fork.jsonl"], (6, 6147, 1431, 182121, 0, 0, 363)),
    ("gemini", ["gemini-log-chat.jsonl"], (1, 20, 34, 0, 0, 0, 4)),
    ("gemini", ["gemini-log-chat-set-snapshot.jsonl"], (1, 17256, 159, 0, 0, 0, 133)),
    ("gemini", ["gemini-log-chat-context.jsonl"], (1, 10, 4, 0, 0, 0, 1)),
    ("gemini", ["gemini-log-legacy-chat.json"], (1, 5, 143, 5, 0, 0, 123)),
    ("gemini", ["gemini-log-legacy-warning.json"], (1, 10, 25, 0, 0, 0, 5)),
    ("gemini", ["captured-gemini.jsonl"], (2, 2021, 433, 60303, 0, 0, 109)),
    ("qwen", ["qwen-log-session.jsonl"], (2, 1050, 25, 50, 0, 0, 0)),
    ("qwen", ["captured-qwen.jsonl"], (2, 2021, 433, 60303, 0, 0, 109)),
    ("droid", ["droid-log-session.jsonl", "droid-log-session.settings.json"], (1, 101, 51, 11, 7, 0, 5)),
    ("droid", ["droid-log-session-anthropic.settings.json"], (1, 100, 50, 10, 20, 0, 5)),
]
NAMES = [files[0].partition(".")[0] for _, files, _ in FILES]
SHARED = (1, 45, 85, 0, 0, 0, 0)  # of a call that edge-cases and representative have both invented, the smaller numbers
ALL = tuple(sum(column) - twice for *column, twice in zip(*(totals for _, _, totals in FILES), SHARED))


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack()


@pytest.fixture
def team(system):
    made = Team(system)
    yield made
    check_sums(system)


def content(file):
    return (SAMPLES / file).read_bytes()


def send_all(reporter, **options):
    return [reporter.send_good(platform, content(file), file=file, **options) for platform, files, _ in FILES for file in files]


def test_no_log_is_left_out():
    tested = {file for _, files, _ in FILES for file in files}
    assert tested == {path.name for path in SAMPLES.iterdir() if not re.match(r"README|.*otlp", path.name)}


@pytest.mark.parametrize(("platform", "files", "totals"), FILES, ids=NAMES)
def test_a_log_comes_to_what_the_readme_says(system, team, platform, files, totals):
    answers = [team["ada"].send_good(platform, content(file), file=file, machine="m") for file in files]
    assert totals_of(system, team.id) == totals
    assert sum(answer["added"] for answer in answers) == totals[0]
    before = state_of(system, team.id)
    for file in reversed(files):
        again = team["ada"].send_good(platform, content(file), file=file, machine="m")
        assert (again["added"], again["changed"]) == (0, 0)
        assert again["known"] == again["records"]
    assert state_of(system, team.id) == before


def test_by_model_and_day(system, team):
    """Of the sums, not of the calls: what a report shows."""
    send_all(team["ada"], machine="m")
    with everything(system) as db:
        found = recomputed(db, team.id, ("platform", "model", "day"))
        assert recomputed(db, team.id, ("platform", "model", "day"), "q") == recomputed(db, team.id, ("platform", "model", "day"), "calls") == found
    numbers = {key: (row["calls"], *(row[name] for name in COUNTS)) for key, row in found.items()}
    assert numbers["claude", "claude-opus-4-6", "2026-02-12"] == (10, 18, 3448, 612171, 142990, 0, 0)
    assert numbers["claude", "claude-sonnet-4-5-20250929", "2026-02-12"] == (3, 17, 7, 38607, 25939, 0, 0)
    totals = {files[0]: row for _, files, row in FILES}
    short, repeats, early, late = (totals[CODEX.format(f"real-{name}")] for name in ("short", "repeats", "usage-only", "compaction"))
    assert numbers["codex", "gpt-5.3-codex", "2026-02-23"] == tuple(map(sum, zip(short, repeats)))
    assert numbers["codex", "", "2026-02-23"] == early  # its model was told after all of them
    assert numbers["codex", "gpt-5.3-codex", "2026-02-24"] == late
    today = datetime.datetime.now(datetime.timezone.utc).date()
    droid = {day: numbers[key] for key in numbers for day in [key[2]] if key[0] == "droid"}
    assert all(abs((today - datetime.date.fromisoformat(day)).days) <= 1 for day in droid)  # its sums tell no day: they are of now
    assert tuple(sum(column) for column in zip(*numbers.values())) == ALL


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_in_one_body(system, team, encoding):
    for platform in ("claude", "codex", "gemini", "qwen", "droid"):
        files = [file for of, group, _ in FILES if of == platform for file in group]
        body = b"".join(naming(file) + content(file) + (b"" if content(file).endswith(b"\n") else b"\n") for file in files)
        answer = team["ada"].send_good(platform, body, encoding, machine="m")
        assert answer["files"] == len(files)
        again = team["ada"].send_good(platform, body, encoding, machine="m")
        assert (again["added"], again["changed"]) == (0, 0)
    assert totals_of(system, team.id) == ALL


@pytest.mark.parametrize(("platform", "file"), [("claude", "claude-log-fork-parent.jsonl"), ("claude", "captured-claude-resumed.jsonl"),
                                                ("codex", "codex-rollout-fresh-same-second.jsonl"), ("codex", "captured-codex-fork.jsonl"),
                                                ("gemini", "gemini-log-chat.jsonl"), ("qwen", "captured-qwen.jsonl"), ("droid", "droid-log-session.jsonl")])
def test_cut_anywhere(system, team, platform, file):
    """Two requests, the second from where the first one was read to: as if it had come at once."""
    whole = content(file)
    team["ada"].send_good(platform, whole, file=file, machine="whole")
    expected = totals_of(system, team.id)
    step = max(1, len(whole) // 50)
    for cut in {*range(0, len(whole), step), len(whole) - 1, len(whole)}:
        name = f"{cut}/{file}"
        first = team["ada"].send_good(platform, whole[:cut], file=name, machine="cut")
        position = first["position"] or 0
        assert position <= cut and (position == 0 or whole[position - 1:position] == b"\n")
        assert team["ada"].position(platform, file=name, machine="cut") == position
        second = team["ada"].send_good(platform, whole[position:], file=name, machine="cut", at=position)
        assert second["position"] == whole.rfind(b"\n") + 1
        assert (first["added"], first["changed"], second["added"], second["changed"]) == (0, 0, 0, 0)
        assert first["lines"] + second["lines"] == whole.count(b"\n")
    assert totals_of(system, team.id) == expected


def test_each_part_is_worth_what_it_holds(system):
    """A file that grows line by line, in a workspace that knows nothing of it."""
    for platform, files, totals in FILES:
        if platform not in ("claude", "codex") or len(files) > 1 or len(content(files[0])) > 30_000:
            continue
        team, whole, at = Team(system), content(files[0]), 0
        while at < len(whole):
            end = whole.find(b"\n", at) + 1 or len(whole)
            answer = team["ada"].send_good(platform, whole[at:end], file=files[0], at=at)
            if answer["position"] == at:
                break  # the last line, without an end
            at = answer["position"]
        sent_all = whole.endswith(b"\n") or totals[0] == 0
        assert totals_of(system, team.id) == totals or not sent_all, files
    check_sums(system)


def test_another_workspace_has_its_own(system, team):
    other = Team(system, ("bob",))
    send_all(team["ada"])
    assert totals_of(system, other.id)[0] == 0
    answers = send_all(other["bob"])
    assert sum(answer["added"] for answer in answers) == ALL[0]
    assert totals_of(system, team.id) == totals_of(system, other.id) == ALL


@pytest.mark.parametrize(("body", "kind", "totals"), [
    ("otlp-claude-logs.json", "json", (2, 2021, 433, 60303, 1306, 0, 0)), ("otlp-claude-logs.pb", "pb", (2, 2021, 433, 60303, 1306, 0, 0)),
    ("otlp-codex-logs.json", "json", (2, 2021, 433, 60303, 0, 0, 109)), ("otlp-codex-logs.pb", "pb", (2, 2021, 433, 60303, 0, 0, 109)),
    ("otlp-gemini-logs.json", "json", (2, 2021, 433, 60303, 0, 0, 109)), ("otlp-qwen-logs.json", "json", (2, 2021, 433, 60303, 0, 0, 109))])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_events(system, team, body, kind, totals, encoding):
    for _ in range(2):
        answer = team["ada"].send_events(content(body), encoding, kind)
        assert answer.status == 200, answer
        assert totals_of(system, team.id) == totals


@pytest.mark.parametrize("kind", ["json", "pb"])
def test_metrics_add_nothing(system, team, kind):
    answer = team["ada"].send_events(content(f"otlp-claude-metrics.{kind}"), kind=kind, where="metrics")
    assert answer.status == 200, answer
    assert totals_of(system, team.id)[0] == 0


def test_a_body_of_nothing_says_where_its_file_is(team):
    name = {"file": "grows.jsonl", "machine": "m"}
    whole = content("captured-claude-resumed.jsonl")
    assert team["ada"].send_good("claude", b"", **name)["position"] == 0
    end = team["ada"].send_good("claude", whole, **name)["position"]
    assert end == len(whole)
    assert team["ada"].send_good("claude", b"", at=end, **name)["position"] == end
    assert team["ada"].position("claude", **name) == end
    assert team["ada"].send("claude", b"", at=end + 1, **name).status == 409
