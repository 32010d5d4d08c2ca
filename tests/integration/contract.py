"""Checks answers against docs/openapi.yaml: path, method, status, content type and schema must all be described there."""

import json
import re
import urllib.parse
from pathlib import Path

import fastjsonschema
import fastjsonschema.generator
import jsonschema

# The same as openapi.yaml, and read in a fraction of the time.
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"

# What fastjsonschema checks as JSON Schema 2020-12 has it. A schema with another keyword is left to jsonschema, which is 20 times
# slower, and so is saying what is wrong.
FAST = {"$ref", "additionalProperties", "anyOf", "const", "enum", "format", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
        "minimum", "oneOf", "allOf", "pattern", "properties", "required", "type", "uniqueItems"}
FORMATS = {"uuid": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z"}
WORDS = {"$comment", "default", "deprecated", "description", "example", "examples", "readOnly", "title", "writeOnly", "xml"}

# Into each complaint fastjsonschema copies the schema with all that it refers to, which is nearly all of the code that it makes. Nobody
# reads it here: jsonschema says what is wrong.
fastjsonschema.generator.CodeGenerator._expand_refs = lambda generator, definition: None

# What Nginx answers by itself, on any address; so no operation lists it.
NGINX_STATUSES = {400, 413, 414, 431, 502, 504}


class ContractError(AssertionError):
    pass


class Contract:
    def __init__(self, document=DOCUMENT):
        self.document = json.loads(Path(document).read_text())
        self.resolver = jsonschema.RefResolver("", self.document)
        self.routes = [(self.pattern(template), template, item) for template, item in self.document["paths"].items()]
        # A fixed segment wins over a {part}, as in the router.
        self.routes.sort(key=lambda route: [part.startswith("{") for part in route[1].split("/")])
        self.seen = set()
        self.fast, self.found = {}, {}

    def simple(self, schema, inside=()):
        """Whether fastjsonschema knows all of it. It follows draft 7, where what stands beside a $ref is ignored."""
        if not isinstance(schema, dict):
            return isinstance(schema, bool)
        if set(schema) - FAST - WORDS or schema.get("format", "uuid") not in FORMATS:
            return False
        if "$ref" in schema and set(schema) - WORDS != {"$ref"}:
            return False
        if "$ref" in schema:
            return schema["$ref"] in inside or self.simple(self.resolver.resolve(schema["$ref"])[1], (*inside, schema["$ref"]))
        below = [*schema.get("properties", {}).values(), *(schema[name] for name in ("items", "additionalProperties") if name in schema)]
        for name in ("anyOf", "oneOf", "allOf"):
            below += schema.get(name, [])
        return all(self.simple(part, inside) for part in below)

    def passes_fast(self, schema, body):
        """True when the body is as described; False when it is not, or when jsonschema has to say."""
        if id(schema) not in self.fast:
            components = {"components": {"schemas": self.document["components"]["schemas"]}}
            check = self.simple(schema) and fastjsonschema.compile({**schema, **components}, formats=FORMATS)
            self.fast[id(schema)] = schema, check  # the schema, so that no other gets its id
        check = self.fast[id(schema)][1]
        try:
            return bool(check) and (check(body) is not None or body is None)
        except fastjsonschema.JsonSchemaException:
            return False

    @staticmethod
    def pattern(template):
        parts = [r"[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/")]
        return re.compile("/".join(parts))

    def resolve(self, value):
        while isinstance(value, dict) and "$ref" in value:
            value = self.resolver.resolve(value["$ref"])[1]
        return value

    def find(self, path):
        path = path.split("?")[0].split("#")[0]
        if path not in self.found:
            self.found[path] = self.search(path)
        return self.found[path]

    def search(self, path):
        for pattern, template, item in self.routes:
            if pattern.fullmatch(path) and (("{" in template) or urllib.parse.unquote(path) == path):
                return template, self.resolve(item)
        return None, None

    def error_schema(self):
        schemas = self.document["components"]["schemas"]
        for name in ("Error", "ErrorResponse", "ErrorBody"):
            if name in schemas:
                return schemas[name]
        raise ContractError("docs/openapi.yaml has no schema named Error")

    def check(self, method, path, response):
        template, item = self.find(path)
        status = response.status_code
        if status == 302 and response.headers["Location"] == "/console/":
            return  # Nginx's answer to "/", and so to any path that leads there
        where = f"{method} {template or path} -> {status}"
        lower = "get" if method == "HEAD" else method.lower()
        if template is None or lower not in item:
            # No such address or method is an answer too; anything else would be an undescribed route.
            if method == "OPTIONS" and status in (204, 404):
                return
            if status not in {401, 404, 405} | NGINX_STATUSES:
                raise ContractError(f"{where}: not described in docs/openapi.yaml\n{response.text[:500]}")
            if method != "HEAD":
                self.validate(where, self.error_schema(), response)
            return
        self.seen.add((method, template, status))
        responses = item[lower]["responses"]
        described = responses.get(str(status), responses.get(status))
        if described is None:
            described = responses.get(f"{status // 100}XX", responses.get("default"))
        if described is None:
            if status in NGINX_STATUSES and "application/json" in response.headers.get("Content-Type", ""):
                return self.validate(where, self.error_schema(), response)
            raise ContractError(f"{where}: this status is not described\n{response.text[:500]}")
        described = self.resolve(described)
        self.check_headers(where, described, response)
        if method == "HEAD":
            return
        content = described.get("content")
        if not content:
            if response.content:
                raise ContractError(f"{where}: a body where none is described\n{response.text[:500]}")
            return
        kind = response.headers.get("Content-Type", "").split(";")[0].strip()
        if kind not in content:
            raise ContractError(f"{where}: Content-Type {kind!r}, described are {', '.join(content)}")
        if kind.endswith("json"):
            self.validate(where, content[kind].get("schema", {}), response)

    def check_headers(self, where, described, response):
        for name, header in (described.get("headers") or {}).items():
            if self.resolve(header).get("required") and name not in response.headers:
                raise ContractError(f"{where}: the header {name} is missing")

    def validate(self, where, schema, response):
        try:
            body = json.loads(response.content.decode("utf-8"))
        except ValueError as problem:
            raise ContractError(f"{where}: the body is not JSON: {problem}\n{response.text[:500]}") from None
        if self.passes_fast(schema, body):
            return
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=jsonschema.FormatChecker())
        problems = sorted(validator.iter_errors(body), key=lambda problem: list(map(str, problem.absolute_path)))
        if problems:
            lines = [f"  at {'/'.join(map(str, p.absolute_path)) or 'the top'}: {p.message[:300]}" for p in problems[:5]]
            raise ContractError(f"{where}: not as described\n" + "\n".join(lines) + f"\n{response.text[:500]}")


def load():
    return Contract() if DOCUMENT.exists() else None
