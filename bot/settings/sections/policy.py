"""The rules of the config file and of a repository's own file, made from the policy keys of `bot.model.policy`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

from bot.model.advisory import AdvisoryList
from bot.model.config_types.markers import Example, Length, OneOrMore, OneToFew
from bot.model.config_types.texts import Glob, ImageGlob, PathGlob
from bot.model.cost_limits import MAX_REPOSITORY_ITEMS
from bot.model.due_date import DueUntil
from bot.model.errors import ConfigProblem
from bot.model.policy import CombineMode, Policy, PolicyKey, PolicyRule, RuleMatch, policy_keys
from bot.model.vocabulary import Role
from bot.settings.entries import Entry, Problems
from bot.settings.sections.files import FormatGlob

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

NO_RECORDED_AGES = (
    "is never reached: without `state` basebump forgets when it first saw a digest; hint: set `state` to a database"
)
PARTLY_RECORDED_AGES = (
    "is never reached for some images of this rule: without `state`, ages are recorded only at {recording}; "
    "hint: set `state` to a database, or match only images of these registries with `match.image`"
)
_WILDCARD = re.compile(r"[*?]")
_MATCH_DESCRIPTION = "The image references to which this rule applies. Default: all."


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSection:
    """The image references to which a rule applies.

    All keys must match. If a key has a list of globs, at least one of them must match.
    """

    image: Annotated[OneOrMore[ImageGlob], Example(["docker.io/library/*", "gcr.io/distroless/**"])] = ()
    """Globs for the canonical repository of the image, such as `docker.io/library/*`."""
    path: Annotated[OneOrMore[PathGlob], Example("**/Dockerfile")] = ()
    """Globs for the path of the file in its git repository, such as `**/Dockerfile`."""
    format: Annotated[OneOrMore[FormatGlob], Example("dockerfile")] = ()
    """Globs for the name of the file format, such as `dockerfile`."""
    role: Role | None = None
    """The role of the image: `base` (used by Dockerfiles and CI), `third-party` (software of others) or `own` (your own
    builds).
    """
    repository: Annotated[OneOrMore[Glob], Example("acme/*")] = ()
    """Globs for the name of the git repository, such as `acme/*`."""
    base_branch: Annotated[OneOrMore[Glob], Example("main")] = ()
    """Globs for the branch to which proposals are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryMatchSection:
    """The image references of this repository to which a rule in the repository's own config file applies.

    All keys must match. If a key has a list of globs, at least one of them must match.
    """

    image: OneToFew[ImageGlob] = ()
    """Globs for the canonical repository of the image, such as `docker.io/library/*`. At most 20."""
    path: OneToFew[PathGlob] = ()
    """Globs for the path of the file, such as `**/Dockerfile`. At most 20."""
    format: OneToFew[FormatGlob] = ()
    """Globs for the name of the file format, such as `dockerfile`. At most 20."""


@cache
def declare_rule() -> type:
    """Return the dataclass of a rule in the operator's config, as the file has it."""
    types = _get_key_types()
    keys = [(key, _add_example(key, types[name]), key.description) for name, key in policy_keys().items()]
    return _declare(
        "Rule",
        "Policy keys for the image references that `match` selects. For each key, the first matching rule that sets it "
        "decides.",
        MatchSection,
        keys,
    )


@cache
def declare_repository_rule() -> type:
    """Return the dataclass of a rule in a repository's own config file, as the file has it."""
    types = _get_key_types()
    keys = [
        (key, _limit_items(key, types[name]), key.repository_description)
        for name, key in policy_keys().items()
        if key.combine_mode is not None
    ]
    return _declare(
        "RepositoryRule",
        "Policy keys for image references of this repository. They can only make the operator's policy stricter.",
        RepositoryMatchSection,
        keys,
    )


def _get_key_types() -> Mapping[str, Any]:
    """Return the type of each field of `Policy`, with the values that a config file can have."""
    from bot.model import due_date, exposure, rules, trust  # noqa: PLC0415 - imported only to read a config file
    from bot.model.config_types import markers, names, texts, times  # noqa: PLC0415 - as above

    modules = (markers, names, texts, times, due_date, exposure, rules, trust)
    known = {name: value for module in modules for name, value in vars(module).items()}
    return get_type_hints(Policy, localns=known, include_extras=True)


def _add_example(key: PolicyKey, key_type: Any) -> Any:
    return key_type if key.example is None else Annotated[key_type, Example(key.example)]


def _limit_items(key: PolicyKey, key_type: Any) -> Any:
    """Return the type of a key for a repository's own file, in which a list that adds items has a maximum length."""
    is_list = key.combine_mode is CombineMode.UNION and get_origin(key_type) is tuple
    return Annotated[key_type, Length(maximum=MAX_REPOSITORY_ITEMS)] if is_list else key_type


def _declare(name: str, doc: str, match: type, keys: list[tuple[PolicyKey, Any, str]]) -> type:
    """Return a dataclass with the field `match` and a field for each key, which is None if the file does not set it."""
    matching = field(default_factory=match, metadata={"description": _MATCH_DESCRIPTION})
    return make_dataclass(
        name,
        [
            ("match", match, matching),
            *(
                (key.name, key_type | None, field(default=None, metadata={"description": description}))
                for key, key_type, description in keys
            ),
        ],
        namespace={"__doc__": doc, "__module__": __name__},
        frozen=True,
        kw_only=True,
    )


