"""The page that reports one conversion, for who opens it in a browser."""
