"""What earlier versions of scikit-learn wrote otherwise: names that moved, and what later versions keep besides."""
