import json

import pytest
from av_deepfake1m_tree import KINDS, entry, write_av_deepfake1m_tree

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.av_deepfake1m import AvDeepfake1MConverter

CLIP = "id06744/_c3C/00011"
BOTH, VIDEO, AUDIO, REAL = (
    f"{CLIP}/{name}"
    for name in (
        "fake_video_fake_audio.mp4", "fake_video_real_audio.mp4", "real_video_fake_audio.mp4",
        "real.mp4",
    )
)  # fmt: skip


@pytest.fixture
def write(tmp_path, touch):
    """Write a table with these rows, and files."""

    def write(entries, files, table="train_metadata.json"):
        touch(*files)
        (tmp_path / table).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / table).write_text(json.dumps(entries))

    return write


def row(file, **changes):
    return entry(file, "train", 1.0, **changes)


@pytest.mark.parametrize("plus_plus", [False, True])
def test_a_tree_as_it_is_published(tmp_path, read, plus_plus):
    truth = write_av_deepfake1m_tree(tmp_path, seconds=0.2, plus_plus=plus_plus)
    found = read(AvDeepfake1MConverter())
    assert {f: (r.video_label, r.audio_label) for f, r in found.rows.items()} == truth
    assert found.num_read == 24
    assert set(found.findings) == {"unlabelled"}
    assert len(found.findings["unlabelled"]) == 8
    folder = "train/vox_celeb_2/id00001" if plus_plus else "train/id00001"
    fake = found.rows[f"{folder}/_c3C/00011/fake_video_fake_audio.mp4"]
    assert fake.source == f"{folder}/_c3C/00011/real.mp4"
    assert (fake.identity, fake.split) == ("id00001", "train")
    assert fake.video_fake_intervals == fake.audio_fake_intervals == ((0.08, 0.16),)
    assert fake.method == ("vits+talklip" if plus_plus else "vits")
    assert fake.duration_seconds is None  # The published counts of samples are not trusted.
    assert {row.split for row in found.rows.values()} == {"train", "val", "test"}


def test_a_clip_that_is_modified_in_both_tracks_is_no_real_one(write, read):
    write([row(BOTH)], [f"train/{BOTH}"])
    found = read(AvDeepfake1MConverter()).rows[f"train/{BOTH}"]
    assert (found.label, found.category) == (1, "FVFA")


@pytest.mark.parametrize("folder", ["", "train/", "train_data/", "AV-Deepfake1M/train/"])
def test_files_are_found_wherever_the_release_put_them(write, read, folder):
    write([row(VIDEO)], [f"{folder}{VIDEO}"])
    assert list(read(AvDeepfake1MConverter()).rows) == [f"{folder}{VIDEO}"]


def test_of_equal_paths_the_one_of_the_split_counts(write, read):
    write([row(VIDEO)], [f"test/{VIDEO}", f"train/{VIDEO}"])
    write([row(VIDEO) | {"split": "val"}], [f"val_data/{VIDEO}"], "val_metadata.json")
    found = read(AvDeepfake1MConverter())
    assert list(found.rows) == [f"train/{VIDEO}", f"val_data/{VIDEO}"]
    assert found.findings["files_without_rows"] == [f"test/{VIDEO}"]


def test_of_equal_paths_in_folders_of_no_split_the_first_counts(write, read):
    write([row(VIDEO)], [f"disk1/{VIDEO}", f"disk2/{VIDEO}"])
    assert list(read(AvDeepfake1MConverter()).rows) == [f"disk1/{VIDEO}"]


def test_segments_of_each_track_and_where_there_is_but_one_list(write, read):
    own = row(BOTH, visual_fake_segments=[[0.1, 0.2]], audio_fake_segments=[[0.5, 0.9]],
              fake_segments=[[0.1, 0.2], [0.5, 0.9]])  # fmt: skip
    common = {k: v for k, v in row(AUDIO).items() if not k.endswith("_fake_segments")}
    common["fake_segments"] = [[0.3, 0.6]]
    write([own, common], [f"train/{BOTH}", f"train/{AUDIO}"])
    rows = read(AvDeepfake1MConverter()).rows
    both, audio = rows[f"train/{BOTH}"], rows[f"train/{AUDIO}"]
    assert (both.video_fake_intervals, both.audio_fake_intervals) == (((0.1, 0.2),), ((0.5, 0.9),))
    assert (audio.video_fake_intervals, audio.audio_fake_intervals) == ((), ((0.3, 0.6),))


def test_a_modified_track_without_a_segment_is_not_taken_to_be_fake_throughout(write, read):
    write([row(BOTH, audio_fake_segments=[])], [f"train/{BOTH}"])
    found = read(AvDeepfake1MConverter())
    clip = found.rows[f"train/{BOTH}"]
    assert (clip.label, clip.video_label, clip.audio_label) == (1, 1, -1)
    assert found.findings["intervals_missing"] == [f"train/{BOTH}"]


def test_a_clip_without_any_segment_is_fake_throughout(write, read):
    nothing = dict(fake_segments=[], visual_fake_segments=[], audio_fake_segments=[])
    write([row(BOTH, **nothing)], [f"train/{BOTH}"])
    assert read(AvDeepfake1MConverter()).rows[f"train/{BOTH}"].category == "FVFA"


