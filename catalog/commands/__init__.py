"""Commands of the groups paper and site, one file for each thing that people come to do."""
