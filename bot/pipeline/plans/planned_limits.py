"""Limit a plan to changes that a run with the same config could make, on basebump's branches only.

A plan comes from another job. Whoever controls that job chooses the digests and the texts. This job compares all other
data of a step with the config, and with the branches and pull requests that this job reads from the forge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from bot.core.markdown import make_one_line
from bot.core.proposal.lifecycle import has_rebuild_request
from bot.core.proposal.update_groups import is_branch_name
from bot.model.forge import ForgeLimits
from bot.model.policy import PolicyRule
from bot.model.proposal import (
    CloseStep,
    DeferProposal,
    DeleteBranch,
    NoChange,
    NoProposal,
    OpenStep,
    Proposal,
    ProposalStep,
    RemoteRequest,
    RequestState,
    UpdateStep,
)
from bot.model.request_attributes import MAX_STATUS_DESCRIPTION, NO_ATTRIBUTES, OVERDUE_LABEL, RequestAttributes
from bot.pipeline.run_context import RunOptions

_COMMAND = re.compile(r"^\s*/[A-Za-z].*$", re.MULTILINE)
"""Matches a line that GitLab, or a bot on another forge, might execute as a command.

https://docs.gitlab.com/user/project/quick_actions/
"""


class PlanLimitError(Exception):
    """Raised if no run with this config could execute a planned step. The message says why."""


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Checks the steps of a plan for one base branch. Methods raise PlanLimitError if a step exceeds the limits."""

    options: RunOptions
    forge_limits: ForgeLimits
    read_rules: Callable[[], Sequence[PolicyRule]]
    """Returns the rules of the repository's own config file. It is called only if the operator's rules do not allow a
    label or a reviewer."""

    def check(self, branch: str, step: ProposalStep, desired: Proposal | NoProposal) -> None:
        """Raise PlanLimitError if no run with this config could execute a step."""
        if isinstance(desired, Proposal):
            if not is_branch_name(self.options.branch_prefix, branch):
                raise PlanLimitError(f"the plan names a branch that basebump would not create: {branch!r}")
            for each in _list_variants(desired):
                self._check_text(each.body)
                self._check_attributes(each.attributes)
        if not _may_change(step):
            raise PlanLimitError(f"the plan changes {branch}, but the branch or its pull request is not basebump's")
        match step:
            case UpdateStep(attributes=attributes):
                self._check_attributes(attributes)
                if not step.must_push:
                    _check_approval(attributes, step.request, desired)
            case NoChange(attributes=attributes):
                self._check_kept_attributes(attributes, step.request, desired)
                _check_approval(attributes, step.request, desired)
            case CloseStep(reason=reason):
                self._check_text(reason)
            case OpenStep() | DeleteBranch() | DeferProposal():
                pass
            case _:
                assert_never(step)

    def _check_kept_attributes(
        self, attributes: RequestAttributes, request: RemoteRequest | None, desired: Proposal | NoProposal
    ) -> None:
        """Check the attributes of a pull request whose commits stay unchanged.

        If the branch contains commits of others, a step can only disable auto-merge, unless a user requested a rebuild
        of the branch.
        """
        is_foreign = request is not None and request.intent is None
        has_request = isinstance(desired, Proposal) and request is not None and has_rebuild_request(desired, request)
        if is_foreign and not has_request and replace(attributes, automerge=None) != NO_ATTRIBUTES:
            raise PlanLimitError("the plan sets attributes of a pull request that contains commits of others")
        self._check_attributes(attributes)

    def _check_attributes(self, attributes: RequestAttributes) -> None:
        if attributes.automerge and not any(each.keys.get("automerge") for each in self.options.policy_config.rules):
            raise PlanLimitError("the plan enables auto-merge, which no rule of the config allows")
        others = set(attributes.workflows) - set(self.forge_limits.workflows)
        if others:
            raise PlanLimitError(f"the plan starts workflows that the config does not list: {_join(others)}")
        has_status = attributes.status is not None or attributes.status_source is not None
        if has_status and not (self.options.has_status and self.forge_limits.has_statuses):
            raise PlanLimitError("the plan sets a commit status, which the config does not allow")
        text = attributes.status.description if attributes.status is not None else ""
        if make_one_line(text, MAX_STATUS_DESCRIPTION) != text:
            raise PlanLimitError("the plan sets a commit status whose description is not one short line")
        self._check_names(attributes)

    def _check_names(self, attributes: RequestAttributes) -> None:
        """Check the labels, the people and the milestone, which only rules can set."""
        unknown = list(_list_unknown_names(attributes, self.options.policy_config.rules))
        if unknown:
            unknown = list(_list_unknown_names(attributes, (*self.options.policy_config.rules, *self.read_rules())))
        if unknown:
            raise PlanLimitError(f"the plan sets labels, people or a milestone that no rule names: {_join(unknown)}")

    def _check_text(self, text: str) -> None:
        """Raise PlanLimitError if a line of a text is in no template, and the forge might execute the line."""
        commands = {each.strip() for each in _COMMAND.findall(text)}
        templates = self.options.templates
        allowed = {line.strip() for each in (templates.body, templates.appendix) for line in each.splitlines()}
        if commands - allowed:
            raise PlanLimitError(
                "the plan contains a text with a line that begins with `/`, which the forge might execute as a command"
            )


