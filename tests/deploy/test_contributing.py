"""The patches that CONTRIBUTING.md shows: they apply, and with nothing else the program, its documents and the tests have what they add."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLUMN, KIND = re.findall(r"^```diff\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)


def run(folder, *command, **options):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def copy_to(folder):
    """What a commit of this checkout would have."""
    files = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    there = "\0".join(name for name in files.split("\0") if name and (ROOT / name).exists())
    run(ROOT, "xargs", "-0", "cp", "--parents", "-t", folder, input=there)
    return folder


@pytest.mark.parametrize("patch, most", [(COLUMN, 10), (KIND, 60)], ids=["column", "kind"])
def test_a_patch_is_short_and_applies(patch, most):
    assert len(patch.splitlines()) <= most
    run(ROOT, "git", "apply", "--check", "-", input=patch)


@pytest.mark.slow
def test_a_column_and_a_kind_are_a_patch_each(tmp_path):
    tree = copy_to(tmp_path)
    for patch in (COLUMN, KIND):
        run(tree, "git", "apply", "-", input=patch)
    make = ["make", f"-j{os.cpu_count()}", "CFLAGS=-O1"]
    run(tree, *make)
    run(tree, *make, "docs")
    run(tree, *make)  # the document that the program serves

    kinds = {kind["name"]: kind for kind in json.loads(run(tree, "build/ccr-ui-backend", "kinds", "--json"))}
    assert [column["name"] for column in kinds["snippet"]["columns"]] == ["language", "description", "tags", "source", "code"]
    assert kinds["snippet"]["platforms"] == ["claude", "codex"]
    (author,) = [column for column in kinds["prompt"]["columns"] if column["name"] == "author"]
    assert (author["max"], author["label"]["zh"]) == (200, "作者")
    document = json.loads((tree / "docs" / "openapi.json").read_text())
    assert "/api/resources/{platform}/snippet/{name}/rollback" in document["paths"]
    assert document["components"]["schemas"]["Prompt"]["properties"]["author"]["maxLength"] == 200
    assert "| `snippet` | Snippet | claude, codex | editor | **`language`**" in (tree / "docs" / "api.md").read_text()

    run(tree, "scripts/check-docs.sh", "build/ccr-ui-backend")
    run(tree, "scripts/check-kinds.py")
    run(tree, "scripts/check-layers.sh")
    run(tree, "clang-format", "--dry-run", "-Werror", "src/kinds/snippet.c", "src/kinds/kinds.c", "src/kinds/prompt.c")
    tests = ["tests/integration/test_resources.py", "tests/integration/test_openapi.py"]
    told = run(tree, "/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-s", *tests)
    here = re.search(r"requests: (\d+) pairs of kind and platform", told)
    assert int(here[1]) == sum(len(kind["platforms"]) for kind in kinds.values())
