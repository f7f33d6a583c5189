"""What the counting experiment measures of a trained model."""
