"""Models that other people's tests fit and dump: converted, and compared over those tests' own rows."""
