"""Makes load: requests with their right answers, due times, the generator, wrk."""
