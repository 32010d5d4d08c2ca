"""Real coding CLIs from npm, run against the stub (cli_stub.py): what they write and export is compared with what the stub answered.

    /usr/bin/python3 tests/usage/real_cli.py FOLDER [--sessions 5] [--cli claude] [--cli codex] [--otlp URL [--header NAME=VALUE]] [--protobuf]
                                             [--forks]

    install(folder)                       the programs, in FOLDER/npm; asks npm's registry the first time
    run(folder, cli, sessions, otlp=None) a Run: .home (the logs are in its .claude, .codex, .gemini or .qwen), .calls (what the stub answered:
                                          counts by model, request and turn), .sessions (how many were run), .version, .project

Claude Code and Codex unless others are named; Gemini CLI and Qwen Code are known, too. Without --otlp the stub itself takes the exports.
The CLIs reach nothing but loopback."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cli_stub import COUNTS, Stub

PACKAGES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex", "gemini": "@google/gemini-cli", "qwen": "@qwen-code/qwen-code"}
USUAL = ("claude", "codex")
MODELS = {"claude": "claude-sonnet-4-5-20250929", "codex": "gpt-5.3-codex", "gemini": "gemini-2.5-pro", "qwen": "qwen3-coder-plus"}
LOGS = {"claude": ".claude/projects/*/*.jsonl", "codex": ".codex/sessions/*/*/*/*.jsonl", "gemini": ".gemini/tmp/*/chats/*.jsonl",
        "qwen": ".qwen/projects/*/chats/*.jsonl"}
LIMIT_S = 180  # for one session


@dataclass
class Run:
    cli: str
    version: str
    home: Path
    project: Path
    calls: list
    exports: list
    sessions: int

    def totals(self):
        """Sums of what the stub answered, by model."""
        sums = {}
        for call in self.calls:
            row = sums.setdefault(call["model"], dict.fromkeys(("calls", *COUNTS), 0))
            row["calls"] += 1
            for name in COUNTS:
                row[name] += call[name]
        return sums


def install(folder, clis=USUAL):
    """Installs what is not there yet; gives the folder of the programs. Raises CalledProcessError when npm cannot."""
    programs = Path(folder) / "npm/node_modules/.bin"
    missing = [PACKAGES[cli] for cli in clis if not (programs / cli).exists()]
    if missing:
        (Path(folder) / "npm").mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", Path(folder) / "npm", "--no-audit", "--no-fund", *missing], check=True,
                       stdout=subprocess.DEVNULL)
    return programs


def program(programs, cli):
    """npm may refuse a package's own step after the installation, which only puts the native program in place of a script."""
    if cli == "claude":
        native = sorted(programs.parent.glob("@anthropic-ai/claude-code-linux-*/claude"))
        if native:
            return native[0]
    return programs / cli


def environment(home, **more):
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return {**keep, "HOME": str(home), "TERM": "dumb", "NO_COLOR": "1", **more}


