import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.errors import DecoderStoppedError, MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import (
    AnswerReader,
    AnswerWriter,
    DecodingProcess,
    call_in,
    make_shared_file,
)
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.utils.jobs import is_passing

# `eval` and `exec` stand in for decoders that a file makes do these things.
PROCESS_ID = "__import__('os').getpid()"
CRASH = "import os; os.abort()"
REFUSE = "from macbdf_mm.errors import UndecodableMediaError as E; raise E('no clip')"
LEAVE = "import os; os._exit(3)"
HANG = "import time; time.sleep(60)"
KILLED = """
import os, sys, time
from macbdf_mm.media.decoding_process import DecodingProcess

process = DecodingProcess()
print(process.call(eval, "__import__('os').getpid()"), flush=True)
process.call(exec, "import time; time.sleep(1000)")
"""


@pytest.fixture
def process():
    with DecodingProcess() as process:
        yield process


def is_alive(process_id):
    return Path(f"/proc/{process_id}").exists()


def wait_for_end(process_id):
    end = time.monotonic() + 10
    while is_alive(process_id):
        assert time.monotonic() < end
        time.sleep(0.05)


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


KILL_ONE_AFTER_ANOTHER = """
import os, signal, time
with open({marks!r}, "a") as file:
    print(os.getpid(), file=file)
if len(open({marks!r}).readlines()) <= {num_deaths}:
    {harm}
"""


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (CRASH, r"was killed by signal 6 \(SIGABRT\)"),
        (LEAVE, "ended with exit code 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            r"was killed by signal 9 \(SIGKILL\)",
        ),
        ("import os; os.kill(os.getpid(), 40)", "was killed by signal 40"),
        ("raise MemoryError", "needed more memory than there is, or than it may take"),
    ],
)
def test_what_happened_to_two_children_is_said_and_nothing_of_the_file(process, harm, cause):
    child = process.call(eval, PROCESS_ID)
    with pytest.raises(DecoderStoppedError, match=rf"decodes it {cause}, in two attempts") as info:
        process.call(exec, harm)
    assert "damaged" not in str(info.value)
    assert process.call(eval, PROCESS_ID) != child


@pytest.mark.parametrize(
    "harm", ["os.kill(os.getpid(), signal.SIGKILL)", "os.abort()", "time.sleep(60)"]
)
def test_a_call_whose_child_dies_once_is_answered_by_a_new_one(harm, tmp_path):
    text = KILL_ONE_AFTER_ANOTHER.format(marks=str(tmp_path / "m"), num_deaths=1, harm=harm)
    with DecodingProcess(time_limit_seconds=2.0) as process:
        assert process.call(exec, text) is None
    first, second = (tmp_path / "m").read_text().split()
    assert first != second
    assert not is_alive(first)


def test_deaths_are_not_held_against_a_file(process, tmp_path):
    harm = "os.kill(os.getpid(), signal.SIGKILL)"
    text = KILL_ONE_AFTER_ANOTHER.format(marks=str(tmp_path / "m"), num_deaths=6, harm=harm)
    for _ in range(3):
        with pytest.raises(DecoderStoppedError, match="killed by signal 9"):
            process.call(exec, text)
    assert process.call(exec, text) is None


def test_a_file_that_hangs_the_decoder_is_named():
    with DecodingProcess(time_limit_seconds=2.0) as process:
        child = process.call(eval, PROCESS_ID)
        begin = time.monotonic()
        expected = "gave no answer for 2 s, in two attempts; allow more with --decode-time-limit"
        with pytest.raises(DecoderStoppedError, match=expected):
            process.call(exec, HANG)
        assert 4 <= time.monotonic() - begin < 40
        assert not is_alive(child)
        assert process.call(eval, PROCESS_ID) != child


def test_a_call_may_have_a_time_limit_of_its_own():
    with DecodingProcess(time_limit_seconds=0.2) as process:
        assert process.call_within(30.0, eval, "__import__('time').sleep(0.5)") is None
        with pytest.raises(DecoderStoppedError, match=r"gave no answer for 0\.3 s"):
            process.call_within(0.3, exec, HANG)


def test_a_file_that_hangs_again_and_again_is_left_alone_but_not_for_good(tmp_path):
    text = KILL_ONE_AFTER_ANOTHER.format(
        marks=str(tmp_path / "m"), num_deaths=4, harm="time.sleep(60)"
    )
    with DecodingProcess(time_limit_seconds=0.3) as process:
        for _ in range(4):
            with pytest.raises(DecoderStoppedError, match=r"gave no answer for 0\.3 s"):
                process.call(exec, text)
        assert len((tmp_path / "m").read_text().split()) == 4
        time.sleep(3.2)
        assert process.call(exec, text) is None


def test_two_causes_are_both_named(tmp_path):
    text = KILL_ONE_AFTER_ANOTHER.format(marks=str(tmp_path / "m"), num_deaths=1, harm="os.abort()")
    with (
        DecodingProcess(time_limit_seconds=2.0) as process,
        pytest.raises(
            DecoderStoppedError, match=r"\(SIGABRT\) and then gave no answer for 2 s, in two"
        ),
    ):
        process.call(exec, text + "time.sleep(60)")


