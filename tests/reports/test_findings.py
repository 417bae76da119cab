import json

import pytest
from sklearn.metrics import roc_auc_score

from macbdf_mm.apis.find_run import read_run
from macbdf_mm.errors import MissingDataError
from macbdf_mm.reports.findings import compute_findings


def test_figures_and_curves_of_the_three_tracks(finished_run):
    findings = compute_findings(read_run(finished_run))
    overall = roc_auc_score([0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.8, 0.9, 0.7, 0.6, 0.95])
    assert findings.figures["overall"]["auc"] == pytest.approx(overall)
    assert [curve.track for curve in findings.curves] == ["overall", "video", "audio"]
    # At 0.5 one of three real clips is called fake, and all four fakes are found.
    assert findings.curves[0].operating_point == pytest.approx((1 / 3, 1.0))
    assert findings.thresholds["audio"] == 0.55
    assert len(findings.stories) == 5


def test_a_track_of_one_class_has_no_curve(finished_run):
    path = finished_run / "test_scores.json"
    content = json.loads(path.read_text())
    for row in content["videos"]:
        row["audio_label"] = 0
    path.write_text(json.dumps(content))
    findings = compute_findings(read_run(finished_run))
    assert [curve.track for curve in findings.curves] == ["overall", "video"]


def test_a_test_without_scores_is_refused(finished_run, write_result):
    write_result(finished_run / "test_scores.json", videos=[])
    with pytest.raises(MissingDataError, match=r"No tested clip .* has a score"):
        compute_findings(read_run(finished_run))
