"""Packaging of imcap."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "([^"]+)"', (HERE / "imcap/__init__.py").read_text()
).group(1)
REQUIREMENTS = [
    line
    for line in (HERE / "requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

setup(
    name="imcap",
    version=VERSION,
    description="Attention captioning and image-text matching for Keras 3",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["imcap", "imcap.*"]),
    package_data={"imcap": ["presets/*.json", "presets/matching/*.json"]},
    install_requires=REQUIREMENTS,
    extras_require={
        "test": ["pytest>=8", "hypothesis>=6", "ruff>=0.9", "jax>=0.4.30"],
    },
    entry_points={"console_scripts": ["imcap=imcap.__main__:main"]},
)
