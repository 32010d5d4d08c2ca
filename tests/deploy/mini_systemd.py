#!/usr/bin/python3
"""What systemd does for ccr-ui-backend.socket and .service, for machines where it is not process 1.

mini_systemd.py run SOCKET CONTROL -- COMMAND...   keeps SOCKET open and COMMAND running: the socket on descriptor 3 with
                                                   LISTEN_FDS, ready when it says READY=1 (Type=notify)
mini_systemd.py tell CONTROL restart|kill SIGNAL   what `systemctl restart` and `systemctl kill --kill-who=main` do;
                                                   exit status 1 when the service did not come up
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

START_LIMIT = 60.0  # seconds; the file start-limit beside the control socket has another
STOP_LIMIT = 40.0
# Its own process id, which only it knows: LISTEN_PID must be that.
START = 'exec 3<&"$1"; shift; LISTEN_PID=$$ exec "$@"'


def listening(path):
    made = socket.socket(socket.AF_UNIX)
    made.bind(path + ".new")
    os.chmod(path + ".new", 0o660)
    made.listen(4096)
    os.rename(path + ".new", path)  # so that whoever sees it can connect
    return made


class Service:
    def __init__(self, listener, folder, command):
        self.listener, self.command, self.process = listener, command, None
        self.notify_path = os.path.join(folder, "notify")
        self.limit_path = os.path.join(folder, "start-limit")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.notify_path)
        self.ready = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        """All the time: who notifies waits while ten messages are unread."""
        while True:
            if b"READY=1" in self.notify.recv(4096).split(b"\n"):
                self.ready.set()

    def start_limit(self):
        try:
            with open(self.limit_path) as file:
                return float(file.read())
        except FileNotFoundError:
            return START_LIMIT

    def start(self):
        """Whether it said READY=1."""
        self.ready.clear()
        environment = {**os.environ, "LISTEN_FDS": "1", "NOTIFY_SOCKET": self.notify_path}
        self.process = subprocess.Popen(["/bin/bash", "-c", START, "start", str(self.listener.fileno()), *self.command],
                                        env=environment, pass_fds=[self.listener.fileno()], start_new_session=True)
        deadline = time.monotonic() + self.start_limit()
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.ready.wait(0.02):
                return True
        self.stop()
        return False

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def obey(self, request):
        word, _, argument = request.partition(" ")
        if word == "restart":
            self.stop()
            return "done" if self.start() else "the service did not start"
        if word == "kill" and self.process and self.process.poll() is None:
            self.process.send_signal(signal.Signals[f"SIG{argument}"])
            return "done"
        return "no running service" if word == "kill" else "no such command"


def run(socket_path, control_path, command):
    listener = listening(socket_path)
    control = listening(control_path)
    service = Service(listener, os.path.dirname(control_path), command)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if not service.start():
            sys.exit("the service did not start")
        while True:
            connection, _ = control.accept()
            with connection:
                connection.sendall(service.obey(connection.recv(100).decode()).encode())
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        service.stop()


def tell(control_path, request):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(120)
        connection.connect(control_path)
        connection.sendall(request.encode())
        answer = connection.recv(1000).decode()
    if answer != "done":
        sys.exit(answer or "no answer")


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"] and sys.argv[4:5] == ["--"]:
        run(sys.argv[2], sys.argv[3], sys.argv[5:])
    elif sys.argv[1:2] == ["tell"] and len(sys.argv) >= 4:
        tell(sys.argv[2], " ".join(sys.argv[3:]))
    else:
        sys.exit(__doc__)
