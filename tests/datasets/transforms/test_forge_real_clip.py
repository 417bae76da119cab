import numpy as np
import pytest

from macbdf_mm.datasets import AudioVisualForgeryDataset, ClipRow, save_annotation
from macbdf_mm.datasets.seeding import seeded_sample
from macbdf_mm.datasets.transforms import ForgeRealClip, PackForgeryInputs
from macbdf_mm.datasets.transforms.forge_real_clip import longest_run
from macbdf_mm.errors import ConfigError

RATE = 16_000
START = 3.0
SECONDS = 2.0


@pytest.fixture
def make(talking_head):
    """Two seconds of a real clip, 16 frames of it, as decoding leaves them."""

    def make(**fields):
        return (
            dict(
                imgs=[frame.copy() for frame in talking_head.frames[1::3][:16]],
                video_valid=np.ones(16, bool),
                waveform=talking_head.waveform.copy(),
                audio_valid=np.ones(len(talking_head.waveform), bool),
                sample_rate=RATE,
                span_seconds=(START, START + SECONDS),
                label=0,
                video_label=0,
                audio_label=0,
                video_fake_intervals=(),
                audio_fake_intervals=(),
                category="RVRA",
                method="real",
                face_boxes=talking_head.face_boxes[1::3][:16],
                file="a.mp4",
            )
            | fields
        )

    return make


def forge(results, seed=0, **arguments):
    with seeded_sample(0, 0, seed):
        return ForgeRealClip(**{"probability": 1.0, **arguments})(results)


def changed_frames(results, original):
    pairs = zip(results["imgs"], original["imgs"], strict=True)
    return np.array([(one != other).any() for one, other in pairs])


VIDEO_ONLY = dict(audio_operators=())
AUDIO_ONLY = dict(video_operators=())


def test_all_categories_are_drawn_and_labels_say_what_was_changed(make):
    categories = []
    for seed in range(12):
        original, results = make(), forge(make(), seed)
        is_video = int(changed_frames(results, original).any())
        is_audio = int((results["waveform"] != original["waveform"]).any())
        assert (results["video_label"], results["audio_label"]) == (is_video, is_audio)
        assert results["label"] == 1
        assert len(results["method"].split("+")) == is_video + is_audio
        categories.append(results["category"])
    assert set(categories) == {"FVRA", "RVFA", "FVFA"}


@pytest.mark.parametrize("track", ["video", "audio"])
def test_nothing_outside_of_the_interval_is_changed(make, track):
    only = VIDEO_ONLY if track == "video" else AUDIO_ONLY
    for seed in range(6):
        original = make()
        results = forge(make(), seed, partial_probability=1.0, **only)
        ((start, end),) = results[f"{track}_fake_intervals"]
        assert 0.5 - 0.13 <= end - start <= 0.6 * SECONDS + 0.13
        assert START <= start < end <= START + SECONDS
        if track == "video":
            inside = np.flatnonzero(changed_frames(results, original)) * SECONDS / 16 + START
        else:
            inside = np.flatnonzero(results["waveform"] != original["waveform"]) / RATE + START
        assert len(inside)
        assert inside.min() >= start - 1e-6
        assert inside.max() < end


def test_labels_of_steps_follow(make):
    results = forge(make(), 1, partial_probability=1.0, **VIDEO_ONLY)
    original = make()
    changed = changed_frames(results, original).reshape(8, 2).sum(axis=1)
    sample = PackForgeryInputs(8)(results)["data_samples"]
    assert sample.gt_label.item() == 1
    steps = sample.gt_video_steps.numpy()
    np.testing.assert_array_equal(steps[changed == 2], 1)
    np.testing.assert_array_equal(steps[changed == 0], 0)
    assert set(sample.gt_audio_steps.tolist()) == {0}


def test_whole_spans_are_forged_in_full(make):
    results = forge(make(), 0, partial_probability=0.0, **VIDEO_ONLY)
    assert results["video_fake_intervals"] == ((START, START + SECONDS),)
    assert changed_frames(results, make()).all()


def test_only_what_exists_is_forged(make):
    video_valid = np.arange(16) >= 6
    audio_valid = np.arange(2 * RATE) < RATE
    for seed in range(6):
        fields = dict(video_valid=video_valid, audio_valid=audio_valid)
        original, results = make(**fields), forge(make(**fields), seed)
        assert not changed_frames(results, original)[:6].any()
        np.testing.assert_array_equal(results["waveform"][RATE:], original["waveform"][RATE:])
        for start, end in results["video_fake_intervals"]:
            assert start >= START + 6 * SECONDS / 16 - 1e-9
            assert end <= START + SECONDS + 1e-9
        for start, end in results["audio_fake_intervals"]:
            assert START <= start < end <= START + 1.0 + 1e-9


