"""Packaging; the versions that are tested together stand in requirements.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "svgp_vae_tf" / "__init__.py").read_text())[1]

setup(
    name="svgp_vae_tf",
    version=VERSION,
    description="Variational autoencoders with scalable Gaussian-process priors, in TensorFlow and Keras",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["svgp_vae_tf*", "data_generators*", "run_experiments*"]),
    package_data={"svgp_vae_tf": ["py.typed"]},
    python_requires=">=3.11,<3.12",
    install_requires=[
        "absl-py>=2.1",
        "keras>=3.15,<3.16",
        "matplotlib>=3.9",
        "mlxtend>=0.23",
        "numpy>=2.0",
        "scikit-learn>=1.5",
        "scipy>=1.14",
        "tensorboard>=2.21,<2.22",
        "tensorflow>=2.21,<2.22",
        "tensorflow-probability==0.25.0",
        "tf-keras>=2.21,<2.22",
    ],
    classifiers=[
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
