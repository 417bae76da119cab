"""From a data set as it was published to the project's annotation."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from macbdf_mm.datasets.annotation import save_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.prepare.converters.av_deepfake1m import read_av_deepfake1m
from macbdf_mm.prepare.converters.check_against_file import (
    check_against_header,
    correct_intervals,
)
from macbdf_mm.prepare.converters.conversion_report import ConversionReport
from macbdf_mm.prepare.converters.dfdc import fakes_by_original, read_dfdc
from macbdf_mm.prepare.converters.dfdc_tracks import label_tracks
from macbdf_mm.prepare.converters.fakeavceleb import read_fakeavceleb
from macbdf_mm.prepare.converters.findings import Findings
from macbdf_mm.prepare.converters.generic import read_generic
from macbdf_mm.prepare.converters.generic_options import GenericOptions
from macbdf_mm.prepare.converters.inspect_files import Progress, compare_tracks, read_headers
from macbdf_mm.prepare.converters.journal import Journal
from macbdf_mm.prepare.converters.lavdf import read_lavdf
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.structures.labels import FAKE

NAMES = ("dfdc", "fakeavceleb", "lavdf", "av_deepfake1m", "generic")
# The tracks of these are labelled by comparing them with their originals.
_COMPARED = ("dfdc",)
Inspection = Literal["nothing", "headers", "tracks"]


@dataclass(frozen=True)
class ConversionOptions:
    """How to convert.

    Attributes:
        inspection: How far to look into the files: ``nothing`` but that they exist;
            ``headers``, which tracks there are and how long, without decoding; ``tracks``, for
            DFDC, also how both differ from the original. None: as far as the data set needs.
        audio_fake_implies_video_fake: For DFDC: take for granted that no clip is fake in its
            sound alone.
        generic: For data sets of one's own: the table and what it calls things.
    """

    inspection: Inspection | None = None
    audio_fake_implies_video_fake: bool = False
    generic: GenericOptions = field(default_factory=GenericOptions)


def convert_dataset(
    name: str,
    root: str | Path,
    out: str | Path,
    options: ConversionOptions = ConversionOptions(),
    num_workers: int = 1,
    progress: Progress = lambda what, finished, total: None,
) -> ConversionReport:
    """Return the report of a conversion, which is on the disk beside the annotation then.

    Beside ``<out>.json`` stand ``<out>.report.json``, which lists all that was wrong, and
    ``<out>.journal.jsonl``, what was found out about the files: a run that was stopped, or one
    after more files were added, goes on from it.

    Args:
        name: One of :data:`NAMES`.
        root: The folder of the data set; files are annotated relative to it.
        out: The annotation to write.
        options: How to convert.
        num_workers: Processes that look into files.
        progress: Called with ``headers`` or ``comparisons``, how many are done and how many
            there are.

    Raises:
        ConfigError: If the name or an option is none.
        MissingDataError: If the folder or its table of labels is not there, or no row has a file.
        AnnotationError: If a table breaks its format.
    """
    inspection = _check(name, options)
    out = Path(out)
    tree, findings = MediaTree(root), Findings()
    rows, num_read = _read(name, tree, findings, options)
    if not rows:
        raise _nothing_found(tree, num_read, findings)
    known = _Known()
    if inspection != "nothing":
        with Journal(out.with_suffix(".journal.jsonl")) as journal:
            files = [row.file for row in rows]
            known.headers = read_headers(files, tree, journal, num_workers, progress)
            if inspection == "tracks":
                fakes = fakes_by_original(rows, tree)
                known.comparisons = compare_tracks(fakes, tree, journal, num_workers, progress)
    rows = [_completed(row, known, name, options, findings) for row in rows]
    for row in rows:
        if tree.media[row.file].size_bytes == 0:
            findings.add("empty_files", row.file)
    save_annotation(out, {"dataset": name}, rows)
    report = ConversionReport(
        dataset=name,
        root=tree.root,
        annotation=out,
        path=out.with_suffix(".report.json"),
        num_rows_read=num_read,
        num_files=len(tree.media),
        rows=rows,
        findings=findings,
        options={**asdict(options), "inspection": inspection},
    )
    report.save()
    return report


@dataclass
class _Known:
    """What was found out about files: the fields of header and comparison by file."""

    headers: dict[str, dict[str, Any]] = field(default_factory=dict)
    comparisons: dict[str, dict[str, Any]] = field(default_factory=dict)


def _completed(
    row: ClipRow, known: _Known, name: str, options: ConversionOptions, findings: Findings
) -> ClipRow:
    """Return a row with what is known of its file, in the form that the annotation wants."""
    header = known.headers.get(row.file)
    if header is not None:
        row = check_against_header(row, header, findings)
    if name in _COMPARED and row.label == FAKE:
        row = label_tracks(
            row,
            known.comparisons.get(row.file),
            header is None or header.get("has_audio", True),
            findings,
            audio_fake_implies_video_fake=options.audio_fake_implies_video_fake,
        )
    return correct_intervals(row, findings)


def _nothing_found(tree: MediaTree, num_read: int, findings: Findings) -> MissingDataError:
    refused = findings["rows_not_understood"]
    reason = f"; the first that is not understood: {refused[0].note}" if refused else ""
    return MissingDataError(
        f"None of the {num_read} rows of {tree.root} can be used, {len(tree.media)} media files "
        f"were found; check that the videos are unpacked below this folder{reason}."
    )


def _read(
    name: str, tree: MediaTree, findings: Findings, options: ConversionOptions
) -> tuple[list[ClipRow], int]:
    """Return the rows that the tables of a data set state, and how many were read."""
    if name == "generic":
        return read_generic(tree, findings, options.generic)
    readers = {
        "dfdc": read_dfdc,
        "fakeavceleb": read_fakeavceleb,
        "lavdf": read_lavdf,
        "av_deepfake1m": read_av_deepfake1m,
    }
    return readers[name](tree, findings)


def _check(name: str, options: ConversionOptions) -> Inspection:
    """Return how far to look into the files, after checking all options."""
    if name not in NAMES:
        raise ConfigError(f"Expected a data set of {', '.join(NAMES)}, got {name!r}.")
    if options.generic != GenericOptions() and name != "generic":
        raise ConfigError(f"Expected options of a table with generic only, got {name}.")
    compared = name in _COMPARED
    if options.audio_fake_implies_video_fake and not compared:
        raise ConfigError(
            f"Expected `audio_fake_implies_video_fake` for {', '.join(_COMPARED)} only: "
            f"{name} has labels of both tracks."
        )
    if options.inspection is None:
        return "tracks" if compared else "headers"
    if options.inspection not in get_args(Inspection):
        raise ConfigError(
            f"Expected `inspection` of {', '.join(get_args(Inspection))}, "
            f"got {options.inspection!r}."
        )
    if options.inspection == "tracks" and not compared:
        raise ConfigError(
            f"Expected `inspection` 'headers' or 'nothing' for {name}, got 'tracks': its tracks "
            "are labelled, so there is nothing to compare them for."
        )
    return options.inspection
