"""No translated rule allows an update that the Dependabot config forbids, on a day on which Dependabot does not run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from support import values

from bot.core.proposal.limits import is_schedule_open
from bot.core.references.policy import RuleTarget, evaluate_policy
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import Role
from bot.settings.reading.config import parse_config
from bot.starter.config_text import FolderFindings, ForgeRepository, write_config_text
from bot.starter.dependabot import translate_dependabot
from bot.starter.examine_folder import keep_valid_rules

NAMES = ("python", "node", "acme/web", "ghcr.io/acme/web", "registry.example:5000/python")
REPOSITORIES = {
    "python": "docker.io/library/python",
    "node": "docker.io/library/node",
    "acme/web": "docker.io/acme/web",
}
FORMATS = {"dockerfile": "docker", "kubernetes": "docker", "compose": "docker-compose"}
PATHS = ("Dockerfile", "web/Dockerfile", "web/test/Dockerfile", "api/Dockerfile")
BRANCHES = ("main", "develop")
DEFAULT_BRANCH = "main"
TYPES = ("digest", "patch", "minor", "major")
MONDAY = datetime(2027, 2, 1, 12, tzinfo=UTC)  # the first day of a month
NO_TIMEZONE = "Mars/Olympus"
DAYS = {"monday": 0, "tuesday": 1, "sunday": 6}


def is_wildcard_match(pattern, name):
    """Return True if Dependabot's pattern matches the name of an image without its registry."""
    return re.fullmatch(".*".join(map(re.escape, pattern.lower().split("*"))), name) is not None


def get_name(image):
    host, slash, rest = image.partition("/")
    return rest if slash and "." in host else image


def is_folder_match(pattern, path):
    """Return True if a file is in one of the folders that a pattern stands for."""
    folder = path.rpartition("/")[0]
    choices = re.sub(r"\{(\w+),(\w+)\}", r"(?:\1|\2)", pattern.strip("/"))
    if choices.endswith(("**", "**/*")):  # includes the folder itself, although Dependabot does not document it
        prefix = choices.removesuffix("/*").removesuffix("**").rstrip("/")
        return not prefix or folder == prefix or folder.startswith(f"{prefix}/")
    return re.fullmatch(choices.replace("*", "[^/]+"), folder) is not None


def is_excluded(patterns, folder, path):
    """Return True if a pattern matches a file, from the root of the repository or from the folder of the entry."""
    for pattern in patterns:
        expression = re.escape(pattern.removesuffix("/**")).replace(r"\*", ".*")
        for candidate in (path, path.removeprefix(folder.strip("/") + "/")):
            if re.fullmatch(f"{expression}(?:/.*)?", candidate):
                return True
    return False


def find_cooldown(cooldown, name, update_type):
    """Return the days that Dependabot waits for an update."""
    included, excluded = cooldown.get("include"), cooldown.get("exclude", [])
    if included and not any(is_wildcard_match(each, name) for each in included):
        return 0
    if any(is_wildcard_match(each, name) for each in excluded):
        return 0
    return cooldown.get(f"semver-{update_type}-days", cooldown.get("default-days", 0))


def is_day_open(schedule, now):
    if schedule.get("timezone") == NO_TIMEZONE:
        return False  # Dependabot refuses the config
    local = now.astimezone(ZoneInfo(schedule.get("timezone", "UTC")))
    match schedule["interval"]:
        case "daily":
            return local.weekday() < 5
        case "weekly":
            return local.weekday() == DAYS[schedule.get("day", "monday")]
        case "monthly":
            return local.day == 1
        case "cron":
            return local.weekday() == 2
    return False  # Dependabot refuses the config


def covers_file(entry, reference):
    _, file_format, path, _ = reference
    folders = entry.get("directories") or [entry["directory"]]
    is_read = entry["package-ecosystem"] == FORMATS[file_format]
    return is_read and any(is_folder_match(each, path) for each in folders)


def is_allowed_by_entry(entry, reference, update_type, age, now):
    image, _, path, branch = reference
    name = get_name(image)
    if entry.get("target-branch", DEFAULT_BRANCH) != branch or entry.get("open-pull-requests-limit") == 0:
        return False
    if any(is_excluded(entry.get("exclude-paths", []), each, path) for each in [entry.get("directory", ""), ""]):
        return False
    if "allow" in entry and not any(
        each.get("dependency-type", "direct") in {"direct", "all"}
        and is_wildcard_match(each.get("dependency-name", "*"), name)
        and update_type in each.get("update-types", TYPES)
        for each in entry["allow"]
    ):
        return False
    for each in entry.get("ignore", []):
        if is_wildcard_match(each.get("dependency-name", "*"), name):
            types = [kind.rpartition("-")[2] for kind in each.get("update-types", [])]
            is_limited = bool(types) or "versions" in each
            # It is unknown which of the new versions a range contains, so the oracle ignores all of them.
            if not is_limited or update_type in types or ("versions" in each and update_type != "digest"):
                return False
    waits = find_cooldown(entry.get("cooldown", {}), name, update_type)
    return age >= waits and is_day_open(entry["schedule"], now)


def read_config(document, images):
    translation = translate_dependabot(".github/dependabot.yml", document, images)
    if translation is None:
        return None
    findings = FolderFindings(ForgeRepository("github", "acme/web"), [], [keep_valid_rules(translation)])
    return parse_config(write_config_text(findings).encode(), Path("basebump.yaml"))


