"""What the ledger makes of several reports of one call (docs/usage.md, "One call, once"): lines of a log, events and records in any order come to
the same, which a model of a few lines foretells."""

import datetime
import itertools
import json
import random

import pytest

from configs import everything
from usage_ledger import COUNTS, Team, check_database_log, check_sums, log_so_far

from otlp_bodies import json_body

NOON = datetime.datetime(2026, 8, 12, 12, tzinfo=datetime.timezone.utc)
LOG, EVENT, RECORD = 1, 2, 4
WAYS = {LOG: "log", EVENT: "event", RECORD: "record"}


@pytest.fixture(scope="module")
def system(module_stack):
    stack = module_stack()
    since = log_so_far(stack)
    yield stack
    check_database_log(stack, since)


@pytest.fixture
def team(system):
    made = Team(system)
    yield made
    check_sums(system)


def time_of(seconds):
    return NOON + datetime.timedelta(seconds=seconds)


def iso(seconds):
    return time_of(seconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def counts(input=0, output=0, cache_read=0, cache_write=0, cache_write_1h=0, reasoning=0):
    return (input, output, cache_read, cache_write, cache_write_1h, reasoning)


class Report:
    """What one source says of a call, once."""

    def __init__(self, way, call, seconds, numbers, message=None, request=None, session="s", side=False, model="claude-opus-4-6", project="/src/p"):
        self.way, self.call, self.seconds, self.numbers = way, call, seconds, numbers
        self.message, self.request, self.session, self.side, self.model, self.project = message, request, session, side, model, project

    def __repr__(self):
        return f"{WAYS[self.way]}({self.call} at {self.seconds}: {self.numbers})"

    def line(self):
        new, output, read, write, write_1h, _ = self.numbers
        usage = {"input_tokens": new, "output_tokens": output, "cache_read_input_tokens": read, "cache_creation_input_tokens": write + write_1h,
                 "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": write_1h}}
        return json.dumps({"type": "assistant", "timestamp": iso(self.seconds), "sessionId": self.session, "cwd": self.project, "isSidechain": self.side,
                           **({"requestId": self.request} if self.request else {}), "message": {"id": self.message, "model": self.model, "usage": usage}})

    def event(self):
        new, output, read, write, write_1h, _ = self.numbers
        stamp = int(time_of(self.seconds).timestamp() * 1e9)
        return (stamp, stamp, "claude_code.api_request", [
            ("session.id", self.session), ("event.name", "api_request"), ("event.timestamp", iso(self.seconds)), ("model", self.model),
            ("input_tokens", new), ("output_tokens", output), ("cache_read_tokens", read), ("cache_creation_tokens", write + write_1h),
            *([("request_id", self.request)] if self.request else [])])

    def record(self):
        return {"id": self.message, "platform": "claude", "time": iso(self.seconds), "model": self.model, "session": self.session, "project": self.project,
                **({"request": self.request} if self.request else {}), **dict(zip(COUNTS, self.numbers))}


def send(reporter, reports):
    """In their order: those of one way that follow each other are sent together."""
    for way, group in itertools.groupby(reports, key=lambda report: report.way):
        group = list(group)
        if way == LOG:
            answer = reporter.send("claude", "".join(report.line() + "\n" for report in group).encode())
        elif way == EVENT:
            answer = reporter.send_events(json_body([("service.name", "claude-code")], ("com.anthropic.claude_code.events", "1"), [report.event() for report in group]))
        else:
            answer = reporter.send_records([report.record() for report in group])
        assert answer.status == 200, answer


def foretold(reports):
    """A call for each name: the earliest time, the highest numbers, whose written ones are one, and everybody who told of it."""
    calls = {}
    for report in reports:
        calls.setdefault(report.call, []).append(report)
    made = []
    for told in calls.values():
        columns = [max(column) for column in zip(*(report.numbers for report in told))]
        _, write_1h, write = max((report.numbers[3] + report.numbers[4], report.numbers[4], report.numbers[3]) for report in told)
        columns[3:5] = write, write_1h
        best = {way: max((report.numbers[1] for report in told if report.way == way), default=None) for way in (LOG, EVENT)}
        sources = 0
        for report in told:
            sources |= report.way
        made.append((time_of(min(report.seconds for report in told)), tuple(columns), best[LOG], best[EVENT], sources))
    return sorted(made, key=repr)


def kept(stack, team):
    with everything(stack) as db:
        rows = db.execute(f"SELECT at, {', '.join(COUNTS)}, log_output, event_output, sources FROM usage_calls WHERE workspace_id = %s", (team.id,)).fetchall()
    return sorted(((at, tuple(numbers), *rest) for at, *numbers, a, b, c in rows for rest in [(a, b, c)]), key=repr)


def in_any_order(stack, reports, most=6, seed=1, expected=None):
    """Every order, or so many of them, each in a workspace of its own; then each report once more, which changes nothing."""
    orders = list(itertools.islice(itertools.permutations(reports), 5040))
    random.Random(seed).shuffle(orders)
    expected = expected or foretold(reports)
    for order in orders[:most]:
        team = Team(stack)
        send(team["ada"], order)
        assert kept(stack, team) == expected, order
        for report in (*order, *reversed(order)):
            send(team["ada"], [report])
            assert kept(stack, team) == expected, (report, "after", order)
    check_sums(stack)


