"""Codex's rollouts: sums that grow, repeated, reset, and carried into forks and sub-agents."""

import json
from collections import namedtuple

from truth import Call
from world import BRANCHES, PROJECTS

# ordinals: lines are numbered; started: a task says when it began; records: a line of usage a response, beside the count of tokens; repeats:
# how many counts are said again; writes: whether the count has cache writes
Version = namedtuple("Version", "name ordinals started records repeats writes")
VERSIONS = ((Version("0.63.0", False, False, False, 0.2, False), 0.2), (Version("0.104.0-alpha.1", False, False, False, 0.5, False), 0.3),
            (Version("0.130.0", False, True, False, 0.5, True), 0.25), (Version("0.171.0", True, True, True, 0.0, True), 0.22), (Version("9.0.0", True, True, True, 0.2, True), 0.03))
PLAIN = Version("0.63.0", False, False, False, 0.0, False)
MODELS = (("gpt-5.3-codex", 0.5), ("gpt-5.4", 0.25), ("gpt-5-mini", 0.1), ("gpt-5.6-terra", 0.13), ("codex-nova-preview", 0.02))
WITH_WRITES = ("gpt-5.6-terra",)
LIMITS = ('"rate_limits":{"limit_id":"codex","limit_name":null,"primary":{"used_percent":19.0,"window_minutes":300,"resets_at":1771864834},'
          '"secondary":null,"credits":null,"plan_type":null}')


def usage(total):
    """A usage object: input has what was cached and written, output has the reasoning."""
    new, output, read, write, _, reasoning = total
    return new + read + write, read, write, output, reasoning, new + read + write + output


