"""Shell words of a Dockerfile, compared with a port of BuildKit's lexer, and the limits of their expansion."""

from __future__ import annotations

import pytest
from e2b_dockerfile_utils.lexer import ShellLex
from hypothesis import assume, given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.dockerfile.expansion import MAX_LENGTH, MAX_PARTS, MAX_STEPS, VariableEffect, WordError
from bot.formats._syntax.dockerfile.lexer import read_instructions
from bot.formats._syntax.dockerfile.reader import build_global_scope
from bot.formats._syntax.dockerfile.words import MAX_NESTING, expand_word
from bot.formats.dockerfile import FORMAT
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

VALUES = {"V": "1.20-a", "W": "a", "E": "", "U_1": "a.a-b/a"}
PIECES = [
    *(
        "$",
        "$V",
        "$W",
        "$E",
        "$NONE",
        "${V}",
        "${U_1}",
        "${NONE}",
        "{",
        "}",
        "a",
        "1",
        "20",
        ".",
        "-",
        "/",
        ":",
        "+",
        "?",
    ),
    *('"', "'", "\\", "`", "*", "#", "%", "=", "${", "${V", "${W:-", "${NONE:-", "${E:+", "${NONE+", "${E-", "${V:?"),
    *(
        "${V%",
        "${V%%",
        "${U_1#",
        "${U_1##",
        "${U_1/",
        "${U_1//",
        "${V%-*}",
        "${U_1//a/b}",
        "${V/1.2?/}",
        "\\}",
        "\\/",
        "é",
    ),
]


def words_of(text, escape):
    """Return the instruction `FROM text`, and the scope that gives it VALUES."""
    defaults = "\n".join(f"ARG {name}={value}" for name, value in VALUES.items())
    instructions = list(read_instructions(f"# escape={escape}\n{defaults}\nFROM {text}\n".encode()))
    return instructions[-1], build_global_scope(instructions[:-1], {})


def is_one_word(instruction):
    return instruction.keyword == "from" and len(instruction.words) == 1 and not instruction.flags


def expanded(instruction, scope):
    """Return the expansion of a word, or the reason why the word cannot be expanded."""
    (word,) = instruction.words
    try:
        return expand_word(instruction, word.origins[0], word.origins[-1] + 1, scope)
    except WordError as error:
        return error.reason


@given(text=st.lists(st.sampled_from(PIECES), min_size=1, max_size=10).map("".join), escape=st.sampled_from("\\`"))
def test_dockerfile_words_expand_like_in_buildkit(text, escape):
    instruction, scope = words_of(text, escape)
    assume(is_one_word(instruction))
    try:
        witness = ShellLex(escape, env=VALUES, skip_unset_env=False).process_word(instruction.words[0].value.decode())
    except ValueError:
        witness = None
    expansion = expanded(instruction, scope)
    if isinstance(expansion, Reason):
        # Go's results for empty matches and for a dollar sign in a replacement are not reproduced.
        assert witness is None or expansion is Reason.UNRESOLVED_ARGUMENT
    elif witness is None:
        assert expansion.unknown_uses  # `${NONE?}`
    else:
        assert expansion.text.decode() == witness


@pytest.mark.parametrize(
    ("word", "result"),
    [
        # V is 1.20-a, W is a, E is empty, U_1 is a.a-b/a, NONE is not set.
        *(
            ("$V", "1.20-a"),
            ("${V}x", "1.20-ax"),
            ("$Vx", ""),
            ("$", "$"),
            ("a$.", "a$."),
            ("$1$V", "1.20-a"),
            ("$@a", "a"),
        ),
        *(("\\$V", "$V"), ("a\\", "a"), ("\\'$W\\'", "'a'"), ("'$V\\'", "$V\\"), ('"$W"', "a"), ("\"'$W'\"", "'a'")),
        *(('"\\"\\$\\\\\\a"', '"$\\\\a'), ("a`b", "a`b"), ('"a`"', "a`"), ("a}/b", "a}/b"), ("<<<a", "<<<a")),
        *(("${V:-x}", "1.20-a"), ("${E:-x}", "x"), ("${E-x}", ""), ("${NONE-x}", "x"), ("${NONE:-${W}}", "a")),
        *(("${V:+x}", "x"), ("${E:+x}", ""), ("${E+x}", "x"), ("${NONE+x}", ""), ("${NONE:+x}", ""), ("${V+$W}", "a")),
        *(("${V:?x}", "1.20-a"), ("${E?x}", ""), ('${NONE:-"}\'"}', "}'"), ("${NONE:-\\}}", "}"), ("${+x}", "")),
        *(
            ("${U_1#*a}", ".a-b/a"),
            ("${U_1##*a}", ""),
            ("${U_1%a*}", "a.a-b/"),
            ("${U_1%%.*}", "a"),
            ("${U_1#b}", "a.a-b/a"),
        ),
        *(
            ("${V#?}", ".20-a"),
            ("${V%-?}", "1.20"),
            ("${V%\\*}", "1.20-a"),
            ("${V##$W}", "1.20-a"),
            ("${V%$W}", "1.20-"),
        ),
        *(("${U_1/a/x}", "x.a-b/a"), ("${U_1//a/x}", "x.x-b/x"), ("${U_1/\\//x}", "a.a-bxa"), ("${U_1/a*b/}", "/a")),
        *(("${U_1/z/x}", "a.a-b/a"), ("${U_1//?a/}", "a-b"), ("${W/*/x}", "x"), ("${W//a/}", ""), ('${W/"a"/x}', "x")),
        *(
            ('${NONE#"\\x"}', ""),
            ('${V#"1\\"."}', None),
            ("${V%\\x}", None),
            ("${V//*/x}", None),
            ("${V/1/$}", "$.20-a"),
        ),
        *(
            (broken, None)
            for broken in ("${", "${}", "${{V}}", "${:V}", "${V", "${V:x}", "${V:#x}", "${V!}", "${V:-", "'", '"')
        ),
        *(
            (broken, None)
            for broken in ("${V/a}", "${V/a", '"${V', '"\\', "${NONE?x}", "${NONE:?x}", "${E:?x}", "${V-'}")
        ),
    ],
)
def test_dockerfile_words_expand_to_expected_texts(word, result):
    instruction, scope = words_of(word, "\\")
    try:
        witness = ShellLex("\\", env=VALUES, skip_unset_env=False).process_word(word)
    except ValueError:
        witness = None
    assert witness == result or word == "${V//*/x}"
    expansion = expanded(instruction, scope)
    if result is None:
        assert isinstance(expansion, Reason) or expansion.unknown_uses
    else:
        assert expansion.text.decode() == result


