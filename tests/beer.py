"""Quarterly beer production of Australia, in megalitres, and errors that were published of simple forecasts of it.

Values from the first quarter of 1992 (Australian Bureau of Statistics, catalogue 8301.0.55.001) and the table of section 5.8 in
Hyndman and Athanasopoulos, Forecasting: Principles and Practice, third edition: trained to 2007, tested on the ten quarters after.
"""

import numpy as np

# fmt: off
BEER = np.array([
    443, 410, 420, 532, 433, 421, 410, 512, 449, 381, 423, 531, 426, 408, 416, 520, 409, 398, 398, 507, 432, 398, 406, 526, 428,
    397, 403, 517, 435, 383, 424, 521, 421, 402, 414, 500, 451, 380, 416, 492, 428, 408, 406, 506, 435, 380, 421, 490, 435, 390,
    412, 454, 416, 403, 408, 482, 438, 386, 405, 491, 427, 383, 394, 473, 420, 390, 410, 488, 415, 398, 419, 488, 414, 374,
], float)
# fmt: on
ORIGIN = 64
PUBLISHED = {"naive": (62.69, 4.01), "seasonal naive": (14.31, 0.94), "drift": (64.90, 4.12)}  # RMSE, MASE
