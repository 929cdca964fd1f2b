#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/cores.h"

namespace moco {
namespace {

thread_local bool inside_parallel_for = false;
thread_local int this_thread = 0;  // of the pool's; those outside of it count as its first

/// How often an idle thread looks for work before it sleeps: some 20 microseconds, less than a wake-up costs.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

/// Between two looks at what other threads are to finish; the spins'th in a row.
void wait_for_others(int spins) {
    if (spins < kSpins) {
        pause();
    } else {
        std::this_thread::yield();
    }
}

/// The pieces of a count, in an order.
struct Pieces {
    int64_t count, grain;
    PieceOrder order;
    const std::function<void(int64_t, int64_t)>& body;

    int64_t number() const { return (count + grain - 1) / grain; }
    void run(int64_t i) const {
        const int64_t piece = order == PieceOrder::first_to_last ? i : number() - 1 - i;
        body(piece * grain, std::min(count, (piece + 1) * grain));
    }
};

/// One parallel_for. Every thread has a share of the pieces, neighbours, and the same in each call over as many: what
/// it wrote in one it finds in its own cache in the next. Who is done takes what is left of the others' shares. Lives
/// on its caller's stack.
class Job {
  public:
    Job(const Pieces& pieces, int threads)
        : pieces_(pieces), shares_(std::min({pieces.number(), int64_t{threads}, kMaxShares})) {
        for (int64_t i = 0; i < shares_; ++i) {
            Share& share = share_[reversed() ? shares_ - 1 - i : i];
            share.next.store(pieces.number() * i / shares_, std::memory_order_relaxed);
            share.end = pieces.number() * (i + 1) / shares_;
        }
    }

    std::atomic<int> helpers{0};  // pool threads at work on it
    std::exception_ptr error;

    bool has_work() const {
        return std::any_of(share_, share_ + shares_, [](const Share& share) { return share.has_work(); });
    }

    /// Works on the pieces that are left, those of the thread's own share first.
    void run(int thread) {
        inside_parallel_for = true;
        for (int64_t i = 0; i < shares_; ++i) run(share_[(thread + i) % shares_]);
        inside_parallel_for = false;
    }

  private:
    static constexpr int64_t kMaxShares = 64;  // of more threads than that, some have one in common
    struct alignas(64) Share {
        std::atomic<int64_t> next{0};
        int64_t end = 0;

        bool has_work() const { return next.load(std::memory_order_relaxed) < end; }
    };

    bool reversed() const { return pieces_.order == PieceOrder::last_to_first; }

    void run(Share& share) {
        if (!share.has_work()) return;
        for (int64_t i; (i = share.next.fetch_add(1)) < share.end;) {
            try {
                pieces_.run(i);
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!error) error = std::current_exception();
            }
        }
    }

    const Pieces& pieces_;
    const int64_t shares_;
    Share share_[kMaxShares];
    std::mutex mutex_;
};

/// One function that any thread may run. Lives on its poster's stack.
struct Task {
    const std::function<void()>& body;
    std::exception_ptr error = nullptr;
    std::atomic<bool> done{false};

    void run() {
        try {
            body();
        } catch (...) {
            error = std::current_exception();
        }
        done.store(true, std::memory_order_release);
    }
};

class Pool {
  public:
    static Pool& instance() {
        static Pool pool;
        return pool;
    }

    ~Pool() { stop(); }

    int size() const { return size_; }

    void resize(int threads) {
        stop();
        size_ = threads > 0 ? threads : cores().usable();
        stopping_ = false;
        for (int i = 1; i < size_; ++i) workers_.emplace_back([this, i] { work(i); });
    }

    void run(Job& job) {
        post(jobs_, &job);
        job.run(this_thread);
        {
            const std::lock_guard lock(mutex_);
            jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
        }
        // No helper can join any more; the last pieces end soon.
        for (int spins = 0; job.helpers.load(std::memory_order_acquire) > 0; ++spins) {
            wait_for_others(spins);
        }
        if (job.error) std::rethrow_exception(job.error);
    }

