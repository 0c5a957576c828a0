"""Tests of deploy/ray/; those on a cluster of several nodes need Ray, which `make test-scale` installs."""
