"""Picture encoder: the one way from pixels to features.

`imcap extract`, captioning, matching, exports and the server all go through
`PictureEncoder`, so that one picture has one set of features.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from imcap.data.captions.splits import TRAINING_SPLITS
from imcap.data.pictures.crops import picture_id
from imcap.errors import InputError
from imcap.files import write_json
from imcap.progress import Meter
from imcap.startup import quiet_start

if TYPE_CHECKING:
    import keras

    from imcap.data.features.folder_writer import FeatureFolderWriter
    from imcap.data.features.writer import FeatureWriter
    from imcap.data.pictures.listing import ImageList

    Writer = FeatureWriter | FeatureFolderWriter


class EncoderSource(Protocol):
    """Protocol of runs that can build the encoder of their features."""

    encoder_metadata: dict[str, Any]

    def build_encoder(self) -> keras.Model:
        """The picture network with its weights."""


class PictureEncoder:
    """A picture network, the pooling behind it, and the pictures it takes.

    Args:
        network: model of images (B, size, size, 3) to maps (B, h, w, D).
        size: side in pixels of the pictures it takes.
        grid: (h, w) of the features; None for that of the network's maps.
        cells: the map is averaged to cells x cells; None keeps it.

    Call arguments:
        pixels: float32 (B, size, size, 3), RGB in 0..255.

    Returns:
        Features float32 (B, K, D) and their mean over the whole map,
        float32 (B, D).

    Example:
        >>> encoder = PictureEncoder.from_run(run)
        >>> features, pooled = encoder(encoder.read_batch(["a.jpg", "b.jpg"]))
    """

    def __init__(
        self,
        network: keras.Model,
        size: int,
        grid: Sequence[int] | None = None,
        cells: int | None = None,
    ):
        self.network = network
        self.size = size
        self.cells = cells
        if grid is None:
            grid = (cells, cells) if cells else network.output_shape[1:3]
        self.grid = tuple(grid)

    @classmethod
    def from_run(
        cls, run: EncoderSource, trained: keras.Model | None = None
    ) -> PictureEncoder:
        """The encoder of a run's features.

        Args:
            run: a `Run`.
            trained: the network that was trained along, where one was; its
                maps reach the captioner as they are.

        Raises:
            InputError: it is not known what made the features, or the
                network's weights are not at hand.
        """
        network = run.build_encoder() if trained is None else trained
        metadata = run.encoder_metadata
        cells = metadata.get("att_size") if trained is None else None
        return cls(network, metadata["image_size"], metadata["grid"], cells)

    def read(self, picture: Any, max_pixels: int | None = None) -> np.ndarray:
        """Pixels of one picture: float32 (size, size, 3).

        Args:
            picture: path, bytes of a file, array (H, W, 3) or PIL image.
            max_pixels: width times height above which it is refused;
                None: `pixel_limit()`.

        Raises:
            InputError: the reason why it cannot be used.
        """
        from imcap.data.pictures.decoding import load_pixels

        return load_pixels(picture, self.size, self.size, max_pixels)

    def read_batch(
        self, pictures: Iterable[Any], max_pixels: int | None = None
    ) -> np.ndarray:
        """Pixels of B pictures: float32 (B, size, size, 3)."""
        from imcap.vision.picture_lists import each

        return np.stack([self.read(one, max_pixels) for one in each(pictures)])

    def positions(self, kind: str, num_grids: int) -> np.ndarray:
        """Where the grid's cells are, float32 (K, P); see `grid_positions`."""
        from imcap.data.features.boxes import grid_positions

        return grid_positions(kind, self.grid, num_grids)

    def maps(self, images: Any) -> Any:
        """Maps float32 (B, h, w, D) of images, as a part of any graph."""
        import tensorflow as tf

        return tf.cast(self.network(images, training=False), tf.float32)

    def pool(self, maps: Any) -> Any:
        """Features (B, K, D) of maps (B, h, w, D), as a part of any graph."""
        import tensorflow as tf

        if self.cells:
            from imcap.layers.cnn.adaptive_average_pooling import (
                adaptive_average_pooling,
            )

            maps = adaptive_average_pooling(maps, self.cells)
        _, height, width, channels = maps.shape
        return tf.reshape(maps, (-1, height * width, channels))

    def features(self, images: Any) -> Any:
        """Features (B, K, D) of images, as a part of any graph."""
        return self.pool(self.maps(images))

    def as_model(self) -> keras.Model:
        """The frozen model of images to maps, pooling included."""
        import keras

        from imcap.layers.cnn.adaptive_average_pooling import (
            AdaptiveAveragePooling,
        )

        self.network.trainable = False
        if not self.cells:
            return self.network
        pool = AdaptiveAveragePooling(self.cells, name="pool")
        return keras.Sequential([self.network, pool])

    @functools.cached_property
    def _compiled(self):
        import tensorflow as tf

        shape = (None, self.size, self.size, 3)

        @tf.function(
            input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False
        )
        def encode(pixels):
            maps = self.maps(pixels)
            return self.pool(maps), tf.reduce_mean(maps, axis=(1, 2))

        return encode

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, pooled = self._compiled(pixels)
        return features.numpy(), pooled.numpy()


