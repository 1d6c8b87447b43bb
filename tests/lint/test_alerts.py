# SPDX-License-Identifier: MIT
"""The alert rules: valid, proven to fire and to end, and each with a section of the runbook."""
import re
import subprocess

import pytest
import sources

ALERTS = sources.ROOT / "topology/alerts"
PROOFS = sources.ROOT / "tests/lint/alerts"


def rules():
    return sorted(ALERTS.glob("*.yml"))


def proofs():
    return sorted(PROOFS.glob("*.test.yml"))


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120)


def alerts(text):
    """(name, runbook) of each alert: its lines up to the next rule."""
    for block in re.split(r"^      - (?=alert: |record: )", text, flags=re.M)[1:]:
        if block.startswith("alert: "):
            runbook = re.search(r"runbook: (\S+)", block)
            yield block.splitlines()[0].removeprefix("alert: "), runbook and runbook.group(1)


def test_rules_are_valid():
    outcome = promtool("check", "rules", *map(str, rules()))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("proof", proofs(), ids=lambda proof: proof.name)
def test_alerts_fire_and_end(proof):
    outcome = promtool("test", "rules", str(proof))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_alert_is_proven_to_fire():
    proven = set(re.findall(r'alertname="(\w+)"', "".join(proof.read_text() for proof in proofs())))
    missing = [name for path in rules() for name, _ in alerts(path.read_text()) if name not in proven]
    assert not missing, sources.report(missing)


def test_a_proof_can_fail(tmp_path):
    """An alert that never fires must not pass."""
    broken = tmp_path / "clicks.yml"
    broken.write_text((ALERTS / "clicks.yml").read_text().replace('{dependency="kafka"}) == 0', '{dependency="kafka"}) == 2'))
    proof = tmp_path / "clicks.test.yml"
    proof.write_text(re.sub(r"rule_files: .*", f"rule_files: [{broken}]", (PROOFS / "clicks.test.yml").read_text()))
    assert promtool("test", "rules", str(proof)).returncode != 0


def test_every_alert_links_to_a_section_of_the_runbook():
    headings = {re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
                for line in (ALERTS / "README.md").read_text().splitlines() if line.startswith("## ")}
    found = [(name, runbook) for path in rules() for name, runbook in alerts(path.read_text())]
    assert found
    wrong = [f"{name}: {runbook}" for name, runbook in found
             if runbook is None or not runbook.startswith("topology/alerts/README.md#")
             or runbook.split("#")[1] not in headings]
    assert not wrong, sources.report(wrong)
