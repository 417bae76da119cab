"""The part of a data set that a study decodes once, and what then remains to be done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.datasets.input_cache import (
    CACHE_VERSION,
    Progress,
    has_input_cache,
    write_input_cache,
)
from macbdf_mm.errors import ConfigError
from studies.fingerprint import (
    annotation_and_media,
    data_digest,
    digest,
    without_places,
)

_DATASET = "AudioVisualForgeryDataset"
_DECODER = "DecodeAudioVisual"
_PACKER = "PackForgeryInputs"
_READER = "ReadCachedInputs"
_CHOOSER = "SampleClipSpan"
# From here on a clip has other labels than its row.
_LABELLING = ("ForgeRealClip", "ShiftAudio", _PACKER)


@dataclass(frozen=True)
class CachedSplit:
    """A split of a data set, of which a number of spans is decoded.

    Attributes:
        decoding: Config of the data set with the part of its pipeline that is done once.
        training: The rest of its pipeline.
        num_draws: Spans of each item.
        folder: Where the decoded spans are; named after what they are made from.
    """

    decoding: Mapping[str, Any]
    training: Sequence[Mapping[str, Any]]
    num_draws: int
    folder: Path

    @property
    def dataset(self) -> dict[str, Any]:
        """Config of the data set that reads the decoded spans; labels come from the rows."""
        reader = {"type": _READER, "cache_dir": str(self.folder)}
        # It says how many windows of its grid a clip has.
        is_grid = self.decoding.get("test_mode") and not self.decoding.get("windows_per_clip")
        choosers = [t for t in self.decoding["pipeline"] if _bare(t["type"]) == _CHOOSER]
        return {
            **self.decoding,
            "type": _DATASET,
            "check_files": False,
            "pipeline": [*(choosers if is_grid else ()), reader, *self.training],
        }

    def decode(self, num_workers: int = 0, progress: Progress | None = None) -> bool:
        """Return whether the spans had to be decoded; they are there afterwards.

        The spans of draw k are those that the data set itself would draw in epoch k.

        Args:
            num_workers: Processes that decode; 0 decodes in this one.
            progress: Called with the spans written so far and the spans in all.

        Raises:
            MissingDataError: If a file is missing.
            UndecodableMediaError: If a file cannot be read.
            ConfigError: If the clips differ in size.
        """
        if has_input_cache(self.folder):
            return False
        dataset = AudioVisualForgeryDataset(**self.decoding)
        draws = self._draws(dataset, num_workers)
        write_input_cache(self.folder, draws, len(dataset), self.num_draws, progress)
        return True

    def _draws(
        self, dataset: AudioVisualForgeryDataset, num_workers: int
    ) -> Iterator[dict[str, Any]]:
        loader: DataLoader[dict[str, Any]] = DataLoader(
            dataset, batch_size=None, num_workers=num_workers, persistent_workers=num_workers > 0
        )
        for draw in range(self.num_draws):
            dataset.set_epoch(draw)
            yield from loader


def plan_split(dataset: Mapping[str, Any], inputs: Path, num_draws: int) -> CachedSplit:
    """Return what of a data set is decoded once.

    In training that is the span and its decoding; what follows in the pipeline augments and
    stays. In test mode nothing is random, so all is done once but forging, after which the labels
    are not those of the rows, and the packing.

    Args:
        dataset: Config of an ``AudioVisualForgeryDataset``.
        inputs: The folder of all decoded spans.
        num_draws: Spans of each clip in training; in test mode there is one of each window.

    Raises:
        ConfigError: If the config is of another data set, or its pipeline lacks a decoder or
            the packing.
    """
    if _bare(dataset.get("type")) != _DATASET:
        raise ConfigError(
            f"Expected a data set of type {_DATASET} for a study, got {dataset.get('type')!r}."
        )
    pipeline = list(dataset["pipeline"])
    is_test = bool(dataset.get("test_mode", False))
    end = _position(pipeline, *_LABELLING) if is_test else _position(pipeline, _DECODER) + 1
    decoding = {
        **{key: value for key, value in dataset.items() if key not in ("type", "pipeline")},
        "pipeline": pipeline[:end],
        "on_decode_error": "raise",
    }
    num_draws = 1 if is_test else num_draws
    made_from = [
        CACHE_VERSION,
        num_draws,
        without_places(decoding),
        data_digest(*annotation_and_media(dataset)),
    ]
    folder = inputs / f"{dataset.get('split') or 'all'}_{digest(made_from)}"
    return CachedSplit(decoding, pipeline[end:], num_draws, folder)


def _position(pipeline: Sequence[Mapping[str, Any]], *wanted: str) -> int:
    """Return the position of the first transform that has one of the names."""
    names = [_bare(transform.get("type")) for transform in pipeline]
    places = [place for place, name in enumerate(names) if name in wanted]
    if not places:
        raise ConfigError(
            f"Expected {wanted[-1]} in the pipeline of a study's data set, got {names}."
        )
    return places[0]


def _bare(name: Any) -> str:
    return str(name).rpartition(".")[2]
