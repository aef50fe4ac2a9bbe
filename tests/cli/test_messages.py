"""Messages on stderr contain no commands for the CI service that reads the log."""

from __future__ import annotations

import pytest

CONFIGS = {
    "unknown key": '"\\n::error::pwned\\n##vso[task.setvariable variable=x]y": 1',
    "key in a rule": 'policy: [{"\\e[31m\\n::error::##[command]x": 1}]',
    "duplicate key": '"##vso[task.x]y\\n::error::x": 1\n"##vso[task.x]y\\n::error::x": 2',
    "key that is not a string": "!!python/name:##vso[task.x]y x: 1",
    "value": 'scanners: [{kind: "\\n::error::##vso[task.x]y"}]',
    "choice": 'policy: [{update: "\\n::error::##vso[task.x]y"}]',
    "pattern": 'policy: [{match: {image: "\\n::error::##vso[task.x]y["}}]',
    "syntax": "schema: 1\n##vso[task.x]y: 1\n::error::x: [",
}


def _check_message(message: str) -> None:
    assert "##[" not in message
    assert "##vso[" not in message
    assert "\x1b" not in message
    assert not [line for line in message.split("\n") if line.lstrip().startswith("::")]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(
    "command", [["config", "check", ".basebump.yaml"], ["scan", ".", "--offline"], ["check", ".", "--offline"]]
)
def test_config_error_messages_contain_no_workflow_commands(name, command, basebump, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".basebump.yaml").write_text(f"schema: 1\n{CONFIGS[name]}\n")
    code, out, err = basebump(*command)
    assert code == 2
    _check_message(out + err)


@pytest.mark.parametrize("text", ["x\n::error::y", "##vso[task.x]y", "##[command]x"])
@pytest.mark.parametrize("arguments", [["resolve"], ["scan"], ["scan", "--format"], ["compare", "a"], ["report"]])
def test_usage_error_messages_contain_no_workflow_commands(arguments, text, basebump):
    code, out, err = basebump(*arguments, text)
    assert code == 2
    _check_message(out + err)
