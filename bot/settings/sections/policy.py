"""The rules of the config file and of a repository's own file, made from the policy keys of `bot.model.policy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

from bot.model.config_types.markers import Length, OneOrMore, OneToFew
from bot.model.config_types.texts import Glob, ImageGlob, PathGlob
from bot.model.cost_limits import MAX_REPOSITORY_ITEMS
from bot.model.policy import CombineMode, Policy, PolicyKey, PolicyRule, RuleMatch, policy_keys
from bot.model.vocabulary import Role
from bot.settings.sections.files import FormatGlob

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_MATCH_DESCRIPTION = "The image references to which this rule applies. Default: all."


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSection:
    """The image references to which a rule applies.

    All keys must match. If a key has a list of globs, at least one of them must match.
    """

    image: OneOrMore[ImageGlob] = ()
    """Globs for the canonical repository of the image, such as `docker.io/library/*`."""
    path: OneOrMore[PathGlob] = ()
    """Globs for the path of the file in its git repository, such as `**/Dockerfile`."""
    format: OneOrMore[FormatGlob] = ()
    """Globs for the name of the file format, such as `dockerfile`."""
    role: Role | None = None
    """The role of the image: `base` (used by Dockerfiles and CI), `third-party` (software of others) or `own` (your own
    builds).
    """
    repository: OneOrMore[Glob] = ()
    """Globs for the name of the git repository, such as `acme/*`."""
    base_branch: OneOrMore[Glob] = ()
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
    keys = [(key, types[name], key.description) for name, key in policy_keys().items()]
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
    from bot.model import due_date, rules, trust  # noqa: PLC0415 - imported only to read a config file
    from bot.model.config_types import markers, names, texts, times  # noqa: PLC0415 - as above

    modules = (markers, names, texts, times, due_date, rules, trust)
    known = {name: value for module in modules for name, value in vars(module).items()}
    return get_type_hints(Policy, localns=known, include_extras=True)


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
