import pytest

from macbdf_mm.errors import ConfigError
from studies.marked_section import BEGIN, END, write_section


def test_a_new_page_has_a_title_and_the_section(tmp_path):
    page = tmp_path / "new" / "page.md"
    write_section(page, "A title", "Some text.\n")
    assert page.read_text() == f"# A title\n\n{BEGIN}\n\nSome text.\n\n{END}\n"


def test_the_prose_around_the_section_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\nBefore.\n{BEGIN}\nold\n{END}\nAfter.\n")
    for text in ("first", "second"):
        write_section(page, "Another title", text)
        assert page.read_text() == f"# Mine\n\nBefore.\n{BEGIN}\n\n{text}\n\n{END}\nAfter.\n"


@pytest.mark.parametrize("text", ["# Mine\n", f"{BEGIN}\nno end\n", f"{END}\n{BEGIN}\n"])
def test_a_page_without_markers_is_refused_and_kept(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ConfigError, match=r"page\.md has no lines '<!-- written .*: begin -->'"):
        write_section(page, "A title", "new")
    assert page.read_text() == text
