"""What others publish of vulnerabilities, from where the operator says: which are exploited, and how likely that is."""
