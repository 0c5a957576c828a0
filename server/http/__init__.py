"""Door two: uvicorn's protocol class, extended to answer hot requests itself."""
