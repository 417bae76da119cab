import copy
import math
import os
import re
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from macbdf_mm.apis.caveats import FACES_FOR_FRAMES, SYNTHETIC_WEIGHTS, UNKNOWN_CROPS
from macbdf_mm.apis.describe_prediction import describe
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.media_source import Recording
from macbdf_mm.apis.prediction import Prediction
from macbdf_mm.apis.weight_digest import weight_digest
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import CheckpointMismatchError, ConfigError, NonFiniteScoreError
from macbdf_mm.evaluation.functional.aggregation import aggregate_windows
from macbdf_mm.prepare.faces.face_crop import write_face_crop
from macbdf_mm.prepare.faces.find_faces import find_faces
from macbdf_mm.version import __version__

TRACKS = ("overall", "video", "audio")


@pytest.fixture(scope="module")
def inferencer(run_dir):
    return ForgeryInferencer(
        run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth", device="cpu", show_progress=False
    )


def _only(outcome):
    (prediction,) = outcome["predictions"]
    return prediction


def test_it_is_an_inferencer_of_mmengine(inferencer):
    assert isinstance(inferencer, BaseInferencer)


def test_predictions_are_objects_too(inferencer, make_clip, tmp_path):
    clip = make_clip(seconds=1.5)
    good, bad = inferencer.predict([clip, tmp_path / "none.mp4"])
    assert good.to_json() == _only(inferencer(clip))
    assert (bad.status, bad.scores["overall"]) == ("error", None)


def test_a_clip_gets_scores_windows_and_a_warning(inferencer, make_clip):
    path = make_clip(seconds=3.0)
    prediction = _only(inferencer(str(path)))
    assert prediction["file"] == str(path)
    assert prediction["status"] == "ok"
    assert prediction["thresholds"] == pytest.approx({"overall": 0.5, "video": 0.4, "audio": 0.6})
    assert SYNTHETIC_WEIGHTS in prediction["warnings"]
    windows = np.array(prediction["windows"])
    # The windows of the test; the last one ends with the video, to a step of 0.08 s.
    np.testing.assert_allclose(windows[:, 0], [0, 0.64, 1.28, 1.68], atol=1e-6)
    np.testing.assert_allclose(windows[:, 1] - windows[:, 0], 1.28)
    for column, track in enumerate(TRACKS, start=2):
        assert prediction["scores"][track] == aggregate_windows(windows[:, column])
        assert (windows[:, column] >= 0).all()
        assert (windows[:, column] <= 1).all()
    for track in ("video", "audio"):
        steps = np.array(prediction["steps"][track], dtype=float)
        assert steps.shape == (4, 8)
        assert ((steps >= 0) & (steps <= 1)).all()


@pytest.mark.parametrize(("seconds", "num_windows"), [(3.2, 4), (7.0, 10)])
def test_prediction_equals_the_test(run_dir, inferencer, make_clip, tmp_path, seconds, num_windows):
    """The runner's own test loop over the windows of a clip."""
    clip = make_clip(seconds=seconds)
    save_annotation(
        tmp_path / "ann.json",
        {"dataset": "one"},
        [ClipRow(file=clip.name, label=0, split="test", duration_seconds=seconds)],
    )
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    dataloader = copy.deepcopy(cfg.test_dataloader)
    dataloader.dataset.update(data_root=str(tmp_path), ann_file="ann.json", split="test")
    dataloader.update(num_workers=0, persistent_workers=False, timeout=0)
    init_default_scope("macbdf_mm")
    expected = []
    for batch in Runner.build_dataloader(dataloader, seed=0):
        with torch.no_grad():
            samples = inferencer.model.test_step(batch)
        expected += [[*s.span_seconds, *s.pred_scores.tolist()] for s in samples]
    prediction = _only(inferencer(clip))
    assert len(expected) == num_windows
    # Batches of another size sum in another order.
    np.testing.assert_allclose(prediction["windows"], expected, atol=1e-5)


