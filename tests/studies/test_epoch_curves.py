import numpy as np

from studies.epoch_curves import epoch_values


def record(epoch, **test):
    return {"epoch": epoch, "test": test}


def test_one_row_a_seed_and_one_column_an_epoch(make_result):
    results = {
        "full": {
            1: make_result([record(1, auc=0.6), record(2, auc=0.8)]),
            0: make_result([record(1, auc=0.5), record(2, auc=None), record(3, auc=0.9)]),
        }
    }
    epochs, values = epoch_values(results, "full", "test", "auc")
    np.testing.assert_array_equal(epochs, [1, 2, 3])
    np.testing.assert_array_equal(values, [[0.5, np.nan, 0.9], [0.6, 0.8, np.nan]])
    assert np.isnan(epoch_values(results, "full", "test", "acc")[1]).all()


def test_a_variant_without_runs_has_no_epochs():
    epochs, values = epoch_values({}, "full", "test", "auc")
    assert epochs.shape == (0,)
    assert values.shape == (0, 0)
