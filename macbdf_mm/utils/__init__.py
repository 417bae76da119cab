"""Plain helpers, each a whole concept; free of PyTorch."""
