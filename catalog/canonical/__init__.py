"""The canonical form of the data files: how an entry is written, where it stands, and how a merge is settled."""
