"""The protocols: from headers and bytes to entries, from outputs to answers. Knows no sessions."""