def prepare_claude(home, url, otlp, headers, protobuf):
    settings = {"env": {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-stub", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                        "DISABLE_AUTOUPDATER": "1"}}
    if otlp:
        settings["env"].update({
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf" if protobuf else "http/json", "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
            "OTEL_LOGS_EXPORT_INTERVAL": "500", "OTEL_METRIC_EXPORT_INTERVAL": "1000"})
        if headers:
            settings["env"]["OTEL_EXPORTER_OTLP_HEADERS"] = ",".join(f"{name}={value}" for name, value in headers.items())
    (home / ".claude").mkdir(parents=True, exist_ok=True)
    (home / ".claude/settings.json").write_text(json.dumps(settings, indent=1))


def prepare_codex(home, url, otlp, headers, protobuf):
    lines = [f'model = "{MODELS["codex"]}"', 'model_provider = "stub"', 'approval_policy = "never"', 'sandbox_mode = "danger-full-access"',
             "[model_providers.stub]", 'name = "stub"', f'base_url = "{url}/v1"', 'wire_api = "responses"', 'env_key = "STUB_KEY"',
             "[analytics]", "enabled = false"]
    if otlp:
        protocol = "binary" if protobuf else "json"
        shown = ", ".join(f'"{name}" = "{value}"' for name, value in (headers or {}).items())
        exporter = '{ otlp-http = { endpoint = "%s/v1/%s", protocol = "%s", headers = { %s } } }'
        lines += ["[otel]", f"exporter = {exporter % (otlp, 'logs', protocol, shown)}", f"metrics_exporter = {exporter % (otlp, 'metrics', protocol, shown)}"]
    (home / ".codex").mkdir(parents=True, exist_ok=True)
    (home / ".codex/config.toml").write_text("\n".join(lines) + "\n")


def prepare_gemini(home, url, otlp, headers, protobuf, name="gemini"):
    settings = {"security": {"auth": {"selectedType": "gemini-api-key" if name == "gemini" else "openai"}},
                "general": {"enableAutoUpdate": False}, "privacy": {"usageStatisticsEnabled": False}}
    if otlp:
        settings["telemetry"] = {"enabled": True, "target": "local", "otlpEndpoint": otlp, "otlpProtocol": "http", "logPrompts": False}
    (home / f".{name}").mkdir(parents=True, exist_ok=True)
    (home / f".{name}/settings.json").write_text(json.dumps(settings, indent=1))


def prepare_qwen(home, url, otlp, headers, protobuf):
    prepare_gemini(home, url, otlp, headers, protobuf, "qwen")


PREPARE = {"claude": prepare_claude, "codex": prepare_codex, "gemini": prepare_gemini, "qwen": prepare_qwen}


def variables(url, headers):
    """What Codex, Gemini CLI and Qwen Code take from the environment; Claude Code has all of it in its settings."""
    more = {"OTEL_EXPORTER_OTLP_HEADERS": ",".join(f"{name}={value}" for name, value in headers.items())} if headers else {}
    return {"STUB_KEY": "stub", "GEMINI_API_KEY": "stub", "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true", "OPENAI_API_KEY": "stub",
            "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": MODELS["qwen"], **more}


def command(cli, path, prompt, session=None, how=None):
    """A session of its own, or how = "fork" or "resume" of another one, which of Claude Code and Codex only."""
    if cli in ("gemini", "qwen"):
        return [path, "-p", prompt, "--yolo", *(["-m", MODELS[cli]] if cli == "gemini" else [])]
    if cli == "claude":
        more = ["--resume", session] if session else []
        return [path, "-p", prompt, "--model", MODELS["claude"], "--allowedTools", "Bash(echo:*)", *more, *(["--fork-session"] if how == "fork" else [])]
    return [path, "exec", *([how] if how else []), "--skip-git-repo-check", *([session] if session else []), prompt]


def logs(home, cli):
    """The CLI's logs, oldest first."""
    return sorted(home.glob(LOGS[cli]), key=lambda path: path.stat().st_mtime_ns)


def session_of(log, cli):
    if cli == "claude":
        return log.stem
    with open(log) as lines:
        return json.loads(lines.readline())["payload"]["id"]


def run(folder, cli, sessions=5, otlp=None, headers=None, protobuf=False, forks=False):
    """Runs that many sessions of one prompt each in a home of its own under folder, telemetry to otlp ("stub": the stub keeps it); with
    forks, the first of them is then forked and resumed, too. Raises RuntimeError with the program's last words when one fails."""
    folder = Path(folder)
    path = program(install(folder, (cli,)), cli)
    home = folder / f"home-{cli}"
    shutil.rmtree(home, ignore_errors=True)
    project = home / "work/demo"
    project.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "feature-x", project], check=True)
    version = subprocess.run([path, "--version"], capture_output=True, text=True, env=environment(home), timeout=LIMIT_S).stdout.strip()
    shutil.rmtree(folder / f"otlp-{cli}", ignore_errors=True)
    with Stub(folder / f"otlp-{cli}") as stub:
        PREPARE[cli](home, stub.url, stub.url if otlp == "stub" else otlp, headers, protobuf)
        told = [(f"Say three words, number {number}.", None) for number in range(sessions)]
        told += [(f"Say three words, after a {how}.", how) for how in ("fork", "resume") if forks]
        for prompt, how in told:
            first = session_of(logs(home, cli)[0], cli) if how else None
            if how == "fork":
                time.sleep(1.1)  # so that the copied history is of another second than the new session
            done = subprocess.run(command(cli, path, prompt, first, how), cwd=project, env=environment(home, **variables(stub.url, headers)),
                                  timeout=LIMIT_S, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode != 0 or "Done." not in done.stdout:
                raise RuntimeError(f"{cli}, {prompt!r}: ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        return Run(cli, version, home, project, list(stub.calls), list(stub.exports), len(told))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--cli", action="append", choices=sorted(PACKAGES))
    parser.add_argument("--otlp", default="stub")
    parser.add_argument("--header", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--protobuf", action="store_true")
    parser.add_argument("--forks", action="store_true", help="also fork and resume the first session")
    wanted = parser.parse_args()
    headers = dict(each.split("=", 1) for each in wanted.header)
    for cli in wanted.cli or USUAL:
        ran = run(wanted.folder, cli, wanted.sessions, wanted.otlp, headers, wanted.protobuf, wanted.forks)
        (wanted.folder / f"expected-{cli}.json").write_text(json.dumps({"version": ran.version, "project": str(ran.project),
                                                                        "totals": ran.totals(), "calls": ran.calls}, indent=1))
        print(json.dumps({"cli": cli, "version": ran.version, "home": str(ran.home), "totals": ran.totals()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
