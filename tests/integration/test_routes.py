"""The route table of the program and docs/openapi.yaml describe the same routes."""

import json
import re
import subprocess

import pytest

from contract import Contract
from stack import BINARY, ROOT, clean_environment

PLATFORMS = {"claude", "codex", "gemini", "qwen", "iflow", "droid"}


def printed(*command):
    return json.loads(subprocess.run([BINARY, *command], check=True, capture_output=True, env=clean_environment()).stdout)


@pytest.fixture(scope="module")
def table():
    return {(route["method"], route["path"]): route for route in printed("routes", "--json")}


@pytest.fixture(scope="module")
def columns():
    """Of each kind, those that are required."""
    return {kind["name"]: {column["name"]: column["required"] for column in kind["columns"]} for kind in printed("kinds", "--json")}


@pytest.fixture(scope="module")
def taken(columns):
    """taken(route): the fields of its body, and which are required; those that stand for a resource take its columns as well."""
    def fields(route):
        own = {field["name"]: field["required"] for field in route["body"]}
        address = re.fullmatch(r"/api/resources/{platform}/(\w+)(/{name})?", route["path"].replace("/api/configs", "/api/resources/{platform}/profile"))
        if not address or route["method"] not in (("PUT", "PATCH") if address[2] else ("POST",)):
            return own
        own |= {"enabled": False} if address[2] else {"name": True, "enabled": False}
        return own | {name: needed and route["method"] != "PATCH" for name, needed in columns[address[1]].items()}
    return fields


@pytest.fixture(scope="module")
def document():
    return Contract()


@pytest.fixture(scope="module")
def operations(document):
    methods = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
    return {(method.upper(), path): operation for path, item in document.document["paths"].items()
            for method, operation in item.items() if method in methods}


def body_schema(document, operation):
    """None: there is no body, or one that the handler reads as it comes."""
    content = operation.get("requestBody", {}).get("content", {})
    return document.resolve(content["application/json"]["schema"]) if "application/json" in content else None


def parameters(document, operation, place):
    listed = [document.resolve(parameter) for parameter in operation.get("parameters", [])]
    return {parameter["name"]: parameter for parameter in listed if parameter["in"] == place}


def differences(table, told):
    """Lines for what differs; told(route) is a pair of what the program and what the document say."""
    lines = [f"{method} {path}: the program has {ours}, docs/openapi.yaml {theirs}"
             for (method, path), route in table.items() for ours, theirs in [told(method, path, route)] if ours != theirs]
    return "\n".join(lines)


def test_the_same_routes(table, operations):
    assert table.keys() - operations.keys() == set(), "missing in docs/openapi.yaml"
    assert operations.keys() - table.keys() == set(), "only in docs/openapi.yaml"


def test_routes_as_text(table):
    text = subprocess.run([BINARY, "routes"], check=True, capture_output=True, text=True, env=clean_environment()).stdout
    rows = [line.split() for line in text.splitlines()]
    assert rows == [[route["method"], route["path"], route["access"]] for route in table.values()]


def test_access(table, operations):
    assert not differences(table, lambda *at: (at[2]["access"], operations[at[:2]].get("x-access")))


def test_credentials(table, operations):
    def told(method, path, route):
        kinds = {"bearer", "cookie"}
        if not {"session_only", "confirmed"} & set(route["flags"]):
            kinds.add("personalAccessToken")
        if route["access"] == "public":
            kinds = {"refreshCookie"} if "cookie" in route["flags"] else set()
        if route["access"] == "monitor":
            kinds = {"metricsToken"}
        return kinds, {kind for one in operations[method, path]["security"] for kind in one}
    assert not differences(table, told)


def test_body_fields(table, operations, document, taken):
    def told(method, path, route):
        schema = body_schema(document, operations[method, path]) or {}
        return taken(route), {name: name in schema.get("required", []) for name in schema.get("properties", {})}
    assert not differences(table, told)


