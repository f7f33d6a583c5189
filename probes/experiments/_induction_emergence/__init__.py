"""Parts of the experiment induction_emergence."""
