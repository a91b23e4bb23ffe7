"""The profiles: named lists of passes, and how what they make is judged."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.convert.canonical import canonical_form
from toolkit.convert.deeplab import DeepLab
from toolkit.convert.nearest import exact_nearest
from toolkit.convert.passes import PASSES
from toolkit.errors import ConversionError, UsageError

if TYPE_CHECKING:
    from onnx import ModelProto

WITH_LOGITS = "-logits"
"""Behind a profile's name: the same, and the logits as a second output."""

STATIC_INT8 = "static_int8"
"""The name of what `toolkit.convert.quantize` does, among passes."""

ALWAYS = {"exact_nearest": exact_nearest, "canonical_form": canonical_form}
"""What every profile ends with, in this order; these take any model of tf2onnx's."""


@dataclass(frozen=True)
class Profile:
    """A named list of passes.

    Attributes
    ----------
    name : str
        What users type and files are named by.
    about : str
        One line for people.
    network_passes : tuple of str
        What is done to the network, by name, in this order.
    required : frozenset of str
        Those of them that make the profile what it is. The others save work where they recognize
        the graph, and are left out where they do not.
    least_agreement : float or None
        Mean share of the pixels, over the inputs of verification, that have TF1's label at least,
        0..1; None: the near-tie rule decides. It is there to catch a broken graph: quality is
        measured against ground truth.
    quantized : bool
        Whether it is quantized behind the passes, on calibration photos that the user gives.
    """

    name: str
    about: str
    network_passes: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    least_agreement: float | None = None
    quantized: bool = False

    @property
    def passes(self) -> tuple[str, ...]:
        """All its passes, as they are written into the export."""
        return (*self.network_passes, *ALWAYS, *(STATIC_INT8,) * self.quantized)

    def apply(self, model: ModelProto, crop: tuple[int, int]) -> tuple[ModelProto, dict[str, str]]:
        """Transform tf2onnx's model; what comes of it is float.

        Parameters
        ----------
        model : ModelProto
            Not changed.
        crop : (int, int)
            Height and width of the network's crop.

        Returns
        -------
        ModelProto
        dict of str to str
            Why passes were left out, by name.

        Raises
        ------
        ConversionError
            A required pass does not recognize the graph.
        """
        skipped = {}
        if self.network_passes:
            net = DeepLab(model, crop)
            for name in self.network_passes:
                trial = net.fork()
                try:
                    PASSES[name](trial)
                except ConversionError as error:
                    if name in self.required:
                        raise
                    skipped[name] = error.problem
                else:
                    net = trial
            model = net.model
        for transform in ALWAYS.values():
            model = transform(model)
        return model, skipped


_FAST = Profile(
    "fast",
    "stride 16 on the photo's own area, one subject's mask",
    (
        "lean_input",
        "pooled_bias",
        "pool_first",
        "compose_linear",
        "output_stride_16",
        "fit_area",
        "subject_margin",
    ),
    frozenset({"fit_area", "subject_margin"}),
    least_agreement=0.8,
)
_PROFILES = (
    Profile("plain", "what tf2onnx gives, with TensorFlow's nearest-neighbor rounding"),
    Profile(
        "exact",
        "TF1's label map, with less work around the network",
        (
            "lean_input",
            "pooled_bias",
            "settled_padding",
            "photo_area_head",
            "labels_on_photo",
            "possible_labels",
        ),
        frozenset({"labels_on_photo"}),
    ),
    Profile(
        "stride16",
        "the atrous layers put back to output stride 16",
        (
            "lean_input",
            "pooled_bias",
            "pool_first",
            "compose_linear",
            "output_stride_16",
            "settled_padding",
            "photo_area_head",
            "labels_on_photo",
            "possible_labels",
        ),
        frozenset({"output_stride_16", "labels_on_photo"}),
        least_agreement=0.8,
    ),
    Profile(
        "fit",
        "computed on the photo's own area instead of the padded crop",
        (
            "lean_input",
            "pooled_bias",
            "pool_first",
            "compose_linear",
            "fit_area",
            "labels_on_photo",
            "possible_labels",
        ),
        frozenset({"fit_area", "labels_on_photo"}),
        least_agreement=0.8,
    ),
    _FAST,
    dataclasses.replace(
        _FAST, name="int8", about="fast, quantized to int8; needs --calibrate", quantized=True
    ),
)
PROFILES: dict[str, Profile] = {profile.name: profile for profile in _PROFILES}


LEAST_AGREEMENT_OF_ROUNDED = 0.98
"""Of a graph that rounds its maps to levels: what runtimes compute differs in the last bit, and a
value between two levels then moves by a whole one, so that the near-tie rule can't hold."""


def least_agreement(name: str, *, fake_quantized: bool) -> float | None:
    """Return the mean share of TF1's labels that an export has to keep, 0..1.

    Parameters
    ----------
    name : str
        Of the profile, as the export's metadata give it; of another nothing is known.
    fake_quantized : bool
        Whether quantization-aware training left its rounding in the graph.

    Returns
    -------
    float or None
        None where the near-tie rule decides.
    """
    known = PROFILES.get(name.removesuffix(WITH_LOGITS))
    least = known.least_agreement if known else None
    return LEAST_AGREEMENT_OF_ROUNDED if known and least is None and fake_quantized else least


def find_profile(name: str) -> Profile:
    """Return the profile of a name; ``NAME-logits`` gives the logits out as well.

    Raises
    ------
    UsageError
        There is none.
    """
    base = name.removesuffix(WITH_LOGITS)
    if base not in PROFILES:
        raise UsageError(f"no profile {name!r}", f"choose from: {', '.join(PROFILES)}")
    profile = PROFILES[base]
    if base == name:
        return profile
    passes = (*profile.network_passes, "logits_output")
    required = profile.required | {"logits_output"}
    return dataclasses.replace(profile, name=name, network_passes=passes, required=required)
