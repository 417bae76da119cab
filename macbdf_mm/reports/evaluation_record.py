"""What an evaluation on several test sets has found: the input of its reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from macbdf_mm.evaluation.condition_deltas import ConditionDelta
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import MissingPolicy


@dataclass(frozen=True)
class EvaluationFacts:
    """What holds for all test sets of an evaluation.

    Attributes:
        config: Path of the config.
        checkpoint: Path of the weights.
        trained_on: Names of the data sets of the training, None if the checkpoint does not say.
        trained_on_synthetic: Whether they are rendered, None if the checkpoint does not say.
        command: The command line.
        missing: Policy for clips without a score.
        columns: Further columns by which figures are broken down, where a test set has them.
        num_resamples: Of the intervals.
        seed: Of the choice of a few clips, and of the resamples of differences.
        limit: How many clips of each data set were looked at; None for all.
        versions: Of the packages.
    """

    config: str
    checkpoint: str
    trained_on: str | None
    trained_on_synthetic: bool | None
    command: str
    missing: MissingPolicy
    columns: tuple[str, ...]
    num_resamples: int
    seed: int
    limit: int | None
    versions: Mapping[str, str]

    @property
    def detector(self) -> str:
        """Name of the config and of the weights."""
        return f"{Path(self.config).stem}, {Path(self.checkpoint).stem}"


@dataclass(frozen=True)
class TestSetResult:
    """The scores of one test set and what changes do to them.

    Attributes:
        name: Of the test set.
        dataset: Names of its data sets.
        is_synthetic: Whether its annotation says that its clips are rendered.
        scores: Of the clips as they are.
        deltas: Under changes, in their order.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    name: str
    dataset: str
    is_synthetic: bool
    scores: ScoreSet
    deltas: Sequence[ConditionDelta]
