"""The parts of a pull request's text: body, appendix and mark.

Most forges show one text, which contains everything. A forge whose bodies are short gets a body with the most important
facts, an appendix with the evidence, and the mark, and stores each of them in a place of its own: on Azure Repos, the
description, a comment, and a property of the pull request. Everything else in basebump handles the three parts as one
text, so that the rules for changing a pull request are the same on all forges.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.proposal.marks import find_mark
from bot.model.errors import ForgeError
from bot.model.forge import ForgeLimits

APPENDIX_LINE = "<!-- basebump:appendix -->"
"""The line between the body and the appendix. Templates show text from outside only in code spans, so no other line of
a text can be equal to it."""


@dataclass(frozen=True, slots=True)
class RequestText:
    """The parts of the text of a pull request. A part is empty if the text does not have it."""

    body: str
    appendix: str = ""
    mark: str = ""
    """The hidden comment with the data of basebump; see `bot.core.proposal.marks`."""

    def join(self) -> str:
        """Return the parts as one text, from which `split_text` returns the same parts."""
        appendix = f"{APPENDIX_LINE}\n\n{self.appendix}" if self.appendix else ""
        return "\n\n".join(filter(None, (self.body, appendix, self.mark))) + "\n"


def split_text(text: str) -> RequestText:
    """Return the parts of the text of a pull request, without blank lines around them."""
    mark = find_mark(text)
    before, _, after = text.rpartition(mark) if mark else (text, "", "")
    body, _, appendix = f"\n{before}{after}\n".partition(f"\n{APPENDIX_LINE}\n")
    return RequestText(body.strip(), appendix.strip(), mark)


def check_text_length(limits: ForgeLimits, title: str, text: str) -> None:
    """Raise ForgeError if the title or a part of the text of a pull request is longer than the forge allows."""
    parts = split_text(text) if limits.appendix_characters else RequestText(text)
    for name, part, limit in (
        ("title", title, limits.title_characters),
        ("body", parts.body, limits.body_characters),
        ("appendix", parts.appendix, limits.appendix_characters),
    ):
        if (length := count_characters(part)) > limit:
            raise ForgeError(
                f"the {name} has {length} characters, but the forge allows only {limit}; hint: shorten the template"
            )


def count_characters(text: str) -> int:
    """Return the length of a text in UTF-16 code units, which is the largest length that any forge computes."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
