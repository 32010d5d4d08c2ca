"""A stand-in for a build of CCR UI: a page that does what the real one needs a browser to allow, and says so."""

from pathlib import Path

from stack import give

INDEX = """<!doctype html>
<html lang="en">
<head><title>CCR UI</title><link rel="icon" href="/picture.svg"><script type="module" src="/assets/app.js"></script></head>
<body><main id="app"></main></body>
</html>
"""
# Texts compiled in the browser, style="" in HTML, the API by the cookies.
APP = """
document.getElementById("app").innerHTML = '<p style="color: rgb(1, 2, 3)"></p>';
const text = document.querySelector("p");
const answer = await fetch("/api/configs");
text.textContent = new Function("status", "return `stands in for CCR UI at ${location.pathname}, ${status}`")(answer.status);
""" + "// what makes it worth compressing\n" * 40
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"/>'


def make_build(folder):
    """The folder with the build, readable by all."""
    folder = Path(folder)
    for name, text in {"index.html": INDEX, "picture.svg": PICTURE, "assets/app.js": APP, "assets/style-1a2b.css": "a {}"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        give(path)
    return folder
