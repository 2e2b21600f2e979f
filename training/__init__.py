"""Training: examples, fitting, evaluation and the gate. Knows no command and no server."""
