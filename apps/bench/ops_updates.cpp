// Operations on parameters, keys and scores: SGD, momentum update, enqueue, rows, search.
#include <algorithm>
#include <functional>
#include <vector>

#include "apps/bench/ops_cases.h"
#include "apps/bench/samples.h"

namespace moco::apps {
namespace {

constexpr float kRate = 0.03f, kMomentum = 0.999f;
constexpr int64_t kNeighbours = 200;

/// The updates work in place: what they should make comes from the values before.
struct Updates {
    Backend& backend;
    Tensor lr, m, w, dw, v;

    void sgd() { backend.sgd_update({}, lr.data(), w.mutable_data(), dw.data(), v.mutable_data(), w.count()); }
    void momentum() { backend.momentum_update(m.data(), v.mutable_data(), w.data(), w.count()); }

    double error(bool of_sgd) {
        const std::vector<float> w0 = w.to_vector(), dw0 = dw.to_vector(), v0 = v.to_vector();
        of_sgd ? sgd() : momentum();
        const std::vector<float> w1 = w.to_vector(), v1 = v.to_vector();
        const SgdOptions options;
        Difference difference;
        Samples samples(w.count());
        for (int s = 0; s < Samples::kCount; ++s) {
            const auto i = static_cast<size_t>(samples.next());
            if (of_sgd) {
                const double g = dw0[i] + static_cast<double>(options.weight_decay) * w0[i];
                const double next = static_cast<double>(options.momentum) * v0[i] + g;
                difference.add(v1[i], next);
                difference.add(w1[i], w0[i] - static_cast<double>(kRate) * next);
            } else {
                const auto old = static_cast<double>(kMomentum);
                difference.add(v1[i], old * v0[i] + (1 - old) * w0[i]);
            }
        }
        return difference.over_rms();
    }
};

void add_updates(std::vector<OpCase>& cases, const OpSizes& s, Backend& backend) {
    const Tensor w = random_tensor({s.parameters}, 11, backend);
    Updates work{backend, Tensor::full({1}, kRate, backend),          Tensor::full({1}, kMomentum, backend),
                 w,       random_tensor({s.parameters}, 12, backend), random_tensor({s.parameters}, 13, backend)};
    const auto count = static_cast<double>(s.parameters);
    const std::string shape = fmt::format("{}", s.parameters);
    cases.push_back({"sgd_update", shape, 20 * count, 0, [work]() mutable { work.sgd(); },
                     [work]() mutable { return work.error(true); }});
    cases.push_back({"momentum_update", shape, 12 * count, 0, [work]() mutable { work.momentum(); },
                     [work]() mutable { return work.error(false); }});

    const Tensor keys = random_tensor({s.N * s.dim}, 14, backend);
    Tensor queue = Tensor::zeros({s.K * s.dim}, DType::f32, backend);
    const Tensor first = Tensor::zeros({1}, DType::i64, backend);
    auto enqueue = [=, &backend]() mutable {
        backend.enqueue(first.data<int64_t>(), keys.data(), queue.mutable_data(), s.N, s.K, s.dim);
    };
    cases.push_back({"enqueue", fmt::format("{}x{}", s.N, s.dim), 8.0 * static_cast<double>(s.N * s.dim), 0, enqueue,
                     [=]() mutable {
                         enqueue();
                         std::vector<float> rows = queue.to_vector();
                         rows.resize(static_cast<size_t>(s.N * s.dim));
                         return rows == keys.to_vector() ? 0.0 : 1.0;
                     }});
}

/// The rows of a batch into a memory bank of K.
OpCase scatter_case(const OpSizes& s, Backend& backend) {
    const Tensor x = random_tensor({s.N * s.dim}, 17, backend);
    std::vector<int64_t> order = Random(0, Purpose::bench, 5).permutation(s.K);
    order.resize(static_cast<size_t>(s.N));
    const Tensor index = Tensor::from_host(order, {s.N}, backend);
    Tensor bank = Tensor::zeros({s.K * s.dim}, DType::f32, backend);
    auto run = [=, &backend]() mutable {
        backend.scatter_rows(x.data(), index.data<int64_t>(), bank.mutable_data(), s.N, s.dim);
    };
    const auto error = [=]() mutable {
        run();
        const std::vector<float> from = x.to_vector(), to = bank.to_vector();
        for (int64_t n = 0; n < s.N; ++n) {
            const float* row = from.data() + n * s.dim;
            if (!std::equal(row, row + s.dim, to.data() + order[static_cast<size_t>(n)] * s.dim)) return 1.0;
        }
        return 0.0;
    };
    return {"scatter_rows", fmt::format("{}x{}", s.N, s.dim), 8.0 * static_cast<double>(s.N * s.dim), 0, run, error};
}

/// Rows of images in another order, as shuffling BN takes them.
OpCase gather_case(const OpSizes& s, Backend& backend) {
    const int64_t columns = s.side * s.side * 3;
    const Tensor x = random_tensor({s.N * columns}, 15, backend);
    const std::vector<int64_t> order = Random(0, Purpose::bench, 4).permutation(s.N);
    const Tensor index = Tensor::from_host(order, {s.N}, backend);
    Tensor y = Tensor::empty_like(x);
    auto run = [=, &backend]() mutable {
        backend.gather_rows(x.data(), index.data<int64_t>(), y.mutable_data(), s.N, columns);
    };
    const auto error = [=]() mutable {
        run();
        const std::vector<float> from = x.to_vector(), to = y.to_vector();
        for (int64_t n = 0; n < s.N; ++n) {
            const float* row = from.data() + order[static_cast<size_t>(n)] * columns;
            if (!std::equal(row, row + columns, to.data() + n * columns)) return 1.0;
        }
        return 0.0;
    };
    return {"gather_rows", fmt::format("{}x{}", s.N, columns), 8.0 * static_cast<double>(s.N * columns), 0, run, error};
}

/// The neighbours of the kNN monitor among K scores.
OpCase top_k_case(const OpSizes& s, Backend& backend) {
    const int64_t k = std::min(kNeighbours, s.K);
    const Tensor scores = random_tensor({s.N * s.K}, 16, backend);
    Tensor values = Tensor::empty({s.N * k}, DType::f32, backend),
           indices = Tensor::empty({s.N * k}, DType::i64, backend);
    auto run = [=, &backend]() mutable {
        backend.top_k(scores.data(), values.mutable_data(), indices.mutable_data<int64_t>(), s.N, s.K, k);
    };
    const auto error = [=]() mutable {
        run();
        const std::vector<float> found = values.to_vector();
        std::vector<float> all = scores.to_vector();
        for (int64_t n = 0; n < s.N; ++n) {
            float* row = all.data() + n * s.K;
            std::partial_sort(row, row + k, row + s.K, std::greater<>());
            if (!std::equal(row, row + k, found.data() + n * k)) return 1.0;
        }
        return 0.0;
    };
    return {"top_k", fmt::format("{} of {}x{}", k, s.N, s.K), 4.0 * static_cast<double>(s.N * s.K), 0, run, error};
}

}  // namespace

std::vector<OpCase> update_ops(const OpSizes& s, Backend& backend) {
    std::vector<OpCase> cases;
    add_updates(cases, s, backend);
    cases.push_back(gather_case(s, backend));
    cases.push_back(scatter_case(s, backend));
    cases.push_back(top_k_case(s, backend));
    return cases;
}

}  // namespace moco::apps
