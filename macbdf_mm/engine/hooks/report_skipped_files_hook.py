"""Saying at the end of every epoch which files could not be read."""

import logging
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from macbdf_mm.engine.unwrap import nested_datasets
from macbdf_mm.registry import HOOKS
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.files import write_atomically
from macbdf_mm.utils.tables import printable

_NUM_NAMED_FILES = 20


@HOOKS.register_module()
class ReportSkippedFilesHook(Hook):
    """Counts and names the files that data sets skipped, of all ranks and workers together.

    After each epoch of training, validation or test with newly skipped files, it logs a warning
    and writes all names to ``skipped_files.txt`` in the work folder, including those of earlier
    runs there: one per line, after the part in which it was skipped. The reason is in the log,
    where the file was first skipped. Data sets without ``skipped_files`` are left out.
    """

    priority = "LOW"

    def __init__(self) -> None:
        self._reported: dict[str, set[str]] = {}

    def after_train_epoch(self, runner: Runner) -> None:
        """Report what training replaced by other clips."""
        self._report(runner, "train", runner.train_dataloader.dataset)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Report what validation could not score."""
        self._report(runner, "val", runner.val_dataloader.dataset)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Report what the test could not score."""
        self._report(runner, "test", runner.test_dataloader.dataset)

    def _report(self, runner: Runner, part: str, dataset: Any) -> None:
        own = sorted(_skipped(list(nested_datasets(dataset))))
        everywhere = {file for files in all_gather_object(own) for file in files}
        new = everywhere - self._reported.get(part, set())
        self._reported[part] = everywhere
        if not new or not is_main_process():
            return
        consequence = "replaced by others" if part == "train" else "counted as not covered"
        verb = "was" if len(everywhere) == 1 else "were"
        named = printable(", ".join(sorted(new)[:_NUM_NAMED_FILES]))
        path = Path(runner.work_dir, "skipped_files.txt")
        runner.logger.log(
            logging.WARNING,
            f"{part}: {counted(len(everywhere), 'file')} cannot be read and {verb} {consequence}, "
            f"{len(new)} of them since the last report: {named}"
            + (", ..." if len(new) > _NUM_NAMED_FILES else "")
            + f"; all of them are in {path}",
        )
        # With those of earlier runs: one that was resumed, or a test, does not meet them again.
        earlier = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        now = (
            printable(f"{name} {file}") for name, files in self._reported.items() for file in files
        )
        lines = sorted({*earlier, *now})
        write_atomically("".join(f"{line}\n" for line in lines).encode(), path)


def _skipped(datasets: list[Any]) -> set[str]:
    """Return the names of all skipped files, or of several data sets the paths."""
    sources = [dataset for dataset in datasets if hasattr(dataset, "skipped_files")]
    if len(sources) > 1:  # One name may be of several files.
        lists = [getattr(source, "skipped_paths", source.skipped_files) for source in sources]
    else:
        lists = [source.skipped_files for source in sources]
    return {file for files in lists for file in files}
