"""The documents of the inventory: reports of base branches and evidence of transitions, as JSON."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter

from bot.core.references.report_slots import drop_slot_bytes
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.report import RepositoryReport
from bot.state.documents import parse_document, serialise_document


def serialise_report(report: RepositoryReport) -> str | None:
    """Return a report as JSON. Return None if it is too long, or if a text in it is not valid Unicode.

    The bytes of edits are left out: a report that is read back shows the positions of edits, but cannot be applied.
    """
    return serialise_document(_build_report_adapter(), drop_slot_bytes(report), exclude_defaults=True)


def parse_report(document: str) -> RepositoryReport | None:
    """Return the report in a document. Return None if another release stored it with other fields."""
    return parse_document(_build_report_adapter(), document)


def serialise_evidence(evidence: Evidence) -> str | None:
    """Return evidence as JSON. Return None if it is too long, or if a text in it is not valid Unicode."""
    return serialise_document(_build_evidence_adapter(), evidence, exclude_defaults=True)


def parse_evidence(document: str) -> Evidence | None:
    """Return the evidence in a document. Return None if another release stored it with other fields."""
    return parse_document(_build_evidence_adapter(), document)


def serialise_transition(transition: Transition) -> str:
    """Return a transition as JSON. Equal transitions have equal texts, so that the text is a key."""
    return _build_transition_adapter().dump_json(transition).decode()


@cache
def _build_report_adapter() -> TypeAdapter[RepositoryReport]:
    """Return the adapter of reports. pydantic finds the names that the model imports only for type checking here."""
    from bot.model.decision import Transition  # noqa: F401, PLC0415 - pydantic finds it only in this function
    from bot.model.image_name import Digest  # noqa: F401, PLC0415 - as above
    from bot.model.proposal import ProposedImage  # noqa: F401, PLC0415 - as above
    from bot.model.source import FilePath, Reference, UnsupportedText  # noqa: F401, PLC0415 - as above
    from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus  # noqa: F401, PLC0415 - as above

    return TypeAdapter(RepositoryReport)


@cache
def _build_evidence_adapter() -> TypeAdapter[Evidence]:
    from bot.model.signature import TransitionSignatures  # noqa: F401, PLC0415 - pydantic finds it only in this function
    from bot.model.workload import RunningUse  # noqa: F401, PLC0415 - as above

    return TypeAdapter(Evidence)


@cache
def _build_transition_adapter() -> TypeAdapter[Transition]:
    return TypeAdapter(Transition)
