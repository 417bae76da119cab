import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import (
    AnswerReader,
    AnswerWriter,
    DecodingProcess,
    call_in,
    make_shared_file,
)
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span

# `eval` and `exec` stand in for decoders that a file makes do these things.
PROCESS_ID = "__import__('os').getpid()"
CRASH = "import os; os.abort()"
LEAVE = "import os; os._exit(3)"
HANG = "import time; time.sleep(60)"


@pytest.fixture
def process():
    with DecodingProcess() as process:
        yield process


def is_alive(process_id):
    return Path(f"/proc/{process_id}").exists()


def test_spans_are_those_of_this_process(process, make_clip):
    path = make_clip()
    for start in (0.3, 1.1):
        expected = read_span(path, (start, start + 1.28), 16, 16_000)
        result = process.call(read_span, path, (start, start + 1.28), 16, sample_rate=16_000)
        np.testing.assert_array_equal(result.frames, expected.frames)
        np.testing.assert_array_equal(result.waveform, expected.waveform)
        np.testing.assert_array_equal(result.frame_valid, expected.frame_valid)
        assert (result.has_video, result.has_audio) == (True, True)
    assert process.call(probe, path) == probe(path)


def test_one_child_serves_many_calls(process):
    first = process.call(eval, PROCESS_ID)
    assert first != os.getpid()
    assert process.call(eval, PROCESS_ID) == first


def test_errors_come_through(process, make_clip, tmp_path):
    child = process.call(eval, PROCESS_ID)
    with pytest.raises(MissingDataError, match=r"No file at .*gone\.mp4"):
        process.call(probe, tmp_path / "gone.mp4")
    with pytest.raises(ValueError, match="`num_frames` and `sample_rate` > 0"):
        process.call(read_span, make_clip(), (0.0, 1.0), 0, 16_000)
    assert process.call(eval, PROCESS_ID) == child


@pytest.mark.parametrize(("harm", "cause"), [(CRASH, "SIGABRT"), (LEAVE, "exit code 3")])
def test_a_file_that_crashes_the_decoder_is_named(process, harm, cause):
    child = process.call(eval, PROCESS_ID)
    with pytest.raises(UndecodableMediaError, match=rf"ended the process .* \({cause}\)"):
        process.call(exec, harm)
    assert process.call(eval, PROCESS_ID) != child


def test_a_file_that_hangs_the_decoder_is_named():
    with DecodingProcess(time_limit_seconds=2.0) as process:
        child = process.call(eval, PROCESS_ID)
        begin = time.monotonic()
        with pytest.raises(UndecodableMediaError, match="was not read within 2 s"):
            process.call(exec, HANG)
        assert time.monotonic() - begin < 40
        assert not is_alive(child)
        assert process.call(eval, PROCESS_ID) != child


def test_a_file_that_killed_the_child_is_not_tried_again(process):
    for _ in range(2):
        with pytest.raises(UndecodableMediaError, match="ended the process"):
            process.call(exec, CRASH)
    child = process.call(eval, PROCESS_ID)
    with pytest.raises(UndecodableMediaError, match="ended the process"):
        process.call(exec, CRASH)
    assert is_alive(child)


def test_another_thread_ends_a_call_that_would_go_on(process):
    child = process.call(eval, PROCESS_ID)
    begin = time.monotonic()
    timer = threading.Timer(0.2, process.abort)
    timer.start()
    with pytest.raises(UndecodableMediaError, match=r"ended the process .* \(SIGKILL\)"):
        process.call(exec, HANG)
    timer.join()
    assert time.monotonic() - begin < 40
    assert not is_alive(child)
    process.abort()


def test_without_a_process_this_one_answers(process):
    assert call_in(None, eval, PROCESS_ID) == os.getpid()
    assert call_in(process, eval, PROCESS_ID) == process.call(eval, PROCESS_ID)


def test_too_little_memory_is_the_fault_of_the_file(process):
    with pytest.raises(UndecodableMediaError, match="needs more memory than there is"):
        process.call(exec, "raise MemoryError")


def test_a_child_that_asks_for_too_much_memory_is_refused_it(process):
    allowed = "len(bytearray(500_000_000))"
    assert process.call(eval, allowed) == 500_000_000
    with pytest.raises(UndecodableMediaError, match=r"more memory .* MACBDF_MAX_DECODER_BYTES"):
        process.call(eval, "len(bytearray(1_500_000_000))")
    assert process.call(eval, allowed) == 500_000_000


