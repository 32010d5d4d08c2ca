"""What goes wrong during the soak test: each fault is a function of the system and a random generator that returns what it did,
after it has put things right again."""

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path


def kill_worker(system, random):
    """The request in it is lost, and Nginx says 502 for it: the one fault that excuses that."""
    stack = random.choice(system.stacks)
    pid = random.choice(stack.backend.workers())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        system.kills[stack] += 1
    return f"backend {system.stacks.index(stack)}"


def reload(system, random):
    stack = random.choice(system.stacks)
    stack.backend.send(signal.SIGHUP)
    return f"backend {system.stacks.index(stack)}"


def server_processes(cluster):
    """PostgreSQL's processes that serve our role."""
    found = []
    for pid in cluster.pids()[1:]:
        with contextlib.suppress(OSError):
            if " ccr " in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
    return found


def freeze_database(system, random):
    """One connection gets no answer for some seconds, with whatever locks it holds."""
    pids = server_processes(system.cluster)
    if not pids:
        return "nobody was connected"
    pid, seconds = random.choice(pids), random.uniform(1, 4)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
    return f"{seconds:.1f} s"


def restart_database(number):
    def restart(system, random):
        seconds = random.uniform(0, 2)
        system.cluster.stop(number)
        time.sleep(seconds)
        system.cluster.start()
        return f"away for {seconds:.1f} s"

    return restart


def restart_redis(system, random):
    seconds = random.uniform(1, 4)
    system.redis.stop()
    time.sleep(seconds)
    system.redis.start()
    return f"away for {seconds:.1f} s"


def connect(system, random):
    return socket.create_connection(("127.0.0.1", random.choice(system.stacks).nginx.port), 10)


def head(system, method="GET", length=0):
    """A request of the first user's, byte for byte."""
    token = system.users[0].token
    return (f"{method} /api/configs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").encode()


def one_slow_client(system, random):
    with contextlib.suppress(OSError), connect(system, random) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        text = head(system)
        for first in range(0, len(text), 60):
            connection.sendall(text[first:first + 60])
            time.sleep(0.2)
        connection.settimeout(0.5)
        while connection.recv(200):
            time.sleep(0.02)


def slow_clients(system, random):
    """They send and read a few bytes at a time; workers must not wait for them."""
    threads = [threading.Thread(target=one_slow_client, args=(system, random), daemon=True) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return f"{len(threads)} clients"


def disconnecting_clients(system, random):
    """They leave in the middle of the head, of the body, or before the answer. None of it may write anything."""
    count = 60
    for number in range(count):
        with contextlib.suppress(OSError), connect(system, random) as connection:
            text = (head(system)[:70], head(system, "POST", 1000) + b'{"name":', head(system))[number % 3]
            connection.sendall(text)
            time.sleep(random.random() * 0.01)
    return f"{count} clients"


# name, what it does, whether requests may be answered with 502 because of it
FAULTS = (
    ("kill worker", kill_worker, True),
    ("reload", reload, False),
    ("freeze database", freeze_database, False),
    ("database fast restart", restart_database(signal.SIGINT), False),
    ("database immediate restart", restart_database(signal.SIGQUIT), False),
    ("slow clients", slow_clients, False),
    ("disconnecting clients", disconnecting_clients, False),
)
REDIS_FAULT = ("redis restart", restart_redis, False)
