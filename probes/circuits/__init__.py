"""What heads do, read from their weights: OV and QK circuits, always in low rank."""
