"""What a fitted model gives away of each column of its input: where its values lie, what it knows, what it compares."""
