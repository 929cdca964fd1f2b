// Buffers come in two sizes: small ones for numbers and orders, large ones for pieces of batches and weights.
#include "cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "core/error.h"
#include "cuda/check.h"

namespace moco::cuda {
namespace {

constexpr size_t kSmall = size_t{64} << 10;
constexpr size_t kLarge = size_t{4} << 20;
constexpr size_t kMostHeld = size_t{64} << 20;  // beyond it a copy waits for a buffer rather than lock more pages
constexpr size_t kDownloadsAhead = 4;           // pieces that travel while an earlier one is copied on

size_t buffer_bytes(size_t bytes) {
    if (bytes <= kSmall) return kSmall;
    return std::max(bytes, kLarge);
}

}  // namespace

PinnedBuffer::PinnedBuffer(size_t bytes) : bytes_(bytes) {
    check_cuda(cudaMallocHost(&memory_, bytes), fmt::format("cudaMallocHost of {} bytes", bytes));
}

PinnedBuffer::~PinnedBuffer() {
    cudaEventSynchronize(event_.get());
    cudaFreeHost(memory_);
}

std::unique_ptr<PinnedBuffer> Staging::take(size_t bytes) {
    const size_t wanted = buffer_bytes(bytes);
    std::unique_ptr<PinnedBuffer> buffer;
    {
        const std::lock_guard lock(mutex_);
        const auto fits = [&](const auto& b) { return b->bytes() == wanted; };
        auto found = std::ranges::find_if(idle_, [&](const auto& b) { return fits(b) && b->event().done(); });
        if (found == idle_.end() && held_ + wanted > kMostHeld) found = std::ranges::find_if(idle_, fits);
        if (found != idle_.end()) {
            buffer = std::move(*found);
            idle_.erase(found);
        } else {
            held_ += wanted;
        }
    }
    if (buffer == nullptr) return std::make_unique<PinnedBuffer>(wanted);
    buffer->event().wait();
    return buffer;
}

void Staging::give_back(std::unique_ptr<PinnedBuffer> buffer) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(buffer));
}

void Staging::upload(void* target, const void* source_host, size_t bytes, cudaStream_t stream) {
    for (size_t at = 0; at < bytes; at += kLarge) {
        const size_t piece = std::min(kLarge, bytes - at);
        std::unique_ptr<PinnedBuffer> buffer = take(piece);
        std::memcpy(buffer->data(), static_cast<const char*>(source_host) + at, piece);
        check_cuda(
            cudaMemcpyAsync(static_cast<char*>(target) + at, buffer->data(), piece, cudaMemcpyHostToDevice, stream),
            fmt::format("the copy of {} bytes to the device", piece));
        buffer->event().record(stream);
        give_back(std::move(buffer));
    }
}

void Staging::download(void* target_host, const void* source, size_t bytes, cudaStream_t stream) {
    struct Piece {
        std::unique_ptr<PinnedBuffer> buffer;
        char* target;
        size_t bytes;
    };
    std::deque<Piece> on_their_way;
    const auto finish_first = [&] {
        Piece& first = on_their_way.front();
        first.buffer->event().wait();
        std::memcpy(first.target, first.buffer->data(), first.bytes);
        give_back(std::move(first.buffer));
        on_their_way.pop_front();
    };
    for (size_t at = 0; at < bytes; at += kLarge) {
        if (on_their_way.size() == kDownloadsAhead) finish_first();
        const size_t piece = std::min(kLarge, bytes - at);
        std::unique_ptr<PinnedBuffer> buffer = take(piece);
        check_cuda(cudaMemcpyAsync(buffer->data(), static_cast<const char*>(source) + at, piece, cudaMemcpyDeviceToHost,
                                   stream),
                   fmt::format("the copy of {} bytes from the device", piece));
        buffer->event().record(stream);
        on_their_way.push_back({std::move(buffer), static_cast<char*>(target_host) + at, piece});
    }
    while (!on_their_way.empty()) finish_first();
}

size_t Staging::bytes_held() const {
    const std::lock_guard lock(mutex_);
    return held_;
}

}  // namespace moco::cuda
