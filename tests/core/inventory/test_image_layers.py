"""The base images of own images, found by their layers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.values import digest

from bot.core.inventory.image_layers import MAX_LAYER_BASES, LayeredImage, add_layer_bases
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild

WEB, GOLDEN, PYTHON = "r.example.com/acme/web", "r.example.com/golden/python", "docker.io/library/python"


def build_layers(*words: str):
    return tuple(map(digest, words))


def build(word: str, *words: str, image: str = WEB, bases: tuple[BuiltOn, ...] = ()) -> OwnBuild:
    return OwnBuild(image, digest(word), None, None, None, bases=bases, layers=build_layers(*words))


def build_base_image(word: str, *words: str, image: str = PYTHON) -> LayeredImage:
    return LayeredImage(image, digest(word), build_layers(*words))


def build_built_on(word: str, image: str = PYTHON) -> BuiltOn:
    return BuiltOn(image, digest(word), BaseEvidence.LAYERS)


def test_images_with_same_first_layers_as_own_image_are_base_images():
    bases = [
        build_base_image("old", "os", "python 1"),
        build_base_image("new", "os", "python 2"),
        build_base_image("debian", "os", image="docker.io/library/debian"),
    ]
    (changed,) = add_layer_bases([build("1", "os", "python 2", "app")], bases)
    assert changed.bases == (build_built_on("new"), build_built_on("debian", "docker.io/library/debian"))


def test_image_with_reordered_or_inner_layers_is_not_a_base_image():
    bases = [
        build_base_image("1", "python"),
        build_base_image("2", "python", "os"),
        build_base_image("3", "os", "app"),
        build_base_image("4"),
    ]
    assert add_layer_bases([build("web", "os", "python", "app")], bases) == ()


def test_all_digests_with_equal_layers_are_base_images():
    (changed,) = add_layer_bases(
        [build("web", "os", "app")], [build_base_image("label 1", "os"), build_base_image("label 2", "os")]
    )
    assert set(changed.bases) == {build_built_on("label 1"), build_built_on("label 2")}


def test_own_image_can_be_the_base_of_another_own_image():
    golden = build("golden", "os", "python", image=GOLDEN)
    changed = add_layer_bases([golden, build("web", "os", "python", "app")], [build_base_image("debian", "os")])
    assert {each.repository: each.bases for each in changed} == {
        GOLDEN: (build_built_on("debian"),),
        WEB: (build_built_on("golden", GOLDEN), build_built_on("debian")),
    }


def test_earlier_build_of_same_image_is_not_a_base_image():
    assert add_layer_bases([build("1", "os", "app"), build("2", "os", "app", "more")], []) == ()


def test_known_base_images_are_kept_and_only_changed_builds_are_returned():
    stated = BuiltOn(None, digest("x"), BaseEvidence.LABEL)
    (changed,) = add_layer_bases([build("1", "os", "app", bases=(stated,))], [build_base_image("os", "os")])
    assert changed.bases == (stated, build_built_on("os"))
    assert add_layer_bases([changed], [build_base_image("os", "os")]) == ()
    assert add_layer_bases([changed], []) == ()


def test_base_images_of_own_image_are_listed_only_up_to_limit():
    many = [build_base_image(str(number), "os") for number in range(200)]
    (changed,) = add_layer_bases([build("1", "os", "app")], many)
    assert len(changed.bases) == MAX_LAYER_BASES
    assert add_layer_bases([changed], many) == ()


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_base_images_are_exactly_images_with_same_first_layers(chains, own):
    bases = [build_base_image(str(number), *chain) for number, chain in enumerate(chains)]
    changed = add_layer_bases([build("web", *own)], bases)
    expected = {digest(str(number)) for number, chain in enumerate(chains) if chain and own[: len(chain)] == chain}
    assert {each.digest for one in changed for each in one.bases} == expected


def test_search_for_base_images_takes_linear_time_if_images_have_equal_layers(monkeypatch):
    made = []
    monkeypatch.setattr(
        "bot.core.inventory.image_layers.BuiltOn", lambda *values: made.append(values) or BuiltOn(*values)
    )
    images = [build(f"{number}", image=f"r.example.com/acme/{number}") for number in range(300)]
    builds = [replace(each, layers=build_layers("os", "app")) for each in images]
    changed = add_layer_bases(builds, ())
    assert {len(each.bases) for each in changed} == {MAX_LAYER_BASES}
    assert len(made) <= len(builds) * MAX_LAYER_BASES
    assert add_layer_bases(changed, ()) == ()
