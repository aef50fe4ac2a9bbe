"""Record what a run found out and did."""
