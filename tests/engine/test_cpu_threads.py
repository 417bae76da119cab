import os

import pytest
import torch

from macbdf_mm.engine.cpu_threads import computing_threads, leave_cores_to_workers


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("num_cores", "num_processes", "num_workers", "expected"),
    [(2, 1, 2, 1), (2, 1, 0, 2), (16, 1, 2, 14), (16, 2, 2, 6), (2, 2, 2, 1), (1, 4, 8, 1)],
)
def test_a_process_computes_on_the_cores_that_are_left(
    num_cores, num_processes, num_workers, expected
):
    assert computing_threads(num_cores, num_processes, num_workers) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes here")
def test_threads_are_set_beside_workers(threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    leave_cores_to_workers(10**6)
    assert torch.get_num_threads() == 1
    leave_cores_to_workers(0)
    assert torch.get_num_threads() == len(os.sched_getaffinity(0))


def test_a_stated_number_stays(threads, monkeypatch):
    torch.set_num_threads(2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    leave_cores_to_workers(10**6)
    assert torch.get_num_threads() == 2
