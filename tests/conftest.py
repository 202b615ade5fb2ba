"""What holds for all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# With these XLA takes less time to compile, of which tests do much; `main.py` has its own, with which test_main.py starts it.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0")

# Tests side by side run in processes that ignore Ctrl-C, and under nohup SIGHUP; what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Property tests take the same few examples every time; `pytest --hypothesis-profile=thorough` takes many new ones.
settings.register_profile("few", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile("thorough", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile("few")


@pytest.fixture(scope="session", autouse=True)
def rough_pictures():
    """Have runs in this process draw roughly, or half of their time were pictures; those of figures draw as it is shown."""
    from pictures import write_roughly

    from tasks import report

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(report._WRITE, ".png", write_roughly)
        yield


@pytest.fixture
def eager():
    """Run without compiling, which for a few steps takes longer than running."""
    import tensorflow as tf  # here, because not all tests need it, and after the flags above

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def without_xla():
    """Train in plain graphs, where the compiled program is not what is tested."""
    from graphs import plain_graphs

    with plain_graphs():
        yield


@pytest.fixture
def run_here(capsys, without_xla):
    """Do what `entry_point.run` does in this process, where not the process is tested, which spares starting TensorFlow again."""
    import main

    def run_here(folder, *flags):
        status = main.main([*map(str, flags), f"--results-dir={folder / 'results'}", f"--log-dir={folder / 'log'}"])
        return status, *capsys.readouterr()

    return run_here


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """A folder in which the features of the words that ship are kept, to compute them once."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="session")
def few_words(tmp_path_factory):
    """Settings of four clips of each of four of the words that ship, of which three train; features are computed once."""
    folder = tmp_path_factory.mktemp("few_words")
    for word in ("highway", "looking", "making", "walking"):
        (folder / "corpus" / word).mkdir(parents=True)
        for clip in sorted((Path(__file__).parents[1] / "data" / "words" / word).iterdir())[:4]:
            (folder / "corpus" / word / clip.name).symlink_to(clip)
    return {"corpus": str(folder / "corpus"), "cache_dir": folder / "cache", "batch_size": 4}


@pytest.fixture(scope="session")
def few_words_flags(few_words):
    return [f"--{name.replace('_', '-')}={value}" for name, value in few_words.items()]
