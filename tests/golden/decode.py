"""Small image files of many kinds in decode/, and Pillow's convert('RGB') of each in decode.npy/.txt (H x W x 3).

Files that Pillow cannot write (16-bit RGB, grey with a transparent level, text PNM, GIF frames smaller than their canvas)
are put together here."""
import os
import struct
import zlib

import numpy as np
from PIL import Image

from formula import formula
from pack import HERE, save_pack

FOLDER = os.path.join(HERE, "decode")
H, W = 19, 27


def picture():
    """Smooth colours with a little noise, as photographs have."""
    y, x = np.mgrid[0:H, 0:W].astype(np.float64)
    planes = [np.sin(x / 5) + y / H, np.cos((x + y) / 7), np.sin(y / 4) - x / W]
    rgb = np.stack([(p - p.min()) / (p.max() - p.min()) for p in planes], -1) * 235 + formula((H, W, 3), 7) * 10 + 10
    return rgb.clip(0, 255).astype(np.uint8)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(name, values, colour_type, extra=b""):
    """A PNG of 8 or 16 bits by hand: values H x W x channels."""
    bits = 8 * values.dtype.itemsize
    rows = values.astype(values.dtype.newbyteorder(">"))
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", W, H, bits, colour_type, 0, 0, 0)
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(raw, 9))
                   + png_chunk(b"IEND", b""))


def interlaced(values):
    """The rows of Adam7's seven passes."""
    raw = b""
    for top, left, down, right in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]:
        raw += b"".join(b"\0" + row.tobytes() for row in values[top::down, left::right])
    return raw


def write_interlaced_png(name, values):
    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1)
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
                   + png_chunk(b"IDAT", zlib.compress(interlaced(values), 9)) + png_chunk(b"IEND", b""))


def write_gif(name, palette, canvas, transparent):
    """The palette's picture at (3, 2) of a larger canvas; transparent: a colour's number or None."""
    palette.save(os.path.join(FOLDER, name))
    with open(os.path.join(FOLDER, name), "rb") as file:
        data = file.read()
    table = 13 + (3 << ((data[10] & 7) + 1))
    frame = data.index(b",\0\0\0\0" + struct.pack("<HH", W, H), table)
    control = b"" if transparent is None else b"!\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(b"GIF89a" + struct.pack("<HH", *canvas) + data[10:11] + b"\5\0" + data[13:table] + control
                   + b"," + struct.pack("<HH", 3, 2) + data[frame + 5:])


def write_pnm(name, kind, maximum, values):
    """kind: P1 to P6."""
    header = f"{kind}\n# a comment\n{W} {H}\n".encode() + (f"{maximum}\n".encode() if maximum else b"")
    if kind <= "P3":
        body = " ".join(str(v) for v in values.ravel()).encode() + b"\n"
    elif kind == "P4":
        body = np.packbits(values, axis=1).tobytes()
    else:
        body = values.astype(">u2" if maximum > 255 else np.uint8).tobytes()
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(header + body)


def write_more_files(rgb, image, with_alpha):
    write_interlaced_png("interlaced.png", rgb)
    palette = image.quantize(32)
    write_gif("transparent.gif", palette, (W + 3, H + 2), 7)
    write_gif("small_frame.gif", palette, (W + 8, H + 5), None)
    write_gif("small_transparent_frame.gif", palette, (W + 8, H + 5), 9)
    bits = (rgb[:, :, 0] > 120).astype(np.uint8)
    write_pnm("text.pbm", "P1", 0, bits)
    write_pnm("binary.pbm", "P4", 0, bits)
    write_pnm("text.pgm", "P2", 100, rgb[:, :, 1] // 3)
    write_pnm("text.ppm", "P3", 255, rgb)
    write_pnm("maximum_100.pgm", "P5", 100, rgb[:, :, 1] // 3)
    write_pnm("maximum_4095.ppm", "P6", 4095, rgb.astype(np.uint16) * 16 + 5)
    folder = lambda name: os.path.join(FOLDER, name)
    image.save(folder("lossy.webp"), quality=80)
    image.save(folder("lossless.webp"), lossless=True)
    with_alpha.save(folder("rgba.webp"), lossless=True, exact=True)
    image.save(folder("animated.webp"), lossless=True, save_all=True, append_images=[image.rotate(180)])
    image.save(folder("lzw.tif"), compression="tiff_lzw")
    image.convert("L").save(folder("grey.tif"))
    palette.save(folder("palette.tif"), compression="tiff_adobe_deflate")
    image.convert("1").save(folder("fax.tif"), compression="group4")
    with_alpha.save(folder("rgba.tif"), compression="packbits")
    image.save(folder("rle.tga"), compression="tga_rle")
    with_alpha.save(folder("rgba.tga"))


def write_files():
    rgb = picture()
    image = Image.fromarray(rgb)
    alpha = Image.fromarray((formula((H, W), 9) * 127 + 128).astype(np.uint8))
    grey, palette = image.convert("L"), image.quantize(64)
    with_alpha = image.copy()
    with_alpha.putalpha(alpha)
    grey_alpha = grey.copy()
    grey_alpha.putalpha(alpha)

    def save(picture_, name, **options):
        picture_.save(os.path.join(FOLDER, name), **options)

    save(image, "rgb_444.jpg", quality=90, subsampling=0)
    save(image, "rgb_422.jpg", quality=90, subsampling=1)
    save(image, "rgb_420.jpg", quality=90, subsampling=2)
    save(image, "progressive.jpg", quality=85, progressive=True)
    save(image, "stored_as_rgb.jpg", quality=90, keep_rgb=True)
    save(grey, "grey.jpg", quality=90)
    save(image.convert("CMYK"), "cmyk.jpg", quality=95)
    save(image, "a_jpeg_by_another_name.png", format="JPEG", quality=90)
    save(image, "a_jpeg_without_extension", format="JPEG", quality=90)
    save(image, "rgb.png")
    save(with_alpha, "rgba.png")
    save(grey, "grey.png")
    save(grey_alpha, "grey_alpha.png")
    save(image.convert("1"), "one_bit.png")
    save(palette, "palette.png")
    save(palette, "palette_transparent.png", transparency=bytes(range(0, 256, 4)))
    save(image.quantize(13), "palette_4_bit.png", bits=4)
    save(image, "rgb.bmp")
    save(palette, "palette.bmp")
    save(image.convert("1"), "one_bit.bmp")
    save(with_alpha, "rgba.bmp")
    save(image, "rgb.ppm")
    save(grey, "grey.pgm")
    save(palette, "palette.gif")
    deep = (rgb.astype(np.uint16) << 8) + (formula((H, W, 3), 11) * 127 + 128).astype(np.uint16)
    write_png("rgb_16_bit.png", deep, 2)
    write_png("grey_16_bit.png", deep[:, :, :1], 0)
    write_more_files(rgb, image, with_alpha)
    level = int(rgb[3, 4, 0])
    write_png("grey_transparent_level.png", rgb[:, :, :1], 0, png_chunk(b"tRNS", struct.pack(">H", level)))


def expected(name):
    if name == "grey_16_bit.png":  # the high byte; Pillow's conversion of 16-bit grey clips
        values = np.asarray(Image.open(os.path.join(FOLDER, name))).astype(np.uint16) >> 8
        return np.repeat(values[:, :, None], 3, 2)
    return np.asarray(Image.open(os.path.join(FOLDER, name)).convert("RGB"))


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    write_files()
    save_pack("decode", {name: expected(name) for name in sorted(os.listdir(FOLDER))})
