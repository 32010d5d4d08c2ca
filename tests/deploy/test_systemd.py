"""The units: what systemd says of them, how exposed the service is, and the socket handed over."""

import re
import subprocess
from pathlib import Path

import pytest

import stack as stack_module
from stack import Cluster, Stack, new_folder, wait_until

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted(path for path in (ROOT / "systemd").iterdir() if path.suffix in (".service", ".socket", ".timer"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units as `make install` writes them, its programs where they say."""
    prefix = tmp_path_factory.mktemp("prefix")
    done = subprocess.run(["make", "-s", "-C", ROOT, "install", f"PREFIX={prefix}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return prefix


def test_verify_has_nothing_to_say(installed):
    units = sorted((installed / "lib/systemd/system").iterdir())
    assert [unit.name for unit in units] == [unit.name for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60,
                          env={**stack_module.clean_environment(), "MANPATH": str(installed / "share/man")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS if unit.suffix == ".service"])
def test_exposure_is_at_most_2(installed, unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20",
                           installed / "lib/systemd/system" / unit], capture_output=True, text=True, timeout=60)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    print(f"{unit}: exposure {level.group(1)}")
    assert float(level.group(1)) <= 2.0 and done.returncode == 0


def test_the_service_has_all_that_the_guide_has():
    service = (ROOT / "systemd/ccr-ui-backend.service").read_text().splitlines()
    for line in ("User=ccr", "Group=ccr", "Restart=always", "StandardOutput=journal", "StandardError=journal",
                 "SyslogIdentifier=ccr-ui-backend", "NoNewPrivileges=yes", "PrivateTmp=yes", "ProtectSystem=strict",
                 "ProtectHome=yes", "LimitNOFILE=65536", "LimitNPROC=4096", "WantedBy=multi-user.target", "Type=notify",
                 "KillMode=mixed"):
        assert line in service, line


def test_the_socket_is_for_nginx_only():
    socket = (ROOT / "systemd/ccr-ui-backend.socket").read_text().splitlines()
    for line in ("SocketMode=0660", "SocketGroup=www-data", "Backlog=4096"):
        assert line in socket, line


@pytest.fixture(scope="module")
def activated():
    """The whole system, its socket made by systemd-socket-activate."""
    folder = new_folder()
    cluster = Cluster(new_folder(folder, "pg"))
    stack = None
    try:
        cluster.create()
        cluster.create_migrated("ccr", new_folder(folder, "migrate"))
        stack = Stack(new_folder(folder, "s"), cluster, "ccr", launcher="systemd", owns_cluster=True).start()
        yield stack
    finally:
        if stack:
            stack.close()
        else:
            cluster.stop()
        subprocess.run(["rm", "-rf", folder], check=True)


def test_socket_activation(activated):
    assert activated.status()["status"] == "healthy"
    assert [entry["socket"] for entry in activated.backend.log_entries() if entry.get("message") == "starting"] == ["systemd"]


def test_reload_reads_the_env_file_again(activated):
    before = activated.backend.pid
    assert len(activated.backend.workers()) == 4
    activated.cli.write_env(MIN_CONNECTIONS="2", MAX_CONNECTIONS="2")
    activated.backend.send(1)  # ExecReload=kill -HUP $MAINPID
    wait_until("2 workers instead of 4", lambda: len(activated.backend.workers()) == 2)
    assert activated.backend.pid == before and activated.status()["status"] == "healthy"

