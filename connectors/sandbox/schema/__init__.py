"""Objects, fields and features of the org, and changes an administrator makes."""
