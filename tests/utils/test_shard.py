import pytest

from macbdf_mm.utils.shard import WHOLE, Shard

KEYS = [f"folder/clip {number}.mp4" for number in range(4000)]


def test_every_key_belongs_to_one_part():
    parts = [[key for key in KEYS if Shard(index, 7).has(key)] for index in range(1, 8)]
    assert sorted(key for part in parts for key in part) == sorted(KEYS)
    # 571 on average with a standard deviation of 22.
    assert all(470 < len(part) < 680 for part in parts)


def test_a_part_of_half_the_size_lies_within_the_whole_one():
    assert all(
        Shard(2, 4).has(key) == (Shard(2, 8).has(key) or Shard(6, 8).has(key)) for key in KEYS
    )


def test_the_part_of_a_key_never_changes():
    # A run that goes on with another version of the package must find its own results.
    assert [key for key in KEYS[:20] if Shard(3, 5).has(key)] == ["folder/clip 17.mp4"]


def test_names_of_any_bytes_have_a_part():
    assert sum(Shard(index, 3).has("\udcff.mp4") for index in (1, 2, 3)) == 1


def test_the_whole_has_everything():
    assert all(WHOLE.has(key) for key in KEYS)


def test_text_and_shard_are_the_same():
    assert Shard.parse("2/8") == Shard(2, 8)
    assert str(Shard(2, 8)) == "2/8"


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/", "/2", "-1/3", "1/3/5", "²/3", ""])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ValueError, match="I/N with 1 <= I <= N, got"):
        Shard.parse(text)
