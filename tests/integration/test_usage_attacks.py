"""Who sends what no coding CLI ever wrote: nothing of it gets into another's sums, stays half written, or takes a worker's memory."""

import datetime
import gzip
import http.client
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from configs import acting_in, new_workspace
from usage_ledger import SAMPLES, Reporter, Team, check_database_log, check_sums, log_so_far, naming, token_for, totals_of

MIB = 1024 * 1024
MEMORY_KIB = 16 * 1024  # what a worker may take over what it had
LINE = (b'{"type":"assistant","timestamp":"%s","sessionId":"s","requestId":"req_%d","message":{"id":"msg_%d","model":"claude-opus-4-6",'
        b'"usage":{"input_tokens":%s,"output_tokens":1}}}\n')
NOON = b"2026-08-12T12:00:00Z"


@pytest.fixture(scope="module")
def system(module_stack):
    stack = module_stack(MAX_CONNECTIONS=4, STREAM_SHARE=50, USAGE_IMPORT_MAX=512)
    since = log_so_far(stack)
    yield stack
    check_database_log(stack, since)


@pytest.fixture
def team(system):
    made = Team(system)
    yield made
    check_sums(system)


@pytest.fixture
def frugal(system):
    """Whatever the test sends, no worker grows by more than MEMORY_KIB, or ends."""
    for pid in system.backend.workers():
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM begins anew (proc(5))
    before = {pid: memory(pid, "VmRSS") for pid in system.backend.workers()}
    yield
    after = {pid: memory(pid, "VmHWM") for pid in system.backend.workers()}
    assert after.keys() == before.keys()
    assert max(after[pid] - before[pid] for pid in before) < MEMORY_KIB, (before, after)


def memory(pid, name):
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{name}:"))


def line(number, when=NOON, tokens=b"5"):
    return LINE % (when, number, number, tokens)


def streamed(reporter, pieces, **headers):
    """A body that is sent as it is made."""
    connection = http.client.HTTPConnection("127.0.0.1", reporter.port, timeout=300)
    connection.request("POST", "/api/usage/import?platform=claude", pieces, reporter.headers(headers), encode_chunked=True)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


# ---- whose it is ----------------------------------------------------------------------------------------------------


def test_a_token_of_another_workspace_adds_nothing(system, team):
    other = Team(system, ("bob",))
    for workspace, status in ((team.slug, 404), (other.slug, 200)):
        for answer in (Reporter(system.nginx.port, other["bob"].token, workspace).send("claude", line(1)),
                       Reporter(system.nginx.port, other["bob"].token, workspace).send_records([])):
            assert answer.status in ({200, 400} if status == 200 else {403, 404}), answer
    assert (totals_of(system, team.id)[0], totals_of(system, other.id)[0]) == (0, 1)


def test_a_bound_token_reports_to_its_workspace_only(system):
    client = system.client("cleo")
    client.contract = None
    own, other = new_workspace(client), new_workspace(client)
    token = token_for(acting_in(client, own), workspace=own)
    assert Reporter(system.nginx.port, token, own).send("claude", line(1)).status == 200
    assert Reporter(system.nginx.port, token, None).send("claude", line(2)).status == 200
    refused = Reporter(system.nginx.port, token, other).send("claude", line(3))
    assert refused.status in (403, 404), refused
    assert refused.json["success"] is False


@pytest.mark.parametrize("scopes", [["read"], ["read", "write"], ["admin"]])
def test_only_the_scope_for_usage_reports(system, team, scopes):
    client = system.client("ada")
    reporter = Reporter(system.nginx.port, token_for(client, scopes), team.slug)
    for answer in (reporter.send("claude", line(1)), reporter.send_events(b"{}"), reporter.send_records([])):
        assert answer.status == 403, answer
    assert totals_of(system, team.id)[0] == 0


def test_that_scope_does_nothing_else(team):
    for path in ("/api/configs", "/api/workspaces", "/api/tokens", "/api/auth/me"):
        assert team["ada"].ask("GET", path).status == 403, path


def test_nobody(system, team):
    reporter = Reporter(system.nginx.port, "ccr_nothing", team.slug)
    for answer in (reporter.send("claude", line(1)), reporter.send_events(b"{}"), reporter.send_records([])):
        assert answer.status == 401, answer


def test_who_may_only_view_reports_his_own(system):
    team = Team(system, ("ada", "dora"))
    assert team["dora"].send_good("claude", line(1))["added"] == 1
    assert totals_of(system, team.id)[0] == 1


def test_where_a_file_is_belongs_to_its_user(system):
    """Nobody is told how far another has come, or goes on there."""
    team = Team(system, ("ada", "dora"))
    query = {"machine": "m", "file": "f.jsonl"}
    end = team["ada"].send_good("claude", line(1), **query)["position"]
    assert end == len(line(1))
    assert team["dora"].position("claude", **query) == 0
    assert team["dora"].send("claude", line(2), at=end, **query).status == 409


# ---- numbers and times ----------------------------------------------------------------------------------------------


