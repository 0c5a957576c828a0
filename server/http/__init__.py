"""Door two: uvicorn's protocol class, which answers hot requests itself."""
