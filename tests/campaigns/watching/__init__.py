"""What open pages cost a busy worker: `python -m tests.campaigns.watching`."""
