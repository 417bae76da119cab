"""tools/convert_dataset.py and tools/make_splits.py as a user calls them."""

import json

from dfdc_tree import write_dfdc_tree


def test_convert_then_split(run_tool, tmp_path):
    truth = write_dfdc_tree(tmp_path / "dfdc", num_originals=2)
    converted = run_tool("convert_dataset", "dfdc", "dfdc", "dfdc/annotation.json", "--workers", 2)
    assert converted.returncode == 0, converted.stderr[-2000:]
    assert f"{len(truth)} rows written to dfdc/annotation.json" in converted.stdout
    assert "comparisons: 6/6 files" in converted.stderr
    report = json.loads((tmp_path / "dfdc/annotation.report.json").read_text())
    assert report["counts"]["category"] == {
        "FVFA": 2,
        "FVRA": 2,
        "RVFA": 2,
        "RVRA": 4,
        "unknown": 2,
    }

    split = run_tool("make_splits", "dfdc/annotation.json", "dfdc/annotation.json")
    assert split.returncode == 0, split.stderr[-2000:]
    assert "name official" in split.stdout
    assert "in more than one part: 0 recordings, 0 identities" in split.stdout


def test_errors_are_one_sentence(run_tool, tmp_path):
    for tool, arguments, message in (
        ("convert_dataset", ("dfdc", "gone", "out.json"), "error: No data folder at gone"),
        ("make_splits", ("gone.json", "out.json"), "error: No annotation file at gone.json"),
    ):
        done = run_tool(tool, *arguments)
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1].startswith(message)
        assert "Traceback" not in done.stderr
    done = run_tool("make_splits", "a.json", "b.json", "--shares", "train:0.7")
    assert done.returncode == 2
    assert "expected PART=SHARE, got 'train:0.7'" in done.stderr
