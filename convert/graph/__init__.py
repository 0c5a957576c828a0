"""ONNX graphs under construction."""
