"""EXIF that tests make up, as cameras write it."""

from __future__ import annotations

import io
import struct

from PIL import ExifTags, Image

THUMBNAIL = b"\xff\xd8 the picture as it was \xff\xd9"
NOTE = b"Maker\0 offsets into the block"
PLACE = b"Musterstadt"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6">'
    "<dc:creator>Jörg</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


def camera_exif(orientation: int = 6, *, endian: str = ">", thumbnail: bool = True) -> bytes:
    """Maker, orientation, artist, date, a maker's note, a place, a thumbnail; without prefix."""
    exif = Image.Exif()
    exif.endian = endian
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "J?rg Maker"
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
            ExifTags.Base.ExposureTime: 0.25,
            ExifTags.Base.MakerNote: NOTE,
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSLatitudeRef: "N",
            ExifTags.GPS.GPSLatitude: (52.0, 31.0, 12.0),
            ExifTags.GPS.GPSAreaInformation: PLACE,
        }
    )
    block = bytearray(exif.tobytes()[6:].replace(b"J?rg", "Jörg".encode()[:4]))
    if thumbnail:
        block += bytes(len(block) % 2)
        (count,) = struct.unpack_from(endian + "H", block, 8)
        struct.pack_into(endian + "I", block, 10 + 12 * count, len(block))
        place = len(block) + 2 + 2 * 12 + 4
        block += struct.pack(endian + "H", 2)
        block += struct.pack(endian + "HHII", 0x0201, 4, 1, place)
        block += struct.pack(endian + "HHII", 0x0202, 4, 1, len(THUMBNAIL))
        block += struct.pack(endian + "I", 0) + THUMBNAIL
    return bytes(block)


def read_exif(block: bytes) -> Image.Exif:
    """EXIF as Pillow reads it."""
    exif = Image.Exif()
    exif.load(block)
    return exif


def exif_of_file(encoded: bytes) -> Image.Exif:
    """The EXIF of an encoded photo, as Pillow reads it."""
    with Image.open(io.BytesIO(encoded)) as image:
        image.load()
        exif = image.getexif()
        for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            exif.get_ifd(tag)
        return exif
