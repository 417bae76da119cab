from benchmarks.markdown_table import markdown_table


def test_table_has_head_rule_and_rows() -> None:
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
