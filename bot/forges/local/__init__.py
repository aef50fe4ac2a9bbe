"""The local forge: a folder of git repositories, in which proposals are stored as refs."""
