"""What is wrong with several inputs, said of all of them at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from macbdf_mm.apis.explain import explain
from macbdf_mm.errors import ConfigError


class WrongInputsError(ConfigError):
    """Several inputs are wrong; the message says what is wrong with each.

    Args:
        sentences: One for each.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = list(sentences)
        listed = " ".join(f"({number}) {said}" for number, said in enumerate(sentences, start=1))
        super().__init__(f"{len(sentences)} inputs are wrong: {listed}")


class WrongInputs:
    """Collects errors that a user can cause, while further inputs are looked at."""

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Keep an error of the block in place of raising it, unless it is a bug."""
        try:
            yield
        except Exception as error:
            if explain(error) is None:
                raise
            self._errors.append(error)

    def refuse(self) -> None:
        """Raise what was kept: a single error as it was, several as one.

        Raises:
            WrongInputsError: If there are several.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        sentences: list[str] = []
        for error in self._errors:
            if isinstance(error, WrongInputsError):
                sentences += error.sentences
            else:
                sentences.append(explain(error) or str(error))
        if sentences:
            raise WrongInputsError(sentences)
