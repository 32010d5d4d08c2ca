"""Machines that send what the generator of tests/usage wrote: in pieces, in bodies of several files, again and again, many at once, in an
order that comes from a seed."""

import random
import threading
from pathlib import Path

from usage_ledger import naming

# Where a CLI keeps its logs under a home.
FOLDERS = {".claude": "claude", ".config/claude": "claude", ".codex": "codex", ".gemini": "gemini", ".qwen": "qwen", ".factory": "droid"}
PIECES = 4


def logs_of(home, platform):
    """Paths under a home, in order: Droid's *.jsonl, which tell the project, are before their *.settings.json."""
    return sorted(path for folder, of in FOLDERS.items() if of == platform for path in (home / folder).rglob("*")
                  if path.is_file() and path.name.endswith((".jsonl", ".json")) and not path.name.endswith(".meta.json"))


class Crowd:
    """reporters: by user. Jobs are what is done in one go by one of the threads; `times` is how often each machine sends its files."""

    def __init__(self, folder, told, reporters, seed, times=3, events=True, group=12):
        self.folder, self.reporters, self.random = Path(folder), reporters, random.Random(seed)
        self.steps = [*told["steps"], ""]
        self.locks, self.sent, self.wrong = {}, 0, []
        self.jobs = []
        for home in told["homes"]:
            for _ in range(times):
                self.add_home(home, group)
                if events:
                    bodies = sorted((self.folder / "otlp" / home["path"]).glob("*"))
                    self.jobs += [(self.send_events, home, body, self.random.random()) for body in bodies]
        self.random.shuffle(self.jobs)

    def add_home(self, home, group):
        root = self.folder / home["path"]
        for platform in ("claude", "codex", "gemini", "qwen"):
            files = logs_of(root, platform)
            self.random.shuffle(files)
            while files:
                several = [files.pop() for _ in range(min(len(files), self.random.randint(1, group)))]
                self.jobs.append((self.send_pieces if len(several) < 3 else self.send_together, home, platform, several, self.random.random()))
        self.jobs.append((self.send_droid, home))

    # --- jobs ---

    def name(self, home, file):
        return str(file.relative_to(self.folder / home["path"]))

    def send_pieces(self, home, platform, files, seed):
        """Each file in some pieces, cut anywhere. Who finds that another one was faster sends it whole."""
        reporter, draw = self.reporters[home["user"]], random.Random(seed)
        for file in files:
            whole, at = file.read_bytes(), 0
            query = {"machine": home["machine"], "file": self.name(home, file)}
            encoding = draw.choice((None, "gzip", "zstd"))
            ends = sorted(draw.randint(0, len(whole)) for _ in range(draw.randint(0, PIECES))) if file.suffix == ".jsonl" else []
            for end in (*ends, len(whole)):
                if end < at:
                    continue
                answer = reporter.send(platform, whole[at:end], encoding, at=at, **query)
                if answer.status == 409:
                    reporter.send_good(platform, whole, encoding, **query)
                    break
                assert answer.status == 200, answer
                at = answer.data["position"] or 0

    def send_together(self, home, platform, files, seed):
        draw, body = random.Random(seed), b""
        for file in files:
            content = file.read_bytes()
            body += naming(self.name(home, file)) + content + (b"" if content.endswith(b"\n") else b"\n")
        encoding = draw.choice((None, "gzip", "zstd"))
        answer = self.reporters[home["user"]].send_good(platform, body, encoding, machine=home["machine"])
        assert answer["files"] == len(files), answer

    def send_droid(self, home):
        """Sums that grow: in their order, from each home by one at a time."""
        with self.locks.setdefault(home["path"], threading.Lock()):
            for step in self.steps:
                root = self.folder / step / home["path"]
                for file in logs_of(root, "droid"):
                    self.reporters[home["user"]].send_good("droid", file.read_bytes(), machine=home["machine"], file=str(file.relative_to(root)))

    def send_events(self, home, body, seed):
        encoding = random.Random(seed).choice((None, "gzip", "zstd"))
        answer = self.reporters[home["user"]].send_events(body.read_bytes(), encoding, body.suffix[1:])
        assert answer.status == 200, answer

    # --- all of them ---

    def work(self):
        while True:
            with self.lock:
                if not self.left or self.wrong:
                    return
                action, *given = self.left.pop()
            try:
                action(*given)
            except Exception as problem:  # pylint: disable=broad-except
                self.wrong.append((action.__name__, given, problem))
                return

    def send(self, threads=8):
        """All jobs, so many at once. Raises what went wrong first."""
        self.lock, self.left = threading.Lock(), list(reversed(self.jobs))
        workers = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self.wrong:
            raise AssertionError(f"{self.wrong[0][:2]}: {self.wrong[0][2]!r}") from self.wrong[0][2]