@pytest.mark.parametrize(
    "fields",
    [
        dict(label=1, video_label=1),
        dict(label=-1, video_label=0, audio_label=-1),
        dict(video_valid=np.zeros(16, bool), audio_valid=np.zeros(2 * RATE, bool)),
    ],
)
def test_what_is_not_real_or_not_there_stays(make, fields):
    results = forge(make(**fields))
    assert not changed_frames(results, make()).any()
    np.testing.assert_array_equal(results["waveform"], make()["waveform"])
    assert results["label"] == fields.get("label", 0)
    assert results["method"] == "real"


def test_silence_is_not_forged(make):
    for seed in range(5):
        results = forge(make(waveform=np.zeros(2 * RATE, np.float32)), seed)
        assert results["category"] == "FVRA"


def test_a_clip_that_is_real_as_a_whole_is_real_in_its_tracks(make):
    results = forge(make(video_label=-1, audio_label=-1), **AUDIO_ONLY)
    assert (results["video_label"], results["audio_label"]) == (0, 1)


def test_the_same_item_is_forged_alike_and_another_one_differently(make):
    one, again, other = (forge(make(), seed, **VIDEO_ONLY) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one["imgs"], again["imgs"])
    assert one["video_fake_intervals"] == again["video_fake_intervals"]
    assert (np.stack(one["imgs"]) != np.stack(other["imgs"])).any()


def test_how_often(make):
    forged = [forge(make(), seed, probability=0.3, **AUDIO_ONLY)["label"] for seed in range(40)]
    assert 0.05 < np.mean(forged) < 0.6


@pytest.mark.parametrize("operator", ["region_resample", "blended_patch", "mouth_swap"])
def test_the_face_is_where_the_boxes_say(make, operator):
    box = np.tile(np.array([4, 4, 34, 34], np.float32), (16, 1))
    results = forge(make(face_boxes=box), video_operators=[operator], **VIDEO_ONLY)
    rows, columns = np.nonzero((np.stack(results["imgs"]) != np.stack(make()["imgs"])).any((0, 3)))
    assert max(rows.max(), columns.max()) < 42


def test_boxes_of_the_annotation_are_taken_where_nothing_was_cropped(make):
    results = make()
    del results["face_boxes"]
    share = [4 / 64, 4 / 64, 34 / 64, 34 / 64]
    results["faces"] = (dict(times_seconds=[0.0], boxes=[share]),)
    results = forge(results, **VIDEO_ONLY)
    rows, columns = np.nonzero((np.stack(results["imgs"]) != np.stack(make()["imgs"])).any((0, 3)))
    assert max(rows.max(), columns.max()) < 40


@pytest.fixture
def donors(make_face_clip, tmp_path):
    """A data set of one fake and two real clips before a blue wall."""
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_face_clip(name)
    rows = [ClipRow("a.mp4", 0, 0, 0), ClipRow("b.mp4", 1, 1, 1), ClipRow("c.mp4", 0, 0, 0)]
    save_annotation(tmp_path / "donors.json", {"dataset": "d"}, rows)

    def config(sample_rate=RATE, label=None):
        if label is not None:
            save_annotation(tmp_path / "donors.json", {"dataset": "d"}, [ClipRow("b.mp4", label)])
        return dict(
            type="AudioVisualForgeryDataset",
            ann_file="donors.json",
            data_root=str(tmp_path),
            pipeline=[
                dict(type="SampleClipSpan", span_seconds=SECONDS),
                dict(type="DecodeAudioVisual", num_frames=16, sample_rate=sample_rate),
            ],
        )

    return config


def test_another_clip_lends_its_face_and_its_voice(make, donors):
    for seed in range(3):
        results = forge(
            make(), seed, donors=donors(), partial_probability=0.0,
            video_operators=["blended_patch"], **VIDEO_ONLY,
        )  # fmt: skip
        own = forge(make(), seed, video_operators=["blended_patch"], **VIDEO_ONLY)
        assert results["label"] == own["label"] == 1
    # The donor's sound is a rising tone; dubbed over speech it leaves little of the speech.
    speech = make()["waveform"]
    results = forge(
        make(), donors=donors(), partial_probability=0.0, audio_operators=["dubbing"], **AUDIO_ONLY
    )
    assert abs(np.corrcoef(results["waveform"], speech)[0, 1]) < 0.3
    assert results["method"] == "dubbing"


def watch(transform, taken):
    """Note the file and the span of every clip that lends."""

    class Watched(AudioVisualForgeryDataset):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            taken.append((item["file"], item["span_seconds"]))
            return item

    transform.donors.__class__ = Watched


def test_donors_are_real_and_another_clip(make, donors, tmp_path):
    transform = ForgeRealClip(donors=donors(), probability=1.0, audio_operators=())
    transform(make())
    assert transform.donor_indices == [0, 2]
    for own, others in (("a.mp4", {"c.mp4"}), ("b.mp4", {"a.mp4", "c.mp4"})):
        taken = []
        watch(transform, taken)
        for seed in range(5):
            with seeded_sample(0, 0, seed):
                transform(make(file=own, path=str(tmp_path / own)))
        assert {file for file, _ in taken} == others


