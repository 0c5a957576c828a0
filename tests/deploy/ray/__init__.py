"""Tests of deploy/ray/ on a cluster of several nodes; they need Ray, which `make test-scale` installs."""
