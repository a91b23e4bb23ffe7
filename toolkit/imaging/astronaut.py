"""The demo's photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import MissingDependencyError


def demo_photo() -> NDArray[np.uint8]:
    """Return the demo's photo: scikit-image's astronaut, which lies inside that package.

    Eileen Collins, NASA; public domain.

    Returns
    -------
    (512, 512, 3) uint8, BGR

    Raises
    ------
    MissingDependencyError
        The ``demo`` extra is not installed.
    """
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of_extra(
            f"the demo's photo comes with scikit-image ({error})",
            "demo",
        ) from error
    return np.ascontiguousarray(data.astronaut()[..., ::-1], dtype=np.uint8)
