import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation import matching
from macbdf_mm.evaluation.functional.localisation.matching import NOT_FOUND, match
from macbdf_mm.evaluation.functional.localisation.segments import Segments


def iou_of(a, b):
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - shared
    return shared / union if union > 0 else 0.0


def exact_by_loop(proposals, truths, threshold):
    """Hits of a file's proposals (best first) and the rank that finds each forgery."""
    order = sorted(range(len(proposals)), key=lambda i: (-proposals[i][2], *proposals[i][:2]))
    hits, found = [], [NOT_FOUND] * len(truths)
    for rank, index in enumerate(order):
        free = [g for g in range(len(truths)) if found[g] == NOT_FOUND]
        best = max(free, key=lambda g: (iou_of(proposals[index], truths[g]), -g), default=None)
        is_hit = best is not None and iou_of(proposals[index], truths[best]) >= threshold - 1e-9
        hits.append(is_hit)
        if is_hit:
            found[best] = rank
    return hits, found


def public_by_loop(proposals, truths, threshold):
    """The same by the public rule, in the order given."""
    hits, found = [False] * len(proposals), [NOT_FOUND] * len(truths)
    for g, truth in enumerate(truths):
        near = [i for i, row in enumerate(proposals) if iou_of(row, truth) > threshold]
        if near:
            found[g] = near[0]
        for i in near:
            if not hits[i]:
                hits[i] = True
                break
    return hits, found


def draw(seed, num_files=25):
    """Files whose proposals lie about forgeries, which may overlap each other; ties in scores."""
    generator = np.random.default_rng(seed)
    proposals, truths = [], []
    for _ in range(num_files):
        starts = generator.random(generator.integers(0, 4)) * 4
        forged = [(s, s + 0.5 + generator.random()) for s in starts]
        rows = [
            (*np.sort(np.array(generator.choice(forged or [(0, 1)])) + generator.normal(0, 0.2, 2)),
             generator.integers(0, 5) / 5)
            for _ in range(generator.integers(0, 7))
        ]  # fmt: skip
        proposals.append(rows)
        truths.append(forged)
    return proposals, truths


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("convention", "by_loop"), [("exact", exact_by_loop), ("avdeepfake1m", public_by_loop)]
)
def test_equals_loops_over_files(convention, by_loop, seed, monkeypatch):
    monkeypatch.setattr(matching, "_PAIRS_AT_ONCE", 7)  # pairs come in many parts
    proposals, truths = draw(seed)
    thresholds = (0.1, 0.3, 0.5, 0.75)  # below 0.5, a proposal can hit several
    found = match(
        Segments.from_files(proposals), Segments.from_files(truths), thresholds, convention
    )
    for row, threshold in enumerate(thresholds):
        each = [by_loop(*pair, threshold) for pair in zip(proposals, truths, strict=True)]
        hits = np.concatenate([hits for hits, _ in each])
        ranks = np.concatenate([ranks for _, ranks in each])
        np.testing.assert_array_equal(found.is_hit[row], hits.astype(bool))
        np.testing.assert_array_equal(found.found_by[row], ranks)
    assert found.is_hit.any()


def test_an_iou_at_the_threshold():
    # 0.32 of 0.64 s, and 0.16 steps whose sums miss it in the last bit.
    truths = Segments.from_files([[(0.48, 0.48 + 0.64)], [(0.0, 1.0)]])
    proposals = Segments.from_files([[(0.16 * 3, 0.16 * 5, 0.9)], [(0.0, 0.5, 0.9)]])
    assert match(proposals, truths, [0.5]).is_hit.all()
    assert not match(proposals, truths, [0.5], "avdeepfake1m").is_hit[0, 1]


def test_a_forgery_is_hit_once():
    truths = Segments.from_files([[(0, 1)]])
    twice = Segments.from_files([[(0, 1, 0.9), (0, 1, 0.9)]])
    for convention in ("exact", "avdeepfake1m"):
        assert match(twice, truths, [0.5], convention).is_hit.sum() == 1


def test_one_proposal_over_two_forgeries_finds_both_in_public_only():
    truths = Segments.from_files([[(0, 1), (0, 1.1)]])
    proposals = Segments.from_files([[(0, 1, 0.9)]])
    assert (match(proposals, truths, [0.5]).found_by == 0).sum() == 1
    assert (match(proposals, truths, [0.5], "avdeepfake1m").found_by == 0).sum() == 2


def test_order_counts_in_public_only():
    truths = Segments.from_files([[(0, 1)]])
    rows = [(5, 6, 0.1), (0, 1, 0.9)]
    for convention, ranks in (("exact", (0, 0)), ("avdeepfake1m", (1, 0))):
        for order, rank in zip((rows, rows[::-1]), ranks, strict=True):
            found = match(Segments.from_files([order]), truths, [0.5], convention)
            assert found.found_by[0, 0] == rank


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"convention": "coco"}, r"`convention` in \('exact', 'avdeepfake1m'\), got 'coco'"),
        ({"iou_thresholds": [50]}, r"`iou_thresholds` in \(0, 1\], got \[50\]"),
        ({"iou_thresholds": []}, r"`iou_thresholds` in \(0, 1\], got \[\]"),
        ({"truths": Segments.from_files([])}, "of the same files, got 1 and 0 files"),
    ],
)
def test_what_is_refused(settings, message):
    truths = Segments.from_files([[(0, 1)]])
    with pytest.raises(ValueError, match=message):
        match(**({"proposals": truths, "truths": truths, "iou_thresholds": [0.5]} | settings))
