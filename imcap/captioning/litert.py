"""LiteRT captioner: an exported file as an object, without TensorFlow.

Needs NumPy, Pillow and a LiteRT interpreter, and nothing else.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from imcap.captioning.caption import Caption
from imcap.data.pictures.pillow_decoding import load_pixels
from imcap.data.words.archived import read_archived, read_vocabulary
from imcap.errors import InputError
from imcap.startup import quiet_start

ABOUT = "imcap.json"
# What an export calls the attention that a `Caption` has.
ATTENTION = {
    "attention": "weights",
    "sentinel": "sentinel",
    "gate": "gate",
    "channels": "channels",
}


def open_interpreter(path: str | Path, threads: int = 1) -> Any:
    """LiteRT's interpreter of a file; TensorFlow's own copy without it.

    Args:
        path: a .tflite file.
        threads: that one picture is computed with.

    Raises:
        InputError: neither is installed, or no model that they read.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            import tensorflow as tf
        except ImportError:
            raise InputError(
                "no interpreter of LiteRT files; pip install ai-edge-litert"
            ) from None
        Interpreter = tf.lite.Interpreter
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    with warnings.catch_warnings():
        # TensorFlow's says that it will leave one day.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return Interpreter(model_path=str(path), num_threads=threads)
        except ValueError as error:
            line = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path}: not a model for LiteRT ({line})"
            ) from None


class LiteRTCaptioner:
    """Captions pictures with a file of `imcap export --format tflite`.

    Decoding is greedy. Pictures are what `read_encoded` takes: paths, bytes,
    arrays or PIL images.

    Args:
        path: the .tflite file.
        max_pixels: width times height above which a picture is refused;
            None: `pixel_limit()`.

    Attributes:
        vocabulary: its `Vocabulary`.
        grid: (h, w), how the locations of attention lie on a picture.
        size: side in pixels that pictures get.
        threshold: confidence below which a caption is declined, or None.

    Raises:
        InputError: no such file, or not one of imcap's.

    Example:
        >>> captioner = LiteRTCaptioner("captioner.tflite")
        >>> captioner("holiday.jpg").words
        ['a', 'dog', 'runs', 'through', 'the', 'snow']
    """

    def __init__(self, path: str | Path, max_pixels: int | None = None):
        self.path = Path(path)
        self.max_pixels = max_pixels
        self.vocabulary = read_vocabulary(path)
        about = read_archived(path, ABOUT)
        self.grid = tuple(about["grid"])
        self.size = int(about["image_size"])
        self.threshold = about.get("threshold")
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._opening = threading.Lock()
        self._add_interpreter()

    def _add_interpreter(self) -> None:
        """Opens one more interpreter: each is for one picture at a time."""
        with self._opening, quiet_start():
            interpreter = open_interpreter(self.path)
            interpreter.allocate_tensors()
            runner = interpreter.get_signature_runner()
        # A runner does not keep its interpreter alive.
        self._free.put((interpreter, runner))

    def __call__(self, picture: Any) -> Caption:
        """The caption of one picture, with its attention."""
        pixels = load_pixels(picture, self.size, self.size, self.max_pixels)
        interpreter = self._free.get()
        try:
            found = interpreter[1](images=pixels[None].astype("float32"))
        finally:
            self._free.put(interpreter)
        log_probs = found["word_log_probabilities"][0]
        return Caption.from_tokens(
            found["tokens"][0],
            log_probs,
            float(log_probs.sum()),
            {
                name: found[exported][0]
                for exported, name in ATTENTION.items()
                if exported in found
            },
            self.vocabulary,
            float(found["confidence"][0]) if "confidence" in found else None,
        )

    def caption_many(
        self,
        paths: Iterable[Path],
        refuse: Callable[[Path, str], None],
        workers: int = 2,
    ) -> Iterator[tuple[Path, list[Caption], tuple[int, ...]]]:
        """Captions pictures, several at a time, in their order.

        Args:
            paths: of pictures.
            refuse: function of (path, reason), for what cannot be read.
            workers: threads, each with an interpreter of its own.

        Yields:
            (path, list of one `Caption`, grid) for each readable picture.
        """

        def answer(path: Path) -> Caption | InputError:
            try:
                return self(path)
            except InputError as error:
                return error

        paths = list(paths)
        for _ in range(self._free.qsize(), min(workers, len(paths))):
            self._add_interpreter()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            try:
                answers = pool.map(answer, paths)
                for path, found in zip(paths, answers, strict=True):
                    if isinstance(found, InputError):
                        refuse(path, str(found))
                    else:
                        yield path, [found], self.grid
            finally:
                pool.shutdown(cancel_futures=True)
