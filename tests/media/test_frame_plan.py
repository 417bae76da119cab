import numpy as np
import pytest

from macbdf_mm.media.frame_conversion import FrameConverter
from macbdf_mm.media.frame_plan import _plan, plan_frames
from macbdf_mm.media.frames import read_frames
from macbdf_mm.media.media_file import MediaFile

# B-frames, some of which are referred to, as encoders make them by default.
BUSY = dict(video_codec="libx264", gop=40)


@pytest.fixture
def restless(tmp_path, write_media):
    """A clip of moving noise, at uneven times: whatever is wrongly decoded shows."""
    rng = np.random.default_rng(0)
    still = rng.integers(0, 256, (64, 200, 3), dtype=np.uint8)
    times = np.cumsum(rng.choice([0.02, 0.04, 0.1], 100))
    frames = [still[:, shift : shift + 96] for shift in range(100)]

    def write(name="a.mp4", starts_at=times[0], **options):
        moments = times - times[0] + starts_at
        return write_media(tmp_path / name, frames, moments, **(BUSY | options))

    return write


def all_frames(path):
    """Return times and pictures of every frame, decoded from the start without seeking."""
    converter, times, images = FrameConverter((64, 96)), [], []
    with MediaFile(path) as file:
        for frame in file.container.decode(video=0):
            times.append(file.seconds_of(frame))
            images.append(converter.to_rgb(frame))
    return np.array(times), np.stack(images)


CODECS = [
    ("a.mp4", "libx264"),
    ("a.mkv", "libx265"),
    ("a.webm", "libvpx-vp9"),
    ("a.mov", "mpeg4"),
    ("a.mkv", "libx264"),
]


@pytest.mark.parametrize(("name", "codec"), CODECS)
def test_planned_frames_equal_those_of_decoding_everything(restless, name, codec):
    path = restless(name, video_codec=codec)
    times, images = all_frames(path)
    rng = np.random.default_rng(1)
    with MediaFile(path) as file:
        for _ in range(6):
            wanted = np.sort(rng.uniform(times[0] - 0.1, times[-1] - 0.01, 9))
            plan = plan_frames(file, file.video, wanted)
            expected = np.searchsorted(times, wanted, side="right") - 1
            seen = np.full(len(wanted), -1)
            converter = FrameConverter((64, 96))
            for frame, positions in plan.decode():
                for position in positions:
                    seen[position] = expected[position]
                    np.testing.assert_array_equal(
                        converter.to_rgb(frame), images[expected[position]]
                    )
            np.testing.assert_array_equal(seen, expected)


def test_unwanted_frames_that_nothing_needs_are_not_decoded(restless):
    path = restless()
    times, _ = all_frames(path)
    with MediaFile(path) as file:
        plan = plan_frames(file, file.video, times[[20, 39]] + 1e-6)
        num_decoded = sum(1 for _ in plan._decode_all())
    assert 2 <= num_decoded < 35


def test_one_frame_can_be_shown_at_several_times(restless):
    path = restless()
    times, _ = all_frames(path)
    with MediaFile(path) as file:
        wanted = np.array([times[4], times[4] + 0.01, times[5]]) + 1e-6
        plan = plan_frames(file, file.video, wanted)
        assert [positions.tolist() for _, positions in plan.decode()] == [[0, 1], [2]]


def test_the_last_frame_is_shown_for_its_own_length(restless):
    path = restless()
    times, _ = all_frames(path)
    with MediaFile(path) as file:
        wanted = times[-1] + np.array([1e-6, 5.0])
        plan = plan_frames(file, file.video, wanted)
        assert [positions.tolist() for _, positions in plan.decode()] == [[0]]


def test_nothing_wanted_is_there(restless):
    path = restless()
    times, _ = all_frames(path)
    with MediaFile(path) as file:
        for wanted in (times[0] - 1.0, times[-1] + 5.0):
            plan = plan_frames(file, file.video, np.array([wanted]))
            assert list(plan.decode()) == []


def test_containers_without_presentation_times_have_no_plan(make_clip):
    with MediaFile(make_clip("a.avi", video_codec="mpeg4")) as file:
        assert plan_frames(file, file.video, np.array([0.5])) is None


def test_a_plan_is_refused_rather_than_filling_the_memory(restless, monkeypatch):
    monkeypatch.setattr("macbdf_mm.media.frame_plan.MAX_WAITING_BYTES", 1000)
    path = restless()
    times, images = all_frames(path)
    with MediaFile(path) as file:
        assert plan_frames(file, file.video, times[[30]]) is None
    with MediaFile(path) as file:
        frames, valid = read_frames(file, times[[30, 60]] - times[0])
    assert valid.all()
    np.testing.assert_array_equal(frames, images[[30, 60]])


def test_a_damaged_frame_is_replaced_by_what_decodes(restless):
    path = restless("a.mkv")
    with MediaFile(path) as file:
        sizes = [(p.pos, p.size) for p in file.container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    position, size = sizes[30]
    content[position + 8 : position + size] = bytes(size - 8)
    path.write_bytes(content)
    times, _ = all_frames(restless("whole.mkv"))
    with MediaFile(path) as file:
        _, valid = read_frames(file, times[20:40] - times[0])
    assert valid.all()


def test_a_file_whose_frames_are_all_left_out_has_no_plan(restless, monkeypatch):
    path = restless()
    with MediaFile(path) as file:
        assert _plan(file, file.video, [], np.array([0.5])) is None


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(dict(video_codec="mjpeg", pix_fmt="yuvj420p"), id="codec-without-prediction"),
        pytest.param(dict(video_codec="libx264", gop=1), id="every-packet-a-key-frame"),
    ],
)
def test_of_pictures_that_stand_alone_only_the_wanted_are_decoded(restless, options):
    path = restless("a.mov", **options)
    times, images = all_frames(path)
    with MediaFile(path) as file:
        wanted = times[[20, 35, 36, 70]] + 1e-4
        plan = plan_frames(file, file.video, wanted)
        assert len(plan.packets) == 4
        converter = FrameConverter((64, 96))
        shown = {int(at[0]): converter.to_rgb(frame) for frame, at in plan.decode()}
        counted = plan_frames(file, file.video, wanted)
        assert sum(1 for _ in counted._decode_all()) == 4
    for index, number in enumerate([20, 35, 36, 70]):
        np.testing.assert_array_equal(shown[index], images[number])


def test_packets_that_an_edit_list_discards_are_decoded_but_not_planned(restless):
    path = restless(options={"avoid_negative_ts": "disabled"}, starts_at=-1.5)
    with MediaFile(path) as file:
        plan = plan_frames(file, file.video, np.array([-0.5, 0.0, 0.3]))
        assert any(packet.is_discard for packet in plan.packets)
        assert min(plan.positions) == 0
        assert [at.tolist() for _, at in plan.decode()] == [[1], [2]]


def test_a_plan_leaves_file_and_decoder_ready_for_what_follows(restless):
    path = restless()
    times, _ = all_frames(path)
    with MediaFile(path) as file:
        stream = file.stream(file.video)
        plan = plan_frames(file, file.video, times[[5, 30]] + 1e-6)
        # No more was read than the last wanted frame needs.
        following = next(file.packets_of(file.video, times[-1]))
        assert following.dts * following.time_base < times[30] + 0.3
        frames = plan.decode()
        next(frames)
        assert stream.codec_context.skip_frame == "NONREF"
        frames.close()
        assert stream.codec_context.skip_frame == "DEFAULT"