def test_times_that_cannot_be(system, team):
    now = datetime.datetime.now(datetime.timezone.utc)
    far = [(now + datetime.timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ").encode(), b"9999-12-31T23:59:59Z", b"1970-01-01T00:00:00Z", b"2019-12-31T23:59:59Z",
           b"0000-00-00T00:00:00Z", b"", b"soon", b"-2026-01-01T00:00:00Z", b"292277026596-12-04T15:30:08Z"]
    answer = team["ada"].send_good("claude", b"".join(line(n, when) for n, when in enumerate(far)) + line(99))
    assert (answer["added"], answer["bad"]) == (1, len(far))
    assert all(error["message"] for error in answer["errors"])
    with system.db() as db:
        months = [name for name, in db.execute("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'usage_calls'::regclass")]
    assert len(months) < 6  # none for a time that was refused


def test_two_days_ahead_is_let_in(system, team):
    ahead = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1, hours=23)
    assert team["ada"].send_good("claude", line(1, ahead.strftime("%Y-%m-%dT%H:%M:%SZ").encode()))["added"] == 1


@pytest.mark.parametrize("tokens", [b"-1", b"1000000001", b"1e300", b"99999999999999999999999999", b"-9223372036854775808", b"1.5", b'"many"', b"[]", b"true"])
def test_numbers_that_make_no_sense(system, team, tokens):
    answer = team["ada"].send_good("claude", line(1, tokens=tokens) + line(2))
    assert (answer["added"], answer["bad"]) == (1, 1)
    assert totals_of(system, team.id)[:2] == (1, 5)
    for value in (json.loads(tokens),):
        record = {"id": "a", "platform": "claude", "time": NOON.decode(), "model": "m", "input": value}
        assert team["ada"].send_records([record, {**record, "id": "b", "input": 1}]).status in (400, 422)
    assert totals_of(system, team.id)[0] == 1


def test_the_largest_numbers_add_up(system, team):
    """A billion of each, a thousand times: no sum overflows."""
    records = [{"id": f"r{n}", "platform": "claude", "time": NOON.decode(), "model": "claude-opus-4-6", "session": "s", "input": 10**9, "output": 10**9, "cache_read": 10**9,
                "cache_write": 10**9, "cache_write_1h": 10**9, "reasoning": 10**9} for n in range(1000)]
    answer = team["ada"].send_records(records)
    assert (answer.status, answer.data["added"]) == (200, 1000), answer
    assert totals_of(system, team.id) == (1000, *[10**12] * 6)


@pytest.mark.parametrize("text", ["\\u0000", "\\ud83d", "x" * 100_000, "'; DROP TABLE usage_calls; --", "\\u202e", "{}", "\\\\"])
def test_names_of_any_kind(system, team, text):
    body = (f'{{"type":"assistant","timestamp":"{NOON.decode()}","sessionId":"{text}s","cwd":"{text}","gitBranch":"{text}","requestId":"{text}r","message":'
            f'{{"id":"{text}m","model":"{text}m","usage":{{"input_tokens":5,"output_tokens":1}}}}}}\n').encode()
    answer = team["ada"].send_good("claude", body, machine="m", file="f")
    assert answer["added"] + answer["bad"] == 1
    assert team["ada"].send_good("claude", body, machine="m", file="f")["added"] == 0


# ---- bodies ---------------------------------------------------------------------------------------------------------


def test_a_line_of_300_mb(system, team, frugal):
    """One line has at most 256 MiB; what came before it is kept."""
    def pieces():
        yield line(1) + b'{"type":"assistant","x":"'
        for _ in range(300):
            yield b"x" * MIB
        yield b'"}\n' + line(2)

    status, body = streamed(team["ada"], pieces())
    assert status in (400, 413, 422), body
    assert b"256" in body


def test_a_long_line_within_the_limit(system, team, frugal):
    answer = streamed(team["ada"], iter([line(1), b'{"type":"user","x":"', *[b"x" * MIB] * 100, b'"}\n', line(2)]))
    assert answer[0] == 200, answer
    assert totals_of(system, team.id)[0] == 2


