"""Planted shortcuts in real small files, and none."""

import struct

import numpy as np
import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.media.writer import write_clip
from macbdf_mm.prepare.audit.check_files import FileCheck, check_files
from macbdf_mm.prepare.audit.shortcut_features import SHORTCUT_FEATURES
from macbdf_mm.prepare.audit.shortcut_probes import (
    ALL_FEATURES,
    PROBED_FEATURES,
    Question,
    ShortcutProbe,
    list_questions,
    probe_shortcuts,
    revealing_values,
    worst_probe,
)
from macbdf_mm.utils.local_engine import LocalEngine

NUM_CLIPS = 24
FEATURES = {feature.name: feature for feature in SHORTCUT_FEATURES}
BRIGHTNESS = (FEATURES["brightness"],)
RATE = 16_000
# Leak -> what it does to a clip: of a real one, of a fake one; and what it must leave alone.
LEAKS = {
    "duration": ("seconds", (0.4, 0.5), (0.56, 0.6), {"frame rate", "loudness", "codec"}),
    # Neither is faster than the other throughout: no threshold tells them apart.
    "frame rate": ("fps", (20.0, 30.0), (25.0, 25.0), {"resolution", "loudness", "duration"}),
    "resolution": ("height", (48, 56), (64, 72), {"frame rate", "codec", "loudness"}),
    "codec": ("video_codec", ("libx264", "libx264"), ("mpeg4", "mpeg4"), {"resolution"}),
    "bit rate": ("crf", (14, 18), (36, 40), {"frame rate", "resolution", "loudness"}),
    "loudness": ("gain", (0.2, 0.3), (0.06, 0.1), {"frame rate", "resolution", "brightness"}),
    "leading silence": ("lead", (0.0, 0.0), (0.08, 0.12), {"resolution", "brightness"}),
    "file size": ("padding", (0, 2_000), (60_000, 90_000), {"frame rate", "loudness"}),
}


def write_leaky_clip(path, rng, plan):
    """Write a noisy clip; what the plan does not say is drawn the same for real and fake."""
    seconds = plan.get("seconds", rng.uniform(0.4, 0.6))
    fps = plan.get("fps", rng.choice([20.0, 25.0]))
    height = 2 * round(plan.get("height", rng.choice([48, 64])) / 2)
    num_frames = max(2, round(seconds * fps))
    frames = rng.integers(0, 40, (num_frames, height, 64, 3)) + rng.integers(60, 180)
    times = np.arange(round(num_frames / fps * RATE)) / RATE
    sound = plan.get("gain", rng.uniform(0.05, 0.3)) * np.sin(2 * np.pi * 300 * times)
    sound[times < plan.get("lead", 0.0)] = 0
    write_clip(
        path, frames.astype(np.uint8), fps, sound.astype(np.float32), RATE, gop=10,
        crf=round(plan.get("crf", rng.integers(14, 40))), preset="ultrafast",
        video_codec=plan.get("video_codec", "libx264"),
    )  # fmt: skip
    padding = round(plan.get("padding", 0))
    with path.open("ab") as file:  # A box that players pass over.
        file.write(struct.pack(">I4s", 8 + padding, b"free") + bytes(padding))


