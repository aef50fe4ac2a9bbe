"""Renovate's string patterns, which are globs in the syntax of minimatch, or regular expressions between slashes.

https://docs.renovatebot.com/string-pattern-matching/. The expressions are matched with RE2, which Renovate uses, too.
If this module does not support the syntax of a pattern, the result of a match is None (uncertain).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import re2

from bot.core.budgets import TreeBudget

MAX_LENGTH = 1_000
"""Limit for the characters of a pattern. Patterns in public configs have a few dozen."""
MAX_GLOBS = 100
"""Limit for the globs to which the braces of one glob expand."""

MAX_MEMORY = 512 * 1024
"""Limit for the bytes that RE2 uses for one pattern. A pattern of MAX_LENGTH characters needs 200 kB. A pattern whose
repetitions need more, such as `(.{100}){100}`, is not supported."""

INSTRUCTIONS_PER_STEP = 4
"""The number of RE2 instructions whose compilation takes as long as one step of the tree's budget."""
MAX_UNSUPPORTED_SIZE = 2_000
"""The number of instructions that a pattern counts if RE2 does not support it. Most such patterns fail at once."""

_LITERAL_GLOB = re.compile(r"[@\w][@\w./:-]*")
_GLOB_PART = re.compile(
    r"""(?P<extended>[!?*+@]\()
    |(?P<folders>(?:(?<=/)|^)\*\*/)
    |(?P<anything>(?:(?<=/)|^)\*\*$)
    |(?P<run>\*+)
    |(?P<one>\?)
    |\[(?P<negation>[!^]?)(?P<set>(?:[^\]\[\\]|\\[^\w])+)\]
    |(?P<unsupported>\[|\\$)
    |\\?(?P<literal>.)""",
    re.VERBOSE | re.DOTALL,
)


class UnsupportedPatternError(Exception):
    """Raised if a glob uses syntax that this module cannot translate to a regular expression."""


