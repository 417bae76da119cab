import numpy as np

from macbdf_mm.datasets.transforms import ReverseTime


def test_the_span_runs_backwards():
    results = ReverseTime()(
        dict(
            imgs=[np.full((2, 2, 3), k, np.uint8) for k in range(4)],
            video_valid=np.array([True, True, True, False]),
            waveform=np.arange(6, dtype=np.float32),
            audio_valid=np.array([True] * 5 + [False]),
            span_seconds=(2.0, 3.0),
            video_fake_intervals=((0.5, 2.25), (2.75, 2.875)),
            audio_fake_intervals=((0.0, 1.0),),
        )
    )
    assert [image[0, 0, 0] for image in results["imgs"]] == [3, 2, 1, 0]
    assert results["video_valid"].tolist() == [False, True, True, True]
    assert results["waveform"].tolist() == [5, 4, 3, 2, 1, 0]
    assert results["audio_valid"].tolist() == [False] + [True] * 5
    assert results["video_fake_intervals"] == ((2.125, 2.25), (2.75, 3.0))
    # Outside of the span: the span is real, and stays so.
    assert results["audio_fake_intervals"] == ((0.0, 1.0),)
