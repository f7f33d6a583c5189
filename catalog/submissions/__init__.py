"""Submissions by issue: the forms, how a filled-in form is read, and what becomes of it."""
