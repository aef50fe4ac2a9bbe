"""A folder of git repositories, whose proposals are refs."""
