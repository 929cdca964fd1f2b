#include "moco/tasks/supervised_settings.h"

#include "moco/train/settings/checks.h"

namespace moco {
namespace {

void small_images(SupervisedSettings& s) {
    s.encoder.arch = "resnet18";
    s.optimizer.batch_size = 128, s.optimizer.wd = 5e-4;
    s.optimizer.cos = true, s.optimizer.lr_per = "step";
}

void cifar(SupervisedSettings& s) {
    small_images(s);
    s.views.image_size = 32, s.views.aug = "shift";
    s.encoder.stem = "cifar";
    s.optimizer.epochs = 200;
}

// The network of pretraining's preset of that name.
void fashion(SupervisedSettings& s) {
    small_images(s);
    s.data.spec = "fashion-mnist";
    s.views.image_size = 28, s.views.crop_min = 0.5;
    s.encoder.width = 16, s.encoder.stem = "cifar-s2";
    s.optimizer.epochs = 10;
}

constexpr Preset<SupervisedSettings> kPresets[] = {
    {"imagenet", [](SupervisedSettings&) {}}, {"cifar", cifar}, {"fashion", fashion}};

}  // namespace

SupervisedSettings::SupervisedSettings() {
    preset = "imagenet";
    views.aug = "crop";
    optimizer.epochs = 90, optimizer.lr = 0.1, optimizer.schedule = {30, 60, 80};
}

std::span<const Preset<SupervisedSettings>> SupervisedSettings::presets() {
    return kPresets;
}

void SupervisedSettings::add_rows(SettingTable& table) {
    table.add("preset", "imagenet|cifar|fashion", preset, "settings to start from; file and flags change them",
              {Decides::run, OnResume::absent});
    moco::add_rows(table, data, views);
    moco::add_rows(table, encoder, "Network");
    table.add("bn-splits", "S", bn_splits,
              "groups of the batch with batch norm statistics of their own (as on S GPUs)");
    moco::add_rows(table, optimizer);
    table.group("Monitoring")
        .add("eval-every", "EPOCHS", eval_every, "epochs between tests on the test part; 0: only after the last");
    add_log_row(table, run);
    moco::add_rows(table, run, {"start from the encoder in this checkpoint or torchvision file"});
    moco::add_rows(table, machine);
}

void validate(const SupervisedSettings& s) {
    preset<SupervisedSettings>(s.preset);
    validate(s.data);
    validate(s.encoder, s.views.image_size);
    validate(s.optimizer);
    check_at_least("bn-splits", s.bn_splits, 1);
    check(s.optimizer.batch_size % s.bn_splits == 0 && s.bn_splits % s.optimizer.accumulate == 0,
          "--bn-splits {} must divide --batch-size {}, and --accumulate {} must divide it", s.bn_splits,
          s.optimizer.batch_size, s.optimizer.accumulate);
    check_statistics(s.encoder, s.views.image_size, s.optimizer.batch_size / s.bn_splits);
    check_at_least("eval-every", s.eval_every, 0);
    validate(s.run);
    validate(s.machine);
    validate(s.views);
    check_channels(s.data, s.views);
}

NetworkConfig network_config(const SupervisedSettings& s, int64_t in_channels, int64_t classes) {
    return classifier_network(s, s.bn_splits, in_channels, classes);
}

}  // namespace moco