def register_networks() -> None:
    """Registers with Keras every class that a saved encoder names."""
    import imcap.layers.cnn.adaptive_average_pooling
    import imcap.models.backbones
    import imcap.models.small_cnn  # noqa: F401


def list_images(
    input_json: str | None = None,
    images: str | None = None,
    images_root: str = "",
    replace: Sequence[str] = (),
    augment: int = 0,
    seed: int = 123,
) -> ImageList:
    """The pictures of a caption file, of a folder or of an archive.

    Args:
        input_json: caption file of any known format.
        images: folder or archive of pictures, instead.
        images_root: folder that names in the caption file start from; for
            pictures that the captions hold themselves, none is needed.
        replace: "id=path", pictures to read for some ids.
        augment: instead of the pictures, so many random crops of each (of a
            caption file, of each training picture).
        seed: of the crops.

    Raises:
        InputError: both sources or none, or no picture in them.
    """
    from imcap.data.captions.reading import read_captions
    from imcap.data.pictures.listing import ImageList

    if images is not None and input_json is None:
        listed = ImageList.from_folder(images)
    elif input_json is None or images is not None:
        raise InputError("give either --input_json or --images")
    else:
        with quiet_start():  # raw sentences go through TensorFlow
            captions = read_captions(input_json, unlabelled=not augment)
        if augment:
            captions = captions.split(*TRAINING_SPLITS)
            if not len(captions):
                raise InputError(f"{input_json}: no training pictures to crop")
        paths = captions.picture_paths(images_root)
        listed = ImageList(captions.image_ids, captions.files, paths)
    listed = listed.replaced(replace)
    return listed.augmented(augment, seed) if augment else listed


def load_backbone(
    name: str,
    weights: str = "imagenet",
    layer: str | None = None,
    image_size: int | None = None,
    preprocessing: str | None = None,
) -> keras.Model:
    """A picture network of any known name; see `build_backbone`.

    Args:
        name: of the network.
        weights: "imagenet", "random", or the path of a weights file.
        layer: to tap; None for the last activation map.
        image_size: side in pixels; None for the network's own.
        preprocessing: mode of `ImagePreprocessing`; None for the network's
            own.

    Raises:
        InputError: an unknown network or layer, or weights that do not fit.
    """
    with quiet_start():
        from imcap.models.backbones import build_backbone

    source = None if weights == "random" else weights
    try:
        return build_backbone(
            name, source, layer, image_size, preprocessing=preprocessing
        )
    except ValueError as error:
        raise InputError(str(error)) from None


