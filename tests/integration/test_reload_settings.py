"""What a reload can take over and what needs a restart; what is reported is what is in force."""

import json
import signal

import pytest

from stack import wait_until
from test_metrics import page, total

RESTART = {"HOST", "PORT", "SOCKET", "SOCKET_MODE", "CACHE_SIZE"}


def reload(stack, **changes):
    done, before = len(said(stack, "reload done")), set(stack.backend.workers())
    stack.cli.write_env(**changes)
    stack.backend.send(signal.SIGHUP)
    wait_until("the reload is done", lambda: len(said(stack, "reload done")) > done)
    wait_until("no worker has the old settings", lambda: not before & set(stack.backend.workers()))


def said(stack, text):
    return [entry for entry in stack.backend.log_entries() if entry.get("message") == text]


def warned(stack):
    return [(entry["setting"], entry["wanted"], entry["in_force"])
            for entry in said(stack, "reload: a changed setting takes effect at a restart only")]


def in_force(client):
    return {setting["name"]: setting for setting in client.get("/api/system/settings").data["settings"]}


def waiting(stack):
    return total(page(stack.client()), "ccr_settings_waiting")


@pytest.fixture
def system(fresh_stack):
    return fresh_stack(MAX_CONNECTIONS=2, CACHE_SIZE=0)


def test_a_reload_names_what_it_cannot_take_over(system):
    admin = system.client("admin")
    assert (warned(system), waiting(system)) == ([], 0)
    assert system.status()["cache"]["enabled"] is False
    reload(system, CACHE_SIZE="8", SOCKET_MODE="0600", RATE_LIMIT="1000")
    assert warned(system) == [("SOCKET_MODE", "0600", "0660"), ("CACHE_SIZE", "8", "0")]
    assert system.status()["cache"]["enabled"] is False, "there is none"
    settings = in_force(admin)
    assert (settings["CACHE_SIZE"]["value"], settings["CACHE_SIZE"]["waits_for_restart"]) == (0, True)
    assert (settings["SOCKET_MODE"]["value"], settings["SOCKET_MODE"]["waits_for_restart"]) == ("0660", True)
    assert (settings["RATE_LIMIT"]["value"], settings["RATE_LIMIT"]["waits_for_restart"]) == (1000, False)
    assert waiting(system) == 2

    reload(system, RATE_LIMIT="2000")  # they go on waiting, and each reload says so
    assert warned(system)[2:] == [("SOCKET_MODE", "0600", "0660"), ("CACHE_SIZE", "8", "0")]
    assert waiting(system) == 2

    reload(system, SOCKET_MODE=None, CACHE_SIZE="0")  # taken back
    assert len(warned(system)) == 4 and waiting(system) == 0
    assert not any(setting["waits_for_restart"] for setting in in_force(admin).values())

    reload(system, CACHE_SIZE="8")
    assert waiting(system) == 1
    system.backend.stop()
    system.backend.start()
    wait_until("it is there again", system.healthy)
    settings = in_force(admin)
    assert (settings["CACHE_SIZE"]["value"], settings["CACHE_SIZE"]["waits_for_restart"]) == (8, False)
    assert system.status()["cache"]["enabled"] is True and waiting(system) == 0


def test_the_socket_stays_what_it_was(system):
    """HOST, PORT and SOCKET were heeded by nothing, and reported all the same."""
    reload(system, SOCKET="/tmp/elsewhere.sock", PORT="9999", HOST="0.0.0.0")
    assert warned(system) == [("HOST", "0.0.0.0", "127.0.0.1"), ("PORT", "9999", "0"), ("SOCKET", "/tmp/elsewhere.sock", "")]
    assert in_force(system.client("admin"))["PORT"]["value"] == 0
    assert system.status()["status"] == "healthy"


def test_a_refused_reload_changes_nothing(system):
    system.cli.write_env(CACHE_SIZE="8", RATE_LIMIT="many")
    system.backend.send(signal.SIGHUP)
    wait_until("it is refused", lambda: said(system, "reload refused, the settings stay as they are"))
    assert (warned(system), waiting(system)) == ([], 0)


def test_settings_says_what_takes_effect_when(system):
    rows = {row["name"]: row for row in json.loads(system.cli.run("settings", "--json", check=True).stdout)}
    assert {name for name, row in rows.items() if row["takes_effect"] == "restart"} == RESTART
    assert {row["takes_effect"] for row in rows.values()} == {"reload", "restart"}
    lines = system.cli.run("settings", check=True).stdout.splitlines()
    assert {line.split()[0] for line in lines if "  restart  " in line} == RESTART


def test_only_numbers_and_words_leave_by_the_api(system):
    settings = in_force(system.client("admin"))
    assert settings["DATABASE_URL"]["value"] is settings["JWT_SECRET"]["value"] is settings["SOCKET"]["value"] is None
    assert settings["LOG_LEVEL"]["value"] == "info" and settings["MAX_CONNECTIONS"]["value"] == 2
    assert system.client("alice").get("/api/system/settings").status_code == 403
