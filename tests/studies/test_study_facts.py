import pytest

from studies.study_config import read_variant
from studies.study_facts import read_facts
from studies.variant import Variant


@pytest.fixture
def facts(make_settings, tmp_path):
    settings = make_settings(tmp_path)
    cfg = read_variant(Variant("full", "full", "macbdf_demo.py"), settings).cfg
    return read_facts(settings, cfg, "python tools/run_ablations.py --jobs 2")


def test_facts_are_read_from_data_and_schedule(facts):
    assert facts.dataset == "noise"
    assert facts.is_synthetic is True
    assert (facts.num_epochs, facts.spans_per_clip) == (2, 2)
    assert facts.num_clips == {"train": 8, "val": 6, "test": 8}
    assert facts.to_json()["command"] == "python tools/run_ablations.py --jobs 2"


def test_all_that_must_be_said_is_said(facts, make_result):
    second = {**make_result(), "seconds": 120.0, "peak_memory_mib": 200.0}
    text = facts.to_markdown({"full": {0: make_result(), 2: second}})
    assert text.startswith("**Synthetic data**")
    for words in (
        "`python tools/run_ablations.py --jobs 2`",
        "`noise`, clips: 8 train, 6 val, 8 test",
        "2 epochs on inputs decoded once, 2 spans a training clip",
        "Seeds: 0, 2.",
        "a processor, 2 cores, no GPU used; one core a run",
        "90 s a run (60 to 120), 3 min of all 2",
        "memory at most 200 MiB",
        "Python 3.11.0, torch 2.11.0",
    ):
        assert words in text
    assert "states of the code" not in text


def test_results_of_other_code_are_said(facts, make_result):
    other = {**make_result(), "fingerprint": {"config": "c", "data": "d", "code": "e1"}}
    text = facts.to_markdown({"full": {0: make_result()}, "bare": {0: other}})
    assert "The runs are of 2 states of the code: e0, e1." in text
