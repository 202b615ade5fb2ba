"""Every task's training follows, update by update, what Keras's own layers, optimisers and `fit` gave with the same seed."""

import json

import numpy as np
import pytest
from running import trajectories  # of the tests

from running.loop import Loop

KNOWN = json.loads(trajectories.FILE.read_text())
