"""Doors of the DL/T protocols: 645 over lines and dial-in, 698.45."""
