"""What runs store about tags, manifests, scans, and what they pushed and opened, to save requests."""
