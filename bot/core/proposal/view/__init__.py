"""The data that templates can use. All classes are frozen, and untrusted text is wrapped in `Text`.

Users write templates that depend on the names of classes' fields. So fields may be added, but they are renamed or
removed only when `version` changes.
"""
