"""The ablation study: its variants, and what its page shows beside the tables."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.config import Config

from macbdf_mm.evaluation.clip_embeddings import SPACES, measure_separation
from macbdf_mm.evaluation.functional.separation import plane_map
from macbdf_mm.reports.figures.embedding_maps import draw_embedding_maps
from macbdf_mm.reports.figures.training_curves import SeedCurve, draw_seed_curves
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.utils.tables import markdown_table
from studies.clip_embeddings import embed_run
from studies.result_tables import Results, figure_by_seed, spread
from studies.runs import CONFIG_FILE, run_folder
from studies.study import DEMO_CONFIG, FULL, Group, Study, Variant
from studies.study_page import StudyPage


def _depth(depth: int) -> dict[str, int]:
    return {f"model.{track}_backbone.depth": depth for track in STEP_TRACKS}


WITHOUT_CONTRAST = "without_contrast"
DEPTH_VARIANTS = ("depth_0", FULL, "depth_4")
"""The variants that differ in depth only; the full model has its own."""

PLAIN_FUSION = "plain_fusion"
PLAIN_SUM = "without_om_pareto"
_MISMATCHED = {f"{track}, mismatched": f"{track}/mismatched" for track in TRACKS}
_NOISY = {
    f"{track}, {test.replace('_', ' ')}": f"{track}/{test}"
    for test in ("noisy_sound", "noisy_picture")
    for track in TRACKS
}


def _residual_scale(scale: float) -> dict[str, float]:
    return {f"model.{track}_backbone.residual_scale": scale for track in STEP_TRACKS}


# Frames of 128 pixels; the encoder's positions are interpolated, so the same weights fit.
_LARGE = {
    "train_dataloader.dataset.pipeline.3.scale": (128, 128),
    "val_dataloader.dataset.pipeline.3.scale": (128, 128),
    "test_dataloader.dataset.pipeline.3.scale": (128, 128),
}
_CONTRAST = "model.neck.contrast"
SWITCHES = (
    Variant("relu", "ReLU importance", DEMO_CONFIG, {"model.neck.weights.activation": "relu"}),
    Variant("all_tokens", "one readout", DEMO_CONFIG, {"model.neck.fusion.readout": "all_tokens"}),
    Variant("weights_in_exchange", "w in Eq. 17 alone", DEMO_CONFIG,
            {"model.neck.weight_tokens": False}),
    Variant("paper_contrast", "64 negatives, margin inside", DEMO_CONFIG,
            {f"{_CONTRAST}.num_negatives": 64, f"{_CONTRAST}.margin_mode": "inside",
             f"{_CONTRAST}.temperature.tau_min": 0.01}),
    Variant("lambda_001", "lambda from 0.01", DEMO_CONFIG, _residual_scale(0.01)),
    Variant("lambda_01", "lambda from 0.1", DEMO_CONFIG, _residual_scale(0.1)),
    Variant("as_the_paper", "as the paper writes it", "ablations/as_the_paper.py"),
)  # fmt: skip
"""Defaults that depart from the paper, each set to its value or to another, and all of them."""

ABLATIONS = Study(
    name="ablations",
    title="Ablations",
    variants=(
        Variant(FULL, "full", DEMO_CONFIG, is_followed=True),
        Variant(PLAIN_FUSION, "plain fusion", "ablations/plain_fusion.py"),
        Variant("plain_neck", "plain neck", "ablations/plain_neck.py"),
        Variant("without_frame_head", "without frame head", "ablations/without_frame_head.py"),
        Variant(PLAIN_SUM, "plain sum", "ablations/without_om_pareto.py", is_followed=True),
        Variant(WITHOUT_CONTRAST, "without L_C", "ablations/without_contrast.py"),
        Variant("without_intra", "without L_intra", "ablations/without_intra.py"),
        Variant("without_cross", "without L_cross", "ablations/without_cross.py"),
        Variant("without_weights", "without w", "ablations/without_weights.py"),
        Variant("depth_0", "depth 0", "ablations/depth_0.py"),
        Variant("depth_4", "depth 4", "ablations/depth_4.py"),
        *SWITCHES,
        Variant("large_full", "full", DEMO_CONFIG, _LARGE),
        Variant("large_depth_0", "depth 0", DEMO_CONFIG, {**_LARGE, **_depth(0)}),
        Variant("large_depth_4", "depth 4", DEMO_CONFIG, {**_LARGE, **_depth(4)}),
    ),
    reference=FULL,
    baseline=PLAIN_FUSION,
    groups=(
        Group(
            "fusion",
            "The whole model and plain fusion",
            (FULL, PLAIN_FUSION, "plain_neck", "without_frame_head", PLAIN_SUM),
            note="Plain fusion differs from the whole model in three parts; each of the other rows "
            "changes one of them.",
        ),
        Group(
            "table_2",
            "Table 2",
            (FULL, WITHOUT_CONTRAST, "without_intra", "without_cross", "without_weights"),
        ),
        Group("figure_5", "Figure 5", (FULL, "depth_0", "depth_4")),
        Group(
            "switches",
            "Departures from the paper",
            (FULL, *(variant.name for variant in SWITCHES)),
            note="Each row changes one default; the last one changes all, those of OM-Pareto too.",
        ),
        Group(
            "mismatched",
            "Tracks that disagree",
            (FULL, WITHOUT_CONTRAST, "without_cross", PLAIN_FUSION),
            _MISMATCHED,
            "The cross terms are made for clips of which one track is fake and the other real. "
            "AUC of the same runs on those: for the clip as a whole against clips that are real "
            "throughout, for a track on the mismatched clips alone.",
        ),
        Group(
            "noisy",
            "A track that says nothing",
            (FULL, "without_weights", "weights_in_exchange", PLAIN_FUSION),
            _NOISY,
            "The weights w are made for tracks that differ in worth. AUC of the same runs when the "
            "sound, or the picture, of half the test clips is buried in noise.",
        ),
        Group(
            "large_maps",
            "Figure 5 on larger maps",
            ("large_full", "large_depth_0", "large_depth_4"),
            note="The towers' kernels are made for larger maps. Frames of 128 pixels instead of "
            "64: maps of 8 x 8 x 8 positions instead of 8 x 4 x 4. The encoders start from the "
            "same checkpoint.",
            is_optional=True,
        ),
    ),
)

# Seeds whose runs embed the test clips: for more, writing the page would take minutes.
_NUM_EMBEDDED = 3
_SEPARATION_TEXT = (
    "How far clips stand apart in the embeddings themselves (not in the maps), by cosine "
    "distance, over the lowest three seeds: by the four categories, and by what is real or fake "
    "in the embedding's own track (of the fused vectors: in the clip). x_v cannot tell what only "
    "the sound shows, nor x_a what only the picture shows. Chance is the 5-NN accuracy of a guess "
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
            embed_run(run_folder(page.work_dir, name, seed))
            for seed in sorted(page.results[name])[:_NUM_EMBEDDED]
        ]
        for name in names
    }
    maps = {
        f"{title}: {label}": (plane_map(runs[0].spaces[space]), runs[0].categories)
        for title, runs in embedded.items()
        for space, label in SPACES.items()
    }
    separations = {
        f"{title}, {label}": [measure_separation(run, space) for run in runs]
        for title, runs in embedded.items()
        for space, label in SPACES.items()
    }
    page.further["separation"] = separations
    page.add("## Embeddings with and without L_C")
    page.add_figure(
        "embeddings",
        draw_embedding_maps(maps, len(SPACES)),
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
