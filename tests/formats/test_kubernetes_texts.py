"""Texts inside manifests: they are not editable (`embedded`), and slots are exact if a rule allows edits."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.core.references.edit import apply_edits, build_edit
from bot.core.references.locking import unlock_allowed
from bot.formats._syntax.kubernetes.embedded_texts import MAX_TEXT_BYTES
from bot.formats.kubernetes import FORMAT
from bot.model.image_name import Digest
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile
from bot.model.vocabulary import Reason

PATH = FilePath("config.yaml")
DIGEST = Digest(f"sha256:{'b' * 64}")
POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: nginx:1.27\n    - image: 'redis:7'\n"


def read(content):
    found = list(FORMAT.extract(SourceFile(PATH, content)))
    assert all(isinstance(each, Reference) for each in found)
    return found


def config_map(text, header="|"):
    lines = "".join(f"    {line}\n" if line else "\n" for line in text.split("\n"))
    return f"apiVersion: v1\nkind: ConfigMap\ndata:\n  größe: x\n  pod.yaml: {header}\n{lines}".encode()


def moved(content, reasons=(Reason.EMBEDDED,)):
    """Return `content` with a new digest in every slot that a rule can unlock."""
    opened = [unlock_allowed(each, reasons).digest_slot for each in read(content)]
    return apply_edits(content, [build_edit(slot, DIGEST) for slot in opened if isinstance(slot, EditSlot)])


def test_image_in_manifest_embedded_in_config_map_is_not_editable():
    digests = [found.digest_slot for found in read(config_map(POD))]
    assert all(isinstance(each, NotEditable) for each in digests)
    assert [each.reason for each in digests] == [Reason.EMBEDDED] * 2


def test_rule_that_allows_embedded_manifests_makes_literal_block_editable():
    content = config_map(f"# größe 🐳\n{POD}")
    expected = content.replace(b"nginx:1.27", b"nginx:1.27@" + DIGEST.encode())
    expected = expected.replace(b"redis:7", b"redis:7@" + DIGEST.encode())
    assert moved(content) == expected
    assert [each.image.digest for each in read(expected)] == [DIGEST, DIGEST]


def test_embedded_manifest_is_not_editable_if_a_rule_allows_only_other_reasons():
    content = config_map(POD)
    assert moved(content, (Reason.CHART_UNKNOWN, Reason.IMMUTABLE_JOB)) == content


def test_embedded_manifest_with_crlf_is_edited_at_exact_offsets():
    content = config_map(POD).replace(b"\n", b"\r\n")
    assert moved(content) == config_map(POD).replace(b"redis:7", b"redis:7@" + DIGEST.encode()).replace(
        b"nginx:1.27", b"nginx:1.27@" + DIGEST.encode()
    ).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("header", ["|", "|-", "|+", "|4", "|4-", "| # comment", "&a |", "!!str |-", "&a !x |"])
def test_embedded_manifest_is_edited_below_any_literal_block_header(header):
    content = config_map(POD, header)
    if "4" in header:  # counted from the key, which is already indented by two
        content = content.replace(b"    ", b"      ")
    assert moved(content).count(DIGEST.encode()) == 2


def test_blank_lines_in_embedded_manifest_count_for_line_numbers_and_offsets():
    content = config_map(f"\n\n{POD}".replace("spec:", "\n\nspec:"))
    assert [each.line_number for each in read(content)] == [14, 15]
    assert moved(content).count(DIGEST.encode()) == 2


@pytest.mark.parametrize("style", ['"', "'", ">"])
def test_embedded_manifest_in_quoted_or_folded_style_is_never_editable(style):
    content = yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": POD}}, default_style=style)
    assert [each.written for each in read(content.encode())] == ["nginx:1.27", "redis:7"]
    assert moved(content.encode()) == content.encode()


def test_embedded_job_is_never_editable():
    job = POD.replace("v1", "batch/v1").replace("Pod", "Job").replace("spec:", "spec: {template: {spec: {containers: [")
    job = job.split("containers: [", maxsplit=1)[0] + 'containers: [{image: "nginx:1.27"}]}}}\n'
    content = config_map(job)
    (found,) = read(content)
    assert found.digest_slot == NotEditable(Reason.IMMUTABLE_JOB)
    assert moved(content, (Reason.EMBEDDED, Reason.IMMUTABLE_JOB)) == content


def test_manifest_embedded_in_an_embedded_manifest_is_not_read():
    assert read(config_map(config_map(POD).decode().replace("größe: x\n  ", ""))) == []


def test_embedded_text_without_kubernetes_object_is_ignored():
    assert read(config_map(POD.replace("kind: Pod\n", ""))) == []
    assert read(config_map("image: evil:1\napiVersion and kind: none")) == []
    assert read(config_map("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'evil:1'")) == []


def test_too_long_embedded_manifest_is_not_read():
    filler = f"# {'x' * 97}\n" * (MAX_TEXT_BYTES // 100 - 1)
    assert len(read(config_map(filler + POD))) == 2
    assert read(config_map(f"{filler}# {'x' * 200}\n{POD}")) == []


def test_embedded_manifest_used_by_an_alias_is_never_editable():
    content = config_map(POD, "&text |") + b"metadata: {annotations: {copy: *text}}\n"
    assert len(read(content)) == 2
    assert moved(content) == content


@given(
    text=st.text(alphabet=" \t\n#-:é🐳|>'\"\\x", max_size=60),
    indent=st.integers(1, 6),
    chomping=st.sampled_from(["", "-", "+"]),
    line_break=st.sampled_from(["\n", "\r\n"]),
)
def test_digest_slots_in_embedded_manifest_have_exact_offsets_after_any_comment(text, indent, chomping, line_break):
    body = "".join(f"{' ' * (2 + indent)}{line}\n" for line in f"#{text}".replace("\n", "\n#").split("\n"))
    pod = "".join(f"{' ' * (2 + indent)}{line}\n" for line in POD.splitlines())
    head = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  x: |{indent}{chomping}\n"
    content = f"{head}{body}{pod}".replace("\n", line_break).encode()
    for found in FORMAT.extract(SourceFile(PATH, content)):
        assert isinstance(found, Reference)
        slot = unlock_allowed(found, (Reason.EMBEDDED,)).digest_slot
        if isinstance(slot, EditSlot):
            end = slot.span.end
            assert content[end - len(found.written) : end] == found.written.encode()
            assert content.count(b"\n", 0, end) + 1 == found.line_number
