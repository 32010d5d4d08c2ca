"""What bench.py prints and what it writes to docs/performance.md."""

import datetime
import os
import platform
import re
import time
from pathlib import Path

from contestants import PHP, node, output_of, parts

BUSY_PERCENT = 10

INTRODUCTION = """\
<!-- Made by `make bench-docs`; measure again instead of changing it. -->
# Performance

How fast ccr-ui-backend is, compared in one run on one machine with

- **a bare libfcgi program** (`tests/bench/baseline.c`): libfcgi's own loop and fixed answers or one prepared statement, without
  routing, login, row-level security, checks or logs. It is the most that FastCGI, Nginx and PostgreSQL leave room for. A single
  profile it puts together from the same row as ours, and tells by the same two pointers whether it is the current one. Its list
  is made by `json_agg`, of a table with a column for each member: where ours is ahead of it, it is because what a reader sees is
  stored as JSON when it is written, and only joined in C. Its writes are prepared statements, each in a round trip of its own, in
  one transaction: the resource, its words (when it is new), its revision, its audit row. The tables' triggers make the total and the
  generation for both. The run checks that the answers and the number of rows are the same.
- **PHP-FPM** (`tests/bench/php`) and **Node with Fastify** (`tests/bench/fastify`), which answer the same requests with the same
  JSON, as the run checks: they verify the token of each request, look up the membership and read the profiles, in one query.
  They, too, join the stored JSON instead of building it, and are spared row-level security, limits, sessions that can be ended, and
  logs of their own.

How to read it:

- **Ratios carry over to other machines, requests per second do not.** The load comes from the same machine and shares its
  processors.
- Each row compares two programs in turns, never both at once; of the rounds the median counts.
- "Cache off" is `CACHE_SIZE=0`: every read asks PostgreSQL. Otherwise the settings are the default ones without limits (`RATE_LIMIT=0`, `IN_PROGRESS_LIMITS=off`).
- The bare program and PHP-FPM have 8 processes, Fastify 8 connections to PostgreSQL: of 2, 3, 4 and 8 on two processors that was
  the fastest, or within 3 % of it. Ours may have 2 to 8 workers, its default, and does not start more than the processors can feed:
  the notes say how many it had.
- Creating and replacing have 4 connections: writers of one workspace follow one another, as its numbers of generation do.
- The rows about 100 and 100,000 agents compare the program with itself: how many times as long a page of many takes.
- Everybody stands behind Nginx with the same configuration, on a Unix socket: ours and PHP-FPM with a connection a request,
  Fastify with kept connections.

`make bench` measures again (about 15 minutes), `scripts/bench.sh --help` has the options. `make bench-against OLD=COMMIT` tells
whether a change made the program slower: it compares with another commit in turns of a second each, so that its medians hold
on a busy machine, too.
"""


def versions():
    """The programs that took part, in the words that they use themselves."""
    found = {
        "Nginx": output_of("nginx", "-v"), "PostgreSQL": output_of(parts.pg_program("postgres"), "--version"),
        "PHP": output_of(PHP, "--version"), "Node": output_of(node() or "node", "--version"),
        "Fastify": fastify_version(), "wrk": output_of("wrk", "--version"),
    }
    result = {}
    for name, line in found.items():
        number = re.search(r"\d+(\.\d+)+", line)
        if number:
            result[name] = number.group(0)
    return result


def fastify_version():
    path = Path(__file__).resolve().parent / "fastify" / "package.json"
    match = re.search(r'"fastify": "([\d.]+)"', path.read_text())
    return match.group(1) if match else ""


def machine():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory.group(1)) / 1024 / 1024, 1),
        "kernel": platform.release(),
        "versions": versions(),
    }


def busy(seconds=1.0):
    """The share of the processors' time that others take, measured while we do nothing."""
    def times():
        numbers = [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]    # all, idle and waiting for disks

    total, idle = times()
    time.sleep(seconds)
    total_after, idle_after = times()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def noise(made):
    """A warning when the machine was not ours alone, else nothing."""
    percent = made["machine"]["busy_percent"]
    return f"the machine was {percent} % busy with something else, so these figures are not to be relied on; measure again" \
        if percent > BUSY_PERCENT else ""


def figure(value, unit=""):
    """A number as one reads it; nothing for what was not measured."""
    if value is None:
        return ""
    shown = f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.2f}"
    return f"{shown} {unit}".strip()


def verdict(result):
    if result.measured is None:
        return "not available"
    return {True: "ok", False: "MISSED", None: ""}[result.good]


HEADINGS = ["what", "ours/s", "theirs/s", "measured", "target", "", "note"]


def result_rows(made):
    return [[result.what, figure(result.ours), figure(result.theirs), figure(result.measured, result.unit), result.target,
             verdict(result), result.note] for result in made["results"]]


def shown(rows):
    return [[figure(cell) if isinstance(cell, (int, float)) else cell for cell in row] for row in rows]


def plain_table(headings, rows, left=()):
    """Columns of numbers to the right; those named in `left`, and those with words in them, to the left."""
    rows = [headings, *shown(rows)]
    columns = []
    for column in zip(*rows):
        width = max(map(len, column))
        numbers = column[0] not in left and all(re.match(r"^[-<>=\d]|^$", cell) for cell in column[1:])
        columns.append([cell.rjust(width) if numbers else cell.ljust(width) for cell in column])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns))


def markdown_table(headings, rows):
    lines = [headings, ["---"] * len(headings), *shown(rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def text(made):
    blocks = []
    if made["results"]:
        blocks.append(plain_table(HEADINGS, result_rows(made), left=("what", "note")))
    for table in made.get("growth", []):
        blocks.append(f"{table['title']} ({table['note']})\n" + plain_table(table["columns"], table["rows"]))
    return "\n\n".join(blocks)


def markdown(made):
    facts, settings = made["machine"], made["settings"]
    programs = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    blocks = [
        INTRODUCTION,
        "## The machine\n",
        f"{facts['date']}. {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, Linux {facts['kernel']}. "
        f"{programs}.\n",
        *([f"**{noise(made).capitalize()}.**\n"] if noise(made) else []),
        "## Against others\n",
        f"wrk with 1 thread and {settings['connections']} connections where nothing else is said, {settings['rounds']} rounds of "
        f"{settings['seconds']} s; {settings['processes']} PHP children or connections of Fastify, at most as many workers of ours.\n",
        markdown_table(["what", "ours/s", "theirs/s", "measured", "target", "verdict", "note"], result_rows(made)) + "\n",
    ]
    if made.get("growth"):
        blocks.append("## How cost grows\n")
    for table in made.get("growth", []):
        blocks += [f"### {table['title']}\n", table["note"] + "\n", markdown_table(table["columns"], table["rows"]) + "\n"]
    return "\n".join(blocks)
