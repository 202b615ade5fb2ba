"""The program that writes: its text, its parts, and that the pen goes where the fonts say."""

import dataclasses
import hashlib
from collections import Counter

import numpy as np
import pytest
from HersheyFonts import HersheyFonts

from data.ink import ALPHABET, check_line
from data.make_handwriting import Writer, _shapes, draw_writer, made, sentences, write_line

SHA256 = "3588cc2ff3d6a65aa802129eaf25fd25c35e6867969480c106ec9188fb9f57dd"
FONT = HersheyFonts(load_default_font="rowmans")


@pytest.fixture(scope="module")
def corpus():
    return made(lines=60, validation=20, test=30)


def digest(lines):
    total = hashlib.sha256()
    for line in lines:
        total.update(f"{line.name} {line.writer} {line.text}\n".encode())
        total.update(np.round(line.points * (1, 1, 100)).astype("<i8").tobytes())
        total.update(line.lifted.tobytes())
    return total.hexdigest()


def strokes_of(line):
    return np.split(line.points, np.flatnonzero(line.lifted)[:-1] + 1)


def parts_of(corpus):
    return corpus.training, corpus.validation, corpus.test


def test_the_text_is_many_sentences_with_every_character():
    texts = sentences()
    assert len(texts) == len(set(texts)) >= 600
    assert set("".join(texts)) == set(ALPHABET)
    counts = Counter(character for text in texts for character in set(text))
    assert min(counts.values()) >= 8  # sentences with the rarest
    words = {word.strip(".,!?;:\"()[]'").lower() for text in texts for word in text.split()}
    assert len(words) >= 2000


def test_what_is_written_is_always_the_same(corpus):
    assert digest(line for part in parts_of(corpus) for line in part) == SHA256


def test_a_smaller_corpus_is_the_beginning_of_a_larger_one(corpus):
    for small, large in zip(parts_of(made(lines=13, validation=1, test=11)), parts_of(corpus)):
        assert digest(small) == digest(large[: len(small)])


def test_other_seeds_write_other_lines_with_the_same_sentences_in_each_part(corpus):
    other = made(lines=60, validation=20, test=30, seed=1)
    assert not {line.text for line in other.training} & {line.text for line in corpus.training}
    assert not whole(other.training) & (whole(corpus.validation) | whole(corpus.test))
    assert "seed 1" in other.source and "60 + 20 + 30 lines" in other.source and other.skipped == {}


def whole(lines):
    """Return the sentences that are in lines as a whole, joined by writer."""
    texts = {}
    for line in lines:
        texts[line.writer] = f"{texts.get(line.writer, '')} {line.text}"
    return {sentence for sentence in sentences() for text in texts.values() if sentence in text}


def test_parts_share_neither_writers_nor_sentences(corpus):
    assert [len(part) for part in parts_of(corpus)] == [60, 20, 30]
    writers = [{line.writer for line in part} for part in parts_of(corpus)]
    assert [len(each) for each in writers] == [6, 2, 3] and len(set.union(*writers)) == 11
    found = [whole(part) for part in parts_of(corpus)]
    assert min(map(len, found)) > 5 and len(set.union(*found)) == sum(map(len, found))
    names = [line.name for part in parts_of(corpus) for line in part]
    assert len(names) == len(set(names))


def test_lines_are_as_long_and_as_many_points_as_peoples(corpus):
    lines = [line for part in parts_of(corpus) for line in part]
    for line in lines:
        check_line(line)
        assert len(line.text) <= 42 and line.text == line.text.strip()
        np.testing.assert_array_equal(line.points[:, :2], np.round(line.points[:, :2]))
        gaps = np.round(np.diff(line.points[:, 2]), 6)
        assert (gaps[~line.lifted[:-1]] == 0.01).all() and (gaps[line.lifted[:-1]] >= 0.03).all()
    shares = [len(line.points) / len(line.text) for line in lines]
    assert 15 < np.median(shares) < 25 and min(shares) > 10 and max(shares) < 35
    assert 25 < np.mean([len(line.text) for line in lines]) < 36
    heights = [np.ptp(line.points[:, 1]) for line in lines]
    assert min(heights) > 100 and max(heights) < 800


