"""Recipes for inputs, one file each: what a detector wants the model to read."""
