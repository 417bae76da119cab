import pytest

from macbdf_mm.utils.counted import counted


@pytest.mark.parametrize(
    ("number", "found"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (21, "21 clips")]
)
def test_one_thing_is_named_in_the_singular(number, found):
    assert counted(number, "clip") == found


def test_a_plural_of_its_own():
    assert counted(3, "identity", "identities") == "3 identities"
    assert counted(1, "identity", "identities") == "1 identity"
