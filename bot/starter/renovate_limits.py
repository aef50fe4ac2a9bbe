"""Finds options in a Renovate config that may restrict updates, although basebump has no equivalent.

See https://docs.renovatebot.com/configuration-options/. An option that this module does not list may restrict anything.
It therefore counts as a restriction.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bot.formats._syntax.renovate.presets import ConfigLayer, PlainValue
from bot.model.updater import BotUpdateType

WAITING_OPTIONS = frozenset({"schedule", "minimumReleaseAge", "stabilityDays"})
"""The options that delay updates. If one of them cannot be translated, basebump merges nothing automatically."""
_VERSION_LIMITS = frozenset(
    {"allowedVersions", "extractVersion", "followTag", "maxMajorIncrement", "versionCompatibility", "versioning"}
)
"""The options that restrict only newer tags, or that change which tags are newer."""
_MERGE_LIMITS = frozenset({"automergeSchedule"})
"""The options that restrict only automatic merges."""
_UNSET: Collection[PlainValue] = (None, False, "", [])
"""The values that mean that an option is not set."""
_ANY_TIME: tuple[PlainValue, ...] = ("at any time", ["at any time"])
_DEFAULTS: Mapping[str, Collection[PlainValue]] = {
    "automergeSchedule": _ANY_TIME,
    "minimumReleaseAge": ("0 days",),
    "prCreation": ("immediate", "not-pending", "status-success"),
    "schedule": _ANY_TIME,
    "stabilityDays": ("0",),
    "updatePinnedDependencies": (True,),
    "versioning": ("docker",),
}
"""The values with which an option restricts nothing, besides those that mean that it is not set."""
_RESTRICTING_IF_FALSE = frozenset({"updatePinnedDependencies"})
_HARMLESS = re.compile(
    r"\$schema|description|enabled|pinDigests|timezone"
    r"|allow(?:[A-Z]|ed(?!Versions))\w+|autodiscover\w*|binarySource|cacheDir|endpoint|exposeAllEnv"
    r"|masterIssue(?!Approval)\w*|platform|printConfig|repositories|requireConfig|username"
    r"|automerge(?:Type|Strategy|Comment)?|assign\w*|addLabels|additional(?:Reviewers|BranchPrefix)"
    r"|auto(?:Approve|ReplaceGlobalMatch)|azure\w*|bb\w*|branch\w*|bumpVersions?|changelogUrl|cloneSubmodules\w*"
    r"|commit\w*|composerIgnorePlatformReqs|concurrentRequestLimit|confidential|config\w*|constraints\w*|custom\w+"
    r"|default(?:RegistryUrls|RegistryUrlTemplate)|dependencyDashboard(?!Approval)\w*|draftPR|encrypted"
    r"|excludeCommitPaths|exclude(?:Package|Dep)\w+|expandCodeOwnersGroups|fetch(?:ReleaseNotes|ChangeLogs)"
    r"|file(?:Match|Filters)|filterUnavailableUsers|fork\w*|git(?:Author|IgnoredAuthors|LabAutomerge|LabIgnoreApprovals)"
    r"|group\w*|hashedBranchLength|hostRules|httpCache\w*|ignore(?:Deprecated|Plugins|PrAuthor|Presets|Reviewers"
    r"|Scripts|Tests|Unstable)|internalChecks\w+|keepUpdatedLabel|labels|logLevelRemap|managerFilePatterns"
    r"|match[A-Z]\w*|milestone|npm\w*|onboarding\w*|osvVulnerabilityAlerts|override\w+|persistRepoData"
    r"|platform(?:Automerge|Commit)|postUp\w+|pr(?!Creation)[A-Z]\w*|productLinks|pruneStaleBranches|rangeStrategy"
    r"|re(?:base\w+|createClosed|createWhen|gexManagers|gistryAliases|gistryUrls|positoryCache|quiredStatusChecks"
    r"|spectLatest|placement\w*|viewers\w*|ollbackPrs)|secrets|semantic\w+|separate\w+|skip\w+|source(?:Directory|Url)"
    r"|statusCheck\w+|stopUpdatingLabel|suppressNotifications|transitiveRemediation|unicodeEmoji|update(?:InternalDeps"
    r"|LockFiles|NotScheduled)|useBaseBranchConfig|userStrings|variables|vulnerability\w+"
)
"""Matches options that neither forbid nor delay updates of images, and options that are read elsewhere."""


def list_version_limits(layer: ConfigLayer) -> list[str]:
    """Return the options in a layer because of which basebump proposes no newer tags."""
    return sorted([*_list_set(layer, _VERSION_LIMITS), *list_unknown_limits(layer)])


def list_merge_limits(layer: ConfigLayer) -> list[str]:
    """Return the options in a layer because of which basebump merges nothing automatically."""
    return sorted([*_list_set(layer, _MERGE_LIMITS), *list_unknown_limits(layer)])


def list_unknown_limits(layer: ConfigLayer, known: Collection[str] = ()) -> list[str]:
    """Return the options in a layer that may restrict all updates. Options in `known` are left out.

    An object is the block of another manager, such as `npm`, except for `force`, which overrides all options.
    """
    others = layer.keys() - {*_VERSION_LIMITS, *_MERGE_LIMITS, *WAITING_OPTIONS, *BotUpdateType, *known}
    names = [each for each in others if each == "force" or not isinstance(layer[each], dict)]
    return _list_set(layer, {each for each in names if _HARMLESS.fullmatch(each) is None})


def list_waiting_options(layer: ConfigLayer) -> list[str]:
    """Return the options in a layer that delay updates."""
    return _list_set(layer, WAITING_OPTIONS)


def _list_set(layer: ConfigLayer, options: Collection[str]) -> list[str]:
    return [name for name in sorted(layer.keys() & options) if not _is_default(name, layer[name])]


def _is_default(name: str, value: PlainValue) -> bool:
    if value is False and name in _RESTRICTING_IF_FALSE:
        return False
    return value in _UNSET or value in _DEFAULTS.get(name, ())