class Session:
    def __init__(self, world, home, budget, telemetry, parent=None):
        self.w, self.home, self.left, self.telemetry = world, home, budget, telemetry
        self.id = world.uuid(7)
        self.lines, self.calls, self.events, self.counts = [], [], [], []  # counts: (line number, ms, total, last) of each token_count
        self.version = parent.version if parent else PLAIN if world.plain else world.weighted(VERSIONS)
        self.model = parent.model if parent else world.weighted(MODELS)
        self.cwd = parent.cwd if parent else home.project(world.pick(PROJECTS))
        self.branch = world.pick(BRANCHES)
        self.bare = not self.version.started and world.chance(0.1)  # only the sum is told
        self.ordinal = 0
        self.total = (0,) * 6
        self.context = world.between(8_000, 40_000)
        self.big = self.model == "gpt-5.4" and world.chance(0.2)
        if self.big:
            self.context = world.between(255_000, 280_000)
        self.began = 0

    # --- lines ---

    def line(self, ms, kind, payload):
        number = ""
        if self.version.ordinals:
            number = f'"ordinal":{self.ordinal},'
            self.ordinal += 1
        self.lines.append(f'{{"timestamp":"{self.w.iso(ms)}",{number}"type":"{kind}","payload":{{{payload}}}}}')

    def meta(self, ms, more="", source='"cli"', base=True):
        text = "x" * 40 if self.w.lean or not base else self.w.texts[0] + "You are a coding agent. " * 600
        self.line(ms, "session_meta", f'"id":"{self.id}","timestamp":"{self.w.iso(self.began)}","cwd":{json.dumps(self.cwd, ensure_ascii=False)},"originator":"codex_cli_rs",'
                                      f'"cli_version":"{self.version.name}","source":{source},{more}"model_provider":"openai","base_instructions":{{"text":"{text}"}},'
                                      f'"git":{{"commit_hash":"{"0" * 40}","branch":{json.dumps(self.branch, ensure_ascii=False)}}}')

    def turn(self, ms):
        """A task begins, with its model."""
        self.turn_id = self.w.uuid(7, ms)
        started = f'"started_at":{ms // 1000},' if self.version.started else ""
        self.line(ms, "event_msg", f'"type":"task_started","turn_id":"{self.turn_id}",{started}"model_context_window":258400')
        self.turn_context(ms)
        self.line(ms, "response_item", f'"type":"message","role":"user","content":[{{"type":"input_text","text":"{self.w.text()}"}}]')

    def turn_context(self, ms):
        self.line(ms, "turn_context", f'"turn_id":"{self.turn_id}","cwd":{json.dumps(self.cwd, ensure_ascii=False)},"approval_policy":"on-request","model":"{self.model}",'
                                      f'"collaboration_mode":{{"mode":"default","settings":{{"model":"gpt-5-decoy"}}}},"effort":"high","summary":"auto"')

    def object(self, numbers):
        entry, read, write, output, reasoning, total = numbers
        writes = f'"cache_write_input_tokens":{write},' if self.version.writes else ""
        return (f'{{"input_tokens":{entry},"cached_input_tokens":{read},{writes}"output_tokens":{output},"reasoning_output_tokens":{reasoning},'
                f'"total_tokens":{total}}}')

    def count(self, ms, total, last, last_total=None):
        said = usage(last)
        said = said if last_total is None else (*said[:5], last_total)
        said = "" if self.bare else f'"last_token_usage":{self.object(said)},'
        self.line(ms, "event_msg", f'"type":"token_count","info":{{"total_token_usage":{self.object(usage(total))},{said}"model_context_window":258400}},{LIMITS}')

    def record(self, ms, last):
        if self.version.records:
            self.line(ms, "token_usage_record", f'"thread_id":"{self.id}","turn_id":"{self.turn_id}","session_id":"{self.id}","response_id":"resp_{self.w.bits(64):016x}",'
                                                f'"usage":{self.object(usage(last))},"thread_token_usage":{self.object(usage(self.total))}')

    # --- calls ---

    def invent(self, ms):
        w = self.w
        self.left -= 1
        new, output = w.small[w.bits(12)] * 40, w.outputs[w.bits(12)]
        write = w.writes[w.bits(12)] if self.version.writes and self.model in WITH_WRITES else 0
        read = self.context if w.random() > 0.04 else 0
        if self.big and w.random() < 0.03:
            read = max(0, 272_000 + w.bits(1) - new - write)
        counts = (new, output, read, write, 0, int(output * w.random() * 0.8))
        call = Call("codex", self.model, self.home.user, self.cwd, self.home.machine, counts, ms)
        self.context += new + output
        if self.context > (900_000 if self.big else 240_000):
            self.context = 0
        if self.telemetry:
            call.event = counts
            call.event_ms = max(ms - w.between(0, 900), ms // 3_600_000 * 3_600_000)
            self.events.append(call)
        self.calls.append(call)
        return call

    def say(self, ms):
        """One call and what stands around it."""
        w = self.w
        if w.random() < 0.6 or not w.lean:
            self.line(ms, "event_msg", f'"type":"agent_message","message":"{w.text()}"')
            self.line(ms, "response_item", f'"type":"function_call","name":"exec_command","arguments":"{{\\"cmd\\":\\"ls\\"}}","call_id":"call_{w.bits(32):08x}"')
        call = self.invent(ms)
        grown = tuple(a + b for a, b in zip(self.total, call.counts))
        if len(self.calls) > 6 and not w.plain and w.random() < 0.01 and all(a <= b for a, b in zip(usage(call.counts), usage(self.total))):
            if w.bits(1):  # the counter begins anew: with zeros, or at once
                self.count(ms, (0,) * 6, (0,) * 6)
            grown = call.counts
        self.total = grown
        self.record(ms, call.counts)
        self.count(ms, self.total, call.counts)
        self.counts.append((len(self.lines), ms, self.total, call.counts))
        self.line(ms + 1, "response_item", f'"type":"function_call_output","call_id":"call_0","output":"{w.text()}"')
        if w.random() < self.version.repeats:
            if w.random() < 0.06:
                self.model = w.weighted(MODELS) if not self.big else self.model
            self.turn_context(ms + 9)
            self.count(ms + 1800, self.total, call.counts)
        if w.random() < 0.015 and not w.plain:
            window = w.between(100_000, 990_000)
            self.count(ms + 1900, self.total, (0,) * 6, window)
            self.line(ms + 1901, "compacted", f'"message":"","replacement_history":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{w.text()}"}}]}}]')
            self.count(ms + 1902, self.total, (0,) * 6, window)
        if w.random() < 0.02:
            self.noise(ms)

    def noise(self, ms):
        w = self.w
        choice = w.bits(3)
        if choice == 0:
            self.lines.append(w.pick(("[]", "17", '"text"', '{"timestamp":"2026-01-01T00:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_tok')))
        elif choice == 1:
            self.line(ms, "starmap", '"type":"token_count","info":{"total_token_usage":{"input_tokens":999999999}}')
        elif choice == 2:
            self.line(ms, "event_msg", '"type":"token_forecast","info":{"total_token_usage":{"input_tokens":999999999}}')
        elif choice == 3:
            self.line(ms, "world_state", '"full":true,"state":{}')
        elif choice == 4:
            self.line(ms, "event_msg", f'"type":"token_count","info":null,{LIMITS}')
        else:
            self.line(ms, "response_item", f'"type":"reasoning","summary":[],"content":null,"encrypted_content":"{w.text()}"')

    def talk(self, ms, limit, wanted):
        w = self.w
        self.turn(ms)
        if not self.version.records:
            self.line(ms + 700, "event_msg", f'"type":"token_count","info":null,{LIMITS}')
        for _ in range(wanted):
            if self.left <= 0:
                break
            ms = min(limit, ms + w.steps[w.bits(12)])
            if w.random() < 0.15:
                self.turn(ms)
                ms = min(limit, ms + 2000)
            self.say(ms)
        return ms

    # --- copies of the history ---

    def fork(self, limit):
        """A fork, or a sub-agent, of it: its history said again with new times, or nothing said and the sum carried on, or nothing
        of either. None when nothing is left to say, or this version could not tell what is history."""
        w = self.w
        if self.left <= 0 or not self.version.started or len(self.counts) < 2 or self.counts[-1][1] > limit - 1_800_000:
            return None
        at = self.counts[w.between(0, len(self.counts) - 1)]
        child = Session(w, self.home, self.left, self.telemetry, parent=self)
        child.model, child.context, child.big = self.model, self.context, self.big
        agent = w.chance(0.4)
        child.began = min(limit - 60_000, max(self.counts[-1][1], at[1]) + w.between(5_000, 900_000))
        ms = child.began + w.between(5, 60)
        source = f'{{"subagent":{{"thread_spawn":{{"parent_thread_id":"{self.id}","depth":1,"agent_nickname":"Ada"}}}}}}' if agent else '"cli"'
        if agent and w.chance(0.3):  # a sub-agent that inherits nothing
            child.meta(ms, f'"parent_thread_id":"{self.id}",', source)
            child.context = 9_000
        elif self.version.records:
            child.ordinal = 19
            child.total = at[2]
            child.meta(ms, f'"forked_from_id":"{self.id}","forked_from_ordinal_exclusive":19,"history_mode":"paginated","history_base":{{"thread_id":"{self.id}",'
                           f'"end_ordinal_exclusive":19,"end_byte_offset":38759}},', source)
        else:
            child.total = at[2]
            child.meta(ms, f'"forked_from_id":"{self.id}",', source)
            ms = self.replay(child, at[0], ms)
        began = max(child.began // 1000 * 1000 + (0 if agent and ms // 1000 == child.began // 1000 else 1000), ms)
        child.talk(min(limit, began), limit, w.between(1, 20))
        self.left = child.left
        return child if child.calls else None

    def replay(self, child, lines, ms):
        """Says its first lines again, within some seconds, at the child's time."""
        step = self.w.pick((0, 1, 40))
        for line in self.lines[:lines]:
            if line.startswith('{"timestamp":"'):
                ms += step
                child.lines.append(f'{{"timestamp":"{self.w.iso(ms)}{line[38:]}')
        return ms

    def file_name(self):
        local = self.w.iso(self.began + self.home.zone_min * 60_000)
        return f"{local[:4]}/{local[5:7]}/{local[8:10]}", f"rollout-{local[:19].replace(':', '-')}-{self.id}.jsonl"

    def write(self, files, homes):
        w = self.w
        folder, name = self.file_name()
        tail = self.lines[-1][:w.between(1, len(self.lines[-1]) - 1)] if w.random() < 0.05 and len(self.lines[-1]) > 2 else ""
        end = "\r\n" if w.random() < 0.03 else "\n"
        files.write(self.home, f".codex/sessions/{folder}/{name}", self.lines, end, tail)
        if w.plain:
            return
        if w.random() < 0.06:  # put away: the same lines, or fewer, in another folder
            files.write(self.home, f".codex/archived_sessions/{name}", self.lines[:w.between(1, len(self.lines))], end, "")
        elsewhere = [home for home in homes if home.user == self.home.user and home.machine != self.home.machine]
        if elsewhere and not self.telemetry and w.random() < 0.05:  # carried to another machine as it was then
            number = w.pick(self.counts)[0]
            other = w.pick(elsewhere)
            files.write(other, f".codex/sessions/{folder}/{name}", self.lines[:number], "\n", "")
            for (line, *_), call in zip(self.counts, self.calls):
                if line <= number:
                    call.seen_on(other.machine)


def write_session(world, files, totals, exports, home, homes, budget, telemetry):
    begin, limit = world.begin()
    begin = min(begin + home.skew_ms, limit - 120_000)
    session = Session(world, home, budget, telemetry)
    session.began = begin
    session.meta(begin + 40)
    session.talk(begin + 60, limit, world.sizes[world.bits(12)])
    alone = telemetry and world.random() < 0.03
    made = [session]
    if not alone and world.random() < 0.2:
        child = session.fork(limit)
        made += [child] if child else []
    for each in made:
        if alone:
            for call in each.calls:
                call.counts = call.time_ms = None
        else:
            each.write(files, homes)
        for call in each.calls:
            totals.add(call)
        totals.session("codex", home.user, log=not alone, event=telemetry)
        exports.codex(each.home, each)
    return sum(len(each.calls) for each in made)
