"""Generators of hostile files for the templates of Azure: Bicep and ARM."""

from __future__ import annotations

from growth_generators import FileGenerator, nest, repeat

_APP = "resource a 'Microsoft.App/containerApps@2024-03-01' = { properties: { template: { containers: [\n"
_APP_END = "] } } }\n"
_NAMED_IMAGE = f"{_APP}{{ image: a000001 }}\n{_APP_END}"
_SCHEMA = '{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",'
_GROUP = (
    f'{_SCHEMA}"resources":[{{"type":"Microsoft.ContainerInstance/containerGroups","apiVersion":"2023-05-01","name":"a",'
    '"properties":{"containers":['
)
_IMAGE = '{"name":"a","properties":{"image":"'
_IMAGE_END = '"}}'
_CONTAINER = f"{_IMAGE}%s{_IMAGE_END}"
_LAST = _CONTAINER % "b" + "]}}]}"
_USE = _CONTAINER % "[parameters('a000001')]"
_RESOURCE = '{"type":"Microsoft.App/containerApps","properties":{"template":{"containers":[{"image":"a:§"}]}}},'
AZURE_GENERATORS: dict[str, dict[str, FileGenerator]] = {
    "bicep": {
        "containers": repeat("a.bicep", "{ image: 'a:§' }\n", _APP, _APP_END),
        "images of a container": repeat("a.bicep", "image: 'a:§'\n", f"{_APP}{{\n", f"}}\n{_APP_END}"),
        "resources": repeat("a.bicep", f"{_APP.replace(' a ', ' a§ ')}{{ image: 'b:1' }}\n{_APP_END}"),
        "parameters": repeat("a.bicep", "param a§ string = 'b:1'\n", "", _NAMED_IMAGE),
        "variables": repeat("a.bicep", "var a§ = a000001\n", "", _NAMED_IMAGE),
        "names": repeat("a.bicep", "a§ ", f"{_NAMED_IMAGE}var a = "),
        "decorators": repeat("a.bicep", "@allowed(['a'])\n", "", f"param a000001 string = 'b:1'\n{_NAMED_IMAGE}"),
        "interpolations": repeat("a.bicep", "${a}", f"{_APP}{{ image: '", f"' }}\n{_APP_END}"),
        "nested interpolations": nest("a.bicep", "'${", "a", "}'", f"{_APP}{{ image: ", f" }}\n{_APP_END}"),
        "strings": repeat("a.bicep", "'a' ", f"{_APP}{{ image: "),
        "quotes": repeat("a.bicep", "'", f"{_APP}{{ image: "),
        "quotes in a string": repeat("a.bicep", "'' ", f"{_APP}{{ image: '''"),
        "escapes": repeat("a.bicep", "\\'", f"{_APP}{{ image: '", f"' }}\n{_APP_END}"),
        "brackets": repeat("a.bicep", "[", f"{_APP}{{ image: "),
        "blank lines": repeat("a.bicep", " \n", f"{_APP}{{ image: "),
        "dollar signs": repeat("a.bicep", "$", f"{_APP}{{ image: "),
        "open comments": repeat("a.bicep", "/* ", f"{_APP}{{ image: 'a' }}\n{_APP_END}"),
    },
    "arm": {
        "containers": repeat("a.json", _CONTAINER % "a:§" + ",", _GROUP, _LAST),
        "parameters": repeat(
            "a.json",
            '"a§":{"type":"string","defaultValue":"b:1"},',
            f'{_SCHEMA}"parameters":{{',
            '"b":{}},' + _GROUP.removeprefix(_SCHEMA) + _USE + "," + _LAST,
        ),
        "uses of a parameter": repeat("a.json", f"{_USE},", _GROUP, _LAST),
        "an expression": repeat("a.json", "concat(", f"{_GROUP}{_IMAGE}[", f"]{_IMAGE_END},{_LAST}"),
        "quotes in an expression": repeat("a.json", "'", f"{_GROUP}{_IMAGE}[", f"]{_IMAGE_END},{_LAST}"),
        "resources": repeat("a.json", _RESOURCE, f'{_SCHEMA}"resources":[', "{}]}"),
        "nested resources": nest("a.json", '{"resources":[', _CONTAINER % "a:1", "]}", f'{_SCHEMA}"resources":[', "]}"),
        "nested lists": nest("a.json", "[", _CONTAINER % "a:1", "]", f'{_SCHEMA}"resources":', "}"),
        "escapes": repeat("a.json", "\\u0041", f"{_GROUP}{_IMAGE}", f"{_IMAGE_END},{_LAST}"),
        "comments": repeat("a.json", "/* a */", _GROUP, _LAST),
        "keys": repeat("a.json", '"a§":{"image":"b"},', _SCHEMA, '"image":"b"}'),
    },
}
