"""A Debian 12 of its own to install into: a debootstrap tree, copied on write, that can be booted.

It lives in namespaces: its mounts are nobody else's and go with the process that holds them, and once booted it has its own
process ids and a network of nothing but loopback, so that ports 80, 443 and 5432 are free. Booted means: under a real systemd
as process 1, or, with systemd=False, under none, as in a container.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

BUILD_S = 1000  # seconds for a Debian tree, a package or an image on a busy machine; the tests that make them may take 1200
RELEASE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
# What a machine has that runs anything at all: minbase lacks it.
INCLUDE = "systemd-sysv,dbus,iproute2,procps,curl,ca-certificates"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
               "DEBIAN_FRONTEND": "noninteractive", "TERM": "dumb"}

# $1 base, $2 the tree's folder, $3 where packages that were downloaded once are kept
HOLD = """
set -e
cd "$2"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$1,upperdir=upper,workdir=work" root 2>/dev/null || cp -a "$1/." root/
mount --bind "$3" root/var/cache/apt/archives
mount -t proc proc root/proc
echo ready
exec sleep infinity
"""

BOOT = """
set -e
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
[ -z "$2" ] || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/pts dev/shm run/lock
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ip link set lo up
hostname ccr-test
shift 2
pivot_root . . # not chroot: in one the kernel allows no user namespaces, which PrivateUsers= needs
umount -l .
exec env -i container=ccr-test PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
"""


def make_base(folder):
    """The tree that all copies start from."""
    base = Path(folder) / "base"
    done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={INCLUDE}", RELEASE, base, MIRROR],
                          capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
    (base / "etc/machine-id").write_text("")
    (base / "etc/hostname").write_text("ccr-test\n")
    (base / "etc/hosts").write_text("127.0.0.1 localhost ccr-test ccr.example.org\n")
    run_in(base, "apt-get", "update")
    return base


def run_in(root, *command):
    return subprocess.run(["chroot", root, *command], check=True, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)


def unified_cgroup():
    for line in Path("/proc/mounts").read_text().splitlines():
        device, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


class Tree:
    def __init__(self, base, folder, archives):
        self.folder = Path(tempfile.mkdtemp(prefix="tree-", dir=folder))
        self.root = self.folder / "root"  # only inside the tree's namespace is it mounted; read and write with the methods
        self.boot_process = None
        self.cgroup = None
        self.init = None
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "setpriv", "--pdeathsig", "KILL", "bash", "-c", HOLD, "hold",
             str(base), str(self.folder), str(archives)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline().strip() == "ready", "the tree cannot be mounted; this needs root"

    # --- its files ---

    @property
    def outside(self):
        """The tree's root as seen from outside its namespaces."""
        return Path(f"/proc/{self.init or self.holder.pid}/root") / ("" if self.init else str(self.root).lstrip("/"))

    def path(self, name):
        return self.outside / str(name).lstrip("/")

    def read(self, name):
        return self.path(name).read_text(errors="replace")

    def write(self, name, text):
        self.path(name).write_text(text)

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def copy_in(self, source, target):
        shutil.copy(source, self.path(target))

    # --- running ---

    def command(self, *command):
        if self.init:
            enter = ["nsenter", "--target", str(self.init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        else:
            enter = ["nsenter", "--target", str(self.holder.pid), "--mount", "chroot", str(self.root)]
        return [*enter, *(str(part) for part in command)]

    def run(self, *command, check=True, timeout=300, input=None, env=None):
        """Runs a command in the tree; before a boot with the network of the machine, afterwards with loopback only."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, timeout=timeout, input=input or "",
                              env={**ENVIRONMENT, **(env or {})})
        if check:
            assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def shell(self, line, **options):
        return self.run("bash", "-c", line, **options)

    def download(self, *packages):
        """Fetches packages and what they depend on, so that the booted tree can install them without a network."""
        self.run("apt-get", "install", "-qy", "--download-only", *packages, timeout=BUILD_S)

    def boot(self, systemd=True):
        assert not self.init
        if systemd:
            self.cgroup = unified_cgroup() / f"ccr-test-{os.getpid()}-{self.folder.name}"
            self.cgroup.mkdir()
            init = ["/lib/systemd/systemd"]
        else:
            init = ["bash", "-c", "while sleep 1000; do :; done"]

        def enter_cgroup():
            if self.cgroup:
                (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

        with open(self.folder / "boot.log", "ab") as log:
            self.boot_process = subprocess.Popen(
                ["nsenter", "--target", str(self.holder.pid), "--mount", "setpriv", "--pdeathsig", "KILL",
                 "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--net", "--uts", "--ipc",
                 "--cgroup", "bash", "-c", BOOT, "boot", str(self.root), "1" if systemd else "", *init],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=enter_cgroup)
        deadline = time.monotonic() + 60
        while not self.ready(systemd):
            assert self.boot_process.poll() is None and time.monotonic() < deadline, "does not boot: " + self.boot_log()
            time.sleep(0.1)
        return self

    def boot_log(self):
        return (self.folder / "boot.log").read_text(errors="replace")[-3000:]

    def ready(self, systemd):
        if not self.init:
            for child in Path(f"/proc/{self.boot_process.pid}/task/{self.boot_process.pid}/children").read_text().split():
                with contextlib.suppress(OSError):
                    command = Path(f"/proc/{child}/cmdline").read_bytes()
                    if command.startswith(b"/lib/systemd/systemd" if systemd else b"bash\0-c\0while"):
                        self.init = int(child)
            if not self.init:
                return False
        if not systemd:
            return True
        state = self.run("systemctl", "is-system-running", check=False, timeout=60).stdout.strip()
        return state in ("running", "degraded")

    def shut_down(self):
        """Ends everything that runs in it; the files stay."""
        process, self.boot_process = self.boot_process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init or process.pid, signal.SIGKILL)  # process 1 takes its whole namespace along
            try:
                process.wait(20)
            finally:
                process.kill()
        self.init = None
        cgroup, self.cgroup = self.cgroup, None
        if cgroup:
            deadline = time.monotonic() + 60
            while cgroup.exists() and time.monotonic() < deadline:
                for inner in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
                    with contextlib.suppress(OSError):
                        inner.rmdir()
                with contextlib.suppress(OSError):
                    cgroup.rmdir()
                time.sleep(0.05)

    def close(self):
        try:
            self.shut_down()
        finally:
            self.holder.kill()
            self.holder.wait(10)
            self.holder.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what the tests ask of it ---

    def get(self, path, name="ccr.example.org"):
        """(status, body) of a GET over HTTPS, the certificate checked."""
        done = self.run("curl", "-sS", "-m", "10", "--cacert", "/etc/ccr-ui/tls/server.crt", "-w", "\n%{http_code}",
                        f"https://{name}{path}", check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body or done.stderr

    def wait_healthy(self, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            status, body = self.get("/api/system/status")
            if status == 200:
                return body
            assert time.monotonic() < deadline, f"not healthy within {timeout} s: {status} {body}"
            time.sleep(0.2)

    def journal(self):
        return self.run("journalctl", "-u", "ccr-ui-backend", "--no-pager", "-n", "40", check=False).stdout


class Load:
    """16 connections that ask over HTTPS while the block runs; afterwards .requests and .failures."""

    def __init__(self, tree, path="/api/system/status", name="ccr.example.org"):
        self.command = ["nsenter", "--target", str(tree.init), "--net", "/usr/bin/python3", str(Path(__file__).with_name("load.py")),
                        name, path, tree.read("/etc/ccr-ui/tls/server.crt")]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "running\n"
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(1)
        try:
            out, _ = self.process.communicate("", timeout=60)
        finally:
            self.process.kill()
        result = json.loads(out)
        self.requests, self.failures, self.again = result["requests"], result["failures"], result["again"]

    def check(self, what, nginx_reloads=0):
        print(f"{what}: {self.requests} requests at 16 connections, {len(self.failures)} failed, "
              f"{self.again} asked again on a new connection")
        assert self.requests > 200 and self.failures == [], self.failures[:5]
        assert self.again <= 16 * nginx_reloads, self.again
