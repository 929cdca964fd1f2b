#include "tests/cuda/placed.h"

namespace moco::cuda::testing {
namespace {

class CudaEnqueue : public OnDevice {};

void expect_enqueued(int64_t N, int64_t K, int64_t C, int64_t start, int64_t shift) {
    SCOPED_TRACE(fmt::format("N {} K {} C {} from {}, {} beside an aligned address", N, K, C, start, shift));
    const std::vector<float> keys = formula_values(N * C, 1), before = formula_values(K * C, 2);
    std::vector<float> expected = before;
    for (int64_t i = 0; i < N * C; ++i) {
        expected[static_cast<size_t>((start * C + i) % (K * C))] = keys[static_cast<size_t>(i)];
    }
    const DeviceArray<int64_t> first(std::vector<int64_t>{start});
    Placed keys_device(keys, shift), queue(before, shift);
    device().enqueue(first.data(), keys_device.floats(), queue.floats(), N, K, C);
    EXPECT_EQ(queue.host(), expected);
}

TEST_F(CudaEnqueue, WrapsAroundTheEnd) {
    for (const int64_t N : {1, 4, 7})
        for (int64_t start = 0; start < 7; ++start) expect_enqueued(N, 7, 3, start, 0);
}

TEST_F(CudaEnqueue, RowsOfPacksAndOfSingleElements) {
    for (const int64_t C : {4, 31, 33, 128, 132})
        for (const int64_t shift : {0, 1}) expect_enqueued(16, 40, C, 32, shift);
}

TEST_F(CudaEnqueue, ReadsThePointerFromTheDeviceAtEachStep) {
    DeviceArray<int64_t> first(std::vector<int64_t>{0});
    Placed keys(std::vector<float>{1, 2}), queue(std::vector<float>(6, 0.0f));
    for (const int64_t pointer : {0, 2, 4, 1}) {
        device().copy_from_host(first.data(), &pointer, sizeof pointer);
        device().enqueue(first.data(), keys.floats(), queue.floats(), 2, 6, 1);
    }
    EXPECT_EQ(queue.host(), (std::vector<float>{1, 1, 2, 2, 1, 2}));
}

}  // namespace
}  // namespace moco::cuda::testing
