import json
import resource
import tracemalloc

import pytest

from macbdf_mm.apis.prediction_lines import PredictionLines, lines_of
from macbdf_mm.errors import ConfigError, UnwritableFileError
from macbdf_mm.utils.shard import Shard


def line(file, status="ok", verdict="real", settings="s", **more):
    return {"file": file, "status": status, "verdict": verdict, "settings": settings} | more


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.jsonl"


def write(path, *files, **more):
    with PredictionLines(path, "s", **more) as lines:
        for file in files:
            if not lines.take(file):
                lines.add(line(file))
    return lines


def files_in(path):
    return [json.loads(text)["file"] for text in path.read_text().splitlines()]


def test_lines_that_are_there_are_kept_and_counted(path):
    with PredictionLines(path, "s") as lines:
        lines.add(line("a"))
        assert files_in(path) == ["a"]  # At once.
        lines.add(line("b", "error", None))
    lines = write(path, "c", "a", "b", "d")
    assert files_in(path) == ["a", "b", "c", "d"]
    assert lines.counts == {"real": 1, "error": 1}
    assert not lines.are_all_ok


def test_a_file_that_is_named_twice_has_two_lines(path):
    write(path, "a")
    write(path, "a", "b", "a", "a")
    assert files_in(path) == ["a", "b", "a", "a"]


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_half_a_line_is_cut_off(path, cut):
    write(path, "a", "b" * 100)
    path.write_bytes(path.read_bytes()[:-cut])
    write(path, "a", "c")
    assert files_in(path) == ["a", "c"]


def test_names_of_odd_bytes_are_known(path):
    write(path, "a\udcff.mp4", "ü")
    write(path, "ü", "a\udcff.mp4")
    assert files_in(path) == ["a\udcff.mp4", "ü"]


def test_lines_of_other_settings_are_refused_and_stay(path):
    write(path, "a")
    before = path.read_bytes()
    with (
        pytest.raises(ConfigError, match=r"other weights, another config .* 'a'; .*--no-resume"),
        PredictionLines(path, "others"),
    ):
        pass
    assert path.read_bytes() == before
    write(path, "b", resume=False)
    assert files_in(path) == ["b"]


@pytest.mark.parametrize(
    "text", [b"\n", b"[1]\n", b"\xff\n", b'{"file": "a"}\n', b"[" * 5000 + b"\n"]
)
def test_a_file_of_another_kind_is_refused_and_stays(path, text):
    path.write_bytes(text)
    with (
        pytest.raises(ConfigError, match=r"holds a line that is no prediction .*--no-resume"),
        PredictionLines(path, "s"),
    ):
        pass
    assert path.read_bytes() == text


def test_shards_write_apart_and_a_run_without_one_puts_them_together(path):
    files = [f"{k}.mp4" for k in range(20)]
    for index in (1, 2, 3):
        shard = Shard(index, 3)
        write(path, *filter(shard.has, files), shard=shard)
        assert files_in(lines_of(path, shard)) == list(filter(shard.has, files))
    assert not path.exists()
    for _ in range(2):  # A second time they are known.
        lines = write(path, *files, "more.mp4")
        assert sorted(files_in(path)) == sorted([*files, "more.mp4"])
    assert lines.counts == {"real": 21}


def test_two_runs_do_not_write_one_file(path):
    with (
        PredictionLines(path, "s"),
        pytest.raises(ConfigError, match="Another process is writing"),
        PredictionLines(path, "s"),
    ):
        pass


def test_a_full_disk_leaves_whole_lines(path):
    write(path, "a")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with PredictionLines(path, "s") as lines:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, limits[1]))
            with pytest.raises(UnwritableFileError, match=r"out\.jsonl cannot be written .*whole"):
                lines.add(line("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_in(path) == ["a"]
    write(path, "a", "b")
    assert files_in(path) == ["a", "b"]


def test_to_a_stream_lines_are_added(capfd):
    with PredictionLines("/dev/stdout", "s") as lines:
        lines.add(line("a"))
    assert json.loads(capfd.readouterr().out)["file"] == "a"


def test_memory_is_small_for_many_lines(path):
    with path.open("w") as file:
        for number in range(100_000):
            file.write(json.dumps(line(f"{number}.mp4")) + "\n")
    tracemalloc.start()
    with PredictionLines(path, "s") as lines:
        assert lines.counts == {"real": 100_000}
        assert lines.take("7.mp4")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 9 bytes a line, twice that while they are sorted, and a block that is read.
    assert peak < 9_000_000


def test_outside_of_a_block_nothing_is_written(path):
    with pytest.raises(RuntimeError, match="inside of a `with` block"):
        PredictionLines(path, "s").add(line("a"))
