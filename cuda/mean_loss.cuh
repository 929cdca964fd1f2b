// The end of the losses: the mean over the rows.
#pragma once

#include "cuda/reduce.cuh"

namespace moco::cuda {

/// loss = the mean of the rows' losses, correct = how many rows were correct. of_rows: a loss, and 1 or 0, a row.
void mean_loss(cudaStream_t stream, const Pair<float>* of_rows, int64_t rows, float* loss, float* correct);

}  // namespace moco::cuda
