"""Platforms as files write them, `linux/arm64` or `aarch64`, read as BuildKit and Compose read them.

https://github.com/containerd/platforms has the aliases. A single name is an architecture of Linux, the system that
builds run on.
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
"""Architectures that are accepted without a system."""
_ALIASES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
"""Aliases of architectures, with the variant that the alias implies; None keeps the stated variant."""
_DEFAULTS = {
    "amd64": {"v1": ""},
    "arm64": {"8": "v8"},
    "arm": {"": "v7", **{digit: f"v{digit}" for digit in "5678"}},
}
"""By architecture: the canonical form of a variant, empty for none."""
_SYSTEMS = {"macos": "darwin"}
_SYSTEM = "linux"


def read_platform(text: str | None) -> str | None:
    """Return `text` as `os/architecture[/variant]`; None if it does not name a platform literally."""
    parts = text.lower().split("/") if text is not None else []
    if not all(map(_PART.fullmatch, parts)):
        return None
    match parts:
        case [alone]:
            architecture, variant = _architecture(alone, "")
            return _joined(_SYSTEM, architecture, variant) if architecture in _ARCHITECTURES else None
        case [system, named]:
            return _joined(system, *_architecture(named, ""))
        case [system, named, stated]:
            architecture, variant = _architecture(named, stated)
            return "/".join(filter(None, (_SYSTEMS.get(system, system), architecture, variant)))
        case _:
            return None


def _architecture(name: str, stated: str) -> tuple[str, str]:
    """Return the canonical architecture and variant."""
    architecture, own = _ALIASES.get(name, (name, None))
    variant = stated if own is None else own
    return architecture, _DEFAULTS.get(architecture, {}).get(variant, variant)


def _joined(system: str, architecture: str, variant: str) -> str:
    """Return a platform without a stated variant; arm/v7 is shortened to arm, since v7 is its default."""
    shown = "" if (architecture, variant) == ("arm", "v7") else variant
    return "/".join(filter(None, (_SYSTEMS.get(system, system), architecture, shown)))
