"""Dockerfiles: instructions and their flags, compared with BuildKit's own parser."""

from __future__ import annotations

import dockerfile as buildkit
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.dockerfile.heredocs import MAX_NESTING, find_heredocs
from bot.formats._syntax.dockerfile.lexer import MAX_LINE_BYTES, read_instructions
from bot.formats.dockerfile import FORMAT, MAX_LINES
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

BREAKS = st.sampled_from(["\n", "\n", "\n", "\r\n"])
BLANKS = st.sampled_from([" ", " ", "\t", "  ", "\v", "\f "])
WORDS = st.sampled_from(
    [
        *(
            "a",
            "alpine:3",
            "FROM",
            "#",
            "# x",
            "ü",
            "a\\",
            "\\\\",
            "`",
            "``",
            "'",
            '"',
            "'a b'",
            '"a b"',
            "$X",
            "${X:-a b}",
        ),
        *(
            "<<EOF",
            "<<-EOF",
            "<<'EOF'",
            '<<"E F"',
            "3<<EOF",
            "<<<EOF",
            "<<EOF>x",
            "a<<EOF",
            "$((1<<3))",
        ),
        *('["a', "[1]", "${", "${}", "${x+<<EOF}", "\\'", "<<\\EOF", "<<E'O'F", "&&", "\u00a0"),
    ]
)
FLAGS = st.sampled_from(
    [
        *("--from=x", "--from='x y'", '--from="x y"', "--mount=type=bind,from=x", '--mount="a=b c",from=x', "--link"),
        *(
            "--",
            "---",
            "-a",
            '"--from=x"',
            "--from=",
            "--fr'o'm=x",
            "--chown=ü",
            "--a=à",
            "--a='",
        ),
    ]
)
KEYWORDS = st.sampled_from(
    ["FROM", "from", "RUN", "Run", "COPY", "ADD", "ONBUILD RUN", "ONBUILD COPY", "CMD", "NOTHING"]
)
CONTINUATIONS = st.sampled_from(["\\", "\\ ", "\\\t", "`", "` ", "\\\\", "``", "\\\v"])
BETWEEN = st.sampled_from(["", "# comment", "  # comment \\", "\t", "#escape=`", "#syntax=x", "# escape=\\", "#"])
BODIES = st.sampled_from(
    ["EOF", "\tEOF", " EOF", "E F", "EOF ", "3", "FROM evil", "RUN <<EOF", "", "EOF>x", "RUN a \\"]
)


@st.composite
def instructions(draw):
    text = draw(st.sampled_from(["", "", " ", "\t"])) + draw(KEYWORDS)
    for part in draw(st.lists(FLAGS, max_size=2)) + draw(st.lists(WORDS, max_size=4)):
        text += draw(BLANKS)
        if draw(st.integers(0, 4)) == 0:
            text += draw(CONTINUATIONS) + draw(BREAKS)
            if draw(st.booleans()):
                text += draw(BETWEEN) + draw(BREAKS)
        text += part
    return text


@st.composite
def files(draw):
    lines = draw(st.lists(BETWEEN, max_size=3))
    for instruction in draw(st.lists(instructions(), min_size=1, max_size=5)):
        lines.append(instruction)
        lines += draw(st.lists(BODIES | BETWEEN, max_size=3))
        # Close every heredoc that may be open, because otherwise BuildKit would reject most files.
        lines += ["EOF", "E F", "3", "EOF"] if "<<" in instruction else []
    text = "".join(line + draw(BREAKS) for line in lines)
    return draw(st.sampled_from(["", "", "\ufeff"])) + text[: draw(st.sampled_from([len(text), len(text), -1, -2]))]


