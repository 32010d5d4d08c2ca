"""CCR UI v4.0.0: what each of its 56 pages asks for when it is first opened, in its order, in a workspace with something of everything and
in an empty one. No answer is an error, and none lacks a key that the page reads.

A page whose addresses the program does not have yet is expected to fail (`routes` says which those are), and to pass as soon as it has them."""

import json
import re
import subprocess

import pytest

from ccr_ui_data import NEEDS, PAGES, seed
from configs import acting_in, ada, new_workspace, system, team, users  # noqa: F401
from stack import BINARY, clean_environment
from websocket_client import open_websocket

ROUTES = [(route["method"], route["path"]) for route in
          json.loads(subprocess.run([BINARY, "routes", "--json"], check=True, capture_output=True, env=clean_environment()).stdout)]

# ---- what a page reads: {key: what it is}, [what each is], a type, several of them, or {str: what each is} for a map ----

NULL = type(None)
TEXT, FLAG, NUMBER, WHOLE = str, bool, (int, float), int
MAYBE_TEXT, MAYBE_NUMBER = (str, NULL), (int, float, NULL)
ANY = object


def of_page(path):
    """What a list of things needs, under its key."""
    page, each = PAGES[path], [dict(NEEDS[path]["needs"])]
    data = {page["key"]: each} if page["key"] else each
    if page["folders"]:
        data["folders"] = [TEXT]
    if page["current"]:
        data["current_profile"] = MAYBE_TEXT
    return data if page["bare"] else {"success": FLAG, "data": data}


def data(needs):
    return {"success": FLAG, "data": needs}


FLAGS = {name: FLAG for name in ("config", "mcp", "profiles", "auth", "usage", "agents", "slash_commands", "skills", "plugins", "commands")}
SESSIONS = {"sessions": WHOLE, "messages": WHOLE, "tokens": WHOLE, "duration_seconds": WHOLE}
USED = {"total_input_tokens": WHOLE, "total_output_tokens": WHOLE, "total_requests": WHOLE}
PRICE = {"model": TEXT, "input_price": NUMBER, "output_price": NUMBER, "cache_read_price": MAYBE_NUMBER, "cache_write_price": MAYBE_NUMBER}
LOGIN_STATE = {"type": TEXT}
MARKET = data({"items": [{"id": TEXT, "name": TEXT, "description": TEXT, "category": TEXT, "author": MAYBE_TEXT, "version": MAYBE_TEXT, "downloads": (int, NULL),
                          "rating": MAYBE_NUMBER, "installed": FLAG, "source": TEXT}], "total": WHOLE})
