"""The texts with which the files of `basebump init` refer to basebump's Action.

Generated: `python -m tools.release_switch`.
"""

ACTION_COMMENT = (
    "      # Replace OWNER/basebump@COMMIT with the repository that contains basebump, and with one of its commits.\n"
)
"""A line above the step that uses the Action; empty if the step needs no explanation."""
ACTION_REFERENCE = "OWNER/basebump@COMMIT"
