"""Alerts, their runbook and the Grafana dashboard: about what is really counted, and each alert fires."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from catalog import rollups
from catalog.store.folder import FolderStore
from tests.deploy.troubled import scraped, troubled
from tests.promtool import approved, promtool

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dailies.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = BOARD["panels"]
ASKED = re.compile(r"\bdailies_\w+")


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Metric]]:
    """What is counted of a catalog with everything wrong that an alert is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollups, "LAG_SECONDS", 0.0)
        patch.setattr(FolderStore, "used_share", lambda self: 0.91)
        with troubled(tmp_path_factory.mktemp("trouble")) as gallery:
            yield list(text_string_to_metric_families(scraped(gallery)))


@pytest.fixture(scope="module")
def told(trouble: list[Metric]) -> dict[str, set[str]]:
    """Every sample that `/metrics` can have, with its labels."""
    found: dict[str, set[str]] = {}
    for family in trouble:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and the PromQL."""
    for rule in ALERTS:
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]


# ---- alerts


def test_the_alerts_are_those_that_operations_asked_for() -> None:
    assert {rule["alert"].removeprefix("Dailies") for rule in ALERTS} == {
        "CatalogDown", "StoreAway", "StoreFull", "ScheduleNotStarted", "ScheduleRefused", "DeadlineMissed",
        "FailureRatio", "RowsRefused", "WorkerLost", "GpuLost", "LeasesExpired",
    }  # fmt: skip


def test_prometheus_takes_its_configuration_and_the_rules(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    said = approved("check", "config", tmp_path / "prometheus" / "prometheus.yml")
    assert f"{len(ALERTS)} rules found" in said


def test_each_alert_fires_and_only_then() -> None:
    fired = {
        one["alertname"]
        for test in yaml.safe_load((RULES.parent / "alerts.test.yml").read_text(encoding="utf-8"))["tests"]
        for one in test.get("alert_rule_test", ())
        if one["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in ALERTS}
    approved("test", "rules", RULES.parent / "alerts.test.yml")


def test_a_rule_test_that_expects_something_else_fails(tmp_path: Path) -> None:
    """Or the one above would prove nothing."""
    shutil.copytree(RULES.parent, tmp_path / "p")
    tests = tmp_path / "p" / "alerts.test.yml"
    tests.write_text(tests.read_text(encoding="utf-8").replace("is 91.5% full", "is 12% full"), encoding="utf-8")
    assert promtool("test", "rules", tests).returncode != 0


def test_each_alert_but_of_what_is_away_fires_from_what_is_really_counted(
    trouble: list[Metric], tmp_path: Path
) -> None:
    """Its samples, standing still for an hour but for the shots that ended, which did so within it."""
    series = [_series(sample) for family in trouble for sample in family.samples]
    shutil.copy(RULES, tmp_path)
    away = {"DailiesCatalogDown", "DailiesStoreAway"}
    names = [rule["alert"] for rule in ALERTS if rule["alert"] not in away]
    watched = [
        {"expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) > bool 0', "eval_time": "60m",
         "exp_samples": [{"labels": "{}", "value": 1}]}
        for name in names
    ]  # fmt: skip
    test = {"interval": "1m", "input_series": series, "promql_expr_test": watched}
    path = tmp_path / "real.test.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": [test]}))
    approved("test", "rules", path)


def _series(sample: Any) -> dict[str, str]:
    """As promtool reads it: promtool's clock begins at 0, ours now, so that moments are told as seconds from now."""
    labels = ", ".join(f"{name}={json.dumps(value)}" for name, value in sample.labels.items())
    value = sample.value
    if sample.name.endswith("timestamp_seconds"):
        value -= time.time()
    grows = sample.name.endswith("_total")
    return {"series": f"{sample.name}{{{labels}}}", "values": f"0x30 {value}x30" if grows else f"{value}x60"}


def test_each_alert_leads_to_its_section_of_the_runbook() -> None:
    book = (DEPLOY / "runbook.md").read_text(encoding="utf-8")
    sections = {title.lower(): text for title, text in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", book, re.M | re.S)}
    for rule in ALERTS:
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert path == "deploy/runbook.md" and anchor == rule["alert"].lower()
        for part in ("**What it means.**", "**How to look.**", "**What to do.**"):
            assert part in sections[anchor], f"{rule['alert']}: the runbook does not say {part}"
        assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(sections) == {rule["alert"].lower() for rule in ALERTS}, "a section of no alert"


# ---- what they and the panels ask about


@pytest.mark.parametrize(("where", "expression"), [pytest.param(*one, id=one[0]) for one in expressions()])
def test_everything_that_is_asked_is_counted(where: str, expression: str, told: dict[str, set[str]]) -> None:
    unknown = set(ASKED.findall(expression)) - set(told)
    assert not unknown, f"{where} asks for {sorted(unknown)}, which /metrics does not have"
    for name, matchers in re.findall(r"\b(dailies_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= told[name], (where, name)
    labels = set().union(*(told[name] for name in ASKED.findall(expression)))
    for by in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {one.strip() for one in by.split(",")} <= labels | {"le"}, f"{where}: no such label in by ({by})"


def test_prometheus_parses_what_the_panels_ask(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}:{place}", "expr": target["expr"]}
        for number, panel in enumerate(PANELS)
        for place, target in enumerate(panel.get("targets", ()))
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in approved("check", "rules", path)
    path.write_text(path.read_text(encoding="utf-8").replace("sum", "sun", 1), encoding="utf-8")
    assert promtool("check", "rules", path).returncode != 0


# ---- the Grafana dashboard


def test_grafana_can_import_it() -> None:
    """What its JSON model asks for: https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/"""
    assert isinstance(BOARD["schemaVersion"], int) and BOARD["schemaVersion"] >= 36
    assert BOARD["uid"] and BOARD["title"] and BOARD["time"] and "id" not in BOARD, "an id would be another board's"
    (source,) = BOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    kinds = {"row", "stat", "timeseries", "table", "bargauge", "state-timeline"}
    for panel in PANELS:
        assert panel["type"] in kinds and panel["title"], panel
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), f"{panel['title']} says nothing of itself"
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) and all(target["expr"] for target in panel["targets"])


def test_no_panel_lies_on_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]


def test_what_provisions_it_finds_it() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    grafana, prometheus = compose["services"]["grafana"], compose["services"]["prometheus"]
    mounted = dict(one.split(":")[:2] for one in (*grafana["volumes"], *prometheus["volumes"]) if one.startswith("./"))
    for ours, theirs in mounted.items():
        assert (DEPLOY / ours).is_file(), ours
        assert theirs.startswith("/")
    provider = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "dashboards.yml").read_text(encoding="utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert f"{folder}/dailies.json" in mounted.values()
    source = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasource.yml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    scrape = yaml.safe_load(compose["configs"]["prometheus"]["content"])["scrape_configs"][0]
    assert scrape["job_name"] == "dailies" and scrape["static_configs"][0]["targets"] == ["dashboard:4300"]
    assert scrape["authorization"]["credentials_file"] in {one["target"] for one in prometheus["configs"]}
    assert "dashboard" in compose["services"]["dashboard"]["command"], "it answers to no other name"
