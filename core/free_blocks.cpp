// Best fit with joining of neighbours, in two ordered indices of the same blocks.
#include "core/free_blocks.h"

#include <algorithm>
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

std::vector<std::pair<char*, size_t>> FreeBlocks::take_within(char* memory, size_t bytes) {
    std::vector<std::pair<char*, size_t>> taken;
    char* const end = memory + bytes;
    auto block = by_address_.lower_bound(memory);
    if (block != by_address_.begin() && std::prev(block)->first + std::prev(block)->second > memory) --block;
    while (block != by_address_.end() && block->first < end) {
        const auto [begin, size] = *block;
        erase(block);
        char* const from = std::max(begin, memory);
        char* const to = std::min(begin + size, end);
        if (begin < from) insert(begin, static_cast<size_t>(from - begin));
        if (to < begin + size) insert(to, static_cast<size_t>(begin + size - to));
        taken.emplace_back(from, static_cast<size_t>(to - from));
        block = by_address_.lower_bound(to);
    }
    return taken;
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
