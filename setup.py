"""Packaging. These are the ranges that should work; requirements.txt pins the versions that are tested together."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "svgp_vae_tf" / "__init__.py").read_text())[1]

PLOTS = ["matplotlib>=3.9"]
EXPERIMENTS = [*PLOTS, "absl-py>=2.1", "mlxtend>=0.23", "scikit-learn>=1.5", "tensorboard>=2.21,<2.22"]

setup(
    name="svgp_vae_tf",
    version=VERSION,
    description="Variational autoencoders with scalable Gaussian-process priors, in TensorFlow and Keras",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["svgp_vae_tf*", "commands*", "data_generators*", "run_experiments*"]),
    package_data={"svgp_vae_tf": ["py.typed"]},
    # the narrowest of the libraries below is Keras 3.15, which needs 3.11; TensorFlow 2.21 has wheels up to 3.13
    python_requires=">=3.11,<3.14",
    install_requires=[
        "h5py>=3.11",
        "keras>=3.15,<3.16",
        "numpy>=2.0",
        "scipy>=1.14",
        # TensorFlow Probability imports distutils, which Python 3.12 no longer has and setuptools provides
        'setuptools>=65; python_version >= "3.12"',
        "tensorflow>=2.21,<2.22",
        "tensorflow-probability==0.25.0",
        "tf-keras>=2.21,<2.22",
    ],
    extras_require={"plots": PLOTS, "experiments": EXPERIMENTS},
    classifiers=[
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
