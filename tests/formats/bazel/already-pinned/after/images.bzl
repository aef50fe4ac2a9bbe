def images():
    oci_pull(name = "base", image = "gcr.io/distroless/java17:nonroot@sha256:746904019778cd0aca574547f61ab993d9aaedd2e3ee42ed92f67498b53433cf")
