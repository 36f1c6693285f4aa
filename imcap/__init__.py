"""imcap: attention captioning and image-text matching for Keras 3."""

__version__ = "0.1.0"


__all__ = ["load"]


def load(path, checkpoint="best"):
    """Opens a run to caption, or to match pictures and sentences, with.

    Args:
        path: the directory of a run of `imcap train`, `imcap match train`
            or `imcap demo`.
        checkpoint: "best", or "last" for where training stopped.

    Returns:
        An `imcap.captioning.captioner.LoadedCaptioner`, or an
        `imcap.matching.matcher.LoadedMatcher` of a matching run.

    Raises:
        imcap.errors.InputError: one line that says what is missing.

    Example:
        >>> model = imcap.load("runs/mine")
        >>> model.caption(["beach.jpg", "dog.jpg"])
    """
    from imcap.startup import load_keras

    load_keras()
    from imcap.runs.kinds import is_matching

    if is_matching(path):
        from imcap.matching.matcher import LoadedMatcher

        return LoadedMatcher(path, checkpoint)
    from imcap.captioning.captioner import LoadedCaptioner

    return LoadedCaptioner(path, checkpoint)
