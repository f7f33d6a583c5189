"""Relations: which heads map a word to its counterpart, read from the weights, and what a head maps to what."""
