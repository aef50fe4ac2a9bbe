"""Parts of forges that are servers: what the adapters of GitHub and GitLab have in common."""
