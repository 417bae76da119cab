import io
from types import SimpleNamespace

from macbdf_mm.engine.hooks.test_progress_hook import TestProgressHook
from macbdf_mm.utils.progress import ProgressLine


def test_batches_are_counted():
    hook = TestProgressHook("demo, blur")
    stream = io.StringIO()
    hook._line = ProgressLine("batches", stream)
    runner = SimpleNamespace(test_dataloader=[0, 1])
    hook.before_test_epoch(runner)
    hook.after_test_iter(runner, 0)
    hook.after_test_iter(runner, 1, data_batch=None, outputs=None)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "demo, blur: 0/2 batches"
    assert lines[-1].startswith("demo, blur: 2/2 batches in")
