"""No translated rule allows an update, or its automatic merge, that the Renovate config forbids."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from support import values

from bot.core.globs import is_any_glob_match
from bot.core.references.policy import RuleTarget, evaluate_policy
from bot.model.modes import AutomergeLimit
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import Role
from bot.settings.reading.config import parse_config
from bot.starter.config_text import FolderFindings, ForgeRepository, write_config_text
from bot.starter.examine_folder import keep_valid_rules
from bot.starter.renovate import translate_renovate

NAMES = ("nginx", "node", "acme/web", "ghcr.io/acme/web", "ghcr.io/acme/api")
UNKNOWN_NAMES = ("redis", "acme/new", "ghcr.io/acme/new", "quay.io/x/web")
"""Images that are added to the repository after the translation."""
MANAGERS = {"dockerfile": "dockerfile", "compose": "docker-compose", "kubernetes": "kubernetes"}
PATHS = ("Dockerfile", "services/web/Dockerfile", "legacy/Dockerfile", "Services/api/Dockerfile")
TYPES = ("digest", "patch", "minor", "major")
CATEGORIES = {"dockerfile": {"docker"}, "docker-compose": {"docker"}, "kubernetes": {"kubernetes"}}
DEFAULT_BRANCH = "main"
WAITING = {"minimumReleaseAge": "30 days", "stabilityDays": "3", "schedule": ["* * 1 * *", "* * 2 * *"]}
"""Delays that have not ended in these tests."""
LIMITS = {"prCreation": "approval", "dependencyDashboardApproval": True, "optionOfLaterRelease": "x"}
BRANCHES = ("main", "release", "release/1")
UNREAD = "local>acme/presets"
FULL_NAMES = {
    "nginx": "docker.io/library/nginx",
    "node": "docker.io/library/node",
    "acme/web": "docker.io/acme/web",
}


def is_pattern_match(patterns, value, glob_flags=re.IGNORECASE):
    """Return True if Renovate's list of patterns matches a value. The globs of package rules ignore case."""

    def is_single_match(pattern):
        if pattern in {"*", "**"}:
            return True
        if pattern.startswith("/"):
            flags = re.IGNORECASE if pattern.endswith("/i") else 0
            return re.search(pattern[1:].removesuffix("i").removesuffix("/"), value, flags) is not None
        choices = re.sub(r"\{(\w+),(\w+)\}", r"(?:\1|\2)", pattern.replace(".", "\\."))
        expression = choices.replace("**/", "(?:<any>/)?").replace("**", "<any>").replace("*", "[^/]*")
        return re.fullmatch(expression.replace("<any>", ".*"), value, glob_flags) is not None

    positive = [each for each in patterns if not each.startswith("!")]
    negative = [each[1:] for each in patterns if each.startswith("!")]
    return (not positive or any(map(is_single_match, positive))) and not any(map(is_single_match, negative))


def is_rule_match(rule, reference, update_type, hidden):
    """Return True if a package rule applies. `hidden` answers the conditions about facts that no file contains."""
    name, manager, path, tag, branch = reference
    values_by_key = {
        "matchPackageNames": [name],
        "matchDepNames": [name],
        "matchManagers": [manager],
        "matchDatasources": ["docker"],
        "matchCategories": sorted(CATEGORIES[manager]),
        "matchFileNames": [path],
        "matchCurrentValue": [tag],
        "matchUpdateTypes": [update_type],
        "matchBaseBranches": [branch],
    }
    for key, patterns in rule.items():
        if not key.startswith(("match", "exclude")):
            continue
        if key == "excludePackageNames":
            if name in patterns:
                return False
        elif key not in values_by_key:
            if not hidden or patterns == ["devDependencies"]:  # no image is a development dependency
                return False
        elif not any(is_pattern_match(patterns, value) for value in values_by_key[key]):
            return False
    return True


