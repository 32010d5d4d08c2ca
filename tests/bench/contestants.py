"""Who is measured: the real program in several settings, the bare libfcgi program, PHP-FPM, and Node with Fastify. All read
and write the same tables of one database and stand behind an Nginx of their own with the same configuration. What a profile or an
agent says is stored as the JSON that readers see: the others put their answers together from those texts as the program does, and
are spared row-level security. Only the bare program's list is made by json_agg, of a table with a column for each member."""

import base64
import contextlib
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import requests

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import stack as parts  # noqa: E402

PROCESSES = 8      # of each, at most: the bare program and PHP-FPM are not faster with fewer
FEWEST = 2         # of ours, as by default; how many there are is the pool's own business
PROFILES = 50
PROFILE = "profile-7"
LIST_PATH = "/api/configs"
LIMIT_PATH = f"{LIST_PATH}?limit=50"
ONE_PATH = f"/api/configs/{PROFILE}"
AGENTS_PATH = "/api/resources/claude/agent"
AGENTS = 50        # of each workspace that is written to, to be replaced
WRITTEN = {"create": "made", "replace": "changed", "bare": "bare"}  # workspaces: ours for each row, and the bare program's
PHP = "/usr/sbin/php-fpm8.2"
ROWS_OF = ("resources", "resource_revisions", "resource_words", "audit_log")


def get(port, path, headers=None):
    return requests.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=30)


class Ours:
    """The real program. `settings` are what differs from the default settings; there are no limits."""

    REQUEST_LINE = b'"message":"request"'

    def __init__(self, site, name, **settings):
        self.name = name
        self.told = []
        self.stack = parts.Stack(parts.new_folder(site.folder, name), site.cluster, site.database, RATE_LIMIT=0,
                                 ACCESS_TOKEN_TTL=86400,
                                 **{"MIN_CONNECTIONS": FEWEST, "MAX_CONNECTIONS": PROCESSES, **site.secrets, **settings})

    @property
    def port(self):
        return self.stack.nginx.port

    def missing(self):
        return None

    def start(self):
        self.stack.start()

    def stop(self):
        self.stack.nginx.stop()
        self.stack.backend.stop()

    @property
    def workers(self):
        return len(self.stack.backend.workers())

    def forget_logs(self):
        """A line for each request: a million of them would fill a small disk. What else the log says is kept."""
        own = self.stack.folder / "backend.log"
        if own.exists():
            with open(own, "rb") as log:
                self.told += [line.decode(errors="replace") for line in log if self.REQUEST_LINE not in line]
        for path in (own, self.stack.nginx.folder / "access.log"):
            if path.exists():
                with open(path, "r+b") as log:
                    log.truncate()


class PeerNginx(parts.Nginx):
    """The same configuration, passing on in another way."""

    def __init__(self, folder, socket, pass_on, upstream=""):
        super().__init__(folder, socket)
        self.pass_on, self.upstream = pass_on, upstream

    def configure(self, port):
        super().configure(port)
        path = self.folder / "nginx.conf"
        text = path.read_text()
        ours = f'fastcgi_pass "unix:{self.backend_socket}";'
        if ours not in text:
            raise SystemExit("nginx/quickstart.conf.in has changed: PeerNginx no longer finds what to replace")
        text = text.replace(ours, self.pass_on).replace("    server {\n", self.upstream + "    server {\n", 1)
        path.write_text(text)


class Other:
    """Somebody else's program on a Unix socket. Subclasses say command, environment, and how Nginx passes on."""

    name = ""
    upstream = ""

    def __init__(self, site):
        self.site = site
        self.folder = parts.new_folder(site.folder, self.name)
        self.socket = self.folder / "peer.sock"
        self.process = None
        self.nginx = PeerNginx(self.folder, self.socket, self.pass_on(), self.upstream)

    @property
    def port(self):
        return self.nginx.port

    def missing(self):
        return None

    def pass_on(self):
        return f'fastcgi_pass "unix:{self.socket}";'

    def environment(self):
        return parts.clean_environment()

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()
        self.process = parts.Process(self.command(), self.folder / "log", env=self.environment(), cwd=self.folder)
        parts.wait_until(f"{self.name} listens", self.listens, timeout=20)
        self.nginx.start()

    def listens(self):
        if not self.process.running:
            raise SystemExit(f"{self.name} ended:\n{self.process.log()[-2000:]}")
        return self.socket.exists()

    def stop(self):
        self.nginx.stop()
        if self.process:
            process, self.process = self.process, None
            process.stop()

    def forget_logs(self):
        log = self.nginx.folder / "access.log"
        if log.exists():
            with open(log, "r+b") as file:
                file.truncate()

    def copy(self, source):
        """The unprivileged user may not reach the checkout."""
        target = self.folder / source.name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
        return parts.give(target)


