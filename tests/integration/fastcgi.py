"""FastCGI spoken by hand (specification 1.0), for peers that no web server is: half a request, a byte at a time, without an end."""

import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def record(kind, content=b""):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def length(number):
    return struct.pack("!B", number) if number < 128 else struct.pack("!I", number | 1 << 31)


def pairs(params):
    encoded = [(name.encode(), str(value).encode()) for name, value in params.items()]
    return b"".join(length(len(name)) + length(len(value)) + name + value for name, value in encoded)


def params_of(method="GET", path="/health", address="127.0.0.1", body=None, **more):
    """What Nginx would send; `more` are further variables, HTTP_AUTHORIZATION and the like."""
    params = {"REQUEST_METHOD": method, "REQUEST_URI": path, "DOCUMENT_URI": path.split("?")[0], "SERVER_PROTOCOL": "HTTP/1.1",
              "QUERY_STRING": path.partition("?")[2], "REMOTE_ADDR": address, "HTTP_HOST": "localhost", **more}
    if body is not None:
        params.update(CONTENT_LENGTH=len(body), CONTENT_TYPE="application/json")
    return params


def start(params):
    """The request as far as its parameters, their end included."""
    return record(BEGIN, struct.pack("!HB5x", 1, 0)) + record(PARAMS, pairs(params)) + record(PARAMS)


def request(body=b"", **options):
    whole = b"".join(record(STDIN, body[at:at + 32768]) for at in range(0, len(body), 32768))
    return start(params_of(body=body or None, **options)) + whole + record(STDIN)


def connect(socket_path, timeout=60):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(str(socket_path))
    return connection


def read(connection):
    """Status and body of the reply; (None, b"") when the connection was closed without one."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    output, at = b"", 0
    while at + 8 <= len(received):
        _, kind, _, size, padding = struct.unpack("!BBHHBx", received[at:at + 8])
        if kind == STDOUT:
            output += received[at + 8:at + 8 + size]
        at += 8 + size + padding
    head, _, body = output.partition(b"\r\n\r\n")
    return (int(head.split()[1]), body) if head.startswith(b"Status: ") else (None, b"")


def ask(socket_path, **options):
    with connect(socket_path) as connection:
        connection.sendall(request(**options))
        return read(connection)
