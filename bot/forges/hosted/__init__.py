"""The code that the adapters of all forge servers, such as GitHub and GitLab, have in common."""
