"""Parts of the experiment retrieval_chain."""
