"""Model files for tests: bad ones, endless ones, damaged ones, ones that mix rows; keys that sign them."""
