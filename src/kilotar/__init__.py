"""One command to a verified ImageNet that your trainer can read."""

__version__ = "0.1.0"
