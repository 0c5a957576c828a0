"""The folder of artefacts: each file tried, loaded, watched. Knows no HTTP."""
