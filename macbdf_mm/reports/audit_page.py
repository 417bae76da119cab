"""The page that shows the audit of a data set."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from macbdf_mm.prepare.audit.audit import Audit, percent
from macbdf_mm.prepare.audit.counts import CATEGORIES
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
from macbdf_mm.reports.figures import html_page as html
from macbdf_mm.reports.figures.probe_bars import ProbeBar, draw_probe_bars
from macbdf_mm.reports.figures.value_histograms import draw_value_histograms
from macbdf_mm.utils.files import write_atomically

PAGE_FILE = "index.html"
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
    path = Path(out_dir) / PAGE_FILE
    whole = audit.parts[-1]
    kind = "rendered clips" if audit.is_synthetic else "clips"
    lead = (
        f"{audit.annotation}: {whole.num_clips} {kind}, {whole.num_real} real, "
        f"{whole.num_fake} fake."
    )
    blocks = [
        *_warnings(audit),
        _tiles(audit),
        _shortcut_section(audit),
        _count_section(audit),
        _format_section(audit),
        _split_section(audit),
        _file_section(audit),
    ]
    page = html.page(f"Audit of {audit.dataset}", lead, blocks)
    write_atomically(page, path)
    return path


def _warnings(audit: Audit) -> Iterator[str]:
    names = [probe.feature for probe in audit.shortcuts if probe.verdict == "leak"]
    if names:
        yield html.banner(
            f"Properties of the files alone tell real from fake: {', '.join(names)}. A detector "
            "that learns them scores well here and nowhere else."
        )


def _tiles(audit: Audit) -> str:
    worst = worst_probe(audit.probes)
    of_what = "" if worst is None else f": {worst.feature}, {worst.question}"
    return html.tiles(
        [
            (percent(audit.parts[-1].majority_accuracy), "accuracy of saying always the same"),
            (
                "-" if worst is None else f"{worst.auc:.2f}",
                f"highest AUC of a single property of the files{of_what}",
            ),
            (str(len(audit.unreadable)), f"files unreadable, and {len(audit.remarks)} unusual"),
            (
                str(len(audit.source_leaks)),
                f"recordings in two parts, and {len(audit.shared_identities)} identities",
            ),
        ]
    )


def _shortcut_section(audit: Audit) -> str:
    note = (
        "A small classifier on each property of the files alone, tested on people and recordings "
        f"that it has not seen. AUC 0.5 is chance. From {LEAK_AUC} on a property is called a leak, "
        f"from {SUSPICIOUS_AUC} on suspicious (!), if chance is {NUM_STANDARD_ERRORS} standard "
        "errors away (the whiskers). The table: all fakes, a category of fakes against RVRA, and "
        f"all fakes of one part. A dash: fewer than {MIN_GROUPS} people or recordings of a class."
    )
    return html.section(
        "Shortcuts",
        note,
        html.side_by_side(_bars(audit), "".join(_histograms(audit))),
        html.table(*_probe_table(audit)),
    )


def _bars(audit: Audit) -> str:
    bars = [
        ProbeBar(
            probe.feature, probe.auc, NUM_STANDARD_ERRORS * probe.standard_error, probe.verdict
        )
        for probe in audit.probes
        if probe.question == Question("fake")
    ]
    draw = partial(draw_probe_bars, bars, "All real clips against all fake ones")
    return html.picture(draw, "AUC of each property of the files on the label of the clip")


def _histograms(audit: Audit) -> Iterator[str]:
    """Yield the spread of the properties that tell most, of those that are numbers."""
    worst = worst_probe(audit.probes)
    shown = 0
    for probe in audit.shortcuts or ([] if worst is None else [worst]):
        values = revealing_values(audit.rows, audit.checks, probe.feature, probe.question)
        if values is not None and shown < _NUM_HISTOGRAMS:
            shown += 1
            title = f"{probe.feature}: {probe.question}"
            draw = partial(draw_value_histograms, values.real, values.fake, title, values.column)
            yield html.picture(draw, f"Histograms of {probe.feature} of real and fake clips")


def _probe_table(audit: Audit) -> tuple[list[str], list[list[str]]]:
    found = {(probe.question, probe.feature): probe for probe in audit.probes}
    questions = list(dict.fromkeys(probe.question for probe in audit.probes))
    rows = [
        [feature, *(_cell(found[question, feature]) for question in questions)]
        for feature in PROBED_FEATURES
    ]
    of_one = [found[question, PROBED_FEATURES[0]] for question in questions]
    rows.append(["real / fake clips", *(f"{p.num_real} / {p.num_fake}" for p in of_one)])
    return ["AUC", *map(_heading, questions)], rows


def _heading(question: Question) -> str:
    if question.split is not None:
        return f"in {question.split}"
    return "all fakes" if question.fakes == "fake" else question.fakes


def _cell(probe: ShortcutProbe) -> str:
    if math.isnan(probe.auc):
        return "-"
    mark = {"leak": "leak ", "suspicious": "! "}.get(probe.verdict, "")
    return f"{mark}{probe.auc:.3f}"


def _count_section(audit: Audit) -> str:
    rows = [
        [
            part.split,
            str(part.num_clips),
            str(part.num_real),
            str(part.num_fake),
            *(str(part.by_category.get(name, 0)) for name in CATEGORIES),
            str(len(part.by_identity)),
            str(part.num_sources),
            percent(part.majority_accuracy),
            percent(part.always_fake_accuracy),
        ]
        for part in audit.parts
    ]
    headers = ["part", "clips", "real", "fake", *CATEGORIES, "identities", "recordings"]
    headers += ["always the same", "always fake"]
    whole = audit.parts[-1]
    methods = [[name, str(count)] for name, count in list(whole.by_method.items())[:_MAX_LISTED]]
    people = [[name, str(count)] for name, count in list(whole.by_identity.items())[:_NUM_PEOPLE]]
    tables = [
        html.table(["method", "fake clips"], methods) if methods else "",
        html.table(["identities with most clips", "clips"], people) if people else "",
    ]
    return html.section(
        "Counts",
        "The last two columns are accuracies of answering without a look; an accuracy has to be "
        "read beside them.",
        html.table(headers, rows),
        html.side_by_side(*filter(None, tables)),
    )


def _format_section(audit: Audit) -> str:
    rows = [
        [item.name, str(item.num_real), str(item.num_fake), str(item.num_unknown)]
        for item in audit.formats[:_NUM_FORMATS]
    ]
    if not rows:
        return html.section("Formats", "No file can be read.")
    return html.section(
        "Formats",
        f"{len(audit.formats)} in all; at most {_NUM_FORMATS} are listed.",
        html.table(["format", "real", "fake", "unknown"], rows),
    )


def _split_section(audit: Audit) -> str:
    leaks = [
        [leak.source, *(f"{c} ({s})" for c, s in zip(leak.clips, leak.splits, strict=True))]
        for leak in audit.source_leaks[:_MAX_LISTED]
    ]
    people = [
        [who, ", ".join(parts)]
        for who, parts in list(audit.shared_identities.items())[:_MAX_LISTED]
    ]
    if not leaks and not people:
        return html.section(
            "Across the parts",
            f"No recording and no person is known to be in two parts{audit.blind_spot}.",
        )
    return html.section(
        "Across the parts",
        f"{len(audit.source_leaks)} recordings and {len(audit.shared_identities)} people are in "
        f"more than one part (at most {_MAX_LISTED} are listed). A detector can know them by "
        "heart.",
        html.table(["recording", "clip", "clip"], leaks) if leaks else "",
        html.table(["identity", "parts"], people) if people else "",
    )


def _file_section(audit: Audit) -> str:
    problems = [[file, reason] for file, reason in audit.unreadable.items()]
    problems += [[file, "; ".join(remarks)] for file, remarks in audit.remarks.items()]
    if not problems:
        reach = audit.extent.removeprefix(", ") or "from its start to its end"
        return html.section("Files", f"Every file decodes: {reach}.")
    return html.section(
        "Files",
        f"Unreadable: {len(audit.unreadable)}, unusual: {len(audit.remarks)} (at most "
        f"{_MAX_LISTED} are listed, the unreadable ones first).",
        html.table(["file", "what"], problems[:_MAX_LISTED]),
    )
