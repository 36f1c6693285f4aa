"""The table of captioners by name, and building one of them."""

import functools
import inspect

from imcap.models.adaptive import Adaptive
from imcap.models.att2in import Att2in
from imcap.models.relation_transformer import RelationTransformer
from imcap.models.sca_cnn import ScaCnn
from imcap.models.show_attend_tell import ShowAttendTell
from imcap.models.spatial_transformer import SpatialTransformer
from imcap.models.up_down import UpDown

CAPTIONERS = {
    "adaptive": Adaptive,
    "show_attend_tell": ShowAttendTell,
    "up_down": UpDown,
    "att2in": Att2in,
    "sca_cnn": ScaCnn,
    "spatial_transformer": SpatialTransformer,
    "spatial_pe": SpatialTransformer,
    "transformer": functools.partial(SpatialTransformer, positions=False),
    "relation_transformer": RelationTransformer,
}


def list_captioners():
    """Names of all captioners, sorted, as `--caption_model` takes them.

    Example:
        >>> "adaptive" in list_captioners()
        True
    """
    return sorted(CAPTIONERS)


def build_captioner(name, vocabulary_size, channels, **options):
    """Builds a captioner by its name on the command line.

    Args:
        name: a key of `CAPTIONERS`.
        vocabulary_size: int, V.
        channels: int, D of the features.
        **options: plain values; those that the captioner's constructor does
            not take are left aside, so that one set of flags serves all.

    Returns:
        A `Captioner`.

    Raises:
        ValueError: no captioner of that name.
    """
    if name not in CAPTIONERS:
        raise ValueError(
            f"no captioner named {name!r}; there are {', '.join(CAPTIONERS)}"
        )
    captioner = CAPTIONERS[name]
    # dtype, a policy's name, goes through **kwargs.
    known = {*list_options(name), "dtype"}
    taken = {key: options[key] for key in options if key in known}
    return captioner(vocabulary_size, channels, name="captioner", **taken)


def list_options(name):
    """Names of what the constructor of a captioner takes.

    Args:
        name: a key of `CAPTIONERS`.

    Example:
        >>> "sgate" in list_options("adaptive")
        True
    """
    return list(inspect.signature(CAPTIONERS[name]).parameters)
