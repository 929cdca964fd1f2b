// CKA against the definition in double: HSIC_1 as Song et al. write it, over centred and uncentred features.
#include "moco/study/cka.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd.h"
#include "moco/data/loader.h"
#include "moco/data/shapes.h"
#include "moco/study/layer_similarity.h"
#include "moco/tasks/pretrain_settings.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using Rows = std::vector<std::vector<double>>;

Rows rows_of(const std::vector<float>& values, int64_t n) {
    Rows rows(static_cast<size_t>(n));
    for (size_t i = 0; i < values.size(); ++i) rows[i * rows.size() / values.size()].push_back(values[i]);
    return rows;
}

/// x x^T with a diagonal of zeros.
Rows off_diagonal_gram(const Rows& x) {
    Rows gram(x.size(), std::vector<double>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
        for (size_t j = 0; j < x.size(); ++j) {
            for (size_t d = 0; i != j && d < x[i].size(); ++d) gram[i][j] += x[i][d] * x[j][d];
        }
    }
    return gram;
}

/// 1 / (n (n-3)) * (tr(K L) + 1'K1 1'L1 / ((n-1) (n-2)) - 2 / (n-2) 1'K L1).
double hsic(const Rows& x, const Rows& y) {
    const Rows K = off_diagonal_gram(x), L = off_diagonal_gram(y);
    const auto n = static_cast<double>(x.size());
    double trace = 0, sum_k = 0, sum_l = 0, product = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        double row_k = 0, row_l = 0;
        for (size_t j = 0; j < x.size(); ++j) {
            trace += K[i][j] * L[j][i];
            row_k += K[i][j], row_l += L[i][j];
        }
        sum_k += row_k, sum_l += row_l, product += row_k * row_l;
    }
    return (trace + sum_k * sum_l / ((n - 1) * (n - 2)) - 2 / (n - 2) * product) / (n * (n - 3));
}

/// layers[l][batch]: rows of one layer in one minibatch.
std::vector<double> reference_cka(const std::vector<std::vector<Rows>>& layers) {
    const size_t L = layers.size();
    std::vector<double> sums(L * L), result(L * L);
    for (size_t a = 0; a < L; ++a) {
        for (size_t b = 0; b < L; ++b) {
            for (size_t m = 0; m < layers[a].size(); ++m) sums[a * L + b] += hsic(layers[a][m], layers[b][m]);
        }
    }
    for (size_t a = 0; a < L; ++a) {
        for (size_t b = 0; b < L; ++b)
            result[a * L + b] = sums[a * L + b] / std::sqrt(sums[a * L + a] * sums[b * L + b]);
    }
    return result;
}

std::vector<float> gram_of(const Rows& x) {
    std::vector<float> gram;
    for (const auto& one : x) {
        for (const auto& other : x) {
            double sum = 0;
            for (size_t d = 0; d < one.size(); ++d) sum += one[d] * other[d];
            gram.push_back(static_cast<float>(sum));
        }
    }
    return gram;
}

TEST(Cka, IsItsDefinitionOverMinibatchesOfDifferentSizes) {
    std::vector<std::vector<Rows>> layers(3);
    CkaSums sums(3);
    for (const int64_t n : {4, 7, 12}) {
        std::vector<std::vector<float>> grams;
        for (size_t l = 0; l < 3; ++l) {
            std::vector<float> values =
                formula_values(n * static_cast<int64_t>(3 + l), static_cast<uint32_t>(10 * l + 1));
            for (float& value : values) value += static_cast<float>(l);  // a mean, which is to make no difference
            layers[l].push_back(rows_of(values, n));
            grams.push_back(gram_of(layers[l].back()));
        }
        sums.add(grams, n);
    }
    const std::vector<double> cka = sums.cka(), expected = reference_cka(layers);
    EXPECT_EQ(sums.minibatches(), 3);
    for (size_t i = 0; i < cka.size(); ++i) EXPECT_NEAR(cka[i], expected[i], 1e-5) << i;
    EXPECT_NEAR(cka[0], 1, 1e-12);
}

TEST(Cka, FeelsNeitherRotationNorScaleNorShift) {
    const Rows x = rows_of(formula_values(20 * 2, 5), 20);
    Rows turned = x;
    for (auto& row : turned) row = {3 * (0.6 * row[0] - 0.8 * row[1]) + 2, 3 * (0.8 * row[0] + 0.6 * row[1]) - 1};
    Rows stretched = x;
    for (auto& row : stretched) row[0] *= 10;
    CkaSums sums(3);
    sums.add({gram_of(x), gram_of(turned), gram_of(stretched)}, 20);
    EXPECT_NEAR(sums.cka()[1], 1, 1e-5);
    EXPECT_LT(sums.cka()[2], 0.95);
}

