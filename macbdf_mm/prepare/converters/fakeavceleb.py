"""The converter of FakeAVCeleb."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.media_tree import MediaTree, folder_of, join
from macbdf_mm.prepare.converters.read_table import read_csv
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.structures.labels import FAKE, REAL, Label, clip_label
from macbdf_mm.utils.tables import shown

_TABLE = "meta_data.csv"
_COLUMNS = ("source", "target1", "target2", "method", "category", "type", "race", "gender", "path")
# Type -> the letter of its category, video label, audio label.
_TYPES: dict[str, tuple[str, Label, Label]] = {
    "RealVideo-RealAudio": ("A", REAL, REAL),
    "RealVideo-FakeAudio": ("B", REAL, FAKE),
    "FakeVideo-RealAudio": ("C", FAKE, REAL),
    "FakeVideo-FakeAudio": ("D", FAKE, FAKE),
}
_NOTHING = ("", "-")


@CONVERTERS.register_module("fakeavceleb")
class FakeAVCelebConverter(Converter):
    """FakeAVCeleb v1.2.

    Layout:
        ``meta_data.csv`` beside ``<type>/<race>/<gender>/<source>/<clip>.mp4``. Its header ends
        in a comma: the unnamed last column is the folder, which begins with ``FakeAVCeleb/``
        whatever the folder on the disk is called; ``path`` is the name of the file. Races hold
        spaces and brackets.

    Labels:
        Of both tracks, by ``type`` and ``category``: A RealVideo-RealAudio, B
        RealVideo-FakeAudio, C FakeVideo-RealAudio, D FakeVideo-FakeAudio.

    Splits:
        None is published. A person is race, gender and source id; ``source`` is the person's
        real clip. People whose faces were swapped in are in ``extra``, as ``target1`` and
        ``target2``.
    """

    def read(self, collector: RowCollector) -> list[ClipRow]:
        """Return the rows of a FakeAVCeleb tree."""
        tree = collector.tree
        tables = tree.tables(_TABLE)
        if not tables:
            raise MissingDataError(
                f"No {_TABLE} below {tree.root}; expected a FakeAVCeleb folder as published."
            )
        for table in tables:
            lines = list(read_csv(tree.root / table, needed=_COLUMNS))
            real_clips = _real_clips(cells for _, cells in lines)
            for line, cells in lines:
                place = f"{table}, line {line}"
                file = _locate(cells, tree, folder_of(table))
                problem = _problem(cells)
                if problem is not None:
                    collector.refuse(file, place, problem)
                    continue
                real = real_clips.get(_person(cells), [])
                collector.add(_row(cells, file, _locate_source(cells, real, tree, table)), place)
        return collector.finish()


def _real_clips(lines: Iterator[Mapping[str, str]]) -> dict[str, list[Mapping[str, str]]]:
    """Return the rows of real clips by person."""
    found: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for cells in lines:
        if cells["type"] == "RealVideo-RealAudio":
            found[_person(cells)].append(cells)
    return found


def _person(cells: Mapping[str, str]) -> str:
    # Source ids repeat between groups of people, so the id alone would join strangers.
    return f"{cells['race']}/{cells['gender']}/{cells['source']}"


def _problem(cells: Mapping[str, str]) -> str | None:
    if cells["type"] not in _TYPES:
        return f"`type` is {shown(cells['type'])}, expected one of {', '.join(_TYPES)}"
    letter = _TYPES[cells["type"]][0]
    if cells["category"] != letter:
        return f"`category` is {shown(cells['category'])}, but `type` {cells['type']} is {letter!r}"
    return None


def _row(cells: Mapping[str, str], file: str, source: str | None) -> ClipRow:
    _, video, audio = _TYPES[cells["type"]]
    method = cells["method"]
    label = clip_label(video, audio)
    named = ("race", "gender", "target1", "target2")
    return ClipRow(
        file=file,
        label=label,
        video_label=video,
        audio_label=audio,
        identity=_person(cells),
        source=source if label == FAKE else None,
        method=None if label == REAL or method in _NOTHING else method,
        extra={name: cells[name] for name in named if cells[name] not in _NOTHING},
    )


def _locate(cells: Mapping[str, str], tree: MediaTree, folder: str) -> str:
    """Return where the file of a row is, or should be."""
    stated = cells.get("", "").strip("/").partition("/")[2]
    by_columns = "/".join(cells[name] for name in ("type", "race", "gender", "source"))
    places = [join(folder, f"{place}/{cells['path']}") for place in (stated, by_columns) if place]
    return tree.find(*places) or places[0]


def _locate_source(
    cells: Mapping[str, str], real: list[Mapping[str, str]], tree: MediaTree, table: str
) -> str | None:
    """Return the real clip of the person, of several the one whose name the fake's begins with."""
    if len(real) > 1:
        stem = cells["path"].partition(".")[0]
        real = [row for row in real if stem.startswith(row["path"].partition(".")[0])]
    return _locate(real[0], tree, folder_of(table)) if len(real) == 1 else None
