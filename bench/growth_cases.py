"""Generators of hostile files for `bench/growth.py`: they repeat, nest or alternate the constructs of each format."""

from __future__ import annotations

from collections.abc import Iterator

from growth_azure_cases import AZURE_GENERATORS
from growth_build_cases import BUILD_GENERATORS
from growth_generators import FileGenerator, GrowthCase, fold, multiply, nest, repeat


def list_cases() -> Iterator[GrowthCase]:
    for family, generators in {**_GENERATORS, **BUILD_GENERATORS, **AZURE_GENERATORS}.items():
        for name, make_files in generators.items():
            yield GrowthCase(f"{family}: {name}", make_files)


_DIGEST = "sha256:" + 64 * "a"
_POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"
_TEMPLATED = "apiVersion: v1\nkind: Pod\nimage: a\n{{ b }}\n"
_CHART = {"c__Chart_yaml": "name: c\n", "c__values_yaml": "image: {repository: a, tag: b}\n"}
_RELEASE = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {chart: {spec: {chart: ./c, valuesFiles:"
_APPLICATION = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  sources:\n"
_GENERATORS: dict[str, dict[str, FileGenerator]] = {
    "dockerfile": {
        "FROM": repeat("Dockerfile", "FROM a:§\n"),
        "FROM AS": repeat("Dockerfile", "FROM a AS b§\n"),
        "words of a FROM": fold("a ", "FROM "),
        "a long line": repeat("Dockerfile", "a", "FROM "),
        "mounts": fold("--mount=from= "),
        "mounts with images": fold("--mount=from=a:§ "),
        "mount options": fold("from=a,", "FROM a\nRUN --mount=", " b"),
        "quoted mounts": fold('--mount="from=a" '),
        "escapes in a mount": fold("`a", "# escape=\\\nFROM a\nRUN --mount=from=", " b"),
        "COPY --from": repeat("Dockerfile", "COPY --from=a:§ b c\n", "FROM a\n"),
        "flags": fold("--a "),
        "dashes": fold("--"),
        "heredocs": fold("<<E"),
        "heredocs with spaces": fold("<<E "),
        "heredocs that end": repeat("Dockerfile", "RUN <<E\nE\n", "FROM a\n"),
        "shifts": repeat("Dockerfile", f"RUN << E {'a' * 70}\n", "FROM a\n"),
        "quotes and a heredoc": fold('"$a"', "FROM a\nRUN <<E "),
        "open quotes and a heredoc": fold('"$', "FROM a\nRUN <<E "),
        "substitutions and a heredoc": fold('${a:-"b"}', "FROM a\nRUN <<E "),
        "replacements and a heredoc": fold("${a/b/c}", "FROM a\nRUN <<E "),
        "spaces in a substitution": fold(" a", "FROM a\nRUN <<E ${a:-", "}"),
        "nested substitutions": nest("Dockerfile", "${a:-", "b", "}", "FROM a\nRUN <<E "),
        "words and a heredoc": fold("a ", "FROM a\nRUN <<E "),
        "continued lines": repeat("Dockerfile", f"{'a ' * 40}\\\n", "FROM a\nRUN "),
        "comments in an instruction": repeat("Dockerfile", f"#{'a' * 80}\n", "FROM a\nRUN a \\\n"),
        "ARG": repeat("Dockerfile", "ARG a§=b\n", "", "FROM $a000001\n"),
        "arguments of one ARG": fold("a§=b ", "ARG ", "\nFROM $a000001\n"),
        "arguments in arguments": repeat("Dockerfile", "ARG a=$a$a\n", "ARG a=b\n", "FROM $a\n"),
        "arguments in FROM": repeat("Dockerfile", "FROM $a:§\n", "ARG a=b\n"),
        "arguments of stages": repeat("Dockerfile", "ARG a\n", "ARG a=b\nFROM $a\n"),
        "patterns": fold("${a#*b}", "ARG a=b\nFROM "),
        "platforms in stage names": repeat("Dockerfile", "FROM a-$TARGETARCH AS a-§\n"),
        "ONBUILD": repeat("Dockerfile", "ONBUILD COPY --from=a:§ b c\n", "FROM a\n"),
        "ignore comments": repeat("Dockerfile", "# basebump: ignore\nFROM a:§\n"),
        "images and one comment": fold("--mount=from=a:§ ", "FROM a\n# basebump: ignore\nRUN "),
    },
    "yaml": {
        "pairs": repeat("compose.yaml", "a: b\n", "image: a\n"),
        "items": repeat("compose.yaml", "- a\n", "image:\n"),
        "items in flow style": repeat("compose.yaml", "a,", "image: [", "]"),
        "nested items": repeat("compose.yaml", "- - a\n", "image:\n"),
        "nested lists": nest("compose.yaml", "[", "a", "]", "image: "),
        "anchors": repeat("c/values.yaml", "- &a b\n", "image:\n", c__Chart_yaml="name: c\n"),
        "aliases": repeat("compose.yaml", "- *a\n", "image: &a\n"),
        "aliases of a long text": multiply("compose.yaml", "a", "  a§: {image: *a}\n", "x: &a {}\nservices:\n"),
        "aliases of a list": multiply("compose.yaml", "a: {image: b},", "  b§: *a\n", "x: &a {{}}\nservices:\n"),
        "merged keys": repeat("compose.yaml", "  a§: {<<: *a}\n", "x: &a {image: b}\nservices:\n"),
        "a long key": multiply(".circleci/config.yml", "a", "  - image: b\n", "jobs:\n ? {}\n : docker:\n"),
        "documents": repeat("kustomization.yaml", "---\na: b\n"),
        "empty documents": repeat("kustomization.yaml", "---\n"),
        "escapes": repeat("compose.yaml", "\\x61", 'image: "', '"'),
        "a block scalar": repeat("compose.yaml", "  a\n", "image: |\n"),
        "letters that are not ASCII": repeat("c/values.yaml", "- image: é\n", "a:\n", c__Chart_yaml="name: c\n"),
        "images and one comment": repeat("compose.yaml", "a§: {image: a:1},", "services: {", "} # basebump: ignore\n"),
    },
    "compose": {
        "services": repeat("compose.yaml", "  a§:\n    image: b:1\n", "services:\n"),
        "variables": repeat("compose.yaml", "${A:-b}", "services:\n  a:\n    image: "),
        "short texts with variables": repeat("compose.yaml", f"  a§: {{image: '{'${A}' * 1900}'}}\n", "services:\n"),
        "non-ASCII texts with variables": repeat("compose.yaml", f"  a§: {{image: 'é{'$A' * 3900}'}}\n", "services:\n"),
        "names of variables": repeat("compose.yaml", "$A§", "services:\n  a:\n    image: b\n    x: "),
        "inline Dockerfile": repeat(
            "compose.yaml",
            f"{' ' * 8}COPY --from=$A b c\n",
            "services:\n  a:\n    build:\n      dockerfile_inline: |\n",
        ),
        "build arguments": repeat("compose.yaml", "        a§: b\n", "services:\n  a:\n    build:\n      args:\n"),
        "environment": repeat("compose.yaml", "      - A§\n", "services:\n  a:\n    image: b\n    environment:\n"),
    },
    "env": {
        "assignments": repeat(".env", "A§=b\n", compose_yaml="services:\n  a:\n    image: $A\n"),
        "values of values": repeat(".env", "A=$A$A\n", "A=b\n", compose_yaml="services:\n  a:\n    image: $A\n"),
        "a long value": repeat(".env", "$A", "A=b\nB=", compose_yaml="services:\n  a:\n    image: $B\n"),
        "spaces": repeat(".env", "\r"),
        "exports": repeat(".env", "export "),
        "quotes": repeat(".env", "\\'", "A='", "'"),
        "a long name": repeat(".env", "A"),
    },
    "kubernetes": {
        "containers": repeat("a.yaml", "  - image: b:§\n", _POD),
        "objects": repeat("a.yaml", f"---\n{_POD}  - image: b\n"),
        "objects in a list": repeat(
            "a.yaml", "- apiVersion: v1\n  kind: Pod\n  image: a\n", "apiVersion: v1\nkind: List\nitems:\n"
        ),
        "nested objects": nest("a.yaml", "{apiVersion: a.b/c, kind: d, containers: ", "a", "}", "# image:\n"),
        "objects of a custom kind": repeat(
            "a.yaml", "  - spec: {containers: [{name: a, image: b}]}\n", "apiVersion: a.b/c\nkind: D\nspec:\n"
        ),
        "image keys of a custom kind": repeat(
            "a.yaml", "  - image: b:§\n    osImage: c.d/e:§\n", "apiVersion: a.b/c\nkind: D\nspec:\n"
        ),
        "templates under image keys": repeat(
            "a.yaml", "  - {image: '{{ a }}/b:§', osImage: '${{(<<'}\n", "apiVersion: a.b/c\nkind: D\nspec:\n"
        ),
        "nested image keys": nest("a.yaml", "{image: b:1, a: ", "c", "}", "apiVersion: a.b/c\nkind: D\nspec: "),
        "objects of custom kinds": repeat("a.yaml", "---\napiVersion: a.b/c\nkind: D\nspec: {image: b:§}\n"),
        "pods without a kind": repeat("a.yaml", "- spec: {containers: [{image: b:§}]}\n", "periodics:\n"),
        "texts in a ConfigMap": repeat(
            "a.yaml",
            f"    ---\n{'    '.join(['', *_POD.splitlines(keepends=True)])}    - image: b\n",
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  a.yaml: |\n",
        ),
        "question marks": repeat("a.yaml", "a? ", "apiVersion: v1\nkind: a\n# image\nb: "),
        "keys of objects": repeat("a.yaml", "kind:\n ", "apiVersion: v1\n"),
        "lines of a definition": repeat(
            "a.yaml", "#\n", "", "kind: CustomResourceDefinition\napiVersion: v1\nimage: a\n"
        ),
        "JSON": repeat(
            "a.json", '{"image":"b:1"},', '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[', '{"image":"c"}]}}'
        ),
        "templated lines": repeat("a.yaml", "  - image: b:§\n", _TEMPLATED),
        "dashes in a templated line": repeat("a.yaml", "- ", _TEMPLATED),
        "dashes in templated lines": repeat("a.yaml", f"{'- ' * 150}image: a\n", _TEMPLATED),
        "spaces in templated lines": repeat("a.yaml", f"a: b{' ' * 1900}c\n", _TEMPLATED),
        "templates in a line": repeat("a.yaml", "}} ", f"{_TEMPLATED}{{{{ ", "a\n"),
        "open templates": repeat("a.yaml", "{{ \n", _TEMPLATED),
        "a long templated key": repeat("a.yaml", "a", _TEMPLATED),
        "references of Applications": repeat(
            "a.yaml",
            "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {kustomize: {images: [a:1]}}}\n",
        ),
    },
    "kustomize": {
        "images": repeat(
            "kustomization.yaml", "- name: a§\n  newTag: b\n", "images:\n", a_yaml=f"{_POD}  - image: a000001\n"
        ),
        "resources": repeat(
            "kustomization.yaml",
            "- a§.yaml\n",
            "images: [{name: a, newTag: b}]\nresources:\n",
            a_yaml=f"{_POD}  - image: a\n",
        ),
        "urls": repeat(
            "kustomization.yaml",
            "- https://a.b/c/§/a.yaml\n",
            "images: [{name: a, newTag: b}]\nresources:\n",
            a_yaml=f"{_POD}  - image: a\n",
        ),
        "patches": repeat("kustomization.yaml", "- patch: '{spec: {containers: [{image: a}]}}'\n", "patches:\n"),
        "long paths": repeat("kustomization.yaml", "../a/", "resources:\n- "),
        "long keys": repeat("kustomization.yaml", "values", "configMapGenerator:\n- files:\n  - "),
    },
    "helm": {
        "images": repeat("c/values.yaml", "- image: a:§\n", "a:\n", c__Chart_yaml="name: c\n"),
        "values in a helmfile": repeat("helmfile.yaml", "- values: [{image: a:§}]\n", "releases:\n"),
        "other keys": repeat("c/values.yaml", "a§: {repository: b/c, tag: d}\n", c__Chart_yaml="name: c\n"),
        "lists of images": repeat("c/values.yaml", "- image:\n", "a:\n", c__Chart_yaml="name: c\n"),
        "mappings of images": repeat(
            "c/values.yaml",
            "a§: {image: {repository: b, tag: c}}\n",
            c__Chart_yaml="name: c\n",
            c__templates__a_yaml="image: {{ .Values.a000001.image.tag }}",
        ),
        "tags": repeat("c/values.yaml", "tag§: {tag: b}\n", c__Chart_yaml="name: c\n"),
        "nested lists of images": repeat("c/values.yaml", "- image:\n  - image:\n", "a:\n", c__Chart_yaml="name: c\n"),
        "comments above a mapping": repeat(
            "c/values.yaml", "image:\n  # a\n  # a\n  # a\n  repository: a\n---\n", c__Chart_yaml="name: c\n"
        ),
        "templates in values": repeat("c/values.yaml", "a§: '{{ .Values.b }}'\n", c__Chart_yaml="name: c\n"),
        "templates in one value": repeat(
            "c/values.yaml", "{{ .Values.b }}", "image: '", "'\n", c__Chart_yaml="name: c\n"
        ),
        "names of values": repeat("c/values.yaml", ".Values.a§ ", "image: a # {{ := ", c__Chart_yaml="name: c\n"),
        "actions": repeat("c/templates/a.yaml", "image: {{ .Values.a§ }}\n", **_CHART),
        "brackets": repeat("c/templates/a.yaml", "(", "{{ ", " }}", **_CHART),
        "operands": repeat("c/templates/a.yaml", ".a ", "{{ ", " }}", **_CHART),
        "actions with operands": repeat("c/templates/a.yaml", f"{{{{ {'.a ' * 500}}}}}", **_CHART),
        "actions with texts": repeat(
            "c/templates/a.yaml", f"{{{{ printf {'%s '.join(chr(34) * 3 for _ in range(200))} }}}}", **_CHART
        ),
        "dashes": repeat("c/templates/a.yaml", "- ", "{{ ", " }}", **_CHART),
        "quotes": repeat("c/templates/a.yaml", '"', "{{ ", **_CHART),
        "a comment": repeat("c/templates/a.yaml", "*/ ", "{{/* ", **_CHART),
        "blocks": repeat("c/templates/a.yaml", "{{ if .Values.a }}{{ end }}", **_CHART),
        "nested blocks": nest("c/templates/a.yaml", "{{ if .Values.a }}", "a", "{{ end }}"),
        "variables": repeat("c/templates/a.yaml", "{{ $a := .Values.a§ }}", **_CHART),
        "loops": repeat("c/templates/a.yaml", "{{ range .Values.a }}{{ $a = .b }}{{ end }}", **_CHART),
        "definitions": repeat("c/templates/a.yaml", '{{ define "a§" }}{{ .Values.a }}{{ end }}', **_CHART),
        "inclusions": repeat("c/templates/a.yaml", '{{ include "a§" (dict "b" .Values.c) }}', **_CHART),
        "text": repeat("c/templates/a.yaml", "image: ", "{{ a }}", **_CHART),
        "dependencies": repeat(
            "c/Chart.yaml",
            "- {name: a§, repository: 'file://../b'}\n",
            "name: c\ndependencies:\n",
            c__values_yaml="image: a:1\n",
            c__templates__a_yaml="{{ .Values.image }}",
        ),
        "named values": repeat(
            "a.yaml", ", b/§.yaml", f"{_RELEASE} [b/a.yaml", "]}}}\n", b__a_yaml="image: a:1\n", **_CHART
        ),
        "values that a release names": repeat(
            "b/a.yaml", "a§: {image: b:1}\n", a_yaml=f"{_RELEASE} [b/a.yaml]}}}}}}\n"
        ),
        "sources of an Application": repeat(
            "a.yaml", "- {path: b, ref: a§, repoURL: c, helm: {valueFiles: [$a000001/b/a.yaml]}}\n", _APPLICATION
        ),
        "releases of a helmfile": repeat("helmfile.yaml", "- {chart: ./c, values: [b/§.yaml]}\n", "releases:\n"),
        "actions of a helmfile": repeat("helmfile.yaml", "{{ a }}", "releases:\n- values: [", "]\n"),
        "open actions of a helmfile": repeat("helmfile.yaml", "{{", "releases:\n- values: [", "]\n"),
    },
    "hcl": {
        "targets": repeat("docker-bake.hcl", 'target "a§" {\ncontexts = {\na = "docker-image://a:1"\n}\n}\n'),
        "contexts": repeat(
            "docker-bake.hcl",
            'a§ = "docker-image://a:${b}"\n',
            'variable "b" {\ndefault = "1"\n}\ntarget "a" {\ncontexts = {\n',
            "}\n}\n",
        ),
        "inheritance": repeat(
            "docker-bake.hcl", 'target "a§" {\ninherits = ["b"]\n}\n', 'target "b" {\nargs = {\nc = "d"\n}\n}\n'
        ),
        "interpolations": repeat("docker-bake.hcl", "${b}", 'target "a" {\nargs = "', '"\n}\n'),
        "nested interpolations": nest("docker-bake.hcl", '${"', "b", '"}', 'target "a" {\nargs = "', '"\n}\n'),
        "escapes": repeat("docker-bake.hcl", "\\n", 'target "a" {\nargs = "', '"\n}\n'),
        "lines of a heredoc": repeat("docker-bake.hcl", "b\n", "target a {\nargs = <<-E\n", "E\n}\n"),
        "inline Dockerfile": repeat(
            "docker-bake.hcl", "COPY --from=a:§ b c\n", "target a {\ndockerfile-inline = <<E\n", "E\n}\n"
        ),
        "brackets": nest("docker-bake.hcl", "[", "1", "]", "args = "),
        "items": repeat("docker-bake.hcl", "1,", "args = [", "]"),
        "a long label": multiply(
            "docker-bake.hcl", "a", 'b§ = "docker-image://a:1"\n', 'target "{}" {\ncontexts = {\n', "}\n}\n"
        ),
        "JSON": repeat("docker-bake.json", '"a§": {"contexts": {"b": "docker-image://a:${c}"}},', '{"target": {', "}}"),
        "JSON items": repeat("docker-bake.json", "1,", '{"args": [', "1]}"),
        "resources": repeat("main.tf", 'resource "docker_image" "a§" {\nname = "b:1"\n}\n'),
        "containers of modules": repeat(
            "main.tf", 'a§ = { image = "b" }\n', 'module "a" {\ncontainer_definitions = {\n', "}\n}\n"
        ),
        "blocks": repeat("main.tf", 'container {\nimage = "a"\n}\n', 'resource "kubernetes_pod" "a" {\n', "}\n"),
        "a long label with blocks": multiply(
            "main.tf", "a", 'container {\nimage = "a"\n}\n', 'resource "kubernetes_pod" "{}" {\n', "}\n"
        ),
        "JSON in a heredoc": repeat(
            "main.tf",
            '{"image":"a:1"},\n',
            'resource "aws_ecs_task_definition" "a" {\ncontainer_definitions = <<E\n[',
            '{"image":"b"}]\nE\n}\n',
        ),
        "jsonencode": repeat(
            "main.tf",
            '{ image = "a:1" },\n',
            'resource "aws_ecs_task_definition" "a" {\ncontainer_definitions = jsonencode([',
            "])\n}\n",
        ),
        "attributes": repeat("main.tf", "a§ = b\n", 'resource "docker_image" "a" {\n', "}\n"),
        "markers": repeat("main.tf", "<<a", "# docker image\na = "),
    },
    "json": {
        "rules": repeat(
            "renovate.json",
            '{"matchPackageNames":["a§"],"enabled":false},',
            '{"packageRules":[',
            "{}]}",
            Dockerfile="FROM a:1\n",
        ),
        "names in a rule": repeat(
            "renovate.json",
            '"a§",',
            '{"packageRules":[{"enabled":false,"matchPackageNames":[',
            '"b"]}]}',
            Dockerfile="FROM a:1\n",
        ),
        "managers": repeat("renovate.json", '"a§":{"enabled":false},', "{", '"b":1}', Dockerfile="FROM a:1\n"),
        "custom managers": repeat(
            "renovate.json",
            '{"datasourceTemplate":"docker","fileMatch":["a§"]},',
            '{"customManagers":[',
            "{}]}",
            Dockerfile="FROM a:1\n",
        ),
        "presets": repeat(
            "renovate.json", '"config:best-practices",', '{"extends":[', '"a"]}', Dockerfile="FROM a:1\n"
        ),
        "ignored paths": repeat("renovate.json", '"**/a§/**",', '{"ignorePaths":[', '"a"]}', Dockerfile="FROM a:1\n"),
        "escapes": repeat("renovate.json", "\\u0041", '{"extends":["', '"]}'),
        "nested lists": nest("renovate.json", "[", "1", "]", '{"extends":', "}"),
        "images": repeat(".devcontainer/devcontainer.json", '"image":"a:1",', "{", '"b":1}'),
        "arguments": repeat(
            ".devcontainer/devcontainer.json", '"a§":"b",', '{"build":{"dockerfile":"a","args":{', '"b":1}}}'
        ),
        "spaces": repeat(".devcontainer/devcontainer.json", " \n", "{", "}"),
        "comments": repeat(".devcontainer/devcontainer.json", "/**/", "{", "}"),
    },
    "other": {
        "settings of a unit": repeat("a.container", "Label=a§\n", "[Container]\nImage=a:1\n"),
        "spaces in a unit": repeat("a.container", " ", "[Container]\nImage=a", "b\n"),
        "equals signs in a unit": repeat("a.container", "= ", "[Container]\nImage=a", "b\n"),
        "joined lines of a unit": repeat("a.container", "a\\\n", "[Container]\nImage=", "b\n"),
        "sections of a unit": repeat("a.container", "[", "[Container]\nImage=a:1\n", "\n"),
        "steps of a task": repeat("a.yaml", "- cmd: a:§\n", "version: v1.1.0\nsteps:\n"),
        "options of a task": repeat("a.yaml", "--build-arg a§=b ", "version: v1.1.0\nsteps:\n- build: "),
        "quotes of a task": repeat("a.yaml", "'a' ", 'version: v1.1.0\nsteps:\n- build: "', '"'),
        "spaces of a template": repeat("a.yaml", " ", "version: v1.1.0\nsteps:\n- build: {{"),
        "templates of a task": repeat("a.yaml", "{{.Run.ID}}", "version: v1.1.0\nsteps:\n- cmd: a:"),
        "artifacts of Skaffold": repeat(
            "skaffold.yaml",
            "  - {image: a§, docker: {buildArgs: {a: b}}}\n",
            "apiVersion: skaffold/v2\nbuild:\n  artifacts:\n",
        ),
        "jobs of GitHub": repeat(".github/workflows/a.yaml", "  a§: {container: {image: b:1}}\n", "jobs:\n"),
        "matrices of GitHub": repeat(
            ".github/workflows/a.yaml",
            "  a§: {strategy: {matrix: {image: [b:1]}}, container: '${{ matrix.image }}'}\n",
            "jobs:\n",
        ),
        "values of a matrix": repeat(
            ".github/workflows/a.yaml",
            "b:§, ",
            "jobs: {a: {strategy: {matrix: {image: [",
            "]}}, container: '${{ matrix.image }}'}}\n",
        ),
        "matrices with anchors": repeat(
            ".gitlab-ci.yml", "a§: {image: $A, parallel: {matrix: [{A: *b}]}}\n", ".b: &b [c:1]\n"
        ),
        "jobs of GitLab": repeat(".gitlab-ci.yml", "a§: {image: b:1, services: [c:1]}\n"),
        "conditions of Azure": repeat(
            "azure-pipelines.yml", "- ${{ if a }}:\n  - job: a§\n    container: b:1\n", "jobs:\n"
        ),
        "nested conditions of Azure": nest("azure-pipelines.yml", '{"${{ a }}":', "1", "}", "container: a\njobs: "),
        "steps of Bitbucket": repeat(
            "bitbucket-pipelines.yml",
            "    - step: {image: a:1, script: [{pipe: 'docker://b:1'}]}\n",
            "pipelines:\n  default:\n",
        ),
        "updates of Dependabot": repeat(
            ".github/dependabot.yml",
            "- {package-ecosystem: docker, directory: /a§}\n",
            "version: 2\nupdates:\n",
            Dockerfile="FROM a:1\n",
        ),
        "ignored images of Dependabot": repeat(
            ".github/dependabot.yml",
            "  - dependency-name: a§\n",
            "version: 2\nupdates:\n- package-ecosystem: docker\n  directory: /\n  ignore:\n",
            Dockerfile="FROM a:1\n",
        ),
        "code owners": repeat(".github/CODEOWNERS", "/a§/ @b\n", Dockerfile="FROM a:1\n"),
        "owners of one path": repeat(".github/CODEOWNERS", "@a§ ", "/a ", Dockerfile="FROM a:1\n"),
        "sections of owners": repeat(".github/CODEOWNERS", "[a§] @b\n* @c§\n", Dockerfile="FROM a:1\n"),
        "digests in a text": repeat("a.txt", f"a§:1@{_DIGEST} "),
        "long names in a text": repeat("a.txt", f"{'a.a' * 330}@{_DIGEST} "),
        "short words in a text": repeat("a.txt", f"{'a ' * 500}@{_DIGEST} "),
    },
}
