#include "moco/data/batch_pipeline.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/parallel.h"

namespace moco {

BatchPipeline::BatchPipeline(const Plan& plan, Fill fill) : plan_(plan), fill_(std::move(fill)) {
    slots_.resize(static_cast<size_t>(plan.slots));
    for (int i = 0; i < plan.workers; ++i) threads_.emplace_back([this] { work(); });
}

BatchPipeline::~BatchPipeline() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    work_left_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

int64_t BatchPipeline::next() {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    const int64_t batch = handed_out_;
    if (returned_ < batch) {
        returned_ = batch;
        work_left_.notify_all();
    }
    Slot& slot = slots_[static_cast<size_t>(batch % plan_.slots)];
    if (threads_.empty()) {
        lock.unlock();
        for (int64_t chunk = 0; chunk < plan_.chunks; ++chunk) run_chunk(batch, chunk);
        lock.lock();
    }
    batch_done_.wait(lock, [&] { return slot.chunks_done == plan_.chunks; });
    const std::exception_ptr error = std::exchange(slot, Slot()).error;
    ++handed_out_;
    seconds_waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (error != nullptr) std::rethrow_exception(error);
    return batch;
}

void BatchPipeline::work() {
    flush_denormals();
    std::unique_lock lock(mutex_);
    while (true) {
        work_left_.wait(lock, [this] { return stop_ || may_start(); });
        if (stop_) return;
        const int64_t batch = given_, chunk = given_chunk_;
        if (++given_chunk_ == plan_.chunks) {
            given_chunk_ = 0;
            ++given_;
        }
        lock.unlock();
        run_chunk(batch, chunk);
        lock.lock();
    }
}

void BatchPipeline::run_chunk(int64_t batch, int64_t chunk) {
    std::exception_ptr error;
    try {
        fill_(batch, chunk);
    } catch (...) {
        error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[static_cast<size_t>(batch % plan_.slots)];
    // Of several failures the first chunk's is reported, whichever thread was quicker.
    if (error != nullptr && (slot.error == nullptr || chunk < slot.failed_chunk)) {
        slot.error = error;
        slot.failed_chunk = chunk;
    }
    if (++slot.chunks_done == plan_.chunks) batch_done_.notify_all();
}

}  // namespace moco
