"""What each rep has to win in a month, from quotas of any period."""
