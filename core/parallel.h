// Threads: parallel_for and parallel_invoke over a small pool.
//
// Work is cut by its size, never by the number of threads, so that results have the same bits on 1 thread and on 64.
// A reduction writes one partial per chunk (at most kMaxPartials of them) and adds them up in index order.
#pragma once

#include <cstdint>
#include <functional>

namespace moco {

/// The most partial results a deterministic reduction keeps.
inline constexpr int kMaxPartials = 16;

/// Sets the number of threads that take part in parallel_for, the caller included. 0, the default, means one per
/// core that this process may use (core/cores.h). Not to be called while a parallel_for runs.
void set_threads(int threads);
int threads();

/// Where a pass begins: one that begins where the pass before it ended finds there what is still in the caches.
enum class PieceOrder { first_to_last, last_to_first };

/// Calls body(begin, end) for consecutive pieces [begin, end) of [0, count), each of `grain` items (the last may be
/// shorter), on the pool; returns when all are done. Pieces run at the same time, those of a thread roughly in `order`;
/// neighbours mostly on one thread, the same one in every call with as many pieces. An exception of a piece is rethrown
/// here once no other piece runs. May be called from several threads at once; called from within a body it runs the
/// pieces in line.
void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body,
                  PieceOrder order = PieceOrder::first_to_last);

/// Calls first() and second(), which must not depend on each other; returns when both are done. With a thread to spare
/// they run at the same time, the second on the calling thread, and share the pool in their parallel_fors; with one
/// thread, or from within a parallel_for's body, one after the other. If both throw, the first one's exception is
/// rethrown here, no matter when it came; one after the other, it leaves the second out.
void parallel_invoke(const std::function<void()>& first, const std::function<void()>& second);

/// A grain that cuts `count` items into at most kMaxPartials pieces, a function of `count` alone.
inline int64_t partial_grain(int64_t count) {
    return count <= kMaxPartials ? 1 : (count + kMaxPartials - 1) / kMaxPartials;
}

/// Flushes denormals to zero on the calling thread (FTZ and DAZ), as every pool thread does. Call once in main().
void flush_denormals();

}  // namespace moco
