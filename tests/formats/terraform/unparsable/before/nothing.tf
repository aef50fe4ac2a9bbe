resource "x" "y" {
