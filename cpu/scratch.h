// Memory that a kernel needs for the length of one call: packed weights, tiles, partial sums.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moco::cpu {

/// Who uses the memory. Two uses that are alive at the same time on one thread must have names of their own.
enum class ScratchUse {
    packed_b,
    packed_tile,
    packed_rows,
    zeros,  // see zeros() below
    partials,
    result_sums,  // of batch norm
    transformed,
    // Winograd's: transformed weights, input and its pixels beyond the image, gradients, their products, results that
    // nobody needs (these Strassen's too)
    winograd_weight,
    winograd_input,
    winograd_extended,
    winograd_gradient,
    winograd_product,
    winograd_discarded,
    // of the bf16 convolutions: operands and results as f32
    bf16_input,
    bf16_weight,
    bf16_result,
    count_of_uses
};

/// At least `count` floats, aligned to 64 bytes, owned by the calling thread: they stay valid until the same thread
/// asks for the same use again or ends. Contents are those of the last use. The memory only grows, so that a training
/// step allocates nothing after the first. Throws Error when there is no more.
float* scratch(ScratchUse use, int64_t count);

/// The same of doubles.
double* scratch_doubles(ScratchUse use, int64_t count);

/// Memory as above that a thread fills with its first piece of a job and reads with its others.
struct JobScratch {
    float* memory;
    bool filled;  // by this thread, for this job; if not, the caller fills it now
};
/// `job`: from new_job(). Any other use of this memory, by another job or by scratch(), ends what it holds.
JobScratch scratch_of_job(ScratchUse use, int64_t count, uint64_t job);
/// A number that no other call has returned, never 0. Any number of threads may call it at a time.
uint64_t new_job();

/// At least `count` zeros of the calling thread (its ScratchUse::zeros), as long-lived. Nobody may write to them.
const float* zeros(int64_t count);

}  // namespace moco::cpu