def test_faces_are_scored_where_the_model_was_trained_on_them(
    face_run_dir, make_face_clip, blue_screen_detector
):
    inferencer = ForgeryInferencer(
        face_run_dir / "run.py", face_run_dir / "best.pth", device="cpu", show_progress=False
    )
    # As the training says: of which size crops are, and who finds them.
    assert inferencer.faces.training.crops.size == 96
    assert inferencer.faces.detector.min_side == 12
    path = make_face_clip(
        places=[lambda t: (20, 30), lambda t: (200, 100) if t < 1.7 else None], seconds=2.4
    )
    outcome = inferencer(path, return_vis=True)
    prediction = Prediction.from_json(_only(outcome))
    assert (prediction.looked_at, len(prediction.faces)) == ("faces", 2)
    worst = prediction.faces[prediction.worst_face - 1]
    assert prediction.scores == worst.scores
    assert prediction.windows == worst.windows
    [figure] = outcome["visualization"]
    assert f"face {worst.id}" in figure.axes[0].get_title(loc="left")
    # A file without pictures has no faces.
    assert not {UNKNOWN_CROPS, FACES_FOR_FRAMES} & set(prediction.warnings)


def test_the_scores_of_a_face_are_those_of_its_prepared_crop(
    face_run_dir, make_face_clip, blue_screen_detector, tmp_path
):
    run = face_run_dir / "run.py", face_run_dir / "best.pth"
    faces, frames = (
        ForgeryInferencer(*run, device="cpu", show_progress=False, faces=choice)
        for choice in ("auto", "whole-frame")
    )
    path = make_face_clip(places=[lambda t: (20, 30) if t > 0.7 else None], seconds=3.0)
    training = faces.faces.training
    found = find_faces(path, faces.faces.detector, training.tracking)
    crop = tmp_path / "crop.mp4"
    written = write_face_crop(path, found.tracks[0], crop, training.crops)
    expected, scored = _only(frames(crop)), _only(faces(path))
    assert scored["scores"] == expected["scores"]
    start = written.start_seconds
    for window, other in zip(scored["windows"], expected["windows"], strict=True):
        assert window[:2] == pytest.approx([other[0] + start, other[1] + start])
        assert window[2:] == other[2:]


def test_whole_frames_are_said_and_cuts_in_them_found(inferencer, make_face_clip):
    path = make_face_clip(walls=lambda t: (20, 20, 235) if t < 1.6 else (60, 80, 175), seconds=3.2)
    prediction = _only(inferencer(path))
    assert (prediction["looked_at"], prediction["faces"]) == ("whole frames", [])
    assert prediction["cuts"] == pytest.approx([1.6], abs=0.08)
    assert prediction["cut_windows"] == [1, 2]
    assert "; whole frames; " in describe(prediction)


def test_faces_of_a_model_of_whole_frames_are_scored_on_request(
    run_dir, make_face_clip, make_clip, blue_screen_detector
):
    inferencer = ForgeryInferencer(
        run_dir / "macbdf_demo.py",
        run_dir / "best_epoch_1.pth",
        device="cpu",
        show_progress=False,
        faces="crops",
        detector={"type": "BlueScreenDetector"},
    )
    prediction = _only(inferencer(make_face_clip(seconds=1.6)))
    assert (prediction["looked_at"], prediction["worst_face"]) == ("faces", 1)
    assert FACES_FOR_FRAMES in prediction["warnings"]
    assert "; 1 face at 0.0-1.6 s; " in describe(prediction)
    sound = _only(inferencer(make_clip("a.m4a", seconds=1.5, with_video=False)))
    assert (sound["status"], sound["looked_at"]) == ("ok", None)


def test_a_stride_of_one_s_own(inferencer, make_clip):
    windows = _only(inferencer(make_clip(seconds=3.0), stride_seconds=0.5))["windows"]
    assert [window[0] for window in windows] == pytest.approx([0, 0.5, 1.0, 1.5, 1.68])


def test_scores_do_not_depend_on_the_batch_size(inferencer, make_clip):
    path = make_clip(seconds=3.0)
    one, many = (_only(inferencer(path, batch_size=size)) for size in (1, 8))
    np.testing.assert_allclose(one["windows"], many["windows"], atol=1e-5)


