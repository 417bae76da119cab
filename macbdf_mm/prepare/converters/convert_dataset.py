"""From a data set as it was published to the project's annotation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.prepare.converters.check_against_file import (
    check_against_header,
    correct_intervals,
    label_tracks,
)
from macbdf_mm.prepare.converters.conversion_report import ConversionReport, Findings
from macbdf_mm.prepare.converters.converter import Converter, RowCollector
from macbdf_mm.prepare.converters.inspect_files import Inspector
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.registered_parts import find_part
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.structures.labels import FAKE
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.jobs import Engine
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.progress import Progress
from macbdf_mm.utils.shard import WHOLE, Shard
from macbdf_mm.utils.tables import shown

Inspection = Literal["nothing", "headers", "tracks"]


def convert_dataset(
    name: str,
    root: str | Path,
    out: str | Path,
    inspection: Inspection | None = None,
    options: Mapping[str, Any] = {},
    engine: Engine | None = None,
    shard: Shard = WHOLE,
    progress: Progress = lambda what, finished, total: None,
) -> ConversionReport | None:
    """Return the report of a conversion, which is on the disk beside the annotation then.

    Beside ``<out>.json`` stand ``<out>.report.json``, which lists all that was wrong, and
    ``<out>.journal.jsonl``, what was found out about the files: a run that was stopped, or one
    after more files were added, resumes from it.

    A shard only looks into its part of the files and writes its part of the journal; None comes
    back. A run of the whole then finds all that the shards have found, and writes the annotation.

    Args:
        name: A name in the registry ``CONVERTERS``.
        root: The folder of the data set; files are annotated relative to it.
        out: The annotation to write.
        inspection: How far to look into the files: ``nothing`` but that they exist;
            ``headers``, which tracks there are and how long, without decoding; ``tracks``, for
            data sets that do not label them, also how both differ from the original. None: as far
            as the data set needs.
        options: Those of the converter, by the names of its parameters.
        engine: Where files are looked into; this process by default.
        shard: The part of the files to look into.
        progress: Called with ``headers`` or ``comparisons``, how many are done and how many
            there are.

    Raises:
        ConfigError: If the name or an option is none.
        MissingDataError: If the folder or its table of labels is not there, or no row has a file.
        AnnotationError: If a table breaks its format.
    """
    converter: Converter = find_part(CONVERTERS, name, options)(**options)
    if inspection is None:
        inspection = "tracks" if converter.compares_tracks else "headers"
    elif inspection not in get_args(Inspection):
        raise ConfigError(
            f"Expected `inspection` of {', '.join(get_args(Inspection))}, got {inspection!r}."
        )
    elif inspection == "tracks" and not converter.compares_tracks:
        raise ConfigError(
            f"Expected `inspection` 'headers' or 'nothing' for {name}, got 'tracks': its tracks "
            "are labelled, so there is nothing to compare them for."
        )
    out = Path(out)
    tree, findings = MediaTree(root), Findings()
    collector = RowCollector(tree, findings)
    try:
        rows = converter.read(collector)
        if not rows:
            raise _nothing_found(collector)
    except MissingDataError as error:
        if not tree.problems:
            raise
        place, problem = next(iter(tree.problems.items()))
        raise MissingDataError(
            f"{error} {len(tree.problems)} places were not looked into; the first of them, "
            f"{shown(place)}, {problem}."
        ) from error
    headers: dict[str, dict[str, Any]] = {}
    comparisons: dict[str, dict[str, Any]] = {}
    if inspection != "nothing":
        with Journal(out.with_suffix(".journal.jsonl"), shard) as journal:
            inspector = Inspector(tree, engine or LocalEngine(0), journal, shard, progress)
            headers = inspector.read_headers(row.file for row in rows)
            if inspection == "tracks":
                comparisons = inspector.compare_tracks(fakes_by_original(rows, tree))
    if shard != WHOLE:
        return None
    rows = [
        _completed(row, headers.get(row.file), comparisons.get(row.file), converter, findings)
        for row in rows
    ]
    for row in rows:
        if tree.media[row.file].size_bytes == 0:
            findings.add("empty_files", row.file)
    save_annotation(out, {"dataset": name}, rows)
    report = ConversionReport(
        dataset=name,
        root=tree.root,
        annotation=out,
        path=out.with_suffix(".report.json"),
        num_rows_read=collector.num_read,
        num_files=len(tree.media),
        rows=rows,
        findings=findings,
        options={"inspection": inspection, **options},
    )
    report.save()
    return report


def fakes_by_original(rows: list[ClipRow], tree: MediaTree) -> dict[str, list[str]]:
    """Return original -> fakes, for all fakes whose original is on the disk."""
    fakes: dict[str, list[str]] = {}
    for row in rows:
        if row.label == FAKE and row.source in tree.media:
            fakes.setdefault(str(row.source), []).append(row.file)
    return fakes


def _completed(
    row: ClipRow,
    header: Mapping[str, Any] | None,
    comparison: Mapping[str, Any] | None,
    converter: Converter,
    findings: Findings,
) -> ClipRow:
    """Return a row with what is known of its file, in the form that the annotation wants."""
    if header is not None:
        row = check_against_header(row, header, findings)
    if converter.compares_tracks and row.label == FAKE:
        row = label_tracks(
            row,
            comparison,
            header is None or header.get("has_audio", True),
            findings,
            audio_fake_implies_video_fake=converter.audio_fake_implies_video_fake,
        )
    return correct_intervals(row, findings)


def _nothing_found(collector: RowCollector) -> MissingDataError:
    root, num_media = collector.tree.root, len(collector.tree.media)
    if not collector.num_read:
        return MissingDataError(
            f"The tables of {root} hold no row, {num_media} media files were found; is a table "
            "cut off?"
        )
    refused = collector.findings["rows_not_understood"]
    lost = collector.findings["rows_without_files"]
    reason = f"; the first that is not understood: {refused[0].note}" if refused else ""
    if lost:
        reason += f"; the first without a file: {shown(lost[0].item)} ({lost[0].note})"
    if contradicting := collector.findings["contradicting_rows"]:
        first, second = contradicting[:2]
        reason += f"; {shown(first.item)} has other labels in {second.note} than in {first.note}"
    return MissingDataError(
        f"No row of {root} can be used; there are {counted(collector.num_read, 'row')} and "
        f"{counted(num_media, 'media file')}. Check that the videos are unpacked below this "
        f"folder{reason}."
    )
