"""Generators of hostile files for the formats of tools that build or run containers without a Dockerfile."""

from __future__ import annotations

from growth_generators import FileGenerator, nest, repeat

NESTED_IMAGES = 45
"""The number of nested images. The XML parser refuses more than about a hundred nested elements."""

_PROJECT = "<Project><PropertyGroup>"
_PROJECT_END = "</PropertyGroup></Project>"
_IMAGE = "<ContainerBaseImage>"
_IMAGE_END = "</ContainerBaseImage>"
_PLUGIN = "<plugin><artifactId>jib-maven-plugin</artifactId><configuration><from>"
_PLUGIN_END = "</from></configuration></plugin>"
_EXTENSION = 'oci = use_extension("@rules_oci//oci:extensions.bzl", "oci")\n'
BUILD_GENERATORS: dict[str, dict[str, FileGenerator]] = {
    "msbuild": {
        "images": repeat("a.csproj", f"{_IMAGE}a:§{_IMAGE_END}", _PROJECT, _PROJECT_END),
        "families": repeat("a.csproj", "<ContainerFamily>a</ContainerFamily>", _PROJECT, _PROJECT_END),
        "groups": repeat("a.csproj", "<PropertyGroup/>", f"{_PROJECT}{_IMAGE}a{_IMAGE_END}", _PROJECT_END),
        "a long image": repeat("a.csproj", "a", f"{_PROJECT}{_IMAGE}", f"{_IMAGE_END}{_PROJECT_END}"),
        "images in images": repeat(
            "a.csproj",
            "a",
            f"<Project>{f'<PropertyGroup>{_IMAGE}' * NESTED_IMAGES}",
            f"{f'{_IMAGE_END}</PropertyGroup>' * NESTED_IMAGES}</Project>",
        ),
        "nested elements": nest("a.csproj", "<a>", "", "</a>", f"{_PROJECT}{_IMAGE}", f"{_IMAGE_END}{_PROJECT_END}"),
        "attributes": repeat("a.csproj", " a§=''", "<Project", f"><PropertyGroup>{_IMAGE}a{_IMAGE_END}{_PROJECT_END}"),
        "comments": repeat("a.csproj", "<!-- a -->", f"{_PROJECT}{_IMAGE}", f"{_IMAGE_END}{_PROJECT_END}"),
        "entities": repeat("a.csproj", "&amp;", f"{_PROJECT}{_IMAGE}", f"{_IMAGE_END}{_PROJECT_END}"),
        "spaces": repeat("a.csproj", " \n", f"{_PROJECT}{_IMAGE}", f"{_IMAGE_END}{_PROJECT_END}"),
        "open tags": repeat("a.csproj", "<a ", f"{_PROJECT}{_IMAGE}"),
    },
    "jib": {
        "plugins of Maven": repeat("pom.xml", f"{_PLUGIN}<image>a:§</image>{_PLUGIN_END}", "<project>", "</project>"),
        "names of a plugin": repeat(
            "pom.xml", "<artifactId>a</artifactId>", f"<project>{_PLUGIN}", f"{_PLUGIN_END}</project>"
        ),
        "platforms of a plugin": repeat(
            "pom.xml", "<platform/>", f"<project>{_PLUGIN}<platforms>", f"</platforms>{_PLUGIN_END}</project>"
        ),
        "images of a plugin": repeat(
            "pom.xml", "<image>a:§</image>", f"<project>{_PLUGIN}", f"{_PLUGIN_END}</project>"
        ),
        "properties": repeat(
            "pom.xml", "<jib.from.image>a:§</jib.from.image>", "<project><properties>", "</properties></project>"
        ),
        "values in Gradle": repeat("build.gradle", "jib.from.image = 'a:§'\n"),
        "values on a line": repeat("build.gradle", "jib.from.image = a; "),
        "expressions": repeat("build.gradle", " + a§", "jib.from.image = a"),
        "blocks": repeat("build.gradle", "jib { from { image = 'a:§' } }\n"),
        "nested blocks": nest("build.gradle", "jib { ", "from.image = 'a'", " }"),
        "names with dots": repeat("build.gradle", "jib.", "", "from.image = 'a'\n"),
        "quotes": repeat("build.gradle", "'", "jib.from.image = "),
        "double quotes": repeat("build.gradle", '"', "jib.from.image = "),
        "escapes": repeat("build.gradle", "\\'", "jib.from.image = '", "'\n"),
        "slashes": repeat("build.gradle", "= /a ", "jib.from.image "),
        "open comments": repeat("build.gradle", "/* ", "jib.from.image = 'a' "),
        "signs": repeat("build.gradle", "=", "jib.from.image "),
    },
    "bazel": {
        "pulls": repeat("MODULE.bazel", 'oci.pull(name = "a§", image = "b", tag = "1")\n', _EXTENSION),
        "rules": repeat("WORKSPACE", 'oci_pull(name = "a§", image = "b:1")\n'),
        "extensions": repeat("MODULE.bazel", _EXTENSION.replace("oci =", "a§ =")),
        "platforms": repeat("MODULE.bazel", '"linux/a§", ', f'{_EXTENSION}oci.pull(image = "a", platforms = [', "])\n"),
        "arguments": repeat("MODULE.bazel", "a§ = 1, ", f'{_EXTENSION}oci.pull(image = "a", ', ")\n"),
        "images of a call": repeat("MODULE.bazel", 'image = "a§", ', f"{_EXTENSION}oci.pull(", ")\n"),
        "nested calls": nest("MODULE.bazel", "oci.pull(", '"a"', ")", _EXTENSION),
        "brackets": repeat("MODULE.bazel", "[", f"{_EXTENSION}oci.pull(image = "),
        "names with dots": repeat("MODULE.bazel", "oci.", _EXTENSION, 'pull(image = "a")\n'),
        "a long name": repeat("MODULE.bazel", "a", f"{_EXTENSION}oci.pull(image = "),
        "quotes": repeat("MODULE.bazel", "'", f"{_EXTENSION}oci.pull(image = "),
        "escapes": repeat("MODULE.bazel", "\\'", f"{_EXTENSION}oci.pull(image = '", "')\n"),
        "terms": repeat("MODULE.bazel", ' + "a"', f'{_EXTENSION}oci.pull(image = "a"', ")\n"),
    },
    "ansible": {
        "tasks": repeat("a.yml", "- docker_container: {image: a:§}\n"),
        "plays": repeat("a.yml", "- {hosts: a, tasks: [{podman_container: {image: a:§}}]}\n"),
        "modules of a task": repeat("a.yml", "  docker_container: {image: a:§}\n", "- name: a\n"),
        "nested blocks": nest("a.yml", "[{block: ", "[{docker_container: {image: a:1}}]", "}]"),
        "documents": repeat("a.yml", "---\n- docker_container: {image: a:§}\n"),
        "documents that are mappings": repeat("a.yml", "---\ndocker_container: {image: a:§}\n"),
        "comments": repeat("a.yml", "# docker_container image\n", "", "- docker_container: {image: a}\n"),
        "markers": repeat("a.yml", "---\n", "# docker_container image\n"),
        "templates": repeat("a.yml", "{{ a }}", "- docker_container: {image: '", "'}\n"),
    },
    "kserve": {
        "predictors": repeat(
            "a.yaml",
            "---\napiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n"
            "spec: {predictor: {containers: [{image: a:§}]}}\n",
        ),
        "containers": repeat(
            "a.yaml",
            "    - image: a:§\n",
            "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nspec:\n  predictor:\n    containers:\n",
        ),
        "kinds of a predictor": repeat(
            "a.yaml",
            "    a§: {image: b:1}\n",
            "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nspec:\n  predictor:\n",
        ),
    },
    "pipelines": {
        "jobs of CircleCI": repeat(".circleci/config.yml", "  a§: {docker: [{image: b:1}]}\n", "jobs:\n"),
        "steps of Drone": repeat(".drone.yml", "- {name: a§, image: b:1}\n", "steps:\n"),
        "steps of Woodpecker": repeat(".woodpecker.yml", "  a§: {image: b:1}\n", "steps:\n"),
        "steps of Buildkite": repeat(".buildkite/a.yml", "- {image: a:§}\n", "steps:\n"),
        "plugins of Buildkite": repeat(".buildkite/a.yml", "  - {docker#v§: {image: b:1}}\n", "steps:\n- plugins:\n"),
        "a long plugin of Buildkite": repeat(
            ".buildkite/a.yml", "plugins/docker#", "steps:\n- plugins:\n  - '", "': {image: b:1}\n"
        ),
        "stages of Vela": repeat(".vela.yml", "  a§: {steps: [{image: b:1}]}\n", "stages:\n"),
        "steps of Cloud Build": repeat("cloudbuild.yaml", "- name: a:§\n", "steps:\n"),
        "containers of batect": repeat("batect.yml", "  a§: {image: b:1}\n", "containers:\n"),
        "platforms of Molecule": repeat("molecule.yml", "- {image: a:§}\n", "platforms:\n"),
        "images of ko": repeat(".ko.yaml", "  a§: b:1\n", "baseImageOverrides:\n"),
    },
}
