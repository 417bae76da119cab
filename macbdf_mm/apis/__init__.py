"""The inferencer, and what the command-line tools share."""
