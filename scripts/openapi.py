#!/usr/bin/python3
"""Puts docs/openapi.yaml together: what is written by hand in docs/openapi/, and for every kind of resource and every page of CCR UI, as the
program prints them, what docs/openapi/resources.yaml and pages.yaml say of one. Also docs/openapi.json, the same for the program to serve, the table of kinds
in docs/api.md, and in docs/ccr-ui.md how much of CCR UI there is. Usage: scripts/openapi.py [--check] [BINARY]"""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = "# Made by `make docs` from docs/openapi/*.yaml and the kinds of the program; change those.\n"
# What examples hold in a column of this name; other columns that are required get something of their type.
SAMPLES = {"base_url": "https://relay.example.org", "provider_id": "0b9c1b0e-6f0f-4b8e-9a55-0b7f3b6d1c11",
           "description": "Reviews changes", "model": "claude-sonnet-4-5", "provider": "openai", "command": "npx", "version": "1.2.0",
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


# ---- one page of CCR UI ----

def without_null(made):
    """The same schema without null, and without a shortest text: what is not set is empty."""
    kinds = made.get("type")
    made = {name: value for name, value in made.items() if name != "minLength"}
    if isinstance(kinds, list):
        made["type"] = next(kind for kind in kinds if kind != "null")
    if "enum" in made:
        made["enum"] = [choice for choice in made["enum"] if choice is not None]
    return made


def member_shown(kind, columns, member):
    form, column = member["form"], columns.get(member["column"])
    if column:
        made = schema(kind, column, "read")
        return made if form == "nullable" else without_null(made)
    return {"name": {"type": "string"}, "folder": {"type": "string", "description": "Empty when it is in none."}, "switch": {"type": "boolean"}, "uses": {"type": "integer"}, "in_use": {"type": "boolean", "description": "It is the caller's current one."},
            "constant": {"const": member["json"]}, "made": member["json"]}[form]


def member_sent(kind, columns, member, required):
    form, column = member["form"], columns.get(member["column"])
    if form == "made" and member["json"]["type"] == "object":
        return {"type": ["object", "null"], "additionalProperties": True}
    if form == "made" and "integer" in member["json"]["type"]:
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 100000000}, {"const": ""}, {"type": "null"}]}
    if column and member["loose"]:
        return {"anyOf": [schema(kind, {**column, "required": False}, "write"), {"type": "string", "maxLength": 1000}]}
    if column:
        return schema(kind, {**column, "required": required}, "write")
    text = {"type": "string" if required else ["string", "null"], **({"minLength": 1} if required else {}), "maxLength": 300}
    return {"name": text, "folder": text, "made": {**text, "maxLength": 4000}, "switch": {"type": ["boolean", "null"]},
            "taken": {"type": ["array", "null"], "maxItems": 100, "items": {"type": "string", "maxLength": 1000}},
            "refused": {"type": ["object", "null"], "additionalProperties": True, "description": "Refused when there is something in it."}}[form]


def page_examples(columns, page):
    """What is shown, and what is sent."""
    shown, sent = {}, {}
    for member in page["members"]:
        form, column = member["form"], columns.get(member["column"])
        name = "example@team" if page["kind"] == "plugin" else "example"
        value = sample(column) if column else {"name": name, "folder": "", "switch": member["name"] != "disabled", "made": "Example", "uses": 0, "in_use": False}.get(form)
        if form == "made" and member["json"]["type"] == "object":
            value = {}
        if form == "made" and "integer" in member["json"]["type"]:
            value = 4000
        if member["sent"] and value is not None and form != "alias":
            sent[member["name"]] = value
        if form in ("taken", "refused", "alias") or (form == "optional" and value is None):
            continue
        if value is None or not isinstance(member["json"], (dict, type(None))):
            value = {"text": "", "list": [], "map": {}, "constant": member["json"]}.get(form)
        if form == "made" and member["json"]["type"] == "object":
            value = {key: [] if each["type"] == "array" else None for key, each in member["json"].get("properties", {}).items()}
        if form == "made" and "enum" in member["json"]:
            value = member["json"]["enum"][0]
        shown[member["name"]] = masked(value) if column and column["secret"] else value
    return shown, sent


def take_envelope(paths):
    """What is read of such a page is what others have in data."""
    for operations in paths.values():
        if "get" in operations:
            content = operations["get"]["responses"]["200"]["content"]["application/json"]
            content.update(schema=content["schema"]["properties"]["data"], example=content["example"]["data"])


