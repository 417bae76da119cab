import json
import pickle
import shutil
import tracemalloc
from contextlib import contextmanager

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis import score_files as module
from macbdf_mm.apis.caveats import SYNTHETIC_WEIGHTS, UNCALIBRATED
from macbdf_mm.apis.score_files import FileScorer, journal_of, score_files
from macbdf_mm.errors import ConfigError, UndecodableMediaError, UnwritableFileError
from macbdf_mm.utils.jobs import Death
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import Shard

HERE = LocalEngine(0)
THRESHOLDS = {"overall": 0.5, "video": 0.4, "audio": 0.6}


class Scorer(FileScorer):
    """Scores a file by its name, without a model; what is called 'bad' has no scores."""

    def __init__(self, checkpoint, **scoring):
        super().__init__(Config({"model": {"type": "MACBDF"}}), checkpoint, scoring=scoring)
        self.asked = []
        self.padding = ""

    def start(self):
        """Load nothing."""

    def __call__(self, file):
        self.asked.append(file.rpartition("/")[2])
        if "bad" in file:
            raise UndecodableMediaError(f"{file} is empty.")
        return {"file": file, "status": "ok", "score": len(file), "padding": self.padding}

    @property
    def thresholds_and_caveats(self):
        return THRESHOLDS, ["careful"]


@pytest.fixture
def scorer(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"1")
    return Scorer(tmp_path / "weights.pth", batch_size=8, stride_seconds=None)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in "abcdefgh":
        (folder / f"{name}.mp4").write_text(name)
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.json"


@pytest.fixture
def journal(out):
    return journal_of(out)


def score(scorer, paths, engine=HERE, **arguments):
    """Return what is told."""
    told = []
    score_files(scorer, paths, engine, told.append, **arguments)
    return told


class LastFirst:
    """An engine that answers to the newest of three jobs first."""

    time_limit_seconds = None

    @contextmanager
    def open(self, worker):
        with HERE.open(worker) as pool:
            submit, held, wait = pool.submit, [], pool.wait

            def answer(is_blocking=True):
                while held:
                    submit(*held.pop())
                    yield from wait(is_blocking)

            pool.capacity = 3
            pool.submit = lambda *job: held.append(job)
            pool.wait = lambda is_blocking=True: list(answer(is_blocking))
            yield pool


@pytest.mark.parametrize("out", ["out.json", "/dev/stdout"])
def test_they_are_told_as_they_come_and_written_in_order(scorer, tmp_path, out, capfd):
    paths = [str(tmp_path / f"{name}.mp4") for name in ("b", "bad", "a", "b")]
    told = score(scorer, paths, LastFirst(), out=tmp_path / out)
    assert [item["file"] for item in told] == [paths[k] for k in (2, 1, 0, 3)]
    path = tmp_path / out
    written = json.loads(path.read_text() if path.is_file() else capfd.readouterr().out)
    assert [item["file"] for item in written] == paths
    assert sorted(written, key=str) == sorted(told, key=str)
    assert {item.name for item in tmp_path.iterdir()} <= {"weights.pth", "out.json"}


