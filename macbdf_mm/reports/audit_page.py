"""The page that shows the audit of a data set."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from macbdf_mm.prepare.audit.audit import Audit, percent
from macbdf_mm.prepare.audit.grouped_auc import MIN_GROUPS
from macbdf_mm.prepare.audit.shortcut_probes import (
    LEAK_AUC,
    NUM_STANDARD_ERRORS,
    PROBED_FEATURES,
    SUSPICIOUS_AUC,
    Question,
    ShortcutProbe,
    revealing_values,
    worst_probe,
)
from macbdf_mm.reports.figures.bars import draw_probe_bars
from macbdf_mm.reports.figures.histograms import draw_value_histograms
from macbdf_mm.reports.page import Picture, write_page
from macbdf_mm.reports.tables import Table
from macbdf_mm.structures.labels import CATEGORIES

PAGE_FILE = "index.html"
_CATEGORIES = (*CATEGORIES.values(), "unknown")
# A page of a hundred thousand files cannot be looked at; audit.json has them all.
_MAX_LISTED = 200
_NUM_PEOPLE = 10
_NUM_FORMATS = 15
_NUM_HISTOGRAMS = 3


def write_audit_page(audit: Audit, out_dir: str | Path) -> Path:
    """Return the path of the page that was written; it needs no other file.

    Args:
        audit: The findings.
        out_dir: An existing folder.
    """
    unreadable, remarks = audit.unreadable, audit.remarks
    return write_page(
        Path(out_dir) / PAGE_FILE,
        "audit.html.j2",
        title=f"Audit of {audit.dataset}",
        audit=audit,
        whole=audit.parts[-1],
        leaks=[probe.feature for probe in audit.shortcuts if probe.verdict == "leak"],
        num_unreadable=len(unreadable),
        num_unusual=len(remarks),
        tiles=_tiles(audit, len(unreadable), len(remarks)),
        limits={
            "leak_auc": LEAK_AUC,
            "suspicious_auc": SUSPICIOUS_AUC,
            "num_standard_errors": NUM_STANDARD_ERRORS,
            "min_groups": MIN_GROUPS,
            "num_formats": _NUM_FORMATS,
            "max_listed": _MAX_LISTED,
        },
        pictures={"bars": _bars(audit), "histograms": list(_histograms(audit))},
        tables={
            "probes": _probe_table(audit),
            "counts": _count_table(audit),
            "formats": _format_table(audit),
            "files": _file_table(unreadable, remarks),
            **_people_tables(audit),
            **_split_tables(audit),
        },
    )


def _tiles(audit: Audit, num_unreadable: int, num_unusual: int) -> list[tuple[str, str]]:
    worst = worst_probe(audit.probes)
    of_what = "" if worst is None else f": {worst.feature}, {worst.question}"
    return [
        (percent(audit.parts[-1].majority_accuracy), "accuracy of saying always the same"),
        (
            "-" if worst is None else f"{worst.auc:.2f}",
            f"highest AUC of a single property of the files{of_what}",
        ),
        (str(num_unreadable), f"unreadable (files); unusual: {num_unusual}"),
        (
            str(len(audit.source_leaks)),
            f"in two parts (recordings); identities: {len(audit.shared_identities)}",
        ),
    ]


def _bars(audit: Audit) -> Picture:
    probes = [probe for probe in audit.probes if probe.question == Question("fake")]
    draw = partial(draw_probe_bars, probes, "All real clips against all fake ones")
    return Picture(draw, "AUC of each property of the files on the label of the clip")


def _histograms(audit: Audit) -> Iterator[Picture]:
    """Yield the spread of the properties that tell most, of those that are numbers."""
    worst = worst_probe(audit.probes)
    shown = 0
    for probe in audit.shortcuts or ([] if worst is None else [worst]):
        values = revealing_values(audit.rows, audit.checks, probe.feature, probe.question)
        if values is not None and shown < _NUM_HISTOGRAMS:
            shown += 1
            title = f"{probe.feature}: {probe.question}"
            column, real, fake = values
            draw = partial(draw_value_histograms, real, fake, title, column)
            yield Picture(draw, f"Histograms of {probe.feature} of real and fake clips")


def _probe_table(audit: Audit) -> Table:
    found = {(probe.question, probe.feature): probe for probe in audit.probes}
    questions = list(dict.fromkeys(probe.question for probe in audit.probes))
    rows = [
        [feature, *(_cell(found[question, feature]) for question in questions)]
        for feature in PROBED_FEATURES
    ]
    of_one = [found[question, PROBED_FEATURES[0]] for question in questions]
    rows.append(["real / fake clips", *(f"{p.num_real} / {p.num_fake}" for p in of_one)])
    return Table(["AUC", *map(_heading, questions)], rows)


def _heading(question: Question) -> str:
    if question.split is not None:
        return f"in {question.split}"
    return "all fakes" if question.fakes == "fake" else question.fakes


def _cell(probe: ShortcutProbe) -> str:
    if math.isnan(probe.auc):
        return "-"
    mark = {"leak": "leak ", "suspicious": "! "}.get(probe.verdict, "")
    return f"{mark}{probe.auc:.3f}"


def _count_table(audit: Audit) -> Table:
    headers = ["part", "clips", "real", "fake", *_CATEGORIES, "identities", "recordings"]
    headers += ["always the same", "always fake"]
    rows = [
        [
            part.split,
            str(part.num_clips),
            str(part.num_real),
            str(part.num_fake),
            *(str(part.by_category.get(name, 0)) for name in _CATEGORIES),
            str(len(part.by_identity)),
            str(part.num_sources),
            percent(part.majority_accuracy),
            percent(part.always_fake_accuracy),
        ]
        for part in audit.parts
    ]
    return Table(headers, rows)


def _people_tables(audit: Audit) -> dict[str, Table]:
    whole = audit.parts[-1]
    methods = [[name, str(count)] for name, count in list(whole.by_method.items())[:_MAX_LISTED]]
    people = [[name, str(count)] for name, count in list(whole.by_identity.items())[:_NUM_PEOPLE]]
    return {
        "methods": Table(["method", "fake clips"], methods),
        "people": Table(["identities with most clips", "clips"], people),
    }


def _format_table(audit: Audit) -> Table:
    rows = [
        [item.name, str(item.num_real), str(item.num_fake), str(item.num_unknown)]
        for item in audit.formats[:_NUM_FORMATS]
    ]
    return Table(["format", "real", "fake", "unknown"], rows)


def _split_tables(audit: Audit) -> dict[str, Table]:
    leaks = [
        [leak.source, *(f"{c} ({s})" for c, s in zip(leak.clips, leak.splits, strict=True))]
        for leak in audit.source_leaks[:_MAX_LISTED]
    ]
    people = [
        [who, ", ".join(parts)]
        for who, parts in list(audit.shared_identities.items())[:_MAX_LISTED]
    ]
    return {
        "leaks": Table(["recording", "clip", "clip"], leaks),
        "shared": Table(["identity", "parts"], people),
    }


def _file_table(unreadable: Mapping[str, str], remarks: Mapping[str, Sequence[str]]) -> Table:
    rows = [[file, reason] for file, reason in unreadable.items()]
    rows += [[file, "; ".join(found)] for file, found in remarks.items()]
    return Table(["file", "what"], rows[:_MAX_LISTED])
