// Loaders: worker threads that read, decode and augment ahead of the training step.
//
// What a batch holds depends on (seed, epoch, step) alone: not on the number of workers, nor on where a run started.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"
#include "moco/data/augmentation.h"
#include "moco/data/dataset.h"
#include "moco/data/make_views.h"
#include "moco/data/positives.h"
#include "moco/data/transforms.h"

namespace moco {

/// A worker that has decoded this many pixels makes its views before it reads on: it holds no more than these and one
/// image (at 3 bytes a pixel: 12 MB and an image).
inline constexpr int64_t kMostPixelsHeld = int64_t{1} << 22;

/// An image that could not be read.
struct Unreadable {
    int64_t index = 0;         // in the data set
    std::string path;          // Dataset::path(index)
    std::string reason;        // the Error's sentence
    int64_t replaced_by = -1;  // the sample taken instead; -1: left out (evaluation)
};

/// Augmented views of each of N images. The tensors share memory with the loader: valid until its next next(). Labels
/// and indices are those of the images that were read (for the first view, where the others are of a partner), the
/// views' draws those of the images that were asked for.
struct Batch {
    int64_t epoch = 0, step = 0;         // both counted from 0
    std::vector<Tensor> views;           // N x size x size x C each, f32
    std::vector<int64_t> labels;         // N: -1 where unlabelled
    std::vector<int64_t> indices;        // N
    std::vector<Unreadable> unreadable;  // those replaced, in the order of the batch
};

struct LoaderOptions {
    int64_t batch = 256;  // N, of this worker of the communicator
    int64_t size = 224;   // side of the views, pixels
    uint64_t seed = 0;
    int workers = 1;   // threads; 0: work is done in next()
    int prefetch = 2;  // batches kept ready (at least 1); each holds N * size^2 * C floats a view
    int64_t start_epoch = 0, start_step = 0;
    int64_t epochs = 1;             // the epoch after the last
    int rank = 0, world = 1;        // position p of a global batch of N * world belongs to rank p mod world
    PositiveOptions positive = {};  // of which image the views after the first are
};

/// Batches of augmented views for training, epoch after epoch. The order of an epoch is the permutation of
/// Random(seed, Purpose::order, epoch); the last partial batch is dropped. An unreadable image is replaced by the next
/// readable sample in the epoch's order, with the draws of the image it stands for; an unreadable partner
/// (moco/data/positives.h) by the image itself. One thread calls next().
class Loader {
  public:
    /// One view of each image for each of `recipes`; without recipes no image is read, and batches hold labels and
    /// indices only. Batches lie in the memory of backends.trains. Throws Error when
    /// the data set is smaller than a batch or a number is impossible, and as Positives. Workers start at once.
    Loader(DatasetPtr dataset, std::vector<Recipe> recipes, const LoaderOptions& options, const ViewBackends& backends);
    ~Loader();
    /// The next batch; waits for it. Throws Error when no image can be read, or after the last step of the last epoch.
    Batch next();
    int64_t steps_per_epoch() const;
    /// Seconds that next() has taken so far: with workers, the time the trainer waited for them.
    double seconds_waited() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Images of a data set in order, for evaluation.
struct EvalBatch {
    Tensor images;                 // N x size x size x C, f32; N is smaller in the last batch
    std::vector<int64_t> indices;  // N: ascending; unreadable images are left out
    std::vector<Unreadable> unreadable;
};

/// Changes how an image of an evaluation is seen, beyond the transform: called with its index, its H and W and the
/// parameters of the transform. Any thread.
using ViewChange = std::function<void(int64_t index, int64_t H, int64_t W, AugmentParams& params)>;

struct EvalLoaderOptions {
    int64_t batch = 256;
    int workers = 1;  // threads; 0: work is done in next()
    int prefetch = 2;
    int64_t limit = 0;  // images [0, limit) only; 0: all
    ViewChange change = nullptr;
};

/// Every image once, in the data set's order, under an evaluation transform. One thread calls next().
class EvalLoader {
  public:
    EvalLoader(DatasetPtr dataset, const EvalTransform& transform, const EvalLoaderOptions& options, Backend& backend);
    ~EvalLoader();
    /// The next batch, or nothing at the end. Valid until the next call. N may be 0 when all of a batch's images are
    /// unreadable. Throws Error when an image does not fit the transform.
    std::optional<EvalBatch> next();
    int64_t batches() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace moco
