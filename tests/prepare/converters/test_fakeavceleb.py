import pytest
from fakeavceleb_tree import HEADER, PEOPLE, line, write_fakeavceleb_tree

from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.prepare.converters.converter import RowCollector
from macbdf_mm.prepare.converters.fakeavceleb import FakeAVCelebConverter
from macbdf_mm.prepare.converters.media_tree import MediaTree

ROOT = "FakeAVCeleb_v1.2"
MAN, WOMAN, NAMESAKE = PEOPLE


@pytest.fixture
def write(tmp_path, touch):
    """Write ``meta_data.csv`` with these lines, and empty media files."""

    def write(lines, files, header=HEADER):
        touch(*files)
        path = tmp_path / ROOT / "meta_data.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *lines]) + "\n")

    return write


def path(kind, person, name):
    return f"{ROOT}/{kind}/{'/'.join(person)}/{name}"


def test_a_tree_as_it_is_published(tmp_path, read):
    truth = write_fakeavceleb_tree(tmp_path, seconds=0.2)
    found = read(FakeAVCelebConverter())
    assert {f: (r.video_label, r.audio_label) for f, r in found.rows.items()} == truth
    assert found.findings == {}
    assert found.num_read == 12
    real = found.rows[path("RealVideo-RealAudio", WOMAN, "00110.mp4")]
    fake = found.rows[path("FakeVideo-FakeAudio", WOMAN, "00110_id01111_wavtolip.mp4")]
    assert (real.label, real.method, real.source) == (0, None, None)
    assert (fake.label, fake.method, fake.source) == (1, "faceswap-wav2lip", real.file)
    assert real.identity == fake.identity == "Asian (East)/women/id00077"
    assert fake.extra == {"race": "Asian (East)", "gender": "women", "target1": "id01111"}
    assert "target1" not in real.extra
    assert fake.split is None


def test_an_id_that_two_groups_share_is_two_people(tmp_path, read):
    write_fakeavceleb_tree(tmp_path, seconds=0.2)
    rows = read(FakeAVCelebConverter()).rows.values()
    assert len({row.identity for row in rows}) == 3
    for row in rows:
        assert row.source is None or row.identity in row.source


def test_the_root_may_be_the_folder_itself(tmp_path, write, read):
    write([line(MAN, "RealVideo-RealAudio", "1.mp4")], [path("RealVideo-RealAudio", MAN, "1.mp4")])
    collector = RowCollector(MediaTree(tmp_path / ROOT), Findings())
    [row] = FakeAVCelebConverter().read(collector)
    assert row.file == path("RealVideo-RealAudio", MAN, "1.mp4").removeprefix(ROOT + "/")


def test_without_the_unnamed_column_the_folder_follows_from_the_others(write, read):
    short = line(MAN, "FakeVideo-RealAudio", "2.mp4").rpartition(",")[0]
    file = path("FakeVideo-RealAudio", MAN, "2.mp4")
    write([short], [file], header=HEADER.rstrip(","))
    assert list(read(FakeAVCelebConverter()).rows) == [file]


def test_a_file_with_two_rows_counts_once(write, read):
    file = path("FakeVideo-RealAudio", MAN, "1.mp4")
    write([line(MAN, "FakeVideo-RealAudio", "1.mp4", target) for target in ("id1", "id2")], [file])
    found = read(FakeAVCelebConverter())
    assert found.rows[file].extra["target1"] == "id1"
    assert found.findings["duplicate_rows"] == [file]
    assert found.notes["duplicate_rows"] == [
        f"{ROOT}/meta_data.csv, line 3; first in {ROOT}/meta_data.csv, line 2"
    ]


def test_files_and_rows_that_lack_each_other(write, read):
    orphan = path("RealVideo-RealAudio", MAN, "orphan.mp4")
    write([line(MAN, "FakeVideo-RealAudio", "gone.mp4")], [orphan])
    found = read(FakeAVCelebConverter())
    assert found.rows == {}
    assert found.findings["rows_without_files"] == [path("FakeVideo-RealAudio", MAN, "gone.mp4")]
    assert found.findings["files_without_rows"] == [orphan]


def test_the_source_is_known_even_if_its_file_is_not_there(write, read):
    fake = path("FakeVideo-RealAudio", MAN, "1_x.mp4")
    write(
        [line(MAN, "RealVideo-RealAudio", "1.mp4"), line(MAN, "FakeVideo-RealAudio", "1_x.mp4")],
        [fake],
    )
    assert read(FakeAVCelebConverter()).rows[fake].source == path(
        "RealVideo-RealAudio", MAN, "1.mp4"
    )


def test_of_two_real_clips_the_one_that_the_name_begins_with(write, read):
    reals = [line(MAN, "RealVideo-RealAudio", name) for name in ("00109.mp4", "00110.mp4")]
    names = ("00110_id2_0.mp4", "99.mp4")
    fakes = [path("FakeVideo-RealAudio", MAN, name) for name in names]
    write(reals + [line(MAN, "FakeVideo-RealAudio", name) for name in names], fakes)
    rows = read(FakeAVCelebConverter()).rows
    assert rows[fakes[0]].source == path("RealVideo-RealAudio", MAN, "00110.mp4")
    assert rows[fakes[1]].source is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (("RealVideo-RealAudio", "Real"), "`type` is 'Real', expected one of RealVideo-RealAudio"),
        ((",A,", ",D,"), "`category` is 'D', but `type` RealVideo-RealAudio is 'A'"),
    ],
)
def test_rows_that_are_not_understood(write, read, changed, reason):
    stated = line(MAN, "RealVideo-RealAudio", "1.mp4").replace(*changed, 1)
    write([stated], [path("RealVideo-RealAudio", MAN, "1.mp4")])
    found = read(FakeAVCelebConverter())
    assert found.rows == {}
    assert reason in found.notes["rows_not_understood"][0]


def test_what_is_no_fakeavceleb(write, read, tmp_path):
    with pytest.raises(MissingDataError, match=r"No meta_data\.csv below"):
        read(FakeAVCelebConverter())
    write([], [], header="source,path,")
    with pytest.raises(AnnotationError, match="has no column 'target1'"):
        read(FakeAVCelebConverter())
