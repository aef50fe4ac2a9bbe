"""Parts that several outputs share, such as evidence, failures, tables, and the stages of updates."""
