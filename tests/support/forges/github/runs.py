"""Runs of workflows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class WorkflowRun:
    """One run of a workflow."""

    id: int
    workflow: str
    """Its file name."""
    event: str
    branch: str
    commit: str
