#!/usr/bin/python3
"""Realistic logs of Claude Code, Codex, Gemini CLI, Qwen Code and Droid, and the exact sums of the calls that they tell of. See README.md.

    generate.py --seed 1 --calls 1000 --machines 3 --users 2 --out DIR [--otlp] [--lean] [--plain] [--platforms claude,codex]
                [--days 30] [--end 2026-08-31T23:50:00Z] [--prices FILE]
    generate.py --verify DIR          reads what was written with a slow and simple reader of its own, and compares with totals.json

The same arguments give the same bytes. Memory does not grow with the number of calls."""

import argparse
import json
import os
import sys
from pathlib import Path

import claude_logs
import codex_logs
import other_logs
import verify
from otlp_bodies import Exports
from truth import Prices, Totals
from world import World, parse_time

# What a platform's sessions are written by, and how many of ten are of it.
PLATFORMS = {"claude": (claude_logs.write_session, 4.5), "codex": (codex_logs.write_session, 2.5), "gemini": (other_logs.write_gemini, 1.3),
             "qwen": (other_logs.write_qwen, 1.0), "droid": (other_logs.write_droid, 0.7)}
EXPORTING = {"claude": 0.6, "codex": 0.5, "gemini": 0.4, "qwen": 0.4, "droid": 0.0}  # how many sessions export events, with --otlp


class Files:
    def __init__(self, out):
        self.out, self.count, self.bytes = Path(out), 0, 0

    def write(self, home, name, lines, end, tail, step="", time_ms=None):
        """Under a home; step: a folder of earlier states of the same files. Half characters are bytes that are no UTF-8."""
        text = end.join(lines) + end + tail
        self.write_bytes(f"{step}/{home.path}/{name}" if step else f"{home.path}/{name}", text.encode("utf-8", "surrogateescape"), time_ms)

    def write_bytes(self, name, content, time_ms=None):
        path = f"{self.out}/{name}"
        try:
            file = open(path, "wb")
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path))
            file = open(path, "wb")
        with file:
            file.write(content)
        if time_ms is not None:
            os.utime(path, (time_ms / 1000, time_ms / 1000))
        self.count += 1
        self.bytes += len(content)


def generate(out, seed=1, calls=1000, machines=1, users=1, platforms=tuple(PLATFORMS), otlp=False, lean=False, plain=False, days=30,
             end="2026-08-31T23:50:00Z", prices=Path(__file__).parent / "prices.json"):
    """Writes DIR/MACHINE/USER/…, DIR/otlp/…, DIR/step-N/… and DIR/totals.json; gives what totals.json holds. The folder must not have any yet."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    world = World(seed, machines, users, parse_time(end), days, lean, usual=8 if calls < 50_000 else 30, plain=plain)
    files, totals = Files(out), Totals(Prices(prices), otlp)
    exports = Exports(world, files, otlp)
    weight = sum(PLATFORMS[name][1] for name in platforms)
    shares = [(name, PLATFORMS[name][1] / weight) for name in platforms]
    left = calls
    while left > 0:
        name = world.weighted(shares)
        telemetry = world.chance(EXPORTING[name]) and otlp
        left -= PLATFORMS[name][0](world, files, totals, exports, world.pick(world.homes), world.homes, left, telemetry)
    exports.end()
    written = {"seed": seed, "calls": calls, "end": end, "days": days, "lean": lean, "plain": plain, "events": otlp, "platforms": list(platforms),
               "homes": [{"machine": home.machine, "user": home.user, "path": home.path} for home in world.homes],
               "files": files.count, "bytes": files.bytes, "bodies": exports.bodies, "steps": sorted(path.name for path in out.glob("step-*")), **totals.as_json()}
    with open(out / "totals.json", "w") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in written.items()) + "\n}\n")
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verify", metavar="DIR", type=Path)
    parser.add_argument("--out", metavar="DIR", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("--platforms", default=",".join(PLATFORMS))
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--end", default="2026-08-31T23:50:00Z")
    parser.add_argument("--prices", type=Path, default=Path(__file__).parent / "prices.json")
    parser.add_argument("--otlp", action="store_true", help="also what the CLIs export as OpenTelemetry")
    parser.add_argument("--lean", action="store_true", help="short texts and few lines without a call")
    parser.add_argument("--plain", action="store_true", help="of Claude Code and Codex only versions that say each number once: for comparing with other tools")
    wanted = parser.parse_args()
    if wanted.verify:
        problems = verify.check(wanted.verify, wanted.prices)
        print("\n".join(problems) or "equal")
        return 1 if problems else 0
    if not wanted.out:
        parser.error("--out or --verify is needed")
    platforms = tuple(wanted.platforms.split(","))
    if set(platforms) - set(PLATFORMS):
        parser.error(f"platforms are {', '.join(PLATFORMS)}")
    made = generate(wanted.out, wanted.seed, wanted.calls, wanted.machines, wanted.users, platforms, wanted.otlp, wanted.lean, wanted.plain, wanted.days, wanted.end, wanted.prices)
    print(f"{made['calls']} calls, {made['files']} files, {made['bytes']} bytes, {made['bodies']} bodies of OTLP")
    return 0


if __name__ == "__main__":
    sys.exit(main())
