"""The file drop and the files that cross between zones."""
