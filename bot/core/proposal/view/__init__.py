"""The data that templates can use. The classes are public, frozen and versioned, and all untrusted text is a `Text`.

Templates of users depend on the names here, so names are only added, and never renamed within one `version`.
"""
