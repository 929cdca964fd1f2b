// Settings: layers, flags as text, the TOML round trip, presets, and the sentence for everything impossible.
#include "moco/tasks/pretrain_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "moco/data/augmentation.h"
#include "moco/tasks/supervised_settings.h"
#include "nn/network.h"
#include "nn/schedule.h"
#include "tests/support/message.h"

namespace moco {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

PretrainSettings changed(std::string_view name, std::string_view text) {
    PretrainSettings config = preset<PretrainSettings>("fashion");
    table_of(config).set(name, text);
    return config;
}

Schedule schedule_in(const PretrainSettings& settings) {
    return schedule_of(settings.optimizer, settings.optimizer);
}

TEST(Config, PresetsAreThePapersNumbers) {
    const PretrainSettings v1 = preset<PretrainSettings>("v1"), v2 = preset<PretrainSettings>("v2"),
                           demo = preset<PretrainSettings>("cifar-demo"), fashion = preset<PretrainSettings>("fashion");
    for (const PretrainSettings& c : {v1, v2}) {
        EXPECT_EQ(c.encoder.arch, "resnet50");
        EXPECT_EQ(c.method.moco_k, 65536);
        EXPECT_EQ(c.method.moco_m, 0.999);
        EXPECT_EQ(c.optimizer.batch_size, 256);
        EXPECT_EQ(c.optimizer.lr, 0.03);
        EXPECT_EQ(c.optimizer.wd, 1e-4);
        EXPECT_EQ(c.optimizer.epochs, 200);
        EXPECT_EQ(c.method.bn_splits, 8);
        EXPECT_EQ(c.views.image_size, 224);
        EXPECT_EQ(c.views.aug, c.preset);
    }
    EXPECT_EQ(v1.method.moco_t, 0.07);
    EXPECT_EQ(v1.optimizer.schedule, (std::vector<int64_t>{120, 160}));
    EXPECT_FALSE(v1.optimizer.cos || v1.method.mlp);
    EXPECT_EQ(v2.method.moco_t, 0.2);
    EXPECT_TRUE(v2.optimizer.cos && v2.method.mlp);

    EXPECT_EQ(demo.encoder.stem, "cifar");
    EXPECT_EQ(network_config(demo, 3).stem_init, ConvInit::uniform);
    EXPECT_EQ(demo.optimizer.batch_size, 512);
    EXPECT_EQ(demo.method.moco_k, 4096);
    EXPECT_EQ(demo.optimizer.wd, 5e-4);
    // Epochs counted from 1: the last one runs at rate 0.
    EXPECT_EQ(learning_rate(schedule_in(demo), 199, 0, 97), 0.0f);
    EXPECT_NEAR(learning_rate(schedule_in(demo), 0, 96, 97), 0.06 * 0.5 * (1 + std::cos(M_PI / 200)), 1e-8);

    // The defaults of the PyTorch comparison.
    const NetworkConfig encoder = network_config(fashion, 1);
    EXPECT_EQ(encoder.arch, "resnet18");
    EXPECT_EQ(encoder.width, 16);
    EXPECT_EQ(encoder.stem, Stem::cifar_s2);
    EXPECT_EQ(encoder.stem_init, ConvInit::kaiming_normal);
    EXPECT_EQ(encoder.head, Head::linear);
    EXPECT_EQ(encoder.bn_splits, 4);
    EXPECT_EQ(encoder.in_channels, 1);
    EXPECT_EQ(fashion.optimizer.batch_size, 128);
    EXPECT_EQ(fashion.method.moco_m, 0.99);
    EXPECT_EQ(fashion.method.moco_t, 0.1);
    EXPECT_NEAR(learning_rate(schedule_in(fashion), 3, 234, 468), 0.06 * 0.5 * (1 + std::cos(M_PI * 0.35)), 1e-7);
    const Recipe recipe = recipe_of(fashion.views);
    EXPECT_EQ(recipe.crop_scale_min, 0.5f);
    EXPECT_EQ(recipe.brightness, 0.8f);
    EXPECT_EQ(recipe.contrast, 0.8f);
    EXPECT_EQ(recipe.jitter_p, 0.8f);
    for (const std::string_view name : preset_names<PretrainSettings>())
        EXPECT_EQ(preset<PretrainSettings>(name).preset, name);
    EXPECT_THAT(message_of([] { preset<PretrainSettings>("v9"); }),
                HasSubstr("--preset v9: there is no such preset; expected one of v1, v2, cifar-demo, fashion"));
}

TEST(Config, AugmentationFlagsChangeTheRecipe) {
    PretrainSettings config = preset<PretrainSettings>("v1");
    config.views.aug_plus = true;
    EXPECT_EQ(recipe_of(config.views).blur_p, 0.5f);
    config.views.blur_p = 0.25;
    config.views.crop_min = 0.08;
    EXPECT_EQ(recipe_of(config.views).blur_p, 0.25f);
    EXPECT_EQ(recipe_of(config.views).crop_scale_min, 0.08f);
    EXPECT_EQ(recipe_of(config.views).hue, 0.1f);
}

TEST(Config, EverySettingSurvivesToml) {
    for (const std::string_view name : preset_names<PretrainSettings>()) {
        PretrainSettings config = preset<PretrainSettings>(name), back;
        config.data.spec = "folder:/tmp/a \"quoted\\ name";
        config.optimizer.lr = 1.0 / 3;
        config.optimizer.wd = 1e-7;
        config.optimizer.momentum = 0;
        config.run.seed = 1ull << 62;
        config.views.crop_min = 0.125;
        config.optimizer.schedule = {1, 2, 3};
        from_toml(table_of(back), "pretrain", to_toml(table_of(config), "pretrain"), "test");
        EXPECT_EQ(back, config) << to_toml(table_of(config), "pretrain");
    }
}

template <typename S>
void expect_every_setting_is_a_flag_and_a_key() {
    S defaults;
    const SettingTable table = table_of(defaults);
    for (const Setting& row : table.rows()) {
        S from_flag, from_file;
        const SettingTable flags = table_of(from_flag), file = table_of(from_file);
        const bool on_off = row.argument.empty();
        EXPECT_EQ(on_off, std::holds_alternative<bool>(row.by_default)) << row.name;
        // Every type understands some of these texts, and says what it expects where it does not.
        bool changed_something = false;
        for (const std::string_view text : {"true", "false", "2", "abc", "split"}) {
            try {
                flags.set(row.name, text);
            } catch (const Error& error) {
                EXPECT_THAT(error.what(), HasSubstr("expected")) << row.name;
                continue;
            }
            const bool is_text = std::holds_alternative<std::string>(flags.find(row.name)->get());
            const std::string quoted = is_text ? fmt::format("\"{}\"", text) : std::string(text);
            from_toml(file, S::command, fmt::format("{} = {}\n", row.name, quoted), "test");
            EXPECT_EQ(from_flag, from_file) << row.name << " = " << text;
            changed_something |= from_flag != S();
        }
        EXPECT_TRUE(changed_something) << row.name;
    }
}

TEST(Config, EverySettingCanBeAFlagAndAKey) {
    expect_every_setting_is_a_flag_and_a_key<PretrainSettings>();
    expect_every_setting_is_a_flag_and_a_key<SupervisedSettings>();
}

TEST(Config, SettingsThatCameLaterLeaveOldCheckpointsTheirBytes) {
    PretrainSettings config = preset<PretrainSettings>("v2");
    EXPECT_EQ(method_settings(table_of(config)).find("warmup"), std::string::npos);
    EXPECT_EQ(method_settings(table_of(config)).find("depth-range"), std::string::npos);
    EXPECT_EQ(method_settings(table_of(config)).find("exif"), std::string::npos);
    config.optimizer.warmup = 2.5;
    config.data.depth_range = "0:4095";
    config.data.exif = "honour";
    EXPECT_THAT(method_settings(table_of(config)), HasSubstr("exif = 'honour'\n"));
    EXPECT_EQ(decoding_flags(config.data), " --depth-range 0:4095 --exif honour");
    EXPECT_EQ(decode_options_of(config.data).exif, Exif::honour);
    EXPECT_THAT(method_settings(table_of(config)), HasSubstr("depth-range = '0:4095'\n"));
    EXPECT_THAT(method_settings(table_of(config)), HasSubstr("warmup = 2.5\n"));
    EXPECT_THAT(method_settings(table_of(config)), HasSubstr("epochs = 200\n"));
}

TEST(Config, TheRateFollowsTheBatch) {
    PretrainSettings config = preset<PretrainSettings>("v2");
    const OptimizerSettings before = config.optimizer;
    EXPECT_EQ(rate_advice(config.optimizer, before), "");
    config.optimizer.batch_size = 32;
    EXPECT_THAT(rate_advice(config.optimizer, before), ::testing::AllOf(HasSubstr("--batch-size 32"), HasSubstr("256"),
                                                                        HasSubstr("--scale-lr takes 0.00375")));
    EXPECT_EQ(schedule_of(config.optimizer, before).base_lr, 0.03f);
    config.optimizer.scale_lr = true;
    EXPECT_EQ(rate_advice(config.optimizer, before), "");
    EXPECT_EQ(schedule_of(config.optimizer, before).base_lr, 0.00375f);
}

TEST(Config, FilesOfAnotherCommandAreRefused) {
    SupervisedSettings supervised = preset<SupervisedSettings>("cifar"), back;
    const std::string text = to_toml(table_of(supervised), "supervised");
    EXPECT_THAT(text, HasSubstr("task = \"supervised\""));
    from_toml(table_of(back), "supervised", text, "s.toml");
    EXPECT_EQ(back, supervised);
    const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "supervised.toml";
    std::ofstream(file) << text;
    EXPECT_EQ(message_of([&] {
                  resolve_settings<PretrainSettings>({file, {}});
              }),
              file.string() + ": these are settings of `moco supervised`, not of `moco pretrain`");
}

TEST(Config, LayersAreDefaultPresetFileFlag) {
    const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "layers.toml";
    std::ofstream(file) << "preset = \"fashion\"\nepochs = 3\nlr = 1\n";
    const PretrainSettings config =
        resolve_settings<PretrainSettings>({file, {{"lr", "0.5"}, {"schedule", "3 4"}, {"mlp", "true"}}});
    EXPECT_EQ(config.encoder.arch, "resnet18");  // preset
    EXPECT_EQ(config.optimizer.epochs, 3);       // file
    EXPECT_EQ(config.optimizer.lr, 0.5);         // flag
    EXPECT_EQ(config.optimizer.schedule, (std::vector<int64_t>{3, 4}));
    EXPECT_TRUE(config.method.mlp);
    // A preset given as a flag replaces the file's, below the file's other keys.
    const PretrainSettings demo = resolve_settings<PretrainSettings>({file, {{"preset", "cifar-demo"}}});
    EXPECT_EQ(demo.preset, "cifar-demo");
    EXPECT_EQ(demo.optimizer.batch_size, 512);
    EXPECT_EQ(demo.optimizer.epochs, 3);
    EXPECT_EQ(resolve_settings<PretrainSettings>({}), preset<PretrainSettings>("v1"));
}

TEST(Config, FilesAndFlagsWithMistakesSaySo) {
    PretrainSettings config;
    const auto toml = [&](const char* text) {
        return message_of([&] { from_toml(table_of(config), "pretrain", text, "run.toml"); });
    };
    EXPECT_EQ(toml("epochs = 3\nmoco_k = 5\n"),
              "run.toml, line 2: there is no setting 'moco_k'; did you mean 'moco-k'?");
    EXPECT_EQ(toml("epochs = \"many\""), "run.toml, line 1: epochs = many: expected a whole number");
    EXPECT_EQ(toml("schedule = [1, 2.5]"), "run.toml, line 1: schedule must be a list of whole numbers");
    EXPECT_EQ(toml("seed = -1"),
              "run.toml, line 1: seed = -1: expected a whole number from 0 to 9223372036854775807 (2^63 - 1)");
    EXPECT_THAT(toml("[moco]\nk = 5"), HasSubstr("there is no setting 'moco'"));
    EXPECT_EQ(toml("learning_rate = 1"), "run.toml, line 1: there is no setting 'learning_rate'; did you mean 'lr'?");
    EXPECT_EQ(toml("loss = 1"), "run.toml, line 1: there is no setting 'loss'; `moco pretrain --help` lists them");
    EXPECT_THAT(toml("epochs = = 3"), HasSubstr("run.toml, line 1: this is no TOML"));
    EXPECT_EQ(message_of([&] { table_of(config).set("ephocs", "3"); }),
              "--ephocs is not known; did you mean --epochs?");
    EXPECT_EQ(message_of([&] { table_of(config).set("epochs", "3.5"); }),
              "--epochs '3.5' cannot be understood: expected a whole number");
    EXPECT_THAT(message_of([] {
                    resolve_settings<PretrainSettings>({"/no/such/file.toml", {}});
                }),
                HasSubstr("/no/such/file.toml: the settings cannot be read"));
    EXPECT_THAT(message_of([] {
                    resolve_settings<PretrainSettings>({"/tmp", {}});
                }),
                HasSubstr("/tmp: the settings cannot be read"));
}

TEST(Config, ImpossibleSettingsAreRefusedInOneSentence) {
    const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"preset", "v3", "--preset v3: there is no such preset"},
        {"test-part", "dev", "--test-part dev: expected val or test"},
        {"data", "", "--data is missing"},
        {"depth-range", "4095:0", "--depth-range 4095:0: expected LO:HI, two whole numbers in 0..65535"},
        {"exif", "honor", "--exif honor: expected ignore (pixels as they are stored) or honour"},
        {"depth-range", "4095", "--depth-range 4095: expected LO:HI"},
        {"arch", "resnet19",
         "--arch resnet19: there is no such architecture; expected one of resnet18, resnet34, resnet50, resnet101, "
         "resnet152"},
        {"stem", "big", "--stem big: expected one of imagenet, cifar, cifar-s2"},
        {"stem-init", "zero", "--stem-init zero: expected one of kaiming, uniform"},
        {"aug", "v3", "--aug v3: expected one of v1, v2, demo, fashion, crop, shift"},
        {"width", "0", "--width 0: it must be at least 1"},
        {"moco-dim", "0", "--moco-dim 0: it must be at least 1"},
        {"image-size", "2", "--image-size 2 is smaller than the 3x3 kernel of --stem cifar-s2"},
        {"batch-size", "0", "--batch-size 0: it must be at least 1"},
        {"moco-k", "32",
         "--moco-k 32 is smaller than --batch-size 128: the queue must hold at least one batch (paper, Sec. 3.2)"},
        {"mechanism", "mocco", "--mechanism mocco: expected one of moco, end-to-end, memory-bank"},
        {"mechanism", "end-to-end", "--moco-k 4096: with --mechanism end-to-end the keys are the batch, 128 images"},
        {"positive", "class", "--positive class: expected one of instance, folder, frames"},
        {"frames-apart", "0", "--frames-apart 0: it must be at least 1"},
        {"moco-m", "1.5", "--moco-m 1.5: it must be in 0..1 (0.999 is the paper's)"},
        {"moco-t", "0", "--moco-t 0: it must be above 0 (0.07 is the first paper's)"},
        {"moco-t", "nan", "--moco-t nan: it must be above 0 (0.07 is the first paper's)"},
        {"bn-splits", "3", "--bn-splits 3 does not divide --batch-size 128: every group needs as many images"},
        {"bn-splits", "0", "--bn-splits 0: it must be at least 1"},
        {"epochs", "0", "--epochs 0: it must be at least 1"},
        {"lr", "-1", "--lr -1: it must be at least 0"},
        {"lr", "inf", "--lr inf: it must be at least 0"},
        {"momentum", "1", "--momentum 1: it must be in 0..1, below 1"},
        {"wd", "-1", "--wd -1: it must be at least 0"},
        {"lr-per", "image", "--lr-per image: expected one of epoch, step"},
        {"lr-first-epoch", "2", "--lr-first-epoch 2: it must be 0 or 1"},
        {"schedule", "5,3", "--schedule 5,3: the epochs must be in ascending order, at least 0"},
        {"knn-every", "-1", "--knn-every -1: it must be at least 0"},
        {"knn-k", "0", "--knn-k 0: it must be at least 1"},
        {"knn-t", "0", "--knn-t 0: it must be above 0"},
        {"log-every", "0", "--log-every 0: it must be at least 1"},
        {"max-steps", "-1", "--max-steps -1: it must be at least 0"},
        {"checkpoint-every-steps", "-1", "--checkpoint-every-steps -1: it must be at least 0"},
        {"keep-every", "-1", "--keep-every -1: it must be at least 0"},
        {"device", "gpu", "--device gpu: expected one of auto, cpu, cuda"},
        {"augment-on", "gpu", "--augment-on gpu: expected one of device, cpu"},
        {"threads", "-1", "--threads -1: it must be in 0 to 1024"},
        {"workers", "-1", "--workers -1: it must be in 0 to 1024"},
        {"conv", "fast", "--conv fast: expected one of auto, direct, winograd"},
        {"precision", "f16", "--precision f16: expected one of f32, tf32, bf16"},
        {"crop-min", "0", "the crop's share of the area"},
        {"crop-min", "1.5", "--crop-min 1.5: it must be in 0..1"},
        {"hue", "0.75", "--hue 0.75: it must be in 0..0.5"},
        {"jitter-p", "1.5", "--jitter-p 1.5: it must be in 0..1"},
        {"warmup", "10", "--warmup 10: it must be at least 0 and below --epochs 10"},
        {"accumulate", "3", "--accumulate 3 does not divide --batch-size 128"},
        {"accumulate", "8", "--accumulate 8 does not divide --bn-splits 4"},
    };
    EXPECT_NO_THROW(validate(preset<PretrainSettings>("fashion")));
    for (const auto& c : cases) {
        const PretrainSettings config = changed(c.name, c.text);
        EXPECT_THAT(message_of([&] { validate(config); }), HasSubstr(c.message)) << c.name << " " << c.text;
    }
    PretrainSettings symmetric = preset<PretrainSettings>("fashion");
    symmetric.method.symmetric = true;
    symmetric.method.moco_k = 255;
    EXPECT_EQ(message_of([&] { validate(symmetric); }),
              "--moco-k 255 is smaller than twice --batch-size 128: --symmetric enqueues the keys of both views");
    symmetric.method.moco_k = 256;
    EXPECT_NO_THROW(validate(symmetric));
    PretrainSettings imagenet = changed("stem", "imagenet");
    imagenet.views.image_size = 6;
    EXPECT_THAT(message_of([&] { validate(imagenet); }), HasSubstr("7x7 kernel of --stem imagenet"));
}

