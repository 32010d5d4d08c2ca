#!/usr/bin/python3
"""Each file of presets/ is what the program takes it for: valid JSON with the members that there are and no others, its id unique and its
place, both languages wherever one stands, and a place in the resource for what has to be given. What columns and values a kind has is for
tests/integration/test_presets.py, which installs them all. Usage: scripts/check-presets.py"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {"id", "kind", "version", "label", "description", "tags", "requires", "resource"}
OPTIONAL = {"homepage", "docs"}
GIVEN = {"name", "label", "secret", "into", "as", "before"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def once(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a member stands twice in {names}")
    return dict(pairs)


def said(value, where):
    """What is wrong with the texts in two languages anywhere in the value."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from said(each, f"{where}[{number}]")
    if not isinstance(value, dict):
        return
    if not {"en", "zh"} & set(value):
        for name, each in value.items():
            yield from said(each, f"{where}.{name}".lstrip("."))
        return
    if set(value) != {"en", "zh"}:
        yield f"{where} has {sorted(value)} where en and zh belong"
        return
    for language, text in value.items():
        if not (isinstance(text, str) and text.strip()) and not (isinstance(text, list) and text and all(isinstance(line, str) for line in text)):
            yield f"{where}.{language} is neither a text nor its lines"
    en, zh = (each if isinstance(each, str) else "\n".join(each) for each in (value["en"], value["zh"]))
    if CHINESE.search(en) or (en != zh and not CHINESE.search(zh)):
        yield f"{where} is not in both languages"


def wrong(path, preset):
    if not isinstance(preset, dict) or NEEDED - set(preset) or set(preset) - NEEDED - OPTIONAL:
        yield f"its members are not {sorted(NEEDED)}, and if wanted {sorted(OPTIONAL)}"
        return
    yield from said(preset, "")
    if (preset["kind"], preset["id"]) != (path.parent.name, path.stem) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", preset["id"]):
        yield "is not at presets/<kind>/<id>.json, its id of a-z, 0-9 and '-'"
    if not isinstance(preset["version"], int) or preset["version"] < 1:
        yield "its version is no number from 1"
    for name in ("label", "description"):
        if set(preset[name]) != {"en", "zh"}:
            yield f"{name} is not {{en, zh}}"
    for name in OPTIONAL & set(preset):
        if not preset[name].startswith("https://"):
            yield f"{name} does not begin with https://"
    for given in preset["requires"]:
        if set(given) != GIVEN:
            yield f"requires has {sorted(given)} instead of {sorted(GIVEN)}"
        elif not isinstance(preset["resource"].get(given["into"]), (dict, list)):
            yield f"the resource has no object or list '{given['into']}' for {given['name']}"


def main():
    found, ids, files = [], {}, sorted((ROOT / "presets").glob("*/*.json"))
    for path in files:
        try:
            preset = json.loads(path.read_text(), object_pairs_hook=once)
        except ValueError as problem:
            found.append(f"{path.relative_to(ROOT)}: {problem}")
            continue
        found += [f"{path.relative_to(ROOT)}: {problem}" for problem in wrong(path, preset)]
        if path.stem in ids:
            found.append(f"{path.relative_to(ROOT)} and {ids[path.stem]} have the same id")
        ids[path.stem] = path.relative_to(ROOT)
    print("\n".join(found) if found else f"{len(files)} presets")
    return bool(found or not files)


if __name__ == "__main__":
    sys.exit(main())
