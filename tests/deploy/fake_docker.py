#!/usr/bin/python3
"""As much of docker as blue-green.sh uses, for machines without it: a container is a process, an image a program, a volume a
folder. State is in the folder FAKE_DOCKER: images/NAME is the program, NAME.json a container."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ["FAKE_DOCKER"])
FOLDER = "/run/ccr-ui-backend"
WITH_VALUE = {"--name", "--restart", "--network", "--env-file", "--volume", "--tmpfs", "--cap-drop", "--security-opt", "--env",
              "--entrypoint", "--time", "--format", "--tail"}


def split(arguments):
    """Options, and what follows them."""
    options = {}
    while arguments and arguments[0].startswith("-"):
        word = arguments.pop(0)
        options.setdefault(word, []).append(arguments.pop(0) if word in WITH_VALUE else "")
    return options, arguments


def running(state):
    try:
        return Path(f"/proc/{state['pid']}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def load(name):
    try:
        return json.loads((HOME / f"{name}.json").read_text())
    except FileNotFoundError:
        sys.exit(f"Error: No such container: {name}")


def run(arguments):
    options, (image, *command) = split(arguments)
    volume = options["--volume"][0].partition(":")[0]
    environment = {"PATH": os.environ["PATH"]}
    for path in options.get("--env-file", []):
        environment.update(line.split("=", 1) for line in Path(path).read_text().splitlines() if "=" in line)
    environment.update(value.replace(FOLDER, volume).split("=", 1) for value in options.get("--env", []))
    program = options["--entrypoint"][0] if "--entrypoint" in options else str(HOME / "images" / image)
    command = [program, *(part.replace(FOLDER, volume) for part in command)]
    if "--detach" not in options:
        sys.exit(subprocess.run(command, env=environment).returncode)
    name = options["--name"][0]
    with open(HOME / f"{name}.log", "ab") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (HOME / f"{name}.json").write_text(json.dumps({"pid": process.pid, "program": program, "volume": volume}))


def end(name, number, limit):
    state = load(name)
    if running(state):
        os.kill(state["pid"], number)
    deadline = time.monotonic() + limit
    while running(state) and time.monotonic() < deadline:
        time.sleep(0.02)
    if running(state):
        os.killpg(state["pid"], signal.SIGKILL)


def main(verb, *arguments):
    arguments = list(arguments)
    if verb == "run":
        return run(arguments)
    if verb == "exec":
        state = load(arguments[0])
        command = [state["program"], *(part.replace(FOLDER, state["volume"]) for part in arguments[2:])]
        sys.exit(subprocess.run(command).returncode if running(state) else "the container does not run")
    if verb == "container":
        options, (_, *rest) = {}, arguments
        options, (name,) = split(rest)
        print("true" if running(load(name)) else "false")
    elif verb == "logs":
        options, (name,) = split(arguments)
        print((HOME / f"{name}.log").read_text().splitlines()[-1])
    elif verb == "stop":
        options, (name,) = split(arguments)
        end(name, signal.SIGTERM, float(options["--time"][0]))
    elif verb == "rm":
        options, (name,) = split(arguments)
        end(name, signal.SIGKILL, 5)
        (HOME / f"{name}.json").unlink()
    else:
        sys.exit(f"fake docker: {verb}?")


main(*sys.argv[1:])
