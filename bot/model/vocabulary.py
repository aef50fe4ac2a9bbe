"""The closed lists of terms that users, scripts and reports rely on.

Terms are added by releases and never renamed; `docs/vocabulary.md` is generated from this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self


class ReferenceStatus(StrEnum):
    """The status of an image reference."""

    UP_TO_DATE = "up-to-date"
    UPDATE = "update"
    HELD = "held"
    REFUSED = "refused"
    GONE = "gone"
    BLOCKED = "blocked"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    UNRESOLVED = "unresolved"
    NOT_CHECKED = "not-checked"

    @property
    def is_updatable(self) -> bool:
        """True if the reference needs a new digest. For the status `blocked`, there may be none."""
        return self in {ReferenceStatus.UPDATE, ReferenceStatus.GONE, ReferenceStatus.BLOCKED}

    @property
    def is_held(self) -> bool:
        """True if a newer digest exists that basebump does not propose."""
        return self in {ReferenceStatus.HELD, ReferenceStatus.REFUSED}

    @property
    def needs_action(self) -> bool:
        """True if a user may want to act on the reference. Outputs show only a count of all other references."""
        return self not in {ReferenceStatus.UP_TO_DATE, ReferenceStatus.SKIPPED, ReferenceStatus.NOT_CHECKED}


UPDATABLE_STATUSES = frozenset(status for status in ReferenceStatus if status.is_updatable)
HELD_STATUSES = frozenset(status for status in ReferenceStatus if status.is_held)
"""The updatable and the held statuses, to compare them with the words of a stored report."""


class Override(StrEnum):
    """The key of a rule with which an operator overrides a reason."""

    ALLOW = "allow"
    """The reason describes the file, and a rule can update the reference all the same."""
    ACCEPT = "accept"
    """The reason describes the newer image, and a named owner can accept it for a limited time."""
    MIN_AGE = "min_age"
    """The reason is the minimum age, and a rule can set another one."""


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """The word, status, sentence and other fields of one `Reason`."""

    word: str
    status: ReferenceStatus | None
    """The status of image references with this reason; None if the text or the file is unsupported."""
    sentence: str
    override: Override | None = None
    """How a rule can override the reason; None if it is a fact, ends by itself, or concerns the publisher."""
    is_lasting: bool = False
    """True if the next run has the same reason, as long as the tag, the evidence and the rules are unchanged.

    False for a reason that depends on time, or on the registry in any other way."""
    is_whole_file: bool = False
    """True if a whole file was not parsed, so that it may contain undetected image references."""
    ending: str = ""
    """The event that ends a hold or a refusal that nobody can accept, as a sentence without a full stop."""
    next_step: str = ""
    """The user's next step for an unevaluated reference, as a command; empty if there is no single remedy."""


def _held(
    word: str, sentence: str, *, is_lasting: bool, override: Override | None = None, ending: str = ""
) -> ReasonFacts:
    """Declare a reason for which a newer image is not proposed yet."""
    return ReasonFacts(word, ReferenceStatus.HELD, sentence, override, is_lasting, ending=ending)


def _refused(
    word: str, sentence: str, *, is_lasting: bool, override: Override | None = None, ending: str = ""
) -> ReasonFacts:
    """Declare a reason for which a rule refuses a newer image."""
    return ReasonFacts(word, ReferenceStatus.REFUSED, sentence, override, is_lasting, ending=ending)


def _skipped(word: str, sentence: str, *, override: Override | None = None, next_step: str = "") -> ReasonFacts:
    """Declare a reason for which a reference is left as it is. Such a reason lasts until a file or a rule changes."""
    return ReasonFacts(word, ReferenceStatus.SKIPPED, sentence, override, is_lasting=True, next_step=next_step)


def _unresolved(word: str, sentence: str) -> ReasonFacts:
    """Declare a reason for which basebump cannot decide. The next run tries again."""
    return ReasonFacts(word, ReferenceStatus.UNRESOLVED, sentence)


def _unsupported(word: str, sentence: str, *, is_whole_file: bool = False, next_step: str = "") -> ReasonFacts:
    """Declare a reason for which a text or a file cannot be read as an image reference."""
    return ReasonFacts(word, None, sentence, is_lasting=True, is_whole_file=is_whole_file, next_step=next_step)


