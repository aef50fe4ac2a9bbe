"""Published vulnerability data from sources that the operator configures: CISA's KEV, FIRST's EPSS, VEX documents."""
