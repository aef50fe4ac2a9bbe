"""The result of `basebump check`: the image references of a tree and their violations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.model.vocabulary import ReferenceStatus

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.exposure import FixPlace
    from bot.model.image_name import Digest
    from bot.model.report import RunFailure, Verdict
    from bot.model.source import UnreadText, UnsupportedText
    from bot.model.vocabulary import Reason, ViolatedRule, ViolationKind


@dataclass(frozen=True, slots=True)
class Violation:
    """The reason that an image reference does not pass the check."""

    kind: ViolationKind
    problem: str
    """The image and its problem, without a full stop: `python:3.12 has no digest`."""
    violated_rule: ViolatedRule | None = None
    """The policy rule that is violated; None if the kind is not POLICY."""
    unevaluated_reason: Reason | None = None
    """The reason that the reference was not evaluated; None if the kind is not NOT_EVALUATED."""
    remedy: str = ""
    """The next step, without a full stop: `basebump scan . --write pins it`. Empty if the problem implies it."""
    fix: FixPlace | None = None
    """The place of the fixes that the image lacks; None if the kind is not EXPOSED."""

    @property
    def message(self) -> str:
        """The problem and the remedy, written so that more text can follow: `python:3.12 has no digest; … pins it`."""
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem

    @property
    def code(self) -> str:
        """A stable identifier of the violation for tools, such as `gone` or `policy/signature`."""
        part = self.violated_rule or self.fix
        return f"{self.kind}/{part}" if part is not None else self.kind.value

    @property
    def reason(self) -> str | None:
        """The violated rule, the place of the fix, or the reason that the reference was not evaluated; else None."""
        reason = self.violated_rule or self.fix or self.unevaluated_reason
        return reason.value if reason is not None else None


@dataclass(frozen=True, slots=True)
class CheckedReference:
    """One image reference that was checked."""

    verdict: Verdict
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about facts that could not be determined. Such a fact is not a violation."""
    unevaluated_reason: Reason | None = None
    """The reason that the reference counts as neither pinned nor unpinned; otherwise None."""

    @property
    def is_unresolved(self) -> bool:
        """True if a request to the registry was attempted, but the image could not be looked up."""
        return self.verdict.status is ReferenceStatus.UNRESOLVED


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """A violation and its position: at an image reference, or at a text in which no reference could be parsed."""

    path: str
    line_number: int
    locator: str | None
    """The position in the structure of the file; None for a text in which no reference could be parsed."""
    reference: str
    """The image reference, or the text in which no reference could be parsed."""
    canonical: str | None
    """The repository of the image; None for a text in which no reference could be parsed."""
    digest: Digest | None
    new_digest: Digest | None
    violation: Violation

    @property
    def identity(self) -> tuple[str, str, str]:
        """Texts that identify the finding in later reports, even if its line number changes."""
        return self.path, self.locator if self.locator is not None else self.reference, self.violation.code


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """The number of image references by the result of the check.

    `found` is always the sum of `pinned`, `unpinned` and all numbers in `not_evaluated`.
    """

    found: int
    pinned: int
    """References with a digest. In an online check, these are only references on known registries."""
    unpinned: int
    """References without a digest, each of which is a finding."""
    not_evaluated: Mapping[Reason, int]
    """References that count as neither pinned nor unpinned, by the reason, in alphabetical order."""
    unresolved: int
    """References that could not be looked up. They are also counted as pinned or unpinned."""
    unreadable: int
    """Texts in which no reference could be parsed, and files that cannot be parsed. They are not counted in `found`."""
    unread_texts: int
    """Texts that look like image references and that no format reads. They are not counted in `found`."""

    @property
    def total_not_evaluated(self) -> int:
        return sum(self.not_evaluated.values())


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of one check of one tree."""

    root: str
    """The folder as the user named it."""
    is_offline: bool
    since: str | None
    """The revision since which a reference must have changed to be checked; None if all references were checked."""
    references: tuple[CheckedReference, ...]
    unsupported: tuple[UnsupportedText, ...] = ()
    failed: tuple[RunFailure, ...] = ()
    is_strict: bool = False
    """True if everything that was not evaluated is a finding."""
    unreadable_violations: tuple[tuple[Violation, ...], ...] = ()
    """The violations of each of `unsupported`, in the same order."""
    unread_texts: tuple[UnreadText, ...] = ()
    """Texts that look like image references and that no format reads. They are never violations."""

    @property
    def findings(self) -> Iterator[CheckFinding]:
        """All violations, each with its position: first the violations of image references, then of other texts."""
        for checked in self.references:
            reference = checked.verdict.reference
            image = reference.image
            for violation in checked.violations:
                yield CheckFinding(
                    path=reference.path,
                    line_number=reference.line_number,
                    locator=reference.locator,
                    reference=str(image),
                    canonical=image.repository,
                    digest=image.digest,
                    new_digest=checked.verdict.new_digest,
                    violation=violation,
                )
        for unreadable, violations in zip(self.unsupported, self.unreadable_violations, strict=True):
            for violation in violations:
                yield CheckFinding(
                    unreadable.path, unreadable.line_number, None, unreadable.text, None, None, None, violation
                )

    @property
    def counts(self) -> CheckCounts:
        """The number of image references by the result of the check."""
        unevaluated = Counter(each.unevaluated_reason for each in self.references if each.unevaluated_reason)
        evaluated = [each for each in self.references if each.unevaluated_reason is None]
        pinned = sum(each.verdict.reference.image.digest is not None for each in evaluated)
        return CheckCounts(
            found=len(self.references),
            pinned=pinned,
            unpinned=len(evaluated) - pinned,
            not_evaluated=dict(sorted(unevaluated.items())),
            unresolved=sum(each.is_unresolved for each in self.references),
            unreadable=len(self.unsupported),
            unread_texts=len(self.unread_texts),
        )
