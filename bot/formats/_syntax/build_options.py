"""The options of `docker build` and of builders with similar options, such as kaniko."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.model.cross_file import BuildArgument, InterpolatedText, LiteralText, VariableUse

BuildOptions = Sequence[tuple[str, str]]
"""Options and their values, in the order of the command. The build context has an empty option name."""

_SWITCHES = frozenset(
    {"--no-cache", "--pull", "--quiet", "-q", "--rm", "--force-rm", "--squash", "--compress", "--load", "--push"}
)
"""Options of `docker build` that take no value. Every other option takes the next word as its value."""
_ARGUMENT_OPTION = "--build-arg"


def parse_build_options(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a build command as (name, value), such as (`-f`, `app/Dockerfile`).

    The build context is yielded with an empty name. Options without a value, such as `--pull`, are left out.
    """
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            yield "", word
        elif equals:
            yield option, value
        elif word not in _SWITCHES:
            yield word, next(rest, "")


def list_build_arguments(options: BuildOptions, line_number: int) -> tuple[BuildArgument, ...]:
    """Return the build arguments that the options set. An argument without a value is an environment variable."""
    return tuple(
        BuildArgument(name, line_number, parse_option_text(text) if equals else (VariableUse(name),))
        for option, value in options
        if option == _ARGUMENT_OPTION
        for name, equals, text in [value.partition("=")]
    )


def parse_option_text(text: str) -> InterpolatedText:
    """Return a text. If it contains a `$`, it depends on a variable, which nothing in the repository sets."""
    if not text:
        return ()
    return (VariableUse(text.replace("$", "").strip("{}")),) if "$" in text else (LiteralText(text, None),)
