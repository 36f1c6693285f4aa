"""Are the words said that ridge regression predicts from a picture?

python benchmarks/predicted_words.py MATCH_RUN RESULTS [RESULTS ...]
    [--split test] [--input_json FILE] [--features FILE]

MATCH_RUN is one of `--matcher ridge`. For each picture it predicts words from
the mean of its features; words that more than a twentieth of the training
pictures' captions say are left out. Of its first five, printed for each
results.json of `imcap evaluate`: the share that a caption says, of those that
a reference says (recall) and of those that none says (copied mistakes); and
the share of the caption's own such words that a reference says (precision).
The first line is of the references themselves, each scored by the others.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from imcap.data.batches.readers import StoredFeatures, pool_features
from imcap.matching.data import PairSource
from imcap.matching.evaluation import check_features
from imcap.matching.run import MatchRun

FIRST = 5
COMMON = np.log(20.0)  # idf of what one picture in twenty has


def predict(run, pairs):
    """Word scores (N, V) of the line, and idf (V,)."""
    model = run.task()
    pooled = pool_features(StoredFeatures(pairs.store), pairs.image_ids)
    mean = np.asarray(model.standardise.moving_mean)
    variance = np.asarray(model.standardise.moving_variance)
    inputs = (pooled - mean) / np.sqrt(variance)
    inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
    if model.rank:
        inputs = inputs @ np.asarray(model.inner.kernel)
    scores = inputs @ np.asarray(model.embedding.embeddings).T
    return scores, np.asarray(model.idf.embeddings)[:, 0]


def measure(predicted, said, heard):
    """Recall, copied mistakes and precision of captions' word sets.

    Args:
        predicted: N sets of the line's words.
        said: N sets of what each caption says.
        heard: N sets of what its references say.
    """
    right = [(p & h, s) for p, s, h in zip(predicted, said, heard, strict=True)]
    wrong = [(p - h, s) for p, s, h in zip(predicted, said, heard, strict=True)]
    shares = [
        sum(len(words & s) for words, s in some)
        / max(1, sum(len(words) for words, _ in some))
        for some in (right, wrong)
    ]
    own = sum(len(s & h) for s, h in zip(said, heard, strict=True))
    return *shares, own / max(1, sum(map(len, said)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("results", nargs="+")
    parser.add_argument("--split", default="test")
    parser.add_argument("--input_json")
    parser.add_argument("--features")
    given = parser.parse_args()
    run = MatchRun.open(given.run)
    source = PairSource.of(run.config).replaced(
        input_json=given.input_json, features=given.features
    )
    pairs = source.open(given.split)
    check_features(run, pairs)
    scores, idf = predict(run, pairs)
    telling = idf > COMMON
    scores[:, ~telling] = -np.inf
    predicted = [set(row.argsort()[::-1][:FIRST].tolist()) for row in scores]

    def words_of(tokens):
        ids = run.vocabulary.encode(tokens)
        return {int(word) for word in ids if telling[word]}

    captions = [[] for _ in predicted]
    for tokens, image in zip(pairs.tokens, pairs.image_of, strict=True):
        captions[int(image)].append(words_of(tokens))
    everything = [set().union(*some) for some in captions]
    found = [len(p & h) for p, h in zip(predicted, everything, strict=True)]
    print(
        f"of the line's first {FIRST} words references say {np.mean(found):.2f}"
    )
    print(f"{'captions':40} recall  copied  precision  words")
    rows = {"a reference": ([some[0] for some in captions], [
        set().union(*some[1:]) for some in captions
    ])}  # fmt: skip
    for path in given.results:
        by_id = {
            str(entry["image_id"]): words_of(entry["caption"].split())
            for entry in json.loads(Path(path).read_text())
        }
        said = [by_id[str(image_id)] for image_id in pairs.image_ids]
        rows[path] = said, everything
    for name, (said, heard) in rows.items():
        recall, copied, precision = measure(predicted, said, heard)
        count = np.mean([len(words) for words in said])
        print(
            f"{name[-40:]:40} {recall:6.3f}  {copied:6.3f}  "
            f"{precision:9.3f}  {count:5.2f}"
        )


if __name__ == "__main__":
    main()