def _build_rule(written: Any) -> PolicyRule:
    """Convert a rule of a file to a `PolicyRule`, which has only the keys that the file sets."""
    match = {each.name: getattr(written.match, each.name) for each in fields(written.match)}
    keys = {name: getattr(written, key.name, None) for name, key in policy_keys().items()}
    return PolicyRule(RuleMatch(**match), **{name: value for name, value in keys.items() if value is not None})


@dataclass(frozen=True, slots=True, eq=False)
class _RuleKeys:
    """Reads a rule with the keys of a dataclass, which is declared when a file is read."""

    declare: Callable[[], type]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - imported only to read a config file

        return core_schema.no_info_after_validator_function(_build_rule, handler.generate_schema(self.declare()))


Rule = Annotated[PolicyRule, _RuleKeys(declare_rule)]
RepositoryRule = Annotated[PolicyRule, _RuleKeys(declare_repository_rule)]


@dataclass(frozen=True, slots=True)
class PolicyNeeds:
    """The keys outside of `policy` that rules can need."""

    top_keys: Container[str]
    """The keys at the top level of the config that are not empty."""
    has_kev: bool
    """True if `enrichment.kev` is set."""


def check_policy(entries: Iterable[Entry[PolicyRule]], needs: PolicyNeeds) -> Problems:
    """Yield the problems of rules that set no key, or that need another part of the config."""
    for entry in entries:
        if not entry.written.keys() - {"match"}:
            yield ConfigProblem(entry.where, "the rule sets no policy key; hint: add a policy key, or remove the rule")
        if entry.value is not None:
            yield from _check_needs(entry.where, entry.value, needs)


def _check_needs(where: str, rule: PolicyRule, needs: PolicyNeeds) -> Problems:
    require, due, exposed = (rule.keys.get(key) for key in ("require", "due", "exposed"))
    if rule.match.role is Role.OWN and "own" not in needs.top_keys:
        message = "matches nothing without `own`; hint: list under `own` which images are your own builds"
        yield ConfigProblem(f"{where}.match.role", message)
    if require is not None and require.signature and "trust" not in needs.top_keys:
        message = "refuses everything without `trust`; hint: list under `trust` who may sign"
        yield ConfigProblem(f"{where}.require.signature", message)
    missing = next((key for key in ("clusters", "state") if key not in needs.top_keys), None)
    if due is not None and due.until is DueUntil.RUNNING and missing is not None:
        message = f"requires `{missing}`, because basebump cannot find out otherwise what runs; hint: add it"
        yield ConfigProblem(f"{where}.due.until", message)
    if exposed is not None and "scanners" not in needs.top_keys:
        message = "requires `scanners`, because `check` uses no other scanners; hint: list them under `scanners`"
        yield ConfigProblem(f"{where}.exposed", message)
    if not needs.has_kev:
        for key in _list_exploited_keys(rule):
            message = "needs the list of exploited vulnerabilities; hint: name CISA's catalogue under `enrichment.kev`"
            yield ConfigProblem(f"{where}.{key}", message)


def _list_exploited_keys(rule: PolicyRule) -> Iterator[str]:
    """Yield each key whose value stands for vulnerabilities that are known to be exploited."""
    bypass, open_when = rule.keys.get("bypass_min_age_for"), rule.keys.get("open_when")
    if bypass is not None and AdvisoryList.KEV in bypass:
        yield f"bypass_min_age_for[{bypass.index(AdvisoryList.KEV)}]"
    if open_when is not None and open_when.fixes is AdvisoryList.KEV:
        yield "open_when.fixes"
    for key in ("due", "exposed"):
        periods = rule.keys.get(key)
        if periods is not None and periods.exploited is not None:
            yield f"{key}.exploited"


def check_min_ages(rules: Iterable[tuple[str, PolicyRule]], age_registries: Collection[str]) -> Problems:
    """Yield a problem for every rule with a `min_age` that some of its images can never reach.

    Call this function only if the operator's config has no `state`. With `state`, basebump itself records all ages.

    Args:
        rules: The rules to check, each after its location in the file.
        age_registries: The hosts of the registries that record the age of a digest themselves.
    """
    message = (
        PARTLY_RECORDED_AGES.format(recording=", ".join(sorted(age_registries))) if age_registries else NO_RECORDED_AGES
    )
    for where, rule in rules:
        globs = rule.match.image
        is_limited = bool(globs) and all(_has_host_prefix(age_registries, glob) for glob in globs)
        if rule.keys.get("min_age") and not is_limited:
            yield ConfigProblem(f"{where}.min_age", message)


def _has_host_prefix(hosts: Collection[str], glob: str) -> bool:
    """Return True if a glob can match only images of one of the hosts, as `acme.azurecr.io/*` does."""
    literal_prefix = _WILDCARD.split(glob, maxsplit=1)[0]
    return any(literal_prefix.startswith(f"{host}/") for host in hosts)
