"""Vulnerability information from sources that the operator names: CISA's KEV, FIRST's EPSS and VEX documents."""
