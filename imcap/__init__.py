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
        An `imcap.loaded_captioner.LoadedCaptioner`, or an
        `imcap.loaded_matcher.LoadedMatcher` of a matching run.

    Raises:
        imcap.data.errors.InputError: one line that says what is missing.

    Example:
        >>> model = imcap.load("runs/mine")
        >>> model.caption(["beach.jpg", "dog.jpg"])
    """
    from imcap.config import load_keras

    load_keras()
    from imcap.match_runs import is_matching

    if is_matching(path):
        from imcap.loaded_matcher import LoadedMatcher

        return LoadedMatcher(path, checkpoint)
    from imcap.loaded_captioner import LoadedCaptioner

    return LoadedCaptioner(path, checkpoint)
