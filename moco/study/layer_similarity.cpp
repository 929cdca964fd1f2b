#include "moco/study/layer_similarity.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "core/autograd.h"
#include "core/error.h"
#include "moco/data/loader.h"
#include "moco/study/cka.h"
#include "ops/matmul.h"

namespace moco {
namespace {

/// x x^T of x's rows, whatever the shape of a row.
std::vector<float> gram_of(const Tensor& x) {
    const Tensor rows = x.viewed_as({x.dim(0), x.count() / x.dim(0)});
    return matmul(rows, rows, Transpose::yes).to_vector();
}

/// What one network makes of a minibatch.
struct Grams {
    std::vector<std::string> layers;
    std::vector<std::vector<float>> grams;

    void add(const std::string& layer, const Tensor& y) {
        layers.push_back(layer);
        grams.push_back(gram_of(y));
    }
};

Grams grams_of(Network& f, const Tensor& images) {
    Grams result;
    const Tensor pooled = f.encoder().forward_showing(
        images, [&](const EncoderLayer& layer, const Tensor& y) { result.add(layer.name, y); });
    result.add("pooled", pooled);
    if (f.config().head != Head::none) result.add("head", f.project(pooled));
    return result;
}

void check_enough(const Dataset& data, const SimilarityOptions& options, int64_t images) {
    check(options.minibatch >= kLeastCkaImages, "--minibatch {}: expected at least {} images", options.minibatch,
          kLeastCkaImages);
    check(
        images >= options.minibatch,
        "--minibatch {}: CKA needs at least one minibatch, and {}{} has {} images; name a smaller one, of at least {}",
        options.minibatch, data.info().name,
        data.info().part.empty() ? std::string() : fmt::format(" ({} part)", data.info().part), images,
        kLeastCkaImages);
}

}  // namespace

int64_t LayerSimilarity::first(size_t i) const {
    int64_t before = 0;
    for (size_t n = 0; n < i; ++n) before += std::ssize(layers[n]);
    return before;
}

double LayerSimilarity::at(size_t i, int64_t x, size_t j, int64_t y) const {
    return cka[static_cast<size_t>((first(i) + x) * first(layers.size()) + first(j) + y)];
}

LayerSimilarity layer_similarity(const std::vector<ComparedNetwork>& networks, const DatasetPtr& data,
                                 const SimilarityOptions& options, Backend& backend) {
    check_enough(*data, options, options.limit > 0 ? std::min(options.limit, data->count()) : data->count());
    const NoGrad nothing_learns;
    std::vector<std::unique_ptr<EvalLoader>> loaders;
    for (const ComparedNetwork& one : networks) {
        check(one.f->mode() == BatchNormMode::eval, "layer_similarity: {} is not in eval mode", one.name);
        loaders.push_back(std::make_unique<EvalLoader>(
            data, one.transform, EvalLoaderOptions{options.minibatch, options.workers, 1, options.limit}, backend));
    }
    LayerSimilarity result;
    std::optional<CkaSums> sums;
    for (int64_t batch = 0; batch < loaders.front()->batches(); ++batch) {
        Grams all;
        int64_t n = 0;
        for (size_t i = 0; i < networks.size(); ++i) {
            const EvalBatch images = *loaders[i]->next();  // the same images for each network
            n = std::ssize(images.indices);
            if (n < kLeastCkaImages || 2 * n < options.minibatch) continue;
            Grams one = grams_of(*networks[i].f, images.images);
            if (!sums) result.layers.push_back(one.layers);
            std::move(one.grams.begin(), one.grams.end(), std::back_inserter(all.grams));
        }
        if (all.grams.empty()) continue;
        if (!sums) sums.emplace(std::ssize(all.grams));
        sums->add(all.grams, n);
        result.images += n;
        if (options.progress) options.progress(result.images);
    }
    check(sums.has_value(), "{}: no minibatch of {} images has half of them readable", data->info().name,
          options.minibatch);
    result.minibatches = sums->minibatches();
    result.cka = sums->cka();
    return result;
}

}  // namespace moco
