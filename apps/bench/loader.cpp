// moco bench loader: how fast images are read, decoded and augmented.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "apps/bench/photographs.h"
#include "apps/device.h"
#include "core/error.h"
#include "core/parallel.h"
#include "moco/data/augmentation.h"
#include "moco/data/loader.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Time what feeds the training: reading, decoding, two augmented views of each image.\n"
    "First one thread alone, then one worker for each of --threads.";
constexpr int64_t kDrawn = 32, kDrawnHeight = 375, kDrawnWidth = 500;

struct Flags {
    std::string data, aug = "v2", write, augment_on = "device";
    int64_t size = 224, images = 256, rounds = 3;
    DecodeOptions decode;
    DeviceFlags device;
    bool json = false;
};

/// A folder of drawn JPEGs that goes with this object.
class DrawnFolder {
  public:
    DrawnFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "moco-bench-XXXXXX").string();
        check(mkdtemp(name.data()) != nullptr, "{}: the folder for drawn images cannot be made; name images by --data",
              name);
        path_ = name;
        write_photographs(path_, kDrawn, kDrawnHeight, kDrawnWidth);
    }
    DrawnFolder(const DrawnFolder&) = delete;
    DrawnFolder& operator=(const DrawnFolder&) = delete;
    ~DrawnFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// Images a second of `workers` threads: the best of the rounds.
double images_per_second(const Flags& flags, const DatasetPtr& data, const Recipe& recipe, int workers,
                         const ViewBackends& backends) {
    LoaderOptions options;
    options.batch = std::min<int64_t>({32, data->count(), flags.images});
    options.size = flags.size;
    options.workers = workers;
    const int64_t steps = (flags.images + options.batch - 1) / options.batch;
    options.epochs = (1 + flags.rounds * steps) / (data->count() / options.batch) + 1;
    Loader loader(data, {recipe, recipe}, options, backends);
    loader.next();
    double best = 0;
    for (int64_t round = 0; round < flags.rounds; ++round) {
        const double began = now();
        for (int64_t step = 0; step < steps; ++step) {
            const Batch batch = loader.next();
            if (!batch.unreadable.empty()) fail("{}", batch.unreadable.front().reason);
        }
        backends.trains.synchronize();
        best = std::max(best, static_cast<double>(steps * options.batch) / (now() - began));
    }
    return best;
}

void print(const Flags& flags, const DatasetPtr& data, double one, double all, const Backend& backend) {
    if (flags.json) {
        const nlohmann::ordered_json object = {{"data", flags.data.empty() ? "drawn JPEGs" : flags.data},
                                               {"count", data->count()},
                                               {"aug", flags.aug},
                                               {"size", flags.size},
                                               {"images", flags.images},
                                               {"threads", threads()},
                                               {"device", backend.description()},
                                               {"images_per_s_one_core", one},
                                               {"images_per_s", all}};
        return fmt::print("{}\n", object.dump(2));
    }
    const std::string what =
        flags.data.empty() ? fmt::format("{} drawn JPEGs of {} x {}", kDrawn, kDrawnWidth, kDrawnHeight) : flags.data;
    fmt::print("{}, two {} views of {} px, {}\n", what, flags.aug, flags.size, backend.description());
    fmt::print("{:.1f} images/s on one core ({:.3f} ms an image), {:.1f} images/s with {} workers\n", one, 1e3 / one,
               all, threads());
}

void run_loader(const Flags& flags) {
    check(flags.size >= 1 && flags.size <= 4096, "--size {}: expected 1 to 4096 pixels", flags.size);
    check(flags.images >= 1, "--images {}: expected at least 1", flags.images);
    check(flags.rounds >= 1, "--rounds {}: expected at least 1", flags.rounds);
    check(flags.decode.max_pixels >= 1 && flags.decode.max_pixels <= kMostMaxPixels,
          "--max-pixels {}: expected 1 to {}", flags.decode.max_pixels, kMostMaxPixels);
    check(flags.write.empty() || flags.data.empty(),
          "--write {} draws images, --data {} names others: give one of them", flags.write, flags.data);
    const Recipe recipe = recipe_named(flags.aug);
    const std::unique_ptr<Backend> backend = flags.device.open();
    const std::unique_ptr<Backend> augmenting = make_augmenting_backend(flags.augment_on, *backend);
    const ViewBackends backends = {augmenting ? *augmenting : *backend, *backend};
    std::unique_ptr<DrawnFolder> drawn;
    std::string folder = flags.write;
    if (!flags.write.empty()) {
        write_photographs(flags.write, kDrawn, kDrawnHeight, kDrawnWidth);
    } else if (flags.data.empty()) {
        drawn = std::make_unique<DrawnFolder>();
        folder = drawn->path().string();
    }
    const DatasetPtr data =
        pretraining_part(open_dataset(flags.data.empty() ? "folder:" + folder : flags.data, flags.decode));
    const int workers = threads();
    set_threads(1);  // the workers are the threads here
    const double one = images_per_second(flags, data, recipe, 0, backends);
    const double all = workers == 1 ? one : images_per_second(flags, data, recipe, workers, backends);
    set_threads(workers);
    print(flags, data, one, all, backends.augments);
}

}  // namespace

void add_bench_loader(const Command& group) {
    const Command command = group.subcommand("loader", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("--data", flags->data, "the images: " + dataset_forms() + " [drawn JPEGs of 500 x 375]").takes("D");
    command.option("--aug", flags->aug, "recipe of the views: " + fmt::format("{}", fmt::join(recipe_names(), ", ")))
        .takes("NAME");
    add_number(command, "--size", flags->size, "side of the views, pixels");
    add_number(command, "--images", flags->images, "how many images to time, going round");
    add_number(command, "--rounds", flags->rounds, "times to do so; the best counts");
    command.option("--write", flags->write, "draw the JPEGs into this folder, and leave them there").takes("FOLDER");
    command.option("--max-pixels", flags->decode.max_pixels, "images of more pixels than this are unreadable")
        .takes("N");
    command.flag("--json", flags->json, "print one JSON object: images_per_s, images_per_s_one_core");
    flags->device.add_to(command);
    command.option("--augment-on", flags->augment_on, "what makes the views: the device, or the processor for it")
        .takes("device|cpu")
        .group("Machine");
    command.runs([flags] { run_loader(*flags); });
}

}  // namespace moco::apps
