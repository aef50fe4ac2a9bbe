"""Code that the adapters of all forge servers, such as GitHub and GitLab, share.

In this package, "pull request" also means a merge request of GitLab, and "repository" also means a project of GitLab.
"""
