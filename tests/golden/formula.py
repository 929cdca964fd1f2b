"""Inputs by formula, the same as tests/support/values.cpp: both sides compute them, so no file has to carry them."""
import numpy as np


def formula(shape, salt, factor=1.0):
    """float32 values in [-1, 1) times factor, shaped `shape` (row-major), from a hash of (index, salt)."""
    count = int(np.prod(shape))
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((salt * 2246822519 + 374761393) % 2**32)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    values = (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return (values * np.float32(factor)).reshape(shape)
