"""Bicep files and ARM templates: the images of resources, and the parameters and variables that name them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.formats._syntax.bicep_scanner import MAX_NESTING, MAX_TOKENS
from bot.formats.arm_template import FORMAT as ARM_TEMPLATE
from bot.formats.bicep import FORMAT as BICEP
from bot.formats.kubernetes import FORMAT as KUBERNETES
from bot.model.source import EditSlot, FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
APP = "Microsoft.App/containerApps"


def read_bicep(text):
    return list(BICEP.extract(SourceFile(FilePath("main.bicep"), text.encode())))


def app(image, more=""):
    containers = f"[ {{ image: {image} }} ]"
    properties = f"{{ template: {{ containers: {containers} }} }}"
    return f"{more}\nresource app '{APP}@2024-03-01' = {{ properties: {properties} }}\n"


def read_template(document):
    text = document if isinstance(document, str) else json.dumps({"$schema": SCHEMA, **document})
    return list(ARM_TEMPLATE.extract(SourceFile(FilePath("main.json"), text.encode())))


def resources(image):
    return [{"type": APP, "properties": {"template": {"containers": [{"image": image}]}}}]


@pytest.mark.parametrize(
    "more",
    [
        "param image string = 'nginx:1'",
        "param image string = 'nginx:1' // c",
        "@description('x')\nparam image string = 'nginx:1'",
        "var image = 'nginx:1'",
        "param image string = /* c */ 'nginx:1'\nparam image2 string = 'evil:1'",
        "@allowed(['a'])\nparam other string = 'a'\nparam image string = 'nginx:1'",
        "var other = { image: 'evil:1' }\nvar image = 'nginx:1'",
        "var other = x.image\nvar image = 'nginx:1'",
    ],
)
def test_bicep_image_is_edited_in_definition_of_its_parameter_or_variable(more):
    text = app("image", more)
    (found,) = read_bicep(text)
    assert (found.written, str(found.image), found.role) == ("image", "nginx:1", Role.THIRD_PARTY)
    assert text.encode()[: found.digest_slot.span.start].endswith(b"'nginx:1")
    assert found.related_lines == (text[: text.index("nginx:1")].count("\n") + 1,)


@pytest.mark.parametrize(
    "more",
    [
        "param image string = 'nginx:1'\noutput used string = image",
        "param image string = 'nginx:1'\nvar name = 'a-${image}'",
        "param image string = 'nginx:1'\nvar name = 'a-${f('}', image)}-b'",
        "@allowed(['nginx:1'])\nparam image string = 'nginx:1'",
        "@sys.allowed([\n  'nginx:1'\n])\n@description('x')\nparam image string = 'nginx:1'",
        "@maxLength(20)\nparam image string = 'nginx:1'",
        "param image 'nginx:1' | 'nginx:2' = 'nginx:1'",
    ],
)
def test_bicep_default_with_other_uses_is_not_editable(more):
    (found,) = read_bicep(app("image", more))
    assert found.digest_slot.reason is Reason.SHARED_ARGUMENT


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("param image string", Reason.UNRESOLVED_ARGUMENT),
        ("param image string = '${x}:1'", Reason.UNRESOLVED_ARGUMENT),
        ("var image = '${x}:1'", Reason.TEMPLATED),
        ("var image = concat('a', ':1')", Reason.TEMPLATED),
        ("", Reason.TEMPLATED),
    ],
)
def test_bicep_image_from_parameter_without_plain_string_is_reported(more, reason):
    (found,) = read_bicep(app("image", more))
    assert (found.reason, found.text) == (reason, "image")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("'${server}/a:1'", Reason.TEMPLATED),
        ("x ? 'evil:1' : 'evil:2'", Reason.TEMPLATED),
        ("x.y", Reason.TEMPLATED),
        ("'''evil:1'''", Reason.TEMPLATED),
        ("'a\\u{3a}1'", Reason.TEMPLATED),
        ("'a\\'b'", Reason.MALFORMED),
        ("'A b'", Reason.MALFORMED),
    ],
)
def test_bicep_image_written_as_an_expression_is_reported(image, reason):
    (found,) = read_bicep(app(image))
    assert isinstance(found, UnsupportedText)
    assert found.reason is reason


@pytest.mark.parametrize(
    "text",
    [
        app("'evil:1'").replace("containerApps", "managedEnvironments"),
        app("'evil:1'").replace("containers", "volumes"),
        app("'evil:1'").replace("image:", "images:"),
        app("'evil:1'").replace("resource app '", "module app '"),
        "/*" + app("'evil:1'") + "*/ // microsoft. image",
        "var x = '''\n" + app("'evil:1'") + "'''",
        app("''"),
    ],
)
def test_bicep_strings_outside_image_properties_are_ignored(text):
    assert read_bicep(text) == []


@pytest.mark.parametrize("runtime", ["NODE|18-lts", "", "COMPOSE|x", "${runtime}"])
def test_only_docker_runtimes_of_web_apps_are_read_as_images(runtime):
    text = f"resource a 'Microsoft.Web/sites@1' = {{ properties: {{ siteConfig: {{ linuxFxVersion: '{runtime}' }} }} }}"
    assert read_bicep(text) == []
    (found,) = read_bicep(text.replace(f"'{runtime}'", "'Docker|nginx:1'"))
    assert str(found.image) == "nginx:1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (app("'a:1'").replace("}", "]", 1), Reason.UNPARSABLE),
        (app("'a:1'") + "}", Reason.UNPARSABLE),
        (app("'a:1'") + "{", Reason.UNPARSABLE),
        (app("'a:1"), Reason.UNPARSABLE),
        (app("'a:${x'"), Reason.UNPARSABLE),
        (app("'a:1'") + "(" * (MAX_NESTING + 1), Reason.TOO_LARGE),
        (app("'a:1'") + "'${" * (MAX_NESTING + 1), Reason.TOO_LARGE),
        (app("'a:1'") + "a " * (MAX_TOKENS + 1), Reason.TOO_LARGE),
    ],
)
def test_invalid_or_too_large_bicep_is_reported(text, reason):
    (found,) = read_bicep(text)
    assert found.reason is reason


PIECES = ["'", "a:1", "${", "}", "{", "[", "]", "\n", ":", "image", "=", "param ", "'''", "\\", "//", ",", "é", " "]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=16))
def test_digest_slots_in_bicep_start_right_after_the_image(pieces):
    text = app("'nginx:1'") + app("".join(pieces)) + app("image", "param image string = 'redis:1'")
    for found in read_bicep(text):
        if isinstance(found, Reference) and isinstance(found.digest_slot, EditSlot):
            reference = str(found.image).encode()
            assert text.encode()[: found.digest_slot.span.end].endswith(reference)


@pytest.mark.parametrize("expression", ["[parameters('image')]", "[ Parameters( 'IMAGE' ) ]", "[variables('image')]"])
def test_arm_image_is_edited_in_definition_of_its_parameter_or_variable(expression):
    values = {"parameters": {"image": {"defaultValue": "nginx:1"}}, "variables": {"image": "nginx:1"}}
    (found,) = read_template({**values, "resources": resources(expression)})
    assert (found.written, str(found.image)) == (expression, "nginx:1")
    assert isinstance(found.digest_slot, EditSlot)


@pytest.mark.parametrize(
    ("parameter", "outputs"),
    [
        ({"defaultValue": "nginx:1"}, {"x": {"value": "[toLower(parameters('image'))]"}}),
        ({"defaultValue": "nginx:1", "allowedValues": ["nginx:1"]}, {}),
        ({"defaultValue": "nginx:1", "maxLength": 20}, {}),
    ],
)
def test_arm_parameter_default_with_other_uses_is_not_editable(parameter, outputs):
    document = {"parameters": {"image": parameter}, "resources": resources("[parameters('image')]"), "outputs": outputs}
    (found,) = read_template(document)
    assert found.digest_slot.reason is Reason.SHARED_ARGUMENT


def test_arm_parameter_in_nested_template_is_not_resolved():
    nested = {
        "type": "Microsoft.Resources/deployments",
        "properties": {"template": {"resources": resources("[parameters('image')]")}},
    }
    (found,) = read_template({"parameters": {"image": {"defaultValue": "nginx:1"}}, "resources": [nested]})
    assert found.reason is Reason.TEMPLATED


def test_arm_images_are_read_from_resources_written_as_object():
    (found,) = read_template({"resources": {"app": resources("nginx:1")[0]}})
    assert str(found.image) == "nginx:1"


def test_image_in_arm_template_generated_by_bicep_is_not_editable():
    (found,) = read_template({"metadata": {"_generator": {"name": "bicep"}}, "resources": resources("nginx:1")})
    assert found.digest_slot.reason is Reason.OTHER_WRITER


@pytest.mark.parametrize(
    "schema", ["https://json-schema.org/draft-07/schema#", SCHEMA.replace("Template", "Parameters")]
)
def test_json_with_another_schema_is_not_read_as_arm_template(schema):
    document = {"resources": resources("evil:1"), "deploymentTemplate.json": "", "$schema": schema}
    assert read_template(json.dumps(document)) == []


def test_arm_template_is_not_read_as_kubernetes_manifest():
    template = "// c\n" + json.dumps(
        {"$schema": SCHEMA, "kind": "Pod", "apiVersion": "v1", "resources": resources("nginx:1")}
    )
    file = SourceFile(FilePath("main.json"), template.encode())
    assert list(KUBERNETES.extract(file)) == []
    assert len(list(ARM_TEMPLATE.extract(file))) == 1
