// Best fit with joining of neighbours, in two ordered indices of the same blocks.
#include "core/free_blocks.h"

#include <iterator>

namespace moco {

char* FreeBlocks::take(size_t bytes) {
    const auto best = by_size_.lower_bound({bytes, nullptr});
    if (best == by_size_.end()) return nullptr;
    const auto [size, memory] = *best;
    erase(by_address_.find(memory));
    if (size > bytes) insert(memory + bytes, size - bytes);
    return memory;
}

void FreeBlocks::give(char* memory, size_t bytes) {
    const auto next = by_address_.lower_bound(memory);
    if (next != by_address_.begin()) {
        const auto previous = std::prev(next);
        if (previous->first + previous->second == memory) {
            memory = previous->first;
            bytes += previous->second;
            erase(previous);
        }
    }
    if (next != by_address_.end() && memory + bytes == next->first) {
        bytes += next->second;
        erase(next);
    }
    insert(memory, bytes);
}

bool FreeBlocks::take_whole(char* memory, size_t bytes) {
    const auto block = by_address_.find(memory);
    if (block == by_address_.end() || block->second != bytes) return false;
    erase(block);
    return true;
}

size_t FreeBlocks::bytes_before(const char* end) const {
    const auto next = by_address_.lower_bound(const_cast<char*>(end));
    if (next == by_address_.begin()) return 0;
    const auto [memory, bytes] = *std::prev(next);
    return memory + bytes == end ? bytes : 0;
}

void FreeBlocks::erase(std::map<char*, size_t>::iterator block) {
    by_size_.erase({block->second, block->first});
    by_address_.erase(block);
}

void FreeBlocks::insert(char* memory, size_t bytes) {
    by_address_.emplace(memory, bytes);
    by_size_.emplace(bytes, memory);
}

}  // namespace moco
