oci_pull(image = "nginx:1"])
