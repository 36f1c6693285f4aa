"""EXIF orientation of pictures that Pillow opened."""

from PIL import Image, ImageOps

ORIENTATION = 274  # the EXIF tag
TURNED = (5, 6, 7, 8)  # orientations that swap width and height


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where EXIF is absent or damaged."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises whatever it likes
        return 1
    return value if value in range(1, 9) else 1


def upright(image: Image.Image) -> Image.Image:
    """A loaded picture turned as its EXIF says; damaged EXIF counts for none.

    Args:
        image: is loaded if it is not yet.
    """
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises whatever it likes
        return image
