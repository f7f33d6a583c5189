"""Read-outs, one file each: what can be taken exactly from the attention calls of a forward pass."""
