"""What the tests of convert/ share."""
