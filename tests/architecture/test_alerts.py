"""Alert rules, dashboards and runbook: well-formed, and naming each other and what docker-compose.yml runs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = [rule for name in ("alerts", "slo") for rule in (DEPLOY / "prometheus" / f"{name}.yml",)]
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
OPERATOR = re.compile(r"\b(?:rate|increase)\((?P<metric>[a-z_]+)")


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def expressions() -> list[str]:
    """Every PromQL expression that we ship."""
    panels = [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]


def test_there_are_alerts_and_dashboards() -> None:
    assert len(alerts()) >= 20
    assert len(DASHBOARDS) == 4


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_every_alert_says_what_it_means_and_what_to_do(alert: dict[str, Any]) -> None:
    headings = re.findall(r"(?m)^### (.+)$", (ROOT / "docs" / "runbook.md").read_text())
    assert alert["alert"] in headings, "docs/runbook.md has no heading for it"
    assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"
    assert alert["annotations"]["summary"].endswith((".", "%."))
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_the_runbook_has_no_heading_without_an_alert() -> None:
    headings = re.findall(r"(?m)^### (.+)$", (ROOT / "docs" / "runbook.md").read_text())
    assert sorted(headings) == sorted(alert["alert"] for alert in alerts())
    assert len(set(headings)) == len(headings)


def test_links_in_the_runbook_lead_somewhere() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    anchors = {heading.lower() for heading in re.findall(r"(?m)^### (.+)$", text)}
    assert {target for target in re.findall(r"\]\(#([^)]+)\)", text)} <= anchors
    assert all((ROOT / "docs" / name).exists() for name in re.findall(r"\]\(([a-z]+\.md)\)", text))


@pytest.mark.parametrize("expression", expressions())
def test_expressions_are_balanced_and_counters_are_rated(expression: str) -> None:
    for opened, closed in ("()", "[]", "{}"):
        assert expression.count(opened) == expression.count(closed)
    assert expression.count('"') % 2 == 0
    for metric in OPERATOR.findall(expression):
        assert metric.endswith(("_total", "_count", "_sum", "_bucket")), f"{metric} is no counter"
    for quantile in re.findall(r"histogram_quantile\(([\d.]+), .*? by \(([^)]*)\)", expression):
        assert "le" in [label.strip() for label in quantile[1].split(",")]


def test_recorded_series_exist() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for text in expressions() for name in re.findall(r"slo:[a-z_]+:[a-z_0-9]+", text)}
    assert used == recorded


def test_every_objective_burns_over_two_windows() -> None:
    burning = [alert for alert in alerts() if "Burns" in alert["alert"] or alert["alert"] == "OrdersSlow"]
    assert len(burning) == 5
    for alert in burning:
        windows = set(re.findall(r"(?:rate|avg)(\d+[mhd])", alert["expr"]))
        assert len(windows) >= 2, f"{alert['alert']} would go on after the trouble ended, or end too soon"


def test_the_documented_objectives_are_those_that_are_measured() -> None:
    """docs/operations.md shows a query for each; its series are those of the rules, and each group of rules has one."""
    section = (ROOT / "docs" / "operations.md").read_text().split("### Objectives")[1].split("\n\n")[2]
    queries = re.findall(r"(?m)^\| [^|]+ \| `(.+)` \|$", section)
    groups = yaml.safe_load((DEPLOY / "prometheus" / "slo.yml").read_text())["groups"]
    assert len(queries) == len(groups)
    named = re.compile(r"\b(?:breezeway_|slo:)[a-z0-9_:]+")
    known = set(named.findall(" ".join([*expressions(), *(rule.get("record", "") for rule in rules())])))
    for query in queries:
        assert "30d" in query
        assert set(named.findall(query)) <= known
        assert all(query.count(opened) == query.count(closed) for opened, closed in ("()", "[]", "{}"))


def test_what_is_scraped_is_what_compose_runs() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    ours = {
        name
        for name, each in compose.items()
        if each["image"] == "breezeway:latest" and each["restart"] != "no" and name != "simulator"
    }
    assert ours <= {each["job_name"] for each in scraped}
    for each in (each for each in scraped if each["job_name"] in ours):
        target = each["dns_sd_configs"][0]
        assert target["names"] == [each["job_name"]]
        command = " ".join(str(word) for word in compose[each["job_name"]]["command"])
        assert target["port"] == (8000 if "--port 8000" in command else 9000)
    named = {job for text in expressions() for job in re.findall(r'\bjob="([^"]+)"', text)}
    assert named <= ours


def test_dashboards_are_found_by_grafana() -> None:
    provider = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "dashboards" / "breezeway.yml").read_text())
    source = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text())
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    assert any(volume.split(":")[1] == provider["providers"][0]["options"]["path"] for volume in grafana["volumes"][:2])
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len(boards)
    for board in boards:
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["datasources"][0]["uid"]}