class Bare(Other):
    """The least a FastCGI program can do: tests/bench/baseline.c."""

    name = "bare"

    def __init__(self, site, binary):
        super().__init__(site)
        self.program = self.copy(Path(binary))
        self.body = self.folder / "body.json"

    def command(self):
        self.body.write_bytes(self.site.list_body)
        parts.give(self.body)
        return [self.program, self.socket, PROCESSES, self.site.peer_dsn(), self.body]


class Php(Other):
    """PHP-FPM: as many children as we have workers, opcode cache on, persistent connections."""

    name = "php"

    def missing(self):
        return None if Path(PHP).exists() else "php8.2-fpm is not installed"

    def pass_on(self):
        return f'fastcgi_param SCRIPT_FILENAME "{self.folder}/api.php"; fastcgi_pass "unix:{self.socket}";'

    def command(self):
        if not (self.folder / "api.php").exists():
            self.copy(HERE / "php" / "api.php")
        pool = [
            "[global]", f"error_log = {self.folder}/fpm.log", "daemonize = no",
            "[bench]", f"listen = {self.socket}", "listen.mode = 0660", "listen.backlog = 4096", "pm = static",
            f"pm.max_children = {PROCESSES}", "pm.max_requests = 0", "php_admin_value[opcache.enable] = 1",
            "php_admin_value[opcache.validate_timestamps] = 0", "php_admin_value[pgsql.allow_persistent] = 1",
            f'env[BENCH_JWT_SECRET] = "{self.site.secrets["JWT_SECRET"]}"', f'env[BENCH_DATABASE] = "{self.site.peer_dsn()}"',
        ]
        path = self.folder / "fpm.conf"
        path.write_text("\n".join(pool) + "\n")
        return [PHP, "--nodaemonize", "--fpm-config", parts.give(path)]


class FastifyPeer(Other):
    """Node, Fastify and pg: two processes, eight connections in all, kept connections from Nginx."""

    name = "fastify"

    def __init__(self, site):
        self.upstream = "    upstream bench_peer {{ server unix:{}/fastify/peer.sock; keepalive 64; }}\n".format(site.folder)
        super().__init__(site)

    def missing(self):
        if not node():
            return "node is not installed"
        if not (HERE / "fastify" / "node_modules").is_dir():
            return "tests/bench/fastify/node_modules is missing; run: scripts/bench.sh --install"
        return None

    def pass_on(self):
        return ('proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_buffer_size 16k; '
                "proxy_buffers 16 16k; proxy_pass http://bench_peer;")

    def environment(self):
        site = self.site
        return parts.clean_environment(NODE_ENV="production", BENCH_SOCKET=str(self.socket), PGHOST=str(site.cluster.folder),
                                       BENCH_JWT_SECRET=site.secrets["JWT_SECRET"], PGUSER="bench_peer", PGDATABASE=site.database,
                                       PGPASSWORD=site.peer_password)

    def command(self):
        if not (self.folder / "fastify").exists():
            self.copy(HERE / "fastify")
        return [node(), self.folder / "fastify" / "server.js"]


def node():
    """Debian's own before whatever comes first in PATH."""
    return "/usr/bin/node" if Path("/usr/bin/node").exists() else shutil.which("node")


