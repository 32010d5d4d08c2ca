"""Presets: all of them are listed in both languages and can be installed as the real resources that they are, on every platform."""

import json

import pytest

from configs import ROLES, acting_in, ada, everything, new_workspace, secret, system, team, users, wrong_fields  # noqa: F401
from stack import ROOT

FILES = [json.loads(path.read_text()) for path in sorted((ROOT / "presets").glob("*/*.json"))]
CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture(scope="session")
def kinds(system):
    return {kind["name"]: kind for kind in system.client("ada").get("/api/kinds").data["kinds"]}


def said(value, language):
    """What a file says in one language."""
    if isinstance(value, dict) and set(value) == {"en", "zh"}:
        return value[language] if isinstance(value[language], str) else "".join(line + "\n" for line in value[language])
    if isinstance(value, dict):
        return {name: said(each, language) for name, each in value.items()}
    return [said(each, language) for each in value] if isinstance(value, list) else value


def install(client, id, platforms, **more):
    headers = more.pop("headers", {})
    return client.post(f"/api/presets/{id}/install", json={"platforms": platforms, **more}, headers=headers)


def read(client, kind, platform, name):
    return client.get(f"/api/resources/{platform}/{kind}/{name}")


def values_for(preset):
    return {given["name"]: secret() if given["secret"] else "/srv/data" for given in preset["requires"]}


def test_the_list(ada, kinds):
    for headers, language in (({}, "en"), (CHINESE, "zh")):
        listed = ada.get("/api/presets", headers=headers).data["presets"]
        shown = {preset["id"]: preset for preset in listed}
        assert len(shown) == len(listed) == len(FILES)
        for preset in FILES:
            expected = {name: said(value, language) for name, value in preset.items()} | {"platforms": kinds[preset["kind"]]["platforms"]}
            assert ada.get(f"/api/presets/{preset['id']}", headers=headers).data == expected
            del expected["resource"]
            assert shown[preset["id"]] == expected


def test_some_of_the_list(ada, kinds):
    def ids(query):
        return {preset["id"] for preset in ada.get(f"/api/presets?{query}").data["presets"]}

    for kind in {preset["kind"] for preset in FILES}:
        assert ids(f"kind={kind}") == {preset["id"] for preset in FILES if preset["kind"] == kind}
    assert ids("kind=hook") == set()
    codex = {preset["id"] for preset in FILES if "codex" in kinds[preset["kind"]]["platforms"]}
    assert ids("platform=codex") == codex and 0 < len(codex) < len(FILES)
    assert ids("kind=output_style&platform=codex") == set()
    for query, field in (("kind=x", "kind"), ("platform=emacs", "platform")):
        answer = ada.get(f"/api/presets?{query}")
        assert answer.status_code == 400 and wrong_fields(answer) == [field], answer.text


@pytest.mark.parametrize("language, headers", [("en", {}), ("zh", CHINESE)], ids=["en", "zh"])
def test_each_can_be_installed_wherever_its_kind_is(ada, kinds, language, headers):
    """By the kind's own checks, with nothing lost, no column unknown and no secret shown."""
    for preset in FILES:
        kind, values = kinds[preset["kind"]], values_for(preset)
        assert kind["write"] == "editor", "else its route would be too open"
        columns = {column["name"] for column in kind["columns"]}
        assert set(preset["resource"]) <= columns
        answer = install(ada, preset["id"], kind["platforms"], values=values, headers=headers)
        assert answer.status_code == 201, (preset["id"], answer.text)
        assert answer.data["counts"]["create"] == len(kind["platforms"]) == len(answer.data["plan"])
        expected = said({name: value for name, value in {**preset, **preset["resource"]}.items() if name in columns}, language)
        for platform in kind["platforms"]:
            made = read(ada, preset["kind"], platform, preset["id"])
            assert made.status_code == 200, made.text
            for given in preset["requires"]:
                assert given["into"] in columns
                if given["secret"]:
                    assert values[given["name"]] not in made.text + answer.text, (preset["id"], "is shown in clear")
                    clear = given["before"] + values[given["name"]]
                    revealed = ada.post(f"/api/resources/{platform}/{preset['kind']}/{preset['id']}/reveal", json={})
                    assert revealed.data["secrets"][given["into"]] == {given["as"]: clear}, revealed.text
                    expected[given["into"]] = made.data[given["into"]]
                elif platform == kind["platforms"][0]:
                    expected[given["into"]] = [*expected[given["into"]], values[given["name"]]]
            assert {name: made.data[name] for name in expected} == expected, preset["id"]
            if kind["shared"]:
                assert made.data["platforms"] == dict.fromkeys(kind["platforms"], True) and made.data["revision"] == 1


