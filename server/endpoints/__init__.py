"""What each route does, whoever calls it: both doors do."""
