"""The steps whose progress is shown, and the numbered phases of each command, which consist of these steps."""

from __future__ import annotations

from enum import StrEnum


class ProgressStep(StrEnum):
    """A part of a command that reports its progress. The value is its title."""

    READ_FOLDER = "Reading the folder"
    LIST_REPOSITORIES = "Listing repositories"
    READ_CLUSTERS = "Reading clusters"
    LIST_BUILD_TASKS = "Listing build tasks"
    COMPARE_REPOSITORIES = "Comparing repositories"
    READ_REPOSITORIES = "Reading repositories"
    LIST_TAGS = "Listing tags"
    LOOK_UP_TAGS = "Looking up tags"
    LOOK_UP_IMAGES = "Looking up images"
    READ_HISTORIES = "Reading the history of files"
    SCAN_IMAGES = "Scanning images"
    INSPECT_IMAGES = "Inspecting images"
    LOOK_UP_SOURCES = "Looking up sources"
    VERIFY_SIGNATURES = "Verifying signatures"
    READ_PROPOSALS = "Reading proposals"
    PROPOSE = "Proposing"
    READ_CI = "Reading CI"
    LIST_OWN_IMAGES = "Listing own images"
    LOOK_UP_OWN_IMAGES = "Looking up own images"
    READ_OWN_IMAGES = "Reading own images"
    READ_TASK_RUNS = "Reading runs of build tasks"
    READ_BASE_IMAGES = "Reading base images"
    READ_FAILED_CHECKS = "Reading failed checks"
    SCAN_OTHER_IMAGES = "Scanning other images in use"
    CHECK_CONFIG = "Checking"


Phases = tuple[tuple[ProgressStep, ...], ...]
"""The phases of a command, in their order, each with its steps. A step without work is left out."""

_TRIAGE = (
    ProgressStep.READ_CLUSTERS,
    ProgressStep.LIST_BUILD_TASKS,
    ProgressStep.LIST_REPOSITORIES,
    ProgressStep.COMPARE_REPOSITORIES,
    ProgressStep.LOOK_UP_TAGS,
)
_RESOLVE = (ProgressStep.LIST_TAGS, ProgressStep.LOOK_UP_TAGS, ProgressStep.READ_HISTORIES)
_SCAN = (ProgressStep.SCAN_IMAGES,)
_INSPECT = (ProgressStep.INSPECT_IMAGES, ProgressStep.LOOK_UP_SOURCES, ProgressStep.VERIFY_SIGNATURES)
_WRITE = (
    ProgressStep.PROPOSE,
    ProgressStep.READ_CI,
    ProgressStep.LIST_OWN_IMAGES,
    ProgressStep.LOOK_UP_OWN_IMAGES,
    ProgressStep.READ_OWN_IMAGES,
    ProgressStep.READ_TASK_RUNS,
    ProgressStep.READ_BASE_IMAGES,
    ProgressStep.READ_FAILED_CHECKS,
    ProgressStep.SCAN_OTHER_IMAGES,
)

SCAN_PHASES: Phases = ((ProgressStep.READ_FOLDER,), _RESOLVE, _SCAN, _INSPECT)
"""The phases of `scan` and `check`."""
COMPARE_PHASES: Phases = ((ProgressStep.LOOK_UP_IMAGES,), _SCAN, _INSPECT)
RUN_PHASES: Phases = (
    _TRIAGE,
    (ProgressStep.READ_REPOSITORIES,),
    _RESOLVE,
    _SCAN,
    _INSPECT,
    (ProgressStep.READ_PROPOSALS,),
    _WRITE,
)
"""The phases of `run` and `plan`. In the last one, only a run with a state has further steps than proposing."""
APPLY_PHASES: Phases = ((ProgressStep.COMPARE_REPOSITORIES,), (ProgressStep.PROPOSE,))
DOCTOR_PHASES: Phases = ((ProgressStep.CHECK_CONFIG,),)
