import re

from matplotlib import image

from macbdf_mm.apis.find_run import read_run
from macbdf_mm.reports.make_report import make_report
from macbdf_mm.reports.sections import SYNTHETIC_BANNER


def test_the_page_needs_no_other_file_and_says_what_it_is(finished_run):
    path = make_report(read_run(finished_run))
    assert path == finished_run / "report" / "index.html"
    page = path.read_text(encoding="utf-8")
    assert SYNTHETIC_BANNER in page
    # Two of the test, one of scores, one of training, five clips.
    assert page.count("<picture>") == 9
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)""", page)
    for words in ("0 bytes", "mouth_rerender", "held out", "FVFA", "always fake", "prefers-color"):
        assert words in page
    for name in ("summary.png", "summary_dark.png"):
        assert image.imread(finished_run / "report" / name).shape[1] > 1000
