"""The other scripts that root runs: nothing that somebody else may write leads them elsewhere, and no secret is on a command line."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from operations import ROOT, USER, clean_environment, give, new_folder, run_as_user
import ui_build

ROOT_ONLY = pytest.mark.skipif(USER is None, reason="what root does needs root")


def script(name, *arguments, timeout=60, **options):
    environment = options.pop("env", clean_environment())
    return subprocess.run([ROOT / "scripts" / name, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, env=environment,
                          **({} if "input" in options else {"stdin": subprocess.DEVNULL}), **options)


# ---- setup.sh, install.sh -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("url", ["postgresql://ccr:s3cret-word@db.example.org/ccr", "postgres://ccr:s3cret-word@h,g:5432/ccr?sslmode=require",
                                 "postgresql://ccr@h/ccr?password=s3cret-word", "postgresql://ccr:s3cret-word%40@[::1]/ccr"])
@pytest.mark.parametrize("name", ["setup.sh", "install.sh"])
def test_a_password_on_the_command_line_is_refused(name, url):
    done = script(name, "--dry-run", *(["--no-packages"] if name == "install.sh" else []), "--database-url", url)
    assert done.returncode == 2 and "--database-url-file" in done.stderr, done.stderr
    assert "s3cret" not in done.stdout + done.stderr


def test_a_url_comes_from_a_file_or_standard_input(tmp_path):
    (tmp_path / "url").write_text("postgresql://ccr:s3cret-word@db.example.org/ccr\r\n")
    for arguments, given in ((["--database-url-file", "url"], ""), (["--database-url-file", "-"], (tmp_path / "url").read_text()),
                             (["--database-url", "postgresql://ccr@db.example.org:5432/ccr"], "")):
        done = script("setup.sh", "--dry-run", "--no-nginx", *arguments, cwd=tmp_path, input=given)
        assert done.returncode == 0, done.stderr
        assert "would create the role" not in done.stdout and "s3cret" not in done.stdout + done.stderr
    done = script("install.sh", "--dry-run", "--no-packages", "--no-nginx", "--database-url-file", "-", input="postgresql://ccr:s3cret-word@h/ccr\n")
    assert done.returncode == 0 and "would create the role" not in done.stdout, done.stderr


@pytest.mark.parametrize("text", ["", "host=x password=y", "postgresql://a b@h/d", "postgresql://a@h/d\x01", "postgresql://a@h/'d"])
def test_what_is_no_url_is_refused_before_anything_is_done(tmp_path, text):
    (tmp_path / "url").write_text(text)
    done = script("setup.sh", "--dry-run", "--no-nginx", "--database-url-file", tmp_path / "url")
    assert (done.returncode, "would write" in done.stdout, len(done.stderr.splitlines())) == (1, False, 1), done.stderr
    done = script("setup.sh", "--dry-run", "--database-url-file", tmp_path / "url", "--database-url", "postgresql://a@h/d")
    assert done.returncode == 2


def test_ccr_ui_is_copied_only_when_it_is_a_build(tmp_path):
    build = ui_build.make_build(tmp_path / "dist")
    for given in ("dist", build):
        done = script("setup.sh", "--dry-run", "--no-nginx", "--ui", given, cwd=tmp_path)
        assert done.returncode == 0 and f"cp -r --no-preserve=mode,ownership -- {build}/. /var/lib/ccr-ui/frontend.new" in done.stdout, done.stderr
    assert script("setup.sh", "--dry-run", "--no-nginx", "--ui", "none").returncode == 0
    for name, arguments in (("setup.sh", ["--no-nginx"]), ("install.sh", ["--no-packages", "--no-nginx"])):
        done = script(name, "--dry-run", *arguments, "--ui", ".", cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1) and "has no index.html" in done.stderr
        assert "would" not in done.stdout
    (build / "assets/key.js").symlink_to("/etc/ssl/private")
    done = script("setup.sh", "--dry-run", "--no-nginx", "--ui", build)
    assert done.returncode == 1 and f"{build}/assets/key.js is something else" in done.stderr
    assert script("setup.sh", "--dry-run", "--ui", build, "FRONTEND_DIR=/srv/ui").returncode == 2


# ---- quickstart.sh --------------------------------------------------------------------------------------------------

@pytest.fixture
def quickstart():
    """A checkout of root's whose var/ is another user's; a function that runs a command in it."""
    top = Path(new_folder())
    os.chown(top, 0, 0)
    top.chmod(0o755)
    (top / "scripts").mkdir()
    for name in ("quickstart.sh", "lib.sh"):
        shutil.copy2(ROOT / "scripts" / name, top / "scripts")
    for path in (top / "var", top / "var/run", top / "var/nginx"):
        path.mkdir(mode=0o700)
        give(path)
    yield top, lambda command: subprocess.run([top / "scripts/quickstart.sh", command], capture_output=True, text=True, timeout=60,
                                              stdin=subprocess.DEVNULL, env=clean_environment())
    shutil.rmtree(top)


@ROOT_ONLY
def test_quickstart_ends_no_process_of_root_s(quickstart):
    """Whose number is in a file of the other user's, and on whose command line the settings stand."""
    top, run = quickstart
    process = subprocess.Popen(["sleep", "120"], executable="/bin/sleep", start_new_session=True)
    editor = subprocess.Popen(["bash", "-c", "read -r -t 120 <&0; exit 0", "editor", str(top / "var/env")], stdin=subprocess.PIPE, start_new_session=True)
    try:
        (top / "var/run/workers.pid").write_text(f"{editor.pid}\n")
        give(top / "var/run/workers.pid")
        done = run("stop")
        assert done.returncode == 0, done.stderr
        assert editor.poll() is None and process.poll() is None
    finally:
        for started in (editor, process):
            started.kill()
            started.wait(10)


