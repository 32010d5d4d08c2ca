"""Bodies of OTLP/HTTP's /v1/logs, JSON and protobuf, as the CLIs export them: see tests/samples/usage for real ones.

A body is of one user on one machine and one program. Some events are sent again in a later body, some bodies whole, as after a lost answer.
Field numbers: opentelemetry-proto 1.x, logs/v1/logs.proto, common/v1/common.proto."""

import json
import struct

BATCH = 120  # log records of a body, about


class Text(int):
    """A number that JSON has as a text in intValue, as the specification says; a plain int is a number there, as Claude Code does it."""


# --- JSON ---

def json_value(value):
    if isinstance(value, str):
        return f'{{"stringValue":{json.dumps(value, ensure_ascii=False)}}}'
    if value is None:
        return "{}"
    if isinstance(value, bool):
        return f'{{"boolValue":{"true" if value else "false"}}}'
    if isinstance(value, list):
        return f'{{"arrayValue":{{"values":[{",".join(map(json_value, value))}]}}}}'
    if isinstance(value, Text):
        return f'{{"intValue":"{int(value)}"}}'
    return f'{{"{"doubleValue" if isinstance(value, float) else "intValue"}":{value!r}}}'


def json_attributes(attributes):
    return "[" + ",".join([f'{{"key":"{key}","value":{json_value(value)}}}' for key, value in attributes]) + "]"


def json_record(record):
    time, observed, body, attributes = record
    said = f'{{"stringValue":"{body}"}}' if body else "null"
    return (f'{{"timeUnixNano":"{time}","observedTimeUnixNano":"{observed}","body":{said},"attributes":{json_attributes(attributes)},'
            '"droppedAttributesCount":0,"traceId":"","spanId":""}')


def json_body(resource, scope, records):
    return (f'{{"resourceLogs":[{{"resource":{{"attributes":{json_attributes(resource)},"droppedAttributesCount":0}},"scopeLogs":[{{"scope":'
            f'{{"name":"{scope[0]}","version":"{scope[1]}"}},"logRecords":[{",".join(map(json_record, records))}]}}]}}]}}').encode()


# --- protobuf ---

def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def pb_value(value):
    if isinstance(value, str):
        return field(1, value.encode())
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    if value is None:
        return b""
    if isinstance(value, list):
        return field(5, b"".join([field(1, pb_value(each)) for each in value]))
    return (b"\x10" if isinstance(value, bool) else b"\x18") + varint(value)


def pb_attributes(number, attributes):
    return b"".join([field(number, field(1, key.encode()) + field(2, pb_value(value))) for key, value in attributes])


def pb_record(record):
    time, observed, body, attributes = record
    return ((b"\x09" + struct.pack("<Q", time) if time else b"") + (field(5, pb_value(body)) if body else b"") + pb_attributes(6, attributes)
            + b"\x59" + struct.pack("<Q", observed))


def pb_body(resource, scope, records):
    of_scope = field(1, field(1, scope[0].encode()) + field(2, scope[1].encode())) + b"".join([field(2, pb_record(each)) for each in records])
    return field(1, field(1, pb_attributes(1, resource)) + field(2, of_scope))


ENCODINGS = (("json", json_body), ("pb", pb_body))


