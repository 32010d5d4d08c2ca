"""Bad input, bad tokens and other people's data, on every route of the route table.

Whatever is sent, the answer is the one error body, described in docs/openapi.yaml; nothing is a 5xx, no worker dies, and what
others have stays as it is."""

import base64
import gzip
import hashlib
import hmac
import itertools
import json
import re
import secrets
import subprocess
import time
import urllib.parse
import uuid

import jsonschema
import psycopg
import pytest

from contract import Contract
from stack import BINARY, clean_environment
from wire import Wire

ROUTES = json.loads(subprocess.run([BINARY, "routes", "--json"], check=True, capture_output=True,
                                   env=clean_environment()).stdout)
PAGES = {page["path"] for page in json.loads(subprocess.run([BINARY, "routes", "--pages"], check=True, capture_output=True,
                                                            env=clean_environment()).stdout)}
DOCUMENT = Contract()
numbers = itertools.count(1)

SQL = ["'", "' OR '1'='1", "'; DROP TABLE resources; --", "\"; DELETE FROM users; --", "1; SELECT pg_sleep(10)", "$1", "%s",
       "\\", "'||(SELECT password_hash FROM users LIMIT 1)||'",
       "E'\\\\x'", "ccr_workspace()", "NULL", "{}", "/*", "1) UNION SELECT 1,2,3--"]
JSON_VALUES = [0, 1, -1, 1.5, 10**18, True, False, None, "", " ", "x", [], {}, [1], ["x"], [None], [["x"]], {"x": 1}, [{}],
               "true", "1"]


def operation(route):
    return DOCUMENT.document["paths"][route["path"]][route["method"].lower()]


def body_description(route):
    """Of one that is JSON. What may be something else is read by its handler: test_usage_import.py, test_usage_otlp.py."""
    content = operation(route).get("requestBody", {}).get("content", {})
    return content["application/json"] if content.keys() <= {"application/json", "application/merge-patch+json"} and content else None


def of_a_kind(route):
    return route["path"].startswith("/api/resources/{platform}/")


def is_of_profiles(route):
    return route["path"] in ("/api/configs", "/api/configs/{name}")


def stands_for_others(route):
    """Those of all kinds are the same code, and so are those of CCR UI's pages: one kind and three pages stand for them."""
    page = re.sub(r"/{name}(/toggle|/{rest})?$", "", route["path"])
    return "/mcp_server" in route["path"] if of_a_kind(route) else page not in PAGES or page in ("/api/agents", "/api/plugins", "/api/qwen/mcp")


def routes(condition):
    """A test for each route for which the condition holds."""
    chosen = [route for route in ROUTES if condition(route) and stands_for_others(route)]
    assert chosen
    return pytest.mark.parametrize("route", chosen, ids=[f"{route['method']} {route['path']}" for route in chosen])


def logged_in(route):
    return route["access"] not in ("public", "monitor")


def of_the_site(route):
    return route["access"] == "site_admin"


EVERY = routes(lambda route: True)
WITH_BODY = routes(body_description)
WITH_PATH = routes(lambda route: "{" in route["path"])


def fields(route):
    return DOCUMENT.resolve(body_description(route)["schema"]).get("properties", {})


def accepts(schema, value):
    return jsonschema.Draft202012Validator(schema, resolver=DOCUMENT.resolver).is_valid(value)


# ---- a system with something to lose ----

@pytest.fixture(scope="module")
def system(module_stack):
    """Its workers are never replaced, so one that is another has died; the victim's token lasts, on a busy machine."""
    return module_stack(MAX_CONNECTIONS=2, MAX_REQUESTS=0, ACCESS_TOKEN_TTL=3600)


@pytest.fixture(scope="module")
def admin(system):
    return system.client("admin")


@pytest.fixture(scope="module")
def raw_db(system):
    with system.db() as connection:
        yield connection


@pytest.fixture(scope="module")
def victim(system):
    """Somebody uninvolved, whose data must be the same afterwards."""
    client = system.client("victim")
    body = {"name": "treasure", "base_url": "https://victim.example.org", "auth_token": "sk-of-the-victim-0123456789",
            "tags": ["x"]}
    assert client.post("/api/configs", json=body).status_code == 201
    assert client.post("/api/switch", json={"config_name": "treasure"}).status_code == 200
    return client


@pytest.fixture(autouse=True)
def unharmed(system, victim, raw_db):
    workers, before = system.backend.workers(), victim.get("/api/configs").text
    assert len(workers) == 2
    yield
    assert system.backend.workers() == workers, "a worker died"
    assert victim.get("/api/configs").text == before
    raw_db.execute("DELETE FROM login_failures")


LOGIN_S = 60  # how long one serves: what it confirmed is fresh for five minutes, and a test may take three


def fuzzer(system):
    """A client of the site admin `fuzzer`: the one of before, unless that was long ago or a test ended its session."""
    client, until = getattr(system, "fuzzer", (None, 0))
    if time.monotonic() > until or client.get("/api/auth/me").status_code != 200:
        client = system.client("fuzzer")
        system.fuzzer = client, time.monotonic() + LOGIN_S
    return client


