"""What `make bench` runs: measurements of speed and memory, and the page that tells them. Not tests: nothing fails."""
