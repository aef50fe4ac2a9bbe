"""Access to git repositories with git itself, in a local folder and over HTTP."""
