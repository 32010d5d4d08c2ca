"""Thousands of profiles: what is written in batches leaves the same rows as one by one, and what fits once fits always."""

import pytest

from configs import BASE, ada, everything, exported, import_text, imported, refused, system, users  # noqa: F401

SEVERAL_BATCHES = 1201    # a statement carries 500 rows
MOST = 10000


def toml(names, word):
    return "".join(f'[{name}]\nbase_url = "{BASE}"\nauth_token = "{word}-token-of-{name}"\n\n' for name in names)


def rows(system, slug, query):
    with everything(system) as connection:
        return connection.execute(query, [slug]).fetchall()


def test_batches_leave_one_revision_and_one_audit_row_a_profile(system, ada):
    names = [f"p{i}" for i in range(SEVERAL_BATCHES)]
    assert imported(ada, toml(names, "old"))["added"] == SEVERAL_BATCHES
    kept, new = names[:-100], [f"new{i}" for i in range(50)]
    wanted = new + list(reversed(kept))
    changed = imported(ada, toml(wanted[:60], "new") + toml(wanted[60:], "old"), mode="replace")
    # In a replace the file's order counts, so that moving is a change too; one in the middle keeps its place.
    places = {name: i for i, name in enumerate(names)}
    still = [name for i, name in enumerate(wanted) if i >= 60 and places[name] == i]
    assert {key: changed[key] for key in ("added", "updated", "skipped", "removed")} == {
        "added": 50, "updated": len(kept) - len(still), "skipped": len(still), "removed": 100}

    of = "FROM {} t JOIN workspaces w ON w.id = t.workspace_id WHERE w.slug = %s "
    stored = rows(system, ada.workspace, "SELECT t.name, position, t.revision " + of.format("resources") + "ORDER BY position")
    assert [row[:2] for row in stored] == [(name, i) for i, name in enumerate(wanted)]
    assert {row[2] for row in stored if row[0].startswith("new")} == {1}
    assert all(row[2] == (1 if row[0] in still else 2) for row in stored if not row[0].startswith("new"))
    revisions = rows(system, ada.workspace, "SELECT t.name, t.revision, operation " + of.format("resource_revisions"))
    expected = [(name, 1, "import") for name in names + new]
    expected += [(name, 2, "import") for name in kept if name not in still] + [(name, 2, "delete") for name in names[-100:]]
    assert sorted(revisions) == sorted(expected)
    audit = rows(system, ada.workspace, "SELECT action, target " + of.format("audit_log")
                 + "AND action IN ('profile.import', 'profile.delete') ORDER BY t.created_at")
    assert audit == ([("profile.import", name) for name in names]
                     + [("profile.import", name) for name in wanted if name not in still]
                     + [("profile.delete", name) for name in names[-100:]])


def test_all_of_ten_thousand_are_replaced_and_come_out_again(ada):
    names = [f"p{i}" for i in range(MOST)]
    assert imported(ada, toml(names, "old"), timeout=300)["added"] == MOST
    assert imported(ada, toml(names, "old"), timeout=300)["skipped"] == MOST
    changed = imported(ada, toml(names, "new"), mode="replace", timeout=300)
    assert (changed["updated"], changed["removed"]) == (MOST, 0) and changed["backup_id"]
    text = exported(ada)
    assert text.count("\n[") == MOST - 1 and text.index("[p0]") < text.index("[p9999]")


def test_thousands_of_broken_profiles_are_counted(system, ada):
    imported(ada, toml([f"p{i}" for i in range(MOST)], "good"), timeout=300)
    with everything(system) as connection:
        connection.execute("UPDATE resources p SET listed = jsonb_set(listed::jsonb, '{base_url}', '\"x\"')::json FROM workspaces w WHERE w.id = p.workspace_id AND w.slug = %s",
                           [ada.workspace])
    workers = set(system.backend.workers())
    error = refused(ada.get("/api/validate"), 400, "VALIDATION_ERROR")
    assert len(error["details"]["fields"]) == 100 and error["details"]["more"] == MOST - 100
    assert error["message"].endswith(f"and {MOST - 100} more") and len(error["message"]) < 10000
    chinese = ada.get("/api/validate", headers={"Accept-Language": "zh"}).json()["error"]
    assert chinese["message"].endswith(f"另有 {MOST - 100} 项")
    assert set(system.backend.workers()) == workers, "none had to be replaced"


