"""Which clips belong together: those of one person, and those made from one recording."""

from collections.abc import Sequence

from macbdf_mm.datasets.clip_row import ClipRow


def source_key(row: ClipRow) -> str:
    """Return the recording that a clip shows: its source, or itself if it has none."""
    return row.source or row.file


def group_clips(rows: Sequence[ClipRow]) -> list[int]:
    """Return the number of the group of each row, from 0, in the order of first appearance.

    Two clips are in one group if they share an identity or a source, directly or through others:
    the connected components of the graph of clips, identities and sources.
    """
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def find(node: tuple[str, str]) -> tuple[str, str]:
        root = node
        while parents[root] != root:
            root = parents[root]
        while parents[node] != root:  # Later searches then take one step.
            parents[node], node = root, parents[node]
        return root

    for row in rows:
        nodes = [("source", source_key(row))]
        if row.identity is not None:
            nodes.append(("identity", row.identity))
        for node in nodes:
            parents.setdefault(node, node)
            parents[find(node)] = find(nodes[0])
    numbers: dict[tuple[str, str], int] = {}
    return [numbers.setdefault(find(("source", source_key(row))), len(numbers)) for row in rows]
