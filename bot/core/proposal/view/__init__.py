"""The data that templates can use. All classes are frozen, and all untrusted text in them is a `Text`.

Templates of users depend on the names here. So names are only added, and never renamed as long as `version` stays the
same.
"""
