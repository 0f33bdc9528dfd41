"""Columns of other systems' ticket lists, a file each."""