def test_another_thread_ends_a_call_that_would_go_on(process):
    child = process.call(eval, PROCESS_ID)
    begin = time.monotonic()
    timer = threading.Timer(0.2, process.abort)
    timer.start()
    with pytest.raises(DecoderStoppedError, match="reading it was stopped"):
        process.call(exec, HANG)
    timer.join()
    assert time.monotonic() - begin < 40
    assert not is_alive(child)
    process.abort()


def test_threads_get_the_answers_to_their_own_calls(process):
    wrong = []

    def ask(number):
        for count in range(40):
            expected = f"{number}, {count}"
            if process.call(eval, f"({expected})") != (number, count):
                wrong.append(expected)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_error_that_nobody_foresaw_is_a_sentence(process):
    child = process.call(eval, PROCESS_ID)
    for kind in ("KeyError", "ValueError"):
        with pytest.raises(UndecodableMediaError, match=rf"cannot be read \({kind}: 'a'\)"):
            process.call(exec, f"raise {kind}(repr('a'))" if kind == "ValueError" else "{}['a']")
    assert process.call(eval, PROCESS_ID) == child


@pytest.mark.parametrize(
    ("harm", "passes"),
    [
        ("import errno; raise OSError(errno.EACCES, 'locked')", True),
        ("import errno; raise OSError(errno.EINVAL, 'odd')", False),
        (f"{REFUSE} from PermissionError(13, 'locked')", True),
        (REFUSE, False),
        (CRASH, True),
    ],
)
def test_a_passing_cause_is_known_as_one_here_too(process, harm, passes):
    with pytest.raises(UndecodableMediaError) as info:
        process.call(exec, harm)
    assert is_passing(info.value) == passes


def test_without_a_process_this_one_answers(process):
    assert call_in(None, eval, PROCESS_ID) == os.getpid()
    assert call_in(process, eval, PROCESS_ID) == process.call(eval, PROCESS_ID)


def test_a_child_that_asks_for_too_much_memory_is_refused_it(process):
    allowed = "len(bytearray(500_000_000))"
    assert process.call(eval, allowed) == 500_000_000
    with pytest.raises(UndecodableMediaError, match=r"more memory .*; MACBDF_MAX_DECODER_BYTES"):
        process.call(eval, "len(bytearray(1_500_000_000))")
    assert process.call(eval, allowed) == 500_000_000


def test_nothing_of_a_call_stays_in_the_memory_of_the_child(process):
    circle = "pictures = [bytearray(400_000_000)]; pictures.append(pictures)"
    child = process.call(eval, PROCESS_ID)
    for _ in range(4):
        process.call(exec, circle)
    # None that replaced one which had no memory left.
    assert process.call(eval, PROCESS_ID) == child


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


def test_a_forked_process_does_not_wait_for_a_thread_that_it_lacks(process):
    process.call(eval, PROCESS_ID)
    thread = threading.Thread(target=process.call, args=[exec, "import time; time.sleep(3)"])
    thread.start()
    time.sleep(0.5)  # It holds the lock now.
    forked = os.fork()
    if not forked:
        os._exit(process.call(eval, "7"))
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 7


def test_a_forked_process_does_not_keep_its_parents_child_alive():
    code = KILLED.replace("process.call(exec", "os.fork() or time.sleep(20)\nprocess.call(exec")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-1, text=True)
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    wait_for_end(child)
    parent.stdout.close()


def test_a_child_that_cannot_be_started_leaves_nothing_open(process, monkeypatch):
    def refuse(*args, **kwargs):
        raise BlockingIOError("no more processes")

    def descriptors():
        return sorted(os.listdir("/proc/self/fd"))

    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        with pytest.raises(BlockingIOError, match="no more processes"):
            process.call(eval, PROCESS_ID)
    assert descriptors() == before
    assert is_alive(process.call(eval, PROCESS_ID))


def test_a_pickled_process_starts_afresh(process):
    process.call(eval, PROCESS_ID)
    with pickle.loads(pickle.dumps(process)) as other:
        assert other.time_limit_seconds == process.time_limit_seconds
        assert other.call(eval, PROCESS_ID) != process.call(eval, PROCESS_ID)


@pytest.mark.parametrize("seconds", [0, float("nan"), 1e12, float("inf")])
def test_the_time_limit_is_checked(seconds):
    with pytest.raises(ValueError, match=f"`time_limit_seconds` > 0, .*, got {seconds}"):
        DecodingProcess(seconds)


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


def test_a_child_that_hangs_ends_with_a_parent_that_was_killed():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", KILLED], env=environment, stdout=-1, text=True)
    child = int(parent.stdout.readline())
    time.sleep(0.3)
    parent.kill()
    parent.communicate()
    wait_for_end(child)
