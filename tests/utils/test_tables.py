from macbdf_mm.utils.tables import markdown_table


def test_table_has_head_rule_and_rows() -> None:
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_table_without_rows_has_its_head():
    assert markdown_table(["a", "b"], []) == "| a | b |\n| --- | --- |"
