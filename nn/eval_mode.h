// A network in evaluation mode for a while.
#pragma once

#include "nn/network.h"

namespace moco {

/// Sets eval mode, and the mode from before when it goes. `f` must outlive it.
class InEvalMode {
  public:
    explicit InEvalMode(Network& f) : f_(f), before_(f.mode()) { f_.set_mode(BatchNormMode::eval); }
    ~InEvalMode() { f_.set_mode(before_); }
    InEvalMode(const InEvalMode&) = delete;
    InEvalMode& operator=(const InEvalMode&) = delete;

  private:
    Network& f_;
    BatchNormMode before_;
};

}  // namespace moco