RECORDS = {"records": [dict], "total": WHOLE}
READ = {
    "/api/system": data({"hostname": TEXT, "os": TEXT, "os_version": TEXT, "kernel_version": TEXT, "cpu_brand": TEXT, "cpu_cores": WHOLE, "cpu_usage": NUMBER,
                         "total_memory_gb": NUMBER, "used_memory_gb": NUMBER, "memory_usage_percent": NUMBER, "total_swap_gb": NUMBER, "used_swap_gb": NUMBER,
                         "uptime_seconds": WHOLE}),
    "/api/version": data({"current_version": TEXT, "build_time": TEXT, "git_commit": TEXT}),
    "/api/command/list": data({"commands": [{"name": TEXT, "description": TEXT, "usage": TEXT, "examples": [TEXT]}]}),
    "/api/configs": {"current_config": TEXT, "default_config": TEXT,
                     "configs": [{"name": TEXT, "description": TEXT, "base_url": TEXT, "auth_token": TEXT, "model": MAYBE_TEXT, "small_fast_model": MAYBE_TEXT,
                                  "is_current": FLAG, "is_default": FLAG, "provider": MAYBE_TEXT, "provider_type": MAYBE_TEXT, "account": MAYBE_TEXT,
                                  "tags": (list, NULL), "usage_count": WHOLE, "enabled": FLAG}]},
    "/api/history": {"entries": [{"id": TEXT, "timestamp": TEXT, "operation": TEXT, "actor": TEXT, "from_config": MAYBE_TEXT, "to_config": MAYBE_TEXT,
                                  "changes": [{"key": TEXT, "old_value": ANY, "new_value": ANY}]}], "total": WHOLE},
    "/api/platforms/capabilities": data({"platforms": {name: FLAGS for name in ("claude-code", "codex", "gemini-cli", "qwen", "iflow", "droid")}}),
    "/api/statusline": data({"enabled": FLAG}),
    "/api/mcp/presets": data([{"id": TEXT, "name": TEXT, "description": TEXT, "command": MAYBE_TEXT, "args": [TEXT], "tags": [TEXT], "homepage": MAYBE_TEXT,
                               "docs": MAYBE_TEXT, "requires_api_key": FLAG, "api_key_env": MAYBE_TEXT}]),
    "/api/mcp/sync/source": data([{"name": TEXT, "command": MAYBE_TEXT, "args": [TEXT], "env": {str: TEXT}}]),
    "/api/codex/usage": data({"five_hour": USED, "seven_day": USED, "all_time": USED, "by_model": {str: USED}}),
    "/api/codex/auth/accounts": data({"accounts": [{"name": TEXT, "is_current": FLAG, "is_virtual": FLAG, "freshness": TEXT, "freshness_icon": TEXT,
                                                    "freshness_description": TEXT, "is_expired": FLAG}], "login_state": LOGIN_STATE}),
    "/api/codex/auth/current": data({"logged_in": FLAG, "info": (dict, NULL), "login_state": LOGIN_STATE}),
    "/api/stats/cost": {"total_cost": NUMBER, "record_count": WHOLE, "by_provider": {str: WHOLE}, "by_model": {str: NUMBER}, "by_project": {str: NUMBER},
                        "trend": (list, NULL), "token_stats": {"total_input_tokens": WHOLE, "total_output_tokens": WHOLE, "total_cache_tokens": WHOLE,
                                                               "cache_efficiency": NUMBER}},
    "/api/stats/provider-usage": {str: WHOLE},
    "/api/stats/heatmap": {"data": {str: WHOLE}, "max_value": WHOLE, "total_tokens": WHOLE, "active_days": WHOLE},
    "/api/budget/status": {"enabled": FLAG, "daily_limit": MAYBE_NUMBER, "weekly_limit": MAYBE_NUMBER, "monthly_limit": MAYBE_NUMBER, "warn_threshold": WHOLE,
                           "current_costs": {"today": NUMBER, "this_week": NUMBER, "this_month": NUMBER},
                           "warnings": [{"period": TEXT, "current_cost": NUMBER, "limit": NUMBER, "usage_percent": NUMBER}], "last_updated": TEXT},
    "/api/pricing/list": {"pricings": [PRICE], "default_pricing": PRICE},
    "/api/usage/records": {"records": [{"uuid": TEXT, "timestamp": TEXT}], "total_records": WHOLE, "truncated": FLAG},
    "/api/sessions": [{"id": TEXT, "platform": TEXT, "title": MAYBE_TEXT, "cwd": TEXT, "created_at": TEXT, "updated_at": TEXT, "message_count": WHOLE}],
    "/api/sessions/stats": {"total": WHOLE, "by_platform": {str: WHOLE}},
    "/api/sessions/stats/daily": {"daily_stats": [{"date": TEXT, "claude": SESSIONS, "codex": SESSIONS, "gemini": SESSIONS}], "last_updated": TEXT,
                                  "summary": {"total_sessions": WHOLE, "total_messages": WHOLE, "total_duration_seconds": WHOLE, "by_platform": {str: SESSIONS}}},
    "/api/ui-state/favorites": data({"favorites": [{"id": TEXT, "command": TEXT, "args": [TEXT], "display_name": MAYBE_TEXT, "module": TEXT, "created_at": TEXT}]}),
    "/api/ui-state/history": data({"history": [{"id": TEXT, "full_command": TEXT, "command": TEXT, "args": [TEXT], "success": FLAG, "executed_at": TEXT,
                                                "duration_ms": WHOLE}], "total": WHOLE}),
    "/api/sync/status": data({"success": FLAG, "output": TEXT, "configured": FLAG, "config": (dict, NULL)}),
    "/api/sync/folders": data({"success": FLAG, "output": TEXT, "error": ANY, "duration_ms": WHOLE}),
    "/api/skill_hub/agents": data([{"id": TEXT, "display_name": TEXT, "global_skills_dir": TEXT, "detected": FLAG, "installed_count": WHOLE}]),
    "/api/skill_hub/agents/claude-code/skills": data([{"name": TEXT, "skill_dir": TEXT}]),
    "/api/skill_hub/marketplace/trending": data({"items": [{"package": TEXT, "owner": TEXT, "repo": TEXT, "skills_sh_url": TEXT}], "total": WHOLE, "cached": FLAG}),
    "/api/marketplace": MARKET,
    "/api/checkin/providers": {"providers": [{"id": TEXT, "name": TEXT, "base_url": TEXT, "checkin_path": TEXT, "balance_path": TEXT, "user_info_path": TEXT,
                                              "auth_header": TEXT, "auth_prefix": TEXT, "enabled": FLAG, "created_at": TEXT}], "total": WHOLE},
    "/api/checkin/providers/builtin": {"providers": [{"id": TEXT, "name": TEXT, "description": TEXT, "domain": TEXT, "base_url": TEXT, "checkin_path": MAYBE_TEXT,
                                                      "balance_path": TEXT, "user_info_path": TEXT, "auth_header": TEXT, "auth_prefix": TEXT,
                                                      "supports_checkin": FLAG, "requires_waf_bypass": FLAG, "checkin_bugged": FLAG, "icon": TEXT}], "total": WHOLE},
    "/api/checkin/accounts": {"accounts": [{"id": TEXT, "provider_id": TEXT, "name": TEXT, "cookies_masked": TEXT, "api_user": TEXT, "enabled": FLAG,
                                            "created_at": TEXT}], "total": WHOLE},
    "/api/checkin/records": RECORDS,
    "/api/checkin/stats/today": {"total_accounts": WHOLE, "checked_in": WHOLE, "not_checked_in": WHOLE, "failed": WHOLE},
    "/api/checkin/accounts/ONE/dashboard": {"account": dict, "streak": ANY, "calendar": ANY, "trend": ANY},
    **{path: of_page(path) for path in PAGES},
    **{f"{path}/one": data(dict(NEEDS[path]["needs"])) for path in ("/api/agents", "/api/skills")},
}

