"""Access to git repositories by git itself: in a local folder, and over HTTP."""