def evaluate_source(config, reference, update_type, hidden, preset):
    """Return whether Renovate makes an update of an image, and whether it merges the update automatically.

    `preset` is the content of the preset in another repository, if the config extends it.
    """
    settings = {"enabled": True, "automerge": False}
    gate = True
    extended = preset if "extends" in config else {}
    layers = [extended, config, config.get(reference[1], {})]
    rules = [*extended.get("packageRules", []), *config.get("packageRules", [])]
    layers += [rule for rule in rules if is_rule_match(rule, reference, update_type, hidden)]
    blocks = {}
    for layer in layers:
        is_typed = "matchUpdateTypes" in layer
        for key in settings:
            if key in layer:
                settings[key] = layer[key]
        if "enabled" in layer and not is_typed:
            gate = layer["enabled"]
        blocks |= layer.get(update_type, {})
    is_limited = any(option in each for each in (*layers, blocks) for option in LIMITS)
    if is_limited and update_type != "digest":  # a proposal of a digest replaces the approval
        gate = False
    if is_limited or any(option in blocks for option in WAITING):
        settings["automerge"] = blocks["automerge"] = False
    enabled = gate and settings["enabled"] and blocks.get("enabled", True)
    is_ignored = reference[0] in config.get("ignoreDeps", []) or any(
        is_pattern_match([each], reference[2], 0) for each in config.get("ignorePaths", [])
    )
    enabled_managers = config.get("enabledManagers")
    is_read = not enabled_managers or reference[1] in enabled_managers
    included = config.get("includePaths")
    is_read = is_read and (not included or any(is_pattern_match([each], reference[2], 0) for each in included))
    branches = config.get("baseBranches", [DEFAULT_BRANCH])
    is_read = is_read and any(
        reference[4] == (DEFAULT_BRANCH if each == "$default" else each)
        or (each.startswith("/") and is_pattern_match([each], reference[4]))
        for each in branches
    )
    allowed = bool(enabled and is_read and not is_ignored)
    return allowed, allowed and bool(blocks.get("automerge", settings["automerge"]))


def read_config(translation):
    """Return the content of the config file that `basebump init` writes."""
    findings = FolderFindings(ForgeRepository("github", "acme/shop"), [], [keep_valid_rules(translation)])
    return parse_config(write_config_text(findings).encode(), Path("basebump.yaml"))


def evaluate_target(config, reference, update_type):
    """Return whether the translated policy allows an update, and whether it allows its automatic merge."""
    name, manager, path, tag, branch = reference
    if not is_any_glob_match(config.forges[0].base_branches or (DEFAULT_BRANCH,), branch):
        return False, False
    policy_config = PolicyConfig(rules=tuple(config.policy))
    file_format = next(key for key, value in MANAGERS.items() if value == manager)
    made = values.reference(f"{name}:{tag}", path=path, format=file_format)
    target = RuleTarget(made, Role.THIRD_PARTY, "acme/shop", branch)
    policy = evaluate_policy(policy_config, target)
    rank = TYPES.index(update_type)
    allowed = not policy.ignore and rank <= TYPES.index(policy.update)
    limit = policy.automerge.max_update if policy.automerge else AutomergeLimit.NONE
    return allowed, allowed and limit != "none" and rank <= TYPES.index(limit)


