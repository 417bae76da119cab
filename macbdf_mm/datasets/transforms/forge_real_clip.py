"""Making fakes out of real clips while loading, so that no fakes are needed to train."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.operators import AUDIO_OPERATORS, VIDEO_OPERATORS
from macbdf_mm.datasets.transforms.random_change import check_probability, check_range
from macbdf_mm.errors import ArgumentError, ConfigError
from macbdf_mm.registry import DATASETS, TRANSFORMS, build_part
from macbdf_mm.structures.face_track import choose_track, parse_face_track
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import FAKE, REAL, category_of

_OPERATORS = {"video": VIDEO_OPERATORS, "audio": AUDIO_OPERATORS}
# The shortest stretch that every operator can forge.
_MIN_SECONDS = 0.2
_MIN_FRAMES = 2
_MAX_PARTIAL_SHARE = 0.6
# Below -80 dB there is nothing that could be forged.
_SILENCE = 1e-4
OWN = "own"


@TRANSFORMS.register_module()
class ForgeRealClip:
    """Forge the frames, the sound or both of some real clips, and set their labels.

    In the manner of self-blended images (Shiohara and Yamasaki, 2022), with the operators of
    ``macbdf_mm.datasets.forgery`` on the sampled frames and their sound. Which
    tracks, which operator, how strongly and over which stretch is random. Comes after decoding
    and cropping, and before what moves the face in the picture or changes its size.

    Only clips whose ``label`` is real are forged, and only in stretches that exist; silence is
    not forged, since nothing of it could be learned.

    Required keys: imgs, T frames (H, W, 3), RGB, uint8; video_valid (T,); waveform (S,);
    audio_valid (S,); sample_rate; span_seconds; label.
    Optional keys: face_boxes (T, 4), in pixels of the frames; else faces, as in the annotation;
    with neither the face is taken to be in the middle. file and path; dataset, for its own donors.
    Modified keys: imgs or waveform or both; label, video_label, audio_label,
    video_fake_intervals, audio_fake_intervals, category and method.

    Args:
        video_operators: Names from ``VIDEO_OPERATORS``; empty leaves pictures alone.
        audio_operators: Names from ``AUDIO_OPERATORS``; empty leaves sounds alone.
        donors: Whose faces and voices are lent. ``'own'``: other real clips of the same data set,
            after the transforms before this one. Or the config of another data set, whose
            pipeline ends after decoding and cropping. None: other times of the clip itself.
            Of which clip, and from which span of it, is drawn anew for every forgery.
        probability: How often a real clip is forged.
        partial_probability: How often a track is forged in a part of the span only.
        min_partial_seconds: Shortest such part; the longest is 0.6 of the span.
        strength: Weakest and strongest forgery, in [0, 1].

    Raises:
        ConfigError: If there is no such operator or no operator at all, or ``donors`` is none
            of these.
        ValueError: If an argument is out of range.
    """

    # Real clips are enough to train on.
    makes_fakes = True

    def __init__(
        self,
        video_operators: Sequence[str] = ("region_resample", "blended_patch"),
        audio_operators: Sequence[str] = ("griffin_lim", "word_splice", "dubbing"),
        donors: Mapping[str, Any] | str | None = None,
        probability: float = 0.5,
        partial_probability: float = 0.3,
        min_partial_seconds: float = 0.5,
        strength: tuple[float, float] = (0.2, 1.0),
    ) -> None:
        self.operators = {"video": tuple(video_operators), "audio": tuple(audio_operators)}
        for track, names in self.operators.items():
            if unknown := sorted(set(names) - set(_OPERATORS[track])):
                raise ConfigError(
                    f"`{track}_operators` has no operator '{unknown[0]}'; there are "
                    f"{', '.join(_OPERATORS[track])}."
                )
        if not video_operators and not audio_operators:
            raise ConfigError("Expected `video_operators` or `audio_operators`, got neither.")
        if isinstance(donors, str) and donors != OWN:
            raise ConfigError(
                f"Expected `donors` '{OWN}', the config of a data set or None, got {donors!r}."
            )
        check_probability("probability", probability)
        check_probability("partial_probability", partial_probability)
        check_range("strength", strength, 0, 1)
        if min_partial_seconds < _MIN_SECONDS:
            raise ArgumentError(
                f"Expected `min_partial_seconds` >= {_MIN_SECONDS}, got {min_partial_seconds}."
            )
        self.donors_cfg = donors
        # Opened with the first forgery: a worker then reads them by itself.
        self.donors: Any = None
        self.donor_indices: list[int] = []
        self.probability = probability
        self.partial_probability = partial_probability
        self.min_partial_seconds = min_partial_seconds
        self.strength = strength

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``results`` forged and labelled, or as they are."""
        if np.random.random() >= self.probability or results["label"] != REAL:
            return results
        rng = np.random.default_rng(np.random.randint(0, 2**31, size=4))
        runs = {track: _run(results, track) for track in ("video", "audio")}
        possible = [track for track, run in runs.items() if run and self.operators[track]]
        if not possible:
            return results
        forged = _draw_tracks(possible, rng)
        donor = self._draw_donor(results, rng)
        clip = _clip_of(results)
        methods, intervals = [], {}
        for track in forged:
            interval = self._draw_interval(runs[track] or (0.0, 0.0), results, track, rng)
            method = str(rng.choice(self.operators[track]))
            giver = donor.get(track) if donor else None
            output = _OPERATORS[track][method](
                clip, interval, rng, float(rng.uniform(*self.strength)), giver
            )
            if track == "video":
                results["imgs"] = list(output)
            else:
                results["waveform"] = output.astype(np.float32)
            start = results["span_seconds"][0]
            intervals[track] = ((start + interval[0], start + interval[1]),)
            methods.append(method)
        _label(results, intervals, methods)
        return results

    def _draw_donor(
        self, results: dict[str, Any], rng: np.random.Generator
    ) -> dict[str, Clip | None] | None:
        """Return what another real clip can lend to each track, or None without donors."""
        if self.donors_cfg is None:
            return None
        if self.donors is None:
            self._open_donors(results)
        # Its spans are drawn by its epoch.
        self.donors.set_epoch(int(rng.integers(2**31)))
        place = int(rng.integers(len(self.donor_indices)))
        drawn = self.donors.get_data_info(self.donor_indices[place])
        if drawn["path"] == results.get("path"):
            place = (place + 1) % len(self.donor_indices)
        lent = self.donors[self.donor_indices[place]]
        if lent["sample_rate"] != results["sample_rate"]:
            raise ConfigError(
                f"Expected `donors` with the clips' sample rate {results['sample_rate']} Hz, "
                f"got {lent['sample_rate']} Hz; set it in its pipeline."
            )
        return {track: _existing_part(lent, track) for track in ("video", "audio")}

    def _open_donors(self, results: Mapping[str, Any]) -> None:
        """Open the data set that lends, and find its real items.

        Raises:
            ConfigError: If it has none, or the clip comes from no data set that could lend.
        """
        if self.donors_cfg != OWN:
            donors = build_part(DATASETS, self.donors_cfg)
        elif "dataset" in results:
            donors = results["dataset"].before(self)
        else:
            raise ConfigError(
                f"`donors='{OWN}'` needs the data set of the clip as `dataset`, which an "
                "AudioVisualForgeryDataset gives; name another data set in `donors`."
            )
        count = len(donors)
        self.donor_indices = [i for i in range(count) if donors.get_data_info(i)["label"] == REAL]
        if not self.donor_indices:
            raise ConfigError("The data set of `donors` has no real clip; check its `split`.")
        self.donors = donors

    def _draw_interval(
        self, run: Interval, results: dict[str, Any], track: str, rng: np.random.Generator
    ) -> Interval:
        """Return where to forge, in seconds from the start of the span."""
        start, end = run
        longest = _MAX_PARTIAL_SHARE * (end - start)
        if rng.random() >= self.partial_probability or longest < self.min_partial_seconds:
            return run
        length = rng.uniform(self.min_partial_seconds, longest)
        first = rng.uniform(start, end - length)
        if track == "audio":
            return first, first + length
        # Whole frames, as the operators forge them.
        fps = _fps(results)
        frames = round(first * fps), round((first + length) * fps)
        return frames[0] / fps, max(frames[1], frames[0] + _MIN_FRAMES) / fps