def test_what_was_written_into_a_cache_is_one_number(system):
    """The event does not tell for how long: it is no further 5,000 tokens."""
    in_any_order(system, [Report(LOG, "a", 0, counts(3, 20, 100, 1000, 4000), "msg_1", "req_1"), Report(EVENT, "a", 2, counts(3, 90, 100, 5000), request="req_1"),
                          Report(RECORD, "a", 1, counts(3, 20, 100, 4999), "r1", "req_1")])


def test_of_two_lines_too(system):
    in_any_order(system, [Report(LOG, "a", 0, counts(3, 20, 100, 5000), "msg_1", "req_1"), Report(LOG, "a", 1, counts(3, 25, 100, 2000, 3000), "msg_1", "req_1"),
                          Report(LOG, "a", 2, counts(3, 25, 100, 0, 4999), "msg_1", "req_1")])


def test_a_copy_under_another_request_hides_nothing(system):
    """The aside's copy of the line has a request of its own; the event has that of the line itself."""
    in_any_order(system, [Report(LOG, "a", 0, counts(3, 20, 100), "msg_1", "req_of_copy", side=True), Report(LOG, "a", 0, counts(3, 20, 100), "msg_1", "req_1"),
                          Report(EVENT, "a", 1, counts(3, 70, 100), request="req_1")])


def test_lines_that_grow_and_know_no_request(system):
    in_any_order(system, [Report(LOG, "a", 0, counts(3, 1, 100, 7), "msg_1"), Report(LOG, "a", 1, counts(3, 20, 100, 7), "msg_1"),
                          Report(EVENT, "a", 2, counts(3, 70, 100, 7), request="req_1"), Report(LOG, "b", 3, counts(4, 1, 100, 7), "msg_2")])


def test_a_record_of_what_a_log_and_an_event_tell(system):
    in_any_order(system, [Report(LOG, "a", 5, counts(3, 20, 100), "msg_1", "req_1"), Report(EVENT, "a", 2, counts(3, 70, 100), request="req_1"),
                          Report(RECORD, "a", 9, counts(3, 71, 100), "own-1", "req_1"), Report(RECORD, "b", 9, counts(3, 71, 100), "own-2", "req_2")])


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 4])
def test_events_that_are_alike_are_each_a_call(system, lines):
    """Their log knows no requests and has a line for some of them: none is lost, and nobody waits for ever."""
    reports = [Report(EVENT, n, n, counts(3, 20, 100), request=f"req_{n}") for n in range(3)]
    reports += [Report(LOG, n, n, counts(3, 20, 100), f"msg_{n}") for n in range(lines)]
    for seed in range(3):
        team, order = Team(system), random.Random(seed).sample(reports, len(reports))
        for _ in range(2):
            send(team["ada"], order if seed else reports)
            rows = kept(system, team)
            assert len(rows) == max(3, lines)
            assert sorted(row[4] for row in rows) == sorted([LOG | EVENT] * min(3, lines) + [EVENT] * (3 - lines) + [LOG] * (lines - 3))


def test_many_that_are_alike_end(system, team):
    lines = [Report(LOG, n, 0, counts(3, 20, 100), f"msg_{n}") for n in range(60)]
    events = [Report(EVENT, n, 0, counts(3, 20, 100), request=f"req_{n}") for n in range(60)]
    for _ in range(3):
        send(team["ada"], [*lines, *events])
    assert 60 <= len(kept(system, team)) <= 120  # which is which nobody can say
    before = kept(system, team)
    assert len({row[0] for row in before}) == 1


# ---- at random ------------------------------------------------------------------------------------------------------


def invented(draw, number):
    """All that is ever said of a call."""
    known = draw.random() < 0.7
    request, message, session = f"req_{number}", f"msg_{number}", f"session-{number % 3}"
    begin, written, hour = number * 4000 + draw.randint(0, 99), draw.randint(0, 900), draw.randint(0, 900)
    new, read, output = 1000 * number + draw.randint(1, 900), draw.randint(0, 90_000), draw.randint(1, 900)
    same = dict(session=session, model="claude-opus-4-6")
    said = []
    for step in range(draw.randint(0, 3)):
        output += draw.randint(0, 50)
        split = (written, hour) if draw.random() < 0.5 else (written + hour, 0)
        said.append(Report(LOG, number, begin + step, counts(new, output, read, *split), message, request if known else None, **same))
    if said and known and draw.random() < 0.4:  # the copy in an aside
        said.append(Report(LOG, number, begin + draw.randint(-5, 5), said[0].numbers, message, f"req_{number}_copy", side=True, **same))
    if said and not known or draw.random() < 0.6:
        told = output + draw.choice((0, 500)) if said else output
        said.append(Report(EVENT, number, begin + draw.randint(-200, 200), counts(new, told, read, written + hour), request=request, **same))
    if known and draw.random() < 0.5 or not said:
        said.append(Report(RECORD, number, begin + draw.randint(-900, 900), counts(new + draw.randint(0, 3), output, read, written, hour), f"own-{number}", request, **same))
    return said


@pytest.mark.parametrize("seed", range(4))
def test_any_order_comes_to_the_same(system, seed):
    draw = random.Random(seed)
    reports = [report for number in range(30) for report in invented(draw, number)]
    expected = foretold(reports)
    for _ in range(2):
        team = Team(system)
        order = [report for report in reports for _ in range(draw.randint(1, 3))]
        draw.shuffle(order)
        while order:
            several = draw.randint(1, 40)
            if draw.random() < 0.3:  # all of one way together
                order[:several] = sorted(order[:several], key=lambda report: report.way)
            send(team["ada"], order[:several])
            order = order[several:]
        assert kept(system, team) == expected
        check_sums(system)