# ---- what a page asks for ----

CAN = "/api/platforms/capabilities"
CONFIGS, HISTORY = "/api/configs", "/api/history"
PAGES_OF_UI = {
    "/": ["/api/system", "/api/sessions/stats/daily?days=30"],
    "/claude-code": [],
    "/codex": ["/api/codex/profiles", "/api/codex/usage"],
    "/gemini-cli": [],
    "/qwen": [],
    "/iflow": [],
    "/droid": [],
    "/ccr-control": ["/api/version", "/api/version", "/api/ui-state/favorites", "/api/ui-state/history?limit=50"],
    "/commands/:client?": ["/api/command/list", CONFIGS],
    "/converter": [CAN],
    "/sync": ["/api/sync/status", "/api/sync/folders"],
    "/configs": [CONFIGS, "/api/stats/provider-usage"],
    "/stats": ["/api/stats/cost?range=today", "/api/stats/provider-usage"],
    "/budget": ["/api/budget/status"],
    "/pricing": ["/api/pricing/list"],
    "/usage": ["/api/usage/records?platform=claude&limit=10000", "/api/stats/heatmap"],
    "/monitoring": ["WS /ws"],
    "/mcp": ["/api/mcp", "/api/mcp/presets", "/api/mcp/sync/source", CAN],
    "/slash-commands": ["/api/slash-commands", CAN],
    "/agents": ["/api/agents", CONFIGS, HISTORY],
    "/agents/:name": ["/api/agents/one"],
    "/skills": ["/api/skills"],
    "/skills/hub": ["/api/skill_hub/agents", "/api/skill_hub/agents/claude-code/skills", "/api/skill_hub/marketplace/trending?limit=50&page=1"],
    "/skills/:name": ["/api/skills/one"],
    "/market": ["/api/marketplace"],
    "/plugins": ["/api/plugins", CAN],
    "/sessions": ["/api/sessions?limit=50", "/api/sessions/stats"],
    "/hooks": ["/api/hooks"],
    "/output-styles": ["/api/output-styles"],
    "/statusline": ["/api/statusline"],
    "/provider-health": [],
    "/checkin/manage/:accountId": ["/api/checkin/accounts/ONE/dashboard?year=2026&month=1&days=30"],
    "/checkin": ["/api/checkin/providers", "/api/checkin/accounts", "/api/checkin/records?page=1&page_size=100", "/api/checkin/stats/today",
                 "/api/checkin/providers/builtin", "/api/checkin/records?status=failed&page=1&page_size=5"],
    "/codex/mcp": ["/api/codex/mcp", CONFIGS, HISTORY, CAN],
    "/codex/profiles": ["/api/codex/profiles", CAN],
    "/codex/slash-commands": ["/api/codex/slash-commands", CAN],
    "/codex/auth": ["/api/codex/auth/accounts", "/api/codex/auth/current", CAN],
    "/gemini-cli/mcp": ["/api/gemini/mcp", CAN],
    "/gemini-cli/agents": [],
    "/gemini-cli/slash-commands": ["/api/gemini/slash-commands", CAN],
    "/gemini-cli/plugins": [CAN],
    "/qwen/mcp": ["/api/qwen/mcp", CAN],
    "/qwen/agents": [],
    "/qwen/slash-commands": ["/api/qwen/slash-commands", CAN],
    "/qwen/plugins": [CAN],
    "/iflow/mcp": ["/api/iflow/mcp", CAN],
    "/iflow/agents": ["/api/iflow/agents", CONFIGS, HISTORY],
    "/iflow/slash-commands": ["/api/iflow/slash-commands", CAN],
    "/iflow/plugins": ["/api/iflow/plugins", CAN],
    "/droid/mcp": ["/api/droid/mcp", CAN],
    "/droid/agents": ["/api/droid/agents", CONFIGS, HISTORY],
    "/droid/slash-commands": [],
    "/droid/plugins": ["/api/droid/plugins", CAN],
    "/droid/models": ["/api/droid/models"],
    "/droid/profiles": ["/api/droid/profiles"],
    "/droid/droids": ["/api/droid/droids"],
}
OF_ONE = ("/agents/:name", "/skills/:name", "/checkin/manage/:accountId")  # of something that is there