def draw_value(rng, low, high):
    return low if isinstance(low, str) else rng.choice([low, high, rng.uniform(low, high)])


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Return leak -> rows, and the checks of all their files; without any leak under ``none``."""
    root = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(0)
    rows = {}
    for leak, (name, real, fake, _) in {**LEAKS, "none": ("nothing", (0, 0), (0, 0), ())}.items():
        rows[leak] = []
        for index in range(NUM_CLIPS):
            label = index % 2
            file = f"{leak} {index}.mp4".replace(" ", "_")
            value = draw_value(rng, *(fake if label else real))
            if leak == "frame rate" and not label:
                value = (20.0, 30.0)[index // 2 % 2]
            write_leaky_clip(root / file, rng, {name: value})
            rows[leak].append(ClipRow(file, label))
    files = [row.file for of_leak in rows.values() for row in of_leak]
    checks = check_files(files, root, root / "journal.jsonl", LocalEngine(2, 60), lambda *_: None)
    assert all(check.measures for check in checks.values())
    return rows, checks


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found(planted, leak):
    rows, checks = planted
    # Their tracks' labels are unknown, so that there is one question.
    tried = [FEATURES[name] for name in (leak, *LEAKS[leak][3])]
    probes = probe_shortcuts(rows[leak], checks, features=tried)
    found = {p.feature: p for p in probes if p.question == Question("fake")}
    assert found[leak].auc > 0.9
    assert found[leak].verdict == "leak"
    assert found[ALL_FEATURES].auc > 0.9
    for other in LEAKS[leak][3]:
        assert found[other].verdict == "none", other


def test_without_a_leak_none_is_reported(planted):
    rows, checks = planted
    probes = list(probe_shortcuts(rows["none"], checks))
    assert [p.feature for p in probes if p.question == Question("fake")] == list(PROBED_FEATURES)
    assert {p.verdict for p in probes if p.question == Question("fake")} == {"none"}


def test_every_property_has_its_leak_but_those_that_follow_from_others():
    assert set(LEAKS) == set(FEATURES) - {"sound format", "tracks", "brightness"}


@pytest.fixture
def make_checks(measured):
    """Return a function from rows to checks, whose brightness alone is drawn by label."""

    def make(rows, brightness, seed=0):
        rng = np.random.default_rng(seed)
        return {
            row.file: measured(brightness=brightness(row) + rng.normal(), peak=rng.random())
            for row in rows
        }

    return make


def test_questions_are_asked_of_all_clips_each_category_and_each_part():
    rows = [ClipRow("a", 0, split="val"), ClipRow("b", 1, split="train"), ClipRow("c", 1)]
    assert list(map(str, list_questions(rows))) == [
        "real from fake", "RVRA from FVRA", "RVRA from RVFA", "RVRA from FVFA",
        "real from fake in train", "real from fake in val",
    ]  # fmt: skip


def test_a_leak_of_one_category_or_part_is_found_there(make_checks):
    rows = [
        ClipRow(f"{k}", int(v or a), v, a, split=("train", "test")[k % 2])
        for k in range(320)
        for v, a in [((0, 0), (0, 0), (1, 0), (0, 1))[k // 2 % 4]]
    ]
    checks = make_checks(
        rows, lambda row: 9.0 if (row.audio_label, row.split) == (1, "test") else 0
    )
    verdicts = {
        str(p.question): p.verdict
        for p in probe_shortcuts(rows, checks, features=BRIGHTNESS)
        if p.feature == "brightness"
    }
    assert verdicts == {
        "real from fake": "suspicious", "RVRA from FVRA": "none", "RVRA from RVFA": "suspicious",
        "RVRA from FVFA": "unknown", "real from fake in test": "suspicious",
        "real from fake in train": "none",
    }  # fmt: skip


def test_unreadable_and_unknown_clips_take_no_part(make_checks):
    rows = [ClipRow(f"{k}", (0, 1, -1)[k % 3]) for k in range(90)]
    checks = make_checks(rows, lambda row: 9.0 * row.label)
    checks["0"] = checks["1"] = checks["4"] = FileCheck(None, "broken")
    probe = next(
        p for p in probe_shortcuts(rows, checks, features=BRIGHTNESS) if p.feature == "brightness"
    )
    assert (probe.num_real, probe.num_fake) == (29, 28)
    assert probe.verdict == "leak"


def test_clips_of_one_person_are_not_many(make_checks):
    """One loud studio: all fakes of nine people, whom no classifier may be judged by."""
    rows = [ClipRow(f"{k}", k % 2, identity=f"{k % 18}") for k in range(180)]
    checks = make_checks(rows, lambda row: 50.0 * row.label)
    assert {probe.verdict for probe in probe_shortcuts(rows, checks, features=BRIGHTNESS)} == {
        "unknown"
    }


def test_large_classes_are_drawn_from(make_checks):
    rows = [ClipRow(f"{k}", int(k % 106 > 0)) for k in range(5300)]
    # Only the fakes of the first half leak, and the first 2,500 are of it.
    checks = make_checks(rows, lambda row: 9.0 * row.label * (int(row.file) < 2650))
    first, again = (next(probe_shortcuts(rows, checks, 1, BRIGHTNESS)) for _ in range(2))
    assert (first.num_real, first.num_fake) == (50, 2500)
    assert 0.65 < first.auc < 0.85
    assert first == again


def probe(auc, error=0.01, split=None, feature="codec"):
    return ShortcutProbe(feature, Question("fake", split), auc, error, 50, 50)


@pytest.mark.parametrize(
    ("auc", "error", "verdict"),
    [
        (0.99, 0.01, "leak"),
        (0.90, 0.09, "leak"),
        (0.90, 0.11, "none"),
        (0.89, 0.01, "suspicious"),
        (0.59, 0.01, "none"),
        (0.30, 0.01, "none"),
        (float("nan"), float("nan"), "unknown"),
    ],
)
def test_verdicts_need_a_high_auc_that_is_no_chance(auc, error, verdict):
    assert probe(auc, error).verdict == verdict


def test_the_worst_is_a_single_property_of_all_clips():
    probes = [probe(0.7), probe(0.8, split="val"), probe(0.9, feature=ALL_FEATURES)]
    assert worst_probe([*probes, probe(float("nan"))]) is probes[0]
    assert worst_probe(probes[1:]) is None


SPLIT_ROWS = [ClipRow(f"{k}", label, split="val") for k, label in enumerate((0, 0, 1, 1, -1, 1))]
SPLIT_ROWS.append(ClipRow("6", 1, split="train"))


def test_the_column_that_tells_most_is_shown(measured):
    heights = (40, 50, 60, 70, 80, None, 90)
    checks = {f"{k}": measured(width=64, height=height) for k, height in enumerate(heights)}
    column, real, fake = revealing_values(SPLIT_ROWS, checks, "resolution", Question("fake", "val"))
    assert column == "height in pixels"
    np.testing.assert_array_equal(real, [40, 50])
    np.testing.assert_array_equal(fake, [60, 70])


def test_less_is_as_telling_as_more(measured):
    checks = {row.file: measured(loudness_db=-30.0 * row.label, peak=0.5) for row in SPLIT_ROWS}
    column, _, _ = revealing_values(SPLIT_ROWS, checks, "loudness", Question("fake"))
    assert column == "dB of full scale"


def test_what_is_no_number_or_of_one_class_is_not_shown(measured):
    checks = {row.file: measured() for row in SPLIT_ROWS}
    for feature in ("codec", ALL_FEATURES):
        assert revealing_values(SPLIT_ROWS, checks, feature, Question("fake")) is None
    assert revealing_values(SPLIT_ROWS, checks, "duration", Question("fake", "train")) is None
    checks = {row.file: FileCheck(None, "broken") for row in SPLIT_ROWS}
    assert revealing_values(SPLIT_ROWS, checks, "duration", Question("fake")) is None