class Reason(StrEnum):
    """The reason that an image reference is not updated, or that a text cannot be parsed as an image reference.

    Each reason is declared once, with its facts. `docs/vocabulary.md` lists the reasons in this order.
    """

    _value_: str
    facts: ReasonFacts

    def __new__(cls, facts: ReasonFacts) -> Self:
        reason = str.__new__(cls, facts.word)
        reason._value_ = facts.word
        reason.facts = facts
        return reason

    INDEX_CHURN = _held(
        "index-churn",
        "The index was rebuilt with the same images. An update would not change anything that runs.",
        is_lasting=True,
        override=Override.ACCEPT,
    )
    PLATFORM_LOST = _held(
        "platform-lost",
        "The newer image does not have a platform that is in use.",
        is_lasting=True,
        override=Override.ACCEPT,
    )
    SEEN_BEFORE = _held(
        "seen-before", "The tag was rolled back to an earlier digest.", is_lasting=True, override=Override.ACCEPT
    )
    OLDER = _held(
        "older",
        "The image that the tag points to is older than the image in the file.",
        is_lasting=True,
        override=Override.ACCEPT,
    )
    LOCKED = _held(
        "locked",
        "The image in the file is locked in its registry, and the newer image is not.",
        is_lasting=False,
        override=Override.ACCEPT,
    )
    TOO_YOUNG = _held(
        "too-young",
        "The newer image has not reached the minimum age that a rule requires.",
        is_lasting=False,
        override=Override.MIN_AGE,
        ending="This ends by itself at that age. To end it now",
    )
    NOT_PULLABLE = _held(
        "not-pullable",
        "The newer image cannot be pulled from the repository that the file names.",
        is_lasting=False,
        ending="This ends by itself as soon as the repository that the file names has the image",
    )
    RETENTION_RISK = _held(
        "retention-risk",
        "The image that is old enough has no tag, and its registry deletes untagged images.",
        is_lasting=False,
        override=Override.MIN_AGE,
        ending="This ends by itself with the next update of the tag. To take the newest image now",
    )
    FAILING_ELSEWHERE = _held(
        "failing-elsewhere",
        "CI fails with the newer image in several repositories of the fleet, and passes there without it.",
        is_lasting=False,
        override=Override.ACCEPT,
    )
    INTRODUCED = _refused(
        "introduced",
        "The newer image introduces more vulnerabilities than a rule allows.",
        is_lasting=True,
        override=Override.ACCEPT,
    )
    DOWNGRADE = _refused(
        "downgrade",
        "The newer image contains older packages than the image in the file.",
        is_lasting=True,
        override=Override.ACCEPT,
    )
    NOT_SCANNED = _refused(
        "not-scanned",
        "A rule requires a scan, and the image was not scanned.",
        is_lasting=False,
        override=Override.ACCEPT,
    )
    UNSIGNED = _refused(
        "unsigned",
        "The newer image has no trusted signature, but a rule requires one or the previous image had one.",
        is_lasting=False,
        ending="This ends by itself with the next image that a signer listed under `trust:` signed",
    )
    SIGNER_CHANGED = _refused(
        "signer-changed",
        "The newer image has a different signer, who is not listed under `trust`.",
        is_lasting=False,
        ending="If you know the new signer, list it under `trust:` in basebump's config",
    )
    SIGNATURE_FAILED = _refused(
        "signature-failed",
        "The signature of the newer image is not valid, or cannot be verified.",
        is_lasting=False,
        ending="This ends by itself with the next image that has a valid signature",
    )
    DIGEST_GONE = ReasonFacts(
        "digest-gone", ReferenceStatus.GONE, "The registry no longer has the digest that the file pins."
    )
    DIGEST_BLOCKED = ReasonFacts(
        "digest-blocked", ReferenceStatus.BLOCKED, "The operator blocked the digest that the reference uses."
    )
    TAG_STOPPED = ReasonFacts(
        "tag-stopped",
        ReferenceStatus.SUPERSEDED,
        "The tag no longer receives updates, and newer releases have other tags.",
        is_lasting=True,
    )
    VARIANT_DROPPED = ReasonFacts(
        "variant-dropped",
        ReferenceStatus.SUPERSEDED,
        "Newer releases are no longer published in this variant.",
        is_lasting=True,
    )
    END_OF_LIFE = ReasonFacts(
        "end-of-life", ReferenceStatus.SUPERSEDED, "The publisher no longer supports the image.", is_lasting=True
    )
    IGNORED = _skipped(
        "ignored",
        "A rule or a comment excludes the image reference from updates.",
        next_step="write a digest, or remove the comment or the rule",
    )
    PIN_OFF = _skipped(
        "pin-off",
        "The image reference has no digest, and the policy (`pin: false`) or the file allows none.",
        next_step="write a digest, or set `pin: true` in a rule",
    )
    NO_TAG = _skipped("no-tag", "The image reference has no tag, and no rule sets a tag that applies to it.")
    CONFLICTING_EDITS = _skipped(
        "conflicting-edits", "The image reference shares bytes with a reference that must not get the same update."
    )
    NOT_PROVED = _skipped(
        "not-proved", "The edited file was parsed again, and did not contain exactly the planned change."
    )
    SHARED_ARGUMENT = _skipped(
        "shared-argument", "The image reference ends with an argument that is also used for something else."
    )
    COMPOSED_TAG = _skipped(
        "composed-tag",
        "The tag contains an argument, or is the `appVersion` of a chart, and a digest would "
        "override every change of this argument or `appVersion`. Put the whole tag into one value "
        "to enable updates.",
    )
    TAG_IS_LABEL = _skipped(
        "tag-is-label", "The chart also uses this tag elsewhere, as in a label or after the name of another image."
    )
    CHART_UNKNOWN = _skipped(
        "chart-unknown",
        "No template of the chart is available to show that this tag can contain a digest.",
        override=Override.ALLOW,
    )
    EMBEDDED = _skipped(
        "embedded",
        "The reference is in a text block inside the file, and the program that reads the text is unknown.",
        override=Override.ALLOW,
    )
    UNKNOWN_FIELD = _skipped(
        "unknown-field",
        "The key suggests an image, but it is unknown whether its value is the image of a container.",
        override=Override.ALLOW,
    )
    FLUX_VARIABLE = _skipped(
        "flux-variable",
        "The image ends with a variable of a Kustomization of Flux, and the manifests may also use the variable for "
        "something else, such as a label.",
        override=Override.ALLOW,
    )
    IMMUTABLE_JOB = _skipped(
        "immutable-job",
        "An existing Job cannot be changed, and nothing in the repository requests a replacement.",
        override=Override.ALLOW,
    )
    ACR_TASK = _skipped(
        "acr-task",
        "An ACR task starts when this tag is updated. The task would never start for a pinned digest.",
        override=Override.ALLOW,
    )
    VENDORED = _skipped(
        "vendored",
        (
            "The file is in a folder for copies of other projects: `vendor`, `node_modules` or "
            "`third_party`. The next copy would overwrite the edit."
        ),
        override=Override.ALLOW,
    )
    TEST_DATA = _skipped(
        "test-data",
        "The file is in a folder of tests or their data, such as `tests`, `testdata`, `fixtures` or `e2e`.",
        override=Override.ALLOW,
    )
    EXAMPLE = _skipped(
        "example",
        "The file is in a folder of examples: `example`, `examples`, `sample` or `samples`.",
        override=Override.ALLOW,
    )
    ARCHIVE = _skipped(
        "archive",
        "The file is in a folder of files that are no longer used, such as `archive`, `deprecated` or `obsolete`.",
        override=Override.ALLOW,
    )
    REPLACED_BY_KUSTOMIZE = _skipped(
        "replaced-by-kustomize",
        "A kustomization replaces the image with another image.",
        override=Override.ALLOW,
    )
    BUILD_ARGUMENT = _skipped(
        "build-argument",
        "A build file, such as a Compose file, passes the image, or a part of the image, to a Dockerfile as a build "
        "argument. basebump does not update build arguments.",
        next_step="write a digest, or remove the build argument, so that the default in the Dockerfile applies",
    )
    NAMED_CONTEXT = _skipped(
        "named-context",
        "A build replaces this image with a named build context, and would not find the context "
        "if the digest changed. Use the name of the stage for the context to enable updates.",
    )
    OTHER_WRITER = _skipped(
        "other-writer",
        "Another tool updates this image, and the two tools would overwrite each other's changes.",
        override=Override.ALLOW,
    )
    NOT_AN_IMAGE = _skipped(
        "not-an-image", "The name has a scheme that a build tool resolves, and is not an image in a registry."
    )
    OWN = _skipped(
        "own",
        "The image is one of your own builds, which are updated only by a rule with `role: own`.",
        next_step="write a digest, or add a rule with `role: own`",
    )
    MAYBE_OWN = _skipped(
        "maybe-own",
        "The image may be your own build, because it is in no public registry and `own:` is not set.",
        next_step="list your own images under `own:` in the config, or set `own:` to an empty list",
    )
    UNKNOWN_REGISTRY = _skipped(
        "unknown-registry",
        "The registry is not contacted: it is neither well known nor listed under `registries:`.",
        next_step="list the registry under `registries:` in the config",
    )
    PAUSED = _skipped(
        "paused",
        "The policy pauses new proposals. Open proposals stay as they are.",
        next_step="write a digest, or end the pause in the policy",
    )
    UNSUPPORTED_DIGEST = _skipped(
        "unsupported-digest", "The digest in the file is not sha256, and basebump writes only sha256 digests."
    )
    TAG_OR_DIGEST = _skipped(
        "tag-or-digest", "The program that reads the file accepts a tag or a digest here, but not both."
    )
    NOT_FOUND_OR_DENIED = _unresolved(
        "not-found-or-denied", "The registry does not have the image, or does not show it without credentials."
    )
    DENIED = _unresolved("denied", "The registry refused the configured credentials.")
    RATE_LIMITED = _unresolved("rate-limited", "The registry limited the rate of requests.")
    UNREACHABLE = _unresolved("unreachable", "The registry could not be reached.")
    REGISTRY_ERROR = _unresolved(
        "registry-error",
        "The registry failed, or returned something that is not an image or does not match its digest.",
    )
    LISTS_UNREAD = _unresolved(
        "lists-unread",
        "The decision depends on published lists of vulnerabilities or blocked digests, or on the "
        "build time of an image, and basebump could not read them.",
    )
    TOO_MANY_IMAGES = _unresolved(
        "too-many-images",
        "The repository exceeds the limit on the distinct images that are looked up, or on the "
        "size of the files that its proposals edit.",
    )
    OFFLINE = ReasonFacts("offline", ReferenceStatus.NOT_CHECKED, "No registry was queried.")
    TEMPLATED = _unsupported(
        "templated",
        "The file contains a template placeholder instead of an image reference.",
        next_step="render the template, and check the rendered files",
    )
    UNRESOLVED_ARGUMENT = _unsupported(
        "unresolved-argument",
        "The text depends on an argument or a variable that nothing in the repository sets.",
        next_step="give the argument a default value in the file, such as `ARG VERSION=1.2`",
    )
    MALFORMED = _unsupported(
        "malformed",
        "The text is not a valid image reference.",
        next_step="correct the text, if it is meant to be an image reference",
    )
    REMOTE_MANIFESTS = _unsupported(
        "remote-manifests",
        "The kustomization builds manifests from a URL, and basebump does not read the images in them.",
        next_step="check the rendered files, or copy the manifests into the repository",
    )
    UNPARSABLE = _unsupported(
        "unparsable",
        "The file is not UTF-8 text, or cannot be parsed as the format that its name indicates, or Git LFS did not "
        "download it.",
        is_whole_file=True,
        next_step="correct the file, and store it as UTF-8 and without Git LFS",
    )
    TOO_LARGE = _unsupported(
        "too-large",
        "The file is larger than 8 MiB, or the file or the whole repository exceeds another limit, such as the number "
        "of lines or of nested items.",
        is_whole_file=True,
    )
    UNREADABLE_LINK = _unsupported(
        "unreadable-link",
        "The file is a symbolic link that does not lead to a file of the repository.",
        is_whole_file=True,
        next_step="replace the link with the file, or let it lead to a file of the repository",
    )

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return self.facts.sentence


