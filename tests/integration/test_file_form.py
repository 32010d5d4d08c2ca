"""CCR's own files come out as somebody wrote them: every byte that no change touches, comments, order and line ends."""

import tomllib

import pytest

from configs import BASE, ada, exported as exported_with, imported, switch, system, users  # noqa: F401
from stack import SAMPLES

HAND = f"""# The team's profiles.
# Keep the keys sorted, please.

default_config = "daily"   # what newcomers get
current_config = "home"

[settings]
skip_confirmation = false # asked for by everybody
numbers = [ 1,
  0x10, # sixteen
]

# Paid by the company.
[daily]
description = 'Work, "quoted"'
base_url    = "{BASE}"
auth_token  = "sk-ant-daily-token-0001"  # expires in March
tags        = ["a",
               "b"] # two

  [daily.http_headers]
  X-Team = "one"

[home]
base_url = "{BASE}"
auth_token = '''sk-ant-home-token-0002'''
enabled = true
usage_count = 0
provider = ""

# no longer needed
["old one"]
base_url = "{BASE}"
auth_token = "sk-ant-old-token-0003"
# the end
"""

VARIANTS = {"as it is": HAND, "CRLF": HAND.replace("\n", "\r\n"), "no last newline": HAND.rstrip("\n"), "BOM": "\ufeff" + HAND,
            "keys that lie between each other's": HAND + '\n[settings.late]\nx = 1\n',
            "dotted": 'settings.a = 1\nsettings.b = { c = 2 } # why\n' + HAND[HAND.index("# Paid"):]}


def exported(client, include_secrets=True, **options):
    return exported_with(client, include_secrets=include_secrets, **options)


def lines_changed(before, after):
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def patch(client, name, **values):
    answer = client.patch(f"/api/resources/claude/profile/{name}", json=values)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_nobody_changes_keeps_every_byte(ada, variant):
    text = VARIANTS[variant]
    imported(ada, text)
    assert exported(ada) == text
    assert imported(ada, text)["updated"] == 0
    assert exported(ada) == text


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_value_changes_alone(ada, variant):
    text = VARIANTS[variant]
    imported(ada, text)
    patch(ada, "daily", base_url=BASE + "/v2")
    assert exported(ada) == text.replace(f'base_url    = "{BASE}"', f'base_url    = "{BASE}/v2"')
    patch(ada, "daily", base_url=BASE)
    assert exported(ada) == text


@pytest.mark.parametrize("platform, name", [("claude", "claude-profiles.toml"), ("codex", "codex-profiles.toml"), ("gemini", "gemini-profiles.toml")])
def test_sample_files(ada, platform, name):
    text = (SAMPLES / name).read_text()
    imported(ada, text, platform=platform)
    assert exported(ada, platform=platform) == text


def test_what_is_new_comes_last_and_what_goes_takes_its_comment_along(ada):
    text = HAND.replace("\n", "\r\n")
    imported(ada, text)
    assert ada.delete("/api/resources/claude/profile/old%20one").status_code == 200
    assert ada.post("/api/resources/claude/profile", json={"name": "new", "base_url": BASE, "auth_token": "sk-ant-new-0004-token"}).status_code == 201
    after = exported(ada)
    assert after.startswith(text[:text.index("# no longer needed")])
    assert "old one" not in after and "no longer" not in after
    assert "\r\n[new]\r\n" in after and "\n" not in after.replace("\r\n", "")
    again = imported(ada, after, mode="replace")
    assert (again["added"], again["removed"]) == (0, 0)


def test_a_renamed_one_keeps_its_place_and_its_comments(ada):
    imported(ada, HAND)
    assert ada.post("/api/resources/claude/profile/daily/rename", json={"name": "office"}).status_code == 200
    assert exported(ada) == HAND.replace('"daily"', '"office"').replace("[daily", "[office")


def test_a_switch_and_the_default_change_their_lines_alone(ada):
    imported(ada, HAND)
    switch(ada, "daily")
    gone, come = lines_changed(HAND, exported(ada))
    assert gone == ['current_config = "home"'] and [" ".join(line.split()) for line in come] == ['current_config = "daily"', "usage_count = 1"]


def test_a_merge_of_a_part_leaves_the_form_and_a_whole_file_brings_its_own(ada):
    imported(ada, HAND)
    imported(ada, f'# mine\n[home]\nbase_url = "{BASE}"\nauth_token = "sk-ant-home-token-0099"\n')
    assert exported(ada) == HAND.replace("'''sk-ant-home-token-0002'''", '"sk-ant-home-token-0099"')
    other = HAND.replace("# Paid by the company.", "# Paid by us all.")
    imported(ada, other)
    assert exported(ada) == other


def test_a_backup_brings_the_form_back(ada):
    imported(ada, HAND)
    kept = imported(ada, f'[one]\nbase_url = "{BASE}"\nauth_token = "sk-ant-only-token-0005"\n', mode="replace")["backup_id"]
    assert ada.post(f"/api/backups/{kept}/restore").status_code == 200
    assert exported(ada) == HAND


def test_a_redacted_export_has_no_comment(ada):
    imported(ada, HAND.replace("# no longer needed", "# once sk-ant-secret-in-a-comment"))
    assert "#" not in exported(ada, include_secrets=False)


def test_the_registry_keeps_its_form(ada):
    text = (SAMPLES / "config.toml").read_text() + "\n# by hand\n[notes]\nx = 0x10 # sixteen\n"
    imported(ada, text)
    answer = ada.post("/api/export", json={"include_secrets": True, "file": "registry"}).data["content"]
    assert answer == text
    imported(ada, "default_platform = \"codex\"\n")
    answer = ada.post("/api/export", json={"include_secrets": True, "file": "registry"}).data["content"]
    gone, come = lines_changed(text, answer)
    assert len(gone) == len(come) == 1 and "codex" in come[0]


def test_a_native_import_cannot_take_the_place_of_the_form(ada):
    imported(ada, HAND)
    answer = ada.post("/api/resources/import", json={"platform": "claude", "files": {"/profiles.toml": "x = 1\n"}})
    assert answer.status_code == 400, answer.text
    assert exported(ada) == HAND


def test_an_array_of_tables_that_a_merge_brings_is_no_part_of_another_table(ada):
    imported(ada, HAND)
    imported(ada, f'[[hooks]]\nname = "a"\n[[hooks]]\nname = "b"\n[home]\nbase_url = "{BASE}"\nauth_token = "sk-ant-home-token-0002"\n')
    text = exported(ada)
    assert tomllib.loads(text) == tomllib.loads(HAND) | {"hooks": [{"name": "a"}, {"name": "b"}]}
    assert HAND[HAND.index("[settings]"):] in text
