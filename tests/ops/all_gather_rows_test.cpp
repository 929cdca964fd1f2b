// Gathering rows of all ranks with gradient: threads as ranks against one process that holds all rows.
#include "ops/all_gather_rows.h"

#include "core/autograd.h"
#include "ops/cross_entropy.h"
#include "ops/matmul.h"
#include "tests/support/op_case.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

constexpr int kRanks = 3;
constexpr int64_t kRows = 2, kColumns = 5, kAll = kRanks * kRows;

class AllGatherRowsTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(AllGatherRowsTest);

/// A loss of some rows against all, so that a row's gradient comes from every rank.
Tensor loss_of(const Tensor& own, const Tensor& all, int64_t first) {
    std::vector<int64_t> targets;
    for (int64_t n = 0; n < own.dim(0); ++n) targets.push_back((first + n + 1) % kAll);
    return cross_entropy(matmul(own, all, Transpose::yes), Tensor::from_host(targets, {own.dim(0)}, own.backend()))
        .value;
}

TEST_P(AllGatherRowsTest, GradientsOfAllRanksLossesComeHome) {
    Tensor whole = formula_tensor({kAll, kColumns}, 1, backend());
    whole.set_requires_grad(true);
    // The ranks' losses are means over a third of the rows each: together three times the mean over all.
    loss_of(whole, whole, 0).backward(kRanks);
    const std::vector<float> expected = whole.grad().to_vector();
    std::vector<std::vector<float>> gradients(kRanks);
    run_on_threads(kRanks, [&](Communicator& comm) {
        const int64_t first = comm.rank() * kRows;
        Tensor own = Tensor::empty({kRows, kColumns}, DType::f32, cpu());
        own.copy_from_host(formula_values(kAll * kColumns, 1).data() + first * kColumns);
        own.set_requires_grad(true);
        const Tensor all = all_gather_rows(own, comm);
        EXPECT_EQ(all.to_vector(), formula_values(kAll * kColumns, 1));
        loss_of(own, all, first).backward();
        gradients[static_cast<size_t>(comm.rank())] = own.grad().to_vector();
    });
    std::vector<float> got;
    for (const std::vector<float>& one : gradients) got.insert(got.end(), one.begin(), one.end());
    EXPECT_LE(error_over_rms(got, expected), 1e-5);  // sums of three in another order
}

TEST_P(AllGatherRowsTest, OfOneProcessItIsTheRows) {
    SingleProcess comm;
    Tensor x = formula_tensor({kRows, kColumns}, 1, backend());
    x.set_requires_grad(true);
    EXPECT_EQ(all_gather_rows(x, comm).raw(), x.raw());
    EXPECT_EQ(error_of([&] { all_gather_rows(Tensor::zeros({2}, DType::f32, backend()), comm); }),
              "all_gather_rows: x has 1 dimensions, expected 2 (N,C; x is 2)");
}

}  // namespace
}  // namespace moco
