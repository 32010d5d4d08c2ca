"""What is true: the sum of the invented calls, as exact integers, and their price. Nothing here reads a log.

Money is counted in units of 10^-18 USD, so that it stays an integer, and becomes a decimal when it is written."""

import json
import re
from decimal import Decimal

from world import DAY_MS, day_of

COUNTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
COLUMNS = ("calls", *COUNTS, "priced_calls", "cost_usd")
SCOPES = ("logs", "events", "merged")
UNIT = Decimal(10) ** -18
HOUR_MS = 3_600_000


class Call:
    """Once in the world, however often it is written down. counts and time_ms are as the logs say at best (None: no log has it), event
    and event_ms as the exported event says (None: none was exported). All counts are in the order of COUNTS; reasoning is within output."""
    __slots__ = ("platform", "model", "tier", "user", "project", "machines", "counts", "time_ms", "event", "event_ms", "request", "message")

    def __init__(self, platform, model, user, project, machine, counts, time_ms, tier=""):
        self.platform, self.model, self.user, self.project, self.tier = platform, model, user, project, tier
        self.machines = machine  # names joined by "+", in order: all that have a log or sent an event of it
        self.counts, self.time_ms = counts, time_ms
        self.event = self.event_ms = self.request = self.message = None

    def seen_on(self, machine):
        names = self.machines.split("+")
        if machine not in names:
            self.machines = "+".join(sorted([*names, machine]))


def plain_name(model):
    """A model's name without what CLIs and providers put around it."""
    name = model.lower().removeprefix("custom:")
    name = re.sub(r"-\[[^]]*\](-\d+)?$", "", name)
    name = name.rsplit("/", 1)[-1]
    name = re.sub(r"^((us|eu|apac|global)\.)?anthropic\.", "", name)
    name = re.sub(r"-v\d+(:\d+)?$", "", name)
    name = re.sub(r"\[1m\]$", "", name)
    name = re.sub(r"(@|-)\d{8}$", "", name)
    return re.sub(r"(\d)\.(\d)", r"\1-\2", name)


class Prices:
    """From a file of LiteLLM's form: rules of cli-formats.md, section 11."""
    RATES = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost",
             "cache_creation_input_token_cost_above_1hr")

    def __init__(self, path):
        with open(path) as file:
            entries = json.load(file, parse_float=Decimal)
        entries.pop("sample_spec", None)
        bare_last = sorted(entries, key=lambda name: "/" not in name)  # the maker's own entry goes before those of who resells it
        self.entries = {plain_name(name): entries[name] for name in bare_last}
        self.known = {}

    def steps(self, model, tier):
        """[(prompt tokens that must be passed, rates)], the highest first; None without a price."""
        if (model, tier) not in self.known:
            self.known[model, tier] = self.find_steps(model, tier)
        return self.known[model, tier]

    def find_steps(self, model, tier):
        entry = self.entries.get(plain_name(model))
        if entry is None:
            return None
        factor = Decimal(entry.get("provider_specific_entry", {}).get("fast", 1)) if tier == "fast" else Decimal(1)
        if "tiered_pricing" in entry:
            return [(int(row["range"][0]), self.rates(row, "", factor)) for row in reversed(entry["tiered_pricing"])]
        steps = [(-1, self.rates(entry, "", factor))]
        for name in entry:
            above = re.fullmatch(r"input_cost_per_token(_above_(\d+)k_tokens)", name)
            if above:
                steps.append((int(above[2]) * 1000, self.rates(entry, above[1], factor)))
        return sorted(steps, key=lambda step: -step[0])

    def rates(self, entry, suffix, factor):
        found = []
        for name in self.RATES:
            rate = Decimal(entry.get(name + suffix, entry.get(name, 0))) * factor / UNIT
            assert rate == int(rate), (name, rate)
            found.append(int(rate))
        return tuple(found)

    def cost(self, model, tier, counts):
        """In units of 10^-18 USD; None without a price. The whole call is charged at the rate that its prompt, caches included, has come to."""
        steps = self.steps(model, tier)
        if steps is None:
            return None
        new, output, read, write, write_1h, _ = counts
        prompt = new + read + write + write_1h
        for least, rates in steps:
            if prompt > least or least <= 0:
                return new * rates[0] + output * rates[1] + read * rates[2] + write * rates[3] + write_1h * rates[4]
        raise AssertionError("the last step has no least")


