"""Door one: FastAPI routes over the endpoints."""
