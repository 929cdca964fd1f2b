// The tree is as clang-format leaves it.
#include <gtest/gtest.h>

#include <cstdlib>

namespace {

TEST(Structure, TheTreeIsFormatted) {
    if (std::system("command -v clang-format >/dev/null") != 0) GTEST_SKIP() << "clang-format is not installed";
    EXPECT_EQ(std::system(MOCO_SOURCE_DIR "/scripts/format --check"), 0) << "run scripts/format";
}

}  // namespace
