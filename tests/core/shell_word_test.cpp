#include "core/shell_word.h"

#include <gtest/gtest.h>

namespace moco::testing {
namespace {

TEST(ShellWord, IsQuotedWhereItMustBe) {
    EXPECT_EQ(for_shell("runs/first-1.5_a"), "runs/first-1.5_a");
    EXPECT_EQ(for_shell("my runs"), "'my runs'");
    EXPECT_EQ(for_shell("~/x"), "'~/x'");
    EXPECT_EQ(for_shell("$HOME"), "'$HOME'");
    EXPECT_EQ(for_shell("it's"), R"('it'\''s')");
    EXPECT_EQ(for_shell(""), "''");
}

}  // namespace
}  // namespace moco::testing
