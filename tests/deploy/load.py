"""Requests over HTTPS to a booted tree from 16 connections, until standard input closes; prints {"requests", "failures"}.

Run by Load in the tree's network, on the outer machine's Python: load.py HOST PATH CERTIFICATE."""

import http.client
import json
import socket
import ssl
import sys
import threading

HOST, PATH, CERTIFICATE = sys.argv[1:]
done = threading.Event()
outcomes = []


class Connection(http.client.HTTPSConnection):
    def connect(self):
        plain = socket.create_connection(("127.0.0.1", 443), 20)
        self.sock = context.wrap_socket(plain, server_hostname=HOST)


def work():
    connection = Connection(HOST, timeout=40, context=context)
    while not done.is_set():
        try:
            connection.request("GET", PATH)
            answer = connection.getresponse()
            answer.read()
            outcomes.append(answer.status)
            if answer.getheader("Connection") == "close":
                connection.close()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            outcomes.append(f"{type(problem).__name__}: {problem}")
        done.wait(0.004)


context = ssl.create_default_context(cadata=CERTIFICATE)
threads = [threading.Thread(target=work, daemon=True) for _ in range(16)]
for thread in threads:
    thread.start()
timer = threading.Timer(120, done.set)
timer.daemon = True
timer.start()
print("running", flush=True)
sys.stdin.read()
done.set()
for thread in threads:
    thread.join(45)
print(json.dumps({"requests": len(outcomes), "failures": [outcome for outcome in outcomes if outcome != 200]}))
