// Two requests to stop, more than ten seconds apart.
#include <csignal>
#include <thread>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

/// The run is halted while it is in a step that takes long, so that the second request finds it still there.
TEST(Interrupted, ASecondRequestAfterTenSecondsEndsTheRunAtOnce) {
    using std::chrono::milliseconds;
    const TempFolder folder;
    std::vector<std::string> arguments =
        small_run(folder / "run", {"--data", "shapes:4096", "--epochs", "1000", "--batch-size", "1024", "--moco-k",
                                   "1024", "--width", "32", "--image-size", "32"});
    arguments.insert(arguments.begin(), MOCO_PROGRAM);
    Process process(arguments);
    while (process.running() && process.out().find("step 1/") == std::string::npos) {
        std::this_thread::sleep_for(milliseconds(1));
    }
    process.send(SIGTERM);
    std::this_thread::sleep_for(milliseconds(100));
    process.send(SIGSTOP);
    std::this_thread::sleep_for(milliseconds(11500));
    process.send(SIGTERM);
    process.send(SIGCONT);
    const ProcessResult result = process.wait();
    EXPECT_EQ(result.signal, SIGTERM) << result.exit_code << "\n" << result.out << result.err;
    EXPECT_EQ(result.out.find("Stopped after step"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace moco::testing
