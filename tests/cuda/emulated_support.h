// What tests of the emulated device share: kernels that break rules, and what the device says about them.
#pragma once

#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/emulated/failure.h"
#include "cuda/emulated/sanitizer.h"
#include "cuda/emulated/settings.h"
#include "cuda/emulated/site.h"
#include "cuda/emulated/stream.h"
#include "cuda/kernel.h"

namespace moco::cuda::testing {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Each test begins and ends with a fresh device that runs in order.
class Emulated : public ::testing::Test {
  protected:
    void SetUp() override {
        before_ = emulated::settings();
        emulated::set_schedule(emulated::Schedule::in_order);
        emulated::reset_device();
    }
    void TearDown() override {
        emulated::settings() = before_;
        emulated::switch_site_off("");
        emulated::reset_device();
    }

  private:
    emulated::Settings before_;
};

/// Calls body() under the three schedules, the random one with several seeds.
template <typename Body>
void under_every_schedule(const Body& body) {
    for (const auto schedule : {emulated::Schedule::in_order, emulated::Schedule::reversed}) {
        emulated::set_schedule(schedule);
        SCOPED_TRACE(schedule == emulated::Schedule::in_order ? "in order" : "reversed");
        body();
    }
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        emulated::set_schedule(emulated::Schedule::random, seed);
        SCOPED_TRACE("random, seed " + std::to_string(seed));
        body();
    }
}

/// Memory of the device, by the runtime alone.
template <typename T>
struct Memory {
    explicit Memory(size_t size) : count(size) { cudaMalloc(reinterpret_cast<void**>(&data), size * sizeof(T)); }
    explicit Memory(const std::vector<T>& values) : Memory(values.size()) {
        cudaMemcpy(data, values.data(), count * sizeof(T), cudaMemcpyHostToDevice);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() {
        if (emulated::is_device_memory(data, 1)) cudaFree(data);  // a reset of the device may have done so
    }
    std::vector<T> host() const {
        std::vector<T> values(count);
        cudaMemcpy(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost);
        return values;
    }

    size_t count;
    T* data = nullptr;
};

/// Under the address sanitizer: it ends the program, naming `what`, when body() is run.
template <typename Body>
void expect_asan_report(const Body& body, const char* what) {
    EXPECT_DEATH(
        {
            body();
            cudaDeviceSynchronize();
        },
        what);
}

/// What the device reports about what body() puts on it; the device is fresh afterwards.
template <typename Body>
std::string report_of(const Body& body) {
    emulated::clear_reports();
    ::testing::internal::CaptureStderr();
    const cudaError_t status = body();
    const cudaError_t end = cudaDeviceSynchronize();
    ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(status != cudaSuccess || end != cudaSuccess);
    const std::string report = emulated::last_report();
    emulated::reset_device();
    return report;
}

}  // namespace moco::cuda::testing
