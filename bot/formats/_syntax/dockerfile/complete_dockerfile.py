"""Decide whether a file is a Dockerfile by its content, because some names do not show this."""

from __future__ import annotations

import re

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.dockerfile.lexer import read_instructions

_KEYWORDS = frozenset(
    {
        *("add", "arg", "cmd", "copy", "entrypoint", "env", "expose", "from", "healthcheck", "label", "maintainer"),
        *("onbuild", "run", "shell", "stopsignal", "user", "volume", "workdir"),
    }
)
"""All instructions (frontend/dockerfile/command/command.go of moby/buildkit)."""
_FIRST_KEYWORDS = frozenset({"arg", "from"})
"""The instructions that BuildKit allows before the first `FROM`, and `FROM` itself."""
_PLACEHOLDER = re.compile(rb"\{\{|\{%|<%|%%\w|@[A-Za-z_]\w*@")
"""Placeholders of Go templates, Jinja, ERB, EJS, Mustache, balena and autoconf."""


def has_placeholders(content: bytes) -> bool:
    """Return True if a template engine would replace parts of `content`."""
    return _PLACEHOLDER.search(content) is not None


def is_complete_dockerfile(content: bytes) -> bool:
    """Return True if BuildKit knows all instructions in `content`, and a `FROM` comes before all others except `ARG`.

    Return False if the file exceeds a limit.
    """
    has_stage = False
    try:
        for instruction in read_instructions(content):
            if instruction.keyword not in (_KEYWORDS if has_stage else _FIRST_KEYWORDS):
                return False
            has_stage = has_stage or (instruction.keyword == "from" and bool(instruction.words))
    except BrokenAtError:
        return False
    return has_stage