DECODE = [
    dict(type="SampleClipSpan", span_seconds=0.8),
    dict(type="DecodeAudioVisual", num_frames=8),
]


@pytest.fixture
def forging_data(donors, tmp_path):
    """A maker of the data set of the donors, whose own pipeline forges its real clips."""
    donors()

    def make(forging=None, **options):
        forging = forging or ForgeRealClip(donors="own", probability=1.0)
        return AudioVisualForgeryDataset(
            "donors.json",
            [*DECODE, forging],
            str(tmp_path),
            decode_time_limit_seconds=None,  # In this process, so that nothing has to start.
            **options,
        )

    return make


def test_other_real_clips_of_the_same_data_set_lend(forging_data):
    data = forging_data()
    transform = data.pipeline.transforms[-1]
    data[0]
    taken = []
    watch(transform, taken)
    for epoch in range(6):
        data.set_epoch(epoch)
        for index in (0, 2):
            item = data[index]
            assert item["label"] == 1
            assert "dataset" not in item
    assert {file for file, _ in taken} == {"a.mp4", "c.mp4"}
    assert len({span for _, span in taken}) == len(taken), "the lender's span is drawn anew"


def test_own_donors_follow_the_seed_of_the_data_set(forging_data):
    def items(seed):
        data = forging_data(seed=seed)
        return [data[index] for index in (0, 2)]

    for one, again, other in zip(items(0), items(0), items(1), strict=True):
        assert changed_frames(one, again).sum() == 0
        np.testing.assert_array_equal(one["waveform"], again["waveform"])
        assert (one["method"], one["span_seconds"]) == (again["method"], again["span_seconds"])
        assert one["span_seconds"] != other["span_seconds"]


def test_a_lender_that_cannot_be_read_is_named_instead_of_the_clip(forging_data, tmp_path):
    data = forging_data(on_decode_error="skip")
    (tmp_path / "c.mp4").write_bytes(b"")
    for epoch in range(4):
        data.set_epoch(epoch)
        assert data[0]["file"] == "a.mp4"
    assert data.skipped_files == ["c.mp4"]


def test_own_donors_need_their_data_set(make, forging_data):
    from mmcv.transforms import RandomApply

    with pytest.raises(ConfigError, match="needs the data set of the clip as `dataset`"):
        forge(make(), donors="own")
    inside = RandomApply([ForgeRealClip(donors="own", probability=1.0)], prob=1.0)
    with pytest.raises(ConfigError, match="not inside of another transform"):
        forging_data(inside)[0]


def test_donors_are_drawn_alike_for_the_same_item(make, donors):
    one, again = (forge(make(), 5, donors=donors(), **AUDIO_ONLY) for _ in range(2))
    np.testing.assert_array_equal(one["waveform"], again["waveform"])


def test_unsuitable_donors_are_said(make, donors):
    with pytest.raises(ConfigError, match="sample rate 16000 Hz, got 8000 Hz"):
        forge(make(), donors=donors(sample_rate=8_000))
    with pytest.raises(ConfigError, match="`donors` has no real clip"):
        forge(make(), donors=donors(label=1))


def test_it_is_pickled_for_workers(make, donors):
    import pickle

    transform = pickle.loads(pickle.dumps(ForgeRealClip(donors=donors(), probability=1.0)))
    with seeded_sample(0, 0, 5):
        results = transform(make())
    np.testing.assert_array_equal(
        results["waveform"], forge(make(), 5, donors=donors())["waveform"]
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(video_operators=["swap"]), ConfigError, "`video_operators` has no operator 'swap'"),
        (dict(audio_operators=["swap"]), ConfigError, "`audio_operators` .* there are griffin_lim"),
        (dict(video_operators=(), audio_operators=()), ConfigError, "got neither"),
        (dict(donors="mine"), ConfigError, "`donors` 'own', .* or None, got 'mine'"),
        (dict(probability=2), ValueError, "`probability`"),
        (dict(partial_probability=2), ValueError, "`partial_probability`"),
        (dict(strength=(0.5, 2)), ValueError, "`strength`"),
        (dict(min_partial_seconds=0.1), ValueError, r"`min_partial_seconds` >= 0\.2, got 0\.1"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        ForgeRealClip(**arguments)


def slow(valid):
    best = (0, 0)
    for start in range(len(valid)):
        for end in range(start + 1, len(valid) + 1):
            if all(valid[start:end]) and end - start > best[1] - best[0]:
                best = (start, end)
    return best


def test_agrees_with_trying_all():
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.9):
        for _ in range(20):
            valid = rng.random(15) < share
            assert longest_run(valid) == slow(valid)


@pytest.mark.parametrize(
    ("valid", "expected"), [([], (0, 0)), ([False] * 3, (0, 0)), ([True] * 3, (0, 3))]
)
def test_ends(valid, expected):
    assert longest_run(valid) == expected