class Site:
    """PostgreSQL with a user, fifty profiles and as many agents in each workspace that is written to, and everybody who reads and
    writes them. At most those in use are running."""

    def __init__(self, baseline):
        self.folder = parts.new_folder()
        self.database = "bench"
        self.secrets = parts.make_secrets()
        self.peer_password = self.secrets["JWT_SECRET"][:24]
        self.cluster = parts.Cluster(parts.new_folder(self.folder, "postgres"))
        self.running = []
        self.token = None
        self.list_body = b""
        self.contestants = {}
        try:
            self.prepare(baseline)
        except BaseException:
            self.close()
            raise

    def prepare(self, baseline):
        self.cluster.create()
        self.cluster.create_migrated(self.database, self.folder)
        # MAX_REQUESTS=0, always as many: the memory figure is that of workers which served everything.
        self.contestants = {
            "ours": Ours(self, "ours"),
            "uncached": Ours(self, "uncached", CACHE_SIZE=0),
            "lasting": Ours(self, "lasting", MAX_REQUESTS=0, MIN_CONNECTIONS=PROCESSES),
            "bare": Bare(self, baseline),
            "php": Php(self),
            "fastify": FastifyPeer(self),
        }
        self.fill()

    def __getitem__(self, name):
        return self.contestants[name]

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}

    def use(self, *names):
        """Starts these and stops all others; the contestants, in that order."""
        for name in [name for name in self.running if name not in names]:
            self.running.remove(name)
            self[name].stop()
        for name in names:
            if name not in self.running:
                self.running.append(name)
                self[name].start()
        return [self[name] for name in names]

    def fill(self):
        """What is read and written, made by the program, and the tables of the others made from that."""
        (ours,) = self.use("uncached")
        client = ours.stack.client("bench")
        self.token = client.token
        for number in range(PROFILES):
            post(client, LIST_PATH, profile(number))
        for slug in WRITTEN.values():
            client.workspace = None
            post(client, "/api/workspaces", {"slug": slug, "name": slug})
            client.workspace = slug
            for number in range(AGENTS):
                post(client, AGENTS_PATH, agent(number))
        client.workspace = None
        self.list_body = client.get(LIST_PATH).content
        with self.cluster.connect(user="postgres", dbname=self.database) as connection:
            self.make_tables(connection)

    def make_tables(self, connection):
        texts = ("description", "base_url", "auth_token", "model", "small_fast_model", "provider", "provider_type", "account")
        columns = ", ".join(f"listed->>'{name}' AS {name}" for name in texts)
        connection.execute(f"CREATE TABLE bench_profiles AS SELECT position, name, {columns}, listed->'tags' AS tags,"
                           " false AS is_current, false AS is_default, uses AS usage_count, enabled, platform, revision"
                           " FROM resources WHERE kind = 'profile'")
        connection.execute("ALTER TABLE bench_profiles ADD PRIMARY KEY (name)")
        # What the bare program needs to know: where it reads, where it writes, and what one agent wrote.
        connection.execute("CREATE TABLE bench_sample AS SELECT p.workspace_id AS reads, r.workspace_id AS writes, r.listed, r.unlisted,"
                           " a.changes, array(SELECT word FROM resource_words o WHERE o.id = r.id) AS words, a.user_id"
                           " FROM resources p, workspaces w, resources r, audit_log a WHERE p.name = %s AND w.slug = %s"
                           " AND r.workspace_id = w.id AND r.name = 'agent-7' AND a.workspace_id = w.id AND a.target = r.name",
                           (PROFILE, WRITTEN["bare"]))
        connection.execute(f"CREATE ROLE bench_peer LOGIN BYPASSRLS PASSWORD '{self.peer_password}'")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO bench_peer")
        connection.execute("ANALYZE")

    def peer_dsn(self):
        return f"host={self.cluster.folder} dbname={self.database} user=bench_peer password={self.peer_password}"

    def check_bare(self):
        """What it answers is in what we answer, and what it writes makes as many rows as what we write."""
        ours, bare = self.use("uncached", "bare")
        for path, theirs, of in ((ONE_PATH, "/api/one", lambda answer: answer), (LIMIT_PATH, "/api/list", lambda answer: answer["configs"])):
            mine, their = of(get(ours.port, path, self.headers).json()), get(bare.port, theirs).json()
            if mine != their:
                raise SystemExit(f"bare answers {theirs} differently:\n{mine}\n{their}"[:800])
        sides = ((ours, "create", WRITTEN["create"]), (bare, "create", WRITTEN["bare"])), \
                ((ours, "replace", WRITTEN["replace"]), (bare, "replace", WRITTEN["bare"]))
        for pair in sides:
            mine, theirs = (self.rows_made(*side) for side in pair)
            if mine != theirs or not any(mine):
                raise SystemExit(f"to {pair[0][1]} an agent makes {mine} rows of {ROWS_OF}, by the bare program {theirs}")

    def rows_made(self, contestant, what, slug):
        """By one write, of each table that it leaves something in."""
        before = self.rows_of(slug)
        body = {**agent(AGENTS if what == "create" else 1), "system_prompt": "You review nothing else."}
        path = f"/api/{what}" if contestant.name == "bare" else AGENTS_PATH + ("" if what == "create" else "/agent-1")
        answer = requests.request("POST" if what == "create" else "PUT", f"http://127.0.0.1:{contestant.port}{path}", json=body,
                                  timeout=30, headers={**self.headers, "X-CCR-Workspace": slug})
        if answer.status_code not in (200, 201):
            raise SystemExit(f"{contestant.name}: {path}: {answer.status_code} {answer.text}")
        return [after - past for past, after in zip(before, self.rows_of(slug))]

    def rows_of(self, slug):
        """How many there are in a workspace, of each table that a write leaves something in."""
        with self.cluster.connect(user="postgres", dbname=self.database) as connection:
            counts = ", ".join(f"(SELECT count(*) FROM {table} t WHERE t.workspace_id = w.id)" for table in ROWS_OF)
            return connection.execute(f"SELECT {counts} FROM workspaces w WHERE slug = %s", (slug,)).fetchone()

    def check_peer(self, name):
        """The peer answers what we answer and refuses what we refuse, or its figures mean nothing."""
        if name == "bare":
            return self.check_bare()
        ours, peer = self.use("ours", name)
        for path in (LIST_PATH, ONE_PATH):
            mine, theirs = (get(one.port, path, self.headers) for one in (ours, peer))
            if (mine.status_code, theirs.status_code) != (200, 200) or mine.json() != theirs.json():
                raise SystemExit(f"{name} answers {path} differently:\n{mine.status_code} {mine.text[:400]}\n"
                                 f"{theirs.status_code} {theirs.text[:400]}")
        for what, token in bad_tokens(self.token, self.secrets["JWT_SECRET"]).items():
            for one in (ours, peer):
                status = get(one.port, ONE_PATH, {"Authorization": f"Bearer {token}"}).status_code
                if status != 401:
                    raise SystemExit(f"{one.name} answers {status} to a token with {what}")

    def close(self):
        with contextlib.ExitStack() as ending:
            ending.callback(shutil.rmtree, self.folder, ignore_errors=True)
            ending.callback(self.cluster.stop)
            ending.callback(self.use)


