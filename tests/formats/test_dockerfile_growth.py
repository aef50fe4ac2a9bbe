"""Dockerfiles: reading takes steps and memory in proportion to the size of the file."""

from __future__ import annotations

import dockerfile as buildkit
import pytest
from support.steps import assert_linear, count_calls, measure_peak

from bot.formats._syntax.dockerfile import reader
from bot.formats._syntax.dockerfile.heredocs import MAX_HEREDOCS, find_heredocs
from bot.formats._syntax.dockerfile.lexer import MAX_FLAGS, MAX_LINE_BYTES
from bot.formats.dockerfile import FORMAT
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason


def read(content):
    return list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), content.encode())))


def fold(text):
    """Return `text` as several lines, each of which BuildKit accepts, that are continued with a backslash."""
    return "\\\n".join(text[start : start + 60_000] for start in range(0, len(text), 60_000))


def test_dockerfile_lines_too_long_for_buildkit_are_unparsable():
    longest = f"FROM {'a' * (MAX_LINE_BYTES - len('FROM '))}"
    assert buildkit.parse_string(longest)
    assert [each.line_number for each in read(f"FROM a:1\n{longest}\nFROM b:1")] == [1, 2, 3]
    with pytest.raises(buildkit.GoParseError):
        buildkit.parse_string(f"{longest}a")
    assert [(each.line_number, each.reason) for each in read(f"FROM a:1\n{longest}a")] == [(2, Reason.UNPARSABLE)]


@pytest.mark.parametrize(
    "word",
    ["<<E", "a<<E ", "a ", "\\a", '"a"', "${a:-b}", '${a:-"b"}', "${a/b/c}", "$a ", "a<", ' "$a"', '"\\a"', '"$', "$ "],
)
@pytest.mark.parametrize("start", ["RUN <<E ", "RUN <<"])
def test_heredocs_are_found_in_linear_time(start, word):
    assert_linear(lambda size: find_heredocs((start + word * size).encode()), 500)


def test_instruction_with_too_many_heredocs_is_refused():
    assert read("FROM a:1\nRUN " + "<<E " * MAX_HEREDOCS + "\nE\n" * MAX_HEREDOCS) != []
    (found,) = read("FROM a:1\nRUN " + "<<E " * (MAX_HEREDOCS + 1))
    assert (found.line_number, found.reason) == (2, Reason.TOO_LARGE)


def test_instruction_with_too_many_flags_is_refused_before_any_is_parsed():
    content = "FROM a:1\nRUN " + fold("--mount=from= " * (MAX_FLAGS + 1))
    assert count_calls(lambda: read(content)) < 1_000
    (found,) = read(content)
    assert (found.line_number, found.reason) == (len(content.splitlines()), Reason.TOO_LARGE)


def test_instruction_with_too_many_images_in_flags_is_refused_early(monkeypatch):
    monkeypatch.setattr(reader, "MAX_FILE_REFERENCES", 100)

    def extract(count):
        return read("FROM a:1\nRUN " + "--mount=from=b:1 " * count)

    assert len(extract(99)) == 100
    assert extract(100) == [UnsupportedText(FilePath("Dockerfile"), 1, "", Reason.TOO_LARGE)]
    assert count_calls(lambda: extract(1_000)) < 5 * count_calls(lambda: extract(100))


def test_memory_for_reading_a_from_instruction_grows_linearly_with_words():
    def measure(count):
        return measure_peak(lambda: read("FROM " + fold("a " * count)))

    assert measure(400_000) - measure(200_000) < 20 * 400_000


def test_memory_for_reading_a_flag_grows_linearly_with_number_of_escapes():
    def measure(count):
        return measure_peak(lambda: read("FROM a\nRUN --mount=from=" + fold("`a" * count)))

    assert measure(200_000) - measure(100_000) < 100 * 100_000


def test_heredoc_search_skips_many_quoted_variables_with_few_calls():
    instruction = b"RUN <<E " + b'"$a"' * 10_000
    assert [heredoc.terminator for heredoc in find_heredocs(instruction)] == [b"E"]
    assert count_calls(lambda: find_heredocs(instruction)) < 1_000


def test_dockerfile_with_too_many_argument_defaults_is_refused():
    arguments = fold("a=b " * 60_000)
    (image,) = read(f"ARG {arguments}\nFROM a\n")
    assert not isinstance(image, UnsupportedText)
    (unsupported,) = read(f"ARG {arguments}\nARG {arguments}\nFROM a\n")
    assert unsupported.reason is Reason.TOO_LARGE
