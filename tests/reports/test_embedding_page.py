import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.clip_embeddings import ClipEmbeddings, measure_separation
from macbdf_mm.reports.embedding_page import write_embedding_page


def make(num_clips):
    rng = np.random.default_rng(0)
    spaces = {name: rng.normal(size=(num_clips, 8)) for name in ("video", "audio", "fused")}
    categories = (("RVRA", "FVRA", "RVFA", "FVFA") * num_clips)[:num_clips]
    files = tuple(f"{number}.mp4" for number in range(num_clips))
    return ClipEmbeddings(spaces, categories, files, {"<b>.mp4": "no audio is seen"})


def test_the_page_has_maps_and_the_figures_of_each_space(tmp_path, read_page):
    embeddings = make(12)
    path = write_embedding_page(embeddings, "Embeddings", "a.pth", tmp_path / "page.html")
    page = read_page(path.read_text())
    assert "12 clips: 3 RVRA, 3 FVRA, 3 RVFA, 3 FVFA. Weights: a.pth." in page.text
    header, first, *_ = page.table("")
    assert header == ["", "x_v", "x_a", "fused"]
    names = ("video", "audio", "fused")
    expected = [measure_separation(embeddings, name)["category: silhouette"] for name in names]
    assert first == ["category: silhouette", *(f"{value:.2f}" for value in expected)]
    assert page.table("file")[1:] == [["<b>.mp4", "no audio is seen"]]


def test_few_clips_have_no_figures_and_one_has_no_map(tmp_path, read_page):
    page = read_page(write_embedding_page(make(4), "E", "a.pth", tmp_path / "p.html").read_text())
    assert page.table("")[1] == ["category: silhouette", "-", "-", "-"]
    with pytest.raises(MissingDataError, match=r"at least 2 clips to map, got 1 \(0\.mp4\); 1 are"):
        write_embedding_page(make(1), "E", "a.pth", tmp_path / "p.html")