    /// Runs the task on another thread, and `meanwhile` on this one.
    void run(Task& task, const std::function<void()>& meanwhile) {
        post(tasks_, &task);
        Task own{meanwhile};
        own.run();
        if (withdraw(task)) task.run();  // every thread had other work
        help_until(task.done);
        if (task.error) std::rethrow_exception(task.error);
        if (own.error) std::rethrow_exception(own.error);
    }

  private:
    Pool() { resize(0); }

    template <typename Work>
    void post(std::vector<Work*>& list, Work* work) {
        {
            const std::lock_guard lock(mutex_);
            list.push_back(work);
            posted_.fetch_add(1, std::memory_order_release);
        }
        if (sleeping_.load() > 0) wake_.notify_all();
    }

    /// Works on a job that this thread has joined.
    static void help(Job& job) {
        job.run(this_thread);
        job.helpers.fetch_sub(1, std::memory_order_release);
    }

    /// Works on whatever jobs there are until `done`.
    void help_until(const std::atomic<bool>& done) {
        uint64_t seen = 0;
        for (int spins = 0; !done.load(std::memory_order_acquire); ++spins) {
            if (const uint64_t posted = posted_.load(std::memory_order_acquire); posted != seen) {
                Job* job = nullptr;
                {
                    const std::lock_guard lock(mutex_);
                    job = join_job();
                }
                if (job) {
                    help(*job);
                } else {
                    seen = posted;
                }
                spins = 0;
            } else {
                wait_for_others(spins);
            }
        }
    }

    /// Takes the task back; false if somebody has begun it.
    bool withdraw(Task& task) {
        const std::lock_guard lock(mutex_);
        return std::erase(tasks_, &task) > 0;
    }

    /// A task that nobody has begun, or null. Needs mutex_.
    Task* take_task() {
        if (tasks_.empty()) return nullptr;
        Task* task = tasks_.back();
        tasks_.pop_back();
        return task;
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        posted_.fetch_add(1);
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
        workers_.clear();
    }

    /// A job with pieces left, joined by the calling thread, or null. Needs mutex_.
    Job* join_job() {
        for (Job* job : jobs_) {
            if (job->has_work()) {
                job->helpers.fetch_add(1);
                return job;
            }
        }
        return nullptr;
    }

    void work(int thread) {
        flush_denormals();
        this_thread = thread;
        uint64_t seen = 0;
        while (true) {
            for (int spins = 0; spins < kSpins && posted_.load(std::memory_order_acquire) == seen; ++spins) pause();
            Task* task = nullptr;
            Job* job = nullptr;
            {
                std::unique_lock lock(mutex_);
                sleeping_.fetch_add(1);
                wake_.wait(lock, [&] {
                    return stopping_ || (task = take_task()) || (job = join_job()) || posted_.load() != seen;
                });
                sleeping_.fetch_sub(1);
                if (stopping_) return;
                if (!task && !job) seen = posted_.load();  // someone else did that work
            }
            if (task) {
                task->run();
            } else if (job) {
                help(*job);
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Job*> jobs_;
    std::vector<Task*> tasks_;  // that nobody has begun
    std::vector<std::thread> workers_;
    std::atomic<uint64_t> posted_{0};
    std::atomic<int> sleeping_{0};
    bool stopping_ = false;
    int size_ = 1;
};

}  // namespace

void set_threads(int threads) {
    Pool::instance().resize(threads);
}

int threads() {
    return Pool::instance().size();
}

void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body, PieceOrder order) {
    if (count <= 0) return;
    const Pieces pieces{count, std::max<int64_t>(grain, 1), order, body};
    Pool& pool = Pool::instance();
    if (inside_parallel_for || pieces.number() == 1 || pool.size() == 1) {
        for (int64_t i = 0; i < pieces.number(); ++i) pieces.run(i);
        return;
    }
    Job job(pieces, pool.size());
    pool.run(job);
}

void parallel_invoke(const std::function<void()>& first, const std::function<void()>& second) {
    Pool& pool = Pool::instance();
    if (inside_parallel_for || pool.size() == 1) {
        first();
        second();
        return;
    }
    Task task{first};
    pool.run(task, second);
}

void flush_denormals() {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);  // FTZ | DAZ
#elif defined(__aarch64__)
    uint64_t control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    asm volatile("msr fpcr, %0" : : "r"(control | (uint64_t{1} << 24)));
#endif
}

}  // namespace moco
