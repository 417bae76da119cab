import numpy as np

from macbdf_mm.media.shared_answer import AnswerReader, AnswerWriter, make_shared_file


def test_answers_of_any_size_come_through_unchanged():
    file = make_shared_file()
    writer, reader = AnswerWriter(file), AnswerReader(file)
    rng = np.random.default_rng(0)
    for size in (3, 200_000, 7, 400_000, 0):
        answer = {"a": rng.standard_normal(size), "b": rng.integers(0, 9, (size, 2)), "c": "text"}
        result = reader.load(*writer.dump(answer))
        np.testing.assert_array_equal(result["a"], answer["a"])
        np.testing.assert_array_equal(result["b"], answer["b"])
        assert result["c"] == "text"
    reader.close()


def test_arrays_are_copies_that_can_be_written():
    file = make_shared_file()
    writer, reader = AnswerWriter(file), AnswerReader(file)
    first = reader.load(*writer.dump(np.arange(5000)))
    first += 1
    reader.load(*writer.dump(np.zeros(5000)))
    np.testing.assert_array_equal(first, np.arange(5000) + 1)
    reader.close()


def test_arrays_travel_beside_the_pickle():
    file = make_shared_file()
    stem, sizes = AnswerWriter(file).dump(np.zeros(100_000))
    assert sizes == [800_000]
    assert len(stem) < 500
    AnswerReader(file).close()
