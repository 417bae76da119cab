"""The ablation study: its variants, and what its page shows beside the tables."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.config import Config

from macbdf_mm.reports.figures.embedding_maps import draw_embedding_maps
from macbdf_mm.reports.figures.training_curves import SeedCurve, draw_seed_curves
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.tables import markdown_table
from studies.clip_embeddings import embed_clips, measure_separation, plane_map
from studies.result_tables import Results, figure_by_seed, spread
from studies.runs import CONFIG_FILE, run_folder
from studies.study import DEMO_CONFIG, FULL, Study, Variant
from studies.study_page import StudyPage

WITHOUT_CONTRAST = "without_contrast"
DEPTH_VARIANTS = ("depth_0", FULL, "depth_4")
"""The variants that differ in depth only; the full model has its own."""

ABLATIONS = Study(
    name="ablations",
    title="Ablations",
    variants=(
        Variant(FULL, "full", DEMO_CONFIG),
        Variant(WITHOUT_CONTRAST, "without L_C", "ablations/without_contrast.py"),
        Variant("without_intra", "without L_intra", "ablations/without_intra.py"),
        Variant("without_cross", "without L_cross", "ablations/without_cross.py"),
        Variant("without_weights", "without w", "ablations/without_weights.py"),
        Variant("depth_0", "depth 0", "ablations/depth_0.py"),
        Variant("depth_4", "depth 4", "ablations/depth_4.py"),
        Variant("plain_fusion", "plain fusion", "ablations/plain_fusion.py"),
    ),
    reference=FULL,
)

_SPACES = {"video": "x_v", "audio": "x_a", "fused": "fused"}
_SEPARATION_TEXT = (
    "How far clips stand apart in the embeddings themselves (not in the maps), by cosine "
    "distance, over all seeds: by the four categories, and by what is real or fake in the "
    "embedding's own track (of the fused vectors: in the clip). x_v cannot tell what only the "
    "sound shows, nor x_a what only the picture shows. Chance is the 5-NN accuracy of a guess "
    "at the largest group."
)


def fill_ablation_page(page: StudyPage) -> None:
    """Add the curve over depth and the maps of the embeddings to a page."""
    add_depth_curve(page)
    add_embedding_maps(page)


def add_depth_curve(page: StudyPage) -> None:
    """Add AUC and accuracy over the depth of the towers (Figure 5), if there are two depths."""
    depths = {}
    for name in DEPTH_VARIANTS:
        for seed in page.results.get(name, {}):
            cfg = Config.fromfile(str(run_folder(page.work_dir, name, seed) / CONFIG_FILE))
            depths[name] = int(cfg.model.video_backbone.depth)
    if len(set(depths.values())) < 2:
        return
    panels = {
        title: [_over_depth(page.results, depths, track, measure) for track in TRACKS]
        for title, measure in (("AUC", "auc"), ("Accuracy", "acc"))
    }
    page.add("## Depth of the towers")
    page.add_figure(
        "depth",
        draw_seed_curves(panels, "layers of the towers", 2),
        "AUC and accuracy over the depth of the towers",
        "AUC and accuracy over the number of layers; lines are means over the seeds, bands go "
        "from the lowest to the highest seed. At 0 the fusion reads the encoders' own maps.",
    )


def _over_depth(results: Results, depths: Mapping[str, int], track: str, measure: str) -> SeedCurve:
    names = sorted(depths, key=lambda name: depths[name])
    seeds = sorted({seed for name in names for seed in results[name]})
    values = np.full((len(seeds), len(names)), np.nan)
    for column, name in enumerate(names):
        for seed, value in figure_by_seed(results, name, f"{track}/{measure}").items():
            values[seeds.index(seed), column] = np.nan if value is None else value
    positions = np.array([depths[name] for name in names], dtype=np.float64)
    return SeedCurve(track, track, positions, values)


def add_embedding_maps(page: StudyPage) -> None:
    """Add maps of the test clips' embeddings with and without L_C (Figure 4), and their figures.

    Nothing is added unless both variants have a run.
    """
    names = (WITHOUT_CONTRAST, page.study.reference)
    if any(name not in page.results for name in names):
        return
    titles = page.study.titles()
    embedded = {
        titles[name]: [
            embed_clips(run_folder(page.work_dir, name, seed))
            for seed in sorted(page.results[name])
        ]
        for name in names
    }
    maps = {
        f"{title}: {label}": (plane_map(runs[0].spaces[space]), runs[0].categories)
        for title, runs in embedded.items()
        for space, label in _SPACES.items()
    }
    separations = {
        f"{title}, {label}": [measure_separation(run, space) for run in runs]
        for title, runs in embedded.items()
        for space, label in _SPACES.items()
    }
    page.further["separation"] = separations
    page.add("## Embeddings with and without L_C")
    page.add_figure(
        "embeddings",
        draw_embedding_maps(maps, len(_SPACES)),
        "t-SNE of the test clips' embeddings",
        "t-SNE of the test clips, one point a clip, of the runs with the lowest seed. x_v and x_a "
        "are the contrastive embeddings of video and audio; without L_C their projection is "
        "never trained, so the fused vectors, which the classifier reads, are shown as well.",
    )
    page.add(_SEPARATION_TEXT, _separation_table(separations))


def _separation_table(separations: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    measures = list(next(iter(separations.values()))[0])
    rows = [
        [name, *(spread(figures[measure] for figures in runs) for measure in measures)]
        for name, runs in separations.items()
    ]
    return markdown_table(["embedding", *measures], rows)
