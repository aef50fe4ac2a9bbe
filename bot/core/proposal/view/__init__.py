"""The data that templates can use: public, frozen and versioned; all untrusted text is a `Text`.

Users' templates depend on these names, so names are added, and never renamed within one `version`.
"""
