"""Images as NumPy writes them, in arrays/: value i of H x W x C, in C order, is a formula of i."""
import os

import numpy as np

from pack import HERE

H, W, C = 3, 4, 5


def save(name, array, version=None):
    with open(os.path.join(HERE, "arrays", name), "wb") as file:
        np.lib.format.write_array(file, array, version=version)


def main():
    os.makedirs(os.path.join(HERE, "arrays"), exist_ok=True)
    i = np.arange(H * W * C)
    u8, u16 = (4 * i + 1).astype(np.uint8), (1000 * i + 77).astype(np.uint16)
    f32 = (i / (H * W * C - 1)).astype(np.float32)
    shape = (H, W, C)
    save("u8.npy", u8.reshape(shape))
    save("u16.npy", u16.reshape(shape))
    save("f32.npy", f32.reshape(shape))
    save("column_major.npy", np.asfortranarray(u8.reshape(shape)))
    save("version_2.npy", u8.reshape(shape), (2, 0))
    save("version_3.npy", u8.reshape(shape), (3, 0))
    save("grey.npy", u8.reshape(H, W * C))
    save("grey_column_major.npy", np.asfortranarray(u16.reshape(H, W * C)))
    save("rgb.npy", u8.reshape(H * C, W)[:, :3].reshape(C, H, 3))


if __name__ == "__main__":
    main()
