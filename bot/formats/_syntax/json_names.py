"""Names and kinds of JSON files that several formats search for images."""

from __future__ import annotations

import re

JSON_NAME = (
    r"(?!(?:"
    # Files of other tools. Their full names are listed, because many repositories contain large files with these names.
    r"package(?:-lock)?|npm-shrinkwrap|composer|bower|lerna|nx|turbo|angular|deno|renovate|global|tslint|"
    r"launch|settings|tasks|[jt]sconfig[^/]*|appsettings[^/]*|[^/]*\.(?:schema|lock|min|map|nls)"
    r")\.json\Z)[^/]*\.json"
)
"""A pattern for the names of all JSON files except the files of well-known tools. Use the pattern without
distinguishing upper and lower case."""
_ARM_SCHEMA = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:\s++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/|\{)*+"\$schema"\s*:\s*"[^"]*deploymentTemplate\.json""",
    re.IGNORECASE,
)


def starts_as_arm_template(content: bytes) -> bool:
    """Return True if the first key of a file is the schema of ARM templates.

    Such a file is not a Kubernetes manifest.
    """
    return _ARM_SCHEMA.match(content) is not None
