"""The planned day: blocks around the calendar, and the two lists."""