@pytest.mark.parametrize(
    ("original", "with_real", "source", "kind"),
    [
        (REAL, True, f"train/{REAL}", None),
        (REAL, False, REAL, "originals_missing"),
        ("/data/VoxCeleb2/id06744/_c3C/00011.mp4", True, f"train/{REAL}", None),
        ("id06744/_c3C/00011.mp4", False, "id06744/_c3C/00011.mp4", "originals_missing"),
        (None, True, f"train/{REAL}", None),
        (None, False, None, "originals_unnamed"),
        (BOTH, False, None, "originals_unnamed"),
    ],
)
def test_the_meanings_of_original(write, read, original, with_real, source, kind):
    files = [f"train/{BOTH}", *([f"train/{REAL}"] if with_real else [])]
    reals = [row(REAL, original=REAL)] if with_real else []
    write([row(BOTH, original=original), *reals], files)
    found = read(AvDeepfake1MConverter())
    assert found.rows[f"train/{BOTH}"].source == source
    assert list(found.findings) == ([kind] if kind else [])
    if with_real:
        assert found.rows[f"train/{REAL}"].source is None


def test_json_of_clips_completes_a_list_and_must_not_contradict_it(write, read):
    write([row(VIDEO), row(BOTH)], [f"train/{VIDEO}", f"train/{BOTH}", f"val/{AUDIO}"])
    write(row(VIDEO), [], f"train/{VIDEO[:-4]}.json")
    write(row(AUDIO) | {"split": "val"}, [], f"val_metadata/{AUDIO[:-4]}.json")
    write(row(BOTH) | {"modify_type": "real"}, [], f"train/{BOTH[:-4]}.json")
    found = read(AvDeepfake1MConverter())
    assert list(found.rows) == [f"train/{VIDEO}", f"val/{AUDIO}"]
    assert set(found.findings) == {"contradicting_rows", "originals_missing"}
    assert found.findings["contradicting_rows"] == [f"train/{BOTH}"] * 2


def test_other_json_files_are_left_alone(write, read, tmp_path):
    write([row(REAL)], [f"train/{REAL}"])
    write({"metainfo": {}, "data_list": []}, [], "annotation.json")
    (tmp_path / "broken.json").write_text("{")
    found = read(AvDeepfake1MConverter())
    assert list(found.rows) == [f"train/{REAL}"]
    assert found.findings == {"rows_not_understood": ["broken.json"]}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"modify_type": "both"}, "`modify_type` is 'both', expected one of real, visual_modified"),
        ({"audio_fake_segments": "0-1"}, "expected a list of [start, end] in seconds"),
        ({"file": None}, "it has no `file`"),
        ({"file": 3}, "`file` is 3, expected text"),
        ({"modify_type": {}}, "`modify_type` is {}, expected text"),
        ({"audio_model": ["vits"]}, "`audio_model` is ['vits'], expected text"),
        ({"original": 1}, "`original` is 1, expected text"),
        ({"split": []}, "the split is []"),
    ],
)
def test_rows_that_are_not_understood(write, read, changed, reason):
    write([row(AUDIO) | changed], [f"train/{AUDIO}"])
    found = read(AvDeepfake1MConverter())
    assert found.rows == {}
    assert reason in found.notes["rows_not_understood"][0]


def test_every_published_type_has_its_labels(write, read):
    write([row(f"{CLIP}/{name}") for name in KINDS], [f"train/{CLIP}/{name}" for name in KINDS])
    rows = read(AvDeepfake1MConverter()).rows
    for name, (_, video, audio) in KINDS.items():
        found = rows[f"train/{CLIP}/{name}"]
        assert (found.video_label, found.audio_label) == (video, audio)


def test_paths_of_windows_find_files_originals_and_people(write, read):
    paths = {"file": BOTH.replace("/", "\\"), "original": REAL.replace("/", "\\")}
    write([row(BOTH) | paths, row(REAL)], [f"train/{BOTH}", f"train/{REAL}"])
    found = read(AvDeepfake1MConverter()).rows[f"train/{BOTH}"]
    assert (found.source, found.identity) == (f"train/{REAL}", "id06744")


def test_a_list_of_test_files_as_other_programs_write_it(touch, read, tmp_path):
    touch("test/1.mp4", "test/2.mp4", "test/a\u20283.mp4", "test/4.mp4")
    table = tmp_path / "test_files.txt"
    for encoding in ("utf-8-sig", "utf-16"):
        table.write_text("1.mp4\r\n./2.MP4 \r\n\r\na\u20283.mp4\r\n", encoding, newline="")
        found = read(AvDeepfake1MConverter())
        assert list(found.rows) == ["test/1.mp4", "test/2.mp4", "test/a\u20283.mp4"]
    table.write_bytes(b"1.mp4\n2.\xed.mp4\n")
    with pytest.raises(AnnotationError, match=r"test_files\.txt is not UTF-8 .* line 2, column 3"):
        read(AvDeepfake1MConverter())


def test_what_is_no_av_deepfake1m(write, read):
    with pytest.raises(MissingDataError, match=r"No train_metadata\.json, val_metadata\.json"):
        read(AvDeepfake1MConverter())
    write({"a": 1}, [])
    with pytest.raises(AnnotationError, match=r"train_metadata\.json: expected a list"):
        read(AvDeepfake1MConverter())
