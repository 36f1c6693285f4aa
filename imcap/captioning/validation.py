"""Validation: CIDEr and BLEU of captions generated for its pictures."""

from typing import TYPE_CHECKING

from imcap.captioning.decoding_settings import DecodingSettings
from imcap.captioning.generation import generate, make_generator
from imcap.data.batches.readers import iterate_batches
from imcap.files import escape
from imcap.metrics.cider import CiderScorer
from imcap.metrics.coco import bleu4

if TYPE_CHECKING:
    from imcap.captioning.data import TrainingData
    from imcap.captioning.run import CaptionerRun
    from imcap.training.reporting import Summaries
    from imcap.training.task import CaptioningTask


class Validation:
    """Generates, scores, and shows a few captions in TensorBoard.

    Args:
        run: a `Run`.
        task: its `CaptioningTask`.
        data: `TrainingData`.
        summaries: TensorBoard's `Summaries`.
        batch_size: int, pictures decoded at a time.

    Call arguments:
        epoch: int.

    Returns:
        Dict of CIDEr and Bleu_4 on the words of the captions as they were
        read, the share of distinct captions, and CIDEr with pictures
        exchanged.
    """

    def __init__(
        self,
        run: "CaptionerRun",
        task: "CaptioningTask",
        data: "TrainingData",
        summaries: "Summaries",
        batch_size: int = 50,
    ) -> None:
        config = run.config
        decoding = DecodingSettings(
            beam_size=max(config.val_beam_size, 1),
            max_length=config.max_length + 4,
        )
        self.vocabulary = data.vocabulary
        self.generator = make_generator(task, run, decoding)
        self.read = data.read
        self.image_ids = list(data.validation.image_ids)
        self.batch_size = batch_size
        self.references = dict(
            zip(self.image_ids, data.validation.tokens, strict=True)
        )
        self.cider = CiderScorer(self.references)
        self.summaries = summaries

    def __call__(self, epoch: int) -> dict[str, float]:
        batches = iterate_batches(self.read, self.image_ids, self.batch_size)
        captions = [
            candidates[0].words
            for candidates in generate(self.generator, self.vocabulary, batches)
        ]
        captions_of = dict(zip(self.image_ids, captions, strict=True))
        turned = captions[1:] + captions[:1]
        exchanged = dict(zip(self.image_ids, turned, strict=True))
        distinct = len({tuple(words) for words in captions})
        scores = {
            "CIDEr": self.cider(captions_of)[0],
            "CIDEr_shuffled": self.cider(exchanged)[0],
            "Bleu_4": bleu4(captions_of, self.references),
            "distinct": distinct / len(captions),
        }
        self.show(epoch, captions[:10])
        return {name: float(value) for name, value in scores.items()}

    def show(self, epoch: int, captions: list[list[str]]) -> None:
        """Writes some captions to TensorBoard's text page."""
        lines = [
            f"{image_id}: {' '.join(words)}"
            for image_id, words in zip(self.image_ids, captions, strict=False)
        ]
        text = escape("\n\n".join(lines))
        self.summaries.text("captions", text, epoch + 1)
