"""Reading a tree of files that are named, not decoded."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from macbdf_mm.prepare.converters.conversion_report import Findings
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.media_tree import MediaTree


def write_files(root: Path, files: Iterable[str]) -> None:
    """Write files, each of another size, so that none is taken for a copy."""
    for number, file in enumerate(files, 1):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x" * number)


@pytest.fixture
def touch(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes files below the temporary folder."""
    return lambda *files: write_files(tmp_path, files)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Converter], SimpleNamespace]:
    """Return a function that runs a converter on the temporary folder.

    Its result has the ``rows`` by file, ``num_read``, and the items of the ``findings`` by kind.
    """

    def run(converter: Converter) -> SimpleNamespace:
        findings = Findings()
        collector = RowCollector(MediaTree(tmp_path), findings)
        rows = converter.read(collector)
        return SimpleNamespace(
            rows={row.file: row for row in rows},
            num_read=collector.num_read,
            findings={kind: [found.item for found in of] for kind, of in findings},
            notes={kind: [found.note for found in of] for kind, of in findings},
        )

    return run
