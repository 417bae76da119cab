from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.prepare.audit.shared_identities import find_shared_identities


def test_people_in_two_parts_are_found_with_the_parts():
    rows = [
        ClipRow("a", 0, identity="Zoe", split="val"),
        ClipRow("b", 0, identity="Zoe", split="train"),
        ClipRow("c", 1, identity="Zoe", split="train"),
        ClipRow("d", 1, identity="Ann", split="test"),
        ClipRow("e", 1, identity="Ann", split="train"),
        ClipRow("f", 1, identity="Bob", split="train"),
        ClipRow("g", 1, identity="Bob"),
        ClipRow("h", 1, split="test"),
        ClipRow("i", 1, split="train"),
    ]
    found = find_shared_identities(rows)
    assert list(found.items()) == [("Ann", ("test", "train")), ("Zoe", ("train", "val"))]
