// The settings of `moco pretrain`: those of every task, the method's, and the kNN monitor's.
#pragma once

#include <span>
#include <string_view>

#include "moco/data/positives.h"
#include "moco/eval/knn_monitor.h"
#include "moco/train/settings/layers.h"
#include "moco/train/settings/train_settings.h"
#include "nn/network.h"

namespace moco {

/// The paper's symbol stands in parentheses.
struct MethodSettings {
    std::string mechanism = "moco";  // where keys come from: moco, end-to-end, memory-bank (figure 2)
    bool mlp = false;                // head Linear-ReLU-Linear (v2) instead of Linear (v1)
    int64_t moco_dim = 128;          // feature dimension (C)
    int64_t moco_k = 65536;          // keys in the queue, the batch or the draw from the bank (K)
    double moco_m = 0.999;           // momentum of the key encoder (m)
    double moco_t = 0.07;            // temperature (T)
    bool symmetric = false;          // loss(x1 -> x2) + loss(x2 -> x1)
    int64_t bn_splits = 8;           // batch norm statistics over batch_size / bn_splits samples (the paper's GPUs)
    bool shuffle_bn = true;          // permute the keys over the splits (Sec. 3.3)

    std::string positive = "instance";  // the second view shows: the same image, one of its folder, a frame near it
    int64_t frames_apart = 10;          // of frames: at most so far from it

    bool operator==(const MethodSettings&) const = default;
};

struct KnnSettings {
    int64_t every = 10;      // epochs between kNN evaluations; 0: never
    int64_t k = 200;         // neighbours that vote
    double t = 0.1;          // temperature of their weights exp(similarity / t)
    bool baselines = false;  // before training: kNN of raw pixels and of the untrained network

    bool operator==(const KnnSettings&) const = default;
};

/// All settings of one pretraining run. The defaults are those of the first paper's ImageNet run (preset v1).
struct PretrainSettings : TrainSettings {
    static constexpr std::string_view command = "pretrain";

    PretrainSettings() { preset = "v1"; }

    MethodSettings method;
    KnnSettings knn;
    bool diagnostics = true;  // look inside while training (moco/study/diagnostics.h)

    /// v1, v2, cifar-demo, fashion.
    static std::span<const Preset<PretrainSettings>> presets();
    void add_rows(SettingTable& table);

    bool operator==(const PretrainSettings&) const = default;
};

/// With --mechanism end-to-end the keys are the batch: where `sources` give moco-k, the batch becomes as large, the
/// rate grows as the batch does (unless --scale-lr makes it), and a batch norm split keeps its images; else moco-k
/// follows.
void settle(PretrainSettings& settings, const SettingSources& sources);

/// Which mechanism a run has. Throws Error listing them for an unknown name.
enum class MechanismKind { moco, end_to_end, memory_bank };
MechanismKind mechanism_of(const MethodSettings& method);

/// Throws Error, one sentence naming the flags, for settings that cannot work: K < batch, splits that do not divide the
/// batch, an unknown architecture, ...
void validate(const PretrainSettings& settings);

/// The parts of the house that the settings describe. Throw Error for unknown names, as validate does.
NetworkConfig network_config(const PretrainSettings& settings, int64_t in_channels);
KnnOptions knn_options(const KnnSettings& knn);
PositiveOptions positive_options(const MethodSettings& method);

}  // namespace moco