def profile(number):
    return {"name": f"profile-{number}", "description": f"Profile number {number}", "base_url": "https://api.example.com/v1",
            "auth_token": f"sk-bench-{number:032}", "model": "claude-sonnet-4-5-20250929",
            "small_fast_model": "claude-3-5-haiku-20241022", "provider": "example", "provider_type": "official_relay",
            "account": "work", "tags": ["bench", "relay"]}


def agent(number):
    return {"name": f"agent-{number}", "description": f"Reviews what changed in part {number}", "model": "sonnet",
            "tools": ["Read", "Grep", "Glob"], "system_prompt": "You review changes. Say what is wrong, and where. " * 8}


def post(client, path, body):
    answer = client.post(path, json=body)
    if answer.status_code != 201:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text}")


# ---- tokens ---------------------------------------------------------------------------------------------------------


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(token, secret, **changes):
    """The token with other claims."""
    header, claims, _ = token.split(".")
    text = f"{header}.{encode(json.dumps({**decode(claims), **changes}).encode())}"
    return f"{text}.{encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def bad_tokens(token, secret):
    return {
        "a wrong signature": signed(token, "x" * 64),
        "an end in the past": signed(token, secret, exp=int(time.time()) - 60),
        "another issuer": signed(token, secret, iss="somebody"),
        "another audience": signed(token, secret, aud="somewhere"),
    }


# ---- the machine ----------------------------------------------------------------------------------------------------


def output_of(*command):
    """The first line of what a command prints, or an empty text when it is not there."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    except OSError:
        return ""
    return ((done.stdout or done.stderr).strip().splitlines() or [""])[0]
