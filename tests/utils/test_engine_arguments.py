import argparse

import pytest

from macbdf_mm.utils.engine_arguments import add_engine_arguments, engine_from
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import WHOLE, Shard


def parse(*words, **kwargs):
    parser = argparse.ArgumentParser()
    add_engine_arguments(parser, **kwargs)
    return parser.parse_args(words)


def test_defaults_are_all_cores_of_this_machine(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {1, 2, 5})
    arguments = parse(time_limit_seconds=60.0)
    engine = engine_from(arguments)
    assert isinstance(engine, LocalEngine)
    assert (engine.num_workers, engine.time_limit_seconds) == (3, 60.0)
    assert arguments.shard == WHOLE


def test_words_become_numbers():
    arguments = parse("--num-workers", "5", "--time-limit", "2.5", "--shard", "2/8")
    engine = engine_from(arguments)
    assert (engine.num_workers, engine.time_limit_seconds) == (5, 2.5)
    assert arguments.shard == Shard(2, 8)


def test_no_limit_is_zero_and_workers_is_an_old_name():
    engine = engine_from(parse("--workers", "0", "--time-limit", "0", time_limit_seconds=9.0))
    assert (engine.num_workers, engine.time_limit_seconds) == (0, None)


def test_this_process_has_no_limit_unless_one_is_asked_for():
    engine = engine_from(parse("--num-workers", "0", time_limit_seconds=60.0))
    assert (engine.num_workers, engine.time_limit_seconds) == (0, None)
    with pytest.raises(ValueError, match="with a time limit, got 0"):
        engine_from(parse("--num-workers", "0", "--time-limit", "60", time_limit_seconds=60.0))


def test_ray_gets_its_arguments():
    pytest.importorskip("ray")
    words = ["--engine", "ray", "--address", "auto", "--gpus-per-worker", "0.5", "--workers", "3"]
    engine = engine_from(parse(*words, "--time-limit", "7"))
    assert type(engine).__name__ == "RayEngine"
    found = (engine.num_workers, engine.time_limit_seconds, engine.address, engine.gpus_per_worker)
    assert found == (3, 7, "auto", 0.5)


@pytest.mark.parametrize("words", [["--address", "auto"], ["--gpus-per-worker", "1"]])
def test_options_of_ray_without_ray_are_refused(words):
    with pytest.raises(ValueError, match="`--address` and `--gpus-per-worker` with `--engine ray`"):
        engine_from(parse(*words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard", "9/8"], "I/N with 1 <= I <= N, got 9/8"),
        (["--time-limit", "-1"], "expected seconds >= 0, got '-1'"),
        (["--time-limit", "nan"], "expected seconds >= 0, got 'nan'"),
        (["--time-limit", "soon"], "expected seconds >= 0, got 'soon'"),
    ],
)
def test_wrong_words_are_answered_at_once(words, message, capsys):
    with pytest.raises(SystemExit):
        parse(*words)
    assert message in capsys.readouterr().err
