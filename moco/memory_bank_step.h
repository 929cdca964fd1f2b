// One training step of the memory bank (paper, figure 2 b): queries are held against what a bank remembers of all
// images. No key is encoded, so there is one view an image, and no gradient to keys.
#pragma once

#include <cstdint>
#include <vector>

#include "moco/batch_parts.h"
#include "moco/memory_bank.h"
#include "moco/model.h"
#include "moco/single_encoder.h"
#include "moco/step_result.h"

namespace moco {

/// The state of such a run.
struct BankedEncoder {
    /// images: of the data set. `backend` must outlive it.
    BankedEncoder(const NetworkConfig& config, int64_t images, const SgdOptions& sgd_options, uint64_t seed,
                  Backend& backend)
        : encoder(config, sgd_options, seed, backend), bank(images, encoder.f.output_dim(), seed, backend) {}

    /// Shows encoder_q.*, optimizer.* and bank.
    void visit(StateVisitor& visitor) const {
        encoder.visit(visitor);
        bank.visit(visitor);
    }

    SingleEncoder encoder;
    MemoryBank bank;  // images x C
};

/// The numbers of one step.
struct BankNumbers {
    float lr = 0;                         // learning rate of SGD
    float T = 0.07f;                      // temperature
    int64_t parts = 1;                    // A: the batch goes through the encoder in so many parts
    std::vector<int64_t> images = {};     // the batch's, of this rank, by their place in the data set
    std::vector<int64_t> negatives = {};  // K images, the same on every rank
};

/// The same where the device reads them; lr is the optimizer's.
struct PlacedBankNumbers {
    float T;
    BatchParts parts;
    Tensor images, negatives;  // N and K, i64

    /// What lies on the device, for a step that is recorded.
    std::vector<Tensor*> placed();
};

/// Copies the numbers to the device. Throws Error for images that the bank has no entry for.
PlacedBankNumbers place_numbers(BankedEncoder& model, const BankNumbers& numbers);

/// One step on a view of each of this rank's images (N x H x W x channels). Copies nothing from or to the host.
/// Collective over comm: every rank calls it with as many images and the same numbers.
StepResult memory_bank_step(BankedEncoder& model, const Tensor& x, const PlacedBankNumbers& numbers,
                            Communicator& comm);

}  // namespace moco
