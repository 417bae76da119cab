import numpy as np

from macbdf_mm.reports.browse_page import BrowsedClips, unread_text, write_browse_page
from macbdf_mm.reports.figures.pipeline_clip import PipelineClip

CLIP = PipelineClip(
    name="a<i>.mp4",
    span_seconds=(0.5, 1.5),
    frames=np.zeros((4, 8, 16, 3), np.uint8),
    video_valid=np.array([True, True, True, False]),
    waveform=np.zeros(16_000, np.float32),
    audio_valid=np.arange(16_000) < 8000,
    labels={"overall": -1, "video": 0, "audio": -1},
    clip_labels={"overall": 1, "video": 0, "audio": 1},
    steps={"video": np.array([0, 0]), "audio": np.array([1, -1])},
    category="RVFA",
)
BROWSED = BrowsedClips(
    "test", "val", ["Resize"], "window", 7, [CLIP], {"b\n.mp4": "no such <b>codec</b>"}
)


def test_the_page_has_labels_span_and_what_was_not_read(tmp_path, read_page):
    path = write_browse_page(BROWSED, "Clips", tmp_path / "page.html")
    page = read_page(path.read_text())
    text = " ".join(page.text.split())
    assert "1 of 7 windows of the split val, as they come out of the test pipeline." in text
    assert "0.50 to 1.50 s · 3 of 4 frames valid, 16 x 8 · 50% of 16000 samples valid" in text
    assert page.table("label of") == [
        ["label of", "overall", "video", "audio"],
        ["this span", "unknown", "real", "unknown"],
        ["the whole clip", "fake", "real", "fake"],
    ]
    assert "no such <b>codec</b>" in text
    assert "video real, real; audio fake, unknown" in path.read_text()


def test_names_on_the_terminal_stay_on_their_lines():
    assert unread_text(BROWSED).splitlines() == [
        "1 clip cannot be read:",
        r"  b\n.mp4: no such <b>codec</b>",
    ]
