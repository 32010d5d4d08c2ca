#!/usr/bin/python3
"""Puts docs/openapi.yaml together: what is written by hand in docs/openapi/, and for every kind of resource, as the program prints
them, what docs/openapi/resources.yaml says of one. Also docs/openapi.json, the same for the program to serve, and the table of kinds
in docs/api.md. Usage: scripts/openapi.py [--check] [BINARY]"""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "# Made by `make docs` from docs/openapi/*.yaml and the kinds of the program; change those.\n"
# What examples hold in a column of this name; other columns that are required get something of their type.
SAMPLES = {"description": "Reviews changes", "model": "claude-sonnet-4-5", "provider": "openai", "command": "npx", "version": "1.2.0",
           "args": ["-y", "@example/server"], "env": {"API_KEY": "sk-0123456789abcdef"}, "tools": ["Read", "Grep"],
           "event": "PreToolUse", "rule": "Bash(npm run test:*)", "location": "example/plugins", "marketplace": "team",
           "system_prompt": "You review changes.", "prompt": "Review what is staged.", "text": "Answer briefly.", "tags": ["review"],
           "files": {"scripts/count.sh": "wc -l"}, "value": "opus"}
# One of a column of the type files.
FILE = {"anyOf": [{"type": "string", "description": "Its text."},
                  {"type": "object", "additionalProperties": False, "required": ["base64"],
                   "properties": {"base64": {"type": "string", "description": "Its bytes."}}}]}


# ---- one kind ----

def schema(kind, column, use):
    """What the column may hold; `use` is read, write or patch."""
    sort, most, nullable = column["type"], column.get("max"), not column["required"]
    texts = {"type": "string", "maxLength": column.get("item_max")}
    members = {**texts, "type": ["string", "null"], "description": "Null removes it."} if use == "patch" else texts
    limits = {name: column[member] for name, member in (("minimum", "min"), ("maximum", "max")) if member in column}
    made = {"bool": {"type": "boolean"}, "integer": {"type": "integer", **limits}, "number": {"type": "number", **limits},
            "strings": {"type": "array", "items": texts, "maxItems": most}, "objects": {"type": "array", "items": {"type": "object", "additionalProperties": True}, "maxItems": most},
            "map": {"type": "object", "additionalProperties": members, "maxProperties": most},
            "files": {"type": "object", "maxProperties": most, "additionalProperties": FILE},
            "object": {"type": "object", "additionalProperties": True}}.get(sort, {"type": "string", "maxLength": most})
    if sort == "json":
        return {"description": described(kind, column, use != "read")}
    if "choices" in column:
        made = {"type": "string", "enum": column["choices"] + [None] * nullable}
    elif made["type"] == "string" and column["required"]:
        made["minLength"] = max(1, column.get("min", 1))
    if nullable and sort == "integer" and use != "read":
        made = {"anyOf": [made, {"const": ""}, {"type": "null"}]}
    elif nullable:
        made["type"] = [made["type"], "null"]
    return {**made, "description": described(kind, column, use != "read")}


def described(kind, column, writing):
    masks = "; a mask that comes back as it was shown keeps what is stored." if writing else "."
    words = [column["label"]["en"] + "."]
    if column["secret"] or column["secret_parts"]:
        words.append(("Secret: it is shown masked" if column["secret"] else "Parts that are secret are shown masked") + masks)
    if column["platforms"] != kind["platforms"]:
        words.append(f"Only {', '.join(column['platforms'])} can express it.")
    return " ".join(words)


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(kind, name):
    columns, listed = kind["columns"], [column for column in kind["columns"] if column["listed"]]
    folder = {"folder": {"type": "string", "description": "Empty when it is in none."}} if kind["folders"] else {}
    own = {"name": ref("ResourceName"), **folder,
           "kind": {"const": kind["name"]}, "platform": {"type": "string", "enum": kind["platforms"]}, "enabled": {"type": "boolean"},
           **({"platforms": ref("SharingPlatforms")} if kind["shared"] else {}),
           "revision": {"type": "integer", "minimum": 1}, "updated_at": ref("Timestamp")}

    def shown(columns, what):
        members = {**own, **{column["name"]: schema(kind, column, "read") for column in columns}}
        there = [*own, *(column["name"] for column in columns if column["required"])]  # older ones lack what is a column since
        return {"description": what, "type": "object", "additionalProperties": False, "required": there, "properties": members}

    def sent(before, default, use="write"):
        required = [*before, *(column["name"] for column in columns if column["required"] and use != "patch")]
        members = {**before, "enabled": {"type": ["boolean", "null"], "description": f"Without it {default}."},
                   **{column["name"]: schema(kind, column, use) for column in columns}}
        return {"type": "object", **({"required": required} if required else {}), "properties": members}

    made = {name: shown(columns, f"{kind['label']['en']}, as it is read.")}
    if len(listed) < len(columns):
        made[f"{name}Listed"] = shown(listed, f"{kind['label']['en']}, as a page has it.")
    made[f"New{name}"] = sent({"name": ref("ResourceName")}, "true")
    made[f"{name}Input"] = sent({}, "as it was")
    made[f"{name}Patch"] = sent({}, "as it was", "patch")
    return made


def sample(column):
    """A value for examples; None where they do without one."""
    if "choices" in column:
        return column["choices"][0] if column["required"] else None
    if column["name"] in SAMPLES or not (column["required"] or column["conditional"]):
        return SAMPLES.get(column["name"])
    return {"integer": column.get("min", 1), "number": column.get("min", 1), "bool": True, "strings": [], "objects": [], "map": {},
            "object": {}, "url": "https://example.org"}.get(column["type"], "example")


