"""What a fitted model gives away of the columns that it sees, for rows to be made up by."""
