"""Files for TensorBoard's embedding projector, which it looks for in a log folder."""

import io
import os
from collections.abc import Mapping, Sequence

import numpy as np

from svgp_vae_tf import files

CONFIG = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "{name}.tsv"
  metadata_path: "{name}_labels.tsv"
{sprite}}}
"""
SPRITE = """  sprite {{
    image_path: "{name}.png"
    single_image_dim: {width}
    single_image_dim: {height}
  }}
"""


def write_projector(
    folder: str,
    name: str,
    vectors: np.ndarray,
    labels: Mapping[str, Sequence[object]],
    images: np.ndarray | None = None,
) -> None:
    """Write vectors with their labels and images.

    Args:
        folder: a TensorBoard log folder.
        name: name of the vectors and of their files.
        vectors: the vectors, (n, M).
        labels: columns of n labels by name.
        images: grey images, (n, height, width), scaled to the range of their values; or None.

    Raises:
        ValueError: if the numbers of vectors, labels and images differ.
    """
    count = len(vectors)
    columns = {"index": range(count), **labels}  # TensorBoard reads a single column without a header
    for key, column in [*columns.items(), *([("images", images)] if images is not None else [])]:
        if len(column) != count:
            raise ValueError(f"there are {count} vectors, but {len(column)} entries of {key}")
    os.makedirs(folder, exist_ok=True)
    table = io.StringIO()
    np.savetxt(table, vectors, fmt="%.6g", delimiter="\t")
    files.replace(os.path.join(folder, f"{name}.tsv"), table.getvalue().encode())
    rows = ["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    files.replace(os.path.join(folder, f"{name}_labels.tsv"), ("\n".join(rows) + "\n").encode())
    sprite = ""
    if images is not None:
        _save_sprite(os.path.join(folder, f"{name}.png"), images)
        sprite = SPRITE.format(name=name, width=images.shape[2], height=images.shape[1])
    files.replace(os.path.join(folder, "projector_config.pbtxt"), CONFIG.format(name=name, sprite=sprite).encode())


def _save_sprite(path: str, images: np.ndarray) -> None:
    """Write all images as one square sheet, row by row."""
    from matplotlib import image as writer

    count, height, width = images.shape
    side = int(np.ceil(np.sqrt(count)))
    padded = np.full((side * side, height, width), images.min(), dtype=np.float64)
    padded[:count] = images
    sheet = padded.reshape(side, side, height, width).swapaxes(1, 2).reshape(side * height, side * width)
    content = io.BytesIO()
    writer.imsave(content, sheet, cmap="gray", format="png")
    files.replace(path, content.getvalue())
