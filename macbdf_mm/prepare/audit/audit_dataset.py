"""The audit of a data set as a whole."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError
from macbdf_mm.prepare.audit.audit import Audit
from macbdf_mm.prepare.audit.check_files import CheckSettings, check_files
from macbdf_mm.prepare.audit.counts import count_parts
from macbdf_mm.prepare.audit.file_check import FileCheck
from macbdf_mm.prepare.audit.format_counts import count_formats
from macbdf_mm.prepare.audit.shared_identities import find_shared_identities
from macbdf_mm.prepare.audit.shortcut_probes import (
    PROBED_FEATURES,
    ShortcutProbe,
    list_questions,
    probe_shortcuts,
)
from macbdf_mm.prepare.converters.inspect_files import Progress
from macbdf_mm.prepare.splits.source_leaks import find_source_leaks

JOURNAL_FILE = "journal.jsonl"
RESULT_FILE = "audit.json"


def audit_dataset(
    annotation_path: str | Path,
    data_root: str | Path,
    out_dir: str | Path,
    settings: CheckSettings,
    progress: Progress,
    seed: int = 0,
) -> Audit:
    """Return the audit of a data set; also written to ``audit.json`` in ``out_dir``.

    A run that was stopped goes on: what was found out about each file is in ``journal.jsonl``.

    Args:
        annotation_path: The annotation.
        data_root: Folder that its files are relative to.
        out_dir: Where to write; it is made.
        settings: How to check the files.
        progress: Told how far it is.
        seed: Of the folds of the probes.

    Raises:
        MissingDataError: If the annotation, the folder or all files are not there, or it lists no
            clips.
        ValueError: If ``seed`` is negative.
        AnnotationError: If the annotation breaks the format.
    """
    if seed < 0:
        raise ValueError(f"Expected `seed` (--seed) >= 0, got {seed}.")
    annotation = load_annotation(annotation_path)
    rows = annotation.rows
    if not rows:
        raise MissingDataError(f"{annotation_path} lists no clips; make the data set again.")
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    files = [row.file for row in rows]
    checks = check_files(files, data_root, out_dir / JOURNAL_FILE, settings, progress)
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
        settings={**asdict(settings), "seed": seed},
    )
    partial = out_dir / (RESULT_FILE + ".partial")
    partial.write_text(json.dumps(audit.to_json(), indent=1) + "\n", encoding="utf-8")
    os.replace(partial, out_dir / RESULT_FILE)
    return audit


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
