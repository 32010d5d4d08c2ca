#!/usr/bin/python3
"""Clients that nobody wants, for test_faults.py, in a process of their own so that they do not slow the well-behaved ones down.

    hostile.py slow|idle|leave '{"port": ..., "token": ..., "count": ..., "seconds": ...}'

slow   count clients that send the last of a head or a body byte by byte, or read a large answer a little at a time
idle   count connections, every other one with half a request head, until standard input ends
leave  count clients at a time that disconnect in the middle of a request, for so many seconds
Prints what came of it as JSON."""

import asyncio
import collections
import contextlib
import json
import secrets
import socket
import struct
import sys
import time

BYTE_S = 0.2            # pause between two bytes of a slow client
READ_S, READ_BYTES = 0.1, 8192
LARGE = "/api/configs?limit=1000"


def head(task, method="GET", path="/api/configs", length=0, token="token"):
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {task[token]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").encode()


def creation(task, name, token="token"):
    body = json.dumps({"name": name, "base_url": "https://relay.example.com", "auth_token": "sk-test-0123456789"}).encode()
    return head(task, "POST", length=len(body), token=token), body


async def connect(task, number, small=False):
    """From many addresses of loopback: Nginx bounds the connections of each."""
    connection = socket.socket()
    connection.setblocking(False)
    if small:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.bind((f"127.0.0.{2 + number % 200}", 0))
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", task["port"]))
    return connection


async def read_all(connection, pause=0.0):
    loop = asyncio.get_running_loop()
    answer = b""
    while part := await loop.sock_recv(connection, READ_BYTES):
        answer += part
        await asyncio.sleep(pause)
    return answer


def outcome(answer):
    """The status; "cut off" when the body is not all there."""
    top, _, body = answer.partition(b"\r\n\r\n")
    if not top.startswith(b"HTTP/1.1 "):
        return "no answer"
    length = [line.partition(b":")[2] for line in top.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return "cut off" if length and int(length[0]) != len(body) else top[9:12].decode()


# ---- slow -----------------------------------------------------------------------------------------------------------

async def slow_client(task, number, made):
    loop = asyncio.get_running_loop()
    kind = ("slow head", "slow body", "slow reader")[number % 3]
    name = f"slow-{secrets.token_hex(4)}"
    top, body = creation(task, name) if kind == "slow body" else (head(task, path=LARGE if kind == "slow reader" else "/api/configs"), b"")
    text = top + body
    slowly = 0 if kind == "slow reader" else min(len(body or text), int(task["seconds"] / BYTE_S))
    try:
        await asyncio.sleep(number / task["count"])
        with contextlib.closing(await connect(task, number, small=kind == "slow reader")) as connection:
            await loop.sock_sendall(connection, text[:len(text) - slowly])
            for byte in text[len(text) - slowly:]:
                await asyncio.sleep(BYTE_S)
                await loop.sock_sendall(connection, bytes([byte]))
            result = outcome(await read_all(connection, READ_S if kind == "slow reader" else 0))
    except OSError as problem:
        result = type(problem).__name__
    made["outcomes"][f"{kind}: {result}"] += 1
    if kind == "slow body":
        made["acknowledged" if result == "201" else "maybe"].append(name)


async def slow(task):
    made = {"outcomes": collections.Counter(), "acknowledged": [], "maybe": []}
    await asyncio.gather(*(slow_client(task, number, made) for number in range(task["count"])))
    return made


# ---- idle -----------------------------------------------------------------------------------------------------------

async def idle(task):
    loop = asyncio.get_running_loop()
    connections, refused = [], 0
    for number in range(task["count"]):
        try:
            connections.append(await connect(task, number))
            if number % 2:
                await loop.sock_sendall(connections[-1], head(task)[:60])
        except OSError:
            refused += 1
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    closed = 0
    for connection in connections:
        with contextlib.suppress(BlockingIOError):
            with contextlib.suppress(OSError):
                closed += connection.recv(1, socket.MSG_PEEK) == b""
        connection.close()
    return {"opened": len(connections), "refused": refused, "closed_by_nginx": closed}


# ---- leave ----------------------------------------------------------------------------------------------------------

def cut(connection):
    """A reset, as of a client that is no more, instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


async def leave_once(task, number, made):
    loop = asyncio.get_running_loop()
    kind = ("half a head", "half a body", "read, right after sending", "write, right after sending",
            "read, in the answer", "write, in the answer")[number % 6]
    name = f"left-{secrets.token_hex(5)}"
    top, body = creation(task, name) if "body" in kind or "write" in kind else (head(task, path=LARGE, token="large_token"), b"")
    text = {"half a head": top[:len(top) // 2], "half a body": top + body[:-1]}.get(kind, top + body)
    connection = await connect(task, number)
    answer = b""
    try:
        await loop.sock_sendall(connection, text)
        if "answer" in kind:
            answer = await asyncio.wait_for(loop.sock_recv(connection, 512), 30)
        elif number % 4 < 2:
            await asyncio.sleep(number % 7 / 1000)
    except (OSError, asyncio.TimeoutError) as problem:
        made["outcomes"][f"{kind}: {type(problem).__name__}"] += 1
    finally:
        cut(connection)
    made["outcomes"][f"{kind}{': ' + answer[9:12].decode() if answer else ''}"] += 1
    if "body" in kind:
        made["never"].append(name)
    elif "write" in kind:
        made["acknowledged" if answer.startswith(b"HTTP/1.1 201") else "maybe"].append(name)


async def leave(task):
    made = {"outcomes": collections.Counter(), "never": [], "acknowledged": [], "maybe": []}
    until = time.monotonic() + task["seconds"]

    async def client(first):
        number = first
        while time.monotonic() < until:
            try:
                await leave_once(task, number, made)
            except OSError as problem:
                made["outcomes"][type(problem).__name__] += 1
            number += 1
            await asyncio.sleep(0.02)

    await asyncio.gather(*(client(number) for number in range(task["count"])))
    return made


if __name__ == "__main__":
    print(json.dumps(asyncio.run({"slow": slow, "idle": idle, "leave": leave}[sys.argv[1]](json.loads(sys.argv[2])))))
