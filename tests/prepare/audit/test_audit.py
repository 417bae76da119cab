import json

import pytest

from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import find_source_leaks
from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.audit.audit import Audit, audit_dataset, percent
from macbdf_mm.prepare.audit.check_files import FileCheck
from macbdf_mm.prepare.audit.counts import count_formats, count_parts
from macbdf_mm.prepare.audit.shortcut_probes import ALL_FEATURES, Question, ShortcutProbe
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import Shard

ROWS = [
    ClipRow("a.mp4", 0, split="train"),
    ClipRow("b.mp4", 1, source="a.mp4", split="val"),
    ClipRow("c.mp4", 1, split="val"),
    ClipRow("d.mp4", 1, split="val"),
]
NAN = float("nan")


def probe(feature, auc, error=0.01, **question):
    return ShortcutProbe(feature, Question(**{"fakes": "fake", **question}), auc, error, 30, 30)


@pytest.fixture
def make_audit(measured):
    """Return a function that makes the audit of four clips with given probes."""
    checks = {row.file: measured() for row in ROWS}
    checks["c.mp4"] = FileCheck(None, "c.mp4 is empty")
    checks["d.mp4"] = measured(has_audio=False, peak=None)

    def make(*probes):
        return Audit(
            annotation="a/annotation.json", dataset="mine", is_synthetic=False, rows=ROWS,
            checks=checks, parts=count_parts(ROWS), formats=count_formats(ROWS, checks),
            probes=probes, source_leaks=find_source_leaks(ROWS),
            shared_identities={"Ann": ("train", "val")}, settings={"seed": 3},
        )  # fmt: skip

    return make


def test_files_that_are_broken_or_unusual_are_named(make_audit):
    audit = make_audit()
    assert audit.unreadable == {"c.mp4": "c.mp4 is empty"}
    assert audit.remarks == {"d.mp4": ["no sound"]}


def test_each_shortcut_is_named_once_where_it_is_worst(make_audit):
    audit = make_audit(
        probe("codec", 0.7), probe("codec", 0.95, fakes="FVRA"), probe("duration", 0.55),
        probe("file size", 0.97, split="val"), probe("loudness", NAN, NAN),
        probe(ALL_FEATURES, 0.99),
    )  # fmt: skip
    assert audit.describe().splitlines() == [
        "a/annotation.json: 4 clips, 1 real, 3 fake; saying always the same is right for 75.0%.",
        "files: 1 unreadable, 1 unusual",
        "in more than one part: 1 recording, 1 identity (4 clips do not say who is seen)",
        "leak: all properties together tell real from fake, AUC 0.990 +- 0.010",
        "leak: file size alone tells real from fake in val, AUC 0.970 +- 0.010",
        "leak: codec alone tells RVRA from FVRA, AUC 0.950 +- 0.010",
    ]


def test_without_shortcuts_the_highest_is_named(make_audit):
    last = make_audit(probe("codec", 0.52), probe("duration", 0.55)).describe().splitlines()[-1]
    assert last == "shortcuts: none found; the highest AUC is 0.550, of duration for real from fake"


def test_too_few_clips_are_no_good_news(make_audit):
    last = make_audit(probe("codec", NAN, NAN)).describe().splitlines()[-1]
    assert last.startswith("shortcuts: too few people or recordings of each class")


def test_all_findings_are_plain_values(make_audit):
    found = json.loads(json.dumps(make_audit(probe("codec", NAN, NAN)).to_json(), allow_nan=False))
    assert found["parts"][-1]["majority_accuracy"] == 0.75
    assert found["formats"][0]["num_fake"] == 1
    assert found["probes"] == [
        {
            "feature": "codec", "question": {"fakes": "fake", "split": None}, "auc": None,
            "standard_error": None, "num_real": 30, "num_fake": 30, "verdict": "unknown",
        }
    ]  # fmt: skip
    assert found["source_leaks"][0]["clips"] == ["a.mp4", "b.mp4"]
    assert found["shared_identities"] == {"Ann": ["train", "val"]}
    assert found["unreadable"] == {"c.mp4": "c.mp4 is empty"}
    assert found["remarks"] == {"d.mp4": ["no sound"]}
    assert found["settings"] == {"seed": 3}