def is_there(request):
    """Whether the program has the address at all."""
    if request == "WS /ws":
        return True
    path = request.split("?")[0]
    return any(method == "GET" and re.fullmatch(re.sub(r"{[^}]*}", "[^/]+", pattern), path) for method, pattern in ROUTES)


def first_loads():
    for page, requests in PAGES_OF_UI.items():
        lacking = [request for request in requests if not is_there(request)]
        marks = [pytest.mark.xfail(reason=f"no route yet for {', '.join(lacking)}", strict=True)] if lacking else []
        for workspace in ("seeded", "empty"):
            if workspace == "seeded" or page not in OF_ONE:
                yield pytest.param(page, workspace, id=f"{page}-{workspace}", marks=marks)


def lacks(needs, value, where):
    """The places where something is missing or of another type."""
    if isinstance(needs, dict) and str not in needs:
        if not isinstance(value, dict):
            return [where]
        return [place for key, each in needs.items() for place in ([f"{where}.{key}"] if key not in value else lacks(each, value[key], f"{where}.{key}"))]
    if isinstance(needs, (dict, list)):
        if not isinstance(value, type(needs)):
            return [where]
        every = value.values() if isinstance(value, dict) else value
        (each,) = needs.values() if isinstance(needs, dict) else needs
        return [place for number, one in enumerate(every) for place in lacks(each, one, f"{where}[{number}]")]
    known = needs if isinstance(needs, tuple) else (needs,)
    return [] if isinstance(value, known) and (not isinstance(value, bool) or bool in known or object in known) else [where]


def seed_what_has_no_page(client):
    """What the pages' own lists do not bring. Answers the account of a check-in, which an address names."""
    def make(path, **body):
        answer = client.post(path, json=body)
        assert answer.status_code <= 299, (path, answer.text)
        return answer.json()

    if is_there("/api/ui-state/favorites"):
        make("/api/ui-state/favorites", command="list", args=[], module="config")
        make("/api/ui-state/history", command="list", args=[], success=True, duration_ms=3)
    if not is_there("/api/checkin/accounts"):
        return "none"
    provider = make("/api/checkin/providers", name="example", base_url="https://api.example.org")["id"]
    return make("/api/checkin/accounts", provider_id=provider, name="one", cookies_json='{"session":"abcdefghijkl"}', api_user="1")["id"]


