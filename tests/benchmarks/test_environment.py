import torch

from benchmarks.environment import describe_environment


def test_environment_says_what_figures_depend_on() -> None:
    text = describe_environment(1)
    assert torch.__version__ in text["Versions"]
    assert torch.backends.cpu.get_cpu_capability() in text["Processor"]
    assert text["Threads"] == "1, process CPU time"
    assert describe_environment(2)["Threads"] == "2, wall time"
    if not torch.cuda.is_available():
        assert text["GPU"] == "none"