def test_the_longest_tokens_are_judged_and_listed_one_at_a_time(system, ada):
    """More of them in clear than the memory of a request holds."""
    number, token = 0, "sk-" + "0123456789abcdef" * 1020
    for _ in range(9):
        names = [f"p{number + i}" for i in range(248)]
        number += len(names)
        text = "".join(f'[{name}]\nbase_url = "{BASE}"\nauth_token = "{token}"\nmodel = "m"\n' for name in names)
        assert imported(ada, text, timeout=300)["added"] == len(names)
    workers = set(system.backend.workers())
    assert ada.get("/api/validate").json() == "All configurations are valid"
    configs = ada.get("/api/configs").json()["configs"]
    assert {config["auth_token"] for config in configs} == {"sk-0...cdef"} and len(configs) == number
    assert set(system.backend.workers()) == workers, "none had to be replaced"


# ---- what export writes, import takes ----

FILE_MAX = 4 * 1024 * 1024
FULL = ('[{name}]\ndescription = "{filling}"\nbase_url = "{base}"\nauth_token = "token-{word}-of-{name}"\nmodel = "claude-sonnet-4-5"\n'
        'small_fast_model = "claude-haiku-4-5"\nprovider = "example"\naccount = "work"\ntags = ["bench", "relay"]\n'
        'usage_count = 7\nenabled = true\nregion = "eu-1"\n\n')


def full(count, word, filling):
    return "".join(FULL.format(name=f"p{i}", base=BASE, word=word, filling=filling) for i in range(count))


@pytest.mark.parametrize("filling", [pytest.param("plain " * 15, id="plain", marks=pytest.mark.slow),
                                     pytest.param("é" * 45 + " and quotes: \\\" \\\\", id="escaped")])
def test_the_largest_file_goes_round(system, ada, filling):
    """Of the most profiles, all keys in each; é is what JSON may make three bytes of one from."""
    text = full(MOST, "old", filling)
    assert 0.8 * FILE_MAX < len(text.encode()) <= FILE_MAX
    workers = set(system.backend.workers())
    assert imported(ada, text, timeout=300)["added"] == MOST
    assert imported(ada, exported(ada), timeout=300)["skipped"] == MOST, "its own export, with masks"
    replaced = imported(ada, full(MOST, "new", filling), mode="replace", timeout=300)
    assert replaced["updated"] == MOST
    restored = ada.post(f"/api/backups/{replaced['backup_id']}/restore", timeout=300)
    assert restored.status_code == 200 and restored.data["updated"] == MOST
    assert exported(ada) == exported(ada) and exported(ada).count("\n[") == MOST - 1
    assert set(system.backend.workers()) == workers, "none had to be replaced"


def test_a_registry_of_any_size_that_is_taken_comes_out_again(ada):
    description = "x" * (3 * 1024 * 1024)
    imported(ada, f'default_platform = "claude"\n\n[claude]\nenabled = true\ndescription = "{description}"\n')
    assert f'description = "{description}"' in exported(ada, file="registry")


def test_revisions_of_a_large_profile_are_read_one_at_a_time(system, ada):
    """Together they are more than the memory of a request holds, and all of them more than fits into an answer."""
    numbers = ", ".join(str(4 * 10**18 + i) for i in range(55_000))    # which are no secret, and are shown
    imported(ada, f'[big]\nbase_url = "{BASE}"\nauth_token = "sk-big-0000"\nnumbers = [{numbers}]\n')
    for number in range(32):
        assert ada.patch("/api/configs/big/" + ("enable" if number % 2 else "disable")).status_code == 200
    workers = set(system.backend.workers())
    few = ada.get("/api/configs/big/revisions?limit=20")
    assert few.status_code == 200, few.text[:300]
    assert len(few.data["revisions"]) == 20 and few.data["total"] == 33
    assert len(few.data["revisions"][0]["extra"]["numbers"]) == 55_000
    error = refused(ada.get("/api/configs/big/revisions?limit=100"), 400, "VALIDATION_ERROR")
    assert [field["field"] for field in error["details"]["fields"]] == ["limit"]
    assert set(system.backend.workers()) == workers, "none had to be replaced"