class Place:
    """A logged-in site admin in a fresh workspace, with one of everything a path can name."""

    def __init__(self, system, admin, raw_db, route):
        self.raw_db, self.route = raw_db, route
        self.slug = f"fuzz-{next(numbers)}"
        self.wire = Wire(system, None, admin.contract)
        self.headers = {}
        if logged_in(route):
            user = fuzzer(system)
            assert user.post("/api/workspaces", json={"slug": self.slug, "name": "Fuzz"}).status_code == 201
            config = {"name": "relay", "base_url": "https://api.example.org", "auth_token": "sk-0123456789abcdef"}
            self.headers = {"X-CCR-Workspace": self.slug}
            assert user.post("/api/configs", json=config, headers=self.headers).status_code == 201
            server = {"name": "relay", "transport": "stdio", "command": "npx", "env": {"KEY": "sk-0123456789abcdef"}}
            if of_a_kind(route):
                assert user.post("/api/resources/claude/mcp_server", json=server, headers=self.headers).status_code == 201
            self.wire.token = user.token

    def path(self, **values):
        gone = self.route["method"] == "DELETE" or self.route["path"].endswith("/switch")
        have = {"name": "relay", "username": "target", "slug": self.slug, "id": str(uuid.uuid4()), "command": "list",
                "platform": "claude", "revision": "1", "category": "debugging", "model": "some-model"}
        if gone:
            have.update(name="gone", username="gone", slug="gone")
        return re.sub(r"{(\w+)}", lambda part: values.get(part[1], have[part[1]]), self.route["path"])

    def send(self, path=None, body=None, **options):
        if self.route["path"].startswith("/api/auth"):
            self.raw_db.execute("DELETE FROM login_failures")
        headers = {**self.headers, **options.pop("headers", {})}
        answer = self.wire.request(self.route["method"], path or self.path(), body, headers=headers, **options)
        expected = answer.status_code < 500 or (self.route["path"] == "/api/version/check-update"
                                                and answer.status_code == 502)
        assert expected, f"{path} {str(body)[:200]} {options}: {answer.text}"
        if answer.status_code >= 400:
            assert answer.json()["success"] is False
        return answer

    def refuses(self, status, code, what, **options):
        answer = self.send(**options)
        assert (answer.status_code, answer.code) == (status, code), f"{what}: {answer.status_code} {answer.text[:500]}"
        return answer


@pytest.fixture
def place(system, admin, raw_db, route):
    if "fuzzer" not in system.passwords:
        system.client("fuzzer"), system.client("target")
        assert admin.patch("/api/users/fuzzer", json={"site_role": "admin"}).status_code == 200
    place = Place(system, admin, raw_db, route)
    yield place
    place.wire.close()


def example(route):
    return dict(body_description(route)["example"])


# ---- bodies ----

@WITH_BODY
def test_no_body(place, route):
    required = [field["name"] for field in route["body"] if field["required"] or field["conditional"]]
    if (of_a_kind(route) or is_of_profiles(route)) and not required:  # what the kind's columns want is found out behind the router
        required = DOCUMENT.resolve(body_description(route)["schema"]).get("required", [])
        required += ["base_url", "auth_token"] if is_of_profiles(route) else []  # which depends on the platform
    for options in ({}, {"body": b""}, {"body": b"", "content_type": None}, {"body": {}}, {"body": b"  {} \n"}):
        answer = place.send(**options)
        if required:
            assert answer.status_code == 400
            assert [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]] == required
        else:
            assert answer.status_code != 400


@WITH_BODY
def test_not_an_object(place, route):
    for body in (b"[]", b'"x"', b"1", b"true", b"null", b'[{"name":"x"}]', b"[[]]"):
        place.refuses(400, "VALIDATION_ERROR", body, body=body)


@WITH_BODY
def test_not_json(place, route):
    text = json.dumps(example(route)).encode()
    bad = [b"{", b"}", b"x", b"{]", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{'a':1}", b'{"a":01}', b'{"a":+1}', b'{"a":.5}',
           b'{"a":NaN}', b'{"a":1e999}', b'{"a":1}{', b'{"a":tru}',
           b'{"a":1}x', b'{"a":1} // x', b"/**/{}", b'{"a":"\n"}', b'{"a":"\\x"}',
           b'{"a":"\\u12"}', b'{"a":99999999999999999999}', b" ", b"\n",
           b"<?xml version='1.0'?>", b"a=1&b=2", text[:-1], text + b"]", text * 2, text[1:], b'{"":' + b"9" * min(5000, (route["body_max"] or 5005) - 5) + b"}"]
    for body in bad:
        answer = place.refuses(400, "VALIDATION_ERROR", body[:60], body=body)
        assert "not valid JSON" in answer.json()["message"] and re.search(r"line \d+, column \d+", answer.json()["message"])


@WITH_BODY
def test_duplicate_keys(place, route):
    for name in [*fields(route), "unknown"]:
        key = json.dumps(name)
        for pair in ("1", '"x"', "null"):
            body = f"{{{key}:{pair},{key}:{pair}}}".encode()
            assert "uplicate" in place.refuses(400, "VALIDATION_ERROR", body, body=body).json()["message"]
    place.refuses(400, "VALIDATION_ERROR", "inside", body=b'{"unknown":{"a":1,"a":2}}')
    place.refuses(400, "VALIDATION_ERROR", "escaped", body=b'{"unknown":1,"\\u0075nknown":2}')