def test_shares_are_written_for_reading():
    assert (percent(0.9773), percent(NAN)) == ("97.7%", "-")


@pytest.fixture
def root(make_clip, tmp_path):
    """Four clips, one without sound and one that is not there, in a split that leaks."""
    rows = [
        ClipRow("a.mp4", 0, 0, 0, identity="Ann", split="train"),
        ClipRow("b.mp4", 1, 1, 0, identity="Ann", source="a.mp4", split="val"),
        ClipRow("mute.mp4", 0, 0, -1, split="train"),
        ClipRow("gone.mp4", 1, 1, 0, split="val"),
    ]
    for row in rows[:3]:
        make_clip(f"data/{row.file}", seconds=0.4, with_sound=row.file != "mute.mp4")
    save_annotation(tmp_path / "data/annotation.json", {"dataset": "mine", "synthetic": True}, rows)
    return tmp_path / "data"


def run(root, steps=None, **options):
    steps = [] if steps is None else steps
    return audit_dataset(
        root / "annotation.json", root, root / "out", LocalEngine(0),
        lambda *step: steps.append(step), **{"seed": 5, **options},
    )  # fmt: skip


def test_all_that_was_found_is_returned_and_written(root):
    steps = []
    audit = run(root, steps)
    assert (audit.dataset, audit.is_synthetic) == ("mine", True)
    assert list(audit.unreadable) == ["gone.mp4"]
    assert audit.remarks == {"mute.mp4": ["no sound"]}
    assert [part.split for part in audit.parts] == ["train", "val", "all"]
    assert [leak.source for leak in audit.source_leaks] == ["a.mp4"]
    assert audit.shared_identities == {"Ann": ("train", "val")}
    assert sum(item.num_clips for item in audit.formats) == 3
    assert audit.settings["seed"] == 5
    written = json.loads((root / "out/audit.json").read_text())
    assert written == json.loads(json.dumps(audit.to_json()))
    # Twelve probes for each of six questions, told one by one.
    assert [step[1:] for step in steps if step[0] == "probing shortcuts"] == [
        (k, 72) for k in range(73)
    ]
    assert sorted(path.name for path in (root / "out").iterdir()) == ["audit.json", "journal.jsonl"]


def test_a_second_run_finds_the_same_without_decoding(root):
    first = run(root)
    steps = []
    assert run(root, steps).to_json() == first.to_json()
    assert [step for step in steps if step[0] == "decoding files"] == [("decoding files", 3, 3)]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, MissingDataError, r"No annotation file at .*annotation\.json"),
        ("{", AnnotationError, r"annotation\.json"),
        (
            '{"metainfo": {"dataset": "d", "version": 1}, "data_list": []}',
            MissingDataError,
            r"annotation\.json lists no clips; make the data set again",
        ),
    ],
)
def test_an_annotation_that_cannot_be_used_is_named(tmp_path, content, error, message):
    if content is not None:
        (tmp_path / "annotation.json").write_text(content)
    with pytest.raises(error, match=message):
        run(tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_negative_seed_is_refused_before_anything_is_decoded(root):
    with pytest.raises(ValueError, match=r"Expected `seed` \(--seed\) >= 0, got -1"):
        run(root, seed=-1)
    assert not (root / "out").exists()


def test_a_shard_checks_its_files_and_leaves_the_audit_to_the_run_without(root):
    assert run(root, shard=Shard(1, 2)) is None
    assert run(root, shard=Shard(2, 2)) is None
    assert not (root / "out/audit.json").exists()
    steps = []
    assert run(root, steps).parts[-1].num_clips == 4
    assert [step for step in steps if step[0] == "decoding files"] == [("decoding files", 3, 3)]
