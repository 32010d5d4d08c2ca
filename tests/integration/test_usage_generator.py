"""The generator of usage logs (tests/usage): its sums are what its files say, to a reader that shares nothing with it; the same seed gives the
same bytes; and the traps that it is for are in what it writes."""

import re
import shutil
import sys

import pytest

from stack import ROOT

sys.path.insert(0, str(ROOT / "tests/usage"))

import verify  # noqa: E402
from generate import generate  # noqa: E402
from truth import load, sums  # noqa: E402

PRICES = ROOT / "tests/usage/prices.json"
LOG = r".*\.jsonl"
# Name of a file, and what some line of some such file has: a trap is worth nothing when it is never set.
TRAPS = {
    "sub-agents": (r".*/subagents/agent-.*\.jsonl", rb'"isSidechain":true'),
    "sub-agents repeated as progress": (LOG, rb'"agent_progress"'),
    "compactions": (r".*/agent-acompact.*", rb'"usage"'),
    "side chains that repeat": (r".*/agent-aside_question.*", rb'"requestId"'),
    "no request ids": (LOG, rb'"version":"2\.1\.101".*"type":"assistant"'),
    "times with an offset": (LOG, rb'"timestamp": "[^"]*[+-]\d\d:\d\d"'),
    "errors that are no calls": (LOG, rb"<synthetic>"),
    "fast calls": (LOG, rb'"speed":"fast"'),
    "sums of sessions": (LOG, rb'"cost-state"'),
    "unknown kinds of lines": (LOG, rb'"flight-plan"'),
    "line ends of two characters": (LOG, rb"\}\r\n"),
    "half lines": (LOG, rb"[^\n]\Z"),
    "NULs": (LOG, rb"\\u0000"),
    "tools that are given what looks like a line": (LOG, rb"msg_odd"),
    "counts without info": (r".*/rollout-.*", rb'"info":null'),
    "compactions of Codex": (r".*/rollout-.*", rb'"type":"compacted"'),
    "replayed history": (r".*/rollout-.*", rb'"session_meta"[^\n]*"forked_from_id"[^\n]*\n[^\n]*"session_meta"'),
    "forks that carry a sum": (r".*/rollout-.*", rb'"history_base"'),
    "sub-agents of Codex": (r".*/rollout-.*", rb'"thread_spawn"'),
    "counters that begin anew": (r".*/rollout-.*", rb'"total_token_usage":\{"input_tokens":0,'),
    "sums alone": (r".*/rollout-.*", rb'"total_token_usage":\{[^}]*\},"model_context_window"'),
    "archived copies": (r".*/archived_sessions/.*", rb'"session_meta"'),
    "records of usage beside counts": (r".*/rollout-.*", rb'"token_usage_record"'),
    "chats as one object": (r".*/chats/.*\.json", rb'"messages"'),
    "chats turned back": (r".*/chats/.*\.jsonl", rb'"\$rewindTo"'),
    "chats written anew": (r".*/chats/.*\.jsonl", rb'"\$set":\{"messages"'),
    "usage said twice by Qwen": (r".*/\.qwen/.*", rb'"ui_telemetry"'),
    "earlier sums of Droid": (r"step-1/.*\.settings\.json", rb'"tokenUsage"'),
    "events as JSON": (r"otlp/.*\.json", rb"api_request"),
    "events as protobuf": (r"otlp/.*\.pb", rb"api_request"),
}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usage") / "made"
    generate(folder, seed=11, calls=6000, machines=3, users=2, otlp=True)
    return folder


@pytest.mark.parametrize(("seed", "machines", "users", "lean"), [(1, 3, 2, False), (2, 1, 1, True), (3, 2, 5, False), (31, 2, 2, True)])
def test_the_sums_are_what_the_files_say(tmp_path, seed, machines, users, lean):
    told = generate(tmp_path / "made", seed=seed, calls=2000, machines=machines, users=users, otlp=True, lean=lean)
    assert verify.check(tmp_path / "made", PRICES) == []
    assert sums(told, scope="merged")[()]["calls"] == 2000


def test_without_events_the_logs_are_all_there_is(tmp_path):
    told = generate(tmp_path / "made", seed=4, calls=2000, machines=2, users=2)
    assert not (tmp_path / "made/otlp").exists()
    assert sums(told)[()]["calls"] == 2000
    assert verify.check(tmp_path / "made", PRICES) == []


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate(tmp_path / name, seed=seed, calls=1000, machines=2, users=2, otlp=True)
    one, same, other = (contents(tmp_path / name) for name in "abc")
    assert one == same
    assert one.keys() != other.keys()


