"""AP and AR against loops, and against the public evaluation where it is installed."""

import importlib.machinery
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.cluster_bootstrap import ClassesOfClusters
from macbdf_mm.evaluation.functional.clusters import Clusters
from macbdf_mm.evaluation.functional.localisation.average_precision import (
    AVDEEPFAKE1M,
    LAVDF,
    RECALL_IOUS,
    Localisation,
    average_precision,
    average_recall,
    challenge_score,
    localisation_bootstrap,
    localise,
)
from macbdf_mm.evaluation.functional.localisation.matching import match
from macbdf_mm.evaluation.functional.localisation.segments import Segments

IOUS = (0.5, 0.75, 0.9, 0.95)


def draw(seed: int, num_files: int = 40, levels: int = 10**6, has_empty: bool = True):
    """Proposals near the forgeries of each file and anywhere, unsorted, as rows."""
    generator = np.random.default_rng(seed)
    proposals, truths = [], []
    for _ in range(num_files):
        count = generator.integers(0, 4)
        starts = 3 * np.arange(count) + generator.random(count)
        forged = np.stack([starts, starts + 0.3 + generator.random(count)], axis=1)
        near = np.repeat(forged, generator.integers(0, 3), axis=0)
        near = near + generator.normal(0, 0.04, near.shape)
        far = generator.random((generator.integers(0 if has_empty else 1, 4), 1)) * 9
        far = np.hstack([far, far + 0.5])
        rows = np.vstack([near, far])
        scores = generator.integers(1, levels, len(rows)) / levels
        scores[: len(near)] = (2 * scores[: len(near)] + 1) / 3
        rows = np.column_stack([np.sort(rows, axis=1), scores])
        proposals.append(generator.permutation(rows))
        truths.append(forged)
    return proposals, truths


def ap_by_loop(hits, scores, num_truths):
    """The area under precision, interpolated, over each step of recall, ties as one point."""
    points = []
    for threshold in sorted(set(scores), reverse=True):
        called = [hit for hit, score in zip(hits, scores, strict=True) if score >= threshold]
        points.append((sum(called) / num_truths, sum(called) / len(called)))
    area, last = 0.0, 0.0
    for index, (recall, _) in enumerate(points):
        area += (recall - last) * max(precision for _, precision in points[index:])
        last = recall
    return area


