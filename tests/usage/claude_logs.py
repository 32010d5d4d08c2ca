"""Claude Code's transcripts: calls are invented here and written down as its versions do, with all their repetitions.

Order of a session: invent a call, write its lines (and the copies that the version makes of them), note which machines know of it. Calls are
handed over at the end, when it is known which of them a fork carried to another machine."""

import json
import re
from collections import namedtuple

from truth import Call
from world import BRANCHES, DAY_MS, PROJECTS, parse_time

# progress: sub-agents' lines are repeated in the main file; agents: where sub-agents' files are; requests: lines have a requestId; under: many
# lines tell too little output; split: writes of 5 minutes and of 1 hour are told apart; growing: output grows from line to line, else each
# line has the final number; state: the session's sum is written, too; zoned: times have an offset
Version = namedtuple("Version", "name weight progress agents requests under split growing speed state zoned")
VERSIONS = (Version("1.0.88", 0.08, False, "beside", True, False, False, True, False, False, False),
            Version("2.0.76", 0.12, False, "beside", True, False, True, True, False, False, False),
            Version("2.1.39", 0.25, True, "nested", True, True, True, True, True, False, False),
            Version("2.1.101", 0.14, False, "nested", False, False, True, True, False, False, False),
            Version("2.1.197", 0.24, False, "nested", True, False, True, False, True, False, False),
            Version("2.1.240", 0.12, False, "nested", True, False, True, True, True, True, False),
            Version("3.0.0-beta.1", 0.05, False, "nested", True, False, True, False, True, False, True))
PLAIN = VERSIONS[4]
WEIGHED = tuple((version, version.weight) for version in VERSIONS)
MODELS = (("claude-opus-4-6", 0.28), ("claude-sonnet-4-5-20250929", 0.30), ("claude-opus-4-8", 0.12), ("claude-haiku-4-5-20251001", 0.10),
          ("claude-opus-4-1-20250805", 0.05), ("claude-fable-5", 0.05), ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", 0.03),
          ("anthropic/claude-sonnet-4.5", 0.01), ("glm-4.6", 0.02), ("claude-nova-preview", 0.04))
AGENT_MODELS = (("claude-haiku-4-5-20251001", 0.5), ("claude-sonnet-4-5-20250929", 0.5))
SIDE_MODEL = "claude-haiku-4-5-20251001"
FAST = ("claude-opus-4-6", "claude-opus-4-8")
WITHOUT_WRITES = ("glm-4.6",)
TOOLS = ("Bash", "Read", "Edit", "Write", "Grep", "Task", "mcp__files__search")
# What a tool is given may look like a line of the log itself.
ODD_INPUT = ('{"file_path":"usage.json","usage":{"input_tokens":55555,"output_tokens":55555},"id":"msg_odd","requestId":"req_odd","type":"assistant",'
             '"message":{"usage":{"input_tokens":44444}}}')
OLD_TIME = re.compile(r'"timestamp":"([^"]+)"')


def slug(folder):
    return re.sub(r"[^A-Za-z0-9]", "-", folder)


def rewritten(line):
    """As another program would write it: with blanks, names in order, and all but ASCII escaped."""
    try:
        return json.dumps(json.loads(line), sort_keys=True)
    except ValueError:
        return line


