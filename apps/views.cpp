// moco views: what the augmentation makes of the images, before anyone trains for hours on a wrong recipe.
#include "moco/data/views.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/device.h"
#include "apps/json.h"
#include "apps/setting_flags.h"
#include "core/error.h"
#include "moco/data/png.h"
#include "moco/tasks/pretrain_settings.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Draw pairs of augmented views beside their images.\n"
    "Each row of the picture is an image and pairs of a query and a key as training would see them, without the\n"
    "normalisation. The settings are those of moco pretrain: default < --preset < --config FILE < flags.";

struct Flags {
    SettingFlags settings;
    ViewsOptions options;
    std::string config_file, out, device = "auto";
    bool json = false;
};

void run_views(const Flags& flags) {
    check(flags.options.rows >= 1 && flags.options.rows <= 1000, "--rows {}: expected 1 to 1000", flags.options.rows);
    check(flags.options.pairs >= 1 && flags.options.pairs <= 100, "--pairs {}: expected 1 to 100", flags.options.pairs);
    SettingSources sources{.file = {}, .flags = flags.settings.given()};
    if (!flags.config_file.empty()) sources.file = flags.config_file;
    const PretrainSettings settings = resolve_settings<PretrainSettings>(sources);
    validate(settings.data);
    const Recipe recipe = recipe_of(settings.views);
    const std::unique_ptr<Backend> backend = make_backend(flags.device);
    const Splits data = open_dataset(settings.data);
    for (const std::string& note : data.notes) fmt::print(stderr, "{}\n", note);
    ViewsOptions options = flags.options;
    options.size = settings.views.image_size;
    options.seed = settings.run.seed;
    const ViewsSheet sheet = make_views_sheet(*pretraining_part(data), recipe, options, *backend);
    for (const std::string& note : pretraining_part(data)->take_notes()) fmt::print(stderr, "{}\n", note);
    write_png(flags.out, sheet.picture);
    if (flags.json) {
        return print_json({{"file", flags.out},
                           {"width", sheet.picture.W},
                           {"height", sheet.picture.H},
                           {"images", sheet.images},
                           {"pairs", options.pairs},
                           {"recipe", recipe.name}});
    }
    const auto counted = [](int64_t count, const char* what) {
        return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    fmt::print("{}: {} x {} pixels, {} with {} of views{} (recipe {})\n", flags.out, sheet.picture.W, sheet.picture.H,
               counted(sheet.images, "image"), counted(options.pairs, "pair"), sheet.images == 1 ? "" : " each",
               recipe.name);
}

}  // namespace

void add_views(const Command& app) {
    const Command command = app.subcommand("views", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("--out", flags->out, "the picture to write").takes("FILE.png").required();
    command.option("--rows", flags->options.rows, "images, taken evenly from the data set").takes("N");
    command.option("--pairs", flags->options.pairs, "pairs of views of each").takes("N");
    command.option("--config", flags->config_file, "settings from a TOML file").takes("FILE");
    PretrainSettings defaults;
    flags->settings.add_to(command, table_of(defaults), {"Preset", "Data and augmentation", "seed"});
    add_json_flag(command, flags->json);
    command.runs([flags] { run_views(*flags); });
}

}  // namespace moco::apps