def test_what_has_to_be_given(ada):
    for values in ({}, {"values": None}, {"values": {}}, {"values": {"EXA_API_KEY": None}}, {"values": {"EXA_API_KEY": "  "}}, {"values": {"EXA_API_KEY": 7}}):
        answer = install(ada, "exa", ["claude"], **values)
        assert answer.status_code == 400 and wrong_fields(answer) == ["values.EXA_API_KEY"], answer.text
    masked = install(ada, "exa", ["claude"], values={"EXA_API_KEY": "abcd...wxyz"})
    assert masked.status_code == 400 and wrong_fields(masked) == ["env.EXA_API_KEY"], masked.text
    assert read(ada, "mcp_server", "claude", "exa").status_code == 404
    assert install(ada, "exa", ["claude"], values={"EXA_API_KEY": "${EXA_API_KEY}\n", "OTHER": "x"}, name="search").status_code == 201
    assert read(ada, "mcp_server", "claude", "search").data["env"] == {"EXA_API_KEY": "${EXA_API_KEY}"}


def test_what_is_wrong_is_named_and_nothing_is_done(ada):
    for body, field in (({}, "platforms"), ({"platforms": []}, "platforms"), ({"platforms": "claude"}, "platforms"),
                         ({"platforms": ["claude", "emacs"]}, "platforms[1].platform"), ({"platforms": ["claude", "codex"]}, "platforms[1].platform"),
                         ({"platforms": ["claude", "claude"]}, "platforms[1].name"), ({"platforms": ["claude"], "name": "a/../b"}, "platforms[0].name"),
                         ({"platforms": ["claude"], "values": []}, "values")):
        answer = ada.post("/api/presets/teaching/install", json=body)
        assert answer.status_code == 400 and wrong_fields(answer) == [field], (body, answer.text)
    assert install(ada, "nothing", ["claude"]).status_code == 404
    assert ada.get("/api/presets/nothing").status_code == 404
    assert ada.get("/api/resources/claude/output_style").data["total"] == 0


def test_a_name_that_is_taken(ada):
    """On one of the platforms: then on none. Two that are there do not become one either."""
    for id, kind in (("fetch", "mcp_server"), ("debugger", "agent")):
        for platform in ("gemini", "qwen"):
            assert install(ada, id, [platform]).status_code == 201
        for platforms in (["claude", "gemini"], ["gemini"], ["gemini", "qwen"], ["gemini", "claude", "qwen"]):
            again = install(ada, id, platforms)
            assert again.status_code == 409 and id in again.json()["message"], again.text
        assert read(ada, kind, "claude", id).status_code == 404
        assert install(ada, id, ["claude", "gemini"], name=id + "-2").status_code == 201
        assert read(ada, kind, "gemini", id + "-2").status_code == 200


def test_one_of_a_shared_kind_is_one_thing(ada):
    assert install(ada, "commit", ["claude", "droid"]).status_code == 201
    assert install(ada, "github", ["codex", "claude"], values={"GITHUB_TOKEN": secret()}).status_code == 201
    changed = ada.patch("/api/resources/codex/mcp_server/github", json={"timeout_ms": 7000, "headers": {"X-Team": "${TEAM}"}})
    assert changed.status_code == 200, changed.text
    there = read(ada, "mcp_server", "claude", "github").data
    assert (there["timeout_ms"], sorted(there["headers"]), there["platforms"]) == (7000, ["Authorization", "X-Team"], {"claude": True, "codex": True})
    assert there["revision"] == changed.data["resource"]["revision"] == 2
    assert ada.patch("/api/resources/claude/slash_command/commit", json={"prompt": "x"}).status_code == 200
    assert read(ada, "slash_command", "droid", "commit").data["prompt"] != "x"


def test_the_audit_trail_names_the_preset(ada, system):
    key = secret()
    assert install(ada, "exa", ["claude", "qwen"], values={"EXA_API_KEY": key}, name="search").status_code == 201
    entries = ada.get("/api/audit/workspace?action=mcp_server.create").data["entries"]
    version = next(preset["version"] for preset in FILES if preset["id"] == "exa")
    assert sorted((entry["platform"], entry["target"], entry["from_config"], entry["to_config"]) for entry in entries) == [
        (platform, "search", f"presets/exa@{version}", "search") for platform in ("claude", "qwen")]
    with everything(system) as connection:
        for table in ("resources", "resource_revisions", "audit_log"):
            assert not [row for row, in connection.execute(f"SELECT t::text FROM {table} t").fetchall() if key in row], table
    assert key not in system.backend.log()


def test_roles(team):
    """Anybody who is logged in reads them; installing takes an editor. A stranger finds no workspace."""
    for role in ROLES:
        client = getattr(team, role)
        assert client.get("/api/presets").status_code == client.get("/api/presets/fetch").status_code == 200
        assert install(client, "fetch", ["claude"], name=f"of-{role}").status_code == (403 if role == "viewer" else 201)
    assert install(team.stranger, "fetch", ["claude"]).status_code == 404
    anonymous = team.owner.anonymous()
    for method, path in (("GET", "/api/presets"), ("GET", "/api/presets/fetch"), ("POST", "/api/presets/fetch/install")):
        assert anonymous.request(method, path, json={"platforms": ["claude"]} if method == "POST" else None).status_code == 401
    other = acting_in(team.owner, new_workspace(team.owner))
    assert read(other, "mcp_server", "claude", "of-owner").status_code == 404
