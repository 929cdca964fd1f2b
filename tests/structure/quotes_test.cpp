// What the documents quote stands in the sources.
#include <gtest/gtest.h>

#include <cstdlib>

namespace {

TEST(Structure, TheDocumentsQuoteTheSourcesAsTheyAre) {
    EXPECT_EQ(std::system(MOCO_SOURCE_DIR "/scripts/requote --check"), 0) << "run scripts/requote";
}

}  // namespace