def some(*values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


name_patterns = some(
    *(*NAMES, "!nginx", "!ghcr.io/acme/web", "/^ghcr\\.io\\//", "/web$/", "/^n/", "/(a|b)/", "ghcr.io/**"),
    *("ghcr.io/{acme,x}/*", "acme/*", "*/web", "**", "eslint", "@types/node", "!/node/"),
    *("Nginx", "GHCR.IO/Acme/*", "!Node", "/WEB$/i", *UNKNOWN_NAMES),
)
matchers = st.fixed_dictionaries(
    {},
    optional={
        "matchPackageNames": name_patterns,
        "matchDepNames": name_patterns,
        "excludePackageNames": some("nginx", "acme/web"),
        "matchManagers": some(*MANAGERS.values(), "npm", "!npm", "!dockerfile", "/^docker/"),
        "matchDatasources": some("docker", "npm", "!npm", "/dock/"),
        "matchCategories": some("docker", "kubernetes", "js", "!docker"),
        "matchFileNames": some(
            *PATHS, "services/**", "{services,legacy}/**", "/^legacy/", "!legacy/**", "*", "Services/**"
        ),
        "matchCurrentValue": some("/^1/", "1.2.3", "!/^1/", "latest"),
        "matchUpdateTypes": some(*TYPES, "pin", "/^m/", "!major"),
        "matchBaseBranches": some("main", "release", "Main", "release/*", "/^ma/", "!main"),
        "matchDepTypes": some("final", "devDependencies", "stage"),
        "matchSourceUrls": some("https://example.com/acme"),
        "matchJsonata": some("true"),
    },
)
flags = {"enabled": st.booleans(), "automerge": st.booleans()}
limits = {name: st.just(value) for name, value in LIMITS.items()}
waits = {name: st.just(value) for name, value in WAITING.items()}
rare_settings = st.fixed_dictionaries(
    {}, optional=limits | dict.fromkeys(TYPES, st.fixed_dictionaries({}, optional=flags | limits | waits))
)
settings = st.one_of(
    st.fixed_dictionaries({}, optional=flags | dict.fromkeys(TYPES, st.fixed_dictionaries({}, optional=flags))),
    rare_settings,
)
rules = st.builds(lambda *parts: {**parts[0], **parts[1]}, matchers, settings)
configs = st.builds(
    lambda *parts: {**parts[0], **parts[1], "packageRules": parts[2]},
    settings,
    st.fixed_dictionaries(
        {},
        optional={
            "ignoreDeps": some(*NAMES, *UNKNOWN_NAMES),
            "ignorePaths": some("legacy/**", "**/web/**", "{services,x}/**"),
            "includePaths": some("services/**", "Dockerfile", "/legacy/"),
            "enabledManagers": some(*MANAGERS.values(), "npm"),
            "baseBranches": some(*BRANCHES, "$default", "/^release/", "Release"),
            "extends": st.just([UNREAD]),
            "dockerfile": settings,
            "docker-compose": settings,
        },
    ),
    st.lists(rules, max_size=5),
)
references = st.tuples(
    *map(st.sampled_from, ((*NAMES, *UNKNOWN_NAMES), tuple(MANAGERS.values()), PATHS, ("1.2.3", "2.0.0"), BRANCHES))
)
restrictions = st.fixed_dictionaries(
    {},
    optional={
        "automerge": st.just(False),
        **dict.fromkeys(
            TYPES, st.fixed_dictionaries({}, optional={"enabled": st.just(False), "automerge": st.just(False)})
        ),
    },
).map(
    lambda each: {**each, "digest": {key: value for key, value in each.get("digest", {}).items() if key != "enabled"}}
)
presets = st.builds(
    lambda options, matcher, rule: {**options, "packageRules": [{**matcher, **rule}]},
    restrictions,
    matchers,
    restrictions,
)
"""Presets in other repositories. They may forbid all updates except those of digests."""
IMAGES = [FULL_NAMES.get(name, name) for name in NAMES]
NGINX = ("nginx", "dockerfile", "Dockerfile", "1.2.3", "main")
REDIS = ("redis", *NGINX[1:])
NO_AUTOMERGE = {"packageRules": [{"matchPackageNames": ["nginx"], "automerge": False}]}


@given(configs, st.lists(references, min_size=1, max_size=6), st.booleans(), presets)
@example({"automerge": True, "packageRules": [{"matchCategories": ["docker"], "automerge": False}]}, [NGINX], False, {})
@example({"automerge": True, "packageRules": [{"matchSourceUrls": ["x"], "automerge": False}]}, [NGINX], True, {})
@example({"packageRules": [{"matchUpdateTypes": ["major"], "enabled": False}]}, [NGINX], False, {})
@example({"automerge": True, "major": {"automerge": False}}, [NGINX], False, {})
@example({"automerge": True, "extends": [UNREAD]}, [NGINX], False, NO_AUTOMERGE)
@example({"packageRules": [{"matchBaseBranches": ["Main"], "enabled": False}]}, [NGINX], False, {})
@example({"packageRules": [{"matchFileNames": ["DOCKERFILE"], "enabled": False}]}, [NGINX], False, {})
@example({"baseBranches": ["release"]}, [NGINX], False, {})
@example({"automerge": True, "digest": {"minimumReleaseAge": "30 days"}}, [NGINX], False, {})
@example({"automerge": True, "dockerfile": {"digest": {"schedule": ["* * 1 * *"]}}}, [NGINX], False, {})
@example({"automerge": True, "optionOfLaterRelease": "x"}, [NGINX], False, {})
@example({"ignoreDeps": ["redis"]}, [REDIS], False, {})
@example({"packageRules": [{"matchPackageNames": ["redis"], "enabled": False}]}, [REDIS], False, {})
def test_translated_policy_allows_only_updates_allowed_by_renovate(config, some_references, hidden, preset):
    written = read_config(translate_renovate("renovate.json", config, IMAGES, paths=PATHS))
    for reference in some_references:
        for update_type in TYPES:
            may_update, may_merge = evaluate_source(config, reference, update_type, hidden, preset)
            updates, merges = evaluate_target(written, reference, update_type)
            assert updates <= may_update, (reference, update_type)
            assert merges <= may_merge, (reference, update_type)