class Exports:
    """Takes the events of a session, and writes otlp/MACHINE/USER/NNNNNN.json or .pb when enough have come together."""

    def __init__(self, world, files, on):
        self.w, self.files, self.on = world, files, on
        self.waiting, self.numbers, self.bodies = {}, {}, 0

    def put(self, home, program, resource, scope, records):
        key = (home.path, program)
        kept = self.waiting.setdefault(key, (resource, scope, []))[2]
        for record in records:
            kept.append(record)
            if self.w.random() < 0.02:
                kept.insert(self.w.between(0, len(kept)), record)
        while len(kept) >= BATCH:
            self.flush(key, kept[:BATCH])
            del kept[:BATCH]
            if self.w.random() < 0.3:
                kept.append(records[-1])

    def flush(self, key, records):
        if not records:
            return
        resource, scope, _ = self.waiting[key]
        suffix, encode = ENCODINGS[self.w.bits(1)]
        body = encode(resource, scope, records)
        for _ in range(2 if self.w.random() < 0.04 else 1):
            number = self.numbers[key[0]] = self.numbers.get(key[0], 0) + 1
            self.files.write_bytes(f"otlp/{key[0]}/{number:06}.{suffix}", body)
            self.bodies += 1

    def end(self):
        for key, (_, _, records) in self.waiting.items():
            self.flush(key, records)
        self.waiting.clear()

    # --- programs ---

    def claude(self, home, session):
        if not self.on or not session.events:
            return
        w, version, records = self.w, session.version.name, []
        for sequence, call in enumerate(session.events):
            new, output, read, write, write_1h, _ = call.event
            common = [("user.id", f"{home.user:0>64}"), ("session.id", session.id), ("terminal.type", "xterm"), ("user.email", f"{home.user}@example.com")]
            stamp = call.event_ms * 1_000_000
            when = [("event.timestamp", w.iso(call.event_ms)), ("event.sequence", sequence)]
            if w.random() < 0.3:
                records.append((stamp, stamp, "claude_code.tool_result", [*common, ("event.name", "tool_result"), *when, ("tool_name", "Bash"), ("success", "true"), ("input_tokens", 11111)]))
            if w.random() < 0.02:
                records.append((stamp, stamp, "claude_code.api_error", [*common, ("event.name", "api_error"), *when, ("model", call.model), ("error", "Overloaded"), ("status_code", "529"), ("attempt", 1)]))
            number = (int, Text, str)[sequence % 3] if version == "1.0.88" else int
            records.append((stamp, stamp, "claude_code.api_request", [
                *common, ("event.name", "api_request"), *when, ("model", call.model), ("input_tokens", number(new)), ("output_tokens", number(output)),
                ("cache_read_tokens", number(read)), ("cache_creation_tokens", number(write + write_1h)), ("cost_usd", 0.25), ("duration_ms", 1234),
                ("request_id", call.request), ("speed", call.tier or "normal"), ("query_source", "main" if call.counts else "auxiliary")]))
        self.put(home, "claude", [("host.arch", "amd64"), ("os.type", "linux"), ("service.name", "claude-code"), ("service.version", version)],
                 ("com.anthropic.claude_code.events", version), records)

    def codex(self, home, session):
        if not self.on or not session.events:
            return
        w, records = self.w, []
        for call in session.events:
            entry, read, write, output, reasoning, total = (call.event[0] + call.event[2] + call.event[3], call.event[2], call.event[3], call.event[1],
                                                            call.event[5], call.event[0] + call.event[2] + call.event[3] + call.event[1])
            common = [("event.timestamp", w.iso(call.event_ms)), ("conversation.id", session.id), ("app.version", session.version.name),
                      ("originator", "codex_cli_rs"), ("model", call.model), ("slug", call.model)]
            kind = [("event.name", "codex.sse_event"), ("event.kind", "response.completed")]
            stamp = call.event_ms * 1_000_000
            if w.bits(1):
                records.append((0, stamp, None, [("event.name", "codex.sse_event"), ("event.kind", "response.created"), ("duration_ms", "0"), *common]))
            records.append((0, stamp, None, [*kind, ("duration_ms", "0"), *common]))
            records.append((0, stamp, None, [*kind, ("input_token_count", str(entry)), ("output_token_count", str(output)), ("cached_token_count", Text(read)),
                                             ("cache_write_token_count", Text(write)), ("reasoning_token_count", Text(reasoning)), ("tool_token_count", str(total)), *common]))
        self.put(home, "codex", [("service.name", "codex_cli_rs"), ("service.version", session.version.name), ("env", "dev")], ("codex_otel.log_only", ""), records)

    def gemini(self, home, chat):
        if self.on and chat.events:
            self.responses(home, "gemini", "gemini-cli", "gemini_cli.api_response", chat.id, [(call, numbers, None) for call, numbers in chat.events])

    def qwen(self, home, id, events):
        if self.on and events:
            self.responses(home, "qwen", "qwen-code", "qwen-code.api_response", id,
                           [(call, (entry, said, cached, thoughts, 0, total), response) for call, (entry, said, cached, thoughts, total), response in events])

    def responses(self, home, program, service, name, id, events):
        records = []
        for call, (entry, said, cached, thoughts, tool, total), response in events:
            stamp = call.event_ms * 1_000_000
            more = [("response_id", response), ("response_text", "Done."), ("subagent_name", None)] if response else [("tool_token_count", tool), ("role", "main"), ("finish_reasons", ["stop"])]
            records.append((stamp, stamp, f"API response from {call.model}. Status: 200. Duration: 900ms.", [
                ("session.id", id), ("installation.id", home.user), ("interactive", False), ("event.name", name), ("event.timestamp", self.w.iso(call.event_ms)),
                ("model", call.model), ("duration_ms", 900), ("input_token_count", entry), ("output_token_count", said), ("cached_content_token_count", cached),
                ("thoughts_token_count", thoughts), ("total_token_count", total), ("prompt_id", id), ("auth_type", "oauth-personal"), ("status_code", 200), *more]))
        self.put(home, program, [("service.name", service), ("service.version", "1.0.0"), ("session.id", id)], (service, ""), records)
