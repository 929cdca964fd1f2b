// The built program, run as a user runs it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {

/// `moco ARGUMENTS...`, to its end.
inline ProcessResult run_moco(std::vector<std::string> arguments, const std::string& folder = "") {
    arguments.insert(arguments.begin(), MOCO_PROGRAM);
    return run_process(arguments, folder);
}

/// The flags of a run that takes a second: 4 steps an epoch.
inline std::vector<std::string> small_run(const std::string& folder, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"pretrain",    "--preset",
                                          "fashion",     "--data",
                                          "shapes:64",   "--width",
                                          "8",           "--batch-size",
                                          "16",          "--moco-k",
                                          "40",          "--moco-dim",
                                          "16",          "--image-size",
                                          "16",          "--knn-every",
                                          "0",           "--threads",
                                          "1",           "--no-knn-baselines",
                                          "--epochs",    "2",
                                          "--log-every", "1",
                                          "--out",       folder};
    // A data set may be named once.
    if (std::find(more.begin(), more.end(), "--data") != more.end()) {
        const auto data = std::find(arguments.begin(), arguments.end(), "--data");
        arguments.erase(data, data + 2);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

/// A pretrained run of two epochs, small_run's, that the tests of a program share.
inline const std::filesystem::path& pretrained_run() {
    static const TempFolder folder;
    static const std::filesystem::path run = [] {
        const ProcessResult result = run_moco(small_run(folder / "run"));
        EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
        return folder / "run";
    }();
    return run;
}

/// A failure as it should be: this exit code, nothing but one line on stderr, and these texts in it.
inline void expect_sentence(const ProcessResult& result, int exit_code, const std::vector<std::string>& texts) {
    EXPECT_EQ(result.exit_code, exit_code) << "signal " << result.signal << "\n" << result.out << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(result.err.starts_with("moco")) << result.err;
    EXPECT_LT(result.err.size(), 500u) << result.err;
    for (const std::string& text : texts)
        EXPECT_NE(result.err.find(text), std::string::npos) << text << "\n" << result.err;
}

inline void expect_success(const ProcessResult& result) {
    EXPECT_EQ(result.exit_code, 0) << "signal " << result.signal << "\n" << result.out << result.err;
}

}  // namespace moco::testing
