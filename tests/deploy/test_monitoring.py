"""deploy/monitoring, looked at without running anything. tests/integration/test_metrics.py runs it on a real stack."""

import json
import re
import subprocess

import pytest
import yaml

from stack import ROOT

MONITORING = ROOT / "deploy" / "monitoring"


def promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def rules():
    return [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def dashboard():
    return json.loads((MONITORING / "grafana-dashboard.json").read_text())


def test_promtool_accepts_the_files():
    for arguments in (("check", "rules", MONITORING / "alerts.yml"),
                      ("check", "config", "--syntax-only", MONITORING / "prometheus.yml")):
        checked = promtool(*arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_fire_when_they_should():
    tested = promtool("test", "rules", ROOT / "tests" / "deploy" / "monitoring" / "alerts_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tested_explained_and_has_a_severity(rules):
    cases = yaml.safe_load((ROOT / "tests" / "deploy" / "monitoring" / "alerts_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in cases for case in test["alert_rule_test"] if case.get("exp_alerts")}
    explained = (ROOT / "docs" / "operations.md").read_text()
    for rule in rules:
        assert rule["alert"] in fired
        assert f"`{rule['alert']}`" in explained
        assert rule["labels"]["severity"] in ("critical", "warning") and rule["annotations"]["summary"]


def test_alerts_go_by_the_name_of_the_job(rules):
    (job,) = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    assert any(f'job="{job["job_name"]}"' in rule["expr"] for rule in rules)


def test_the_dashboard_is_one(dashboard):
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "instance"]
    cells = set()
    for panel in panels:
        place = panel["gridPos"]
        mine = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not mine & cells, panel["title"]
        cells |= mine
        if panel["type"] == "row":
            continue
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"
            # Of every series the chosen hosts only.
            series = re.findall(r"\b(?:ccr_[a-z_]+|up)\b\{([^}]*)\}", target["expr"])
            assert series and all('instance=~"$instance"' in labels for labels in series), target["expr"]
            assert len(series) == len(re.findall(r"\b(?:ccr_[a-z_]+|up)\b(?!\")", target["expr"])), target["expr"]


def test_the_job_for_kubernetes_is_one(tmp_path):
    (text,) = re.findall(r"^```yaml\n(.*?)^```", (MONITORING / "README.md").read_text(), re.M | re.S)
    (job,) = yaml.safe_load(text)["scrape_configs"]
    (pods,) = job.pop("kubernetes_sd_configs")  # Debian's Prometheus is built without it
    assert pods == {"role": "pod", "namespaces": {"names": ["ccr-ui"]}}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    checked = promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    pod = (ROOT / "deploy" / "kubernetes" / "base" / "deployment.yaml").read_text()
    assert "app.kubernetes.io/component: backend" in pod and "- name: http\n              containerPort:" in pod


def test_they_are_installed(tmp_path):
    made = subprocess.run(["make", "--dry-run", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr"], cwd=ROOT, capture_output=True,
                          text=True, check=True).stdout
    for path in MONITORING.iterdir():
        assert f"deploy/monitoring/{path.name}" in made
    assert f"{tmp_path}/usr/share/doc/ccr-ui-backend/monitoring" in made
