import pytest

from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.converters.generic_folders import read_folders
from macbdf_mm.prepare.converters.row_collector import RowCollector


def reader(tree, findings):
    collector = RowCollector(tree, findings)
    read_folders(tree, collector)
    return collector.finish(), collector.num_read


@pytest.mark.parametrize(
    ("file", "labels", "split"),
    [
        ("RealVideo-RealAudio/a.mp4", (0, 0, 0), None),
        ("data/RVFA/id1/a.mp4", (1, 0, 1), None),
        ("train/FakeVideo-FakeAudio/a.mp4", (1, 1, 1), "train"),
        ("FakeVideo-RealAudio/validation/a.mp4", (1, 1, 0), "val"),
        ("real/a.mp4", (0, 0, 0), None),
        ("dev/Fake/faceswap/a.webm", (1, -1, -1), "val"),
        # The innermost folder decides, and one for both tracks before one for the clip.
        ("test/fake/real/a.mp4", (0, 0, 0), "test"),
        ("real/FVRA/fake/a.mp4", (1, 1, 0), None),
    ],
)
def test_the_names_of_folders_tell(touch, read, file, labels, split):
    touch(file)
    row = read(reader).rows[file]
    assert (row.label, row.video_label, row.audio_label) == labels
    assert row.split == split


def test_files_below_no_such_folder_are_listed(touch, read):
    touch("real/a.mp4", "more/b.mp4", "c.mp4", "really/d.mp4")
    found = read(reader)
    assert list(found.rows) == ["real/a.mp4"]
    assert found.findings == {"files_without_rows": ["c.mp4", "more/b.mp4", "really/d.mp4"]}


def test_no_folder_for_a_label(touch, read):
    touch("videos/a.mp4")
    with pytest.raises(MissingDataError, match=r"No folder below .* is named for a label"):
        read(reader)
