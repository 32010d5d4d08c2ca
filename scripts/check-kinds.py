#!/usr/bin/python3
"""No two files of src/kinds share a run of more than RUN lines that are the same, or alike but for names and literals: what two kinds do
alike belongs into the engine (src/resource). Usage: scripts/check-kinds.py [FOLDER]"""

import collections
import itertools
import pathlib
import re
import sys

RUN = 8
KEYWORDS = set("bool break case char const continue default do else enum extern false for goto if int long NULL return signed size_t sizeof"
               " static struct switch true typedef union unsigned void while".split())
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[A-Za-z_]\w*|\d[\w.]*|\S')


def alike(token):
    if token[0] in "\"'" or token[0].isdigit():
        return "literal"
    return "name" if re.match(r"[A-Za-z_]", token) and token not in KEYWORDS else token


def lines_of(path):
    """Number and what is left of each line that says something."""
    text = COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), path.read_text())
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        tokens = " ".join(alike(token) for token in TOKEN.findall(line))
        if tokens and not line.startswith("#include"):
            found.append((number, tokens))
    return found


def longest(one, other):
    """The longest run that two files have in common: its length, and where it begins in each."""
    best, lengths = (0, 0, 0), collections.Counter()
    for i, (number, line) in enumerate(one):
        lengths = collections.Counter({j: lengths[j - 1] + 1 for j, (_, text) in enumerate(other) if text == line})
        for j, length in lengths.items():
            if length > best[0]:
                best = (length, one[i - length + 1][0], other[j - length + 1][0])
    return best


def main(folder):
    files = {path: lines_of(path) for path in sorted(pathlib.Path(folder).glob("*.c"))}
    wrong, most = [], 0
    for one, other in itertools.combinations(files, 2):
        length, here, there = longest(files[one], files[other])
        most = max(most, length)
        if length > RUN:
            wrong.append(f"{one}:{here} and {other}:{there} have {length} lines alike; {RUN} are the most")
    print("\n".join(wrong) if wrong else f"{len(files)} files, at most {most} lines alike")
    return bool(wrong)


sys.exit(main(*(sys.argv[1:] or ["src/kinds"])))