def captured(tmp_path, name, *files):
    """What the check's own reader makes of logs and bodies that real CLIs wrote (tests/samples/usage/README-captured.md)."""
    for folder, pattern in (*files, (f"otlp/{name}/ada", f"otlp-{name}-logs.*")):
        (tmp_path / folder).mkdir(parents=True)
        for file in sorted((ROOT / "tests/samples/usage").glob(pattern)):
            shutil.copy(file, tmp_path / folder / file.name)
    reader = verify.Reader(tmp_path, {name}).read()
    add = lambda records: [len(records), *(sum(column) for column in zip(*(record.counts for record in records)))]  # noqa: E731
    return add(reader.logs()), add(list(reader.events.values()))


def test_the_check_reads_what_claude_code_wrote(tmp_path):
    logs, events = captured(tmp_path, "claude", ("claude/ada/.claude/projects/p", "captured-claude-*.jsonl"))
    assert logs == [6, 6147, 1431, 182121, 3273, 903, 0]
    assert events == [2, 2021, 433, 60303, 1306, 0, 0]


def test_the_check_reads_what_codex_wrote(tmp_path):
    logs, events = captured(tmp_path, "codex", ("codex/ada/.codex/sessions/2026/11/27", "captured-codex-*.jsonl"))
    assert logs == [6, 6147, 1431, 182121, 0, 0, 363]
    assert events[:4] == [4, 4042, 866, 120606]  # JSON and protobuf are of two runs with the same numbers


@pytest.mark.parametrize(("name", "folder"), [("gemini", ".gemini/tmp/demo/chats"), ("qwen", ".qwen/projects/p/chats")])
def test_the_check_reads_what_gemini_and_qwen_wrote(tmp_path, name, folder):
    logs, events = captured(tmp_path, name, (f"{name}/ada/{folder}", f"captured-{name}.jsonl"))
    assert logs == events == [2, 2021, 433, 60303, 0, 0, 109]


def test_the_check_sees_what_is_wrong(tmp_path):
    generate(tmp_path / "made", seed=7, calls=500, users=1, platforms=("claude", "codex"))
    log = max((path for path in sorted((tmp_path / "made").rglob("rollout-*.jsonl"))), key=lambda path: path.stat().st_size)
    was = log.read_bytes()
    log.write_bytes(re.sub(rb'("total_token_usage":\{"input_tokens":)(\d+)', lambda found: found[1] + str(int(found[2]) * 2).encode(), was))
    assert any("codex" in problem for problem in verify.check(tmp_path / "made", PRICES))
    log.write_bytes(was)
    assert verify.check(tmp_path / "made", PRICES) == []


def test_every_trap_is_set(made):
    files = contents(made)
    missing = [name for name, (path, pattern) in TRAPS.items()
               if not any(re.fullmatch(path, file) and re.search(pattern, content) for file, content in files.items())]
    assert missing == []


def test_the_traps_are_worth_something(made):
    """What the commonest mistakes would count is far from the truth."""
    told = load(made)
    claude = [line for file, content in contents(made).items() if "/projects/" in file and ".qwen" not in file for line in content.splitlines()]
    written = sum(int(found) for line in claude if b'"type":"assistant"' in line for found in re.findall(rb'"cache_read_input_tokens":(\d+)', line)[:1])
    assert written > 1.3 * sums(told, platform="claude")[()]["cache_read"]
    last = sum(int(found) for file, content in contents(made).items() if "/rollout-" in file
               for found in re.findall(rb'"last_token_usage":\{"input_tokens":(\d+)', content))
    codex = sums(told, platform="codex")[()]
    assert last > 1.2 * (codex["input"] + codex["cache_read"] + codex["cache_write"])
    logs, merged = (sums(told, scope=scope, platform="claude")[()] for scope in ("logs", "merged"))
    assert merged["output"] > 1.05 * logs["output"]


def test_totals_can_be_had_for_some_machines_and_days(made):
    told = load(made)
    whole = sums(told)[()]
    machines = {home["machine"] for home in told["homes"]}
    alone = [sums(told, machines=[machine])[()]["calls"] for machine in machines]
    assert sum(alone) > whole["calls"] > max(alone)  # some calls are known to two machines
    assert sums(told, machines=machines)[()] == whole
    for by in ("platform", "day", "user", "model"):
        assert sum(row["calls"] for row in sums(told, (by,)).values()) == whole["calls"]
        assert sum(row["cost_usd"] for row in sums(told, (by,)).values()) == whole["cost_usd"]
    assert 0 < whole["priced_calls"] < whole["calls"]  # some models have no price
    days = sorted(day for day, in sums(told, ("day",)))
    assert days[0] >= "2026-08-01" and days[-1] <= "2026-09-02"
