"""The page that shows a finished run."""

from collections.abc import Sequence
from pathlib import Path

from macbdf_mm.reports import sections
from macbdf_mm.reports.figures import html_page as html
from macbdf_mm.reports.figures.clip_picture import ClipStory
from macbdf_mm.reports.figures.summary import draw_summary
from macbdf_mm.reports.figures.theme import DARK, LIGHT, to_png
from macbdf_mm.reports.findings import Findings, compute_findings
from macbdf_mm.reports.run_record import RunRecord
from macbdf_mm.utils.files import write_atomically


def make_report(run: RunRecord) -> Path:
    """Return the path of the page that was written for a run.

    Writes ``report/index.html`` into its folder, which needs no other file, and the run in one
    picture, ``report/summary.png`` (``summary_dark.png`` for dark pages).

    Args:
        run: A run that was trained and tested.

    Raises:
        MissingDataError: If no tested clip has a score.
    """
    findings = compute_findings(run)
    folder = run.work_dir / "report"
    path = folder / "index.html"
    write_atomically(_page(findings), path)
    for theme, name in ((LIGHT, "summary.png"), (DARK, "summary_dark.png")):
        picture = draw_summary(
            _title(findings), findings.curves, findings.operators, _telling(findings.stories), theme
        )
        write_atomically(to_png(picture), folder / name)
    return path


def _page(findings: Findings) -> str:
    blocks = [
        *sections.warnings(findings),
        sections.key_figures(findings),
        sections.test_section(findings),
        sections.breakdown_section(findings),
        sections.score_section(findings),
        sections.clip_section(findings),
        sections.training_section(findings),
        sections.run_section(findings),
    ]
    return html.page(_title(findings), sections.lead(findings), blocks)


def _telling(stories: Sequence[ClipStory]) -> ClipStory:
    """Return the first clip with the most forged tracks: a real one shows no intervals."""
    return max(stories, key=lambda story: sum(map(bool, story.intervals.values())))


def _title(findings: Findings) -> str:
    kind = "rendered clips" if findings.run.is_synthetic else findings.run.dataset
    return f"MACB-DF on {kind}: {len(findings.videos)} test clips"