@WITH_BODY
def test_nesting(place, route):
    megabyte = 1024 * 1024
    most = min(megabyte, route["body_max"] or megabyte)
    names = [*fields(route), "unknown"]
    for body in (b"[" * most, b'{"a":' * (most // 5), b'{"a":' * 33 + b"1" + b"}" * 33,
                 json.dumps({names[0]: 0}).replace("0", "[" * 60 + "]" * 60).encode(),
                 b"[" * (most // 2) + b"]" * (most // 2)):
        answer = place.refuses(400, "VALIDATION_ERROR", body[:20], body=body)
        assert "nested deeper than 32 levels" in answer.json()["message"]
    answer = place.send(body=b'{"unknown":' + b"[" * 31 + b"]" * 31 + b"}")
    assert "nested" not in answer.text


@WITH_BODY
def test_bytes_that_are_no_text(place, route):
    bad = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"a\xfeb", b"\\ud800",
           b"\\udc00", b"\\ud800x", b"\x00", b"\\u0000", b"a\\u0000b", b"\x1f"]
    for name in [*fields(route), "unknown"]:
        for text in bad:
            place.refuses(400, "VALIDATION_ERROR", (name, text), body=b'{"' + name.encode() + b'":"' + text + b'"}')
    for text in bad:
        place.refuses(400, "VALIDATION_ERROR", ("key", text), body=b'{"' + text + b'":1}')
    for body in (b"\x00", b"{}\x00", b"\x00{}", b'{"a":1\x00}', "{}".encode("utf-16"), b"\x1f\x8b\x08\x00"):
        place.refuses(400, "VALIDATION_ERROR", body, body=body)


@WITH_BODY
def test_content_types(place, route):
    body = json.dumps(example(route)).encode()
    for kind in (None, "", "text/plain", "text/json", "application/x-www-form-urlencoded",
                 "multipart/form-data; boundary=x", "application/jsonx", "application/jso", "application",
                 "application/json2; charset=utf-8", "application/xml", "x" * 4000, "application/problem+json", "*/*",
                 b"\xff\xfe", "application/ json"):
        place.refuses(415, "UNSUPPORTED_MEDIA_TYPE", kind, body=body, content_type=None, headers={"Content-Type": kind})
    for kind in ("application/json", "Application/JSON", "application/json; charset=utf-8",
                 "application/json;charset=latin1"):
        assert place.send(body=b"{}", content_type=kind).status_code != 415


@WITH_BODY
def test_content_encodings(place, route):
    """What is not decoded is not taken for what it would be decoded to."""
    body = json.dumps(example(route)).encode()
    for kind in ("gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "gzip, identity", "identityx", "x", b"\xff"):
        answer = place.refuses(415, "UNSUPPORTED_MEDIA_TYPE", kind, body=gzip.compress(body), headers={"Content-Encoding": kind})
        assert "Content-Encoding" in answer.json()["message"] and answer.headers["Accept-Encoding"] == "identity"
    for kind in ("identity", "Identity", "identity, identity", ""):
        assert place.send(body=b"{}", headers={"Content-Encoding": kind}).status_code != 415, kind


@WITH_BODY
def test_a_byte_order_mark(place, route):
    """Editors and PowerShell 5 write one; whatever is behind it counts as without."""
    assert place.send(body=b"\xef\xbb\xbf{}").status_code == place.send(body=b"{}").status_code
    for body in (b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"\xef\xbb{}", b"{}\xef\xbb\xbf", "{}".encode("utf-16")):
        place.refuses(400, "VALIDATION_ERROR", body, body=body)


@WITH_BODY
def test_too_large(place, route):
    most = (12 if route["path"] in ("/api/import", "/api/resources/apply", "/api/resources/import") else 2) * 1024 * 1024
    place.refuses(413, "PAYLOAD_TOO_LARGE", most, body=b'{"unknown":"' + b"x" * most + b'"}')
    place.refuses(413, "PAYLOAD_TOO_LARGE", "declared", headers={"Content-Length": "99999999999"})


@WITH_BODY
def test_wrong_types(place, route):
    """A value that docs/openapi.yaml does not allow is refused, and its field named."""
    good = example(route)
    for name, schema in fields(route).items():
        refused = [value for value in JSON_VALUES if not accepts(schema, value)]
        assert len(refused) >= 8, name
        for value in refused:
            answer = place.refuses(400, "VALIDATION_ERROR", (name, value), body={**good, name: value})
            named = [re.split(r"[.[]", wrong["field"])[0] for wrong in answer.json()["error"]["details"]["fields"]]
            assert name in named, (name, value)
    if fields(route):
        body = {name: [[]] for name in fields(route)}
        answer = place.refuses(400, "VALIDATION_ERROR", "all", body=body)
        assert [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]] == list(body), "all together"


def plain(schema):
    """The schema that says how long a text may be."""
    schema = DOCUMENT.resolve(schema)
    choices = map(DOCUMENT.resolve, schema.get("anyOf", [schema]))
    return next((choice for choice in choices if "maxLength" in choice or "maximum" in choice), schema)


@WITH_BODY
def test_limits(place, route):
    """The longest and largest values are those of docs/openapi.yaml."""
    good = example(route)

    def complaints(name, value):
        answer = place.send(body={**good, name: value})
        listed = answer.json()["error"]["details"].get("fields", []) if answer.status_code == 400 else []
        return " ".join(wrong["message"] for wrong in listed if wrong["field"] == name)

    for name, schema in fields(route).items():
        limits = plain(schema)
        if "maxLength" in limits:
            most = limits["maxLength"]
            told = complaints(name, ("é" if most < 100_000 else "x") * (most + 1))
            wanted = "not found" if name == "config_name" else f"at most {most} characters"
            assert wanted in told or "1 to 100 " in told, (name, told)
            assert complaints(name, "x" * max(most + 1, min(100_000, (route["body_max"] or 200_000) // 2))), name
            if name not in ("slug", "base_url"):  # it renames the workspace; it must begin with a scheme
                assert "at most" not in complaints(name, "x" * most), name
        if "maximum" in limits:
            for value in (limits["minimum"] - 1, limits["maximum"] + 1, 2**63 - 1, -2**63):
                assert f"between {limits['minimum']} and {limits['maximum']}" in complaints(name, value), (name, value)
            for value in (limits["minimum"], limits["maximum"]):
                assert complaints(name, value) == "", (name, value)
        if "maxItems" in limits:
            assert f"at most {limits['maxItems']} entries" in complaints(name, ["read"] * (limits["maxItems"] + 1)), name
            assert "entries" not in complaints(name, ["read"] * limits["maxItems"]), name
            assert complaints(name, ["é" * 1001]), name


@WITH_BODY
def test_sql_in_every_field(place, route):
    good = example(route)
    for name, schema in fields(route).items():
        for text in SQL:
            for value in ([text] if accepts(schema, [text]) else text, text + "x" * 10):
                if name == "auth_token":
                    value = str(value) + "0123456789"
                place.send(body={**good, name: value})
    place.send(body={text: text for text in SQL})


@WITH_BODY
def test_markup_comes_back_as_text(place, route):
    for name in fields(route):
        answer = place.send(body={**example(route), name: "<script>alert(1)</script>\r\nSet-Cookie: a=b"})
        assert answer.headers["Content-Type"].startswith(("application/json", "text/event-stream")) and "a=b" not in str(answer.headers)


# ---- paths ----

PATHS = ["%2F", "a%2Fb", "..%2F..%2F..", "%2e", "%252e%252e", "%252F", "%25", "%25zz", "%0a", "%0d%0aSet-Cookie:%20a=b",
         "%20", "%22", "%27", "%3Cscript%3E", "%5C", "%7F", "%E2%80%AE",
         "%F0%9F%98%80", "~", "*", "+", ";", ",", ":", "@", "!", "$", "&", "=", "(", ")", "-", "_", ".x", "0", "-1",
         "null", "undefined", "{name}", "x" * 101, "x" * 5000,
         "%E5%BC%A0" * 101, "00000000-0000-0000-0000-000000000000", "%2500", *map(urllib.parse.quote, SQL)]
BROKEN_PATHS = ["%C0%80", "%FF", "%ED%A0%80", "%E2%82", "a%80b", "%F4%90%80%80"]


@WITH_PATH
def test_paths(place, route):
    body = example(route) if body_description(route) else None
    for part in re.findall(r"{(\w+)}", route["path"]):
        for text in PATHS:
            answer = place.send(place.path(**{part: text}), body)
            assert answer.status_code != 500 and "a=b" not in str(answer.headers)
        for text in BROKEN_PATHS:
            place.refuses(400, "VALIDATION_ERROR", text, path=place.path(**{part: text}), body=body)


@WITH_PATH
def test_paths_that_are_no_paths(place, route):
    """Nginx refuses some of them by itself, in the same shape."""
    for part in re.findall(r"{(\w+)}", route["path"]):
        for text in ("%00", "a%00b", "%zz", "%", "%4", "a%", "%g0", "%u0041"):
            place.refuses(400, "VALIDATION_ERROR", text, path=place.path(**{part: text}))
        for text in ("", "..", "%2e%2e", "../../../etc/passwd", "%2e%2e/%2e%2e/x", "a/b/c/d/e/f/g/h/i/j/k/l"):
            answer = place.send(place.path(**{part: text}))
            assert answer.status_code in (400, 404, 405), (text, answer.text)


@pytest.mark.parametrize("path", ["/health", "/api/configs", "/api/configs/relay"])
def test_raw_bytes_in_a_path(system, admin, path):
    wire = Wire(system, admin.token, admin.contract)
    for tail in (b"\xff", b"\xc0\xaf", b"\x7f", b"?\xff", b"?a=\xff", b"?\xff=a"):
        assert wire.request("GET", path.encode() + tail).status_code in (400, 404), tail
    for tail in (b"#x", b"?", b"?#", b"#%zz", b"?a=b#c"):
        assert wire.request("GET", path.encode() + tail).status_code in (200, 400, 404), tail


# ---- queries ----

@EVERY
def test_queries(place, route):
    body = example(route) if body_description(route) else None
    for query in ("%zz", "a=%", "a=%4", "a=%00", "%00=a", "a=%FF", "a=%C0%80", "a=1&a=1", "a&a", "=&=",
                  "&".join(f"q{n}=1" for n in range(33)), "%61=1&a=2"):
        place.refuses(400, "VALIDATION_ERROR", query, path=f"{place.path()}?{query}", body=body)
    for query in ("", "&", "&&&", "a", "=", "a[]=1", "a=b=c", "%20=%20", "+=+", "&".join(f"q{n}=1" for n in range(32)),
                  "unknown=" + "x" * 5000, "a=%0d%0aSet-Cookie:b=c"):
        answer = place.send(f"{place.path()}?{query}", body)
        assert answer.status_code != 400 or "query string" not in answer.text, query
        assert "b=c" not in str(answer.headers)
    described = {parameter["name"]: parameter["schema"]
                 for parameter in map(DOCUMENT.resolve, operation(route).get("parameters", []))
                 if parameter["in"] == "query"}
    for name, schema in described.items():
        schema = DOCUMENT.resolve(schema)
        for text in [*SQL, "x" * 5000, "-", "0x10", "1.5", "1e3", " 1", "+1", "99999999999999999999", "-1", "null",
                     "claude\n", "é", "\u202e"]:
            value = int(text) if re.fullmatch(r"-?\d+", text) and schema.get("type") == "integer" else text
            answer = place.send(f"{place.path()}?{name}={urllib.parse.quote(text, safe='')}", body)
            if not accepts(schema, value):
                assert answer.status_code == 400, (name, text, answer.text)
        for value in [schema[limit] + step for limit, step in (("minimum", -1), ("maximum", 1)) if limit in schema]:
            answer = place.refuses(400, "VALIDATION_ERROR", value, path=f"{place.path()}?{name}={value}", body=body)
            assert name in [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]]


# ---- headers ----

HEADERS = [("If-Match", "x" * 4000), ("If-Match", b"\xff"), ("If-None-Match", '"' * 3000), ("If-None-Match", ",,,W/,"),
           ("Accept-Language", b"\xff\xfe"), ("Accept-Language", "zh" * 2000),
           ("Accept", "text/html"), ("Accept-Encoding", "x" * 3000), ("Cookie", "ccr_access=" + "x" * 5000),
           ("Cookie", b"ccr_refresh=\xff; ccr_access=\x80"), ("Cookie", ";;;=;=,"),
           ("User-Agent", b"\xff\xfe"), ("User-Agent", "x" * 8000), ("User-Agent", None),
           ("X-Request-Id", "'; DROP TABLE users; --"), ("X-Request-Id", b"\xff" * 12), ("Origin", "'\"<>"),
           ("Sec-Fetch-Site", "x" * 1000), ("X-Forwarded-For", "1.2.3.4, ' OR 1=1"), ("Content-Type", b"\xff"),
           ("Expect", "x"), ("Range", "bytes=0-0"), ("Proxy", "http://evil.example"),
           ("X-HTTP-Method-Override", "DELETE"), ("Content-Encoding", "gzip")]
WORKSPACES = ["nobody", "'; DROP TABLE workspaces; --", "x" * 4000, "../..", "personal",
              "00000000-0000-0000-0000-000000000000", "%2e", b"\xff\xfe", "é", "null"]


@EVERY
def test_headers(place, route):
    for name, value in HEADERS:
        place.send(headers={name: value})
    if logged_in(route):
        for slug in WORKSPACES:
            answer = place.send(headers={"X-CCR-Workspace": slug})
            assert answer.status_code == 404 or (isinstance(slug, bytes) and answer.status_code == 400), (slug, answer.text)


# ---- tokens ----

def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(token, key, header=None, digest=hashlib.sha256, **claims):
    """The same token with other header fields and claims (None: without), signed with `key` (None: not at all)."""
    old = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
    parts = [{name: value for name, value in {**before, **changes}.items() if value is not None}
             for before, changes in zip(old, (header or {}, claims))]
    signed = ".".join(unpadded(json.dumps(part).encode()) for part in parts)
    return signed + "." + (unpadded(hmac.new(key.encode(), signed.encode(), digest).digest()) if key is not None else "")


@pytest.fixture(scope="module")
def bad_tokens(system, admin, raw_db):
    key, now = system.cli.env["JWT_SECRET"], int(time.time())
    good = admin.token
    revoked, ended, expired_session = [system.client().login("admin", system.passwords["admin"]) for _ in range(3)]
    listed = revoked.get("/api/auth/sessions").data["sessions"]
    own = next(session["id"] for session in listed if session["current"])
    assert admin.delete(f"/api/auth/sessions/{own}").status_code == 200
    assert ended.post("/api/auth/logout").status_code == 200
    session = json.loads(base64.urlsafe_b64decode(expired_session.token.split(".")[1] + "=="))["sid"]
    raw_db.execute("UPDATE sessions SET expires_at = now() WHERE id = %s", (session,))
    disabled, deleted = system.client("disabled"), system.client("deleted")
    assert admin.patch("/api/users/disabled", json={"disabled": True}).status_code == 200
    assert admin.delete("/api/users/deleted").status_code == 200
    pats = [admin.post("/api/tokens", json={"name": name, "scopes": ["read", "write", "admin"]}).data
            for name in ("revoked", "expired")]
    assert admin.delete(f"/api/tokens/{pats[0]['id']}").status_code == 200
    raw_db.execute("UPDATE access_tokens SET expires_at = now() WHERE id = %s", (pats[1]["id"],))
    assert Wire(system, forge(good, key)).request("GET", "/api/auth/me").status_code == 200, "the forge works"
    return {
        "none": None, "empty": "", "garbage": "garbage", "dots": "..", "5 KB": "a" * 5000,
        "5 KB of token": good + "a" * 5000, "4 KB": "a" * 4096, "cut": good[:-1],
        "no signature": good.rpartition(".")[0] + ".",
        "two parts": good.rpartition(".")[0], "four parts": good + ".x",
        "payload of another": ".".join([*disabled.token.split(".")[:2], good.split(".")[2]]),
        "alg none": forge(good, None, {"alg": "none"}), "alg None": forge(good, None, {"alg": "None"}),
        "alg none, signed": forge(good, key, {"alg": "none"}), "alg missing": forge(good, key, {"alg": None}),
        "alg HS512": forge(good, key, {"alg": "HS512"}, hashlib.sha512),
        "alg HS384": forge(good, key, {"alg": "HS384"}, hashlib.sha384), "alg RS256": forge(good, key, {"alg": "RS256"}),
        "alg hs256": forge(good, key, {"alg": "hs256"}), "alg a number": forge(good, key, {"alg": 1}),
        "other key": forge(good, secrets.token_hex(32)), "empty key": forge(good, ""),
        "empty key and kid": forge(good, "", {"kid": ""}), "key cut": forge(good, key[:-1]),
        "half the key": forge(good, key[:32]), "key and NUL": forge(good, key + "\0"), "key doubled": forge(good, key * 2),
        "kid missing": forge(good, key, {"kid": None}), "kid unknown": forge(good, key, {"kid": "deadbeef"}),
        "kid a path": forge(good, key, {"kid": "../../dev/null"}), "kid SQL": forge(good, key, {"kid": "' OR 1"}),
        "kid long": forge(good, key, {"kid": "x" * 2000}), "kid a list": forge(good, key, {"kid": []}),
        "expired": forge(good, key, exp=now - 1), "exp missing": forge(good, key, exp=None),
        "exp text": forge(good, key, exp=str(now + 900)),
        "exp fraction": forge(good, key, exp=now + 900.5), "exp 0": forge(good, key, exp=0),
        "not yet valid": forge(good, key, nbf=now + 600), "nbf missing": forge(good, key, nbf=None),
        "issued tomorrow": forge(good, key, iat=now + 86400),
        "other audience": forge(good, key, aud="other"), "audience missing": forge(good, key, aud=None),
        "audience list": forge(good, key, aud=["ccr-ui-api"]), "other issuer": forge(good, key, iss="other"),
        "issuer missing": forge(good, key, iss=None), "sub missing": forge(good, key, sub=None),
        "sub SQL": forge(good, key, sub="' OR 1=1 --"), "sub of another": forge(good, key, sub=disabled.user["id"]),
        "session missing": forge(good, key, sid=None), "session of nobody": forge(good, key, sid=str(uuid.uuid4())),
        "revoked": revoked.token, "logged out": ended.token, "session expired": expired_session.token,
        "user disabled": disabled.token, "user deleted": deleted.token, "refresh token": admin.refresh_token,
        "access token revoked": pats[0]["token"], "access token expired": pats[1]["token"],
        "access token cut": "ccr_pat_", "access token of nobody": "ccr_pat_" + "A" * 43,
        "access token long": "ccr_pat_" + "A" * 4000, "access token SQL": "ccr_pat_' OR 1=1 --",
    }


@routes(logged_in)
def test_tokens(system, admin, route, bad_tokens):
    wire = Wire(system, contract=admin.contract)
    path = re.sub(r"{\w+}", "x", route["path"])
    body = json.dumps(example(route)).encode() if body_description(route) else None
    for kind, token in bad_tokens.items():
        by_header = {"Authorization": f"Bearer {token}"} if token is not None else {}
        by_cookie = {"Cookie": f"ccr_access={token}"}
        also = kind in ("alg none", "empty key", "revoked", "expired", "access token revoked")
        for headers in [by_header, by_cookie] if also else [by_header]:
            answer = wire.request(route["method"], path, body, headers={**headers, "Sec-Fetch-Site": "same-origin"})
            assert (answer.status_code, answer.code) == (401, "AUTHENTICATION_ERROR"), f"{kind}: {answer.text}"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for scheme in ("Basic " + base64.b64encode(b"admin:admin").decode(), f"Token {admin.token}", admin.token, "Bearer",
                   "Digest x", "Negotiate", f"Bearer  {admin.token} x", b"Bearer \xff"):
        answer = wire.request(route["method"], path, body, headers={"Authorization": scheme})
        assert answer.status_code == 401, scheme


@routes(lambda route: {"session_only", "confirmed"} & set(route["flags"]))
def test_access_tokens_where_a_login_is_needed(system, admin, route):
    made = admin.post("/api/tokens", json={"name": f"pat{next(numbers)}", "scopes": ["read", "write", "admin"]}).data
    wire = Wire(system, made["token"], admin.contract)
    answer = wire.request(route["method"], re.sub(r"{\w+}", "x", route["path"]),
                          example(route) if body_description(route) else None)
    assert (answer.status_code, answer.code) == (403, "AUTHORIZATION_ERROR") and "login session" in answer.text


@pytest.fixture(scope="module")
def scoped(system, admin):
    """Wires with a personal access token of one scope each."""
    def make(scope):
        made = admin.post("/api/tokens", json={"name": f"only-{scope.replace(':', '-')}", "scopes": [scope]})
        return Wire(system, made.data["token"], admin.contract)
    return {scope: make(scope) for scope in ("read", "write", "admin", "secrets", "usage:write")}


@routes(lambda route: logged_in(route) and not {"session_only", "confirmed"} & set(route["flags"]))
def test_scopes_of_access_tokens(scoped, route):
    needed = "read" if route["method"] == "GET" or "read_only" in route["flags"] else "write"
    if route["access"] in ("admin", "owner", "site_admin"):
        needed = "admin"
    if "usage" in route["flags"]:
        needed = "usage:write"
    for scope, wire in scoped.items():
        answer = wire.request(route["method"], re.sub(r"{\w+}", "x", route["path"]), {} if body_description(route) else None)
        refused = answer.status_code == 403 and f"lacks the scope '{needed}'" in answer.text
        assert refused is (scope != needed), f"{scope}: {answer.text}"


@routes(of_the_site)
def test_site_routes_are_for_site_admins(system, victim, route):
    wire = Wire(system, victim.token, victim.contract)
    answer = wire.request(route["method"], re.sub(r"{\w+}", "victim", route["path"]),
                          example(route) if body_description(route) else None)
    assert (answer.status_code, answer.code) == (403, "AUTHORIZATION_ERROR")


# ---- isolation ----

MARK = "zebra"


def furnish_checkin(system, client, mark, headers):
    """An account, whose id is answered, and something recorded of it."""
    provider = client.post("/api/checkin/providers", json={"name": mark, "base_url": f"https://{mark}.example.org"}, headers=headers).json()
    account = client.post("/api/checkin/accounts", headers=headers,
                          json={"provider_id": provider["id"], "name": mark, "cookies_json": json.dumps({mark: mark * 4})}).json()
    with system.db() as db:
        workspace = become_owner_of(db, account["id"])
        db.execute("INSERT INTO checkin_records (workspace_id, account_id, provider_id, account_name, provider_name, status, message)"
                   " VALUES (%s, %s, %s, %s, %s, 'success', %s)", (workspace, account["id"], provider["id"], mark, mark, mark))
        db.execute("INSERT INTO checkin_balances (workspace_id, account_id, used_quota, remaining_quota, currency) VALUES (%s, %s, 1, 2, %s)",
                   (workspace, account["id"], mark))
    return account["id"]


CALLED = "2025-11-01T09:30:00.123Z"


def furnish_usage(client, mark, headers):
    """A call, its project and its session, a log of which it is known how far it was read, and sums of a session."""
    line = {"type": "assistant", "timestamp": CALLED, "sessionId": mark, "requestId": f"req_{mark}", "cwd": f"/src/{mark}",
            "message": {"id": f"msg_{mark}", "model": mark, "usage": {"input_tokens": 1, "output_tokens": 2}}}
    answer = client.post(f"/api/usage/import?platform=claude&machine={mark}&file={mark}.jsonl", data=json.dumps(line) + "\n", headers=headers)
    assert answer.status_code == 200 and answer.data["added"] == 1, answer.text
    sums = {"model": mark, "tokenUsage": {"inputTokens": 1, "outputTokens": 2}}
    answer = client.post(f"/api/usage/import?platform=droid&file={mark}.settings.json", data=json.dumps(sums), headers=headers)
    assert answer.status_code == 200 and answer.data["added"] == 1, answer.text


def furnish_budgets(system, client, mark, headers):
    """A budget that has told of a level, and a webhook that is to be told of it. Gives their ids."""
    budget = client.post("/api/usage/budgets", json={"name": mark, "amount": 1, "period": "month", "project": mark}, headers=headers)
    webhook = client.post("/api/usage/webhooks", json={"name": mark, "kind": "plain", "url": f"https://{mark}.example.org/{mark}"}, headers=headers)
    assert (budget.status_code, webhook.status_code) == (201, 201), budget.text + webhook.text
    assert client.post("/api/budget/set", json={"daily_limit": 5}, headers=headers).status_code == 200
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        db.execute("INSERT INTO budget_notices (workspace_id, budget_id, edition, period_start, level, amount, spent)"
                   " SELECT workspace_id, id, edition, now(), 50, 1, 1 FROM budgets WHERE id = %s", (budget.data["id"],))
        db.execute("INSERT INTO webhook_deliveries (workspace_id, webhook_id, facts)"
                   " SELECT workspace_id, id, json_build_object('budget', name) FROM webhooks WHERE id = %s", (webhook.data["id"],))
    return budget.data["id"], webhook.data["id"]


def become_owner_of(db, resource):
    db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
    return db.execute("SELECT workspace_id FROM resources WHERE id = %s", (resource,)).fetchone()[0]


def furnish(system, client, mark):
    """Something of everything a user can have, with the mark in every text."""
    login = {"username": client.user["username"], "password": system.passwords[client.user["username"]]}
    assert client.anonymous().post("/api/auth/login", json=login, headers={"User-Agent": mark}).status_code == 200
    config = {"name": f"{mark}-config", "base_url": f"https://{mark}.example.org",
              "auth_token": f"{mark}-{secrets.token_hex(8)}-{mark}", "description": mark, "model": mark,
              "small_fast_model": mark, "provider": mark, "account": mark, "tags": [mark]}
    slug = f"{mark}-shared"
    assert client.post("/api/workspaces", json={"slug": slug, "name": mark}).status_code == 201
    profiles = (f'{mark} = 1\ndefault_config = "{mark}-config"\n[{mark}-config]\nauth_token = "{mark}{mark}{mark}"\n'
                f'base_url = "https://{mark}.example.org"\n')
    registry = f'current_platform = "claude"\n[claude]\ndescription = "{mark}"\ncurrent_profile = "{mark}-config"\n'
    accounts, budgets = [], []
    for headers in ({}, {"X-CCR-Workspace": slug}):
        def post(path, body):
            answer = client.post(path, json=body, headers=headers)
            assert answer.status_code in (200, 201), answer.text
        for platform in ("claude", "codex"):
            post(f"/api/configs?platform={platform}", config)
            post(f"/api/switch?platform={platform}", {"config_name": config["name"]})
        post("/api/resources/claude/mcp_server", {"name": config["name"], "transport": "stdio", "command": mark, "env": {mark: mark}})
        post("/api/resources/import", {"platform": "claude", "files": [
            {"path": f".claude/agents/{mark}-agent.md", "content": f"---\nname: {mark}-agent\ndescription: {mark}\n---\n{mark}\n"}]})
        post("/api/import", {"content": profiles, "mode": "replace"})
        post("/api/import", {"content": registry})
        post("/api/command/execute", {"command": "switch", "args": [f"{mark}-config"]})
        post("/api/resources/claude/skill", {"name": f"{mark}-skill", "description": mark, "text": mark})
        post("/api/ui-state/favorites", {"command": "switch", "args": [f"{mark}-config"], "display_name": mark, "module": mark})
        post("/api/ui-state/history", {"command": "switch", "args": [f"{mark}-config"], "success": True, "duration_ms": 1})
        assert client.put(f"/api/usage/prices/{mark}-model", json={"input": 1, "output": 2}, headers=headers).status_code == 200
        currency = {"currency": mark[:3].upper(), "rate": 2, "date": "2026-08-01"}
        assert client.put("/api/usage/currency", json=currency, headers=headers).status_code == 200
        furnish_usage(client, mark, headers)
        budgets.append(furnish_budgets(system, client, mark, headers))
        accounts.append(furnish_checkin(system, client, mark, headers))
    token = client.post("/api/tokens", json={"name": f"{mark}-token", "scopes": ["read"], "workspace": slug}).data
    backup = client.get("/api/backups").data["backups"][0]["id"]
    session = client.get("/api/auth/sessions").data["sessions"][0]["id"]
    host = system.client(f"{mark}-host")
    for by, place, guest in ((host, f"{mark}-hosted", client.user["username"]), (client, slug, f"{mark}-guest")):
        if by is host:
            assert by.post("/api/workspaces", json={"slug": place, "name": mark}).status_code == 201
        invited = by.post(f"/api/workspaces/{place}/invitations", json={"username": guest, "role": "viewer"})
        assert invited.status_code == 201, invited.text
    used = client.get("/api/usage/sessions").data["sessions"][0]["id"]
    return {"name": f"{mark}-config", "slug": slug, "usage/session": str(used), "token": token["id"], "backup": backup, "session": session,
            "invitation": invited.data["id"], "account": accounts[0], "budget": budgets[0][0], "webhook": budgets[0][1],
            "username": client.user["username"], "command": "list", "platform": "claude", "revision": "1", "category": "debugging",
            "model": f"{mark}-model"}


@pytest.fixture(scope="module")
def two(system):
    mine, theirs = system.client("apple-user"), system.client(f"{MARK}-user")
    return mine, furnish(system, mine, "apple"), theirs, furnish(system, theirs, MARK)


def paths_to(route, things):
    kinds = ("usage/session", "backup", "token", "invitation", "account", "budget", "webhook", "session")
    kind = next(kind for kind in kinds if f"/{kind}s/" in route["path"] or kind == "session")
    identifier = things[kind]
    return re.sub(r"{(\w+)}", lambda part: {**things, "id": identifier}[part[1]], route["path"])


@routes(lambda route: route["method"] == "GET" and logged_in(route) and not of_the_site(route))
def test_reading_shows_nothing_of_others(two, route):
    mine, own, theirs, other = two
    queries = ["", "?platform=codex", "?limit=100&offset=0"] if route["query"] else [""]
    if route["path"].endswith("/diff"):
        queries = ["?from=1&to=1"]
    if route["path"] == "/api/usage/import":
        queries = [f"?platform=claude&machine={MARK}&file={MARK}.jsonl"]
    for query in queries:
        for headers in ({}, {"X-CCR-Workspace": own["slug"]}):
            answer = mine.get(paths_to(route, own) + query, headers=headers)
            assert answer.status_code in (200, 404, 502) and MARK not in answer.text, answer.text
        if "" in queries and route["query"] and not re.match("/api/(validate|presets|stats/|sessions|usage/)", route["path"]):
            assert "apple" in mine.get(paths_to(route, own)).text, "there is something to see"
        answer = mine.get(paths_to(route, own) + query, headers={"X-CCR-Workspace": other["slug"]})
        assert answer.status_code == 404 and MARK not in answer.text.replace(other["slug"], "")
        if paths_to(route, own) != paths_to(route, other):
            answer = mine.get(paths_to(route, other) + query)
            told = answer.text.replace(other["name"], "").replace(other["slug"], "")  # what was asked for
            assert answer.status_code == 404 and MARK not in told


@routes(lambda route: route["method"] != "GET" and re.search("{(?!platform|model)", route["path"]) and logged_in(route) and not of_the_site(route))
def test_writing_does_not_reach_others(two, route):
    mine, own, theirs, other = two

    def everything():
        return [theirs.get(path, headers=headers).text for headers in ({}, {"X-CCR-Workspace": other["slug"]})
                for path in ("/api/configs", "/api/configs?platform=codex", "/api/backups", "/api/workspaces",
                             "/api/tokens", f"/api/workspaces/{other['slug']}/members", "/api/history")]
    before = everything()
    body = example(route) if body_description(route) else None
    answer = mine.request(route["method"], paths_to(route, other), json=body)
    assert answer.status_code == 404, answer.text
    if route["access"] in ("viewer", "editor", "admin"):
        answer = mine.request(route["method"], paths_to(route, other), json=body,
                              headers={"X-CCR-Workspace": other["slug"]})
        assert answer.status_code == 404, answer.text
    assert everything() == before


def tenant_tables(db):
    """Tables that belong to a workspace; access tokens must be found before the workspace is known."""
    query = ("SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c"
             " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
             " AND (a.attname = 'workspace_id' OR (c.relname = 'workspaces' AND a.attname = 'id'))"
             " WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND c.relname <> 'access_tokens' ORDER BY 1")
    return dict(db.execute(query).fetchall())


def test_every_tenant_table_has_row_level_security(raw_db):
    tables = tenant_tables(raw_db)
    assert {"resources", "resource_revisions", "workspace_platforms", "user_platforms", "backups", "command_runs",
            "audit_log", "workspaces", "memberships"} <= set(tables)
    assert all(tables.values()), tables
    role = raw_db.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    assert role == (False, False)


def filled_tables(db):
    """Without the one that only holds rows while a transaction runs, the one that housekeeping empties, the one that a personal workspace has
    none in (for which test_workspaces.py tests the same), and parts of usage_calls in whose month nothing was called."""
    return [table for table in tenant_tables(db) if table not in ("generation_changes", "usage_repricing", "workspace_invitations")
            and (not table.startswith("usage_calls_") or table == f"usage_calls_{CALLED[:4]}{CALLED[5:7]}")]


def rows_of_workspaces(table):
    """Prices of the site, which everybody reads, stand in one table with those of workspaces: test_prices.py."""
    return table + (" WHERE workspace_id IS NOT NULL" if table == "usage_prices" else "")


def become(db, workspace="", user=""):
    db.execute("SELECT set_config('ccr.workspace', %s, false), set_config('ccr.user', %s, false)",
               (str(workspace), str(user)))


def test_a_select_without_where_shows_ones_own_rows(system, two):
    mine, own, theirs, other = two
    with system.db() as db:
        for table in tenant_tables(db):
            assert db.execute(f"SELECT count(*) FROM {rows_of_workspaces(table)}").fetchone() == (0,), f"{table}: rows without a tenant"
        become(db)
        for table in tenant_tables(db):
            assert db.execute(f"SELECT count(*) FROM {rows_of_workspaces(table)}").fetchone() == (0,), f"{table}: rows with an empty tenant"
        become(db, user=mine.user["id"])
        allowed = [str(row[0]) for row in db.execute("SELECT workspace_id FROM memberships").fetchall()]
        assert len(allowed) == 2, "the personal one and the shared one"
        for workspace in allowed:
            become(db, workspace, mine.user["id"])
            for table in filled_tables(db):
                column = "id" if table == "workspaces" else "workspace_id"
                rows = db.execute(f"SELECT {column}::text, to_json(t)::text FROM (SELECT * FROM {rows_of_workspaces(table)}) t").fetchall()
                assert rows, f"{table}: nothing to see, so nothing shown"
                seen = {row[0] for row in rows}
                assert seen <= (set(allowed) if table in ("workspaces", "memberships") else {workspace}), table
                assert not [row for row in rows if MARK in row[1]], table


def test_writing_without_where_changes_ones_own_rows(system, two):
    mine, own, theirs, other = two
    with system.db() as db:
        become(db, user=theirs.user["id"])
        elsewhere = db.execute("SELECT workspace_id FROM memberships LIMIT 1").fetchone()[0]
        become(db, elsewhere, theirs.user["id"])
        counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in filled_tables(db)}
        become(db, user=mine.user["id"])
        home = db.execute("SELECT workspace_id FROM memberships LIMIT 1").fetchone()[0]
        for table in filled_tables(db):
            if table not in ("workspaces", "memberships"):  # of which one may see, but not change, those elsewhere
                become(db, home, mine.user["id"])
                column = {"workspace_platforms": "platform", "user_platforms": "platform", "workspace_generations": "generation",
                          "resources": "updated_at", "native_files": "updated_at", "resource_counts": "total", "resource_words": "word",
                          "checkin_records": "checked_at", "checkin_balances": "recorded_at", "usage_prices": "seen_at", "display_currencies": "rate", "usage_groups": "model", "usage_sessions": "calls",
                          "usage_sums": "calls", "usage_facets": "tier", "usage_facet_days": "calls", "usage_totals": "counts", "usage_files": "position", "usage_reporters": "calls"}.get(table, "created_at")
                column = "sources" if table.startswith("usage_calls") else column
                with db.transaction(force_rollback=True):
                    changed = db.execute(f"UPDATE {table} SET {column} = {column}").rowcount
                    assert changed > 0, table
                    assert db.execute(f"DELETE FROM {table}").rowcount == changed
                    become(db, elsewhere, theirs.user["id"])
                    assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == counts[table], table


def test_rows_cannot_be_given_to_others(system, two):
    mine, own, theirs, other = two
    with system.db() as db:
        become(db, user=theirs.user["id"])
        elsewhere = db.execute("SELECT workspace_id FROM memberships LIMIT 1").fetchone()[0]
        become(db, user=mine.user["id"])
        home = db.execute("SELECT workspace_id FROM memberships LIMIT 1").fetchone()[0]
        become(db, home, mine.user["id"])
        for table in filled_tables(db):
            if table != "workspaces":
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    db.execute(f"UPDATE {table} SET workspace_id = %s", (elsewhere,))


# ---- afterwards ----

def test_nothing_broke(system, raw_db):
    """Last: what all of the above did to the workers, the tables and the log."""
    assert system.status()["workers"]["restarts"] == 0
    entries = system.backend.log_entries()
    assert [entry for entry in entries if entry.get("status", 0) >= 500
            and entry.get("route") != "/api/version/check-update"] == []
    assert [entry for entry in entries if "text" in entry] == []
    assert raw_db.execute("SELECT count(*) FROM users WHERE username IN ('admin', 'victim', 'target')").fetchone() == (3,)
