"""What the scripts that generate tables in C share."""

WIDTH = 120


def print_rows(items):
    """The items of an initializer, as many a line as fit."""
    line = "   "
    for item in items:
        if len(line) + 1 + len(item) > WIDTH:
            print(line)
            line = "   "
        line += " " + item
    print(line)
