"""How a detector is judged: functions on arrays, and a metric that MMEngine can run."""
