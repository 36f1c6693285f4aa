"""A searcher finds the best, and says what it could not read."""

import keras
import numpy as np
import pytest
from PIL import Image

from helpers.tiny_runs import make_match_run
from imcap.matching.matcher import LoadedMatcher
from imcap.matching.search import top_k


@pytest.mark.parametrize(
    "scores,k,expected",
    [
        ([0.1, 0.7, 0.3, 0.5], 3, [1, 3, 2]),
        ([2.0, 3.0, 3.0, 2.0, 3.0], 4, [1, 2, 4, 0]),
        ([0.0] * 40, 5, [0, 1, 2, 3, 4]),
        ([1.0, 2.0], 9, [1, 0]),
        ([], 2, []),
    ],
)
def test_of_equal_scores_the_first_comes_first(scores, k, expected):
    assert top_k(np.array(scores, "float32"), k).tolist() == expected


@pytest.fixture(scope="module", params=[0, 5], ids=["plain", "head"])
def model(tmp_path_factory, request):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("search")
    run = make_match_run(folder, global_head=request.param, global_weight=2.0)
    return LoadedMatcher(run.path)


@pytest.fixture
def pictures(tmp_path):
    """Three pictures and a broken one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        rng = np.random.default_rng(number)
        noise = rng.integers(0, 256, (40, 50, 3), "uint8")
        Image.fromarray(noise).save(folder / f"p{number}.png")
    (folder / "broken.png").write_bytes((folder / "p0.png").read_bytes()[:200])
    return folder


def test_what_cannot_be_read_is_left_out_aloud(model, pictures, capsys):
    with pytest.warns(UserWarning, match="left out: .*broken.png"):
        answers = model.search(pictures, ["a dog", "green grass"], top=2)
    assert [len(answer) for answer in answers] == [2, 2]
    index = model.searcher.index(pictures)
    assert [path.name for path, _ in index.refused] == ["broken.png"]
    assert len(index.notes) == 1 and len(index) == len(index.paths) == 3
    assert "left out" not in capsys.readouterr().err


def test_both_ways_find_the_pairs_that_score_best(model, pictures):
    searcher = model.searcher
    index = searcher.index(pictures)
    rows = searcher.encode(searcher.tokenize(["a dog runs", "the grass"]))
    scores = model.score(index.paths, ["a dog runs", "the grass"])
    for column, best in zip(
        scores.T, searcher.best_pictures(index, rows, 2), strict=True
    ):
        assert [match.row for match in best] == top_k(column, 2).tolist()
        found = [match.score for match in best]
        np.testing.assert_allclose(found, np.sort(column)[:-3:-1], atol=1e-5)
    best = searcher.best_captions(index[1:2], rows, 1)
    assert [match.row for match in best] == top_k(scores[1], 1).tolist()
    # A weight for each word and each location.
    words = [3, 2][best[0].row]
    assert best[0].attention.shape == (words, index.shape[1])


def test_words_that_a_run_does_not_know(model):
    [words] = model.searcher.tokenize(["A zebra runs"])
    assert model.searcher.unknown_words(words) == ["zebra"]
