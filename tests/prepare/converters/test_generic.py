import pytest

from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.converters.generic import read_generic
from macbdf_mm.prepare.converters.generic_options import GenericOptions


@pytest.fixture
def read_own(read):
    def run(**options):
        return read(lambda tree, findings: read_generic(tree, findings, GenericOptions(**options)))

    return run


def test_folders_by_category(touch, read_own):
    touch("RealVideo-RealAudio/a.mp4", "FakeVideo-RealAudio/b.mp4", "c.mp4")
    found = read_own()
    assert {file: row.category for file, row in found.rows.items()} == {
        "FakeVideo-RealAudio/b.mp4": "FVRA", "RealVideo-RealAudio/a.mp4": "RVRA",
    }  # fmt: skip
    assert found.findings == {"files_without_rows": ["c.mp4"]}


def test_a_table(touch, read_own, tmp_path):
    touch("a.mp4", "b.mp4")
    (tmp_path / "t.csv").write_text("file,label,source\na.mp4,,\nb.mp4,fake,gone.mp4\n")
    found = read_own(table=str(tmp_path / "t.csv"))
    assert found.num_read == 2
    assert found.findings == {"unlabelled": ["a.mp4"], "originals_missing": ["b.mp4"]}


@pytest.mark.parametrize(
    ("pattern", "identities"),
    [(r"id\d+", ["id7", None]), (r"/(id\d)\d*_", ["id7", None]), ("^([^/]+)/", ["real", "real"])],
)
def test_who_is_seen_can_be_found_in_the_path(touch, read_own, pattern, identities):
    touch("real/id7_001.mp4", "real/x.mp4")
    rows = read_own(identity_pattern=pattern).rows
    assert [rows[file].identity for file in sorted(rows)] == identities


def test_a_stated_identity_is_kept(touch, read_own, tmp_path):
    touch("id1.mp4")
    (tmp_path / "t.csv").write_text("file,identity\nid1.mp4,Ada\n")
    rows = read_own(table=str(tmp_path / "t.csv"), identity_pattern=r"id\d").rows
    assert rows["id1.mp4"].identity == "Ada"


def test_options_that_do_not_fit(touch, read_own):
    touch("real/a.mp4")
    with pytest.raises(ConfigError, match="Expected `table` with `columns` and `values`"):
        read_own(values={"a": "real"})
    with pytest.raises(ConfigError, match=r"Expected `identity_pattern` .*, got '\(id'"):
        read_own(identity_pattern="(id")
