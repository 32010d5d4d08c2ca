"""GET /metrics: what it counts, who may read it, that it needs no database; and deploy/monitoring on a real Prometheus."""

import collections
import json
import re
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
import yaml

from configs import create
from stack import ROOT, Process, Redis, clean_environment, free_port, give, new_folder, wait_until

MONITORING = ROOT / "deploy" / "monitoring"
TOKEN = "metrics-token-0123456789"
SAMPLE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


def samples(text):
    """{(name, labels): value}; each series stands there once."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        rest = LABEL.sub("", labels or "")
        assert rest == "", line
        key = (name, frozenset(LABEL.findall(labels or "")))
        assert key not in found, line
        found[key] = float(value)
    return found


def total(found, name, **wanted):
    return sum(value for (other, labels), value in found.items() if other == name and set(wanted.items()) <= labels)


def page(client, **options):
    answer = client.get("/metrics", **options)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return samples(answer.text)


@pytest.fixture(scope="module")
def redis(workdir):
    redis = Redis(workdir)
    yield redis.start()
    redis.stop()


@pytest.fixture(scope="module")
def system(module_stack, redis):
    return module_stack(MAX_CONNECTIONS=3, METRICS_TOKEN=TOKEN, REDIS_URL=redis.url, HOUSEKEEPING="on", EVENTS_SOCKET="here")


@pytest.fixture(scope="module")
def ada(system):
    client = system.client("ada")
    create(client, "relay")
    client.get("/api/configs/relay")
    client.get("/api/configs/nobody")
    client.head("/api/configs")
    client.get('/api/"quoted\\%0A"')
    client.request("BREW", "/api/configs")
    client.post("/api/configs", json={})
    return client


@pytest.fixture
def anybody(system):
    return system.client()


# ---- what is counted ----

def test_every_request_is_counted_once(system, ada, anybody):
    """The page agrees with the log, over all workers."""
    for _ in range(50):
        ada.get("/api/configs")
    served = collections.Counter((entry["method"], entry["route"], entry["status"])
                                 for entry in system.backend.log_entries() if entry.get("message") == "request")
    assert len(system.backend.workers()) == 3 and served["GET", "/api/configs", 200] >= 50
    found = page(anybody)
    counted = {(labels["method"], labels["route"], int(labels["status"])): value for (name, pairs), value in found.items()
               for labels in [dict(pairs)] if name == "ccr_http_requests_total"}
    assert counted == served
    timed = collections.Counter()
    for (method, route, _), count in served.items():
        timed[method, route] += count
    assert timed == {(labels["method"], labels["route"]): value for (name, pairs), value in found.items()
                     for labels in [dict(pairs)] if name == "ccr_http_request_duration_seconds_count"}


def test_requests_without_a_route(ada, anybody):
    found = page(anybody)
    assert total(found, "ccr_http_requests_total", route="none", method="GET", status="404") == 1
    assert total(found, "ccr_http_requests_total", route="none", method="OTHER", status="405") == 1
    assert total(found, "ccr_http_requests_total", route="/api/configs", method="HEAD", status="200") == 1
    assert total(found, "ccr_http_requests_total", route="/api/configs/{name}", status="404") == 1
    assert total(found, "ccr_http_requests_total", route="/api/configs", method="POST", status="400") == 1


def test_statements(system, ada, anybody):
    before = page(anybody)
    for _ in range(7):
        assert anybody.get("/api/system/status").status_code == 200
    after = page(anybody)

    def grown(suffix, **labels):
        name = "ccr_database_statement_duration_seconds" + suffix
        return total(after, name, **labels) - total(before, name, **labels)
    assert grown("_count", statement="system_ping") == 7 == grown("_bucket", statement="system_ping", le="+Inf")
    assert 0 < grown("_sum", statement="system_ping") < 5
    assert total(after, "ccr_database_statement_duration_seconds_count", statement="COMMIT") > 0
    assert total(after, "ccr_database_statement_failures_total") == 0


def test_failed_statements(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=1, STATEMENT_TIMEOUT=2000)
    client = stack.client("ada")
    create(client, "twice")
    assert client.post("/api/configs", json={"name": "twice", "base_url": "https://x.example", "auth_token": "sk-x"}).status_code == 409
    assert total(page(client), "ccr_database_statement_failures_total") == 0, "a conflict is an answer"
    with stack.db() as db, db.transaction():
        db.execute("LOCK TABLE resources")
        assert client.get("/api/configs").status_code == 503
    found = page(client)
    assert total(found, "ccr_database_statement_failures_total") >= 1
    assert total(found, "ccr_http_requests_total", route="/api/configs", status="503") == 1


def test_reading_costs_no_statement(anybody):
    """Housekeeping, webhooks and budgets have a pace of their own and go on beside it: each statement of theirs is sent a few times.
    One that every read sends would be sent as often as the page is read."""
    def statements():
        return {dict(labels)["statement"]: count for (name, labels), count in page(anybody).items()
                if name == "ccr_database_statement_duration_seconds_count"}

    before = statements()
    assert before
    for _ in range(200):
        anybody.get("/metrics")
    assert {name: count - before.get(name, 0) for name, count in statements().items() if count - before.get(name, 0) >= 100} == {}


def test_histograms_are_consistent(ada, anybody):
    found = page(anybody)
    kinds = 0
    for (name, labels), count in found.items():
        if not name.endswith("_count"):
            continue
        base = name.removesuffix("_count")
        buckets = sorted((float(dict(pairs)["le"]), value) for (other, pairs), value in found.items()
                         if other == base + "_bucket" and labels < pairs)
        bounds, values = zip(*buckets)
        assert bounds[-1] == float("inf") and len(set(bounds)) == len(bounds) and list(values) == sorted(values)
        assert values[-1] == count > 0
        assert 0 <= found[base + "_sum", labels] <= count * 60
        kinds += 1
    assert kinds > 10


def test_workers_and_settings(system, anybody):
    found = page(anybody)
    stages = {dict(labels)["stage"]: value for (name, labels), value in found.items() if name == "ccr_workers"}
    assert set(stages) == {"starting", "disconnected", "idle", "reading", "handling", "writing", "stopping"}
    assert sum(stages.values()) == 3 and stages["handling"] >= 1
    assert total(found, "ccr_workers_max") == total(found, "ccr_workers_min") == 3
    assert total(found, "ccr_database_up") == total(found, "ccr_redis_up") == 1
    assert 0 <= total(found, "ccr_uptime_seconds") < 600
    version = anybody.get("/api/system/status").json()["version"]
    assert total(found, "ccr_build_info", version=version) == 1


def test_promtool_finds_nothing_to_complain_about(ada, anybody):
    checked = subprocess.run(["promtool", "check", "metrics"], input=anybody.get("/metrics").text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_no_secret_and_no_name_is_on_the_page(system, ada, anybody):
    ada.get("/api/configs/relay", headers={"X-Request-Id": "request-id-of-ada"})
    text = anybody.get("/metrics").text
    hidden = ["relay", "nobody", "request-id-of-ada", "quoted", "BREW", TOKEN, ada.token, "127.0.0.1", system.passwords["ada"],
              system.cluster.password, system.cli.env["JWT_SECRET"], system.cli.env["SECRETS_KEY"].partition(":")[2],
              str(system.folder)]
    assert [value for value in hidden if value in text] == []
    assert not re.search(r'"ada"|\bada\b', text)


# ---- who may read ----

def refused(answer):
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "AUTHORIZATION_ERROR" and error["details"] == {}
    assert error["message"] == "You are not allowed to do this"
    assert "WWW-Authenticate" not in answer.headers


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_from_outside_only_with_the_token(fresh_stack):
    stack = fresh_stack(METRICS_ALLOW="10.0.0.0/8", METRICS_TOKEN=TOKEN, MAX_CONNECTIONS=1)
    client = stack.client()
    assert total(page(client, headers=bearer(TOKEN)), "ccr_workers_max") == 1
    for headers in ({}, bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(TOKEN.upper()), bearer(""), bearer("x" * len(TOKEN)),
                    {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}, {"X-Forwarded-For": "10.0.0.1"},
                    {"X-Real-IP": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}, {"Cookie": f"ccr_access={TOKEN}"}):
        refused(client.get("/metrics", headers=headers))
    refused(stack.client("admin").get("/metrics"))  # a site administrator is no monitor


def test_nobody_is_let_in_by_an_empty_token(fresh_stack):
    stack = fresh_stack(METRICS_ALLOW="none", MAX_CONNECTIONS=1)
    client = stack.client()
    for headers in ({}, bearer(""), bearer(" "), {"Authorization": "Bearer"}):
        refused(client.get("/metrics", headers=headers))


def test_a_wrong_token_does_not_shut_out_a_listed_address(anybody):
    assert anybody.get("/metrics", headers=bearer("wrong" * 5)).status_code == 200


def test_the_limit_does_not_apply(fresh_stack):
    stack = fresh_stack(RATE_LIMIT=1, RATE_LIMIT_BURST=1, MAX_CONNECTIONS=1)
    client = stack.client()
    assert {client.get("/metrics").status_code for _ in range(30)} == {200}


# ---- without a database ----

def test_it_answers_while_postgresql_is_away(fresh_stack):
    stack = fresh_stack(own_cluster=True, MAX_CONNECTIONS=2)
    client = stack.client("ada")
    assert total(page(client), "ccr_database_up") == 1
    stack.cluster.stop()
    wait_until("it is noticed", lambda: total(page(client), "ccr_database_up") == 0)
    times = []
    for _ in range(20):
        began = time.monotonic()
        page(client)
        times.append(time.monotonic() - began)
    assert sum(seconds >= 1 for seconds in times) < 10, "it waits for the database"
    assert client.get("/api/configs").status_code == 503
    assert total(page(client), "ccr_http_requests_total", route="/api/configs", status="503") == 1
    stack.cluster.start()
    wait_until("it is back", lambda: total(page(client), "ccr_database_up") == 1)


def test_without_redis(fresh_stack, workdir):
    redis = Redis(workdir).start()
    try:
        stack = fresh_stack(MAX_CONNECTIONS=1, REDIS_URL=redis.url, RATE_LIMIT=100000, RATE_LIMIT_BURST=100000)
        client = stack.client("ada")
        assert total(page(client), "ccr_redis_up") == 1
    finally:
        redis.stop()

    def down():
        assert client.get("/api/configs").status_code == 200
        return total(page(client), "ccr_redis_up") == 0
    wait_until("it is noticed", down)
    assert total(page(client), "ccr_breaker_openings_total", server="redis") >= 1


def test_there_is_no_gauge_of_a_redis_that_nobody_set(fresh_stack):
    assert ("ccr_redis_up", frozenset()) not in page(fresh_stack(MAX_CONNECTIONS=1).client())


# ---- a worker's death ----

def test_the_counts_outlive_a_worker(fresh_stack):
    stack = fresh_stack(MAX_CONNECTIONS=1)
    client = stack.client("ada")
    for _ in range(5):
        client.get("/api/configs")
    (worker,) = stack.backend.workers()
    subprocess.run(["kill", "-KILL", str(worker)], check=True)
    wait_until("another one serves", lambda: stack.backend.workers() not in ([], [worker]))
    wait_until("it answers", lambda: client.get("/health").status_code == 200)
    assert total(page(client), "ccr_http_requests_total", route="/api/configs", status="200") == 5


# ---- deploy/monitoring ----

class Prometheus:
    """With deploy/monitoring's own files, but for the address, the interval and where the token is."""

    def __init__(self, folder, port):
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        token = folder / "token"
        token.write_text(TOKEN + "\n")
        config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (job,) = config["scrape_configs"]
        job["scheme"] = "http"
        job["authorization"]["credentials_file"] = str(token)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        (folder / "alerts.yml").write_text((MONITORING / "alerts.yml").read_text())
        for path in folder.iterdir():
            give(path)
        self.checked = subprocess.run(["promtool", "check", "config", folder / "prometheus.yml"], capture_output=True, text=True)
        self.process = Process(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                f"--web.listen-address={self.url.removeprefix('http://')}", "--storage.tsdb.retention.time=1h"],
                               folder / "prometheus.log", cwd=folder, env=clean_environment(GOMAXPROCS="1"))

    def get(self, path, **query):
        asked = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
            return json.load(answer)["data"]

    def up(self):
        assert self.process.running, self.process.log()
        try:
            return [target["health"] for target in self.get("targets")["activeTargets"]] == ["up"]
        except OSError:
            return False

    def value(self, query):
        result = self.get("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None


@pytest.fixture(scope="module")
def prometheus(system, workdir):
    made = Prometheus(new_folder(workdir, "prometheus"), system.nginx.port)
    try:
        wait_until("the target is up", made.up, timeout=60, step=0.2)
        yield made
    finally:
        made.process.stop()


def test_prometheus_takes_the_configuration(prometheus):
    assert prometheus.checked.returncode == 0, prometheus.checked.stderr
    rules = prometheus.get("rules")["groups"][0]["rules"]
    assert len(rules) == len(yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"])
    wait_until("they were evaluated", lambda: all(rule["health"] == "ok" for rule in prometheus.get("rules")["groups"][0]["rules"]))


def test_prometheus_counts_what_was_done(prometheus, ada):
    query = 'sum(ccr_http_requests_total{route="/api/history",method="GET",status="200"})'
    assert prometheus.value(query) is None
    for _ in range(37):
        assert ada.get("/api/history").status_code == 200
    wait_until("it has counted 37", lambda: prometheus.value(query) == 37)
    assert prometheus.value('sum(ccr_http_request_duration_seconds_count{route="/api/history"})') == 37
    assert prometheus.value('ccr_http_request_duration_seconds_bucket{route="/api/history",le="+Inf"}') == 37
    assert prometheus.value("sum(ccr_workers)") == 3 == prometheus.value("ccr_workers_max")
    quantile = "histogram_quantile(0.99, sum by (le) (ccr_http_request_duration_seconds_bucket))"
    assert 0 < prometheus.value(quantile) <= 10


def test_one_scrape_costs_little(prometheus):
    assert prometheus.value("scrape_samples_scraped") < 10000


def dashboard():
    return json.loads((MONITORING / "grafana-dashboard.json").read_text())


def dashboard_queries():
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def test_the_dashboard_and_the_alerts_use_what_exists(prometheus, ada, anybody):
    expressions = dashboard_queries() + [rule["expr"] for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
                                         for rule in group["rules"]]
    assert len(expressions) > 30
    known = {name for name, _ in page(anybody)}
    used = {name for expression in expressions for name in re.findall(r"\bccr_[a-z_]+", expression)}
    assert used - known == set()
    def bare(names):
        return {re.sub("_(bucket|sum|count)$", "", name) for name in names}
    assert bare(known) - bare(used) == set(), "nobody looks at these"
    labels = {pair for _, pairs in page(anybody) for pair in pairs}
    for expression in expressions:
        for name, value in re.findall(r'(\w+)="([^"$~]+)"', expression):
            assert (name, value) in labels or name == "job", expression


def test_prometheus_understands_the_dashboard(prometheus):
    for expression in dashboard_queries():
        prometheus.get("query", query=expression.replace("$instance", ".*").replace("$__rate_interval", "1m"))
