"""The audit of a data set: all findings, in words and as plain values."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.source_leaks import SourceLeak, find_source_leaks
from macbdf_mm.errors import ArgumentError, MissingDataError
from macbdf_mm.evaluation.video_scores import none_if_nan
from macbdf_mm.prepare.audit.check_files import FileCheck, check_files, remarks_on
from macbdf_mm.prepare.audit.counts import (
    FormatCount,
    PartCounts,
    count_formats,
    count_parts,
)
from macbdf_mm.prepare.audit.shortcut_probes import (
    ALL_FEATURES,
    PROBED_FEATURES,
    ShortcutProbe,
    list_questions,
    probe_shortcuts,
    worst_probe,
)
from macbdf_mm.prepare.splits.clip_groups import find_shared_identities
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import write_atomically
from macbdf_mm.utils.jobs import Engine
from macbdf_mm.utils.progress import Progress
from macbdf_mm.utils.shard import WHOLE, Shard
from macbdf_mm.utils.tables import printable_lines

JOURNAL_FILE = "journal.jsonl"
RESULT_FILE = "audit.json"


@dataclass(frozen=True)
class Audit:
    """The findings of an audit of one data set.

    Attributes:
        annotation: The annotation file.
        dataset: The name that it gives itself.
        is_synthetic: Whether it says that its clips are rendered.
        rows: Its clips.
        checks: File -> its check.
        parts: Counts by split, and of all together.
        formats: The formats of the files.
        probes: The shortcut probes.
        source_leaks: Recordings in more than one part.
        shared_identities: People in more than one part, with the parts.
        settings: How the files were checked, with the seed of the probes.
    """

    annotation: str
    dataset: str
    is_synthetic: bool
    rows: Sequence[ClipRow]
    checks: Mapping[str, FileCheck]
    parts: Sequence[PartCounts]
    formats: Sequence[FormatCount]
    probes: Sequence[ShortcutProbe]
    source_leaks: Sequence[SourceLeak]
    shared_identities: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unreadable(self) -> dict[str, str]:
        """File -> why it cannot be read."""
        return {file: str(c.error) for file, c in self.checks.items() if c.measures is None}

    @property
    def remarks(self) -> dict[str, list[str]]:
        """File -> what is unusual about it, for those that can be read."""
        found = {row.file: remarks_on(row, self.checks[row.file]) for row in self.rows}
        return {file: remarks for file, remarks in found.items() if remarks}

    @property
    def shortcuts(self) -> list[ShortcutProbe]:
        """The probe of each leaking or suspicious property that tells most, the worst first."""
        worst: dict[str, ShortcutProbe] = {}
        for probe in sorted(self.probes, key=lambda probe: -probe.auc):
            if probe.verdict in ("leak", "suspicious"):
                worst.setdefault(probe.feature, probe)
        return list(worst.values())

    @property
    def extent(self) -> str:
        """How far into the files was looked, if not to their end."""
        limit = self.settings.get("max_seconds")
        return "" if limit is None else f", first {limit:g} s"

    @property
    def blind_spot(self) -> str:
        """What the annotation does not say, so that nobody can be found in two parts."""
        num_unknown = sum(row.identity is None for row in self.rows)
        unsaid = []
        if all(row.split is None for row in self.rows):
            unsaid.append("it has no parts")
        if num_unknown:
            do = "does" if num_unknown == 1 else "do"
            unsaid.append(f"{counted(num_unknown, 'clip')} {do} not say who is seen")
        return f" ({', '.join(unsaid)})" if unsaid else ""

    def describe(self) -> str:
        """Return the findings that matter most, a line each."""
        whole = self.parts[-1]
        lines = [
            f"{self.annotation}: {counted(whole.num_clips, 'clip')}, {whole.num_real} real, "
            f"{whole.num_fake} fake; saying always the same is right for "
            f"{percent(whole.majority_accuracy)}.",
            f"files{self.extent}: {len(self.unreadable)} unreadable, {len(self.remarks)} unusual",
            f"in more than one part: {counted(len(self.source_leaks), 'recording')}, "
            f"{counted(len(self.shared_identities), 'identity', 'identities')}{self.blind_spot}",
            *(_sentence(probe) for probe in self.shortcuts),
        ]
        worst = worst_probe(self.probes)
        if worst is None:
            lines.append("shortcuts: too few people or recordings of each class to look for any")
        elif not self.shortcuts:
            lines.append(
                f"shortcuts: none found; the highest AUC is {worst.auc:.3f}, of {worst.feature} "
                f"for {worst.question}"
            )
        return printable_lines(lines)

    def to_json(self) -> dict[str, Any]:
        """Return all findings as plain values, null for what is not known."""
        return {
            "annotation": self.annotation,
            "dataset": self.dataset,
            "synthetic": self.is_synthetic,
            "settings": dict(self.settings),
            "parts": [
                {
                    **asdict(part),
                    "always_fake_accuracy": none_if_nan(part.always_fake_accuracy),
                    "majority_accuracy": none_if_nan(part.majority_accuracy),
                }
                for part in self.parts
            ],
            "formats": [asdict(item) for item in self.formats],
            "probes": [
                {
                    **asdict(probe),
                    "auc": none_if_nan(probe.auc),
                    "standard_error": none_if_nan(probe.standard_error),
                    "verdict": probe.verdict,
                }
                for probe in self.probes
            ],
            "source_leaks": [asdict(leak) for leak in self.source_leaks],
            "shared_identities": {
                who: list(parts) for who, parts in self.shared_identities.items()
            },
            "unreadable": self.unreadable,
            "remarks": self.remarks,
        }


def audit_dataset(
    annotation_path: str | Path,
    data_root: str | Path,
    out_dir: str | Path,
    engine: Engine,
    progress: Progress,
    max_seconds: float | None = None,
    seed: int = 0,
    shard: Shard = WHOLE,
) -> Audit | None:
    """Return the audit of a data set; also written to ``audit.json`` in ``out_dir``.

    What was found out about each file is in ``journal.jsonl``, so that a stopped run resumes. The
    run of a shard ends with that, and returns None; the one without a shard finds what all
    shards have found.

    Args:
        annotation_path: The annotation.
        data_root: Folder that its files are relative to.
        out_dir: Where to write; it is made.
        engine: Where files are decoded, and how long one may take.
        progress: Told how far it is.
        max_seconds: Decode no further than this into each file; None decodes all of it.
        seed: Of the folds of the probes.
        shard: Which part of the files is checked.

    Raises:
        MissingDataError: If the annotation, the folder or all files are not there, or it lists no
            clips.
        ValueError: If ``seed`` is negative, or ``max_seconds`` not positive.
        AnnotationError: If the annotation breaks the format.
    """
    if seed < 0:
        raise ArgumentError(f"Expected `seed` (--seed) >= 0, got {seed}.")
    annotation = load_annotation(annotation_path)
    rows = annotation.rows
    if not rows:
        raise MissingDataError(f"{annotation_path} lists no clips; make the data set again.")
    files = [row.file for row in rows]
    journal_path = Path(out_dir) / JOURNAL_FILE
    checks = check_files(files, data_root, journal_path, engine, progress, max_seconds, shard)
    if shard != WHOLE:
        return None
    audit = Audit(
        annotation=str(annotation_path),
        dataset=str(annotation.metainfo["dataset"]),
        is_synthetic=bool(annotation.metainfo.get("synthetic")),
        rows=rows,
        checks=checks,
        parts=count_parts(rows),
        formats=count_formats(rows, checks),
        probes=_probe_all(rows, checks, progress, seed),
        source_leaks=find_source_leaks(rows),
        shared_identities=find_shared_identities(rows),
        settings={
            "time_limit_seconds": engine.time_limit_seconds,
            "max_seconds": max_seconds,
            "seed": seed,
        },
    )
    write_atomically(json.dumps(audit.to_json(), indent=1) + "\n", Path(out_dir) / RESULT_FILE)
    return audit


def percent(value: float) -> str:
    """Return a share for reading, a dash if it is not known."""
    return "-" if math.isnan(value) else f"{value:.1%}"


def _sentence(probe: ShortcutProbe) -> str:
    is_all = probe.feature == ALL_FEATURES
    what = "all properties together tell" if is_all else f"{probe.feature} alone tells"
    return (
        f"{probe.verdict}: {what} {probe.question}, AUC {probe.auc:.3f} "
        f"+- {probe.standard_error:.3f}"
    )


def _probe_all(
    rows: Sequence[ClipRow], checks: Mapping[str, FileCheck], progress: Progress, seed: int
) -> list[ShortcutProbe]:
    total = len(list_questions(rows)) * len(PROBED_FEATURES)
    probes: list[ShortcutProbe] = []
    progress("probing shortcuts", 0, total)
    for probe in probe_shortcuts(rows, checks, seed):
        probes.append(probe)
        progress("probing shortcuts", len(probes), total)
    return probes
