// The three mechanisms of the paper's figure 2 behind one page: what Pretraining trains, and how it steps.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/communicator.h"
#include "moco/tasks/pretrain_settings.h"
#include "moco/tasks/step_runner.h"

namespace moco {

struct Moco;

/// The state of a run and its step.
class Mechanism {
  public:
    virtual ~Mechanism() = default;

    /// "MoCo".
    virtual std::string title() const = 0;
    /// How large it is, as a sentence.
    virtual std::string about() const = 0;
    /// Views that a step takes of each image.
    virtual int64_t views() const { return 2; }
    /// Shows all that a checkpoint holds.
    virtual void visit(StateVisitor& visitor) = 0;
    /// All encoders, f_q first.
    virtual std::vector<Network*> encoders() = 0;
    /// MoCo's state, for who looks inside; null for the other mechanisms.
    virtual Moco* moco() { return nullptr; }
    Network& f_q() { return *encoders().front(); }
    /// Gives the device one step. Collective.
    virtual StepValues step(const Batch& batch, const StepPlace& place, StepRunner& runner) = 0;
};

/// The mechanism that `settings` name, over `images` images of so many channels. All must outlive it. Throws Error
/// where its batch norm splits cannot be divided among the ranks.
std::unique_ptr<Mechanism> make_mechanism(const PretrainSettings& settings, const DatasetInfo& images, Backend& backend,
                                          Communicator& comm);

}  // namespace moco
