"""A network and a name server of its own, where the name server can fall silent.

As a program, in new namespaces (`unshare --net --mount`): makes itself the one name server of /etc/resolv.conf, and answers for
the names of the file `names` in its folder ("NAME ADDRESS", a line each), until there is a file `silent`: then it takes questions
and says nothing, as a name server behind a broken route does.

World(folder) runs it; what is started with inside=world.prefix lives there. Paths, and so Unix sockets, are shared with the
world outside."""

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

ADDRESS = "127.0.0.1"
ONE_QUESTION_S = 20  # how long glibc waits for one answer, here (resolv.conf(5): 5): a slow machine is far from it
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
A, NO_SUCH_NAME = 1, 3


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def question(packet):
    """The name in lower case, the type, and where the question ends (RFC 1035 section 4.1.2)."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack_from(">H", packet, at + 1)[0], at + 5


def reply(packet, names):
    name, kind, end = question(packet)
    addresses = [address for known, address in names if known == name]
    records = [socket.inet_aton(address) for address in addresses if kind == A]
    code = 0 if addresses else NO_SUCH_NAME
    head = packet[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0)
    return head + packet[12:end] + b"".join(b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 0, 4) + record for record in records)


def serve(folder):
    loopback_up()
    for name, text in (("resolv.conf", f"nameserver {ADDRESS}\noptions timeout:{ONE_QUESTION_S}\n"), ("nsswitch.conf", "hosts: files dns\n"),
                       ("hosts", f"{ADDRESS} localhost\n")):
        path = folder / name
        path.write_text(text)
        path.chmod(0o644)
        subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((ADDRESS, 53))
        (folder / "ready").touch()
        while True:
            packet, client = server.recvfrom(4096)
            with open(folder / "questions", "a") as questions:
                questions.write(question(packet)[0] + "\n")
            if not (folder / "silent").exists():
                names = [line.split() for line in (folder / "names").read_text().splitlines()]
                server.sendto(reply(packet, names), client)


class World:
    def __init__(self, folder, names):
        self.folder = Path(folder)
        self.tell(names)
        self.popen = subprocess.Popen(["unshare", "--net", "--mount", sys.executable, __file__, self.folder])
        self.prefix = ["nsenter", "--target", str(self.popen.pid), "--net", "--mount"]

    @property
    def ready(self):
        assert self.popen.poll() is None, "the name server ended"
        return (self.folder / "ready").exists()

    def tell(self, names):
        """Pairs of name and address; a name may stand there several times."""
        (self.folder / "names").write_text("".join(f"{name} {address}\n" for name, address in names))

    def fall_silent(self):
        (self.folder / "silent").touch()

    def speak(self):
        (self.folder / "silent").unlink()

    def asked(self, name):
        """How often it was asked for a name's addresses."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "questions").read_text().split().count(name)
        return 0

    def close(self):
        self.popen.kill()
        self.popen.wait(10)


def possible():
    """Whether namespaces can be made here: root outside of a locked-down container."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "--mount", "mount", "--bind", "/etc/hosts", "/etc/resolv.conf"],
                                                capture_output=True).returncode == 0


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
