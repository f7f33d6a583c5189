"""What comes from arXiv: looking papers up, drafting entries from them, and reporting where arXiv has moved on."""
