#include "cuda/emulated/settings.h"

#include <fmt/format.h>

#include <cstdlib>
#include <random>
#include <string_view>

#include "core/error.h"

namespace moco::cuda::emulated {
namespace {

uint64_t state = 0;

uint64_t read_number(const char* name, std::string_view text) {
    char* end = nullptr;
    const uint64_t number = std::strtoull(text.data(), &end, 10);
    check(!text.empty() && end == text.data() + text.size(), "{}={}: expected a number", name, text);
    return number;
}

Schedule read_schedule(std::string_view text) {
    if (text == "in-order") return Schedule::in_order;
    if (text == "reversed") return Schedule::reversed;
    if (text == "random") return Schedule::random;
    fail("MOCO_EMULATED_SCHEDULE={}: expected in-order, reversed or random", text);
}

Settings read_environment() {
    Settings read;
    if (const char* text = std::getenv("MOCO_EMULATED_SCHEDULE")) read.schedule = read_schedule(text);
    if (const char* text = std::getenv("MOCO_EMULATED_MEMORY"))
        read.memory_bytes = read_number("MOCO_EMULATED_MEMORY", text);
    if (const char* text = std::getenv("MOCO_EMULATED_SEED")) {
        read.seed = read_number("MOCO_EMULATED_SEED", text);
    } else if (read.schedule == Schedule::random) {
        read.seed = std::random_device()();
        fmt::print(stderr, "The emulated device's random schedule: MOCO_EMULATED_SEED={}\n", read.seed);
    }
    state = read.seed;
    return read;
}

}  // namespace

Settings& settings() {
    static Settings all = read_environment();
    return all;
}

uint32_t next_random() {
    state += 0x9e3779b97f4a7c15u;
    const uint64_t mixed = (state ^ state >> 32) * 0xd6e8feb86659fd93u;
    return static_cast<uint32_t>(mixed >> 32);
}

void set_schedule(Schedule schedule, uint64_t seed) {
    settings().schedule = schedule;
    settings().seed = state = seed;
}

}  // namespace moco::cuda::emulated
