import pytest

from studies.variant import Study, Variant


def test_titles_stand_in_order():
    variants = (Variant("b", "B", "c.py"), Variant("a", "A", "c.py"))
    assert list(Study("s", "S", variants, "a").titles().items()) == [("b", "B"), ("a", "A")]


@pytest.mark.parametrize(("names", "reference"), [(("a", "a"), "a"), (("a", "b"), "c")])
def test_names_must_differ_and_the_reference_be_among_them(names, reference):
    variants = tuple(Variant(name, name, "c.py") for name in names)
    with pytest.raises(ValueError, match="Expected `variants` of different names with the ref"):
        Study("s", "S", variants, reference)
