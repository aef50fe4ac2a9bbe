"""Record the results of a run: visits, pull requests, own builds and failed checks."""
