"""Outputs of a run or a scan."""
