"""User names that people cannot tell apart are refused."""

import itertools
import secrets

import pytest

from people import (admin, at_once, error_of, make_user, no_failures, system, try_login, user_maker)  # noqa: F401

numbers = itertools.count(1)

# (a name, others that look like it); each case under a prefix of its own, "{}"
CASES = {
    "a Cyrillic letter": ("{}paypal", ["{}p\u0430ypal", "{}\u0440aypal", "{}P\u0410YPAL"]),
    "Greek letters": ("{}nova", ["{}n\u03bfva", "{}no\u03bda"]),
    "digits": ("{}lol", ["{}1ol", "{}lo1", "{}LO1"]),
    "a capital I": ("{}alice", ["{}aIice"]),
    "two letters for one": ("{}modern", ["{}rnodern"]),
    "full width": ("{}wide", ["{}\uff57ide", "{}\uff37\uff29\uff24\uff25"]),
    "composed and decomposed": ("{}\u00e9lan", ["{}e\u0301lan", "{}E\u0301LAN"]),
    "letters that cannot be seen": ("{}seen", ["{}se\ufe0fen", "{}\u3164seen", "{}se\u034fen"]),
    "the other way round": ("{}\u0430\u0441\u0435", ["{}ace", "{}ACE"]),
    "Chinese": ("{}\u5f20\u4e09", ["{}\u5f20\u4e09\ufe00"]),
}


def add(client, name):
    return client.post("/api/users", json={"username": name, "password": secrets.token_hex(10)})


@pytest.mark.parametrize("case", CASES)
def test_look_alikes_are_refused(admin, case):
    prefix = f"z{'abcdefghjk'[next(numbers) % 10]}x-"
    name, others = CASES[case]
    assert add(admin, name.format(prefix)).status_code == 201
    for other in others:
        answer = add(admin, other.format(prefix))
        assert error_of(answer)[:2] == (409, "CONFLICT"), other
        assert name.format(prefix) in answer.json()["message"], "the administrator is told which"
        assert admin.get("/api/users/" + other.format(prefix)).status_code == 404 or other.lower() == name.lower()


def test_names_that_differ_are_taken(admin):
    prefix = f"diff{next(numbers)}-"
    for name in ("mai", "mal", "mia", "ada", "adam", "a.da", "a-da", "a_da", "\u5f20\u4e09", "\u5f20\u56db", "elan", "\u00e9lan",
                 "user2", "user3", "user22", "\u0416\u0443\u043a", "\u03a9mega"):
        assert add(admin, prefix + name).status_code == 201, name


def test_a_name_of_nothing_is_none(admin):
    answer = add(admin, "\u3164\u3164")
    assert [wrong["field"] for wrong in answer.json()["error"]["details"]["fields"]] == ["username"]


def test_the_command_line_refuses_them_too(system, make_user):
    name = f"consul{next(numbers)}t"
    make_user(name)
    done = system.cli.run("user", "add", name.replace("o", "\u043e"), input="a long password\n")
    assert done.returncode == 73 and "looks like" in done.stderr and name in done.stderr


def test_older_accounts_count_and_keep_working(system, admin, make_user):
    """From before names were compared: also two that look alike."""
    first, second = make_user(), make_user()
    base = f"older{next(numbers)}x"
    with system.db() as db:
        for user, name in ((first, f"{base}-scope"), (second, f"{base}-\u0455cope")):
            db.execute("UPDATE users SET username = %s, skeletons = NULL WHERE id = %s", (name, user.user["id"]))
    assert error_of(add(admin, f"{base}-sc\u043epe"))[:2] == (409, "CONFLICT")
    for user, name in ((first, f"{base}-scope"), (second, f"{base}-\u0455cope")):
        assert try_login(user, name, user.password).status_code == 200
        assert admin.post(f"/api/users/{name}/password", json={"password": "another password"}).status_code == 200
    assert add(admin, f"{base}-other").status_code == 201
    with system.db() as db:
        assert db.execute("SELECT count(*) FROM users WHERE skeletons IS NULL").fetchone() == (0,)


def test_two_at_once(admin):
    base = f"race{next(numbers)}-"
    answers = at_once(*[lambda name=name: add(admin, base + name).status_code
                        for name in ("scope", "\u0455cope", "s\u0441ope", "sc\u043epe", "scop\u0435")])
    assert sorted(answers) == [201, 409, 409, 409, 409]
