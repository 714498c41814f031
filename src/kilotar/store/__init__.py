"""Floor 3: bytes on disk: atomic files, the journal, the index, the workspace, staging and manifests."""
