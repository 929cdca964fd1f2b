// Python's pickles, read without Python: a list of opcodes and a list of names (pickle_globals.h), and nothing else.
//
// A pickle is a program for a stack machine that may call anything. This reader calls nothing: it builds plain values,
// tensors as views of storages whose bytes lie elsewhere, and objects of which it only knows that they are there.
#pragma once

#include <span>
#include <string>

#include "moco/interchange/pickle_values.h"

namespace moco {

struct UnpickledPart {
    PickleGraph graph;
    size_t bytes = 0;  // that it took, STOP included
};

/// Reads one pickle from the beginning of `bytes`, which must outlive the graph. Memory is bounded by a few hundred
/// bytes for each byte read, and by 4 million values. Throws Error naming `path`, the byte (counted from `first_byte`)
/// and the opcode or the name that is not let in, or what is wrong: a truncated pickle, an empty stack, a negative
/// size.
UnpickledPart unpickle(std::span<const uint8_t> bytes, const std::string& path, size_t first_byte = 0);

}  // namespace moco
