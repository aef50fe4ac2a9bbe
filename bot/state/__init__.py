"""The state: data that runs store in a database for later runs, such as observations of tags.

If the state is lost, minimum ages start again and runs take longer. No proposal depends on it.
"""
