"""Requests over HTTPS to a booted tree from 16 connections, until standard input closes; prints {"requests", "failures", "again"}.

Nginx may close an idle connection at the moment when we ask on it, at its reload for example; as RFC 9110 section 9.2.2 has it,
every client then asks again on a new one, and so does this (counted in "again"). A new connection gets no second chance.

Run by Load in the tree's network, on the outer machine's Python: load.py HOST PATH CERTIFICATE."""

import http.client
import json
import os
import socket
import ssl
import sys
import threading

HOST, PATH, CERTIFICATE = sys.argv[1:]
done = threading.Event()
outcomes = []
again = []


class Connection(http.client.HTTPSConnection):
    def connect(self):
        plain = socket.create_connection(("127.0.0.1", 443), 20)
        self.sock = context.wrap_socket(plain, server_hostname=HOST)


def work():
    connection = Connection(HOST, timeout=40, context=context)
    while not done.is_set():
        used = connection.sock is not None
        try:
            connection.request("GET", PATH)
            answer = connection.getresponse()
            answer.read()
            outcomes.append(answer.status)
            if answer.getheader("Connection") == "close":
                connection.close()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            if used and isinstance(problem, (ConnectionError, ssl.SSLEOFError)):
                again.append(problem)
                continue
            outcomes.append(f"{type(problem).__name__}: {problem}")
        done.wait(0.004)


context = ssl.create_default_context(cadata=CERTIFICATE)
threads = [threading.Thread(target=work, daemon=True) for _ in range(16)]
for thread in threads:
    thread.start()
timer = threading.Timer(1200, os._exit, [1])  # nobody is there to read what it came to
timer.daemon = True
timer.start()
print("running", flush=True)
sys.stdin.read()
done.set()
for thread in threads:
    thread.join(45)
print(json.dumps({"requests": len(outcomes), "again": len(again), "failures": [outcome for outcome in outcomes if outcome != 200]}))
