// The device, its memory, and copies.
#include "cuda/kernel_backend.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "cuda/check.h"
#include "cuda/recorded_graph.h"

namespace moco::cuda {
namespace {

/// MOCO_CUDA_CACHING=no is for memory checkers.
Caching wanted_caching() {
    const char* wanted = std::getenv("MOCO_CUDA_CACHING");
    return wanted != nullptr && std::string_view(wanted) == "no" ? Caching::no : Caching::yes;
}

class PinnedReadback final : public Readback {
  public:
    PinnedReadback(Staging& staging, const void* source, size_t bytes, cudaStream_t stream)
        : staging_(staging), buffer_(staging.take(bytes)) {
        check_cuda(cudaMemcpyAsync(buffer_->data(), source, bytes, cudaMemcpyDeviceToHost, stream),
                   "the copy of a result to the host");
        buffer_->event().record(stream);
    }
    ~PinnedReadback() override { staging_.give_back(std::move(buffer_)); }
    bool ready() const override { return buffer_->event().done(); }
    const void* wait() override {
        buffer_->event().wait();
        return buffer_->data();
    }

  private:
    Staging& staging_;
    std::unique_ptr<PinnedBuffer> buffer_;
};

}  // namespace

KernelBackend::KernelBackend()
    : device_(find_device()), memory_(wanted_caching()), lane_(stream_, staging_, wanted_caching()) {}

KernelBackend::~KernelBackend() = default;

std::string_view KernelBackend::name() const {
    return "cuda";
}

std::string KernelBackend::description() const {
    const double gib = static_cast<double>(device_.memory) / (1 << 30);
    if (kEmulated)
        return fmt::format("emulated CUDA device (no GPU: the processor plays it), {:.1f} GiB of memory", gib);
    return fmt::format("{}, {}, {:.1f} GiB of memory", device_.name, device_.architecture(), gib);
}

std::string KernelBackend::instruction_set() const {
    return kEmulated ? "emulated" : device_.architecture();
}

void KernelBackend::set_precision(Precision precision) {
    check(precision == Precision::f32 || device_.major >= 8,
          "{} is {}, and only sm_80 and newer compute in {}; it takes f32", device_.name, device_.architecture(),
          precision == Precision::tf32 ? "tf32" : "bf16");
    precision_ = precision;
}

void* KernelBackend::allocate(size_t bytes) {
    return memory_.allocate(bytes);
}

void KernelBackend::release(void* memory, size_t bytes) {
    await(memory, bytes);  // whoever gets it next must not meet a loader's late writes
    memory_.release(memory, bytes);
}

void KernelBackend::copy_from_host(void* target, const void* source_host, size_t bytes) {
    await(target, bytes);
    if (graph_ != nullptr)
        graph_->copy_from_host(target, source_host, bytes, stream());
    else
        staging_.upload(target, source_host, bytes, stream());
}

void KernelBackend::copy_to_host(void* target_host, const void* source, size_t bytes) {
    check(graph_ == nullptr, "copy_to_host: a recorded step cannot wait for the device");
    await(source, bytes);
    staging_.download(target_host, source, bytes, stream());
}

void KernelBackend::copy(void* target, const void* source, size_t bytes) {
    await(source, bytes);
    await(target, bytes);
    if (bytes == 0) return;
    check_cuda(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, stream()),
               fmt::format("the copy of {} bytes on the device", bytes));
}

void KernelBackend::fill_zero(void* target, size_t bytes) {
    await(target, bytes);
    if (bytes == 0) return;
    check_cuda(cudaMemsetAsync(target, 0, bytes, stream()), fmt::format("cudaMemsetAsync of {} bytes", bytes));
}

void KernelBackend::synchronize() {
    check(graph_ == nullptr, "synchronize: a recorded step cannot wait for the device");
    lane_.synchronize();
    stream_.synchronize();
}

std::unique_ptr<Readback> KernelBackend::read_later(const void* source, size_t bytes) {
    check(graph_ == nullptr, "read_later: a recorded step cannot be read from before it is replayed");
    await(source, bytes);
    return std::make_unique<PinnedReadback>(staging_, source, bytes, stream());
}

void KernelBackend::upload(void* target, const void* source_host, size_t bytes) {
    lane_.run(target, bytes, [&](SideLane::Turn& turn) { turn.upload(target, source_host, bytes); });
}

void KernelBackend::await(const void* memory, size_t bytes) {
    lane_.await(memory, bytes);
}

}  // namespace moco::cuda