def test_memory_does_not_grow_with_the_number_of_files(scorer, tmp_path, out):
    scorer.padding = "x" * 100_000
    paths = [f"{k}.mp4" for k in range(100)]
    tracemalloc.start()
    score_files(scorer, paths, HERE, lambda prediction: None, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.stat().st_size > 10_000_000
    assert peak < 3_000_000


def test_a_shard_needs_a_file_beside_which_it_keeps_its_scores(scorer, files):
    with pytest.raises(ConfigError, match="'/dev/null' is no ordinary file; name one"):
        score(scorer, [files], out="/dev/null", shard=Shard(1, 2))
    assert scorer.asked == []


def test_a_file_without_scores_is_an_entry(scorer, tmp_path):
    (prediction,) = score(scorer, [tmp_path / "bad.mp4"])
    assert prediction["status"] == "error"
    assert prediction["error"] == f"{tmp_path / 'bad.mp4'} is empty."
    assert prediction["thresholds"] == THRESHOLDS
    assert prediction["warnings"] == ["careful"]


class DeadlyEngine:
    """Its processes end with every file whose name has 'kills' in it."""

    time_limit_seconds = None

    @contextmanager
    def open(self, worker):
        with HERE.open(worker) as pool:
            submit, deaths = pool.submit, []

            def submit_or_die(number, arguments, is_fresh):
                if "kills" in arguments[0]:
                    deaths.append((number, Death("killed", "its process was ended by SIGSEGV")))
                else:
                    submit(number, arguments, is_fresh)

            wait = pool.wait
            pool.submit = submit_or_die
            pool.wait = lambda is_blocking=True: [deaths.pop()] if deaths else wait(is_blocking)
            yield pool


def test_a_file_that_ends_its_process_costs_itself_alone(scorer):
    predictions = score(scorer, ["a.mp4", "kills.mp4", "b.mp4"], DeadlyEngine())
    assert [item["status"] for item in predictions] == ["ok", "error", "ok"]
    assert predictions[1]["error"] == (
        "kills.mp4: its process was ended by SIGSEGV, in two attempts."
    )


def stop_after(number):
    told = []

    def tell(prediction):
        told.append(prediction)
        if len(told) == number:
            raise KeyboardInterrupt

    return tell


def test_a_stopped_run_resumes(scorer, files, out, journal):
    with pytest.raises(KeyboardInterrupt):
        score_files(scorer, [files], HERE, stop_after(3), out=out)
    assert scorer.asked == ["a.mp4", "b.mp4", "c.mp4"]
    assert len(journal.read_text().splitlines()) == 3
    predictions = score(scorer, [files], out=out)
    assert scorer.asked == [f"{name}.mp4" for name in "abcdefgh"]
    assert [item["file"][-5] for item in predictions] == list("abcdefgh")
    assert json.loads(out.read_text()) == predictions
    assert not journal.exists()


def test_without_resume_a_stopped_run_begins_anew(scorer, files, out, journal):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            score_files(scorer, [files], HERE, stop_after(2), out=out, resume=False)
    assert scorer.asked == ["a.mp4", "b.mp4"] * 2
    assert len(journal.read_text().splitlines()) == 2


@pytest.mark.parametrize("change", ["file", "weights", "settings"])
def test_scores_of_before_a_change_are_not_taken_over(scorer, files, out, change):
    with pytest.raises(KeyboardInterrupt):
        score_files(scorer, [files], HERE, stop_after(2), out=out)
    if change == "file":
        (files / "a.mp4").write_text("another")
    elif change == "weights":
        scorer.checkpoint.write_bytes(b"other")
    # A new run; batches of another size give the same scores.
    stride_seconds = 0.5 if change == "settings" else None
    scorer = Scorer(scorer.checkpoint, batch_size=2, stride_seconds=stride_seconds)
    score(scorer, [files], out=out)
    assert scorer.asked[0] == "a.mp4"
    assert ("b.mp4" in scorer.asked) == (change != "file")


def test_shards_score_every_file_once_and_a_run_without_one_puts_them_together(scorer, files, out):
    parts = []
    for index in (1, 2, 3):
        shard = Shard(index, 3)
        parts += score(scorer, [files], out=out, shard=shard)
    assert sorted(scorer.asked) == [f"{name}.mp4" for name in "abcdefgh"]
    scorer.asked.clear()
    with pytest.raises(ConfigError, match=r"A shard has left its scores in .* with --resume"):
        score(scorer, [files], out=out, resume=False)
    predictions = score(scorer, [files], out=out)
    assert scorer.asked == []
    assert predictions == sorted(parts, key=lambda item: item["file"])
    assert len(list(out.parent.glob("out.journal.*-of-3.jsonl"))) == 3


def test_scores_are_kept_until_they_are_written(scorer, files, out, journal, monkeypatch):
    def fail(path, predictions):
        list(predictions)
        raise UnwritableFileError("The disk is full.")

    monkeypatch.setattr(module, "save_predictions", fail)
    with pytest.raises(UnwritableFileError):
        score(scorer, [files], out=out)
    assert len(journal.read_text().splitlines()) == 8


def test_where_the_scores_are_kept(tmp_path):
    assert journal_of(tmp_path / "out.json") == tmp_path / "out.journal.jsonl"
    (tmp_path / "out.json").write_text("[]")
    assert journal_of(tmp_path / "out.json") == tmp_path / "out.journal.jsonl"
    assert journal_of("/dev/null") is None


def test_scores_that_cannot_be_written_are_kept(scorer, files, out):
    told = []

    def tell(prediction):  # The place is taken while the files are scored.
        told.append(prediction)
        out.mkdir(exist_ok=True)

    with pytest.raises(UnwritableFileError, match=r"All scores are kept in .*out\.journal\.jsonl"):
        score_files(scorer, [files], HERE, tell, out=out)
    assert len(told) == 8
    out.rmdir()
    scorer.asked.clear()
    assert score(scorer, [files], out=out) == told
    assert scorer.asked == []
    assert json.loads(out.read_text()) == told


@pytest.fixture(scope="module")
def real_scorer(run_dir):
    config = Config.fromfile(run_dir / "macbdf_demo.py")
    loading = {"device": "cpu", "show_progress": False}
    return FileScorer(config, run_dir / "best_epoch_1.pth", loading, {"batch_size": 2})


def test_thresholds_and_caveats_are_those_of_the_model(run_dir, real_scorer):
    config = real_scorer.config
    with_model = FileScorer(config, run_dir / "best_epoch_1.pth", real_scorer.loading)
    with_model.start()
    thresholds, caveats = real_scorer.thresholds_and_caveats
    assert (thresholds, caveats) == with_model.thresholds_and_caveats
    assert thresholds == pytest.approx(THRESHOLDS)
    assert caveats == [SYNTHETIC_WEIGHTS, UNCALIBRATED]
    assert pickle.loads(pickle.dumps(with_model))._inferencer is None


def test_a_prediction_is_that_of_the_inferencer_and_plain(real_scorer, make_clip):
    path = make_clip(seconds=2.0)
    prediction = real_scorer(str(path))
    [expected] = real_scorer._inferencer(path, batch_size=2)["predictions"]
    assert prediction == {**expected, "settings": real_scorer.settings}
    assert json.loads(json.dumps(prediction)) == prediction


def test_another_process_does_not_score_with_weights_that_came_since(run_dir, tmp_path):
    weights = tmp_path / "best.pth"
    shutil.copy(run_dir / "best_epoch_1.pth", weights)
    scorer = FileScorer(Config.fromfile(run_dir / "macbdf_demo.py"), weights, {"device": "cpu"})
    scorer.stamps()
    checkpoint = torch.load(weights)
    checkpoint["meta"]["epoch"] = 2
    torch.save(checkpoint, weights)
    for each in (scorer, pickle.loads(pickle.dumps(scorer))):
        for _ in range(2):  # Nor is the model kept.
            with pytest.raises(ConfigError, match=r"best\.pth' were replaced while files were"):
                each.start()


def test_a_release_folder_is_known_by_its_weights(tmp_path):
    (tmp_path / "release.json").touch()
    found = set()
    for content in (b"1", b"2"):
        (tmp_path / "model.safetensors").write_bytes(content)
        found.add(Scorer(tmp_path).settings)
    assert len(found) == 2


def test_a_wrong_config_is_one_sentence_from_any_process(run_dir):
    config = Config.fromfile(run_dir / "macbdf_demo.py")
    config.model.nekc = {"type": "PlainFusionNeck"}
    scorer = FileScorer(config, run_dir / "best_epoch_1.pth", {"device": "cpu"})
    with pytest.raises(ConfigError, match="`MACBDF` a key that it does not take: 'nekc'"):
        scorer.start()


def test_a_checkpoint_without_thresholds_is_refused(tmp_path, write_checkpoint):
    checkpoint = write_checkpoint(tmp_path / "a.pth", {})
    with pytest.raises(ConfigError, match=r"model of '.*a\.pth' has no decision thresholds"):
        _ = FileScorer(Config(), checkpoint).thresholds_and_caveats


@pytest.mark.parametrize(
    ("number", "num_gpus", "expected"),
    [((), 2, None), ((1,), 2, "cuda:0"), ((2,), 2, "cuda:1"), ((3,), 2, "cuda:0"), ((1,), 0, None)],
)
def test_the_processes_of_a_machine_share_its_gpus(number, num_gpus, expected, monkeypatch):
    process = type("Process", (), {"_identity": number})
    monkeypatch.setattr(module.multiprocessing, "current_process", process)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: num_gpus)
    assert module._own_gpu() == expected


def test_a_run_that_begins_anew_leaves_the_journal_of_another_alone(scorer, files, out, journal):
    with Journal(journal) as other:
        other.add("a", None, {"status": "done", "value": 1})
        with pytest.raises(ConfigError, match="Another process is writing"):
            score(scorer, [files], out=out, resume=False)
        assert journal.read_bytes()


def test_the_journal_is_deleted_while_it_is_still_held(scorer, files, out, journal, monkeypatch):
    held = []

    def look(journal, *error):
        held.append(journal.path.exists())
        leave(journal, *error)

    leave = Journal.__exit__
    monkeypatch.setattr(Journal, "__exit__", look)
    score(scorer, [files], out=out)
    assert held == [False]
