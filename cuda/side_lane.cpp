// The lane is in order, so waiting for one turn is waiting for all before it.
#include "cuda/side_lane.h"

#include <algorithm>

namespace moco::cuda {

SideLane::SideLane(Stream& computing, Staging& staging, Caching caching)
    : computing_(computing), staging_(staging), memory_(caching) {}

SideLane::Turn::~Turn() {
    for (const auto& [memory, bytes] : scratch_) lane_.memory_.release(memory, bytes);
}

void* SideLane::Turn::scratch(size_t bytes) {
    void* const memory = lane_.memory_.allocate(bytes);
    scratch_.emplace_back(memory, bytes);
    return memory;
}

void SideLane::Turn::upload(void* target, const void* source_host, size_t bytes) {
    lane_.staging_.upload(target, source_host, bytes, stream());
}

void SideLane::run(void* target, size_t bytes, const std::function<void(Turn&)>& work) {
    const std::lock_guard turn_lock(turn_);
    computed_.record(computing_.get());
    stream_.wait_for(computed_);
    try {
        Turn turn(*this);
        work(turn);
        note_written(target, bytes);
    } catch (...) {
        cudaStreamSynchronize(stream_.get());  // the caller may now give `target` back
        throw;
    }
}

void SideLane::note_written(void* target, size_t bytes) {
    const std::lock_guard lock(books_);
    auto* const begin = static_cast<char*>(target);
    written_.push_back({begin, begin + bytes, take_event()});
    written_.back().event.record(stream_.get());
}

/// A spare event, or that of a turn that is done.
Event SideLane::take_event() {
    if (events_.empty() && !written_.empty() && written_.front().event.done()) {
        events_.push_back(std::move(written_.front().event));
        written_.pop_front();
    }
    if (events_.empty()) return Event();
    Event event = std::move(events_.back());
    events_.pop_back();
    return event;
}

void SideLane::await(const void* memory, size_t bytes) {
    const std::lock_guard lock(books_);
    const auto* const begin = static_cast<const char*>(memory);
    const auto touches = [&](const Written& w) { return w.begin < begin + bytes && begin < w.end; };
    const auto last = std::find_if(written_.rbegin(), written_.rend(), touches);
    if (last == written_.rend()) return;
    computing_.wait_for(last->event);
    const auto end = last.base();
    for (auto passed = written_.begin(); passed != end; ++passed) events_.push_back(std::move(passed->event));
    written_.erase(written_.begin(), end);
}

}  // namespace moco::cuda
