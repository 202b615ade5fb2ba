"""Makes this folder a package: Hershey-Fonts and tf2onnx install one named `tests`, which would be found instead of a folder without."""
