"""Logs of Gemini CLI, Qwen Code and Droid."""

import hashlib
import json

from truth import Call
from world import BRANCHES, PROJECTS

GEMINI_MODELS = (("gemini-2.5-pro", 0.4), ("gemini-2.5-flash", 0.25), ("gemini-3-flash-preview", 0.35))
QWEN_MODELS = (("qwen3-coder-plus", 0.6), ("coder-model", 0.25), ("glm-4.6", 0.15))
QWEN_LIMITS = (32_000, 128_000, 256_000, 1_000_000)  # a prompt of just so many tokens is left out: providers' tables do not say whose it is
# As Droid writes them, and as they are called.
DROID_MODELS = (("custom:gpt-5-mini-[Proxy]-0", 0.3), ("claude-opus-4-6", 0.3), ("Claude-Haiku-4.5-[Anthropic]", 0.2), ("custom:GLM-4.6-[Z.AI]-1", 0.2))
STEPS = 5  # how often Droid's sums are looked at, at most, before the end


def tokens(numbers):
    return '{"input":%d,"output":%d,"cached":%d,"thoughts":%d,"tool":%d,"total":%d}' % numbers


class Gemini:
    """A chat; entries of its log are kept apart from how they are written down, for there are two ways: a line each, or one object."""

    def __init__(self, world, home, budget, telemetry, parent=None):
        self.w, self.home, self.left, self.telemetry, self.parent = world, home, budget, telemetry, parent
        self.id = world.uuid()
        self.name = parent.name if parent else world.pick(PROJECTS)
        self.old = not parent and world.chance(0.2)
        self.project = hashlib.sha256(home.project(self.name).encode()).hexdigest() if self.old else "".join(c if c.isalnum() else "-" for c in self.name)
        self.model = world.weighted(GEMINI_MODELS)
        self.short = world.chance(0.05)  # ids that are unique in their session only
        self.lines, self.messages, self.calls, self.events = [], [], [], []
        self.context = world.between(6_000, 20_000) if world.chance(0.85) else world.between(185_000, 205_000)

    def message_id(self):
        return f"m-{len(self.messages) + 1}" if self.short else self.w.uuid()

    def invent(self, ms):
        w = self.w
        self.left -= 1
        fresh, said, thoughts = w.small[w.bits(12)] * 30, w.outputs[w.bits(12)], w.outputs[w.bits(12)] if w.bits(1) else 0
        tool = w.between(1, 900) if w.random() < 0.05 else 0
        cached = int(self.context * w.random()) if w.bits(1) else 0
        entry = self.context + fresh
        if entry > 200_000 - 3_000 and w.random() < 0.05:
            entry = 200_000 + w.bits(1) - tool
            cached = min(cached, entry)
        self.context = entry + said if entry < 900_000 else 6_000
        counts = (entry - cached + tool, said + thoughts, cached, 0, 0, thoughts)
        call = Call("gemini", self.model, self.home.user, self.project, self.home.machine, counts, ms)
        if self.telemetry:
            call.event, call.event_ms = counts, max(ms - w.between(0, 40), ms // 3_600_000 * 3_600_000)
            self.events.append((call, (entry, said, cached, thoughts, tool, entry + said + thoughts + tool)))
        self.calls.append(call)
        return call, (entry, said, cached, thoughts, tool, entry + said + thoughts + tool)

    def message(self, id, ms, kind, more):
        return f'{{"id":"{id}","timestamp":"{self.w.iso(ms)}","type":"{kind}","content":[{{"text":"{self.w.text()}"}}]{more}}}'

    def talk(self, ms, limit, wanted):
        w = self.w
        begun = w.iso(ms)
        self.lines.append(f'{{"sessionId":"{self.id}","projectHash":"{self.project}","startTime":"{begun}","lastUpdated":"{begun}","kind":"{"subagent" if self.parent else "main"}"}}')
        for _ in range(wanted):
            if self.left <= 0:
                break
            self.add(self.message(self.message_id(), ms, "user", ""))
            ms = min(limit, ms + w.steps[w.bits(12)])
            if w.random() < 0.05:
                self.add(self.message(self.message_id(), ms, w.pick(("info", "error", "warning", "starlight")), ',"tokens":null'))
            call, numbers = self.invent(ms)
            id = self.message_id()
            thoughts = f',"thoughts":[{{"subject":"{w.text()}","description":"","timestamp":"{w.iso(ms)}"}}]'
            final = self.message(id, ms, "gemini", f'{thoughts},"tokens":{tokens(numbers)},"model":"{call.model}"')
            draw = w.random()
            if draw < 0.3:  # first without its numbers
                self.lines.append(self.message(id, ms, "gemini", f',"thoughts":[],"tokens":null,"model":"{call.model}"'))
            elif draw < 0.4:  # or with those of the first half
                half = (numbers[0], numbers[1] // 2, numbers[2], 0, numbers[4], numbers[0] + numbers[1] // 2 + numbers[4])
                self.lines.append(self.message(id, ms, "gemini", f',"tokens":{tokens(half)},"model":"{call.model}"'))
            self.add(final)
            if w.random() < 0.5:  # and once more with what the tools gave
                again = final[:-1] + f',"toolCalls":[{{"id":"call-1","name":"run_shell_command","args":{{"tokens":{{"input":1}}}},"result":[{{"text":"{w.text()}"}}]}}]}}'
                self.lines.append(again)
            self.lines.append(f'{{"$set":{{"lastUpdated":"{w.iso(ms)}"}}}}')
            self.turn_back(ms)
        return ms

    def add(self, message):
        self.lines.append(message)
        self.messages.append(message)

    def turn_back(self, ms):
        """Messages are taken back, or the list is written anew, whole or shorter: what was spent was spent."""
        w = self.w
        draw = w.random()
        if draw < 0.02 and len(self.messages) > 4:
            target = self.messages[-w.between(2, 4)]
            self.lines.append(f'{{"$rewindTo":"{json.loads(target)["id"]}"}}')
        elif draw < 0.03:
            kept = self.messages[-w.between(1, 8):]
            self.lines.append(f'{{"$set":{{"messages":[{",".join(kept)}],"lastUpdated":"{w.iso(ms)}"}}}}')
        elif draw < 0.035:
            self.lines.append(w.pick(('{"$merge":{"tokens":{"input":5}}}', "[1]", "{", "7")))

    def write(self, files):
        w = self.w
        begun = json.loads(self.lines[0])["startTime"]
        name = f"session-{begun[:16].replace(':', '-')}-{self.id[:8]}" if not self.parent else f"{self.parent.id}/{self.id}"
        name = f".gemini/tmp/{self.project}/chats/{name}"
        if self.old:
            text = (f'{{"sessionId":"{self.id}","projectHash":"{self.project}","startTime":"{begun}","lastUpdated":"{begun}","messages":[\n'
                    + ",\n".join(self.messages) + "\n]}")
            files.write(self.home, f"{name}.json", [text], "\n" if w.bits(1) else "", "")
            if w.random() > 0.1:  # else the same chat is there in the newer form, too
                return
        files.write(self.home, f"{name}.jsonl", self.lines, "\r\n" if w.random() < 0.03 else "\n", self.lines[-1][:7] if w.random() < 0.05 else "")


def write_gemini(world, files, totals, exports, home, homes, budget, telemetry):
    begin, limit = world.begin()
    chat = Gemini(world, home, budget, telemetry)
    end = chat.talk(min(begin + home.skew_ms, limit), limit, world.sizes[world.bits(12)])
    alone = telemetry and world.random() < 0.03
    chats = [chat]
    if not chat.old and chat.left > 0 and world.random() < 0.15:
        chats.append(Gemini(world, home, chat.left, telemetry, chat))
        chats[1].talk(end, limit, world.between(1, 8))
    for each in chats:
        if not alone:
            each.write(files)
        for call in each.calls:
            if alone:
                call.counts = call.time_ms = None
            totals.add(call)
        totals.session("gemini", home.user, log=not alone, event=telemetry)
        exports.gemini(home, each)
    return sum(len(each.calls) for each in chats)


def write_qwen(world, files, totals, exports, home, homes, budget, telemetry):
    w = world
    begin, limit = w.begin()
    ms = min(begin + home.skew_ms, limit)
    id, model, cwd, branch = w.uuid(), w.weighted(QWEN_MODELS), home.project(w.pick(PROJECTS)), w.pick(BRANCHES)
    head = f'"cwd":{json.dumps(cwd, ensure_ascii=False)},"version":"0.18.1","gitBranch":{json.dumps(branch, ensure_ascii=False)}'
    lines, calls, events, context, inside, last = [], [], [], w.between(9_000, 30_000), w.chance(0.6), "null"

    def line(ms, kind, rest):
        nonlocal last
        uuid = f'"{w.uuid()}"'
        lines.append(f'{{"uuid":{uuid},"parentUuid":{last},"sessionId":"{id}","timestamp":"{w.iso(ms)}","type":"{kind}",{head},{rest}}}')
        last = uuid

    for _ in range(min(budget, w.sizes[w.bits(12)])):
        line(ms, "user", f'"message":{{"role":"user","parts":[{{"text":"{w.text()}"}}]}}')
        if w.random() < 0.1:
            line(ms, "system", '"subtype":"attribution_snapshot","systemPayload":{"snapshot":{"type":"attribution-snapshot","version":1,"usageMetadata":{"promptTokenCount":4}}}')
        ms = min(limit, ms + w.steps[w.bits(12)])
        said, thoughts = w.outputs[w.bits(12)], w.outputs[w.bits(12)] if w.bits(1) else 0
        entry = context + w.small[w.bits(12)] * 25
        entry += entry in QWEN_LIMITS
        cached = int(entry * w.random()) if w.bits(1) else 0
        context = entry + said if entry < 300_000 else 9_000
        # Of some providers the candidates hold the thoughts, of others not: the total tells.
        output = said + thoughts
        candidates = output if inside else said
        counts = (entry - cached, output, cached, 0, 0, thoughts)
        call = Call("qwen", model, home.user, cwd, home.machine, counts, ms)
        calls.append(call)
        response = f"chatcmpl-{w.bits(64):016x}" if w.bits(2) else "chatcmpl-mock"
        if telemetry:
            call.event, call.event_ms = counts, ms + (w.between(0, 40) if ms % 3_600_000 < 3_599_900 else 0)
            events.append((call, (entry, candidates, cached, thoughts, entry + output), response))
        line(ms, "system", f'"subtype":"ui_telemetry","systemPayload":{{"uiEvent":{{"event.name":"qwen-code.api_response","event.timestamp":"{w.iso(ms)}",'
                           f'"response_id":"{response}","model":"{model}","status_code":200,"duration_ms":47,"input_token_count":{entry},"output_token_count":{candidates},'
                           f'"cached_content_token_count":{cached},"thoughts_token_count":{thoughts},"total_token_count":{entry + output},"prompt_id":"{id}########0"}}}}')
        line(ms, "assistant", f'"model":"{model}","message":{{"role":"model","parts":[{{"text":"{w.text()}"}}]}},"usageMetadata":{{"promptTokenCount":{entry},'
                              f'"candidatesTokenCount":{candidates},"thoughtsTokenCount":{thoughts},"totalTokenCount":{entry + output},"cachedContentTokenCount":{cached}}}')
        if w.bits(1):
            line(ms, "tool_result", f'"message":{{"role":"user","parts":[{{"functionResponse":{{"id":"call_1","name":"ls","response":{{"output":"{w.text()}"}}}}}}]}},'
                                    '"toolCallResult":{"callId":"call_1","status":"success"}')
    alone = telemetry and w.random() < 0.03
    if not alone:
        slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in cwd)
        files.write(home, f".qwen/projects/{slug}/chats/{id}.jsonl", lines, "\r\n" if w.random() < 0.03 else "\n", lines[-1][:90] if w.random() < 0.05 else "")
    for call in calls:
        if alone:
            call.counts = call.time_ms = None
        totals.add(call)
    totals.session("qwen", home.user, log=not alone, event=telemetry)
    exports.qwen(home, id, events)
    return len(calls)


def write_droid(world, files, totals, exports, home, homes, budget, telemetry):
    """A session of which only the sums are ever known. A "call" is what they have grown by between two looks; there is one at the end of each
    UTC day on which the session went on, and the file's time of change is that of the last call before it."""
    w = world
    begin, limit = w.begin()
    ms = min(begin + home.skew_ms, limit)
    id, model, cwd = w.uuid(), w.weighted(DROID_MODELS), home.project(w.pick(PROJECTS))
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in cwd)
    locked = w.iso(ms)
    has_writes = "claude-opus" in model
    lines = [f'{{"type":"session_start","id":"{id}","title":"{w.text()}","cwd":{json.dumps(cwd, ensure_ascii=False)},"owner":"{home.user}","version":2}}']
    sums, looks, day, grown = [0] * 5, [], ms // 86_400_000, None
    wanted = w.between(1, STEPS)
    for _ in range(w.between(1, 40)):
        lines.append(f'{{"type":"message","id":"{w.uuid()}","timestamp":"{w.iso(ms)}","message":{{"role":"user","content":[{{"type":"text","text":"{w.text()}"}}]}}}}')
        ms = min(limit, ms + w.steps[w.bits(12)] * (1 if w.random() < 0.95 else 400))
        due = grown is not None and (ms // 86_400_000 != day or w.random() < 0.2)
        if due and (len(looks) + 1 >= min(budget, wanted) and ms // 86_400_000 != day):
            lines.pop()  # no more looks: the session ends with the day
            break
        if due and len(looks) + 1 < min(budget, wanted):
            looks.append((grown, list(sums), len(lines) - 1))
        day = ms // 86_400_000
        output = w.outputs[w.bits(12)]
        for i, more in enumerate((w.small[w.bits(12)] * 20, output, w.writes[w.bits(12)] if has_writes else 0, w.between(0, 60_000), output // 3)):
            sums[i] += more
        lines.append(f'{{"type":"message","id":"{w.uuid()}","timestamp":"{w.iso(ms)}","message":{{"role":"assistant","content":[{{"type":"text","text":"{w.text()}"}}]}}}}')
        grown = ms
    looks.append((grown, list(sums), len(lines)))
    before = [0] * 5
    for number, (at, now, count) in enumerate(looks):
        new, output, write, read, thinking = (a - b for a, b in zip(now, before))
        totals.add(Call("droid", model, home.user, cwd, home.machine, (new, output, read, write, 0, thinking), at))
        before = now
        step = f"step-{number + 1}" if number + 1 < len(looks) else ""
        settings = (f'{{"model":"{model}","reasoningEffort":"high","providerLock":"openai","providerLockTimestamp":"{locked}","tokenUsage":{{"inputTokens":{now[0]},'
                    f'"outputTokens":{now[1]},"cacheCreationTokens":{now[2]},"cacheReadTokens":{now[3]},"thinkingTokens":{now[4]}}}}}')
        if w.bits(1):
            settings = json.dumps(json.loads(settings), indent=2)
        files.write(home, f".factory/sessions/{slug}/{id}.jsonl", lines[:count], "\n", "", step, at)
        files.write(home, f".factory/sessions/{slug}/{id}.settings.json", [settings], "\n" if w.bits(1) else "", "", step, at)
    totals.session("droid", home.user, log=True, event=False)
    return len(looks)
