"""The closed lists of terms that users, scripts and reports rely on.

Terms are added by releases and never renamed; `docs/vocabulary.md` is generated from this module.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


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


UPDATABLE_STATUSES = frozenset({ReferenceStatus.UPDATE, ReferenceStatus.GONE, ReferenceStatus.BLOCKED})
"""The statuses of image references that need a new digest. For the status `blocked`, there may be none."""


class Reason(StrEnum):
    """The reason that an image reference is not updated, or that a text cannot be parsed as an image reference."""

    # held
    INDEX_CHURN = "index-churn"
    PLATFORM_LOST = "platform-lost"
    SEEN_BEFORE = "seen-before"
    OLDER = "older"
    LOCKED = "locked"
    TOO_YOUNG = "too-young"
    NOT_PULLABLE = "not-pullable"
    RETENTION_RISK = "retention-risk"
    FAILING_ELSEWHERE = "failing-elsewhere"
    # refused
    INTRODUCED = "introduced"
    DOWNGRADE = "downgrade"
    NOT_SCANNED = "not-scanned"
    UNSIGNED = "unsigned"
    SIGNER_CHANGED = "signer-changed"
    SIGNATURE_FAILED = "signature-failed"
    # gone
    DIGEST_GONE = "digest-gone"
    # blocked
    DIGEST_BLOCKED = "digest-blocked"
    # superseded
    TAG_STOPPED = "tag-stopped"
    VARIANT_DROPPED = "variant-dropped"
    END_OF_LIFE = "end-of-life"
    # skipped
    IGNORED = "ignored"
    NO_RULE = "no-rule"
    PIN_OFF = "pin-off"
    NO_TAG = "no-tag"
    CONFLICTING_EDITS = "conflicting-edits"
    NOT_PROVED = "not-proved"
    SHARED_ARGUMENT = "shared-argument"
    COMPOSED_TAG = "composed-tag"
    TAG_IS_LABEL = "tag-is-label"
    CHART_UNKNOWN = "chart-unknown"
    EMBEDDED = "embedded"
    IMMUTABLE_JOB = "immutable-job"
    ACR_TASK = "acr-task"
    VENDORED = "vendored"
    REPLACED_BY_KUSTOMIZE = "replaced-by-kustomize"
    NAMED_CONTEXT = "named-context"
    OTHER_WRITER = "other-writer"
    NOT_AN_IMAGE = "not-an-image"
    OWN = "own"
    MAYBE_OWN = "maybe-own"
    UNKNOWN_REGISTRY = "unknown-registry"
    PAUSED = "paused"
    UNSUPPORTED_DIGEST = "unsupported-digest"
    TAG_OR_DIGEST = "tag-or-digest"
    # unresolved
    NOT_FOUND_OR_DENIED = "not-found-or-denied"
    DENIED = "denied"
    RATE_LIMITED = "rate-limited"
    UNREACHABLE = "unreachable"
    REGISTRY_ERROR = "registry-error"
    DIGEST_MISMATCH = "digest-mismatch"
    LISTS_UNREAD = "lists-unread"
    TOO_MANY_IMAGES = "too-many-images"
    # not checked
    OFFLINE = "offline"
    # a text that is not an image reference, or a file that cannot be parsed
    TEMPLATED = "templated"
    UNRESOLVED_ARGUMENT = "unresolved-argument"
    MALFORMED = "malformed"
    UNPARSABLE = "unparsable"
    TOO_LARGE = "too-large"
    UNDECODABLE = "undecodable"
    TOO_DEEP = "too-deep"

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return REASON_SENTENCES[self]


REASON_SENTENCES: dict[Reason, str] = {
    Reason.INDEX_CHURN: "The index was rebuilt with the same images. An update would not change anything that runs.",
    Reason.PLATFORM_LOST: "The newer image does not have a platform that is in use.",
    Reason.SEEN_BEFORE: "The tag was rolled back to an earlier digest.",
    Reason.OLDER: "The image that the tag points to is older than the image in the file.",
    Reason.LOCKED: "The image in the file is locked in its registry, and the newer image is not.",
    Reason.TOO_YOUNG: "The newer image has not reached the minimum age that a rule requires.",
    Reason.NOT_PULLABLE: "The newer image cannot be pulled from the repository that the file names.",
    Reason.RETENTION_RISK: "The image that is old enough has no tag, and its registry deletes untagged images.",
    Reason.FAILING_ELSEWHERE: (
        "CI fails with the newer image in several repositories of the fleet, and passes there without it."
    ),
    Reason.INTRODUCED: "The newer image introduces more vulnerabilities than a rule allows.",
    Reason.DOWNGRADE: "The newer image contains older packages than the image in the file.",
    Reason.NOT_SCANNED: "A rule requires a scan, and the image was not scanned.",
    Reason.UNSIGNED: "The newer image has no trusted signature, but a rule requires one or the previous image had one.",
    Reason.SIGNER_CHANGED: "The newer image has a different signer, who is not listed under `trust`.",
    Reason.SIGNATURE_FAILED: "The signature of the newer image is not valid, or cannot be verified.",
    Reason.DIGEST_GONE: "The registry no longer has the digest that the file pins.",
    Reason.DIGEST_BLOCKED: "The operator blocked the digest that the reference uses.",
    Reason.TAG_STOPPED: "The tag no longer receives updates, and newer releases have other tags.",
    Reason.VARIANT_DROPPED: "Newer releases are no longer published in this variant.",
    Reason.END_OF_LIFE: "The publisher no longer supports the image.",
    Reason.IGNORED: "A rule or a comment excludes the image reference from updates.",
    Reason.NO_RULE: "The policy sets `update: none` for the image reference.",
    Reason.PIN_OFF: "The image reference has no digest, and the policy (`pin: false`) or the file allows none.",
    Reason.NO_TAG: "The image reference has no tag, and no rule sets a tag that applies to it.",
    Reason.CONFLICTING_EDITS: "The image reference shares bytes with a reference that must not get the same update.",
    Reason.NOT_PROVED: "The edited file was parsed again, and did not contain exactly the planned change.",
    Reason.OWN: "The image is one of your own builds, which are updated only by a rule with `role: own`.",
    Reason.MAYBE_OWN: "The image may be your own build, because it is in no public registry and `own:` is not set.",
    Reason.UNKNOWN_REGISTRY: "The registry is not contacted: it is neither well known nor listed under `registries:`.",
    Reason.PAUSED: "The policy pauses new proposals. Open proposals stay as they are.",
    Reason.UNSUPPORTED_DIGEST: "The digest in the file is not sha256, and basebump writes only sha256 digests.",
    Reason.TAG_OR_DIGEST: "The program that reads the file accepts a tag or a digest here, but not both.",
    Reason.SHARED_ARGUMENT: "The image reference ends with an argument that is also used for something else.",
    Reason.COMPOSED_TAG: (
        "The tag contains an argument, or is the `appVersion` of a chart, and a digest would override every change of "
        "this argument or `appVersion`. Put the whole tag into one value to enable updates."
    ),
    Reason.TAG_IS_LABEL: "The chart also uses this tag elsewhere, as in a label or after the name of another image.",
    Reason.CHART_UNKNOWN: "No template of the chart is available to show that this tag can contain a digest.",
    Reason.EMBEDDED: (
        "The reference is in a text block inside the file, and the program that reads the text is unknown."
    ),
    Reason.IMMUTABLE_JOB: "An existing Job cannot be changed, and nothing in the repository requests a replacement.",
    Reason.ACR_TASK: "An ACR task starts when this tag is updated. The task would never start for a pinned digest.",
    Reason.VENDORED: (
        "The file is in a folder for copies of other projects: `vendor`, `node_modules` or `third_party`. "
        "The next copy would overwrite the edit."
    ),
    Reason.REPLACED_BY_KUSTOMIZE: "A kustomization replaces the image with another image.",
    Reason.NAMED_CONTEXT: (
        "A build replaces this image with a named build context, and would not find the context if the digest changed. "
        "Use the name of the stage for the context to enable updates."
    ),
    Reason.OTHER_WRITER: "Another tool updates this image, and the two tools would overwrite each other's changes.",
    Reason.NOT_AN_IMAGE: "The name has a scheme that a build tool resolves, and is not an image in a registry.",
    Reason.NOT_FOUND_OR_DENIED: "The registry does not have the image, or does not show it without credentials.",
    Reason.DENIED: "The registry refused the configured credentials.",
    Reason.RATE_LIMITED: "The registry limited the rate of requests.",
    Reason.UNREACHABLE: "The registry could not be reached.",
    Reason.REGISTRY_ERROR: "The registry failed, or returned something that is not an image.",
    Reason.DIGEST_MISMATCH: "The registry returned bytes that do not match the digest that it stated.",
    Reason.LISTS_UNREAD: (
        "The decision depends on published lists of vulnerabilities or blocked digests, or on the build time of an "
        "image, and basebump could not read them."
    ),
    Reason.TOO_MANY_IMAGES: (
        "The repository exceeds the limit on the distinct images that are looked up, or on the size of the files that "
        "its proposals edit."
    ),
    Reason.OFFLINE: "No registry was queried.",
    Reason.TEMPLATED: "The file contains a template placeholder instead of an image reference.",
    Reason.UNRESOLVED_ARGUMENT: "The text depends on an argument or a variable that nothing in the repository sets.",
    Reason.MALFORMED: "The text is not a valid image reference.",
    Reason.UNPARSABLE: "The file cannot be parsed as the format that its name indicates.",
    Reason.TOO_LARGE: (
        "The file is larger than 8 MiB, or the contents of the file or of the whole repository exceed another limit."
    ),
    Reason.UNDECODABLE: "The file is not UTF-8 text.",
    Reason.TOO_DEEP: (
        "The file is nested more deeply, or contains more lines, tokens or repetitions, than basebump supports."
    ),
}

REASONS_BY_STATUS: dict[ReferenceStatus, tuple[Reason, ...]] = {
    ReferenceStatus.UP_TO_DATE: (),
    ReferenceStatus.UPDATE: (),
    ReferenceStatus.HELD: (
        Reason.INDEX_CHURN,
        Reason.PLATFORM_LOST,
        Reason.SEEN_BEFORE,
        Reason.OLDER,
        Reason.LOCKED,
        Reason.TOO_YOUNG,
        Reason.NOT_PULLABLE,
        Reason.RETENTION_RISK,
        Reason.FAILING_ELSEWHERE,
    ),
    ReferenceStatus.REFUSED: (
        Reason.INTRODUCED,
        Reason.DOWNGRADE,
        Reason.NOT_SCANNED,
        Reason.UNSIGNED,
        Reason.SIGNER_CHANGED,
        Reason.SIGNATURE_FAILED,
    ),
    ReferenceStatus.GONE: (Reason.DIGEST_GONE,),
    ReferenceStatus.BLOCKED: (Reason.DIGEST_BLOCKED,),
    ReferenceStatus.SUPERSEDED: (Reason.TAG_STOPPED, Reason.VARIANT_DROPPED, Reason.END_OF_LIFE),
    ReferenceStatus.SKIPPED: (
        Reason.IGNORED,
        Reason.NO_RULE,
        Reason.PIN_OFF,
        Reason.NO_TAG,
        Reason.OWN,
        Reason.MAYBE_OWN,
        Reason.UNKNOWN_REGISTRY,
        Reason.PAUSED,
        Reason.CONFLICTING_EDITS,
        Reason.NOT_PROVED,
        Reason.UNSUPPORTED_DIGEST,
        Reason.TAG_OR_DIGEST,
        Reason.SHARED_ARGUMENT,
        Reason.COMPOSED_TAG,
        Reason.TAG_IS_LABEL,
        Reason.CHART_UNKNOWN,
        Reason.EMBEDDED,
        Reason.IMMUTABLE_JOB,
        Reason.ACR_TASK,
        Reason.VENDORED,
        Reason.REPLACED_BY_KUSTOMIZE,
        Reason.NAMED_CONTEXT,
        Reason.OTHER_WRITER,
        Reason.NOT_AN_IMAGE,
    ),
    ReferenceStatus.UNRESOLVED: (
        Reason.NOT_FOUND_OR_DENIED,
        Reason.DENIED,
        Reason.RATE_LIMITED,
        Reason.UNREACHABLE,
        Reason.REGISTRY_ERROR,
        Reason.DIGEST_MISMATCH,
        Reason.LISTS_UNREAD,
        Reason.TOO_MANY_IMAGES,
    ),
    ReferenceStatus.NOT_CHECKED: (Reason.OFFLINE,),
}
"""The reasons that each status can have; all other reasons are for unsupported text."""

UNSUPPORTED_REASONS: tuple[Reason, ...] = (
    Reason.TEMPLATED,
    Reason.UNRESOLVED_ARGUMENT,
    Reason.MALFORMED,
    Reason.UNPARSABLE,
    Reason.TOO_LARGE,
    Reason.UNDECODABLE,
    Reason.TOO_DEEP,
)

WHOLE_FILE_REASONS = frozenset({Reason.UNPARSABLE, Reason.TOO_LARGE, Reason.UNDECODABLE, Reason.TOO_DEEP})
"""Reasons for which a whole file was not parsed, so that it may contain undetected image references."""


class Role(StrEnum):
    """The relation of an image to the repository whose file names the image."""

    BASE = "base"
    THIRD_PARTY = "third-party"
    OWN = "own"


class RunLevel(IntEnum):
    """How far a run goes: it only reports, also pushes branches, or also opens requests."""

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
    SWEPT = "swept"
    FAILED = "failed"
    WOULD_OPEN = "would-open"
    WOULD_REFRESH = "would-refresh"
    WOULD_CLOSE = "would-close"
    NOT_RUNNING = "not-running"


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
