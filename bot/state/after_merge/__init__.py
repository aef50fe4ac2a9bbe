"""What happens after a merge: own builds, running images, failed checks, and stages."""
