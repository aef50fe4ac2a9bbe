"""The limits and errors of the YAML in config files."""

from __future__ import annotations

import re

import pytest
from support.soon import soon

from bot.model.errors import ConfigError
from bot.settings import load
from bot.settings.reading.yaml_file import MAX_BYTES, MAX_DEPTH


@pytest.fixture
def refusal(tmp_path):
    """Return the error message for a file with these bytes."""

    def _refusal(content: bytes) -> str:
        path = tmp_path / "basebump.yaml"
        path.write_bytes(content)
        with pytest.raises(ConfigError) as raised:
            load(path, requires_forges=False)
        (problem,) = raised.value.problems
        return str(problem)

    return _refusal


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "mapping"),
        (b"# nothing\n", "mapping"),
        (b"- schema: 1\n", "mapping"),
        (b"schema 1\n", "mapping"),
        (b"schema: 1\nown: [\n", "line 3: the file is not valid YAML"),
        (b"schema: 1\nown: 'x\n", "line 3: the file is not valid YAML"),
        (b"schema: 1\n\town: []\n", "line 2: the file is not valid YAML"),
        (b"schema: 1\nown: *nobody\n", "line 2: the file is not valid YAML"),
        (b"schema: 1\n---\nschema: 1\n", "line 2: the file is not valid YAML"),
        (b"schema: 1\nown: !!python/object/apply:os.getcwd []\n", "line 2: the file is not valid YAML"),
        (b"schema: 1\nown: !secret x\n", "line 2: the file is not valid YAML"),
        (b"schema: 1\n<<: 3\n", "line 2: the file is not valid YAML"),
        (b"schema: 1\nown: 2026-13-45\n", "line 2: .*number or date"),
        (b"schema: 1\nown: !!int one\n", "line 2: .*number or date"),
        (b"schema: 1\nown: !!int ''\n", "line 2: the value is not a valid int"),
        (b"schema: 1\nown: [!!bool x]\n", "line 2: the value is not a valid bool"),
        (b"schema: 1\nown: !!timestamp x\n", "line 2: the value is not a valid timestamp"),
        (b'schema: 1\nown: "\\UFFFFFFFF"\n', "line 2: .*escape"),
        (b'schema: 1\nown: "\\U00110000"\n', "line 2: .*escape"),
        (b'schema: 1\nown: ["\\uD800"]\n', r"line 2: .*U\+D800"),
        (b'schema: 1\nstate: "sqlite:///a\\0b"\n', r"line 2: .*U\+0000"),
        (b'schema: 1\n"\\e[2J": 1\n', r"line 2: .*U\+001B"),
        (b"schema: " + b"1" * 5000, "number or date"),
        (b"schema: 1\nown: [\xff]\n", "line 2: the file is not UTF-8 text"),
        (b"schema: 1\n# \x1b[31m\n", r"line 2: .*character U\+001B"),
        (b"schema: 1\non: x\n", "line 2: .*`on`"),
        (b"schema: 1\n1: x\n", "line 2: .*`1`"),
        (b"schema: 1\n? [a]\n: x\n", "line 2: .*a list or a mapping"),
    ],
)
def test_invalid_yaml_document_is_refused_with_line_number(refusal, content, said):
    assert re.search(said, refusal(content))


def test_error_names_config_file_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(ConfigError, match="read") as raised:
            load(path, requires_forges=False)
        assert str(path) in str(raised.value)


def test_non_string_key_is_reported_together_with_other_problems(read_problems):
    problems = read_problems("own: []\non: x\nlimit: 1\npolicy: [{1: x, due: 3}]")
    assert problems.keys() == {"line 3", "line 5", "limit", "policy[0].due"}
    assert "`on` is not a string" in problems["line 3"]


def test_duplicate_key_is_reported_with_line_together_with_other_problems(read_problems):
    problems = read_problems("own: []\nproposals: {branch_prefix: a/, branch_prefix: b/}\nown: []\nlimit: 1")
    assert problems.keys() == {"line 3", "line 4", "limit"}
    assert "`branch_prefix` " in problems["line 3"]
    assert "`own` " in problems["line 4"]


def test_yaml_anchors_and_merge_keys_are_supported_in_config(read_settings):
    settings = read_settings(
        """
        own: &ours [registry.example.com/acme/**]
        policy:
          - &quiet {match: {image: *ours}, pin: false, labels: [quiet]}
          - {<<: *quiet, labels: [loud]}
        """
    )
    first, second = settings.policy
    assert first.match == second.match
    assert (first.keys["labels"], second.keys["labels"]) == (("quiet",), ("loud",))


def test_config_above_size_limit_is_refused(refusal):
    comment = b"#" * (MAX_BYTES - len(b"schema: x\n"))
    assert "must be 1" in refusal(b"schema: x\n" + comment)
    assert f"more than {MAX_BYTES} bytes" in refusal(b"schema: x\n#" + comment)


@pytest.mark.parametrize("bracket", [b"[", b"{a: ", b"- "])
def test_config_nested_deeper_than_the_limit_is_refused_fast(refusal, bracket):
    with soon(5):
        assert f"nested deeper than {MAX_DEPTH} levels" in refusal(b"own: " * (bracket != b"- ") + bracket * 40_000)


@pytest.mark.parametrize(
    "step",
    [
        "[" + ", ".join(["*{before}"] * 10) + "]",
        "{{a: *{before}, b: *{before}, c: *{before}, d: *{before}}}",
        "{{<<: [" + ", ".join(["*{before}"] * 10) + "]}}",
    ],
    ids=["lists", "mappings", "merges"],
)
def test_yaml_anchors_that_expand_exponentially_are_refused(refusal, step):
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{level}: &a{level} " + step.format(before=f"a{level - 1}") for level in range(1, 15)]
    with soon(5):
        assert "anchors" in refusal("\n".join(lines).encode())


def test_yaml_anchors_that_expand_to_deep_nesting_are_refused(refusal):
    lines = ["a0: &a0 [x]", *(f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 2000))]
    assert "anchors" in refusal("\n".join(lines).encode())


@pytest.mark.parametrize("content", [b"own: &a [*a]\n", b"own: &a {b: [*a]}\n", b"&a x: 1\nown: &b {<<: *b}\n"])
def test_yaml_anchor_that_contains_itself_is_refused(refusal, content):
    assert "contains itself" in refusal(content)
