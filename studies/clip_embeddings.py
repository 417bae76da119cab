"""The embeddings that a run gives to the test clips."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from macbdf_mm.apis.embed_clips import embed_clips
from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.engine.run_options import last_checkpoint
from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.clip_embeddings import ClipEmbeddings
from studies.runs import CONFIG_FILE, TRAINING_FOLDER


def embed_run(folder: Path) -> ClipEmbeddings:
    """Return the embeddings of a finished run's test clips, in evaluation mode.

    Raises:
        MissingDataError: If the run has left no weights, or no clip is left.
        ConfigError: If its model is another than ``MACBDF``.
    """
    path = last_checkpoint(folder / TRAINING_FOLDER)
    if path is None:
        raise MissingDataError(f"{folder} has no checkpoint, so nothing can be embedded.")
    cfg = Config.fromfile(str(folder / CONFIG_FILE))
    model = build_model(cfg)
    load_weights(model, load_checkpoint(path)["state_dict"], path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        dataset = DATASETS.build(cfg.final_evaluation.test_dataloader.dataset)
    return embed_clips(model, dataset)
