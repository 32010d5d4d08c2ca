"""A WebSocket (RFC 6455) as a browser or a program opens it: no more than the tests of live events say."""

import base64
import json
import os
import socket
import struct

from stack import wait_until

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
PATIENCE_S = 60.0


class Refused(Exception):
    def __init__(self, status):
        super().__init__(f"refused with {status}")
        self.status = status


class WebSocket:
    """Opened at once; Refused when the answer is not 101. `where`: a port of loopback, or the path of a Unix socket. `tls`: what is trusted
    (an SSLContext), for the name `host`."""

    def __init__(self, where, token=None, cookies=None, origin=None, protocol="ccr-changes", path="/ws", host=None, tls=None):
        family = socket.AF_INET if isinstance(where, int) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", where) if isinstance(where, int) else str(where))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.data = b""
        headers = {"Host": host or (f"127.0.0.1:{where}" if isinstance(where, int) else "127.0.0.1"), "Upgrade": "websocket", "Connection": "Upgrade",
                   "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
                   "Sec-WebSocket-Protocol": protocol, "Origin": origin, "Authorization": token and f"Bearer {token}",
                   "Cookie": cookies and "; ".join(f"{name}={value}" for name, value in cookies.items())}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        if self.status != 101:
            self.socket.close()
            raise Refused(self.status)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("the connection ended")
        self.data += data

    def take(self, count):
        while len(self.data) < count:
            self.more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def frame(self):
        first, second = self.take(2)
        length = second & 127
        if length > 125:
            length = struct.unpack(">H" if length == 126 else ">Q", self.take(2 if length == 126 else 8))[0]
        return first & 15, self.take(length)

    def send(self, text, kind=TEXT):
        data, mask = text.encode(), os.urandom(4)
        assert len(data) < 126
        self.socket.sendall(bytes([128 | kind, 128 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def next(self):
        """The next message; answers pings on the way."""
        while True:
            kind, data = self.frame()
            if kind == TEXT:
                return json.loads(data)
            if kind == PING:
                self.send("", PONG)
            elif kind == CLOSE:
                raise EOFError(struct.unpack(">H", data[:2])[0] if data else None)

    def pong(self):
        """What the next pong says. What was changed before may still be told, and its own pings may come, ahead of it."""
        while True:
            kind, data = self.frame()
            if kind == PONG:
                return data

    def ended_with(self):
        """Reads to its end: the status that it was closed with, None without one."""
        try:
            while True:
                self.next()
        except EOFError as end:
            return end.args[0]
        except ConnectionResetError:
            return None

    def close(self):
        self.socket.close()


def open_websocket(*place, **options):
    """One that is let in: waits while live events start, or have no database yet."""
    def attempt():
        try:
            return WebSocket(*place, **options)
        except Refused as refused:
            assert refused.status in (502, 503), refused
            return None
    return wait_until("a WebSocket is let in", attempt)