TEST(Cka, OfUnrelatedFeaturesIsNoughtOnAverage) {
    CkaSums sums(2);
    for (uint32_t batch = 0; batch < 200; ++batch) {
        sums.add({gram_of(rows_of(formula_values(8 * 16, 2 * batch), 8)),
                  gram_of(rows_of(formula_values(8 * 16, 2 * batch + 1), 8))},
                 8);
    }
    // The biased estimator would say some 0.8 here: 8 images in 16 dimensions.
    EXPECT_NEAR(sums.cka()[1], 0, 0.1);
}

TEST(Cka, OfALayerThatNeverDiffersIsNoNumber) {
    CkaSums sums(2);
    sums.add({std::vector<float>(25, 2.0f), gram_of(rows_of(formula_values(10, 1), 5))}, 5);
    EXPECT_TRUE(std::isnan(sums.cka()[0]));
    EXPECT_TRUE(std::isnan(sums.cka()[1]));
    EXPECT_NEAR(sums.cka()[3], 1, 1e-9);
    EXPECT_NE(message_of([&] { sums.add({{}, {}}, 3); }).find("expected at least 4"), std::string::npos);
}

class LayerSimilarityTest : public EachBackend {
  protected:
    std::unique_ptr<Network> network(uint64_t seed, Head head) {
        PretrainSettings settings = preset<PretrainSettings>("cifar-demo");
        settings.encoder.width = 4;
        settings.method.moco_dim = 6;
        NetworkConfig config = network_config(settings, 3);
        config.head = head;
        auto f = std::make_unique<Network>(config, seed, backend());
        f->set_mode(BatchNormMode::eval);
        return f;
    }
    DatasetPtr data_ = open_shapes(20).train;
};
MOCO_FOR_EACH_BACKEND(LayerSimilarityTest);

TEST_P(LayerSimilarityTest, IsTheReferenceOverTheMaps) {
    const auto a = network(1, Head::linear), b = network(2, Head::none);
    SimilarityOptions options;
    options.minibatch = 8;  // 8, 8, and 4 images: just half a minibatch
    const LayerSimilarity found = layer_similarity({{"a", a.get(), {}}, {"b", b.get(), {}}}, data_, options, backend());
    EXPECT_EQ(found.minibatches, 3);
    EXPECT_EQ(found.images, 20);
    ASSERT_EQ(found.layers[0].size(), 11u);
    ASSERT_EQ(found.layers[1].size(), 10u);
    EXPECT_EQ(found.layers[0].front(), "stem");
    EXPECT_EQ(found.layers[0].back(), "head");
    EXPECT_EQ(found.layers[1].back(), "pooled");

    std::vector<std::vector<Rows>> layers(21);
    const NoGrad no_gradient;
    EvalLoader loader(data_, {}, {.batch = 8}, backend());
    while (auto batch = loader.next()) {
        size_t l = 0;
        const auto take = [&](const Tensor& y) { layers[l++].push_back(rows_of(y.to_vector(), y.dim(0))); };
        const Tensor of_a = a->encoder().forward_showing(batch->images, [&](auto&, const Tensor& y) { take(y); });
        take(of_a);
        take(a->project(of_a));
        take(b->encoder().forward_showing(batch->images, [&](auto&, const Tensor& y) { take(y); }));
    }
    const std::vector<double> expected = reference_cka(layers);
    // f32 Gram matrices, whose mean part is some ten times what is left of it.
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found.cka[i], expected[i], 1e-3) << i;
    EXPECT_EQ(found.at(1, 2, 0, 3), found.cka[13 * 21 + 3]);
}

TEST_P(LayerSimilarityTest, LeavesOutMinibatchesOfFewImages) {
    const auto a = network(1, Head::none);
    const std::vector<ComparedNetwork> twice = {{"a", a.get(), {}}, {"a", a.get(), {}}};
    SimilarityOptions options;
    options.minibatch = 9;
    const LayerSimilarity found = layer_similarity(twice, data_, options, backend());
    EXPECT_EQ(found.images, 18) << "the last two images are no minibatch";
    EXPECT_NEAR(found.at(0, 4, 1, 4), 1, 1e-9);
    const auto flawed = std::make_shared<FlawedDataset>(data_, std::set<int64_t>{1, 4, 5, 6, 7, 8});
    EXPECT_EQ(layer_similarity(twice, flawed, options, backend()).images, 9) << "of the first nine three are left";
    options.minibatch = 30;
    EXPECT_NE(message_of([&] {
                  layer_similarity(twice, data_, options, backend());
              }).find("--minibatch 30: CKA needs at least one minibatch, and shapes (train part) has 20 images"),
              std::string::npos)
        << message_of([&] { layer_similarity(twice, data_, options, backend()); });
    options.minibatch = 3;
    EXPECT_EQ(message_of([&] { layer_similarity(twice, data_, options, backend()); }),
              "--minibatch 3: expected at least 4 images");
}

}  // namespace
}  // namespace moco::testing
