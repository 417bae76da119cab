"""Showing how far a test is."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from macbdf_mm.registry import HOOKS
from macbdf_mm.utils.progress import ProgressLine


@HOOKS.register_module()
class TestProgressHook(Hook):
    """Shows a line of progress with the time left, for tests whose log is silent.

    Args:
        what: What is tested, before the numbers.
    """

    # pytest takes classes named Test* for test cases unless they say otherwise.
    __test__ = False

    priority = "LOW"

    def __init__(self, what: str = "test") -> None:
        self.what = what
        self._line = ProgressLine("batches")

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        if is_main_process():
            self._line(self.what, 0, len(runner.test_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Show one batch more."""
        if is_main_process():
            self._line(self.what, batch_idx + 1, len(runner.test_dataloader))