def masked(value):
    if isinstance(value, dict):
        return {name: masked(each) for name, each in value.items()}
    return "*" * len(value) if len(value) <= 10 else value[:4] + "..." + value[-4:]


def words(kind, name):
    """What stands for each <…> of the template; values as JSON, which is YAML, too."""
    columns = kind["columns"]
    values = {column["name"]: sample(column) for column in columns}
    given = {column: value for column, value in values.items() if value is not None}
    shown = {"name": "example", **({"folder": ""} if kind["folders"] else {}), "kind": kind["name"], "platform": kind["platforms"][0],
             "enabled": True, **({"platforms": {kind["platforms"][0]: True}} if kind["shared"] else {}), "revision": 1, "updated_at": "2025-11-22T09:30:00.123Z"}
    shown.update({c["name"]: masked(values[c["name"]]) if c["secret"] and values[c["name"]] else values[c["name"]] for c in columns})
    unlisted = [column["name"] for column in columns if not column["listed"]]
    searched = ["the name"] + [f"`{column['name']}`" for column in columns if column["searched"]]
    return {"kind": kind["name"], "Kind": name, "label": kind["label"]["en"], "Listed": name + "Listed" * bool(unlisted),
            "write": kind["write"], "platform": kind["platforms"][0], "platforms": json.dumps(kind["platforms"]),
            "platforms-or-null": json.dumps([*kind["platforms"], None]), "platforms-text": "Of " + ", ".join(kind["platforms"]),
            "unlisted-text": "; without " + ", ".join(f"`{column}`" for column in unlisted) if unlisted else "",
            "searched-text": ", ".join(searched[:-1]) + " or " * (len(searched) > 1) + searched[-1],
            "example": json.dumps(shown), "example-listed": json.dumps({c: v for c, v in shown.items() if c not in unlisted}),
            "example-new": json.dumps({"name": "example", **given}), "example-input": json.dumps(given),
            "example-patch": json.dumps(dict([*given.items()][:1]))}


# ---- the whole ----

def add(document, part, where):
    """Members of the part into the document; nothing may stand in two parts."""
    for name, value in part.items():
        if name == "tags":
            document.setdefault(name, []).extend(value)
        elif name in ("paths", "components") or where.endswith("components"):
            add(document.setdefault(name, {}), value, f"{where} {name}")
        elif name in document:
            sys.exit(f"docs/openapi/{where}: {name} stands twice")
        else:
            document[name] = value


def assemble(kinds):
    """All parts: head.yaml, the others by name, each kind, components.yaml."""
    texts = {file.name: file.read_text() for file in sorted((DOCS / "openapi").glob("*.yaml"))}
    ends = [(name, texts.pop(name)) for name in ("head.yaml", "components.yaml")]
    common, template, sharing = texts.pop("resources.yaml").split("\n---\n")
    parts, made = [ends[0], *texts.items()], {}
    for kind in kinds:
        name = kind["name"].title().replace("_", "")
        known = words(kind, name)
        for text in [template] + [sharing] * kind["shared"]:
            parts.append((f"resources.yaml of {kind['name']}", re.sub(r"<([A-Za-z-]+)>", lambda word: known[word[1]], text)))
        add(made, schemas(kind, name), kind["name"])
    document = {}
    for where, text in [*parts, ("resources.yaml", common), ends[1]]:
        add(document, yaml.load(text, yaml.CSafeLoader), where)
    add(document, {"components": {"schemas": made}}, "resources.yaml")
    return {**document, "components": document.pop("components")}


class Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data):
        return True


Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def one_line_each(value, levels):
    """JSON with a line for each operation, so that a difference of two versions can be read."""
    if not levels or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "{\n" + ",\n".join(f"{json.dumps(name)}:{one_line_each(each, levels - 1)}" for name, each in value.items()) + "\n}"


def table(kinds):
    lines = ["| kind | | platforms | changed by | columns |", "|---|---|---|---|---|"]
    for kind in kinds:
        names = [f"**`{column['name']}`**" if column["required"] else f"`{column['name']}`" for column in kind["columns"]]
        columns = ", ".join(name + "†" * (column["secret"] or column["secret_parts"]) for name, column in zip(names, kind["columns"]))
        lines.append(f"| `{kind['name']}`{'*' * kind['shared']} | {kind['label']['en']} | {', '.join(kind['platforms'])} | {kind['write']} | {columns} |")
    return "\n".join(lines)


def main():
    check = "--check" in sys.argv
    binary = next((argument for argument in sys.argv[1:] if argument != "--check"), "build/ccr-ui-backend")
    kinds = json.loads(subprocess.run([binary, "kinds", "--json"], check=True, capture_output=True, text=True).stdout)
    document = assemble(kinds)
    marked = re.compile(r"(?<=<!-- kinds: made by make docs -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
    as_yaml = yaml.dump(document, Dumper=Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=130)
    made = {"openapi.yaml": MADE + as_yaml,
            "openapi.json": one_line_each(document, 3) + "\n",
            "api.md": marked.sub(lambda _: table(kinds), (DOCS / "api.md").read_text())}
    stale = [name for name, text in made.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != text]
    for name in stale:
        print(f"docs/{name} is not what its parts make; run: make docs") if check else (DOCS / name).write_text(made[name])
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
