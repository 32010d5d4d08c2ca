"""One rule for what a profile may hold, whichever way it comes: form, import, rollback, command. And which files are read."""

import tomllib

import pytest

from configs import (BASE, ada, create, exported, import_text, imported, names_of, read, refused, system,  # noqa: F401
                     token_of, users, wrong_fields)

# ---- TOML 1.1 ----

NEWER = f'''[a]
base_url = "{BASE}"
auth_token = "sk-a-0123456789"
env = {{
  A = "1", # comment
  B = "2",
}}
esc = "\\e[0m\\x41"
t = 07:32
d = 1979-05-27 07:32Z
'''
OLDER = f'''[a]
base_url = "{BASE}"
auth_token = "sk-a-0123456789"
env = {{ A = "1", B = "2" }}
esc = "\\u001B[0mA"
t = 07:32:00
d = 1979-05-27T07:32:00Z
'''


def test_what_toml_1_1_added_is_read_and_written_for_older_readers(ada):
    assert imported(ada, NEWER)["added"] == 1
    text = exported(ada, include_secrets=True)
    assert tomllib.loads(text) == tomllib.loads(OLDER)
    assert imported(ada, NEWER)["skipped"] == imported(ada, text)["skipped"] == 1


def test_what_no_toml_has_is_refused_where_it_stands(ada):
    answer = import_text(ada, "[a]\nx = 0x1.8p3\n")
    assert "hexadecimal floats (line 2, column 5)" in refused(answer, 400, "VALIDATION_ERROR")["message"]
