"""What this API says of itself: the kinds, the OpenAPI document, and that its examples are taken."""

import json
import subprocess

from configs import ada, system, users  # noqa: F401
from contract import DOCUMENT, Contract
from stack import BINARY, clean_environment


def printed(*command):
    return subprocess.run([BINARY, *command], check=True, capture_output=True, text=True, env=clean_environment()).stdout


def test_kinds_are_the_same_everywhere(ada):
    kinds = ada.get("/api/kinds").data["kinds"]
    assert kinds == json.loads(printed("kinds", "--json"))
    head, *rows = [line.split() for line in printed("kinds").splitlines()]
    assert [row[0] for row in rows] == [kind["name"] for kind in kinds]
    platforms = head[1:7]
    for row, kind in zip(rows, kinds):
        assert [platform for platform, has in zip(platforms, row[1:7]) if has == "yes"] == kind["platforms"]
        assert row[7] == kind["write"]
        assert [column.strip("*!,") for column in row[8:]] == [column["name"] for column in kind["columns"]]


def test_the_document_is_served(system):
    answer = system.client().get("/api/openapi.json")
    assert answer.status_code == 200 and answer.json() == json.loads(DOCUMENT.read_text())
    again = system.client().get("/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.content == b"" and again.headers["ETag"] == answer.headers["ETag"]
    assert system.client().get("/api/openapi.json", headers={"If-None-Match": '"0"'}).status_code == 200
    assert system.client().head("/api/openapi.json").headers["ETag"] == answer.headers["ETag"]


def test_examples_of_kinds_are_taken(ada):
    paths = Contract().document["paths"]

    def send(method, path, template, media="application/json"):
        operation = paths[template][method]
        answer = ada.request(method.upper(), path, data=json.dumps(operation["requestBody"]["content"][media]["example"]).encode(),
                             headers={"Content-Type": media})
        assert str(answer.status_code) == next(iter(operation["responses"])), (method, path, media, answer.text)

    for kind in ada.get("/api/kinds").data["kinds"]:
        every = f"/api/resources/{{platform}}/{kind['name']}"
        one = every + "/{name}"
        for platform in kind["platforms"]:
            path = every.replace("{platform}", platform)
            send("post", path, every)
            send("put", path + "/example", one)
            send("patch", path + "/example", one)
            send("patch", path + "/example", one, "application/merge-patch+json")
            for verb in ("copy", "disable", "enable", "reveal", "rollback"):
                send("post", f"{path}/example/{verb}", f"{one}/{verb}")
            send("post", path + "/example-2/rename", one + "/rename")
            send("delete", path, every)


def test_a_merge_patch_is_one_only_for_patch(ada):
    answer = ada.post("/api/resources/claude/prompt", data=b'{"name":"x","text":"y"}', headers={"Content-Type": "application/merge-patch+json"})
    assert answer.status_code == 415