def _check_approval(
    attributes: RequestAttributes, request: RemoteRequest | None, desired: Proposal | NoProposal
) -> None:
    """Check the attributes that approve the content of a branch to which the step pushes nothing.

    A status and auto-merge need a branch that contains exactly the proposal. A status is copied only from basebump's
    own commit on the branch.
    """
    is_exact = request is not None and isinstance(desired, Proposal) and request.intent == desired.intent
    if (attributes.status is not None or attributes.automerge) and not is_exact:
        raise PlanLimitError("the plan approves a branch that does not contain exactly the proposal")
    if attributes.status_source is not None and (request is None or attributes.status_source != request.own_commit):
        raise PlanLimitError("the plan copies the status of a commit that basebump did not push to this branch")


def _list_variants(proposal: Proposal) -> Iterator[Proposal]:
    reduced: Proposal | None = proposal
    while reduced is not None:
        yield reduced
        reduced = reduced.without_protected


def _may_change(step: ProposalStep) -> bool:
    """Return True if the branch and pull request of a step are basebump's, or if a user requested the step."""
    match step:
        case OpenStep(proposal=proposal, must_push=must_push, existing_branch=existing):
            if existing is None or existing.intent is None:
                return must_push and existing is None
            return must_push or existing.intent == proposal.intent
        case UpdateStep(request=request, proposal=proposal):
            is_wanted = request.intent is not None or has_rebuild_request(proposal, request)
            return request.state is RequestState.OPEN and is_wanted
        case CloseStep(request=request):  # an open pull request can lack its branch
            return request.state is RequestState.OPEN and (request.intent is not None or request.head is None)
        case DeleteBranch(request=request):
            return request.state is RequestState.BRANCH and request.intent is not None
        case NoChange() | DeferProposal():
            return True
    assert_never(step)


def _list_unknown_names(attributes: RequestAttributes, rules: Sequence[PolicyRule]) -> Iterator[str]:
    """Yield the labels, people and milestones that no rule names."""
    labels = {OVERDUE_LABEL, *_collect_values(rules, "labels")}
    yield from (each for each in attributes.labels if each not in labels)
    for names, key in ((attributes.reviewers, "reviewers"), (attributes.assignees, "assignees")):
        known = set(_collect_values(rules, key))
        yield from (each for each in names if each not in known)
    milestones = {each.keys.get("milestone") for each in rules}
    if attributes.milestone is not None and attributes.milestone not in milestones:
        yield attributes.milestone


def _collect_values(rules: Iterable[PolicyRule], key: str) -> Iterator[str]:
    for each in rules:
        yield from each.keys.get(key, ())


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(repr, names)))
