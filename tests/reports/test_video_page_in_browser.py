"""Pages as Chromium shows them: nothing scrolls sideways, no name is run, headings in order."""

import shutil
from itertools import pairwise
from urllib.parse import quote

import numpy as np
import pytest

from macbdf_mm.apis.prediction import Prediction
from macbdf_mm.reports.video_index import VideoIndex
from macbdf_mm.reports.video_page import write_video_page
from macbdf_mm.structures.window_saliency import WindowSaliency

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open pages in")

EVIL = "a_very_long_name" * 8 + "\"'><script>window.hit=1<img src=x onerror=hit=1>\n.mp4"
VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def record():
    scores = (0.8, 0.9, None)
    return Prediction(
        file=EVIL,
        status="ok",
        error=None,
        scores={"overall": 0.8, "video": 0.9, "audio": None},
        windows=[(float(s), s + 1.0, *scores) for s in range(4)],
        steps={"video": [[0.2, 0.9, 0.4, 0.1]] * 4, "audio": [[None] * 4] * 4},
        thresholds={"overall": 0.5, "video": 0.4, "audio": 0.6},
        verdict="fake",
        warnings=[EVIL, "x" * 300],
        unseen_share=0.0,
        flagged={"overall": [], "video": [(1.0, 2.0)], "audio": []},
        false_alarm_bound=0.05,
        intervals=[{"track": "video", "start": 1.0, "end": 1.5, "score": 0.8}],
    ).to_json()


@pytest.fixture
def page_file(record, make_clip, tmp_path):
    saliency = WindowSaliency(
        *("video", (1.0, 2.0), "gradients"),
        frames=np.full((4, 16, 16, 3), 90, np.uint8),
        frame_weights=np.ones((4, 16, 16), np.float32),
        spectrogram=np.zeros((8, 20), np.float32),
        spectrogram_weights=np.ones((8, 20), np.float32),
    )
    origin = {"checkpoint": EVIL, "weights_sha256": "0f" * 32, "settings": {EVIL: EVIL}}
    clip = make_clip(seconds=4.0)
    return write_video_page(tmp_path / "page.html", record, clip, origin, [saliency])


def open_page(browser, path, width, scheme, **options):
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, **options
    )
    page = context.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"file://{quote(str(path))}")
    # Only the page itself: pictures are in it.
    assert [url for url in requests if not url.startswith("data:")] == requests[:1]
    return page


def luminance(page, selector, name):
    colour = page.locator(selector).first.evaluate(f"element => getComputedStyle(element).{name}")
    channels = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_it_fits_and_can_be_read_in_all_views(browser, page_file):
    for width, scheme in VIEWS:
        page = open_page(browser, page_file, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        paper = luminance(page, "section", "backgroundColor")
        assert (paper < 0.1) == (scheme == "dark")
        for selector in (".verdict h2", ".note", ".label", "figcaption", "h3", "dt", ".axis span"):
            ink = luminance(page, selector, "color")
            contrast = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
            assert contrast >= 4.5, (selector, scheme, contrast)  # WCAG 2.1, AA
        page.context.close()


def test_names_are_inert_and_pictures_are_there(browser, page_file):
    page = open_page(browser, page_file, 1280, "light")
    assert page.evaluate("window.hit") is None
    assert page.locator("script").count() == 0
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.evaluate("[...document.images].every(i => i.alt.length > 5)")
    assert page.title().startswith("a_very_long_name")
    page.context.close()


def test_a_screen_reader_finds_headings_in_order_and_words_for_every_chart(browser, page_file):
    page = open_page(browser, page_file, 390, "light", java_script_enabled=False)
    levels = [int(h.evaluate("e => e.tagName")[1]) for h in page.locator("h1,h2,h3").all()]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert page.get_by_role("heading", name="Timeline").count() == 1
    assert page.get_by_role("heading", name="Likely forged").count() == 1
    # Three lanes and the sound.
    charts = page.locator("[role=img]")
    assert charts.count() == 3
    assert all(chart.get_attribute("aria-label") for chart in charts.all())
    page.context.close()


def test_lanes_frames_and_sound_share_one_time_axis(browser, page_file):
    page = open_page(browser, page_file, 1280, "light")
    boxes = [strip.bounding_box() for strip in page.locator(".strip").all()]
    assert len({(box["x"], box["width"]) for box in boxes}) == 1
    mark = page.locator(".lane.video .marks i").bounding_box()
    left = (mark["x"] - boxes[0]["x"]) / boxes[0]["width"]
    assert left == pytest.approx(0.25, abs=0.01)
    assert mark["width"] / boxes[0]["width"] == pytest.approx(0.25, abs=0.01)
    page.context.close()


def test_the_index_fits_and_leads_to_the_pages(browser, record, page_file):
    with VideoIndex(page_file.parent) as index:
        index.add(record, page_file.name)
    for width, scheme in VIEWS[1:3]:
        page = open_page(browser, index.path, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("window.hit") is None
        page.locator("td a").click()
        assert page.url.endswith("/page.html")
        page.context.close()
