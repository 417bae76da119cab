import json
import math
from dataclasses import replace

import pytest

from macbdf_mm.evaluation.functional.comparison import SeedDifference
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.system_comparison import System, compare_systems
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.comparison_tables import (
    comparison_sentences,
    comparison_tables,
    comparison_to_json,
)
from macbdf_mm.structures.labels import TRACKS


def run_of(scores):
    videos = [
        VideoScores(
            str(i), dict.fromkeys(TRACKS, score), dict.fromkeys(TRACKS, i % 2), dataset="tiny"
        )
        for i, score in enumerate(scores)
    ]
    return ScoreSet(videos, dict.fromkeys(TRACKS, 0.5))


RIGHT = run_of([0.1 + 0.001 * i + 0.7 * (i % 2) for i in range(40)])
WRONG = run_of([0.5 + 0.4 * (i // 2 % 2) - 0.1 * (i % 3) for i in range(40)])


@pytest.fixture(scope="module")
def found():
    return compare_systems([System("new", [RIGHT]), System("old", [WRONG])], num_resamples=100)


def test_one_sentence_says_which_is_better_and_how_sure(found):
    first, data, policy, rest = comparison_sentences(found)
    assert first.startswith(
        "new is better than old on clips like these: overall AUC 1.0000 against"
    )
    assert "by DeLong's test over clusters)" in first
    assert "one run of each cannot say" in first
    assert data == "Data set tiny: 40 clips compared."
    assert policy == (
        "Clips without a score are left out (policy exclude); left out: 0 labelled clips without "
        "a score of every run, 0 without a label."
    )
    assert rest == (
        "Intervals and tests take 40 clusters of clips (by clip) as independent; 100 resamples."
    )
    turned = compare_systems([System("old", [WRONG]), System("new", [RIGHT])], num_resamples=100)
    assert comparison_sentences(turned)[0] == first, "the better one stands first"


def test_no_difference_is_not_called_one():
    same = compare_systems([System("a", [RIGHT]), System("b", [RIGHT])], num_resamples=20)
    assert comparison_sentences(same)[0].startswith("Neither a nor b is shown to be better")


@pytest.mark.parametrize(("p_value", "said"), [(0.01, "holds: +0.0500"), (0.3, "is not shown: ")])
def test_training_seeds_have_a_verdict_of_their_own(found, p_value, said):
    seeds = SeedDifference(0.05, -0.01, 0.11, p_value)
    several = replace(found, pairs=[replace(found.pairs[0], seeds=seeds)])
    assert f"Over training seeds the difference {said}" in comparison_sentences(several)[0]


def test_few_persons_are_said():
    few = [replace(each, videos=each.videos[:12]) for each in (RIGHT, WRONG)]
    found = compare_systems([System("a", few[:1]), System("b", few[1:])], num_resamples=20)
    first, *_, said = comparison_sentences(found)
    assert said.startswith("Real clips are in 6 clusters and fakes in 6: with fewer than 10")
    assert "cannot be said: overall AUC 1.0000 against" in first
    assert "but the clips are of 12 clusters only" in first
    *_, pair = comparison_tables(found).values()
    assert {row[3:] for row in pair.rows} == {("-", "-")}


def test_a_table_of_each_pair_says_which_is_better_in_what(found):
    systems, pair = comparison_tables(found).values()
    assert systems.headers == ("", "new", "old", '"always fake", overall')
    assert systems.rows[0][:2] == ("AUC", "1.000")
    by_name = {row[0]: row[1:] for row in systems.rows}
    assert (by_name["AUC"][2], by_name["ACC"][2]) == ("0.500", "0.500")
    assert by_name["scored of labelled"] == ("40 of 40", "40 of 40", "")
    rows = {row[0]: row for row in pair.rows}
    assert rows["AUC"][-1] == rows["EER"][-1] == rows["Brier score"][-1] == "new"
    assert rows["EER"][1].startswith("-")


def test_the_file_is_plain_json(found):
    text = json.dumps(comparison_to_json(found), allow_nan=False)
    content = json.loads(text)
    assert content["pairs"][0]["names"] == ["new", "old"]
    assert (content["dataset"], content["is_synthetic"]) == ("tiny", None)
    assert content["always_fake"]["acc"] == 0.5
    assert content["missing"] == "exclude"
    assert content["verdicts"] == comparison_sentences(found)


def test_the_policy_and_the_coverage_of_each_file_are_said():
    lost = replace(RIGHT.videos[0], scores=dict.fromkeys(TRACKS, math.nan))
    holes = replace(RIGHT, videos=[lost, *RIGHT.videos[1:]], origin={"synthetic": True})
    both = [System("whole", [RIGHT]), System("holes", [holes, RIGHT])]
    found = compare_systems(both, missing="as-real", num_resamples=20)
    assert found.common.coverage == {"whole": (40, 40), "holes": (39, 40)}
    text = " ".join(comparison_sentences(found))
    assert "Clips without a score count as real (score 0) (policy as-real); left out: 0" in text
    assert "Synthetic data: the clips are rendered" in text
    [title] = [name for name in comparison_tables(found) if "overall score" in name]
    assert title.startswith("40 clips, overall score")
    assert "1 labelled clip without a score of every run" in " ".join(
        comparison_sentences(compare_systems(both, num_resamples=20))
    )


def test_a_p_value_that_underflows_is_no_zero(found):
    [pair] = found.pairs
    sure = replace(found, pairs=[replace(pair, auc=pair.auc._replace(p_value=0.0))])
    assert "; p < 1e-16 by DeLong's test" in comparison_sentences(sure)[0]
    unsure = replace(found, pairs=[replace(pair, auc=pair.auc._replace(p_value=0.25))])
    assert "; p = 0.250 by DeLong's test" in comparison_sentences(unsure)[0]


def test_clips_of_one_person_tell_nothing_of_others():
    one = [
        replace(run, videos=[replace(v, groups={"identity": "anna"}) for v in run.videos])
        for run in (RIGHT, WRONG)
    ]
    alone = compare_systems([System("a", [one[0]]), System("b", [one[1]])], num_resamples=20)
    first = comparison_sentences(alone)[0]
    assert first.startswith(
        "Whether a is better than b on clips like these cannot be said: overall"
    )
    assert "nan" not in first
    for row in comparison_tables(alone)["a minus b"].rows:
        assert list(row[2:]) == ["-"] * 3
