"""A stand for Azure Repos, over real git repositories on this machine.

Where the documentation of Azure DevOps leaves a behaviour open, `state.Assumptions` has a switch for it, so that tests
can let the stand behave the other way.
"""
