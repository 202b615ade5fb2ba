"""Tests; a package, because a folder that is none would come after what other packages install under this name."""
