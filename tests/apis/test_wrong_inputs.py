import pytest

from macbdf_mm.apis.wrong_inputs import WrongInputs, WrongInputsError
from macbdf_mm.errors import ConfigError, MissingDataError


def note(wrong, error):
    with wrong.noted():
        raise error


def test_nothing_and_one_error():
    wrong = WrongInputs()
    with wrong.noted():
        pass
    wrong.refuse()
    error = MissingDataError("'a' is missing.")
    note(wrong, error)
    with pytest.raises(MissingDataError) as caught:
        wrong.refuse()
    assert caught.value is error


def test_several_errors_are_one_list():
    inner = WrongInputs()
    note(inner, MissingDataError("'a' is missing."))
    note(inner, FileNotFoundError(2, "No such file", "b"))
    outer = WrongInputs()
    note(outer, ConfigError("`c` is wrong."))
    with outer.noted():
        inner.refuse()
    with pytest.raises(WrongInputsError) as caught:
        outer.refuse()
    assert str(caught.value) == (
        "3 inputs are wrong: (1) `c` is wrong. (2) 'a' is missing. (3) No such file or folder: b."
    )


def test_a_bug_is_raised():
    wrong = WrongInputs()
    with pytest.raises(ZeroDivisionError):
        note(wrong, ZeroDivisionError())
