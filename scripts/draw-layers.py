#!/usr/bin/env python3
"""Writes docs/images/layers.svg: the layers of src as a staircase, and which includes which, as the files themselves say.

Usage: scripts/draw-layers.py > docs/images/layers.svg, which is what `make docs` does.
"""
import pathlib
import subprocess

STEP_X, STEP_Y, BOX_X, BOX_Y, EDGE = 88, 44, 80, 30, 26
PORTABLE = ("format", "base")  # libccr_base.a
STYLE = """
    .panel { fill: #ffffff; stroke: #8b98a5 }
    .box   { fill: #cfe3f7; stroke: #1f5f9e; stroke-width: 1.5 }
    .gold  { fill: #fbe9c0; stroke: #8f6a0c }
    .name  { font-size: 14px; font-weight: bold; fill: #15202b; text-anchor: middle }
    .text  { font-size: 13px; fill: #22303c }
    .line  { fill: none; stroke: #8b98a5; stroke-width: 1.2 }
    .dot   { fill: #22303c }
  """


def layers():
    """[(name, {those it includes})], from the top down."""
    root = pathlib.Path(__file__).resolve().parent.parent
    lines = subprocess.run([root / "scripts/check-layers.sh", "--edges"], check=True, capture_output=True, text=True).stdout
    return [(name, set(others)) for name, *others in map(str.split, lines.splitlines())]


def middle(index):
    """Of the box of a layer."""
    return EDGE + BOX_X // 2 + index * STEP_X, EDGE + BOX_Y // 2 + index * STEP_Y


def lines_of(rows):
    """From each layer to the right, and down to each that it includes, with a dot where the line turns."""
    names = [name for name, _ in rows]
    lines, dots = [], []
    for column, name in enumerate(names):
        x, bottom = middle(column)
        users = [index for index in range(column) if name in rows[index][1]]
        if users:
            lines.append(f'<path class="line" d="M{x} {middle(users[0])[1]} V{bottom - BOX_Y // 2}"/>')
        dots += [f'<circle class="dot" cx="{x}" cy="{middle(index)[1]}" r="4"/>' for index in users]
    for index, (_, others) in enumerate(rows):
        x, y = middle(index)
        if others:
            lines.append(f'<path class="line" d="M{x + BOX_X // 2} {y} H{middle(max(map(names.index, others)))[0]}"/>')
    return lines + dots


def boxes_of(rows):
    """One a layer."""
    for index, (name, _) in enumerate(rows):
        x, y = middle(index)
        kind = "box gold" if name in PORTABLE else "box"
        yield f'<rect class="{kind}" x="{x - BOX_X // 2}" y="{y - BOX_Y // 2}" width="{BOX_X}" height="{BOX_Y}" rx="6"/>'
        yield f'<text class="name" x="{x}" y="{y + 5}">{name}</text>'


def main():
    """The drawing."""
    rows = layers()
    last_x, last_y = middle(len(rows) - 1)
    width, height = last_x + BOX_X // 2 + EDGE, last_y + BOX_Y // 2 + EDGE
    said = "; ".join(f"{name} includes {', '.join(sorted(others))}" for name, others in rows if others)
    words = ("A folder of src each, main.c on top.", "To the right and down at a dot:", "what a layer includes of those below it.",
             "Yellow is portable: libccr_base.a.")
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
          f' aria-labelledby="title desc" font-family="DejaVu Sans, Verdana, Arial, sans-serif">')
    print("  <!-- made by scripts/draw-layers.py -->\n  <title id=\"title\">Layers of ccr-ui-backend</title>")
    print(f'  <desc id="desc">{said}.</desc>\n  <style>{STYLE}</style>')
    print(f'  <rect class="panel" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="14"/>')
    for line in [*lines_of(rows), *boxes_of(rows)]:
        print("  " + line)
    for number, line in enumerate(words):
        print(f'  <text class="text" x="{EDGE}" y="{height - EDGE - 22 * (len(words) - 1 - number)}">{line}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
