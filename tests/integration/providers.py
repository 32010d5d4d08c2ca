"""Servers that profiles name: those that answer, and those that do everything else.

    with Provider("127.0.0.2") as provider:
        provider.says(models("glm-4"))

A provider keeps what it was asked in .seen, as (path, headers with lower-case names)."""

import json
import socket
import threading


def models(*ids):
    return reply(json.dumps({"data": [{"id": name} for name in ids]}))


def reply(body="", status=200, **headers):
    body = body if isinstance(body, bytes) else body.encode()
    lines = {"Content-Length": len(body), "Connection": "close", **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + body


def redirect(to, status=302):
    return reply(status=status, Location=to)


class Provider:
    """answer is bytes to send, or a function that is given path and headers and gives bytes or, one after the other, pieces of them;
    None hangs until the end."""

    def __init__(self, address="127.0.0.1", answer=None):
        self.answer = answer
        self.seen = []
        self.connections = 0
        self.over = threading.Event()
        self.listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.address = f"[{address}]" if ":" in address else address
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return self.at(self.address)

    def at(self, host):
        return f"http://{host}:{self.port}"

    def says(self, answer):
        self.answer = answer
        return self

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            first, *lines = data.split(b"\r\n\r\n")[0].decode().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            path = first.split()[1]
            self.seen.append((path, headers))
            answer = self.answer(path, headers) if callable(self.answer) else self.answer
            if answer is None:
                self.over.wait()
                return
            for piece in [answer] if isinstance(answer, bytes) else answer:
                if self.over.is_set():
                    return
                try:
                    connection.sendall(piece)
                except OSError:
                    return

    def close(self):
        self.over.set()
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
