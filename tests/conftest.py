"""What holds for all tests."""

import signal

# Tests side by side run in processes that ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
