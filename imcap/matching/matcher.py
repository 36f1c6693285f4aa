"""A matching run as an object: `imcap.load("runs/t2i")`."""

import numpy as np

from imcap.errors import InputError
from imcap.vision.extraction import PictureEncoder
from imcap.vision.given import BATCH, is_many, many


class LoadedMatcher:
    """Compares pictures with sentences by a run, in this process.

    Pictures are paths, the bytes of files, arrays (H, W, 3) or PIL images, a
    list of them or one alone.

    Args:
        path: the directory of a run of `imcap match train`.
        checkpoint: "best" or "last", which weights.

    Attributes:
        run: the `MatchRun`.
        scan: its `Scan`.
        grid: (h, w), how the locations of `attention` lie on a picture.

    Raises:
        InputError: no run there, or it is not known what made its features.

    Example:
        >>> model = imcap.load("runs/t2i")
        >>> model.score(["a.jpg", "b.jpg"], ["a dog", "two men"]).shape
        (2, 2)
    """

    def __init__(self, path, checkpoint="best"):
        from imcap.matching.search import Searcher

        self.searcher = Searcher(path, checkpoint)
        self.run = self.searcher.run
        self.scan = self.searcher.scan
        # Built now, so that what is missing is said now.
        self.encoder = PictureEncoder.from_run(self.run)
        self.grid = self.encoder.grid

    def score(self, images, captions):
        """How well each caption fits each picture.

        Args:
            images: B pictures, see the class.
            captions: C str, or one.

        Returns:
            float32 (B, C), larger for what fits better; not probabilities.
        """
        _, rows = self._read(captions)
        return self.searcher.scores(self._regions(many(images)), rows)

    def attention(self, images, captions):
        """Where the words of captions look, each caption on its picture.

        Args:
            images: B pictures, see the class.
            captions: B str.

        Returns:
            List of B (words, weights): L str, and float32 (L, K). One pair
            alone for one picture alone.
        """
        tokens, rows = self._read(captions)
        regions = self._regions(many(images))
        if len(regions) != len(rows):
            raise InputError(
                f"{len(regions)} pictures, but {len(rows)} captions; give a "
                "caption for each picture"
            )
        chosen = np.arange(len(rows))
        looked = self.searcher.attention(regions, rows, chosen)
        found = list(zip(tokens, looked, strict=True))
        return found if is_many(images) else found[0]

    def search(self, folder, sentences, top=8):
        """The pictures of a folder that fit sentences best.

        What is embedded is kept in the run's directory.

        Args:
            folder: path.
            sentences: str, or a list of them.
            top: int, how many pictures a sentence.

        Returns:
            For each sentence a list of (path, score), best first.
        """
        from imcap.matching.search import best

        _, rows = self._read(sentences)
        index = self.index(folder)
        scores = self.searcher.scores(index, rows)
        found = [
            [
                (index.paths[row], float(of_one[row]))
                for row in best(of_one, top)
            ]
            for of_one in scores.T
        ]
        return found[0] if isinstance(sentences, str) else found

    def index(self, folder):
        """The `PictureIndex` of a folder, embedded where it is not yet."""
        return self.searcher.index(folder)

    def _read(self, captions):
        """Words of captions, and their `TokenRows`."""
        captions = [captions] if isinstance(captions, str) else list(captions)
        if not captions:
            raise InputError("give at least one caption")
        tokens = self.searcher.tokens(captions)
        return tokens, self.searcher.encode(tokens)

    def _regions(self, images):
        """Embedded regions (B, K, E)."""
        if not images:
            raise InputError("give at least one picture")
        found = []
        for start in range(0, len(images), BATCH):
            pixels = self.encoder.read_batch(images[start : start + BATCH])
            features, _ = self.encoder(pixels)
            found.append(self.searcher.embedder.regions(features))
        return np.concatenate(found)