def test_a_body_is_required_when_one_of_its_fields_is(table, operations, taken):
    def told(method, path, route):
        # a resource: what is not there is cleared
        replaces = method == "PUT" and path.startswith(("/api/resources/", "/api/configs")) and "enabled" in taken(route)
        return replaces or any(taken(route).values()), operations[method, path].get("requestBody", {}).get("required", False)
    assert not differences(table, told)


def test_query_parameters(table, operations, document):
    def told(method, path, route):
        ours = {field["name"]: field["required"] for field in route["query"]}
        described = parameters(document, operations[method, path], "query")
        return ours, {name: parameter.get("required", False) for name, parameter in described.items()}
    assert not differences(table, told)


def test_path_parameters(table, operations, document):
    def told(method, path, route):
        return set(re.findall(r"{(\w+)}", path)), set(parameters(document, operations[method, path], "path"))
    assert not differences(table, told)


def test_statuses(table, operations):
    """What the middleware can answer by itself is described everywhere."""
    def told(method, path, route):
        needed = {"400"}
        if route["access"] == "monitor":
            needed |= {"403"}
        elif route["access"] != "public":
            needed |= {"401", "403", "404"}
        if "no_database" not in route["flags"]:
            needed |= {"429", "500", "503"}
        if operations[method, path].get("requestBody"):
            needed |= {"413", "415"}
        return set(), needed - set(operations[method, path]["responses"])
    assert not differences(table, told)


def test_operation_ids_are_unique(operations):
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(ids) == len(set(ids))


def test_every_answer_has_a_schema_and_an_example(operations, document):
    bare = []
    for (method, path), operation in operations.items():
        for status, answer in operation["responses"].items():
            content = document.resolve(answer).get("content")
            if status in ("204", "304"):
                assert content is None, f"{method} {path} {status}"
            elif not content or not all("schema" in kind and "example" in kind for kind in content.values()):
                bare.append(f"{method} {path} {status}")
    assert not bare


def open_objects(document, schema, where, seen):
    schema = document.resolve(schema)
    if id(schema) in seen:
        return
    seen.add(id(schema))
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        yield where
    for name, inner in schema.get("properties", {}).items():
        yield from open_objects(document, inner, f"{where}.{name}", seen)
    for inner in [schema.get("items"), *schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        if inner:
            yield from open_objects(document, inner, where, seen)


def test_answers_are_closed(operations, document):
    """Else a member that nobody described would pass unnoticed."""
    found = [place for (method, path), operation in operations.items() for status, answer in operation["responses"].items()
             for kind in (document.resolve(answer).get("content") or {}).values()
             for place in open_objects(document, kind["schema"], f"{method} {path} {status}", set())]
    assert not found


def test_platforms(document):
    assert set(document.document["components"]["schemas"]["Platform"]["enum"]) == PLATFORMS


def test_error_codes(document):
    header = (ROOT / "include" / "error.h").read_text()
    listed = re.findall(r'X\(ERR_\w+, "(\w+)", \d+\)', header)
    assert set(document.document["components"]["schemas"]["ErrorCode"]["enum"]) == set(listed)


def test_the_version(document):
    text = subprocess.run([BINARY, "version"], check=True, capture_output=True, text=True, env=clean_environment()).stdout
    assert document.document["info"]["version"] in text


def test_what_costs_much_says_so(table):
    """Who takes a password computes Argon2id; who asks /api/auth need not be logged in."""
    for (method, path), route in table.items():
        takes_password = any("password" in field["name"] for field in route["body"])
        assert ("password" in route["flags"]) == takes_password, (method, path)
        if path.startswith("/api/auth/") and route["body"]:
            assert route["body_max"] == 16384, (method, path)
    heavy = {path for (_, path), route in table.items() if "heavy" in route["flags"]}
    assert heavy >= {"/api/import", "/api/export", "/api/validate", "/api/clean", "/api/backups/{id}/restore",
                     "/api/command/execute", "/api/commands/execute"}
