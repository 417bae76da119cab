from macbdf_mm.media.file_names import SOUND_SUFFIXES, VIDEO_SUFFIXES


def test_suffixes_are_lower_case_with_a_dot_and_of_one_kind():
    suffixes = VIDEO_SUFFIXES + SOUND_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert len(set(suffixes)) == len(suffixes)
    assert {".mp4", ".webm", ".avi", ".mov"} <= set(VIDEO_SUFFIXES)
    assert {".wav", ".flac", ".m4a"} <= set(SOUND_SUFFIXES)