def _draw_tracks(possible: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Return one of the tracks, or both, all equally likely."""
    choices: list[tuple[str, ...]] = [(track,) for track in possible]
    if len(possible) > 1:
        choices.append(tuple(possible))
    return choices[int(rng.integers(len(choices)))]


def _run(results: Mapping[str, Any], track: str) -> Interval | None:
    """Return the stretch of a track that can be forged, in seconds of the span, or None."""
    first, last = longest_run(results[f"{track}_valid"])
    rate = _fps(results) if track == "video" else results["sample_rate"]
    if (last - first) / rate < _MIN_SECONDS or (track == "video" and last - first < _MIN_FRAMES):
        return None
    if track == "audio":
        sound = results["waveform"][first:last]
        if np.sqrt(np.mean(np.square(sound, dtype=np.float64))) < _SILENCE:
            return None
    return first / rate, last / rate


def _existing_part(results: Mapping[str, Any], track: str) -> Clip | None:
    """Return a clip of what exists of one track without a hole, None if it is too little."""
    if _run(results, track) is None:
        return None
    clip = _clip_of(results)
    first, last = longest_run(results[f"{track}_valid"])
    if track == "audio":
        return Clip(clip.frames, clip.waveform[first:last], clip.fps, clip.sample_rate)
    boxes = None if clip.face_boxes is None else clip.face_boxes[first:last]
    return Clip(clip.frames[first:last], clip.waveform, clip.fps, clip.sample_rate, boxes)


def _clip_of(results: Mapping[str, Any]) -> Clip:
    return Clip(
        frames=np.stack(results["imgs"]),
        waveform=results["waveform"],
        fps=_fps(results),
        sample_rate=results["sample_rate"],
        face_boxes=_face_boxes(results),
    )


def _fps(results: Mapping[str, Any]) -> float:
    """Return the rate of the sampled frames: each stands for an equal part of the span."""
    start, end = results["span_seconds"]
    return len(results["imgs"]) / (end - start)


def _face_boxes(results: Mapping[str, Any]) -> npt.NDArray[np.float32] | None:
    """Return the face's boxes in pixels of the frames, shape (T, 4), None if not known."""
    if "face_boxes" in results:
        return results["face_boxes"]
    tracks = [parse_face_track(entry) for entry in results.get("faces") or ()]
    chosen = choose_track(tracks)
    if chosen is None:
        return None
    start = results["span_seconds"][0]
    times = start + (np.arange(len(results["imgs"])) + 0.5) / _fps(results)
    boxes, _ = tracks[chosen].boxes_at(times)
    height, width = results["imgs"][0].shape[:2]
    return (boxes * [width, height, width, height]).astype(np.float32)


def _label(
    results: dict[str, Any], intervals: Mapping[str, tuple[Interval, ...]], methods: Sequence[str]
) -> None:
    for track in ("video", "audio"):
        # A clip that is real as a whole is real in both tracks.
        results[f"{track}_label"] = FAKE if track in intervals else REAL
        results[f"{track}_fake_intervals"] = intervals.get(track, ())
    results.update(
        label=FAKE,
        category=category_of(results["video_label"], results["audio_label"]),
        method="+".join(methods),
    )


def longest_run(valid: npt.ArrayLike) -> tuple[int, int]:
    """Return first and last-plus-one index of the longest run of true values.

    The first of equally long ones; (0, 0) if there is none.

    Args:
        valid: Shape (N,).
    """
    padded = np.concatenate([[False], np.asarray(valid, np.bool_), [False]]).astype(np.int8)
    steps = np.diff(padded)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    if not len(starts):
        return 0, 0
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])
