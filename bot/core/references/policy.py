"""Evaluation of the policy: the value of each key comes from the first matching rule that sets the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, assert_never

from bot.core.budgets import TreeBudget
from bot.core.globs import is_any_glob_match
from bot.model.cost_limits import COMPARED_BYTES
from bot.model.due_date import select_shorter_periods
from bot.model.extracted_item import ExtractedReferences
from bot.model.modes import UpdateMode
from bot.model.policy import CombineMode, Policy, PolicyConfig, PolicyRule, RequiredEvidence, RuleMatch, policy_keys
from bot.model.source import Reference
from bot.model.vocabulary import Role

if TYPE_CHECKING:  # not imported at run time, to keep start-up fast
    from bot.model.evidence import Severity
    from bot.model.rules import IntroducedLimit

_UPDATE_MODES_BY_RANGE = (UpdateMode.DIGEST, UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR)
"""Update modes from the narrowest to the widest."""
_DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """The properties of an image reference with which the conditions (`match`) of rules are compared."""

    reference: Reference
    role: Role
    repository: str
    base_branch: str


def evaluate_policy(policy_config: PolicyConfig, rule_target: RuleTarget) -> Policy:
    """Return the policy for an image reference. Keys that no matching rule sets have their defaults.

    The rules of the operator's config are evaluated first. Rules in the repository's own file cannot make the result
    less strict (see `_combine_policies`).
    """
    policy = _evaluate_rules(
        [rule for rule in policy_config.rules if _is_rule_match(rule.match, rule_target)], _DEFAULT_POLICY
    )
    if policy.due is not None:
        policy = replace(policy, operator_due=policy.due)
    repository_rules = [rule for rule in policy_config.repository_rules if _is_rule_match(rule.match, rule_target)]
    return _combine_policies(policy, _evaluate_rules(repository_rules, policy)) if repository_rules else policy


def _evaluate_rules(rules: Sequence[PolicyRule], default: Policy) -> Policy:
    """Return a policy in which the value of each key comes from the first of `rules` that sets the key.

    If no rule sets a key, its value comes from `default`.
    """
    if not rules:
        return default
    keys: dict[str, Any] = {}
    for rule in reversed(rules):
        keys |= rule.keys
    return replace(default, **keys, has_own_role_rule=any(rule.match.role is Role.OWN for rule in rules))


def _combine_policies(policy: Policy, repository_policy: Policy) -> Policy:
    """Combine the operator's policy with the policy in the repository's own file.

    The result is at least as strict as the operator's policy. `CombineMode` determines how the two values of a key are
    combined, for example by choosing the longer of two minimum ages. If the operator's policy is mandatory, the
    repository's file cannot set keys that stop or delay updates.
    """
    combined = {
        name: _combine_values(key.combine_mode, getattr(policy, name), getattr(repository_policy, name))
        for name, key in policy_keys().items()
        if key.combine_mode is not None and not (policy.mandatory and key.can_stop)
    }
    return replace(policy, **combined)


def _combine_values(combine_mode: CombineMode, operator: Any, repository: Any) -> Any:
    match combine_mode:
        case CombineMode.EITHER:
            return operator or repository
        case CombineMode.UNION:
            return tuple(dict.fromkeys((*operator, *repository)))
        case CombineMode.LONGER:
            return max(operator, repository)
        case CombineMode.SHORTER:
            return select_shorter_periods(operator, repository)
        case CombineMode.NEARER:
            return min(operator, repository, key=_UPDATE_MODES_BY_RANGE.index)
        case CombineMode.STRICTER:
            return RequiredEvidence(operator.scan or repository.scan, operator.signature or repository.signature)
        case CombineMode.FEWER:
            return _select_strictest((*operator, *repository))
        case CombineMode.REPOSITORY:
            return repository
    assert_never(combine_mode)


def _select_strictest(limits: Iterable[IntroducedLimit]) -> tuple[IntroducedLimit, ...]:
    """Return the strictest of `limits` for each severity: the one that allows the fewest vulnerabilities."""
    strictest: dict[Severity, IntroducedLimit] = {}
    for each in sorted(limits, key=lambda each: (-each.severity, each.maximum)):
        strictest.setdefault(each.severity, each)
    return tuple(strictest.values())


def determine_role(policy_config: PolicyConfig, reference: Reference) -> Role:
    """Return the role of an image reference, which is `own` if the operator's `own` globs match a third-party image.

    If they do not match, or if the image is not a third-party image according to the file, the role from the file
    stays.
    """
    if reference.role is Role.THIRD_PARTY and is_any_glob_match(
        policy_config.own_globs or (), reference.image.repository
    ):
        return Role.OWN
    return reference.role


def spend_rule_steps(rules: Sequence[PolicyRule], references: ExtractedReferences, tree_budget: TreeBudget) -> None:
    """Take the steps of applying a repository's own rules to its image references from the budget.

    One step is a list of globs that is compared with one reference. The globs of a list are combined, so the number of
    globs hardly matters, but the time can grow with the product of their size and the size of the value.

    Raises:
        WorkLimitError: If the budget is exceeded.
    """
    if not rules:
        return
    readable = [each for each in references if isinstance(each, Reference)]
    sizes = {
        "image": sum(len(each.image.repository) for each in readable),
        "path": sum(len(each.path) for each in readable),
        "format": sum(len(each.format) for each in readable),
    }
    for rule in rules:
        for key, value_size in sizes.items():
            globs: tuple[str, ...] = getattr(rule.match, key)
            if globs:
                pattern_size = sum(map(len, globs))
                tree_budget.spend_steps(
                    len(readable) + pattern_size * value_size // COMPARED_BYTES, "the repository's own config file"
                )


def _is_rule_match(match: RuleMatch, rule_target: RuleTarget) -> bool:
    return (
        (match.role is None or match.role is rule_target.role)
        and _is_accepted(match.image, rule_target.reference.image.repository)
        and _is_accepted(match.path, match.folder + rule_target.reference.path)
        and _is_accepted(match.format, rule_target.reference.format)
        and _is_accepted(match.repository, rule_target.repository)
        and _is_accepted(match.base_branch, rule_target.base_branch)
    )


def _is_accepted(globs: tuple[str, ...], value: str) -> bool:
    """Return True if one of the globs matches `value`, or if `globs` is empty."""
    return not globs or is_any_glob_match(globs, value)


def is_ignored_image(policy_config: PolicyConfig, repository: str) -> bool:
    """Return True if a repository is never updated: the operator's `own` globs match it, or a rule ignores it.

    `repository` is a canonical name such as `docker.io/library/nginx`. Only rules without conditions, and rules whose
    only condition is the image, are considered. Of these rules, the first one that matches `repository` and sets
    `ignore` to true or false decides.
    """
    if is_any_glob_match(policy_config.own_globs or (), repository):
        return True
    for rule in policy_config.rules:
        images = rule.match.image
        is_image_match = _is_accepted(images, repository)
        ignore = rule.keys.get("ignore")
        if ignore is not None and is_image_match and rule.match == RuleMatch(image=images):
            return bool(ignore)
    return False