@given(text=files())
def test_dockerfile_instructions_match_those_of_buildkit_parser(text):
    try:
        witness = buildkit.parse_string(text)
    except buildkit.GoParseError:
        reject()
    read = list(read_instructions(text.encode()))
    # BuildKit reads flags byte by byte. In flags, the release that is used here supports only one escape character.
    has_one_escape = all(instruction.escape == ord("\\") for instruction in read)
    ours = [
        (
            instruction.keyword,
            instruction.pieces[0].line_number,
            instruction.text.decode(),
            tuple(flag.value.decode("latin-1") for flag in instruction.flags) if has_one_escape else (),
        )
        for instruction in read
    ]
    theirs = [
        (
            (command.cmd or "").lower(),
            command.start_line,
            (command.original or "").partition("\n")[0].rstrip(),
            command.flags if has_one_escape else (),
        )
        for command in witness
    ]
    assert ours == theirs


@given(text=files())
def test_dockerfile_instruction_pieces_have_exact_positions(text):
    content = text.encode()
    for instruction in read_instructions(content):
        ends = [*(piece.start for piece in instruction.pieces[1:]), len(instruction.text)]
        for piece, end in zip(instruction.pieces, ends, strict=True):
            here = instruction.text[piece.start : end]
            assert content[piece.file_start : piece.file_start + len(here)] == here
            assert content.count(b"\n", 0, piece.file_start) + 1 == piece.line_number


@pytest.mark.parametrize(
    "path",
    [
        *(
            "Dockerfile",
            "a/b/Dockerfile",
            "Dockerfile.prod",
            "a/Dockerfile.alpine-3.20",
            "web.Dockerfile",
            "web.dockerfile",
        ),
        *("Containerfile", "Containerfile.ci", "Dockerfile.template", "a b/Dockerfile", "Dockerfile.Dockerfile"),
        *("Dockerfile-windows", "Dockerfile_dev", "Dockerfile1", "Dockerfile-base.agent2", "Dockerfile.go"),
        *("dockerfile", "dockerfile.dev", "DockerfileAlpine", "containerfile", "web.containerfile"),
        *("Dockerfile.j2", "Dockerfile.J2", "Dockerfile-linux.tmpl", "Dockerfile.tpl", "web.Dockerfile.template"),
    ],
)
def test_dockerfiles_are_selected_by_name(path):
    assert FORMAT.select_paths(index_paths([FilePath(path)])) == [path]


@pytest.mark.parametrize(
    "path",
    [
        *("DOCKERFILE", "Dockerfile.dockerignore", "Dockerfile.md", "Dockerfile-dev.md", "Dockerfile_build.sh"),
        *("MyDockerfile", "Dockerfile/README", ".dockerfile", "Dockerfile.py", "Dockerfile_test.go", "dockerfile.go"),
        *("docker-compose.yml", "web.DOCKERFILE", "Dockerfile~", "Containerfile.md", "DockerfileHelper.cs"),
    ],
)
def test_files_resembling_dockerfile_names_are_not_selected(path):
    assert FORMAT.select_paths(index_paths([FilePath(path)])) == []


@pytest.mark.parametrize("escape", ["\\", "`"])
def test_escape_character_set_by_dockerfile_applies_in_flags(escape):
    text = f"# escape={escape}\nRUN --a=b{escape} c --d='e{escape}'f' --g={escape}{escape}h true\n"
    (instruction,) = read_instructions(text.encode())
    assert [flag.value.decode() for flag in instruction.flags] == ["--a=b c", "--d=e'f", f"--g={escape}h"]


def test_from_instruction_is_split_at_vertical_tabs_and_form_feeds():
    (found,) = FORMAT.extract(SourceFile(FilePath("Dockerfile"), b"FROM\x0b\x0calpine:3.20\x0bAS\x0cone"))
    assert found.written == "alpine:3.20"


