"""Writes a workflow for GitHub Actions that runs basebump every working day."""

from __future__ import annotations

from bot.starter.config_text import STATE_PATH

WORKFLOW_PATH = ".github/workflows/basebump.yml"
TOKEN_VARIABLE = "BASEBUMP_TOKEN"  # noqa: S105 - the name of a variable
"""The variable in which the Action passes the token of the workflow to basebump."""

_WORKFLOW = """\
# This workflow runs basebump on every working day. docs/github-action.md in basebump's repository explains it.
name: basebump
on:
  schedule:
    - cron: "17 5 * * 1-5"
  workflow_dispatch:
permissions: {{}}
concurrency:
  group: basebump
  cancel-in-progress: false
jobs:
  propose:
    name: Propose newer base images
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: write # pushes branches
      pull-requests: write # opens and edits pull requests
      statuses: write # sets the status basebump/evidence
      actions: write # starts the workflows that `dispatch` in the config names
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      # Replace OWNER/basebump@COMMIT with the repository that contains basebump, and with one of its commits.
      - uses: OWNER/basebump@COMMIT
        with:
          config: {config}
          state: {state}
"""


def write_workflow_text(config_path: str) -> str:
    """Return the text of the workflow file. `config_path` is the path of the config in the repository."""
    return _WORKFLOW.format(config=config_path, state=STATE_PATH)
