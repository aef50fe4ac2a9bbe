"""The closed lists of words that users, scripts and reports hold on to.

The words grow by release and are never renamed; `docs/vocabulary.md` is generated from this page.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Status(StrEnum):
    """What is true of one place where an image is written."""

    UP_TO_DATE = "up-to-date"
    UPDATE = "update"
    HELD = "held"
    REFUSED = "refused"
    GONE = "gone"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    UNRESOLVED = "unresolved"
    NOT_CHECKED = "not-checked"


MOVING = frozenset({Status.UPDATE, Status.GONE})
"""What is true of a place for which there is something to move to."""


class Reason(StrEnum):
    """Why an image is not moved, or why a text is not ours to touch."""

    # held
    INDEX_CHURN = "index-churn"
    PLATFORM_LOST = "platform-lost"
    SEEN_BEFORE = "seen-before"
    OLDER = "older"
    LOCKED = "locked"
    TOO_YOUNG = "too-young"
    NOT_PULLABLE = "not-pullable"
    RETENTION_RISK = "retention-risk"
    # refused
    INTRODUCED = "introduced"
    DOWNGRADE = "downgrade"
    NOT_SCANNED = "not-scanned"
    UNSIGNED = "unsigned"
    SIGNER_CHANGED = "signer-changed"
    SIGNATURE_FAILED = "signature-failed"
    # gone
    DIGEST_GONE = "digest-gone"
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
    REPLACED_BY_KUSTOMIZE = "replaced-by-kustomize"
    OTHER_WRITER = "other-writer"
    NOT_AN_IMAGE = "not-an-image"
    OWN = "own"
    MAYBE_OWN = "maybe-own"
    UNKNOWN_REGISTRY = "unknown-registry"
    PAUSED = "paused"
    UNSUPPORTED_DIGEST = "unsupported-digest"
    # unresolved
    NOT_FOUND_OR_DENIED = "not-found-or-denied"
    DENIED = "denied"
    RATE_LIMITED = "rate-limited"
    UNREACHABLE = "unreachable"
    REGISTRY_ERROR = "registry-error"
    DIGEST_MISMATCH = "digest-mismatch"
    LISTS_UNREAD = "lists-unread"
    # not checked
    OFFLINE = "offline"
    # a text that holds no readable reference, or a file that is not what it claims to be
    TEMPLATED = "templated"
    UNRESOLVED_ARGUMENT = "unresolved-argument"
    MALFORMED = "malformed"
    UNPARSABLE = "unparsable"
    TOO_LARGE = "too-large"
    UNDECODABLE = "undecodable"
    TOO_DEEP = "too-deep"

    @property
    def sentence(self) -> str:
        """The same in a sentence, for people."""
        return SENTENCES[self]


SENTENCES: dict[Reason, str] = {
    Reason.INDEX_CHURN: "The index was made anew around the same images; moving would change nothing that runs.",
    Reason.PLATFORM_LOST: "The newer image does not have a platform that is in use.",
    Reason.SEEN_BEFORE: "The tag went back to an image that it had left.",
    Reason.OLDER: "The image that the tag points to is older than the one in the file.",
    Reason.LOCKED: "The image in the file is locked in its registry, and the newer one is not.",
    Reason.TOO_YOUNG: "The newer image has not been known for as long as a rule asks.",
    Reason.NOT_PULLABLE: "The newer image cannot be pulled by the name that stands in the file.",
    Reason.RETENTION_RISK: "What is old enough has no tag any more, and its registry deletes such images.",
    Reason.INTRODUCED: "The newer image brings more vulnerabilities than a rule allows.",
    Reason.DOWNGRADE: "The newer image has older packages, as after a rollback.",
    Reason.NOT_SCANNED: "A rule requires a scan, and there is none.",
    Reason.UNSIGNED: "It is not signed by anybody who is trusted, and a rule requires it or the image before was.",
    Reason.SIGNER_CHANGED: "It is signed by somebody else than the image before, who is not listed under `trust`.",
    Reason.SIGNATURE_FAILED: "It has a signature that does not hold, or cannot be verified.",
    Reason.DIGEST_GONE: "The registry no longer has the image that the file names by its digest.",
    Reason.TAG_STOPPED: "Its tag will not move any more, and newer releases have other tags.",
    Reason.VARIANT_DROPPED: "Newer releases are no longer published in this variant.",
    Reason.END_OF_LIFE: "Whoever makes it no longer supports it.",
    Reason.IGNORED: "A rule or a comment says to ignore it.",
    Reason.NO_RULE: "The policy says `update: none` for it.",
    Reason.PIN_OFF: "It has no digest, and the policy says not to pin it.",
    Reason.NO_TAG: "It names no tag, and no rule says which tag it follows.",
    Reason.CONFLICTING_EDITS: "It shares its bytes with a place that must not move with it.",
    Reason.NOT_PROVED: "Reading the edited file again did not show exactly the planned change.",
    Reason.OWN: "It is one of your own builds; those move only by a rule that says `role: own`.",
    Reason.MAYBE_OWN: "It may be one of your own builds: it is on no public registry, and `own:` is not stated.",
    Reason.UNKNOWN_REGISTRY: "Its registry is neither well known nor listed under `registries:`; it is not contacted.",
    Reason.PAUSED: "The policy says that nothing is proposed for now; what is open stays as it is.",
    Reason.UNSUPPORTED_DIGEST: "It is pinned by a digest that is not sha256; basebump writes only those.",
    Reason.SHARED_ARGUMENT: "It ends in an argument that is used for something else, too.",
    Reason.COMPOSED_TAG: (
        "Its tag is put together around an argument, which a digest would silently freeze; "
        "put the whole tag into the argument to have it moved."
    ),
    Reason.TAG_IS_LABEL: "The chart uses this tag outside of this image, where its digest is not allowed.",
    Reason.CHART_UNKNOWN: "No template of its chart is here to show that this tag may hold a digest.",
    Reason.EMBEDDED: "It stands in a text inside the file; what reads that text is not known.",
    Reason.IMMUTABLE_JOB: "A Job that exists cannot be changed, and nothing here says to replace it.",
    Reason.ACR_TASK: "An ACR task builds from it, and runs again when its tag moves; once pinned, it never would.",
    Reason.REPLACED_BY_KUSTOMIZE: "A kustomization puts another image in its place.",
    Reason.OTHER_WRITER: "Another tool writes this image; two would fight over it.",
    Reason.NOT_AN_IMAGE: "It is a scheme that a build tool resolves, not an image in a registry.",
    Reason.NOT_FOUND_OR_DENIED: "The registry does not have it, or does not show it without a credential.",
    Reason.DENIED: "The registry refused the configured credential.",
    Reason.RATE_LIMITED: "The registry said to come back later.",
    Reason.UNREACHABLE: "The registry could not be reached.",
    Reason.REGISTRY_ERROR: "The registry failed, or answered something that is no image.",
    Reason.DIGEST_MISMATCH: "The registry served bytes that do not have the digest it named.",
    Reason.LISTS_UNREAD: "A rule depends on what others publish of its vulnerabilities, which could not be read.",
    Reason.OFFLINE: "No registry was asked.",
    Reason.TEMPLATED: "A template's placeholder stands where a reference would.",
    Reason.UNRESOLVED_ARGUMENT: "It depends on an argument or a variable that nothing here sets.",
    Reason.MALFORMED: "A reference is expected here, and this is none.",
    Reason.UNPARSABLE: "The file cannot be parsed as what its name says it is.",
    Reason.TOO_LARGE: "The file is larger than the 8 MiB that basebump reads.",
    Reason.UNDECODABLE: "The file is not UTF-8 text.",
    Reason.TOO_DEEP: "The file nests or repeats itself deeper than basebump follows.",
}

REASONS: dict[Status, tuple[Reason, ...]] = {
    Status.UP_TO_DATE: (),
    Status.UPDATE: (),
    Status.HELD: (
        Reason.INDEX_CHURN,
        Reason.PLATFORM_LOST,
        Reason.SEEN_BEFORE,
        Reason.OLDER,
        Reason.LOCKED,
        Reason.TOO_YOUNG,
        Reason.NOT_PULLABLE,
        Reason.RETENTION_RISK,
    ),
    Status.REFUSED: (
        Reason.INTRODUCED,
        Reason.DOWNGRADE,
        Reason.NOT_SCANNED,
        Reason.UNSIGNED,
        Reason.SIGNER_CHANGED,
        Reason.SIGNATURE_FAILED,
    ),
    Status.GONE: (Reason.DIGEST_GONE,),
    Status.SUPERSEDED: (Reason.TAG_STOPPED, Reason.VARIANT_DROPPED, Reason.END_OF_LIFE),
    Status.SKIPPED: (
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
        Reason.SHARED_ARGUMENT,
        Reason.COMPOSED_TAG,
        Reason.TAG_IS_LABEL,
        Reason.CHART_UNKNOWN,
        Reason.EMBEDDED,
        Reason.IMMUTABLE_JOB,
        Reason.ACR_TASK,
        Reason.REPLACED_BY_KUSTOMIZE,
        Reason.OTHER_WRITER,
        Reason.NOT_AN_IMAGE,
    ),
    Status.UNRESOLVED: (
        Reason.NOT_FOUND_OR_DENIED,
        Reason.DENIED,
        Reason.RATE_LIMITED,
        Reason.UNREACHABLE,
        Reason.REGISTRY_ERROR,
        Reason.DIGEST_MISMATCH,
        Reason.LISTS_UNREAD,
    ),
    Status.NOT_CHECKED: (Reason.OFFLINE,),
}
"""Which reasons a status can have; the rest are reasons of unsupported text."""

ALLOWABLE: tuple[Reason, ...] = (
    Reason.CHART_UNKNOWN,
    Reason.EMBEDDED,
    Reason.IMMUTABLE_JOB,
    Reason.ACR_TASK,
    Reason.OTHER_WRITER,
)
"""Which warnings a rule can overrule; the others are facts. So are all other writers but Renovate and Dependabot."""

ACCEPTABLE: tuple[Reason, ...] = (
    Reason.INDEX_CHURN,
    Reason.PLATFORM_LOST,
    Reason.SEEN_BEFORE,
    Reason.OLDER,
    Reason.LOCKED,
    Reason.INTRODUCED,
    Reason.DOWNGRADE,
    Reason.NOT_SCANNED,
)
"""Which holds and refusals somebody may answer for; the others end by themselves, or could not be written down, or are
about who made the image."""

UNSUPPORTED_REASONS: tuple[Reason, ...] = (
    Reason.TEMPLATED,
    Reason.UNRESOLVED_ARGUMENT,
    Reason.MALFORMED,
    Reason.UNPARSABLE,
    Reason.TOO_LARGE,
    Reason.UNDECODABLE,
    Reason.TOO_DEEP,
)

WHOLE_FILE = frozenset({Reason.UNPARSABLE, Reason.TOO_LARGE, Reason.UNDECODABLE, Reason.TOO_DEEP})
"""Reasons that say a file was not read as a whole, so that it may hold places nobody saw."""


class Role(StrEnum):
    """What an image is to the repository that names it."""

    BASE = "base"
    THIRD_PARTY = "third-party"
    OWN = "own"


class Level(IntEnum):
    """How far a run goes; each rung includes those below it."""

    REPORT = 0
    PUSH = 1
    PROPOSE = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class ProposalOutcome(StrEnum):
    """What became of a proposal in a run."""

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


class Stage(StrEnum):
    """Where in a run something broke."""

    SURVEY = "survey"
    RESOLVE = "resolve"
    ASSESS = "assess"
    EDIT = "edit"
    PROPOSE = "propose"


class Fault(StrEnum):
    """What `check` finds at a place."""

    UNPINNED = "unpinned"
    GONE = "gone"
    POLICY = "policy"
    STALE = "stale"

    @property
    def sentence(self) -> str:
        """The same in a sentence, for people."""
        return _FAULTS[self]


_FAULTS: dict[Fault, str] = {
    Fault.UNPINNED: "It has no digest, and the policy says to pin it; or it has neither digest nor tag.",
    Fault.GONE: "The registry no longer has the image that the file names by its digest.",
    Fault.POLICY: "The image in the file breaks a rule.",
    Fault.STALE: "There is a newer digest that may be taken, and the image in the file was built longer ago than "
    "`--max-age` allows.",
}


class Breach(StrEnum):
    """Which rule an image breaks."""

    END_OF_LIFE = "end-of-life"
    TAKEN_BACK = "taken-back"
    SIGNATURE = "signature"

    @property
    def sentence(self) -> str:
        """The same in a sentence, for people."""
        return _BREACHES[self]


_BREACHES: dict[Breach, str] = {
    Breach.END_OF_LIFE: "It is past its end of life.",
    Breach.TAKEN_BACK: "Its publisher took it back: the tag went back from it.",
    Breach.SIGNATURE: "A rule requires a signature, and nobody who is trusted is known to have signed it.",
}


class ExitCode(IntEnum):
    """What the process says when it ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    FOUND = 4
    INTERRUPTED = 130