def of_page(kinds, page, template):
    """The part of the document that a page is: its operations and their schemas."""
    kind = next(kind for kind in kinds if kind["name"] == page["kind"])
    columns = {column["name"]: column for column in kind["columns"]}
    name = "Ui" + "".join(word.title() for word in re.findall(r"[a-z]+", page["path"])[1:])
    shown = {m["name"]: member_shown(kind, columns, m) for m in page["members"] if m["form"] not in ("taken", "refused", "alias")}
    always = [m["name"] for m in page["members"] if m["name"] in shown and m["form"] != "optional"]
    made = {name: {"description": f"{kind['label']['en']}, as CCR UI reads it.", "type": "object", "additionalProperties": False, "required": always,
                   "properties": shown}}
    for which, required in (("New" + name, "required"), (name + "Input", "required_again")):
        sent = {m["name"]: member_sent(kind, columns, m, m[required]) for m in page["members"] if m["sent"]}
        needed = [m["name"] for m in page["members"] if m["sent"] and m[required]]
        made[which] = {"type": "object", **({"required": needed} if needed else {}), "properties": sent}
    one, sent = page_examples(columns, page)
    listed, example = {"type": "array", "items": ref(name)}, [one]
    if page["key"]:
        folders = {"folders": {"type": "array", "items": {"type": "string"}}} if page["folders"] else {}
        listed = {"type": "object", "additionalProperties": False, "required": [page["key"], *folders], "properties": {page["key"]: listed, **folders}}
        example = {page["key"]: example, **{folder: [] for folder in folders}}
    if page["current"]:
        listed["required"].append("current_profile")
        listed["properties"]["current_profile"] = {"type": ["string", "null"], "description": "The caller's own."}
        example["current_profile"] = None
    wrapped = ref(name)
    if page["one"]:
        wrapped = {"type": "object", "additionalProperties": False, "required": [page["one"]], "properties": {page["one"]: wrapped}}
    first, again = (any(m[required] for m in page["members"]) for required in ("required", "required_again"))
    known = {"path": page["path"], "Page": name, "noun": page["noun"], "kind": page["kind"], "platform": page["platform"], "write": page["write"],
             "list": json.dumps(listed), "example-list": json.dumps(example), "one": json.dumps(wrapped), "example": json.dumps({page["one"]: one} if page["one"] else one), "verb": page["verb"] or "verb",
             "example-new": json.dumps(sent),
             "first": json.dumps(first), "again": json.dumps(again), "done": "UiMessage" if page["message"] else "UiDone"}
    part = yaml.load(re.sub(r"<([A-Za-z-]+)>", lambda word: known[word[1]], template), yaml.CSafeLoader)
    if page["bare"]:
        take_envelope(part["paths"])
    for path, operations in [*part["paths"].items()]:
        for method, operation in [*operations.items()]:
            if operation.pop("x-operation") not in page["operations"]:
                del operations[method]
        if not operations:
            del part["paths"][path]
    asked = json.dumps(part["paths"])
    return {**part, "components": {"schemas": {each: schema for each, schema in made.items() if f"schemas/{each}\"" in asked}}}


# ---- single addresses of CCR UI ----

ERRORS = {"400": "BadRequest", "401": "Unauthorized", "403": "Forbidden", "404": "NotFound", "409": "Conflict", "413": "PayloadTooLarge",
          "415": "UnsupportedMediaType", "429": "TooManyRequests", "500": "InternalError", "503": "Unavailable"}
HEADERS = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")


def part(group, name):
    return {"$ref": f"#/components/{group}/{name}"}


def of_address(row):
    """What a row of ui_addresses.yaml tells of: `data` is what is answered, in an envelope unless it is bare; a message, where something is `done`; nothing, where it is refused."""
    method, body = row.get("method", "get"), row.get("body")
    operation = {"operationId": row["id"], "tags": ["CCR UI"], "summary": row["summary"], "x-access": row.get("access", "viewer"),
                 "security": [{"bearer": []}, {"personalAccessToken": []}, {"cookie": []}]}
    parameters = [*([] if row.get("access") == "user" else [part("parameters", "Workspace")]), *row.get("parameters", [])]
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": bool(body.get("required")),
                                    "content": {"application/json": {"schema": body, "example": row["sent"]}}}
    operation["responses"] = {"200": part("responses", "UiMessage")} if row.get("done") else {}
    if "data" in row:
        data, example = row["data"], row["example"]
        if not row.get("bare"):
            data = {"type": "object", "additionalProperties": False, "required": ["success", "data", "message"],
                    "properties": {"success": {"const": True}, "data": data, "message": {"type": "null"}}}
            example = {"success": True, "data": example, "message": None}
        operation["responses"]["200"] = {"description": row.get("says", "What there is."), "headers": {name: part("headers", name) for name in HEADERS},
                                         "content": {"application/json": {"schema": data, "example": example}}}
    left_out = {"get": ("409", "413", "415"), "delete": ("413", "415")}.get(method, () if body else ("413", "415"))
    operation["responses"].update({status: part("responses", name) for status, name in ERRORS.items() if status not in left_out})
    return {row["path"]: {method: operation}}


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