TEST(Config, AResumeMayChangeTheMachineAndRunLonger) {
    PretrainSettings run = preset<PretrainSettings>("fashion");
    run.run.max_steps = 100;
    const auto resumed = [&](const char* name, const char* text) {
        PretrainSettings settings = run;
        apply_to_resumed(table_of(settings), {{name, text}});
        return settings;
    };
    EXPECT_EQ(resumed("threads", "7").machine.threads, 7);
    EXPECT_EQ(resumed("workers", "0").machine.workers, 0);
    EXPECT_EQ(resumed("device", "cuda").machine.device, "cuda");
    EXPECT_EQ(resumed("augment-on", "cpu").machine.augment_on, "cpu");
    EXPECT_EQ(resumed("epochs", "11").optimizer.epochs, 11);
    EXPECT_EQ(resumed("max-steps", "101").run.max_steps, 101);
    EXPECT_EQ(resumed("max-steps", "0").run.max_steps, 0);
    EXPECT_EQ(resumed("lr", "0.06"), run);  // the same value is no change
    EXPECT_EQ(message_of([&] { resumed("epochs", "9"); }),
              "--epochs 9: the run to resume has 10, and a resume may only make it larger");
    EXPECT_EQ(message_of([&] { resumed("max-steps", "99"); }),
              "--max-steps 99: the run to resume has 100, and a resume may only make it larger");
    EXPECT_EQ(message_of([&] { resumed("lr", "0.1"); }),
              "--lr 0.1: the run to resume has 0.06, and a resume may not change it");
    EXPECT_EQ(message_of([&] { resumed("depth-range", "0:4095"); }),
              "--depth-range 0:4095: the run to resume has '', and a resume may not change it");
    EXPECT_EQ(message_of([&] { resumed("exif", "honour"); }),
              "--exif honour: the run to resume has ignore, and a resume may not change it");
    EXPECT_EQ(message_of([&] { resumed("conv", "direct"); }),
              "--conv direct: the run to resume has auto, and a resume may not change it");
    EXPECT_EQ(message_of([&] { resumed("precision", "bf16"); }),
              "--precision bf16: the run to resume has f32, and a resume may not change it");
    EXPECT_EQ(message_of([&] { resumed("data", "shapes"); }),
              "--data shapes: a run that is resumed has its own (fashion-mnist); leave the flag out, or leave --resume "
              "out for a new run");
    // These say which run it is: what they say does not matter.
    EXPECT_NE(message_of([&] { resumed("data", "fashion-mnist"); }), "");
    EXPECT_NE(message_of([&] { resumed("preset", "fashion"); }), "");
    EXPECT_NE(message_of([&] { resumed("out", "elsewhere"); }), "");
}

}  // namespace
}  // namespace moco
