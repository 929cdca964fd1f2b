"""Several arrays in one file: NAME.npy holds their values end to end, NAME.txt one line "name extents..." each.

Read by GoldenPack in tests/support/npy.h. One array of float32 is all the C++ side has to know of."""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def save_pack(name, arrays, dtype=np.float32):
    """Writes a dict name -> array-like beside this file; prints what it wrote."""
    arrays = {key: np.asarray(value, dtype=dtype) for key, value in arrays.items()}
    flat = np.concatenate([a.ravel() for a in arrays.values()])
    np.save(os.path.join(HERE, name + ".npy"), flat)
    with open(os.path.join(HERE, name + ".txt"), "w") as index:
        for key, a in arrays.items():
            index.write(" ".join([key, *map(str, a.shape)]) + "\n")
    print(f"{name}: {len(arrays)} arrays, {flat.nbytes} bytes")
