import zlib

from macbdf_mm.structures.clip_ids import clip_id


def test_an_id_follows_from_the_name_alone_and_is_exact_in_float32():
    assert clip_id("a/b.mp4") == zlib.crc32(b"a/b.mp4") & 0xFFFFFF
    assert clip_id("a/b.mp4") != clip_id("a/c.mp4")
    ids = {clip_id(f"videos/{index}.mp4") for index in range(2000)}
    assert len(ids) >= 1999
    assert max(ids) < 2**24


def test_names_that_are_not_unicode_have_an_id():
    assert clip_id("a\udcff.mp4") == zlib.crc32(b"a\xff.mp4") & 0xFFFFFF
