"""Ansible: which files are parsed, lists that contain themselves, and comments that apply to a task."""

from __future__ import annotations

import pytest
from support.steps import assert_linear

from bot.formats.ansible import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason


def read(content, path="tasks/main.yml"):
    return list(FORMAT.extract(SourceFile(FilePath(path), content.encode())))


@pytest.mark.parametrize("path", ["site.yml", "deploy.yaml", "roles/web/tasks/main.yml", "playbooks/db.yml"])
def test_ansible_playbooks_are_selected_with_any_file_name(path):
    assert FORMAT.select_paths(index_paths([FilePath(path), FilePath("tasks/main.json")])) == [path]


def test_unparsable_playbook_is_reported_only_if_naming_a_container_module():
    broken = '- image: [{{ x }}\nother: "a\\\n  b"\n'
    assert read(broken) == []
    assert [each.reason for each in read(f"{broken}# docker_container\n")] == [Reason.UNPARSABLE]


def test_utf_16_playbook_is_reported_only_if_naming_a_container_module():
    content = "- docker_container: {image: nginx}\n"
    (found,) = FORMAT.extract(SourceFile(FilePath("a.yml"), content.encode("utf-16")))
    assert found == UnsupportedText(FilePath("a.yml"), 1, "", Reason.UNPARSABLE)
    assert list(FORMAT.extract(SourceFile(FilePath("a.yml"), "- image: nginx\n".encode("utf-16")))) == []


def test_playbook_block_containing_itself_is_reported_as_too_large():
    assert [each.reason for each in read("&a\n- docker_container: {image: nginx}\n  block: *a\n")] == [Reason.TOO_LARGE]


def test_comments_above_ansible_task_and_module_apply_to_the_image():
    (found,) = read("- name: run\n  when: x\n  docker_container:\n    image: nginx:1\n")
    assert (found.line_number, found.related_lines) == (4, (1, 3))


def test_image_id_in_playbook_is_not_read_as_image():
    assert read(f"- docker_container: {{image: 'sha256:{'a' * 64}'}}\n") == []


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\ufeff",
        "\n# x\n",
        "%YAML 1.1\n---\n",
        "a: 1\n---\n# x\n",
        "a: 1\n...\n---\n",
        "--- # x\n",
        "--- &a\n",
        "  ",
    ],
)
def test_ansible_task_is_found_after_comments_directives_and_other_documents(before):
    assert [each.written for each in read(f"{before}- docker_container: {{image: nginx}}\n")] == ["nginx"]


@pytest.mark.parametrize("part", ["---\n", "a: 1\n---\n", "# x\n"])
def test_yaml_documents_without_tasks_are_skipped_in_linear_time(part):
    assert_linear(lambda size: read(f"# docker_container: image\n{part * size}a: 1\n"), 2000)