def test_commands_print_all_or_say_that_it_is_too_much(ada):
    def run(command):
        return ada.post("/api/command/execute", json={"command": command}).data

    def fill(word):
        path = "x" * 1900
        names = [f"{word}{i}" for i in range(1500)]
        imported(ada, "".join(f'[{name}]\nbase_url = "{BASE}/{path}"\nauth_token = "{name}-token"\n' for name in names))

    fill("a")
    whole = run("export")
    assert (whole["exit_code"], whole["output"]) == (0, exported(ada))
    assert run("list")["output"].endswith("1500 configurations\n")
    fill("b")
    much = run("list")
    assert (much["success"], much["exit_code"], much["output"]) == (False, 1, "")
    assert much["error"].startswith("list: the output has more than ")


def test_what_would_be_larger_than_any_import_is_not_exported(ada):
    filling = "x" * 1900
    for number in range(3):
        text = "".join(FULL.format(name=f"part{number}-{i}", base=BASE, word="w", filling=filling) for i in range(800))
        assert imported(ada, text, timeout=300)["added"] == 800
    before = ada.get("/api/configs").json()
    message = refused(ada.post("/api/export", json={}), 409, "CONFLICT")["message"]
    assert f"more than {FILE_MAX} bytes" in message
    answer = import_text(ada, toml(["a"], "new"), mode="replace")
    assert f"more than {FILE_MAX} bytes" in refused(answer, 409, "CONFLICT")["message"], "no backup, no replace"
    assert ada.get("/api/configs").json() == before
    assert import_text(ada, toml(["a"], "new"), mode="replace", backup=False).status_code == 200


def test_a_smaller_limit_of_the_operator_holds_at_both_ends(fresh_stack):
    stack = fresh_stack(MAX_BODY_SIZE=300000)
    client = stack.client("oscar")
    text = "".join(FULL.format(name=f"p{i}", base=BASE, word="w", filling="x" * 500) for i in range(150))
    assert len(text) > 100000
    assert imported(client, text)["added"] == 150
    assert "more than 100000 bytes" in refused(client.post("/api/export", json={}), 409, "CONFLICT")["message"]
    for i in range(30):
        assert client.delete(f"/api/configs/p{i}").status_code == 200
    assert imported(client, exported(client))["skipped"] == 120


def test_a_platform_holds_so_many_and_no_more(ada):
    body = {"base_url": BASE, "auth_token": "a-token-of-its-own"}
    imported(ada, toml([f"p{i}" for i in range(MOST)], "old"), timeout=300)
    message = f"A platform holds at most {MOST} of a kind; delete some first"
    assert ada.delete("/api/configs/p0").status_code == 200
    assert ada.post("/api/configs", json={"name": "last", **body}).status_code == 201
    for answer in (ada.post("/api/configs", json={"name": "one-more", **body}), import_text(ada, toml(["one-more"], "new")),
                   ada.post("/api/configs/p1/copy", json={"name": "one-more"}),
                   ada.post("/api/configs/p0/rollback", json={"revision": 1})):
        assert refused(answer, 409, "CONFLICT")["message"] == message
    assert import_text(ada, toml(["p1"], "new")).data["updated"] == 1
    assert ada.post("/api/configs/p1/rename", json={"name": "renamed"}).status_code == 200
    everything_there = ada.get("/api/configs").json()
    assert everything_there["total"] == len(everything_there["configs"]) == MOST, "without a limit, all of them"
    assert len(ada.get("/api/configs?limit=1000").json()["configs"]) == 1000
