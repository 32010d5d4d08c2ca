"""Check-in: providers, accounts, what was recorded; and asking providers, where the server may."""

import datetime
import json

import pytest

from configs import acting_in, new_workspace, refused, secret, wrong_fields
from providers import Provider, redirect, reply
from stack import join

NOBODY = "00000000-0000-4000-8000-000000000000"
DEFAULTS = {"checkin_path": "/api/user/checkin", "balance_path": "/api/user/self", "user_info_path": "/api/user/self",
            "auth_header": "Authorization", "auth_prefix": "Bearer"}


@pytest.fixture(scope="module")
def system(module_stack):
    return module_stack(OUTBOUND_ALLOW="127.0.0.2", CHECKIN_ENABLED="true")


@pytest.fixture
def ada(system):
    client = system.client("ada")
    return acting_in(client, new_workspace(client))


@pytest.fixture
def relay():
    with Provider("127.0.0.2") as relay:
        yield relay


def made(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def add_provider(client, name="Relay", base_url="https://relay.example.org", **fields):
    return made(client.post("/api/checkin/providers", json={"name": name, "base_url": base_url, **fields}))


def add_account(client, provider, name="team", **fields):
    token = secret()
    body = {"provider_id": provider["id"], "name": name, "cookies_json": json.dumps({"session": token}), "api_user": "1042", **fields}
    return made(client.post("/api/checkin/accounts", json=body)), token


def listed(client, what, **params):
    body = made(client.get(f"/api/checkin/{what}", params=params))
    assert body["total"] == len(body[what])
    return body[what]


def record(system, client, account, when, status="success", **columns):
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        workspace = db.execute("SELECT id FROM workspaces WHERE slug = %s", (client.workspace,)).fetchone()[0]
        if status:
            db.execute("INSERT INTO checkin_records (workspace_id, account_id, provider_id, account_name, provider_name, status, message,"
                       " checked_at) VALUES (%s, %s, %s, %s, 'Relay', %s, %s, %s)",
                       (workspace, account["id"], account["provider_id"], account["name"], status, columns.get("message"), when))
        else:
            db.execute("INSERT INTO checkin_balances (workspace_id, account_id, used_quota, remaining_quota, recorded_at)"
                       " VALUES (%s, %s, %s, %s, %s)", (workspace, account["id"], columns["used"], columns["left"], when))


# ---- providers ----

def test_providers(ada):
    provider = add_provider(ada)
    assert {name: provider[name] for name in DEFAULTS} == DEFAULTS
    assert (provider["name"], provider["base_url"], provider["enabled"]) == ("Relay", "https://relay.example.org", True)
    assert listed(ada, "providers") == [provider]
    changed = made(ada.put(f"/api/checkin/providers/{provider['id']}",
                           json={"name": "Relay 2", "checkin_path": "/api/sign_in", "balance_path": "", "enabled": False, "unknown": 1}))
    assert changed["id"] == provider["id"] and changed["created_at"] == provider["created_at"]
    assert (changed["name"], changed["checkin_path"], changed["balance_path"], changed["enabled"], changed["base_url"]) == (
        "Relay 2", "/api/sign_in", "", False, "https://relay.example.org")
    assert ada.get("/api/resources/claude/checkin_provider/Relay%202").data["checkin_path"] == "/api/sign_in"
    gone = ada.delete(f"/api/checkin/providers/{provider['id']}")
    assert (gone.status_code, gone.content) == (204, b"") and listed(ada, "providers") == []
    for method in ("put", "delete"):
        for name in (provider["id"], NOBODY, "x'"):
            refused(ada.request(method.upper(), f"/api/checkin/providers/{name}", json={} if method == "put" else None), 404, "NOT_FOUND")


def test_wrong_providers(ada):
    add_provider(ada)
    refused(ada.post("/api/checkin/providers", json={"name": "Relay", "base_url": "https://x.example"}), 409, "CONFLICT")
    for body, field in [({"base_url": "https://x.example"}, "name"), ({"name": "x"}, "base_url"), ({"name": "x", "base_url": "ftp://x"}, "base_url"),
                        ({"name": "x", "base_url": "https://x.example", "checkin_path": "x"}, "checkin_path")]:
        assert wrong_fields(ada.post("/api/checkin/providers", json=body)) == [field]


def test_providers_that_come_with_the_program(ada):
    builtin = made(ada.get("/api/checkin/providers/builtin"))
    assert [one["id"] for one in builtin["providers"]] == ["builtin-anyrouter", "builtin-agentrouter", "builtin-coderouter"]
    added = [made(ada.post("/api/checkin/providers/builtin/add", json={"builtin_id": one["id"]})) for one in builtin["providers"]]
    for one, provider in zip(builtin["providers"], added):
        assert provider["name"] == one["name"] and provider["base_url"] == one["base_url"] == f"https://{one['domain']}"
        assert provider["checkin_path"] == (one["checkin_path"] or "") and one["supports_checkin"] == bool(one["checkin_path"])
    refused(ada.post("/api/checkin/providers/builtin/add", json={"builtin_id": "builtin-anyrouter"}), 409, "CONFLICT")
    assert wrong_fields(ada.post("/api/checkin/providers/builtin/add", json={"builtin_id": "x"})) == ["builtin_id"]


# ---- accounts ----

def test_accounts(ada):
    provider, other = add_provider(ada), add_provider(ada, "Other")
    account, token = add_account(ada, provider)
    shown = json.dumps({"session": f"{token[:4]}...{token[-4:]}"}, separators=(",", ":"))
    assert (account["provider_id"], account["provider_name"], account["name"], account["api_user"], account["enabled"]) == (
        provider["id"], "Relay", "team", "1042", True)
    assert json.loads(account["cookies_masked"]) == json.loads(shown) and "last_checkin_at" not in account
    later, _ = add_account(ada, other, "later")
    assert [one["name"] for one in listed(ada, "accounts")] == ["later", "team"]
    assert listed(ada, "accounts", provider_id=provider["id"]) == [account]
    cookies = f"/api/checkin/accounts/{account['id']}/cookies"
    assert made(ada.get(cookies)) == {"cookies_json": json.dumps({"session": token}, separators=(",", ":")), "api_user": "1042"}
    # what was shown comes back and means the same; so does what is left out
    changed = made(ada.put(f"/api/checkin/accounts/{account['id']}", json={"name": "crew", "cookies_json": shown, "enabled": False}))
    assert (changed["id"], changed["name"], changed["api_user"], changed["enabled"]) == (account["id"], "crew", "1042", False)
    assert token in made(ada.get(cookies))["cookies_json"]
    other_token = secret()
    made(ada.put(f"/api/checkin/accounts/{account['id']}", json={"cookies_json": json.dumps({"session": other_token}), "api_user": ""}))
    assert made(ada.get(cookies)) == {"cookies_json": json.dumps({"session": other_token}, separators=(",", ":")), "api_user": ""}
    error = refused(ada.delete(f"/api/checkin/providers/{provider['id']}"), 409, "CONFLICT")
    assert "'crew'" in error["message"]
    assert ada.delete(f"/api/checkin/accounts/{account['id']}").status_code == 204
    assert ada.delete(f"/api/checkin/providers/{provider['id']}").status_code == 204
    assert [one["id"] for one in listed(ada, "accounts")] == [later["id"]]


@pytest.mark.parametrize("fields, field", [
    ({"cookies_json": "session=x"}, "cookies_json"), ({"cookies_json": "[]"}, "cookies_json"), ({"cookies_json": '{"a":1}'}, "cookies.a"),
    ({"cookies_json": '{"a":"x\\r\\nHost: y"}'}, "cookies.a"), ({"cookies_json": '{"a":"sk-1...2345"}'}, "cookies.a"),
    ({"api_user": "a b"}, "api_user"), ({"name": ""}, "name"),
])
def test_wrong_accounts(ada, fields, field):
    provider = add_provider(ada)
    body = {"provider_id": provider["id"], "name": "team", "cookies_json": '{"a":"b"}', **fields}
    assert wrong_fields(ada.post("/api/checkin/accounts", json=body)) == [field]
    refused(ada.post("/api/checkin/accounts", json={**body, "name": "x", "cookies_json": '{"a":"b"}', "api_user": "1", "provider_id": NOBODY}), 404, "NOT_FOUND")


def test_who_may(system):
    owner, editor, viewer = (system.client(name) for name in ("dora", "ben", "cleo"))
    slug = new_workspace(owner)
    join(owner, slug, editor, "ben", "editor")
    join(owner, slug, viewer, "cleo", "viewer")
    owner, editor, viewer = (acting_in(client, slug) for client in (owner, editor, viewer))
    provider = add_provider(editor)
    account, token = add_account(editor, provider)
    stranger = system.client("emil")
    for client in (viewer, editor):
        assert [one["id"] for one in listed(client, "accounts")] == [account["id"]]
    at = f"/api/checkin/accounts/{account['id']}"
    for method, path, body in [("POST", "/api/checkin/providers", {"name": "x", "base_url": "https://x.example"}), ("PUT", at, {}), ("DELETE", at, None),
                               ("GET", f"{at}/cookies", None), ("POST", f"{at}/checkin", None), ("POST", f"{at}/balance", None),
                               ("POST", "/api/checkin/export", {}), ("POST", "/api/checkin/import", {"data": {"version": "1.0"}})]:
        refused(viewer.request(method, path, json=body), 403, "AUTHORIZATION_ERROR")
    for path in (f"{at}/cookies", f"{at}/dashboard"):
        refused(stranger.get(path), 404, "NOT_FOUND")
    refused(editor.post("/api/checkin/export", json={"include_plaintext_keys": True}), 403, "AUTHORIZATION_ERROR")
    with system.db() as db:
        db.execute("UPDATE sessions SET confirmed_at = now() - interval '6 minutes'")
    editor.confirms = False
    for method, path in (("GET", f"{at}/cookies"), ("POST", f"{at}/checkin"), ("POST", f"{at}/balance")):
        assert "Confirm your password" in refused(editor.request(method, path), 403, "AUTHORIZATION_ERROR")["message"]
    assert token not in system.backend.log()


# ---- asking ----

def test_checking_in(ada, relay, system):
    account, token = add_account(ada, add_provider(ada, base_url=relay.url + "/"))
    at = f"/api/checkin/accounts/{account['id']}/checkin"
    says = {"account_id": account["id"], "account_name": "team", "provider_name": "Relay"}
    for answer, expected in [
        (reply('{"success":true,"message":"签到成功","data":{"reward":"$2.50"}}'), {"status": "success", "message": "签到成功", "reward": "$2.50"}),
        (reply('{"ret":1,"msg":"ok","data":{"points":25}}'), {"status": "success", "message": "ok", "reward": "25"}),
        (reply('{"code":0}'), {"status": "success"}),
        (reply('{"success":false,"message":"今日已签到"}'), {"status": "already_checked_in", "message": "今日已签到"}),
        (reply('{"success":false,"message":"Already checked in"}'), {"status": "already_checked_in", "message": "Already checked in"}),
        (reply('{"success":false,"message":"no"}'), {"status": "failed", "message": "no"}),
        (reply(json.dumps({"success": False, "message": f"you are {token}"})), {"status": "failed"}),
        (reply(json.dumps({"success": False, "message": "y" * 5000})), {"status": "failed", "message": "y" * 200}),
        (reply("{}", 401), {"status": "failed", "message": "it does not take the cookies (status 401)"}),
        (reply("<html>"), {"status": "failed", "message": "no JSON in its answer"}),
        (redirect("http://127.0.0.1/"), {"status": "failed", "message": "its address is a private one, which this server does not ask"
                                                                        " (OUTBOUND_ALLOW names those that it may)"}),
    ]:
        relay.says(answer)
        assert made(ada.post(at)) == {**says, **expected}
    path, headers = relay.seen[0]
    assert (path, headers["cookie"], headers["new-api-user"]) == ("/api/user/checkin", f"session={token}", "1042")
    records = listed(ada, "records")
    assert len(records) == 11 and records[0]["message"].startswith("its address") and records[-1]["reward"] == "$2.50"
    assert "last_checkin_at" in listed(ada, "accounts")[0]
    assert token not in ada.get("/api/checkin/records").text and token not in system.backend.log()
    with system.db() as db:
        db.execute("SELECT set_config('ccr.maintenance', 'on', false)")
        assert db.execute("SELECT count(*) FROM audit_log a JOIN workspaces w ON w.id = a.workspace_id WHERE w.slug = %s"
                          " AND action = 'checkin_account.checkin' AND target = 'team'", (ada.workspace,)).fetchone() == (11,)
    assert ada.delete(f"/api/checkin/accounts/{account['id']}").status_code == 204
    assert listed(ada, "records") == []


def test_cookies_go_to_the_provider_only(ada, relay):
    account, _ = add_account(ada, add_provider(ada, base_url=relay.url))
    with Provider("127.0.0.2", reply('{"success":true}')) as other:
        relay.says(redirect(other.url + "/x", 307))
        assert made(ada.post(f"/api/checkin/accounts/{account['id']}/checkin"))["status"] == "success"
        assert "cookie" in relay.seen[0][1] and "cookie" not in other.seen[0][1]


def test_balances(ada, relay):
    account, _ = add_account(ada, add_provider(ada, base_url=relay.url))
    at = f"/api/checkin/accounts/{account['id']}/balance"
    relay.says(reply('{"success":true,"data":{"quota":11750000,"used_quota":13250000}}'))
    balance = made(ada.post(at))
    recorded = balance.pop("recorded_at")
    assert balance == {"account_id": account["id"], "total_quota": 50, "used_quota": 26.5, "remaining_quota": 23.5, "usage_percentage": 53,
                       "currency": "USD"}
    assert relay.seen[0][0] == "/api/user/self"
    shown = listed(ada, "accounts")[0]
    assert (shown["latest_balance"], shown["total_quota"], shown["total_consumed"], shown["balance_currency"], shown["last_balance_check_at"]) == (
        23.5, 50, 26.5, "USD", recorded)
    for answer, problem in [(reply("{}", 500), "status 500"), (reply("{}"), "no quota, used_quota in its answer"),
                            (reply('{"data":{"quota":-1,"used_quota":0}}'), "no quota, used_quota in its answer"),
                            (reply('{"data":{"quota":1e30,"used_quota":0}}'), "no quota, used_quota in its answer")]:
        relay.says(answer)
        assert refused(ada.post(at), 502, "EXTERNAL_SERVICE_ERROR")["message"] == f"The provider did not answer as expected: {problem}"


def test_what_is_missing(ada, relay):
    provider = add_provider(ada, base_url=relay.url, checkin_path=None)
    account, _ = add_account(ada, provider)
    bare = made(ada.post("/api/checkin/accounts", json={"provider_id": provider["id"], "name": "bare", "cookies_json": "{}"}))
    assert "no such path" in refused(ada.post(f"/api/checkin/accounts/{account['id']}/checkin"), 409, "CONFLICT")["message"]
    assert "no cookies" in refused(ada.post(f"/api/checkin/accounts/{bare['id']}/balance"), 409, "CONFLICT")["message"]
    refused(ada.post(f"/api/checkin/accounts/{NOBODY}/balance"), 404, "NOT_FOUND")
    assert relay.connections == 0


def test_nobody_is_asked_without_the_setting(fresh_stack, relay):
    ada = fresh_stack(OUTBOUND_ALLOW="127.0.0.2").client("ada")
    account, _ = add_account(ada, add_provider(ada, base_url=relay.url))
    for what in ("checkin", "balance"):
        error = refused(ada.post(f"/api/checkin/accounts/{account['id']}/{what}"), 409, "CONFLICT")
        assert error["message"] == "This server asks no check-in providers (CHECKIN_ENABLED is not set to true)"
    assert relay.connections == 0 and listed(ada, "records") == []


# ---- what was recorded ----

def at(days_ago, hour=12):
    day = datetime.datetime.now(datetime.timezone.utc).replace(hour=hour, minute=0, second=0, microsecond=0)
    return day - datetime.timedelta(days=days_ago)


def test_records(ada, system):
    account, _ = add_account(ada, add_provider(ada))
    for number in range(7):
        record(system, ada, account, at(number), "failed" if number % 3 == 0 else "success", message=f"Number {number}")
    page = made(ada.get("/api/checkin/records", params={"page": 2, "page_size": 3}))
    assert page["total"] == 7 and [one["message"] for one in page["records"]] == ["Number 3", "Number 4", "Number 5"]
    assert [one["message"] for one in made(ada.get("/api/checkin/records", params={"limit": 1}))["records"]] == ["Number 0"]
    assert [one["message"] for one in listed(ada, "records", status="failed")] == ["Number 0", "Number 3", "Number 6"]
    assert len(listed(ada, "records", keyword="NUMBER 4")) == 1 and len(listed(ada, "records", keyword="relay")) == 7
    assert listed(ada, "records", account_id=NOBODY) == listed(ada, "records", provider_id="x") == []
    assert len(listed(ada, "records", account_id=account["id"], provider_id=account["provider_id"])) == 7
    assert len(listed(ada, "records", status="", keyword="", account_id="", page="")) == 7
    for query in ({"page_size": 501}, {"page": 0}, {"status": "x"}):
        refused(ada.get("/api/checkin/records", params=query), 400, "VALIDATION_ERROR")
    saved = ada.get("/api/checkin/records/export")
    assert saved.headers["Content-Disposition"] == 'attachment; filename="checkin-records.json"' and len(saved.json()["records"]) == 7


def test_today(ada, system):
    provider = add_provider(ada)
    accounts = [add_account(ada, provider, name)[0] for name in ("good", "late", "bad", "none", "off")]
    made(ada.put(f"/api/checkin/accounts/{accounts[4]['id']}", json={"enabled": False}))
    record(system, ada, accounts[0], at(0, 0))
    record(system, ada, accounts[1], at(0, 0), "failed")
    record(system, ada, accounts[1], at(0, 0), "already_checked_in")
    record(system, ada, accounts[2], at(0, 0), "failed")
    record(system, ada, accounts[3], at(1, 23))
    assert made(ada.get("/api/checkin/stats/today")) == {"total_accounts": 4, "checked_in": 2, "not_checked_in": 2, "failed": 1}


def dashboard(client, account, **params):
    return made(client.get(f"/api/checkin/accounts/{account['id']}/dashboard", params=params))


def test_an_empty_dashboard(ada):
    account, _ = add_account(ada, add_provider(ada))
    shown = dashboard(ada, account, year=2024, month=2, days=7)
    assert shown["account"] == {"id": account["id"], "name": "team", "provider_id": account["provider_id"], "provider_name": "Relay", "enabled": True}
    assert shown["streak"] == {"current_streak": 0, "longest_streak": 0, "total_check_in_days": 0}
    assert [day["date"] for day in shown["calendar"]["days"]] == [f"2024-02-{day:02}" for day in range(1, 30)]
    assert shown["calendar"]["month_stats"] == {"total_days": 29, "checked_in_days": 0, "check_in_rate": 0, "total_quota_increment": 0}
    assert [point["date"] for point in shown["trend"]["data_points"]] == [str(at(ago).date()) for ago in range(6, -1, -1)]
    now = at(0)
    shown = dashboard(ada, account)
    assert (shown["calendar"]["year"], shown["calendar"]["month"]) == (now.year, now.month) and len(shown["trend"]["data_points"]) == 30
    for query in ({"month": 13}, {"month": 0}, {"days": 0}, {"days": 366}, {"year": "x"}):
        refused(ada.get(f"/api/checkin/accounts/{account['id']}/dashboard", params=query), 400, "VALIDATION_ERROR")
    refused(ada.get(f"/api/checkin/accounts/{NOBODY}/dashboard"), 404, "NOT_FOUND")


@pytest.mark.parametrize("days, current, longest", [
    ([0, 1, 2], 3, 3), ([1, 2], 2, 2), ([2, 3], 0, 2), ([0], 1, 1), ([0, 2, 3, 4, 5, 9], 1, 4), ([1, 2, 3, 10, 11], 3, 3), ([0, 0, 0], 1, 1),
])
def test_streaks(ada, system, days, current, longest):
    """One goes on until a day is over without a check-in; one that failed is none."""
    account, _ = add_account(ada, add_provider(ada))
    for ago in days:
        record(system, ada, account, at(ago), "already_checked_in" if ago % 2 else "success")
    record(system, ada, account, at(30), "failed")
    assert dashboard(ada, account)["streak"] == {"current_streak": current, "longest_streak": longest, "total_check_in_days": len(set(days)),
                                                 "last_check_in_date": str(at(min(days)).date())}


def test_a_month_and_a_trend(ada, system):
    account, _ = add_account(ada, add_provider(ada))
    utc = datetime.timezone.utc
    for day, used, left in ((3, 1, 9), (3, 2, 9.5), (5, 2, 12), (8, 5, 9)):
        record(system, ada, account, datetime.datetime(2024, 4, day, 10 + used, tzinfo=utc), None, used=used, left=left)
    record(system, ada, account, datetime.datetime(2024, 4, 5, 23, 59, tzinfo=utc))
    record(system, ada, account, datetime.datetime(2024, 4, 7, 0, 0, tzinfo=utc), "failed")
    calendar = dashboard(ada, account, year=2024, month=4)["calendar"]
    rows = {day["date"][-2:]: (day["is_checked_in"], day["income_increment"], day["current_balance"], day["total_consumed"], day["total_quota"])
            for day in calendar["days"]}
    assert len(rows) == 30
    assert [rows[day] for day in ("02", "03", "04", "05", "07", "08", "30")] == [
        (False, None, 0, 0, 0), (False, None, 9.5, 2, 11.5), (False, None, 9.5, 2, 11.5), (True, 2.5, 12, 2, 14), (False, None, 12, 2, 14),
        (False, 0, 9, 5, 14), (False, None, 9, 5, 14)]
    assert calendar["month_stats"] == {"total_days": 30, "checked_in_days": 1, "check_in_rate": 3.33, "total_quota_increment": 2.5}
    record(system, ada, account, at(1), None, used=6, left=10)
    trend = dashboard(ada, account, days=2)["trend"]
    assert (trend["start_date"], trend["end_date"]) == (str(at(1).date()), str(at(0).date()))
    assert [(point["income_increment"], point["current_balance"], point["total_quota"]) for point in trend["data_points"]] == [(2, 10, 16), (0, 10, 16)]
    account = dashboard(ada, account)["account"]
    assert (account["latest_balance"], account["used_quota"], account["remaining_quota"], account["total_quota"]) == (10, 6, 10, 16)


# ---- out and in ----

def test_export_and_import(ada, users_workspace):
    provider = add_provider(ada, checkin_path="/api/sign_in")
    account, token = add_account(ada, provider)
    masked = made(ada.post("/api/checkin/export", json={}))
    assert token not in json.dumps(masked) and masked["accounts"][0]["cookies_json_encrypted"] is True
    assert made(ada.post("/api/checkin/export", json={"providers_only": True}))["accounts"] == []
    clear = made(ada.post("/api/checkin/export", json={"include_plaintext_keys": True}))
    assert json.loads(clear["accounts"][0]["cookies_json"]) == {"session": token} and clear["accounts"][0]["cookies_json_encrypted"] is False

    there = users_workspace()
    assert {key: value for key, value in made(there.post("/api/checkin/import/preview", json={"data": clear})).items() if key != "items"} == {
        "version_compatible": True, "export_version": "1.0", "new_providers": 1, "conflicting_providers": 0, "new_accounts": 1,
        "conflicting_accounts": 0, "keys_encrypted": False, "warnings": []}
    assert listed(there, "providers") == []
    done = made(there.post("/api/checkin/import", json={"data": clear, "options": {"conflict_strategy": "skip"}}))
    assert (done["success"], done["providers_imported"], done["accounts_imported"], done["accounts_need_reauth"]) == (True, 1, 1, 0)
    copied, = listed(there, "accounts")
    assert copied["provider_name"] == "Relay" and copied["id"] != account["id"]
    assert json.loads(made(there.get(f"/api/checkin/accounts/{copied['id']}/cookies"))["cookies_json"]) == {"session": token}

    clear["providers"][0]["checkin_path"] = "/other"
    preview = made(there.post("/api/checkin/import/preview", json={"data": clear}))
    assert preview["conflicting_providers"] == preview["conflicting_accounts"] == 1
    assert preview["items"][0] == {"item_type": "provider", "name": "Relay", "id": provider["id"], "has_conflict": True, "conflict_with": "Relay"}
    skipped = made(there.post("/api/checkin/import", json={"data": clear, "options": {"conflict_strategy": "skip"}}))
    assert (skipped["providers_skipped"], skipped["accounts_skipped"]) == (1, 1)
    assert listed(there, "providers")[0]["checkin_path"] == "/api/sign_in"
    made(there.post("/api/checkin/import", json={"data": clear, "options": {"conflict_strategy": "overwrite"}}))
    assert listed(there, "providers")[0]["checkin_path"] == "/other"
    # masked cookies are none: what is there keeps its own, what is new asks for them
    made(there.post("/api/checkin/import", json={"data": masked, "options": {"conflict_strategy": "overwrite"}}))
    assert token in made(there.get(f"/api/checkin/accounts/{copied['id']}/cookies"))["cookies_json"]
    # without its provider an account goes nowhere; with one of that name it does
    empty = users_workspace()
    assert wrong_fields(empty.post("/api/checkin/import", json={"data": clear, "options": {"accounts_only": True}})) == ["data.accounts[0].provider_id"]
    made(empty.post("/api/checkin/import", json={"data": clear, "options": {"providers_only": True}}))
    assert listed(empty, "accounts") == []
    made(empty.post("/api/checkin/import", json={"data": clear, "options": {"accounts_only": True}}))
    assert listed(empty, "accounts")[0]["provider_name"] == "Relay"
    empty = users_workspace()
    done = made(empty.post("/api/checkin/import", json={"data": masked}))
    assert done["accounts_need_reauth"] == 1 and "'team'" in done["warnings"][0]
    assert listed(empty, "accounts")[0]["cookies_masked"] == "{}"


@pytest.fixture
def users_workspace(system):
    client = system.client("ada")
    return lambda: acting_in(client, new_workspace(client))


@pytest.mark.parametrize("change, field", [
    (lambda d: d.update(version="9"), "data.version"), (lambda d: d.update(providers=5), "data.providers"),
    (lambda d: d["providers"][0].pop("name"), "data.providers[0].name"), (lambda d: d["providers"][0].update(base_url="x"), "data.providers[0].base_url"),
    (lambda d: d["accounts"][0].update(cookies_json_encrypted=False), "data.accounts[0].cookies.session"),
    (lambda d: d["accounts"][0].update(cookies_json_encrypted=False, cookies_json="a=b"), "data.accounts[0].cookies_json"),
    (lambda d: d["accounts"][0].update(provider_id=NOBODY), "data.accounts[0].provider_id"),
    (lambda d: d["accounts"][0].update(api_user=5), "data.accounts[0].api_user"),
    (lambda d: d["providers"].append(d["providers"][0]), "data.providers[1].name"),
])
def test_wrong_documents(ada, users_workspace, change, field):
    """All or nothing, and a mask never becomes a cookie."""
    add_account(ada, add_provider(ada))
    document = made(ada.post("/api/checkin/export", json={}))
    change(document)
    there = users_workspace()
    assert wrong_fields(there.post("/api/checkin/import", json={"data": document})) == [field]
    assert listed(there, "providers") == []
