"""Alarms: callbacks that stop or report a training gone wrong."""

import math

import keras


class FiniteGuard(keras.callbacks.Callback):
    """NaN guard: stops when the loss is not finite, before that is saved.

    Args:
        progress: the run's `Progress`.
        name: function of a step's number, counted over epochs, to words that
            name its batch.

    Raises:
        FloatingPointError: with one line that names the batch.
    """

    def __init__(self, progress, name):
        super().__init__()
        self.progress = progress
        self.name = name

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(float(loss)):
            return
        step = self.progress.step
        epoch, batch = divmod(step, self.progress.steps_per_epoch)
        raise FloatingPointError(
            f"batch {batch + 1} of epoch {epoch + 1} ({self.name(step)}) "
            f"gave a loss of {float(loss)}"
        )


class SampleAlarm(keras.callbacks.Callback):
    """Sample alarm: says when a picture's samples are nearly all the same.

    Args:
        say: function of a line of text.
        least: float, share of distinct samples below which it speaks.
    """

    def __init__(self, say, least=0.4):
        super().__init__()
        self.say = say
        self.least = least

    def on_epoch_end(self, epoch, logs=None):
        share = (logs or {}).get("distinct_samples")
        if share is None or share >= self.least:
            return
        self.say(
            f"epoch {epoch + 1}: only {float(share):.0%} of a picture's "
            "samples differ, so rewards teach little; raise "
            "--entropy_reward_weight or --sample_temperature, or lower the "
            "rate"
        )


class CollapseAlarm(keras.callbacks.Callback):
    """Mode collapse alarm: says what is probably wrong with captions.

    Args:
        say: function of a line of text.
        score: name in the logs of the validation score.
        shuffled: name of the same score with pictures exchanged.
        distinct: name of the share of distinct captions.
    """

    def __init__(
        self,
        say,
        score="val_CIDEr",
        shuffled="val_CIDEr_shuffled",
        distinct="val_distinct",
    ):
        super().__init__()
        self.say = say
        self.names = (score, shuffled, distinct)

    def on_epoch_end(self, epoch, logs=None):
        found = [(logs or {}).get(name) for name in self.names]
        if None in found:
            return
        line = collapse(*found)
        if line:
            self.say(f"epoch {epoch + 1}: {line}")


def collapse(score, shuffled, distinct):
    """The line of `CollapseAlarm`, or None when all is well.

    Args:
        score: float, CIDEr of generated captions.
        shuffled: float, CIDEr when each caption is scored against the
            references of another picture.
        distinct: float, share of captions that differ from all others.
    """
    if distinct < 0.02:
        return (
            f"only {distinct:.1%} of captions are distinct: the model says "
            "the same of every picture; the learning rate is probably too "
            "high, or features and captions are out of step"
        )
    if score > 0.05 and shuffled > 0.8 * score:
        return (
            f"captions score {score:.3f}, and {shuffled:.3f} with pictures "
            "exchanged: the model hardly looks; check that ids of features "
            "and captions belong together"
        )
    return None
