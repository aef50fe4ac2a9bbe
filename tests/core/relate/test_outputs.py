"""Images that a build tool builds are left alone wherever they are pulled."""

from __future__ import annotations

import pytest

from bot.core.relate.outputs import close_build_outputs
from bot.formats._syntax.places import Place
from bot.model.remark import BuildOutput
from bot.model.source import Closed, FilePath, Slot
from bot.model.vocabulary import Reason, Role

DIGEST = "sha256:" + "a" * 64


def is_closed(text, path, output):
    place = Place(FilePath(path), "kubernetes", Role.THIRD_PARTY, 1, "0/image").read(text, 5)
    (related,) = close_build_outputs((place,), [output])
    assert isinstance(related.digest, Slot) or related.digest == Closed(Reason.OTHER_WRITER)
    return isinstance(related.digest, Closed)


@pytest.mark.parametrize("text", ["acme/app", "acme/app:1", f"acme/app:1@{DIGEST}"])
@pytest.mark.parametrize("path", ["k8s/app.yaml", "app.yaml"])
def test_a_name_counts_everywhere_and_with_any_tag(text, path):
    assert is_closed(text, path, BuildOutput(FilePath("skaffold.yaml"), frozenset({"acme/app"}), everywhere=True))


@pytest.mark.parametrize("text", ["acme/other:1", "docker.io/acme/app:1", "acme/app/web:1"])
def test_other_names_do_not_count(text):
    output = BuildOutput(FilePath("skaffold.yaml"), frozenset({"acme/app"}), everywhere=True)
    assert not is_closed(text, "app.yaml", output)


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("acme/app:1", "a/compose.yaml", True),
        (f"acme/app:1@{DIGEST}", "a/compose.prod.yaml", True),
        ("acme/app:2", "a/compose.yaml", False),
        ("acme/app", "a/compose.yaml", False),
        ("acme/app:1", "compose.yaml", False),
        ("acme/app:1", "a/b/compose.yaml", False),
    ],
)
def test_an_image_as_it_is_written_counts_in_its_folder(text, path, expected):
    assert is_closed(text, path, BuildOutput(FilePath("a/compose.yaml"), frozenset({"acme/app:1"}))) is expected
