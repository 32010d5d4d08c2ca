"""An HTTP client that sends bytes as they are: no client library tidies up a bad path, header or body on the way."""

import http.client
import json
import socket


class Answer:
    def __init__(self, status, headers, content):
        self.status_code, self.headers, self.content = status, headers, content

    @property
    def text(self):
        return self.content.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.content.decode("utf-8"))

    @property
    def code(self):
        """The error code of an error body."""
        return self.json()["error"]["code"]


class Wire:
    """One connection, kept alive. Every answer is checked against docs/openapi.yaml when there is a contract."""

    def __init__(self, stack, token=None, contract=None):
        self.port, self.token, self.contract = stack.nginx.port, token, contract
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def send(self, data, method="GET"):
        """Sends bytes, reads one answer."""
        if not self.socket:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent: the answer is there all the same
        response = http.client.HTTPResponse(self.socket, method=method)
        try:
            response.begin()
            answer = Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if response.will_close:
            self.close()
        response.close()
        return answer

    def request(self, method, path, body=None, content_type="application/json", headers=None):
        """body: bytes as they are, or anything else to be sent as JSON. Headers and path: text in UTF-8, or bytes."""
        lines = {"Host": f"127.0.0.1:{self.port}"}
        if self.token:
            lines["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines["Content-Length"] = str(len(body))
            if content_type:
                lines["Content-Type"] = content_type
        lines.update(headers or {})
        raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        head = b"".join(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
                        for name, value in lines.items() if value is not None)
        answer = self.send(method.encode() + b" " + raw + b" HTTP/1.1\r\n" + head + b"\r\n" + (body or b""), method)
        if self.contract:
            self.contract.check(method, path if isinstance(path, str) else path.decode("latin-1"), answer)
        return answer
