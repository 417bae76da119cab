"""The command ``macbdf``: a module per subcommand, and :mod:`.macbdf`, which finds it."""
