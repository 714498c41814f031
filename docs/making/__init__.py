"""What makes the generated pages of docs/; `docs/generate.py` says which, and writes them."""
