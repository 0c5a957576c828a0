"""Tests of score/; they need pyarrow and tqdm, which `make test-scale` installs."""
