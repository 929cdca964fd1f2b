// Which memory of an allocator is free: blocks by address, joined with their neighbours.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace moco {

/// Keeps books only: it never touches the memory. A call takes time in proportion to the number of free blocks, which
/// is small: neighbours are one. Not thread-safe.
class FreeBlocks {
  public:
    /// `bytes` bytes cut from the smallest block that has as many (of equals the one with the lowest address), or null.
    char* take(size_t bytes);
    /// Adds memory that is free now. It becomes one block with the free blocks right before and behind it.
    void give(char* memory, size_t bytes);
    /// Takes exactly the block of `bytes` bytes at `memory`; false if what is free there begins or ends elsewhere.
    bool take_whole(char* memory, size_t bytes);
    /// Takes all that is free within [memory, memory + bytes), piece by piece.
    std::vector<std::pair<char*, size_t>> take_within(char* memory, size_t bytes);
    /// The size of the free block that ends at `end`, 0 if there is none.
    size_t bytes_before(const char* end) const;

  private:
    struct Block {
        char* begin;
        size_t bytes;
        char* end() const { return begin + bytes; }
    };
    /// The first block at `memory` or behind it.
    std::vector<Block>::const_iterator from(const char* memory) const;

    std::vector<Block> blocks_;  // by address, no two of them touching
};

}  // namespace moco
