import dataclasses

import pytest

from macbdf_mm.apis.find_run import read_run
from macbdf_mm.reports import sections
from macbdf_mm.reports.findings import compute_findings


@pytest.fixture
def findings(finished_run):
    return compute_findings(read_run(finished_run))


def test_the_lead_says_what_was_tested(findings):
    text = sections.lead(findings)
    assert "config.py" in text
    assert "6 clips of the data set 'tiny'" in text
    assert "best_auc.pth after 1 epochs" in text
    assert "7 clips of 4 identities that training never saw." in text


def test_the_lead_owns_up_to_shared_or_unknown_identities(findings):
    leaky = dataclasses.replace(findings.run, train_identities={"test0", "test1", "train9"})
    text = sections.lead(dataclasses.replace(findings, run=leaky))
    assert "4 identities, of which training saw 2 too." in text
    rows = {f: dataclasses.replace(row, identity=None) for f, row in findings.run.rows.items()}
    unknown = dataclasses.replace(findings.run, rows=rows)
    text = sections.lead(dataclasses.replace(findings, run=unknown))
    assert "whom the annotation does not tell apart." in text


def test_the_tiles_show_auc_and_always_fake(findings):
    text = sections.key_figures(findings)
    assert "video AUC, 95 % interval" in text
    assert "always saying fake: 57.1%" in text


def test_what_has_no_score_is_named(findings):
    text = sections.breakdown_section(findings)
    assert "Without a score: test_9.mp4: 0 bytes." in text
    assert "no, held out" in text


def test_only_rendered_clips_get_the_banner(findings):
    filmed = dataclasses.replace(
        findings, run=dataclasses.replace(findings.run, is_synthetic=False)
    )
    assert sections.SYNTHETIC_BANNER in "".join(sections.warnings(findings))
    assert sections.warnings(filmed) == []


def test_the_run_can_be_repeated(findings):
    text = sections.run_section(findings)
    for words in ("tools/train.py", "tools/test.py", "tools/make_report.py", "Seed 0", "mmengine"):
        assert words in text
