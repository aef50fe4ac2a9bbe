{{ nothing to see }}