@pytest.mark.parametrize(
    ("missing", "options"), [("audio", {"with_sound": False}), ("video", {"with_video": False})]
)
def test_a_file_with_one_track_is_scored(inferencer, make_clip, missing, options):
    name = "clip.mp4" if missing == "audio" else "clip.m4a"
    prediction = _only(inferencer(make_clip(name, seconds=2.0, **options)))
    assert prediction["status"] == "ok"
    assert [t for t in TRACKS if prediction["scores"][t] is None] == [missing]
    assert any(f"no {missing} could be decoded" in text for text in prediction["warnings"])


def test_sound_that_ends_early_has_windows_without_it(inferencer, make_clip):
    prediction = _only(inferencer(make_clip(seconds=4.0, sound_seconds=1.5)))
    assert prediction["windows"][-1][4] is None
    assert prediction["scores"]["audio"] is not None
    assert any("no audio in" in text for text in prediction["warnings"])


def test_a_bad_file_does_not_stop_the_others(inferencer, make_clip, tmp_path):
    good = make_clip(seconds=1.5)
    empty, noise, folder = tmp_path / "0.mp4", tmp_path / "n.mp4", tmp_path / "folder"
    empty.touch()
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    folder.mkdir()
    predictions = inferencer([empty, tmp_path / "none.mp4", noise, folder, good])["predictions"]
    assert [item["status"] for item in predictions] == ["error"] * 4 + ["ok"]
    for item, words in zip(
        predictions, ["0 bytes", "No file at", "not a media file", "holds no video"], strict=False
    ):
        assert words in item["error"]
        assert item["windows"] == []
        assert SYNTHETIC_WEIGHTS in item["warnings"]


def test_a_file_that_the_decoder_hangs_on_is_an_error(run_dir, make_clip):
    inferencer = ForgeryInferencer(
        run_dir / "macbdf_demo.py",
        run_dir / "best_epoch_1.pth",
        device="cpu",
        show_progress=False,
        # So short a limit makes any file one that hangs.
        decode_time_limit_seconds=1e-6,
    )
    prediction = _only(inferencer(make_clip(seconds=1.5), allow_partial=True))
    assert prediction["status"] == "error"
    assert prediction["verdict"] is None
    assert "gave no answer for 1e-06 s, in two attempts" in prediction["error"]


@pytest.fixture
def harm_windows(inferencer, monkeypatch):
    """Return a function that has the decoder die, or hang, before it answers for some windows."""
    process = inferencer._process
    call, ask = process.call, process._ask

    def harm(windows, num_attempts, kind="dies"):
        numbers = iter(range(-1, 1000))  # The first call is that for the length.

        def call_with_harm(*args, **kwargs):
            number, attempts = next(numbers), iter(range(1000))

            def ask_with_harm(request, limit):
                if number not in windows or next(attempts) >= num_attempts:
                    return ask(request, limit)
                process._start()
                if kind == "dies":
                    process._child.kill()
                return ask(request, limit if kind == "dies" else 1e-6)

            monkeypatch.setattr(process, "_ask", ask_with_harm)
            return call(*args, **kwargs)

        monkeypatch.setattr(process, "call", call_with_harm)

    return harm


@pytest.mark.parametrize("kind", ["dies", "hangs"])
def test_a_decoder_that_dies_once_in_the_middle_changes_nothing(
    inferencer, make_clip, harm_windows, kind
):
    path = make_clip(seconds=3.0)
    expected = _only(inferencer(path))
    harm_windows({1, 2}, 1, kind)
    assert _only(inferencer(path)) == expected
    assert expected["unseen_share"] == 0.0


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("dies", r"was killed by signal 9 \(SIGKILL\)"), ("hangs", "gave no answer for 1e-06 s")],
)
def test_a_decoder_that_dies_twice_in_the_middle_leaves_no_verdict(
    inferencer, make_clip, harm_windows, kind, cause
):
    path = make_clip(seconds=3.0)
    harm_windows({2}, 2, kind)
    prediction = _only(inferencer(path))
    assert (prediction["status"], prediction["verdict"]) == ("error", None)
    assert prediction["unseen_share"] is None
    assert re.search(cause + ", in two attempts", prediction["error"])
    assert "--allow-partial (`allow_partial=True`)" in prediction["error"]


