"""Tokens that report usage: what a developer's machine or a CLI's exporter holds is good for nothing else. That no other route takes such a
token, and no other scope these routes, is test_scopes_of_access_tokens in test_bad_input.py, route by route."""

import gzip
import itertools
import json

import pytest

from people import add_member, admin, browser, make_user, no_failures, system, user_maker  # noqa: F401

numbers = itertools.count(1)
OTHERS = ["read", "write", "admin", "secrets"]


def token(user, *scopes, workspace=None):
    made = user.post("/api/tokens", json={"name": f"token-{next(numbers)}", "scopes": list(scopes), "workspace": workspace})
    assert made.status_code == 201, made.text
    client = user.anonymous()
    client.token = made.data["token"]
    return client


def line(call, model="claude-sonnet-4-5"):
    return json.dumps({"type": "assistant", "timestamp": "2025-11-01T09:30:00.123Z", "sessionId": "s", "requestId": f"req_{call}",
                       "message": {"id": f"msg_{call}", "model": model, "usage": {"input_tokens": 1, "output_tokens": 2}}}) + "\n"


def event(call):
    attributes = {"event.name": "api_request", "model": "claude-sonnet-4-5", "request_id": f"req_{call}", "session.id": "s",
                  "event.timestamp": "2025-11-01T09:30:00.123Z", "input_tokens": "1", "output_tokens": "2"}
    record = {"body": {"stringValue": "claude_code.api_request"},
              "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def record(call):
    return {"records": [{"id": f"call-{call}", "platform": "iflow", "time": "2025-11-01T09:30:00Z", "model": "glm-4.6", "input": 1}]}


def ask(client, way, call="1", **options):
    method, path, body = {
        "import": ("POST", "/api/usage/import?platform=claude&file=a.jsonl", {"data": line(call)}),
        "position": ("GET", "/api/usage/import?platform=claude&file=a.jsonl", {}),
        "records": ("POST", "/api/usage/records", {"json": record(call)}),
        "logs": ("POST", "/v1/logs", {"json": event(call)}),
        "metrics": ("POST", "/v1/metrics", {"json": {"resourceMetrics": []}}),
    }[way]
    return client.request(method, path, **body, **options)


WAYS = ["import", "position", "records", "logs", "metrics"]


def calls(system, slug):
    """How many calls the workspace has."""
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        return db.execute("SELECT count(*) FROM usage_calls c JOIN workspaces w ON w.id = c.workspace_id WHERE w.slug = %s", (slug,)).fetchone()[0]


@pytest.mark.parametrize("way", WAYS)
def test_only_the_scope_counts(system, make_user, way):
    user = make_user()
    refused = ask(token(user, *OTHERS), way)
    assert refused.status_code == 403 and refused.json()["message"] == "The access token lacks the scope 'usage:write'"
    assert calls(system, user.username) == 0
    assert ask(token(user, "usage:write"), way).status_code == 200
    assert ask(user, way, call="2").status_code == 200, "a login reports as well"
    assert calls(system, user.username) == (0 if way in ("position", "metrics") else 2)


@pytest.mark.parametrize("path", ["/api/configs", "/api/usage/prices", "/api/auth/me", "/api/workspaces", "/api/history", "/api/resources/claude/mcp_server"])
def test_it_reads_nothing(make_user, path):
    refused = token(make_user(), "usage:write").get(path)
    assert refused.status_code == 403 and "lacks the scope 'read'" in refused.text


def test_a_viewer_reports(system, make_user):
    owner, viewer = make_user(), make_user()
    slug = f"team-{owner.username}"
    assert owner.post("/api/workspaces", json={"slug": slug, "name": "Team"}).status_code == 201
    add_member(owner, slug, viewer, "viewer")
    answer = ask(token(viewer, "usage:write"), "import", headers={"X-CCR-Workspace": slug})
    assert answer.status_code == 200 and calls(system, slug) == 1 and calls(system, viewer.username) == 0


@pytest.mark.parametrize("way", ["import", "records", "logs"])
def test_a_bound_token_reports_to_its_workspace_only(system, make_user, way):
    user = make_user()
    slug = f"bound-{user.username}"
    assert user.post("/api/workspaces", json={"slug": slug, "name": "Bound"}).status_code == 201
    bound = token(user, "usage:write", workspace=slug)
    assert ask(bound, way).status_code == 200
    assert ask(bound, way, call="2", headers={"X-CCR-Workspace": user.username}).status_code in (403, 404)
    assert calls(system, slug) == 1 and calls(system, user.username) == 0


def test_reporting_to_anothers_workspace_is_404(system, make_user):
    user, other = make_user(), make_user()
    for way in WAYS:
        assert ask(token(user, "usage:write"), way, headers={"X-CCR-Workspace": other.username}).status_code == 404
    assert calls(system, other.username) == 0


def test_a_revoked_token_reports_nothing(system, make_user):
    user = make_user()
    client = token(user, "usage:write")
    assert ask(client, "logs").status_code == 200
    for made in user.get("/api/tokens").data["tokens"]:
        assert user.delete(f"/api/tokens/{made['id']}").status_code == 200
    for way in WAYS:
        assert ask(client, way, call="2").status_code == 401
    assert calls(system, user.username) == 1


def test_cookies_report_from_our_own_pages_only(system, make_user, browser):
    """Another site's page may send plain bodies without asking first, and the browser adds the cookie."""
    user = make_user()
    client = browser(user.username, user.password)
    for way in ("import", "logs", "metrics", "records"):
        refused = ask(client, way, headers={"Sec-Fetch-Site": "cross-site"})
        assert refused.status_code == 403, refused.text
    assert calls(system, user.username) == 0
    assert ask(client, "import", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


# ---- what is sent ----

@pytest.mark.parametrize("kind, body", [("text/plain", b"{}"), ("application/x-ndjson", b"{}"), ("", b"{}"), ("application/jsonx", b"{}")])
@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics"])
def test_other_types_than_those_of_opentelemetry(make_user, path, kind, body):
    answer = token(make_user(), "usage:write").post(path, data=body, headers={"Content-Type": kind})
    assert answer.status_code == 415 and answer.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("kind, body", [("application/json", b"{"), ("application/json", b"[]"), ("application/json", b'{"resourceLogs":1}'), ("application/json", b""),
                                        ("application/x-protobuf", b"\xff\xff"), ("application/x-protobuf", b"\x0a\x7f")])
def test_what_is_no_export(system, make_user, kind, body):
    user = make_user()
    answer = token(user, "usage:write").post("/v1/logs", data=body, headers={"Content-Type": kind})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "VALIDATION_ERROR", answer.text
    assert calls(system, user.username) == 0


def test_an_export_has_a_limit_of_its_own(make_user):
    """16 MiB when it is unpacked: gzip makes a body of a few KB of that."""
    client = token(make_user(), "usage:write")
    for size, status in ((16, 200), (17, 413)):
        body = json.dumps({"resourceLogs": [], "x": "y" * (size * 1024 * 1024 - 1000)}).encode()
        answer = client.post("/v1/logs", data=gzip.compress(body), headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
        assert answer.status_code == status, answer.text
    assert answer.json()["message"] == f"The request body is larger than {16 * 1024 * 1024} bytes"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x"])
@pytest.mark.parametrize("path", ["/v1/logs", "/api/usage/import?platform=claude"])
def test_other_encodings(make_user, path, encoding):
    answer = token(make_user(), "usage:write").post(path, data=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": encoding})
    assert answer.status_code == 415 and "gzip or zstd" in answer.text


@pytest.mark.parametrize("query, field", [("", "platform"), ("?platform=iflow", "platform"), ("?platform=", "platform"), ("?platform=claude&at=-1", "at"),
                                          ("?platform=claude&at=x", "at"), ("?platform=claude&file=" + "x" * 1001, "file"),
                                          ("?platform=claude&machine=" + "x" * 201, "machine")])
def test_queries_of_an_import(make_user, query, field):
    answer = token(make_user(), "usage:write").post("/api/usage/import" + query, data=line("1"))
    assert answer.status_code == 400 and field in [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]]


@pytest.mark.parametrize("naming", ['{"ccr_file":1}', '{"ccr_file":""}', '{"ccr_file":"a.jsonl","at":-1}', '{"ccr_file":"a.jsonl"', '{"ccr_file":"' + "x" * 9000 + '"}',
                                    '{"ccr_file":"' + "x" * 1001 + '"}'])
def test_lines_that_name_no_file(system, make_user, naming):
    user = make_user()
    answer = token(user, "usage:write").post("/api/usage/import?platform=claude", data=naming + "\n" + line("1"))
    assert answer.status_code == 400 and "ccr_file" in answer.text
    assert calls(system, user.username) == 0


def test_a_file_goes_on_where_it_is_known_only(make_user):
    client = token(make_user(), "usage:write")
    path = "/api/usage/import?platform=claude&machine=m&file=a.jsonl"
    first = line("1")
    assert client.post(path, data=first + line("2")[:50]).data["position"] == len(first)
    assert client.get(path).data["position"] == len(first)
    for at in (1, len(first) + 1):
        answer = client.post(f"{path}&at={at}", data=line("2"))
        assert answer.status_code == 409 and str(len(first)) in answer.text
    answer = client.post(f"{path}&at={len(first)}", data=line("2")).data
    assert (answer["added"], answer["position"]) == (1, len(first) + len(line("2")))
    again = client.post(path, data=first + line("2")).data
    assert (again["added"], again["known"]) == (0, 2)
    assert client.get("/api/usage/import?platform=claude&machine=other&file=a.jsonl").data["position"] == 0
