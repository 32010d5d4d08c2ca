"""Thousands of profiles: what is written in batches leaves the same rows as one by one, and what fits once fits always."""

from configs import BASE, ada, everything, exported, imported, refused, system, users  # noqa: F401

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
    stored = rows(system, ada.workspace, "SELECT t.name, position, t.revision " + of.format("profiles") + "ORDER BY position")
    assert [row[:2] for row in stored] == [(name, i) for i, name in enumerate(wanted)]
    assert {row[2] for row in stored if row[0].startswith("new")} == {1}
    assert all(row[2] == (1 if row[0] in still else 2) for row in stored if not row[0].startswith("new"))
    revisions = rows(system, ada.workspace, "SELECT t.name, t.revision, operation " + of.format("profile_revisions"))
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
        connection.execute("UPDATE profiles p SET base_url = ' ' FROM workspaces w WHERE w.id = p.workspace_id AND w.slug = %s",
                           [ada.workspace])
    workers = set(system.backend.workers())
    error = refused(ada.get("/api/validate", timeout=120), 400, "VALIDATION_ERROR")
    assert len(error["details"]["fields"]) == 100 and error["details"]["more"] == MOST - 100
    assert error["message"].endswith(f"and {MOST - 100} more") and len(error["message"]) < 10000
    chinese = ada.get("/api/validate", headers={"Accept-Language": "zh"}, timeout=120).json()["error"]
    assert chinese["message"].endswith(f"另有 {MOST - 100} 项")
    assert set(system.backend.workers()) == workers, "none had to be replaced"
