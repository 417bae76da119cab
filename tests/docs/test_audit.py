"""The page on the audit against the code."""

import re
import sys
from pathlib import Path

import pytest

from macbdf_mm.commands import audit
from macbdf_mm.prepare.audit.grouped_auc import MIN_GROUPS
from macbdf_mm.prepare.audit.shortcut_probes import (
    LEAK_AUC,
    NUM_STANDARD_ERRORS,
    PROBED_FEATURES,
    SUSPICIOUS_AUC,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "audit.md").read_text()


def first_cells(heading):
    """Return the first column of the table whose first heading is given."""
    table = PAGE.split(f"\n| {heading} | ")[1].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


def test_every_property_has_its_row():
    assert first_cells("property") == list(PROBED_FEATURES)


def test_every_option_has_its_row(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["macbdf audit", "--help"])
    with pytest.raises(SystemExit):
        audit.parse_arguments()
    options = set(re.findall(r"--[\w-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"--[\w-]+", " ".join(first_cells("option")))) == options


def test_limits_are_those_of_the_code():
    assert f"| leak | {LEAK_AUC} or more, and over 0.5 by more than {NUM_STANDARD_ERRORS} " in PAGE
    assert f"| suspicious | {SUSPICIOUS_AUC} or more" in PAGE
    assert f"fewer than {MIN_GROUPS} people or recordings of a class" in PAGE
    assert first_cells("verdict") == ["leak", "suspicious", "none", "unknown"]


def test_links_lead_somewhere():
    for target, anchor in re.findall(r"\]\(([\w/.]+\.md)(?:#([\w-]+))?\)", PAGE):
        headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / target).read_text(), re.M)
        assert not anchor or anchor in [item.lower().replace(" ", "-") for item in headings]
