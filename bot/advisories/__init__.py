"""Published vulnerability data from configured sources: CISA's KEV list, FIRST's EPSS scores, and VEX documents."""
