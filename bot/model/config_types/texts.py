"""Types for texts, globs, the parts of an image reference, and counts.

Each type validates one value by itself, and its error message says what is expected.
"""

from __future__ import annotations

from typing import Annotated

from bot.model.config_types.markers import Check, OneOf, Parse, match_pattern
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, ImageName, is_tag
from bot.model.vocabulary import ACCEPTABLE_REASONS, ALLOWABLE_REASONS, Reason

MAX_GLOB = 512
"""The maximum number of characters of a glob; a canonical repository has at most 255 after its host."""
MAX_COUNT = 10_000
"""The upper bound of every count; no count that makes sense is higher."""

_PLATFORM = r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?"


def require_text(value: str) -> str:
    """Return the value unchanged. Raises ValueError if it is empty or consists of white space."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def validate_glob(value: str) -> str:
    """Return the glob unchanged. Raises ValueError if it is empty or too long."""
    if len(require_text(value)) > MAX_GLOB:
        raise ValueError(f"must not have more than {MAX_GLOB} characters")
    return value


def validate_image_glob(value: str) -> str:
    """Return the glob unchanged. Raises ValueError if it cannot match any canonical repository.

    A canonical repository has the form `host/path`, such as `docker.io/library/nginx`, without a tag or digest.
    """
    first, slash, rest = validate_glob(value).partition("/")
    if rest != rest.lower():
        raise ValueError(f"matches no image: names of images are in lower case; hint: write `{first}/{rest.lower()}`")
    if "**" in first:
        return value
    hint = f"; hint: write `{_complete_image_glob(value)}`"
    if not slash:
        raise ValueError(f"matches no image: globs are compared with full names without tag and digest{hint}")
    if ":" in rest or "@" in rest:
        raise ValueError(f"matches no image: globs are compared with names without tag and digest{hint}")
    if not _is_registry_glob(first):
        raise ValueError(f"matches no image: `{first}` is not a registry{hint}")
    if first == "index.docker.io":
        raise ValueError(f"matches no image: the registry is called {DOCKER_HUB}{hint}")
    return value


def _is_registry_glob(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost" or "*" in first or "?" in first


def _complete_image_glob(value: str) -> str:
    """Return a glob for the canonical repository of an image reference, or of a glob that lacks the registry.

    The result is accepted as a glob for images.
    """
    first, slash, rest = value.partition("/")
    path = (rest if slash else first).partition("@")[0].partition(":")[0].strip("/").lower() or "**"
    if not slash:
        return f"{DOCKER_HUB}/library/{path}" if path.strip("*?") else "**"
    if first == "index.docker.io":
        return f"{DOCKER_HUB}/{path}"
    return f"{first}/{path}" if _is_registry_glob(first) else f"{DOCKER_HUB}/{first.partition('@')[0]}/{path}"


def _validate_identity(value: str) -> str:
    """Return the glob unchanged. Raises ValueError if it matches every identity, as `*@*` does.

    An identity is the account of a signer who signs without a key. Signing without a key needs nothing but an account,
    so a glob that matches every identity would trust everyone who has one.
    """
    if not validate_glob(value).strip("*?/@."):
        raise ValueError("must not match every identity of the issuer; hint: restrict the glob, as in `*@example.com`")
    return value


def _validate_path_glob(value: str) -> str:
    if validate_glob(value).startswith(("/", "./", "../")):
        raise ValueError("matches no file; hint: write the path from the top of the repository, without `/` or `./`")
    return value


def _validate_tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError(
            "must be a tag: at most 128 letters, digits, `_`, `.` and `-`, and no `.` or `-` at the beginning"
        )
    return value


def _validate_database(value: str) -> str:
    try:
        ImageName.parse(value)
    except InvalidReferenceError as error:
        raise ValueError(str(error)) from None
    return value


def _build_count_parser(minimum: int, absent_meaning: str) -> Parse:
    """Return a marker for counts of at least `minimum`.

    Args:
        minimum: The smallest valid count.
        absent_meaning: The meaning of a missing key, such as `no limit`; the error message suggests to remove the key.
    """

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_COUNT:
            raise ValueError(
                f"must be a number from {minimum} to {MAX_COUNT}; hint: remove the key for {absent_meaning}"
            )
        return value

    return Parse(parse, {"type": "integer", "minimum": minimum, "maximum": MAX_COUNT})


Text = Annotated[str, Check(require_text)]
Glob = Annotated[str, Check(validate_glob)]
IdentityGlob = Annotated[str, Check(_validate_identity)]
ImageGlob = Annotated[str, Check(validate_image_glob)]
PathGlob = Annotated[str, Check(_validate_path_glob)]
Tag = Annotated[str, Check(_validate_tag)]
DatabaseReference = Annotated[str, Check(_validate_database)]
Platform = Annotated[
    str, match_pattern(_PLATFORM, "platform", "is not a platform; hint: write `os/architecture[/variant]`")
]
AllowableReason = Annotated[Reason, OneOf(ALLOWABLE_REASONS)]
AcceptableReason = Annotated[Reason, OneOf(ACCEPTABLE_REASONS)]
Count = Annotated[int, _build_count_parser(1, "no limit")]
"""A limit of at least 1."""
MaximumCount = Annotated[int, _build_count_parser(0, "any number")]
"""A limit that may be 0."""
