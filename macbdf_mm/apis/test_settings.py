"""What prediction takes over from the test part of a config."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose

from macbdf_mm.datasets.build_transforms import build_transforms
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.functional.aggregation import DEFAULT_AGGREGATION
from macbdf_mm.media.spans import plan_windows
from macbdf_mm.structures.intervals import Interval

# Chooses a span of an annotated clip; in prediction the windows are planned for the whole file.
_SPAN_CHOOSER = "SampleClipSpan"


@dataclass(frozen=True)
class TestSettings:
    """How the test reads and scores a video, so that prediction does the same.

    Attributes:
        pipeline: The transforms after the span is chosen.
        span_seconds: Length of a window.
        stride_seconds: From the start of a window to the next; half a window where the test has
            no grid and may leave gaps, since a prediction does not.
        aggregation: How the score of a video is computed from its windows.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    pipeline: Compose
    span_seconds: float
    stride_seconds: float
    aggregation: str

    def plan_windows(self, duration_seconds: float) -> list[Interval]:
        """Return the windows in which a file of this length is looked at, ascending."""
        return plan_windows(duration_seconds, self.span_seconds, stride_seconds=self.stride_seconds)


def read_test_settings(cfg: Config) -> TestSettings:
    """Return the settings of the config's test pipeline and evaluator.

    Raises:
        ConfigError: If the config has no test pipeline, or one that chooses no span.
    """
    dataset = cfg.get("test_dataloader", {}).get("dataset", {})
    transforms = dataset.get("pipeline")
    if not transforms:
        raise ConfigError(
            f"Config '{cfg.filename}' has no `test_dataloader.dataset.pipeline`, which "
            "prediction uses."
        )
    choosers = [
        item for item in transforms if str(item.get("type", "")).rpartition(".")[2] == _SPAN_CHOOSER
    ]
    if len(choosers) != 1:
        raise ConfigError(
            f"Config '{cfg.filename}': expected one {_SPAN_CHOOSER} in "
            f"`test_dataloader.dataset.pipeline`, got {len(choosers)}."
        )
    span_seconds = float(choosers[0]["span_seconds"])
    return TestSettings(
        pipeline=Compose(
            build_transforms([item for item in transforms if item is not choosers[0]])
        ),
        span_seconds=span_seconds,
        stride_seconds=float(choosers[0].get("stride_seconds") or span_seconds / 2),
        aggregation=_aggregation(cfg.get("test_evaluator")),
    )


def _aggregation(evaluator: Any) -> str:
    metrics = evaluator if isinstance(evaluator, list | tuple) else [evaluator]
    named = [m["aggregation"] for m in metrics if isinstance(m, Mapping) and "aggregation" in m]
    return str(named[0]) if named else DEFAULT_AGGREGATION
