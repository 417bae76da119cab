"""Data sets of one's own: a table, or plain folders by category.

Serves what has no format of its own, such as DefakeAVMiT, of which no table is public.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError
from macbdf_mm.prepare.converters.findings import Findings
from macbdf_mm.prepare.converters.generic_folders import read_folders
from macbdf_mm.prepare.converters.generic_options import GenericOptions
from macbdf_mm.prepare.converters.generic_table import read_own_table
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.prepare.converters.row_collector import RowCollector
from macbdf_mm.structures.labels import UNKNOWN


def read_generic(
    tree: MediaTree, findings: Findings, options: GenericOptions
) -> tuple[list[ClipRow], int]:
    """Return the rows of a data set of one's own, and how many were read.

    Args:
        tree: The files on the disk.
        findings: Where to note what is wrong.
        options: Which table, and what it calls things.

    Raises:
        ConfigError: If an option does not fit.
        MissingDataError: If the table is not there, or no folder is named for a label.
        AnnotationError: If the table breaks its format.
    """
    collector = RowCollector(tree, findings)
    if options.table is not None:
        read_own_table(Path(options.table), tree, collector, options)
    elif options.columns or options.values:
        raise ConfigError("Expected `table` with `columns` and `values`: folders have neither.")
    else:
        read_folders(tree, collector)
    rows = collector.finish()
    if options.identity_pattern is not None:
        find = _identity_finder(options.identity_pattern)
        rows = [replace(row, identity=row.identity or find(row.file)) for row in rows]
    for row in rows:
        if (row.label, row.video_label, row.audio_label) == (UNKNOWN,) * 3:
            findings.add("unlabelled", row.file)
        if row.source is not None and row.source not in tree.media:
            findings.add("originals_missing", row.file, f"original {row.source}")
    return rows, collector.num_read


def _identity_finder(pattern: str) -> Callable[[str], str | None]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"Expected `identity_pattern` to be a regular expression, got {pattern!r}: {error}."
        ) from None

    def find(path: str) -> str | None:
        match = compiled.search(path)
        return None if match is None else match.group(1 if compiled.groups else 0)

    return find
