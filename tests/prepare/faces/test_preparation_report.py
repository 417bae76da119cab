from macbdf_mm.datasets import ClipRow
from macbdf_mm.prepare.faces.preparation_report import PreparationReport
from macbdf_mm.prepare.faces.prepare_clip import ClipResult


def make(tmp_path, *results, crops=None):
    clips = tuple((ClipRow(f"{k}.mp4", k % 2), result) for k, result in enumerate(results))
    return PreparationReport(tmp_path, {"crops": crops}, clips)


def failed(name, reason="dark"):
    return ClipResult(name, name, "failed", reason)


def test_some_failures_are_named_and_the_rest_counted(tmp_path):
    text = make(tmp_path, *[failed(f"{k}.mp4") for k in range(8)]).describe()
    assert text.count("failed: ") == 5
    assert f"and 3 more; see {tmp_path / 'report.json'}" in text


def test_crops_say_how_much_they_cover(tmp_path):
    found = ClipResult("0.mp4", "0", "found", covered_share=0.4)
    report = make(tmp_path, found, failed("1.mp4"), crops={"size": 32})
    text = report.describe()
    assert "covers 50.0 %" in text
    assert str(tmp_path / "failed.json") in text
    assert report.counts()["seen_less_than_half"] == 1


def test_what_is_outstanding_is_said(tmp_path):
    report = make(tmp_path, failed("0.mp4"), None)
    assert report.num_outstanding == 1
    assert "1 clips are not done yet" in report.describe()
    assert report.as_dict()["failed_by_label"] == {"0": {"failed": 1, "clips": 1}}


def test_half_of_the_time_is_not_less_than_half(tmp_path):
    report = make(tmp_path, ClipResult("0.mp4", "0", "found", covered_share=0.5))
    assert report.counts()["seen_less_than_half"] == 0
