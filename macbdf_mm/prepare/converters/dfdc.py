"""The converter of DFDC."""

from dataclasses import replace
from typing import Annotated, Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.media_tree import folder_of
from macbdf_mm.prepare.converters.read_table import read_csv, read_json
from macbdf_mm.prepare.converters.stated_values import (
    split_fields,
    split_in_name,
    stated_text,
)
from macbdf_mm.registered_parts import Option
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, Label
from macbdf_mm.utils.tables import shown

_LABELS: dict[str, Label] = {
    **{"FAKE": FAKE, "REAL": REAL, "1": FAKE, "0": REAL},
    **{"1.0": FAKE, "0.0": REAL},  # As tables are written where another label is missing.
}


@CONVERTERS.register_module("dfdc")
class DfdcConverter(Converter):
    """DFDC, the DeepFake Detection Challenge data set, in all layouts it was published in.

    Layout:
        - Training parts: ``dfdc_train_part_<n>/metadata.json``, often nested once more in a
          folder of the same name; an object keyed by file name with ``label`` (FAKE or REAL),
          ``split`` and, for fakes, ``original``, which may lie in another part.
        - Full set: ``validation/labels.csv`` and ``test/labels.csv`` with ``filename,label`` (0
          or 1).
        - Preview set: ``dataset.json`` keyed by path, with ``label`` (real or fake) and
          ``set``.

    Labels:
        Of the clip alone. Those of the tracks of a fake follow from comparing it with its
        original (:func:`~macbdf_mm.prepare.converters.check_against_file.label_tracks`).

    Splits:
        ``train``, ``val`` and ``test`` as published; the preview set has ``train`` and
        ``test``. ``source`` is the original: clips that share one belong together.

    Args:
        audio_fake_implies_video_fake: Take for granted that no clip is fake in its sound alone,
            which is what the community found; the publishers do not say so.
    """

    compares_tracks = True

    def __init__(
        self,
        audio_fake_implies_video_fake: Annotated[
            bool, Option("take for granted that no clip is fake in its sound alone")
        ] = False,
    ) -> None:
        self.audio_fake_implies_video_fake = audio_fake_implies_video_fake

    def read(self, collector: RowCollector) -> list[ClipRow]:
        """Return the rows of a DFDC tree, those of the fakes with unknown tracks."""
        tree = collector.tree
        reader = _Reader(collector)
        parts, tables = tree.tables("metadata.json"), tree.tables("labels.csv")
        previews = tree.tables("dataset.json")
        if not parts and not tables and not previews:
            raise MissingDataError(
                f"No metadata.json, labels.csv or dataset.json below {tree.root}; expected a DFDC "
                "folder as published, with a table of labels beside the videos."
            )
        labelled_folders = {folder_of(table) for table in tables}
        for part in parts:
            # The folders with labels.csv may hold a metadata.json too, of another form.
            if folder_of(part) not in labelled_folders:
                reader.read_part(part)
        for table in tables:
            reader.read_labels(table)
        for preview in previews:
            reader.read_preview(preview)
        for copy, first in reader.copies.items():
            collector.note_copy(first, copy)
        rows = collector.finish()
        for row in rows:
            if row.label == FAKE and row.source is None:
                collector.findings.add("originals_unnamed", row.file)
        return [replace(row, source=reader.copies.get(str(row.source), row.source)) for row in rows]


class _Reader:
    def __init__(self, collector: RowCollector) -> None:
        self.tree = collector.tree
        self.collector = collector
        self.copies: dict[str, str] = {}
        self._first_of: dict[tuple[str, int], str] = {}

    def read_part(self, table: str) -> None:
        folder = folder_of(table)
        for name, entry in read_json(self.tree.root / table, dict).items():
            entry = entry if isinstance(entry, dict) else {}
            self._row(
                file=self._locate(name, folder),
                label=entry.get("label"),
                split=entry.get("split"),
                source=entry.get("original"),
                folder=folder,
                place=f"{table}, entry {name}",
            )

    def read_labels(self, table: str) -> None:
        folder = folder_of(table)
        split = split_in_name(folder.rpartition("/")[2])
        rows = read_csv(self.tree.root / table, needed=("filename", "label"))
        for line, cells in rows:
            name = cells["filename"]
            self._row(
                file=self._locate(name, folder),
                label=cells["label"],
                split=split,
                source=None,
                folder=folder,
                place=f"{table}, line {line}",
            )

    def read_preview(self, table: str) -> None:
        folder = folder_of(table)
        for path, entry in read_json(self.tree.root / table, dict).items():
            entry = entry if isinstance(entry, dict) else {}
            self._row(
                file=self.tree.find(place := self.tree.place(folder, path)) or place,
                label=entry.get("label"),
                split=entry.get("set"),
                source=None,
                folder=folder,
                place=f"{table}, entry {path}",
            )

    def _row(self, file: str, label: Any, split: Any, source: Any, folder: str, place: str) -> None:
        try:
            value = _label(label)
            fields = split_fields(split)
            original = stated_text({"original": source}, "original") if value == FAKE else None
        except ValueError as error:
            self.collector.refuse(file, place, str(error))
            return
        track: Label = REAL if value == REAL else UNKNOWN
        self.collector.add(
            ClipRow(
                file=file,
                label=value,
                video_label=track,
                audio_label=track,
                source=None if original is None else self._original(original, folder),
                **fields,
            ),
            place,
        )

    def _locate(self, name: str, folder: str) -> str:
        """Return where the file of a row is: beside its table, nested below, or anywhere.

        A second file of the same name and size is a copy, as of a part that was fetched twice;
        its row then stands for the first.
        """
        path = self._nearest(name, folder)
        if path not in self.tree.media:
            return path
        key = (name, self.tree.media[path].size_bytes)
        first = self._first_of.setdefault(key, path)
        if first != path:
            self.copies[path] = first
        return first

    def _original(self, name: str, folder: str) -> str:
        """Return the file of an original; its mere name, the same for all parts, if it is gone."""
        path = self._nearest(name, folder)
        return path if path in self.tree.media else name

    def _nearest(self, name: str, folder: str) -> str:
        beside = self.tree.place(folder, name)
        if beside in self.tree.media:
            return beside
        return (self.tree.ending(name, folder) or self.tree.ending(name) or [beside])[0]


def _label(stated: Any) -> Label:
    label = _LABELS.get(str(stated).upper()) if isinstance(stated, str | int | float) else None
    if label is None:
        raise ValueError(f"`label` is {shown(stated)}, expected FAKE or REAL, or 1 or 0")
    return label
