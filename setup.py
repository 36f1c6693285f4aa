"""Packaging of imcap."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "([^"]+)"',
    (HERE / "imcap/__init__.py").read_text(encoding="utf-8"),
).group(1)
REQUIREMENTS = [
    line
    for line in (HERE / "requirements.txt")
    .read_text(encoding="utf-8")
    .splitlines()
    if line and not line.startswith("#")
]
METADATA = ["pyexiv2>=2.15"]
# Captions in Parquet and datasets of save_to_disk, and in workbooks.
ARROW = ["pyarrow>=14"]
EXCEL = ["openpyxl>=3.1"]
# Features in databases of ImageCaptioning.pytorch.
LMDB = ["lmdb>=1.4"]
# Pictures in s3:// and gs://, and whatever else fsspec knows.
FSSPEC = ["fsspec[s3,gs]>=2023.6"]
# Photographs of phones, and JPEG XL.
HEIC = ["pillow-heif>=0.20"]
JPEG_XL = ["pillow-jxl-plugin>=1.3"]
KERAS_HUB = ["keras-hub>=0.20"]
# What `imcap serve` needs; small, and without compiled parts.
SERVE = ["starlette>=0.40", "uvicorn>=0.30"]

setup(
    name="imcap",
    version=VERSION,
    description="Attention captioning and image-text matching for Keras 3",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords=(
        "image captioning, attention, visual sentinel, self-critical training, "
        "image-text matching, SCAN, Keras, TensorFlow"
    ),
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: Microsoft :: Windows",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["imcap", "imcap.*"]),
    package_data={
        "imcap": [
            "py.typed",
            "presets/*.json",
            "pretrained/*",
            "pretrained/captioner/*",
            "pretrained/matcher/*",
            "presets/matching/*.json",
            "web/*.js",
            "web/report/*",
            "web/serve/*",
        ]
    },
    install_requires=REQUIREMENTS,
    extras_require={
        "docs": ["mkdocs-material>=9.5", "mkdocstrings[python]>=1.0"],
        "kerashub": KERAS_HUB,
        "serve": SERVE,
        "metadata": METADATA,
        "arrow": ARROW,
        "excel": EXCEL,
        "lmdb": LMDB,
        "fsspec": FSSPEC,
        "heic": HEIC,
        "jxl": JPEG_XL,
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.6",
            "pytest-cov>=5",
            "hypothesis>=6",
            "ruff>=0.9",
            "mypy>=1.15",
            "jax>=0.4.30",
            "httpx>=0.27",
            "playwright>=1.50",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "ipykernel>=6.29",
            "fsspec>=2023.6",  # its stores in the cloud are not tested
            *SERVE,
            *KERAS_HUB,
            *METADATA,
            *ARROW,
            *EXCEL,
            *LMDB,
            *HEIC,
            *JPEG_XL,
        ],
    },
    entry_points={"console_scripts": ["imcap=imcap.__main__:main"]},
)