@given(text=st.lists(st.sampled_from(PIECES), min_size=1, max_size=10).map("".join), escape=st.sampled_from("\\`"))
def test_expanded_dockerfile_words_keep_exact_positions_in_file(text, escape):
    instruction, scope = words_of(text, escape)
    assume(is_one_word(instruction))
    content = instruction.text  # there is a single line, so only its offset in the file has to be subtracted
    start = instruction.pieces[0].file_start
    expansion = expanded(instruction, scope)
    assume(not isinstance(expansion, Reason))
    for run in expansion.runs:
        if run.file_start is not None and run.argument_index is None:
            assert content[run.file_start - start :].startswith(run.text)
    for use in expansion.uses:
        assert 0 <= use.start <= use.end <= len(expansion.text)
        if use.effect is VariableEffect.VALUE and use.argument_index is not None:
            assert expansion.text[use.start : use.end].decode() == VALUES[use.name.decode()]


def found_in(text):
    return list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode())))


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [
        ("nesting", "FROM " + "${a:-" * (MAX_NESTING + 1) + "x" + "}" * (MAX_NESTING + 1), Reason.UNRESOLVED_ARGUMENT),
        ("length", f"ARG A={'a' * MAX_LENGTH}\nFROM ${{A}}a", Reason.UNRESOLVED_ARGUMENT),
        ("runs", "FROM " + "\\a" * (MAX_PARTS + 1), Reason.UNRESOLVED_ARGUMENT),
        ("uses", "ARG A=\nFROM a" + "$A" * (MAX_PARTS + 1), Reason.UNRESOLVED_ARGUMENT),
        ("escapes in a flag", "COPY --from=" + "\\a" * (MAX_PARTS + 1) + " a b", Reason.MALFORMED),
    ],
)
def test_image_with_argument_expansion_beyond_a_limit_is_unsupported(limit, text, reason):
    (found,) = found_in(text)
    assert isinstance(found, UnsupportedText), limit
    assert found.reason is reason


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("nesting", "FROM " + "${a:-" * MAX_NESTING + "x" + "}" * MAX_NESTING),
        ("runs", "FROM " + "\\a" * (MAX_PARTS - 1)),
        ("uses", "ARG A=\nFROM a" + "$A" * MAX_PARTS),
    ],
)
def test_image_with_argument_expansion_at_a_limit_is_read(limit, text):
    (found,) = found_in(text)
    assert isinstance(found, Reference), limit


@pytest.mark.parametrize(
    "content",
    [
        # Exponential expansion, as in the "billion laughs" attack.
        "ARG A0=aaaaaaaaaa\n" + "".join(f"ARG A{n + 1}={f'$A{n}' * 10}\n" for n in range(30)) + "FROM $A30\n",
        # Every word uses as many steps as it may.
        f"ARG A={'a' * 2000}\n" + f"FROM ${{A/{'*a' * 500}b/}}\n" * 750,
        f"ARG A={'?a' * 30}\nARG B={'a' * 1000}\n" + "FROM ${B%%$A$A}\n" * 10_000,
        "ARG A=a\n" + "FROM " + "$A" * 60 + "\n" + f"FROM {'$A' * 60}\n" * 5_000,
        # Long chains of arguments, and names that are used everywhere.
        "ARG A0=a\n" + "".join(f"ARG A{n + 1}=$A{n}\n" for n in range(2_500)) + "FROM $A2500\n",
        "ARG A=a\n" + "FROM $A\nARG A\n" * 5_000,
        # Stage names that any platform may produce.
        "".join(f"FROM a AS x{n}y\nFROM x$TARGETARCH-$TARGETOS-z\n" for n in range(5_000)),
        "FROM a AS b\n" * 10_000,
        # A single line, a single word, a quote that is never closed.
        "FROM " + '"' * 100_000,
        "FROM " + "\\\n" * 100_000 + "a",
        "FROM " + "a\\\n" * 100_000,
        "ARG " + "a=b " * 50_000 + "\nFROM $a",
        "ARG " + '"\\' * 100_000,
        "FROM " + "${a:-" * 50_000,
        "# syntax=" + " " * 150_000 + "a",
        "{" * 150_000,
        '{"syntax": ' * 25_000,
    ],
    ids=range(17),
)
def test_hostile_dockerfile_expansions_are_read_fast(content):
    with soon(2.5):
        found_in(content)


def test_plain_images_are_read_after_expansion_steps_of_dockerfile_are_used_up():
    costly = "${A%" + "?" * (MAX_STEPS // 2_000) + "}"
    *found, last = found_in(f"ARG A={'a' * 2_000}\nARG B=3.20\nFROM {costly}\nFROM alpine:$B\nFROM alpine:3.20\n")
    assert [each.reason for each in found] == [Reason.UNRESOLVED_ARGUMENT] * 2
    assert isinstance(last, Reference)
