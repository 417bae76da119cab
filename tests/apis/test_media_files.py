import pytest

from macbdf_mm.apis.media_files import check_is_file, expand_folders
from macbdf_mm.errors import MissingDataError


def test_a_folder_stands_for_the_media_files_below_it(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".cache").mkdir()
    wanted = [tmp_path / name for name in ("a.MP4", "b.webm", "deep/er/c.mov", "d.m4a")]
    others = [tmp_path / name for name in ("notes.txt", ".hidden.mp4", ".cache/x.mp4", "mp4")]
    for path in [*wanted, *others]:
        path.touch()
    assert expand_folders([tmp_path]) == sorted(wanted)


def test_files_stand_for_themselves_in_the_order_given(tmp_path):
    paths = [tmp_path / "z.xyz", tmp_path / "a.mp4"]
    assert expand_folders(map(str, paths)) == paths


def test_a_folder_without_media_is_named_in_its_turn(tmp_path):
    assert expand_folders([tmp_path]) == [tmp_path]
    with pytest.raises(MissingDataError, match=r"holds no video or sound file .*\.mp4"):
        check_is_file(tmp_path)
