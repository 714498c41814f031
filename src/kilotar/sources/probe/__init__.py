"""Facts about this machine and its network, each had within seconds: what `kilotar doctor` judges by."""
