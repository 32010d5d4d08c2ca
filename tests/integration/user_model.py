"""A user who reads and writes one after the other through every backend, and knows what each answer must be: for the fault tests
(test_faults.py) and the soak test (tests/bench/soak.py).

A write that was acknowledged is what every later read must show, on every backend: like a browser's cookie, X-CCR-Generation
goes back with each request. A write with an unknown outcome (a 5xx, a broken connection, a request that was abandoned) may have
happened, or happen late: until SETTLE seconds have passed, a read may show either, and nothing else is written there."""

import contextlib
import http.client
import json
import random
import socket
import threading
import time

from transport import renewed, used

SETTLE = 15.0
NAMES = 12
DEFAULT = "default"     # the current profile of somebody who never chose one
TOKEN_AGE = 500
TIMEOUT = 90


class Value:
    """What something stored may be right now."""

    def __init__(self, value):
        self.possible = [value]
        self.settled = 0.0

    @property
    def sure(self):
        return len(self.possible) == 1 and time.monotonic() > self.settled

    def put(self, value):
        self.possible = [value]

    def maybe(self, value):
        """Also of the value that is there already: coming late, it would undo what is written meanwhile."""
        if value not in self.possible:
            self.possible.append(value)
        self.settled = time.monotonic() + SETTLE

    def saw(self, value, asked):
        """Whether a read that was sent at `asked` may show this; what it shows decides once no late write can come."""
        if value not in self.possible:
            return False
        if asked > self.settled:
            self.possible = [value]
        elif len(self.possible) > 1 and value == self.possible[-1]:
            self.possible, self.settled = [value], 0.0
        return True


class Slot:
    """A profile name: the version stored (None = no such profile), and how often it was switched to."""

    def __init__(self):
        self.version = Value(None)
        self.uses = [0, 0]      # at least, at most
        self.uses_settled = 0.0
        self.revision = 0       # the highest that was ever shown


def fields(name, version):
    """A profile's whole content follows from its name and version, so that a mixture of two is seen."""
    return {"description": f"{name} {version}", "base_url": f"https://v{version}.example.com/{name}", "model": f"model-{version}",
            "small_fast_model": f"small-{version}", "auth_token": f"sk-{name}-{version:024}", "tags": [name, str(version)]}


def mask(token):
    return f"{token[:4]}...{token[-4:]}"


def version_of(shown):
    """The version that an answer shows, or None when it is not the content of any one version."""
    version = int(shown["description"].rpartition(" ")[2])
    wanted = fields(shown["name"], version)
    wanted["auth_token"] = mask(wanted["auth_token"])
    return version if all(shown[key] == value for key, value in wanted.items()) else None


class Refused(Exception):
    """An answer that says nothing about the data: 429, 503, 409 with Retry-After, 502 in a fault that explains it, no
    connection."""


