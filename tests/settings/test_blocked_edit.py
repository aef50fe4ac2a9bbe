"""Adding an entry to the list of blocked images: one entry more, and all other bytes as they were."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.model.errors import ConfigError
from bot.settings.reading.blocked_edit import BlockRefusedError, add_blocked_entry

DIGEST = f"sha256:{'b' * 64}"
OTHER = f"sha256:{'a' * 64}"
ENTRY = {"digest": DIGEST, "reason": 'malware: "libfoo" # 3'}
ITEM = f'- digest: {DIGEST}\n  reason: "malware: \\"libfoo\\" # 3"\n'
INDENTED = f'  - digest: {DIGEST}\n    reason: "malware: \\"libfoo\\" # 3"\n'
IN_BRACES = f'{{"digest": "{DIGEST}", "reason": "malware: \\"libfoo\\" # 3"}}'


def add(text, entry=ENTRY):
    return add_blocked_entry(text.encode(), entry, "basebump.yaml").decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"schema: 1\nblocked:\n- digest: {OTHER}  # one\n  reason: x   # because\n\n# rules\npolicy: []\n",
            f"schema: 1\nblocked:\n- digest: {OTHER}  # one\n  reason: x   # because\n{ITEM}\n# rules\npolicy: []\n",
        ),
        (  # a comment belongs to the item in whose column it is
            f"schema: 1\nblocked:\n- digest: {OTHER}\n  reason: x\n  # until 1.2\n# rules\npolicy: []\n",
            f"schema: 1\nblocked:\n- digest: {OTHER}\n  reason: x\n  # until 1.2\n{ITEM}# rules\npolicy: []\n",
        ),
        (
            "schema: 1\nblocked: []   # none yet\npolicy: []\n",
            f"schema: 1\nblocked:   # none yet\n{INDENTED}policy: []\n",
        ),
        ("schema: 1", f"schema: 1\n\nblocked:\n{INDENTED}"),
        ("schema: 1\n# the end", f"schema: 1\n# the end\n\nblocked:\n{INDENTED}"),
        (
            f"schema: 1\nblocked: [{{digest: {OTHER}, reason: x}}] # end\n",
            f"schema: 1\nblocked: [{{digest: {OTHER}, reason: x}}, {IN_BRACES}] # end\n",
        ),
        ('{"schema": 1}\n', f'{{"schema": 1, "blocked": [{IN_BRACES}]}}\n'),
    ],
)
def test_blocklist_entry_is_added_in_style_of_existing_list(text, expected):
    assert add(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "schema: 1\n...\n",
        "schema: 1\r\nblocked:\r\n    - path: x\r\n",
        "\ufeffschema: 1\nblocked:\n  - path: x\n",
        "schema: 1\nblocked:\n  - digest: d\n    reason: |\n      two\n      lines\n\n\npolicy: []\n",
        "blocked:\n  -\n    path: x\n  - path: 'it''s'",
        "blocked:\n  - {path: x}\nschema: 1\n# the end",
        "schema: 1\nblocked: [\n  {path: x},\n]\n",
    ],
)
def test_adding_a_blocklist_entry_leaves_other_bytes_unchanged(text):
    edited = add(text)
    changes = difflib.ndiff(text.splitlines(keepends=True), edited.splitlines(keepends=True))
    removed = [each[2:] for each in changes if each.startswith("- ")]
    assert all(each.rstrip() in edited for each in removed)
    assert edited.count("\r\n") in (0, edited.count("\n"))
    assert add(edited).count(DIGEST) == 2


@pytest.mark.parametrize(
    "text",
    [
        "schema: 1\nblocked: none\n",
        "schema: 1\nblocked:\n",
        "schema: 1\nblocked: {digest: x}\n",
        "schema: 1\nfirst: &list\n  - path: x\nblocked: *list\n",
        "schema: 1\nmore: &more {blocked: [{path: x}]}\n<<: *more\n",
        "? schema\n: 1\n---\nsecond: 1\n",
        "[1]\n",
        "schema: [\n",
    ],
)
def test_blocklist_that_cannot_be_extended_safely_is_refused(text):
    with pytest.raises((BlockRefusedError, ConfigError)):
        add(text)


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")), min_size=1)
documents = st.fixed_dictionaries(
    {"schema": st.just(1), "policy": st.lists(words, max_size=3)},
    optional={"blocked": st.lists(st.dictionaries(words, words, max_size=3), max_size=3)},
)


@given(documents, words, st.sampled_from([None, True, False]), st.booleans())
def test_edit_adds_exactly_one_blocklist_entry_or_is_refused(document, reason, flow, is_unicode):
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=is_unicode, sort_keys=False)
    try:
        edited = add(text, {"digest": DIGEST, "reason": reason})
    except (BlockRefusedError, ConfigError):
        return
    entry = {"digest": DIGEST, "reason": reason}
    assert yaml.safe_load(edited) == {**document, "blocked": [*document.get("blocked", []), entry]}
