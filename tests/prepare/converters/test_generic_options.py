from macbdf_mm.prepare.converters.generic_options import GenericOptions


def test_by_default_folders_are_read():
    options = GenericOptions()
    assert options.table is None
    assert (dict(options.columns), dict(options.values), options.identity_pattern) == ({}, {}, None)
