"""Pictures drawn as SVG out of numbers: maps of heads, charts of experiments; no torch, no plotting library."""