REASONS_BY_STATUS: dict[ReferenceStatus, tuple[Reason, ...]] = {
    status: tuple(reason for reason in Reason if reason.facts.status is status) for status in ReferenceStatus
}
"""The reasons that each status can have; all other reasons are for unsupported text."""
UNSUPPORTED_REASONS: tuple[Reason, ...] = tuple(reason for reason in Reason if reason.facts.status is None)
ALLOWABLE_REASONS: tuple[Reason, ...] = tuple(reason for reason in Reason if reason.facts.override is Override.ALLOW)
"""The reasons for skipping that a rule can override; the others are facts.

OTHER_WRITER can be overridden only for Renovate and Dependabot, and REPLACED_BY_KUSTOMIZE only if it is unknown what
the kustomization builds.
"""
FOLDER_REASONS: tuple[Reason, ...] = (Reason.VENDORED, Reason.TEST_DATA, Reason.EXAMPLE, Reason.ARCHIVE)
"""The reasons that follow from the name of a folder alone. A strict check does not accept them."""
ACCEPTABLE_REASONS: tuple[Reason, ...] = tuple(reason for reason in Reason if reason.facts.override is Override.ACCEPT)
"""The holds and refusals that an owner can accept."""


class Role(StrEnum):
    """The relation of an image to the repository whose file names the image."""

    BASE = "base"
    THIRD_PARTY = "third-party"
    OWN = "own"