def plain(**changes) -> Writer:
    """Return a writer who copies the printed font ten times as large, letter by letter."""
    writer = draw_writer("plain", np.random.default_rng(0))
    return dataclasses.replace(
        writer,
        **{
            "shapes": _shapes("rowmans"),
            "bends": dict.fromkeys(ALPHABET, np.eye(2)),
            "form": 10 * np.eye(2),
            **dict.fromkeys(("drift", "wave", "wobble", "tremor", "flow"), 0.0),
            "rounding": 0.01,
            "waits": False,
            "speed": 200.0,
            **changes,
        },
    )


@pytest.mark.parametrize("character", sorted(set(ALPHABET) - set(" []")))
def test_the_pen_follows_the_font(character):
    """Each point lies on the font's strokes, each corner of these is passed closely, and there are as many strokes."""
    line = write_line(character, plain(), "one", np.random.default_rng(1))
    wanted = [np.array(stroke, float) - (0, 9) for stroke in FONT.strokes_for_text(character)]
    assert len(strokes_of(line)) == len(wanted)
    points = line.points[:, :2]
    starts, ends = (10 * np.concatenate([stroke[cut] for stroke in wanted]) for cut in (np.s_[:-1], np.s_[1:]))
    assert distances(points, starts, ends).min(axis=1).max() < 2
    corners = 10 * np.concatenate(wanted)
    assert max(np.hypot(*(points - corner).T).min() for corner in corners) < 25


def distances(points, starts, ends):
    """Return how far each point is from each straight line from start to end [points, lines]."""
    ways, away = ends - starts, points[:, None] - starts
    share = np.clip((away * ways).sum(-1) / np.maximum((ways**2).sum(-1), 1e-9), 0, 1)
    return np.hypot(*np.moveaxis(away - share[..., None] * ways, -1, 0))


@pytest.mark.parametrize("bracket", "[]")
def test_brackets_have_one_stem(bracket):
    assert len(strokes_of(write_line(bracket, plain(), "one", np.random.default_rng(1)))) == 3


def test_dots_and_bars_wait_for_the_end_of_the_word_and_the_pen_is_lifted_for_them():
    now, later = (write_line("tin it", plain(waits=w), "one", np.random.default_rng(1)) for w in (False, True))
    centers = np.array([stroke[:, :2].mean(axis=0) for stroke in strokes_of(now)])
    assert len(centers) == 10
    order = [np.hypot(*(centers - stroke[:, :2].mean(axis=0)).T).argmin() for stroke in strokes_of(later)]
    # t: stem, bar; i: stem, dot; n: stem, arch; i: stem, dot; t: stem, bar
    assert order == [0, 2, 4, 5, 1, 3, 6, 8, 7, 9]


def test_near_letters_are_joined_within_words_only():
    lifted = write_line("mum mum", plain(), "one", np.random.default_rng(1)).lifted.sum()
    always = write_line("mum mum", plain(flow=1.0, reach=1e3), "one", np.random.default_rng(1)).lifted.sum()
    marks = write_line("1,2", plain(flow=1.0, reach=1e3), "one", np.random.default_rng(1)).lifted.sum()
    assert (lifted, always, marks) == (16, 2, 3)


def test_writers_differ_and_so_do_the_letters_of_one():
    rng = np.random.default_rng(2)
    ann, bob = draw_writer("ann", rng), draw_writer("bob", rng)
    first, second, other = (write_line("noon", writer, "noon", rng) for writer in (ann, ann, bob))
    assert first.points.shape != second.points.shape or not np.array_equal(first.points, second.points)
    assert abs(np.ptp(first.points[:, 1]) - np.ptp(other.points[:, 1])) > abs(
        np.ptp(first.points[:, 1]) - np.ptp(second.points[:, 1])
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lines": 0}, "`lines` must be at least 1. Received: 0"),
        ({"validation": -1}, "`validation` must be at least 1. Received: -1"),
        ({"test": 0}, "`test` must be at least 1. Received: 0"),
        ({"seed": -1}, "`seed` must be at least 0. Received: -1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        made(**{"lines": 1, "validation": 1, "test": 1, **arguments})
