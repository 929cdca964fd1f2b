#include "moco/tasks/pretrain_settings.h"

#include "moco/end_to_end_step.h"
#include "moco/train/settings/checks.h"
#include "nn/precision.h"

namespace moco {
namespace {

std::string bn_of(const MethodSettings& m) {
    if (m.shuffle_bn) return "shuffle";
    return m.bn_splits == 1 ? "global" : "split";
}

void set_bn(MethodSettings& m, const std::string& bn) {
    check(bn == "split" || bn == "shuffle" || bn == "global", "expected one of split, shuffle, global");
    m.shuffle_bn = bn == "shuffle";
    if (bn == "global") m.bn_splits = 1;
}

}  // namespace

void PretrainSettings::add_rows(SettingTable& table) {
    table.add("preset", "v1|v2|cifar-demo|fashion", preset, "settings to start from; file and flags change them",
              {Decides::run, OnResume::absent});
    moco::add_rows(table, data, views);
    moco::add_rows(table, encoder, "Encoder (f_q, f_k)");
    table.add("mlp", "", method.mlp, "MoCo v2's head Linear-ReLU-Linear instead of Linear")
        .add("moco-dim", "C", method.moco_dim, "feature dimension (C)");
    const SettingKind newer = {Decides::method, OnResume::fixed, InCheckpoints::if_changed};
    table.group("Method")
        .add("mechanism", "moco|end-to-end|memory-bank", method.mechanism,
             "where keys come from (figure 2): a queue, the batch itself, or a memory bank", newer)
        .add("moco-k", "K", method.moco_k, "keys in the queue, the negatives (K); of end-to-end it sets the batch")
        .add("moco-m", "M", method.moco_m, "momentum of the key encoder (m)")
        .add("moco-t", "T", method.moco_t, "temperature of the softmax (tau)")
        .add("symmetric", "", method.symmetric, "sum the losses of both directions, view 1 to 2 and 2 to 1")
        .add_shorthand(
            "bn", "split|shuffle|global", {"bn-splits", "shuffle-bn"}, [this] { return bn_of(method); },
            [this](const std::string& bn) { set_bn(method, bn); },
            "batch norm: in splits, in splits with keys shuffled over them, or over the whole batch; for --bn-splits "
            "and --shuffle-bn")
        .add("bn-splits", "S", method.bn_splits,
             "groups of the batch with batch norm statistics of their own (the GPUs)")
        .add("shuffle-bn", "", method.shuffle_bn, "permute the key batch over the groups (Sec. 3.3)")
        .add("positive", "instance|folder|frames", method.positive,
             "a pair is two views of: one image, two images of one folder, two frames of one video's folder", newer)
        .add("frames-apart", "N", method.frames_apart, "how many places apart two such frames may be", newer);
    moco::add_rows(table, optimizer);
    table.group("Monitoring")
        .add("knn-every", "EPOCHS", knn.every, "epochs between kNN evaluations; 0: never")
        .add("knn-k", "N", knn.k, "neighbours that vote")
        .add("knn-t", "X", knn.t, "temperature of the votes' weights")
        .add("knn-baselines", "", knn.baselines, "first the kNN accuracy of raw pixels and of the untrained network");
    add_log_row(table, run);
    table.add("diagnostics", "", diagnostics,
              "look inside while training: similarities, keys, queue, and alarms (docs/reading-a-run.md)",
              {Decides::run, OnResume::free});
    moco::add_rows(table, run, {"warm start: both encoders from this checkpoint or torchvision file"});
    moco::add_rows(table, machine);
}

MechanismKind mechanism_of(const MethodSettings& method) {
    check_one_of("mechanism", method.mechanism, {"moco", "end-to-end", "memory-bank"});
    if (method.mechanism == "end-to-end") return MechanismKind::end_to_end;
    return method.mechanism == "moco" ? MechanismKind::moco : MechanismKind::memory_bank;
}

void settle(PretrainSettings& s, const SettingSources& sources) {
    if (s.method.mechanism != "end-to-end") return;
    int64_t &K = s.method.moco_k, &batch = s.optimizer.batch_size, &splits = s.method.bn_splits;
    if (!gives(sources, "moco-k")) K = batch;
    if (K == batch || K < 1 || splits < 1 || batch < splits) return;  // what is impossible, validate says
    const int64_t in_a_split = batch / splits;
    if (splits > 1) {
        check(
            K % in_a_split == 0,
            "--moco-k {}: with --mechanism end-to-end it is the batch, which must be a multiple of the {} images of a "
            "batch norm split (--batch-size {} in --bn-splits {})",
            K, in_a_split, batch, splits);
        splits = K / in_a_split;
    }
    if (!s.optimizer.scale_lr) s.optimizer.lr *= static_cast<double>(K) / static_cast<double>(batch);
    batch = K;
}

namespace {

/// K beside the batch, as the mechanism wants it.
void validate_keys(const MethodSettings& m, int64_t batch_size) {
    const MechanismKind mechanism = mechanism_of(m);
    check(mechanism == MechanismKind::moco || !m.symmetric,
          "--symmetric: only --mechanism moco sums both directions, not {}", m.mechanism);
    if (mechanism == MechanismKind::memory_bank) return;
    if (mechanism == MechanismKind::end_to_end) {
        check(m.moco_k == batch_size, "--moco-k {}: with --mechanism end-to-end the keys are the batch, {} images",
              m.moco_k, batch_size);
        check(m.moco_k <= kMostKeysEndToEnd,
              "--moco-k {}: --mechanism end-to-end holds every query against every key of the batch, of {} at most",
              m.moco_k, kMostKeysEndToEnd);
        return;
    }
    check(m.moco_k >= batch_size,
          "--moco-k {} is smaller than --batch-size {}: the queue must hold at least one batch (paper, Sec. 3.2)",
          m.moco_k, batch_size);
    check(!m.symmetric || m.moco_k >= 2 * batch_size,
          "--moco-k {} is smaller than twice --batch-size {}: --symmetric enqueues the keys of both views", m.moco_k,
          batch_size);
}

void validate(const MethodSettings& m, int64_t batch_size) {
    check_at_least("moco-dim", m.moco_dim, 1);
    check_at_least("moco-k", m.moco_k, 1);
    validate_keys(m, batch_size);
    check(positive_named(m.positive) == PositiveKind::instance || mechanism_of(m) != MechanismKind::memory_bank,
          "--positive {}: --mechanism memory-bank has one view an image, no second one to take elsewhere", m.positive);
    check_at_least("frames-apart", m.frames_apart, 1);
    check_real("moco-m", m.moco_m, m.moco_m >= 0 && m.moco_m <= 1, "in 0..1 (0.999 is the paper's)");
    check_real("moco-t", m.moco_t, m.moco_t > 0, "above 0 (0.07 is the first paper's)");
    check_at_least("bn-splits", m.bn_splits, 1);
    check(batch_size % m.bn_splits == 0,
          "--bn-splits {} does not divide --batch-size {}: every group needs as many images", m.bn_splits, batch_size);
}

void validate(const KnnSettings& knn) {
    check_at_least("knn-every", knn.every, 0);
    check_at_least("knn-k", knn.k, 1);
    check_real("knn-t", knn.t, static_cast<float>(knn.t) > 0, "above 0");
}

}  // namespace

void validate(const PretrainSettings& s) {
    preset<PretrainSettings>(s.preset);
    validate(s.data);
    validate(s.encoder, s.views.image_size);
    check_at_least("batch-size", s.optimizer.batch_size, 1);
    validate(s.method, s.optimizer.batch_size);
    validate(s.optimizer);
    check(mechanism_of(s.method) != MechanismKind::end_to_end || s.optimizer.accumulate == 1,
          "--accumulate {}: with --mechanism end-to-end the whole batch is the dictionary, so it cannot go through in "
          "parts; a smaller --moco-k takes less memory",
          s.optimizer.accumulate);
    check(s.method.bn_splits % s.optimizer.accumulate == 0,
          "--accumulate {} does not divide --bn-splits {}: each part of the batch takes as many of the splits",
          s.optimizer.accumulate, s.method.bn_splits);
    check_statistics(s.encoder, s.views.image_size, s.optimizer.batch_size / s.method.bn_splits);
    validate(s.run);
    validate(s.knn);
    validate(s.machine);
    validate(s.views);
    check_channels(s.data, s.views);
}

NetworkConfig network_config(const PretrainSettings& s, int64_t in_channels) {
    NetworkConfig config;
    static_cast<EncoderConfig&>(config) = encoder_config(s.encoder, in_channels);
    config.head = s.method.mlp ? Head::mlp : Head::linear;
    config.dim = s.method.moco_dim;
    config.bn_splits = s.method.bn_splits / s.optimizer.accumulate;
    config.precision = precision_from_name(s.run.precision);
    return config;
}

PositiveOptions positive_options(const MethodSettings& method) {
    return {positive_named(method.positive), method.frames_apart};
}

KnnOptions knn_options(const KnnSettings& knn) {
    return {knn.k, static_cast<float>(knn.t)};
}

}  // namespace moco