def is_allowed_by_basebump(config, reference, update_type, age, now):
    image, file_format, path, branch = reference
    if branch not in (config.forges[0].base_branches or (DEFAULT_BRANCH,)):
        return False
    made = values.reference(f"{image}:1.2.3", path=path, format=file_format)
    policy = evaluate_policy(
        PolicyConfig(rules=tuple(config.policy)), RuleTarget(made, Role.THIRD_PARTY, "acme/web", branch)
    )
    assert policy.automerge is None, "Dependabot merges nothing"
    if policy.ignore or TYPES.index(update_type) > TYPES.index(policy.update) or timedelta(days=age) < policy.min_age:
        return False
    return all(is_schedule_open(each, now) for each in policy.schedules)


def some(*choices):
    return st.lists(st.sampled_from(choices), min_size=1, max_size=2, unique=True)


patterns = st.sampled_from(("python", "Node", "acme/web", "*", "*o*", "acme/*", "*/web", "node*", "library/python"))
update_types = some(*(f"version-update:semver-{each}" for each in TYPES[1:]))
ignored = st.fixed_dictionaries(
    {}, optional={"dependency-name": patterns, "update-types": update_types, "versions": st.just(["2.x"])}
)
allowed = st.fixed_dictionaries(
    {},
    optional={
        "dependency-name": patterns,
        "dependency-type": st.sampled_from(("direct", "all", "indirect")),
        "update-types": some("minor", "major"),
    },
)
days = st.integers(0, 30)
cooldowns = st.fixed_dictionaries(
    {},
    optional={
        "default-days": days,
        **{f"semver-{each}-days": days for each in TYPES[1:]},
        "include": st.lists(patterns, min_size=1, max_size=2),
        "exclude": st.lists(patterns, min_size=1, max_size=2),
    },
)
schedules = st.one_of(
    st.fixed_dictionaries(
        {"interval": st.sampled_from(("daily", "weekly", "monthly", "hourly", "sometimes"))},
        optional={"day": st.sampled_from(tuple(DAYS)), "timezone": st.sampled_from(("Asia/Tokyo", NO_TIMEZONE))},
    ),
    st.sampled_from(({"interval": "cron", "cronjob": "0 9 * * 3"}, {"interval": "cron", "cronjob": "on wednesdays"})),
)
folders = st.one_of(
    st.sampled_from(("/", "/web", "/api/", "/web/**", "/**", "/*", "/{web,api}", "/w*")).map(
        lambda each: {"directory": each}
    ),
    some("/", "/web", "/{web,api}", "/**/*", "/web/*").map(lambda each: {"directories": each}),
)
entries = st.builds(
    lambda *parts: {**parts[0], **parts[1], **parts[2]},
    folders,
    st.fixed_dictionaries(
        {"package-ecosystem": st.sampled_from(("docker", "docker", "docker-compose", "npm")), "schedule": schedules}
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "ignore": st.lists(ignored, max_size=3),
            "allow": st.lists(allowed, min_size=1, max_size=2),
            "exclude-paths": some("test", "web/**", "**/test/**", "*/Dockerfile", "web/t*t/**", "{web,api}/**"),
            "target-branch": st.sampled_from(BRANCHES),
            "open-pull-requests-limit": st.sampled_from((0, 3)),
            "cooldown": cooldowns,
            "labels": st.sampled_from((["x" * 300], ["deps"])),
        },
    ),
)
references = st.tuples(*map(st.sampled_from, (NAMES, tuple(FORMATS), PATHS, BRANCHES)))
IMAGES = [REPOSITORIES.get(name, name) for name in NAMES]
DAILY = {"package-ecosystem": "docker", "directory": "/", "schedule": {"interval": "daily"}}
OWN_PYTHON = ("registry.example:5000/python", "dockerfile", "Dockerfile", "main")
PYTHON_ON_MAIN = ("python", "dockerfile", "Dockerfile", "main")
IN_WEB = ("python", "dockerfile", "web/Dockerfile", "main")
PYTHON_IGNORED = [{"dependency-name": "Python"}]


@given(st.lists(entries, min_size=1, max_size=3), st.lists(references, min_size=1, max_size=4), days, st.integers(0, 6))
@example([{**DAILY, "ignore": PYTHON_IGNORED}], [OWN_PYTHON], 30, 0)
@example([{**DAILY, "target-branch": "develop"}], [PYTHON_ON_MAIN], 30, 0)
@example([{**DAILY, "open-pull-requests-limit": 0}], [PYTHON_ON_MAIN], 30, 0)
@example([{**DAILY, "cooldown": {"semver-major-days": 9, "default-days": 2}}], [PYTHON_ON_MAIN], 5, 0)
@example([{**DAILY, "directory": "/{web,api}", "ignore": PYTHON_IGNORED}], [IN_WEB], 30, 0)
@example([{**DAILY, "schedule": {"interval": "hourly"}}], [PYTHON_ON_MAIN], 30, 0)
@example([{**DAILY, "allow": [{"dependency-name": "node"}]}], [PYTHON_ON_MAIN], 30, 0)
@example([{**DAILY, "exclude-paths": ["*"]}], [IN_WEB], 30, 0)
@example([{**DAILY, "labels": ["x" * 300], "cooldown": {"default-days": 9}}], [PYTHON_ON_MAIN], 5, 0)
def test_translated_policy_allows_only_updates_allowed_by_dependabot(some_entries, some_references, age, day):
    document = yaml.safe_load(yaml.safe_dump({"version": 2, "updates": some_entries}))
    config, now = read_config(document, IMAGES), MONDAY + timedelta(days=day)
    if config is None:
        return
    for reference in some_references:
        covering = [each for each in some_entries if covers_file(each, reference)]
        for update_type in TYPES if covering else ():
            may_update = any(is_allowed_by_entry(each, reference, update_type, age, now) for each in covering)
            updates = is_allowed_by_basebump(config, reference, update_type, age, now)
            assert updates <= may_update, (reference, update_type)