def test_nothing_of_a_call_stays_in_the_memory_of_the_child(process):
    circle = "pictures = [bytearray(400_000_000)]; pictures.append(pictures)"
    for _ in range(4):
        process.call(exec, circle)


def test_the_child_ends_with_its_owner():
    process = DecodingProcess()
    child = process.call(eval, PROCESS_ID)
    assert is_alive(child)
    del process
    assert not is_alive(child)


def test_a_forked_process_has_a_child_of_its_own(process):
    child = process.call(eval, PROCESS_ID)
    ours, theirs = os.pipe()
    forked = os.fork()
    if not forked:
        os.write(theirs, str(process.call(eval, PROCESS_ID)).encode())
        process.close()
        os._exit(0)
    os.waitpid(forked, 0)
    assert int(os.read(ours, 100)) != child
    assert process.call(eval, PROCESS_ID) == child
    os.close(ours)
    os.close(theirs)


def test_a_pickled_process_starts_afresh(process):
    process.call(eval, PROCESS_ID)
    with pickle.loads(pickle.dumps(process)) as other:
        assert other.time_limit_seconds == process.time_limit_seconds
        assert other.call(eval, PROCESS_ID) != process.call(eval, PROCESS_ID)


def test_the_time_limit_is_checked():
    with pytest.raises(ValueError, match="`time_limit_seconds` > 0, got 0"):
        DecodingProcess(0)


def test_an_answer_that_nobody_waited_for_is_not_that_to_the_next_call(process, monkeypatch):
    assert process.call(eval, "0") == 0

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("macbdf_mm.media.decoding_process.Connection.poll", interrupt)
        with pytest.raises(KeyboardInterrupt):
            process.call(eval, "1")
    assert process.call(eval, "2") == 2


def test_answers_of_any_size_come_through_unchanged():
    file = make_shared_file()
    writer, reader = AnswerWriter(file), AnswerReader(file)
    rng = np.random.default_rng(0)
    for size in (3, 200_000, 7, 400_000, 0):
        answer = {"a": rng.standard_normal(size), "b": rng.integers(0, 9, (size, 2)), "c": "text"}
        result = reader.load(*writer.dump(answer))
        np.testing.assert_array_equal(result["a"], answer["a"])
        np.testing.assert_array_equal(result["b"], answer["b"])
        assert result["c"] == "text"
    reader.close()


def test_much_memory_is_given_back_between_answers(monkeypatch):
    monkeypatch.setattr("macbdf_mm.media.decoding_process._MAX_KEPT_BYTES", 100_000)
    file = make_shared_file()
    writer, reader = AnswerWriter(file), AnswerReader(file)
    for size, kept in ((10_000, 80_000), (50_000, 0), (1_000, 8_000), (60_000, 0), (60_000, 0)):
        answer = np.arange(size) + size
        np.testing.assert_array_equal(reader.load(*writer.dump(answer)), answer)
        writer.release()
        assert os.fstat(file).st_size == kept
    reader.close()


def test_arrays_are_copies_that_can_be_written():
    file = make_shared_file()
    writer, reader = AnswerWriter(file), AnswerReader(file)
    first = reader.load(*writer.dump(np.arange(5000)))
    first += 1
    reader.load(*writer.dump(np.zeros(5000)))
    np.testing.assert_array_equal(first, np.arange(5000) + 1)
    reader.close()


def test_arrays_travel_beside_the_pickle():
    file = make_shared_file()
    stem, sizes = AnswerWriter(file).dump(np.zeros(100_000))
    assert sizes == [800_000]
    assert len(stem) < 500
    AnswerReader(file).close()


def test_no_module_of_the_current_folder_is_run(tmp_path, monkeypatch):
    for name in ("selectors", "socket", "numpy", "macbdf_mm", "runpy"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path / 'was_run'}', 'w').close()")
    monkeypatch.chdir(tmp_path)
    with DecodingProcess() as process:
        assert process.call(eval, PROCESS_ID) != os.getpid()
    assert not (tmp_path / "was_run").exists()


KILLED = """
import sys
from macbdf_mm.media.decoding_process import DecodingProcess

process = DecodingProcess()
print(process.call(eval, "__import__('os').getpid()"), flush=True)
process.call(exec, "import time; time.sleep(1000)")
"""


def test_a_child_that_hangs_ends_with_a_parent_that_was_killed():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", KILLED], env=environment, stdout=-1, text=True)
    child = int(parent.stdout.readline())
    time.sleep(0.3)
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < end
        time.sleep(0.05)
