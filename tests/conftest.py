"""Small media files with a known picture and a known sound at every moment.

``make_clip`` writes files whose frame k shows the number k, and whose sound at time t is
:func:`known_sound` of t; ``clip_clock`` tells from what was read where it was read.
"""

import os
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import numpy.typing as npt
import pytest

HEIGHT, WIDTH = 64, 96
_BAND_WIDTH = WIDTH // 8
_TICKS_PER_SECOND = 1000


def clock_frame(number: int) -> npt.NDArray[np.uint8]:
    """Return a picture (64, 96, 3) whose eight vertical bands are the bits of a number."""
    bits = [(number >> bit) & 1 for bit in range(8)]
    row = np.repeat(np.array(bits, np.uint8) * 200 + 28, _BAND_WIDTH)
    return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def read_clock(image: npt.NDArray[np.uint8]) -> int:
    """Return the number that a decoded picture shows; lowest bit left."""
    bands = image.reshape(image.shape[0], 8, -1, 3).mean(axis=(0, 2, 3))
    return int(sum(1 << bit for bit, level in enumerate(bands) if level > 128))


def known_sound(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return a rising tone; each moment has a pitch of its own (200 to about 2500 Hz)."""
    return (0.4 * np.sin(2 * np.pi * (200 * seconds + 200 * seconds**2))).astype(np.float32)


def sound_lag_seconds(
    waveform: npt.NDArray[np.float32], sample_rate: int, start_seconds: float
) -> float:
    """Return by how much a waveform comes later than :func:`known_sound` from a moment on."""
    lags = np.arange(-0.05, 0.05, 0.25e-3)
    times = start_seconds + np.arange(len(waveform)) / sample_rate
    inner = slice(len(waveform) // 10, -len(waveform) // 10)
    fits = [float(np.dot(waveform[inner], known_sound(times[inner] - lag))) for lag in lags]
    return float(lags[int(np.argmax(fits))])


def mux_media(
    path: Path,
    frames: Sequence[npt.NDArray[np.uint8]] = (),
    frame_seconds: Sequence[float] = (),
    sounds: Sequence[npt.NDArray[np.float32]] = (),
    *,
    sample_rate: int = 16_000,
    sound_start_seconds: float = 0.0,
    video_codec: str = "libx264",
    audio_codec: str = "aac",
    pix_fmt: str = "yuv420p",
    layout: str = "mono",
    gop: int = 12,
    fps: float = 25.0,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames at any times, and any number of sound tracks that start at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        video = None
        if len(frames):
            video = container.add_stream(video_codec, rate=Fraction(fps).limit_denominator(1001))
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = pix_fmt
            video.codec_context.gop_size = gop
            regular = path.suffix in (".avi", ".mpg")  # These hold no other times.
            rate = Fraction(fps).limit_denominator(1001)
            video.codec_context.time_base = 1 / rate if regular else Fraction(1, _TICKS_PER_SECOND)
            if rotation:
                video.set_display_rotation(rotation)
        tracks = [
            container.add_stream(audio_codec, rate=sample_rate, layout=layout) for _ in sounds
        ]
        packets = []
        if video is not None:
            time_base = video.codec_context.time_base
            for image, seconds in zip(frames, frame_seconds, strict=True):
                frame = av.VideoFrame.from_ndarray(image, "rgb24")
                frame.pts, frame.time_base = round(seconds / time_base), time_base
                packets += video.encode(frame)
            packets += video.encode()
        for track, sound in zip(tracks, sounds, strict=True):
            planar = np.tile(sound[None], (len(track.layout.channels), 1))
            frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
            frame.sample_rate, frame.time_base = sample_rate, Fraction(1, sample_rate)
            frame.pts = round(sound_start_seconds * sample_rate)
            packets += [*track.encode(frame), *track.encode()]
        for packet in packets:
            container.mux(packet)
    return path


@pytest.fixture
def clip_clock() -> SimpleNamespace:
    """The functions that make and read the known picture and sound."""
    return SimpleNamespace(
        frame=clock_frame, read=read_clock, sound=known_sound, lag_seconds=sound_lag_seconds
    )


@pytest.fixture(scope="session")
def write_media() -> Callable[..., Path]:
    """The function that writes given frames and sounds at given times."""
    return mux_media


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a clip with the known picture and sound."""

    def make(
        name: str = "clip.mp4",
        *,
        seconds: float = 3.0,
        fps: float = 25.0,
        frame_seconds: Sequence[float] | None = None,
        with_video: bool = True,
        with_sound: bool = True,
        sound_seconds: float | None = None,
        sound_start_seconds: float = 0.0,
        sample_rate: int = 16_000,
        silent: bool = False,
        **options,
    ) -> Path:
        times = np.arange(round(seconds * fps)) / fps if frame_seconds is None else frame_seconds
        length = seconds - sound_start_seconds if sound_seconds is None else sound_seconds
        moments = sound_start_seconds + np.arange(round(length * sample_rate)) / sample_rate
        sound = known_sound(moments) * (0.0 if silent else 1.0)
        return mux_media(
            tmp_path / name,
            [clock_frame(k) for k in range(len(times))] if with_video else (),
            times if with_video else (),
            [sound.astype(np.float32)] if with_sound else (),
            sound_start_seconds=sound_start_seconds,
            sample_rate=sample_rate,
            fps=fps,
            **options,
        )

    return make


HEAD_SIZE = 64
_WALL = (20, 20, 235)


@pytest.fixture(scope="session")
def talking_head():
    """Two seconds of a rendered head, 64 x 64 pixels at 25 fps, with its sound at 16 kHz."""
    from demo.identity import draw_identity
    from demo.performance import render_performance

    rng = np.random.default_rng(5)
    return render_performance(draw_identity(rng), 2.0, rng, size=HEAD_SIZE).clip


@pytest.fixture
def make_face_clip(tmp_path: Path, talking_head) -> Callable[..., Path]:
    """Return a function that writes heads in front of a blue wall, each where it is told to be.

    ``places`` has one function a head: from seconds to its left and top, or to None. ``walls``
    tells the colour of the wall; a jump of it is a cut.
    """

    def make(
        name: str = "face.mp4",
        places: Sequence[Callable[[float], tuple[int, int] | None]] = (lambda seconds: (120, 80),),
        *,
        seconds: float = 2.0,
        size: tuple[int, int] = (240, 320),
        frame_seconds: Sequence[float] | None = None,
        fps: float = 25.0,
        with_sound: bool = True,
        turns: int = 0,
        walls: Callable[[float], tuple[int, int, int]] = lambda seconds: _WALL,
        **options,
    ) -> Path:
        times = np.arange(round(seconds * fps)) / fps if frame_seconds is None else frame_seconds
        frames = []
        for moment in times:
            wall = np.array(walls(float(moment)), np.uint8)
            picture = np.broadcast_to(wall, (*size, 3)).copy()
            head = talking_head.frames[int(moment * 25) % len(talking_head.frames)]
            for place in places:
                corner = place(float(moment))
                if corner is not None:
                    left, top = corner
                    picture[top : top + HEAD_SIZE, left : left + HEAD_SIZE] = head
            frames.append(np.ascontiguousarray(np.rot90(picture, turns)))
        moments = np.arange(round(seconds * 16_000)) / 16_000
        return mux_media(
            tmp_path / name,
            frames,
            times,
            [known_sound(moments)] if with_sound else (),
            fps=fps,
            rotation=(-90 * turns) % 360,
            **options,
        )

    return make


@pytest.fixture
def blue_screen_detector(monkeypatch):
    """The class of the tests' own detector; its module can be imported here and in workers."""
    folder = Path(__file__).parent / "prepare" / "faces" / "own_detector"
    monkeypatch.syspath_prepend(str(folder))
    import blue_screen_detector

    return blue_screen_detector.BlueScreenDetector


DEMO_CONFIG = Path(__file__).parents[1] / "configs" / "macbdf_demo.py"


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory, write_checkpoint) -> Path:
    """A run that was trained on nothing: ``macbdf_demo.py`` and ``best_epoch_1.pth``."""
    import torch
    from mmengine.config import Config

    from macbdf_mm.apis.load_model import build_model
    from macbdf_mm.evaluation.functional.real_windows import RealWindows

    folder = tmp_path_factory.mktemp("run")
    cfg = Config.fromfile(str(DEMO_CONFIG))
    torch.manual_seed(0)
    model = build_model(cfg)
    model.decision_threshold.copy_(torch.tensor([0.5, 0.4, 0.6]))
    model.is_threshold_fitted.fill_(True)
    model.real_windows.copy_(torch.from_numpy(RealWindows.unfitted().values))
    cfg.dump(str(folder / DEMO_CONFIG.name))
    write_checkpoint(folder / "best_epoch_1.pth", model.state_dict())
    return folder


