// What the documents quote stands in the sources.
#include <gtest/gtest.h>

#include <cstdlib>

namespace {

TEST(Structure, TheDocumentsQuoteTheSourcesAsTheyAre) {
    EXPECT_EQ(std::system(MOCO_SOURCE_DIR "/scripts/requote --check"), 0) << "run scripts/requote";
}

TEST(Structure, ThePageOfTheRooflineIsWhatItsScriptPrints) {
    if (std::system("command -v python3 >/dev/null") != 0) GTEST_SKIP() << "no python3";
    EXPECT_EQ(std::system(MOCO_SOURCE_DIR "/scripts/cuda-roofline --check"), 0);
}

}  // namespace
