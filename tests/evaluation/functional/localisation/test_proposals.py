import json

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation.average_precision import average_precision
from macbdf_mm.evaluation.functional.localisation.matching import match
from macbdf_mm.evaluation.functional.localisation.proposals import (
    FIT_IOUS,
    ProposalSettings,
    default_grid,
    fit_proposals,
    propose,
)
from macbdf_mm.evaluation.functional.localisation.segments import Segments, steps_of_files


def rows(proposals, file=0):
    return [tuple(row) for row in proposals.to_rows()[file].round(6).tolist()]


STEPS = steps_of_files([[0.1, 0.9, 0.7, 0.2, 0.6, 0.1], [0.9], [0.1], []], 0.5)


def test_runs_of_steps_above_a_threshold():
    found = propose(STEPS, ProposalSettings())
    assert rows(found) == [(0.5, 1.5, 0.8), (2.0, 2.5, 0.6)]
    assert rows(found, 1) == [(0.0, 0.5, 0.9)]  # segments end with their file
    assert rows(found, 2) == rows(found, 3) == []


def test_gaps_are_joined_and_count_in_the_mean():
    assert rows(propose(STEPS, ProposalSettings(max_gap_seconds=0.5))) == [(0.5, 2.5, 0.6)]
    assert len(rows(propose(STEPS, ProposalSettings(max_gap_seconds=0.49)))) == 2


def test_short_segments_are_dropped():
    settings = ProposalSettings(min_length_seconds=0.6)
    assert rows(propose(STEPS, settings)) == [(0.5, 1.5, 0.8)]
    assert len(rows(propose(STEPS, ProposalSettings(min_length_seconds=0.5)))) == 2


def test_several_thresholds_without_repetition():
    found = propose(STEPS, ProposalSettings(thresholds=(0.5, 0.55, 0.8)))
    assert rows(found) == [(0.5, 1.0, 0.9), (0.5, 1.5, 0.8), (2.0, 2.5, 0.6)]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("mean", [(0.5, 1.5, 0.8), (2.0, 2.5, 0.6)]),
        ("max", [(0.5, 1.5, 0.9), (2.0, 2.5, 0.6)]),
        # Beside two steps lie one on each side (0.1 and 0.2), beside one step 0.2 and 0.1.
        ("contrast", [(0.5, 1.5, 0.8 * 0.85), (2.0, 2.5, 0.6 * 0.85)]),
    ],
)
def test_scores_of_segments(score, expected):
    found = rows(propose(STEPS, ProposalSettings(segment_score=score)))
    assert found == [pytest.approx(row) for row in expected]


def test_a_segment_that_fills_its_file_has_nothing_beside_it():
    assert rows(propose(STEPS, ProposalSettings(segment_score="contrast")), 1) == [(0.0, 0.5, 0.9)]


def test_maxima_of_overlapping_segments_equal_loops():
    generator = np.random.default_rng(0)
    scores = [generator.random(generator.integers(0, 30)) for _ in range(20)]
    settings = ProposalSettings(thresholds=(0.2, 0.5, 0.8), segment_score="max")
    for file, found in enumerate(propose(steps_of_files(scores, 1.0), settings).to_rows()):
        for start, end, value in found:
            assert value == scores[file][int(start) : int(end)].max()


def test_the_score_of_the_clip_weighs():
    settings = ProposalSettings(clip_power=2.0)
    found = propose(STEPS, settings, np.array([0.5, 1.0, 0.5, 0.5]))
    assert rows(found) == [(0.5, 1.5, 0.2), (2.0, 2.5, 0.15)]
    for scores in (None, np.ones(3)):
        with pytest.raises(ValueError, match="`clip_scores` of the 4 files, got"):
            propose(STEPS, settings, scores)


def test_suppression_and_limit():
    settings = ProposalSettings(thresholds=(0.1, 0.5, 0.8), nms_sigma=0.1)
    plain = propose(STEPS, ProposalSettings(thresholds=(0.1, 0.5, 0.8)))
    suppressed = propose(STEPS, settings)
    assert suppressed.scores.sum() < plain.scores.sum()
    assert suppressed.scores[0] == plain.scores[0]
    assert (np.diff(suppressed.scores[suppressed.files == 0]) <= 0).all()
    limited = propose(STEPS, ProposalSettings(thresholds=(0.1, 0.5, 0.8), max_proposals=1))
    assert limited.counts.max() == 1
    assert rows(limited) == rows(plain)[:1]


def test_no_steps_above():
    found = propose(STEPS, ProposalSettings(thresholds=(0.99,), nms_sigma=0.5))
    assert found.files.size == 0
    assert found.num_files == 4


def forged(num_files=60, seed=0):
    """Steps of 0.2 s, high in a forgery of 1 to 2 s with a hole, in noise; and the forgeries."""
    generator = np.random.default_rng(seed)
    scores, truths = [], []
    for file in range(num_files):
        values = generator.beta(1, 6, 40)
        truths.append([])
        if file % 2:
            first, length = generator.integers(0, 28), generator.integers(5, 11)
            values[first : first + length] = generator.beta(6, 2, length)
            values[first + 2] = 0.05
            truths[-1].append((0.2 * first, 0.2 * (first + length)))
        scores.append(values)
    return steps_of_files(scores, 0.2), Segments.from_files(truths)


def test_settings_are_fitted_on_validation():
    steps, truths = forged()
    settings, value = fit_proposals(steps, truths)
    each = {
        other: float(np.mean(average_precision(match(propose(steps, other), truths, FIT_IOUS))))
        for other in default_grid()
        if not other.clip_power
    }
    assert value == pytest.approx(max(each.values()))
    assert each[settings] == pytest.approx(value)
    assert settings.max_gap_seconds > 0  # it has seen the holes
    assert value > each[ProposalSettings()] + 0.2
    test_steps, test_truths = forged(seed=1)
    other = np.mean(average_precision(match(propose(test_steps, settings), test_truths, FIT_IOUS)))
    assert other == pytest.approx(value, abs=0.2)


def test_clip_scores_widen_the_grid():
    steps, truths = forged()
    clip_scores = (truths.counts > 0).astype(float)
    _, value = fit_proposals(steps, truths, clip_scores)
    assert value >= fit_proposals(steps, truths)[1]


def test_nothing_to_fit():
    steps, _ = forged(2)
    with pytest.raises(ValueError, match="`truths` with forgeries"):
        fit_proposals(steps, Segments.from_files([[], []]))
    with pytest.raises(ValueError, match="a `grid` with settings"):
        fit_proposals(*forged(2), grid=iter(()))


@pytest.mark.parametrize("settings", [ProposalSettings(), *default_grid()][::7])
def test_settings_survive_a_checkpoint_and_a_file(settings):
    assert np.isfinite(settings.values).all()
    assert ProposalSettings.from_values(settings.values) == settings
    assert ProposalSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_zeros_are_no_settings():
    assert ProposalSettings.from_values(np.zeros(24)) is None


def test_a_checkpoint_has_room_for_so_many_thresholds():
    with pytest.raises(ValueError, match="Expected up to 17 `thresholds`, got 18"):
        _ = ProposalSettings(thresholds=(0.5,) * 18).values
