"""What we run that others wrote: `python -m tests.campaigns.supply` writes docs/licences.md."""
