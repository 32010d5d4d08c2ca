"""A second opinion on the generator: reads what it wrote with a reader that is slow, simple and shares nothing with it, and compares with
totals.json. Written from the rules for each CLI's log (docs/usage.md): everything is kept in memory, a line is parsed as a whole."""

import json
import re
import struct
from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

FIELDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")


class Record:
    def __init__(self, platform, user, machine, model, time, session, project="", tier=""):
        self.platform, self.user, self.model, self.time, self.project, self.tier = platform, user, model, time, project, tier
        self.machines, self.sessions = {machine}, {session}
        self.counts = [0] * 6
        self.side = False


def when(text):
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def objects(path):
    """The JSON objects of a log, a line each; what is none is left out."""
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


class Reader:
    def __init__(self, folder, machines):
        self.folder, self.machines = Path(folder), machines
        self.claude, self.codex, self.gemini, self.qwen, self.droid = {}, {}, {}, {}, {}
        self.events = {}  # (platform, key) -> Record, with .request

    def homes(self, base):
        for machine in sorted(path for path in base.iterdir() if path.is_dir() and path.name in self.machines):
            for user in sorted(machine.iterdir()):
                yield machine.name, user.name, user

    def read(self):
        for machine, user, home in self.homes(self.folder):
            for path in sorted((*home.glob(".claude/projects/**/*.jsonl"), *home.glob(".config/claude/projects/**/*.jsonl"))):
                self.read_claude(machine, user, path)
            for path in sorted((*home.glob(".codex/sessions/**/*.jsonl"), *home.glob(".codex/archived_sessions/*.jsonl"))):
                self.read_codex(machine, user, path)
            for path in sorted(home.glob(".gemini/tmp/*/chats/**/*.json*")):
                self.read_gemini(machine, user, path)
            for path in sorted(home.glob(".qwen/projects/*/chats/*.jsonl")):
                self.read_qwen(machine, user, path)
        steps = sorted(self.folder.glob("step-*"), key=lambda path: int(path.name[5:]))
        for base in (*steps, self.folder):
            for machine, user, home in self.homes(base):
                for path in sorted(home.glob(".factory/sessions/*/*.settings.json")):
                    self.read_droid(machine, user, path)
        if (self.folder / "otlp").is_dir():
            for machine, user, home in self.homes(self.folder / "otlp"):
                for path in sorted(home.iterdir()):
                    self.read_otlp(machine, user, path)
        return self

    # --- Claude Code ---

    def read_claude(self, machine, user, path):
        for line in objects(path):
            outer = line
            if line.get("type") == "progress":
                inner = (line.get("data") or {}).get("message")
                if not isinstance(inner, dict):
                    continue
                line = inner
            if line.get("type") != "assistant":
                continue
            message = line.get("message") or {}
            usage = message.get("usage")
            if not usage or message.get("model") == "<synthetic>":
                continue
            flat, split = usage.get("cache_creation_input_tokens", 0), usage.get("cache_creation") or {}
            hour = split.get("ephemeral_1h_input_tokens", 0)
            counts = (usage["input_tokens"], usage["output_tokens"], usage.get("cache_read_input_tokens", 0), flat - hour, hour, 0)
            record = self.claude.get(message["id"])
            time = when(line["timestamp"])
            if record is None:
                record = self.claude[message["id"]] = Record("claude", user, machine, message["model"], time, outer["sessionId"], outer["cwd"])
                record.requests = set()
            record.counts = [max(pair) for pair in zip(record.counts, counts)]
            record.time = min(record.time, time)
            record.machines.add(machine)
            record.sessions.add(outer["sessionId"])
            record.requests.add(line.get("requestId"))
            if usage.get("speed", "standard") != "standard":
                record.tier = usage["speed"]

    # --- Codex ---

    def read_codex(self, machine, user, path):
        lines = [line for line in objects(path) if isinstance(line.get("payload"), dict)]
        meta = next(line["payload"] for line in lines if line["type"] == "session_meta")
        began = int(when(meta["timestamp"]).timestamp())
        inherits = bool(meta.get("forked_from_id")) or isinstance(meta.get("source"), dict)
        live = not inherits
        before, model, number = None, None, 0
        for line in lines:
            payload = line["payload"]
            if line["type"] == "turn_context":
                model = payload["model"]
            if line["type"] != "event_msg":
                continue
            if payload["type"] == "task_started" and not live and payload["started_at"] >= began:
                live = True
            if payload["type"] != "token_count" or not payload.get("info"):
                continue
            total = payload["info"]["total_token_usage"]
            last = payload["info"].get("last_token_usage", total)
            if not live:
                before = total
                continue
            if total == before:
                continue
            names = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens", "reasoning_output_tokens")
            grown = [total.get(name, 0) - (before or {}).get(name, 0) for name in names]
            if before is None or min(grown) < 0:
                grown = [last.get(name, 0) for name in names]
            before = total
            if not any(grown):
                continue
            entry, cached, write, output, reasoning = grown
            key = (meta["id"], number)
            number += 1
            record = self.codex.get(key)
            if record is None:
                record = self.codex[key] = Record("codex", user, machine, model, when(line["timestamp"]), meta["id"], meta["cwd"])
                record.counts = [entry - cached - write, output, cached, write, 0, reasoning]
            record.machines.add(machine)

    # --- Gemini ---

    def read_gemini(self, machine, user, path):
        if path.suffix == ".json":
            whole = json.loads(path.read_text())
            lines = [{"sessionId": whole["sessionId"]}, *whole["messages"]]
        else:
            lines = list(objects(path))
        session = lines[0]["sessionId"]
        for line in lines:
            fresh = line["$set"].get("messages", []) if "$set" in line else [line]
            for message in fresh:
                if message.get("type") != "gemini" or not message.get("tokens"):
                    continue
                told = message["tokens"]
                record = self.gemini.setdefault((session, message["id"]), Record("gemini", user, machine, message["model"], when(message["timestamp"]), session,
                                                                                 path.parts[path.parts.index("tmp", len(self.folder.parts)) + 1]))
                record.counts = [told["input"] - told["cached"] + told["tool"], told["output"] + told["thoughts"], told["cached"], 0, 0, told["thoughts"]]

    # --- Qwen ---

    def read_qwen(self, machine, user, path):
        for line in objects(path):
            if line.get("type") != "assistant" or not line.get("usageMetadata"):
                continue
            told = line["usageMetadata"]
            record = self.qwen[line["uuid"]] = Record("qwen", user, machine, line["model"], when(line["timestamp"]), line["sessionId"], line["cwd"])
            cached = told["cachedContentTokenCount"]
            record.counts = [told["promptTokenCount"] - cached, told["totalTokenCount"] - told["promptTokenCount"], cached, 0, 0, told["thoughtsTokenCount"]]

    # --- Droid ---

    def read_droid(self, machine, user, path):
        settings = json.loads(path.read_text())
        told = settings["tokenUsage"]
        now = [told["inputTokens"], told["outputTokens"], told["cacheReadTokens"], told["cacheCreationTokens"], 0, told["thinkingTokens"]]
        session = path.name.split(".")[0]
        known = self.droid.setdefault(session, [])
        before = [sum(column) for column in zip(*(record.counts for record in known))] if known else [0] * 6
        if now == before:
            return
        with open(path.with_name(session + ".jsonl")) as log:
            project = json.loads(log.readline())["cwd"]
        record = Record("droid", user, machine, settings["model"], datetime.fromtimestamp(path.stat().st_mtime, timezone.utc), session, project)
        record.counts = [a - b for a, b in zip(now, before)]
        known.append(record)

    # --- OpenTelemetry ---

    def read_otlp(self, machine, user, path):
        for attributes in (json_events if path.suffix == ".json" else pb_events)(path.read_bytes()):
            name = attributes.get("event.name")
            read = {"api_request": self.claude_event, "codex.sse_event": self.codex_event, "gemini_cli.api_response": self.gemini_event,
                    "qwen-code.api_response": self.gemini_event}.get(name)
            if read:
                read(machine, user, attributes)

    def event(self, platform, key, machine, user, attributes, session, counts):
        record = Record(platform, user, machine, attributes["model"], when(attributes["event.timestamp"]), session)
        record.counts = counts
        return self.events.setdefault((platform, key), record)

    def claude_event(self, machine, user, a):
        counts = [int(a[name]) for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")] + [0, 0]
        record = self.event("claude", a["request_id"], machine, user, a, a["session.id"], counts)
        record.tier = a["speed"] if a["speed"] != "normal" else ""

    def codex_event(self, machine, user, a):
        if "input_token_count" not in a:
            return
        entry, output, cached, write, reasoning = (int(a[f"{name}_token_count"]) for name in ("input", "output", "cached", "cache_write", "reasoning"))
        key = (a["conversation.id"], a["event.timestamp"], entry, output)
        self.event("codex", key, machine, user, a, a["conversation.id"], [entry - cached - write, output, cached, write, 0, reasoning])

    def gemini_event(self, machine, user, a):
        entry, cached, thoughts, tool, total = (int(a.get(f"{name}_token_count", 0)) for name in ("input", "cached_content", "thoughts", "tool", "total"))
        platform = a["event.name"].split("_")[0].split("-")[0]
        self.event(platform, (a["session.id"], a["event.timestamp"], entry, total, thoughts), machine, user, a, a["session.id"],
                   [entry - cached + tool, total - entry - tool, cached, 0, 0, thoughts])

    # --- scopes ---

    def logs(self):
        return [*self.claude.values(), *self.codex.values(), *self.gemini.values(), *self.qwen.values(), *(each for known in self.droid.values() for each in known)]

    def merged(self):
        found = self.logs()
        by_request = {request: record for record in self.claude.values() for request in record.requests if request}
        known = {session for record in found if record.platform != "claude" for session in record.sessions}
        for (platform, key), event in self.events.items():
            record = by_request.get(key) if platform == "claude" else None
            if record is not None:
                record.counts[1] = max(record.counts[1], event.counts[1])
                record.time = min(record.time, event.time)
            elif platform == "claude" or not event.sessions & known:
                found.append(event)
        return found


def json_events(body):
    for resource in json.loads(body)["resourceLogs"]:
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                yield {each["key"]: next(iter(each["value"].values()), None) for each in record["attributes"]}


def pb_fields(data):
    """(number, value) of a protobuf message: bytes, or an int."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind == 1:
            yield tag >> 3, data[at:at + 8]
            at += 8
        elif kind == 2:
            length = varint()
            yield tag >> 3, data[at:at + length]
            at += length
        else:
            raise ValueError(f"wire type {kind}")


def pb_events(body):
    for _, resource in pb_fields(body):
        for number, scope in pb_fields(resource):
            for record in [value for inner, value in pb_fields(scope) if inner == 2] if number == 2 else []:
                attributes = {}
                for pair in [dict(pb_fields(value)) for inner, value in pb_fields(record) if inner == 6]:
                    kind, value = next(iter(pb_fields(pair[2])), (0, None))
                    attributes[pair[1].decode()] = value.decode() if kind == 1 else struct.unpack("<d", value)[0] if kind == 4 else value
                yield attributes


# --- money ---

class Money:
    """Cost of a record in decimals, from a file of LiteLLM's form. A call is charged as a whole at the rate its prompt has come to."""

    def __init__(self, path):
        self.entries = json.loads(Path(path).read_text(), parse_float=Decimal, parse_int=Decimal)

    def entry(self, model):
        wanted = re.sub(r"^custom:|-\[[^]]*\](-\d+)?$", "", model.lower()).split("/")[-1]
        wanted = re.sub(r"^([a-z]+\.)?anthropic\.|-v\d+:\d+$", "", wanted)
        wanted = re.sub(r"-\d{8}$", "", wanted).replace(".", "-")
        found = [name for name in self.entries if name.split("/")[-1].replace(".", "-") == wanted]
        return self.entries[min(found, key=lambda name: name.count("/"))] if found else None

    def cost(self, record):
        entry = self.entry(record.model)
        if entry is None:
            return None
        new, output, read, write, hour, _ = record.counts
        prompt = new + read + write + hour
        for row in entry.get("tiered_pricing", []):
            if row["range"][0] < prompt <= row["range"][1]:
                entry = row
        suffix = ""
        for limit in (128, 200, 272):
            if f"input_cost_per_token_above_{limit}k_tokens" in entry and prompt > limit * 1000:
                suffix = f"_above_{limit}k_tokens"

        def rate(name):
            return entry.get(name + suffix, entry.get(name, Decimal(0)))
        cost = (new * rate("input_cost_per_token") + output * rate("output_cost_per_token") + read * rate("cache_read_input_token_cost")
                + write * rate("cache_creation_input_token_cost") + hour * rate("cache_creation_input_token_cost_above_1hr"))
        return cost * (entry["provider_specific_entry"]["fast"] if record.tier == "fast" else 1)


# --- comparison ---

def summed(records, key, money):
    rows = defaultdict(lambda: [0] * 8 + [Decimal(0)])
    for record in records:
        row, cost = rows[key(record)], money.cost(record)
        row[0] += 1
        for number, count in enumerate(record.counts):
            row[1 + number] += count
        row[7] += cost is not None
        row[8] += cost or 0
    return rows


def expected(totals, table, scope, keep, width):
    rows = defaultdict(lambda: [0] * 8 + [Decimal(0)])
    for values in totals[table]["rows"]:
        if values[0] == scope and keep(values):
            row = rows[tuple(values[1:width])]
            for number, value in enumerate(values[width if table != "cube" else 7:]):
                row[number] += Decimal(value) if number == 8 else value
    return rows


def differences(what, told, found):
    return [f"{what} {key}: totals.json has {told.get(key)}, the files have {found.get(key)}" for key in sorted({*told, *found}, key=str) if told.get(key) != found.get(key)]


def check(folder, prices):
    """What of totals.json is not what the files say, a sentence each: as a whole, and for each machine alone."""
    with open(Path(folder) / "totals.json") as file:
        totals = json.load(file)
    money, problems = Money(prices), []
    names = [home["machine"] for home in totals["homes"]]
    for machines in ({*names}, *({name} for name in sorted({*names}))):
        reader = Reader(folder, machines).read()
        logs, events = reader.logs(), list(reader.events.values())
        whole = len(machines) == len({*names})
        scopes = [("logs", logs)] + ([("events", events)] if totals["events"] else [])
        for scope, records in scopes:
            problems += compare(totals, scope, records, machines, whole, money)
        if totals["events"]:
            problems += compare(totals, "merged", reader.merged(), machines, whole, money)
    return problems


def compare(totals, scope, records, machines, whole, money):
    what = f"{scope} of {'all' if whole else '+'.join(machines)}:"
    cube = summed(records, lambda r: (r.platform, r.model, r.tier, r.time.astimezone(timezone.utc).strftime("%Y-%m-%d"), r.user), money)
    problems = differences(what, expected(totals, "cube", scope, lambda row: machines & set(row[6].split("+")), 6), cube)
    if not whole:
        return problems
    exact = summed(records, lambda r: (r.platform, r.model, r.tier, r.time.astimezone(timezone.utc).strftime("%Y-%m-%d"), r.user, "+".join(sorted(r.machines))), money)
    problems += differences(what, expected(totals, "cube", scope, lambda row: True, 7), exact)
    projects = summed(records, lambda r: (r.platform, r.user, r.project), money)
    problems += differences(f"{what} project", expected(totals, "projects", scope, lambda row: True, 4), projects)
    sessions = defaultdict(set)
    for record in records:
        if len(record.sessions) == 1:
            sessions[record.platform, record.user] |= record.sessions
    told = {(platform, user): count for in_scope, platform, user, count in totals["sessions"]["rows"] if in_scope == scope}
    return problems + differences(f"{what} sessions", told, {key: len(ids) for key, ids in sessions.items()})
