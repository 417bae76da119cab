from macbdf_mm.utils.tables import csv_cell, markdown_table, printable


def test_table_has_head_rule_and_rows() -> None:
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_table_without_rows_has_its_head():
    assert markdown_table(["a", "b"], []) == "| a | b |\n| --- | --- |"


def test_names_forge_no_lines_and_no_formulas():
    assert printable("a\nb\x1b[2K\udce9 é") == "a\\nb\\x1b[2K\\udce9 é"
    assert csv_cell("=HYPERLINK()") == "'=HYPERLINK()"
    assert [csv_cell("a=b"), csv_cell(-1.0), csv_cell("")] == ["a=b", -1.0, ""]