class RunLevel(IntEnum):
    """The level of a run: only report, also push branches, or also open pull requests."""

    REPORT = 0
    PUSH = 1
    PROPOSE = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class ProposalOutcome(StrEnum):
    """The result of a run for one proposal."""

    OPENED = "opened"
    REFRESHED = "refreshed"
    UNCHANGED = "unchanged"
    CLOSED = "closed"
    LEFT_ALONE = "left-alone"
    DECLINED = "declined"
    DEFERRED = "deferred"
    REFUSED = "refused"
    FAILED = "failed"
    WOULD_OPEN = "would-open"
    WOULD_REFRESH = "would-refresh"
    WOULD_CLOSE = "would-close"
    NOT_RUNNING = "not-running"

    @property
    def is_open(self) -> bool:
        """True if the pull request of the proposal is open after the run."""
        return self in {
            ProposalOutcome.OPENED,
            ProposalOutcome.REFRESHED,
            ProposalOutcome.UNCHANGED,
            ProposalOutcome.LEFT_ALONE,
            ProposalOutcome.WOULD_REFRESH,
        }


OPEN_OUTCOMES = frozenset(outcome for outcome in ProposalOutcome if outcome.is_open)
"""The outcomes of open pull requests, to compare them with the words of a stored report."""


class FailureStage(StrEnum):
    """The stage of a run in which something failed."""

    SURVEY = "survey"
    CLUSTERS = "clusters"
    RESOLVE = "resolve"
    ASSESS = "assess"
    EDIT = "edit"
    PROPOSE = "propose"