class Session:
    """A session in its own file, with what its sub-agents and its compaction write beside it."""

    def __init__(self, world, home, budget, telemetry, parent=None):
        self.w, self.home, self.left = world, home, budget
        self.calls, self.files, self.main, self.marks, self.events = [], [], [], [], []
        self.id = world.uuid()
        if parent:
            self.version, self.model, self.cwd, self.branch = parent.version, parent.model, parent.cwd, parent.branch
        else:
            self.version = PLAIN if world.plain else world.weighted(WEIGHED)
            self.model = world.weighted(MODELS)
            self.cwd, self.branch = home.project(world.pick(PROJECTS)), world.pick(BRANCHES)
        self.telemetry = telemetry and self.version.requests
        self.one_hour = world.weighted(((0.0, 0.6), (1.0, 0.3), (0.5, 0.1))) if self.version.split else 0.0
        self.fast = self.version.speed and self.model in FAST and world.chance(0.25)
        self.big = self.model.startswith("claude-sonnet-4-5") and world.chance(0.15)
        self.context = world.between(185_000, 199_000) if self.big else world.between(11_000, 30_000)
        self.slug = world.pick(("calm-blue-river", "wise-old-fox"))
        self.json_cwd = json.dumps(self.cwd, ensure_ascii=False)
        self.json_branch = json.dumps(self.branch, ensure_ascii=False)
        self.last = "null"  # uuid of the last line, as JSON

    # --- calls ---

    def invent(self, model, time_ms, context, under=False):
        """The next call, and how much context it leaves. All numbers are made here."""
        w = self.w
        self.left -= 1
        new, output, write = w.small[w.bits(12)], w.outputs[w.bits(12)], w.writes[w.bits(12)]
        read = context
        if w.random() < 0.05:  # the cache has run out
            write, read = write + max(0, context - 11_000), min(context, 11_000)
        if model in WITHOUT_WRITES:
            new, write = new + write, 0
        if self.big and w.random() < 0.02:  # at the very limit, and just beyond it
            read = max(0, 200_000 + w.bits(1) - new - write)
        write_1h = int(write * self.one_hour)
        tier = "fast" if self.fast and model == self.model and w.random() < 0.7 else ""
        call = Call("claude", model, self.home.user, self.cwd, self.home.machine, (new, output, read, write - write_1h, write_1h, 0), time_ms, tier)
        call.message = "msg_01%022x" % w.bits(88)
        call.request = "req_011C%020x" % w.bits(80) if self.version.requests else None
        if self.telemetry:
            call.event = (new, output, read, write, 0, 0)
        if under and w.random() < 0.55:
            told = min(output, 1 + w.bits(12) % 25)
            call.counts = (new, told, *call.counts[2:])
        self.calls.append(call)
        return call, context + write + new + output

    def stamp(self, ms):
        return self.w.iso_at(ms, self.home.zone_min) if self.version.zoned else self.w.iso(ms)

    # --- lines ---

    def head(self, agent=None):
        """What lines of a file have in common; a fork replaces the session."""
        side = f'"isSidechain":true,"agentId":"{agent}"' if agent else '"isSidechain":false'
        slug_ = f',"slug":"{self.slug}"' if self.version.progress else ""
        return (f'{side},"userType":"external","cwd":{self.json_cwd},"sessionId":"{self.id}","version":"{self.version.name}",'
                f'"gitBranch":{self.json_branch}{slug_}')

    def line(self, out, head, ms, rest):
        uuid = f'"{self.w.uuid()}"'
        out.append(f'{{"parentUuid":{self.last},{head},{rest},"uuid":{uuid},"timestamp":"{self.stamp(ms)}"}}')
        self.last = uuid

    def said(self, out, head, ms, tool=None):
        """What a person says, or a tool gives back."""
        text = self.w.text()
        if tool is None:
            self.line(out, head, ms, f'"type":"user","message":{{"role":"user","content":"{text}"}},"permissionMode":"default"')
        else:
            self.line(out, head, ms, f'"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"{tool}","type":"tool_result",'
                                     f'"content":"{text}","is_error":false}}]}},"toolUseResult":{{"stdout":"{text}","stderr":"","interrupted":false}}')

    def usages(self, call, lines):
        """The usage object of each of a call's lines: the last one has the most, but for rare late copies."""
        new, output, read, write, write_1h, _ = call.counts
        v = self.version
        flat = f'"input_tokens":{new},"cache_creation_input_tokens":{write + write_1h},"cache_read_input_tokens":{read}'
        split = f',"cache_creation":{{"ephemeral_5m_input_tokens":{write},"ephemeral_1h_input_tokens":{write_1h}}}' if v.split else ""
        speed = f',"speed":"{call.tier or "standard"}"' if v.speed and (call.tier or self.w.bits(1)) else ""
        rest = ',"service_tier":"standard"' if self.w.bits(3) else ""
        begun = output if not v.growing else min(output, 1 + self.w.bits(12) % 12)
        early = f'{{{flat}{split},"output_tokens":{begun}{rest}{speed},"inference_geo":"global"}}'
        steps = (f',"iterations":[{{{flat},"output_tokens":{output}{split},"type":"message"}}]' if v.state else ',"iterations":[]') if v.speed else ""
        final = (f'{{{steps[1:] + "," if v.state else ""}{flat},"output_tokens":{output},"server_tool_use":{{"web_search_requests":0,'
                 f'"web_fetch_requests":0}}{rest}{split}{speed},"inference_geo":""{"" if v.state else steps}}}')
        found = [early] * (lines - 1) + [final]
        if v.growing and lines > 2 and self.w.random() < 0.05:
            found[-1], found[-2] = found[-2], found[-1]
        return found

    def answer(self, out, head, call, copies=None):
        """Writes a call's lines; copies, if given, takes them once more as a sub-agent's progress. The id of the tool asked for, or None;
        and the time of the last line."""
        w = self.w
        lines = w.between(1, 4) if w.random() < 0.6 or not w.lean else 1
        ms, tool = call.time_ms, None
        for number, usage in enumerate(self.usages(call, lines)):
            last = number == lines - 1
            if last and w.random() < 0.75:
                tool = "toolu_01%022x" % w.bits(88)
                given = ODD_INPUT if w.random() < 0.02 else f'{{"command":"{w.text()}"}}'
                block = f'{{"type":"tool_use","id":"{tool}","name":"{w.pick(TOOLS)}","input":{given}}}'
            elif number == 0 and lines > 2:
                block = f'{{"type":"thinking","thinking":"{w.text()}","signature":"RXhhbXBsZQ=="}}'
            else:
                block = f'{{"type":"text","text":"{w.text()}"}}'
            reason = '"tool_use"' if tool else '"end_turn"'
            reason = "null" if self.version.progress or not last else reason
            message = (f'{{"model":"{call.model}","id":"{call.message}","type":"message","role":"assistant","content":[{block}],"stop_reason":{reason},'
                       f'"stop_sequence":null,"usage":{usage}}}')
            request = f'"requestId":"{call.request}",' if call.request else ""
            if self.version.growing:
                self.line(out, head, ms, f'"message":{message},{request}"type":"assistant"')
            else:
                self.line(out, head, ms, f'{request}"type":"assistant","message":{message}')
            if copies is not None:
                copies.append((ms, f'"type":"assistant","timestamp":"{self.stamp(ms)}","message":{message},{request}"uuid":{self.last}'))
            ms += 400 + w.bits(10)
        if call.event is not None:
            call.event_ms = ms + 30
            self.events.append(call)
        return tool, ms

    def synthetic(self, out, head, ms):
        self.line(out, head, ms, '"type":"assistant","isApiErrorMessage":true,"message":{"id":"%s","model":"<synthetic>","role":"assistant",'
                                 '"content":[{"type":"text","text":"API Error: 529 overloaded"}],"stop_reason":"stop_sequence","usage":{"input_tokens":7,'
                                 '"output_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}' % self.w.uuid())

    def noise(self, out, head, ms):
        """Lines without a call; some of no known kind, some that are no objects, one that was cut short by a crash."""
        w = self.w
        stamp = self.stamp(ms)
        choice = w.bits(4)
        if choice < 3:
            self.line(out, head, ms, '"type":"system","subtype":"turn_duration","durationMs":%d,"isMeta":false' % w.between(900, 900_000))
        elif choice == 3:
            out.append(f'{{"type":"file-history-snapshot","messageId":"{w.uuid()}","snapshot":{{"trackedFileBackups":{{}},"timestamp":"{stamp}"}},"isSnapshotUpdate":true}}')
        elif choice == 4:
            self.line(out, head, ms, f'"attachment":{{"type":"skill_listing","content":"{w.text()}"}},"type":"attachment"')
        elif choice == 5:
            out.append(f'{{"type":"queue-operation","operation":"enqueue","timestamp":"{stamp}","sessionId":"{self.id}","content":"{w.text()}"}}')
        elif choice == 6:
            out.append(f'{{"type":"last-prompt","lastPrompt":"{w.text()}","sessionId":"{self.id}"}}')
        elif choice == 7:
            self.line(out, head, ms, '"type":"progress","data":{"type":"bash_progress","output":"x","elapsedTimeSeconds":2},"toolUseID":"bash-progress-0"')
        elif choice == 8:
            self.synthetic(out, head, ms)
        elif choice == 9:
            out.append(f'{{"type":"flight-plan","formatVersion":9,"usage":{{"input_tokens":33333}},"sessionId":"{self.id}","timestamp":"{stamp}"}}')
        elif choice == 10:
            out.append(w.pick(('"a text alone"', "42", "[1,2,3]", "null", "", "{", '{"type":"assistant","message":{"id":"msg_cut","usage":{"input_tok',
                               "\0\0\0\0\0\0\0\0", '{"type":"ai-title","title":"\udcff"}')))
        elif choice == 11:
            out.append(f'{{"type":"ai-title","aiTitle":"{w.text()}","sessionId":"{self.id}"}}')
        elif choice == 12:
            out.append(f'{{"type":"permission-mode","permissionMode":"acceptEdits","sessionId":"{self.id}"}}')
        else:
            self.line(out, head, ms, f'"type":"system","subtype":"local_command","content":"{w.text()}","level":"info"')

    # --- parts of a session ---

    def talk(self, begin, limit, wanted):
        """The main thread from begin on: prompts, answers, what tools say; sub-agents, compactions. Gives the time of its end."""
        w, ms, tool, last_model = self.w, begin, None, self.model
        out, head = self.main, self.head()
        for _ in range(wanted):
            if self.left <= 0:
                break
            self.said(out, head, ms, tool)
            if w.random() < (0.05 if w.lean else 0.3):
                self.noise(out, head, ms)
            ms = min(limit, ms + w.steps[w.bits(12)])
            call, self.context = self.invent(last_model, ms, self.context, under=self.version.under)
            tool, ms = self.answer(out, head, call)
            ms = min(limit, ms)
            self.marks.append((len(out), len(self.calls)))
            if self.telemetry and self.left > 0 and w.random() < 0.08:
                self.aside(ms)
            if tool and self.left > 1 and w.random() < 0.03:
                ms = self.agent(ms, limit, tool)
            if self.context > (900_000 if self.big else 165_000) and self.left > 0:
                ms = self.compact(ms, limit)
        return ms

    def aside(self, ms):
        """A call that the program makes for itself: no line has it, only an event."""
        w = self.w
        self.left -= 1
        call = Call("claude", SIDE_MODEL, self.home.user, self.cwd, self.home.machine, None, None)
        call.event, call.event_ms = (w.between(200, 3000), w.between(5, 60), 0, 0, 0, 0), ms
        call.request = "req_011C%020x" % w.bits(80)
        self.calls.append(call)
        self.events.append(call)

    def agent(self, ms, limit, tool):
        """A sub-agent: a file of its own, repeated as progress in the main file by some versions; of a few only the progress is left."""
        w = self.w
        name = ("a%07x" if self.version.progress else "a%016x") % w.bits(28)
        head, out, copies, model, context, own_tool = self.head(name), [], [], w.weighted(AGENT_MODELS), w.between(0, 14_000), None
        kept, self.last = self.last, "null"
        for _ in range(w.between(1, 12)):
            if self.left <= 0:
                break
            self.said(out, head, ms, own_tool)
            ms = min(limit, ms + w.steps[w.bits(12)] // 3)
            call, context = self.invent(model, ms, context, under=self.version.under)
            own_tool, ms = self.answer(out, head, call, copies if self.version.progress else None)
            ms = min(limit, ms)
        new, output, read, write, write_1h, _ = call.counts
        self.last = kept
        main_head = self.head()
        for at, message in copies:
            self.line(self.main, main_head, at, f'"type":"progress","data":{{"message":{{{message}}},"normalizedMessages":[],"type":"agent_progress",'
                                                f'"prompt":"","agentId":"{name}"}},"toolUseID":"agent_{call.message}","parentToolUseID":"{tool}"')
        self.line(self.main, main_head, ms, f'"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"{tool}","type":"tool_result","content":"done"}}]}},'
                                            f'"toolUseResult":{{"status":"completed","agentId":"{name}","totalTokens":{new + output + read + write + write_1h},'
                                            f'"usage":{{"input_tokens":{new},"output_tokens":{output},"cache_read_input_tokens":{read},"cache_creation_input_tokens":{write + write_1h}}}}}')
        if copies and w.random() < 0.04:
            return ms
        folder = f"{self.id}/subagents/workflows/wf_{name}" if self.version.agents == "nested" and w.random() < 0.1 else f"{self.id}/subagents"
        if self.version.agents == "beside":
            self.files.append((f"agent-{name}.jsonl", out))
            return ms
        self.files.append((f"{folder}/agent-{name}.jsonl", out))
        self.files.append((f"{folder}/agent-{name}.meta.json", [f'{{"agentType":"Explore","spawnDepth":1,"toolUseId":"{tool}"}}']))
        if "workflows" in folder:
            self.files.append((f"{folder}/journal.jsonl", [f'{{"type":"started","key":"v2:{name}","agentId":"{name}"}}', f'{{"type":"result","key":"v2:{name}","agentId":"{name}"}}']))
        return ms

    def compact(self, ms, limit):
        """The call that sums up is in a file of its own and nowhere else."""
        w = self.w
        name = "acompact-%06x" % w.bits(24)
        out, head = [], self.head(name)
        self.said(out, head, ms)
        call, _ = self.invent(self.model, ms, self.context, under=self.version.under)
        _, ms = self.answer(out, head, call)
        ms = min(limit, ms)
        folder = "" if self.version.agents == "beside" else f"{self.id}/subagents/"
        self.files.append((f"{folder}agent-{name}.jsonl", out))
        self.last = "null"
        self.line(self.main, self.head(), ms, '"type":"system","subtype":"compact_boundary","content":"Conversation compacted","compactMetadata":'
                                              f'{{"trigger":"auto","preTokens":{self.context}}}')
        self.line(self.main, self.head(), ms, f'"type":"user","message":{{"role":"user","content":"{w.text()}"}},"isCompactSummary":true')
        self.context = w.between(185_000, 199_000) if self.big else w.between(20_000, 40_000)
        return ms

    def question_aside(self, ms):
        """A question beside the conversation: its file begins with copies of the last answers, as a side chain, some under another request."""
        w = self.w
        name = "aside_question-%08x" % w.bits(32)
        out, head = [], self.head(name)
        for line in self.main[-12:]:
            if '"type":"assistant"' in line and '"usage"' in line and "<synthetic>" not in line and line.startswith('{"parentUuid"') and '"type":"progress"' not in line:
                line = line.replace('"isSidechain":false', f'"isSidechain":true,"agentId":"{name}"', 1)
                out.append(re.sub(r'"requestId":"req_011C[^"]*"', '"requestId":"req_011C%020x"' % w.bits(80), line) if w.bits(1) else line)
        if self.left > 0:
            call, _ = self.invent(self.model, ms, self.context, under=self.version.under)
            self.answer(out, head, call)
        self.files.append((f"{self.id}/subagents/agent-{name}.jsonl", out))

    def sum_up(self):
        """Newer versions write down the session's sum again and again: it is none of the calls."""
        if self.version.state and self.calls:
            sums = [sum(call.counts[i] for call in self.calls if call.counts) for i in range(5)]
            self.main.append(f'{{"type":"cost-state","sessionId":"{self.id}","totalCostUSD":1.5,"totalDuration":1,"modelUsage":{{"{self.model}":{{"inputTokens":{sums[0]},'
                             f'"outputTokens":{sums[1]},"cacheReadInputTokens":{sums[2]},"cacheCreationInputTokens":{sums[3] + sums[4]},"costUSD":1.5}}}}}}')

    def begin_file(self, ms):
        w = self.w
        if not w.lean and w.random() < 0.02:  # a picture, in a line of over 1 MB
            self.line(self.main, self.head(), ms, '"type":"user","message":{"role":"user","content":[{"type":"image","source":{"type":"base64",'
                                                  f'"media_type":"image/png","data":"{"iVBORw0KGgoAAAANSUhEUg" * 60_000}"}}}}]}}')
        if w.bits(1):
            self.main.append(f'{{"type":"summary","summary":"{w.text()}","leafUuid":"{w.uuid()}"}}')
        self.main.append(f'{{"type":"file-history-snapshot","messageId":"{w.uuid()}","snapshot":{{"messageId":"{w.uuid()}","trackedFileBackups":{{}},'
                         f'"timestamp":"{self.stamp(ms)}"}},"isSnapshotUpdate":false}}')

    # --- a copy of the history, elsewhere ---

    def fork(self, home, limit):
        """A session that begins with this one's history, in the same home or in another one of the user, and goes on by itself. None when
        there is nothing to copy, or nothing left to say."""
        w = self.w
        if len(self.marks) < 3 or self.left <= 0:
            return None
        elsewhere = home.machine != self.home.machine
        # What is known of a call depends on who has seen which log, where a log tells too little: such stay on their machine.
        if elsewhere and (self.version.under or self.telemetry):
            return None
        lines, calls = self.marks[w.between(1, len(self.marks) - 2)]
        child = Session(w, home, self.left, self.telemetry, parent=self)
        shift = home.skew_ms - self.home.skew_ms if elsewhere and not self.version.zoned and w.random() < 0.4 else 0
        if any(call.time_ms // DAY_MS != (call.time_ms + shift) // DAY_MS for call in self.calls[:calls] if call.time_ms is not None):
            shift = 0  # else the day would depend on which machine's copy is known
        history = [line for line in self.main[:lines] if not (elsewhere and '"agent_progress"' in line)]
        child.main = [self.moved(line, child.id, shift) for line in history]
        if elsewhere:
            copied = {line[at + 6:line.index('"', at + 6)] for line in history if (at := line.find('"id":"msg_01')) >= 0 and '"type":"assistant"' in line}
            for call in self.calls[:calls]:
                if call.message in copied:
                    call.seen_on(home.machine)
                    call.time_ms = min(call.time_ms, call.time_ms + shift)
        began = max((call.time_ms for call in self.calls if call.time_ms is not None), default=0)
        child.context = self.context
        child.talk(min(limit, began + w.between(60_000, 7_200_000)), limit, w.between(1, 20))
        child.sum_up()
        self.left = child.left
        return child if child.calls else None

    def moved(self, line, id, shift):
        line = line.replace(f'"sessionId":"{self.id}"', f'"sessionId":"{id}"')
        if not shift:
            return line
        return OLD_TIME.sub(lambda found: f'"timestamp":"{self.shifted(found[1], shift)}"', line)

    def shifted(self, text, shift):
        return self.w.iso(parse_time(text) + shift)

    def write(self, files):
        """The session's files, some with the marks of other systems and of being written just now."""
        w = self.w
        folder = f".claude/projects/{slug(self.cwd)}" if w.bits(4) else f".config/claude/projects/{slug(self.cwd)}"
        for name, lines in (*self.files, (f"{self.id}.jsonl", self.main)):
            end = "\r\n" if w.random() < 0.03 else "\n"
            tail = ""
            if self.version.zoned:
                lines = [rewritten(line) for line in lines]
            if name.endswith(".jsonl") and w.random() < 0.05:  # half a line: of a call that another line has, or that will come
                tail = lines[-1][:w.between(1, max(1, len(lines[-1]) - 1))]
            files.write(self.home, f"{folder}/{name}", lines, end, tail)


def write_session(world, files, totals, exports, home, homes, budget, telemetry):
    """One session and what is forked from it. Gives how many calls it took of the budget, at least one."""
    begin, limit = world.begin()
    begin, limit = begin + home.skew_ms, limit
    begin = min(begin, limit - 1)
    session = Session(world, home, budget, telemetry)
    alone = telemetry and session.telemetry and world.random() < 0.03  # a machine that only exports: no log is ever sent
    session.begin_file(begin)
    end = session.talk(begin, limit, world.sizes[world.bits(12)])
    if session.version.agents == "nested" and not world.plain and world.random() < 0.06:
        session.question_aside(end)
    session.sum_up()
    made = [session]
    if not alone and world.random() < 0.12:
        own = [each for each in homes if each.user == home.user]
        child = session.fork(world.pick(own), limit)
        made += [child] if child else []
    for each in made:
        if alone:
            for call in each.calls:
                call.counts = call.time_ms = None
        else:
            each.write(files)
        for call in each.calls:
            totals.add(call)
        totals.session("claude", home.user, log=not alone, event=any(call.event is not None for call in each.calls))
        exports.claude(each.home, each)
    return sum(len(each.calls) for each in made)
