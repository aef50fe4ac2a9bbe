"""What Microsoft Defender for Cloud says of container images, from question to findings."""
