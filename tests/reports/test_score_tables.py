import json
import math
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.evaluation.functional.uncertain_band import UncertainBand
from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.score_file import ScoreSet, read_scores, write_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.score_tables import score_tables
from macbdf_mm.structures.labels import CATEGORIES, TRACKS

TOOLS = Path(__file__).parents[2] / "tools"
NAN = math.nan


def score_set(num, seed=0, num_persons=10):
    """Clips of all categories, of some persons and methods; the last has no score."""
    rng = np.random.default_rng(seed)
    videos = []
    for index in range(num):
        video, audio = list(CATEGORIES)[index % 4]
        labels = dict(zip(TRACKS, (video | audio, video, audio), strict=True))
        scores = {
            t: float(np.clip(rng.normal(0.3 + 0.4 * v, 0.2), 0, 1)) for t, v in labels.items()
        }
        method = ("swap", "lips")[index // 4 % 2]
        groups = {"category": CATEGORIES[video, audio], "identity": f"p{index % num_persons}"}
        groups |= {"gender": "fm"[index % num_persons % 2]}
        if video:
            groups |= {"video_method": method, "method": method}
        videos.append(VideoScores(f"{index:06}.mp4", scores, labels, dataset="d", groups=groups))
    videos[-1] = replace(videos[-1], scores=dict.fromkeys(TRACKS, NAN), error="0 bytes")  # FVFA
    return ScoreSet(videos, {"overall": 0.5, "video": 0.45, "audio": 0.55}, True)


SCORES = score_set(60)


def test_tables_are_those_of_the_measures():
    found = score_tables(SCORES, num_resamples=50)
    assert list(found.tables) == [
        "All clips",
        "By category (overall score)",
        "By method of the clip (overall score)",
        "By video operator (video score)",
    ]
    table = found.tables["All clips"]
    assert table.headers == ("", "overall", "video", "audio", '"always fake", overall')
    figures = measure_track(SCORES.videos, "video", 0.45, 50)
    cells = {row[0]: row for row in table.rows}
    expected = "{auc:.3f} ({auc_low:.3f} to {auc_high:.3f})".format(**figures)
    assert cells["AUC"][2] == expected
    assert cells["scored of labelled"] == ("scored of labelled", *["59 of 60"] * 3, "")


def test_notes_say_coverage_clusters_and_thresholds():
    assert score_tables(SCORES, num_resamples=20).notes == [
        "Data set d: 60 clips, 15 real and 45 fake.",
        "59 of 60 clips have a score (98.3%). Clips without a score are left out (policy exclude): "
        "000059.mp4 (0 bytes).",
        "Intervals are 95 %, by a bootstrap of 10 clusters of clips (by identity), 20 resamples.",
        "Real clips are in 5 clusters and fakes in 10: with fewer than 10 of either, intervals are "
        "too narrow.",
        "The thresholds were chosen on validation data.",
        "The scores were not calibrated, so they need not be probabilities.",
        "Forgeries are not located in time: there are no scores of time steps.",
    ]


def test_notes_say_what_is_rendered_and_where_clusters_are_few():
    few = replace(SCORES, videos=SCORES.videos[:4], origin={"synthetic": True})
    notes = score_tables(few, num_resamples=20).notes
    assert notes[0] == "Data set d: 4 clips, 1 real and 3 fake."
    assert notes[1].startswith("Synthetic data: the clips are rendered, not filmed")
    assert "4 clusters of clips (by identity)" in notes[3]
    assert notes[4].startswith("Real clips are in 1 cluster and fakes in 3: with fewer than 10")
    of_one = [replace(v, groups={**v.groups, "identity": "ann"}) for v in SCORES.videos[:8]]
    found = score_tables(replace(few, videos=of_one), num_resamples=20)
    assert found.notes[3] == (
        "There are no intervals: each class has a single cluster of clips (by identity)."
    )
    assert all(" to " not in cell for row in found.tables["All clips"].rows for cell in row)
    real = replace(few, videos=[replace(SCORES.videos[0], dataset=None)], origin={})
    notes = score_tables(real, num_resamples=0).notes
    assert notes[:3] == [
        "A data set without a name: 1 clip, 1 real and 0 fake.",
        "1 of 1 clip has a score (100.0%). Clips without a score are left out (policy exclude).",
        "There are no intervals: nothing was resampled.",
    ]


def test_the_table_of_verdicts_counts_what_is_uncertain_and_wrong_outside():
    platt = {"method": "platt", "num_real": 50, "num_fake": 50, "slope": 1.0, "bias": 0.0}
    none = {"method": "none", "num_real": 0, "num_fake": 50}
    band = UncertainBand(0.3, 0.7, 0.1, 0.95, 0.08, 80, 3, 100)
    maps = {"overall": platt, "video": platt, "audio": none}
    scores = replace(SCORES, calibration=ScoreCalibration(maps, band))
    found = score_tables(scores, num_resamples=0)
    clips = [(v.labels["overall"], v.scores["overall"]) for v in SCORES.videos if v.is_scored]
    for row, group in zip(
        found.tables["Verdicts (overall score)"].rows, ((0, 1), (0,), (1,)), strict=True
    ):
        values = [(label, score) for label, score in clips if label in group]
        decided = [(label, score) for label, score in values if not 0.3 <= score <= 0.7]
        shares = [
            np.mean([score < 0.3 for _, score in values]),
            np.mean([0.3 <= score <= 0.7 for _, score in values]),
            np.mean([score > 0.7 for _, score in values]),
            np.mean([label != (score > 0.7) for label, score in decided]),
        ]
        assert row[1:] == (str(len(values)), *(f"{share:.0%}" for share in shares))
    outside = [(label, score) for label, score in clips if not 0.3 <= score <= 0.7]
    assert found.figures["verdicts/uncertain_share"] == pytest.approx(1 - len(outside) / len(clips))
    assert found.figures["verdicts/error_bound"] == 0.08
    assert found.notes[-3:-1] == [
        "The scores were calibrated on validation data, but not those of audio.",
        "Overall scores from 0.300 to 0.700 are uncertain: on validation data, 3 of 80 verdicts "
        "outside were wrong, which bounds their share to 8.0% (confidence 95%).",
    ]
    without = replace(scores, calibration=ScoreCalibration(maps))
    found = score_tables(without, num_resamples=0)
    assert "Verdicts (overall score)" not in found.tables
    assert found.notes[-2].startswith("No score is uncertain: validation data assure")


@pytest.mark.parametrize(
    ("policy", "words", "found"),
    [("exclude", "are left out", 44), ("as-fake", "count as fake", 45), ("as-real", "as real", 45)],
)
def test_the_policy_for_missing_clips_is_named_and_followed(policy, words, found):
    tables = score_tables(SCORES, policy, num_resamples=0)
    assert words in tables.notes[1]
    assert f"(policy {policy})" in tables.notes[1]
    cells = {row[0]: row[1] for row in tables.tables["All clips"].rows}
    assert cells["fake"] == str(found)
    assert cells["scored of labelled"] == "59 of 60", "the policy hides nothing"
    right = {
        policy: float(score_tables(SCORES, policy, num_resamples=0).tables["All clips"].rows[3][1])
        for policy in ("as-real", "as-fake")
    }
    assert right["as-fake"] - right["as-real"] == pytest.approx(1 / 60, abs=2e-3)


def test_any_column_can_be_asked_for():
    table = score_tables(SCORES, columns=["gender"], num_resamples=20).tables[
        "By gender (overall score)"
    ]
    assert [row[:2] for row in table.rows] == [("f", "30 of 30"), ("m", "29 of 30")]
    assert table.headers == ("gender", "scored", "called fake", "AUC", "ACC")
    with pytest.raises(ValueError, match=r"no column 'age' for --by; it has .*category, gender"):
        score_tables(SCORES, columns=["age"])


def test_markdown_and_json_hold_the_same():
    found = score_tables(SCORES, num_resamples=0)
    text, content = found.to_markdown(), found.to_json()
    assert "### By category (overall score)" in text
    assert content["notes"] == list(found.notes)
    assert content["figures"]["overall/auc"] == found.tracks["overall"]["auc"]
    # 44 of the 59 clips with a score are fake.
    assert content["figures"]["always_fake/acc"] == pytest.approx(44 / 59)
    assert "video/num_fake" in content["figures"]
    assert content["reliability"]["overall"]["error"] == found.figures["overall/ece"]
    json.dumps(content, allow_nan=False)
    for row in content["tables"]["All clips"]["rows"]:
        assert f"| {' | '.join(row)} |" in text


def test_the_commands_need_no_torch(tmp_path):
    """Score files are read, printed and compared by a process that never loads torch."""
    write_scores(SCORES, tmp_path / "a.jsonl")
    write_scores(score_set(60, seed=1), tmp_path / "b.jsonl")
    save_annotation(tmp_path / "ann.json", {"dataset": "d"}, [ClipRow("x/1.mp4", 1, 1, 1)])
    (tmp_path / "their.csv").write_text("path,score\n1.mp4,0.5\n2.mp4,0.5\n")
    few = ["--num-resamples", "20"]
    calls = [
        [f"{TOOLS}/import_scores.py", "their.csv", "ann.json", "their.jsonl"],
        [f"{TOOLS}/score_tables.py", "a.jsonl", "--out", "out", *few],
        [f"{TOOLS}/compare.py", "a.jsonl", "b.jsonl", "--json", "c.json", *few],
        [f"{TOOLS}/compare.py", "--system", "ours", "a.jsonl", "b.jsonl", "--system", "their",
         "b.jsonl", *few],
    ]  # fmt: skip
    code = (
        "import runpy, sys\n"
        f"for sys.argv in {calls!r}:\n"
        "    try:\n"
        "        runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, end\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 of 1 clip scored, 0 missing." in done.stdout
    assert "1 path of the table names no clip of the annotation: 2.mp4" in done.stdout
    assert read_scores(tmp_path / "their.jsonl").videos[0].file == "x/1.mp4"
    for words in ("0 bytes", "a minus b", "ours minus their", "(2 seeds)", "10 clusters only"):
        assert words in done.stdout
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tables.json", "tables.md", "videos.csv", "roc.png", "reliability.png"}
    assert (tmp_path / "c.json").is_file()


@pytest.mark.slow  # about half a minute and more on a busy machine
def test_a_hundred_thousand_clips_take_a_minute_and_two_gigabytes(tmp_path):
    write_scores(score_set(100_000, num_persons=500), tmp_path / "s.jsonl")
    begin = time.process_time()
    score_tables(read_scores(tmp_path / "s.jsonl"), columns=["gender"])
    assert time.process_time() - begin < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20, "KiB"
