"""The repository: artefacts are tried in a child, loaded, and watched in the folder. Knows no HTTP."""
