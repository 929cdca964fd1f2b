// moco recipe: settings for one's own images.
#include "moco/study/recipe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/device.h"
#include "apps/evaluation.h"
#include "apps/json.h"
#include "apps/output.h"
#include "apps/terminal.h"
#include "core/parallel.h"
#include "core/shell_word.h"
#include "moco/train/settings/toml.h"
#include "nn/atomic_file.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Look at your images and this machine, and propose how to pretrain: settings, a reason for each, and the hours.\n"
    "Times a few steps of some networks, which takes about a minute. --out writes them for moco pretrain --config.";
constexpr int64_t kTimedBatch = 16;
constexpr double kMostSecondsEach = 5;

struct Flags {
    DataSettings data;
    RecipeLimits limits;
    float hours = 24;
    std::string out;
    int workers = 1;
    DeviceFlags device;
    bool json = false;
};

double memory_gib() {
    return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
}

PretrainRecipe propose(const Flags& flags, const Splits& data, const DataSurvey& looked, Backend& backend) {
    StatusLine line(stderr);
    const double seconds_each = std::min(kMostSecondsEach, 200.0 * flags.hours);  // little of what the run may take
    const TimeSteps time = [&](const PretrainSettings& settings) {
        line.show(fmt::format("timing {} of width {} on {} pixels", settings.encoder.arch, settings.encoder.width,
                              settings.views.image_size));
        PretrainSettings timed = settings;
        timed.machine.workers = flags.workers;
        return time_steps(timed, data, ViewBackends(backend), kTimedBatch, seconds_each);
    };
    RecipeLimits limits = flags.limits;
    limits.hours = flags.hours;
    limits.memory_gib = backend.name() == "cpu" ? memory_gib() : 0;
    PretrainRecipe recipe = recipe_for(flags.data, looked, limits, time);
    line.clear();
    return recipe;
}

std::string found(const DataSurvey& s) {
    std::string text = fmt::format("{} {} images, {} x {} pixels in the middle ({} to {} the shorter side)", s.images,
                                   s.channels == 3 ? "colour" : kind_of_images(s.channels), s.longer.median,
                                   s.shorter.median, s.shorter.least, s.shorter.most);
    text += s.classes > 0 ? fmt::format("; {} classes, {} images to test", s.classes, s.test_images) : "; no labels";
    return text;
}

std::vector<std::string> warnings(const DataSurvey& s) {
    std::vector<std::string> sentences;
    if (s.unreadable > 0) {
        sentences.push_back(fmt::format("{} of {} images that were looked at cannot be read ({:.1f} %); the first: {}",
                                        s.unreadable, s.looked_at, 100 * s.share_unreadable(), s.why));
    }
    if (s.duplicates > 0) {
        sentences.push_back(fmt::format("{} of {} images that were looked at are exact copies of others: {}",
                                        s.duplicates, s.looked_at, s.a_duplicate));
    }
    if (s.balance && s.balance->most > 10 * std::max<int64_t>(s.balance->least, 1)) {
        sentences.push_back(fmt::format("the classes are uneven: {} images of {}, {} of {}; look at mean_per_class",
                                        s.balance->most, s.balance->most_name, s.balance->least,
                                        s.balance->least_name));
    }
    return sentences;
}

/// A valid --config, with the reasons above the settings.
std::string as_toml(const PretrainRecipe& recipe) {
    std::string text = "# By moco recipe. What it chose, and why:\n";
    for (const Reason& reason : recipe.reasons) text += fmt::format("#   {}: {}\n", reason.what, reason.why);
    PretrainSettings settings = recipe.settings;
    return text + to_toml(table_of(settings), PretrainSettings::command);
}

void print_text(const Flags& flags, const DataSurvey& looked, const PretrainRecipe& recipe) {
    fmt::print("{}: {}\n", flags.data.spec, found(looked));
    for (const std::string& sentence : warnings(looked)) fmt::print("{}\n", sentence);
    fmt::print("\n");
    for (const Reason& reason : recipe.reasons) fmt::print("  {:<44}{}\n", reason.what, reason.why);
    fmt::print("\nAbout {:.1f} hours here, at {:.0f} images a second{}.\n", recipe.hours, recipe.images_per_s,
               recipe.gib >= 0.05 ? fmt::format(", in some {:.1f} GiB", recipe.gib) : "");
    if (flags.out.empty()) {
        fmt::print("--out FILE.toml writes this for `moco pretrain --config FILE.toml`.\n");
    } else {
        fmt::print("Next:\n  moco pretrain --config {} --out runs/mine\n", for_shell(flags.out));
    }
}

void print_as_json(const DataSurvey& s, const PretrainRecipe& recipe) {
    nlohmann::ordered_json reasons = nlohmann::ordered_json::array(), settings;
    for (const Reason& reason : recipe.reasons) reasons.push_back({{"flags", reason.what}, {"why", reason.why}});
    print_json({{"images", s.images},
                {"channels", s.channels},
                {"classes", s.classes},
                {"shorter_side", {s.shorter.least, s.shorter.median, s.shorter.most}},
                {"looked_at", s.looked_at},
                {"unreadable", s.unreadable},
                {"duplicates", s.duplicates},
                {"notes", warnings(s)},
                {"choices", reasons},
                {"images_per_s", recipe.images_per_s},
                {"hours", recipe.hours},
                {"config", as_toml(recipe)}});
}

void run_recipe(const Flags& flags) {
    check(flags.hours > 0 && std::isfinite(flags.hours), "--hours {}: expected more than 0", flags.hours);
    check_workers(flags.workers);
    validate(flags.data);
    const std::unique_ptr<Backend> backend = flags.device.open();
    note_emulation(*backend);
    const Splits data = open_dataset(flags.data);
    for (const std::string& note : data.notes) print_if_possible(stderr, note + "\n");
    const DataSurvey looked = survey(data);
    const PretrainRecipe recipe = propose(flags, data, looked, *backend);
    if (!flags.out.empty()) write_file_atomically(flags.out, as_toml(recipe));
    flags.json ? print_as_json(looked, recipe) : print_text(flags, looked, recipe);
}

}  // namespace

void add_recipe(const Command& app) {
    const Command command = app.subcommand("recipe", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("--data", flags->data.spec, "data set: " + dataset_forms()).takes("DATA").required().once();
    command.option("--hours", flags->hours, "how long the run may take here").takes("H");
    command.option("--out", flags->out, "file for the settings").takes("FILE.toml");
    add_decoding_flags(command, flags->data);
    add_folder_flags(command, flags->data);
    add_workers_flag(command, flags->workers);
    flags->device.add_to(command);
    add_json_flag(command, flags->json);
    command.runs([flags] { run_recipe(*flags); });
}

}  // namespace moco::apps
