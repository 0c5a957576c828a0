"""What is kept of outcomes, and the page that is written of them."""