class ViolationKind(StrEnum):
    """The kind of violation that `check` reports for an image reference."""

    UNPINNED = "unpinned"
    GONE = "gone"
    BLOCKED = "blocked"
    POLICY = "policy"
    STALE = "stale"
    EXPOSED = "exposed"
    NOT_EVALUATED = "not-evaluated"

    @property
    def sentence(self) -> str:
        """The violation as a sentence."""
        return _VIOLATION_SENTENCES[self]


_VIOLATION_SENTENCES: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: (
        "The reference has no digest although the policy requires one, or it has neither a digest nor a tag."
    ),
    ViolationKind.GONE: "The registry no longer has the digest that the file pins.",
    ViolationKind.BLOCKED: "The operator blocked the digest that the reference uses.",
    ViolationKind.POLICY: "The image in the file violates a rule.",
    ViolationKind.STALE: "A newer digest is available, and the image in the file is older than `--max-age` allows.",
    ViolationKind.EXPOSED: "The image in use lacks a published fix, as `--exposed` or a rule does not allow.",
    ViolationKind.NOT_EVALUATED: (
        "basebump could not evaluate the reference. Such a reference is only counted, unless `--strict` is set."
    ),
}


class ViolatedRule(StrEnum):
    """The rule that an image violates."""

    END_OF_LIFE = "end-of-life"
    TAKEN_BACK = "taken-back"
    SIGNATURE = "signature"

    @property
    def sentence(self) -> str:
        """The violation as a sentence."""
        return _RULE_SENTENCES[self]


_RULE_SENTENCES: dict[ViolatedRule, str] = {
    ViolatedRule.END_OF_LIFE: "The image is past its end of life.",
    ViolatedRule.TAKEN_BACK: "The publisher withdrew the image by rolling the tag back to an earlier digest.",
    ViolatedRule.SIGNATURE: "A rule requires a signature, but no signature by a trusted signer could be verified.",
}


class ExitCode(IntEnum):
    """The exit code of the process."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    FOUND = 4
    INTERRUPTED = 130
    TERMINATED = 143
