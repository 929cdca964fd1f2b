#include "moco/tasks/adopted_run.h"

#include "core/error.h"
#include "core/parse.h"
#include "moco/interchange/open_tensors.h"
#include "moco/interchange/renamed_file.h"
#include "moco/interchange/resnet_keys.h"
#include "moco/tasks/adopted_state.h"
#include "moco/tasks/pretraining.h"
#include "moco/train/checkpoint.h"
#include "moco/train/run_folder.h"

namespace moco {
namespace {

/// The one tensor whose name ends so. Throws Error where there is none.
const TensorEntry& ending_with(const TensorFile& file, std::string_view end) {
    for (const TensorEntry& entry : file.entries()) {
        if (entry.name.ends_with(end) && !entry.name.starts_with("optimizer")) return entry;
    }
    fail("{} holds no {}: it is no training checkpoint of the reference code, only weights, which --init reads",
         file.path().string(), end);
}

NetworkConfig config_of(const std::shared_ptr<const TensorFile>& file) {
    return config_from_shapes(RenamedFile(file, find_network(*file, WhichEncoder::query).names));
}

/// The file's names -> those of a checkpoint of ours. Momenta have the numbers of f_q's parameters.
std::map<std::string, std::string> names_here(const TensorFile& file, const NetworkConfig& config) {
    std::map<std::string, std::string> names;
    for (const auto& [in_file, name] : find_network(file, WhichEncoder::query).names)
        names[in_file] = "encoder_q." + name;
    for (const auto& [in_file, name] : find_network(file, WhichEncoder::key).names)
        names[in_file] = "encoder_k." + name;
    names[ending_with(file, "queue").name] = "queue";
    names[ending_with(file, "queue_ptr").name] = "queue_ptr";
    int64_t number = 0;
    for (const ExpectedKey& key : expected_keys(config)) {
        if (!key.parameter) continue;
        const std::string momentum = fmt::format("optimizer.state.{}.momentum_buffer", number++);
        check(file.find(momentum) != nullptr,
              "{} holds no {}, the momentum of {}: it is no training checkpoint, only weights, which --init reads",
              file.path().string(), momentum, key.name);
        names[momentum] = "optimizer." + key.name;
    }
    return names;
}

int64_t epoch_in(const TensorFile& file) {
    const auto text = file.metadata().find("epoch");
    check(text != file.metadata().end(), "{} does not say how many epochs it was trained", file.path().string());
    const std::optional<int64_t> epoch = parse_number<int64_t>(text->second);
    check(epoch && *epoch >= 0, "{}: its epoch is {}, expected a whole number >= 0", file.path().string(),
          text->second);
    return *epoch;
}

CheckpointHeader header_of(const SettingTable& table, const Dataset& images, const Backend& backend) {
    CheckpointHeader header;
    header.config = method_settings(table);
    header.trained_on = trained_on(images);
    header.instruction_set = backend.instruction_set();
    header.views_made_on = backend.name();
    header.names = images.names_digest();
    return header;
}

}  // namespace

void take_from_reference(PretrainSettings& settings, const std::filesystem::path& file) {
    const std::shared_ptr<const TensorFile> opened = open_tensors(file);
    const NetworkConfig config = config_of(opened);
    check(config.head != Head::none, "{}: its encoder has no head that is a linear layer or MoCo v2's", file.string());
    const TensorEntry& queue = ending_with(*opened, "queue");
    check(queue.shape.size() == 2 && queue.shape[0] == config.dim, "{}: {} has shape {}, expected {} x K",
          file.string(), queue.name, shape_text(queue.shape), config.dim);
    settings.encoder.arch = config.arch;
    settings.encoder.width = config.width;
    if (stem_from_name(settings.encoder.stem) == Stem::imagenet || config.stem == Stem::imagenet)
        settings.encoder.stem = std::string(name_of(config.stem));
    settings.method.mlp = config.head == Head::mlp;
    settings.method.moco_dim = config.dim;
    settings.method.moco_k = queue.shape[1];
}

AdoptedRun adopt_run(const std::filesystem::path& file, const PretrainSettings& settings, const Splits& data,
                     const Backend& backend) {
    check(mechanism_of(settings.method) == MechanismKind::moco,
          "--mechanism {}: {} is a run of MoCo, and goes on as one", settings.method.mechanism, file.string());
    const std::shared_ptr<const TensorFile> opened = open_tensors(file);
    const NetworkConfig config = config_of(opened);
    AdoptedRun run = {run_folder(settings), epoch_in(*opened), 0};
    check(run.epoch <= settings.optimizer.epochs, "{} was trained {} epochs, the run has --epochs {}", file.string(),
          run.epoch, settings.optimizer.epochs);
    const Dataset& images = *pretraining_part(data);
    check(config.in_channels == images.info().channels,
          "{} holds encoders of images with {} channels, the images of --data have {}", file.string(),
          config.in_channels, images.info().channels);
    const auto renamed = std::make_shared<RenamedFile>(opened, names_here(*opened, config));
    const std::vector<TensorItem> state = adopted_state(renamed, config, settings.method.moco_k);
    TrainingProgress progress;
    progress.epoch = run.epoch;
    progress.step = run.epoch * (images.count() / settings.optimizer.batch_size);
    progress.sums.resize(pretraining_values().size());
    run.step = progress.step;

    PretrainSettings written = settings;
    const SettingTable table = table_of(written);
    RunFolder folder(settings, RunStart::fresh);
    folder.write_settings(table, PretrainSettings::command);
    // The checkpoint of the run's last finished epoch.
    save_checkpoint(run.folder / kLastCheckpoint, header_of(table, images, backend), progress, pretraining_values(),
                    state);
    folder.keep();
    return run;
}

}  // namespace moco
