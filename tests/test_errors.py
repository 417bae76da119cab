import pytest

from macbdf_mm import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.AnnotationError, ValueError),
        (errors.MissingDataError, FileNotFoundError),
        (errors.UndecodableMediaError, RuntimeError),
        (errors.MissingBackendError, ImportError),
        (errors.CheckpointMismatchError, RuntimeError),
        (errors.ConfigError, ValueError),
        (errors.NonFiniteObjectiveError, FloatingPointError),
        (errors.UnwritableFileError, OSError),
    ],
)
def test_each_error_is_ours_and_a_builtin_one(error, builtin):
    raised = error("one clear sentence")
    assert isinstance(raised, errors.ForgeryToolboxError)
    assert isinstance(raised, builtin)
    assert str(raised) == "one clear sentence"
