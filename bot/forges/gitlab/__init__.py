"""GitLab: gitlab.com and one's own."""