def usd(units):
    text = format((Decimal(units) * UNIT).normalize(), "f")
    return "0" if text in ("-0", "0") else text


class Totals:
    """Sums by everything that a test may ask for. Constant memory: as many rows as there are models, days, users and machines."""

    def __init__(self, prices, with_events):
        self.prices, self.with_events = prices, with_events
        self.cube, self.projects, self.hours, self.sessions = {}, {}, {}, {}

    def add(self, call):
        if not self.with_events:
            self.put("logs", call, call.counts, call.time_ms, call.project)
            return
        if call.counts is not None:
            self.put("logs", call, call.counts, call.time_ms, call.project)
        if call.event is not None:
            self.put("events", call, call.event, call.event_ms, "")
        if call.counts is None:
            self.put("merged", call, call.event, call.event_ms, "")
        else:
            time_ms = call.time_ms if call.event is None else min(call.time_ms, call.event_ms)
            counts = call.counts
            if call.event is not None and call.event[1] > counts[1]:  # only the output can be less than the truth in a log
                counts = (counts[0], call.event[1], *counts[2:])
            self.put("merged", call, counts, time_ms, call.project)

    def put(self, scope, call, counts, time_ms, project):
        cost = self.prices.cost(call.model, call.tier, counts)
        new, output, read, write, write_1h, reasoning = counts
        priced = cost is not None
        cost = cost or 0
        for table, key in ((self.cube, (scope, call.platform, call.model, call.tier, time_ms // DAY_MS, call.user, call.machines)),
                           (self.projects, (scope, call.platform, call.user, project)), (self.hours, (scope, call.platform, time_ms // HOUR_MS))):
            row = table.get(key)
            if row is None:
                table[key] = [1, new, output, read, write, write_1h, reasoning, priced, cost]
                continue
            row[0] += 1
            row[1] += new
            row[2] += output
            row[3] += read
            row[4] += write
            row[5] += write_1h
            row[6] += reasoning
            row[7] += priced
            row[8] += cost

    def session(self, platform, user, log=True, event=False):
        """A session of which at least one call counts, in the logs or in events."""
        for scope, has in (("logs", log), ("events", event), ("merged", log or event)):
            if has and (self.with_events or scope == "logs"):
                self.sessions[scope, platform, user] = self.sessions.get((scope, platform, user), 0) + 1

    def as_json(self):
        def rows(table, *shape):
            made = []
            for key in sorted(table):
                named = [shape[i](part) if shape[i] else part for i, part in enumerate(key)]
                made.append([*named, *(int(n) for n in table[key][:-1]), usd(table[key][-1])])
            return made
        hour = lambda number: f"{day_of(number // 24)}T{number % 24:02}"  # noqa: E731
        return {
            "cube": {"columns": ["scope", "platform", "model", "tier", "day", "user", "machines", *COLUMNS],
                     "rows": rows(self.cube, None, None, None, None, day_of, None, None)},
            "projects": {"columns": ["scope", "platform", "user", "project", *COLUMNS], "rows": rows(self.projects, None, None, None, None)},
            "hours": {"columns": ["scope", "platform", "hour", *COLUMNS], "rows": rows(self.hours, None, None, hour)},
            "sessions": {"columns": ["scope", "platform", "user", "sessions"],
                         "rows": [[*key, self.sessions[key]] for key in sorted(self.sessions)]}}


# --- for those who use totals.json ---

def load(folder):
    """totals.json of a folder that the generator wrote."""
    with open(f"{folder}/totals.json") as file:
        return json.load(file)


def sums(totals, by=(), scope="logs", machines=None, table="cube", **where):
    """{values of by: {column: sum}} over the rows of a table: sums(t, ("platform", "day"), user="ada"), sums(t, table="projects",
    by=("project",)). machines: only calls that these machines know of. Where no events were made, "merged" is "logs"."""
    columns = totals[table]["columns"]
    if scope == "merged" and not totals["events"]:
        scope = "logs"
    found = {}
    for values in totals[table]["rows"]:
        row = dict(zip(columns, values))
        if row["scope"] != scope or any(row[name] != value for name, value in where.items()):
            continue
        if machines is not None and not set(machines) & set(row["machines"].split("+")):
            continue
        sum_ = found.setdefault(tuple(row[name] for name in by), dict.fromkeys(COLUMNS, 0))
        for name in COLUMNS:
            sum_[name] += Decimal(row[name]) if name == "cost_usd" else row[name]
    return found
