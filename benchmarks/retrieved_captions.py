"""Captions that are only found: what a captioner has to be far above.

python benchmarks/retrieved_captions.py RUN [--split test] [--count 60]
    [--input_json FILE] [--features FILE]

For each picture, a matching run ranks all captions of the training split. Of
the first COUNT, the one that agrees best with the others is taken: by the mean
cosine of their n-grams of 1 to 4 words, weighed by idf. Nothing is learnt of
language. Reference: Devlin et al., 2015, "Exploring nearest neighbor approaches
for image captioning".
"""

import argparse
import collections
import json

import numpy as np

from imcap.matching.data import PairSource
from imcap.matching.evaluation import check_features
from imcap.matching.run import MatchRun
from imcap.matching.scores import Embedder, length_blocks
from imcap.metrics.coco import score_captions
from imcap.metrics.recall import top_k

LENGTHS = (1, 2, 3, 4)


def ngrams(words, length):
    """The n-grams of a caption, counted."""
    return collections.Counter(
        zip(*(words[start:] for start in range(length)), strict=False)
    )


def ngram_idf(captions, image_of):
    """idf of each n-gram over the pictures that captions are of."""
    heard = collections.defaultdict(set)
    for words, image in zip(captions, image_of, strict=True):
        for length in LENGTHS:
            for gram in ngrams(words, length):
                heard[gram].add(image)
    count = len(set(image_of))
    return {gram: np.log(count / len(who)) for gram, who in heard.items()}


def consensus(captions, idf):
    """Which caption is nearest to the others on average."""
    total = np.zeros(len(captions))
    for length in LENGTHS:
        counted = [ngrams(words, length) for words in captions]
        places = {}
        for gram in (gram for each in counted for gram in each):
            places.setdefault(gram, len(places))
        rows = np.zeros((len(captions), len(places) or 1))
        for row, each in zip(rows, counted, strict=True):
            for gram, times in each.items():
                row[places[gram]] = times * idf[gram]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        total += rows @ rows.sum(axis=0) - 1
    return int(total.argmax())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--input_json")
    parser.add_argument("--features")
    given = parser.parse_args()
    run = MatchRun.open(given.run)
    source = PairSource.of(run.config).replaced(
        input_json=given.input_json, features=given.features
    )
    known, asked = source.open("train"), source.open(given.split)
    for pairs in (known, asked):
        check_features(run, pairs)
    embedder = Embedder(run.task())
    rows = known.encode(run.vocabulary)
    images, mask = embedder.embed_images(asked)
    scores = np.empty((len(asked), len(rows)), "float32")
    for block in length_blocks(rows):
        words, lengths = embedder.embed_captions(rows, block)
        scores[:, block] = embedder.score(images, mask, words, lengths)
    idf = ngram_idf(known.tokens, known.image_of.tolist())
    chosen = []
    for of_picture in scores:
        best = [known.tokens[row] for row in top_k(of_picture, given.count)]
        chosen.append(" ".join(best[consensus(best, idf)]))
    references = collections.defaultdict(list)
    for tokens, image in zip(asked.tokens, asked.image_of, strict=True):
        references[int(image)].append(" ".join(tokens))
    found = score_captions(
        dict(enumerate(chosen)), dict(references), ("Bleu", "ROUGE_L", "CIDEr")
    )
    print(json.dumps(found.overall, indent=1))
    for text in chosen[:5]:
        print(text)


if __name__ == "__main__":
    main()