@pytest.mark.parametrize("page, workspace", first_loads())
def test_first_load(ada, page, workspace):
    account = "none"
    if workspace == "seeded":
        seed(ada)
        account = seed_what_has_no_page(ada)
    for request in PAGES_OF_UI[page]:
        if request.startswith("WS "):
            continue  # below
        answer = ada.get(request.replace("ONE", account))
        assert answer.status_code <= 399, (request, answer.text)
        body = answer.json()
        assert not isinstance(body, dict) or body.get("success") is not False, "the frontend takes that for an error"
        assert not lacks(READ[request.split("?")[0]], body, request), body


@pytest.mark.parametrize("workspace", ["seeded", "empty"])
def test_first_load_of_monitoring(module_stack, workspace):
    """The one that asks for no address but opens a WebSocket, which brings a cookie and no token."""
    stack = module_stack(EVENTS_SOCKET="here")
    ada = acting_in(stack.client("ada"), new_workspace(stack.client("ada")))
    if workspace == "seeded":
        assert ada.post("/api/mcp", json=NEEDS["/api/mcp"]["new"]).status_code == 200
    browser = ada.anonymous().session
    assert browser.post(stack.url + "/api/auth/login", json={"username": "ada", "password": stack.passwords["ada"]}).status_code == 200
    socket = open_websocket(stack.nginx.port, cookies=dict(browser.cookies), origin=stack.url, protocol=None)
    try:
        message = socket.next()
        lines = message["data"] if message["type"] == "LogBatch" else [message["data"]]
        assert lines and not lacks([{"id": TEXT, "timestamp": TEXT, "level": TEXT, "source": TEXT, "message": TEXT, "metadata": dict}], lines, "WS /ws"), message
        assert message["type"] == ("LogBatch" if workspace == "seeded" else "Log")
        socket.send('{"type":"Ping"}')
        while message["type"] != "Pong":
            message = socket.next()
    finally:
        socket.close()


def test_every_page_is_here():
    """As in the table of the contract: 56 pages, 47 of which ask for something."""
    assert (len(PAGES_OF_UI), len([page for page, requests in PAGES_OF_UI.items() if requests])) == (56, 47)


def test_lists_are_filled_and_empty(ada):
    """Else a page whose list is always empty would pass."""
    def filled():
        found = {}
        for request in {request for requests in PAGES_OF_UI.values() for request in requests if is_there(request)} & set(PAGES):
            body = ada.get(request).json()
            listed = body if PAGES[request]["bare"] else body["data"]
            found[request] = bool(listed[PAGES[request]["key"]] if PAGES[request]["key"] else listed)
        return found

    assert not any(filled().values())
    seed(ada)
    assert [path for path, any_there in filled().items() if not any_there] == ["/api/iflow/plugins"], "that CLI has none"


def test_how_often_profiles_were_chosen(ada):
    assert ada.get("/api/stats/provider-usage").json() == {}
    seed(ada)
    assert ada.get("/api/stats/provider-usage").json() == {"example": 0}
    for _ in range(2):
        assert ada.post("/api/switch", json={"config_name": "relay"}).status_code == 200
    assert ada.post("/api/configs", json={"name": "bare", "base_url": "https://x.example", "auth_token": "x" * 20}).status_code == 201
    assert ada.get("/api/stats/provider-usage").json() == {"example": 2, "unknown": 0}
    assert ada.get("/api/stats/provider-usage?platform=droid").json() == {"unknown": 0}


def test_days_of_sessions(ada):
    for days in (7, 30, 90):
        rows = [row["date"] for row in ada.get(f"/api/sessions/stats/daily?days={days}").json()["daily_stats"]]
        assert len(set(rows)) == days + 1 and rows == sorted(rows)
    assert ada.get("/api/sessions/stats/daily?days=0").status_code == 400
    assert ada.get("/api/usage/records?platform=emacs").status_code == 400
    assert ada.get("/api/stats/cost?range=year").status_code == 400