@ROOT_ONLY
def test_quickstart_reads_no_file_as_root_that_another_user_may_replace(quickstart, tmp_path):
    top, run = quickstart
    os.mkfifo(top / "var/run/workers.pid")
    give(top / "var/run/workers.pid")
    secret = tmp_path / "secret"
    secret.write_text(f"{os.getpid()}\n")
    secret.chmod(0o600)
    (top / "var/nginx/nginx.pid").symlink_to(secret)
    done = run("status")
    assert done.returncode == 3 and done.stdout.count("does not run") == 3, done.stdout + done.stderr


# ---- ccr-ui-user.sh, render-nginx.sh --------------------------------------------------------------------------------

def test_user_script_wants_a_folder_of_its_own():
    top = new_folder()
    try:
        (top / "env").write_text("DATABASE_URL=postgresql://a@h/d\n")
        (top / "env").chmod(0o600)
        give(top / "env")
        shutil.copy2(ROOT / "scripts/ccr-ui-user.sh", top)
        state = new_folder(top, "ccr-ui")
        state.chmod(0o770)
        done = run_as_user([top / "ccr-ui-user.sh", "status"], HOME=str(top), XDG_STATE_HOME=str(top), CCR_UI_ENV=str(top / "env"), CCR_UI_PROGRAM="/bin/true")
        assert (done.returncode, "chmod go-w" in done.stderr) == (1, True), done.stderr
        state.chmod(0o700)
        done = run_as_user([top / "ccr-ui-user.sh", "status"], HOME=str(top), XDG_STATE_HOME=str(top), CCR_UI_ENV=str(top / "env"), CCR_UI_PROGRAM="/bin/true")
        assert done.returncode == 3, done.stderr
    finally:
        shutil.rmtree(top)


def test_rendering_into_a_file_follows_no_link(tmp_path):
    victim, target = tmp_path / "victim", tmp_path / "site.conf"
    victim.write_text("precious\n")
    for name in ("site.conf", "site.conf.new"):
        (tmp_path / name).symlink_to(victim)
    done = script("render-nginx.sh", "SERVER_NAME=a.example", "-o", target)
    assert done.returncode == 0, done.stderr
    assert victim.read_text() == "precious\n" and not target.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site.conf", "site.conf.new", "victim"]


# ---- all of them ----------------------------------------------------------------------------------------------------

def test_no_script_puts_a_secret_on_a_command_line():
    """psql and pg_dump with a URL, curl with a header or a login, openssl with a password: none in what we run as files."""
    wrong = re.compile(r"""(psql|pg_dump|pg_restore|createdb)\b[^#\n|]*("?\$\{?(DATABASE_URL|url|password)|postgres(ql)?://)"""
                       r"""|curl\b[^#\n|]*(-u |--user |-H ['"]?Authorization)|openssl\b[^#\n|]*pass:|PASSWORD=["']?\$\{?\w+["'}]* (psql|pg_dump)"""
                       r"""|\benv\b[^#\n|]*\b(DATABASE_URL|SECRETS_KEY|JWT_SECRET|PGPASSWORD)=""")
    files = [path for folder in ("scripts", "deploy", "debian", "systemd") for path in sorted((ROOT / folder).rglob("*"))
             if path.is_file() and (path.suffix in (".sh", ".service", ".yaml", ".yml", "") or path.parent.name == "debian")]
    assert len(files) > 30
    found = [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for path in files
             for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1) if wrong.search(line) and not line.lstrip().startswith(("say ", "#"))]
    assert found == []
