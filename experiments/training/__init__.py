"""What the processes of experiments compute: networks in training, and what they are compared with."""

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
