"""The verbs: pure functions over the model, no I/O."""