class PatternMatcher:
    """Matches the patterns of one config. The matches and the compiled patterns are subtracted from a budget."""

    def __init__(self, tree_budget: TreeBudget, subject: str) -> None:
        """Take the budget, and the path of the config, which is the subject of the budget's errors."""
        self._budget = tree_budget
        self._subject = subject
        self._expressions: dict[str, Any] = {}
        """The compiled patterns; None if the syntax of a pattern is not supported."""

    def is_list_match(self, patterns: Iterable[str], value: str) -> bool | None:
        """Return True if `value` matches a list of patterns. Patterns that start with `!` exclude values.

        - If there are patterns without `!`, the value must match at least one of them.
        - The value must not match the rest of a pattern that starts with `!`.

        An empty list matches nothing. Return None (uncertain) if the result depends on a pattern that is not supported.

        Raises:
            WorkLimitError: If the budget is exceeded.
        """
        positive_results: list[bool | None] = []
        negative_results: list[bool | None] = []
        for pattern in patterns:
            is_negative = pattern.startswith("!")
            (negative_results if is_negative else positive_results).append(
                self.is_match(pattern[1 : MAX_LENGTH + 2] if is_negative else pattern, value)
            )
        if True in negative_results or (positive_results and set(positive_results) == {False}):
            return False
        return (
            None
            if None in negative_results or (positive_results and True not in positive_results)
            else bool(positive_results or negative_results)
        )

    def is_match(self, pattern: str, value: str) -> bool | None:
        """Return True if `value` matches a single pattern, which does not start with `!`.

        Return None if the syntax of the pattern is not supported. A glob must match the whole value, and ignores case.
        For a regular expression, it is enough to match a part of the value.

        Raises:
            WorkLimitError: If the budget is exceeded.
        """
        if len(pattern) > MAX_LENGTH:
            self._budget.spend_steps(1, self._subject)
            return None
        if pattern == "*" or _LITERAL_GLOB.fullmatch(pattern):
            self._budget.spend_steps(1, self._subject)
            return pattern == "*" or pattern.lower() == value.lower()
        expression = self._compile(pattern)
        self._budget.spend_comparison(0 if expression is None else expression.programsize, value, self._subject)
        if expression is None:
            return None
        return expression.search(value.encode("utf-8", "surrogatepass")) is not None

    def can_match_any(self, patterns: Iterable[str], value: str) -> bool:
        """Return True if one of the patterns matches `value`, or if it is uncertain whether one matches."""
        return any(self.is_list_match([pattern], value) is not False for pattern in patterns)

    def match_all_spellings(self, patterns: Sequence[str] | None, values: Iterable[str]) -> bool | None:
        """Match `patterns` against several spellings of the same value, such as `library/nginx` and `nginx`.

        - If all spellings match, or if `patterns` is None (no condition), return True.
        - If none of the spellings matches, return False.
        - If only some of them match, if basebump does not support a pattern, or if there are no spellings, return None
          (uncertain).
        """
        if patterns is None:
            return True
        answers = {self.is_list_match(patterns, value) for value in values}
        return answers.pop() if len(answers) == 1 else None

    def match_any_value(self, patterns: Sequence[str] | None, values: Iterable[str]) -> bool | None:
        """Return True if `patterns` match at least one of `values`, and False if they match none of them.

        Return None (uncertain) if no value certainly matches, but a value may match because basebump does not support a
        pattern. If `patterns` is None, the config states no condition. The result is then True.
        """
        if patterns is None:
            return True
        answers = {self.is_list_match(patterns, value) for value in values}
        return True if True in answers else (None if None in answers else False)

    def _compile(self, pattern: str) -> Any:  # google-re2 has no types
        if pattern not in self._expressions:
            self._budget.spend_pattern(pattern, self._subject)
            expression = _compile_pattern(pattern)
            size = MAX_UNSUPPORTED_SIZE if expression is None else expression.programsize
            self._budget.spend_steps(size // INSTRUCTIONS_PER_STEP, self._subject)
            self._expressions[pattern] = expression
        return self._expressions[pattern]


def _compile_pattern(pattern: str) -> Any:
    """Compile a pattern to RE2. Return None if its syntax is not supported, or if it needs more than MAX_MEMORY."""
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        if pattern.startswith("/") and pattern.endswith(("/", "/i")) and len(pattern) > 1:
            options.case_sensitive = pattern.endswith("/")
            source = pattern[1 : pattern.rindex("/")]
        else:
            options.case_sensitive = False
            options.dot_nl = True
            globs = (_translate_glob(glob) for glob in expand_braces(pattern))
            source = f"^(?:{'|'.join(globs)})$"
        return re2.compile(source.encode("utf-8", "surrogatepass"), options)
    except (UnsupportedPatternError, re2.error):
        return None


def _translate_glob(glob: str) -> str:
    """Return the regular expression for a glob without braces.

    Raises UnsupportedPatternError if the syntax is not supported.
    """
    return "".join(_translate_part(part) for part in _GLOB_PART.finditer(glob))


def _translate_part(part: re.Match[str]) -> str:
    match part.lastgroup:
        case "folders":
            return "(?:.*/)?"
        case "anything":
            return ".*"
        case "run":
            return "[^/]*"
        case "one":
            return "[^/]"
        case "set":
            return f"[{'^' if part['negation'] else ''}{part['set']}]"
        case "literal":
            return str(re2.escape(part["literal"]))
        case _:
            raise UnsupportedPatternError


def expand_braces(glob: str) -> list[str]:
    """Return the globs that a glob with braces stands for.

    Raises UnsupportedPatternError if the braces contain no alternatives.

    For example, `a.{js,ts}` stands for `a.js` and `a.ts`.
    """
    expanded: list[str] = []
    pending = [glob]
    while pending:
        if len(expanded) + len(pending) > MAX_GLOBS:
            raise UnsupportedPatternError
        first = pending.pop()
        start = first.find("{")
        if start < 0:
            expanded.append(first)
            continue
        options, end = _split_options(first, start)
        pending += [first[:start] + option + first[end:] for option in options]
    return expanded


def _split_options(glob: str, start: int) -> tuple[list[str], int]:
    """Return the alternatives in the braces that begin at `start`, and the index after the closing brace.

    For `a.{js,ts}`, the alternatives are `js` and `ts`. Raises UnsupportedPatternError if the braces contain no
    alternatives, for example a range of numbers.
    """
    options, depth, begin = [], 0, start + 1
    for index in range(start, len(glob)):
        match glob[index]:
            case "{":
                depth += 1
            case "," if depth == 1:
                options.append(glob[begin:index])
                begin = index + 1
            case "}":
                depth -= 1
                if not depth and options:
                    return [*options, glob[begin:index]], index + 1
                if not depth:
                    break
            case "\\":
                break
    raise UnsupportedPatternError  # the brace is a range of numbers, or is literal
