import json

import pytest

from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.audit.audit_dataset import audit_dataset
from macbdf_mm.prepare.audit.check_files import CheckSettings


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
        root / "annotation.json", root, root / "out", CheckSettings(**options),
        lambda *step: steps.append(step), seed=5,
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
    assert [step for step in steps if step[0] == "decoding files"] == [("decoding files", 4, 4)]


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
        audit_dataset(root / "annotation.json", root, root / "out", CheckSettings(1), print, -1)
    assert not (root / "out").exists()
