// Each mechanism: its state, and how a batch and a place in the run become the numbers of its step.
#include "moco/tasks/mechanism.h"

#include "moco/end_to_end_step.h"
#include "moco/memory_bank_step.h"

namespace moco {
namespace {

std::string size_text(std::string_view encoder, const ParameterArena& parameters, int64_t floats,
                      std::string_view what) {
    int64_t count = 0;
    for (const NamedTensor& parameter : parameters.parameters()) count += parameter.tensor.count();
    return fmt::format("{} has {:.2f} million parameters; {} take {:.1f} MiB.", encoder,
                       static_cast<double>(count) * 1e-6, what, static_cast<double>(4 * floats) / (1 << 20));
}

/// What the mechanisms share: the settings, and who else trains.
class WithSettings : public Mechanism {
  public:
    WithSettings(const PretrainSettings& settings, Communicator& comm) : settings_(settings), comm_(comm) {}

  protected:
    float T() const { return static_cast<float>(settings_.method.moco_t); }
    /// The order of a key batch; empty without --shuffle-bn.
    ShuffleOrder order(const StepPlace& place, int view) const {
        if (!settings_.method.shuffle_bn) return {};
        return draw_shuffle_order(settings_.optimizer.batch_size, settings_.run.seed, place.epoch, place.step, view);
    }

    const PretrainSettings& settings_;
    Communicator& comm_;
};

/// Figure 2 c, Algorithm 1.
class MomentumContrast final : public WithSettings {
  public:
    MomentumContrast(const PretrainSettings& settings, const NetworkConfig& encoder, Backend& backend,
                     Communicator& comm)
        : WithSettings(settings, comm),
          moco_(encoder, settings.method.moco_k, sgd_options(settings.optimizer), settings.run.seed, backend) {}

    std::string title() const override { return "MoCo"; }
    std::string about() const override {
        const int64_t arenas = 3 * moco_.f_q_parameters.count() + moco_.f_k_parameters.count();
        return size_text("Each encoder", moco_.f_q_parameters, arenas + moco_.queue.keys().count(),
                         "weights, gradients, momenta and queue");
    }
    void visit(StateVisitor& visitor) override { moco_.visit(visitor); }
    std::vector<Network*> encoders() override { return {&moco_.f_q, &moco_.f_k}; }
    Moco* moco() override { return &moco_; }

    StepValues step(const Batch& batch, const StepPlace& place, StepRunner& runner) override {
        Views x = {batch.views[0], batch.views[1]};
        PlacedNumbers placed = place_numbers(moco_, numbers(place), x.key.dim(0), comm_);
        std::vector<Tensor*> inputs = placed.placed();
        inputs.insert(inputs.end(), {&x.query, &x.key});
        return runner.run(inputs, [&] { return algorithm_1(moco_, x, placed, comm_); });
    }

  private:
    StepNumbers numbers(const StepPlace& place) const {
        const MethodSettings& method = settings_.method;
        StepNumbers numbers;
        numbers.lr = place.lr;
        numbers.m = static_cast<float>(method.moco_m);
        numbers.T = T();
        numbers.directions = method.symmetric ? LossDirections::both_ways : LossDirections::one_way;
        numbers.parts = settings_.optimizer.accumulate;
        for (int view = 0; view < static_cast<int>(numbers.directions); ++view) {
            numbers.orders.push_back(order(place, view));
        }
        return numbers;
    }

    Moco moco_;
};

/// Figure 2 a.
class EndToEnd final : public WithSettings {
  public:
    EndToEnd(const PretrainSettings& settings, const NetworkConfig& encoder, Backend& backend, Communicator& comm)
        : WithSettings(settings, comm),
          encoder_(encoder, sgd_options(settings.optimizer), settings.run.seed, backend) {}

    std::string title() const override { return "End-to-end contrast"; }
    std::string about() const override {
        return size_text("The encoder of queries and keys", encoder_.parameters, 3 * encoder_.parameters.count(),
                         "weights, gradients and momenta");
    }
    void visit(StateVisitor& visitor) override { encoder_.visit(visitor); }
    std::vector<Network*> encoders() override { return {&encoder_.f}; }

    StepValues step(const Batch& batch, const StepPlace& place, StepRunner& runner) override {
        Views x = {batch.views[0], batch.views[1]};
        PlacedEndToEnd placed = place_numbers(encoder_, {place.lr, T(), order(place, 0)}, x.key.dim(0), comm_);
        std::vector<Tensor*> inputs = placed.placed();
        inputs.insert(inputs.end(), {&x.query, &x.key});
        return runner.run(inputs, [&] { return end_to_end_step(encoder_, x, placed, comm_); });
    }

  private:
    SingleEncoder encoder_;
};

/// Figure 2 b.
class BankContrast final : public WithSettings {
  public:
    BankContrast(const PretrainSettings& settings, const NetworkConfig& encoder, int64_t images, Backend& backend,
                 Communicator& comm)
        : WithSettings(settings, comm),
          model_(encoder, images, sgd_options(settings.optimizer), settings.run.seed, backend) {}

    std::string title() const override { return "Memory bank"; }
    std::string about() const override {
        const ParameterArena& parameters = model_.encoder.parameters;
        return size_text("The encoder", parameters, 3 * parameters.count() + model_.bank.entries().count(),
                         "weights, gradients, momenta and bank");
    }
    int64_t views() const override { return 1; }
    void visit(StateVisitor& visitor) override { model_.visit(visitor); }
    std::vector<Network*> encoders() override { return {&model_.encoder.f}; }

    StepValues step(const Batch& batch, const StepPlace& place, StepRunner& runner) override {
        Tensor x = batch.views[0];
        PlacedBankNumbers placed = place_numbers(model_, numbers(batch, place));
        std::vector<Tensor*> inputs = placed.placed();
        inputs.push_back(&x);
        return runner.run(inputs, [&] { return memory_bank_step(model_, x, placed, comm_); });
    }

  private:
    BankNumbers numbers(const Batch& batch, const StepPlace& place) const {
        const int64_t images = model_.bank.entries().dim(0);
        return {place.lr, T(), settings_.optimizer.accumulate, batch.indices,
                draw_negatives(settings_.method.moco_k, images, settings_.run.seed, place.epoch, place.step)};
    }

    BankedEncoder model_;
};

/// The encoder of one rank, which has its share of the batch norm splits.
NetworkConfig encoder_of_a_rank(const PretrainSettings& settings, int64_t channels, const Communicator& comm) {
    NetworkConfig encoder = network_config(settings, channels);
    check(encoder.bn_splits % comm.size() == 0,
          "--bn-splits {} does not divide among {} processes: each normalises its images by themselves, so --bn global "
          "is for one process",
          settings.method.bn_splits, comm.size());
    encoder.bn_splits /= comm.size();
    return encoder;
}

}  // namespace

std::unique_ptr<Mechanism> make_mechanism(const PretrainSettings& settings, const DatasetInfo& images, Backend& backend,
                                          Communicator& comm) {
    const NetworkConfig encoder = encoder_of_a_rank(settings, images.channels, comm);
    switch (mechanism_of(settings.method)) {
        case MechanismKind::moco:
            return std::make_unique<MomentumContrast>(settings, encoder, backend, comm);
        case MechanismKind::end_to_end:
            return std::make_unique<EndToEnd>(settings, encoder, backend, comm);
        case MechanismKind::memory_bank:
            return std::make_unique<BankContrast>(settings, encoder, images.count, backend, comm);
    }
    fail("make_mechanism: no such mechanism");
}

}  // namespace moco
