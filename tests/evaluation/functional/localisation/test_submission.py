import json

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation.average_precision import localise
from macbdf_mm.evaluation.functional.localisation.segments import Segments
from macbdf_mm.evaluation.functional.localisation.submission import (
    detection_submission,
    localisation_submission,
    read_localisation_submission,
)

PROPOSALS = Segments.from_files([[(0.48, 2.6, 0.1), (4.0, 4.8, 0.95)], []])
FILES = ["000001.mp4", "000002.mp4"]


def test_seconds_of_av_deepfake1m():
    content = localisation_submission(FILES, PROPOSALS, "avdeepfake1m")
    assert content == {
        "000001.mp4": [[0.95, 4.0, 4.8], [0.1, 0.48, 2.6]],
        # Its evaluation fails on an empty list.
        "000002.mp4": [[0.0, 0.0, 0.0]],
    }


def test_frames_of_lav_df():
    content = localisation_submission(FILES, PROPOSALS, "lavdf")
    np.testing.assert_allclose(content["000001.mp4"][:2], [[0.95, 100, 120], [0.1, 12, 65]])
    assert [len(rows) for rows in content.values()] == [100, 100]
    assert content["000002.mp4"][-1] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("layout", ["lavdf", "avdeepfake1m"])
def test_what_is_read_back_has_the_same_figures(layout):
    truths = Segments.from_files([[(0.5, 2.5), (4.0, 4.8)], [(1.0, 2.0)]])
    content = json.loads(json.dumps(localisation_submission(FILES, PROPOSALS, layout)))
    again = read_localisation_submission(content, FILES, layout)
    for convention in ("exact", "avdeepfake1m"):
        expected = localise(PROPOSALS.by_score(), truths, convention)
        assert localise(again, truths, convention) == pytest.approx(expected)


def test_the_best_are_kept():
    many = Segments.from_files([[(k, k + 1, k / 200) for k in range(150)]])
    content = localisation_submission(["a"], many, "avdeepfake1m")
    assert [row[1] for row in content["a"]] == list(range(149, 49, -1))


def test_lines_of_detection():
    assert detection_submission(FILES, [0.9128, 1e-7]) == "000001.mp4;0.9128\n000002.mp4;1e-07\n"


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`layout` in \['avdeepfake1m', 'lavdf'\], got 'dfdc'"):
        localisation_submission(FILES, PROPOSALS, "dfdc")
    with pytest.raises(ValueError, match="`layout` in"):
        read_localisation_submission({}, [], "dfdc")
    with pytest.raises(ValueError, match="`files` of 2 files, got 1 names"):
        localisation_submission(FILES[:1], PROPOSALS, "lavdf")
    with pytest.raises(ValueError, match="names of their own, got 'a' twice"):
        localisation_submission(["a", "a"], PROPOSALS, "lavdf")
    with pytest.raises(ValueError, match=r"got none of '000002.mp4' \(1 of 2 are missing\)"):
        read_localisation_submission({FILES[0]: []}, FILES, "lavdf")
    with pytest.raises(ValueError, match="without ';' and line breaks, got 'a;b'"):
        detection_submission(["a;b"], [0.5])
    with pytest.raises(ValueError, match="got NaN of 'b'"):
        detection_submission(["a", "b"], [0.5, np.nan])
