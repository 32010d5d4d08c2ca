"""The Debian package, on a machine that has never seen the project: installed, set up in three lines, run by a real systemd
behind Nginx and PostgreSQL of that machine, upgraded, removed, put back, purged. The tests follow on each other."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tree import BUILD_S, Load

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.M).group(1)
NEXT = VERSION.rpartition(".")[0] + "." + str(int(VERSION.rpartition(".")[2]) + 1)
ENV_FILE = "/etc/ccr-ui/ccr-ui.env"

pytestmark = pytest.mark.slow


def build(version):
    as_by_default = {name: value for name, value in os.environ.items() if name != "OPTIMIZE"}
    done = subprocess.run(["make", "-C", ROOT, "deb", f"VERSION={version}"], capture_output=True, text=True, timeout=BUILD_S, env=as_by_default)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / f"build/deb/ccr-ui-backend_{version}_amd64.deb"


@pytest.fixture(scope="module")
def package():
    return build(VERSION)


@pytest.fixture(scope="module")
def newer_package():
    return build(NEXT)


@pytest.fixture(scope="module")
def machine(debian_tree, package):
    tree = debian_tree()
    tree.copy_in(package, "/root")
    tree.download(f"/root/{package.name}")
    tree.boot()
    return tree


def show(machine, what, unit="ccr-ui-backend.service"):
    return machine.run("systemctl", "show", "-P", what, unit).stdout.strip()


def version_served(machine):
    pid = show(machine, "MainPID")
    return machine.run(f"/proc/{pid}/exe", "version").stdout.split()[1]


def test_lintian_has_nothing_to_say(package):
    changes = ROOT / f"build/deb/ccr-ui-backend_{VERSION}_amd64.changes"
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", changes], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0 and "E:" not in done.stdout, done.stdout + done.stderr


def test_installing_starts_nothing_yet(machine, package):
    out = machine.run("apt-get", "install", "-qy", f"/root/{package.name}", timeout=BUILD_S).stdout
    assert "ccr-ui-setup --server-name" in out
    assert show(machine, "ActiveState") == "inactive" and show(machine, "Result") == "success"
    assert machine.run("id", "-u", "ccr").stdout.strip().isdigit()
    assert machine.run("systemctl", "is-active", "postgresql", "nginx").stdout.split() == ["active", "active"]


def test_three_lines_end_in_a_healthy_status_over_https(machine):
    machine.shell("ccr-ui-setup --server-name ccr.example.org")
    machine.shell(f"ccr-ui-backend user add admin --site-admin --env-file {ENV_FILE}", input="a password of some length\n")
    body = machine.shell("curl -sS --cacert /etc/ccr-ui/tls/server.crt https://ccr.example.org/api/system/status").stdout
    assert json.loads(body)["status"] == "healthy", body


def test_login(machine):
    body = machine.shell("curl -sS --cacert /etc/ccr-ui/tls/server.crt https://ccr.example.org/api/auth/login "
                         "-H 'Content-Type: application/json' --data @-",
                         input=json.dumps({"username": "admin", "password": "a password of some length"})).stdout
    assert json.loads(body)["success"] is True, body


def test_who_may_what(machine):
    assert machine.run("stat", "-c", "%a %U:%G", ENV_FILE).stdout == "640 root:ccr\n"
    assert machine.run("stat", "-c", "%a %U:%G", "/run/ccr-ui-backend/fastcgi.sock").stdout == "660 root:www-data\n"
    pid = show(machine, "MainPID")
    status = machine.read(f"/proc/{pid}/status")
    assert re.search(r"^CapBnd:\s0+$", status, re.M) and re.search(r"^NoNewPrivs:\s1$", status, re.M) and re.search(r"^Seccomp:\s2$", status, re.M)
    assert machine.run("ps", "-o", "user=", "-p", pid).stdout.strip() == "ccr"
    for place in ("/etc/ccr-ui", "/var/lib", "/home", "/tmp"):
        done = machine.run("nsenter", "-t", pid, "-m", "setpriv", "--reuid", "ccr", "--regid", "ccr", "--clear-groups",
                           "touch", f"{place}/ccr-was-here", check=False)
        assert (done.returncode != 0) == (place != "/tmp"), place
        assert not machine.exists(f"{place}/ccr-was-here")
    level = machine.shell("systemd-analyze security --no-pager ccr-ui-backend.service | tail -n 1").stdout
    assert float(re.search(r"service: ([0-9.]+)", level).group(1)) <= 2.0, level


def test_setup_again_changes_nothing(machine):
    before = machine.read(ENV_FILE), machine.read("/etc/nginx/sites-available/ccr-ui-backend"), machine.read("/etc/ccr-ui/tls/server.crt")
    machine.run("ccr-ui-setup")
    assert before == (machine.read(ENV_FILE), machine.read("/etc/nginx/sites-available/ccr-ui-backend"),
                      machine.read("/etc/ccr-ui/tls/server.crt"))
    machine.wait_healthy()


def test_without_limits(machine):
    """The load below is far beyond what one address may ask for."""
    machine.write(ENV_FILE, machine.read(ENV_FILE) + "RATE_LIMIT=0\n")
    machine.run("ccr-ui-setup", "RATE=1000000")
    assert "rate=1000000r/s" in machine.read("/etc/nginx/sites-available/ccr-ui-backend")
    machine.run("ccr-ui-setup")
    assert "rate=1000000r/s" in machine.read("/etc/nginx/sites-available/ccr-ui-backend")
    machine.shell("sleep 2; for i in $(seq 100); do pgrep -f 'nginx.*[s]hutting down' || exit 0; sleep 0.1; done; exit 1")


def test_restart_loses_no_request(machine):
    pid = show(machine, "MainPID")
    with Load(machine) as load:
        for _ in range(3):
            machine.run("systemctl", "restart", "ccr-ui-backend.service")
    load.check("3 × systemctl restart")
    assert show(machine, "MainPID") != pid


def test_reload_applies_settings_and_loses_no_request(machine):
    pid = show(machine, "MainPID")
    machine.write(ENV_FILE, machine.read(ENV_FILE) + "MIN_CONNECTIONS=3\nMAX_CONNECTIONS=3\n")
    with Load(machine) as load:
        for _ in range(3):
            machine.run("systemctl", "reload", "ccr-ui-backend.service")
            machine.shell("sleep 2")
    load.check("3 × systemctl reload")
    assert show(machine, "MainPID") == pid
    names = machine.run("ps", "-o", "comm=", "--ppid", pid).stdout.split()
    assert len([name for name in names if name != "ccr-housekeeper"]) == 3, names


def test_watchdog_replaces_a_master_that_hangs(machine):
    machine.shell("mkdir -p /run/systemd/system/ccr-ui-backend.service.d && "
                  "printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=2\\n' >/run/systemd/system/ccr-ui-backend.service.d/fast.conf && "
                  "systemctl daemon-reload && systemctl restart ccr-ui-backend.service")
    pid = show(machine, "MainPID")
    machine.run("kill", "-STOP", pid)
    machine.shell(f"for i in $(seq 150); do new=$(systemctl show -P MainPID ccr-ui-backend.service); "
                  f"[ $new = {pid} ] || [ $new = 0 ] || exit 0; sleep 0.1; done; exit 1")
    machine.wait_healthy()
    machine.shell("rm -r /run/systemd/system/ccr-ui-backend.service.d && systemctl daemon-reload && systemctl restart ccr-ui-backend.service")


def test_backup(machine):
    assert machine.run("systemctl", "is-active", "ccr-ui-backup.timer").stdout == "active\n"
    machine.run("systemctl", "start", "ccr-ui-backup.service")
    assert machine.shell("ls /var/backups/ccr-ui/ccr-ui-*.dump").stdout.count("\n") == 1
    machine.run("logrotate", "--debug", "/etc/logrotate.d/ccr-ui-backend")


def test_it_comes_back_after_a_boot(machine):
    machine.run("systemctl", "stop", "postgresql", "ccr-ui-backend.service")
    machine.shut_down()
    machine.boot()
    machine.wait_healthy(30)


def test_upgrade_loses_no_request(machine, newer_package):
    machine.copy_in(newer_package, "/root")
    assert version_served(machine) == VERSION
    env = machine.read(ENV_FILE)
    with Load(machine) as load:
        machine.run("apt-get", "install", "-qy", f"/root/{newer_package.name}")
    load.check(f"upgrade {VERSION} -> {NEXT}")
    assert version_served(machine) == NEXT and machine.read(ENV_FILE) == env
    test_login(machine)


def test_removed_it_keeps_the_data(machine):
    machine.run("apt-get", "remove", "-qy", "ccr-ui-backend")
    assert not machine.exists("/usr/bin/ccr-ui-backend") and not machine.exists("/run/ccr-ui-backend/fastcgi.sock")
    assert machine.exists(ENV_FILE)
    assert machine.run("systemctl", "is-active", "ccr-ui-backup.timer", check=False).stdout == "inactive\n"
    assert machine.run("pgrep", "-u", "ccr", check=False).stdout == ""
    machine.run("nginx", "-t")
    databases = machine.run("runuser", "-u", "postgres", "--", "psql", "-qAtc", "SELECT datname FROM pg_database").stdout
    assert "ccr_ui_db" in databases


def test_put_back_it_goes_on(machine, newer_package):
    machine.run("apt-get", "install", "-qy", f"/root/{newer_package.name}")
    machine.wait_healthy()
    test_login(machine)


def test_purged_nothing_is_left(machine):
    machine.run("apt-get", "purge", "-qy", "ccr-ui-backend")
    for path in ("/etc/ccr-ui", "/var/lib/ccr-ui", "/var/log/ccr-ui", "/etc/nginx/sites-available/ccr-ui-backend",
                 "/etc/nginx/sites-enabled/ccr-ui-backend", "/run/ccr-ui-backend/fastcgi.sock", "/lib/systemd/system/ccr-ui-backend.service"):
        assert not machine.exists(path), path
    assert machine.run("getent", "passwd", "ccr", check=False).returncode == 2
    found = machine.run("runuser", "-u", "postgres", "--", "psql", "-qAtc",
                        "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles").stdout
    assert "ccr" not in found
    machine.run("nginx", "-t")
    # a dangling link in a .wants folder would be ours
    assert machine.shell("find /etc/systemd/system -name 'ccr-ui*'").stdout == ""
    machine.run("dpkg", "--audit")
