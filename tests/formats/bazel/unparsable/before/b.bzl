# grüße
oci_pull()