def describe(
    encoder: PictureEncoder, augment: int = 0, seed: int = 123
) -> dict[str, Any]:
    """Metadata of a feature file: a dict of JSON values.

    Args:
        encoder: of a network that `load_backbone` gave.
        augment, seed: as `list_images` got them.
    """
    from imcap.models.backbones import backbone_metadata

    metadata = backbone_metadata(encoder.network)
    if encoder.network.weights_path is not None:
        # So that training can put the file into its run.
        path = Path(encoder.network.weights_path).resolve()
        metadata["weights_path"] = str(path)
    if encoder.cells:
        metadata["att_size"] = encoder.cells
        metadata["grid"] = list(encoder.grid)
    if augment:
        metadata["augment"] = [augment, seed]
    return metadata


def open_writer(
    images: ImageList,
    metadata: dict[str, Any],
    output: str | None = None,
    output_dir: str | None = None,
    dtype: str = "float16",
) -> Writer:
    """The writer of an HDF5 file, or of the lineage's folders.

    Args:
        images: whose features are written.
        metadata: what `describe` gave.
        output: the HDF5 file.
        output_dir: where the names of the folders start, instead.
        dtype: of the features in HDF5.

    Raises:
        InputError: both outputs or none, or one that holds other things.
    """
    from imcap.data.features.folder_writer import FeatureFolderWriter
    from imcap.data.features.writer import FeatureWriter

    grid = tuple(metadata["grid"])
    shape = (grid[0] * grid[1], metadata["channels"])
    if output_dir is not None and output is None:
        return FeatureFolderWriter(output_dir, images.image_ids, grid, metadata)
    if output is None or output_dir is not None:
        raise InputError("give either --output or --output_dir")
    return FeatureWriter(
        output, images.image_ids, images.files, shape, metadata, dtype
    )


def extract_features(
    images: ImageList,
    writer: Writer,
    encode: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    image_size: int,
    batch_size: int = 32,
    max_pixels: int | None = None,
    workers: int = 2,
) -> list[tuple[int, str]]:
    """Fills `writer` with every picture that is still pending.

    Args:
        images: all pictures of the writer, in its order.
        writer: has pending() and write(rows, features, pooled).
        encode: a `PictureEncoder`, or another function of pixels
            (B, image_size, image_size, 3) to what is written.
        image_size: side in pixels.
        batch_size: pictures at a time.
        max_pixels: width times height above which a picture is refused;
            None: `pixel_limit()`.
        workers: threads that decode pictures.

    Returns:
        list of (row, reason): the pictures that cannot be used.
    """
    from imcap.data.pictures.batches import decode_batches

    pending, refused = writer.pending(), []
    batches = decode_batches(
        images, pending, image_size, batch_size, max_pixels, workers
    )
    finished = len(images) - len(pending)
    with Meter(len(images), "features", "pictures", finished) as meter:
        for rows, pixels, bad in batches:
            if rows:
                features, pooled = encode(np.stack(pixels))
                writer.write(rows, features, pooled)
            refused.extend(bad)
            meter.update(len(rows) + len(bad))
    return refused


def report_bad(
    path: str | Path, images: ImageList, refused: Sequence[tuple[int, str]]
) -> list[dict[str, Any]]:
    """Writes bad_images.json; says in one line how many there are.

    Returns:
        What it holds: list of {"id", "file", "reason"}.
    """
    entries, total = {}, len(images)
    for row, reason in refused:
        name = images.image_ids[row]
        if images.crops is not None:  # several of one picture
            name = picture_id(name)
        file = images.files[row]
        entries[name] = {"id": name, "file": file, "reason": reason}
    if images.crops is not None:
        total = len({picture_id(name) for name in images.image_ids})
    listed = list(entries.values())
    write_json(path, listed, indent=1)
    if entries:
        print(
            f"{len(entries)} of {total} pictures left out, see {path}; "
            "repair one with --replace id=path",
            file=sys.stderr,
        )
    return listed
