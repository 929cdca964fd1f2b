// Training in bf16: near f32, to the same bits however it is run, and told apart from f32 on resume.
#include "nn/precision.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/parallel.h"
#include "moco/train/checkpoint.h"
#include "tests/moco/golden_steps.h"
#include "tests/moco/runs.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

std::vector<double> losses_of_ten_steps(Precision precision) {
    using namespace golden_steps;
    NetworkConfig encoder = golden_steps_encoder(Head::mlp);
    encoder.precision = precision;
    Moco moco(encoder, kQueue, kSgd, 0, cpu());
    fill_by_formula(moco);
    SingleProcess comm;
    std::vector<int64_t> order(kBatch);
    std::iota(order.begin(), order.end(), int64_t{0});
    std::vector<double> losses;
    for (int64_t step = 0; step < kSteps; ++step) {
        const Views x = {golden_steps_images(100, 2 * step, cpu()), golden_steps_images(100, 2 * step + 1, cpu())};
        const StepNumbers numbers = {golden_steps_rate(step), kM, kT, LossDirections::one_way, 1, {order}};
        losses.push_back(train_step(moco, x, numbers, comm).loss.item());
    }
    return losses;
}

TEST(Precision, TenStepsInBf16StayNearF32) {
    const std::vector<double> f32 = losses_of_ten_steps(Precision::f32), bf16 = losses_of_ten_steps(Precision::bf16);
    for (size_t step = 0; step < f32.size(); ++step) {
        // Loose: each of twenty layers rounds to 2^-8, and the steps carry on with what the last ones made of it.
        EXPECT_NEAR(bf16[step], f32[step], 0.1 * f32[step]) << "step " << step;
        EXPECT_NE(bf16[step], f32[step]) << "step " << step;
    }
}

class PrecisionRun : public ::testing::Test {
  protected:
    PretrainSettings bf16_run(const std::string& name) const {
        PretrainSettings config = tiny_run(folder_ / name);
        config.run.precision = "bf16";
        return config;
    }
    TempFolder folder_;
};

TEST_F(PrecisionRun, ThreadsAndAResumeChangeNoBit) {
    const int threads_before = threads();
    PretrainSettings config = bf16_run("whole");
    set_threads(1);
    run(config);
    set_threads(2);
    config.run.out = (folder_ / "stopped").string();
    Watcher first, second;
    first.stop_after = 4;
    run(config, first);
    EXPECT_EQ(resume(folder_ / "stopped", second).end, RunEnd::finished);
    set_threads(threads_before);
    EXPECT_EQ(checkpoint_bytes(folder_ / "stopped"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "stopped"), log_without_times(folder_ / "whole"));
}

TEST_F(PrecisionRun, AResumeMayNotChangeIt) {
    PretrainSettings config = bf16_run("run");
    config.run.max_steps = 1;
    run(config);
    EXPECT_NE(read_checkpoint_info(folder_ / "run" / kLastCheckpoint).header.config.find("precision = 'bf16'"),
              std::string::npos);
    expect_error(
        [&] {
            resume_settings<PretrainSettings>(folder_ / "run", {{"precision", "f32"}});
        },
        {"--precision f32: the run to resume has bf16, and a resume may not change it"});
    PretrainSettings edited = resume_settings<PretrainSettings>(folder_ / "run", {});
    edited.run.precision = "f32";
    write_bytes(folder_ / "run" / kConfigFile, to_toml(table_of(edited), "pretrain"));
    Watcher watcher;
    expect_error([&] { resume(folder_ / "run", watcher); },
                 {"was trained with precision = bf16", "config.toml says f32"});
}

}  // namespace
}  // namespace moco::testing