def test_damage_in_the_windows_is_warned_of(inferencer, make_clip):
    path = make_clip(seconds=3.0)
    assert not any("damaged" in warning for warning in _only(inferencer(path))["warnings"])
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(0)
    content[rng.integers(len(content) // 4, len(content) * 3 // 4, 60)] = 255
    path.write_bytes(content.tobytes())
    prediction = _only(inferencer(path))
    assert prediction["status"] == "ok"
    said = re.compile(r"the file is damaged: .* errors in \d+ of the")
    assert any(map(said.match, prediction["warnings"]))


def test_what_was_not_seen_is_said_where_a_part_is_enough(inferencer, make_clip, harm_windows):
    path = make_clip(seconds=3.0)
    expected = _only(inferencer(path))
    harm_windows({2}, 2)
    prediction = _only(inferencer(path, allow_partial=True))
    assert prediction["status"] == "ok"
    assert prediction["windows"][2][2:] == [None] * 3
    for index in (0, 1, 3):
        assert prediction["windows"][index] == pytest.approx(expected["windows"][index], abs=1e-5)
    assert prediction["unseen_share"] == 0.25
    (warning,) = [text for text in prediction["warnings"] if "not seen" in text]
    assert "1 of 4 windows (25%) were not seen: the process that decodes it was killed" in warning
    # Nothing is held against the file afterwards.
    assert _only(inferencer(path))["unseen_share"] == 0.0


def test_a_fork_is_told_so_at_once(inferencer, make_clip):
    path = make_clip(seconds=1.5)
    inferencer(path)
    ours, theirs = os.pipe()
    forked = os.fork()
    if not forked:
        for use in (inferencer, inferencer.score_file):
            try:
                use(path)
            except ConfigError as error:
                os.write(theirs, str(error).encode())
        os._exit(0)
    os.waitpid(forked, 0)
    text = os.read(ours, 10_000).decode()
    assert (
        text.count(f"was made in process {os.getpid()}, of which process {forked} is a fork") == 2
    )
    os.close(ours)
    os.close(theirs)
    assert _only(inferencer(path))["status"] == "ok"


def test_pictures_stand_beside_their_files(inferencer, make_clip, tmp_path):
    good = [make_clip(f"{k}.mp4", seconds=1.5) for k in range(2)]
    outcome = inferencer([tmp_path / "gone.mp4", good[0], tmp_path, good[1]], return_vis=True)
    files = [item["file"] for item in outcome["predictions"]]
    titles = [
        figure and figure.axes[0].get_title(loc="left").splitlines()[0]
        for figure in outcome["visualization"]
    ]
    # A folder stands for the files in it.
    assert [os.path.basename(file) for file in files] == [
        "gone.mp4", "0.mp4", "0.mp4", "1.mp4", "1.mp4",
    ]  # fmt: skip
    assert titles == [None, "0.mp4", "0.mp4", "1.mp4", "1.mp4"]
    assert inferencer([tmp_path / "gone.mp4", good[0]])["visualization"] == []


def test_weights_that_are_no_numbers_are_not_blamed_on_the_file(
    run_dir, tmp_path, write_checkpoint, inferencer, make_clip
):
    weights = {name: value.clone() for name, value in inferencer.model.state_dict().items()}
    name = next(name for name in weights if name.endswith("weight"))
    weights[name].view(-1)[0] = math.nan
    checkpoint = write_checkpoint(tmp_path / "nan.pth", weights)
    with pytest.raises(
        CheckpointMismatchError, match=r"nan\.pth' has values .* in 1 of \d+ weights"
    ):
        ForgeryInferencer(run_dir / "macbdf_demo.py", checkpoint, device="cpu")


def test_a_file_that_was_cut_short_is_scored_only_on_demand(inferencer, make_clip):
    path = make_clip(seconds=8.0, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    refused = _only(inferencer(path))
    assert refused["status"] == "error"
    assert "was cut short" in refused["error"]
    assert "--allow-partial" in refused["error"]
    accepted = _only(inferencer(path, allow_partial=True))
    assert accepted["status"] == "ok"
    assert accepted["windows"][-1][1] < 7
    assert any("cut short" in text for text in accepted["warnings"])


def test_windows_are_decoded_one_batch_at_a_time(inferencer, make_clip):
    batches = inferencer.preprocess([make_clip(seconds=4.0)], batch_size=2)
    assert [window.packed["inputs"]["video"].dim() for window in next(batches)] == [4, 4]
    batches.close()


def test_data_samples_and_timelines_on_demand(inferencer, make_clip):
    path = make_clip("two\nlines.mp4", seconds=2.0)
    outcome = inferencer(path, return_datasamples=True, return_vis=True)
    (samples,) = outcome["predictions"]
    assert [sample.span_seconds[0] for sample in samples] == pytest.approx([0, 0.64, 0.72])
    (figure,) = outcome["visualization"]
    assert figure.axes[0].get_xlim() == pytest.approx((0, 2.0))
    title = figure.axes[0].get_title(loc="left")
    assert title.splitlines() == [r"two\nlines.mp4", *inferencer.caveats]
    assert inferencer.caveats


def test_what_is_in_memory_gets_the_scores_of_the_file(inferencer, make_clip, tmp_path):
    path = make_clip(seconds=1.5)
    expected = _only(inferencer(path))
    with path.open("rb") as file:
        found = inferencer([path.read_bytes(), file, f"{tmp_path}/*.mp4"])["predictions"]
    assert [item["file"] for item in found] == ["<bytes 1>", str(path), str(path)]
    for item in found:
        np.testing.assert_allclose(item["windows"], expected["windows"], atol=1e-5)
        assert item["warnings"] == expected["warnings"]


def test_arrays_get_the_scores_of_the_file_that_they_were_read_from(inferencer, make_clip):
    path = make_clip(seconds=1.5)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    # The decoder's own first samples come before the first picture.
    recording = Recording(np.stack(frames), 25, np.concatenate(sound)[:24_000], 16_000, "mine")
    expected, found = _only(inferencer(path)), _only(inferencer(recording))
    assert (found["file"], found["status"]) == ("mine", "ok")
    np.testing.assert_allclose(found["windows"], expected["windows"], atol=1e-3)


def test_an_error_names_what_was_in_memory_as_it_is_called(inferencer, make_clip):
    whole = make_clip(seconds=1.5).read_bytes()
    for content in (b"", b"noise" * 99, whole[: len(whole) // 2]):
        prediction = _only(inferencer([content]))
        assert prediction["status"] == "error"
        assert "<bytes 1>" in prediction["error"]
        assert "macbdf_" not in prediction["error"]


@pytest.fixture
def batch_sizes(inferencer, monkeypatch):
    """The number of windows of each batch that is computed."""
    sizes, forward = [], inferencer.forward

    def note(inputs, **kwargs):
        sizes.append(len(inputs["data_samples"]))
        return forward(inputs, **kwargs)

    monkeypatch.setattr(inferencer, "forward", note)
    return sizes


def test_short_files_fill_a_batch_together(inferencer, make_clip, tmp_path, batch_sizes):
    paths = [make_clip(f"{k}.mp4", seconds=1.3 + 0.7 * k) for k in range(4)]
    single = [_only(inferencer(path)) for path in paths]
    batch_sizes.clear()
    mixed = [paths[0], tmp_path / "none.mp4", *paths[1:]]
    together = inferencer(mixed, batch_size=3)["predictions"]
    assert [item["file"] for item in together] == [str(path) for path in mixed]
    assert together.pop(1)["status"] == "error"
    num_windows = [len(item["windows"]) for item in single]
    assert num_windows == [1, 3, 4, 5]
    assert batch_sizes == [3, 3, 3, 3, 1]
    for one, other in zip(single, together, strict=True):
        # Batches of another size sum in another order.
        np.testing.assert_allclose(one["windows"], other["windows"], atol=1e-5)
        assert one["verdict"] == other["verdict"]


def test_files_are_told_as_they_are_done(inferencer, make_clip, tmp_path):
    path = make_clip(seconds=1.3)
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield path

    predictions = inferencer.predict(endless(), batch_size=1)
    assert next(predictions).status == "ok"
    # The one that is told, one that was read meanwhile, and one that is being read.
    assert len(taken) <= 3
    predictions.close()


def test_many_files_that_are_not_there_are_told_one_by_one(inferencer):
    taken = []

    def names():
        for number in range(1000):
            taken.append(number)
            yield f"{number}.mp4"

    predictions = inferencer.predict(names())
    assert next(predictions).file == "0.mp4"
    assert len(taken) <= 3
    predictions.close()


def test_a_batch_without_scores_costs_its_files_and_no_others(inferencer, make_clip, monkeypatch):
    paths = [make_clip(f"{k}.mp4", seconds=1.3) for k in range(4)]
    forward, calls = inferencer.forward, []

    def fail_at_first(inputs, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise NonFiniteScoreError("The model gave no number.")
        return forward(inputs, **kwargs)

    monkeypatch.setattr(inferencer, "forward", fail_at_first)
    found = inferencer(paths, batch_size=2)["predictions"]
    assert [item["status"] for item in found] == ["error", "error", "ok", "ok"]


def test_threads_share_an_inferencer(inferencer, make_clip, tmp_path):
    paths = [make_clip(f"{k}.mp4", seconds=1.3 + 0.2 * k) for k in range(3)]
    paths.append(tmp_path / "none.mp4")
    expected = {str(path): _only(inferencer(path)) for path in paths}
    rng = np.random.default_rng(0)
    orders = [[paths[k] for k in rng.permutation(4)] for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(
                lambda order, size: inferencer(order, batch_size=size)["predictions"],
                orders,
                (1, 2, 3, 8),
            )
        )
    for order, predictions in zip(orders, found, strict=True):
        assert [item["file"] for item in predictions] == [str(path) for path in order]
        for item in predictions:
            one = expected[item["file"]]
            assert (item["status"], item["error"]) == (one["status"], one["error"])
            if item["status"] == "ok":
                np.testing.assert_allclose(item["windows"], one["windows"], atol=1e-5)
                np.testing.assert_allclose(item["steps"]["video"], one["steps"]["video"], atol=1e-4)


def test_an_unknown_argument_is_refused(inferencer, make_clip):
    with pytest.raises(ValueError, match=r"unknown argument \{'stride'\}"):
        inferencer(make_clip(seconds=1.0), stride=1)


def test_a_checkpoint_of_another_model_is_refused(run_dir, tmp_path, write_checkpoint):
    checkpoint = write_checkpoint(tmp_path / "other.pth", {"weight": torch.zeros(1)})
    with pytest.raises(CheckpointMismatchError, match=r"other\.pth' belongs to another model"):
        ForgeryInferencer(run_dir / "macbdf_demo.py", checkpoint, device="cpu")


def test_a_device_that_is_not_there_is_named(run_dir):
    with pytest.raises(ConfigError, match="Device 'cuda:99' cannot be used"):
        ForgeryInferencer(
            run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth", device="cuda:99"
        )


def test_a_model_without_thresholds_is_refused(run_dir, tmp_path, write_checkpoint):
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    cfg.model = {"type": "mmengine.ImgDataPreprocessor"}
    checkpoint = write_checkpoint(tmp_path / "a.pth", {})
    with pytest.raises(ConfigError, match="ImgDataPreprocessor has no decision thresholds"):
        ForgeryInferencer(cfg, checkpoint, device="cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_scores_of_the_cpu(run_dir, inferencer, make_clip):
    on_gpu = ForgeryInferencer(
        run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth", device="cuda"
    )
    path = make_clip(seconds=2.0)
    expected, found = _only(inferencer(path)), _only(on_gpu(path))
    for track in TRACKS:
        # Convolutions in TF32 keep about three digits.
        assert math.isclose(expected["scores"][track], found["scores"][track], abs_tol=5e-3)


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
            ],
        ),
    ],
)
def test_half_precision_scores_about_the_same(run_dir, make_clip, device):
    paths = run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"
    clip = make_clip(seconds=2.0)
    full, half = (
        _only(ForgeryInferencer(*paths, device=device, show_progress=False, amp=amp)(clip))
        for amp in (False, True)
    )
    assert half["scores"] != full["scores"]
    assert half["scores"] == pytest.approx(full["scores"], abs=0.05)


@pytest.fixture
def make_padded(write_media, clip_clock, tmp_path):
    """Return a function that writes a clip that is black and silent until a moment."""

    def make(seconds, blank_until):
        times = np.arange(round(seconds * 25)) / 25
        frames = [clip_clock.frame(k) * (t >= blank_until) for k, t in enumerate(times)]
        moments = np.arange(round(seconds * 16_000)) / 16_000
        sound = clip_clock.sound(moments) * (moments >= blank_until)
        return write_media(tmp_path / "padded.mp4", frames, times, [sound.astype(np.float32)])

    return make


def test_a_black_and_silent_start_is_left_out_and_reported(inferencer, make_padded):
    prediction = _only(inferencer(make_padded(3.0, 0.5)))
    assert prediction["status"] == "ok"
    assert prediction["windows"][0][2:] == [None] * 3
    assert all(window[2] is not None for window in prediction["windows"][1:])
    for track, reason in (("video", "blank"), ("audio", "silent")):
        assert prediction["unusable"][track] == {
            "num_windows": 1,
            "share": 0.25,
            "reasons": [reason],
            "intervals": [(0.0, 1.28)],
        }
    assert "video left out as blank in 1 windows (25%) at 0.0-1.3 s" in describe(prediction)


def test_a_black_and_silent_file_is_not_judged(inferencer, make_padded):
    prediction = _only(inferencer(make_padded(2.0, 9.0)))
    assert (prediction["status"], prediction["verdict"]) == ("not judged", None)
    assert "blank, frozen, silent or incomplete throughout" in prediction["error"]


def test_a_silent_track_is_not_judged_and_the_other_one_is(inferencer, make_clip):
    prediction = _only(inferencer(make_clip(seconds=2.0, silent=True)))
    assert prediction["status"] == "ok"
    assert prediction["scores"]["audio"] is None
    assert prediction["scores"]["overall"] is not None
    assert any("the audio is not judged, for it is silent" in w for w in prediction["warnings"])


def test_three_milliseconds_more_move_no_window(inferencer, make_clip):
    exact = _only(inferencer(make_clip("exact.mp4", seconds=3.0)))
    padded = _only(inferencer(make_clip("padded.mp4", seconds=3.0, sound_seconds=3.003)))
    spans = [[window[:2] for window in found["windows"]] for found in (exact, padded)]
    assert spans[0] == spans[1]


def test_what_scored_and_what_was_scored_is_said(inferencer, make_clip):
    prediction = _only(inferencer(make_clip(seconds=1.5, rotation=90)))
    media, model = prediction["media"], prediction["model"]
    assert media["duration_seconds"] == pytest.approx(1.5, abs=0.05)
    assert (media["width"], media["height"], media["fps"]) == (64, 96, pytest.approx(25.0))
    assert (media["video_codec"], media["audio_codec"]) == ("h264", "aac")
    assert media["sample_rate"] == 16_000
    assert model["weights_sha256"] == weight_digest(inferencer.model)
    assert model["version"] == __version__
    assert model["training_data"]["synthetic"] is True


def test_a_log_gets_lines_on_a_file_that_takes_long(inferencer, monkeypatch, capsys):
    monkeypatch.setattr(inferencer, "show_windows", True)
    monkeypatch.setattr("macbdf_mm.apis.forgery_inferencer._LOG_SECONDS", 0.0)
    spans = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert list(inferencer._watch(spans, "folder/a.mp4")) == spans
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(", about")[0] for line in lines] == [
        "a.mp4: 1/3 windows",
        "a.mp4: 2/3 windows",
    ]
