"""What others published: the numbers that this project's are shown beside."""

from pathlib import Path

# The five targets of Koutník et al. 2014, read from the vector graphics of their Figure 5.
GENERATION_TARGETS = str(Path(__file__).parents[1] / "data" / "koutnik2014_figure5_targets.csv")

# Koutník et al. 2014, Table 1: hidden units for about so many parameters, clock periods among them.
GENERATION_UNITS = {
    "simple_rnn": {100: 9, 250: 15, 500: 22, 1000: 31},
    "lstm": {100: 4, 250: 7, 500: 10, 1000: 15},
    "clockwork_rnn": {100: 11, 250: 19, 500: 27, 1000: 40},
}

# First quartile, median and third quartile of the NMSE (half of MSE over variance), read from the vector graphics of
# Koutník et al. 2014, Figure 3.
GENERATION_NMSE = {
    "simple_rnn": {
        100: (0.407, 0.474, 0.500),
        250: (0.390, 0.472, 0.492),
        500: (0.386, 0.472, 0.497),
        1000: (0.423, 0.472, 0.497),
    },
    "lstm": {
        100: (0.0497, 0.0686, 0.0876),
        250: (0.0361, 0.0495, 0.0661),
        500: (0.0321, 0.0432, 0.0577),
        1000: (0.0289, 0.0344, 0.0459),
    },
    "clockwork_rnn": {
        100: (0.0308, 0.0388, 0.0520),
        250: (0.0121, 0.0166, 0.0194),
        500: (0.0076, 0.0103, 0.0142),
        1000: (0.0041, 0.0064, 0.0105),
    },
}

# The same paper's Table 3, 1000 parameters: mean and standard deviation.
GENERATION_TABLE_3 = {"simple_rnn": (0.46, 0.08), "lstm": (0.04, 0.01), "clockwork_rnn": (0.007, 0.004)}

# The TensorFlow 0.12 project that this one succeeds: MSE of one run each on 320 samples of music, by hidden units.
TENSORFLOW_2016_EPOCHS = 1000
TENSORFLOW_2016_MSE = {
    "clockwork_rnn": {9: 5.0e-2, 27: 2.8e-3, 36: 1.7e-3},
    "lstm": {3: 1.4e-1, 10: 8.2e-2, 13: 8.8e-2},
}

# Koutník et al. 2014, Table 2: hidden units of the spoken-word networks for about so many parameters.
WORDS_UNITS = {
    "simple_rnn": {500: 10, 1000: 18, 2500: 34, 5000: 54, 10000: 84},
    "lstm": {500: 5, 1000: 8, 2500: 17, 5000: 26, 10000: 41},
    "clockwork_rnn": {500: 10, 1000: 19, 2500: 40, 5000: 65, 10000: 102},
}

# Median error in percent, read from Koutník et al. 2014, Figure 4.
WORDS_ERROR = {
    "simple_rnn": {500: 78, 1000: 74, 2500: 68, 5000: 66, 10000: 66},
    "lstm": {500: 70, 1000: 60, 2500: 43, 5000: 38, 10000: 34},
    "clockwork_rnn": {500: 62, 1000: 42, 2500: 28, 5000: 18, 10000: 16},
}

# The same paper's Table 3, 10,000 parameters: mean and standard deviation of the error in percent.
WORDS_TABLE_3 = {"simple_rnn": (66.8, 4.7), "lstm": (34.2, 5.6), "clockwork_rnn": (16.8, 3.5)}

# Koutník et al. 2014 (ICML), section 4.3: hidden units, in each direction, of the handwriting networks for about so many parameters,
# and their label error in percent on IAM-OnDB.
HANDWRITING_UNITS = {
    "simple_rnn": {10000: 40, 50000: 121, 100000: 185},
    "lstm": {10000: 25, 50000: 67, 100000: 100},
    "clockwork_rnn": {10000: 45, 50000: 148, 100000: 231},
}
HANDWRITING_ERROR = {
    "simple_rnn": {10000: 52.8, 50000: 43.4, 100000: 47.5},
    "lstm": {10000: 34.2, 50000: 21.4, 100000: 19.2},
    "clockwork_rnn": {10000: 67.2, 50000: 46.5, 100000: 39.5},
}

# Test loss of one run each on a text, from a student's extensions of the Clockwork RNN; text and unit are not told.
EXTENSIONS_TEXT_LOSS = {
    "simple RNN": 1.40,
    "slow_to_fast": 1.45,
    "full": 1.55,
    "symmetric (1, 4, 16, 4, 1)": 1.30,
    "symmetric Fibonacci of 3 million weights, which overfitted": 0.90,
}
