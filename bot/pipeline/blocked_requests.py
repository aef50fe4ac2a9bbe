"""Open requests that propose a digest that was blocked afterwards: they are updated or closed at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.choice.blocklist import find_listed_digest
from bot.core.markdown import Text
from bot.core.proposal.marks import parse_mark
from bot.model.blocklist import Block, Blocklist
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import TagRef, parse_sha256
from bot.model.proposal import NoProposal, Proposal, RemoteRequest, RequestState


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The desired state of a branch, and whether all data on which it depends could be read."""

    desired: Proposal | NoProposal
    is_fully_resolved: bool


def replace_blocked_request(
    state: DesiredState,
    requests: Sequence[RemoteRequest],
    blocklist: Blocklist,
    resolutions: Mapping[TagRef, Resolution],
) -> DesiredState:
    """Return the desired state of a branch whose open request may propose a blocked digest.

    If it does, an update of the request does not wait, and a request without another digest to propose is closed. It is
    also closed if it is not known what to propose, because a person could merge it in the meantime.
    """
    block = _find_proposed_block(requests, blocklist, resolutions)
    if block is None:
        return state
    if isinstance(state.desired, Proposal) and state.is_fully_resolved:
        return replace(state, desired=replace(state.desired, is_urgent=True))
    reason = f"It proposes a digest that is blocked now: {Text(block.reason)}."
    recorded_due = state.desired.recorded_due if isinstance(state.desired, NoProposal) else None
    return DesiredState(NoProposal(reason, recorded_due), is_fully_resolved=True)


def _find_proposed_block(
    requests: Iterable[RemoteRequest], blocklist: Blocklist, resolutions: Mapping[TagRef, Resolution]
) -> Block | None:
    """Return why a digest in an open request is blocked; None if no such digest is known to be blocked."""
    open_requests = (each for each in requests if each.state is RequestState.OPEN)
    targets = [target for each in open_requests for target in parse_mark(each.body).targets]
    blocks = (
        _find_target_block(target, blocklist, resolutions) for target in (targets if blocklist.has_entries else ())
    )
    return next((block for block in blocks if block is not None), None)


def _find_target_block(target: str, blocklist: Blocklist, resolutions: Mapping[TagRef, Resolution]) -> Block | None:
    name, _, word = target.rpartition("@")
    repository, _, tag = name.rpartition(":")
    digest, resolution = parse_sha256(word), resolutions.get(TagRef(repository, tag))
    if digest is None:
        return None
    known = resolution.blocks.get(digest) if isinstance(resolution, ResolvedTag) else None
    return known or find_listed_digest(blocklist, repository, digest)
