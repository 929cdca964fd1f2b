// Operations on features: products, normalisation, losses.
#include <cmath>
#include <vector>

#include "apps/bench/ops_cases.h"
#include "apps/bench/samples.h"

namespace moco::apps {
namespace {

constexpr float kTemperature = 0.2f;

double dot(const float* a, const float* b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

/// out (M x N) = a (M x K) * b, b stored transposed (N x K), as a linear layer's weight is.
OpCase matmul_case(const char* name, int64_t M, int64_t N, int64_t K, Backend& backend) {
    const MatmulDims d{M, N, K, Transpose::no, Transpose::yes};
    const Tensor a = random_tensor({M * K}, 4, backend), b = random_tensor({N * K}, 5, backend);
    Tensor out = Tensor::empty({M * N}, DType::f32, backend);
    auto run = [=, &backend]() mutable { backend.matmul(d, a.data(), b.data(), out.mutable_data()); };
    const auto error = [=]() mutable {
        run();
        const std::vector<float> left = a.to_vector(), right = b.to_vector(), product = out.to_vector();
        Difference difference;
        Samples samples(out.count());
        for (int s = 0; s < Samples::kCount; ++s) {
            const int64_t i = samples.next();
            difference.add(product[static_cast<size_t>(i)], dot(left.data() + i / N * K, right.data() + i % N * K, K));
        }
        return difference.over_rms();
    };
    const auto bytes = 4.0 * static_cast<double>(M * K + N * K + M * N);
    return {name, fmt::format("{}x{} * {}x{}", M, K, K, N), bytes, 2.0 * static_cast<double>(M * N * K), run, error};
}

OpCase l2_case(int64_t N, int64_t C, Backend& backend) {
    const Tensor x = random_tensor({N * C}, 6, backend);
    Tensor y = Tensor::empty_like(x), norm = Tensor::empty({N}, DType::f32, backend);
    auto run = [=, &backend]() mutable {
        backend.l2_normalize_forward(x.data(), y.mutable_data(), norm.mutable_data(), N, C);
    };
    const auto error = [=]() mutable {
        run();
        const std::vector<float> in = x.to_vector(), out = y.to_vector();
        Difference difference;
        Samples samples(N * C);
        for (int s = 0; s < Samples::kCount; ++s) {
            const int64_t i = samples.next();
            const float* row = in.data() + i / C * C;
            difference.add(out[static_cast<size_t>(i)], in[static_cast<size_t>(i)] / std::sqrt(dot(row, row, C)));
        }
        return difference.over_rms();
    };
    return {"l2_normalize F", fmt::format("{}x{}", N, C), 8.0 * static_cast<double>(N * C), 0, run, error};
}

/// The softmax over a query's positive and negatives, from its definition.
struct Contrast {
    std::vector<double> p;  // 1 + K, the positive first
    double loss = 0;
    Contrast(const float* q, const float* k, const std::vector<float>& queue, const InfoNceDims& d) {
        p.push_back(dot(q, k, d.C) / static_cast<double>(d.T));
        for (int64_t j = 0; j < d.K; ++j) p.push_back(dot(q, queue.data() + j * d.C, d.C) / static_cast<double>(d.T));
        double sum = 0;
        for (const double logit : p) sum += std::exp(logit);
        loss = std::log(sum) - p[0];
        for (double& logit : p) logit = std::exp(logit) / sum;
    }
};

struct InfoNce {
    Backend& backend;
    InfoNceDims d;
    Tensor q, k, queue, loss, positive, log_sum, correct, dloss, dq, weighted;

    enum class For { loss, gradient };
    void forward(For what) {
        backend.info_nce_forward(d, q.data(), k.data(), queue.data(), loss.mutable_data(), positive.mutable_data(),
                                 log_sum.mutable_data(), correct.mutable_data(),
                                 what == For::gradient ? weighted.mutable_data() : nullptr);
    }
    void train() {
        forward(For::gradient);
        backend.info_nce_backward(d, q.data(), k.data(), queue.data(), positive.data(), log_sum.data(), weighted.data(),
                                  dloss.data(), dq.mutable_data(), nullptr);
    }
    double error(bool of_loss) {
        train();
        const std::vector<float> queries = q.to_vector(), keys = k.to_vector(), negatives = queue.to_vector(),
                                 gradient = dq.to_vector();
        Difference losses, gradients;
        double mean = 0;
        for (int64_t n = 0; n < d.N; ++n) {
            const Contrast contrast(queries.data() + n * d.C, keys.data() + n * d.C, negatives, d);
            mean += contrast.loss / static_cast<double>(d.N);
            if (n % 16 != 0) continue;
            for (int64_t c = 0; c < d.C; ++c) {
                double expected = (contrast.p[0] - 1) * keys[static_cast<size_t>(n * d.C + c)];
                for (int64_t j = 0; j < d.K; ++j)
                    expected += contrast.p[static_cast<size_t>(1 + j)] * negatives[static_cast<size_t>(j * d.C + c)];
                gradients.add(gradient[static_cast<size_t>(n * d.C + c)],
                              expected / static_cast<double>(d.T) / static_cast<double>(d.N));
            }
        }
        losses.add(loss.item(), mean);
        return of_loss ? losses.over_rms() : gradients.over_rms();
    }
};

void add_info_nce(std::vector<OpCase>& cases, const OpSizes& s, Backend& backend) {
    const auto floats = [&](int64_t count) { return Tensor::empty({count}, DType::f32, backend); };
    // Features of length about one.
    const auto features = [&](int64_t rows, uint32_t stream) {
        Tensor x = random_tensor({rows * s.dim}, stream, backend);
        backend.scale(x.data(), static_cast<float>(std::sqrt(3.0 / static_cast<double>(s.dim))), x.mutable_data(),
                      x.count());
        return x;
    };
    InfoNce work{backend,
                 {s.N, s.dim, s.K, kTemperature},
                 features(s.N, 7),
                 features(s.N, 8),
                 features(s.K, 9),
                 floats(1),
                 floats(s.N),
                 floats(s.N),
                 floats(1),
                 Tensor::full({1}, 1.0f, backend),
                 floats(s.N * s.dim),
                 floats(s.N * (s.dim + 1))};
    const std::string shape = fmt::format("N {} C {} K {}", s.N, s.dim, s.K);
    const double products = 2.0 * static_cast<double>(s.N * s.dim * s.K);
    const double bytes = 4.0 * static_cast<double>((s.K + 2 * s.N) * s.dim);
    cases.push_back({"info_nce F", shape, bytes, products, [work]() mutable { work.forward(InfoNce::For::loss); },
                     [work]() mutable { return work.error(true); }});
    // What it takes at least; a backend that recomputes the logits does another two.
    cases.push_back({"info_nce FB", shape, bytes, 2 * products, [work]() mutable { work.train(); },
                     [work]() mutable { return work.error(false); }});
}

OpCase cross_entropy_case(const OpSizes& s, Backend& backend) {
    const int64_t columns = 1 + s.K;
    const Tensor logits = random_tensor({s.N * columns}, 10, backend);
    const Tensor targets = Tensor::zeros({s.N}, DType::i64, backend);
    Tensor loss = Tensor::empty({1}, DType::f32, backend), correct = Tensor::empty_like(loss),
           log_sum = Tensor::empty({s.N}, DType::f32, backend);
    auto run = [=, &backend]() mutable {
        backend.cross_entropy_forward({s.N, columns}, logits.data(), targets.data<int64_t>(), loss.mutable_data(),
                                      log_sum.mutable_data(), correct.mutable_data());
    };
    const auto error = [=]() mutable {
        run();
        const std::vector<float> values = logits.to_vector();
        double mean = 0;
        for (int64_t n = 0; n < s.N; ++n) {
            const float* row = values.data() + n * columns;
            double sum = 0;
            for (int64_t j = 0; j < columns; ++j) sum += std::exp(static_cast<double>(row[j]));
            mean += (std::log(sum) - row[0]) / static_cast<double>(s.N);
        }
        Difference difference;
        difference.add(loss.item(), mean);
        return difference.over_rms();
    };
    return {
        "cross_entropy F", fmt::format("{}x{}", s.N, columns), 4.0 * static_cast<double>(s.N * columns), 0, run, error};
}

}  // namespace

std::vector<OpCase> feature_ops(const OpSizes& s, Backend& backend) {
    std::vector<OpCase> cases;
    cases.push_back(matmul_case("matmul", s.N, 8 * s.C, 8 * s.C, backend));
    cases.push_back(matmul_case("matmul", s.N, s.K, s.dim, backend));
    cases.push_back(l2_case(s.N, s.dim, backend));
    add_info_nce(cases, s, backend);
    cases.push_back(cross_entropy_case(s, backend));
    return cases;
}

}  // namespace moco::apps
