"""Tests; a package, because Hershey-Fonts and tf2onnx install one named `tests`, which would come before a folder without this file."""
