"""What two images hold and who signed them: what a move fixes and brings, and whether that is allowed."""
