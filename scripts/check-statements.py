#!/usr/bin/python3
"""Named statements: a connection keeps each prepared under its name (src/store/db.c), so no two have one name, and half the table that it
keeps them in is enough for all of them."""

import collections
import pathlib
import re
import subprocess
import sys

# A name, from one literal or several, and the beginning of its SQL.
STATEMENT = re.compile(r'\{\s*((?:"[a-z0-9_]+"\s*)+),\s*"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|NOTIFY|LISTEN|TRUNCATE)\b')
SLOTS = re.compile(r"PREPARED_SLOTS = (\d+)")


def names_in(path, compiler):
    text = subprocess.run([*compiler, "-E", "-P", path], check=True, capture_output=True, text=True).stdout
    return ["".join(re.findall(r'"([a-z0-9_]+)"', found)) for found in STATEMENT.findall(text)]


def main(compiler):
    files = [path for path in sorted(pathlib.Path("src").rglob("*.c")) if re.search(r"struct (statement|listing|house_job)\b", path.read_text())]
    seen = collections.Counter(name for path in files for name in names_in(path, compiler))
    slots = int(SLOTS.search(pathlib.Path("src/store/pg.h").read_text())[1])
    wrong = [f"two statements are called {name}" for name, times in seen.items() if times > 1]
    if not seen or len(seen) > slots // 2:
        wrong.append(f"{len(seen)} statements for {slots} slots (PREPARED_SLOTS in src/store/pg.h): half of them are to stay free")
    print("\n".join(wrong) if wrong else f"{len(seen)} statements, at most {slots // 2}")
    return bool(wrong)


sys.exit(main(sys.argv[1:] or ["gcc", "-Iinclude", "-D_GNU_SOURCE"]))
