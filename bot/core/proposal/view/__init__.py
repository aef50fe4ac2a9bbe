"""What templates see: public, frozen, versioned; every text from outside is a `Text`.

Templates of other people build on these names: they are added to, and never renamed within one `version`.
"""
