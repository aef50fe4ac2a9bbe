"""The state: data that runs store in a database for later runs, such as observations of tags.

If the state is lost, every digest counts as new, so that a rule with a minimum age delays its update again. The next
run takes longer. There is no other effect, because proposals are stored on the forge and not in the state.
"""
