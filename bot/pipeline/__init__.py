"""The phases of a run in their order, and the work of each."""
