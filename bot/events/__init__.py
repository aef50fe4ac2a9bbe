"""The forms in which registries and forges report events: one module for each kind of sender.

All functions are pure. They check whether a request is proved, and parse it. An event is only a hint, so that nothing
in it is used except names of tags and repositories.
"""
