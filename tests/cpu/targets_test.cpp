// The choice of instruction set.
#include "cpu/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "cpu/cpu_backend.h"

namespace moco::cpu {
namespace {

using ::testing::HasSubstr;

TEST(Targets, LimitingChoosesEachOfThem) {
    const std::vector<std::string> names = usable_targets();
    ASSERT_FALSE(names.empty());
    for (const std::string& name : names) {
        limit_targets(name);
        EXPECT_EQ(best_target(), name);
        EXPECT_EQ(usable_targets(), names);
    }
    limit_targets(names.front());
    EXPECT_EQ(best_target(), names.front());
}

TEST(Targets, TheEnvironmentLimitsTheBackend) {
    const std::string last = usable_targets().back();
    setenv("MOCO_TARGET", last.c_str(), 1);
    EXPECT_EQ(make_cpu_backend()->instruction_set(), last);
    setenv("MOCO_TARGET", "MMX", 1);
    try {
        make_cpu_backend();
        FAIL() << "MMX was accepted";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("MOCO_TARGET is \"MMX\""));
        for (const std::string& name : usable_targets()) EXPECT_THAT(error.what(), HasSubstr(name));
    }
    unsetenv("MOCO_TARGET");
    limit_targets(usable_targets().front());
}

TEST(Targets, TheBackendDescribesItself) {
    const auto backend = make_cpu_backend();
    EXPECT_EQ(backend->name(), "cpu");
    EXPECT_EQ(backend->instruction_set(), best_target());
    EXPECT_THAT(backend->description(), HasSubstr(best_target()));
    EXPECT_THAT(backend->description(), HasSubstr("GiB of memory"));
}

}  // namespace
}  // namespace moco::cpu
