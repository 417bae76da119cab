"""The hooks that a config can name."""

from macbdf_mm.engine.hooks.contrastive_state_hook import ContrastiveStateHook
from macbdf_mm.engine.hooks.decision_threshold_hook import DecisionThresholdHook
from macbdf_mm.engine.hooks.known_labels_hook import KnownLabelsHook
from macbdf_mm.engine.hooks.om_pareto_log_hook import OMParetoLogHook
from macbdf_mm.engine.hooks.plain_checkpoint_hook import PlainCheckpointHook
from macbdf_mm.engine.hooks.report_skipped_files_hook import ReportSkippedFilesHook
from macbdf_mm.engine.hooks.resume_in_epochs_hook import ResumeInEpochsHook
from macbdf_mm.engine.hooks.seed_every_iteration_hook import SeedEveryIterationHook
from macbdf_mm.engine.hooks.test_progress_hook import TestProgressHook

__all__ = [
    "ContrastiveStateHook",
    "DecisionThresholdHook",
    "KnownLabelsHook",
    "OMParetoLogHook",
    "PlainCheckpointHook",
    "ReportSkippedFilesHook",
    "ResumeInEpochsHook",
    "SeedEveryIterationHook",
    "TestProgressHook",
]
