"""The world that the generator's calls happen in: people, machines, projects, hours, and the random draws, all from one seed."""

import json
import math
import random
from dataclasses import dataclass
from datetime import datetime, timezone

DAY_MS = 86_400_000
USERS = ("ada", "bob", "chi", "dan", "eve", "fay", "gus", "hua")
PROJECTS = ("shop-frontend", "api", "infra", "数据平台", "my project (old)", "notes")
BRANCHES = ("main", "feature-x", "fix/lange-straße", "release/2026.08", "HEAD", "")
# Where a machine keeps its homes, how far its clock is off, in ms, and its time zone, in minutes: machines take them in turn.
MACHINES = (("/home/{}", 0, 0), ("/Users/{}", 41_000, 120), ("C:\\Users\\{}", -75_000, 480), ("/home/{}", 290_000, -420))
WORDS = ("the call reads one file and writes another; nothing else is touched. ", "Ich prüfe die Größe der Datei. ", "这个函数返回令牌的总数。 ",
         "naïve café ☕ 🚀 ", "for (i = 0; i < n; i++) { sum += a[i]; }\n", "C:\\temp\\x \"quoted\" 'single' `tick`\t|\n", "données à vérifier — «ici»\r\n")
# Texts that look like what is counted, and are not: quoted logs in a reply, or in what a tool gave back.
TRAPS = ('{"type":"assistant","requestId":"req_trap","message":{"id":"msg_trap","usage":{"input_tokens":99999,"output_tokens":99999}}}\n',
         '"usage":{"input_tokens":77777,"cache_read_input_tokens":77777}} }] "total_token_usage":{"input_tokens":88888}')
RAW_TRAPS = ("\\u0000", "\\ud83d", "\\/\\b\\f", "\\\\\\\"")  # as they stand in JSON: a NUL, half an emoji, rare escapes, a backslash and a quote


@dataclass(frozen=True)
class Home:
    """A user's home on a machine: what is under path is at the CLIs' own places."""
    machine: str
    user: str
    folder: str  # as the machine calls it
    skew_ms: int
    zone_min: int

    @property
    def path(self):
        return f"{self.machine}/{self.user}"

    def project(self, name):
        separator = "\\" if "\\" in self.folder else "/"
        return separator.join((self.folder, "work", name))


def make_homes(machines, users):
    """Each machine has a user and each user a machine, and the first two users who can have a second one: histories move between them."""
    names = [USERS[i] if i < len(USERS) else f"user-{i + 1}" for i in range(users)]
    pairs = [(i % machines, i) for i in range(users)] + [(i, i % users) for i in range(machines)] + [(1 % machines, 0), (0, 1 % users)]
    homes = []
    for machine, user in dict.fromkeys(pairs):
        folder, skew, zone = MACHINES[machine % len(MACHINES)]
        homes.append(Home(f"machine-{machine + 1}", names[user], folder.format(names[user]), skew, zone))
    return homes


def parse_time(text):
    """Milliseconds since 1970 of an ISO time; without a zone it is UTC."""
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp() * 1000)


def day_of(number):
    return datetime.fromtimestamp(number * 86400, timezone.utc).strftime("%Y-%m-%d")


class World:
    """usual: calls of a session, in the middle. plain: nothing that tools with simpler rules get wrong."""

    def __init__(self, seed, machines, users, end_ms, days, lean, usual, plain=False):
        self.rng = random.Random(seed)
        self.random, self.bits = self.rng.random, self.rng.getrandbits
        self.homes = make_homes(machines, users)
        self.end_ms, self.days, self.lean, self.plain = end_ms, days, lean, plain
        self.day_names = {}
        self.outputs = self.table(math.log(260), 1.2, 1, 60_000)  # tokens that a call writes
        self.steps = self.table(math.log(9_000), 1.1, 300, 900_000)  # ms from a call to the next
        self.writes = self.table(math.log(1_500), 1.3, 0, 120_000)  # tokens that a call adds to a cache
        self.small = self.table(math.log(6), 1.0, 1, 4_000)  # tokens that are in no cache
        self.sizes = self.table(math.log(usual), 1.0, 1, 400)  # calls of a session's main thread
        self.texts = self.make_texts()

    def table(self, mu, sigma, least, most):
        """4096 draws of a skewed distribution, to be drawn from by index: that is quicker."""
        return [min(most, max(least, int(self.rng.lognormvariate(mu, sigma)))) for _ in range(4096)]

    def make_texts(self):
        """256 texts as they stand between the quotes of JSON; median some 200 bytes, a few of 100 KB and more."""
        texts = []
        for number in range(256):
            size = 12 if self.lean else min(260_000, int(self.rng.lognormvariate(math.log(200), 1.6)))
            size = 150_000 if number == 255 and not self.lean else size
            pieces, length = [], 0
            while length < size:
                words = WORDS[int(self.random() * len(WORDS))] if self.random() < 0.98 else TRAPS[self.bits(1)]
                pieces.append(words)
                length += len(words)
                if length > 4000:  # long ones repeat themselves, as outputs of tools do
                    pieces *= max(1, size // length)
                    break
            text = json.dumps("".join(pieces), ensure_ascii=number % 16 == 0)[1:-1]
            texts.append(text + RAW_TRAPS[number // 32 % 4] if number % 32 == 1 else text)
        return texts

    # --- draws ---

    def chance(self, probability):
        return self.random() < probability

    def pick(self, choices):
        return choices[int(self.random() * len(choices))]

    def between(self, least, most):
        return least + int(self.random() * (most - least + 1))

    def weighted(self, pairs):
        """One of (thing, weight) pairs; weights sum to 1."""
        draw = self.random()
        for thing, weight in pairs:
            draw -= weight
            if draw < 0:
                return thing
        return pairs[-1][0]

    def text(self):
        return self.texts[self.bits(8)]

    def uuid(self, version=4, ms=None):
        """ms: of version 7, when it was made (RFC 9562)."""
        digits = "%032x" % self.bits(128) if ms is None else "%012x%020x" % (ms, self.bits(128) >> 48)
        return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"

    # --- time ---

    def iso(self, ms):
        day, rest = divmod(ms, DAY_MS)
        name = self.day_names.get(day)
        if name is None:
            name = self.day_names[day] = day_of(day)
        seconds, rest = divmod(rest, 1000)
        minutes, seconds = divmod(seconds, 60)
        return "%sT%02d:%02d:%02d.%03dZ" % (name, minutes // 60, minutes % 60, seconds, rest)

    def iso_at(self, ms, zone_min):
        """With the offset of a time zone in place of Z."""
        return f"{self.iso(ms + zone_min * 60_000)[:-1]}{'-' if zone_min < 0 else '+'}{abs(zone_min) // 60:02}:{abs(zone_min) % 60:02}"

    def begin(self):
        """When a session begins, and the time that none of its calls may pass: some begin just before midnight UTC, some of these at a
        month's end; on a few machines the clock is ahead, by two days at most."""
        if self.chance(0.004):
            return self.end_ms + self.between(0, DAY_MS), self.end_ms + 2 * DAY_MS
        begin = self.end_ms - int(self.random() * self.days * DAY_MS)
        if self.chance(0.08):
            midnights = range((self.end_ms - self.days * DAY_MS) // DAY_MS + 1, self.end_ms // DAY_MS + 1)
            ends = [number for number in midnights if day_of(number).endswith("-01")]
            if midnights:
                begin = self.pick(ends if ends and self.chance(0.3) else midnights) * DAY_MS - self.between(1, 1_200_000)
        return begin, self.end_ms
