#include "core/communicator.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "core/backend.h"

namespace moco {
namespace {

/// What the threads of one run_on_threads share: a table of everybody's current tensor, and a barrier that gives up
/// when a rank has failed.
class Meeting {
  public:
    explicit Meeting(int ranks) : offered_(static_cast<size_t>(ranks)), ranks_(ranks) {}

    Tensor& offered(int rank) { return offered_[static_cast<size_t>(rank)]; }
    int ranks() const { return ranks_; }

    void wait() {
        std::unique_lock lock(mutex_);
        check(!failed_, "communicator: another rank failed");
        const uint64_t round = round_;
        if (++arrived_ == ranks_) {
            arrived_ = 0;
            ++round_;
            changed_.notify_all();
            return;
        }
        changed_.wait(lock, [&] { return round_ != round || failed_; });
        check(round_ != round, "communicator: another rank failed");
    }

    void fail(std::exception_ptr error) {
        const std::lock_guard lock(mutex_);
        if (!failed_) first_error_ = error;
        failed_ = true;
        changed_.notify_all();
    }

    std::exception_ptr first_error() const { return first_error_; }

  private:
    std::vector<Tensor> offered_;
    const int ranks_;
    std::mutex mutex_;
    std::condition_variable changed_;
    int arrived_ = 0;
    uint64_t round_ = 0;
    bool failed_ = false;
    std::exception_ptr first_error_;
};

class ThreadRank final : public Communicator {
  public:
    ThreadRank(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}

    int rank() const override { return rank_; }
    int size() const override { return meeting_.ranks(); }

    Tensor all_gather_rows(const Tensor& rows) override {
        offer(rows);
        const int64_t n = rows.dim(0);
        Tensor all = Tensor::empty(rows.shape().with_rows(n * size()), rows.dtype(), rows.backend());
        for (int r = 0; r < size(); ++r) all.rows(r * n, (r + 1) * n).copy_from(meeting_.offered(r));
        meeting_.wait();
        return all;
    }

    void all_reduce_mean(Tensor& values) override {
        offer(values);
        if (rank_ == 0) {
            Backend& backend = values.backend();
            for (int r = 1; r < size(); ++r) {
                backend.accumulate(DType::f32, meeting_.offered(r).data(), values.mutable_data(), values.count());
            }
            backend.scale(values.data(), 1.0f / static_cast<float>(size()), values.mutable_data(), values.count());
        }
        take_from_rank_0(values);
    }

    void broadcast(Tensor& values) override {
        offer(values);
        take_from_rank_0(values);
    }

  private:
    void offer(const Tensor& tensor) {
        tensor.backend().synchronize();
        meeting_.offered(rank_) = tensor.detached();
        meeting_.wait();
    }

    void take_from_rank_0(Tensor& values) {
        meeting_.wait();
        if (rank_ != 0) values.copy_from(meeting_.offered(0));
        meeting_.wait();
    }

    Meeting& meeting_;
    int rank_;
};

}  // namespace

void run_on_threads(int ranks, const std::function<void(Communicator&)>& worker) {
    check(ranks >= 1, "run_on_threads: {} ranks, expected at least 1", ranks);
    Meeting meeting(ranks);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
        threads.emplace_back([&, rank] {
            try {
                ThreadRank communicator(meeting, rank);
                worker(communicator);
            } catch (...) {
                meeting.fail(std::current_exception());
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    if (meeting.first_error()) std::rethrow_exception(meeting.first_error());
}

}  // namespace moco