@pytest.mark.parametrize("content", [b"\0" * MIB, line(1) * (MIB // len(line(1)))], ids=["zeros", "lines"])
def test_a_bomb(system, team, frugal, content):
    """2 GiB that come as 2 MB are read up to USAGE_IMPORT_MAX."""
    piece = gzip.compress(content, 9)
    status, body = streamed(team["ada"], iter([piece] * 2048), Content_Encoding=None, **{"Content-Encoding": "gzip"})
    assert status == 413 or b"256 MiB" in body, body
    assert totals_of(system, team.id)[0] <= 1


def test_a_hundred_thousand_files_in_one_body(system, team, frugal):
    body = b"".join(naming(f"f{n}.jsonl") + (line(n) if n % 100 == 0 else b"{}\n") for n in range(20_000))
    answer = team["ada"].send_good("claude", body, "gzip", machine="m")
    assert (answer["files"], answer["added"]) == (20_000, 200)


@pytest.mark.parametrize("named", [b'{"ccr_file":}', b'{"ccr_file":"', b'{"ccr_file":""}', b'{"ccr_file":7}', b'{"ccr_file":null}', b'{"ccr_file":"f","at":-1}',
                                   b'{"ccr_file":"f","at":9999999999999999999999}', b'{"ccr_file":"' + b"f" * 1001 + b'"}', b'{"ccr_file":"' + b"f" * 9000 + b'"}',
                                   b'{"ccr_file":"f"', b'{"ccr_file":["f"]}', b'{"ccr_file":"f"}}', b'{"ccr_file":"\xff\xfe"}', b'{"ccr_file":"f","at":17}'])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_that_names_no_file(system, team, named, end):
    answer = team["ada"].send("claude", line(1) + named + end)
    assert answer.status in (400, 409, 422), answer
    assert totals_of(system, team.id)[0] <= 1
    assert team["ada"].send_good("claude", line(1))["known"] in (0, 1)


@pytest.mark.parametrize("body", [b'{"ccr_file": "f"}\n', b' {"ccr_file":"f"}\n', b'{"x":1,"ccr_file":"f"}\n', b'{"ccr_file"', b'{"ccr_fil', b"{", b"\n\n\n", b'\r\n{"ccr_file":"f"}\r\n'])
def test_what_only_looks_like_one(team, body):
    assert team["ada"].send("claude", line(1) + body + line(2)).status in (200, 400, 422)


@pytest.mark.parametrize(("encoding", "content"), [("gzip", b"no gzip"), ("gzip", gzip.compress(line(1), mtime=0)[:-9]), ("gzip", gzip.compress(line(1) * 90000, mtime=0)[:900]),
                                                   ("zstd", b"no zstd"), ("zstd", b"\x28\xb5\x2f\xfd\x00\x38"), ("br", line(1)), ("gzip, gzip", line(1)),
                                                   ("x" * 1000, line(1))])
def test_what_is_not_packed_as_it_says(system, team, encoding, content):
    answer = team["ada"].ask("POST", "/api/usage/import?platform=claude", content, Content_Encoding=encoding)
    assert answer.status in (400, 415, 422), answer
    assert answer.json["message"]


def test_a_client_that_is_slow_holds_no_worker(system, team):
    """Its body waits in front: the others are served."""
    slow = [socket.create_connection(("127.0.0.1", system.nginx.port)) for _ in range(12)]
    for connection in slow:
        connection.sendall((f"POST /api/usage/import?platform=claude HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {team['ada'].token}\r\nX-CCR-Workspace: {team.slug}\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n").encode() + b"%x\r\n" % len(line(1)) + line(1) + b"\r\n")
    assert team["ada"].send_good("claude", line(2))["added"] == 1
    assert system.status()["status"] == "healthy"
    for connection in slow:
        connection.close()
    assert totals_of(system, team.id)[0] == 1  # of an unfinished body nothing is taken


# ---- OpenTelemetry --------------------------------------------------------------------------------------------------


def test_an_export_of_17_mb(team):
    for content, encoding in ((b" " * (17 * MIB), None), (b" " * (17 * MIB), "gzip")):
        answer = team["ada"].send_events(content, encoding)
        assert answer.status == 413, answer
        assert b"16" in answer.body or encoding is None, answer


@pytest.mark.parametrize("body", [b'{"resourceLogs":' + b"[" * 200_000, b'{"a":' * 100_000, b"[" * 1_000_000, b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":'
                                  + b'{"kvlistValue":{"values":[{"key":"a","value":' * 50_000])
def test_nesting_without_end(system, team, body):
    for where in ("logs", "metrics"):
        assert team["ada"].send_events(body, where=where).status == 400
    assert totals_of(system, team.id)[0] == 0


@pytest.mark.parametrize("body", [b"\x0a" * 100_000, b"\xff" * 1000, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x80", (SAMPLES / "otlp-claude-logs.pb").read_bytes()[:-7]])
def test_protobuf_that_is_none(system, team, body):
    assert team["ada"].send_events(body, kind="pb").status == 400
    # What was read before the fault may be kept: it comes again.
    assert team["ada"].send_events((SAMPLES / "otlp-claude-logs.pb").read_bytes(), kind="pb").status == 200
    assert totals_of(system, team.id)[0] == 2


@pytest.mark.parametrize("kind", ["text/plain", "application/json-patch+json", "", "multipart/form-data"])
def test_exports_of_other_types(team, kind):
    answer = team["ada"].ask("POST", "/v1/logs", b"{}", Content_Type=kind)
    assert answer.status in (400, 415), answer


def test_imports_at_once_leave_room(fresh_stack):
    """More than the streams' share: some are told to come again, and reads are served all the while."""
    system = fresh_stack(MAX_CONNECTIONS=8, IN_PROGRESS_LIMITS=None)
    team = Team(system)
    body = b"".join(line(n) for n in range(20_000))
    statuses, reads = [], []
    threads = [threading.Thread(target=lambda: statuses.append(team["ada"].once("POST", "/api/usage/import?platform=claude", body).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        reads.append(team.clients["ada"].get("/api/configs").status_code)
        time.sleep(0.02)
    assert set(statuses) == {200, 429}
    assert set(reads) == {200}
    assert totals_of(system, team.id)[0] == 20_000
    check_sums(system)
