"""Training samples: views of photos, mosaics of them, and people over other backgrounds.

A sample is what the graph sees: a photo resized to fit the crop, padded with mid-gray, and per
pixel how probably it shows a person. One generator draws everything: a seed gives the same sample.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from training.backdrops import hanging, made_up, waving
from training.color import recolored, silhouetted, varied
from training.cutouts import CutOut, cut_out, cut_out_thing, strips
from training.photos import PERSON, UNKNOWN, Photo, Pixels

SHARES = {"composed": 0.30, "nobody": 0.24, "mosaic": 0.12, "photo": 0.34}
"""Of the samples."""

WEIGHTS = {
    "ccp": 0.37,
    "ccp_unlabelled": 0.08,
    "coco_permissive": 0.16,
    "coco_other": 0.02,
    "nprportrait": 0.18,
    "us_congress": 0.14,
    "caltech101_faces": 0.05,
}
"""How often a photo of people is from each data set; others share what `OTHER_WEIGHT` says."""

OTHER_WEIGHT = 0.05

NOBODY_WEIGHTS = {"caltech101": 0.6, "coco_permissive": 0.25, "wallpapers": 0.15}
"""The same of photos without people."""

FLAGS = "flags"
"""The data set that waves."""

ASPECTS = (16 / 9, 3 / 2, 4 / 3, 4 / 3, 1.0, 1.0, 1.0, 3 / 4, 3 / 4, 2 / 3, 9 / 16)

Mask = NDArray[np.float32]
T = TypeVar("T")


class Samples:
    """Draws samples.

    Parameters
    ----------
    photos : sequence of Photo
        With people and without.
    """

    def __init__(self, photos: Sequence[Photo]) -> None:
        people: list[Photo] = []
        self._nobody: list[Photo] = []
        self._flags: list[Photo] = []
        self._things: list[Photo] = []
        for photo in photos:
            if photo.people:
                people.append(photo)
            elif photo.folder == FLAGS:
                self._flags.append(photo)
            elif not photo.mask.any():
                self._nobody.append(photo)
        self._things = [photo for photo in self._nobody if photo.things is not None]
        self._people = _Pool(people, WEIGHTS)
        self._empties = _Pool(self._nobody, NOBODY_WEIGHTS)
        self._streets = [strip for photo in people for strip in strips(photo)]
        self._random = np.random.default_rng()

    def one(self, crop: int, seed: Sequence[int]) -> tuple[Pixels, Pixels]:
        """Draw the sample of a seed.

        Parameters
        ----------
        crop : int
        seed : sequence of int

        Returns
        -------
        (crop, crop, 3) uint8, (crop, crop) uint8
            The image, 128 beyond the photo (127.5 is what the network will see), and the mask.
        """
        self._random = np.random.default_rng(seed)
        kind = self._random.choice(list(SHARES), p=list(SHARES.values()))
        height, width = self._shape(crop)
        if kind == "composed":
            rgb, mask = self._composed(height, width)
        elif kind == "nobody":
            rgb, mask = self._empty(height, width, crop)
        elif kind == "mosaic":
            rgb, mask = self._mosaic(height, width)
        else:
            rgb, mask = self._photo(self._anybody(), height, width, crop)
        if self._chance(0.5):
            rgb, mask = np.ascontiguousarray(rgb[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        return _padded(varied(rgb, self._random), mask, crop)

    # what is drawn

    def _photo(self, photo: Photo, height: int, width: int, crop: int) -> tuple[Pixels, Pixels]:
        draw = self._random.random()
        if draw < 0.4:
            rgb, mask = self._whole(photo, crop)
        elif draw < 0.68:
            rgb, mask = self._view(photo, height, width, least=0.4)
        else:
            rgb, mask = self._close_up(photo, height, width)
        if self._chance(0.3):
            rgb = recolored(rgb, mask, self._random)
        for _ in range(self._random.choice([0, 0, 1, 3])):
            self._patch(rgb, mask)
        if self._chance(0.06):
            rgb = silhouetted(rgb, mask, self._random)
        if self._chance(0.15):
            self._cover_blob(rgb, mask)
        return rgb, mask

    def _empty(self, height: int, width: int, crop: int) -> tuple[Pixels, Pixels]:
        """Show nobody: mostly a photo, and often all of it, as the network will see it."""
        draw = self._random.random()
        if draw < 0.65 and self._nobody:
            photo = self._pick(self._things) if self._things and draw < 0.2 else self._anywhere()
            if photo.things is not None and self._chance(0.35):
                # fur that fills the frame looks like a coat
                near = replace(photo, mask=photo.things)
                rgb, mask = (
                    self._close_up(near, height, width)[0],
                    np.zeros((height, width), np.uint8),
                )
            elif self._chance(0.5):
                rgb, mask = self._whole(photo, crop)
            else:
                rgb, mask = self._view(photo, height, width)
        else:
            rgb, mask = self._background(height, width)
        if self._chance(0.3):
            for _ in range(self._random.choice([1, 1, 2, 3])):
                self._put_thing(rgb, mask)
        if self._chance(0.2):
            self._hang_cloth(rgb, mask)
        for _ in range(self._random.choice([0, 0, 0, 1, 2])):
            self._cover_blob(rgb, mask)
        return rgb, mask

    def _composed(self, height: int, width: int) -> tuple[Pixels, Pixels]:
        """Put people over a background without any, behind and before blobs."""
        rgb, mask = self._background(height, width)
        for _ in range(self._random.choice([0, 0, 1, 2])):
            self._cover_blob(rgb, mask)
        if self._chance(0.4):
            self._put_thing(rgb, mask)
        if self._chance(0.1):
            self._hang_cloth(rgb, mask)
        kind = self._random.random()
        if kind < 0.15:
            # a crowd: rows of people, the nearer ones larger and before the others
            for row in range(self._random.integers(2, 4)):
                tall = height * self._log_uniform(0.25, 0.5) * 1.5**row
                for _ in range(self._random.integers(2, 6)):
                    foot = tall * self._random.uniform(0.6, 0.9) + height * (0.2 + 0.15 * row)
                    self._paste(rgb, mask, tall * self._log_uniform(0.85, 1.15), foot)
        elif kind < 0.4:
            # a group: alike in size, side by side
            tall = height * self._log_uniform(0.2, 0.9)
            foot = self._random.uniform(0.6, 1.0) * height
            for _ in range(self._random.integers(2, 7)):
                size = tall * self._log_uniform(0.85, 1.15)
                self._paste(rgb, mask, size, foot + self._random.normal(0, 0.05) * tall)
        else:
            for _ in range(self._random.choice([1, 1, 1, 2, 3])):
                self._paste(rgb, mask, height * self._log_uniform(0.2, 1.5), None)
        if self._chance(0.3):
            self._cover_blob(rgb, mask)
        if self._chance(0.15):
            self._put_thing(rgb, mask)
        return rgb, mask

    def _mosaic(self, height: int, width: int) -> tuple[Pixels, Pixels]:
        """Lay photos side by side: people who are small, each in surroundings of their own."""
        rows = self._random.choice([1, 1, 2])
        columns = int(self._random.choice([2, 3])) if rows == 1 else 2
        rgb, mask = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
        downs = np.linspace(0, height, rows + 1).round().astype(int)
        acrosses = np.linspace(0, width, columns + 1).round().astype(int)
        for top, bottom in pairwise(downs):
            for left, right in pairwise(acrosses):
                photo = self._anybody() if self._chance(0.75) else self._anywhere()
                part = self._view(photo, bottom - top, right - left, least=0.6)
                rgb[top:bottom, left:right], mask[top:bottom, left:right] = part
        return rgb, mask

    def _background(self, height: int, width: int) -> tuple[Pixels, Pixels]:
        draw = self._random.random()
        if draw < 0.5 and self._nobody:
            rgb, _ = self._view(self._anywhere(), height, width)
        elif draw < 0.72 and self._streets:
            rgb, _ = self._view(self._pick(self._streets), height, width)
        elif draw < 0.92 and self._flags:
            behind = made_up(height, width, self._random)
            if self._nobody and self._chance(0.5):
                behind, _ = self._view(self._anywhere(), height, width)
            rgb = waving(self._pick(self._flags).rgb, behind, self._random)
        else:
            rgb = made_up(height, width, self._random)
        return rgb.copy(), np.zeros((height, width), np.uint8)

    # people and things

    def _paste(self, rgb: Pixels, mask: Pixels, tall: float, foot: float | None) -> None:
        """Put a cut-out person into a sample; `foot` is where the feet are, by chance if None."""
        self._put(rgb, mask, cut_out(self._anybody()), tall, foot)

    def _put_thing(self, rgb: Pixels, mask: Pixels) -> None:
        """Put an animal or an object into a sample, as people are: it stands out, and is none."""
        if self._things:
            tall = mask.shape[0] * self._log_uniform(0.2, 1.2)
            self._put(rgb, mask, cut_out_thing(self._pick(self._things)), tall, None)

    def _put(
        self, rgb: Pixels, mask: Pixels, cut: CutOut | None, tall: float, foot: float | None
    ) -> None:
        """Put a cut-out into a sample."""
        if cut is None:
            return
        rows, columns = cut.alpha.shape
        height, width = mask.shape
        if not cut.standing:
            tall = min(tall, height * self._log_uniform(0.35, 1.2))
        elif self._chance(0.25):
            # so near that the frame cuts it off
            tall = height * self._log_uniform(1.2, 3.5)
            foot = tall + height * self._random.uniform(0.0, 0.3)
        if foot is None:
            foot = max(self._random.uniform(0.4, 1.15) * height, min(tall, height) * 0.9)
        if not cut.standing:
            foot = max(foot, height + 0.02 * tall)
        color = recolored(cut.rgb, cut.mask, self._random) if self._chance(0.4) else cut.rgb
        x = self._random.uniform(0, width)
        turn = self._affine((columns / 2, rows), (x, foot), self._random.normal(0, 8), tall / rows)
        size = (width, height)
        flags = cv2.INTER_AREA if tall < rows else cv2.INTER_LINEAR
        top = varied(
            np.asarray(cv2.warpAffine(color, turn, size, flags=flags), np.uint8), self._random, 0.5
        )
        label = np.asarray(cv2.warpAffine(cut.mask, turn, size, flags=cv2.INTER_NEAREST), np.uint8)
        if label.any() and self._chance(0.1):
            top = silhouetted(top, np.full_like(label, PERSON), self._random)
        alpha = cv2.warpAffine(cut.alpha, turn, size).astype(np.float32) / 255
        for _ in range(self._random.choice([0, 0, 1, 3])):
            self._patch(top, label)
        self._cover(rgb, mask, top, np.asarray(alpha, np.float32), label)

    def _hang_cloth(self, rgb: Pixels, mask: Pixels) -> None:
        """Hang a towel or a coat into the sample: cloth alone is nobody."""
        height, width = mask.shape
        top, shape = hanging(rgb, self._texture(height, width), self._random)
        alpha = np.asarray(shape / np.float32(255), np.float32)
        self._cover(rgb, mask, top, alpha, np.zeros((height, width), np.uint8))

    def _cover_blob(self, rgb: Pixels, mask: Pixels) -> None:
        """Put a blob of a photo without people over the sample: a pasted edge tells nothing."""
        height, width = mask.shape
        across = self._log_uniform(0.08, 0.5) * max(height, width)
        shape = self._blob(height, width, across, self._random.uniform(0, 1, 2) * (width, height))
        thing = varied(self._texture(height, width), self._random, 0.5)
        self._cover(rgb, mask, thing, shape, np.zeros((height, width), np.uint8))

    def _patch(self, rgb: Pixels, mask: Pixels) -> None:
        """Sew a patch onto a person: badges, prints and straps are part of who wears them."""
        height, width = mask.shape
        places = np.flatnonzero(mask[::4, ::4] == PERSON)
        if not places.size:
            return
        row, column = divmod(int(self._random.choice(places)), mask[::4, ::4].shape[1])
        area = float(np.sqrt(places.size * 16))
        shape = self._blob(
            height, width, area * self._log_uniform(0.06, 0.35), np.array([column * 4, row * 4])
        )
        shape *= mask == PERSON
        self._cover(rgb, mask.copy(), self._texture(height, width), shape, mask)

    def _texture(self, height: int, width: int) -> Pixels:
        draw = self._random.random()
        if draw < 0.25:
            return np.full((height, width, 3), self._random.integers(0, 256, 3), np.uint8)
        if draw < 0.45 and self._flags:
            return self._view(self._pick(self._flags), height, width, least=0.5)[0]
        if not self._nobody:
            return made_up(height, width, self._random)
        return self._view(self._anywhere(), height, width, least=0.3)[0]

    def _blob(self, height: int, width: int, across: float, center: NDArray[np.float64]) -> Mask:
        angles = np.linspace(0, 2 * np.pi, self._random.integers(4, 16), endpoint=False)
        radii = across / 2 * self._random.uniform(0.4, 1.0, len(angles))
        stretch = self._random.uniform(0.4, 1.0, 2)
        outline = center + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] * stretch
        shape = np.zeros((height, width), np.uint8)
        cv2.fillPoly(shape, [np.round(outline).astype(np.int32)], (255,))
        if self._chance(0.5):
            shape = np.asarray(cv2.medianBlur(shape, 9), np.uint8)  # round corners
        return np.asarray(shape / np.float32(255), np.float32)

    def _cover(self, rgb: Pixels, mask: Pixels, top: Pixels, alpha: Mask, label: Pixels) -> None:
        """Lay one image over another with an edge as soft as a lens makes it."""
        soft = np.asarray(
            cv2.GaussianBlur(alpha, (5, 5), self._random.uniform(0.4, 1.3)), np.float32
        )
        soft = np.minimum(soft, 1)[:, :, np.newaxis]
        rgb[:] = (top * soft + rgb * (1 - soft) + 0.5).astype(np.uint8)
        inside = soft[:, :, 0] > 0.5
        mask[inside] = label[inside]

    # geometry

    def _shape(self, crop: int) -> tuple[int, int]:
        aspect = self._pick(ASPECTS)
        shorter = max(1, round(crop / max(aspect, 1 / aspect)))
        return (shorter, crop) if aspect > 1 else (crop, shorter)

    def _whole(self, photo: Photo, crop: int) -> tuple[Pixels, Pixels]:
        """Fit a photo into the crop, as a portrait of it is made."""
        rows, columns = photo.mask.shape
        ratio = crop / max(rows, columns)
        height, width = max(1, round(rows * ratio)), max(1, round(columns * ratio))
        return self._view(photo, height, width, least=0.85)

    def _view(
        self, photo: Photo, height: int, width: int, least: float = 0.45
    ) -> tuple[Pixels, Pixels]:
        """Take a part of a photo, slightly turned, and make it this size."""
        rows, columns = photo.mask.shape
        scale = min(rows / height, columns / width)
        scale *= 1 - (1 - least) * self._random.uniform() ** 1.5
        spare_y, spare_x = (rows - scale * height) / 2, (columns - scale * width) / 2
        center = (
            columns / 2 + self._random.uniform(-1, 1) * spare_x,
            rows / 2 + self._random.uniform(-1, 1) * spare_y,
        )
        return self._window(photo, height, width, center, scale)

    def _close_up(self, photo: Photo, height: int, width: int) -> tuple[Pixels, Pixels]:
        """Take a part in which a person fills much of the frame: a torso, a face, legs."""
        left, top, across, tall = cv2.boundingRect((photo.mask > UNKNOWN).astype(np.uint8))
        scale = max(across / width, min(tall, 3 * across) / height) * self._log_uniform(0.25, 1.0)
        scale = min(scale, photo.mask.shape[0] / height, photo.mask.shape[1] / width)
        # rather the upper part, or legs and shoes
        down = self._random.beta(1.1, 1.6) if self._chance(0.7) else self._random.uniform(0.6, 1.0)
        center = (
            left + across * self._random.uniform(0.3, 0.7),
            top + tall * down,
        )
        half = (scale * width / 2, scale * height / 2)
        inner = tuple(
            float(np.clip(at, side, max(side, size - side)))
            for at, side, size in zip(center, half, photo.mask.shape[::-1], strict=True)
        )
        return self._window(photo, height, width, (inner[0], inner[1]), scale)

    def _window(
        self, photo: Photo, height: int, width: int, center: tuple[float, float], scale: float
    ) -> tuple[Pixels, Pixels]:
        angle = self._random.normal(0, 25 if self._chance(0.05) else 6)
        turn = self._affine(center, (width / 2, height / 2), angle, 1 / scale)
        flags = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
        size, border = (width, height), cv2.BORDER_REFLECT
        mask = cv2.warpAffine(photo.mask, turn, size, flags=cv2.INTER_NEAREST, borderMode=border)
        rgb = photo.rgb
        if scale > 2 and self._chance(0.5):
            # the toolkit resizes bilinearly, with what aliasing that brings; others do not
            half = (max(1, rgb.shape[1] // 2), max(1, rgb.shape[0] // 2))
            turn = turn @ np.diag([rgb.shape[1] / half[0], rgb.shape[0] / half[1], 1])
            rgb = np.asarray(cv2.resize(rgb, half, interpolation=cv2.INTER_AREA), np.uint8)
        part = cv2.warpAffine(rgb, turn, size, flags=flags, borderMode=border)
        return np.asarray(part, np.uint8), np.asarray(mask, np.uint8)

    def _affine(
        self, center: tuple[float, float], to: tuple[float, float], angle: float, scale: float
    ) -> NDArray[np.float64]:
        """Return the affine map that moves `center`, turns, stretches a little and scales."""
        turn = cv2.getRotationMatrix2D((0, 0), angle, scale)[:, :2]
        stretch = float(np.exp(self._random.normal(0, 0.07)))
        turn = turn @ np.array([[stretch, self._random.normal(0, 0.05)], [0, 1 / stretch]])
        return np.column_stack([turn, np.array(to) - turn @ np.array(center)])

    # chance

    def _anybody(self) -> Photo:
        return self._people.draw(self._random)

    def _anywhere(self) -> Photo:
        return self._empties.draw(self._random)

    def _pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._random.integers(len(choices)))]

    def _chance(self, share: float) -> bool:
        return bool(self._random.random() < share)

    def _log_uniform(self, low: float, high: float) -> float:
        return float(np.exp(self._random.uniform(np.log(low), np.log(high))))


class _Pool:
    """Photos of several data sets, each drawn from as often as its weight says."""

    def __init__(self, photos: Sequence[Photo], weights: Mapping[str, float]) -> None:
        groups: dict[str, list[Photo]] = defaultdict(list)
        for photo in photos:
            groups[photo.folder].append(photo)
        names = sorted(groups)
        self._groups = [groups[name] for name in names]
        shares = np.array([weights.get(name, OTHER_WEIGHT) for name in names])
        self._limits = np.cumsum(shares / max(shares.sum(), 1e-9))

    def draw(self, random: np.random.Generator) -> Photo:
        """Draw a photo."""
        place = int(np.searchsorted(self._limits, random.random()))
        group = self._groups[min(place, len(self._groups) - 1)]
        return group[int(random.integers(len(group)))]


def _padded(rgb: Pixels, mask: Pixels, crop: int) -> tuple[Pixels, Pixels]:
    image = np.full((crop, crop, 3), 128, np.uint8)
    image[: mask.shape[0], : mask.shape[1]] = rgb
    target = np.full((crop, crop), UNKNOWN, np.uint8)
    target[: mask.shape[0], : mask.shape[1]] = mask
    return image, target
