"""What notices say, one data file for each kind."""
