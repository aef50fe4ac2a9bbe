"""Platforms as files spell them (`linux/arm64`, `aarch64`), parsed as BuildKit and Compose parse them.

The aliases follow https://github.com/containerd/platforms. A single name is an architecture of Linux, because that is
the system on which builds run.
"""

from __future__ import annotations

import re

_PART = re.compile(r"[a-z0-9._-]+", re.ASCII)
_ARCHITECTURES = frozenset(
    (
        *("386", "amd64", "arm", "arm64", "arm64be", "armbe", "loong64", "mips", "mips64", "mips64le", "mipsle"),
        *("ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"),
    )
)
"""Architectures that may stand alone, without an operating system."""
_ARCHITECTURE_ALIASES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
"""Aliases of architectures, with the variant that each alias implies. With None, the variant that the file states is
kept."""
_CANONICAL_VARIANTS = {
    "amd64": {"v1": ""},
    "arm64": {"8": "v8"},
    "arm": {"": "v7", **{digit: f"v{digit}" for digit in "5678"}},
}
"""The canonical form of each variant, by architecture. An empty string stands for no variant."""
_SYSTEM_ALIASES = {"macos": "darwin"}
_DEFAULT_SYSTEM = "linux"

MAX_PLATFORM_LENGTH = 100
"""Limit on the characters of a platform. The longest platforms that people write have about twenty."""


def read_platform(text: str | None) -> str | None:
    """Return the platform `text` in the form `os/architecture[/variant]`, or None if it is not a platform.

    A text that contains a variable, such as `linux/$ARCH`, is not a platform.
    """
    parts = text.lower().split("/") if text is not None and len(text) <= MAX_PLATFORM_LENGTH else []
    if not all(map(_PART.fullmatch, parts)):
        return None
    match parts:
        case [alone]:
            architecture, variant = _resolve_architecture(alone, "")
            return _join_platform(_DEFAULT_SYSTEM, architecture, variant) if architecture in _ARCHITECTURES else None
        case [system, architecture_name]:
            return _join_platform(system, *_resolve_architecture(architecture_name, ""))
        case [system, architecture_name, stated_variant]:
            architecture, variant = _resolve_architecture(architecture_name, stated_variant)
            return "/".join(filter(None, (_SYSTEM_ALIASES.get(system, system), architecture, variant)))
        case _:
            return None


def _resolve_architecture(name: str, stated_variant: str) -> tuple[str, str]:
    """Return the canonical architecture and variant for the name of an architecture: `arm` and `v7` for `armhf`.

    `stated_variant` is the variant that follows the name in the file, such as `v8` in `arm64/v8`, or empty.
    """
    architecture, implied_variant = _ARCHITECTURE_ALIASES.get(name, (name, None))
    variant = stated_variant if implied_variant is None else implied_variant
    return architecture, _CANONICAL_VARIANTS.get(architecture, {}).get(variant, variant)


def _join_platform(system: str, architecture: str, variant: str) -> str:
    """Return the canonical name of a platform from its parts, such as `linux/arm64`.

    `variant` is a variant that the name of the architecture implies, such as `v7` for `armhf`, or empty. The variant is
    left out if it is the default variant of the architecture: the result for v7 is `linux/arm`.
    """
    shown_variant = "" if (architecture, variant) == ("arm", "v7") else variant
    return "/".join(filter(None, (_SYSTEM_ALIASES.get(system, system), architecture, shown_variant)))
