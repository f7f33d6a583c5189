"""Describers, one file each: they put into words what a head does."""
