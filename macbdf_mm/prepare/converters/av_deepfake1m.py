"""The converter of AV-Deepfake1M."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import AnnotationError, MissingDataError
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.media_tree import folder_of, join
from macbdf_mm.prepare.converters.read_table import read_json, read_lines
from macbdf_mm.prepare.converters.stated_values import (
    published_split,
    split_fields,
    stated_intervals,
    stated_text,
)
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import FAKE, REAL, UNKNOWN, Label, clip_label
from macbdf_mm.utils.tables import shown

_LISTS = ("train_metadata.json", "val_metadata.json")
_TEST_LIST = "test_files.txt"
# Type -> video label, audio label. Underscores as published; a loader that expects a hyphen
# takes every clip that is modified in both for a real one.
_TYPES: dict[str, tuple[Label, Label]] = {
    "real": (REAL, REAL),
    "visual_modified": (FAKE, REAL),
    "audio_modified": (REAL, FAKE),
    "both_modified": (FAKE, FAKE),
}
_KEYS = (
    *("file", "original", "split", "modify_type", "audio_model", "video_model"),
    *("fake_segments", "audio_fake_segments", "visual_fake_segments"),
)
_MAX_CLIP_FILE_BYTES = 1_000_000
_IDENTITY = re.compile(r"id\d+")


@CONVERTERS.register_module("av_deepfake1m")
class AvDeepfake1MConverter(Converter):
    """AV-Deepfake1M and AV-Deepfake1M++.

    Layout:
        ``train_metadata.json`` and ``val_metadata.json``, lists of objects, and
        ``test_files.txt``, names without labels. Or one JSON object a clip, beside the video or
        in a tree of its own. The videos of a split lie in a folder of its own, whose name
        differs between releases: files are found by the end of their path.

    Labels:
        ``modify_type``: ``real``, ``visual_modified``, ``audio_modified``, ``both_modified``,
        and for each track its ``visual_fake_segments`` and ``audio_fake_segments`` in seconds.
        Some rows carry segments of a track that was not modified: these are left out and
        listed. ``audio_frames`` is not used, since it can disagree with what decodes.

    Splits:
        ``train``, ``val``, and ``test`` without labels. ``original`` means three things:
        nothing or itself for real clips, a clip of the set, or a recording outside of it.
        ``source`` is the clip of the set if it is there, else the ``real.mp4`` beside the fake,
        else what is stated. ``identity`` is the part of the path that looks like ``id06744``.
    """

    def read(self, collector: RowCollector) -> list[ClipRow]:
        """Return the rows of an AV-Deepfake1M tree."""
        tree = collector.tree
        reader = _Reader(collector)
        for name in _LISTS:
            for table in tree.tables(name):
                reader.read_list(table)
        for path in tree.others:
            if path.endswith(".json") and path.rpartition("/")[2] not in _LISTS:
                reader.read_clip_file(path)
        for table in tree.tables(_TEST_LIST):
            reader.read_test_list(table)
        if not collector.num_read:
            raise MissingDataError(
                f"No train_metadata.json, val_metadata.json, test_files.txt or JSON files of clips "
                f"below {tree.root}; expected an AV-Deepfake1M folder as published."
            )
        rows = collector.finish()
        for row in rows:
            if row.label == FAKE and UNKNOWN in (row.video_label, row.audio_label):
                collector.findings.add("intervals_missing", row.file)
            if row.label == FAKE and row.source is None:
                collector.findings.add("originals_unnamed", row.file)
        return rows


class _Reader:
    def __init__(self, collector: RowCollector) -> None:
        self.tree = collector.tree
        self.collector = collector

    def read_list(self, table: str) -> None:
        for number, entry in enumerate(read_json(self.tree.root / table, list, _KEYS), 1):
            self._take(entry, f"{table}, entry {number}", folder_of(table), self.collector.add)

    def read_clip_file(self, path: str) -> None:
        """Read the JSON of one clip; other JSON files are left alone."""
        if (self.tree.root / path).stat().st_size > _MAX_CLIP_FILE_BYTES:
            return
        try:
            entry = read_json(self.tree.root / path, dict, _KEYS)
        except AnnotationError as error:
            self.collector.refuse(path, path, str(error))
            return
        if "modify_type" in entry:
            # What a list said already is no second row.
            self._take(entry, path, folder_of(path), self.collector.confirm)

    def read_test_list(self, table: str) -> None:
        for number, line in read_lines(self.tree.root / table):
            file = self._locate(line.strip(), "test", folder_of(table))
            row = ClipRow(file, UNKNOWN, identity=_identity(file), **split_fields("test"))
            self.collector.add(row, f"{table}, line {number}")

    def _take(
        self, entry: Any, place: str, folder: str, take: Callable[[ClipRow, str], None]
    ) -> None:
        entry = entry if isinstance(entry, dict) else {}
        try:
            row = self._row(entry, folder)
        except ValueError as error:
            stated = entry.get("file")
            is_text = isinstance(stated, str)
            file = self._locate(stated, "", folder) if is_text else shown(stated)
            self.collector.refuse(file, place, str(error))
        else:
            take(row, place)

    def _row(self, entry: Mapping[str, Any], folder: str) -> ClipRow:
        """Return the row that an entry states, or raise a ValueError that says what is wrong."""
        stated = (stated_text(entry, "file") or "").replace("\\", "/")
        if not stated:
            raise ValueError("it has no `file`")
        kind = (stated_text(entry, "modify_type") or "").replace("-", "_")
        if kind not in _TYPES:
            raise ValueError(f"`modify_type` is {shown(kind)}, expected one of {', '.join(_TYPES)}")
        fields = split_fields(entry.get("split"))
        file = self._locate(stated, str(entry.get("split")), folder)
        video, audio = _TYPES[kind]
        video_segments = _segments(entry, "visual", video)
        audio_segments = _segments(entry, "audio", audio)
        stated_models = {name: stated_text(entry, name) for name in ("audio_model", "video_model")}
        models = {name: model for name, model in stated_models.items() if model is not None}
        return ClipRow(
            file=file,
            label=clip_label(video, audio),
            video_label=_known(video, video_segments, entry),
            audio_label=_known(audio, audio_segments, entry),
            video_fake_intervals=video_segments,
            audio_fake_intervals=audio_segments,
            identity=_identity(stated),
            source=self._locate_source(entry, file, stated) if FAKE in (video, audio) else None,
            method="+".join(models.values()) or None,
            split=fields["split"],
            extra={**fields["extra"], **models},
        )

    def _locate(self, stated: str, split: str, folder: str) -> str:
        """Return the file that ends in what is stated, of several the one of the split."""
        found = self.tree.ending(self.tree.place("", stated))
        if len(found) > 1:
            names = (split, str(published_split(split)))
            of_split = [path for path in found if any(p.startswith(names) for p in path.split("/"))]
            found = of_split or found
        return found[0] if found else join(folder, stated)

    def _locate_source(self, entry: Mapping[str, Any], file: str, stated: str) -> str | None:
        original = (stated_text(entry, "original") or "").replace("\\", "/") or None
        # A mere name would fit a clip of every recording.
        found = self.tree.ending(original) if original and "/" in original else []
        if found and found[0] != file:
            return found[0]
        beside = join(folder_of(file), "real.mp4")
        if beside in self.tree.media and beside != file:
            return beside
        return None if original == stated else original


def _segments(entry: Mapping[str, Any], track: str, label: int) -> tuple[Interval, ...]:
    name = f"{track}_fake_segments"
    if entry.get(name) is None and label == FAKE:
        # Where a release has no list for each track, the common one counts for what was modified.
        name = "fake_segments"
    return stated_intervals(entry, name)


def _known(label: Label, segments: tuple[Interval, ...], entry: Mapping[str, Any]) -> Label:
    # Fake without a segment of its own would mean fake from end to end, which the row denies.
    return UNKNOWN if label == FAKE and not segments and entry.get("fake_segments") else label


def _identity(path: str) -> str | None:
    return next((part for part in path.split("/") if _IDENTITY.fullmatch(part)), None)
