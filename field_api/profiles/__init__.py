"""Company profiles, one data file each."""
