"""The two towers of large-kernel attention."""