def assemble(kinds, pages):
    """All parts: head.yaml, the others by name, each kind, each page of CCR UI, components.yaml."""
    texts = {file.name: file.read_text() for file in sorted((DOCS / "openapi").glob("*.yaml"))}
    ends = [(name, texts.pop(name)) for name in ("head.yaml", "components.yaml")]
    page_template = texts.pop("pages.yaml")
    addresses = yaml.load(texts.pop("ui_addresses.yaml"), yaml.CSafeLoader)
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
    for page in pages:
        add(document, of_page(kinds, page, page_template), f"pages.yaml of {page['path']}")
    for row in addresses:
        for path, operations in of_address(row).items():
            add(document["paths"].setdefault(path, {}), operations, f"ui_addresses.yaml of {path}")
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


# ---- how much of CCR UI there is ----

AREAS = {"A": "configs, commands, system", "B": "things of Claude Code", "C": "the other platforms", "D": "statistics, sessions, what is live",
         "E": "check-in, sync, skill hub, market"}


def ui_endpoints():
    """(area, ui or wired, method, path) of each."""
    lines = (DOCS / "ccr-ui-endpoints.txt").read_text().splitlines()
    return [tuple(line.split()) for line in lines if line and not line.startswith("#")]


def ui_count(routes, document):
    """Rows of the table in docs/ccr-ui.md."""
    def shape(address):
        return re.sub(r"{[^}]*}", "{}", address)
    there = {(each["method"], shape(each["path"])) for each in routes}
    there -= {(method.upper(), shape(path)) for path, operations in document["paths"].items() for method, operation in operations.items()
              if "responses" in operation and not [status for status in operation["responses"] if status[0] in "123"]}
    rows = []
    for area, name in AREAS.items():
        found = {sort: [(method, shape(path)) in there for each, is_ui, method, path in ui_endpoints() if each == area and is_ui == sort]
                 for sort in ("ui", "wired")}
        rows.append((name, *found.values()))
    missing = [f"`{method} {path}`" for _, is_ui, method, path in ui_endpoints() if is_ui == "ui" and (method, shape(path)) not in there]
    rows.append(("all", *(sum((row[column] for row in rows), []) for column in (1, 2))))
    lines = ["| area | a page leads there | only code does |", "|---|---|---|"]
    lines += [f"| {name} | {sum(ui)} of {len(ui)} | {sum(wired)} of {len(wired)} |" for name, ui, wired in rows]
    return "\n".join([*lines, "", f"Not answered, of those that a page leads to: {', '.join(missing) or 'none'}."])


def main():
    check = "--check" in sys.argv
    binary = next((argument for argument in sys.argv[1:] if argument != "--check"), "build/ccr-ui-backend")
    kinds, pages, routes = (json.loads(subprocess.run([binary, *command], check=True, capture_output=True, text=True).stdout)
                            for command in (("kinds", "--json"), ("routes", "--pages"), ("routes", "--json")))
    routes.append({"method": "WS", "path": "/ws"})  # where a process of its own answers
    document = assemble(kinds, pages)
    marked = re.compile(r"(?<=<!-- kinds: made by make docs -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
    counted = re.compile(r"(?<=<!-- counted by make docs -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
    as_yaml = yaml.dump(document, Dumper=Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=130)
    made = {"openapi.yaml": MADE + as_yaml,
            "openapi.json": one_line_each(document, 3) + "\n",
            "api.md": marked.sub(lambda _: table(kinds), (DOCS / "api.md").read_text()),
            "ccr-ui.md": counted.sub(lambda _: ui_count(routes, document), (DOCS / "ccr-ui.md").read_text())}
    stale = [name for name, text in made.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != text]
    for name in stale:
        print(f"docs/{name} is not what its parts make; run: make docs") if check else (DOCS / name).write_text(made[name])
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
