"""A workspace with usage in it, for tests of what is made of it: logs by the generator (tests/usage), sent as they are.

filled(system, folder) makes it: .owner, .bob (editor), .viewer, .outsider; .calls has each call as it stands in the ledger, so that a test
can add up in Python what it expects.
"""

import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from types import SimpleNamespace

from configs import acting_in, everything, new_workspace
from stack import ROOT, join

COUNTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
SUMS = ("calls", *COUNTS, "cost", "unpriced")
ROOTS = {"claude": (".claude/projects", ".config/claude/projects"), "codex": (".codex/sessions", ".codex/archived_sessions"), "gemini": (".gemini/tmp",),
         "qwen": (".qwen/projects",), "droid": (".factory/sessions",)}
END = "2026-03-20T12:00:00Z"


def generate(folder, *arguments):
    subprocess.run([sys.executable, ROOT / "tests" / "usage" / "generate.py", "--seed", "3", "--calls", "1500", "--machines", "2", "--users", "2", "--lean",
                    "--days", "30", "--end", END, "--out", folder, *arguments], check=True, capture_output=True)


def send_home(client, home, machine):
    for platform, roots in ROOTS.items():
        for path in sorted(path for root in roots for path in (home / root).rglob("*") if path.is_file()):
            answer = client.post("/api/usage/import", params={"platform": platform, "machine": machine, "file": str(path.relative_to(home))}, data=path.read_bytes())
            assert answer.status_code == 200, answer.text


def calls_of(system, slug):
    """Every call of the workspace, as it stands in the ledger."""
    names = ("at", "user", "machine", "platform", "provider", "profile", "model", "project", "branch", "tier", "session", "source", *COUNTS, "cost")
    with everything(system) as db:
        rows = db.execute("SELECT c.at, u.username, g.machine, g.platform, g.provider, g.profile, g.price_model, g.project, g.branch, g.tier, c.session_id,"
                          " c.sources, c.input, c.output, c.cache_read, c.cache_write, c.cache_write_1h, c.reasoning, c.cost FROM usage_calls c"
                          " JOIN usage_groups g ON g.id = c.group_id LEFT JOIN users u ON u.id = g.user_id"
                          " JOIN workspaces w ON w.id = c.workspace_id WHERE w.slug = %s", (slug,)).fetchall()
    return [dict(zip(names, row)) for row in rows]


def filled(system, folder):
    generate(folder)
    owner = system.client("ada")
    slug = new_workspace(owner)
    team = SimpleNamespace(system=system, slug=slug, owner=acting_in(owner, slug), outsider=system.client("mallory"))
    for name, role in (("bob", "editor"), ("eve", "viewer")):
        person = system.client(name)
        join(owner, slug, person, name, role)
        setattr(team, {"bob": "bob", "eve": "viewer"}[name], acting_in(person, slug))
    for machine in sorted(path for path in folder.iterdir() if path.is_dir() and path.name.startswith("machine")):
        for home in sorted(machine.iterdir()):
            send_home({"ada": team.owner, "bob": team.bob}[home.name], home, machine.name)
    team.calls = calls_of(system, slug)
    return team


def empty_sums():
    return dict.fromkeys(SUMS, 0)


def add(sums, call):
    sums["calls"] += 1
    for name in COUNTS:
        sums[name] += call[name]
    sums["cost"] += call["cost"] or 0
    sums["unpriced"] += call["cost"] is None


def rounded(sums):
    return {**sums, "cost": Decimal(sums["cost"]).quantize(Decimal("0.000001"), "ROUND_HALF_UP")}


def added_up(calls, key):
    """{key(call): its sums}; calls whose key is None are left out."""
    found = defaultdict(empty_sums)
    for call in calls:
        if key(call) is not None:
            add(found[key(call)], call)
    return {name: rounded(sums) for name, sums in found.items()}


def shown(row):
    """The sums of a row of an answer whose numbers were read with parse_float=Decimal."""
    return {name: Decimal(row[name]).quantize(Decimal("0.000001")) if name == "cost" else row[name] for name in SUMS}
