"""The run: its phases in their order, and the work of each."""