class User:
    def __init__(self, name, password, ports, watch, seed):
        self.name, self.password, self.ports, self.watch = name, password, ports, watch
        self.random = random.Random(seed)
        self.connections = {}
        self.token, self.token_made = None, 0.0
        self.generation = None      # what the last write said, for X-CCR-Generation
        self.slots = {f"{name}-{number}": Slot() for number in range(NAMES)}
        self.current = Value(DEFAULT)
        self.counter = 0
        self.generation = None      # what our last write made, for backends that have not heard of it
        self.tags = {}              # address -> ETag and the answer's body
        self.last_write = None      # operation and name, as the history shows them
        self.writes = [0, 0]        # acknowledged, unknown
        self.slug, self.others = None, "nobody"
        self.backend = None
        self.done = threading.Event()
        self.thread = None

    # ---- requests ---------------------------------------------------------------------------------------------------

    def send(self, method, path, body=None, headers=None):
        """The answer of one of the backends, or the exception."""
        self.backend = self.random.randrange(len(self.ports))
        connection = self.connections.get(self.backend)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[self.backend], timeout=TIMEOUT)
            self.connections[self.backend] = connection
        headers = {"Content-Type": "application/json", **(headers or {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.generation:
            headers["X-CCR-Generation"] = self.generation
        try:
            renewed(connection).request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            answer.content = answer.read()
            used(connection)
            self.generation = answer.getheader("X-CCR-Generation") or self.generation
            return answer
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def request(self, method, path, body=None, headers=None, expected=(200,)):
        """The answer when its status is expected; Refused when it says nothing; everything else is a violation."""
        try:
            answer = self.send(method, path, body, headers)
        except (OSError, http.client.HTTPException) as problem:
            self.watch.broken(f"{self.name}: {method} {path}: {type(problem).__name__} {problem}")
            raise Refused from problem
        self.watch.answered(answer.status)
        if answer.status == 409 and answer.getheader("Retry-After"):    # somebody else holds it: a frozen worker, for example
            raise Refused(answer.status)
        if answer.status in expected:
            return answer
        if answer.status in (429, 503) or (answer.status == 502 and self.watch.excuses_502()):
            raise Refused(answer.status)
        self.violation(f"{method} {path} was answered with {answer.status}: {answer.content[:300].decode(errors='replace')}")
        raise Refused(answer.status)

    def violation(self, text):
        self.watch.violation(f"{self.name} at backend {self.backend}: {text}")

    def login(self):
        """Again well before the access token ends."""
        if self.token and time.monotonic() - self.token_made < TOKEN_AGE:
            return
        self.token = None
        answer = self.request("POST", "/api/auth/login", {"username": self.name, "password": self.password})
        self.token = json.loads(answer.content)["data"]["access_token"]
        self.token_made = time.monotonic()
        self.slug = json.loads(self.request("GET", "/api/auth/me").content)["data"]["workspace"]["slug"]

    # ---- checking ---------------------------------------------------------------------------------------------------

    def check_profile(self, shown, asked):
        name, version = shown["name"], version_of(shown)
        slot = self.slots.get(name)
        if slot is None:
            return self.violation(f"shows a profile of somebody else: {name}")
        if version is None:
            return self.violation(f"shows a profile that nobody wrote: {json.dumps(shown)}")
        if not slot.version.saw(version, asked):
            return self.violation(f"{name} is version {version}, should be {slot.version.possible}")
        if shown["revision"] < slot.revision:
            return self.violation(f"{name} has revision {shown['revision']}, {slot.revision} was shown before")
        slot.revision = shown["revision"]
        if not slot.uses[0] <= shown["usage_count"] <= slot.uses[1]:
            self.violation(f"{name} was used {shown['usage_count']} times, should be {slot.uses}")
        elif asked > slot.uses_settled:
            slot.uses = [shown["usage_count"]] * 2
        if self.current.sure and shown["is_current"] != (self.current.possible[0] == name):
            self.violation(f"{name} says is_current {shown['is_current']}, current is {self.current.possible[0]}")

    def check_absent(self, name, asked):
        if name in self.slots and not self.slots[name].version.saw(None, asked):
            self.violation(f"{name} is not there, should be version {self.slots[name].version.possible}")

    def check_list(self, body, asked):
        shown = {profile["name"] for profile in body["configs"]}
        for profile in body["configs"]:
            self.check_profile(profile, asked)
        for name in self.slots.keys() - shown:
            self.check_absent(name, asked)
        if not self.current.saw(body["current_config"], asked):
            self.violation(f"current_config is {body['current_config']}, should be {self.current.possible}")
        if body["total"] != len(shown):
            self.violation(f"total is {body['total']} of {len(shown)} profiles")

    # ---- reading ----------------------------------------------------------------------------------------------------

    def poll(self, path, check):
        """A read with the ETag of the last one. 304 says that its body still holds, so the body is checked again."""
        tag, known = self.tags.get(path, (None, None))
        asked = time.monotonic()
        answer = self.request("GET", path, headers={"If-None-Match": tag} if tag else None,
                              expected=(200, 304, 404) if tag else (200, 404))
        if answer.status == 404:
            return self.check_absent(path.rpartition("/")[2], asked)
        if answer.status == 200:
            known = json.loads(answer.content)
            self.tags[path] = (answer.getheader("ETag"), known)
        check(known, asked)

    def read_one(self, name=None):
        name = name or self.random.choice(list(self.slots))
        asked = time.monotonic()
        answer = self.request("GET", f"/api/configs/{name}", expected=(200, 404))
        if answer.status == 404:
            self.check_absent(name, asked)
        else:
            self.check_profile(json.loads(answer.content), asked)

    def read_list(self):
        asked = time.monotonic()
        self.check_list(json.loads(self.request("GET", "/api/configs").content), asked)

    def poll_one(self):
        self.poll(f"/api/configs/{self.random.choice(list(self.slots))}", self.check_profile)

    def poll_list(self):
        self.poll("/api/configs", self.check_list)

    def read_current(self):
        asked = time.monotonic()
        answer = self.request("GET", "/api/configs/current", expected=(200, 404))
        if answer.status == 200:
            shown = json.loads(answer.content)
            # Where nobody has chosen one, it is the first that is enabled.
            if DEFAULT not in self.current.possible and not self.current.saw(shown["name"], asked):
                return self.violation(f"current is {shown['name']}, should be {self.current.possible}")
            self.check_profile(shown, asked)
        elif self.current.sure:
            self.check_absent(self.current.possible[0], asked)

    def read_history(self):
        """The last acknowledged write is among the newest entries."""
        answer = self.request("GET", "/api/history?limit=30")
        entries = json.loads(answer.content)["entries"]
        shown = [(entry["operation"], entry["to_config" if entry["operation"] == "switch" else "from_config"])
                 for entry in entries]
        if self.last_write and self.last_write not in shown:
            self.violation(f"the history does not show {self.last_write}, but {shown[:3]}")
        if any(entry["actor"] != self.name for entry in entries):
            self.violation("the history shows somebody else")

    def read_foreign(self):
        """Another user's workspace does not exist for us."""
        self.request("GET", "/api/configs", headers={"X-CCR-Workspace": self.others}, expected=(404,))

    # ---- writing ----------------------------------------------------------------------------------------------------

    def write(self, operation, name, method, path, body, expected, done, maybe):
        """Sends a write; done(status) when it was acknowledged, maybe() when nobody knows."""
        if self.random.random() < 0.01:
            self.abandon(method, path, body)
            self.writes[1] += 1
            return maybe()
        try:
            answer = self.request(method, path, body, expected=expected)
        except Refused as refused:
            if refused.args != (429,):
                self.writes[1] += 1
                maybe()
            raise
        if answer.status < 300:
            self.writes[0] += 1
            self.last_write = (operation, name)
        done(answer.status)

    def abandon(self, method, path, body):
        """Sends everything and does not wait for the answer."""
        text = json.dumps(body).encode() if body is not None else b""
        port = self.random.choice(self.ports)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
                               f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
            time.sleep(self.random.random() * 0.002)

    def change_something(self):
        name = self.random.choice(list(self.slots))
        slot = self.slots[name]
        if not slot.version.sure or not self.current.sure or slot.uses[0] != slot.uses[1]:
            return self.read_one(name)
        self.counter += 1
        if slot.version.possible[0] is None:
            return self.create(name, slot, self.counter)
        action = self.random.choices((self.update, self.switch, self.delete), (6, 2, 2))[0]
        return action(name, slot, self.counter)

    def create(self, name, slot, version):
        def done(_):
            slot.version.put(version)
            slot.uses = [0, 0]

        slot.uses = [0, 0]  # of the profile that was there before, nothing is left
        self.write("create", name, "POST", "/api/configs", {"name": name, **fields(name, version)}, (201,), done,
                   lambda: slot.version.maybe(version))

    def update(self, name, slot, version):
        self.write("update", name, "PUT", f"/api/configs/{name}", fields(name, version), (200,),
                   lambda _: slot.version.put(version), lambda: slot.version.maybe(version))

    def delete(self, name, slot, _):
        """409 for the current profile, and for nothing else."""
        def done(status):
            if (status == 409) != (self.current.possible[0] == name):
                self.violation(f"deleting {name} was answered with {status}, current is {self.current.possible[0]}")
            elif status == 200:
                slot.version.put(None)

        self.write("delete", name, "DELETE", f"/api/configs/{name}", None, (200, 409), done, lambda: slot.version.maybe(None))

    def switch(self, name, slot, _):
        def done(_):
            self.current.put(name)
            slot.uses = [slot.uses[0] + 1, slot.uses[1] + 1]

        def maybe():
            self.current.maybe(name)
            slot.uses[1] += 1
            slot.uses_settled = time.monotonic() + SETTLE

        self.write("switch", name, "POST", "/api/switch", {"config_name": name}, (200,), done, maybe)

    # ---- the thread -------------------------------------------------------------------------------------------------

    def start(self):
        self.done.clear()
        self.thread = threading.Thread(target=self.work, name=self.name, daemon=True)
        self.thread.start()

    def stop(self):
        """Whether the request in progress came to an end."""
        self.done.set()
        self.thread.join(TIMEOUT + 30)
        return not self.thread.is_alive()

    ACTIONS = (("read_one", 25), ("read_list", 12), ("poll_one", 15), ("poll_list", 12), ("read_current", 8), ("read_history", 5),
               ("read_foreign", 1), ("change_something", 22))

    def work(self):
        names, weights = zip(*self.ACTIONS)
        refused = False     # then reads only, or an outage would leave every profile unknown
        while not self.done.is_set():
            try:
                self.login()
                getattr(self, "read_one" if refused else self.random.choices(names, weights)[0])()
                refused = False
            except Refused:
                refused = True
                self.done.wait(0.02)
            except Exception as problem:
                self.violation(f"an answer that cannot be understood: {type(problem).__name__}: {problem}")

    def nothing_is_late(self):
        """To be told when no request and no transaction is under way any more: the next read decides."""
        now = time.monotonic()
        self.current.settled = min(self.current.settled, now)
        for slot in self.slots.values():
            slot.version.settled = min(slot.version.settled, now)
            slot.uses_settled = min(slot.uses_settled, now)

    def settle(self):
        """When everything is quiet again: reads until nothing is unknown. Whether that came to an end."""
        deadline = time.monotonic() + SETTLE + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(Refused):
                self.login()
                self.read_list()
                if self.current.sure and all(slot.version.sure for slot in self.slots.values()):
                    return True
            time.sleep(0.5)
        return False