@pytest.fixture(scope="session")
def write_checkpoint() -> Callable[..., Path]:
    """The function that saves weights as the checkpoint hook does."""
    import torch

    def write(path: Path, state_dict: dict[str, torch.Tensor], **training_data) -> Path:
        data = {"dataset": "demo", "synthetic": True} | training_data
        meta = {"epoch": 1, "seed": 0, "training_data": data, "dataset_meta": dict(data)}
        torch.save({"meta": meta, "state_dict": state_dict}, path)
        return path

    return write


@pytest.fixture
def path_for_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that a test starts find the modules that it finds."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch, path_for_other_processes: None):
    """A Ray cluster of two nodes with a core each, and the second node, which can be removed."""
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    store = 80 * 2**20
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": store}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(num_cpus=1, object_store_memory=store)
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="session")
def face_run_dir(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights as if they were trained on face crops: ``run.py`` and ``best.pth``.

    The faces were found by the tests' own detector.
    """
    import torch
    from mmengine.config import Config

    from macbdf_mm.prepare.faces.face_crop import CropSettings
    from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings

    folder = tmp_path_factory.mktemp("face_run")
    cfg = Config.fromfile(str(run_dir / DEMO_CONFIG.name))
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.face_crops = True
    cfg.dump(str(folder / "run.py"))
    settings = PreparationSettings(
        dict(type="BlueScreenDetector", min_side=12),
        crops=CropSettings(size=96, margin=1.5),
        imports=("blue_screen_detector",),
    )
    checkpoint = torch.load(run_dir / "best_epoch_1.pth", weights_only=True)
    checkpoint["meta"]["dataset_meta"]["faces"] = settings.record()
    torch.save(checkpoint, folder / "best.pth")
    return folder
