import pytest

from studies.collapse import collapsed_seeds


def run(**last):
    first = {"cross_va_over_collapse": 1.0, "mean_cosine_video": 1.0, "mean_cosine_audio": 1.0}
    return {"epochs": [{"epoch": 1, "losses": first}, {"epoch": 2, "losses": last}]}


@pytest.mark.parametrize("term", ["cross_va", "cross_av", "intra_video", "intra_audio"])
def test_one_collapsed_term_in_the_last_epoch_is_enough(term):
    key = f"{term}_over_collapse"
    runs = {
        3: run(mean_cosine_video=0.99, mean_cosine_audio=0.99, **{key: 0.99}),
        1: run(mean_cosine_video=0.99, mean_cosine_audio=0.99, **{key: 0.5}),
        0: run(mean_cosine_video=0.99, mean_cosine_audio=0.99, **{key: 1.0}),
        2: run(mean_cosine_video=0.5, mean_cosine_audio=0.5, **{key: 1.0}),
    }
    assert collapsed_seeds(runs) == [0, 3]


def test_a_term_is_judged_by_its_own_tracks():
    cosines = {"mean_cosine_video": 0.99, "mean_cosine_audio": 0.2}
    assert collapsed_seeds({0: run(intra_video_over_collapse=1.0, **cosines)}) == [0]
    for term in ("intra_audio", "cross_va", "cross_av"):
        assert collapsed_seeds({0: run(**{f"{term}_over_collapse": 1.0}, **cosines)}) == []


def test_runs_without_contrast_or_without_epochs_have_not_collapsed():
    assert collapsed_seeds({0: run(loss=1.0), 1: {"epochs": []}}) == []
