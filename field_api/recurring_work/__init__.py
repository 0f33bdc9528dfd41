"""Work that comes round by the calendar, one data file each."""
