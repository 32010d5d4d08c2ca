"""The console's page of budgets and webhooks in a real Chromium."""

import datetime
import uuid

from test_budgets import BUDGETS, receiver  # noqa: F401: a fixture
from test_console import control, modules, play, report_usage  # noqa: F401: fixtures


def spend(client):
    """Twelve dollars, now."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    report_usage(client, "desktop", [(uuid.uuid4().hex, now, "model-a", 12_000_000, 0)])


def test_budgets_and_webhooks(fresh_stack, play, receiver):  # noqa: F811
    stack = fresh_stack(EVENTS_SOCKET="here", OUTBOUND_ALLOW="127.0.0.0/8")
    admin, grace, viewer = (stack.client(name) for name in ("admin", "grace", "eve"))
    made = [admin.post("/api/workspaces", json={"slug": "team", "name": "Team"}),
            admin.put("/api/workspaces/team/members/grace", json={"role": "editor"}),
            admin.put("/api/workspaces/team/members/eve", json={"role": "viewer"})]
    made += [client.post("/api/workspaces/team/switch", json={}) for client in (admin, grace, viewer)]
    for name in ("dear", "cheap", "off"):
        made.append(admin.post("/api/configs", json={"name": name, "base_url": "https://relay.example", "auth_token": "sk-0123456789abcdef"}))
    made += [admin.patch("/api/configs/off/disable"), admin.put("/api/usage/prices/model-a", json={"input": 1, "output": 2})]
    assert all(answer.ok for answer in made), [answer.text for answer in made]
    report_usage(grace, "desktop", [("1", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "model-a", 1_000_000, 0)])

    def refuse():
        receiver.answer = lambda path: (503, "")
    with control(spend=lambda: spend(grace), refuse=refuse) as address:
        done = play(stack, "budgets", receiver=receiver.url, control=address)
    assert done["hidden"] == [False, False], "what has no use yet is not asked for"
    assert done["wrongAmount"] == ["Amount, US$", "must be more than 0"]
    assert done["wrongLevels"][0] == "Levels" and done["wrongLevels"][1]
    assert done["wrongSwitch"][0] == "Switch to the profile" and done["wrongSwitch"][1] == "must not be empty"
    assert done["offered"] == ["Choose", "dear", "cheap"] and done["people"] == 3 and done["suggested"] == ["model-a"]
    budget = done["made"]
    assert {name: budget[name] for name in ("name", "amount", "period", "levels", "action", "switch_to", "users", "platform", "model", "enabled")} == {
        "name": "Team", "amount": 10, "period": "month", "levels": [50, 100], "action": "switch", "switch_to": "cheap", "users": ["grace"],
        "platform": "claude", "model": None, "enabled": True}
    for said in ("$1.00 of $10.00 (10%)", "Month: ", "User: grace · Coding CLI: claude", "50%, 100%", "no level yet",
                 "People are switched to the profile cheap."):
        assert said in done["standing"], done["standing"]
    assert done["overview"].startswith("Budgets Team $1.00 of $10.00 (10%)") and "As the last 7 days: $" in done["overview"], done["overview"]
    assert done["bar"] == "Team: $1.00 of $10.00 (10%)"
    assert done["spent"] == "Team: $13.00 of $10.00 (130%)" and done["over"] == 1
    assert done["reached"].startswith("50%: ") and "100%: " in done["reached"] and "($13.00)" in done["reached"]
    assert done["focused"] == "Change", "also after the page was drawn anew"
    assert (done["shown"], done["chosen"], done["elsewhere"]) == (["10", "50, 100"], True, 1)
    assert done["conflict"]
    changed = done["changed"]
    assert (changed["amount"], changed["period"], changed["starts"], changed["action"], changed["switch_to"], changed["platform"], changed["revision"]) == (
        40, "total", "2026-01-01", "stop", None, None, budget["revision"] + 2)
    assert done["wrongAddress"][0] == "Address" and "http" in done["wrongAddress"][1]
    assert done["masks"] == [receiver.url + "//hoo...path", "sign...et-1"]
    paths = [(path, "x-ccr-signature" in headers) for path, headers, _ in receiver.seen]
    assert paths == [("/hook/of-a-secret-path", True)] * 3, "what was left masked stayed"
    assert "(503)" in done["refused"]
    assert (done["slackSecret"], done["webhook"]["kind"], done["webhook"]["secret"]) == (False, "slack", None)
    assert done["axe"] == {"dialog": [], "overview": [], "light": [], "dark": []}
    assert done["printed"] == 0 and done["chinese"].startswith("已用 ")
    assert done["viewer"] == {"buttons": 0, "told": True, "put": 403, "webhook": 403}
    assert done["focusedAfter"] == ["Add a webhook", "Make a budget"], "where the last was deleted, the keyboard goes to what is next to it"
    assert done["left"] == admin.get(BUDGETS).data["total"] == 0