@pytest.mark.parametrize(
    ("line", "terminators"),
    [
        ("RUN cat <<A <<-B 3<<C", ["A", "B", "C"]),
        ("RUN cat <<'A B' <<\"C D\" <<E\\ F <<G'H'", ["A B", "C D", "E F", "GH"]),
        ("RUN cat << A <<\t-B <<- C", ["A", "-B"]),
        ('RUN "<<A" \'<<B\' \\<<C x<<D <<<E <<"" <<', []),
        ('RUN "a $X ${X:-"<<Y"} \\" \\$" <<A', ["A"]),
        ("RUN $X $ $1 $@ ${X} ${X:-<<Y} ${X+a b} ${X?'}'} <<A", ["A"]),
        ("RUN ${X#a} ${X%%${Y:-b}} ${X/a/b} ${X//<<a/$b} ${X:x} <<A", ["A"]),
        ("RUN ${X-a <<B} <<A", ["B}", "A"]),
        *(
            (f"RUN {broken} <<A", [])
            for broken in ("'", '"', '"\\', "${", "${}", "${:a}", "${{a}}", "${X", "${X.}", "${X:#a}")
        ),
        *((f"RUN {broken} <<A", []) for broken in ("${X/a}", "${X/a", "${X-'}", '"${X"', "${X-${Y}")),
        ("RUN cat <<'A", []),
    ],
)
def test_heredoc_terminators_match_those_of_buildkit(line, terminators):
    assert [heredoc.terminator.decode() for heredoc in find_heredocs(line.encode())] == terminators


def test_shift_operator_in_run_does_not_start_a_heredoc():
    content = (
        b"FROM alpine:3.20\nRUN echo $((1 << 3))\nFROM golang:1.23\nRUN cat << EOF\nFROM evil:1\nEOF\nFROM node:22\n"
    )
    found = FORMAT.extract(SourceFile(FilePath("Dockerfile"), content))
    assert [each.written for each in found] == ["alpine:3.20", "golang:1.23", "node:22"]


def test_dockerfile_with_many_shift_operators_is_read_fast():
    shifts = "".join(f"RUN echo $((1 << {number}))\n" for number in range(5_000))
    with soon(3):
        found = list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), f"{shifts}FROM alpine:3.20\n".encode())))
    assert [each.written for each in found] == ["alpine:3.20"]


def test_heredoc_after_too_deeply_nested_substitutions_is_not_found():
    word = "${a:-" * (MAX_NESTING + 1) + "}" * (MAX_NESTING + 1)
    assert find_heredocs(f"RUN {word} <<EOF".encode()) == ()
    assert len(find_heredocs(f"RUN {word[5:-1]} <<EOF".encode())) == 1


@pytest.mark.parametrize("text", ["${a:-" * 50_000, '"${a:-' * 9_000, "<<" * 30_000, "'" * 60_001, "[" * 60_001])
def test_hostile_dockerfile_lines_are_read_fast(text):
    content = f"RUN {text} <<EOF\nCMD x\nFROM alpine:3.20\n".encode()
    (found,) = list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), content))) or [None]
    if len(text) > MAX_LINE_BYTES:
        assert found == UnsupportedText(FilePath("Dockerfile"), 1, found.text, Reason.UNPARSABLE)
    else:
        assert found is None or found.locator == "stage[0]"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_dockerfile_is_unparsable(encoding):
    content = "\ufeffFROM alpine:3.20\n".encode(encoding)
    (found,) = FORMAT.extract(SourceFile(FilePath("Dockerfile"), content))
    assert isinstance(found, UnsupportedText)
    assert found.reason is Reason.UNPARSABLE


def test_dockerfile_of_eight_megabytes_is_refused_fast():
    with soon(0.5):
        (found,) = FORMAT.extract(SourceFile(FilePath("Dockerfile"), b"FROM a\n" * 1_100_000))
    assert isinstance(found, UnsupportedText)
    assert found.reason is Reason.TOO_LARGE


def test_dockerfile_with_maximum_number_of_lines_is_read():
    found = list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), b"#\n" * (MAX_LINES - 1) + b"FROM a:1\n")))
    assert [each.line_number for each in found] == [MAX_LINES]