@pytest.mark.parametrize("levels", [5, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_ap_equals_a_loop(seed, levels):
    proposals, truths = draw(seed, levels=levels)
    matches = match(Segments.from_files(proposals), Segments.from_files(truths), IOUS)
    for row, value in enumerate(average_precision(matches)):
        hits, scores = matches.is_hit[row].tolist(), matches.proposals.scores.tolist()
        assert value == pytest.approx(ap_by_loop(hits, scores, sum(map(len, truths))), abs=1e-12)


@pytest.mark.parametrize("num_proposals", [1, 2, 5, 100])
@pytest.mark.parametrize("convention", ["exact", "avdeepfake1m"])
def test_ar_equals_matching_the_first_proposals_only(convention, num_proposals):
    proposals, truths = draw(3)
    if convention == "exact":
        first = [rows[np.argsort(-rows[:, 2])][:num_proposals] for rows in proposals]
    else:
        first = [rows[:num_proposals] for rows in proposals]
    labels = Segments.from_files(truths)
    whole = match(Segments.from_files(proposals), labels, RECALL_IOUS, convention)
    part = match(Segments.from_files(first), labels, RECALL_IOUS, convention)
    assert average_recall(whole, num_proposals) == average_recall(part, 10**6)


def perfect(num_files, num_truths=1):
    return [[(2.0 * k, 2.0 * k + 1, 0.9) for k in range(num_truths)] for _ in range(num_files)]


@pytest.mark.parametrize("count", [1, 4, 100])
def test_perfect_proposals(count):
    segments = Segments.from_files(perfect(count))
    assert average_precision(match(segments, segments, IOUS)).tolist() == [1, 1, 1, 1]
    public = average_precision(match(segments, segments, IOUS, "avdeepfake1m"))
    assert public == pytest.approx([1 - 1 / count] * 4)
    for convention in ("exact", "avdeepfake1m"):
        assert average_recall(match(segments, segments, RECALL_IOUS, convention), 1) == 1


def test_no_proposals_and_no_forgeries():
    truths, none = Segments.from_files([[(0, 1)]]), Segments.from_files([[]])
    for convention in ("exact", "avdeepfake1m"):
        empty = localise(none, truths, convention)
        assert set(empty.values()) == {0.0}
        assert all(math.isnan(value) for value in localise(truths, none, convention).values())
        assert all(math.isnan(value) for value in localise(none, none, convention).values())


def test_neither_order_nor_files_without_anything_count_in_exact():
    proposals, truths = draw(5, levels=6)
    expected = localise(Segments.from_files(proposals), Segments.from_files(truths))
    generator = np.random.default_rng(0)
    order = generator.permutation(len(truths))
    shuffled = [generator.permutation(proposals[file]) for file in order]
    other = localise(
        Segments.from_files([[], *shuffled]), Segments.from_files([[], *(truths[f] for f in order)])
    )
    assert other == pytest.approx(expected, abs=1e-12)


def test_unsorted_proposals_in_the_public_convention():
    truths = Segments.from_files([[(0, 1)]] * 2)
    rows = [(0, 1, 0.9), (5, 6, 0.1)]
    for order, recall in ((rows, 1.0), (rows[::-1], 0.0)):
        matches = match(Segments.from_files([order] * 2), truths, RECALL_IOUS, "avdeepfake1m")
        assert average_recall(matches, 1) == recall


@pytest.mark.parametrize(("above", "expected"), [(1e-12, 1 / 3), (1e-3, 2 / 3)])
def test_the_public_convention_tells_scores_apart_as_float32_does(above, expected):
    truths = Segments.from_files([[(0, 1)], [], [(0, 1)]])
    proposals = Segments.from_files([[(0, 1, 0.5)], [(5, 6, 0.5 + above)], [(0, 1, 0.4)]])
    # Tied, the hit comes first, and its step is left out; else the false one does.
    matches = match(proposals, truths, [0.5], "avdeepfake1m")
    assert average_precision(matches)[0] == pytest.approx(expected)


def test_duplicates_are_false_but_for_one():
    truths = Segments.from_files([[(0, 1)], [(0, 1)]])
    proposals = Segments.from_files([[(0, 1, 0.9), (0, 1, 0.8)], [(0, 1, 0.7)]])
    # Precision is 1, 1/2 and 2/3 at recall 1/2, 1/2 and 1.
    assert average_precision(match(proposals, truths, [0.5]))[0] == pytest.approx(1 / 2 + 1 / 3)


def test_challenge_score_is_an_eighth_and_a_tenth():
    proposals, truths = draw(6)
    figures = localise(
        Segments.from_files(proposals), Segments.from_files(truths), "avdeepfake1m", AVDEEPFAKE1M
    )
    expected = sum(figures[f"ap@{iou}"] for iou in IOUS) / 8
    expected += sum(figures[f"ar@{number}"] for number in (50, 30, 20, 10, 5)) / 10
    assert challenge_score(figures) == pytest.approx(expected)
    with pytest.raises(ValueError, match="`figures` with ar@30, ar@5: measure them first"):
        challenge_score(localise(Segments.from_files(proposals), Segments.from_files(truths)))


def test_no_proposals_wanted():
    segments = Segments.from_files(perfect(1))
    with pytest.raises(ValueError, match="`num_proposals` > 0, got 0"):
        average_recall(match(segments, segments, IOUS), 0)


def persons(num_files: int, num_persons: int) -> Clusters:
    return Clusters.of(np.arange(num_files) % num_persons, "identity")


@pytest.mark.parametrize("convention", ["exact", "avdeepfake1m"])
def test_resamples_equal_measuring_the_drawn_files(convention):
    proposals, truths = draw(7, levels=8 if convention == "exact" else 10**6)
    clusters = persons(40, 8)
    found = localisation_bootstrap(
        Segments.from_files(proposals), Segments.from_files(truths), clusters, convention,
        num_resamples=6, seed=2,
    )  # fmt: skip
    assert found.clusters.kind == "identity"
    has_forgery = np.array([len(rows) > 0 for rows in truths]).astype(int)
    counts = np.concatenate(list(ClassesOfClusters(has_forgery, clusters).draw(6, seed=2)))
    for row, count in enumerate(counts.astype(int)):
        files = [file for file in range(40) for _ in range(count[file % 8])]
        expected = localise(
            Segments.from_files([proposals[file] for file in files]),
            Segments.from_files([truths[file] for file in files]),
            convention,
        )
        for name, value in expected.items():
            assert found.replicates[name][row] == pytest.approx(value, abs=1e-9), name


def test_intervals_hold_the_values():
    proposals, truths = draw(8, num_files=200)
    found = localisation_bootstrap(
        Segments.from_files(proposals), Segments.from_files(truths), persons(200, 40)
    )
    assert list(found.estimates) == [
        "ap@0.5", "ap@0.75", "ap@0.9", "ap@0.95", "ar@100", "ar@50", "ar@20", "ar@10",
    ]  # fmt: skip
    assert all(estimate.low <= estimate.value <= estimate.high
               for estimate in found.estimates.values())  # fmt: skip
    assert found.estimates["ap@0.5"].high - found.estimates["ap@0.5"].low > 0.01


def files_of_persons(seed: int, num_persons: int, per_person: int):
    """A forgery and a proposal in each file; how well both agree depends on the person."""
    generator = np.random.default_rng(seed)
    num = num_persons * per_person
    person = np.repeat(np.arange(num_persons), per_person)
    skill = generator.normal(size=num_persons)[person]
    shifts = np.where(skill + 0.7 * generator.normal(size=num) > 0, 0.0, 5.0)
    scores = 1 / (1 + np.exp(-generator.normal(size=num) - (shifts == 0)))
    files, one = np.arange(num), np.ones(num)
    proposals = Segments(num, files, 1.0 + shifts, 2.0 + shifts, scores)
    return proposals, Segments(num, files, one, 2 * one, one), person


def test_coverage_with_correlated_files_is_near_nominal_by_person_only():
    measured = Localisation((0.5,), (10,))
    proposals, truths, _ = files_of_persons(0, 200_000, 1)
    truth = localise(proposals, truths, measured=measured)
    hits = {(name, kind): 0 for name in truth for kind in ("identity", "clip")}
    for seed in range(1, 101):
        proposals, truths, person = files_of_persons(seed, 40, 8)
        for kind, group in (("identity", person), ("clip", np.arange(person.size))):
            clusters = Clusters.of(group, kind)
            found = localisation_bootstrap(
                proposals, truths, clusters, measured=measured, num_resamples=200, seed=seed
            )
            for name, (_, low, high) in found.estimates.items():
                hits[name, kind] += low <= truth[name] <= high
    # 100 sets: a share of 0.95 has a standard error of 0.022.
    assert all(0.87 <= hits[name, "identity"] / 100 <= 0.99 for name in truth), hits
    assert all(hits[name, "clip"] / 100 < 0.75 for name in truth), hits


def public_evaluation():
    """The compiled part of the wheel ``avdeepfake1m`` alone: the rest imports much else."""
    spec = importlib.util.find_spec("avdeepfake1m")
    files = [
        file
        for folder in (spec.submodule_search_locations if spec else ()) or ()
        for file in Path(folder).glob("_evaluation*")
    ]
    if not files:
        pytest.skip("The wheel `avdeepfake1m` is not installed.")
    loader = importlib.machinery.ExtensionFileLoader("_evaluation", str(files[0]))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_evaluation", loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(("seed", "levels"), [(0, 10**6), (1, 10**6), (2, 4), (3, 4)])
def test_public_convention_equals_the_public_evaluation(seed, levels, tmp_path):
    public = public_evaluation()
    proposals, truths = draw(seed, num_files=80, levels=levels, has_empty=False)
    proposals[0] = np.array([[0.0, 0.5, 0.3]] * 2)  # duplicates
    names = [f"{file}.mp4" for file in range(80)]
    predictions = {
        name: rows[:, [2, 0, 1]].tolist() for name, rows in zip(names, proposals, strict=True)
    }
    metadata = [
        {"file": name, "fake_segments": rows.tolist()}
        for name, rows in zip(names, truths, strict=True)
    ]
    for name, content in (("predictions", predictions), ("metadata", metadata)):
        (tmp_path / name).write_text(json.dumps(content))
    counts = (1, 2, 5, 10, 50)
    expected = public.ap_ar_1d(
        str(tmp_path / "predictions"), str(tmp_path / "metadata"), "file", "fake_segments", 1.0,
        list(IOUS), list(counts), list(RECALL_IOUS),
    )  # fmt: skip
    found = localise(
        Segments.from_files(proposals),
        Segments.from_files(truths),
        "avdeepfake1m",
        Localisation(IOUS, counts),
    )
    # It sums in float32.
    for iou, value in expected["ap"].items():
        assert found[f"ap@{iou:.3g}"] == pytest.approx(value, abs=1e-5)
    for number, value in expected["ar"].items():
        assert found[f"ar@{number}"] == pytest.approx(value, abs=1e-6)
    assert 0 < found["ap@0.5"] < 1


def test_columns_of_published_tables():
    assert LAVDF == ((0.5, 0.75, 0.9, 0.95), (100, 50, 20, 10))
    assert AVDEEPFAKE1M.ar_counts == (50, 30, 20, 10, 5)
    assert pytest.approx(np.arange(0.5, 1, 0.05)) == RECALL_IOUS


def test_files_of_one_person_have_no_intervals():
    rows = [[[0.0, 1.0, 0.9]], [[0.0, 1.0, 0.8]], [[2.0, 3.0, 0.7]]]
    wanted = Segments.from_files([[[0.0, 1.0]], [[0.0, 1.0]], [[0.0, 1.0]]])
    for index, is_defined in (([0, 0, 0], False), ([0, 0, 1], True)):
        clusters = Clusters.of(index, "identity")
        drawn = localisation_bootstrap(
            Segments.from_files(rows), wanted, clusters, num_resamples=20
        )
        estimate = drawn.estimates["ap@0.5"]
        assert estimate.value == pytest.approx(2 / 3)
        assert np.isfinite([estimate.low, estimate.high]).all() == is_defined
